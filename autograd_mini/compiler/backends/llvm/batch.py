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
"""Programs of at least so many instructions have vectors of one register."""

STREAMED: Final = 12_000_000
"""Outputs of at least so many bytes are written past the cache."""


def build_batch(program: Program, mapped: Sequence[bool], reduced: Sequence[bool]) -> BatchKernel:
    """Return a function of columns; it takes the inputs, the number of items and of threads.

    >>> from autograd_mini import Value
    >>> from autograd_mini.compiler.lowering import Graph
    >>> x = Value(3.0)
    >>> replay = build_batch(Graph([x * x], [x]).program(gradients=[0]), [True], [False, True])
    >>> table, sums, held = replay([[1.0, 2.0, 3.0]], 3)
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
        """Return the loop that suits `count` items."""
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
            address = engine.address("batch")
            self._kernels[key] = Loop(address, LOOP(address), key[0], scratch, functions, engine)
        return self._kernels[key]

    def _width(self, count: int) -> int:
        """Return the lanes of a vector for `count` items.

        A vector has four registers, so that no operation waits for its operands; one if the program is so
        long that other operations always fill the wait, and fewer if there are not enough items.
        """
        width = self.target.width
        if len(self.parts.each.code) > LONG:
            return width
        return width * max(k for k in (1, 2, 4) if k == 1 or -count % (k * width) <= count // 4)

    def steps(
        self, columns: Sequence[Any], uniforms: Any, sums: Any, count: int, divisor: float
    ) -> list[Step]:
        """Return the calls that run on these arrays as they are at the time, a call for each block.

        All outputs must be sums, and there must be no guards. `columns` are contiguous arrays; `uniforms`
        has room for `self.uniforms` numbers, the inputs in front; `sums`, of shape (blocks, sums), receives
        the sums of the blocks, divided by `divisor`.
        """
        loop = self.loop(count)
        table = np.array([c.ctypes.data for c in columns], dtype=np.intp)
        memory, buffer = loop.buffer()
        at = uniforms.ctypes.data
        alive = loop, columns, uniforms, sums, table, memory
        steps = []
        for block, row in zip(blocks(count), sums, strict=True):
            places = (table.ctypes.data, at, at, row.ctypes.data, buffer)
            arguments = [f"ptr inttoptr (i64 {x} to ptr)" for x in places]
            arguments += [f"i64 {block.start}", f"i64 {block.stop}", f"double {number(float(divisor))}"]
            steps.append(Step(loop.address, "void", ", ".join(arguments), loop.functions, alive))
        if self.once is not None:
            steps.insert(0, self.once.step(at, at + 8 * len(self.uniforms_at)))
        return steps

    def _addresses(self, table: Any, held: Any) -> Any:
        """Return the addresses of the outputs, then that of the bytes that say whether the guards hold."""
        addresses = table.ctypes.data + np.arange(self.outs + 1) * table.strides[0]
        if held is not None:
            addresses[self.outs] = held.ctypes.data
        return addresses

    def __call__(
        self, inputs: Sequence[Any], count: int, threads: int | None = None
    ) -> tuple[Any, Any, Any]:
        """Run over the items, by default in as many threads as there are processors.

        Columns that do not lie in one piece are copied, a block at a time.
        """
        loop = self.loop(count)
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
        room = count + -count % loop.width
        table = self._memory.take(self.outs, room)
        held = np.empty(room, dtype=bool) if self.has_guards else None
        in_place = np.array([c.ctypes.data for c in columns], dtype=np.intp)
        scattered = [k for k, c in enumerate(columns) if not c.flags.c_contiguous]
        outputs = self._addresses(table, held)
        parts = list(blocks(count))
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
            if held is None or (count == 1 and held[0]):
                raise
            # Run the items one by one: what raised may be behind a guard that does not hold.
            for i in range(count if count > 1 else 0):
                item = [x[i : i + 1] if m else x for x, m in zip(inputs, self.mapped, strict=False)]
                found, _, holds = self(item, 1, 1)
                table[:, i], held[i] = found[:, 0], holds[0]
        if raised is not None and held is not None and held[:count].any():
            raise raised
        return table[:, :count], sums, None if held is None else held[:count]


class Loop(NamedTuple):
    """Compiled code over a batch: how many items it takes at once, and its doubles of scratch."""

    address: int
    run: Callable[..., None]
    width: int
    scratch: int
    functions: Functions
    engine: Engine

    def buffer(self) -> tuple[Any, int]:
        """Return memory for one run, and the address in it where a line of the cache begins."""
        memory = ctypes.create_string_buffer(8 * self.scratch + 64)
        address = ctypes.addressof(memory)
        return memory, address + -address % 64


def _each(do: Callable[[int], None], count: int, workers: int) -> None:
    """Do 0 to `count` - 1, in `workers` threads, or in this one if the interpreter starts no more."""
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
