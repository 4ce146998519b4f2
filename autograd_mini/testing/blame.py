"""Find what is to blame for a wrong derivative, by judging each edge of the graph on its own.

The judge is the primitive's `reference`, at 50 digits; where there is none, differences of its value. If
every edge is right, the fault lies elsewhere: in what the graph leaves out of the function, or in the walk
over it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from autograd_mini.engine.table import Primitive
from autograd_mini.engine.value import Value, topological_order
from autograd_mini.testing.differences import Differences, Estimate, Judgement, Verdict
from autograd_mini.testing.exact import NoReferenceError, derivative_of_graph, derivative_of_primitive

__all__ = ["Investigation"]


@dataclass(frozen=True)
class Suspect:
    """A partial that is wrong, or that does not exist where it was asked for."""

    op: Primitive
    operands: tuple[float, ...]
    by: tuple[int, ...]
    found: float
    expected: float | None
    is_edge: bool = True
    beside: float = 0.0
    """The size of the greatest partial of the same order: a difference of its rounding is not a mistake."""

    def right(self, rtol: float) -> bool:
        """Whether the partial is as expected."""
        if self.expected is None:
            return False
        room = rtol * max(abs(self.found), abs(self.expected), 1e-9) + 1e-13 * self.beside
        return self.found == self.expected or abs(self.found - self.expected) <= room

    @property
    def at_a_tie(self) -> bool:
        """Whether the primitive has a kink there in any direction: its partials are then a convention."""
        rules = self.op.partials * (len(self.operands) if self.op.variadic else 1)
        return self.expected is None or any(
            _expected(self.op, self.operands, (k,)) is None for k, rule in enumerate(rules) if rule
        )

    @property
    def leaks(self) -> bool:
        """Whether there is an edge to what the value does not depend on: 0 times an infinity is nan."""
        return self.is_edge and _ignores(self.op, self.operands, self.by[0])

    def __str__(self) -> str:
        names = [f"operand {k}" if self.op.variadic else self.op.operands[k] for k in self.by]
        what = f"the {'second ' * (len(names) - 1)}partial with respect to {' and '.join(names)}"
        call = f"{self.op.name}({', '.join(map(repr, self.operands))})"
        if self.expected is None:
            return f"a kink, a jump or a pole of {call}"
        should = "no edge" if self.leaks else repr(self.expected)
        return f"{what} of {call} is {self.found!r} and should be {should}"


class Investigation:
    """The graph that a function of numbers leaves behind at a point, ready to be questioned."""

    def __init__(
        self, f: Callable[[list[Any]], Any], numbers: Sequence[float], value: Callable[[list[float]], float]
    ) -> None:
        self._numbers = list(numbers)
        self._leaves = [Value(x) for x in numbers]
        root = f(list(self._leaves))
        self._root = root if isinstance(root, Value) else Value(root)
        self._value = value

    def exact(self, by: Sequence[int]) -> float | None:
        """Return the derivative of the graph at 50 digits; None where there is none.

        Raises NoReferenceError where mpmath cannot tell.
        """
        return derivative_of_graph(self._root, self._leaves, by)

    def settle(
        self, judgement: Judgement, found: float, by: tuple[int, ...], rtol: float, zero: float
    ) -> Judgement:
        """Return the verdict with the graph taken into account; by the values alone it was not right."""
        if not math.isfinite(self._root.data):
            return judgement  # what is not a number has no derivative to argue about
        try:
            exact = self.exact(by)
        except NoReferenceError:
            exact = None
        known = exact is not None and math.isfinite(exact)
        expected = judgement.expected if exact is None else Estimate(exact, 0.0)
        if (known and expected.near(found, rtol, zero)) or found == exact:
            if judgement.verdict is Verdict.WRONG and not self._is_whole(by[-1]):
                return Judgement(Verdict.WRONG, judgement.expected, LEFT_OUT)
            if judgement.verdict is Verdict.KINK and judgement.remark and not self._is_whole(by[-1]):
                return judgement  # the function takes another branch beside the point
            return Judgement(Verdict.RIGHT, expected)
        accused = known or judgement.verdict is Verdict.WRONG
        relevant = self._relevant(by)
        unlike = [e for e in relevant if not e.right(rtol)]
        kinks = [e for e in unlike if e.at_a_tie]
        wrong = [e for e in unlike if not e.at_a_tie]
        leaks = [e for e in relevant if e.leaks]
        order = topological_order(self._root, through_edges=False)
        cuts = any(node.op is not None and node.op.name == "stop_gradient" for node in order)
        if cuts and not wrong:
            return Judgement(Verdict.NOISY, expected, "stop_gradient cuts the gradient on purpose")
        if wrong and accused:
            return Judgement(Verdict.WRONG, expected, str(wrong[0]))
        if kinks:
            seen = judgement.remark if judgement.verdict is Verdict.KINK else ""
            return Judgement(Verdict.KINK, expected, f"{kinks[0]}{': ' * bool(seen)}{seen}")
        if judgement.verdict is Verdict.WRONG and not self._is_whole(by[-1]):
            return Judgement(Verdict.WRONG, judgement.expected, LEFT_OUT)
        if leaks and accused and found != found:
            return Judgement(Verdict.WRONG, expected, f"{leaks[0]}, for nan comes through it")
        if len(by) == 1 and accused:
            total, magnitude = self._sum_over_edges(by[0])
            if not abs(found - total) <= 1e-9 * magnitude:
                remark = f"every partial is right, and the sum over the paths is {total!r}"
                return Judgement(Verdict.WRONG, expected, remark)
        if known and not math.isfinite(found):
            return Judgement(
                Verdict.KINK, expected, "every partial is right: one is infinite, and meets a 0"
            )
        if known:
            remark = (
                "every partial is right: rounding took the digits, or a branch holds at this point alone"
            )
            return Judgement(Verdict.NOISY, expected, remark)
        return judgement

    def _relevant(self, by: tuple[int, ...]) -> list[Suspect]:
        """The edges on a way from the result to the leaves in `by`, the result's first."""
        moving = {self._leaves[i] for i in by}
        found: list[tuple[Value, list[Suspect]]] = []
        for node in reversed(topological_order(self._root, through_edges=False)):
            if node.op is not None:
                numbers = tuple(x.data if isinstance(x, Value) else x for x in node.operands)
                moved = [k for k, x in enumerate(node.operands) if isinstance(x, Value) and x in moving]
                edges = [_first(node, numbers, k) for k in moved]
                if len(by) == 2:
                    edges += _seconds(node.op, numbers, [(k, m) for k in moved for m in moved])
                if any(edge.is_edge or edge.expected != 0 for edge in edges):
                    moving.add(node)
                    found.append((node, edges))
        reached: set[Any] = {self._root}
        relevant: list[Suspect] = []
        for node, edges in reversed(found):
            if node in reached:
                relevant += edges
                reached.update(node.operands[k] for edge in edges if edge.expected != 0 for k in edge.by)
        return relevant

    def _is_whole(self, i: int) -> bool:
        """Whether the graph is the whole function: the two agree where input `i` is moved a little."""
        for step in (1e-6, -1e-6):
            moved = list(self._numbers)
            moved[i] += step * max(abs(moved[i]), 1.0)
            found: dict[Value, float] = dict(zip(self._leaves, moved, strict=True))
            for node in reversed(topological_order(self._root, through_edges=False)):
                if node.op is not None:
                    found[node] = node.op(
                        *[found.get(x, x.data) if isinstance(x, Value) else x for x in node.operands]
                    )
            whole, graph = self._value(moved), found.get(self._root, self._root.data)
            if abs(whole - graph) > 1e-12 * abs(whole):
                return False
        return True

    def _sum_over_edges(self, i: int) -> tuple[float, float]:
        """The derivative by input `i`, carried forward over the edges; and the same without signs."""
        tangent = {self._leaves[i]: (1.0, 1.0)}
        for node in reversed(topological_order(self._root)):
            terms = [(d, *tangent[x]) for x, d in node.edges() if x in tangent]
            if terms:
                tangent[node] = (sum(d * t for d, t, _ in terms), sum(abs(d) * m for d, _, m in terms))
        return tangent.get(self._root, (0.0, 0.0))


LEFT_OUT = (
    "the graph is right and is not the whole function: something is computed outside it (a plain number "
    "taken from .data, detach, an if on a number)"
)


def _ignores(op: Primitive, operands: tuple[float, ...], k: int) -> bool:
    """Whether the value does not depend on operand `k` in the least: a branch not taken."""
    y = op.value(*operands)
    return all(y == op.value(*operands[:k], x, *operands[k + 1 :]) for x in (math.nan, math.inf, 1.0, -2.0))


def _moved(operands: tuple[float, ...], by: tuple[int, ...]) -> list[tuple[float, ...]]:
    """The operands, and those with the ones in `by` moved a little: x**0 ignores x, x**1e-6 does not."""
    return [operands] + [
        (*operands[:k], operands[k] + step * max(abs(operands[k]), 1.0), *operands[k + 1 :])
        for k in by
        for step in (1e-6, -1e-6)
    ]


@lru_cache(maxsize=1024)
def _expected(op: Primitive, operands: tuple[float, ...], by: tuple[int, ...]) -> float | None:
    if all(_ignores(op, moved, by[0]) for moved in _moved(operands, by[1:])):
        return 0.0
    try:
        return derivative_of_primitive(op, operands, by)
    except NoReferenceError:
        pass
    i = by[-1]

    def moved(t: float) -> float:
        numbers = [*operands[:i], t, *operands[i + 1 :]]
        y = op.value(*numbers)
        if len(by) == 1:
            return y
        return op.partials_at(y, numbers, [k == by[0] for k in range(len(numbers))])[by[0]] or 0.0

    differences = Differences(moved, operands[i])
    best = min(
        (w.slope for w in differences.windows() if not w.trouble), key=lambda e: e.error, default=None
    )
    if best is None or best.error > 1e-9 * max(abs(best.slope), 1e-6):
        return None
    return float(f"{best.slope:.9g}")  # the digits that are known


def _first(node: Value, operands: tuple[float, ...], k: int) -> Suspect:
    assert node.op is not None
    d = node.partials[k]
    expected = _expected(node.op, operands, (k,)) if node.op.name != "stop_gradient" else d or 0.0
    return Suspect(node.op, operands, (k,), d or 0.0, expected, d is not None)


def _seconds(op: Primitive, operands: tuple[float, ...], pairs: list[tuple[int, int]]) -> list[Suspect]:
    found = [_second(op, operands, by) for by in pairs]
    beside = max((abs(x) for x in found if math.isfinite(x)), default=0.0)
    return [
        Suspect(op, operands, by, x, _expected(op, operands, by), is_edge=False, beside=beside)
        for by, x in zip(pairs, found, strict=True)
    ]


def _second(op: Primitive, operands: tuple[float, ...], by: tuple[int, int]) -> float:
    """The rule of the partial by the first index, run on Values and differentiated by the second."""
    leaves = [Value(x) for x in operands]
    node = Value.record_primitive(op, tuple(leaves))  # a call may refuse to let some operands vary
    partial = op.partials_at(node, leaves, [k == by[0] for k in range(len(leaves))])[by[0]]
    if isinstance(partial, Value):
        partial.backward()
    return leaves[by[1]].grad
