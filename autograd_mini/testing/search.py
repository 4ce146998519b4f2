"""Clear many derivatives at once along random directions, and bisect to the wrong ones.

A product of the derivative with a random direction tests all its numbers in a few calls of the function.
The direction is scaled so that each number contributes about alike; those that contribute next to nothing
have a direction of their own.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any, Final

from autograd_mini.testing.differences import Differences, Judgement, Verdict
from autograd_mini.testing.report import Finding

__all__ = ["FEW", "Claim", "Line", "Search", "along_each", "along_random"]

FEW: Final = 16
"""Up to so many numbers, each derivative is checked by itself."""
NAMED: Final = 3
"""So many that are not right are looked for one by one."""
DECADES: Final = 3
"""Contributions that are smaller than the typical one by so many decades get a direction of their own."""

Claim = Callable[[Sequence[float]], list[float]]
"""The derivative times a direction, as somebody claims it: a number for each output."""
Settle = Callable[[Judgement, float, tuple[int, ...], float], Judgement]
"""Another look at a single entry: its judgement, the number claimed, output and input, what counts as 0."""


@dataclass(frozen=True)
class Line:
    """A way through the point: along one number, from its value, or along a direction, from 0."""

    name: str
    index: int | None
    direction: list[float]
    start: float
    at: Callable[[Any], list[Any]]


def along_each(names: Sequence[str], x: list[float], indices: Sequence[int]) -> Iterator[Line]:
    """Yield the line along each of some numbers."""
    for i in indices:
        unit = [float(i == k) for k in range(len(x))]
        yield Line(names[i], i, unit, x[i], lambda t, i=i: [*x[:i], t, *x[i + 1 :]])  # type: ignore[misc]


def along_random(
    x: list[float], sizes: Sequence[float] | None = None, name: str = "", seed: int = 0
) -> Line:
    """Return a line along a direction that favours no number; the same every time."""
    chance = random.Random(len(x) + 1_000_003 * seed)
    v = [
        chance.choice((-1, 1)) * chance.uniform(0.5, 1.0) * (sizes[i] if sizes else 1)
        for i in range(len(x))
    ]
    name = name or "(a random direction)"
    return Line(name, None, v, 0.0, lambda t: [a + t * b if b else a for a, b in zip(x, v, strict=True)])


class Search:
    """Judges claims about the derivative of `f`, from flat numbers to one or more outputs."""

    def __init__(
        self,
        f: Callable[[list[float]], list[float]],
        x: list[float],
        names: Sequence[str],
        outputs: Sequence[str],
        rtol: float,
        settle: Settle | None = None,
        *,
        by_values: bool = True,
    ) -> None:
        self._f, self._x, self._names, self._outputs, self._rtol = f, x, names, outputs, rtol
        self._settle, self._by_values = settle, by_values
        self._largest = 0.0
        self._named = 0

    def findings(self, claims: dict[str, Claim], columns: Sequence[float] | None) -> Iterator[Finding]:
        """Judge every derivative; `columns` has the size of each input's derivatives, where it is known."""
        n = len(self._x)
        odd = [i for i in range(n) if columns and not math.isfinite(columns[i])]
        if n <= FEW or not self._by_values:
            yield from self.entries(claims, range(n))
            return
        yield from self.entries(claims, odd[:NAMED])
        rest = [i for i in range(n) if i not in set(odd)]
        sizes = self._sizes(columns)
        typical = self._typical(columns, sizes)
        bands: dict[float, list[int]] = {}
        for i in rest:
            part = abs(columns[i]) * sizes[i] / typical if columns and typical else 1.0
            bands.setdefault(min(0, int(math.log10(part) / DECADES)) if part else -math.inf, []).append(i)
        for group in bands.values():
            largest = max(abs(columns[i]) * sizes[i] for i in group) if columns else 0.0
            yield from self._cleared(claims, group, columns, sizes, min(typical, largest), seed=0)

    def entries(self, claims: dict[str, Claim], indices: Sequence[int]) -> Iterator[Finding]:
        """Judge the derivatives with respect to some numbers, each by itself."""
        for line in along_each(self._names, self._x, indices):
            yield from self.along(line, {mode: claim(line.direction) for mode, claim in claims.items()})

    def along(self, line: Line, claimed: dict[str, list[float]], slack: float = 0.0) -> Iterator[Finding]:
        """Judge the derivative of each output along a line."""
        values = _Remembered(lambda t: self._f(line.at(t)))
        sizes = [abs(g) for row in claimed.values() for g in row if math.isfinite(g)]
        self._largest = max([self._largest, *sizes])
        zero = 1e-13 * self._largest if math.isfinite(self._largest) else 0.0
        for j, output in enumerate(self._outputs):
            differences = Differences(values.component(j), line.start) if self._by_values else None
            for modes, slope in _alike({mode: row[j] for mode, row in claimed.items()}):
                judgement = Judgement(Verdict.WRONG)
                if differences:
                    quick = line.index is None
                    judgement = differences.judge(slope, self._rtol, zero, slack, quick=quick)
                if self._settle and line.index is not None:
                    judgement = self._settle(judgement, slope, (j, line.index), zero)
                yield Finding(f"∂{output}/∂{line.name}", modes, slope, judgement)

    def _cleared(
        self,
        claims: dict[str, Claim],
        group: list[int],
        columns: Sequence[float] | None,
        sizes: list[float],
        typical: float,
        seed: int,
    ) -> list[Finding]:
        """Judge a group along a random direction; halve it until what is not right is named."""
        if len(group) == 1:
            found = list(self.entries(claims, group))
            self._named += any(finding.verdict is not Verdict.RIGHT for finding in found)
            return found
        found = []
        for k in range(2 if seed == 0 else 1):
            v = [0.0] * len(self._x)
            for i in group:
                part = abs(columns[i]) if columns else 0.0
                v[i] = (
                    min(sizes[i], typical / part) if part * sizes[i] > typical > 0 and k == 0 else sizes[i]
                )
            name = f"({self._names[group[0]]} … {self._names[group[-1]]}, {len(group):,} at once)"
            line = along_random(self._x, v, name, seed + k)
            claimed = {mode: claim(line.direction) for mode, claim in claims.items()}
            parts = [columns[i] * line.direction[i] for i in group] if columns else []
            slack = 3 * self._rtol * math.hypot(*parts)
            found = list(self.along(line, claimed, slack))
            if any(finding.verdict is not Verdict.RIGHT for finding in found):
                break
        else:
            return found
        if self._named >= NAMED:
            return found
        middle = len(group) // 2
        halves = [
            finding
            for half in (group[:middle], group[middle:])
            for finding in self._cleared(claims, half, columns, sizes, typical, seed + 2)
        ]
        return halves if any(finding.verdict is not Verdict.RIGHT for finding in halves) else found

    def _sizes(self, columns: Sequence[float] | None) -> list[float]:
        moving = [abs(t) for t in self._x if t]
        usual = median(moving) if moving else 1.0
        return [abs(t) or usual for t in self._x]

    @staticmethod
    def _typical(columns: Sequence[float] | None, sizes: list[float]) -> float:
        parts = [abs(c) * s for c, s in zip(columns or (), sizes, strict=False) if c and math.isfinite(c)]
        return median(parts) if parts else 0.0


def _alike(found: dict[str, float]) -> Iterator[tuple[tuple[str, ...], float]]:
    """Yield each number found, to the last bit, with the modes that have found it."""
    for number in dict.fromkeys(map(repr, found.values())):
        modes = tuple(mode for mode, x in found.items() if repr(x) == number)
        yield modes, found[modes[0]]


class _Remembered:
    """A function with many results, computed once a point and asked for one result at a time."""

    def __init__(self, f: Callable[[float], list[float]]) -> None:
        self._f = f
        self._known: dict[float, list[float]] = {}

    def component(self, j: int) -> Callable[[float], float]:
        asked: set[float] = set()

        def one(t: float) -> float:
            if t not in self._known or t in asked:  # asked twice, to see whether it changes
                asked.discard(t)
                self._known[t] = self._f(t)
            asked.add(t)
            return self._known[t][j]

        return one
