"""The numbers of many leaves at once, for optimisers and training.

With NumPy they are arrays, and with the engine in C no leaf is touched from Python. Otherwise, and for
leaves of a subclass, each leaf is read and written by itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any, Final, Literal

from autograd_mini.engine import modes
from autograd_mini.engine.value import Value, exchange

__all__ = ["at_once", "read", "write", "zero_gradients"]

MANY: Final = 50
"""For at least so many leaves, arrays are faster than a loop."""

Name = Literal["data", "grad"]


def at_once(leaves: Sequence[Value]) -> bool:
    """Whether `read` returns an array: there are many leaves and NumPy, and no mode listens."""
    return len(leaves) >= MANY and not modes.listening and _numpy_is_there()


@cache
def _numpy_is_there() -> bool:
    try:
        import numpy as np  # noqa: F401
    except ImportError:
        return False
    return True


def read(leaves: list[Value], name: Name) -> Any:
    """Return the data or the gradients of leaves, as a list or as an array.

    >>> read([Value(3.0), Value(4.0)], "data")
    [3.0, 4.0]
    """
    if not at_once(leaves):
        return [getattr(leaf, name) for leaf in leaves]
    import numpy as np

    numbers = np.empty(len(leaves))
    done = exchange(leaves, numbers, name[0], ">")
    if done < len(leaves):
        numbers[done:] = [getattr(leaf, name) for leaf in leaves[done:]]
    return numbers


def write(leaves: list[Value], name: Name, numbers: Any) -> None:
    """Set the data or the gradients of leaves to the numbers of a list or of an array of doubles.

    >>> x = Value(3.0)
    >>> write([x], "grad", [0.5]); x.grad
    0.5
    """
    done = 0
    if not isinstance(numbers, list):
        done = exchange(leaves, numbers, name[0], "<")
        numbers = numbers[done:].tolist()
    for leaf, number in zip(leaves[done:], numbers, strict=True):
        setattr(leaf, name, number)


def zero_gradients(leaves: list[Value]) -> None:
    """Set the gradients of leaves to zero.

    >>> x = Value(3.0); x.grad = 1.0
    >>> zero_gradients([x]); x.grad
    0.0
    """
    done = exchange(leaves, bytearray(8 * len(leaves)), "g", "<")
    for leaf in leaves[done:]:
        leaf.grad = 0.0
