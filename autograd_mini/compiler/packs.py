"""Find what the units of a recurrence compute alike, for the lanes of a vector.

An iteration needs the one before, but in it each unit of a recurrent network does the same with numbers
of its own. Items of one name whose operands are made alike are a pack; none of them needs another. Packs
are found from the results down, after Larsen and Amarasinghe: what a pack reads, lane by lane, is a pack
if it can be. No operation is changed.
"""

from __future__ import annotations

import heapq
from collections.abc import Collection, Mapping, Sequence
from itertools import chain
from typing import Any, Final, TypeAlias

from autograd_mini.compiler.bodies import Carried, Here, Item, Number, Operand, Same, Table, key_of

__all__ = ["packed"]

FEWEST: Final = 4
"""Lanes of the smallest pack."""

LEAST: Final = 0
"""The packs of a loop must together save more instructions than these."""

Unit: TypeAlias = tuple[int, ...]


def packed(
    items: Sequence[Item], width: int, columns: Collection[int], calls: Collection[str]
) -> list[Unit]:
    """Return the positions of items in packs, or alone, in an order in which they can be computed.

    Packs have `width` lanes, or half as many where fewer items are left. `columns` are positions whose
    results are written to memory one by one; `calls` are names that are called lane by lane.
    """
    table = {item.position: item for item in sorted(items, key=lambda item: item.position)}
    before = {j: _needed(item, table) for j, item in table.items()}
    height: dict[int, int] = {}
    kinds: dict[Any, int] = {}
    kind: dict[int, int] = {}
    for j, item in table.items():
        height[j] = max((height[q] + 1 for q in before[j]), default=0)
        shapes = tuple(kind[x.position] if _is_in(x, table) else _shape(x) for x in item.operands)  # type: ignore[union-attr]
        kind[j] = kinds.setdefault((item.name, height[j], shapes), len(kinds))
    packs = _packs(table, height, kind, width)
    if _saved(table, packs, columns, calls) <= LEAST:
        packs = []
    return _ordered(table, before, packs)


def _is_in(x: Operand, table: Mapping[int, Item]) -> bool:
    return isinstance(x, Here) and x.position in table


def _needed(item: Item, table: Mapping[int, Item]) -> set[int]:
    """Return the positions that must be computed before an item: a table may read this iteration."""
    found: set[int] = set()
    for x in item.operands:
        if isinstance(x, Here):
            found.add(x.position)
        elif isinstance(x, Table):
            found.update(q for q in x.positions if q < item.position)
    return found & table.keys()


def _shape(x: Operand) -> Any:
    return x.x.hex() if isinstance(x, Number) else type(x).__name__


def _packs(
    table: Mapping[int, Item], height: Mapping[int, int], kind: Mapping[int, int], width: int
) -> list[Unit]:
    """Return packs: first what packs above read, then what is alike, in the order of the program."""
    levels: dict[int, list[int]] = {}
    for j in table:
        levels.setdefault(height[j], []).append(j)
    asked: dict[int, list[Unit]] = {}
    taken: set[int] = set()
    packs: list[Unit] = []
    for level in sorted(levels, reverse=True):
        found: list[Unit] = []
        for unit in asked.get(level, []):
            if not taken.intersection(unit):
                found.append(unit)
                taken.update(unit)
        alike: dict[int, list[int]] = {}
        for j in levels[level]:
            if j not in taken:
                alike.setdefault(kind[j], []).append(j)
        for rest in alike.values():
            found += _cut(rest, width)
        packs += found
        for unit in found:
            taken.update(unit)
            for given in zip(*(table[j].operands for j in unit), strict=True):
                if all(_is_in(x, table) for x in given):
                    below = tuple(x.position for x in given)
                    if len(set(below)) == len(unit):
                        asked.setdefault(height[below[0]], []).append(below)
    return packs


def _cut(alike: Sequence[int], width: int) -> list[Unit]:
    """Cut what is alike into packs of `width`, and what is left over into smaller ones."""
    packs, at = [], 0
    while width >= FEWEST:
        while at + width <= len(alike):
            packs.append(tuple(alike[at : at + width]))
            at += width
        width //= 2
    return packs


def _saved(
    table: Mapping[int, Item],
    packs: Sequence[Unit],
    columns: Collection[int],
    calls: Collection[str],
) -> int:
    """Return how many instructions packs save: those of lanes, without what moves lanes about."""
    whole = set(packs)
    inside = set(chain.from_iterable(packs))
    single = {j for j in columns if j in inside}
    saved = 0
    for unit in packs:
        saved += len(unit) - 1 if table[unit[0]].name not in calls else -len(unit)
        for given in zip(*(table[j].operands for j in unit), strict=True):
            if all(isinstance(x, Number | Same) for x in given):
                continue
            if len(set(map(key_of, given))) == 1:
                saved -= 1
            elif not all(isinstance(x, Here | Carried) for x in given) or (
                tuple(x.position for x in given) not in whole
            ):
                saved -= len(unit)
    for j, item in table.items():
        if j not in inside:
            single.update(x.position for x in item.operands if isinstance(x, Here) and x.position in inside)
    return saved - len(single)


def _ordered(
    table: Mapping[int, Item], before: Mapping[int, set[int]], packs: Sequence[Unit]
) -> list[Unit]:
    """Return packs, and items that are alone, near the order of the program."""
    unit_of = {j: unit for unit in packs for j in unit}
    units = {unit_of.get(j, (j,)) for j in table}
    readers: dict[Unit, set[Unit]] = {unit: set() for unit in units}
    missing = dict.fromkeys(units, 0)
    for unit in units:
        for needed in {unit_of.get(q, (q,)) for j in unit for q in before[j]}:
            readers[needed].add(unit)
            missing[unit] += 1
    ready = [(max(unit), unit) for unit, count in missing.items() if not count]
    heapq.heapify(ready)
    ordered = []
    while ready:
        _, unit = heapq.heappop(ready)
        ordered.append(unit)
        for reader in readers[unit]:
            missing[reader] -= 1
            if not missing[reader]:
                heapq.heappush(ready, (max(reader), reader))
    return ordered
