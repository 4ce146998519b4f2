"""Write a rolled program as statements of C: each loop is a `for`.

An iteration computes in the order in which the graph was recorded, so sums are those of eager code. What is
read in another iteration is carried in a variable; what is read after the loop, or through a table, is a
column of the array `m`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from textwrap import wrap
from typing import Any

import numpy as np

from autograd_mini.compiler.backends.c import expression, no_function, number
from autograd_mini.compiler.bodies import Carried, Here, Number, Same, Table
from autograd_mini.compiler.loops import ABSENT
from autograd_mini.compiler.program import definition
from autograd_mini.compiler.rolling import Loop, Rolled
from autograd_mini.engine.table import Primitive

__all__ = ["statements"]


def statements(rolled: Rolled) -> list[str]:
    """Return the lines that compute `out` from `in`; where a guard fails they return 0."""
    return _Writer(rolled).lines


class _Writer:
    def __init__(self, rolled: Rolled) -> None:
        self.rolled, self.first = rolled, rolled.first
        self.loops = [part for part in rolled.parts if isinstance(part, Loop)]
        self.lines: list[str] = []
        self.indent = "    "
        self.names = {k: f"in[{k}]" for k in range(self.first)}
        self.tables = self.room = self.temporaries = 0
        count = self.first + len(rolled.opcodes)
        self.one = np.arange(count)  # the slot that stands for each: one for all iterations if they agree
        self.places = np.full(count, -1)  # in `m`
        self.numbers: dict[int, int] = {}  # the places of numbers in `m`
        self.read: Any = np.zeros(count, bool)  # outside the loop that makes it, or in the next iterations
        for loop in self.loops:
            for j in loop.fixed:
                self.one[loop.base + j : self._end(loop) : loop.run.period] = loop.base + j
        self._reserve()
        opening, self.lines = self.lines, []
        for part in rolled.parts:
            if isinstance(part, Loop):
                self._loop(part)
                continue
            for i in part:
                given = [self._text(k) for k in rolled.operands[:, i].tolist() if k != ABSENT]
                self._define(self.first + i, rolled.names[rolled.opcodes[i]], given)
        for k, expected in rolled.conditions:
            self._line(f"if ({self._text(k)} {'==' if expected else '!='} 0.0) return 0;")
        self._outputs()
        if self.room:
            opening.insert(0, f"    static double m[{self.room}]; /* not for two threads at once */")
        self.lines = opening + self.lines

    def _end(self, loop: Loop) -> int:
        return loop.base + loop.run.period * loop.run.times

    def _reserve(self) -> None:
        """Reserve places in `m` for what is read through a table, and for columns read after their loop."""
        rolled, read = self.rolled, self.read
        in_tables = np.zeros_like(read)
        ends = [*rolled.results, *(k for k, _ in rolled.conditions)]
        straight = [rolled.operands[:, part].ravel() for part in rolled.parts if not isinstance(part, Loop)]
        for x in (x for loop in self.loops for j in (*loop.fixed, *loop.live) for x in loop.operands[j]):
            if isinstance(x, Carried):
                ends += x.initial
            elif isinstance(x, Same):
                ends.append(x.slot)
            elif isinstance(x, Table) and not self._is_plain(x.slots):
                in_tables[self.one[x.slots[x.slots >= 0]]] = True
                for k in x.slots[x.slots < 0].tolist():
                    if k not in self.numbers:
                        self.numbers[k] = self._room(1)[0]
                        self._line(f"m[{self.numbers[k]}] = {self._text(k)};")
        slots = np.concatenate([np.array(ends, int), *straight])
        read[slots[slots >= 0]] = True
        for loop in self.loops:
            shape = loop.run.times, loop.run.period
            inside = slice(loop.base, self._end(loop))
            column = in_tables[inside].reshape(shape).any(0) | read[inside].reshape(shape)[:-1].any(0)
            column[loop.fixed] = False
            for j in np.flatnonzero(column).tolist():
                self.places[loop.base + j : self._end(loop) : loop.run.period] = self._room(shape[0])
        for k in np.flatnonzero(in_tables & (self.places < 0)).tolist():
            self.places[k] = self._room(1)[0]
            if k < self.first:
                self._line(f"m[{self.places[k]}] = in[{k}];")

    def _room(self, count: int) -> Any:
        self.room += count
        return np.arange(self.room - count, self.room)

    def _is_plain(self, slots: Any) -> bool:
        """Whether a table has only inputs, or only numbers."""
        return bool((slots < 0).all() or ((slots >= 0) & (slots < self.first)).all())

    def _line(self, text: str) -> None:
        self.lines.append(self.indent + text)

    def _text(self, k: int) -> str:
        """Return a number, or the place of a slot, in C."""
        if k < 0:
            return number(float(self.rolled.numbers[~k]))
        k = int(self.one[k])
        return self.names[k] if k in self.names else f"m[{self.places[k]}]"

    def _define(self, slot: int, name: str, given: Sequence[str]) -> None:
        """Compute a slot once, outside loops."""
        self._line(f"const double v{slot} = {self._computed(name, self.rolled.table[name], given)};")
        self.names[slot] = f"v{slot}"
        if self.places[slot] >= 0:
            self._line(f"m[{self.places[slot]}] = v{slot};")

    def _computed(self, name: str, op: Primitive, given: Sequence[str]) -> str:
        """Return an expression; the steps of a definition become variables."""
        found = expression(name, given)
        if found is not None:
            return found
        if op.definition is None:
            raise no_function(name)
        body = definition(op, len(given))
        values = list(given)
        get: Callable[[int], str] = lambda k: values[k] if k >= 0 else number(body.constants[~k])  # noqa: E731
        for inner, *operands in body.code:
            text = self._computed(inner, body.table[inner], [get(k) for k in operands])
            self.temporaries += 1
            self._line(f"const double u{self.temporaries} = {text};")
            values.append(f"u{self.temporaries}")
        return get(body.outputs[0])

    # ---- loops -----------------------------------------------------------------------------------

    def _loop(self, loop: Loop) -> None:
        base, period = loop.base, loop.run.period
        for j in loop.fixed:
            given = [self._text(x.slot) if isinstance(x, Same) else number(x.x) for x in loop.operands[j]]  # type: ignore[union-attr]
            self._define(base + j, loop.names[j], given)
        if not loop.live:
            return
        carried: dict[tuple[int, tuple[int, ...]], list[str]] = {}
        for x in (x for j in loop.live for x in loop.operands[j]):
            if isinstance(x, Carried) and (x.position, x.initial) not in carried:
                names = [self._temporary() for _ in x.initial]
                carried[x.position, x.initial] = names
                for name, k in zip(names, x.initial, strict=True):
                    self._line(f"double {name} = {self._text(k)};")
        last = {j: self._end(loop) - period + j for j in loop.live}
        for j in loop.live:
            if self.places[base + j] < 0 and self.read[last[j]]:
                self._line(f"double v{last[j]} = 0.0;")
                self.names[last[j]] = f"v{last[j]}"
        opening = len(self.lines)
        self.indent = "        "

        def value(x: Any) -> str:
            if isinstance(x, Number):
                return number(x.x)
            if isinstance(x, Same):
                return self._text(x.slot)
            if isinstance(x, Here):
                return f"v{base + x.position}"
            return carried[x.position, x.initial][0] if isinstance(x, Carried) else self._entry(x.slots)

        for j in loop.live:
            text = self._computed(
                loop.names[j], self.rolled.table[loop.names[j]], [value(x) for x in loop.operands[j]]
            )
            self._line(f"const double v{base + j} = {text};")
            if self.places[base + j] >= 0:
                self._line(f"m[{_affine(self.places[base + j :: period][:2])}] = v{base + j};")
            elif self.read[last[j]]:
                self._line(f"v{last[j]} = v{base + j};")
        for (position, _), names in carried.items():
            for name, following in zip(names, [*names[1:], f"v{base + position}"], strict=True):
                self._line(f"{name} = {following};")
        self.indent = "    "
        self.lines.insert(opening, f"    for (int i = 0; i < {loop.run.times}; i++) {{")
        self._line("}")

    def _temporary(self) -> str:
        self.temporaries += 1
        return f"w{self.temporaries}"

    def _entry(self, slots: Any) -> str:
        """Return the entry of a table for iteration i, in C."""
        if (slots < 0).all():
            return f"{self._table('double', [number(x) for x in self.rolled.numbers[~slots].tolist()])}[i]"
        if self._is_plain(slots):
            return f"in[{self._index(slots)}]"
        places = self.places[self.one[np.maximum(slots, 0)]]
        for t in np.flatnonzero(slots < 0).tolist():
            places[t] = self.numbers[int(slots[t])]
        return f"m[{self._index(places)}]"

    def _index(self, places: Any) -> str:
        steps = np.diff(places)
        if (steps == steps[0]).all():
            return _affine(places)
        if (steps[:-1] == steps[0]).all():
            return f"i < {len(steps)} ? {_affine(places)} : {places[-1]}"
        if (steps[1:] == steps[1]).all():
            return f"i > 0 ? {_affine(places[1:] - steps[1])} : {places[0]}"
        return f"{self._table('int', map(str, places.tolist()))}[i]"

    def _table(self, kind: str, texts: Iterable[str]) -> str:
        self.tables += 1
        lines = ("\n" + self.indent + "    ").join(["", *wrap(", ".join(texts), 100)])
        self._line(f"static const {kind} t{self.tables}[] = {{{lines}}};")
        return f"t{self.tables}"

    def _outputs(self) -> None:
        results = self.rolled.results
        start = 0
        while start < len(results):
            end = start + 1
            while end < len(results) and self._follows(results[end - 1], results[end]):
                end += 1
            if end - start == 1:
                self._line(f"out[{start}] = {self._text(results[start])};")
            else:
                to, source = (_affine((k, k + 1)) for k in (start, self.places[results[start]]))
                self._line(f"for (int i = 0; i < {end - start}; i++) out[{to}] = m[{source}];")
            start = end

    def _follows(self, one: int, two: int) -> bool:
        """Whether two results are neighbours in `m`."""
        return one >= 0 and two >= 0 and 0 <= self.places[one] == self.places[two] - 1


def _affine(places: Any) -> str:
    """Return the place of iteration i in C, given the first two."""
    start, step = int(places[0]), int(places[1] - places[0])
    moving = "i" if step == 1 else f"{step} * i"
    return f"{start} + {moving}" if start else moving
