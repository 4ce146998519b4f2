"""Write a rolled program as LLVM's text: vector loops over iterations, ordered sums and recurrences.

Results that other stages read are columns of a buffer, one number for each iteration. A parallel stage
computes as many iterations at once as a vector has lanes; its last vector reaches past the end, into room
that is never read. A recurrence goes one iteration at a time, what its units do alike in lanes (`packs`).
Sums are added in order: their terms are transposed, so that several sums lie in the lanes of one vector,
and added iteration after iteration.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any, Final

import numpy as np

from autograd_mini.compiler.backends.llvm import processor
from autograd_mini.compiler.backends.llvm.jit import LIBRARY, symbol
from autograd_mini.compiler.backends.llvm.point_code import (
    ARITHMETIC,
    CHOICES,
    INTRINSICS,
    SPELLED,
    Text,
    number,
)
from autograd_mini.compiler.bodies import (
    PRODUCT,
    TERMS,
    Before,
    Carried,
    Each,
    Every,
    Here,
    Inner,
    Item,
    Local,
    Number,
    Operand,
    Same,
    Table,
    key_of,
)
from autograd_mini.compiler.loops import ABSENT
from autograd_mini.compiler.packs import packed
from autograd_mini.compiler.program import definition
from autograd_mini.compiler.rolling import Loop, Rolled, Stage
from autograd_mini.engine.table import Primitive
from autograd_mini.special.by_scipy import BySciPy

__all__ = ["calls_python", "loop_code"]

PIECE: Final = 400
"""Straight instructions in a function."""

PARAMETERS: Final = "ptr noalias %out, ptr noalias %b, ptr noalias %r, ptr noalias %t"
"""The outputs, the buffer as it is written and as it is read, and the tables. What a function writes to the
buffer, it reads through `%b` alone."""

REGISTERS: Final = 8
"""Up to so many operands are read once, before an inner loop; more are read in it."""

FEW: Final = 24
"""Up to so many copies, or guards, are written out; more are a loop over tables."""


def calls_python(op: Primitive, count: int) -> bool:
    """Whether machine code calls a Python function for a primitive of `count` operands."""
    if op.name in SPELLED or op.name in LIBRARY or isinstance(op, BySciPy):
        return False
    if op.definition is None:
        return True
    body = definition(op, count)
    return any(calls_python(body.table[name], len(operands)) for name, *operands in body.code)


def loop_code(rolled: Rolled, width: int) -> Text:
    """Return the program as LLVM functions, with vectors of `width` doubles in its loops."""
    return _Writer(rolled, width).text()


class _Body:
    """Instructions on vectors of `lanes` doubles, or on doubles; equal ones once."""

    def __init__(self, writer: _Writer, lanes: int) -> None:
        self.writer = writer
        self.resize(lanes)
        self.lines: list[str] = []
        self.head: list[str] = []
        self.block = "body"  # the label of the current block
        self._written: dict[tuple[str, bool], str] = {}

    def resize(self, lanes: int) -> None:
        """Let the instructions that follow be of so many lanes."""
        self.lanes = lanes
        self.type = f"<{lanes} x double>" if lanes > 1 else "double"
        self.bit = f"<{lanes} x i1>" if lanes > 1 else "i1"

    def put(self, text: str, *, head: bool = False) -> str:
        """Return the register of an instruction's result; `head` puts it before the loop."""
        key = text, head
        if key not in self._written:
            name = self._written[key] = self.writer.register()
            (self.head if head else self.lines).append(f"  {name} = {text}")
        return self._written[key]

    def number(self, x: float) -> str:
        """Return the same number in all lanes."""
        return number(x) if self.lanes == 1 else f"splat (double {number(x)})"

    def at(self, place: Any, base: str, *, head: bool = False) -> str:
        """Return a pointer to a double of a buffer."""
        return self.put(f"getelementptr double, ptr {base}, i64 {place}", head=head)

    def load(self, place: Any, base: str = "%r", *, head: bool = False) -> str:
        """Return the double at a place."""
        return self.put(f"load double, ptr {self.at(place, base, head=head)}, align 8", head=head)

    def store(self, x: str, kind: str, place: Any, base: str = "%b") -> None:
        """Write a double, or a vector, to a place."""
        self.lines.append(f"  store {kind} {x}, ptr {self.at(place, base)}, align 8")

    def splat(self, x: str, *, head: bool = False) -> str:
        """Return a double in all lanes."""
        if self.lanes == 1:
            return x
        one = self.put(f"insertelement {self.type} poison, double {x}, i64 0", head=head)
        zeros = f"<{self.lanes} x i32> zeroinitializer"
        return self.put(f"shufflevector {self.type} {one}, {self.type} poison, {zeros}", head=head)

    def shuffle(self, kind: str, x: str, y: str, lanes: Sequence[int]) -> str:
        """Return lanes of two vectors; the numbers of the second's follow the first's."""
        mask = ", ".join(f"i32 {k}" for k in lanes)
        return self.put(f"shufflevector {kind} {x}, {kind} {y}, <{len(lanes)} x i32> <{mask}>")

    def apply(self, name: str, op: Any, x: Sequence[str]) -> str:
        """Return the result of a primitive that is called `name` in the program."""
        t = self.type
        one, zero = self.number(1.0), self.number(0.0)
        if name in ARITHMETIC:
            if name in ("mul", "div", "pow") and x[1] == one:
                return x[0]
            if name == "add" and x[0] == self.number(-0.0):
                return x[1]
            return self.put(ARITHMETIC[name].format(*x, t=t))
        if name == "step":
            above = self.put(f"fcmp ogt {t} {x[0]}, {zero}")
            below = self.put(f"fcmp ole {t} {x[0]}, {zero}")
            rest = self.put(f"select {self.bit} {below}, {t} {zero}, {t} {x[0]}")
            return self.put(f"select {self.bit} {above}, {t} {one}, {t} {rest}")
        if name in CHOICES:
            parts = dict(t=t, b=self.bit, one=one, zero=zero)
            compare, choose = CHOICES[name]
            truth = self.put(compare.format(*x, **parts))
            return self.put(choose.format(*x, c=truth, **parts))
        if name in INTRINSICS:
            suffix = f"v{self.lanes}f64" if self.lanes > 1 else "f64"
            return self.put(f"call {t} @llvm.{INTRINSICS[name]}.{suffix}({t} {x[0]})")
        if name not in LIBRARY and op.definition is not None:
            body = definition(op, len(x))
            values = list(x)
            get: Callable[[int], str] = lambda k: values[k] if k >= 0 else self.number(body.constants[~k])  # noqa: E731
            for code in body.code:
                values.append(self.apply(code[0], body.table[code[0]], [get(k) for k in code[1:]]))
            return get(body.outputs[0])
        self.writer.called.add((name, len(x)))
        if name == "pow" and x[1] == self.number(2.0) and self.writer.squares:
            return self._square(x[0])
        function = f'@"{symbol(name, len(x))}"'
        if self.lanes == 1:
            return self.put(f"call double {function}({', '.join(f'double {y}' for y in x)})")
        result = "poison"
        for lane in range(self.lanes):
            parts_ = [self.put(f"extractelement {t} {y}, i64 {lane}") for y in x]
            y = self.put(f"call double {function}({', '.join(f'double {z}' for z in parts_)})")
            result = self.put(f"insertelement {t} {result}, double {y}, i64 {lane}")
        return result

    def _square(self, x: str) -> str:
        """Return the C library's pow(x, 2), and call it only if the result is in doubt.

        Its error is below 0.54 ULP. So where x · x is nearer than 0.45 ULP to a double, it is that one. (An
        ULP is the same on both sides: only an exact square rounds to a power of two.)
        """
        key = f"square {x}", False
        if key in self._written:
            return self._written[key]
        t, n = self.type, self.lanes
        suffix, ints = (f"v{n}f64", f"<{n} x i64>") if n > 1 else ("f64", "i64")
        exponent = f"splat (i64 {0x7FF << 52})" if n > 1 else str(0x7FF << 52)
        square = self.put(f"fmul {t} {x}, {x}")
        negative = self.put(f"fneg {t} {square}")
        rest = self.put(f"call {t} @llvm.fma.{suffix}({t} {x}, {t} {x}, {t} {negative})")
        rest = self.put(f"call {t} @llvm.fabs.{suffix}({t} {rest})")
        bits = self.put(f"and {ints} {self.put(f'bitcast {t} {square} to {ints}')}, {exponent}")
        power = self.put(f"bitcast {ints} {bits} to {t}")
        limit = self.put(f"fmul {t} {power}, {self.number(0.45 * 2.0**-52)}")
        near = self.put(f"fcmp olt {t} {rest}, {limit}")
        exact = self.put(f"fcmp ogt {t} {square}, {self.number(2.0**-960)}")  # no denormal rest
        sure = self.put(f"and {self.bit} {near}, {exact}")
        every = sure
        if n > 1:
            sure = self.put(f"bitcast {self.bit} {sure} to i{n}")
            every = self.put(f"icmp eq i{n} {sure}, -1")
        called, result = self.writer.register(), self.writer.register()
        name = result[1:]
        kind = f"i{n}" if n > 1 else "i1"
        self.lines += [
            f"  br label %test.{name}",
            f"test.{name}:",
            f"  br i1 {every}, label %square.{name}, label %call.{name}",
            f"call.{name}:",
            f"  {called} = call {t} @{self.writer.squares_of(n)}({t} {x}, {t} {square}, {kind} {sure})",
            f"  br label %square.{name}",
            f"square.{name}:",
            f"  {result} = phi {t} [{square}, %test.{name}], [{called}, %call.{name}]",
        ]
        self.block = f"square.{name}"
        self._written[key] = result
        return result


class _Writer:
    def __init__(self, rolled: Rolled, width: int) -> None:
        self.rolled, self.width = rolled, width
        self.called: set[tuple[str, int]] = set()
        self.squares = processor.host().fma and _is_glibc()
        self.functions: list[str] = []
        self.calls: list[str] = []
        self.image: list[tuple[int, Any]] = []
        self.column: dict[int, int] = {}  # places of columns, by their results in the first iteration
        self._registers = 0
        self._tables: list[Any] = []
        self._table_length = 0
        self._numbers: dict[bytes, int] = {}
        first = rolled.first
        self.room = first + -first % 8 + 8
        self.place_of = np.full(first + len(rolled.opcodes), -1, np.int64)
        self.place_of[:first] = np.arange(first)

    def text(self) -> Text:
        rolled = self.rolled
        for loop in rolled.loops:
            for j in loop.columns:
                self.column[loop.base + j] = self.reserve(8) + 8  # room for the iterations before the first
                self.reserve(loop.run.times + 32)
        parts = rolled.parts
        for k, part in enumerate(parts):
            if isinstance(part, Loop):
                self._loop(part)
                continue
            near = [p for p in parts[max(0, k - 1) : k + 2] if isinstance(p, Loop)]
            for start in range(0, len(part), PIECE):
                self._straight(part[start : start + PIECE], near)
        self._copies([(i, self.place(k)) for i, k in enumerate(rolled.results)], "%out")
        held = self._held()
        main = [
            "define i32 @replay(ptr %in, ptr %out, ptr %b, ptr %t) nounwind {",
            f"  call void @llvm.memcpy.p0.p0.i64(ptr %b, ptr %in, i64 {8 * rolled.first}, i1 false)",
            *(f"  call void @{name}(ptr %out, ptr %b, ptr %b, ptr %t)" for name in self.calls),
            f"  %held = call i32 @{held}(ptr %out, ptr %b, ptr %b, ptr %t)",
            "  ret i32 %held",
            "}",
            "",
        ]
        declared = [
            f'declare double @"{symbol(name, count)}"({", ".join(["double"] * count)}) nounwind'
            for name, count in sorted(self.called)
        ]
        result = Text()
        result.text = "\n".join([*declared, *self.functions, *main])
        result.called, result.size, result.image = self.called, self.room + 64, self.image
        result.tables = np.concatenate([*self._tables, np.zeros(16, np.int32)])
        return result

    # ---- names, memory, functions ----------------------------------------------------------------

    def register(self) -> str:
        self._registers += 1
        return f"%x{self._registers}"

    def reserve(self, count: int, align: int = 8) -> int:
        self.room += -self.room % align
        at = self.room
        self.room += count
        return at

    def place(self, k: int) -> int:
        """Return the place of an operand in the buffer; numbers are there too."""
        if k >= 0:
            return int(self.place_of[k])
        return self.place_of_number(float(self.rolled.numbers[~k]))

    def place_of_number(self, x: float) -> int:
        """Return the place of a number in the buffer."""
        key = struct.pack("d", x)
        if key not in self._numbers:
            at = self._numbers[key] = self.reserve(1, 1)
            self.image.append((at, np.array([x])))
        return self._numbers[key]

    def places(self, slots: Any) -> Any:
        """Return the places of a column of operands; numbers alone lie one after another."""
        found = np.empty(len(slots), np.int64)
        constant = slots < 0
        found[~constant] = self.place_of[slots[~constant]]
        numbers = self.rolled.numbers[~slots[constant]]
        if constant.all():
            return self.places_of_numbers(numbers)
        found[constant] = [self.place_of_number(x) for x in numbers.tolist()]
        return found

    def places_of(self, operands: Sequence[Operand]) -> Any:
        """Return the places of numbers and slots."""
        numbers = [x.x for x in operands if isinstance(x, Number)]
        if len(numbers) == len(operands):
            return self.places_of_numbers(np.array(numbers))
        return np.array(
            [
                self.place_of_number(x.x) if isinstance(x, Number) else self.place(x.slot)
                for x in operands
                if isinstance(x, Number | Same)
            ]
        )

    def places_of_numbers(self, numbers: Any) -> Any:
        """Return the places of numbers in the buffer, one after another."""
        at = self.reserve(len(numbers) + 32)
        self.image.append((at, numbers))
        return at + np.arange(len(numbers))

    def table(self, places: Any) -> int:
        """Return the place of a table of these places; the last one is repeated past the end."""
        at = self._table_length
        padded = np.pad(places, (0, 32), mode="edge").astype(np.int32)
        self._tables.append(padded)
        self._table_length += len(padded)
        return at

    def _function(self, lines: Sequence[str], result: str = "void") -> str:
        name = f"part{len(self.functions)}"
        self.functions.append(
            "\n".join([f"define internal {result} @{name}({PARAMETERS}) nounwind {{", *lines, "}"])
        )
        return name

    def squares_of(self, lanes: int) -> str:
        """Return the name of the function that replaces squares in doubt by the C library's."""
        name, kind = f"squares{lanes}", f"<{lanes} x double>"
        power = f'@"{symbol("pow", 2)}"'
        if not any(f"@{name}(" in text.split("\n", 1)[0] for text in self.functions):
            lines = [
                f"define internal double @{name}(double %x, double, i1) nounwind {{",
                f"  %p = call double {power}(double %x, double 2.0)",
                "  ret double %p",
            ]
            if lanes > 1:
                bits = f"i{lanes}"
                lines = [
                    f"define internal {kind} @{name}({kind} %x, {kind} %y, {bits} %sure) nounwind {{",
                    f"  %doubtful = xor {bits} %sure, -1",
                    "  br label %body",
                    "body:",
                    f"  %left = phi {bits} [%doubtful, %0], [%rest, %body]",
                    f"  %result = phi {kind} [%y, %0], [%next, %body]",
                    f"  %lane = call {bits} @llvm.cttz.{bits}({bits} %left, i1 true)",
                    f"  %one = extractelement {kind} %x, {bits} %lane",
                    f"  %p = call double {power}(double %one, double 2.0)",
                    f"  %next = insertelement {kind} %result, double %p, {bits} %lane",
                    f"  %below = sub {bits} %left, 1",
                    f"  %rest = and {bits} %left, %below",
                    f"  %more = icmp ne {bits} %rest, 0",
                    "  br i1 %more, label %body, label %end",
                    "end:",
                    f"  ret {kind} %next",
                ]
            self.functions.append("\n".join([*lines, "}"]))
        return name

    def _call(self, lines: Sequence[str]) -> None:
        self.calls.append(self._function([*lines, "  ret void"]))

    def _copies(self, pairs: Sequence[tuple[int, int]], target: str = "%b") -> None:
        """Copy doubles: each of `pairs` is a target and a source."""
        if not pairs:
            return
        to, source = (np.array(x) for x in zip(*sorted(pairs), strict=True))
        cuts = np.flatnonzero((np.diff(to) != 1) | (np.diff(source) != 1)) + 1
        starts = [0, *cuts.tolist(), len(to)]
        body = _Body(self, 1)
        if len(starts) <= FEW:
            for a, end in pairwise(starts):
                pointers = f"ptr {body.at(to[a], target)}, ptr {body.at(source[a], '%r')}"
                body.lines.append(
                    f"  call void @llvm.memcpy.p0.p0.i64({pointers}, i64 {8 * (end - a)}, i1 false)"
                )
            self._call(body.lines)
            return
        where, whence = (self._entry(body, self.table(places), "i32") for places in (to, source))
        x = body.put(f"load double, ptr {body.put(f'getelementptr double, ptr %r, i32 {whence}')}")
        pointer = body.put(f"getelementptr double, ptr {target}, i32 {where}")
        body.lines.append(f"  store double {x}, ptr {pointer}")
        self._call(_looped(body, [], len(to), 1))

    def _entry(self, body: _Body, table: int, kind: str, index: str = "%i") -> str:
        """Return the entry of a table for an iteration, or the entries for those in the lanes."""
        pointer = body.put(f"getelementptr i32, ptr %t, i64 {index}")
        pointer = body.put(f"getelementptr i32, ptr {pointer}, i64 {table}")
        return body.put(f"load {kind}, ptr {pointer}, align 4")

    def _held(self) -> str:
        """Write the function that says whether all guards hold."""
        guards = self.rolled.conditions
        body = _Body(self, 1)
        if len(guards) <= FEW:
            held = "true"
            for k, expected in guards:
                relation = "une" if expected else "oeq"
                holds = body.put(f"fcmp {relation} double {body.load(self.place(k))}, 0.0")
                held = body.put(f"and i1 {held}, {holds}")
            result = body.put(f"zext i1 {held} to i32")
            return self._function([*body.lines, f"  ret i32 {result}"], "i32")
        where = self.table(np.array([self.place(k) for k, _ in guards]))
        wanted = self.table(np.array([int(expected) for _, expected in guards]))
        place, want = (self._entry(body, table, "i32") for table in (where, wanted))
        x = body.put(f"load double, ptr {body.put(f'getelementptr double, ptr %r, i32 {place}')}")
        truth = body.put(f"zext i1 {body.put(f'fcmp une double {x}, 0.0')} to i32")
        differs = body.put(f"xor i32 {truth}, {want}")
        body.lines.append(f"  %failed.next = or i32 %failed, {differs}")
        phi = "  %failed = phi i32 [0, %entry], [%failed.next, %body]"
        lines = _looped(body, [phi], len(guards), 1)
        lines += ["  %held = icmp eq i32 %failed.next, 0", "  %result = zext i1 %held to i32"]
        return self._function([*lines, "  ret i32 %result"], "i32")

    # ---- straight code ---------------------------------------------------------------------------

    def _straight(self, part: Sequence[int], near: Sequence[Loop]) -> None:
        rolled = self.rolled
        body = _Body(self, 1)
        values: dict[int, str] = {}
        for i in part:
            name, given = rolled.names[rolled.opcodes[i]], []
            for k in rolled.operands[:, i].tolist():
                if k == ABSENT:
                    break
                if k < 0:
                    given.append(number(float(rolled.numbers[~k])))
                else:
                    given.append(values[k] if k in values else body.load(self.place(k)))
            slot = rolled.first + i
            values[slot] = body.apply(name, rolled.table[name], given)
            if rolled.kept[slot] or len(part) == PIECE:  # later pieces may read it
                at = self._beside(slot, name, near)
                self.place_of[slot] = at if at is not None else self.reserve(1, 1)
                body.store(values[slot], "double", self.place_of[slot])
        self._call(body.lines)

    def _beside(self, slot: int, name: str, near: Sequence[Loop]) -> int | None:
        """Return the place beside a loop's column, for an iteration that differs from the others."""
        for loop in near:
            t, j = divmod(slot - loop.base, loop.run.period)
            free = t == loop.run.times or (t == -1 and j not in loop.prefix)
            if free and loop.base + j in self.column and loop.names[j] == name:
                return self.column[loop.base + j] + t
        return None

    # ---- loops -----------------------------------------------------------------------------------

    def _loop(self, loop: Loop) -> None:
        count, period = loop.run.times, loop.run.period
        table = self.rolled.table
        if loop.fixed:
            body = _Body(self, 1)
            values: dict[int, str] = {}
            for j in loop.fixed:
                given = [
                    number(x.x)
                    if isinstance(x, Number)
                    else values[x.slot]
                    if isinstance(x, Same) and x.slot in values
                    else body.load(self.place(x.slot))  # type: ignore[union-attr]
                    for x in loop.operands[j]
                ]
                values[loop.base + j] = x = body.apply(loop.names[j], table[loop.names[j]], given)
                at = self.reserve(1, 1)
                self.place_of[loop.base + j : loop.base + period * count : period] = at
                body.store(x, "double", at)
            self._call(body.lines)
        before = []
        for j in loop.columns:
            at = self.column[loop.base + j]
            self.place_of[loop.base + j : loop.base + period * count : period] = at + np.arange(count)
            before += [(at + d, self.place(k)) for d, k in loop.prefix.get(j, {}).items()]
        self._copies(before)
        for stage in loop.stages:
            _Stage(self, loop, stage).write()


def _is_glibc() -> bool:
    """Whether the error of the C library's `pow` is known: glibc, 2.28 or newer."""
    try:
        name, version = (os.confstr("CS_GNU_LIBC_VERSION") or "").split()
    except (AttributeError, OSError, ValueError):
        return False
    return name == "glibc" and tuple(map(int, version.split(".")[:2])) >= (2, 28)


def _looped(body: _Body, phis: Sequence[str], count: int, step: int) -> list[str]:
    """Return the lines of a loop over `count` iterations, `step` at a time."""
    return [
        "entry:",
        *body.head,
        "  br label %body",
        "body:",
        f"  %i = phi i64 [0, %entry], [%next, %{body.block}]",
        *phis,
        *body.lines,
        f"  %next = add nuw nsw i64 %i, {step}",
        f"  %more = icmp ult i64 %next, {count}",
        "  br i1 %more, label %body, label %end",
        "end:",
    ]


class _Group:
    """Sums in the lanes of one vector: numbers of items, with their operands.

    If products have a `factor` in common, an item's operand is the other one. `places` are those of the
    running totals and of the final ones.
    """

    def __init__(self, factor: Any, *, product: bool) -> None:
        self.factor, self.product = factor, product
        self.items: list[int] = []
        self.operands: list[Sequence[Any]] = []
        self.places = 0, 0


class _Stage:
    """One loop over the iterations, with its inner loops."""

    def __init__(self, writer: _Writer, loop: Loop, stage: Stage) -> None:
        self.writer, self.loop, self.stage = writer, loop, stage
        self.width = writer.width
        self.lanes = 1 if stage.sequential else writer.width
        self.body = _Body(writer, self.lanes)
        self.values: dict[int, str] = {}
        self.vectors: dict[int, int] = {}  # places of vectors in memory, by position
        self.phis: dict[tuple[int, int], str] = {}
        self.before: list[tuple[int, int]] = []  # copies to make before the loop
        self.ends: list[tuple[int, int]] = []  # places of the ends of sums
        self.rest = loop.run.times % self.lanes  # lanes of the last vector that count
        self.other_vectors: dict[Any, int] = {}  # places of the vectors of other operands
        self.sums: list[tuple[str, str, str]] = []  # phis of sums: kind and names, start and next
        self.after: list[tuple[str, str, int]] = []  # ends of sums, to be written after the loop
        self.inner_loops = 0
        self.pack_of: dict[int, tuple[int, ...]] = {}
        self.packed: dict[tuple[int, ...], str] = {}
        self.starts: dict[tuple[tuple[int, ...], tuple[int, ...]], str] = {}  # phis of packs
        self.ready: dict[tuple[int, ...], int] = {}  # of places, where their doubles lie side by side

    def write(self) -> None:
        loop, body = self.loop, self.body
        straight = [part for part in self.stage.parts if isinstance(part, Item)]
        self.items = {item.position: item for item in straight}
        groups, _ = self._groups(
            straight, [item.operands for item in straight], [[x] for x in straight], inner=False
        )
        last = {straight[group.items[-1]].position: group for group in groups}
        parts = self._in_packs(straight) or self.stage.parts
        for part in parts:
            if isinstance(part, Inner):
                self._inner(part)
            elif part.position in last:
                self._add(last[part.position], self.value)
            elif part.position in self.pack_of:
                self._compute_pack(self.pack_of[part.position])
            elif part.name not in (TERMS, PRODUCT) and part.position not in self.values:
                self._compute(part.position)
        phis = [f"{phi} [{x}, %entry], [{y}, %{body.block}]" for phi, x, y in self.sums]
        for (unit, initial), name in self.starts.items():
            kind = f"<{len(unit)} x double>"
            x = self._ready([self.writer.place(k) for k in initial], head=True)
            phis.append(f"  {name} = phi {kind} [{x}, %entry], [{self.packed[unit]}, %{body.block}]")
        for (q, k), name in self.phis.items():
            if q not in self.values:
                self._compute(q)
            x = body.load(self.writer.place(k), head=True)
            if self.lanes > 1:
                x = body.put(
                    f"insertelement {body.type} poison, double {x}, i64 {self.lanes - 1}", head=True
                )
            phis.append(f"  {name} = phi {body.type} [{x}, %entry], [{self.values[q]}, %{body.block}]")
        self.writer._copies(self.before)
        end = _Body(self.writer, 1)
        for x, kind, at in self.after:
            end.store(x, kind, at)
        self.writer._call([*_looped(body, phis, loop.run.times, self.lanes), *end.lines])
        last_iteration = loop.base + (loop.run.times - 1) * loop.run.period
        for q, at in self.ends:
            self.writer.place_of[last_iteration + q] = at

    # ---- operands --------------------------------------------------------------------------------

    def value(self, x: Operand) -> str:
        """Return an operand of the iterations in the lanes."""
        loop, body, writer = self.loop, self.body, self.writer
        if isinstance(x, Number):
            return body.number(x.x)
        if isinstance(x, Same):
            return body.splat(body.load(writer.place(x.slot), head=self.lanes == 1))
        if isinstance(x, Here) and loop.stage[x.position] == self.stage.key:
            if x.position in self.vectors:
                return self._vector(body.at(self.vectors[x.position], "%b"))
            if x.position not in self.values:
                self._compute(x.position)
            return self.values[x.position]
        if isinstance(x, Carried) and self._in_register(x):
            key = x.position, x.initial[0]
            if key not in self.phis:
                self.phis[key] = writer.register()
            if self.lanes == 1:
                return self.phis[key]
            if x.position not in self.values:
                self._compute(x.position)
            shifted = range(self.lanes - 1, 2 * self.lanes - 1)
            return body.shuffle(body.type, self.phis[key], self.values[x.position], shifted)
        if isinstance(x, Table):
            return self._gather(writer.places(x.slots), self._base([x]))
        return self._vector(body.at(self._column(x), self._here(self._base([x]))))

    def _in_register(self, x: Carried) -> bool:
        """Whether the iteration before leaves this operand in a register."""
        own = self.loop.stage[x.position] == self.stage.key
        return own and x.distance == 1 and (x.position in self.items or self.lanes > 1)

    def _column(self, x: Operand) -> int:
        """Return the place of the first iteration's operand; that of the next is beside it."""
        assert isinstance(x, Here | Carried)
        distance = x.distance if isinstance(x, Carried) else 0
        return self.writer.column[self.loop.base + x.position] - distance

    def _base(self, operands: Sequence[Operand]) -> str:
        """Return the pointer by which columns are read: `%b` if this stage writes them."""
        for x in operands:
            positions = x.positions if isinstance(x, Table) else (x.position,)  # type: ignore[union-attr]
            if any(self.loop.stage[q] == self.stage.key for q in positions):
                return "%b"
        return "%r"

    def _compute(self, j: int) -> None:
        if j in self.pack_of:
            unit = self.pack_of[j]
            vector = f"<{len(unit)} x double> {self.packed[unit]}"
            self.values[j] = self.body.put(f"extractelement {vector}, i64 {unit.index(j)}")
            return
        item = self.items[j]
        self.values[j] = self._apply(item, [self.value(x) for x in item.operands])
        if self.loop.base + j in self.writer.column:
            self.body.store(
                self.values[j], self.body.type, self.writer.column[self.loop.base + j], self._here("%b")
            )

    def _apply(self, item: Item, given: Sequence[str]) -> str:
        return self.body.apply(item.name, self.writer.rolled.table[item.name], given)

    def _here(self, base: str) -> str:
        return self.body.put(f"getelementptr double, ptr {base}, i64 %i")

    def _vector(self, pointer: str) -> str:
        """Return the vector that a pointer points to."""
        return self.body.put(f"load {self.body.type}, ptr {pointer}, align 8")

    def _gather(self, places: Any, base: str) -> str:
        body, lanes = self.body, self.lanes
        steps = np.diff(places)
        if (steps == 1).all():
            return self._vector(body.at(int(places[0]), self._here(base)))
        if lanes == 1 and (steps == steps[0]).all():
            pointer = body.at(body.put(f"mul nsw i64 %i, {steps[0]}"), base)
            return body.load(places[0], pointer)
        if (steps == -1).all():
            pointer = body.at(body.put("sub nsw i64 0, %i"), base)
            x = self._vector(body.at(places[0] - lanes + 1, pointer))
            return body.shuffle(body.type, x, "poison", range(lanes)[::-1])
        return self._scattered(self.writer.table(places), base)

    def _scattered(self, table: int, base: str, index: str = "%i") -> str:
        """Return the vector of the doubles at the places in a table."""
        body, lanes = self.body, self.lanes
        kind = "i32" if lanes == 1 else f"<{lanes} x i32>"
        at = self.writer._entry(body, table, kind, index)
        pointer = body.put(f"getelementptr double, ptr {base}, {kind} {at}")
        if lanes == 1:
            return self._vector(pointer)
        return body.put(
            f"call {body.type} @llvm.masked.gather.v{lanes}f64.v{lanes}p0(<{lanes} x ptr> {pointer}, "
            f"i32 8, {body.bit} splat (i1 true), {body.type} poison)"
        )

    # ---- packs -----------------------------------------------------------------------------------

    def _in_packs(self, items: Sequence[Item]) -> Sequence[Item]:
        """Find packs in a recurrence; return the items in their order, a pack by its last one."""
        if self.lanes > 1 or len(items) < len(self.stage.parts) or self.loop.in_order:
            return []
        if any(item.name in (TERMS, PRODUCT) for item in items):
            return []
        column = self.writer.column
        columns = [item.position for item in items if self.loop.base + item.position in column]
        table = self.writer.rolled.table
        calls = {name for name in table if name in LIBRARY or isinstance(table[name], BySciPy)}
        units = packed(items, self.width, columns, calls - INTRINSICS.keys())
        self.pack_of = {j: unit for unit in units if len(unit) > 1 for j in unit}
        return [self.items[unit[-1]] for unit in units] if self.pack_of else []

    def _compute_pack(self, unit: tuple[int, ...]) -> None:
        body, items = self.body, [self.items[j] for j in unit]
        given = [self._lanes_of(x) for x in zip(*(item.operands for item in items), strict=True)]
        body.resize(len(unit))
        self.packed[unit] = self._apply(items[0], given)
        body.resize(1)
        for j in unit:
            if self.loop.base + j in self.writer.column:
                self._compute(j)
                at = self.writer.column[self.loop.base + j]
                body.store(self.values[j], body.type, at, self._here("%b"))

    def _lanes_of(self, operands: Sequence[Operand]) -> str:
        """Return operands of the items of a pack as a vector."""
        body, lanes = self.body, len(operands)
        kind = f"<{lanes} x double>"
        first = operands[0]
        if len({key_of(x) for x in operands}) == 1:
            one = self.value(first)
            body.resize(lanes)
            same = body.number(first.x) if isinstance(first, Number) else body.splat(one)
            body.resize(1)
            return same
        if all(isinstance(x, Number | Same) for x in operands):
            return self._ready(self.writer.places_of(operands).tolist())
        if all(isinstance(x, Here | Carried) for x in operands):
            positions = tuple(x.position for x in operands)  # type: ignore[union-attr]
            unit = self.pack_of.get(positions[0], ())
            if all(isinstance(x, Here) for x in operands) and set(positions) <= set(unit):
                if positions == unit:
                    return self.packed[unit]
                whole = f"<{len(unit)} x double>"
                return body.shuffle(whole, self.packed[unit], "poison", [unit.index(j) for j in positions])
            if positions == unit and all(isinstance(x, Carried) and self._in_register(x) for x in operands):
                initial = tuple(x.initial[0] for x in operands)  # type: ignore[union-attr]
                if (unit, initial) not in self.starts:
                    self.starts[unit, initial] = self.writer.register()
                return self.starts[unit, initial]
        vector = "poison"
        for lane, x in enumerate(operands):
            vector = body.put(f"insertelement {kind} {vector}, double {self.value(x)}, i64 {lane}")
        return vector

    def _ready(self, places: Sequence[int], *, head: bool = False) -> str:
        """Return the doubles at places that are written before the loop as a vector."""
        body, key = self.body, tuple(places)
        start = places[0]
        if key != tuple(range(start, start + len(places))):
            if key not in self.ready:
                self.ready[key] = self.writer.reserve(len(places))
                self.before += [(self.ready[key] + k, at) for k, at in enumerate(places)]
            start = self.ready[key]
        pointer = body.at(start, "%r", head=head)
        return body.put(f"load <{len(places)} x double>, ptr {pointer}, align 8", head=head)

    # ---- inner loops -----------------------------------------------------------------------------

    def _inner(self, inner: Inner) -> None:
        """Write a loop in the body; what it needs from outside is loaded before it."""
        body, period = self.body, inner.period
        number, self.inner_loops = self.inner_loops, self.inner_loops + 1
        k, label, after = f"%k{number}", f"inner{number}", f"after{number}"
        positions = [[item.position for item in inner.items[j::period]] for j in range(period)]
        kept: dict[int, list[Any]] = {j: [] for j in range(period)}  # where results are written
        for j in sorted(inner.stored):
            places = self.writer.reserve(self.lanes * inner.times) + self.lanes * np.arange(inner.times)
            self.vectors.update(zip(positions[j], places.tolist(), strict=True))
            kept[j].append(("%b", places))
        for j in range(period):
            if self.loop.base + positions[j][0] in self.writer.column:
                places = np.array([self.writer.column[self.loop.base + q] for q in positions[j]])
                kept[j].append((self._here("%b"), places))
        made: dict[int, str] = {}
        previous: dict[Any, str] = {}  # previous results, by item and beginning
        running: dict[int, dict[Any, int]] = {}  # places of items accumulated in memory
        phis: list[tuple[str, str, int]] = []
        operands = [x for given in inner.operands for x in given]
        for key, carried in {_key(x): x for x in operands if isinstance(x, Before)}.items():
            first = self.value(carried.first)
            if carried.item in inner.accumulated:
                at = self.writer.reserve(self.lanes)
                running.setdefault(carried.item, {})[key] = at
                body.store(first, body.type, at)
            else:
                previous[key] = self.writer.register()
                phis.append((previous[key], first, carried.item))
        readers = {id(x): self._reader(x, k) for x in operands if isinstance(x, Each)}

        def value(x: Any) -> str:
            if isinstance(x, Every):
                return self.value(x.operand)
            if isinstance(x, Local):
                return made[x.item]
            if isinstance(x, Each):
                return readers[id(x)]()
            return before(x.item, _key(x))

        def before(j: int, key: Any) -> str:
            if key not in previous:
                previous[key] = self._loaded(body.at(running[j][key], "%b"))
            return previous[key]

        first_items = inner.items[:period]
        sums = [inner.items[j::period] for j in range(period)]
        groups, stride = self._groups(first_items, inner.operands, sums, inner=True)
        last = {group.items[-1]: group for group in groups}
        for group in groups:
            if group.factor is not None and all(isinstance(x, Every) for (x,) in group.operands):
                self._transposed([value(x) for (x,) in group.operands])
        shared = {key_of(x.operand): x for x in operands if isinstance(x, Every)}
        if len(shared) <= REGISTERS:
            for x in shared.values():
                value(x)
        entry, body.block = body.block, label
        body.lines += [f"  br label %{label}", f"{label}:"]
        opening = len(body.lines)
        for j, item in enumerate(first_items):
            if j in last:
                base = body.at(body.put(f"mul nsw i64 {k}, {stride}"), "%b")
                self._add(last[j], value, base)
            elif item.name not in (TERMS, PRODUCT):
                made[j] = self._apply(item, [value(x) for x in inner.operands[j]])
                for key, at in running.get(j, {}).items():
                    before(j, key)  # it is read before it is written
                    body.store(made[j], body.type, at)
                for base, places in kept[j]:
                    body.lines.append(
                        f"  store {body.type} {made[j]}, ptr {self._moving(places, base, k)}, align 8"
                    )
        body.lines[opening:opening] = [
            f"  {k} = phi i64 [0, %{entry}], [{k}.next, %{body.block}]",
            *(
                f"  {name} = phi {body.type} [{first}, %{entry}], [{made[j]}, %{body.block}]"
                for name, first, j in phis
            ),
        ]
        body.lines += [
            f"  {k}.next = add nuw nsw i64 {k}, 1",
            f"  {k}.more = icmp ult i64 {k}.next, {inner.times}",
            f"  br i1 {k}.more, label %{label}, label %{after}",
            f"{after}:",
        ]
        body.block = after
        for j in inner.last - inner.stored:
            if j in running:
                self.vectors[positions[j][-1]] = next(iter(running[j].values()))
            else:
                self.values[positions[j][-1]] = made[j]

    def _reader(self, x: Each, k: str) -> Callable[[], str]:
        """Return a function that reads an operand that differs between inner iterations."""
        body, writer = self.body, self.writer
        if all(isinstance(y, Number | Same) for y in x.operands):
            places = writer.places_of(x.operands)
            return lambda: body.splat(self._double(self._moving(places, "%r", k)))
        if all(isinstance(y, Table) for y in x.operands):
            tables = [writer.places(y.slots) for y in x.operands]  # type: ignore[union-attr]
            base = self._base(x.operands)
            if all((np.diff(places) == 1).all() for places in tables):
                starts = np.array([places[0] for places in tables])
                return lambda: self._vector(self._moving(starts, self._here(base), k))
            first, *others = [writer.table(places) for places in tables]
            length = others[0] - first

            def scattered() -> str:
                index = body.put(f"add nsw i64 %i, {body.put(f'mul nsw i64 {k}, {length}')}")
                return self._scattered(first, base, index)

            return scattered
        if not any(self._is_local(y) for y in x.operands):
            base = self._base(x.operands)
            starts = np.array([self._column(y) for y in x.operands])
            return lambda: self._vector(self._moving(starts, self._here(base), k))
        places = np.array([self._in_memory(y) for y in x.operands])
        return lambda: self._loaded(self._moving(places, "%b", k))

    def _is_local(self, x: Operand) -> bool:
        """Whether an operand is in no column: a result of this stage, or carried by a register."""
        if isinstance(x, Here):
            return self.loop.stage[x.position] == self.stage.key
        return not isinstance(x, Carried) or self._in_register(x)

    def _in_memory(self, x: Operand) -> int:
        """Return the place of an operand's vector, which is written to memory if it is not there yet."""
        if isinstance(x, Here) and x.position in self.vectors:
            return self.vectors[x.position]
        key = key_of(x)
        if key not in self.other_vectors:
            self.other_vectors[key] = self.writer.reserve(self.lanes)
            self.body.store(self.value(x), self.body.type, self.other_vectors[key])
        return self.other_vectors[key]

    def _moving(self, places: Any, base: str, k: str) -> str:
        """Return a pointer to a place that depends on the inner iteration."""
        body = self.body
        steps = np.diff(places)
        if (steps == steps[0]).all():
            if steps[0]:
                base = body.at(body.put(f"mul nsw i64 {k}, {steps[0]}"), base)
            return body.at(int(places[0]), base)
        at = self.writer._entry(body, self.writer.table(places), "i32", k)
        return body.put(f"getelementptr double, ptr {base}, i32 {at}")

    def _double(self, pointer: str) -> str:
        return self.body.put(f"load double, ptr {pointer}, align 8")

    def _loaded(self, pointer: str) -> str:
        """Return the vector that a pointer points to now: it may be written later."""
        name = self.writer.register()
        self.body.lines.append(f"  {name} = load {self.body.type}, ptr {pointer}, align 8")
        return name

    # ---- ordered sums ----------------------------------------------------------------------------

    def _groups(
        self,
        items: Sequence[Item],
        operands: Sequence[Sequence[Any]],
        sums: Sequence[Sequence[Item]],
        *,
        inner: bool,
    ) -> tuple[list[_Group], int]:
        """Return the sums among items in groups, and the distance between those of two inner iterations.

        `sums` has for each item the sums that it stands for, one for each inner iteration. Products that
        have a factor in common are a group: the common factor of one iteration is in all lanes, and the
        others are transposed. Memory is reserved for the totals.
        """
        often: dict[Any, int] = {}
        for item, given in zip(items, operands, strict=True):
            if item.name == PRODUCT:
                for x in given:
                    often[_key(x)] = often.get(_key(x), 0) + 1
        groups: list[_Group] = []
        growing: dict[Any, _Group] = {}
        for j, (item, given) in enumerate(zip(items, operands, strict=True)):
            if item.name not in (TERMS, PRODUCT):
                continue
            key: Any = item.key
            own, factor = given, None
            if item.name == PRODUCT:
                other, common = sorted(given, key=lambda x: often[_key(x)])
                if often[_key(common)] >= self.width:
                    key, own, factor = _key(common), [other], common
            group = growing.get(key)
            if group is None or len(group.items) == self.width:
                group = growing[key] = _Group(factor, product=item.name == PRODUCT)
                groups.append(group)
            group.items.append(j)
            group.operands.append(own)
        stride = len(groups) * self.width
        size = stride * len(sums[0]) if groups else 0
        start = self.writer.reserve(size)
        end = self.writer.reserve(size) if self.rest and inner else start
        for n, group in enumerate(groups):
            group.places = start + n * self.width, end + n * self.width
            for lane, j in enumerate(group.items):
                for i, item in enumerate(sums[j]):
                    at = i * stride + n * self.width + lane
                    initial = self.loop.sums[item.position].initial
                    self.before.append((start + at, self.writer.place(initial)))
                    self.ends.append((item.position, end + at))
        return groups, stride

    def _add(self, group: _Group, value: Callable[[Any], str], base: str | None = None) -> None:
        """Add the terms of a group to its totals, one iteration after the other.

        The totals of an inner loop are in memory, beside `base`; others are in registers.
        """
        body, width = self.body, self.width
        running, end = group.places
        several = len(group.items) > 1 or group.factor is not None
        kind = f"<{width} x double>" if several else "double"
        factor = value(group.factor) if group.factor is not None else ""
        terms = [[value(x) for x in given] for given in group.operands]
        if group.product and not factor:
            mul = self.writer.rolled.table["mul"]
            terms = [[body.apply("mul", mul, factors)] for factors in terms]
        columns = [self._transposed(x) if several else x * self.lanes for x in zip(*terms, strict=True)]
        total = last = before = self.writer.register()
        if base is not None:
            body.lines.append(f"  {total} = load {kind}, ptr {body.at(running, base)}, align 8")
        for lane in range(self.lanes):
            for column in columns:
                x = column[lane]
                if factor:
                    same = body.shuffle(body.type, factor, "poison", [lane] * width)
                    x = body.put(f"fmul {kind} {same}, {x}")
                elif not several:
                    x = body.put(f"extractelement {body.type} {x}, i64 {lane}")
                total = body.put(f"fadd {kind} {total}, {x}")
            if lane + 1 == self.rest:
                last = total
        if base is None:
            start = body.put(f"load {kind}, ptr {body.at(running, '%b', head=True)}, align 8", head=True)
            self.sums.append((f"  {before} = phi {kind}", start, total))
            self.after.append((last if self.rest else total, kind, running))
            return
        body.store(total, kind, running, base)
        if self.rest:
            body.store(last, kind, end, base)

    def _transposed(self, vectors: Sequence[str]) -> list[str]:
        """Return the vectors transposed: for each lane, that lane of all of them, at most `lanes` many."""
        body, width = self.body, self.width
        kind = f"<{width} x double>"
        rows = [*vectors, *["zeroinitializer"] * (width - len(vectors))]
        half = width // 2
        while half:
            following = list(rows)
            for r in range(width):
                if not r & half:
                    x, y = rows[r], rows[r + half]
                    lower = [k if not k & half else width + (k ^ half) for k in range(width)]
                    upper = [(k ^ half) if not k & half else width + k for k in range(width)]
                    following[r] = body.shuffle(kind, x, y, lower)
                    following[r + half] = body.shuffle(kind, x, y, upper)
            rows = following
            half //= 2
        return rows


def _key(x: Any) -> tuple[Any, ...]:
    """Return a key that tells operands apart, of a body or of a loop in it."""
    if isinstance(x, Local):
        return Local, x.item
    if isinstance(x, Before):
        return Before, x.item, *key_of(x.first)
    if isinstance(x, Every):
        return Every, key_of(x.operand)
    return (Each, *map(key_of, x.operands)) if isinstance(x, Each) else key_of(x)
