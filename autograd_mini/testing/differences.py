"""Judge a derivative by the values of the function alone: differences at many steps, with an error each.

A difference over one step has two unknown errors: of truncation, which shrinks with the step, and of
noise, which grows. Here five steps, each half of the one before, make a *window*; Richardson's
extrapolation takes their differences to step 0, and the error is what leaving out any one of them
changes, with the noise of the values on top (the idea is Ridders', Adv. Eng. Softw. 4, 1982). Windows
are opened at one scale after another, until one decides. The same samples give the slope on either
side: where the two differ however narrow the window, there is a kink. What no smooth curve explains in
window after window is noise: rounding, a tolerance inside, or values that come in steps.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from functools import lru_cache
from itertools import pairwise
from typing import Final

__all__ = ["Differences", "Estimate", "Judgement", "Verdict", "is_single"]

STEPS: Final = 5
DOUBT: Final = 10.0
"""Errors are themselves estimates: a difference counts only from this many times the error on."""
RESOLVED: Final = 1e-4
"""A window decides if its error, doubts included, is at most this part of the slopes seen."""
RESOLVED_IN_NOISE: Final = 1e-3
"""The same where the function is noisy: more digits cannot be had."""


WIDE_STEP: Final = 1e-5
"""Where the values stand still over so wide a part of the argument's size, the function is constant."""


NEARBY: Final = 1e-2
"""A kink is looked for in windows up to this part of the argument's size: farther ones show others."""


class Verdict(Enum):
    """The result of comparing a derivative with an oracle."""

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
    left: Estimate = UNKNOWN
    right: Estimate = UNKNOWN
    """The slopes on either side alone."""
    unexplained: tuple[float, float] = (0.0, 0.0)
    """How far the values on the left and on the right are from a smooth curve."""
    smoothed: Estimate = UNKNOWN
    """The slope of the curve that fits best: better than extrapolation where there is noise."""
    trouble: str = ""
    """In words, what makes the function not differentiable as seen from here; empty if nothing does."""

    @property
    def secant(self) -> float:
        """The smallest slope that the rounding allows."""
        return 0.0 if self.trouble else max(0.0, self.rise - DOUBT * self.rounding) / self.step

    @property
    def sides(self) -> float:
        """The error of the slopes on either side: it shows noise that both sides have alike."""
        return max(self.left.error, self.right.error)

    def in_noise(self, noise: float) -> Window:
        """Return the same window of a function whose values are off by up to `noise`."""
        if noise <= self.rounding or not math.isfinite(self.slope.slope):
            return self
        extrapolated = replace(self.slope, error=self.slope.error + EXTRAPOLATED * noise / self.step)
        off = max(noise, *self.unexplained)
        smoothed = replace(self.smoothed, error=self.smoothed.error + SMOOTHED * off / self.step)
        off = ONE_SIDED * noise / self.step
        left = replace(self.left, error=self.left.error + off)
        right = replace(self.right, error=self.right.error + off)
        visible = self.rise > DOUBT * noise if "jump" in self.trouble else _differ(left, right)
        return replace(
            self,
            slope=min(extrapolated, smoothed, key=_error),
            rounding=max(self.rounding, noise),
            left=left,
            right=right,
            trouble=self.trouble if visible else "",
        )


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
                return float(f(z))
            except (ArithmeticError, ValueError) as error:
                self._refusal = f"{type(error).__name__}: {error}"
                return math.nan

        self._refusal = ""
        self._f = at
        self._x = x
        self._y = at(x)
        again = at(x) if math.isfinite(self._y) else self._y
        self._restless = abs(again - self._y) if again != self._y else 0.0
        if self._restless:
            self._restless = max(self._restless, *[abs(at(x) - self._y) for _ in range(4)])
        self._scales = iter(_scales(x)) if math.isfinite(x) else iter(())
        self._opened: list[Window] = []
        self._single = is_single(self._y)

    @property
    def noise(self) -> float:
        """How far values are off, as far as the windows that were opened show it."""
        return max(self._restless, _persistent(self._opened))

    def windows(self) -> Iterator[Window]:
        """Yield windows, each narrower than the one before, and a few wide ones last."""
        yield from self._opened
        for scale in self._scales:
            window = self._open(scale)
            if window is not None:
                self._opened.append(window)
                yield window

    def judge(
        self,
        found: float,
        rtol: float = 1e-6,
        zero: float = 0.0,
        slack: float = 0.0,
        *,
        quick: bool = False,
    ) -> Judgement:
        """Compare a derivative with the values.

        A relative error up to `rtol` passes, an absolute one up to `slack`, and any between numbers up to
        `zero`: the rounding that is left of larger ones where a derivative is 0. A `quick` judge does not
        look for more evidence once two windows that agree are against the derivative.
        """
        if not math.isfinite(self._x):
            return Judgement(Verdict.KINK, remark=f"the point itself is {self._x!r}")
        if not math.isfinite(self._y):
            remark = f"there is no value here: {self._refusal}"
            return Judgement(
                Verdict.KINK, remark=remark if self._refusal else f"the value itself is {self._y!r}"
            )
        seen: list[Window] = []
        against: list[Window] = []
        faint: Estimate | None = None
        for bare in self.windows():
            noise = self.noise
            window = bare.in_noise(noise)
            seen.append(window)
            if window.trouble or not _decides(window, seen, 0.0 if abs(found) <= zero else found, noise):
                continue
            if not (window.slope.near(found, rtol, zero) or abs(window.slope.slope - found) <= slack):
                if not abs(found - window.slope.slope) <= DOUBT * window.sides:
                    against.append(window)
                    if quick and len(against) > 1 and window.slope.near(against[-2].slope.slope, rtol):
                        break
            elif not any(window.slope.near(w.slope.slope) for w in against):  # one that tells the two apart
                if window.slope.resolves(found) or not window.rise or noise > bare.rounding:
                    remark = self._how_noisy(window.slope) if self._restless else ""
                    return Judgement(Verdict.RIGHT, window.slope, remark)
                faint = faint or window.slope  # next to nothing, from here: a narrower window may see more
        noise = self.noise
        judgement = self._contested(found, [w.in_noise(noise) for w in self._opened], rtol, slack)
        expected = judgement.expected
        accused = judgement.verdict is Verdict.WRONG and expected.resolves(0.0)
        if faint and not (accused and faint.near(expected.slope)):
            return Judgement(Verdict.RIGHT, faint)
        return judgement

    def _contested(self, found: float, seen: list[Window], rtol: float, slack: float) -> Judgement:
        """No window agrees with `found`: decide wrong, kink or noisy."""
        seen = sorted(seen, key=_step)
        noise = self.noise
        kink = self._kink([w for w in seen if w.step <= NEARBY * max(abs(self._x), 1.0)] or seen)
        if kink:
            return self._at_a_kink(found, kink, seen, rtol, slack)
        finite = math.isfinite(found)
        gaps = {w.step: abs(found - w.slope.slope) if finite else math.inf for w in seen}
        sound = [w for w in seen if not w.trouble and math.isfinite(w.slope.slope)]
        best = min(sound, key=lambda w: w.slope.error, default=None)
        if best is None:
            return Judgement(Verdict.NOISY, remark=self._how_noisy(UNKNOWN))
        rises = [w.rise for w in seen if 0 < w.rise < math.inf]
        steps = [w.rise for w in seen if min(w.unexplained) > 0 and w.step < 0.2 * max(abs(self._x), 1.0)]
        hidden = DOUBT * min(steps) if steps and min(steps) <= 1e-3 * max(rises) else 0.0
        against = [
            w
            for w in sound
            if DOUBT * w.slope.error < gaps[w.step]
            and not gaps[w.step]
            <= max(rtol * max(abs(found) if finite else 0.0, abs(w.slope.slope)), slack)
            and not gaps[w.step] <= DOUBT * w.sides * (noise == 0)
            and (w.rise or not finite or abs(found) * w.step > hidden)
        ]
        if len(against) < 2 or not against[0].slope.near(against[1].slope.slope, RESOLVED):
            return Judgement(Verdict.NOISY, best.slope, self._how_noisy(best.slope))
        expected = min(
            (w for w in against if against[0].slope.near(w.slope.slope)), key=lambda w: w.slope.error
        )
        gap = gaps[expected.step]
        if (
            noise > 0 and finite and gap * expected.step > 1e3 * expected.rise
        ):  # too steep to be seen in noise
            return Judgement(Verdict.NOISY, best.slope, self._how_noisy(best.slope))
        for w in sound:
            nearer = gaps[w.step] < abs(w.slope.slope - expected.slope.slope)
            if w.step < expected.step and w.slope.error < gap / 5 and nearer:
                remark = f"over a step of {w.step:.0e} it is {w.slope}"
                return Judgement(Verdict.NOISY, expected.slope, remark)
        still = [w for w in self._opened if w.step < expected.step and (w.rise == 0 or "jump" in w.trouble)]
        least = min((w for w in self._opened if w.rise), key=lambda w: w.rise, default=expected)
        coarse = least.rise > 100 * least.rounding and not self._single  # else it is rounding
        if found == 0 and len(still) > 1 and expected.rise and coarse:
            if not still[0].rise and still[0].step > WIDE_STEP * max(abs(self._x), 1.0):
                return Judgement(Verdict.RIGHT, still[0].slope)
            remark = f"the values come in steps, and over {expected.step:.0e} they rise by {expected.slope}"
            return Judgement(Verdict.KINK if still[-1].trouble else Verdict.NOISY, expected.slope, remark)
        if not expected.rise and any(w.rise for w in sound):
            moving = [w for w in sound if w.rise and w.slope.error < abs(found) / 2]
            remark = "the value stands still nearby"
            if moving:
                remark += f", and over a step of {moving[-1].step:.0e} it is {moving[-1].slope}"
            return Judgement(Verdict.WRONG, expected.slope, remark)
        return Judgement(Verdict.WRONG, expected.slope)

    @staticmethod
    def _kink(seen: list[Window]) -> Window | None:
        """The window that shows best that there is a kink, a jump or a pole at the point itself."""
        if not seen or not math.isfinite(seen[0].rise):
            return seen[0] if seen else None
        jumps = [w for w in seen[:3] if "jump" in w.trouble]
        if len(jumps) > 1:
            return jumps[0]
        for i, (w, wider) in enumerate(pairwise(seen)):
            if _bent(w):
                gap = abs(w.left.slope - w.right.slope)
                if any(DOUBT * (v.left.error + v.right.error) < gap / 3 for v in seen[:i]):
                    return None  # a narrower window sees no kink
                if wider.left.near(w.left.slope, 1e-3) and wider.right.near(w.right.slope, 1e-3):
                    return w
        return None

    def _at_a_kink(
        self, found: float, kink: Window, seen: list[Window], rtol: float, slack: float
    ) -> Judgement:
        """The slopes differ on either side: what lies between them is a convention, all else is wrong."""
        if "jump" in kink.trouble or not math.isfinite(kink.rise):
            return Judgement(Verdict.KINK, kink.slope, kink.trouble)
        best = min(
            (
                w
                for w in seen
                if _bent(w) and w.left.near(kink.left.slope) and w.right.near(kink.right.slope)
            ),
            key=_sides,
        )
        left, right = best.left, best.right
        judgement = Judgement(Verdict.KINK, best.slope, best.trouble)
        if not math.isfinite(found):
            return judgement
        low, high = sorted((left.slope, right.slope))
        room = DOUBT * (left.error + right.error) + rtol * max(abs(low), abs(high), abs(found)) + slack
        if low - room <= found <= high + room:
            return judgement
        return Judgement(Verdict.WRONG, best.slope, f"{best.trouble}, and this is not between")

    def _how_noisy(self, best: Estimate) -> str:
        if self._restless:
            return f"the value changes from call to call, by {self._restless:.0e}"
        noise = self.noise
        if noise:
            return f"the values are noisy by {noise:.0e}"
        if math.isfinite(best.slope):
            return f"the values show {best.slope:.3g} ± {DOUBT * best.error:.0e}"
        return ""

    def _open(self, scale: float) -> Window | None:
        x, y = self._x, self._y
        steps = [(x + scale / 2**i) - x for i in range(STEPS)]  # so that x + h and x - h are exact
        if not all(a > b for a, b in pairwise([*steps, 0.0])):
            return None
        after, before = [self._f(x + h) for h in steps], [self._f(x - h) for h in steps]
        self._single = self._single and all(map(is_single, [*after, *before]))
        for side, values in (("right", after), ("left", before)):
            if not all(map(math.isfinite, values)):
                return Window(steps[0], UNKNOWN, trouble=f"there is no value on the {side}")
        rounding = 2.0**-52 * max(map(abs, [y, *after, *before])) + 5e-324
        odd = [(b - a) / 2 for a, b in zip(before, after, strict=True)]
        central = _extrapolated([v / h for v, h in zip(odd, steps, strict=True)], steps, 2, rounding)
        left = _extrapolated(
            [(y - a) / h for a, h in zip(before, steps, strict=True)], steps, 1, 2 * rounding
        )
        right = _extrapolated(
            [(b - y) / h for b, h in zip(after, steps, strict=True)], steps, 1, 2 * rounding
        )
        if _steep(after, y, rounding) or _steep(before, y, rounding):
            trouble = "there is a jump, or the slope is infinite"
        elif _differ(left, right):
            trouble = f"the slope is {left.slope:.6g} on the left and {right.slope:.6g} on the right"
        else:
            trouble = ""
        return Window(
            steps[0],
            central,
            max(abs(z - y) for z in (*after, *before)),
            rounding,
            left,
            right,
            (_unexplained([z - y for z in before]), _unexplained([z - y for z in after])),
            _smoothed(odd, steps[0]),
            trouble,
        )


def _differ(left: Estimate, right: Estimate) -> bool:
    return abs(left.slope - right.slope) > DOUBT * (left.error + right.error)


def _bent(window: Window) -> bool:
    """Whether there is a slope on either side, and they differ."""
    return bool(window.trouble) and math.isfinite(window.rise) and "jump" not in window.trouble


def _step(window: Window) -> float:
    return window.step


def _sides(window: Window) -> float:
    return window.sides


def _error(estimate: Estimate) -> float:
    return estimate.error


def is_single(x: float) -> bool:
    """Whether a number is one of single precision."""
    try:
        return bool(struct.unpack("f", struct.pack("f", x))[0] == x)
    except OverflowError:
        return False


def _decides(window: Window, seen: list[Window], found: float, noise: float) -> bool:
    """Whether the error is small beside the slopes here and in the wider windows, where noise is least."""
    wider = [w for w in seen if window.step <= w.step]
    if not any(w.rise for w in wider):  # a constant, as far as was seen: that is for derivative 0
        return found == 0 or not window.slope.near(found)  # ... and against all else
    size = max(abs(window.slope.slope), *[w.secant for w in wider])
    part = RESOLVED_IN_NOISE if noise >= window.rounding > 0 else RESOLVED
    return DOUBT * window.slope.error <= part * size


def _persistent(opened: list[Window]) -> float:
    """The noise: what no smooth curve explains on either side, and what does not shrink with the window.

    A fine structure looks like noise from afar, and becomes smooth by and by in windows that are narrow
    enough. Within a step of the values noise is gone at once, and comes back with the next step. A jump
    beside the point disturbs one side only.
    """
    noise = passed = 0.0
    narrowing: list[Window] = []
    for window in opened:
        if narrowing and window.step > narrowing[-1].step:
            break  # the wide ones that come last
        narrowing.append(window)
        if len(narrowing) >= 4:
            sides = zip(*[w.unexplained for w in narrowing[-4:]], strict=True)
            noise = max(noise, min(map(_level, sides)))
        if window.rise == 0:  # it may be a step of the values: two windows with steps in them will do
            rests = sorted(min(w.unexplained) for w in narrowing)
            noise = max([noise, *[2 * rest for rest in rests[-2:-1]]])
        if min(window.unexplained) > 0.1 * passed:
            noise = max(noise, passed)  # it was smooth by chance
        if noise and _becomes_smooth(window, narrowing[-2] if len(narrowing) > 1 else window, noise):
            noise, passed = 0.0, noise
            narrowing = [window]
    return noise


def _becomes_smooth(window: Window, wider: Window, noise: float) -> bool:
    """Whether little of the noise is left, but still more than rounding: it does not vanish at once."""
    for now, before in zip(window.unexplained, wider.unexplained, strict=True):
        by_and_by = max(1e-7 * noise, DOUBT * window.rounding) < now < 3e-3 * noise
        in_two_windows = DOUBT * wider.rounding < before < 3e-3 * noise and now < 0.01 * before
        if not (by_and_by or in_two_windows):
            return False
    return True


def _level(rest: tuple[float, ...]) -> float:
    """The level of four numbers, the widest window's first, unless they shrink."""
    return 2 * sorted(rest)[1] if rest[2] * rest[3] > 0.1 * rest[0] * rest[1] else 0.0


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


NODES: Final = tuple(0.5**i for i in range(STEPS))


@lru_cache
def _fit(powers: tuple[int, ...]) -> tuple[list[float], list[list[float]]]:
    """Of the curve of these powers that fits best through values at `NODES`: the weights of its first
    coefficient, and an orthonormal basis of all such curves.
    """
    basis: list[list[float]] = []
    for p in reversed(powers):  # Gram and Schmidt: the first power last, so that its part is what is left
        column = [h**p for h in NODES]
        for b in [*basis, *basis]:
            part = _dot(b, column)
            column = [c - part * v for c, v in zip(column, b, strict=True)]
        length = math.sqrt(_dot(column, column))
        basis.append([c / length for c in column])
    scale = _dot(basis[-1], [h ** powers[0] for h in NODES])
    return [v / scale for v in basis[-1]], basis


def _unexplained(values: list[float]) -> float:
    """How far values at the nodes, of a function that is 0 at 0, are from the best cubic."""
    _, basis = _fit((1, 2, 3))
    rest = values
    for b in basis:
        part = _dot(b, rest)
        rest = [r - part * v for r, v in zip(rest, b, strict=True)]
    return math.sqrt(_dot(rest, rest) / (STEPS - 3))


def _smoothed(odd: list[float], step: float) -> Estimate:
    """The slope of the odd curve that fits best, and by how much one more power would change it."""
    slope, finer = (_dot(_fit(powers)[0], odd) / step for powers in ((1, 3), (1, 3, 5)))
    return Estimate(slope, abs(finer - slope))


def _dot(weights: Sequence[float], values: Sequence[float]) -> float:
    return sum(w * v for w, v in zip(weights, values, strict=True))


EXTRAPOLATED: Final = sum(
    abs(w) / h for w, h in zip(_weights(tuple(h * h for h in NODES))[0], NODES, strict=True)
)
ONE_SIDED: Final = 2 * sum(abs(w) / h for w, h in zip(_weights(NODES)[0], NODES, strict=True))
SMOOTHED: Final = math.sqrt(_dot(_fit((1, 3))[0], _fit((1, 3))[0]))
"""By how much noise of the values is in the slopes, for a widest step of 1."""
