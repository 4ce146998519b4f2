"""Add up a batch in one order, for any number of threads, chunks and machines.

The items of a batch are added up in blocks of `BLOCK`, counted from the first item of the whole batch.
The sums of the blocks, in order, are the leaves of a binary tree. A part of the batch gives a part of the
tree, so the additions are the same however the batch is divided.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

__all__ = ["BLOCK", "Node", "blocks", "join", "total"]

BLOCK: Final = 16_384
"""Items in a block."""

Node = tuple[int, int, Any]
"""A part of the tree: its level, 0 for a block; its number on that level; and the sum."""


def blocks(count: int) -> Iterable[slice]:
    """Return the slices of the blocks of `count` items."""
    return (slice(start, min(start + BLOCK, count)) for start in range(0, count, BLOCK))


def join(nodes: Iterable[Node]) -> list[Node]:
    """Return the nodes, from left to right, with the two halves of a node added to one.

    >>> join([(0, 2, 1.0), (0, 3, 2.0), (0, 4, 5.0)])
    [(1, 1, 3.0), (0, 4, 5.0)]
    """
    joined: list[Node] = []
    for level, number, found in nodes:
        while joined and joined[-1][0] == level and joined[-1][1] % 2 == 0:
            _, _, left = joined.pop()
            level, number, found = level + 1, number // 2, left + found  # noqa: PLW2901  # climb
        joined.append((level, number, found))
    return joined


def total(nodes: Sequence[Node]) -> Any:
    """Return the sum of a whole batch from the nodes that `join` returned, at least one.

    >>> total(join([(0, 0, 1.0), (0, 1, 2.0), (0, 2, 4.0)]))
    7.0
    """
    *rest, (_, _, found) = nodes
    for _, _, left in reversed(rest):
        found = left + found
    return found
