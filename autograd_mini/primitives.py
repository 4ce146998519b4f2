"""The table of primitives, one row each: adding a function to the library is adding a row here.

A partial is called with the output first, then the operands: ``exp`` has ``lambda y, x: y``. Rules and
definitions are written in other primitives and in ``+``, ``-``, ``*``, so that the same text runs on
floats, on ``Value``s (for higher orders) and on anything else that records. Three things follow:

* division is ``div`` and powers ``pow_``: Python's ``/`` and ``**`` raise where IEEE-754 has an answer;
* a choice is ``where(condition, a, b)``, never ``if``: a recorded rule must hold at other inputs too;
* a partial that is zero everywhere is ``None``: no edge, through which not even nan can flow.

What each function returns at kinks and poles is promised in the page on conventions.
"""

from __future__ import annotations

import math
from typing import Any, Final

from autograd_mini.table import REALS, Interval, Primitive, primitive

inf: Final = math.inf
nan: Final = math.nan

POSITIVE: Final[Interval] = (5e-324, REALS[1])
NONNEGATIVE: Final[Interval] = (0.0, REALS[1])

# ---- arithmetic ------------------------------------------------------------------------------------


def _divide(x: float, y: float) -> float:
    try:
        return x / y
    except ZeroDivisionError:
        return nan if x == 0 or x != x else math.copysign(inf, x) * math.copysign(1.0, y)


def _power(x: float, y: float) -> float:
    """C's pow. Python's raises at poles and on overflow; C answers with an infinity."""
    try:
        return math.pow(x, y)
    except OverflowError:
        sign = x
    except ValueError:
        if x != 0:
            return nan  # a negative base, a fractional exponent
        sign = math.copysign(1.0, x)
    odd = y % 2 == 1
    return -inf if odd and sign < 0 else inf


def _power_by_base(z: Any, x: Any, y: Any) -> Any:
    """∂(xʸ)/∂x. y·xʸ⁻¹ where y − 1 is exact (it loses 300 ULP at y = 0.3, x = 1e−300), else y·(xʸ/x)."""
    exact = equal((y - 1.0) + 1.0, y)
    edge = where(equal(x, 0.0), 1.0, equal(abs_(x), inf))
    slope = where(where(exact, 1.0, edge), pow_(x, y - 1.0), div(z, x))
    return where(equal(y, 0.0), 0.0, y * slope)


def _power_by_exponent(z: Any, x: Any, y: Any) -> Any:
    """∂(xʸ)/∂y = xʸ·log x; 0 at x = 0 for y ≥ 0, where the limit from inside the domain is."""
    return where(equal(x, 0.0), where(less(y, 0.0), z * log(x), 0.0), z * log(x))


add = primitive(
    "add",
    "x y",
    value=lambda x, y: x + y,
    partials=[lambda z, x, y: 1.0, lambda z, x, y: 1.0],
    reference="x + y",
    form="{x} + {y}",
    latex="{x} + {y}",
    precedence=1,
    doc="The sum x + y.",
)
sub = primitive(
    "sub",
    "x y",
    value=lambda x, y: x - y,
    partials=[lambda z, x, y: 1.0, lambda z, x, y: -1.0],
    reference="x - y",
    form="{x} - {y}",
    latex="{x} - {y}",
    precedence=1,
    doc="The difference x - y.",
)
mul = primitive(
    "mul",
    "x y",
    value=lambda x, y: x * y,
    partials=[lambda z, x, y: y, lambda z, x, y: x],
    reference="x * y",
    form="{x} * {y}",
    latex=r"{x} \cdot {y}",
    precedence=2,
    doc="The product x * y.",
)
div: Primitive = primitive(
    "div",
    "x y",
    value=_divide,
    # -(x/y)/y and not -x/y², which overflows from |y| = 1e154 on
    partials=[lambda z, x, y: div(1.0, y), lambda z, x, y: -div(z, y)],
    reference="x / y",
    form="{x} / {y}",
    latex=r"\frac{{{x}}}{{{y}}}",
    precedence=2,
    doc="The quotient x / y; division by zero is inf or nan, as IEEE-754 has it.",
)
neg = primitive(
    "neg",
    value=lambda x: -x,
    partials=[lambda y, x: -1.0],
    reference="-x",
    form="-{x}",
    latex="-{x}",
    precedence=3,
    doc="The negation -x.",
)
pow_ = primitive(
    "pow",
    "x y",
    value=_power,
    partials=[_power_by_base, _power_by_exponent],
    domain=[POSITIVE, REALS],
    reference="x ** y",
    form="{x} ** {y}",
    latex="{{{x}}}^{{{y}}}",
    precedence=4,
    doc="The power x ** y, as C's pow: a negative base with a fractional exponent is nan, never complex.",
)

# ---- choices: comparisons, where, and the functions with kinks -------------------------------------

less = primitive(
    "less",
    "x y",
    value=lambda x, y: 1.0 if x < y else 0.0,
    partials=[None, None],
    reference="1 if x < y else 0",
    latex="[{x} < {y}]",
    doc="1 where x < y, else 0; a comparison with nan is 0.",
)
equal = primitive(
    "equal",
    "x y",
    value=lambda x, y: 1.0 if x == y else 0.0,
    partials=[None, None],
    reference="1 if x == y else 0",
    latex="[{x} = {y}]",
    doc="1 where x equals y, else 0.",
)
where = primitive(
    "where",
    "condition x y",
    value=lambda condition, x, y: x if condition else y,
    # The one rule with an `if`: a branch not taken has no edge, so that its nan cannot come back.
    partials=[
        None,
        lambda z, condition, x, y: 1.0 if condition else None,
        lambda z, condition, x, y: None if condition else 1.0,
    ],
    reference="x if condition else y",
    latex=r"\begin{{cases}} {x} & {condition} \\ {y} & \text{{otherwise}} \end{{cases}}",
    doc="x where the condition is not 0, else y; the branch not taken has no derivative at all.",
)
step = primitive(
    "step",
    value=lambda x: 1.0 if x > 0 else 0.0 if x <= 0 else nan,
    partials=[None],
    reference="1 if x > 0 else 0",
    latex=r"\theta\left({x}\right)",
    doc="The unit step: 1 where x > 0, else 0; the derivative of relu.",
)
abs_ = primitive(
    "abs",
    value=math.fabs,
    # the minimum-norm subgradient at the kink: 0
    partials=[lambda y, x: where(equal(x, 0.0), 0.0, div(x, y))],
    reference="fabs(x)",
    latex=r"\left|{x}\right|",
    doc="The absolute value; its derivative at 0 is 0.",
)
relu = primitive(
    "relu",
    value=lambda x: 0.0 if x <= 0 else x,
    partials=[lambda y, x: step(x)],
    reference="x if x > 0 else 0",
    doc="The rectified linear unit: x where x > 0, else 0, with derivative 0 at 0.",
)


def _tie(x: Any, y: Any) -> Any:
    """½ where x equals y, 0 where they differ, nan where either is nan."""
    return where(equal(x, y), 0.5, where(less(x, y) + less(y, x), 0.0, nan))


maximum = primitive(
    "maximum",
    "x y",
    value=lambda x, y: x if x > y or x != x else y,
    partials=[
        lambda z, x, y: where(less(y, x), 1.0, _tie(x, y)),
        lambda z, x, y: where(less(x, y), 1.0, _tie(x, y)),
    ],
    reference="max(x, y)",
    latex=r"\max\left({x}, {y}\right)",
    doc="The larger of x and y; each has derivative ½ at a tie, and a nan in either gives nan.",
)
minimum = primitive(
    "minimum",
    "x y",
    value=lambda x, y: x if x < y or x != x else y,
    partials=[
        lambda z, x, y: where(less(x, y), 1.0, _tie(x, y)),
        lambda z, x, y: where(less(y, x), 1.0, _tie(x, y)),
    ],
    reference="min(x, y)",
    latex=r"\min\left({x}, {y}\right)",
    doc="The smaller of x and y; each has derivative ½ at a tie, and a nan in either gives nan.",
)

# ---- exponentials and powers -----------------------------------------------------------------------


def _exp(x: float) -> float:
    try:
        return math.exp(x)
    except OverflowError:
        return inf


def _log(x: float) -> float:
    try:
        return math.log(x)
    except ValueError:
        return -inf if x == 0 else nan


def _right_of_zero(x: Any) -> Any:
    """x, or nan with an edge to x where x < 0, so that derivatives of every order are nan there."""
    return where(less(x, 0.0), nan * x, x)


def _toward_zero(x: Any) -> Any:
    """-|x| in two smooth pieces: `abs` here would make every third derivative at 0 come out 0."""
    return where(less(x, 0.0), x, -x)


def _sigmoid(x: Any) -> Any:
    e = exp(_toward_zero(x))
    return div(where(less(x, 0.0), e, 1.0), 1.0 + e)


def _sigmoid_slope(y: Any, x: Any) -> Any:
    """e/(1+e)², e = exp(-|x|): y·(1-y) has no correct digit left at x = 40."""
    e = exp(_toward_zero(x))
    return div(e, (1.0 + e) * (1.0 + e))


def _tanh_slope(y: Any, x: Any) -> Any:
    """4e/(1+e)², e = exp(-2|x|): 1-y² has no correct digit left at x = 20."""
    e = exp(2.0 * _toward_zero(x))
    return div(4.0 * e, (1.0 + e) * (1.0 + e))


exp = primitive(
    "exp",
    value=_exp,
    partials=[lambda y, x: y],
    domain=[(-708.0, 709.0)],
    latex="e^{{{x}}}",
    doc="The exponential eˣ.",
)
log = primitive(
    "log",
    value=_log,
    partials=[lambda y, x: div(1.0, _right_of_zero(x) + 0.0)],  # + 0.0: the pole of -0.0 is +inf too
    domain=[POSITIVE],
    latex=r"\log\left({x}\right)",
    doc="The natural logarithm; -inf at 0, nan below.",
)
sqrt = primitive(
    "sqrt",
    value=lambda x: math.sqrt(x) if x >= 0 else nan,
    partials=[lambda y, x: div(0.5, y + 0.0)],
    domain=[NONNEGATIVE],
    latex=r"\sqrt{{{x}}}",
    doc="The square root; its derivative at 0 is inf, and both are nan below.",
)
tanh = primitive(
    "tanh",
    value=math.tanh,
    partials=[_tanh_slope],
    latex=r"\tanh\left({x}\right)",
    doc="The hyperbolic tangent.",
)
sigmoid = primitive(
    "sigmoid",
    definition=_sigmoid,
    partials=[_sigmoid_slope],
    reference="1 / (1 + exp(-x))",
    latex=r"\sigma\left({x}\right)",
    doc="The logistic function 1 / (1 + e⁻ˣ), never overflowing.",
)

# ---- circular functions ----------------------------------------------------------------------------

sin = primitive(
    "sin",
    value=lambda x: math.sin(x) if -inf < x < inf else nan,
    partials=[lambda y, x: cos(x)],
    latex=r"\sin\left({x}\right)",
    doc="The sine, x in radians.",
)
cos: Primitive = primitive(
    "cos",
    value=lambda x: math.cos(x) if -inf < x < inf else nan,
    partials=[lambda y, x: -sin(x)],
    latex=r"\cos\left({x}\right)",
    doc="The cosine, x in radians.",
)
