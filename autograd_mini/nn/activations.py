"""Activations: functions of one number, most of which have a name."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Final

from autograd_mini.engine.primitives import erfc, relu, sigmoid, softplus, step, tanh, where
from autograd_mini.special.elementary import elu, mish, silu

__all__ = ["ACTIVATIONS", "Activation", "gelu", "leaky_relu", "linear", "look_up"]

Activation = Callable[[Any], Any]
"""A function of one Value."""


def linear(x: Any) -> Any:
    """Return x itself: no activation."""
    return x


def leaky_relu(x: Any, slope: float = 0.01) -> Any:
    """Return x where it is positive, else slope · x; the derivative at 0 is `slope`.

    >>> leaky_relu(2.0), leaky_relu(-2.0)
    (2.0, -0.02)
    """
    return where(step(x), x, slope * x)


def gelu(x: Any) -> Any:
    """Return x · Φ(x), where Φ is the normal distribution function (Hendrycks and Gimpel 2016).

    This is the exact form, not the approximation by tanh.

    >>> gelu(1.0), gelu(-10.0)
    (0.841344746068543, -7.619853024160...e-23)
    """
    return 0.5 * x * erfc(-math.sqrt(0.5) * x)


ACTIVATIONS: Final[dict[str, Activation]] = {
    "linear": linear,
    "relu": relu,
    "leaky_relu": leaky_relu,
    "gelu": gelu,
    "elu": elu,
    "silu": silu,
    "mish": mish,
    "softplus": softplus,
    "sigmoid": sigmoid,
    "tanh": tanh,
}
"""The activations by name."""


def look_up(what: str, x: Any, named: dict[str, Any]) -> Any:
    """Return `x` if it is a function, else the function of that name in `named`.

    Raises ValueError for an unknown name; `what` says there what is looked up.
    """
    if callable(x):
        return x
    if not isinstance(x, str) or x not in named:
        raise ValueError(f"{what} {x!r} is not known: name one of {', '.join(named)}, or pass a function")
    return named[x]
