"""Losses, which say how wrong predictions are, and penalties on parameters.

A loss takes predictions and targets, two sequences of the same shape or two numbers, and returns the mean
over all pairs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from math import nan
from typing import Any

from autograd_mini.engine import modes
from autograd_mini.engine.primitives import abs_, equal, less, relu, softplus, where
from autograd_mini.engine.table import as_number, is_number
from autograd_mini.transforms.gather import element
from autograd_mini.transforms.sequences import dot, logsumexp, sum_

__all__ = ["binary_cross_entropy", "cross_entropy", "hinge", "huber", "l1", "l2", "mae", "mse"]


def mse(predictions: Any, targets: Any) -> Any:
    """Return the mean squared error, the mean of (prediction - target)².

    >>> mse([1.0, 2.0], [0.0, 4.0])
    2.5
    """

    def of_pair(p: Any, t: Any) -> Any:
        e = p - t
        return e * e

    return _mean(of_pair, predictions, targets)


def mae(predictions: Any, targets: Any) -> Any:
    """Return the mean absolute error, the mean of abs(prediction - target), with derivative 0 at 0.

    >>> mae([1.0, 2.0], [0.0, 4.0])
    1.5
    """
    return _mean(lambda p, t: abs_(p - t), predictions, targets)


def huber(predictions: Any, targets: Any, delta: float = 1.0) -> Any:
    """Return the mean of Huber's loss (1964): e²/2 for errors e up to `delta`, linear beyond.

    Raises ValueError if `delta` is not greater than 0.

    >>> huber([1.0, 2.0], [0.5, 5.0])
    1.3125
    """
    if not as_number(delta) > 0.0:
        raise ValueError(f"huber: delta is {delta!r}: choose it greater than 0")

    def of_pair(p: Any, t: Any) -> Any:
        e = p - t
        size = abs_(e)
        return where(less(delta, size), delta * (size - 0.5 * delta), 0.5 * e * e)

    return _mean(of_pair, predictions, targets)


def binary_cross_entropy(logits: Any, targets: Any) -> Any:
    """Return the mean of -log p, where p is the probability of the target; logits come before a sigmoid.

    Targets are 0, 1 or probabilities between. Others raise ValueError; a replayed program returns nan for
    them. Computed by softplus, which loses no digits however large a logit is.

    >>> binary_cross_entropy([0.0, 50.0], [1, 1])
    0.346573590279972...
    """

    def of_pair(z: Any, t: Any) -> Any:
        t = _checked_target("binary_cross_entropy", t, lambda t: t * (1.0 - t), "from 0 to 1")
        return t * softplus(-z) + (1.0 - t) * softplus(z)

    return _mean(of_pair, logits, targets)


def cross_entropy(logits: Sequence[Sequence[Any]], targets: Sequence[Any]) -> Any:
    """Return the mean of -log p, where p is the probability that a softmax of the logits gives the target.

    `logits` has a row for each example, with a number for each class. A target is a class, counted from
    0, or a row of probabilities.

    >>> cross_entropy([[0.0, 0.0], [100.0, 0.0]], [1, 0])
    0.346573590279972...
    """
    losses = []
    for i, (row, target) in enumerate(_zip(logits, targets, "")):
        if _is_single(row):
            raise TypeError(
                f"logits[{i}] is one number: give one for each class, or use binary_cross_entropy"
            )
        if hasattr(target, "record_primitive"):
            losses.append(_surprise(row, target))
        elif not is_number(target):
            losses += [t * _surprise(row, k) for k, (_, t) in enumerate(_zip(row, target, f"[{i}]"))]
        elif target in range(len(row)):
            losses.append(_surprise(row, int(target)))
        else:
            raise ValueError(
                f"targets[{i}] is {target!r}, and logits[{i}] has {len(row)} classes: count them from 0"
            )
    return sum_(losses) / len(logits)


def hinge(scores: Any, targets: Any) -> Any:
    """Return the mean of max(0, 1 - target · score), the loss of support vector machines.

    Targets are -1 or 1. Others raise ValueError; a replayed program returns nan for them.

    >>> hinge([0.5, 3.0], [1, -1])
    2.25
    """

    def of_pair(s: Any, t: Any) -> Any:
        t = _checked_target(
            "hinge", t, lambda t: -abs_(t * t - 1.0), "-1 or 1, as 2 * k - 1 is for a class k of 0 or 1"
        )
        return relu(1.0 - t * s)

    return _mean(of_pair, scores, targets)


def l1(parameters: Iterable[Any]) -> Any:
    """Return the sum of the parameters' absolute values: a penalty that makes them sparse.

    >>> l1([1.0, -2.0])
    3.0
    """
    return sum_([abs_(p) for p in parameters])


def l2(parameters: Iterable[Any]) -> Any:
    """Return the sum of the parameters' squares: a penalty that keeps them small.

    >>> l2([1.0, -2.0])
    5.0
    """
    parameters = list(parameters)
    return dot(parameters, parameters)


def _surprise(row: Sequence[Any], k: Any) -> Any:
    """Return -log softmax(row)[k].

    The differences come first, because logsumexp(row) - row[k] cancels when one class is nearly certain.
    While a program is traced `k` is a Value. If it comes from ints, one program holds for every class that
    exists. Else `where` selects the class, and nan stands for one that does not exist.
    """
    if isinstance(k, int):
        return logsumexp([0.0 if i == k else z - row[k] for i, z in enumerate(row)])
    count = len(row)
    try:
        place = modes.tell("on_gather", where(less(k, 0.0), float(count), k), count)
    except IndexError:
        raise ValueError(
            f"targets: one is none of the {count} classes that logits have: count them from 0"
        ) from None
    if place is not None:
        truth = element(place, *row)
        return logsumexp([element(equal(place, i), z - truth, 0.0) for i, z in enumerate(row)])
    truth = nan
    for i, z in enumerate(row):
        truth = where(equal(k, i), z, truth)
    return logsumexp([where(equal(k, i), 0.0, z - truth) for i, z in enumerate(row)])


def _checked_target(loss: str, target: Any, sign: Callable[[Any], Any], which: str) -> Any:
    """Return the target if `sign` of it is not negative, else raise ValueError.

    While a program is traced the target is a Value, and nan takes the place of the error.
    """
    if not is_number(target):
        return where(less(sign(target), 0.0), nan, target)
    if sign(as_number(target)) < 0.0:
        raise ValueError(f"{loss}: a target is {target:g}: give targets {which}")
    return target


def _mean(loss: Callable[[Any, Any], Any], predictions: Any, targets: Any) -> Any:
    losses = [loss(p, t) for p, t in _pairs(predictions, targets, "")]
    return sum_(losses) / len(losses)


def _pairs(predictions: Any, targets: Any, place: str) -> Iterator[tuple[Any, Any]]:
    """Yield each prediction with its target; `place`, such as "[2]", is for error messages."""
    one, other = _is_single(predictions), _is_single(targets)
    if one and other:
        yield predictions, as_number(targets) if is_number(targets) else targets
    elif one or other:
        _check_sequence(
            f"targets{place}" if one else f"predictions{place}", targets if one else predictions
        )
        kinds = ("one number", "a sequence") if one else ("a sequence", "one number")
        raise ValueError(
            f"predictions{place} is {kinds[0]} and targets{place} {kinds[1]}: give both the same shape"
        )
    else:
        for i, (p, t) in enumerate(_zip(predictions, targets, place)):
            yield from _pairs(p, t, f"{place}[{i}]")


def _zip(predictions: Any, targets: Any, place: str) -> Iterator[tuple[Any, Any]]:
    _check_sequence(f"predictions{place}", predictions)
    _check_sequence(f"targets{place}", targets)
    if len(predictions) != len(targets) or len(targets) == 0:
        raise ValueError(
            f"predictions{place} has {len(predictions)} items and targets{place} {len(targets)}: "
            "give one target for each prediction, and at least one"
        )
    return zip(predictions, targets, strict=True)


def _check_sequence(name: str, x: Any) -> None:
    if (
        isinstance(x, (str, bytes, dict, set))
        or not hasattr(x, "__len__")
        or getattr(x, "shape", None) == ()
    ):
        raise TypeError(
            f"{name}: expected numbers or sequences of them, got {type(x).__name__}; make it a list"
        )


def _is_single(x: Any) -> bool:
    return is_number(x) or hasattr(x, "record_primitive")
