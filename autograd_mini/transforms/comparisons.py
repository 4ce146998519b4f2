"""Comparisons as calls of primitives: what holds at one point becomes a number that holds everywhere."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import Any

from autograd_mini.engine.primitives import equal, less, where
from autograd_mini.engine.table import as_number, exact_number

__all__ = ["truth"]


def truth(comparison: Callable[[Any, Any], bool], x: Any, y: Any) -> Any:
    """Return a comparison as 1.0 or 0.0 in primitives: one of `operator`'s, of `x` with a node or number.

    An int that is not a float is compared exactly: with the floats next to it.

    >>> truth(operator.le, 2.0, 3.0), truth(operator.eq, 2.0**53, 2**53 + 1)
    (1.0, 0.0)
    """
    low = high = y
    if not hasattr(y, "record_primitive"):
        exact, y = exact_number(y), as_number(y)
        low = y if y <= exact else math.nextafter(y, -math.inf)
        high = y if y >= exact else math.nextafter(y, math.inf)
        if low != high:
            y = math.nan
    if comparison in (operator.eq, operator.ne):
        same = equal(x, y)
        return same if comparison is operator.eq else 1.0 - same
    if comparison in (operator.lt, operator.gt):
        return less(x, high) if comparison is operator.lt else less(low, x)
    strict = less(x, high) if comparison is operator.le else less(low, x)
    return where(strict, 1.0, equal(x, y))
