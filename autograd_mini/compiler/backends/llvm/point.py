"""Run a `Program` at one point as machine code."""

from __future__ import annotations

import ctypes
from array import array
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

from autograd_mini.compiler import rolling
from autograd_mini.compiler.backends.llvm import processor
from autograd_mini.compiler.backends.llvm.jit import Engine, Functions
from autograd_mini.compiler.backends.llvm.loop_code import calls_python, loop_code
from autograd_mini.compiler.backends.llvm.point_code import SPELLED, Text, point_code
from autograd_mini.compiler.program import Program
from autograd_mini.compiler.rolling import Rolled
from autograd_mini.compiler.unshared import Unshared
from autograd_mini.engine.modes import collector_paused
from autograd_mini.transforms.gather import element

__all__ = ["Kernel", "Step", "build", "prepared", "rolled", "source"]


def build(program: Program) -> Callable[[Sequence[float]], list[float] | None]:
    """Return a function of the inputs that returns the outputs, or None where a guard does not hold.

    >>> from autograd_mini import Value
    >>> from autograd_mini.compiler.lowering import Graph
    >>> x = Value(3.0)
    >>> build(Graph([x * x], [x]).program(gradients=[0]))([4.0])
    [16.0, 8.0]
    """
    kernel = Kernel(program)
    outputs = len(program.outputs)
    blank = array("d", bytes(8 * outputs))

    def replay(numbers: Sequence[float]) -> list[float] | None:
        given = array("d", numbers)
        out = blank[:]
        if not kernel(given.buffer_info()[0], out.buffer_info()[0]):
            return None
        return out.tolist()

    replay.kernel = kernel  # type: ignore[attr-defined]
    return replay


class Kernel:
    """Machine code for one point: called with the addresses of inputs and outputs, flat doubles.

    Returns whether the guards hold. Several threads may call it at once: each call has its own buffer.
    """

    def __init__(self, program: Program) -> None:
        program, text = _text(program)
        self.inputs = program.inputs
        self.functions = Functions(program.table, text.called)
        self._engine = Engine(text.text, self.functions)
        self._address = self._engine.address("replay")
        function = ctypes.CFUNCTYPE(ctypes.c_int, *[ctypes.c_void_p] * 4)(self._address)
        self._run = partial(self.functions.run, function) if self.functions.in_python else function
        self._tables = text.tables
        self._tables_at = text.tables.ctypes.data
        self._size, self._image = text.size, text.image
        self._buffers: list[tuple[Any, int]] = []

    def __call__(self, inputs: int, outputs: int) -> int:
        """Run on the doubles at `inputs`, and write those at `outputs`."""
        try:
            buffer = self._buffers.pop()
        except IndexError:
            buffer = self._new_buffer()
        held = self._run(inputs, outputs, buffer[1], self._tables_at)
        self._buffers.append(buffer)
        return held  # type: ignore[no-any-return]

    def step(self, inputs: int, outputs: int) -> Step:
        """Return the call on these addresses, with a buffer of its own."""
        memory, address = self._new_buffer()
        arguments = [f"ptr inttoptr (i64 {x} to ptr)" for x in (inputs, outputs, address, self._tables_at)]
        return Step(self._address, "i32", ", ".join(arguments), self.functions, (self, memory))

    def _new_buffer(self) -> tuple[Any, int]:
        memory = ctypes.create_string_buffer(8 * self._size + 64)
        address = ctypes.addressof(memory)
        address += -address % 64
        for at, numbers in self._image:
            given = array("d", numbers)
            ctypes.memmove(address + 8 * at, given.buffer_info()[0], 8 * len(given))
        return memory, address


def rolled(program: Unshared) -> Rolled | None:
    """Return a program with its loops found; None where loops do not pay."""
    return rolling.rolled(program, calls_python)


def source(program: Program) -> str:
    """Return the text of the program for one point."""
    return _text(program)[1].text


def _text(program: Program) -> tuple[Program, Text]:
    width = processor.host().width
    with collector_paused():
        if isinstance(program, Rolled):
            return program, loop_code(program, width)
        program = program.expanded([*SPELLED, *program.names_of(element)])
        return program, point_code(program, width)


class Step(NamedTuple):
    """A call of machine code with known arguments, and the objects that must live as long as it."""

    address: int
    result: str
    arguments: str
    functions: Functions
    keep: Any


def prepared(steps: Sequence[Step]) -> Callable[[], int]:
    """Return a function of no arguments that makes the calls and says whether the last one's guards hold.

    Passing arguments from Python to machine code takes longer than a small program; here the code has them.
    """
    lines = ["define i32 @go() {"]
    held = "1"
    for k, step in enumerate(steps):
        if step.result == "i32":
            held = f"%h{k}"
        result = f"{held} = call i32" if step.result == "i32" else "call void"
        lines.append(f"  {result} inttoptr (i64 {step.address} to ptr)({step.arguments})")
    engine = Engine("\n".join([*lines, f"  ret i32 {held}", "}", ""]))
    go = ctypes.CFUNCTYPE(ctypes.c_int)(engine.address("go"))
    go.keep = engine, steps  # type: ignore[attr-defined]
    for step in steps:
        if step.functions.in_python:
            return partial(step.functions.run, go)
    return go
