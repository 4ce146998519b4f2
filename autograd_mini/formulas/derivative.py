"""The formula of a derivative: symbolic, simplified for reading."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property

from autograd_mini.engine import modes
from autograd_mini.engine.value import Value, expect_value, number_of
from autograd_mini.formulas.formula import LONGEST, Latex, Notation, Shown, in_lines, write
from autograd_mini.formulas.simplify import simplified
from autograd_mini.show.names import names
from autograd_mini.show.text import showable
from autograd_mini.transforms.adjoints import adjoints

__all__ = ["Formula", "derivative"]


class Formula:
    """A formula with its value; made by `derivative`. Prints as text, and in Jupyter as mathematics.

    `graph` is what it was written from: a `Value` that can be differentiated again, or a float. `root` is
    the expression whose names are used.
    """

    def __init__(self, graph: Value | float, root: Value) -> None:
        self.graph = graph
        self.root = root

    @property
    def value(self) -> float:
        """The number that the formula stands for, computed without any simplification."""
        return number_of(self.graph) + 0.0  # type: ignore[no-any-return]  # a gradient is never -0.0

    @cached_property
    def _shown(self) -> Shown:
        return simplified(self.graph)

    @cached_property
    def names(self) -> Mapping[Value, str]:
        """The name of each leaf: the one it has in the expression that was differentiated."""
        return names(self.root)

    def text(self, longest: int = LONGEST) -> str:
        """Return the formula in Python's notation; a long one is shortened with “…”."""
        return write(self._shown, Notation(lambda: self.names, associative=True), longest)

    def latex(self, longest: int = LONGEST) -> str:
        """Return the formula as LaTeX, to stand between dollar signs."""
        return write(self._shown, Latex(lambda: self.names, associative=True), longest)

    def __str__(self) -> str:
        return self.text()

    def __repr__(self) -> str:
        return showable(self.text())

    def _repr_latex_(self) -> str:
        return f"${in_lines(self.latex())}$"


def derivative(root: Value | Formula, by: Value) -> Formula:
    """Return the derivative of `root` with respect to the node `by` as a formula, simplified for reading.

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
            return Formula(0.0, root.root)
        expression, root = root.root, root.graph
    else:
        expression = expect_value("derivative(root, by)", root, "give the node of an expression")
    expect_value("derivative(root, by)", by, "give the node of an expression")
    with modes.Mode(recording=True, reporting=False):
        return Formula(adjoints(root, [by], live=True)[0], expression)
