"""A `Program` as machine code, by way of llvmlite. Knows how to compile and call; the text is
`rolled`'s.
"""

from __future__ import annotations

import ctypes
import os
from array import array
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, Final, NamedTuple

from autograd_mini.compiler.backends.buffers import Buffers
from autograd_mini.compiler.backends.hoist import Hoisted, hoist
from autograd_mini.compiler.backends.llvm import point_code as rolled
from autograd_mini.compiler.backends.spellings import LIBM
from autograd_mini.compiler.program import Program
from autograd_mini.engine.modes import collector_paused
from autograd_mini.engine.table import named

__all__ = ["Kernel", "RowsKernel", "Step", "build", "build_batch", "prepared", "source"]

LIBRARY: Final = frozenset([*LIBM, "floor"])
"""Primitives whose value is that of the C library's function, to the bit."""

OPTIMISED: Final = 20_000
"""Longer texts (in lines) are compiled without optimisation, which would cost more than it gains."""


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

    Returns whether the guards hold. Threads may call it at once: each call has a buffer of its own.
    """

    def __init__(self, program: Program) -> None:
        program = program.expanded(rolled.SPELLED)
        with collector_paused():
            text = rolled.written(program, vector_width())
        self.inputs = program.inputs
        callbacks = [_define(name, count) for name, count in text.called]
        self._engine = Engine(text.text), callbacks
        self._address = self._engine[0].address("replay")
        self._function = ctypes.CFUNCTYPE(ctypes.c_int, *[ctypes.c_void_p] * 4)(self._address)
        self._tables = text.tables
        self._tables_at = text.tables.ctypes.data
        self._size, self._constants, self._at = text.size, text.constants, text.constants_at
        self._buffers: list[tuple[Any, int]] = []

    def __call__(self, inputs: int, outputs: int) -> int:
        """Run on the doubles at `inputs`, and write those at `outputs`."""
        try:
            buffer = self._buffers.pop()
        except IndexError:
            buffer = self._new_buffer()
        held = self._function(inputs, outputs, buffer[1], self._tables_at)
        self._buffers.append(buffer)
        return held  # type: ignore[no-any-return]

    def step(self, inputs: int, outputs: int) -> Step:
        """Return the call on these addresses, with a buffer of its own."""
        memory, address = self._new_buffer()
        arguments = [f"ptr inttoptr (i64 {x} to ptr)" for x in (inputs, outputs, address, self._tables_at)]
        return Step(self._address, "i32", ", ".join(arguments), (self, memory))

    def _new_buffer(self) -> tuple[Any, int]:
        memory = ctypes.create_string_buffer(8 * self._size + 64)
        address = ctypes.addressof(memory)
        address += -address % 64
        constants = array("d", self._constants)
        ctypes.memmove(address + 8 * self._at, constants.buffer_info()[0], 8 * len(constants))
        return memory, address


def source(program: Program) -> str:
    """Return the text of the program for one point."""
    return rolled.written(program.expanded(rolled.SPELLED), vector_width()).text


class Step(NamedTuple):
    """A call of machine code with all its arguments known, and what must live as long as it may be made."""

    address: int
    result: str
    arguments: str
    keep: Any


def prepared(steps: Sequence[Step]) -> Callable[[], int]:
    """Return a function of no arguments that makes the calls, and says whether the guards of the last hold.

    Handing arguments from Python to machine code takes longer than a small program; here they are in it.
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
    return go


class Engine:
    """Compiled text; it must live as long as its functions are called."""

    def __init__(self, text: Any) -> None:
        import llvmlite.binding as llvm

        _started()
        text = str(text)
        parsed = llvm.parse_assembly(text)
        self._engine = llvm.create_mcjit_compiler(
            parsed, _machine(0 if text.count("\n") > OPTIMISED else 2)
        )
        self._engine.finalize_object()

    def address(self, name: str) -> int:
        """Return where a function is."""
        return self._engine.get_function_address(name)  # type: ignore[no-any-return]


@cache
def vector_width() -> int:
    """Return how many doubles a vector of this processor holds."""
    import llvmlite.binding as llvm

    _started()
    features = llvm.get_host_cpu_features()
    return 8 if features.get("avx512f") else 4 if features.get("avx2") else 2


@cache
def _started() -> None:
    import llvmlite.binding as llvm

    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()


def _machine(level: int) -> Any:
    import llvmlite.binding as llvm

    # A machine belongs to the engine that it is given to, so each engine has its own.
    return llvm.Target.from_default_triple().create_target_machine(
        cpu=llvm.get_host_cpu_name(),
        features=llvm.get_host_cpu_features().flatten(),
        opt=level,
        jit=True,
    )


LOOP: Final = ctypes.CFUNCTYPE(
    None, *[ctypes.c_void_p] * 5, ctypes.c_int64, ctypes.c_int64, ctypes.c_double
)


@cache
def _library() -> Any:
    return ctypes.CDLL("ucrtbase" if os.name == "nt" else None)


@cache
def _define(name: str, count: int) -> Any:
    """Give LLVM the function ``row.<name>.<count>``: the C library's, or a call of the row's value in
    Python.

    The name is one that LLVM does not know, so that it computes nothing of it on its own.
    """
    import llvmlite.binding as llvm

    if name in LIBRARY and hasattr(_library(), name):
        function: Any = getattr(_library(), name)
    else:
        value = named(name).value
        function = ctypes.CFUNCTYPE(*[ctypes.c_double] * (count + 1))(value)
    llvm.add_symbol(f"row.{name}.{count}", ctypes.cast(function, ctypes.c_void_p).value)
    return function


# ---- rows -------------------------------------------------------------------------------------------

CHUNK: Final = 16_384
"""Rows that are summed by themselves, whatever the number of threads, so that every run adds in one
order.
"""

LONG: Final = 400
"""Instructions from which on a vector is one register wide."""

STREAMED: Final = 12_000_000
"""Bytes of output from which on they are written past the cache."""


def build_batch(program: Program, mapped: Sequence[bool], reduced: Sequence[bool]) -> RowsKernel:
    """Return a function of columns; it takes the inputs, the number of rows and a number of threads.

    >>> from autograd_mini import Value
    >>> from autograd_mini.compiler.lowering import Graph
    >>> x = Value(3.0)
    >>> rows = build_batch(Graph([x * x], [x]).program(gradients=[0]), [True], [False, True])
    >>> table, sums, held = rows([[1.0, 2.0, 3.0]], 3)
    >>> table, sums, held
    (array([[1., 4., 9.]]), array([12.]), None)
    """
    return RowsKernel(program, mapped, reduced)


class RowsKernel:
    """Machine code for rows: what `build_batch` returns."""

    def __init__(self, program: Program, mapped: Sequence[bool], reduced: Sequence[bool]) -> None:
        from autograd_mini.compiler.backends.llvm import batch_code as llvm_rows

        self.split = hoist(program.expanded(llvm_rows.SPELLED), mapped, reduced)
        self.once = Kernel(self.split.once) if self.split.once.outputs else None
        added = self.split.each.inputs - len(mapped)
        self.mapped, self.reduced = [*mapped, *[False] * added], list(reduced)
        self.columns_at = [k for k, m in enumerate(mapped) if m]
        self.uniforms_at = [k for k, m in enumerate(mapped) if not m]
        self.uniforms = len(self.uniforms_at) + added
        self.sums = sum(reduced)
        self.outs = len(self.reduced) - self.sums
        self.has_guards = bool(program.guards)
        self._kernels: dict[tuple[int, bool], tuple[int, int, Any]] = {}
        self._memory = Buffers()

    def kernel(self, rows: int) -> tuple[tuple[int, int, Any], int]:
        """Return the loop that suits so many rows (`_rows_kernel`), and how many rows it fills at least."""
        key = _rows_width(rows, len(self.split.each.code)), 8 * rows * self.outs > STREAMED and _is_x86()
        if key not in self._kernels:
            self._kernels[key] = _rows_kernel(self.split, self.mapped, self.reduced, *key)
        return self._kernels[key], rows + -rows % key[0]

    def steps(
        self, columns: Sequence[Any], uniforms: Any, sums: Any, rows: int, divisor: float
    ) -> list[Step]:
        """Return the calls that run on these arrays, whatever is in them then, all rows in one go.

        There must be no outputs but sums, nor guards. `columns` are contiguous arrays; `uniforms` has room
        for `self.uniforms` numbers, the inputs in front; `sums` receives the sums divided by `divisor`.
        """
        (address, scratch, keep), _ = self.kernel(rows)
        table, _ = self._tables(columns, sums.reshape(1, -1)[:0], None)
        memory = ctypes.create_string_buffer(8 * scratch + 64)
        buffer = ctypes.addressof(memory) + -ctypes.addressof(memory) % 64
        at = uniforms.ctypes.data
        places = (table.ctypes.data, at, at, sums.ctypes.data, buffer)
        arguments = [f"ptr inttoptr (i64 {x} to ptr)" for x in places]
        arguments += ["i64 0", f"i64 {rows}", f"double {rolled.number(divisor)}"]
        alive = keep, columns, uniforms, sums, table, memory
        steps = [Step(address, "void", ", ".join(arguments), alive)]
        if self.once is not None:
            steps.insert(0, self.once.step(at, at + 8 * len(self.uniforms_at)))
        return steps

    def _tables(self, columns: Sequence[Any], table: Any, held: Any) -> tuple[Any, Any]:
        import numpy as np

        column_table = np.array([c.ctypes.data for c in columns], dtype=np.intp)
        out_table = table.ctypes.data + np.arange(self.outs + 1) * table.strides[0]
        if held is not None:
            out_table[self.outs] = held.ctypes.data
        return column_table, out_table

    def __call__(
        self, inputs: Sequence[Any], rows: int, threads: int | None = None
    ) -> tuple[Any, Any, Any]:
        """Run over the rows, in as many threads as there are processors if that is not said."""
        import numpy as np

        (address, scratch, _), room = self.kernel(rows)
        kernel = LOOP(address)
        columns = [np.ascontiguousarray(inputs[k], dtype=float) for k in self.columns_at]
        uniforms = np.empty(self.uniforms)
        uniforms[: len(self.uniforms_at)] = [inputs[k] for k in self.uniforms_at]
        if self.once is not None:
            start = uniforms.ctypes.data
            self.once(start, start + 8 * len(self.uniforms_at))
        table = self._memory.take(self.outs, room)
        held = np.empty(room, dtype=bool) if self.has_guards else None
        column_table, out_table = self._tables(columns, table, held)
        starts = range(0, rows, CHUNK)
        totals = np.zeros((len(starts), self.sums))

        def do(i: int) -> None:
            memory = ctypes.create_string_buffer(8 * scratch + 64)
            buffer = ctypes.addressof(memory)
            kernel(
                column_table.ctypes.data,
                uniforms.ctypes.data,
                out_table.ctypes.data,
                totals.ctypes.data + 8 * i * self.sums,
                buffer + -buffer % 64,
                starts[i],
                min(starts[i] + CHUNK, rows),
                1.0,
            )

        workers = min(threads or os.cpu_count() or 1, len(starts))
        if workers > 1:
            from concurrent.futures import ThreadPoolExecutor

            with ThreadPoolExecutor(workers) as pool:
                list(pool.map(do, range(len(starts))))
        else:
            for i in range(len(starts)):
                do(i)
        total = totals[0] if starts else np.zeros(self.sums)
        for partial in totals[1:]:
            total = total + partial
        return table[:, :rows], total, None if held is None else held[:rows]


def _rows_width(rows: int, length: int) -> int:
    """Return the lanes of a vector for so many rows and instructions.

    Four registers in a vector, so that nothing waits for its operands; one where the program is so long
    that there is always something else to do, and fewer where they would only be filled with empty rows.
    """
    width = vector_width()
    if length > LONG:
        return width
    return width * max(k for k in (1, 2, 4) if k == 1 or -rows % (k * width) <= rows // 4)


def _is_x86() -> bool:
    import llvmlite.binding as llvm

    return llvm.get_default_triple().startswith("x86_64")  # type: ignore[no-any-return]


def _rows_kernel(
    parts: Hoisted, mapped: Sequence[bool], reduced: Sequence[bool], width: int, streaming: bool
) -> tuple[int, int, Any]:
    """Return where the compiled loop is, how many doubles of scratch it needs, and what keeps it there."""
    from autograd_mini.compiler.backends.llvm import batch_code as llvm_rows
    from autograd_mini.compiler.backends.llvm import vector_math

    target = vector_math.Target.host()._replace(width=width)
    with collector_paused():
        module, scratch, called = llvm_rows.module(
            parts.each, mapped, reduced, parts.also, target, streaming=streaming
        )
        callbacks = [_define(name, count) for name, count in called]
        engine = Engine(module)
    return engine.address("rows"), scratch, (engine, callbacks)
