"""Bad habits of hand-written derivatives: caches, state, changed arguments, numbers drawn at random.

Such a derivative may be right when it is first asked, and wrong when an optimiser asks again.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, Final

from autograd_mini.testing.differences import Judgement, Verdict, is_single
from autograd_mini.testing.search import Line, Search
from autograd_mini.testing.subject import Subject, plain
from autograd_mini.transforms.nested import flatten

__all__ = ["Derivative", "bad_habits", "own_rounding"]

SAME: Final = 1e-9
"""Two results of the same call may differ by this part: sums in parallel have no order."""
BITS: Final = 18
"""Numbers with no more bits than this are of single precision by chance."""
MOVES: Final = ((1e-4, 0, 1), (1e-2, 0, 1), (3e-3, 0, 2), (3e-3, 1, 2))
"""How far the point is moved to see whether the derivative moves too; all numbers, or every second one."""


class Derivative:
    """What the user's function returns at a point, as flat numbers; it sees fresh arguments each time."""

    def __init__(self, subject: Subject, function: Callable[..., Any], flat: Callable[[Any], list[float]]):
        self.subject, self._function, self._flat = subject, function, flat
        self.changed = ""
        """In words, how the function has changed its argument; empty if it has not."""

    def __call__(self, numbers: Sequence[float]) -> list[float]:
        """Return the derivative at a point."""
        args = self.subject.arguments(list(numbers))
        found = self._flat(self._function(*args))
        after = plain([x for arg in args for x in flatten(arg)[0]])
        for name, x, y in zip(self.subject.names, numbers, after, strict=False):
            if x != y and not (x != x and y != y):
                self.changed = (
                    f"it changes its argument in place: {name} was {x!r} and is {y!r} after the call"
                )
                break
        return found


def bad_habits(
    derivative: Derivative,
    first: list[float],
    product: Callable[[list[float], Line], dict[str, list[float]]] | None,
) -> Judgement | None:
    """Ask the derivative again, here and elsewhere; None if it is a function of its argument.

    `first` is what it returned at the point, `product` what a result amounts to along a line; without it,
    the derivative is asked at the point only.
    """
    if derivative.changed:
        return Judgement(Verdict.WRONG, remark=derivative.changed)
    subject = derivative.subject
    x = subject.numbers
    second, third = derivative(x), derivative(x)
    if not _same(second, first) or not _same(third, first):
        subject.values(x)
        fourth = derivative(x)
        if _same(fourth, first) and _same(second, third):
            return Judgement(Verdict.WRONG, remark="it depends on where the function was called last")
        if _grows(first, second, third):
            return Judgement(Verdict.WRONG, remark="each call adds to the result of the call before")
        if _same(second, third) and _same(third, fourth):
            return Judgement(Verdict.WRONG, remark="the second call returns something else than the first")
        off = max(abs(a - b) for a, b in zip(second, third, strict=True))
        return Judgement(Verdict.NOISY, remark=f"the derivative changes from call to call, by {off:.0e}")
    if product is None or not any(first):
        return None
    for part, start, step in MOVES:
        moved = list(x)
        for i in range(start, len(x), step):
            moved[i] += part * (abs(x[i]) or 1.0) * (1 + 0.3 * math.sin(i))
        try:
            found = derivative(moved)
        except (ArithmeticError, ValueError):
            continue
        if found == first and moved != x and _stale(subject, moved, found, product):
            return Judgement(
                Verdict.WRONG, remark="it is the same elsewhere, where it should not be: a cache?"
            )
    return None


def _stale(
    subject: Subject, moved: list[float], found: list[float], product: Callable[..., dict[str, list[float]]]
) -> bool:
    """Whether the derivative is wrong at another point, to which it was not moved."""
    step = [b - a for a, b in zip(subject.numbers, moved, strict=True)]
    line = Line("", None, step, 0.0, lambda t: [a + t * b for a, b in zip(moved, step, strict=True)])
    claimed = product(found, line)
    outputs = [""] * len(next(iter(claimed.values())))
    search = Search(subject.values, moved, subject.names, outputs, 1e-6)
    return any(finding.verdict is Verdict.WRONG for finding in search.along(line, claimed))


def own_rounding(derivative: Derivative, first: list[float]) -> list[float]:
    """Return how far each number of a derivative is from a smooth function of the point near it.

    Numbers of single precision are not excused: the derivative was computed too coarsely.
    """
    off = [0.0] * len(first)
    if all(map(is_single, first)) and any(map(_is_coarse, first)):
        return off
    for part in (1e-15, 1e-12, 1e-9, 1e-7, 1e-5):
        try:
            a, b, c, d = (
                derivative([t + k * part * (abs(t) or 1.0) for t in derivative.subject.numbers])
                for k in (-3, -1, 1, 3)
            )
        except (ArithmeticError, ValueError):
            continue
        thirds = [p - 3 * q + 3 * r - s for p, q, r, s in zip(a, b, c, d, strict=True)]
        off = [max(o, abs(third) / 4) for o, third in zip(off, thirds, strict=True)]
    return off


def _is_coarse(x: float) -> bool:
    """Whether a number is of single precision, and not one of double precision with few bits by chance."""
    return math.isfinite(x) and (math.frexp(x)[0] * 2**BITS % 1 > 0 or x.as_integer_ratio()[1] < 2**40)


def _same(a: list[float], b: list[float]) -> bool:
    size = max((abs(v) for v in b if math.isfinite(v)), default=0.0)
    return len(a) == len(b) and all(
        v == w or abs(v - w) <= SAME * size or (v != v and w != w) for v, w in zip(a, b, strict=True)
    )


def _grows(first: list[float], second: list[float], third: list[float]) -> bool:
    """Whether the same is added each time."""
    once = [b - a for a, b in zip(first, second, strict=True)]
    twice = [c - b for b, c in zip(second, third, strict=True)]
    return any(once) and _same(once, twice)
