"""`Recorder`: Python's operators, spelled as calls of primitives, for every type that records them.

A `Value`, a dual number, a symbol inherit them from here and say only what a primitive does to them
(`record_primitive`) and what comes of a comparison (`record_comparison`). Knows no type that does.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any, NoReturn

from autograd_mini.engine import modes
from autograd_mini.engine import primitives as p
from autograd_mini.engine.table import Primitive, follow, is_number

__all__ = ["Recorder", "give_method"]


def _apply(op: Primitive, x: Any, y: Any) -> Any:
    """Apply a binary primitive; NotImplemented where an operand is no number, as Python expects."""
    for z in (x, y):
        if z.__class__ is not float and not hasattr(z.__class__, "record_primitive") and not is_number(z):
            return NotImplemented
    return op(x, y)


class Recorder:
    """Base of types that record primitives; comparisons are by their number, `data`."""

    __slots__ = ()
    record_priority = 0

    def record_primitive(self, op: Primitive, operands: tuple[Any, ...]) -> Any:
        """Say what `op` of the operands is; called on the operand with the greatest `record_priority`."""
        raise NotImplementedError

    def record_comparison(self, comparison: Callable[[Any, Any], bool], other: Any) -> Any:
        """Compare the numbers; NotImplemented where the other is none."""
        if hasattr(other.__class__, "record_primitive"):
            return comparison(self.data, other.data)
        return comparison(self.data, other) if is_number(other) else NotImplemented

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
        result = self.record_comparison(operator.eq, other)
        if result is True:
            modes.ties.count += 1
        return result

    def __ne__(self, other: object) -> Any:
        result = self.record_comparison(operator.ne, other)
        if result is False:
            modes.ties.count += 1
        return result

    def __lt__(self, other: Any) -> Any:
        return self.record_comparison(operator.lt, other)

    def __le__(self, other: Any) -> Any:
        return self.record_comparison(operator.le, other)

    def __gt__(self, other: Any) -> Any:
        return self.record_comparison(operator.gt, other)

    def __ge__(self, other: Any) -> Any:
        return self.record_comparison(operator.ge, other)

    __hash__ = object.__hash__

    def __bool__(self) -> bool:
        return self.record_comparison(operator.ne, 0.0)  # type: ignore[no-any-return]

    def __format__(self, spec: str) -> str:
        return format(self.data, spec) if spec else str(self)

    def detach(self) -> Any:
        """Return the same number, through which no derivative passes."""
        return p.stop_gradient(self)

    def conjugate(self) -> Any:
        """Return the number itself, which is real; NumPy asks."""
        return self

    def __float__(self) -> float:
        _refuse("float", self)

    def __int__(self) -> int:
        _refuse("int", self)

    def __complex__(self) -> complex:
        _refuse("complex", self)


def _refuse(conversion: str, x: Recorder) -> NoReturn:
    raise TypeError(
        f"{conversion}({type(x).__name__}) would cut the graph, and the gradient with it: use a function "
        "of autograd_mini, such as autograd_mini.sin(v) for math.sin(v); or v.data for the plain number"
    )


# ---- every function of the table is a method: v.tanh(), and np.exp of an array of Values -----------


def give_method(cls: type, row: Primitive, method: Callable[..., Any]) -> None:
    """Make `method` the row's method of a class, under each of its names that means nothing else there."""
    # Attributes set on the class, and no __getattr__: that would make every slot access slower.
    method.__name__, method.__doc__ = row.name, row.__doc__
    method.row = row  # type: ignore[attr-defined]
    for name in (row.name, *row.aliases):
        taken = getattr(cls, name, None)
        if taken is None or hasattr(taken, "row"):
            setattr(cls, name, method)


follow(lambda row: give_method(Recorder, row, lambda self, *others: row(self, *others)))  # noqa: PLW0108 — a row is not a function: it would not bind
