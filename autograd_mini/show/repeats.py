"""Repeated structure: which operations of a graph do the same in every pass of a loop.

A program that was written as a loop is recorded as a long row of operations. `repeats` finds the passes
again, loops within loops too, from nothing but what kind of thing stands where.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import NamedTuple

__all__ = ["repeats"]


class _Block(NamedTuple):
    """One item, or all passes of a loop: what it is, and for each place of its body the items there."""

    kind: int
    places: list[list[int]]


def repeats(kinds: Sequence[Hashable], *, least: int = 3, longest: int = 40) -> list[list[int]]:
    """Return the positions that repeat each other, in lists; a list of one is what does not repeat.

    A body of up to `longest` items must follow itself at least `least` times. Shorter bodies are found
    first, and a loop that has been found counts as one item from then on.

    >>> repeats("abccdabccdabccd" + "e", least=2)
    [[0, 5, 10], [1, 6, 11], [2, 3, 7, 8, 12, 13], [4, 9, 14], [15]]
    """
    numbers: dict[Hashable, int] = {}
    blocks = [_Block(numbers.setdefault(kind, len(numbers)), [[i]]) for i, kind in enumerate(kinds)]
    period = 1
    while period <= min(longest, len(blocks) // least):
        shorter = _rolled(blocks, period, least, numbers)
        # a loop may have become one item of a shorter body
        period = period + 1 if len(shorter) == len(blocks) else 1
        blocks = shorter
    return [place for block in blocks for place in block.places]


def _rolled(blocks: list[_Block], period: int, least: int, numbers: dict[Hashable, int]) -> list[_Block]:
    """Return the blocks with every run of equal windows of `period` blocks as one block."""
    same = [one.kind == other.kind for one, other in zip(blocks, blocks[period:], strict=False)]
    found: list[_Block] = []
    i = 0
    while i < len(blocks):
        end = i
        while end < len(same) and same[end]:
            end += 1
        passes = (end - i) // period + 1
        if passes < least:
            found.append(blocks[i])
            i += 1
            continue
        body = blocks[i : i + period]
        kind = numbers.setdefault((passes, *(block.kind for block in body)), len(numbers))
        places = []
        for j in range(period):
            every = [blocks[i + n * period + j].places for n in range(passes)]
            places += [[item for place in column for item in place] for column in zip(*every, strict=True)]
        found.append(_Block(kind, places))
        i += passes * period
    return found
