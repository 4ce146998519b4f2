"""`Recorder`: Python's operators, as calls of primitives, for every type that records them.

A `Value`, a dual number and a symbol inherit the operators from here and say only what a primitive does to
them (`record_primitive`) and what comes of a comparison (`record_comparison`).
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NoReturn, Self, SupportsFloat, SupportsIndex, Union

from autograd_mini.engine import modes
from autograd_mini.engine import primitives as p
from autograd_mini.engine.table import Primitive, exact_number, is_number

__all__ = ["Number", "Recorder", "as_method", "give_method"]

Number = Union["Recorder", SupportsFloat, SupportsIndex]
"""What can be computed with, for type checkers."""


def as_method(op: Primitive) -> Callable[..., Any]:
    """Return a function that calls `op`: functions bind to an instance, and primitives do not."""
    return lambda *operands, **named: op(*operands, **named)  # noqa: PLW0108


def _operator(op: Primitive) -> tuple[Callable[[Any, Any], Any], Callable[[Any, Any], Any]]:
    """Return a binary operator and its reflection: NotImplemented where the other is no number."""

    def stands(x: Any) -> bool:
        return x.__class__ is float or hasattr(x.__class__, "record_primitive") or is_number(x)

    return (
        lambda x, y: op(x, y) if stands(y) else NotImplemented,
        lambda x, y: op(y, x) if stands(y) else NotImplemented,
    )


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
        return comparison(self.data, exact_number(other)) if is_number(other) else NotImplemented

    @property
    def data(self) -> float:
        """The number; TypeError where there is none."""
        raise TypeError(
            f"a {type(self).__name__} has no number to look at: choose with where(condition, a, b), "
            "not with if"
        )

    if TYPE_CHECKING:  # the names of the methods, for type checkers and editors

        def _alone(self) -> Self: ...
        def _with_one(self, other: Number, /) -> Self: ...

        __neg__ = __abs__ = __floor__ = __ceil__ = __trunc__ = _alone
        __add__ = __sub__ = __mul__ = __truediv__ = __pow__ = __mod__ = __floordiv__ = _with_one
        __radd__ = __rsub__ = __rmul__ = __rtruediv__ = __rpow__ = __rmod__ = __rfloordiv__ = _with_one
        abs = ceil = floor = neg = round = sign = step = stop_gradient = trunc = _alone
        ellipe = ellipk = erfcinv = erfcx = erfinv = exp1 = expi = log_ndtr = ndtr = ndtri = _alone
        i0 = i0e = i1 = i1e = j0 = j1 = y0 = y1 = _alone
        cospi = elu = entr = log1mexp = logexpm1 = logit = mish = silu = sinpi = _alone
        acos = acosh = asin = asinh = atan = atanh = cos = cosh = degrees = radians = sin = sinh = _alone
        cbrt = exp = exp2 = expm1 = log = log10 = log1p = log2 = sech_squared = sqrt = tan = tanh = _alone
        digamma = erf = erfc = gamma = lgamma = relu = sigmoid = sinc = softplus = _alone
        add = atan2 = copysign = div = equal = floordiv = fmod = less = logaddexp = maximum = _with_one
        betaln = gammainc = gammaincc = zeta = _with_one
        minimum = mod = mul = polygamma = pow = sub = fmax = fmin = logsubexp = xlog1py = xlogy = _with_one
    else:
        __neg__, __abs__ = as_method(p.neg), as_method(p.abs_)
        __floor__, __ceil__, __trunc__ = map(as_method, (p.floor, p.ceil, p.trunc))
        __add__, __radd__ = _operator(p.add)
        __sub__, __rsub__ = _operator(p.sub)
        __mul__, __rmul__ = _operator(p.mul)
        __truediv__, __rtruediv__ = _operator(p.div)
        __pow__, __rpow__ = _operator(p.pow_)
        __mod__, __rmod__ = _operator(p.mod)
        __floordiv__, __rfloordiv__ = _operator(p.floordiv)

    def __pos__(self) -> Self:
        return self

    def __round__(self, digits: int | None = None) -> Self:
        return p.round_to(self, digits)  # type: ignore[no-any-return]

    def __eq__(self, other: object) -> bool:
        result = self.record_comparison(operator.eq, other)
        if result is True:
            modes.ties.count += 1
        return result  # type: ignore[no-any-return]

    def __ne__(self, other: object) -> bool:
        result = self.record_comparison(operator.ne, other)
        if result is False:
            modes.ties.count += 1
        return result  # type: ignore[no-any-return]

    def __lt__(self, other: Number) -> bool:
        return self.record_comparison(operator.lt, other)  # type: ignore[no-any-return]

    def __le__(self, other: Number) -> bool:
        return self.record_comparison(operator.le, other)  # type: ignore[no-any-return]

    def __gt__(self, other: Number) -> bool:
        return self.record_comparison(operator.gt, other)  # type: ignore[no-any-return]

    def __ge__(self, other: Number) -> bool:
        return self.record_comparison(operator.ge, other)  # type: ignore[no-any-return]

    __hash__ = object.__hash__

    def __bool__(self) -> bool:
        return bool(self.record_comparison(operator.ne, 0.0))

    def __format__(self, spec: str) -> str:
        return format(self.data, spec) if spec else str(self)

    def detach(self) -> Self:
        """Return the same number, through which no derivative passes."""
        return p.stop_gradient(self)  # type: ignore[call-overload, no-any-return]

    def conjugate(self) -> Self:
        """Return the number itself, which is real; NumPy asks."""
        return self

    if not TYPE_CHECKING:  # so a type checker refuses math.sin(v) too

        def __float__(self):
            _refuse("float", self)

        def __complex__(self):
            _refuse("complex", self)

        def __int__(self):
            number = modes.tell("on_index", self) if modes.listening else None
            return _refuse("int", self) if number is None else number

        __index__ = __int__


def _refuse(conversion: str, x: Recorder) -> NoReturn:
    raise TypeError(
        f"{conversion}({type(x).__name__}) would cut the graph, and the gradient with it: use a function "
        "of autograd_mini, such as autograd_mini.sin(v) for math.sin(v); or v.data for the plain number"
    )


def give_method(cls: type, row: Primitive, method: Callable[..., Any]) -> None:
    """Make `method` the primitive's in a class, under each of its names that means nothing else there."""
    # Attributes set on the class, and no __getattr__: that would make every slot access slower.
    method.__name__, method.__doc__ = row.name, row.__doc__
    method.__qualname__ = f"{cls.__name__}.{row.name}"
    method.row = row  # type: ignore[attr-defined]
    for name in (row.name, *row.aliases):
        taken = getattr(cls, name, None)
        if taken is None or hasattr(taken, "row"):
            setattr(cls, name, method)
