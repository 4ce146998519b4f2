"""A graph as a tree of text, for terminals without pictures."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from autograd_mini.engine.value import Value, expect_value, number_of
from autograd_mini.show.ledger import ledger
from autograd_mini.show.names import definition, names
from autograd_mini.show.text import columns, one_line, short, showable

__all__ = ["Tree", "tree"]

ROWS: Final = 100
DEPTH: Final = 10
NAME: Final = 18
"""How many characters of a name stand beside an edge."""


class Tree:
    """The text of a tree; made by `tree`. `str` has the signs as they are, `repr` as the terminal can."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return showable(self.text)


def tree(root: Value, *, depth: int = DEPTH, rows: int = ROWS) -> Tree:
    """Return `root` above all that it was computed from: value, derivative on the edge, gradient.

    The gradient is that of the root, computed afresh. A node that is used more than once is shown once,
    and from then on referred to by ↑. Constants are part of the formulas. Nodes deeper than `depth` or
    beyond the first `rows` are left out, and a line says so. Raises TypeError for anything but a Value.

    >>> a, b = Value(2.0, label="a"), Value(1.0, label="b")
    >>> tree((a + b) * (b + 1))
    node          value       edge  gradient
    e = c * d         6                    1
    ├─ c = a + b      3  ∂e/∂c = 2         2
    │  ├─ a           2  ∂c/∂a = 1         2
    │  └─ b           1  ∂c/∂b = 1         5
    └─ d = b + 1      2  ∂e/∂d = 3         3
       └─ b ↑            ∂d/∂b = 1
    """
    expect_value("tree(root)", root, "give what an expression returned")
    balances = ledger(root).balances
    called = names(root)
    table = [("node", "value", "edge", "gradient")]
    shown: set[Value] = set()
    # a node to come, the edge by which it comes, and what its line and those below it begin with
    stack: list[tuple[Value, str, str, str]] = [(root, "", "", "")]
    while stack and len(table) <= rows:
        node, edge, branch, indent = stack.pop()
        name = called[node]
        if node in shown:
            table.append((f"{branch}{name} ↑", "", edge, ""))
            continue
        shown.add(node)
        text = one_line(definition(node, called))
        below = list(_edges_below(node))
        if len(indent) >= 3 * depth and below:
            below, text = [], f"{text} …"
        table.append((branch + text, short(number_of(node)), edge, short(balances.get(node, 0.0))))
        for i, (operand, derivative) in reversed(list(enumerate(below))):
            label = f"∂{one_line(name, NAME)}/∂{one_line(called[operand], NAME)}"
            edge = "no edge" if derivative is None else f"{label} = {short(derivative)}"
            last = i == len(below) - 1
            turn, onward = ("└─ ", "   ") if last else ("├─ ", "│  ")
            stack.append((operand, edge, indent + turn, indent + onward))
    hidden = len(called) - len(shown)
    lines = columns(table, "<>>>")
    if hidden:
        lines.append(f"… {hidden:,} more node{'s' * (hidden != 1)}, deeper or after these")
    elif stack:
        lines.append("… more edges to nodes that are shown above")
    return Tree("\n".join(lines))


def _edges_below(node: Value) -> Iterator[tuple[Value, float | None]]:
    for operand, derivative in zip(node.operands, node.partials, strict=True):
        if isinstance(operand, Value):
            yield operand, derivative
