"""Call machine code on arguments where they lie, once their structure is known.

A plan is made from an ordinary call. It takes the address of the only array, or copies arguments of the
same structure into one array of doubles, and reads the answer from the outputs. Each step is a closure made
once, since inspecting an argument takes longer than a small program.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Collection, Sequence
from struct import Struct, error
from typing import Any, Final

from autograd_mini.compiler.arguments import Call
from autograd_mini.compiler.leaves import add_to_gradients, read_leaves
from autograd_mini.compiler.outputs import Gradient, LeafGradients, Outputs
from autograd_mini.compiler.program import Program
from autograd_mini.compiler.tracing import Trace
from autograd_mini.transforms.nested import NUMBER, Structure

__all__ = ["Plan", "answer_reader", "plan"]

PLAIN: Final = {float, int}
LARGE: Final = 2**63
"""Larger ints may be too large for a float."""

Plan = Callable[[tuple[Any, ...]], Any]
"""From the arguments of a call to its answer; NotImplemented for others, or where a guard fails."""

Write = Callable[[Any, Any], bool]
"""Writes an argument into an array of doubles; False if it is of another structure."""

Read = Callable[[Any], Any]
"""Reads a result from an array of outputs."""

HEAD: Final = object.__basicsize__
"""Where a NumPy array keeps the address of its data: in the first field after the object's head."""


def plan(program: Program, replay: Any, trace: Trace, call: Call, outputs: Outputs) -> Plan:
    """Return a plan for calls like `call`, by a replay of the program, in any number of threads."""
    import numpy as np

    empty, captured, first = np.empty, trace.captured, len(call.numbers)
    size, room = len(program.outputs), program.inputs
    kernel = getattr(replay, "kernel", None)
    address = _address if _address(probe := empty(1)) == probe.ctypes.data else _slow_address
    read = answer_reader(trace, call, outputs)
    ints = trace.whole
    writes = [
        _same(call.static[k]) if k in call.static else _writer(part, start, ints)
        for k, (part, start) in enumerate(zip(call.parts, call.starts, strict=False))
    ]
    free: list[tuple[Any, int, Any]] = []

    def run(inputs: Any, at: int) -> Any:
        if kernel is None:
            found = replay(inputs.ravel().tolist())
            return NotImplemented if found is None else read(np.array(found))
        out = empty(size)
        return read(out) if kernel(at, address(out)) else NotImplemented

    def copied(args: tuple[Any, ...]) -> Any:
        try:
            memory = free.pop()
        except IndexError:
            inputs = empty(room)
            memory = inputs, address(inputs), inputs[first : first + len(captured)]
        inputs, at, of_leaves = memory
        for write, x in zip(writes, args, strict=True):
            if not write(x, inputs):
                return NotImplemented
        if captured:
            read_leaves(captured, of_leaves)
        answer = run(inputs, at)
        free.append(memory)
        return answer

    blocks = [k for k, part in enumerate(call.parts) if part.size]
    if len(blocks) != 1 or captured or ints or call.parts[blocks[0]].kind != "array":
        return copied
    position, shape = blocks[0], call.parts[blocks[0]].detail
    others = [(k, write) for k, write in enumerate(writes) if k != position]
    array, double, nothing = np.ndarray, np.dtype(float), empty(0)

    def direct(args: tuple[Any, ...]) -> Any:
        x = args[position]
        if x.__class__ is not array or x.dtype is not double or x.shape != shape:
            return copied(args)
        flags = x.flags
        if not (flags.c_contiguous and flags.aligned):
            return copied(args)
        for k, write in others:
            if not write(args[k], nothing):
                return NotImplemented
        return run(x, address(x))

    return direct


def _address(array: Any) -> int:
    return ctypes.c_void_p.from_address(id(array) + HEAD).value or 0


def _slow_address(array: Any) -> int:
    return array.ctypes.data  # type: ignore[no-any-return]


# ---- arguments ---------------------------------------------------------------------------------------


def _same(static: Any) -> Write:
    """Accept only the argument that is part of the trace."""
    kind = type(static)
    return lambda x, inputs: x is static or (x.__class__ is kind and bool(x == static))


def _writer(structure: Structure, start: int, ints: Collection[int]) -> Write:
    """Return a writer of arguments of this structure from place `start` on; those at `ints` are ints."""
    stop = start + structure.size
    if structure.kind == "number":
        return _number_writer(start, start in ints)
    whole = [k in ints for k in range(start, stop)]
    if structure.kind == "array":
        return _array_writer(structure.detail, start, stop, "iu" if any(whole) else "fiu")
    children, place = [], start
    for child in structure.children:
        children.append(_writer(child, place, ints))
        place += child.size
    if structure.kind == "dict":
        keys = structure.detail

        def write_dict(x: Any, inputs: Any) -> bool:
            return (
                x.__class__ is dict
                and tuple(x) == keys
                and all([write(item, inputs) for write, item in zip(children, x.values(), strict=True)])
            )

        return write_dict
    kind, count = structure.detail or list, len(children)
    if count and all(child == NUMBER for child in structure.children) and all(whole) == any(whole):
        pack = Struct(f"{count}d").pack_into
        plain = {int} if any(whole) else PLAIN

        def write_numbers(x: Any, inputs: Any) -> bool:
            if x.__class__ is not kind or len(x) != count or not {*map(type, x)} <= plain:
                return False
            try:
                pack(inputs, 8 * start, *x)
            except error:  # an int too large for a float
                return False
            return True

        return write_numbers

    def write_items(x: Any, inputs: Any) -> bool:
        return (
            x.__class__ is kind
            and len(x) == count
            and all([write(item, inputs) for write, item in zip(children, x, strict=True)])
        )

    return write_items


def _number_writer(place: int, whole: bool) -> Write:
    import numpy as np

    kinds = np.integer if whole else (float, np.floating, np.integer)

    def write(x: Any, inputs: Any) -> bool:
        if x.__class__ is not float or whole:
            large = x.__class__ is int and not -LARGE < x < LARGE
            if large or not (x.__class__ is int or isinstance(x, kinds)):
                return False
        inputs[place] = x
        return True

    return write


def _array_writer(shape: tuple[int, ...], start: int, stop: int, kinds: str) -> Write:
    import numpy as np

    array, flat = np.ndarray, len(shape) == 1

    def write(x: Any, inputs: Any) -> bool:
        if x.__class__ is not array or x.shape != shape or x.dtype.kind not in kinds:
            return False
        inputs[start:stop] = x if flat else x.ravel()
        return True

    return write


# ---- results -----------------------------------------------------------------------------------------


def answer_reader(trace: Trace, call: Call, outputs: Outputs) -> Read:
    """Return a function that reads the answer from the outputs of a replay."""
    count = len(trace.results)
    value = _reader(trace.structure, 0, trace.truths)
    if isinstance(outputs, LeafGradients):
        leaves = trace.captured

        def add_and_read(out: Any) -> Any:
            add_to_gradients(leaves, out[count:])
            return value(out)

        return add_and_read
    if not isinstance(outputs, Gradient):
        return value
    derivative = _reader(outputs.derivative_structure(call), count)
    if outputs.has_aux:
        return lambda out: outputs.arranged(value(out), derivative(out))
    if not outputs.with_value:
        return derivative
    return lambda out: (value(out), derivative(out))


def _reader(structure: Structure, start: int, truths: Sequence[bool] = ()) -> Read:
    """Return a function that reads a result of this structure from an array, from place `start` on.

    Arrays in the result are views of it. `truths` says which places hold bools.

    >>> import numpy as np
    >>> _reader(Structure("array", (2,), (), 2), 1)(np.array([1.0, 2.0, 3.0]))
    array([2., 3.])
    """
    stop = start + structure.size
    if structure.kind == "number":
        if any(truths[start:stop]):
            return lambda out: out.item(start) != 0.0
        return lambda out: out.item(start)
    if structure.kind == "array" and not any(truths[start:stop]):
        shape = structure.detail
        if len(shape) == 1:
            return lambda out: out[start:stop]
        return lambda out: out[start:stop].reshape(shape)
    if structure.kind == "array":
        return lambda out: structure.rebuild(
            [
                x != 0.0 if truth else x
                for x, truth in zip(out[start:stop].tolist(), truths[start:], strict=False)
            ]
        )
    plain = all(child == NUMBER for child in structure.children) and not any(truths[start:stop])
    if structure.kind == "list" and plain:
        return lambda out: out[start:stop].tolist()
    children, place = [], start
    for child in structure.children:
        children.append(_reader(child, place, truths))
        place += child.size
    nest = Structure(structure.kind, structure.detail, (NUMBER,) * len(children), len(children)).rebuild
    return lambda out: nest([read(out) for read in children])
