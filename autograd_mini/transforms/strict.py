"""`strict`: where did the inf or nan come from? Knows the first operation that makes one, and its line."""

from __future__ import annotations

import linecache
import math
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from autograd_mini.engine import modes
from autograd_mini.engine.value import Value, topological_order

__all__ = ["NonFiniteError", "strict"]

Place = tuple[str, int]


class NonFiniteError(ArithmeticError):
    """An operation turned finite operands into inf or nan, in value or in derivative."""


@contextmanager
def strict() -> Iterator[None]:
    """Raise `NonFiniteError` at the first operation of this thread that makes inf or nan of finite numbers.

    The message names the operation, its operands and the line of the program that asked for it; in a
    backward sweep, the operation whose derivative is at fault. Operands that are not finite already
    raise nothing: what went in is the caller's, and `strict` looks for the operation that began it.
    What leaves no graph is not watched: functions of plain numbers, and the forward mode of `jvp`.

    >>> x = Value(0.0, label="x")
    >>> with strict():
    ...     y = x.sqrt()
    ...     y.backward()
    Traceback (most recent call last):
    ...
    autograd_mini.transforms.strict.NonFiniteError: backward: sqrt(x=0.0) = 0.0 has derivative inf by x...
    """
    places: dict[int, Place] = {}
    outer = modes.here.on_record

    def on_record(node: Value) -> None:
        if outer is not None:
            outer(node)
        places[id(node)] = place = _callers_place()
        if not math.isfinite(node.data) and all(math.isfinite(x) for x in _numbers(node)):
            raise NonFiniteError(f"{_call(node)} = {node.data}, of finite operands{_at(place)}")

    def on_backward(root: Value) -> None:
        _check_payments(root, places)

    with modes.switched(on_record=on_record, on_backward=on_backward):
        yield


def _check_payments(root: Value, places: dict[int, Place]) -> None:
    """Repay the debts in a ledger of its own, and raise at the first payment that is not finite."""
    balances = {root: 1.0}
    for node in topological_order(root):
        received = balances[node]
        for operand, derivative in node.edges():
            balance = balances.get(operand, -0.0)
            balances[operand] = after = balance + received * derivative
            if math.isfinite(after) or not (math.isfinite(received) and math.isfinite(balance)):
                continue
            if not all(math.isfinite(x) for x in _numbers(node)):
                continue
            what = f"backward: {_call(node)} = {node.data}"
            by = operand.label or "its operand"
            if not math.isfinite(derivative):
                fault = f"has derivative {derivative} by {by}"
            elif not math.isfinite(received * derivative):
                fault = (
                    f"received {received}, and times its derivative {derivative} by {by} that is {after}"
                )
            else:
                fault = f"brings the gradient of {by} from {balance} to {after}"
            raise NonFiniteError(f"{what} {fault}{_at(places.get(id(node)))}")


def _numbers(node: Value) -> list[float]:
    return [x.data if isinstance(x, Value) else x for x in node.operands]


def _call(node: Value) -> str:
    assert node.op is not None
    return f"{node.op.name}({', '.join(_describe(x) for x in node.operands)})"


def _describe(x: Any) -> str:
    if not isinstance(x, Value):
        return str(x)
    return str(x.data) if x.label is None else f"{x.label}={x.data}"


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
