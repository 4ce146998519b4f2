"""The body of a loop: what an iteration computes, in order, and the loops inside it.

A layer of 64 neurons is a loop in the body of the loop over the data. It is found among the items of the
body as loops are found in a program (`loops`), and each operand is classified once more, over the inner
iterations.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple, TypeAlias

import numpy as np

from autograd_mini.compiler.loops import ABSENT, Run, repeats

__all__ = [
    "PRODUCT",
    "TERMS",
    "Before",
    "Carried",
    "Each",
    "Every",
    "Here",
    "Inner",
    "Item",
    "Local",
    "Number",
    "Operand",
    "Same",
    "Table",
    "body",
    "key_of",
]

TERMS: Final = "+="
"""The name of an item that adds its operands, in their order, to a sum over all iterations."""

PRODUCT: Final = "+= *"
"""The name of an item that adds the product of its two operands to a sum over all iterations."""

MOST_OPERANDS: Final = 4
"""Items with more operands are in no inner loop."""

GAIN: Final = 100
"""Items that an inner loop must save."""

FEW: Final = 8
"""Results of the previous inner iteration that are kept in registers; more are kept in memory."""


class Number(NamedTuple):
    """An operand that is one number in all iterations."""

    x: float


class Same(NamedTuple):
    """An operand that is one slot in all iterations, made before the loop."""

    slot: int


class Here(NamedTuple):
    """An operand made in the same iteration."""

    position: int


class Carried(NamedTuple):
    """An operand made `distance` iterations ago; the first iterations read the slots `initial`."""

    position: int
    distance: int
    initial: tuple[int, ...]


class Table(NamedTuple):
    """An operand that differs irregularly; `positions` are those of this loop that it may read."""

    slots: Any
    positions: tuple[int, ...]


Operand: TypeAlias = Number | Same | Here | Carried | Table


class Item(NamedTuple):
    """What an iteration computes at one position: a primitive, or a sum (`TERMS`, `PRODUCT`)."""

    name: str
    operands: tuple[Operand, ...]
    position: int

    @property
    def key(self) -> tuple[str, int]:
        """What items must have in common to become one item of a loop."""
        return self.name, len(self.operands)


class Every(NamedTuple):
    """An operand of the body that is the same in all inner iterations."""

    operand: Operand


class Local(NamedTuple):
    """An operand made in the same inner iteration by item number `item`."""

    item: int


class Before(NamedTuple):
    """An operand made in the previous inner iteration; the first one reads `first`."""

    item: int
    first: Operand


class Each(NamedTuple):
    """An operand of the body that differs between inner iterations."""

    operands: tuple[Operand, ...]


class Inner:
    """A loop in a body: `times` iterations of `period` items, and the operands of these.

    `stored` are items whose results are kept for each inner iteration, `last` those whose last result is
    read after the loop, and `accumulated` those that are kept in memory from one inner iteration to the
    next.
    """

    def __init__(self, items: Sequence[Item], codes: Any, run: Run) -> None:
        start, self.period, self.times = run
        self.items = items[start : run.end]
        self.stored: set[int] = set()
        self.last: set[int] = set()
        self.operands: list[list[Every | Local | Before | Each]] = [[] for _ in range(self.period)]
        self.cost = 0
        own = {item.position for item in self.items}
        begins = start + self.period * np.arange(self.times)
        for o, column in enumerate(codes[:, start : run.end]):
            table = column.reshape(self.times, self.period)
            offset = table - begins[:, None]
            outside = table[0] < start
            same = outside & (table == table[0]).all(0)
            local = ~outside & (offset == offset[0]).all(0)
            before = outside & (offset[1] < 0) & (table[1] >= start) & (offset[1:] == offset[1]).all(0)
            before &= offset[1] >= -self.period
            for j in np.flatnonzero(table[0] != ABSENT).tolist():
                given = tuple(item.operands[o] for item in self.items[j :: self.period])
                if any(isinstance(x, Table) and not own.isdisjoint(x.positions) for x in given):
                    self.cost = len(items)  # it may be made in this very iteration, after it is read
                if same[j]:
                    self.operands[j].append(Every(given[0]))
                elif local[j]:
                    self.operands[j].append(Local(int(offset[0, j])))
                elif before[j]:
                    self.operands[j].append(Before(int(offset[1, j]) + self.period, given[0]))
                else:
                    self.operands[j].append(Each(given))
                    if len({_sort(x, k) for x, k in zip(given, table[:, j].tolist(), strict=True)}) > 1:
                        self.cost += self.times
        carried = {x.item for operands in self.operands for x in operands if isinstance(x, Before)}
        self.accumulated = carried if len(carried) > FEW else set()

    @property
    def saved(self) -> int:
        """How many items the loop saves, less those that must be gathered for it."""
        return (self.times - 1) * self.period - self.cost


def _sort(x: Operand, code: int) -> str:
    return "item" if code >= 0 else "constant" if isinstance(x, Number | Same) else "column"


def body(items: Sequence[Item]) -> list[Item | Inner]:
    """Return the items, with loops in the place of those that repeat."""
    index = {item.position: i for i, item in enumerate(items)}
    others: dict[Any, int] = {}
    kinds: dict[Any, int] = {}
    codes = np.full((MOST_OPERANDS, len(items)), ABSENT, np.int64)
    opcodes = np.empty(len(items), np.int64)
    for i, item in enumerate(items):
        if len(item.operands) > MOST_OPERANDS:
            opcodes[i] = -1 - i
            continue
        opcodes[i] = kinds.setdefault(item.key, len(kinds))
        for o, x in enumerate(item.operands):
            if isinstance(x, Here) and x.position in index:
                codes[o, i] = index[x.position]
            else:
                codes[o, i] = ~others.setdefault(key_of(x), len(others))
    parts: list[Item | Inner] = []
    at = 0
    for run in repeats(opcodes, codes):
        inner = _best(items, codes, run, at)
        if inner is not None:
            start = index[inner.items[0].position]
            parts += [*items[at:start], inner]
            at = start + len(inner.items)
    parts += items[at:]
    _find_readers(parts)
    return parts


def key_of(x: Operand) -> tuple[Any, ...]:
    """Return a key that tells operands apart."""
    return (Table, x.slots.tobytes()) if isinstance(x, Table) else (type(x), *x)


def _best(items: Sequence[Item], codes: Any, run: Run, at: int) -> Inner | None:
    """Return a run, perhaps without its ends, as a loop, if it pays."""
    best: Inner | None = None
    for times in (1, 2):
        for head, tail in ((0, 0), (1, 0), (0, 1), (1, 1)):
            count = (run.times - head) // times - tail
            start = run.start + head * run.period
            if count < 4 or start < at:
                continue
            inner = Inner(items, codes, Run(start, run.period * times, count))
            if best is None or inner.saved > best.saved:
                best = inner
            if not inner.cost:
                break
        if best is not None and not best.cost:
            break
    return best if best is not None and best.saved >= GAIN else None


def _find_readers(parts: Sequence[Item | Inner]) -> None:
    """Find the results of inner loops that are read outside of them, or in another inner iteration."""
    place = {
        item.position: (part, *divmod(i, part.period))
        for part in parts
        if isinstance(part, Inner)
        for i, item in enumerate(part.items)
    }

    def read(x: Operand, each: bool) -> None:
        if isinstance(x, Here) and x.position in place:
            inner, k, j = place[x.position]
            (inner.stored if each or k < inner.times - 1 else inner.last).add(j)

    for part in parts:
        if isinstance(part, Item):
            for x in part.operands:
                read(x, each=False)
            continue
        for operand in (y for operands in part.operands for y in operands):
            for x, each in _outside(operand):
                read(x, each)


def _outside(x: Every | Local | Before | Each) -> Iterator[tuple[Operand, bool]]:
    """Yield the operands of the body that an inner operand reads, and whether it is an `Each`."""
    if isinstance(x, Every):
        yield x.operand, False
    elif isinstance(x, Before):
        yield x.first, False
    elif isinstance(x, Each):
        yield from ((y, True) for y in x.operands)
