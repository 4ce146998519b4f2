"""Taylor's remainder: how fast a function leaves its tangent. Two values a step, however many inputs.

|f(x + h·v) − f(x) − h·g·v| shrinks as h² if g is the gradient and as h if it is not, so that one direction
v tests all components of g at once.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final

from autograd_mini.testing.differences import Differences, Estimate, Judgement, Verdict

__all__ = ["Taylor"]

HALVINGS: Final = 40
ROUNDING: Final = 1e3 * 2.0**-52


class Taylor:
    """Judges the slope of a function of one number at a point by the order of the remainder.

    >>> t = Taylor(math.exp, 0.0)
    >>> t.order(1.0), t.order(1.01)
    (2.0, 1.0)
    >>> t.judge(1.01).verdict.value
    'wrong'
    """

    def __init__(self, f: Callable[[float], float], x: float) -> None:
        self._f, self._x, self._y = f, x, f(x)

    def order(self, found: float, side: float = 1.0) -> float:
        """Return the power of h with which the remainder shrinks: 2 or more if `found` is the derivative.

        To one decimal, from the narrowest steps on that side (1.0 or -1.0) whose remainder is above
        rounding; inf if none is, nan if they are too few to tell.
        """
        defects = self._defects(found, side)
        if not defects:
            return math.inf
        return round(1 + math.log2(abs(defects[-4] / defects[-1])) / 3, 1) if len(defects) > 3 else math.nan

    def judge(self, found: float, rtol: float = 1e-6, zero: float = 0.0) -> Judgement:
        """Compare a derivative with the values, as `Differences` does."""
        if not (math.isfinite(found) and math.isfinite(self._y)):
            return Differences(self._f, self._x).judge(found, rtol, zero)
        if 0 < abs(found) * self._step(0) <= ROUNDING * abs(self._y):
            return Judgement(Verdict.NOISY, remark="the value is too large to show the slope")
        right, left = ((self._defects(found, side) or [0.0])[-1] for side in (1.0, -1.0))
        orders = [self.order(found, side) for side in (1.0, -1.0)]
        expected = Estimate(found + (right + left) / 2, abs(right - left))
        remark = (
            f"the remainder shrinks as h to the power {orders[0]} on the right, {orders[1]} on the left"
        )
        if min(orders) > 1.7 or max(abs(right), abs(left)) <= max(rtol * abs(found), zero):
            return Judgement(Verdict.RIGHT, expected)
        if max(orders) < 1.3 and abs(right - left) < 0.1 * abs(right + left):
            return Judgement(Verdict.WRONG, expected, remark)
        return Judgement(Verdict.KINK if min(orders) < 1.3 else Verdict.NOISY, expected, remark)

    def _step(self, k: int) -> float:
        return float(max(abs(self._x), 1.0) / 2 ** (k + 3))

    def _defects(self, found: float, side: float) -> list[float]:
        """What the slope of ever narrower secants has over `found`, down to where rounding hides it."""
        defects: list[float] = []
        x, y = self._x, self._y
        for k in range(HALVINGS):
            h = (x + side * self._step(k)) - x
            z = self._f(x + h)
            remainder = (z - y) - h * found
            if not math.isfinite(remainder):
                defects.clear()  # a pole between here and the point
            elif abs(remainder) <= ROUNDING * max(abs(z), abs(y), abs(h * found)):
                break
            else:
                defects.append(remainder / h)
        return defects
