"""`strict`: raise at the first operation that makes inf or nan, and name its line."""

from __future__ import annotations

import linecache
import math
import sys
from typing import Any

from autograd_mini.engine import modes
from autograd_mini.engine.value import Value, number_of, topological_order
from autograd_mini.transforms.adjoints import adjoints

__all__ = ["NonFiniteError", "strict"]

Place = tuple[str, int]


class NonFiniteError(ArithmeticError):
    """An operation turned finite operands into inf or nan, in value or in derivative."""


def strict() -> modes.Mode:
    """Raise `NonFiniteError` at the first operation that makes inf or nan of finite numbers.

    The message names the operation, its operands and the line of the program that asked for it; in a
    backward sweep, the operation whose derivative is at fault. Operands that are already inf or nan do
    not raise: `strict` looks for the operation that made the first one. Functions of plain numbers and
    the forward mode of `jvp` leave no graph and are not watched.
    For a ``with`` block or a decorator; it keeps to its own thread or task.

    >>> x = Value(0.0, label="x")
    >>> with strict():
    ...     y = x.sqrt()
    ...     y.backward()
    Traceback (most recent call last):
    ...
    autograd_mini.transforms.strict.NonFiniteError: backward: sqrt(x=0.0) = 0.0 has derivative inf with...
    """
    return modes.Mode(watcher=_Inspector)


class _Inspector(modes.Watcher):
    """Looks at every result and at every payment of a sweep, and knows the line of each operation."""

    def __init__(self) -> None:
        self.places: dict[int, Place] = {}

    def on_record(self, node: Value) -> None:
        self.places[id(node)] = place = _callers_place()
        if not math.isfinite(number_of(node)) and all(map(math.isfinite, map(number_of, node.operands))):
            raise NonFiniteError(f"{_call(node)} = {number_of(node)}, of finite operands{_at(place)}")

    def on_sweep(self, root: Value) -> None:
        ends = [node for node in topological_order(root) if not any(True for _ in node.edges())]
        adjoints(root, ends, live=False, check=self.check)

    on_backward = on_sweep

    def check(
        self, node: Value, operand: Value, adjoint: float, slope: float, before: float | None, after: float
    ) -> None:
        """Raise where an edge takes finite adjoints to one that is not, and its node was finite too."""
        if math.isfinite(after) or not (math.isfinite(adjoint) and math.isfinite(before or 0.0)):
            return
        if not all(map(math.isfinite, map(number_of, node.operands))):
            return
        by = operand.label or "its operand"
        if not math.isfinite(slope):
            fault = f"has derivative {slope} with respect to {by}"
        elif not math.isfinite(adjoint * slope):
            fault = f"received {adjoint}; times the derivative {slope} with respect to {by} that is {after}"
        else:
            fault = f"brings the gradient of {by} from {before} to {after}"
        place = _at(self.places.get(id(node)))
        raise NonFiniteError(f"backward: {_call(node)} = {number_of(node)} {fault}{place}")


def _call(node: Value) -> str:
    assert node.op is not None
    return f"{node.op.name}({', '.join(_describe(x) for x in node.operands)})"


def _describe(x: Any) -> str:
    name = f"{x.label}=" if isinstance(x, Value) and x.label is not None else ""
    return f"{name}{number_of(x)}"


def _callers_place() -> Place:
    """The innermost line outside this package: the user's own."""
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_globals.get("__name__", "").split(".")[0] == "autograd_mini":
        frame = frame.f_back
    return frame.f_code.co_filename, frame.f_lineno


def _at(place: Place | None) -> str:
    if place is None:
        return "; it was recorded outside strict(): record it inside to see the line"
    filename, number = place
    line = linecache.getline(filename, number).strip()
    return f"\n  {filename}:{number}" + (f": {line}" if line else "")
