"""Write a graph of Values, and its reverse sweep, as a `Program`.

The sweep is written in the order in which `Value.backward` adds up, so that a replay adds the same numbers
in the same order; only then does the builder share equal instructions. So a program and the graph agree
bit for bit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from autograd_mini.compiler.program import Builder, Program, definition, rules
from autograd_mini.compiler.unshared import Unshared
from autograd_mini.engine.modes import collector_paused
from autograd_mini.engine.table import TABLE
from autograd_mini.engine.value import Value, depth_first, number_of, topological_order
from autograd_mini.show.names import evaluation_order
from autograd_mini.transforms.gather import Sides, element, order_of_all, possible

__all__ = ["Graph"]

FEW: Final = 5
"""Operands of a `take` up to which it is written as choices: they are cheaper than memory."""

LONGEST_CHAIN: Final = 64
"""How far the branches of a `where` are followed."""


class Graph:
    """A graph with its inputs and outputs singled out, of which programs are made.

    `outputs` are Values or numbers. `inputs` are leaves; other leaves are constants, with the number they
    have now. `guards` are pairs: a Value whose truth has decided what was recorded, and that truth. Where
    one of `checks` is not true, the function raises.
    """

    def __init__(
        self,
        outputs: Sequence[Value | float],
        inputs: Sequence[Value],
        guards: Sequence[tuple[Value, bool]] = (),
        checks: Sequence[Value] = (),
    ) -> None:
        self.outputs = tuple(outputs)
        self.inputs = tuple(inputs)
        self.has_branches = bool(guards)
        self.guards = (*guards, *[(check, True) for check in checks])

    def leaves(self) -> list[Value]:
        """Return the leaves that are not inputs, in the order of their first use."""
        return [node for node in self.nodes() if node.op is None]

    def nodes(self) -> list[Value]:
        """Return all nodes but the inputs, operands before results."""
        roots = [y for y in self.outputs if isinstance(y, Value)]
        return evaluation_order(*roots, *(v for v, _ in self.guards), known=set(self.inputs))

    def program(
        self,
        gradients: Sequence[int] = (),
        *,
        root: int = 0,
        from_zero: bool = True,
        branches: str = "guard",
        shared: bool = True,
    ) -> Program:
        """Return the program of the outputs, then the derivatives of output `root`.

        They are with respect to the inputs at the positions `gradients`, and what a zeroed `grad` would be;
        with ``from_zero=False`` a -0.0 stays one. A derivative that goes through `where` depends on the
        branch: with ``branches="guard"`` the program holds for the branch recorded, and sums in
        `Value.backward`'s order; with ``branches="select"`` it holds for both, each sum in one order.
        Not `shared`, it has an instruction for each operation of the graph (`unshared`).
        """
        with collector_paused():
            builder = (Builder if shared else Unshared)(len(self.inputs))
            slots: dict[Value, int] = {x: k for k, x in enumerate(self.inputs)}
            for node in self.nodes():
                operands = _operand_slots(builder, slots, node)
                if node.op is None:
                    slots[node] = builder.constant(number_of(node))
                elif node.op is element and len(operands) <= FEW:
                    body = definition(element, len(operands))
                    slots[node] = builder.insert(body, operands)(body.outputs[0])
                else:
                    slots[node] = builder.emit(node.op, *operands)
            outputs = [slots[y] if isinstance(y, Value) else builder.constant(y) for y in self.outputs]
            guards = [(slots[v], expected) for v, expected in self.guards]
            if len(gradients):
                wanted = [self.inputs[k] for k in gradients]
                sweep = _ReverseSweep(builder, slots, set(wanted), branches == "select")
                output = self.outputs[root]
                if isinstance(output, Value):
                    sweep.write(output)
                zero = builder.constant(0.0)
                for x in wanted:
                    adjoint = sweep.adjoints.get(x)
                    outputs.append(
                        zero
                        if adjoint is None
                        else builder.emit("add", adjoint, zero)
                        if from_zero
                        else adjoint
                    )
                guards += sweep.guards
            program = builder.program(outputs, guards)
            only_checks = not self.has_branches and len(guards) == len(self.guards)
            return replace(program, only_checks=True) if only_checks and guards else program


class _ReverseSweep:
    """The reverse sweep over a graph, as instructions."""

    def __init__(self, builder: Builder, slots: dict[Value, int], wanted: set[Value], select: bool) -> None:
        self.builder, self.slots, self.wanted, self.select = builder, slots, wanted, select
        self.adjoints: dict[Value, int] = {}
        self.guards: list[tuple[int, bool]] = []
        # Of a node that only some branches use, whether it is used: terms of an unused node are left out.
        self.activity: dict[Value, int] = {}
        self.sides = Sides(self._where, self._equals, self._compared)

    def write(self, root: Value) -> None:
        """Write every term that ``root.backward()`` adds to a wanted leaf's gradient, in its order."""
        order, both = _order_of_all_branches(root)
        if self.select:
            order = topological_order(root, through_edges=False)
        leading = set(self.wanted)
        edges: dict[Value, tuple[bool, ...]] = {}
        for node in reversed(order):
            if node.op is not None:
                reach = tuple(x in leading for x in node.operands)
                if None in node.op.partials:
                    edge_rules = zip(reach, node.op.partials, strict=True)
                    reach = tuple([x and rule is not None for x, rule in edge_rules])
                if any(reach):
                    edges[node] = reach
                    leading.add(node)
        self.adjoints[root] = self.builder.literal(1.0)
        for node in order:
            selects = self.select or node in both
            if node.op is TABLE["where"] and not selects:
                self._guard(node, passes=node in edges)
            if node in edges and node in self.adjoints:
                if node.op is TABLE["where"]:
                    self._through_where(node, edges[node], selects)
                elif node.op is element:
                    self._through_take(node, edges[node])
                else:
                    self._through_primitive(node, edges[node])

    def _through_primitive(self, node: Value, reach: tuple[bool, ...]) -> None:
        builder, slots = self.builder, self.slots
        adjoint, active = self.adjoints[node], self.activity.get(node)
        local, found = rules(node.op, reach)
        operands = node.operands
        given = [
            slots[node],
            *[slots[x] if isinstance(x, Value) else builder.constant(x) for x in operands],
        ]
        if local.code:
            at = builder.insert(local, given)
            partials = iter([at(k) for k in local.outputs])
        else:  # the rule is an operand, or a number
            partials = iter(
                [given[k] if k >= 0 else builder.literal(local.constants[~k]) for k in local.outputs]
            )
        for operand, there in zip(operands, found, strict=True):
            if there:
                self._add(operand, builder.emit("mul", adjoint, next(partials)), active)

    def _guard(self, node: Value, *, passes: bool) -> None:
        """Note which branch was taken, if a derivative `passes`, or may do so through the other one."""
        condition, *branches = _operand_slots(self.builder, self.slots, node)
        taken = bool(number_of(node.operands[0]))
        passes = passes or isinstance(node.operands[1 + taken], Value)
        if passes and condition >= 0 and max(branches) >= 0:
            self.guards.append((condition, taken))

    def _through_where(self, node: Value, reach: tuple[bool, ...], selects: bool) -> None:
        """Pass the adjoint to the branch taken: the one recorded, or whichever the condition says."""
        condition = _operand_slots(self.builder, self.slots, node)[0]
        adjoint, active = self.adjoints[node], self.activity.get(node)
        if not selects:
            taken = 1 if bool(number_of(node.operands[0])) else 2
            if reach[taken]:
                self._add(node.operands[taken], adjoint, active)
            return
        for position, side in enumerate(self.sides.of_condition(condition, active), 1):
            if reach[position]:
                self._add(node.operands[position], adjoint, side)

    def _through_take(self, node: Value, reach: tuple[bool, ...]) -> None:
        """Pass the adjoint to the element that the place says."""
        place, *values = _operand_slots(self.builder, self.slots, node)
        adjoint, active = self.adjoints[node], self.activity.get(node)
        sides = self.sides.of_place(place, len(values), active)
        for operand, there, side in zip(node.operands[1:], reach[1:], sides, strict=True):
            if there:
                self._add(operand, adjoint, side)

    def _add(self, operand: Any, term: int, active: int | None) -> None:
        """Add a term to an adjoint, if `active` is true."""
        before = self.adjoints.get(operand)
        if active is None and not self.activity:
            self.adjoints[operand] = (
                self.builder.opening(term) if before is None else self.builder.emit("add", before, term)
            )
            return
        emit, constant = self.builder.emit, self.builder.constant
        if active is not None and active < 0 and self.builder.constants[~active]:
            active = None
        if active is None:
            self.adjoints[operand] = term if before is None else emit("add", before, term)
            self.activity.pop(operand, None)
            return
        total = constant(-0.0) if before is None else before
        self.adjoints[operand] = emit("where", active, emit("add", total, term), total)
        if operand.op is None:
            return
        if before is None:
            self.activity[operand] = active
        elif self.activity.get(operand, active) != active:
            used = self.sides.either(self.activity.pop(operand), active)
            if used is not None:
                self.activity[operand] = used

    def _where(self, condition: int, x: Any, y: Any) -> int:
        """Write a choice between truths, or numbers."""
        x, y = (self.builder.constant(z) if z.__class__ is float else z for z in (x, y))
        return self.builder.emit("where", condition, x, y)

    def _equals(self, place: int, number: float) -> int:
        return self.builder.emit("equal", place, self.builder.constant(number))

    def _compared(self, truth: int) -> tuple[int, float] | None:
        """Return the place and the number of which `truth` says whether they are equal."""
        builder = self.builder
        name, *operands = builder.code[truth - builder.inputs] if truth >= builder.inputs else ("",)
        if name != "equal" or min(operands) >= 0:
            return None
        return max(operands), builder.constants[~min(operands)]


def _order_of_all_branches(root: Value) -> tuple[list[Value], set[Value]]:
    """Return the order of ``root.backward()``, and the `where`s whose either branch keeps to it.

    The order of sums depends on the branches taken; where it demonstrably does not, one program holds for
    both. That is so where each branch is a chain, with no other use, that ends at the same node or at
    leaves: whichever chain is walked, it is walked at once, and what is below waits for its end.
    """
    order = topological_order(root)
    choice = TABLE["where"]
    if any(node.op is element for node in order):
        order = order_of_all(root)
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
    return depth_first([root], lambda node: _possible(node) if node in both else possible(node)), both


def _possible(node: Value) -> list[Value]:
    """Return the operands that a derivative may pass to: both branches of a `where`."""
    if node.op is TABLE["where"]:
        return [x for x in node.operands[1:] if isinstance(x, Value)]
    return possible(node)


def _operand_slots(builder: Builder, slots: dict[Value, int], node: Value) -> list[int]:
    return [slots[x] if isinstance(x, Value) else builder.constant(x) for x in node.operands]
