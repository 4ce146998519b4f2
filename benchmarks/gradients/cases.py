"""A case of the corpus: a function, what somebody says its derivative is, a point, the right verdicts."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

WRONG = frozenset({"wrong"})
RIGHT = frozenset({"right"})
NOISY = frozenset({"right", "too noisy"})
KINK = frozenset({"kink or pole"})
EDGE = frozenset({"right", "kink or pole"})


@dataclass(frozen=True)
class Case:
    """`claim` is the derivative of `f`, as its author would have it.

    `f` takes an array of one dimension. It returns a number (kind "gradient") or an array of one dimension
    ("jacobian", "vjp", "jvp"). `claim` takes the point, and for products a vector after it. `make` builds
    both afresh, so that a case that keeps state starts from the same state for every judge.
    """

    source: str
    name: str
    make: Callable[[], tuple[Callable[..., Any], Callable[..., Any]]]
    x: tuple[float, ...]
    kind: str = "gradient"
    verdicts: frozenset[str] = RIGHT

    @property
    def point(self) -> np.ndarray:
        """The point as a fresh array."""
        return np.array(self.x, dtype=float)

    def __str__(self) -> str:
        return f"{self.name} ({self.source})"


BUGS: list[Case] = []


def bug(source: str, what: str, kind: str = "gradient"):
    """Register the wrong derivatives that a function yields: (f, claim, x), or (f, claim, x, kind).

    The decorated function is called again for every judge, so state in its closures starts afresh.
    """

    def register(cases):
        for i, case in enumerate(cases()):
            _, _, x, *own_kind = case
            numbers = tuple(float(t) for t in np.ravel(x))

            def make(i=i):
                for k, (f, claim, *_) in enumerate(cases()):
                    if k == i:
                        return f, claim
                raise IndexError(i)

            BUGS.append(Case(source, f"{what} [{i}]", make, numbers, *(own_kind or [kind]), verdicts=WRONG))
        return cases

    return register


def sigmoid(x):
    return 0.5 * (1 + np.tanh(0.5 * np.asarray(x)))


def softmax(z):
    e = np.exp(z - np.max(z, axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def log_sum_exp(z):
    top = np.max(z, axis=-1, keepdims=True)
    return (top + np.log(np.exp(z - top).sum(axis=-1, keepdims=True)))[..., 0]
