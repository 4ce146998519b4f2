"""Add up a batch in one order, for any number of threads, chunks and machines.

The items of a batch are added up in blocks of `BLOCK`, counted from the first item of the whole batch.
The sums of the blocks are the leaves of a binary tree over the numbers of the blocks. Whoever computes a
part of the batch computes a part of the tree, so the same additions are made whoever computes what.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

__all__ = ["BLOCK", "Node", "blocks", "join", "total"]

BLOCK: Final = 16_384
"""Items that are added up by themselves."""

Node = tuple[int, int, Any]
"""A part of the tree: its level, 0 for a block; its number on that level; and the sum."""


def blocks(count: int) -> Iterable[slice]:
    """Return where the blocks of so many items are."""
    return (slice(start, min(start + BLOCK, count)) for start in range(0, count, BLOCK))


def join(nodes: Iterable[Node]) -> list[Node]:
    """Return neighbouring nodes, from the left on, with the two halves of a node put together.

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
    """Return the sum of what `join` has left of a whole batch; there is at least one node.

    >>> total(join([(0, 0, 1.0), (0, 1, 2.0), (0, 2, 4.0)]))
    7.0
    """
    *rest, (_, _, found) = nodes
    for _, _, left in reversed(rest):
        found = left + found
    return found
