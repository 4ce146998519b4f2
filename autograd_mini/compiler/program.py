"""`Program`: a recorded graph as a list of instructions, its derivatives included. Knows no machine.

A `Recording` singles out the inputs and outputs of a graph of Values and writes programs of it: the values
alone, or with the derivatives by any inputs. The reverse sweep is written down in the order in which
`Value.backward` pays, so that a replay adds the same numbers in the same order; only then are equal
instructions shared and dead ones dropped. What is rewritten is what no IEEE-754 result can tell apart.
The rules of the table are run on symbols, once per primitive. How a program is run is for `backends`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from math import copysign
from typing import Any, Final

from autograd_mini.engine.modes import collector_paused
from autograd_mini.engine.operators import Recorder
from autograd_mini.engine.table import TABLE, Primitive, as_number, named
from autograd_mini.engine.value import Value, depth_first, topological_order

__all__ = ["Builder", "Instruction", "Program", "Recording"]

Instruction = tuple[Any, ...]
"""A primitive's name, then its operands: slots from 0 on, and ~k (that is, -1 - k) for constant k."""


@dataclass(frozen=True)
class Program:
    """Straight-line code: the inputs fill slots 0 to `inputs` - 1, each instruction the next slot.

    `outputs` are the operands that are the result. Each of `guards` is an operand and whether it must be
    true (not 0) for the program to hold: it was recorded on one side of a branch. A program can be
    printed, pickled, compared and hashed; `fingerprint` is the same in every process.

    >>> x, y = Value(3.0), Value(2.0)
    >>> print(Recording([x * y + x], [x, y]).program(gradients=[0, 1], posted=False))
    inputs v0 v1
    v2 = mul(v1, v0)
    v3 = add(v2, v0)
    v4 = add(v1, 1.0)
    return v3, v4, v0
    """

    inputs: int
    constants: tuple[float, ...]
    code: tuple[Instruction, ...]
    outputs: tuple[int, ...]
    guards: tuple[tuple[int, bool], ...] = ()

    def operand(self, k: int) -> float | None:
        """Return the constant that operand `k` is, or None if it is a slot."""
        return self.constants[~k] if k < 0 else None

    def __str__(self) -> str:
        def text(k: int) -> str:
            return f"v{k}" if k >= 0 else repr(self.constants[~k])

        lines = [" ".join(["inputs", *map(text, range(self.inputs))])]
        for slot, (name, *operands) in enumerate(self.code, self.inputs):
            lines.append(f"v{slot} = {name}({', '.join(map(text, operands))})")
        for k, expected in self.guards:
            lines.append(f"guard {text(k)} is {'true' if expected else 'false'}")
        return "\n".join([*lines, f"return {', '.join(map(text, self.outputs))}"])

    @property
    def fingerprint(self) -> str:
        """A name for what the program computes, the same wherever it is computed."""
        return hashlib.sha256(str(self).encode()).hexdigest()

    @property
    def primitives(self) -> set[str]:
        """The names of the primitives that the program calls."""
        return {instruction[0] for instruction in self.code}

    def evaluate(self, numbers: Sequence[float]) -> list[float] | None:
        """Return the outputs for these inputs, row by row of the table; None where a guard does not hold.

        This is the meaning of a program; the backends are faster.
        """
        slots = list(numbers)
        get: Callable[[int], float] = lambda k: slots[k] if k >= 0 else self.constants[~k]  # noqa: E731
        for name, *operands in self.code:
            slots.append(named(name).value(*map(get, operands)))
        if any(bool(get(k)) is not expected for k, expected in self.guards):
            return None
        return [get(k) for k in self.outputs]

    def expanded(self, spelled: Collection[str]) -> Program:
        """Return the program with derived primitives that are not among `spelled` replaced by
        definition.
        """
        derived = {
            name for name, row in TABLE.items() if row.definition is not None and name not in spelled
        }
        if derived.isdisjoint(self.primitives):
            return self
        builder = Builder(self.inputs)
        with collector_paused():
            numbering = builder.insert(self, range(self.inputs), derived)
        return builder.program(
            [numbering(k) for k in self.outputs], [(numbering(k), e) for k, e in self.guards]
        )


class Builder:
    """A program while it is written: equal instructions are shared, exact identities applied."""

    def __init__(self, inputs: int) -> None:
        self.inputs = inputs
        self.constants: list[float] = []
        self.code: list[Instruction] = []
        self._numbers: dict[Any, int] = {}
        self._slots: dict[Instruction, int] = {}

    def constant(self, x: float) -> int:
        """Return the operand that is the number `x`; -0.0 and 0.0 are two numbers, all nans are one."""
        key = "nan" if x != x else (x, copysign(1.0, x))
        k = self._numbers.get(key)
        if k is None:
            k = self._numbers[key] = ~len(self.constants)
            self.constants.append(x)
        return k

    def emit(self, name: str, *operands: int) -> int:
        """Return the operand that is the result of an instruction."""
        if name in COMMUTATIVE and operands[0] < operands[1]:
            operands = operands[::-1]
        key = (name, *operands)
        slot = self._slots.get(key)
        if slot is None:
            simplify = IDENTITIES.get(name)
            slot = simplify and simplify(self, *operands)
            if slot is None and name in EXACT and all(k < 0 for k in operands):
                slot = self.constant(TABLE[name].value(*[self.constants[~k] for k in operands]))
            if slot is None:
                slot = self.inputs + len(self.code)
                self.code.append(key)
            self._slots[key] = slot
        return slot

    def is_number(self, k: int, x: float) -> bool:
        """Whether operand `k` is the constant `x`, its sign included."""
        return k < 0 and self.constants[~k] == x and copysign(1.0, self.constants[~k]) == copysign(1.0, x)

    def insert(
        self, program: Program, inputs: Sequence[int], derived: Collection[str] = ()
    ) -> Callable[[int], int]:
        """Write `program` here, applied to `inputs`, and return its operands' new names."""
        slots = list(inputs)
        constants = [self.constant(x) for x in program.constants]
        bodies: dict[tuple[str, int], Program] = {}

        def numbering(k: int) -> int:
            return slots[k] if k >= 0 else constants[~k]

        for name, *operands in program.code:
            renamed = [slots[k] if k >= 0 else constants[~k] for k in operands]
            if name in derived:
                key = name, len(operands)
                if key not in bodies:
                    bodies[key] = _definition(named(name), len(operands)).expanded(TABLE.keys() - derived)
                body = bodies[key]
                slots.append(self.insert(body, renamed, derived)(body.outputs[0]))
            else:
                slots.append(self.emit(name, *renamed))
        return numbering

    def program(self, outputs: Sequence[int], guards: Iterable[tuple[int, bool]] = ()) -> Program:
        """Return what has been written, without what neither outputs nor guards need."""
        kept = list(dict.fromkeys((k, e) for k, e in guards if k >= 0))
        first, live = self.inputs, bytearray(self.inputs + len(self.code))
        used = set()
        for k in (*outputs, *(k for k, _ in kept)):
            if k >= 0:
                live[k] = 1
            else:
                used.add(~k)
        for slot in range(len(live) - 1, first - 1, -1):
            if live[slot]:
                for k in self.code[slot - first][1:]:
                    if k >= 0:
                        live[k] = 1
                    else:
                        used.add(~k)
        # The new names of slots from the front, those of constants from the back: a list, indexed by both.
        new = list(range(first)) + [0] * (len(self.code) + len(self.constants))
        for i, k in enumerate(sorted(used)):
            new[~k] = ~i
        code: list[Instruction] = []
        slot = first
        for instruction in self.code:
            if live[slot]:
                new[slot] = first + len(code)
                if len(instruction) == 3:
                    code.append((instruction[0], new[instruction[1]], new[instruction[2]]))
                else:
                    code.append((instruction[0], *[new[k] for k in instruction[1:]]))
            slot += 1
        return Program(
            first,
            tuple([self.constants[k] for k in sorted(used)]),
            tuple(code),
            tuple([new[k] for k in outputs]),
            tuple([(new[k], e) for k, e in kept]),
        )


# ---- what may be rewritten: identities that hold for every number, inf, nan and -0.0 included ---------

COMMUTATIVE: Final = frozenset({"add", "mul", "equal"})
EXACT: Final = frozenset(
    {"add", "sub", "mul", "div", "neg", "abs", "sqrt", "less", "equal", "where", "step"}
)
"""Correctly rounded wherever they are computed: with constants for operands they are done at once."""


def _times(b: Builder, x: int, y: int) -> int | None:
    if b.is_number(y, 1.0):
        return x
    if y < 0 and b.constants[~y] != b.constants[~y]:
        return y  # nan, whatever it is multiplied with
    return b.emit("neg", x) if b.is_number(y, -1.0) else None


def _negated(b: Builder, x: int) -> int | None:
    first = b.code[x - b.inputs] if x >= b.inputs else ("",)
    return first[1] if first[0] == "neg" else None


def _chosen(b: Builder, condition: int, x: int, y: int) -> int | None:
    if x == y:
        return x
    if condition < 0:
        return x if b.constants[~condition] else y
    return None


IDENTITIES: Final[dict[str, Callable[..., int | None]]] = {
    "identity": lambda b, x: x,
    "stop_gradient": lambda b, x: x,
    "add": lambda b, x, y: x if b.is_number(y, -0.0) else None,
    "sub": lambda b, x, y: x if b.is_number(y, 0.0) else None,
    "mul": _times,
    "div": lambda b, x, y: x if b.is_number(y, 1.0) else None,
    "neg": _negated,
    "pow": lambda b, x, y: x if b.is_number(y, 1.0) else None,
    "where": _chosen,
}


# ---- rules and definitions, run on symbols ----------------------------------------------------------


class Symbol(Recorder):
    """An operand that has no number yet: whatever is done to it is written down."""

    __slots__ = ("builder", "slot")
    record_priority = 100

    def __init__(self, builder: Builder, slot: int) -> None:
        self.builder, self.slot = builder, slot

    def record_primitive(self, op: Primitive, operands: tuple[Any, ...]) -> Symbol:
        """Write the instruction down."""
        slots = [operand_of(self.builder, x) for x in operands]
        return Symbol(self.builder, self.builder.emit(op.name, *slots))


def operand_of(builder: Builder, x: Any) -> int:
    """Return the operand that stands for a symbol or a number."""
    return x.slot if isinstance(x, Symbol) else builder.constant(as_number(x))


@cache
def _rules(op: Primitive, wanted: tuple[bool, ...]) -> tuple[Program, tuple[bool, ...]]:
    """Return the program from (y, operands) to those wanted partials that there are, and which these
    are.
    """
    builder = Builder(1 + len(wanted))
    y, *operands = [Symbol(builder, k) for k in range(builder.inputs)]
    try:
        partials = op.partials_at(y, operands, wanted)
    except TypeError as error:
        raise TypeError(
            f"the partials of primitive {op.name!r} cannot be replayed: {error}; write them in primitives "
            "and where(condition, a, b), which hold at other inputs too"
        ) from None
    found = tuple(p is not None for p in partials)
    return builder.program([operand_of(builder, p) for p in partials if p is not None]), found


@cache
def _definition(op: Primitive, count: int) -> Program:
    """Return a derived primitive's definition as a program."""
    assert op.definition is not None
    builder = Builder(count)
    return builder.program(
        [operand_of(builder, op.definition(*[Symbol(builder, k) for k in range(count)]))]
    )


LONGEST_CHAIN: Final = 64
"""How far the branches of a `where` are followed."""


# ---- graphs -----------------------------------------------------------------------------------------


class Recording:
    """A graph with its inputs and outputs singled out, of which programs are made.

    `outputs` are Values or numbers. `inputs` are leaves; other leaves are constants, with the number they
    have now. `guards` are pairs: a Value whose truth has decided what was recorded, and that truth.
    """

    def __init__(
        self,
        outputs: Sequence[Value | float],
        inputs: Sequence[Value],
        guards: Sequence[tuple[Value, bool]] = (),
    ) -> None:
        self.outputs = tuple(outputs)
        self.inputs = tuple(inputs)
        self.guards = tuple(guards)

    def leaves(self) -> list[Value]:
        """Return the leaves that are not inputs, in the order of their first use."""
        roots = [*self.outputs, *(v for v, _ in self.guards)]
        return [node for node in operands_first(roots, self.inputs) if node.op is None]

    def program(
        self,
        gradients: Sequence[int] = (),
        *,
        root: int = 0,
        posted: bool = True,
        branches: str = "guard",
    ) -> Program:
        """Return the program of the outputs, then the derivatives of output `root` by the `gradients`.

        `gradients` are positions among the inputs. With `posted`, derivatives are those that a leaf's
        zeroed `grad` receives, where -0.0 becomes 0.0. A derivative that goes through `where` depends on
        the branch: with ``branches="guard"`` the program holds for the branch recorded, and sums in
        `Value.backward`'s order; with ``branches="select"`` it holds for both, each sum in one order.
        """
        with collector_paused():
            builder = Builder(len(self.inputs))
            slots: dict[Value, int] = {x: k for k, x in enumerate(self.inputs)}
            for node in operands_first([*self.outputs, *(v for v, _ in self.guards)], slots):
                slots[node] = (
                    builder.constant(node.data)
                    if node.op is None
                    else builder.emit(node.op.name, *_operand_slots(builder, slots, node))
                )
            outputs = [slots[y] if isinstance(y, Value) else builder.constant(y) for y in self.outputs]
            guards = [(slots[v], expected) for v, expected in self.guards]
            if len(gradients):
                wanted = [self.inputs[k] for k in gradients]
                sweep = _Sweep(builder, slots, set(wanted), branches == "select")
                output = self.outputs[root]
                if isinstance(output, Value):
                    sweep.pay(output)
                zero = builder.constant(0.0)
                for x in wanted:
                    received = sweep.adjoints.get(x)
                    outputs.append(
                        zero
                        if received is None
                        else builder.emit("add", received, zero)
                        if posted
                        else received
                    )
                guards += sweep.guards
            return builder.program(outputs, guards)


class _Sweep:
    """The reverse sweep over a graph, written down instead of done."""

    def __init__(self, builder: Builder, slots: dict[Value, int], wanted: set[Value], select: bool) -> None:
        self.builder, self.slots, self.wanted, self.select = builder, slots, wanted, select
        self.adjoints: dict[Value, int] = {}
        self.guards: list[tuple[int, bool]] = []
        # Of a node that only some branches use, whether it is used: what no used node pays is blocked.
        self.activity: dict[Value, int] = {}
        # Of two sides of a branch, whether the branch itself is used: that is when either of them is.
        self.either: dict[frozenset[int], int | None] = {}

    def pay(self, root: Value) -> None:
        """Write down every payment of ``root.backward()`` that reaches a wanted leaf, in its order."""
        order, both = _order_of_all_branches(root)
        if self.select:
            order = topological_order(root, through_edges=False)
        owed = set(self.wanted)
        edges: dict[Value, tuple[bool, ...]] = {}
        for node in reversed(order):
            if node.op is not None:
                reach = tuple(x in owed for x in node.operands)
                if any(reach):
                    edges[node] = reach
                    owed.add(node)
        self.adjoints[root] = self.builder.constant(1.0)
        for node in order:
            selects = self.select or node in both
            if node.op is TABLE["where"] and not selects:
                self._guard(node)
            if node in edges and node in self.adjoints:
                if node.op is TABLE["where"]:
                    self._pay_through_where(node, edges[node], selects)
                else:
                    self._pay_operands(node, edges[node])

    def _pay_operands(self, node: Value, reach: tuple[bool, ...]) -> None:
        builder, slots = self.builder, self.slots
        received, active = self.adjoints[node], self.activity.get(node)
        rules, found = _rules(node.op, reach)
        operands = node.operands
        given = [
            slots[node],
            *[slots[x] if isinstance(x, Value) else builder.constant(x) for x in operands],
        ]
        if rules.code:
            at = builder.insert(rules, given)
            partials = iter([at(k) for k in rules.outputs])
        else:  # the rule is an operand, or a number
            partials = iter(
                [given[k] if k >= 0 else builder.constant(rules.constants[~k]) for k in rules.outputs]
            )
        for operand, there in zip(operands, found, strict=True):
            if there:
                self._post(operand, builder.emit("mul", received, next(partials)), active)

    def _guard(self, node: Value) -> None:
        """Note which branch was taken; also where no payment passes, for it would in the other one."""
        condition, *branches = _operand_slots(self.builder, self.slots, node)
        if condition >= 0 and max(branches) >= 0:
            self.guards.append((condition, bool(_number(node.operands[0]))))

    def _pay_through_where(self, node: Value, reach: tuple[bool, ...], selects: bool) -> None:
        """Pay the branch taken: the one recorded, or whichever the condition says."""
        emit, constant = self.builder.emit, self.builder.constant
        condition = _operand_slots(self.builder, self.slots, node)[0]
        received, active = self.adjoints[node], self.activity.get(node)
        if not selects:
            taken = 1 if bool(_number(node.operands[0])) else 2
            if reach[taken]:
                self._post(node.operands[taken], received, active)
            return
        one, zero = constant(1.0), constant(0.0)
        sides = [condition, emit("where", condition, zero, one)]
        if active is not None:
            sides = [emit("where", active, side, zero) for side in sides]
        self.either[frozenset(sides)] = active
        for position, side in enumerate(sides, 1):
            if reach[position]:
                self._post(node.operands[position], received, side)

    def _post(self, operand: Any, payment: int, active: int | None) -> None:
        """Add a payment; where `active` is not true, do not."""
        before = self.adjoints.get(operand)
        if active is None and not self.activity:
            self.adjoints[operand] = (
                payment if before is None else self.builder.emit("add", before, payment)
            )
            return
        emit, constant = self.builder.emit, self.builder.constant
        if active is not None and active < 0 and self.builder.constants[~active]:
            active = None
        if active is None:
            self.adjoints[operand] = payment if before is None else emit("add", before, payment)
            self.activity.pop(operand, None)
            return
        balance = constant(-0.0) if before is None else before
        self.adjoints[operand] = emit("where", active, emit("add", balance, payment), balance)
        if before is None:
            self.activity[operand] = active
        elif operand in self.activity:
            sides = frozenset((self.activity.pop(operand), active))
            used = self.either.get(sides, -1) if sides in self.either else self._any_of(*sides)
            if used is not None:
                self.activity[operand] = used

    def _any_of(self, *sides: int) -> int:
        """Return the truth of any of one or two truths."""
        if len(sides) == 1:
            return sides[0]
        return self.builder.emit("where", sides[0], self.builder.constant(1.0), sides[1])


def _order_of_all_branches(root: Value) -> tuple[list[Value], set[Value]]:
    """Return the order of ``root.backward()``, and the `where`s that pay in it whichever branch is taken.

    The order of payments depends on the branches taken; where it demonstrably does not, one program holds
    for both. That is so where each branch is a chain, with no other use, that ends at the same node or at
    leaves: whichever chain is walked, it is walked at once, and what is below waits for its end.
    """
    order = topological_order(root)
    choice = TABLE["where"]
    if not any(node.op is choice for node in order):
        return order, set()
    every = topological_order(root, through_edges=False)
    users: dict[Value, set[Value]] = {}
    for node in every:
        for x in _possible(node):
            users.setdefault(x, set()).add(node)

    def end_of(user: Value, start: Any) -> Any:
        """Return the node at which the chain ends, None for leaves, something unique for no chain."""
        x: Any = start
        for _ in range(LONGEST_CHAIN):
            if not isinstance(x, Value) or x.op is None:
                return None
            if users[x] != {user}:
                return x
            below = {z for z in _possible(x) if z.op is not None}
            if len(below) > 1 or x.op is choice:
                break
            user, x = x, next(iter(below), None)
        return object()

    both = set()
    for node in every:
        if node.op is choice:
            _, one, other = node.operands
            if one is not other and end_of(node, one) is end_of(node, other):
                both.add(node)
    if not both:
        return order, both
    return depth_first(
        [root], lambda node: _possible(node) if node in both else [x for x, _ in node.edges()]
    ), both


def _possible(node: Value) -> list[Value]:
    """Return the operands that a payment may go to: both branches of a `where`."""
    if node.op is TABLE["where"]:
        return [x for x in node.operands[1:] if isinstance(x, Value)]
    return [x for x, _ in node.edges()]


def _number(x: Value | float) -> float:
    return x.data if isinstance(x, Value) else x


def _operand_slots(builder: Builder, slots: dict[Value, int], node: Value) -> list[int]:
    return [slots[x] if isinstance(x, Value) else builder.constant(x) for x in node.operands]


def operands_first(roots: Iterable[Any], known: Collection[Value] = ()) -> list[Value]:
    """Return all that the roots were computed from, operands before results, without what is `known`."""
    order: dict[Value, None] = {}
    done = set(known)
    for root in roots:
        stack = [root] if isinstance(root, Value) else []
        while stack:
            node = stack[-1]
            if node in done:
                stack.pop()
                continue
            below = [x for x in node.operands if isinstance(x, Value) and x not in done]
            if below:
                stack.extend(reversed(below))
            else:
                done.add(node)
                order[node] = None
                stack.pop()
    return list(order)
