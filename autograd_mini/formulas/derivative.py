"""The formula of a derivative: symbolic, simplified for reading. Knows rules only as the table has them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

from autograd_mini.engine import modes
from autograd_mini.engine.value import Value, topological_order
from autograd_mini.formulas.formula import LONGEST, Latex, Notation, Shown, write
from autograd_mini.formulas.simplify import simplified
from autograd_mini.show.names import names
from autograd_mini.show.text import showable

__all__ = ["Formula", "derivative"]


class Formula:
    """A formula with its value; made by `derivative`. Prints as text, and in Jupyter as mathematics.

    `graph` is what it was written from: a `Value` that can be differentiated again, or a float.
    """

    def __init__(self, graph: Value | float) -> None:
        self.graph = graph

    @property
    def value(self) -> float:
        """The number that the formula stands for, computed without any simplification."""
        return self.graph.data if isinstance(self.graph, Value) else self.graph

    @cached_property
    def _shown(self) -> Shown:
        return simplified(self.graph)

    def _called(self) -> Mapping[Value, str]:
        return names(self.graph) if isinstance(self.graph, Value) else {}

    def text(self, longest: int = LONGEST) -> str:
        """Return the formula in Python's notation; what would make it longer is an ellipsis."""
        return write(self._shown, Notation(self._called, associative=True), longest)

    def latex(self, longest: int = LONGEST) -> str:
        """Return the formula as LaTeX, to stand between dollar signs."""
        return write(self._shown, Latex(self._called, associative=True), longest)

    def __str__(self) -> str:
        return self.text()

    def __repr__(self) -> str:
        return showable(self.text())

    def _repr_latex_(self) -> str:
        return f"${self.latex()}$"


def derivative(root: Value | Formula, by: Value) -> Formula:
    """Return the derivative of `root` by the node `by` as a formula, simplified for reading.

    Its value is the gradient, bit for bit. It holds wherever each `where`, in the expression and in the
    derivatives of its primitives, takes the same branch as here. Raises TypeError for anything but
    Values, and ValueError if a leaf has been changed since `root` was computed from it.

    >>> x, y = Value(3.0, label="x"), Value(2.0, label="y")
    >>> e = x ** 3 * y + y.log()
    >>> derivative(e, x), derivative(e, y), derivative(e, x).value
    (3 * y * x ** 2, x ** 3 + 1 / y, 54.0)
    >>> derivative(derivative(e, x), x)
    6 * y * x
    """
    if isinstance(root, Formula):
        if isinstance(root.graph, float):
            return Formula(0.0)
        root = root.graph
    for node in (root, by):
        if not isinstance(node, Value):
            raise TypeError(f"derivative(root, by): expected a Value, got {type(node).__name__}")
    order = topological_order(root)
    leads = {by}
    for node in reversed(order):
        if any(x in leads for x, _ in node.edges()):
            leads.add(node)
    received: dict[Value, Any] = {root: 1.0}
    with modes.switched(recording=True, on_record=None):
        for node in order:
            if node is not by and node in leads:
                _pay(node, received, leads)
    return Formula(received.get(by, 0.0))


def _pay(node: Value, received: dict[Value, Any], leads: set[Value]) -> None:
    """Let a node pay on the way to `by`, as the ledger does, but in Values."""
    wanted = [d is not None and x in leads for x, d in zip(node.operands, node.partials, strict=True)]
    again = node.op.partials_at(node, node.operands, wanted)  # type: ignore[union-attr]
    amount = received.pop(node)
    for x, recorded, partial in zip(node.operands, node.partials, again, strict=True):
        if partial is None or not isinstance(x, Value):
            continue
        now = partial.data if isinstance(partial, Value) else partial
        if now != recorded and (now == now or recorded == recorded):
            raise ValueError(
                f"derivative: a leaf has been changed since {node!r} was computed; compute it again first"
            )
        payment = amount * partial
        received[x] = received[x] + payment if x in received else payment
