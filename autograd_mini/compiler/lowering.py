"""Write a graph of Values, and its reverse sweep, as a `Program`.

The nodes are numbered once and are ints from then on. The sweep is written in the order in which
`Value.backward` adds up, so a replay adds the same numbers in the same order, and agrees with the graph bit
for bit.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

from autograd_mini.compiler.program import Builder, Program, definition, rules
from autograd_mini.engine.modes import collector_paused
from autograd_mini.engine.table import TABLE, Primitive
from autograd_mini.engine.value import Value, number_of
from autograd_mini.transforms.gather import Sides, element

__all__ = ["Graph", "Sweep"]

FEW: Final = 5
"""A `take` of up to so many operands is written as choices, which are cheaper than memory."""

LONGEST_CHAIN: Final = 64
"""How far the branches of a `where` are followed."""

WHERE: Final = TABLE["where"]


class Graph:
    """A graph with its inputs and outputs, from which programs are made.

    `outputs` are Values or numbers. `inputs` are leaves; other leaves are constants, with the number they
    have now. `guards` are pairs: a Value whose truth decided what was recorded, and that truth. Where one
    of `checks` is not true, the function raises.

    The graph is kept as ints. The nodes that a primitive made are numbered from 0 on, operands before
    results. Leaves and plain numbers are ~0, ~1, …, in the order of `numbers`; `leaves` says which of them
    are leaves. Node k applies ``primitives[opcodes[k]]`` to the `operands` from ``ends[k]`` to
    ``ends[k + 1]``. `edgeless` has the places in `operands` to which no derivative passes, and `truths`
    the truth of the condition of each `where`.
    """

    def __init__(
        self,
        outputs: Sequence[Value | float],
        inputs: Sequence[Value],
        guards: Sequence[tuple[Value, bool]] = (),
        checks: Sequence[Value] = (),
    ) -> None:
        self.inputs = tuple(inputs)
        self.primitives: list[Primitive] = []
        self.opcodes, self.ends, self.operands = array("i"), array("q", [0]), array("q")
        self.numbers = array("d")
        self.leaves: dict[int, Value] = {}
        self.edgeless: list[int] = []
        self.truths: dict[int, bool] = {}
        self.has_branches = bool(guards)
        guards = [*guards, *[(check, True) for check in checks]]
        with collector_paused():
            self._number([y for y in outputs if isinstance(y, Value)] + [v for v, _ in guards])
        self.outputs = [self._known[y] if isinstance(y, Value) else self._new_number(y) for y in outputs]
        self.guards = [(self._known[v], expected) for v, expected in guards]
        del self._known

    def _number(self, roots: Sequence[Value]) -> None:
        """Number all nodes from which `roots` were computed, those of the first operand first."""
        known = self._known = dict[Value, int]()
        codes: dict[Primitive, tuple[int, list[int] | None]] = {}
        operands, opcodes, ends = self.operands, self.opcodes, self.ends
        stack: list[Any] = [*reversed(roots)]
        while stack:
            node = stack.pop()
            if node is None:  # everything below the next node is numbered
                node, given = stack.pop(), stack.pop()
                op = node.op
                if op not in codes:
                    codes[op] = len(self.primitives), _edgeless(op)
                    self.primitives.append(op)
                code, edgeless = codes[op]
                for x in given:
                    operands.append(known[x] if x.__class__ is not float else self._new_number(x))
                if edgeless is None:
                    edgeless = [i for i, partial in enumerate(node.partials) if partial is None]
                    if op is WHERE:
                        self.truths[len(opcodes)] = bool(number_of(given[0]))
                for i in edgeless:
                    self.edgeless.append(ends[-1] + i)
                known[node] = len(opcodes)
                opcodes.append(code)
                ends.append(len(operands))
            elif node not in known:
                if node.op is None:
                    known[node] = self._new_number(number_of(node))
                    self.leaves[~known[node]] = node
                    continue
                given = node.operands
                known[node] = 0
                stack += (given, node, None)
                stack += [x for x in reversed(given) if x.__class__ is not float]

    def _new_number(self, x: float) -> int:
        self.numbers.append(x)
        return -len(self.numbers)

    def operands_of(self, node: int) -> Sequence[int]:
        """Return the operands of a node."""
        return self.operands[self.ends[node] : self.ends[node + 1]]

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

        Derivatives are with respect to the inputs at the positions `gradients`, and are added to 0.0 as to
        a zeroed `grad`; with ``from_zero=False`` a -0.0 stays one. A derivative that goes through `where`
        depends on the branch: with ``branches="guard"`` the program holds for the branch recorded, and sums
        in `Value.backward`'s order; with ``branches="select"`` it holds for both, each sum in one order.
        If not `shared`, it has an instruction for each operation of the graph (`unshared`).
        """
        places = {leaf: ~k for k, leaf in self.leaves.items()}
        wanted = [places.get(self.inputs[k]) for k in gradients]
        with collector_paused():
            sweep = Sweep(self, self.outputs[root], wanted, branches == "select") if wanted else None
            if not shared:
                from autograd_mini.compiler.unshared import unshared

                return unshared(self, sweep, from_zero)
            return self.write(Builder(len(self.inputs)), sweep, from_zero)

    def write(self, builder: Builder, sweep: Sweep | None, from_zero: bool) -> Program:
        """Write the program with a builder."""
        positions = {x: k for k, x in enumerate(self.inputs)}
        slots = [0] * (
            len(self.opcodes) + len(self.numbers)
        )  # of nodes from the front, others from the back
        for k, x in enumerate(self.numbers):
            position = positions.get(self.leaves[k]) if k in self.leaves else None
            slots[~k] = builder.constant(x) if position is None else position
        names = [builder.name_of(op) for op in self.primitives]
        choice = self.primitives.index(element) if element in self.primitives else -1
        operands, ends, emit, start = self.operands, self.ends, builder.emit, 0
        for node, code in enumerate(self.opcodes):
            end = ends[node + 1]
            given = [slots[x] for x in operands[start:end]]
            if code == choice and len(given) <= FEW:
                body = definition(element, len(given))
                slots[node] = builder.insert(body, given)(body.outputs[0])
            else:
                slots[node] = emit(names[code], *given)
            start = end
        outputs = [slots[y] for y in self.outputs]
        guards = [(slots[v], expected) for v, expected in self.guards]
        if sweep is not None:
            writer = _Writer(self, builder, slots, sweep)
            writer.write()
            zero = builder.constant(0.0)
            for leaf in sweep.wanted:
                adjoint = writer.adjoints.get(leaf)
                if adjoint is not None and from_zero:
                    adjoint = emit("add", adjoint, zero)
                outputs.append(zero if adjoint is None else adjoint)
            guards += writer.guards
        return builder.program(outputs, guards, only_checks=self.only_checks(guards))

    def guard(self, node: int, slots: Any, *, passes: bool) -> tuple[int, bool] | None:
        """Return the guard of a `where`, if a derivative `passes`, or may pass on the other side."""
        condition, *branches = operands = self.operands_of(node)
        truth = self.truths[node]
        other = operands[1 + truth]
        passes = passes or other >= 0 or ~other in self.leaves
        if passes and slots[condition] >= 0 and max([slots[x] for x in branches]) >= 0:
            return int(slots[condition]), truth
        return None

    def only_checks(self, guards: Sequence[Any]) -> bool:
        """Whether the guards of a program are checks of the graph and no branches."""
        return not self.has_branches and 0 < len(guards) == len(self.guards)


def _edgeless(op: Primitive) -> list[int] | None:
    """Return to which operands of a primitive no derivative passes; None if that differs between nodes.

    It may pass to every operand of a `take` except the place.
    """
    if op is element:
        return [0]
    if op is WHERE or op.variadic or not op.builtin:
        return None
    return [i for i, rule in enumerate(op.partials) if rule is None]


class Sweep:
    """The reverse sweep from the node `root` to the `wanted` leaves: which nodes, in which order.

    `both` are the `where`s whose adjoint is passed to whichever branch is taken: all of them with `select`.
    """

    def __init__(self, graph: Graph, root: int, wanted: Sequence[int | None], select: bool) -> None:
        self.graph, self.root, self.wanted, self.select = graph, root, wanted, select
        self.both: set[int] = set()
        self._edges = graph.operands[:]
        for place in graph.edgeless:
            self._edges[place] = -1
        self.ruled = self._with_rule()
        if select:
            self.order = self._depth_first(graph.operands_of)
        else:
            self.order = self._depth_first(self._edges_of)
            if graph.truths:
                self._find_both()

    def _with_rule(self) -> array[int]:
        """Return the operands; where there is no rule, a number that is no node's."""
        graph = self.graph
        places = [[i for i, rule in enumerate(op.partials) if rule is None] for op in graph.primitives]
        ruled = graph.operands[:]
        if any(places):
            for code, start in zip(graph.opcodes, graph.ends, strict=False):
                for i in places[code]:
                    ruled[start + i] = len(graph.opcodes)
        return ruled

    def _edges_of(self, node: int) -> Sequence[int]:
        return self._edges[self.graph.ends[node] : self.graph.ends[node + 1]]

    def _depth_first(self, below: Callable[[int], Iterable[int]]) -> list[int]:
        """Return the nodes in the order in which `Value.backward` comes to them."""
        entered = bytearray(len(self.graph.opcodes))
        order, stack = [], [self.root] if self.root >= 0 else []
        while stack:
            node = stack.pop()
            if node < 0:  # all nodes below it are in the list
                order.append(~node)
            elif not entered[node]:
                entered[node] = 1
                stack.append(~node)
                stack += [x for x in below(node) if x >= 0]
        order.reverse()
        return order

    def _find_both(self) -> None:
        """Find the `where`s of which both branches give sums the same order.

        The order of sums usually depends on the branches taken; where it cannot, one program holds for
        both. It cannot where each branch is a chain, with no other use, that ends at the same node or at
        leaves: the chain taken is walked at once, and everything below waits for its end.
        """
        choices, operands_of = self.graph.truths, self.graph.operands_of

        def possible(node: int) -> Sequence[int]:
            """Return the operands that a derivative may pass to: both branches of a `where`."""
            return operands_of(node)[1:] if node in choices else self._edges_of(node)

        def end_of(user: int, x: int) -> Any:
            """Return the node where the chain ends, None for leaves, a new object if there is no chain."""
            for _ in range(LONGEST_CHAIN):
                if x < 0:
                    return None
                if users[x] != {user}:
                    return x
                below = {z for z in possible(x) if z >= 0}
                if len(below) > 1 or x in choices:
                    break
                user, x = x, next(iter(below), -1)
            return object()

        every = self._depth_first(operands_of)
        users: dict[int, set[int]] = {}
        for node in every:
            for x in possible(node):
                users.setdefault(x, set()).add(node)
        for node in choices.keys() & set(every):
            one, other = possible(node)
            if one != other and end_of(node, one) == end_of(node, other):
                self.both.add(node)
        if self.both:
            self.order = self._depth_first(lambda k: possible(k) if k in self.both else self._edges_of(k))


class _Writer:
    """Writes the reverse sweep over a graph as instructions."""

    def __init__(self, graph: Graph, builder: Builder, slots: list[int], sweep: Sweep) -> None:
        self.graph, self.builder, self.slots, self.sweep = graph, builder, slots, sweep
        self.adjoints: dict[int | None, int] = {}
        self.guards: list[tuple[int, bool]] = []
        # For nodes that only some branches use, whether they are used: terms of unused nodes are left out.
        self.activity: dict[int, int] = {}
        self.sides = Sides(self._where, self._equals, self._compared)

    def write(self) -> None:
        """Write every term that ``root.backward()`` adds to a wanted leaf's gradient, in its order."""
        graph, sweep = self.graph, self.sweep
        choices, ruled, ends = graph.truths, sweep.ruled, graph.ends
        leading: set[int | None] = set(sweep.wanted)
        reached: dict[int, tuple[bool, ...]] = {}
        for node in reversed(sweep.order):
            reach = tuple([x in leading for x in ruled[ends[node] : ends[node + 1]]])
            if True in reach:
                reached[node] = reach
                leading.add(node)
        self.adjoints[sweep.root] = self.builder.literal(1.0)
        for node in sweep.order:
            selects = sweep.select or node in sweep.both
            if node in choices and not selects:
                guard = graph.guard(node, self.slots, passes=node in reached)
                self.guards += [guard] if guard else []
            if node in reached and node in self.adjoints:
                if node in choices:
                    self._through_where(node, reached[node], selects)
                elif graph.primitives[graph.opcodes[node]] is element:
                    self._through_take(node, reached[node])
                else:
                    self._through_primitive(node, reached[node])

    def _through_primitive(self, node: int, reach: tuple[bool, ...]) -> None:
        builder, slots, operands = self.builder, self.slots, self.graph.operands_of(node)
        adjoint, active = self.adjoints[node], self.activity.get(node)
        local, found = rules(self.graph.primitives[self.graph.opcodes[node]], reach)
        given = [slots[node], *[slots[x] for x in operands]]
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

    def _through_where(self, node: int, reach: tuple[bool, ...], selects: bool) -> None:
        """Pass the adjoint to the branch recorded, or to the one that the condition selects."""
        operands = self.graph.operands_of(node)
        adjoint, active = self.adjoints[node], self.activity.get(node)
        if not selects:
            taken = 1 if self.graph.truths[node] else 2
            if reach[taken]:
                self._add(operands[taken], adjoint, active)
            return
        for position, side in enumerate(self.sides.of_condition(self.slots[operands[0]], active), 1):
            if reach[position]:
                self._add(operands[position], adjoint, side)

    def _through_take(self, node: int, reach: tuple[bool, ...]) -> None:
        """Pass the adjoint to the element at the place."""
        place, *values = self.graph.operands_of(node)
        adjoint, active = self.adjoints[node], self.activity.get(node)
        sides = self.sides.of_place(self.slots[place], len(values), active)
        for operand, there, side in zip(values, reach[1:], sides, strict=True):
            if there:
                self._add(operand, adjoint, side)

    def _add(self, operand: int, term: int, active: int | None) -> None:
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
        if operand < 0:  # a leaf passes nothing on
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
        """Return the place and the number that `truth` compares."""
        builder = self.builder
        name, *operands = builder.code[truth - builder.inputs] if truth >= builder.inputs else ("",)
        if name != "equal" or min(operands) >= 0:
            return None
        return max(operands), builder.constants[~min(operands)]
