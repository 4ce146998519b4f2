"""Find the loops of a program: a Python loop that tracing has unrolled becomes a loop again.

`rolled` finds runs of equal instructions (`loops`) and classifies each operand of an iteration: a number,
the same slot in all iterations, a result of this iteration or of an earlier one, or an entry of a table.
What is the same in all iterations is hoisted. The rest is planned after Allen and Kennedy: results that
depend on each other around the loop are a sum of terms or a recurrence; all others are computed for many
iterations at once. Operations do not change, nor does the order in which a sum is added.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from typing import Any, Final, NamedTuple

import numpy as np

from autograd_mini.compiler.bodies import (
    PRODUCT,
    TERMS,
    Carried,
    Each,
    Every,
    Here,
    Inner,
    Item,
    Local,
    Number,
    Operand,
    Same,
    Table,
    body,
)
from autograd_mini.compiler.identities import followed, simplified
from autograd_mini.compiler.loops import ABSENT, Run, repeats
from autograd_mini.compiler.lowering import Graph
from autograd_mini.compiler.program import EXACT, Instruction
from autograd_mini.compiler.unshared import MOST_OPERANDS, Unshared
from autograd_mini.engine.table import Primitive

__all__ = ["Loop", "Rolled", "Stage", "Sum", "repeated", "rolled"]

CHUNK: Final = 2000
"""Positions in one vector loop; the code of more would not fit the first cache."""

LONG = 2500
"""Positions of a body from which on loops inside it are looked for."""

LEAST_NESTED: Final = 0.3
"""The part of a body that the loops inside it must save."""

SHORTER = 0.8
"""The part of a program that loops must save; with less, sharing equal instructions saves more time."""

SHORTEST = 1000
"""Operations from which on loops are looked for."""

MOST_REPEATED: Final = 0.5
"""The part of the calls of functions that iterations may have in common: straight code shares them."""


class Sum(NamedTuple):
    """A chain of additions whose end alone is read: positions with their terms, and the start."""

    terms: list[tuple[int, Operand]]
    initial: int


class Stage(NamedTuple):
    """What is computed in one loop over the iterations: items, and loops of items."""

    key: tuple[int, bool, int]
    parts: Sequence[Item | Inner]

    @property
    def sequential(self) -> bool:
        """Whether an iteration needs results of the one before."""
        return self.key[1]


class UnsuitableError(Exception):
    """This program is better run without loops."""


def _never(op: Primitive, count: int) -> bool:
    return False


class Rolled(Unshared):
    """A program with its `loops`, in order, and the straight code between them.

    `operands` has a column for each instruction: slots, ~k for number k, or `ABSENT`. `results` and
    `conditions` are outputs and guards. Nothing reads what `identities` finds superfluous.
    `in_order` says whether a primitive, with a number of operands, must be called once in each iteration,
    one iteration after the other. Several are called in the order of the program.
    """

    def __init__(self, program: Unshared, in_order: Callable[[Primitive, int], bool] = _never) -> None:
        self.__dict__.update(program.__dict__)
        self.straight, self.first, self.in_order = program, program.inputs, in_order
        if len(program.operands) > MOST_OPERANDS:
            raise UnsuitableError
        runs = repeats(self.opcodes, program.operands, self.first)
        if _saved(runs) < SHORTER * len(self.opcodes):
            raise UnsuitableError
        self.operands = program.operands.copy()
        self.results, self.conditions = list(program.outputs), list(program.guards)
        self._share_constants()
        self._simplify(runs)
        self.loops = [self._loop(run) for run in runs]
        self._plan()
        calls = np.sum([loop.calls() for loop in self.loops], axis=0)
        if len(self.loops) and calls[1] > MOST_REPEATED * calls[0]:
            raise UnsuitableError

    def __reduce__(self) -> Any:
        return Rolled, (self.straight, self.in_order)

    @property
    def constants(self) -> tuple[float, ...]:
        """The numbers of the straight program."""
        return self.straight.constants

    @property
    def code(self) -> tuple[Instruction, ...]:
        """The straight program, instruction by instruction."""
        return self.straight.code

    def _share_constants(self) -> None:
        """Give equal constants one name."""
        kinds, inverse = np.unique(self.numbers.view(np.int64), return_inverse=True)
        constant = (self.operands < 0) & (self.operands != ABSENT)
        self.operands[constant] = ~inverse[~self.operands[constant]]
        self.results = [k if k >= 0 else ~int(inverse[~k]) for k in self.results]
        self.numbers = kinds.view(float)

    def _simplify(self, runs: Sequence[Run]) -> None:
        """Make sure that nothing reads what the builder would write in no iteration."""
        primitives = [self.table[name] for name in self.names]
        self.operands, stands, self.numbers = simplified(
            self.opcodes, self.operands, self.numbers, primitives, self.first, runs
        )
        self.results = followed(stands, np.array(self.results, int)).tolist()
        held = followed(stands, np.array([k for k, _ in self.conditions], int)).tolist()
        self.conditions = [(k, expected) for k, (_, expected) in zip(held, self.conditions, strict=True)]

    def _loop(self, run: Run) -> Loop:
        """Return a run as a loop; of several periods, or without its ends, if that is more regular."""
        best: Loop | None = None
        for times in (1, 2, 3, 4):
            for head, tail in ((0, 0), (1, 0), (0, 1), (1, 1)):
                count = (run.times - head) // times - tail
                if count < 4 or (times > 1 and run.period > 100):
                    continue
                start = run.start + head * run.period
                loop = Loop(self, Run(start, run.period * times, count))
                if best is None or loop.irregular < best.irregular:
                    best = loop
                if not best.irregular:
                    break
            if best is not None and not best.irregular:
                break
        assert best is not None
        best.hoist()
        return best

    def _plan(self) -> None:
        """Plan the loops, the last one first: a part must compute what later parts read.

        `parts` are the loops and, between them, lists of straight instructions, in order.
        """
        self.parts: list[Loop | list[int]] = []
        self.kept = np.zeros(self.first + len(self.opcodes), bool)
        ends = np.array([*self.results, *(k for k, _ in self.conditions)], int)
        self.kept[ends[ends >= 0]] = True
        at = len(self.opcodes)
        for loop in reversed(self.loops):
            run = loop.run
            self._add_straight(range(run.end, at))
            loop.plan(self.kept[loop.base : self.first + run.end].reshape(run.times, run.period))
            block = self.operands[:, run.start : run.end].reshape(-1, run.times, run.period)
            read = block[:, :, [*loop.fixed, *loop.live]]
            self.kept[read[read >= 0]] = True
            if loop.live or loop.fixed:
                self.parts.append(loop)
            at = run.start
        self._add_straight(range(at))
        self.parts.reverse()
        self.loops = [loop for loop in self.loops if loop.live]

    def _add_straight(self, code: range) -> None:
        """Add the needed straight code to the parts; `kept` is what other parts read."""
        live: list[int] = []
        needed: set[int] = set()
        for i in reversed(code):
            if self.kept[self.first + i] or self.first + i in needed:
                needed.update(self.operands[:, i].tolist())
                live.append(i)
        read = np.array([k for k in needed if 0 <= k < self.first + code.start], int)
        self.kept[read] = True
        if live:
            self.parts.append(live[::-1])

    def __str__(self) -> str:
        lines = [" ".join(["inputs", *(f"v{k}" for k in range(self.inputs))])]
        for part in self.parts:
            if isinstance(part, Loop):
                lines += part.lines(self)
                continue
            for i in part:
                operands = [self.text(k) for k in self.operands[:, i].tolist() if k != ABSENT]
                lines.append(f"v{self.first + i} = {self.names[self.opcodes[i]]}({', '.join(operands)})")
        for k, expected in self.conditions:
            lines.append(f"guard {self.text(k)} is {'true' if expected else 'false'}")
        return "\n".join([*lines, f"return {', '.join(map(self.text, self.results))}"])

    def text(self, k: int) -> str:
        """Return a slot, or a number, for a person to read."""
        return f"v{k}" if k >= 0 else repr(float(self.numbers[~k]))

    @property
    def size(self) -> str:
        """How long the program is, and what its loops are, in words."""
        loops = ", ".join(loop.size for loop in self.loops)
        return f"{super().size}; rolled into loops of instructions ({loops})"


class Loop:
    """A run with its operands classified; after `plan`, with the stages in which it is computed.

    `stage` has for each position the key of one of the `stages`, which are in the order of computation.
    `kind` is "parallel", "sum" or "sequential". `columns` are the positions whose results all iterations
    keep; `prefix` has for these what is read as the results of iterations before the first.
    """

    def __init__(self, rolled: Rolled, run: Run) -> None:
        self.run = run
        self.base = rolled.first + run.start
        base = self.base + run.period * np.arange(run.times)
        self.names = [rolled.names[k] for k in rolled.opcodes[run.start : run.start + run.period]]
        self.operands: list[list[Operand]] = [[] for _ in range(run.period)]
        self.irregular = 0
        for column in rolled.operands[:, run.start : run.end]:
            table = column.reshape(run.times, run.period)
            present = np.flatnonzero(table[0] != ABSENT)
            offset = table - base[:, None]
            same = (table == table[0]).all(0) & (table[0] < self.base)
            local = (offset == offset[0]).all(0) & (offset[0] >= 0)
            constant = (table < 0).all(0)
            inside = (table >= self.base).any(0)
            for j in present.tolist():
                slots = table[:, j]
                operand: Operand
                if constant[j]:
                    operand = Number(float(rolled.numbers[~slots[0]])) if same[j] else Table(slots, ())
                elif local[j]:
                    operand = Here(int(offset[0, j]))
                elif same[j]:
                    operand = Same(int(slots[0]))
                elif not inside[j]:
                    operand = Table(slots, ())
                else:
                    operand = self._carried(slots, offset[:, j])
                self.operands[j].append(operand)
        kinds = {(name, len(operands)) for name, operands in zip(self.names, self.operands, strict=True)}
        self.in_order = {name for name, count in kinds if rolled.in_order(rolled.table[name], count)}

    def lines(self, rolled: Rolled) -> list[str]:
        """Return the loop for a person to read; v7[i] is v7 in iteration i."""
        base = self.base

        def some(texts: Iterable[str]) -> str:
            return f"({', '.join(texts)}, …)"

        def one(x: Operand, at: str = "i") -> str:
            if isinstance(x, Number):
                return repr(x.x)
            if isinstance(x, Same):
                return f"v{x.slot}"
            if isinstance(x, Here):
                return f"v{base + x.position}[{at}]"
            if isinstance(x, Carried):
                first = ", ".join(map(rolled.text, x.initial))
                return f"v{base + x.position}[{at} - {x.distance}] (first {first})"
            return f"{some(map(rolled.text, x.slots[:3].tolist()))}[{at}]"

        def line(item: Item, given: list[str], at: str, first: str) -> str:
            name = f"v{base + item.position}"
            text = f"{item.name}({', '.join(given)})"
            if item.name in (TERMS, PRODUCT):
                text = f"{name}[{at.replace('i', 'i - 1')}] (first {first})"
                for term in given if item.name == TERMS else [f"mul({', '.join(given)})"]:
                    text = f"add({text}, {term})"
            return f"{name}[{at}] = {text}"

        def first(items: Sequence[Item]) -> str:
            slots = [self.sums[item.position].initial for item in items if item.position in self.sums]
            return rolled.text(slots[0]) if len(set(slots)) == 1 else some(map(rolled.text, slots[:3]))

        lines = []
        for j in self.fixed:
            lines.append(f"v{base + j} = {self.names[j]}({', '.join(map(one, self.operands[j]))})")
        lines.append(f"for {self.run.times} iterations i:")
        for stage in self.stages:
            for part in stage.parts:
                if isinstance(part, Item):
                    given = [one(x) for x in part.operands]
                    lines.append(f"    {line(part, given, 'i', first([part]))}")
                    continue

                def inner(x: Any, part: Inner = part) -> str:
                    if isinstance(x, Every):
                        return one(x.operand)
                    if isinstance(x, Each):
                        return f"{some(map(one, x.operands[:3]))}[k]"
                    made = f"v{base + part.items[x.item].position}"
                    return (
                        f"{made}[i, k]"
                        if isinstance(x, Local)
                        else f"{made}[i, k - 1] (first {one(x.first)})"
                    )

                lines.append(f"    for {part.times} iterations k:")
                for j, operands in enumerate(part.operands):
                    items = part.items[j :: part.period]
                    given = [inner(x) for x in operands]
                    lines.append(f"        {line(items[0], given, 'i, k', first(items))}")
        return lines

    @property
    def size(self) -> str:
        """How long the loop is, and what the loops in it are, in words."""
        inner = ", ".join(
            f"for {part.times} iterations: {part.period}"
            for stage in self.stages
            for part in stage.parts
            if isinstance(part, Inner)
        )
        of_them = f", of these {inner}" if inner else ""
        return f"for {self.run.times} iterations: {self.run.period}{of_them}"

    def _carried(self, slots: Any, offset: Any) -> Operand:
        period, last = self.run.period, int(offset[-1])
        distance = -(last // period)
        if (
            last < 0
            and distance <= 4
            and (offset[distance:] == last).all()
            and (slots[:distance] < self.base).all()
        ):
            return Carried(last + distance * period, distance, tuple(slots[:distance].tolist()))
        self.irregular += 1
        own = slots[slots >= self.base]
        return Table(slots, tuple(np.unique((own - self.base) % period).tolist()))

    def hoist(self) -> None:
        """Find what is the same in all iterations; it is computed before the loop, in one slot."""
        base, fixed = self.base, set[int]()
        for j, given in enumerate(self.operands):
            operands: list[Operand] = [
                Same(base + x.position) if isinstance(x, Here) and x.position in fixed else x for x in given
            ]
            self.operands[j] = operands
            if all(isinstance(x, Number | Same) for x in operands):
                fixed.add(j)
        for j, operands in enumerate(self.operands):  # also results carried unchanged
            self.operands[j] = [
                Same(base + x.position)
                if isinstance(x, Carried)
                and x.position in fixed
                and x.initial == (base + x.position,) * x.distance
                else x
                for x in operands
            ]
            for x in self.operands[j]:
                if isinstance(x, Carried):
                    fixed.discard(x.position)
                elif isinstance(x, Table):
                    fixed.difference_update(x.positions)
        size = 0
        while size != len(fixed):  # what is computed before the loop reads nothing made in it
            size = len(fixed)
            fixed = {
                j
                for j in fixed
                if all(
                    not isinstance(x, Same) or x.slot < base or x.slot - base in fixed
                    for x in self.operands[j]
                )
            }
        for j, operands in enumerate(self.operands):
            self.operands[j] = [
                Here(x.slot - base)
                if isinstance(x, Same) and x.slot >= base and x.slot - base not in fixed
                else x
                for x in operands
            ]
        self.fixed = sorted(fixed)

    def calls(self) -> tuple[int, int]:
        """Return the number of calls of functions, and how many repeat those of other iterations."""
        total = repeated = 0
        kinds: dict[int, Any] = {}  # which iterations are alike, for positions that repeat
        for j in self.live:
            given = []
            for x in self.operands[j]:
                if isinstance(x, Table) and not x.positions:
                    given.append(x.slots)
                elif isinstance(x, Here | Carried | Table):
                    given.append(kinds.get(x.position) if isinstance(x, Here) else None)
            total += self.run.times * (self.names[j] not in EXACT)
            if given and all(x is not None for x in given):
                _, alike = np.unique(np.stack(given), axis=1, return_inverse=True)
                distinct = int(alike.max()) + 1
                if distinct < self.run.times:
                    kinds[j] = alike.reshape(-1)
                    repeated += (self.run.times - distinct) * (self.names[j] not in EXACT)
        return total, repeated

    def plan(self, kept: Any) -> None:
        """Plan the stages; `kept`, by iteration and position, says what is read outside the loop."""
        reads = [list(_reads(operands)) for operands in self.operands]
        outside = kept.any(0)
        wanted = {j for j in self.fixed if outside[j]}
        outside[self.fixed] = False
        self.live = _reached(np.flatnonzero(outside).tolist(), reads)
        wanted.update(self.live)
        for j in (*self.live, *reversed(self.fixed)):
            if j in wanted:
                wanted.update(x.slot - self.base for x in self.operands[j] if isinstance(x, Same))
        self.fixed = [j for j in self.fixed if j in wanted]
        self.users: list[list[int]] = [[] for _ in reads]
        for j in self.live:
            for q, _ in reads[j]:
                self.users[q].append(j)
        self.stage = [(0, False, 0)] * len(reads)
        self.kind = [""] * len(reads)
        self.sums: dict[int, Sum] = {}
        chunks, nested = self._chunks()
        near = {} if nested else self._read_next()
        waits_for = [list(given) for given in reads]
        # Functions that are called in order wait for one another, from iteration to iteration.
        called = [j for j in self.live if self.names[j] in self.in_order]
        for j, q in zip(called, called[-1:] + called[:-1], strict=True):
            waits_for[j].append((q, 1))
        for members in _components(waits_for, self.live):  # producers first
            around = len(members) > 1 or any(q == members[0] for q, _ in waits_for[members[0]])
            total = self._sum(members, kept) if around else None
            parallel = not around or total is not None
            chunk = int(chunks[max(members)]) if parallel else 0
            stage = (0, not parallel, chunk)
            for j in members:
                for q, distance in reads[j]:
                    if q in members:
                        continue
                    number, sequential, its_chunk = self.stage[q]
                    if not parallel:
                        stage = max(stage, (number, True, 0))
                    elif sequential or (distance and not (near.get((j, q)) and total is None)):
                        stage = max(stage, (number + 1, False, chunk))
                    else:
                        stage = max(stage, (number, False, max(its_chunk, chunk)))
            for j in members:
                self.stage[j] = stage
                self.kind[j] = "sum" if total else "parallel" if parallel else "sequential"
            if total:
                self.sums[max(members)] = total
        items = self._items(outside)
        try:
            self.stages = [Stage(key, body(items[key]) if nested else items[key]) for key in sorted(items)]
            self._choose_columns(outside)
        except UnsuitableError:
            self.stages = [Stage(key, items[key]) for key in sorted(items)]
            self._choose_columns(outside)

    def _chunks(self) -> tuple[Any, bool]:
        """Return the chunk of each position, and whether there are loops in the body."""
        weight = np.zeros(len(self.names) + 1, int)
        weight[self.live] = 1
        nested = False
        if len(self.live) >= LONG:
            numbers: dict[str, int] = {}
            opcodes = np.array([numbers.setdefault(self.names[j], len(numbers)) for j in self.live])
            runs = repeats(opcodes)
            nested = _saved(runs) >= LEAST_NESTED * len(self.live)
            for run in runs if nested else ():
                inside = np.array(self.live[run.start : run.end])
                weight[inside] = 0
                weight[inside[-1]] = run.period
        before = np.cumsum(weight) - weight
        return before // (CHUNK if before[-1] > CHUNK * 1.5 else len(weight)), nested

    def _items(self, outside: Any) -> dict[tuple[int, bool, int], list[Item]]:
        """Return the items of each stage; a product that only a sum needs is a part of the sum."""
        items: dict[tuple[int, bool, int], list[Item]] = {self.stage[j]: [] for j in self.live}
        factors: dict[int, list[Operand]] = {}
        for total in self.sums.values():
            if len(total.terms) == 1 and isinstance(total.terms[0][1], Here):
                q = total.terms[0][1].position
                alone = self.kind[q] == "parallel" and len(self.users[q]) == 1 and not outside[q]
                if alone and self.names[q] == "mul" and self.stage[q] == self.stage[total.terms[0][0]]:
                    factors[q] = self.operands[q]
        for j in self.live:
            if j in factors or (self.kind[j] == "sum" and j not in self.sums):
                continue
            name, operands = self.names[j], self.operands[j]
            if j in self.sums:
                name, operands = TERMS, [x for _, x in self.sums[j].terms]
                if isinstance(operands[0], Here) and operands[0].position in factors:
                    name, operands = PRODUCT, factors[operands[0].position]
            items[self.stage[j]].append(Item(name, tuple(operands), j))
        return items

    def _read_next(self) -> dict[tuple[int, int], bool]:
        """Return, for pairs of positions, whether one reads the other only one iteration later."""
        near: dict[tuple[int, int], bool] = {}
        for j in self.live:
            for x in self.operands[j]:
                if isinstance(x, Carried):
                    near[j, x.position] = x.distance == 1 and near.get((j, x.position), True)
                elif isinstance(x, Table):
                    near.update(dict.fromkeys([(j, q) for q in x.positions], False))
        return near

    def _choose_columns(self, outside: Any) -> None:
        """Find the positions whose results all iterations keep."""
        needed = outside.copy()
        self.prefix: dict[int, dict[int, int]] = {}
        inner = [part for stage in self.stages for part in stage.parts if isinstance(part, Inner)]
        looped = {item.position for part in inner for item in part.items}
        chain = {j: end for end, total in self.sums.items() for j, _ in total.terms}
        for j in self.live:
            for x in self.operands[j]:
                if isinstance(x, Here) and self.stage[x.position] != self.stage[j]:
                    needed[x.position] = True
                elif isinstance(x, Carried) and chain.get(x.position, -1) != chain.get(j):
                    own = self.stage[x.position] == self.stage[j]
                    if own and x.distance == 1 and x.position not in looped:
                        continue
                    needed[x.position] = True
                    before = self.prefix.setdefault(x.position, {})
                    for t, slot in enumerate(x.initial):
                        if before.setdefault(t - x.distance, slot) != slot:
                            raise UnsuitableError  # two beginnings of one column
                elif isinstance(x, Table):
                    needed[list(x.positions)] = True
        for part in inner:
            for k in range(part.period):
                positions = [item.position for item in part.items[k :: part.period]]
                needed[positions] = needed[positions].any()
        self.columns = [j for j in self.live if needed[j] and self.kind[j] != "sum"]

    def _sum(self, members: Sequence[int], kept: Any) -> Sum | None:
        """Return the members as a sum, if they are a chain of additions whose end alone is read."""
        if any(self.names[j] != "add" for j in members):
            return None
        own = set(members)
        following: dict[int, int] = {}
        terms: dict[int, Operand] = {}
        start: tuple[int, Carried] | None = None
        for j in members:
            chained = [
                k for k, x in enumerate(self.operands[j]) if own.intersection(q for q, _ in _reads([x]))
            ]
            if len(chained) != 1 or len(set(self.users[j])) != 1 or self.users[j][0] not in own:
                return None
            x = self.operands[j][chained[0]]
            if isinstance(x, Carried) and start is None and x.distance == 1:
                start = j, x
            elif isinstance(x, Here):
                following[x.position] = j
            else:
                return None
            terms[j] = self.operands[j][1 - chained[0]]
        if start is None:
            return None
        chain = [start[0]]
        while chain[-1] in following:
            chain.append(following[chain[-1]])
        if len(chain) != len(members) or start[1].position != chain[-1]:
            return None
        if kept[:-1, chain].any() or kept[-1, chain[:-1]].any():
            return None
        return Sum([(j, terms[j]) for j in chain], start[1].initial[0])


def _reads(operands: Sequence[Operand]) -> Iterator[tuple[int, int]]:
    """Yield the positions that operands read, and how many iterations ago at least."""
    for x in operands:
        if isinstance(x, Here):
            yield x.position, 0
        elif isinstance(x, Carried):
            yield x.position, x.distance
        elif isinstance(x, Table):
            yield from ((q, 1) for q in x.positions)


def _reached(start: Sequence[int], reads: Sequence[Sequence[tuple[int, int]]]) -> list[int]:
    found, todo = set(start), list(start)
    while todo:
        for q, _ in reads[todo.pop()]:
            if q not in found:
                found.add(q)
                todo.append(q)
    return sorted(found)


def _components(reads: Sequence[Sequence[tuple[int, int]]], live: Collection[int]) -> list[list[int]]:
    """Return the strongly connected components of the positions, producers first (Tarjan)."""
    index, low = [0] * len(reads), [0] * len(reads)
    waiting = [False] * len(reads)
    stack: list[int] = []
    found: list[list[int]] = []
    count = 0
    for root in live:
        if index[root]:
            continue
        path = [(root, iter(reads[root]))]
        count += 1
        index[root] = low[root] = count
        stack.append(root)
        waiting[root] = True
        while path:
            j, following = path[-1]
            for q, _ in following:
                if not index[q]:
                    count += 1
                    index[q] = low[q] = count
                    stack.append(q)
                    waiting[q] = True
                    path.append((q, iter(reads[q])))
                    break
                if waiting[q]:
                    low[j] = min(low[j], index[q])
            else:
                path.pop()
                if path:
                    above = path[-1][0]
                    low[above] = min(low[above], low[j])
                if low[j] == index[j]:
                    members: list[int] = []
                    while not members or members[-1] != j:
                        members.append(stack.pop())
                        waiting[members[-1]] = False
                    found.append(sorted(members))
    return found


def repeated(graph: Graph) -> bool:
    """Whether a graph looks as if loops had made most of it."""
    opcodes = np.array(graph.opcodes)
    return len(opcodes) >= SHORTEST and _saved(repeats(opcodes)) >= SHORTER * len(opcodes)


def _saved(runs: Sequence[Run]) -> int:
    return sum(run.end - run.start - run.period for run in runs)


def rolled(program: Unshared, in_order: Callable[[Primitive, int], bool] = _never) -> Rolled | None:
    """Return the program with its loops found, or None where loops would not pay (see `Rolled`)."""
    try:
        return Rolled(program, in_order)
    except UnsuitableError:
        return None
