"""Write a program with an instruction for each operation, so that its loops can still be found.

If equal instructions were shared, and identities applied to the data, the iterations of an unrolled loop
would no longer be alike: one whose number is 1.0 would be shorter than the others.

Such a program is long, so it consists of arrays from the start. The primitive of a node determines what the
node adds to the reverse sweep. That is written once (`_part`), then copied for all nodes alike.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache, cached_property
from operator import sub
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from autograd_mini.compiler.loops import ABSENT
from autograd_mini.compiler.program import Builder, Instruction, Program, definition, rules
from autograd_mini.engine.primitives import add, identity, stop_gradient, where
from autograd_mini.engine.table import Primitive
from autograd_mini.transforms.gather import element

if TYPE_CHECKING:
    from autograd_mini.compiler.lowering import Graph, Sweep

__all__ = ["Unshared", "unshared"]


MOST_OPERANDS: Final = 3
"""Operands of an instruction; a primitive of more is written as its definition."""

COPIES: Final = (identity, stop_gradient)
"""Primitives that need no instruction."""


class Unshared(Program):
    """A program as arrays: `opcodes` are places in `primitives`, whose names in the code are `names`.

    `operands` has a column for each instruction: slots, ~k for number k of `numbers`, or `ABSENT`.
    """

    names: list[str]
    opcodes: Any
    operands: Any
    numbers: Any

    def __init__(
        self,
        inputs: int,
        numbers: Any,
        opcodes: Any,
        operands: Any,
        outputs: Sequence[int],
        guards: Iterable[tuple[int, bool]],
        primitives: dict[str, Primitive],
        only_checks: bool,
    ) -> None:
        self.__dict__.update(
            inputs=inputs,
            numbers=numbers,
            opcodes=opcodes,
            operands=operands,
            outputs=tuple(outputs),
            guards=tuple(dict.fromkeys((k, e) for k, e in guards if k >= 0)),
            primitives=tuple(primitives.values()),
            names=list(primitives),
            only_checks=only_checks,
        )

    @property
    def length(self) -> int:
        """How many instructions there are."""
        return len(self.opcodes)

    @cached_property
    def table(self) -> dict[str, Primitive]:
        """The primitives by their names in the code."""
        return dict(zip(self.names, self.primitives, strict=True))

    @cached_property
    def constants(self) -> tuple[float, ...]:
        """The numbers in the code."""
        return tuple(self.numbers.tolist())

    @cached_property
    def code(self) -> tuple[Instruction, ...]:
        """The instructions as tuples."""
        names = [self.names[k] for k in self.opcodes.tolist()]
        rows = zip(names, *self.operands.tolist(), strict=True)
        return tuple([tuple([x for x in row if x != ABSENT]) for row in rows])


def unshared(graph: Graph, sweep: Sweep | None, from_zero: bool) -> Unshared:
    """Return the program of a graph and its reverse sweep, an instruction for each operation."""
    plain = sweep is None or (sweep.root >= 0 and not sweep.both)
    few = max(map(sub, graph.ends[1:], graph.ends), default=0) <= MOST_OPERANDS
    if plain and few and len(graph.opcodes) and element not in graph.primitives:
        found = _Arrays(graph).program(sweep, from_zero)
        if found is not None:
            return found
    return graph.write(_Builder(len(graph.inputs)), sweep, from_zero)  # type: ignore[return-value]


class _Builder(Builder):
    """A builder that shares nothing and rewrites only partials of 1 or -1.

    Each occurrence of a constant is a constant of its own.
    """

    def __init__(self, inputs: int) -> None:
        super().__init__(inputs)
        self._literals: dict[int, float] = {}
        self._minus_zero = super().constant(-0.0)

    def constant(self, x: float) -> int:
        """Return a new operand that is the number `x`."""
        self.constants.append(x)
        return -len(self.constants)

    def literal(self, x: float) -> int:
        """Return an operand that is a number in a rule."""
        k = self.constant(x)
        if x in (1.0, -1.0):
            self._literals[k] = x
        return k

    def opening(self, term: int) -> int:
        """Write the first term of an adjoint like any other: added to -0.0."""
        return self.emit("add", self._minus_zero, term)

    def emit(self, op: str | Primitive, *operands: int) -> int:
        """Return the operand that is the result of an instruction."""
        name = op if op.__class__ is str and op in self.primitives else self.name_of(op)
        if name == "mul":
            x, y = operands
            known = self._literals
            if y in known or x in known:
                x, y = (x, y) if y in known else (y, x)
                return x if known[y] == 1.0 else self.emit("neg", x)
        elif self.primitives[name] in COPIES:
            return operands[0]
        elif len(operands) > MOST_OPERANDS and self.primitives[name].definition is not None:
            body = definition(self.primitives[name], len(operands))
            return self.insert(body, operands)(body.outputs[0])
        self.code.append((name, *operands))
        return self.inputs + len(self.code) - 1

    def program(
        self,
        outputs: Sequence[int],
        guards: Iterable[tuple[int, bool]] = (),
        *,
        only_checks: bool = False,
    ) -> Unshared:
        """Return the program with all instructions."""
        numbers = {name: k for k, name in enumerate(self.primitives)}
        opcodes = np.array([numbers[op[0]] for op in self.code], np.int32)
        operands = np.full((max(map(len, self.code), default=1) - 1, len(self.code)), ABSENT, np.int32)
        for i, op in enumerate(self.code):
            operands[: len(op) - 1, i] = op[1:]
        constants = np.array(self.constants, float)
        return Unshared(
            self.inputs, constants, opcodes, operands, outputs, guards, self.primitives, only_checks
        )


class _Part(NamedTuple):
    """What a node adds to the sweep: instructions, their numbers, and which of them end a term.

    The operands of the instructions are numbered: 0 is the adjoint of the node, 1 its result; then follow
    the node's operands, the adjoints of these so far, and the results of the instructions. A term is the
    place of an operand and the instruction that is its adjoint from then on.
    """

    code: Sequence[tuple[Primitive, Sequence[int]]]
    numbers: list[float]
    terms: list[tuple[int, int]]


@cache
def _part(op: Primitive, reach: tuple[bool, ...], truth: bool, is_root: bool) -> _Part:
    """Return what a node adds to the sweep if its operands have a derivative where `reach` says."""
    count = len(reach)
    builder = _Builder(2 + 2 * count)
    adjoint = builder.literal(1.0) if is_root else 0
    terms: list[tuple[int, int]] = []

    def pass_on(j: int, term: int) -> None:
        terms.append((j, builder.emit("add", 2 + count + j, term) - builder.inputs))

    if op is where:
        taken = 1 if truth else 2
        if reach[taken]:
            pass_on(taken, adjoint)
    else:
        local, found = rules(op, reach)
        at = builder.insert(local, range(1, 2 + count))
        partials = iter([at(k) for k in local.outputs])
        for j in range(count):
            if found[j]:
                pass_on(j, builder.emit("mul", adjoint, next(partials)))
    code = [(builder.primitives[name], operands) for name, *operands in builder.code]
    return _Part(code, builder.constants, terms)


class _Arrays:
    """Writes the instructions of a graph into arrays: one for each node, then the sweep.

    Each of `pieces` has the places of instructions that do the same, their opcode and their operands.
    """

    def __init__(self, graph: Graph) -> None:
        self.graph, self.first = graph, len(graph.inputs)
        self.builder = Builder(0)  # for the names of the primitives
        self.codes: dict[Primitive, int] = {}
        self.opcodes, self.ends = np.array(graph.opcodes), np.array(graph.ends)
        self.arity, self.given = np.diff(self.ends), np.array(graph.operands)
        is_copy = np.array([op in COPIES for op in graph.primitives])[self.opcodes]
        self.size = len(is_copy) - int(is_copy.sum())
        numbers, is_constant = np.array(graph.numbers), np.ones(len(graph.numbers), bool)
        positions = {x: k for k, x in enumerate(graph.inputs)}
        leaves = {k: positions[x] for k, x in graph.leaves.items() if x in positions}
        is_constant[list(leaves)] = False
        self.numbers: list[float] = numbers[is_constant].tolist()
        # Indexed by the graph's numbers: nodes from the front, leaves and numbers from the back.
        self.slots = np.concatenate([self.first + np.cumsum(~is_copy) - 1, -np.cumsum(is_constant)[::-1]])
        self.slots[[~k for k in leaves]] = list(leaves.values())
        for node in np.flatnonzero(is_copy).tolist():
            self.slots[node] = self.slots[graph.operands_of(node)[0]]
        self.pieces: list[tuple[Any, int, Sequence[Any]]] = []
        for k, op in enumerate(graph.primitives):
            for n in [] if op in COPIES else np.unique(self.arity[self.opcodes == k]).tolist():
                nodes = np.flatnonzero((self.opcodes == k) & (self.arity == n))
                operands = [self.slots[self.operand(nodes, j)] for j in range(n)]
                self.pieces.append((self.slots[nodes] - self.first, self.code(op), operands))

    def code(self, op: Primitive) -> int:
        """Return the opcode of a primitive."""
        self.builder.name_of(op)
        return self.codes.setdefault(op, len(self.codes))

    def number(self, x: float) -> int:
        """Return an operand that is a number."""
        self.numbers.append(x)
        return -len(self.numbers)

    def operand(self, nodes: Any, j: int) -> Any:
        """Return operand `j` of each of the nodes."""
        return self.given[self.ends[nodes] + j]

    def write(self, sweep: Sweep, leads: Any) -> Any:
        """Write the sweep, and return the adjoints of nodes and leaves; -1 where there is none.

        None if a node has received nothing, since that node would have to be left out. `leads` says which
        nodes lead to wanted leaves.
        """
        adjoints = np.full(len(self.slots), -1)
        nodes, groups = self._alike(sweep, leads)
        if not any(part.terms for _, part in groups):
            return None if groups else adjoints
        sizes = np.zeros(len(nodes), np.int64)
        for at, part in groups:
            sizes[at] = len(part.code)
        starts = self.first + self.size + np.cumsum(sizes) - sizes
        # Each term is added to the adjoint so far, which begins at -0.0.
        target = np.concatenate([self.operand(nodes[at], j) for at, part in groups for j, _ in part.terms])
        made = np.concatenate([starts[at] + i for at, part in groups for _, i in part.terms])
        order = np.lexsort((made, target))
        target, made = target[order], made[order]
        adjoints[target] = made  # of several, the last one is kept
        if (adjoints[nodes[1:]] < 0).any():
            return None
        self.size += int(sizes.sum())
        before = np.full(self.first + self.size, self.number(-0.0))
        again = np.flatnonzero(target[1:] == target[:-1])
        before[made[again + 1]] = made[again]
        for at, part in groups:
            node, start, offset = nodes[at], starts[at], len(self.numbers)
            self.numbers += part.numbers
            count = len(self.graph.operands_of(int(node[0])))
            known = [adjoints[node], self.slots[node]]
            known += [self.slots[self.operand(node, j)] for j in range(count)]
            term_of = dict(part.terms)
            known += [before[start + term_of[j]] if j in term_of else None for j in range(count)]
            known += [start + i for i in range(len(part.code))]
            for i, (op, operands) in enumerate(part.code):
                columns = [known[k] if k >= 0 else k - offset for k in operands]
                self.pieces.append((start + i - self.first, self.code(op), columns))
        return adjoints

    def _alike(self, sweep: Sweep, leads: Any) -> tuple[Any, list[tuple[Any, _Part]]]:
        """Return, in order, the nodes that pass something on, and groups of like nodes with what they pass.

        A group has the places of its nodes in that order. The root, which has received 1.0, comes first.
        """
        graph = self.graph
        order = np.array(sweep.order)
        nodes = order[leads[order]]
        if not len(nodes):
            return nodes, []
        reach = leads[np.array(sweep.ruled)]
        truths = np.zeros(len(self.opcodes), bool)
        truths[[k for k, truth in graph.truths.items() if truth]] = True
        most = int(self.arity.max())
        kinds = (self.opcodes[nodes] * (most + 1) + self.arity[nodes]) * 2 + truths[nodes]
        for j in range(most):
            there = self.arity[nodes] > j
            kinds *= 2
            kinds[there] += reach[self.ends[nodes[there]] + j]
        kinds[0] = -1
        groups = []
        for kind in np.unique(kinds).tolist():
            at = np.flatnonzero(kinds == kind)
            node = int(nodes[at[0]])
            reached = tuple(reach[self.ends[node] : self.ends[node + 1]].tolist())
            op = graph.primitives[graph.opcodes[node]]
            groups.append((at, _part(op, reached, bool(truths[node]), kind == -1)))
        return nodes, groups

    def program(self, sweep: Sweep | None, from_zero: bool) -> Unshared | None:
        """Return the program of the graph's outputs and derivatives; None where `write` returns None."""
        graph, slots = self.graph, self.slots
        outputs = slots[graph.outputs].tolist()
        guards = [(int(slots[v]), expected) for v, expected in graph.guards]
        if sweep is not None:
            leads = _leading(sweep)
            adjoints = self.write(sweep, leads)
            if adjoints is None:
                return None
            for node in sweep.order if graph.truths else ():
                if node in graph.truths:
                    guard = graph.guard(node, slots, passes=bool(leads[node]))
                    guards += [guard] if guard else []
            zero = self.number(0.0)
            found = np.array([-1 if x is None else adjoints[x] for x in sweep.wanted])
            if from_zero:
                there = np.flatnonzero(found >= 0)
                at = self.size + np.arange(len(there))
                self.pieces.append((at, self.code(add), [found[there], zero]))
                found[there] = self.first + at
                self.size += len(there)
            outputs += [k if k >= 0 else zero for k in found.tolist()]
        opcodes = np.empty(self.size, np.int32)
        most = max((len(columns) for _, _, columns in self.pieces), default=0)
        operands = np.full((most, self.size), ABSENT, np.int32)
        for at, code, columns in self.pieces:
            opcodes[at] = code
            for row, column in zip(operands, columns, strict=False):
                row[at] = column
        numbers = np.array(self.numbers)
        names, only_checks = self.builder.primitives, graph.only_checks(guards)
        return Unshared(self.first, numbers, opcodes, operands, outputs, guards, names, only_checks)


def _leading(sweep: Sweep) -> Any:
    """Return which nodes of the sweep lead to wanted leaves; nodes from the front, leaves from the back."""
    graph = sweep.graph
    operands, ends = sweep.ruled, graph.ends
    leads = bytearray(len(graph.opcodes) + 1 + len(graph.numbers))
    for x in sweep.wanted:
        if x is not None:
            leads[x] = 1
    for node in reversed(sweep.order):
        for x in operands[ends[node] : ends[node + 1]]:
            if leads[x]:
                leads[node] = 1
                break
    return np.frombuffer(leads, bool)
