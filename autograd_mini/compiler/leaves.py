"""Read the leaves that a program has captured into an array, and add an array to their gradients."""

from __future__ import annotations

from array import array
from typing import Any

from autograd_mini.engine.value import Value, add_gradients, exchange, numbers_of

__all__ = ["add_to_gradients", "read_leaves"]


def read_leaves(leaves: list[Value], numbers: Any) -> None:
    """Write the data of leaves into an array of as many doubles.

    >>> import numpy as np
    >>> numbers = np.empty(2)
    >>> read_leaves([Value(3.0), Value(4.0)], numbers); numbers.tolist()
    [3.0, 4.0]
    """
    done = exchange(leaves, numbers, "d", ">")
    if done < len(leaves):
        numbers[done:] = array("d", numbers_of(leaves[done:]))  # NumPy takes a list three times as slowly


def add_to_gradients(leaves: list[Value], numbers: Any) -> None:
    """Add an array of as many doubles to the gradients of leaves.

    >>> import numpy as np
    >>> x = Value(3.0)
    >>> add_to_gradients([x], np.array([0.5])); x.grad
    0.5
    """
    done = exchange(leaves, numbers, "g", "+")
    if done < len(leaves):
        add_gradients(leaves[done:], numbers[done:].tolist())
