"""Find repeats in a stream of opcodes: where straight-line code can be replaced by loops."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import numpy as np

__all__ = ["ABSENT", "Run", "repeats"]

LEAST: Final = 6
"""The least number of iterations of a loop."""

GAIN: Final = 48
"""Instructions that a loop must save."""

ABSENT: Final = -(1 << 31)
"""Stands in a table of operands where an instruction has no operand."""

_FIRST, _SECOND = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xC2B2AE3D27D4EB4F)


class Run(NamedTuple):
    """`times` repeats of `period` opcodes, from `start` on."""

    start: int
    period: int
    times: int

    @property
    def end(self) -> int:
        """The first opcode after the repeats."""
        return self.start + self.period * self.times


def repeats(opcodes: Any, operands: Any = (), first: int = 0) -> list[Run]:
    """Return disjoint runs of equal opcodes, in their order; those that save most are chosen first.

    `opcodes` is an array of ints. `operands` are arrays of references, one for each operand of an
    instruction, where instruction i is called `first` + i: a run is cut where the fewest of them cross.

    >>> repeats(np.array([7] + [1, 2, 3] * 40 + [9]))
    [Run(start=1, period=3, times=40)]
    """
    runs: list[Run] = []
    todo = [(0, len(opcodes))]
    while todo:
        low, high = todo.pop()
        if high - low < GAIN + 2:
            continue
        regions = [(low + start, low + end, period) for start, end, period in _best(opcodes[low:high])]
        taken = _in_phase(opcodes, sorted(regions), operands, first, (low, high))
        runs += taken
        if taken:
            bounds = [low, *[x for run in taken for x in (run.start, run.end)], high]
            todo += zip(bounds[::2], bounds[1::2], strict=True)
    return sorted(runs)


def _best(opcodes: Any) -> list[tuple[int, int, int]]:
    """Return disjoint periodic regions (start, end, period), the one that saves most first."""
    options = sorted(
        (
            (end - start - period, -period, start, end)
            for period in _periods(opcodes)
            if period < len(opcodes)
            for start, end in _regions(opcodes, period)
        ),
        reverse=True,
    )
    free = np.ones(len(opcodes), bool)
    taken = []
    for _, negative, first, last in options:
        start, end, period = first, last, -negative
        if not free[start:end].all():  # the rest of it may still be a region
            rest = np.flatnonzero(free[start:end])
            if len(rest) < (end - start) // 2:
                continue
            parts = np.split(rest, np.flatnonzero(np.diff(rest) > 1) + 1)
            longest = max(parts, key=len)
            start, end = first + int(longest[0]), first + int(longest[-1]) + 1
            if end - start - period < max((LEAST - 1) * period, GAIN):
                continue
        taken.append((start, end, period))
        free[start:end] = False
    return taken


def _periods(opcodes: Any, most: int = 100) -> list[int]:
    """Return distances between equal windows of 4, 16, 64, … opcodes, the most frequent first.

    Windows are hashed by doubling. A sixteenth of the long ones is looked at, chosen by their hashes, so
    that it is the same in each repeat.
    """
    found: dict[int, int] = {}
    with np.errstate(over="ignore"):
        hashes = _mixed(opcodes.astype(np.uint64) + np.uint64(1))
        length = 1
        while 2 * length <= len(opcodes):
            hashes = _mixed(hashes[:-length] * _SECOND + hashes[length:])
            length *= 2
            if length < 4 or length.bit_length() % 2 == 0:
                continue
            every = max(1, length // 16)
            at = np.flatnonzero(hashes % np.uint64(every) == 0)
            order = np.argsort(hashes[at], kind="stable")
            keys, places = hashes[at][order], at[order]
            distances = np.diff(places)[keys[1:] == keys[:-1]]
            if not len(distances):
                if length >= 256:
                    break
                continue
            values, counts = np.unique(distances, return_counts=True)
            for i in np.argsort(-counts)[:8]:
                period = int(values[i])
                found[period] = max(found.get(period, 0), int(counts[i]) * every)
    return sorted(found, key=lambda period: -found[period])[:most]


def _mixed(x: Any) -> Any:
    x = x * _FIRST
    return x ^ (x >> np.uint64(29))


def _regions(opcodes: Any, period: int) -> list[tuple[int, int]]:
    """Return the maximal (start, end) in which opcodes repeat after `period`, if they pay."""
    equal = np.zeros(len(opcodes) - period + 2, bool)
    np.equal(opcodes[:-period], opcodes[period:], out=equal[1:-1])
    edges = np.flatnonzero(equal[1:] != equal[:-1])
    starts, ends = edges[::2], edges[1::2]
    pays = ends - starts >= max((LEAST - 1) * period, GAIN)
    return [(int(start), int(end) + period) for start, end in zip(starts[pays], ends[pays], strict=True)]


def _in_phase(
    opcodes: Any,
    regions: Sequence[tuple[int, int, int]],
    operands: Any,
    first: int,
    bounds: tuple[int, int],
) -> list[Run]:
    """Cut each region into iterations where the fewest references cross; extend it within `bounds`."""
    runs: list[Run] = []
    for start, end, period in regions:
        length = end - start
        middle = start + (length // period // 2) * period
        users = np.arange(middle, min(middle + period, end))
        change, around = np.zeros(period + 1, int), 0
        for column in operands:
            made = column[users].astype(np.int64) - first
            near = (made >= start) & (users - made < period)
            low, high = (made[near] - start) % period, (users[near] - start) % period
            np.add.at(change, low + 1, 1)
            np.add.at(change, np.minimum(high + 1, period), -1)
            around += int((high < low).sum())
        crossing = np.cumsum(change)[:period] + around
        slack = length % period
        shift = min(range(period), key=lambda k: (crossing[k] + (2 if k > slack else 0), k))
        runs.append(Run(start + shift, period, (length - shift) // period))
    for k, run in enumerate(runs):
        start, period, count = run
        low = runs[k - 1].end if k else bounds[0]
        high = runs[k + 1].start if k + 1 < len(runs) else bounds[1]
        body = opcodes[start : start + period]
        while start - period >= low and (opcodes[start - period : start] == body).all():
            start, count = start - period, count + 1
        while start + period * (count + 1) <= high:
            end = start + period * count
            if not (opcodes[end : end + period] == body).all():
                break
            count += 1
        runs[k] = Run(start, period, count)
    return runs
