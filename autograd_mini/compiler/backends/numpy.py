"""Run a `Program` over a batch as calls of NumPy.

Each instruction is one call on a chunk of the batch, and writes into an array that is no longer needed; the
arrays of a chunk stay in the cache from the first instruction to the last. One point is run as Python.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, Final

from autograd_mini.compiler.backends import python, spellings
from autograd_mini.compiler.backends.buffers import Buffers
from autograd_mini.compiler.backends.hoist import hoist
from autograd_mini.compiler.program import Program
from autograd_mini.compiler.sums import BLOCK, blocks
from autograd_mini.engine.table import Primitive
from autograd_mini.special.by_scipy import BySciPy
from autograd_mini.transforms.gather import element

__all__ = ["build", "build_batch", "source"]

CHUNK: Final = 4096
"""Items done at a time: some dozens of arrays of that length fit the second cache."""

IMPORTED: Final = ("copysign", "inf", "nan", "power", "where")
"""The names of NumPy that the expressions and constants of a program use."""


def build(program: Program) -> Callable[[Sequence[float]], list[float] | None]:
    """Return Python's replay at one point: arrays of one number would be slower."""
    return python.build(program)


def build_batch(
    program: Program, mapped: Sequence[bool], reduced: Sequence[bool]
) -> Callable[..., tuple[Any, Any, Any]]:
    """Return a function of columns.

    >>> from autograd_mini import Value
    >>> from autograd_mini.compiler.lowering import Graph
    >>> x = Value(3.0)
    >>> replay = build_batch(Graph([x * x], [x]).program(gradients=[0]), [True], [False, True])
    >>> import numpy as np
    >>> replay([np.array([1.0, 2.0, 3.0])], 3)
    (array([[1., 4., 9.]]), array([[12.]]), None)
    """
    import numpy as np

    once, each, also = hoist(
        program.expanded([*spellings.NUMPY, *program.names_of(element)]), mapped, reduced
    )
    before = python.build(once)
    namespace: dict[str, Any] = {name: getattr(np, name) for name in IMPORTED}
    for name, op in each.table.items():
        if name in spellings.UFUNCS:
            namespace[f"{name}_"] = getattr(np, spellings.UFUNCS[name])
        elif name not in spellings.NUMPY:
            namespace[f"{name}_"] = _elements if op is element else _item_by_item(op)
    text, registers = _text(each, mapped)
    exec(text, namespace)
    replay = namespace["replay"]
    summed = [i for i, total in enumerate(reduced) if total]
    columns_out = [i for i, total in enumerate(reduced) if not total]
    memory = Buffers()

    def run(columns: Sequence[Any], count: int, threads: int | None = None) -> tuple[Any, Any, Any]:
        once_in = [c for c, m in zip(columns, mapped, strict=True) if not m]
        same = [*columns, *(before(once_in) or ())]
        table = memory.take(len(columns_out), count)
        sums = np.full((-(-count // BLOCK), len(summed)), -0.0)
        held = np.ones(count, dtype=bool) if program.guards else None
        buffers = np.empty((registers, min(count, CHUNK)))
        with np.errstate(all="ignore"):
            for start in range(0, count, CHUNK):
                stop = min(start + CHUNK, count)
                inputs = [c[start:stop] if k < len(mapped) and mapped[k] else c for k, c in enumerate(same)]
                outputs, truths = replay(inputs, buffers[:, : stop - start])
                for k, i in enumerate(columns_out):
                    table[k, start:stop] = outputs[i]
                for k, i in enumerate(summed):
                    sums[start // BLOCK, k] += np.sum(np.broadcast_to(outputs[i], stop - start))
                if held is not None:
                    for truth, expected in truths:
                        held[start:stop] &= (truth != 0.0) == expected
            for k, i in enumerate(summed):
                if i in also:
                    sums[:, k] += [(block.stop - block.start) * same[also[i]] for block in blocks(count)]
        return table, sums, held

    return run


def source(program: Program) -> str:
    """Return the program as a function of arrays."""
    program = program.expanded(spellings.NUMPY)
    lines = ["import numpy as np", f"from numpy import {', '.join(IMPORTED)}"]
    ufuncs = sorted(program.table.keys() & spellings.UFUNCS.keys())
    others = sorted(program.table.keys() - spellings.NUMPY.keys())
    lines += [f"from numpy import {spellings.UFUNCS[name]} as {name}_" for name in ufuncs]
    theirs = [name for name in others if isinstance(program.table[name], BySciPy)]
    lines += [f"from scipy.special import {program.table[name].name} as {name}_" for name in theirs]
    if len(others) > len(theirs):
        lines += ["", "from autograd_mini.engine.table import TABLE", ""]
        lines += [
            f"{name}_ = np.vectorize(TABLE[{program.table[name].name!r}].value)"
            for name in others
            if name not in theirs
        ]
    text, _ = _text(program, [True] * program.inputs)
    return "\n".join([*lines, "", "", text])


def _elements(place: Any, *values: Any) -> Any:
    """Return the element at a place, item by item; never one of `values` itself, which may be a buffer."""
    import numpy as np

    index = np.asarray(place).astype(int)
    if all(np.ndim(x) == 0 for x in values):
        return np.array(values)[index]
    return np.stack(np.broadcast_arrays(index, *values)[1:])[index, np.arange(max(map(np.size, values)))]


def _item_by_item(op: Primitive) -> Callable[..., Any]:
    """Return a primitive that NumPy has no function for as a function of arrays."""
    import numpy as np

    if isinstance(op, BySciPy):
        return op.ufunc  # type: ignore[no-any-return]
    value = op.value

    def apply(*operands: Any) -> Any:
        return np.frompyfunc(value, len(operands), 1)(*operands).astype(float)

    return apply


def _text(program: Program, mapped: Sequence[bool]) -> tuple[str, int]:
    """Return the function ``replay(inputs, buffers)``, and how many buffers it writes into."""
    first = program.inputs
    last_use = {k: slot for slot, op in enumerate(program.code, first) for k in op[1:]}
    forever = math.inf
    for k in (*program.outputs, *(k for k, _ in program.guards)):
        last_use[k] = forever  # type: ignore[assignment]
    free: list[int] = []
    registers = 0
    place: dict[int, int] = {}
    lines = ["def replay(inputs, buffers):"]

    def text(k: int) -> str:
        return f"v{k}" if k >= 0 else f"({program.constants[~k]!r})"

    if first:
        lines.append(f"    {', '.join(map(text, range(first)))}{',' * (first == 1)} = inputs")
    for slot, (name, *operands) in enumerate(program.code, first):
        arguments = list(map(text, operands))
        if name in spellings.UFUNCS:
            for k in set(operands):  # the result overwrites an operand used last here
                if k in place and last_use[k] == slot:
                    free.append(place.pop(k))
            if not free:
                free.append(registers)
                registers += 1
            place[slot] = free.pop()
            # With a known exponent, NumPy's power is faster: a square is a multiplication.
            known = name == "pow" and program.operand(operands[1]) not in (None, 0.5)
            function = "power" if known else f"{name}_"
            lines.append(f"    v{slot} = {function}({', '.join(arguments)}, out=buffers[{place[slot]}])")
        elif name in spellings.NUMPY:
            lines.append(f"    v{slot} = {spellings.NUMPY[name].format(*arguments)}")
        else:
            lines.append(f"    v{slot} = {name}_({', '.join(arguments)})")
        if name not in spellings.UFUNCS:
            for k in set(operands):
                if k in place and last_use[k] == slot:
                    free.append(place.pop(k))
    guards = ", ".join(f"({text(k)}, {expected})" for k, expected in program.guards)
    lines.append(f"    return [{', '.join(map(text, program.outputs))}], [{guards}]")
    return "\n".join([*lines, ""]), registers
