"""Run a `Program` over a batch as machine code, in chunks on several threads."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple

import numpy as np

from autograd_mini.compiler.backends.buffers import Buffers
from autograd_mini.compiler.backends.hoist import hoist
from autograd_mini.compiler.backends.llvm import processor
from autograd_mini.compiler.backends.llvm.batch_code import SPELLED, batch_code
from autograd_mini.compiler.backends.llvm.jit import Engine, Functions
from autograd_mini.compiler.backends.llvm.point import Kernel, Step
from autograd_mini.compiler.backends.llvm.point_code import number
from autograd_mini.compiler.backends.llvm.processor import Target
from autograd_mini.compiler.program import Program
from autograd_mini.compiler.sums import blocks
from autograd_mini.engine.modes import collector_paused

__all__ = ["BatchKernel", "build_batch"]

LOOP: Final = ctypes.CFUNCTYPE(
    None, *[ctypes.c_void_p] * 5, ctypes.c_int64, ctypes.c_int64, ctypes.c_double
)

LONG: Final = 400
"""Instructions from which on a vector is one register wide."""

STREAMED: Final = 12_000_000
"""Bytes of output from which on they are written past the cache."""


def build_batch(program: Program, mapped: Sequence[bool], reduced: Sequence[bool]) -> BatchKernel:
    """Return a function of columns; it takes the inputs, the number of rows and a number of threads.

    >>> from autograd_mini import Value
    >>> from autograd_mini.compiler.lowering import Graph
    >>> x = Value(3.0)
    >>> rows = build_batch(Graph([x * x], [x]).program(gradients=[0]), [True], [False, True])
    >>> table, sums, held = rows([[1.0, 2.0, 3.0]], 3)
    >>> table, sums, held
    (array([[1., 4., 9.]]), array([[12.]]), None)
    """
    return BatchKernel(program, mapped, reduced)


class BatchKernel:
    """Machine code for batches: what `build_batch` returns. `target` is what the code may assume."""

    def __init__(
        self,
        program: Program,
        mapped: Sequence[bool],
        reduced: Sequence[bool],
        target: Target | None = None,
    ) -> None:
        self.target = target or processor.host()
        self.parts = hoist(program.expanded(SPELLED), mapped, reduced)
        self.once = Kernel(self.parts.once) if self.parts.once.outputs else None
        added = self.parts.each.inputs - len(mapped)
        self.mapped, self.reduced = [*mapped, *[False] * added], list(reduced)
        self.columns_at = [k for k, m in enumerate(mapped) if m]
        self.uniforms_at = [k for k, m in enumerate(mapped) if not m]
        self.uniforms = len(self.uniforms_at) + added
        self.sums = sum(reduced)
        self.outs = len(self.reduced) - self.sums
        self.has_guards = bool(program.guards)
        self._kernels: dict[tuple[int, bool], Loop] = {}
        self._memory = Buffers()

    def loop(self, count: int) -> Loop:
        """Return the loop that suits so many items."""
        streaming = 8 * count * self.outs > STREAMED and processor.is_x86()
        key = self._width(count), streaming
        if key not in self._kernels:
            with collector_paused():
                module, scratch, called = batch_code(
                    self.parts.each,
                    self.mapped,
                    self.reduced,
                    self.parts.also,
                    self.target._replace(width=key[0]),
                    streaming=streaming,
                )
                functions = Functions(self.parts.each.table, called)
                engine = Engine(module, functions)
            address = engine.address("rows")
            self._kernels[key] = Loop(address, LOOP(address), key[0], scratch, functions, engine)
        return self._kernels[key]

    def _width(self, count: int) -> int:
        """Return the lanes of a vector for so many items.

        Four registers in a vector, so that nothing waits for its operands; one where the program is so long
        that there is always something else to do, and fewer where they would only be filled with nothing.
        """
        width = self.target.width
        if len(self.parts.each.code) > LONG:
            return width
        return width * max(k for k in (1, 2, 4) if k == 1 or -count % (k * width) <= count // 4)

    def steps(
        self, columns: Sequence[Any], uniforms: Any, sums: Any, rows: int, divisor: float
    ) -> list[Step]:
        """Return the calls that run on these arrays, whatever is in them then, a call for each block.

        There must be no outputs but sums, nor guards. `columns` are contiguous arrays; `uniforms` has room
        for `self.uniforms` numbers, the inputs in front; `sums`, of shape (blocks, sums), receives the sums
        of the blocks, divided by `divisor`.
        """
        loop = self.loop(rows)
        table = np.array([c.ctypes.data for c in columns], dtype=np.intp)
        memory, buffer = loop.buffer()
        at = uniforms.ctypes.data
        alive = loop, columns, uniforms, sums, table, memory
        steps = []
        for block, row in zip(blocks(rows), sums, strict=True):
            places = (table.ctypes.data, at, at, row.ctypes.data, buffer)
            arguments = [f"ptr inttoptr (i64 {x} to ptr)" for x in places]
            arguments += [f"i64 {block.start}", f"i64 {block.stop}", f"double {number(float(divisor))}"]
            steps.append(Step(loop.address, "void", ", ".join(arguments), loop.functions, alive))
        if self.once is not None:
            steps.insert(0, self.once.step(at, at + 8 * len(self.uniforms_at)))
        return steps

    def _addresses(self, table: Any, held: Any) -> Any:
        """Return where the outputs are, and behind them what says whether the guards hold."""
        addresses = table.ctypes.data + np.arange(self.outs + 1) * table.strides[0]
        if held is not None:
            addresses[self.outs] = held.ctypes.data
        return addresses

    def __call__(
        self, inputs: Sequence[Any], rows: int, threads: int | None = None
    ) -> tuple[Any, Any, Any]:
        """Run over the rows, in as many threads as there are processors if that is not said.

        Columns that do not lie in one piece are copied, a block at a time.
        """
        loop = self.loop(rows)
        columns = [np.asarray(inputs[k], dtype=float) for k in self.columns_at]
        uniforms = np.empty(self.uniforms)
        uniforms[: len(self.uniforms_at)] = [inputs[k] for k in self.uniforms_at]
        raised: Exception | None = None
        if self.once is not None:
            start = uniforms.ctypes.data
            try:
                self.once(start, start + 8 * len(self.uniforms_at))
            except Exception as error:
                if not self.has_guards:
                    raise
                raised = error
        room = rows + -rows % loop.width
        table = self._memory.take(self.outs, room)
        held = np.empty(room, dtype=bool) if self.has_guards else None
        in_place = np.array([c.ctypes.data for c in columns], dtype=np.intp)
        scattered = [k for k, c in enumerate(columns) if not c.flags.c_contiguous]
        outputs = self._addresses(table, held)
        parts = list(blocks(rows))
        sums = np.zeros((len(parts), self.sums))

        def do(i: int) -> None:
            block = parts[i]
            addresses = in_place
            if scattered:
                copies = np.array([columns[k][block] for k in scattered])
                addresses = in_place.copy()
                addresses[scattered] = [c.ctypes.data - 8 * block.start for c in copies]
            _memory, buffer = loop.buffer()
            loop.functions.run(
                loop.run,
                addresses.ctypes.data,
                uniforms.ctypes.data,
                outputs.ctypes.data,
                sums.ctypes.data + 8 * i * self.sums,
                buffer,
                block.start,
                block.stop,
                1.0,
            )

        try:
            _each(do, len(parts), threads or (processor.count() if len(parts) > 1 else 1))
        except Exception:
            if held is None or (rows == 1 and held[0]):
                raise
            for i in range(
                rows if rows > 1 else 0
            ):  # which item has raised, and would it have come so far?
                item = [x[i : i + 1] if m else x for x, m in zip(inputs, self.mapped, strict=False)]
                found, _, holds = self(item, 1, 1)
                table[:, i], held[i] = found[:, 0], holds[0]
        if raised is not None and held is not None and held[:rows].any():
            raise raised
        return table[:, :rows], sums, None if held is None else held[:rows]


class Loop(NamedTuple):
    """Compiled code that goes over a batch, so many items at once, with so many doubles of scratch."""

    address: int
    run: Callable[..., None]
    width: int
    scratch: int
    functions: Functions
    engine: Engine

    def buffer(self) -> tuple[Any, int]:
        """Return memory for one run, and where in it a line of the cache begins."""
        memory = ctypes.create_string_buffer(8 * self.scratch + 64)
        address = ctypes.addressof(memory)
        return memory, address + -address % 64


def _each(do: Callable[[int], None], count: int, workers: int) -> None:
    """Do 0 to `count` - 1, in so many threads; in this one where the interpreter starts no more threads."""
    if min(workers, count) > 1:
        from concurrent.futures import ThreadPoolExecutor

        with ThreadPoolExecutor(min(workers, count)) as pool:
            try:
                done = pool.map(do, range(count))
            except RuntimeError:  # at exit
                pass
            else:
                for _ in done:
                    pass
                return
    for i in range(count):
        do(i)
