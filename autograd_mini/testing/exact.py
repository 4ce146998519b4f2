"""Values and derivatives of primitives and graphs at 50 digits, by mpmath.

Nothing here reads a partial of the table: a primitive is evaluated by its `reference`, and a graph by those
of its nodes. With so many digits a step can be very small, so a derivative is either known or, at a kink, a
pole or a jump, known not to exist. But mpmath has only one zero: where its sign matters, it is not asked.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import cache
from types import CodeType
from typing import Any, Final

from autograd_mini.engine.table import Primitive
from autograd_mini.engine.value import Value, topological_order

__all__ = ["NoReferenceError", "derivative", "derivative_of_graph", "derivative_of_primitive", "reference"]

DIGITS: Final = 50
STEP: Final = "1e-30"


class NoReferenceError(LookupError):
    """mpmath cannot answer: it cannot evaluate a `reference`, a zero is -0.0, or it is not installed."""


def reference(op: Primitive, operands: Sequence[Any]) -> Any:
    """Return the value of a primitive's mathematical definition, an mpf; nan where it is not real.

    Raises NoReferenceError if the definition says nothing to mpmath.

    >>> from autograd_mini.engine.primitives import sigmoid
    >>> print(reference(sigmoid, [1.0]))
    0.731058578630005
    """
    mp = _mpmath()
    names = [name.lstrip("*") for name in op.operands]
    numbers = [mp.mpf(x) for x in operands]
    given: dict[str, Any] = {names[0]: numbers} if op.variadic else dict(zip(names, numbers, strict=True))
    try:
        with mp.workdps(max(mp.dps, DIGITS)):
            y = mp.mpmathify(eval(_compiled(op.reference), {**_vocabulary(), **given}))
    except (ArithmeticError, ValueError):
        return mp.nan
    except (NameError, SyntaxError, TypeError) as error:
        raise NoReferenceError(
            f"the reference of {op.name}, {op.reference!r}, cannot be evaluated ({error}): write it with "
            "the names of mpmath and of the operands"
        ) from None
    if isinstance(y, mp.mpc):
        return y.real if y.imag == 0 else mp.nan
    return y


def derivative(f: Callable[[list[Any]], Any], x: Sequence[float], by: Sequence[int]) -> float | None:
    """Return ∂f/∂xᵢ, or ∂²f/∂xᵢ∂xⱼ for two indices in `by`; None where there is none.

    `f` takes a list of mpf and returns one.

    >>> derivative(lambda x: x[0] ** 3 * x[1], [2.0, 5.0], [0, 0])
    60.0
    >>> derivative(lambda x: abs(x[0]), [0.0], [0]) is None
    True
    """
    mp = _mpmath()
    if not all(math.isfinite(x[i]) for i in by):
        return None
    unit = min([abs(x[i]) for i in by if x[i]] + [1.0])  # narrower than the distance to a pole at 0
    digits = DIGITS + 50 * len(by) + int(-len(by) * math.log10(unit))
    with mp.workdps(digits):
        point = [mp.mpf(t) for t in x]

        def along(k: int, h: Any) -> Any:
            """f, or its derivative by the first index if there are two, k steps of h along the last."""
            moved = list(point)
            moved[by[-1]] += k * h
            if len(by) == 1:
                return f(moved)
            ahead, behind = list(moved), list(moved)
            ahead[by[0]] += h
            behind[by[0]] -= h
            return (f(ahead) - f(behind)) / (2 * h)

        wide = mp.mpf(STEP) * unit
        narrow = wide / 100
        slopes, bends = [], []
        for h in (wide, narrow):
            middle, right, left = (along(k, h) for k in (0, 1, -1))
            slopes.append((right - left) / (2 * h))
            bends.append(abs(right - 2 * middle + left) / h)
        y = f(point)
        if not all(map(mp.isfinite, [y, *slopes, *bends])):
            return None
        rounding = mp.mpf(10) ** (10 - digits) * abs(y) / narrow ** len(by)
        noise = mp.mpf(10) ** (-DIGITS // 2) * max(map(abs, slopes)) + rounding
        if bends[1] > noise and 10 * bends[1] > bends[0]:
            return None  # a bend that is no less a hundred times nearer
        if abs(slopes[1]) <= rounding or 10 * abs(slopes[1]) < abs(slopes[0]):
            return 0.0  # nothing but rounding, or truncation
        return float(slopes[1]) if abs(slopes[0] - slopes[1]) <= noise else None


def derivative_of_primitive(op: Primitive, operands: Sequence[float], by: Sequence[int]) -> float | None:
    """Return the first or second derivative of a primitive; None at a kink or pole.

    It is taken with respect to the operands number `by`. Raises NoReferenceError where mpmath cannot tell.

    >>> from autograd_mini.engine.primitives import exp, relu
    >>> derivative_of_primitive(exp, [0.0], [0]), derivative_of_primitive(relu, [0.0], [0])
    (1.0, None)
    """
    _check_zeros(op, operands)
    return derivative(lambda x: reference(op, x), operands, by)


def derivative_of_graph(root: Value, leaves: Sequence[Value], by: Sequence[int]) -> float | None:
    """Return the first or second derivative of an expression; None at a kink or pole.

    It is taken with respect to the leaves number `by`. Raises NoReferenceError where mpmath cannot tell.

    >>> a = Value(2.0)
    >>> derivative_of_graph(a * a * a, [a], [0])
    12.0
    """
    order = topological_order(root, through_edges=False)[::-1]
    for node in order:
        if node.op is not None:
            _check_zeros(node.op, [x.data if isinstance(x, Value) else x for x in node.operands])
    leaf_numbers = {leaf: i for i, leaf in enumerate(leaves)}

    def replay(x: list[Any]) -> Any:
        found: dict[Value, Any] = {}
        for node in order:
            if node in leaf_numbers:
                found[node] = x[leaf_numbers[node]]
            elif node.op is None or node.op.name == "stop_gradient":  # cut on purpose: a constant
                found[node] = node.data
            else:
                operands = [found[v] if isinstance(v, Value) else v for v in node.operands]
                found[node] = reference(node.op, operands)
        return _mpmath().mpf(found[root])

    return derivative(replay, [leaf.data for leaf in leaves], by)


def _check_zeros(op: Primitive, operands: Sequence[float]) -> None:
    """Refuse copysign(1, -0.0), which is -1: to mpmath, which has one zero, it would be 1."""
    negative_zero = any(x == 0 and math.copysign(1.0, x) < 0 for x in operands)
    if negative_zero and not abs(reference(op, operands) - op.value(*operands)) < 1e-9:
        raise NoReferenceError(
            f"{op.name}({', '.join(map(repr, operands))}) depends on the sign of a zero, and mpmath's "
            "has none: ask for differences"
        )


def _mpmath() -> Any:
    try:
        from mpmath import mp
    except ImportError:
        raise NoReferenceError('mpmath is not installed: pip install "autograd-mini[test]"') from None
    return mp


@cache
def _compiled(text: str) -> CodeType:
    return compile(text, f"<reference {text}>", "eval")


@cache
def _vocabulary() -> dict[str, Any]:
    mp = _mpmath()
    names = {name: getattr(mp, name) for name in dir(mp) if not name.startswith("_")}
    return {**names, "erfcinv": erfcinv, "max": max, "min": min, "abs": abs, "sum": sum, "math": math}


def erfcinv(x: Any) -> Any:
    """Return the inverse of erfc, which mpmath lacks, at the precision that mpmath has now.

    By Newton's method on the logarithm of erfc, which is concave, so that no step leaps.

    >>> print(erfcinv(1e-300))
    26.2094699605161
    """
    mp = _mpmath()
    x = mp.mpf(x)
    if not 0 < x <= 1:
        return -erfcinv(2 - x) if 1 < x < 2 else mp.inf if x == 0 else -mp.inf if x == 2 else mp.nan
    y = mp.sqrt(-mp.log(x)) if x < 0.5 else mp.mpf(0)
    step = mp.inf
    while abs(step) > abs(y) * mp.mpf(10) ** (3 - mp.dps):
        tail = mp.erfc(y)
        step = mp.log(tail / x) * tail * mp.exp(y * y) * mp.sqrt(mp.pi) / 2
        y += step
    return y
