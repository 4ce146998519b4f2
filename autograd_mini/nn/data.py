"""Small data sets: functions that return inputs and targets as lists.

`noise` is the standard deviation of the Gaussian added to each coordinate. `rng` is a seed, a
`random.Random`, or None for Python's shared generator; the same seed gives the same data. Classes are
counted from 0 and take turns.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from autograd_mini.nn.initial import Seed, generator

__all__ = ["circles", "digits", "line", "moons", "spirals", "split", "xor"]

Points = list[list[float]]


def line(
    rows: int = 100, *, slope: float = 2.0, intercept: float = 1.0, noise: float = 0.1, rng: Seed = None
) -> tuple[list[float], list[float]]:
    """Return x, evenly spaced from -1 to 1, and y = slope · x + intercept with noise.

    >>> line(3, noise=0.0)
    ([-1.0, 0.0, 1.0], [-1.0, 1.0, 3.0])
    """
    gauss = generator(rng).gauss
    xs = [_spread(i, rows, -1.0, 1.0) for i in range(rows)]
    return xs, [slope * x + intercept + gauss(0.0, noise) for x in xs]


def moons(rows: int = 100, *, noise: float = 0.1, rng: Seed = None) -> tuple[Points, list[int]]:
    """Return points on two half circles that reach into one another.

    >>> inputs, targets = moons(4, noise=0.0)
    >>> [[round(x, 3), round(y, 3)] for x, y in inputs], targets
    ([[1.0, 0.0], [0.0, 0.5], [-1.0, 0.0], [2.0, 0.5]], [0, 1, 0, 1])
    """

    def place(k: int, share: float) -> tuple[float, float]:
        x, y = math.cos(math.pi * share), math.sin(math.pi * share)
        return (1.0 - x, 0.5 - y) if k else (x, y)

    return _classes(2, rows, noise, rng, place)


def circles(
    rows: int = 100, *, radius: float = 0.5, noise: float = 0.1, rng: Seed = None
) -> tuple[Points, list[int]]:
    """Return points on the unit circle, and on a circle of the given radius around the same centre.

    >>> inputs, targets = circles(4, noise=0.0)
    >>> [round(math.hypot(*point), 3) for point in inputs], targets
    ([1.0, 0.5, 1.0, 0.5], [0, 1, 0, 1])
    """

    def place(k: int, share: float) -> tuple[float, float]:
        r, angle = (radius if k else 1.0), 2.0 * math.pi * share
        return r * math.cos(angle), r * math.sin(angle)

    return _classes(2, rows, noise, rng, place)


def spirals(
    rows: int = 100, *, classes: int = 2, turns: float = 1.0, noise: float = 0.05, rng: Seed = None
) -> tuple[Points, list[int]]:
    """Return points on the arms of a spiral, one arm for each class, from the centre to radius 1.

    >>> inputs, targets = spirals(6, classes=3, noise=0.0)
    >>> [round(math.hypot(*point), 3) for point in inputs], targets
    ([0.0, 0.0, 0.0, 1.0, 1.0, 1.0], [0, 1, 2, 0, 1, 2])
    """

    def place(k: int, share: float) -> tuple[float, float]:
        angle = 2.0 * math.pi * (turns * share + k / classes)
        return share * math.cos(angle), share * math.sin(angle)

    return _classes(classes, rows, noise, rng, place)


def xor(rows: int = 4, *, noise: float = 0.0, rng: Seed = None) -> tuple[Points, list[int]]:
    """Return the corners of the unit square in turn; the class is 1 where exactly one coordinate is 1.

    >>> xor()
    ([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]], [0, 1, 1, 0])
    """
    gauss = generator(rng).gauss
    corners = [(i // 2 % 2, i % 2) for i in range(rows)]
    inputs = [[x + gauss(0.0, noise), y + gauss(0.0, noise)] for x, y in corners]
    return inputs, [x ^ y for x, y in corners]


def digits() -> tuple[Points, list[int]]:
    """Return 1,797 handwritten digits: 8 × 8 pixels from 0 to 1, row by row, and the digit that each shows.

    They are 13 people's writing from the UCI set of Alpaydin and Kaynak (1998), as scikit-learn ships it;
    nothing is downloaded. Needs scikit-learn: ``pip install "autograd-mini[data]"``.

    >>> images, which = digits()
    >>> len(images), len(images[0]), max(images[0]), which[:5]
    (1797, 64, 0.9375, [0, 1, 2, 3, 4])
    """
    try:
        from sklearn.datasets import load_digits
    except ImportError:
        raise ImportError('digits needs scikit-learn: pip install "autograd-mini[data]"') from None
    images, which = load_digits(return_X_y=True)
    return (images / 16.0).tolist(), which.tolist()


Data = tuple[Sequence[Any], Sequence[Any]]


def split(
    inputs: Sequence[Any], targets: Sequence[Any], *, test: float = 0.2, rng: Seed = None
) -> tuple[Data, Data]:
    """Return two data sets, one to train on and one to test with; each example goes into one of them.

    `rng` draws which; `test` is the share of the second, from 0 to 1. Raises ValueError if there are not
    as many targets as inputs.

    >>> train, test = split(*xor(10), test=0.3, rng=1)
    >>> len(train[0]), len(test[1])
    (7, 3)
    """
    if len(inputs) != len(targets):
        raise ValueError(
            f"there are {len(inputs)} inputs and {len(targets)} targets: give a target for each"
        )
    if not 0.0 <= test <= 1.0:
        raise ValueError(f"test is {test!r}: choose a share from 0 to 1")
    order = list(range(len(inputs)))
    generator(rng).shuffle(order)
    held_out = round(test * len(order))

    def take(rows: list[int]) -> Data:
        return [inputs[i] for i in rows], [targets[i] for i in rows]

    return take(order[held_out:]), take(order[:held_out])


def _classes(
    classes: int, rows: int, noise: float, rng: Seed, place: Callable[[int, float], tuple[float, float]]
) -> tuple[Points, list[int]]:
    gauss = generator(rng).gauss
    inputs, targets = [], []
    for i in range(rows):
        k = i % classes
        members = (rows - k + classes - 1) // classes
        x, y = place(k, _spread(i // classes, members, 0.0, 1.0))
        inputs.append([x + gauss(0.0, noise), y + gauss(0.0, noise)])
        targets.append(k)
    return inputs, targets


def _spread(i: int, count: int, low: float, high: float) -> float:
    """Return the i-th of `count` numbers spread evenly from low to high."""
    return low + (high - low) * i / max(count - 1, 1)
