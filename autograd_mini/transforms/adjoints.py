"""The reverse sweep that returns adjoints: the derivative of an expression with respect to its nodes.

All that returns derivatives takes them from here. Three sweeps stay apart on purpose: `Value.backward`,
which adds to `.grad` and is written for speed, and the ledger and the naive oracle, which check the others.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import nullcontext
from functools import cache
from typing import Any

from autograd_mini.engine import modes
from autograd_mini.engine.primitives import equal, where
from autograd_mini.engine.value import Value, expect_value, number_of, topological_order
from autograd_mini.transforms.dual import Dual
from autograd_mini.transforms.gather import Sides, element, order_of_all, possible

__all__ = [
    "LeafChangedError",
    "adjoints",
    "gradients",
    "leading_to",
    "reaches_outside",
    "recorded",
    "unsigned",
]


class LeafChangedError(RuntimeError, ValueError):
    """The data of a leaf was changed after an expression was computed from it."""


def adjoints(
    output: Any,
    inputs: Sequence[Value],
    *,
    live: bool,
    check: Callable[[Value, Value, Any, Any, Any, Any], None] | None = None,
) -> list[Any]:
    """Return the derivative of `output` with respect to each of `inputs`; no walk goes behind them.

    With `live`, the rules are run again on the operands, so that the derivatives have a graph; then
    LeafChangedError is raised where a leaf was changed since. `check` is called with each edge's node and
    operand, the node's adjoint, the edge's derivative, and the operand's adjoint before and after.
    """
    if isinstance(output, Dual):
        primals = adjoints(output.primal, inputs, live=live)
        if output.tangent is None:
            return [Dual(x, None, output.level) for x in primals]
        tangents = adjoints(output.tangent, inputs, live=live)
        return [Dual(x, t, output.level) for x, t in zip(primals, tangents, strict=True)]
    if not isinstance(output, Value):
        return [0.0] * len(inputs)
    ends = set(inputs)
    order = topological_order(output, until=ends)
    if live and any(node.op is element for node in order):
        return _adjoints_at_every_place(output, inputs)
    leads = leading_to(ends, order)
    if live:
        _note_choices(output, order, leads, ends)
    found: dict[Value, Any] = {output: 1.0}
    for node in order:
        if node in ends or node not in leads:
            continue
        adjoint = found.pop(node)
        for operand, derivative in _live_edges(node, leads) if live else node.edges():
            if operand in leads:
                # a node is not recorded for a factor of 1
                unit = adjoint.__class__ is float and adjoint == 1.0
                term = derivative if unit else adjoint * derivative
                before = found.get(operand)
                found[operand] = after = term if before is None else before + term
                if check is not None:
                    check(node, operand, adjoint, derivative, before, after)
    return [found.get(x, 0.0) for x in inputs]


def _adjoints_at_every_place(output: Value, inputs: Sequence[Value]) -> list[Any]:
    """Return adjoints with a graph that holds wherever the `take`s below `output` may look.

    What is added to an element that is not chosen is -0.0, which changes no sum; and so are the terms of
    nodes that nothing chosen uses, whatever their derivatives are.
    """
    ends = set(inputs)
    order = order_of_all(output, until=ends)
    leads = leading_to(ends, order)
    _note_choices(output, order, leads, ends)
    found: dict[Value, Any] = {output: 1.0}
    truth_of = cache(equal)
    sides = Sides(where, truth_of, _compared)
    used: dict[Value, Any] = {}  # of a node that only some places use, whether it is used

    def add(operand: Any, term: Any, side: Any) -> None:
        if operand not in leads:
            return
        before = found.get(operand)
        found[operand] = term if before is None else before + term
        if before is None and side is not None:
            used[operand] = side
        elif operand in used and used[operand] is not side:
            either = None if side is None else sides.either(used[operand], side)
            if either is None:
                del used[operand]
            else:
                used[operand] = either

    for node in order:
        if node in ends or node not in leads:
            continue
        adjoint, active = found.pop(node), used.get(node)
        if node.op is element:
            place, *values = node.operands
            for operand, side in zip(values, sides.of_place(place, len(values), active), strict=True):
                add(operand, adjoint if side is None else element(side, -0.0, adjoint), side)
            continue
        for operand, derivative in _live_edges(node, leads):
            unit = adjoint.__class__ is float and adjoint == 1.0
            term = derivative if unit else adjoint * derivative
            add(operand, term if active is None else element(active, -0.0, term), active)
    return [found.get(x, 0.0) for x in inputs]


def _note_choices(output: Value, order: Iterable[Value], leads: set[Value], ends: set[Value]) -> None:
    """Ask for the truth of choices of which only the other side leads to an input.

    Inside a function that is traced it may be the side taken at the next call. Rules ask for all others.
    """
    if not modes.listening or not modes.heard("on_index"):
        return
    choices = [node for node in order if node.op is where and node not in leads]
    if choices:
        reaching = set(ends)
        for node in reversed(topological_order(output, through_edges=False, until=ends)):
            if any(x in reaching for x in node.operands if isinstance(x, Value)):
                reaching.add(node)
        for node in choices:
            if any(x in reaching for x in node.operands[1:] if isinstance(x, Value)):
                bool(node.operands[0])


def _compared(truth: Value) -> tuple[Value, float] | None:
    """Return the place and the number of which `truth` says whether they are equal."""
    place, number = truth.operands if truth.op is equal else (None, None)
    return (place, number) if isinstance(place, Value) and number.__class__ is float else None


def leading_to(targets: Iterable[Value], order: Sequence[Value]) -> set[Value]:
    """Return the nodes of `order`, results first, from which edges lead to one of `targets`; those too.

    >>> x, y = Value(3.0), Value(2.0)
    >>> e = x * x + y
    >>> sorted(node.data for node in leading_to([x], topological_order(e)))
    [3.0, 9.0, 11.0]
    """
    found = {*targets}
    for node in reversed(order):
        if not found.isdisjoint(possible(node)):
            found.add(node)
    return found.intersection(order)


def _live_edges(node: Value, leads: set[Value]) -> Iterable[tuple[Value, Any]]:
    """Yield the operands that lead to an input, each with its partial as a Value."""
    assert node.op is not None
    operands, stored = node.operands, node.partials
    wanted = [d is not None and x in leads for x, d in zip(operands, stored, strict=True)]
    # watchers are not told of a rule's own branches that are not taken
    with modes.Mode(reporting=False) if modes.active else nullcontext():
        partials = node.op.partials_at(node, operands, wanted)
    value = node.op.value(*map(number_of, operands))
    if _differ(value, number_of(node)):
        raise _changed(node, f"its value was {number_of(node)!r} and would now be {value!r}")
    for operand, before, now in zip(operands, stored, partials, strict=True):
        if now is not None:
            number = number_of(now)
            if _differ(number, before):
                raise _changed(node, f"its derivative was {before!r} and would now be {number!r}")
            yield operand, now  # type: ignore[misc]


def _differ(x: Any, y: Any) -> bool:
    return bool(x != y and (x == x or y == y))


def _changed(node: Value, how: str) -> LeafChangedError:
    assert node.op is not None
    return LeafChangedError(
        f"the data of a leaf below {node!r} was changed after {node.op.name} was recorded ({how}): compute "
        "the expression again before taking a derivative that has a graph"
    )


def reaches_outside(output: Any, inputs: Sequence[Value], own: Collection[Value] = ()) -> bool:
    """Whether the derivative depends on Values from outside: captured, or behind the inputs.

    `own` are the leaves that the function has made itself.
    """
    if isinstance(output, Dual):
        parts = (output.primal, output.tangent)
        return any(reaches_outside(part, inputs, own) for part in parts)
    if not isinstance(output, Value):
        return False
    ends = set(inputs)
    # While a function is traced, the conditions of choices may come out otherwise at the next call.
    order = topological_order(output, until=ends, through_edges=not modes.heard("on_index"))
    return any(x.op is not None for x in inputs) or any(
        node.op is None and node not in ends and node not in own for node in order
    )


def unsigned(x: Any) -> Any:
    """Return a derivative as it is, but 0.0 for -0.0: on which side of 0 a sum ended says nothing.

    >>> unsigned(-0.0), unsigned(-2.0)
    (0.0, -2.0)
    """
    if x.__class__ is float:
        return x + 0.0
    number = x.data
    if number.__class__ is float and (number != 0.0 or math.copysign(1.0, number) > 0.0):
        return x
    return x + 0.0  # while a function is compiled, the number may be another one at the next call


def recorded() -> Any:
    """Return a context in which a graph is left, inside `no_grad` too: a derivative that is asked for."""
    return nullcontext() if modes.recording() else modes.Mode(recording=True)


def gradients(output: Any, inputs: Iterable[Value]) -> list[Value]:
    """Return the derivative of `output` with respect to each of `inputs`, as Values with their own graph.

    It works like `backward`, but its results can be differentiated again: for penalties on gradients, or
    for second derivatives of an expression that is already built. `inputs` may be leaves or inner nodes;
    `.grad` is not touched.

    Raises TypeError for anything but Values, and LeafChangedError (a RuntimeError) where a leaf's data
    was changed after the expression was recorded.

    >>> x = Value(3.0)
    >>> slope, = gradients(x**3, [x])
    >>> slope.backward()
    >>> slope.data, x.grad
    (27.0, 18.0)
    """
    call = "gradients(output, inputs)"
    if not isinstance(output, Dual):
        expect_value(call, output, "for a function, use grad(f)")
    if isinstance(inputs, Value) or not hasattr(inputs, "__iter__"):
        kind = type(inputs).__name__
        raise TypeError(f"{call}: expected a list of Values, got {kind}; give a list, as in [x]")
    nodes = [expect_value(call, x, "give the nodes themselves, as in [x, y]") for x in inputs]
    with recorded():
        found = adjoints(output, nodes, live=True)
    return [unsigned(x) if isinstance(x, Value) else Value(x + 0.0) for x in found]
