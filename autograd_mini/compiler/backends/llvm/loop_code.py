"""Write a rolled program as LLVM's text: vector loops over iterations, ordered sums and recurrences.

Results that other stages read are columns of a buffer, one number for each iteration. A stage that is
parallel computes as many iterations at once as a vector has lanes; its last vector reaches past the end,
into room that nobody reads. Sums are added in order: the lanes of their terms are transposed, so that
several sums lie in the lanes of one vector, and added iteration after iteration.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any, Final

import numpy as np

from autograd_mini.compiler.backends.llvm.jit import LIBRARY, symbol
from autograd_mini.compiler.backends.llvm.point_code import ARITHMETIC, CHOICES, INTRINSICS, Text, number
from autograd_mini.compiler.program import definition
from autograd_mini.compiler.rolling import Carried, Here, Loop, Number, Operand, Rolled, Same, Table

__all__ = ["calls_only_libm", "loop_code"]

PIECE: Final = 400
"""Straight instructions in a function."""

PARAMETERS: Final = "ptr noalias %out, ptr noalias %b, ptr noalias %r, ptr noalias %t"
"""The outputs, the buffer as it is written and as it is read, and the tables: nothing that is read in a
function is written in it, except through `%b` alone."""

FEW: Final = 24
"""Copies, or guards, that are written out; more are a loop over tables."""


def calls_only_libm(rolled: Rolled) -> bool:
    """Whether the program calls no function of Python's: past the end of a loop it would be called too."""
    ours = ARITHMETIC.keys() | CHOICES.keys() | INTRINSICS.keys() | LIBRARY | {"step"}
    todo = [(op, len(code) - 1) for code in set(_shapes(rolled)) for op in [rolled.table[code[0]]]]
    while todo:
        op, count = todo.pop()
        if op.name in ours:
            continue
        if op.definition is None:
            return False
        body = definition(op, count)
        todo += [(body.table[code[0]], len(code) - 1) for code in set(body.code)]
    return True


def _shapes(rolled: Rolled) -> set[tuple[Any, ...]]:
    return {(code[0], *[0] * (len(code) - 1)) for code in rolled.code}


def loop_code(rolled: Rolled, width: int) -> Text:
    """Return the program as LLVM functions, with vectors of `width` doubles in its loops."""
    return _Writer(rolled, width).text()


class _Body:
    """Instructions on vectors of `lanes` doubles, or on doubles; equal ones once."""

    def __init__(self, writer: _Writer, lanes: int) -> None:
        self.writer, self.lanes = writer, lanes
        self.lines: list[str] = []
        self.head: list[str] = []
        self.type = f"<{lanes} x double>" if lanes > 1 else "double"
        self.bit = f"<{lanes} x i1>" if lanes > 1 else "i1"
        self._written: dict[tuple[str, bool], str] = {}

    def put(self, text: str, *, head: bool = False) -> str:
        """Return the register that holds what an instruction computes; `head` is before the loop."""
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
        """Return lanes of two vectors, those of the second counted on from the first's."""
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
        function = f'@"{symbol(name, len(x))}"'
        if self.lanes == 1:
            return self.put(f"call double {function}({', '.join(f'double {y}' for y in x)})")
        result = "poison"
        for lane in range(self.lanes):
            parts_ = [self.put(f"extractelement {t} {y}, i64 {lane}") for y in x]
            y = self.put(f"call double {function}({', '.join(f'double {z}' for z in parts_)})")
            result = self.put(f"insertelement {t} {result}, double {y}, i64 {lane}")
        return result


class _Writer:
    def __init__(self, rolled: Rolled, width: int) -> None:
        self.rolled, self.width = rolled, width
        self.called: set[tuple[str, int]] = set()
        self.functions: list[str] = []
        self.calls: list[str] = []
        self.image: list[tuple[int, Any]] = []
        self.column: dict[int, int] = {}  # of a result in the first iteration, where its column is
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
        """Return where in the buffer an operand is; numbers are there too."""
        if k >= 0:
            return int(self.place_of[k])
        return self._number_at(float(self.rolled.numbers[~k]))

    def _number_at(self, x: float) -> int:
        key = struct.pack("d", x)
        if key not in self._numbers:
            at = self._numbers[key] = self.reserve(1, 1)
            self.image.append((at, np.array([x])))
        return self._numbers[key]

    def places(self, slots: Any) -> Any:
        """Return where a column of operands is; numbers alone lie one after another."""
        found = np.empty(len(slots), np.int64)
        constant = slots < 0
        found[~constant] = self.place_of[slots[~constant]]
        numbers = self.rolled.numbers[~slots[constant]]
        if constant.all():
            at = self.reserve(len(numbers) + 32)
            self.image.append((at, numbers))
            return at + np.arange(len(numbers))
        found[constant] = [self._number_at(x) for x in numbers.tolist()]
        return found

    def table(self, places: Any) -> int:
        """Return where among the tables these places are; past the end the last one stands."""
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

    def _call(self, lines: Sequence[str]) -> None:
        self.calls.append(self._function([*lines, "  ret void"]))

    def _copies(self, pairs: Sequence[tuple[int, int]], target: str = "%b") -> None:
        """Copy doubles: pairs of where to and where from."""
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
        where, whence = (self._entry(body, self.table(places), "i32", 1) for places in (to, source))
        x = body.put(f"load double, ptr {body.put(f'getelementptr double, ptr %r, i32 {whence}')}")
        pointer = body.put(f"getelementptr double, ptr {target}, i32 {where}")
        body.lines.append(f"  store double {x}, ptr {pointer}")
        self._call(_looped(body, [], len(to), 1))

    def _entry(self, body: _Body, table: int, kind: str, lanes: int) -> str:
        """Return what a table has for the iteration, or for those in the lanes."""
        pointer = body.put("getelementptr i32, ptr %t, i64 %i")
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
        place, want = (self._entry(body, table, "i32", 1) for table in (where, wanted))
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
            name, *operands = rolled.code[i]
            given = []
            for k in rolled.operands[: len(operands), i].tolist():
                if k < 0:
                    given.append(number(float(rolled.numbers[~k])))
                else:
                    given.append(values[k] if k in values else body.load(self.place(k)))
            slot = rolled.first + i
            values[slot] = body.apply(name, rolled.table[name], given)
            if rolled.kept[slot] or len(part) == PIECE:  # the pieces that follow may read it
                at = self._beside(slot, name, near)
                self.place_of[slot] = at if at is not None else self.reserve(1, 1)
                body.store(values[slot], "double", self.place_of[slot])
        self._call(body.lines)

    def _beside(self, slot: int, name: str, near: Sequence[Loop]) -> int | None:
        """Return the place beside a loop's column, for an iteration that was not like the others."""
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
        for stage in sorted({loop.stage[j] for j in loop.live}):
            members = [j for j in loop.live if loop.stage[j] == stage]
            _Stage(self, loop, stage, members, 1 if stage[1] else self.width).write()


def _looped(body: _Body, phis: Sequence[str], count: int, step: int) -> list[str]:
    """Return the lines of a loop over `count` iterations, `step` at a time."""
    return [
        "entry:",
        *body.head,
        "  br label %body",
        "body:",
        "  %i = phi i64 [0, %entry], [%next, %body]",
        *phis,
        *body.lines,
        f"  %next = add nuw nsw i64 %i, {step}",
        f"  %more = icmp ult i64 %next, {count}",
        "  br i1 %more, label %body, label %end",
        "end:",
    ]


class _Stage:
    """One loop over the iterations: the positions of a loop that are computed together."""

    def __init__(self, writer: _Writer, loop: Loop, stage: Any, members: Sequence[int], lanes: int) -> None:
        self.writer, self.loop, self.stage, self.members, self.lanes = writer, loop, stage, members, lanes
        self.body = _Body(writer, lanes)
        self.values: dict[int, str] = {}
        self.phis: dict[tuple[int, int], str] = {}
        self.before: list[tuple[int, int]] = []  # copies that must have been made
        self.ends: list[tuple[int, int]] = []  # of a sum, where its end is
        self.carried: list[str] = []  # the phis of sums
        self.after: list[tuple[str, str, int]] = []  # ends of sums, to be written after the loop
        self.width = writer.width
        self.rest = loop.run.times % lanes  # of the last vector so many lanes count

    def write(self) -> None:
        loop, body = self.loop, self.body
        products = self._products()
        lazy = {q for q, _, _ in products.values()}
        by_factor: dict[Any, list[Any]] = {}
        by_length: dict[int, list[Any]] = {}
        for j in self.members:
            if j in products:
                _, common, other = products[j]
                group = by_factor.setdefault(_key(common), [])
                group.append((loop.sums[j], common, other))
                if len(group) == self.width:
                    self._add_products(by_factor.pop(_key(common)))
            elif j in lazy:
                continue
            elif loop.kind[j] == "sum":
                if j in loop.sums:
                    terms = [self.value(x) for _, x in loop.sums[j].terms]
                    group = by_length.setdefault(len(terms), [])
                    group.append((loop.sums[j], terms))
                    if len(group) == self.width:
                        self._add(by_length.pop(len(terms)))
            elif j not in self.values:
                self._compute(j)
        for group in by_factor.values():
            self._add_products(group)
        for group in by_length.values():
            self._add(group)
        phis = self.carried
        for (q, k), name in self.phis.items():
            x = body.load(self.writer.place(k), head=True)
            if self.lanes > 1:
                x = body.put(
                    f"insertelement {body.type} poison, double {x}, i64 {self.lanes - 1}", head=True
                )
            phis.append(f"  {name} = phi {body.type} [{x}, %entry], [{self.values[q]}, %body]")
        self.writer._copies(self.before)
        lines = _looped(body, phis, loop.run.times, self.lanes)
        end = _Body(self.writer, 1)
        for x, kind, at in self.after:
            end.store(x, kind, at)
        self.writer._call([*lines, *end.lines])
        last = loop.base + (loop.run.times - 1) * loop.run.period
        for q, at in self.ends:
            self.writer.place_of[last + q] = at

    # ---- operands --------------------------------------------------------------------------------

    def value(self, x: Operand) -> str:
        """Return an operand of the iterations in the lanes."""
        loop, body, writer = self.loop, self.body, self.writer
        if isinstance(x, Number):
            return body.number(x.x)
        if isinstance(x, Same):
            return body.splat(body.load(writer.place(x.slot), head=self.lanes == 1))
        if isinstance(x, Here):
            if loop.stage[x.position] != self.stage:
                return self._column(self.writer.column[loop.base + x.position], "%r")
            if x.position not in self.values:
                self._compute(x.position)
            return self.values[x.position]
        if isinstance(x, Carried):
            own = loop.stage[x.position] == self.stage
            if not own or x.distance > 1:
                return self._column(
                    self.writer.column[loop.base + x.position] - x.distance, "%b" if own else "%r"
                )
            key = x.position, x.initial[0]
            if key not in self.phis:
                self.phis[key] = writer.register()
            if self.lanes == 1:
                return self.phis[key]
            if x.position not in self.values:
                self._compute(x.position)
            shifted = range(self.lanes - 1, 2 * self.lanes - 1)
            return body.shuffle(body.type, self.phis[key], self.values[x.position], shifted)
        own = any(loop.stage[q] == self.stage for q in x.positions)
        return self._gather(writer.places(x.slots), "%b" if own else "%r")

    def _compute(self, j: int) -> None:
        loop, body = self.loop, self.body
        op = self.writer.rolled.table[loop.names[j]]
        self.values[j] = body.apply(loop.names[j], op, [self.value(x) for x in loop.operands[j]])
        if loop.base + j in self.writer.column:
            body.store(self.values[j], body.type, self.writer.column[loop.base + j], self._here("%b"))

    def _here(self, base: str) -> str:
        return self.body.put(f"getelementptr double, ptr {base}, i64 %i")

    def _column(self, place: int, base: str) -> str:
        body = self.body
        return body.put(f"load {body.type}, ptr {body.at(place, self._here(base))}, align 8")

    def _gather(self, places: Any, base: str) -> str:
        body, lanes = self.body, self.lanes
        steps = np.diff(places)
        if (steps == 1).all():
            return self._column(int(places[0]), base)
        if lanes == 1 and (steps == steps[0]).all():
            pointer = body.at(body.put(f"mul nsw i64 %i, {steps[0]}"), base)
            return body.load(places[0], pointer)
        if (steps == -1).all():
            pointer = body.at(body.put("sub nsw i64 0, %i"), base)
            pointer = body.at(places[0] - lanes + 1, pointer)
            x = body.put(f"load {body.type}, ptr {pointer}, align 8")
            return body.shuffle(body.type, x, "poison", range(lanes)[::-1])
        kind = "i32" if lanes == 1 else f"<{lanes} x i32>"
        at = self.writer._entry(body, self.writer.table(places), kind, lanes)
        pointer = body.put(f"getelementptr double, ptr {base}, {kind} {at}")
        if lanes == 1:
            return body.put(f"load double, ptr {pointer}, align 8")
        return body.put(
            f"call {body.type} @llvm.masked.gather.v{lanes}f64.v{lanes}p0(<{lanes} x ptr> {pointer}, "
            f"i32 8, {body.bit} splat (i1 true), {body.type} poison)"
        )

    # ---- ordered sums ----------------------------------------------------------------------------

    def _add(self, group: Sequence[Any]) -> None:
        """Add the terms of up to a vector of sums that have as many terms each."""
        body = self.body
        if len(group) == 1:
            columns = [
                [body.put(f"extractelement {body.type} {x}, i64 {lane}") for lane in range(self.lanes)]
                for x in group[0][1]
            ]
        else:
            columns = [self._transposed([g[1][k] for g in group]) for k in range(len(group[0][1]))]
        kind = f"<{self.width} x double>" if len(group) > 1 else "double"
        terms = [[column[lane] for column in columns] for lane in range(self.lanes)]
        self._accumulate(group, kind, terms)

    def _accumulate(self, group: Sequence[Any], kind: str, terms: Sequence[Sequence[str]]) -> None:
        """Add to the sums of a group, in the lanes of a vector, the terms of each iteration in turn."""
        body, writer = self.body, self.writer
        at = writer.reserve(self.width)
        for k, (sum_, *_) in enumerate(group):
            self.before.append((at + k, writer.place(sum_.initial)))
            self.ends.append((sum_.terms[-1][0], at + k))
        total = end = before = writer.register()
        for lane, those in enumerate(terms, 1):
            for x in those:
                total = body.put(f"fadd {kind} {total}, {x}")
            if lane == self.rest:
                end = total
        start = body.put(f"load {kind}, ptr {body.at(at, '%b', head=True)}, align 8", head=True)
        self.carried.append(f"  {before} = phi {kind} [{start}, %entry], [{total}, %body]")
        self.after.append((end if self.rest else total, kind, at))

    def _transposed(self, vectors: Sequence[str]) -> list[str]:
        """Return, for each lane, that lane of up to as many vectors as a vector has lanes."""
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

    def _products(self) -> dict[int, tuple[int, Operand, Operand]]:
        """Return the sums of products that only they use, many of which have a factor in common.

        Such products are computed the other way round, several sums in the lanes: the common factor of one
        iteration in all lanes, the other ones transposed. Given are the product, and the two factors.
        """
        if self.lanes == 1:
            return {}
        loop = self.loop
        found: dict[int, int] = {}
        often: dict[Any, int] = {}
        for j in self.members:
            if j not in loop.sums or len(loop.sums[j].terms) != 1:
                continue
            term = loop.sums[j].terms[0][1]
            if not isinstance(term, Here):
                continue
            q = term.position
            alone = (
                loop.kind[q] == "parallel"
                and len(loop.users[q]) == 1
                and loop.base + q not in self.writer.column
            )
            if alone and loop.stage[q] == self.stage and loop.names[q] == "mul":
                found[j] = q
                for x in loop.operands[q]:
                    often[_key(x)] = often.get(_key(x), 0) + 1
        products = {}
        for j, q in found.items():
            other, common = sorted(loop.operands[q], key=lambda x: often[_key(x)])
            if often[_key(common)] >= self.width:
                products[j] = q, common, other
        return products

    def _add_products(self, group: Sequence[Any]) -> None:
        body, width = self.body, self.width
        kind = f"<{width} x double>"
        factor = self.value(group[0][1])
        others = [self.value(g[2]) for g in group]
        columns = self._transposed([*others, *others[-1:] * (width - len(others))])
        terms = []
        for lane in range(self.lanes):
            same = body.shuffle(body.type, factor, "poison", [lane] * width)
            terms.append([body.put(f"fmul {kind} {same}, {columns[lane]}")])
        self._accumulate(group, kind, terms)


def _key(x: Operand) -> tuple[Any, ...]:
    """Return what tells operands apart."""
    return (type(x), x.slots.tobytes()) if isinstance(x, Table) else (type(x), *x)
