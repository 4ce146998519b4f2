"""Where to put the nodes of a graph so that it reads from its root at the top down. Knows no Values.

The usual layered layout, in four steps: a level for each node, by the longest way from the root; stations
for edges that cross a level; an order in each level with few crossings (by barycentres, after Sugiyama,
Tagawa and Toda 1981); and places as near to the neighbours' as boxes of their width allow.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Sequence
from itertools import pairwise
from typing import Final

__all__ = ["Point", "layered"]

Point = tuple[float, float]

SWEEPS: Final = 16
GAP: Final = 28.0
STATION: Final = 14.0
"""The room that an edge takes on a level it crosses."""


def layered(
    edges: Sequence[tuple[int, int]], widths: Sequence[float], level_height: float
) -> tuple[list[Point], list[list[Point]]]:
    """Return the centre of each node, and the points that each edge passes, its two ends included.

    Nodes are numbers, those of operands before those of results, the root last, and have `widths`; an edge
    is a pair of operand and result. y grows downward, from 0 for the root; the least x is 0. The same
    graph always gets the same layout.

    >>> layered([(0, 2), (1, 2)], [40.0, 40.0, 40.0], 100.0)[0]
    [(20.0, 100.0), (88.0, 100.0), (54.0, 0.0)]
    """
    levels = _levels(len(widths), edges)
    room = list(widths)
    routes = []
    links: list[tuple[int, int]] = []  # between neighbouring levels only: (below, above)
    for operand, result in edges:
        route = [operand]
        for level in range(levels[operand] - 1, levels[result], -1):
            route.append(len(room))
            room.append(STATION)
            levels.append(level)
        route.append(result)
        routes.append(route)
        links += pairwise(route)
    rows: list[list[int]] = [[] for _ in range(max(levels) + 1)]
    start = list(range(len(widths))) + [route[0] for route in routes for _ in route[1:-1]]
    for node in sorted(range(len(room)), key=lambda v: start[v]):
        rows[levels[node]].append(node)
    below: list[list[int]] = [[] for _ in room]
    above: list[list[int]] = [[] for _ in room]
    for lower, upper in links:
        below[upper].append(lower)
        above[lower].append(upper)
    rows = _untangled(rows, below, above)
    xs = _placed(rows, below, above, room)
    points = [(x, level * level_height) for x, level in zip(xs, levels, strict=True)]
    return points[: len(widths)], [[points[v] for v in route] for route in routes]


def _levels(number: int, edges: Sequence[tuple[int, int]]) -> list[int]:
    levels = [0] * number
    for operand, result in sorted(edges, key=lambda edge: -edge[1]):  # results first: their level is final
        levels[operand] = max(levels[operand], levels[result] + 1)
    return levels


def _untangled(rows: list[list[int]], below: list[list[int]], above: list[list[int]]) -> list[list[int]]:
    best, fewest = rows, _crossings(rows, below)
    for sweep in range(SWEEPS):
        rows = [list(row) for row in rows]
        upward = sweep % 2
        for row in reversed(rows) if upward else rows:
            neighbours = below if upward else above
            place = {v: i for other in rows for i, v in enumerate(other)}
            centre = {
                v: sum(place[u] for u in neighbours[v]) / len(neighbours[v]) if neighbours[v] else place[v]
                for v in row
            }
            row.sort(key=lambda v: centre[v])
        crossings = _crossings(rows, below)
        if crossings < fewest:
            best, fewest = rows, crossings
    return best


def _crossings(rows: list[list[int]], below: list[list[int]]) -> int:
    crossings = 0
    place = {v: i for row in rows for i, v in enumerate(row)}
    for row in rows:
        passed: list[int] = []
        for v in row:
            ends = sorted(place[u] for u in below[v])
            crossings += sum(len(passed) - bisect_right(passed, end) for end in ends)
            for end in ends:
                insort(passed, end)
    return crossings


def _placed(
    rows: list[list[int]], below: list[list[int]], above: list[list[int]], room: list[float]
) -> list[float]:
    xs = [0.0] * len(room)
    for row in rows:
        x = 0.0
        for v in row:
            xs[v] = x + room[v] / 2
            x += room[v] + GAP
    for sweep in range(3 * SWEEPS):
        for row in reversed(rows) if sweep % 2 else rows:
            wanted = []
            for v in row:
                near = [*above[v], *below[v]]
                wanted.append(sum(xs[u] for u in near) / len(near) if near else xs[v])
            for v, x in zip(row, _apart(wanted, [room[v] for v in row]), strict=True):
                xs[v] = x
    left = min(x - width / 2 for x, width in zip(xs, room, strict=True))
    return [x - left for x in xs]


def _apart(wanted: list[float], room: list[float]) -> list[float]:
    """Return the places nearest to the wanted ones, by least squares, at which nothing overlaps.

    With the room to the left of each taken off, the places must only not decrease: neighbours that do are
    pooled at their mean, again and again (isotonic regression).
    """
    offsets = [0.0]
    for left, right in pairwise(room):
        offsets.append(offsets[-1] + (left + right) / 2 + GAP)
    pools: list[tuple[float, int]] = []
    for x, offset in zip(wanted, offsets, strict=True):
        total, size = x - offset, 1
        while pools and pools[-1][0] / pools[-1][1] > total / size:
            t, n = pools.pop()
            total, size = total + t, size + n
        pools.append((total, size))
    means = [total / size for total, size in pools for _ in range(size)]
    return [mean + offset for mean, offset in zip(means, offsets, strict=True)]
