"""Formulas made shorter for reading: 1 * x is written x, and x + x + x is 3 * x.

A simplification is for reading alone. ``0 * x`` is not 0 when x is inf, and reordering a sum changes its
last digits, so what has been recorded is never rewritten: what is built here can be shown, and no more.

While it is being simplified, a formula is a `_Quantity`: a number times a *shape*. A shape is a leaf, a
function of quantities, a product of powers of shapes, or a sum of multiples of shapes. Equal shapes are
one object, so that like terms find each other.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any, Final, NamedTuple

from autograd_mini.engine import primitives as p
from autograd_mini.engine.table import Primitive
from autograd_mini.engine.value import Value
from autograd_mini.formulas.formula import Shown, Term
from autograd_mini.show.names import evaluation_order

__all__ = ["simplified"]

WIDEST: Final = 16
"""How many terms or factors are looked through for like ones."""


class _Shape:
    """What is more than a leaf; the writer of formulas asks for its operation only when it gets there."""

    @cached_property
    def _term(self) -> Any:
        return self._written()

    def _written(self) -> Shown:
        raise NotImplementedError

    @property
    def op(self) -> Primitive:
        return self._term.op  # type: ignore[no-any-return]

    @property
    def operands(self) -> tuple[Any, ...]:
        return self._term.operands  # type: ignore[no-any-return]


class _Function(_Shape):
    def __init__(self, op: Primitive, quantities: list[_Quantity]) -> None:
        self.primitive = op
        self.quantities = quantities

    def _written(self) -> Shown:
        return Term(self.primitive, tuple(map(_shown, self.quantities)))


class _Product(_Shape):
    def __init__(self, factors: dict[Any, float]) -> None:
        self.factors = factors  # each shape with its exponent

    def _written(self) -> Shown:
        return _shown(_Quantity(_ONE, self))


class _Sum(_Shape):
    def __init__(self, terms: dict[Any, _Ratio]) -> None:
        self.terms = terms  # each shape with its coefficient; the shape of a plain number is None

    def _written(self) -> Shown:
        """Put the first positive part in front: b - a and not -a + b."""
        parts = [_Quantity(ratio, shape) for shape, ratio in self.terms.items()]
        first = next((i for i, part in enumerate(parts) if part.coefficient.over > 0), 0)
        parts.insert(0, parts.pop(first))
        total = _shown(parts[0])
        for part in parts[1:]:
            if part.coefficient.over < 0:
                total = Term(p.sub, (total, _shown(_negated(part))))
            else:
                total = Term(p.add, (total, _shown(part)))
        return total


class _Ratio(NamedTuple):
    """A number as it would be written: the 2/3 of 2 * x / 3."""

    over: float
    under: float = 1.0

    def times(self, other: _Ratio) -> _Ratio:
        return _reduced(self.over * other.over, self.under * other.under)

    def plus(self, other: _Ratio) -> _Ratio:
        if self.under == other.under:
            return _reduced(self.over + other.over, self.under)
        return _reduced(self.over * other.under + other.over * self.under, self.under * other.under)


def _reduced(over: float, under: float) -> _Ratio:
    if under < 0:
        over, under = -over, -under
    if over.is_integer() and under.is_integer() and (common := math.gcd(int(over), int(under))) > 1:
        return _Ratio(over / common, under / common)
    return _Ratio(over, under)


_ZERO: Final = _Ratio(0.0)
_ONE: Final = _Ratio(1.0)


class _Quantity(NamedTuple):
    coefficient: _Ratio
    shape: Any = None  # None for a plain number


def simplified(graph: Value | float) -> Shown:
    """Return a graph as a formula that is fit to be read, with each `where` as the branch it took.

    >>> from autograd_mini.formulas.formula import Notation, write
    >>> x = Value(3.0, label="x")
    >>> write(simplified(1.0 * x * x + 0.0 * x + x * x), Notation({x: "x"}.copy))
    '2 * x ** 2'
    """
    if isinstance(graph, float):
        return graph
    shapes = _Shapes()
    quantities: dict[Value, _Quantity] = {}
    for node in evaluation_order(graph):
        if node.op is None:
            quantities[node] = _Quantity(_ONE, node)
            continue
        operands = [quantities[x] if isinstance(x, Value) else _Quantity(_Ratio(x)) for x in node.operands]
        if node.op is p.where:
            quantities[node] = operands[1 if node.operands[0] else 2]
        elif node.op.reference == node.op.operands[0]:  # x itself, as of stop_gradient
            quantities[node] = operands[0]
        else:
            quantities[node] = shapes.apply(node.op, operands)
    return _shown(quantities[graph])


class _Shapes:
    """The shapes made so far, and the arithmetic of quantities."""

    def __init__(self) -> None:
        self._made: dict[tuple[Any, ...], Any] = {}

    def apply(self, op: Primitive, operands: list[_Quantity]) -> _Quantity:
        if all(x.shape is None for x in operands):
            return _Quantity(_Ratio(op.value(*(over / under for (over, under), _ in operands))))
        rules: dict[Primitive, Callable[..., _Quantity | None]] = {
            p.add: self.sum,
            p.sub: lambda x, y: self.sum(x, _negated(y)),
            p.mul: self.product,
            p.div: lambda x, y: self.product(x, y, -1.0) if y.coefficient.over else None,
            p.neg: lambda x: self.sum(_Quantity(_ZERO), _negated(x)),
            p.pow_: self.power,
        }
        result = rules[op](*operands) if op in rules else None
        if result is not None:
            return result
        key = (op, *((repr(coefficient), id(shape)) for coefficient, shape in operands))
        return _Quantity(_ONE, self._one(key, lambda: _Function(op, operands)))

    def sum(self, x: _Quantity, y: _Quantity) -> _Quantity:
        terms: dict[Any, _Ratio] = {}
        for coefficient, shape in (x, y):
            opened = isinstance(shape, _Sum) and abs(coefficient.over) == 1.0 == coefficient.under
            opened = opened and len(shape.terms) < WIDEST and x.shape is not y.shape
            for term, multiple in (shape.terms if opened else {shape: _ONE}).items():
                terms[term] = terms.get(term, _ZERO).plus(multiple.times(coefficient))
        terms = {term: multiple for term, multiple in terms.items() if multiple.over}
        if len(terms) <= 1:
            return next((_Quantity(multiple, term) for term, multiple in terms.items()), _Quantity(_ZERO))
        return _Quantity(_ONE, self._sum(terms))

    def product(self, x: _Quantity, y: _Quantity, exponent: float = 1.0) -> _Quantity:
        """Return x times a power of y, the power being 1 or -1."""
        over, under = y.coefficient
        coefficient = x.coefficient.times(y.coefficient if exponent > 0 else _reduced(under, over))
        if not coefficient.over:
            return _Quantity(_ZERO)
        factors = dict(_factors(x.shape))
        for shape, power in _factors(y.shape).items():
            factors[shape] = factors.get(shape, 0.0) + exponent * power
        return _Quantity(coefficient, self._product(factors))

    def power(self, x: _Quantity, y: _Quantity) -> _Quantity | None:
        if y.shape is not None:
            return None
        exponent = y.coefficient.over / y.coefficient.under
        if exponent.is_integer() and x.coefficient.over:
            over, under = (p.pow_(number, abs(exponent)) for number in x.coefficient)
            factors = {shape: power * exponent for shape, power in _factors(x.shape).items()}
            coefficient = _reduced(over, under) if exponent > 0 else _reduced(under, over)
            return _Quantity(coefficient, self._product(factors))
        base = x.shape if x.coefficient == _ONE else self._sum({x.shape: x.coefficient})
        return _Quantity(_ONE, self._product({base: exponent}))  # what is raised stays together

    def _product(self, factors: dict[Any, float]) -> Any:
        factors = {shape: power for shape, power in factors.items() if power}
        if not factors or list(factors.values()) == [1.0]:
            return next(iter(factors), None)
        key = ("product", frozenset((id(shape), power) for shape, power in factors.items()))
        return self._one(key, lambda: _Product(factors))

    def _sum(self, terms: dict[Any, _Ratio]) -> Any:
        key = ("sum", frozenset((id(shape), repr(ratio)) for shape, ratio in terms.items()))
        return self._one(key, lambda: _Sum(terms))

    def _one(self, key: tuple[Any, ...], make: Callable[[], Any]) -> Any:
        if key not in self._made:
            self._made[key] = make()
        return self._made[key]


def _factors(shape: Any) -> Mapping[Any, float]:
    if shape is None:
        return {}
    return shape.factors if isinstance(shape, _Product) and len(shape.factors) < WIDEST else {shape: 1.0}


def _negated(x: _Quantity) -> _Quantity:
    return _Quantity(_Ratio(-x.coefficient.over, x.coefficient.under), x.shape)


# ---- as terms, to be written -----------------------------------------------------------------------


def _shown(x: _Quantity) -> Shown:
    """Return a quantity as a term: sign and number, factors, and what divides them."""
    (over, under), shape = x
    if shape is None:
        return over / under
    above: list[Shown] = []
    below: list[Shown] = [] if under == 1.0 else [under]
    for factor, power in shape.factors.items() if isinstance(shape, _Product) else [(shape, 1.0)]:
        side = above if power > 0 else below
        side.append(factor if abs(power) == 1.0 else Term(p.pow_, (factor, abs(power))))
    if over == -1.0 and above:
        above[0] = Term(p.neg, (above[0],))
    elif over != 1.0 or not above:
        above.insert(0, over)
    product = _joined(p.mul, above)
    return Term(p.div, (product, _joined(p.mul, below))) if below else product


def _joined(op: Primitive, terms: list[Shown]) -> Shown:
    joined = terms[0]
    for term in terms[1:]:
        joined = Term(op, (joined, term))
    return joined
