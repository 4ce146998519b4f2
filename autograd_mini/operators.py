"""`Recorder`: Python's operators, spelled as calls of primitives, for every type that records them.

A dual number, a symbol, the tracer of a program inherit them from here and say only what a primitive does
to them (`record_primitive`). `Value` has operators of its own, written out for speed.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

from autograd_mini import modes
from autograd_mini import primitives as p
from autograd_mini.table import Primitive, follow, is_number

__all__ = ["Recorder"]


def _apply(op: Primitive, x: Any, y: Any) -> Any:
    """Apply a binary primitive; NotImplemented where an operand is no number, as Python expects."""
    for z in (x, y):
        if not (hasattr(type(z), "record_primitive") or is_number(z)):
            return NotImplemented
    return op(x, y)


class Recorder:
    """Base of types with ``record_primitive(op, operands)``; comparisons are by their number, `data`."""

    __slots__ = ()
    record_priority = 0

    def record_primitive(self, op: Primitive, operands: tuple[Any, ...]) -> Any:
        """Say what `op` of the operands is; called on the operand with the greatest `record_priority`."""
        raise NotImplementedError

    @property
    def data(self) -> float:
        """The number; TypeError where there is none."""
        raise TypeError(
            f"a {type(self).__name__} has no number to look at: choose with where(condition, a, b), "
            "not with if"
        )

    def __add__(self, other: Any) -> Any:
        return _apply(p.add, self, other)

    def __radd__(self, other: Any) -> Any:
        return _apply(p.add, other, self)

    def __sub__(self, other: Any) -> Any:
        return _apply(p.sub, self, other)

    def __rsub__(self, other: Any) -> Any:
        return _apply(p.sub, other, self)

    def __mul__(self, other: Any) -> Any:
        return _apply(p.mul, self, other)

    def __rmul__(self, other: Any) -> Any:
        return _apply(p.mul, other, self)

    def __truediv__(self, other: Any) -> Any:
        return _apply(p.div, self, other)

    def __rtruediv__(self, other: Any) -> Any:
        return _apply(p.div, other, self)

    def __pow__(self, other: Any) -> Any:
        return _apply(p.pow_, self, other)

    def __rpow__(self, other: Any) -> Any:
        return _apply(p.pow_, other, self)

    def __neg__(self) -> Any:
        return p.neg(self)

    def __pos__(self) -> Any:
        return self

    def __abs__(self) -> Any:
        return p.abs_(self)

    def __mod__(self, other: Any) -> Any:
        return _apply(p.mod, self, other)

    def __rmod__(self, other: Any) -> Any:
        return _apply(p.mod, other, self)

    def __floordiv__(self, other: Any) -> Any:
        return _apply(p.floordiv, self, other)

    def __rfloordiv__(self, other: Any) -> Any:
        return _apply(p.floordiv, other, self)

    def __floor__(self) -> Any:
        return p.floor(self)

    def __ceil__(self) -> Any:
        return p.ceil(self)

    def __trunc__(self) -> Any:
        return p.trunc(self)

    def __round__(self, digits: int | None = None) -> Any:
        return p.round_to(self, digits)

    def __eq__(self, other: object) -> Any:
        result = _compare(operator.eq, self, other)
        if result is True:
            modes.here.ties += 1
        return result

    def __ne__(self, other: object) -> Any:
        result = _compare(operator.ne, self, other)
        if result is False:
            modes.here.ties += 1
        return result

    def __lt__(self, other: Any) -> Any:
        return _compare(operator.lt, self, other)

    def __le__(self, other: Any) -> Any:
        return _compare(operator.le, self, other)

    def __gt__(self, other: Any) -> Any:
        return _compare(operator.gt, self, other)

    def __ge__(self, other: Any) -> Any:
        return _compare(operator.ge, self, other)

    __hash__ = object.__hash__

    def __bool__(self) -> bool:
        return self.data != 0.0

    def __format__(self, spec: str) -> str:
        return format(self.data, spec) if spec else str(self)

    def detach(self) -> Any:
        """Return the same number, through which no derivative passes."""
        return p.stop_gradient(self)

    def conjugate(self) -> Any:
        """Return the number itself, which is real; NumPy asks."""
        return self

    def __float__(self) -> float:
        raise TypeError(
            f"float({type(self).__name__}) would cut the derivative: use a function of autograd_mini, "
            "such as autograd_mini.sin(x) for math.sin(x)"
        )


def _compare(comparison: Callable[[Any, Any], bool], x: Recorder, other: Any) -> Any:
    if hasattr(type(other), "record_primitive"):
        return comparison(x.data, other.data)
    return comparison(x.data, other) if is_number(other) else NotImplemented


def _add_method(row: Primitive) -> None:
    def method(self: Recorder, *others: Any) -> Any:
        return row(self, *others)

    method.__name__, method.__doc__ = row.name, row.__doc__
    for name in (row.name, *row.aliases):
        if not hasattr(Recorder, name):
            setattr(Recorder, name, method)


follow(_add_method)
