"""Functions of a sequence of numbers or Values: `sum`, `dot`, `logsumexp`, `softmax`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from autograd_mini.engine import primitives as p
from autograd_mini.engine.table import as_number, is_number

__all__ = ["dot", "logsumexp", "softmax", "sum_"]


def _items(call: str, xs: Any) -> list[Any]:
    if is_number(xs) or not hasattr(xs, "__iter__"):
        raise TypeError(f"{call}: expected a sequence of numbers, got {type(xs).__name__}; give a list")
    return [x if hasattr(type(x), "record_primitive") else _number(call, x) for x in xs]


def _number(call: str, x: Any) -> float:
    try:
        return as_number(x)
    except TypeError as error:
        raise TypeError(f"{call}: {error}") from None


def sum_(xs: Iterable[Any]) -> Any:
    """Return the sum of the numbers or Values `xs`, as one node; 0.0 if there are none.

    >>> sum_([1, 2, 3.5])
    6.5
    """
    return p.sum_(*_items("sum(xs)", xs))


def dot(xs: Iterable[Any], ys: Iterable[Any]) -> Any:
    """Return the sum of the products of `xs` and `ys`, taken in pairs, as one node.

    Raises ValueError if they are not equally many.

    >>> dot([1, 2], [10, 20])
    50.0
    """
    xs, ys = _items("dot(xs, ys)", xs), _items("dot(xs, ys)", ys)
    if len(xs) != len(ys):
        raise ValueError(
            f"dot(xs, ys): {len(xs)} numbers and {len(ys)}; give as many of one as of the other"
        )
    return p.dot(*xs, *ys)


def logsumexp(*xs: Any) -> Any:
    """Return log Σ eˣ of the numbers or Values in a sequence, as one node; -inf if there are none.

    It never overflows, and its gradient is the softmax. The numbers may also be given one by one.

    >>> logsumexp([1000.0, 1000.0]), logsumexp(0.0)
    (1000.6931471805599, 0.0)
    """
    one = len(xs) == 1 and hasattr(xs[0], "__iter__")
    return p.logsumexp(*_items("logsumexp(xs)", xs[0] if one else xs))


def softmax(xs: Iterable[Any]) -> list[Any]:
    """Return eˣ / Σ eˣ for each x of the numbers or Values `xs`, as a list; their sum is 1.

    It is the gradient of `logsumexp`, and never overflows.

    >>> softmax([0, 1000])
    [0.0, 1.0]
    """
    numbers = _items("softmax(xs)", xs)
    return p.shares(numbers) if numbers else []
