"""Write a `Program` for one point as LLVM's text: like instructions in loops, the rest straight.

A wide band (`bands`) is one loop of vector instructions over a buffer. Its operands are read through tables
of where they lie, unless they are neighbours. The rest is written straight, in functions so short that
compiling stays linear. The arithmetic is that of the program, instruction by instruction; only independent
instructions change their order.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from typing import Any, Final

from autograd_mini.compiler.backends.llvm.bands import WIDE, Bands
from autograd_mini.compiler.backends.llvm.jit import symbol
from autograd_mini.compiler.program import Program
from autograd_mini.transforms.gather import element

__all__ = ["SPELLED", "Text", "number", "point_code"]

PIECE: Final = 500
"""Straight instructions in a function: LLVM's time grows with the square of it."""

ARITHMETIC: Final = {
    "add": "fadd {t} {0}, {1}",
    "sub": "fsub {t} {0}, {1}",
    "mul": "fmul {t} {0}, {1}",
    "div": "fdiv {t} {0}, {1}",
    "neg": "fneg {t} {0}",
}
CHOICES: Final = {
    "less": ("fcmp olt {t} {0}, {1}", "select {b} {c}, {t} {one}, {t} {zero}"),
    "equal": ("fcmp oeq {t} {0}, {1}", "select {b} {c}, {t} {one}, {t} {zero}"),
    "where": ("fcmp une {t} {0}, {zero}", "select {b} {c}, {t} {1}, {t} {2}"),
    "relu": ("fcmp ole {t} {0}, {zero}", "select {b} {c}, {t} {zero}, {t} {0}"),
}
"""A comparison, and the selection by it."""

INTRINSICS: Final = {"abs": "fabs", "sqrt": "sqrt"}

PARAMETERS: Final = "ptr noalias %in, ptr noalias %out, ptr noalias %b, ptr noalias %t"
GIVEN: Final = "ptr %in, ptr %out, ptr %b, ptr %t"

SPELLED: Final = ARITHMETIC.keys() | CHOICES.keys() | INTRINSICS.keys()


class Text:
    """What `point_code` returns: the text, and how to call it.

    `int @replay(in, out, buffer, tables)` returns whether the guards hold. The buffer has room
    for `size` doubles, and begins with the numbers of `image` at their places; `tables` are 32-bit
    integers. `called` are the primitives that it calls, with their numbers of operands (`jit.symbol`).
    """

    def __init__(self) -> None:
        self.image: list[tuple[int, Sequence[float]]] = []
        self.size = 0
        self.called: set[tuple[str, int]] = set()
        self.text = ""
        self.tables: Any = None


def number(x: float) -> str:
    """Return a double in LLVM's notation, to the bit."""
    return f"0x{struct.unpack('>Q', struct.pack('>d', x))[0]:016X}"


def point_code(program: Program, width: int) -> Text:
    """Return the program as LLVM functions, with vectors of `width` doubles in its loops."""
    return _Writer(program, width).text()


class _Writer:
    def __init__(self, program: Program, width: int) -> None:
        self.program, self.width = program, width
        self.result = Text()
        self.result.image = [(program.inputs, program.constants)]
        self.lines: list[str] = []
        self.tables: list[Any] = []
        self.table_length = 16
        self.local: set[int] = set()  # slots in registers of the current function
        self.address = list(range(program.inputs)) + [-1] * len(program.code)
        self.room = program.inputs + len(program.constants)
        self.functions = 0
        self.registers = 0
        self.length = 0
        self.takes = program.names_of(element)
        self.plan = Bands(program, SPELLED, self.takes)
        self.bands = self.plan.bands
        self.in_buffer = bool(self.takes) or any(shape for shape, _ in self.bands)
        self.base = "%b" if self.in_buffer else "%in"
        self.known_tables: dict[tuple[int, ...], int] = {}
        self.kept = self._kept()

    def text(self) -> Text:
        self._open()
        if self.in_buffer:
            self._copy("%b", "%in", self.program.inputs)
        for shape, slots in self.bands:
            if not shape:
                for slot in slots:
                    if self.length >= PIECE:
                        self._close()
                        self._open()
                    self._straight(slot)
            elif self.plan.shapes[shape][0] == "sum":
                self._sum(slots[0])
            else:
                self._loop(shape, slots)
        self._finish()
        result = self.result
        result.size = self.room + self.width
        result.tables = self._joined_tables()
        declared = [
            f'declare double @"{symbol(name, count)}"({", ".join(["double"] * count)}) nounwind'
            for name, count in sorted(result.called)
        ]
        calls = [f"  call void @part{k}({GIVEN})" for k in range(self.functions)]
        result.text = "\n".join(
            [
                *declared,
                *self.lines,
                f"define i32 @replay({PARAMETERS}) nounwind {{",
                *calls,
                f"  %held = call i32 @finish({GIVEN})",
                "  ret i32 %held",
                "}",
                "",
            ]
        )
        return result

    # ---- functions -------------------------------------------------------------------------------

    def _open(self) -> None:
        self.lines.append(f"define internal void @part{self.functions}({PARAMETERS}) nounwind {{")
        self.functions += 1
        self.length = 0
        self.local.clear()

    def _close(self) -> None:
        self.lines += ["  ret void", "}"]

    def _new(self) -> str:
        self.registers += 1
        return f"%r{self.registers}"

    def _kept(self) -> bytearray:
        """Return which slots must be in memory: those read by a loop, another function, or at the end."""
        program = self.program
        where_made = [-1] * (program.inputs + len(program.code))
        kept = bytearray(len(where_made))
        function = length = 0
        first, leaves = program.inputs, self.plan.leaves
        for shape, slots in self.bands:
            length += 30 if shape else 0
            for slot in slots:
                if not shape:
                    if length >= PIECE:
                        function, length = function + 1, 0
                    length += self._length(slot)
                where_made[slot] = function
                takes = self._is_take(slot)
                for k in leaves[slot]:
                    if k >= first and (shape or takes or where_made[k] != function):
                        kept[k] = 1
                if shape:
                    kept[slot] = 1
        for k in (*program.outputs, *(k for k, _ in program.guards)):
            if k >= first:
                kept[k] = 1
        return kept

    def _reserve(self, count: int, aligned: bool) -> int:
        """Return the place of `count` doubles in the buffer; loops fill whole vectors."""
        if aligned:
            self.room += -self.room % self.width
        start = self.room
        self.room += count + (-count % self.width if aligned else 0)
        return start

    def _place(self, k: int) -> int:
        return self.address[k] if k >= 0 else self.program.inputs + ~k

    def _pointer(self, place: int, base: str = "%b") -> str:
        if place == 0:
            return base
        name = self._new()
        self.lines.append(f"  {name} = getelementptr double, ptr {base}, i64 {place}")
        return name

    # ---- straight code ---------------------------------------------------------------------------

    def _value(self, k: int) -> str:
        """Return a register or a constant that holds an operand."""
        if k < 0:
            return number(self.program.constants[~k])
        if k not in self.local:
            base = self.base if k < self.program.inputs else "%b"
            pointer = self._pointer(self.address[k], base)
            self.lines.append(f"  %v{k} = load double, ptr {pointer}")
            self.local.add(k)
        return f"%v{k}"

    def _straight(self, slot: int) -> None:
        if self._is_take(slot):
            self._take(slot)
        else:
            values = iter([self._value(k) for k in self.plan.leaves[slot]])
            self._tree(f"%v{slot}", self.plan.number[slot], values, "double", "i1")
        self.local.add(slot)
        self.length += self._length(slot)
        if self.kept[slot]:
            self.address[slot] = self._reserve(1, aligned=False)
            self.lines.append(f"  store double %v{slot}, ptr {self._pointer(self.address[slot])}")

    def _is_take(self, slot: int) -> bool:
        return self.program.code[slot - self.program.inputs][0] in self.takes

    def _length(self, slot: int) -> int:
        """Return roughly how many instructions a result takes."""
        return 3 if self._is_take(slot) else len(self.plan.leaves[slot])

    def _take(self, slot: int) -> None:
        """Load the operand at the place that the first one gives, through a table of their places."""
        import numpy as np

        place, *values = self.plan.leaves[slot]
        places = tuple(map(self._place, values))
        if places not in self.known_tables:
            self.known_tables[places] = self.table_length
            self._table(np.array(places, np.int32))
        table, number = self._table_at(self.known_tables[places]), self._value(place)
        index, at, where, pointer = (self._new() for _ in range(4))
        self.lines += [
            f"  {index} = fptosi double {number} to i64",
            f"  {at} = getelementptr i32, ptr {table}, i64 {index}",
            f"  {where} = load i32, ptr {at}",
            f"  {pointer} = getelementptr double, ptr %b, i32 {where}",
            f"  %v{slot} = load double, ptr {pointer}",
        ]

    def _tree(self, result: str, shape: int, values: Iterator[str], t: str, bit: str) -> None:
        """Write a tree of instructions; `values` are its operands from left to right."""
        name, *parts = self.plan.shapes[shape]
        operands = []
        for part in parts:
            if part:
                operands.append(self._new())
                self._tree(operands[-1], part, values, t, bit)
            else:
                operands.append(next(values))
        self._compute(result, name, operands, t, bit)

    def _compute(self, result: str, name: str, operands: Sequence[str], t: str, bit: str) -> None:
        """Write one primitive on doubles, or on vectors of them."""
        vector = t != "double"
        one, zero = ("splat (double 1.0)", "zeroinitializer") if vector else ("1.0", "0.0")
        if name in ARITHMETIC:
            self.lines.append(f"  {result} = {ARITHMETIC[name].format(*operands, t=t)}")
        elif name in CHOICES:
            truth = self._new()
            parts = dict(t=t, b=bit, c=truth, one=one, zero=zero)
            compare, choose = CHOICES[name]
            self.lines.append(f"  {truth} = {compare.format(*operands, **parts)}")
            self.lines.append(f"  {result} = {choose.format(*operands, **parts)}")
        elif name in INTRINSICS:
            suffix = f"v{self.width}f64" if vector else "f64"
            self.lines.append(f"  {result} = call {t} @llvm.{INTRINSICS[name]}.{suffix}({t} {operands[0]})")
        else:
            self.result.called.add((name, len(operands)))
            arguments = ", ".join(f"double {x}" for x in operands)
            self.lines.append(f'  {result} = call double @"{symbol(name, len(operands))}"({arguments})')

    # ---- loops -----------------------------------------------------------------------------------

    def _loop(self, shape: int, slots: list[int]) -> None:
        """Write a band as a loop over its trees, in the order in which their operands lie."""
        import numpy as np

        plan = self.plan
        address = self.address
        at = self.program.inputs - 1
        places = np.array(
            [[address[k] if k >= 0 else at - k for k in plan.leaves[slot]] for slot in slots],
            dtype=np.int32,
        )
        order = np.lexsort(places.T[::-1])
        places = places[order].T
        start = self._reserve(len(slots), aligned=True)
        for i, j in enumerate(order.tolist(), start):
            address[slots[j]] = i
        step = self.width if plan.shapes[shape][0] in SPELLED else 1
        t, bit = (f"<{step} x double>", f"<{step} x i1>") if step > 1 else ("double", "i1")
        loop = self._new()[1:]
        index, following, done = self._new(), self._new(), self._new()
        splats = {j: self._splat(int(c[0]), t) for j, c in enumerate(places) if (c == c[0]).all()}
        self.lines += [
            f"  br label %before.{loop}",
            f"before.{loop}:",
            f"  br label %body.{loop}",
            f"body.{loop}:",
            f"  {index} = phi i64 [0, %before.{loop}], [{following}, %body.{loop}]",
        ]
        operands = [
            splats[j] if j in splats else self._column(column, index, t, step)
            for j, column in enumerate(places)
        ]
        result, place = self._new(), self._new()
        self._tree(result, shape, iter(operands), t, bit)
        self.lines += [
            f"  {place} = getelementptr double, ptr {self._pointer(start)}, i64 {index}",
            f"  store {t} {result}, ptr {place}, align 8",
            f"  {following} = add nuw nsw i64 {index}, {step}",
            f"  {done} = icmp uge i64 {following}, {len(slots)}",
            f"  br i1 {done}, label %after.{loop}, label %body.{loop}",
            f"after.{loop}:",
        ]
        self.length += 30

    def _sum(self, slot: int) -> None:
        """Write a long sum as a loop that adds one term after another."""
        import numpy as np

        head, *terms = [self._place(k) for k in self.plan.leaves[slot]]
        start = self._reserve(1, aligned=False)
        self.address[slot] = start
        loop = self._new()[1:]
        index, following, done = self._new(), self._new(), self._new()
        total, result, initial = self._new(), self._new(), self._splat(head, "double")
        self.lines += [
            f"  br label %before.{loop}",
            f"before.{loop}:",
            f"  br label %body.{loop}",
            f"body.{loop}:",
            f"  {index} = phi i64 [0, %before.{loop}], [{following}, %body.{loop}]",
            f"  {total} = phi double [{initial}, %before.{loop}], [{result}, %body.{loop}]",
        ]
        term = self._column(np.array(terms, dtype=np.int32), index, "double", 1)
        self.lines += [
            f"  {result} = fadd double {total}, {term}",
            f"  {following} = add nuw nsw i64 {index}, 1",
            f"  {done} = icmp uge i64 {following}, {len(terms)}",
            f"  br i1 {done}, label %after.{loop}, label %body.{loop}",
            f"after.{loop}:",
            f"  store double {result}, ptr {self._pointer(start)}",
        ]
        self.length += 30

    def _splat(self, place: int, t: str) -> str:
        x = self._new()
        self.lines.append(f"  {x} = load double, ptr {self._pointer(place)}")
        if t == "double":
            return x
        one, all_ = self._new(), self._new()
        self.lines += [
            f"  {one} = insertelement {t} poison, double {x}, i64 0",
            f"  {all_} = shufflevector {t} {one}, {t} poison, <{self.width} x i32> zeroinitializer",
        ]
        return all_

    def _column(self, places: Any, index: str, t: str, step: int) -> str:
        """Load the operands of one iteration of a loop: neighbours, or at the places in a table."""
        x, pointer = self._new(), self._new()
        if (places[1:] == places[:-1] + 1).all():
            self.lines += [
                f"  {pointer} = getelementptr double, ptr {self._pointer(int(places[0]))}, i64 {index}",
                f"  {x} = load {t}, ptr {pointer}, align 8",
            ]
            return x
        table, at = self._table(places), self._new()
        self.lines.append(f"  {at} = getelementptr i32, ptr {table}, i64 {index}")
        where = self._new()
        if step == 1:
            self.lines += [
                f"  {where} = load i32, ptr {at}",
                f"  {pointer} = getelementptr double, ptr %b, i32 {where}",
                f"  {x} = load double, ptr {pointer}",
            ]
            return x
        w = self.width
        self.lines += [
            f"  {where} = load <{w} x i32>, ptr {at}, align 4",
            f"  {pointer} = getelementptr double, ptr %b, <{w} x i32> {where}",
            f"  {x} = call {t} @llvm.masked.gather.v{w}f64.v{w}p0(<{w} x ptr> {pointer}, i32 8, "
            f"<{w} x i1> splat (i1 true), {t} poison)",
        ]
        return x

    def _table(self, places: Any) -> str:
        """Return a pointer to a table of these integers, padded to whole vectors."""
        import numpy as np

        start = self.table_length
        padded = np.pad(places, (0, -len(places) % 16), mode="edge")
        self.tables.append(padded)
        self.table_length += len(padded)
        return self._table_at(start)

    def _table_at(self, start: int) -> str:
        name = self._new()
        self.lines.append(f"  {name} = getelementptr i32, ptr %t, i64 {start}")
        return name

    def _joined_tables(self) -> Any:
        import numpy as np

        return (
            np.concatenate([np.zeros(16, np.int32), *self.tables])
            if self.tables
            else np.zeros(16, np.int32)
        )

    # ---- the ends --------------------------------------------------------------------------------

    def _copy(self, target: str, source: str, count: int) -> None:
        self.lines.append(
            f"  call void @llvm.memcpy.p0.p0.i64(ptr align 8 {target}, ptr align 8 {source}, "
            f"i64 {8 * count}, i1 false)"
        )

    def _finish(self) -> None:
        """Write the outputs, neighbours in one copy, and whether the guards hold."""
        self._close()
        self.lines.append(f"define internal i32 @finish({PARAMETERS}) nounwind {{")
        self.local.clear()
        outputs = self.program.outputs
        k = 0
        scattered: list[int] = []
        while k < len(outputs):
            run = 1
            here = self._place(outputs[k])
            while k + run < len(outputs) and self._place(outputs[k + run]) == here + run:
                run += 1
            if run >= WIDE and self.in_buffer:
                self._copy(self._pointer(k, "%out"), self._pointer(here), run)
            else:
                scattered += range(k, k + run)
            k += run
        if len(scattered) <= 64:
            for i in scattered:
                x = self._value(outputs[i])
                self.lines.append(f"  store double {x}, ptr {self._pointer(i, '%out')}")
        else:
            self._scatter(scattered)
        self.lines.append(f"  ret i32 {self._held()}")
        self.lines.append("}")

    def _scatter(self, positions: list[int]) -> None:
        """Copy outputs one by one through two tables."""
        base = "%b"
        outputs = self.program.outputs
        import numpy as np

        source = self._table(np.array([self._place(outputs[i]) for i in positions], dtype=np.int32))
        target = self._table(np.array(positions, dtype=np.int32))
        inputs = [i for i in positions if 0 <= outputs[i] < self.program.inputs]
        if inputs and not self.in_buffer:
            self._copy("%b", "%in", self.program.inputs)
        self.lines += [
            "  br label %copy",
            "copy:",
            "  %i = phi i64 [0, %0], [%next, %copy]",
            f"  %from = getelementptr i32, ptr {source}, i64 %i",
            f"  %to = getelementptr i32, ptr {target}, i64 %i",
            "  %f = load i32, ptr %from",
            "  %u = load i32, ptr %to",
            f"  %fp = getelementptr double, ptr {base}, i32 %f",
            "  %tp = getelementptr double, ptr %out, i32 %u",
            "  %x = load double, ptr %fp",
            "  store double %x, ptr %tp",
            "  %next = add nuw nsw i64 %i, 1",
            f"  %more = icmp ult i64 %next, {len(positions)}",
            "  br i1 %more, label %copy, label %copied",
            "copied:",
        ]

    def _held(self) -> str:
        """Return a register that is 1 if every guard holds."""
        held = ""
        for k, expected in self.program.guards:
            holds, both = self._new(), self._new()
            relation = "une" if expected else "oeq"
            self.lines.append(f"  {holds} = fcmp {relation} double {self._value(k)}, 0.0")
            if held:
                self.lines.append(f"  {both} = and i1 {held}, {holds}")
            held = both if held else holds
        if not held:
            return "1"
        result = self._new()
        self.lines.append(f"  {result} = zext i1 {held} to i32")
        return result
