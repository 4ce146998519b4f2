"""Calls of a compiled function that inspect their arguments once and then read arrays in place."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from autograd_mini.compiler.arguments import Call, in_place, is_array
from autograd_mini.compiler.backends import load
from autograd_mini.compiler.batch import Batch
from autograd_mini.compiler.in_place import answer_reader
from autograd_mini.compiler.leaves import read_leaves
from autograd_mini.compiler.outputs import Outputs
from autograd_mini.compiler.point import Point
from autograd_mini.compiler.sums import BLOCK, join, total
from autograd_mini.compiler.tracing import Trace
from autograd_mini.transforms.nested import NUMBER

__all__ = ["prepared_batch", "prepared_point"]


def prepared_point(point: Point, args: tuple[Any, ...], ordinary: Callable[[], Any]) -> Callable[[], Any]:
    """Return a function of no arguments that computes at these arguments as they are when it is called.

    Where a guard does not hold, it makes the call `ordinary` instead.
    """
    import numpy as np

    call = point.traces.call(args, {})
    plain = all(x.__class__ is float for x in call.numbers)
    held = point.first_that_holds(point.traces.of(call), call) if plain else None
    if held is None:  # it was computed without a program
        return ordinary
    trace, _ = held
    program, _ = point.replay(trace, call)
    out = np.empty(len(program.outputs))
    memory = _Memory(args, call, trace, program.inputs)
    kernel = load("llvm").Kernel(program)  # type: ignore[attr-defined]
    steps = [kernel.step(memory.inputs.ctypes.data, out.ctypes.data)]
    return _runner(point.outputs, steps, memory, out, call, trace, ordinary)


def prepared_batch(batch: Batch, args: tuple[Any, ...], ordinary: Callable[[], Any]) -> Callable[[], Any]:
    """Return a function of no arguments that runs over this batch as it is when it is called."""
    import numpy as np

    call, mapped = batch.call, batch.mapped
    kept = [trace for trace in batch.traces.of(call) if trace.suits(call)]
    if not kept:
        return ordinary
    trace = kept[0]
    kernel: Any
    program, kernel = batch.ready.replay(trace, batch.ready.layout(trace))
    arrays = [c for c, m in zip(batch.columns, mapped, strict=True) if m]
    if not batch.count or program.guards or kernel.outs or not all(c.flags.c_contiguous for c in arrays):
        return ordinary
    sums = np.empty((-(-batch.count // BLOCK), kernel.sums))
    out, divisor = sums[0], batch.count if batch.reduction == "mean" else 1
    unmapped = [
        (x, part)
        for x, part, start in zip(args, call.parts, call.starts, strict=False)
        if part.size and not mapped[start]
    ]
    numbers = [c for c, m in zip(batch.columns, mapped, strict=True) if not m]
    same = Call(numbers, [part for _, part in unmapped], {})
    memory = _Memory([x for x, _ in unmapped], same, trace, kernel.uniforms)
    if len(sums) == 1:
        steps = kernel.steps(arrays, memory.inputs, sums, batch.count, divisor)
        return _runner(batch.outputs, steps, memory, out, call, trace, ordinary)
    steps = kernel.steps(arrays, memory.inputs, sums, batch.count, 1)
    out = np.empty(kernel.sums)

    def add_up() -> None:
        np.divide(total(join((0, k, x) for k, x in enumerate(sums))), divisor, out=out)

    return _runner(batch.outputs, steps, memory, out, call, trace, ordinary, add_up)


class _Memory:
    """The doubles that machine code reads, and how they are brought up to date before a call.

    `inputs` has the numbers of `call`, then those of the captured leaves; its length is at least `size`. It
    is the argument itself if that is an array and there is nothing else.
    """

    def __init__(self, args: Sequence[Any], call: Call, trace: Trace, size: int) -> None:
        import numpy as np

        blocks = [(x, a, b) for x, a, b in zip(args, call.starts, call.starts[1:], strict=False) if b > a]
        self.copies: list[tuple[Any, Any]] = []
        self.captured = trace.captured
        if len(blocks) == 1 and size == len(call.numbers) and in_place(blocks[0][0]):
            self.inputs, self.captured = blocks[0][0], []
            return
        self.inputs = np.empty(size)
        first = len(call.numbers)
        self.inputs[:first] = call.numbers
        self.copies = [(self.inputs[a:b].reshape(x.shape), x) for x, a, b in blocks if is_array(x)]
        self.of_leaves = self.inputs[first : first + len(self.captured)]

    def update(self) -> None:
        """Read the arrays and the leaves."""
        for place, source in self.copies:
            place[...] = source
        if self.captured:
            read_leaves(self.captured, self.of_leaves)


def _runner(
    outputs: Outputs,
    steps: Sequence[Any],
    memory: _Memory,
    out: Any,
    call: Call,
    trace: Trace,
    ordinary: Callable[[], Any],
    after: Callable[[], None] = lambda: None,
) -> Callable[[], Any]:
    go = load("llvm").prepared(steps)  # type: ignore[attr-defined]
    answer = _answer(outputs, call, trace, out)

    def run() -> Any:
        memory.update()
        if not go():
            return ordinary()
        after()
        return answer()

    return run


def _answer(outputs: Outputs, call: Call, trace: Trace, out: Any) -> Callable[[], Any]:
    """Return a function that reads the answer from the outputs; an array of derivatives is a view."""
    read = answer_reader(trace, call, outputs)
    derivative = outputs.derivative_structure(call)
    if trace.structure == NUMBER and derivative is not None and derivative.kind == "array":
        block = out[1:].reshape(derivative.detail)
        if outputs.name == "grad":
            return lambda: block
        if not any(trace.truths):
            return lambda: (out.item(0), block)
    return lambda: read(out)
