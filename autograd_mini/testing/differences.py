"""Derivatives from values alone: differences at many steps, extrapolated, with an error. Knows no graph.

A difference over one step has two unknown errors: of truncation, which shrinks with the step, and of
rounding, which grows. Here five steps, each half of the one before, make a *window*; Richardson's
extrapolation takes their differences to step 0, and the error is what leaving out any one of them
changes, with the rounding of the values on top (the idea is Ridders', Adv. Eng. Softw. 4, 1982). Windows
are opened at one scale after another, until one decides. The same samples give the slope on either
side, and where the two differ however narrow the window there is a kink.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from itertools import pairwise
from typing import Final

__all__ = ["Differences", "Estimate", "Judgement", "Verdict"]

STEPS: Final = 5
DOUBT: Final = 10.0
"""Errors are themselves estimates: a difference counts only from this many times the error on."""
RESOLVED: Final = 1e-4
"""A window decides if its error, doubts included, is at most this part of the slopes seen."""
UNLIKE: Final = 5e-2
"""Where values come in steps, as after a cancellation, only so large a relative error is accused."""


class Verdict(Enum):
    """What comparing a derivative with an oracle comes to."""

    RIGHT = "right"
    WRONG = "wrong"
    KINK = "kink or pole"
    NOISY = "too noisy to judge"


@dataclass(frozen=True)
class Estimate:
    """A derivative as far as it can be known: `slope`, give or take `error`."""

    slope: float
    error: float

    def near(self, other: float, rtol: float = 0.0, zero: float = 0.0) -> bool:
        """Whether `other` may be the same number; up to `zero` in size, any two are."""
        size = max(abs(self.slope), abs(other))
        room = DOUBT * self.error + rtol * size
        return math.isfinite(other) and (abs(self.slope - other) <= room or size <= zero)

    def resolves(self, other: float) -> bool:
        """Whether the error, doubts included, is small beside the numbers themselves."""
        return DOUBT * self.error <= RESOLVED * max(abs(self.slope), abs(other))

    def __str__(self) -> str:
        return f"{self.slope!r} ± {self.error:.0e}" if self.error else repr(self.slope)


UNKNOWN: Final = Estimate(math.nan, math.inf)


@dataclass(frozen=True)
class Judgement:
    """A verdict on one derivative, what it should have been, and in words what else was seen."""

    verdict: Verdict
    expected: Estimate = UNKNOWN
    remark: str = ""


@dataclass(frozen=True)
class Window:
    """What five steps of one scale tell of a function about a point."""

    step: float
    slope: Estimate
    rise: float = math.inf
    """How far from its value at the point the function gets."""
    rounding: float = 0.0
    sides: float = 0.0
    """The error of the slopes on either side alone: noise that is hidden where both sides have it alike."""
    trouble: str = ""
    """In words, what makes the function not differentiable as seen from here; empty if nothing does."""

    @property
    def secant(self) -> float:
        """The slope that is seen even with the eyes half shut."""
        return 0.0 if self.trouble else max(0.0, self.rise - DOUBT * self.rounding) / self.step

    @property
    def telling(self) -> bool:
        """Whether there is more to see than rounding."""
        return self.rise > 1e3 * self.rounding


class Differences:
    """The derivative of a function of one number at a point, by its values alone.

    The function may raise ArithmeticError or ValueError where it has no value, as those of `math` do.

    >>> d = Differences(math.sin, 1.0)
    >>> d.judge(math.cos(1.0)).verdict.value, d.judge(0.54).verdict.value
    ('right', 'wrong')
    >>> print(Differences(abs, 0.0).judge(0.0).remark)
    the slope is -1 on the left and 1 on the right
    """

    def __init__(self, f: Callable[[float], float], x: float) -> None:
        def at(z: float) -> float:
            try:
                return f(z)
            except (ArithmeticError, ValueError) as error:
                self._refusal = f"{type(error).__name__}: {error}"
                return math.nan

        self._refusal = ""
        self._f = at
        self._x = x
        self._y = at(x)
        self._scales = iter(_scales(x)) if math.isfinite(x) else iter(())
        self._opened: list[Window] = []

    def windows(self) -> Iterator[Window]:
        """Yield windows, each narrower than the one before, and a few wide ones last."""
        yield from self._opened
        for scale in self._scales:
            window = self._open(scale)
            if window is not None:
                self._opened.append(window)
                yield window

    def judge(self, found: float, rtol: float = 1e-6, zero: float = 0.0) -> Judgement:
        """Compare a derivative with the values.

        A relative error of `rtol` is let pass, and any between numbers up to `zero`: the rounding that is
        left of larger ones where a derivative is 0.
        """
        if not math.isfinite(self._x):
            return Judgement(Verdict.KINK, remark=f"the point itself is {self._x!r}")
        if not math.isfinite(self._y):
            remark = f"there is no value here: {self._refusal}"
            return Judgement(
                Verdict.KINK, remark=remark if self._refusal else f"the value itself is {self._y!r}"
            )
        if self._f(self._x) != self._y:
            return Judgement(Verdict.NOISY, remark="the value changes from call to call")
        seen: list[Window] = []
        against: list[Window] = []
        faint: Estimate | None = None
        for window in self.windows():
            seen.append(window)
            if window.trouble or not _decides(window, seen, 0.0 if abs(found) <= zero else found):
                continue
            if not window.slope.near(found, rtol, zero):
                if not abs(found - window.slope.slope) <= DOUBT * window.sides:
                    against.append(window)
            elif not any(window.slope.near(w.slope.slope) for w in against):  # one that tells the two apart
                if window.slope.resolves(found) or not window.rise:
                    return Judgement(Verdict.RIGHT, window.slope)
                faint = faint or window.slope  # next to nothing, from here: a narrower window may see more
        judgement = _contested(found, sorted(seen, key=_step), sorted(against, key=_step))
        expected = judgement.expected
        accused = judgement.verdict is Verdict.WRONG and expected.resolves(0.0)
        if faint and not (accused and faint.near(expected.slope)):
            return Judgement(Verdict.RIGHT, faint)
        return judgement

    def _open(self, scale: float) -> Window | None:
        x, y = self._x, self._y
        steps = [(x + scale / 2**i) - x for i in range(STEPS)]  # so that x + h and x - h are exact
        if not all(a > b for a, b in pairwise([*steps, 0.0])):
            return None
        after, before = [self._f(x + h) for h in steps], [self._f(x - h) for h in steps]
        for side, values in (("right", after), ("left", before)):
            if not all(map(math.isfinite, values)):
                return Window(steps[0], UNKNOWN, trouble=f"there is no value on the {side}")
        rounding = 2.0**-52 * max(map(abs, [y, *after, *before])) + 5e-324
        central = _extrapolated(
            [(b - a) / 2 / h for a, b, h in zip(before, after, steps, strict=True)], steps, 2, rounding
        )
        left = _extrapolated(
            [(y - a) / h for a, h in zip(before, steps, strict=True)], steps, 1, 2 * rounding
        )
        right = _extrapolated(
            [(b - y) / h for b, h in zip(after, steps, strict=True)], steps, 1, 2 * rounding
        )
        if abs(left.slope - right.slope) > DOUBT * (left.error + right.error):
            trouble = f"the slope is {left.slope:.6g} on the left and {right.slope:.6g} on the right"
        elif _steep(after, y, rounding) or _steep(before, y, rounding):
            trouble = "there is a jump, or the slope is infinite"
        else:
            trouble = ""
        rise = max(abs(z - y) for z in (*after, *before))
        return Window(steps[0], central, rise, rounding, max(left.error, right.error), trouble)


def _step(window: Window) -> float:
    return window.step


def _decides(window: Window, seen: list[Window], found: float) -> bool:
    """Whether the error is small beside the slopes here and in the wider windows, where noise is least."""
    wider = [w for w in seen if window.step <= w.step]
    if not any(w.rise for w in wider):  # a constant, as far as was seen: that is for derivative 0
        return found == 0 or not window.slope.near(found)  # ... and against all else
    size = max(abs(window.slope.slope), *[w.secant for w in wider])
    return DOUBT * window.slope.error <= RESOLVED * size


def _contested(found: float, seen: list[Window], against: list[Window]) -> Judgement:
    """No window has borne `found` out: accuse it, unless in doubt. Narrow windows come first."""
    closest = next((w for w in seen if w.telling), None)
    if closest and closest.trouble:
        return Judgement(Verdict.KINK, closest.slope, closest.trouble)
    if len(against) < 2:
        return Judgement(Verdict.NOISY, min((w.slope for w in seen), key=_error, default=UNKNOWN))
    first, second = against[0].slope, against[1].slope
    best = min((w for w in against if first.near(w.slope.slope)), key=lambda w: w.slope.error)
    gap = abs(found - best.slope.slope) if math.isfinite(found) else math.inf
    for window in seen:
        slope, expected = window.slope, best.slope.slope
        nearer = abs(slope.slope - found) < abs(slope.slope - expected)
        if window.step < best.step and not window.trouble and slope.error < gap / 5 and nearer:
            return Judgement(Verdict.NOISY, best.slope, f"over a step of {window.step:.0e} it is {slope}")
    if not first.near(second.slope, RESOLVED):
        return Judgement(Verdict.NOISY, best.slope, f"over a step of {against[1].step:.0e} it is {second}")
    moving = [w for w in against if w.rise]
    if best.rise or not moving:
        return Judgement(Verdict.WRONG, best.slope)
    remark = (
        f"the value stands still nearby, and over a step of {moving[-1].step:.0e} it is {moving[-1].slope}"
    )
    unlike = all(abs(found - w.slope.slope) > UNLIKE * abs(found) for w in moving)
    return Judgement(Verdict.WRONG if unlike else Verdict.NOISY, best.slope, remark)


def _error(estimate: Estimate) -> float:
    return estimate.error


def _steep(values: list[float], y: float, rounding: float) -> bool:
    """Whether the function rises steadily, and like hᵖ with p well below 1."""
    rises = [abs(z - y) for z in values]
    steady = all(b <= 1.01 * a for a, b in pairwise(rises))
    return steady and rises[-1] > 1e3 * rounding and rises[0] < rises[-1] * 2 ** (0.85 * (STEPS - 1))


def _scales(x: float) -> list[float]:
    """The widest step of each window. The factors are not round, so as not to meet a period of f."""
    size = max(abs(x), 1.0)
    down = [size * 0.0471 / 8.7**k for k in range(18)]
    if abs(x) < 1e-3:
        down = [*down[:11], *[s for k in range(8) if 0 < (s := abs(x) * 0.0471 / 8.7**k) < down[10]]]
    return [*down, *[size * k for k in (0.41, 4.3, 37.0)]]


def _extrapolated(slopes: list[float], steps: list[float], power: int, rounding: float) -> Estimate:
    """Return the slope at step 0 of those at the steps, taken as a polynomial in stepᵖ."""
    every, *fewer = _weights(tuple((h / steps[0]) ** power for h in steps))
    slope = _dot(every, slopes)
    spread = max(abs(_dot(weights, slopes) - slope) for weights in fewer)
    return Estimate(slope, spread + rounding * sum(abs(w) / h for w, h in zip(every, steps, strict=True)))


@lru_cache
def _weights(nodes: tuple[float, ...]) -> list[list[float]]:
    """Lagrange's weights of the values at `nodes` for the value at 0; then those without each of them."""
    kept = [nodes, *[nodes[:i] + nodes[i + 1 :] for i in range(len(nodes))]]
    return [
        [math.prod(v / (v - u) for v in some if v != u) if u in some else 0.0 for u in nodes]
        for some in kept
    ]


def _dot(weights: Sequence[float], values: Sequence[float]) -> float:
    return sum(w * v for w, v in zip(weights, values, strict=True))
