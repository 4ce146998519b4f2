"""The primitives: adding a function to the library is adding one here.

A partial is called with the output first, then the operands: ``exp`` has ``lambda y, x: y``. Rules and
definitions are written in other primitives and in ``+``, ``-``, ``*``, so that the same text runs on
floats, on ``Value``s (for higher orders) and on anything else that records. Four things follow:

* division is ``div`` and powers ``pow_``: Python's ``/`` and ``**`` raise where IEEE-754 has an answer;
* a choice is ``where(condition, a, b)``, never ``if``: a recorded rule must hold at other inputs too;
* a partial that is zero everywhere is ``None``: no edge, through which not even nan can flow;
* outside the domain a rule returns nan *with an edge* (``nan * x``), so that the next order is nan too.

A primitive without a ``definition`` is irreducible: a backend spells those, and has the others from their
definitions. What each function returns at kinks and poles is promised in the page on conventions.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import reduce
from typing import Any, Final

from autograd_mini.engine.table import REALS, Interval, Primitive, PrimitiveByName, define, inf, nan

POSITIVE: Final[Interval] = (5e-324, REALS[1])
NONNEGATIVE: Final[Interval] = (0.0, REALS[1])
UNIT: Final[Interval] = (-1.0, 1.0)
EXPONENT: Final[Interval] = (-708.0, 709.0)
"""Where the exponential is a normal number."""


def _ieee(
    function: Callable[[float], float], poles: dict[float, float] | None = None
) -> Callable[[float], float]:
    """A function of `math`, answering as C does where Python raises: inf at a pole, else nan."""
    answers = poles or {}

    def value(x: float) -> float:
        try:
            return function(x)
        except ValueError:
            return answers.get(x, nan)
        except OverflowError:
            return math.copysign(inf, x)

    return value


def right_of_zero(x: Any) -> Any:
    """x, or nan with an edge to x where x < 0."""
    return where(less(x, 0.0), nan * x, x)


def _toward_zero(x: Any) -> Any:
    """-|x| in two smooth pieces: `abs` here would make every third derivative at 0 come out 0."""
    return where(less(x, 0.0), x, -x)


def _one_less_square(x: Any) -> Any:
    """1 - x². As a product it keeps its digits next to ±1, as a difference its derivative next to 0."""
    return where(less(abs_(x), 0.5), 1.0 - x * x, (1.0 - x) * (1.0 + x))


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
    except (OverflowError, ValueError) as error:
        if x != 0 and isinstance(error, ValueError):
            return nan  # a negative base, a fractional exponent
    return -inf if y % 2 == 1 and math.copysign(1.0, x) < 0 else inf


def _power_by_base(z: Any, x: Any, y: Any) -> Any:
    """∂(xʸ)/∂x. y·xʸ⁻¹ where y − 1 is exact (it loses 300 ULP at y = 0.3, x = 1e−300), else y·(xʸ/x)."""
    if y.__class__ is float and y == 0.0:  # a constant: also beyond the degree of a whole power, where
        return 0.0  # 0·x⁻ᵏ would be 0·inf
    exact = equal((y - 1.0) + 1.0, y) * equal(y - (y - 1.0), 1.0)  # the one sees small y, the other large
    edge = where(equal(x, 0.0), 1.0, equal(abs_(x), inf))
    slope = where(where(exact, 1.0, edge), pow_(x, y - 1.0), div(z, x))
    flat = where(equal(y, 0.0), 1.0 - less(abs_(slope), inf), 0.0)  # x**0 is 1 even at 0, inf and nan
    return y * where(flat, 0.0, slope)


def _power_by_exponent(z: Any, x: Any, y: Any) -> Any:
    """∂(xʸ)/∂y = xʸ·log x; 0 at x = 0 for y ≥ 0, where the limit from inside the domain is."""
    return where(equal(x, 0.0), where(less(y, 0.0), z * log(x), 0.0), z * log(x))


add = define(
    "add",
    "x y",
    value=lambda x, y: x + y,
    spelling="{x} + {y}",
    partials=[lambda z, x, y: 1.0, lambda z, x, y: 1.0],
    reference="x + y",
    form="{x} + {y}",
    latex="{x} + {y}",
    precedence=1,
    doc="The sum x + y.",
)
sub = define(
    "sub",
    "x y",
    value=lambda x, y: x - y,
    spelling="{x} - {y}",
    partials=[lambda z, x, y: 1.0, lambda z, x, y: -1.0],
    reference="x - y",
    form="{x} - {y}",
    latex="{x} - {y}",
    precedence=1,
    aliases=["subtract"],
    doc="The difference x - y.",
)
mul = define(
    "mul",
    "x y",
    value=lambda x, y: x * y,
    spelling="{x} * {y}",
    partials=[lambda z, x, y: y, lambda z, x, y: x],
    reference="x * y",
    form="{x} * {y}",
    latex=r"{x} \cdot {y}",
    precedence=2,
    aliases=["multiply"],
    doc="The product x * y.",
)
div: Primitive = define(
    "div",
    "x y",
    value=_divide,
    # -(x/y)/y and not -x/y², which overflows from |y| = 1e154 on
    partials=[lambda z, x, y: div(1.0, y), lambda z, x, y: -div(z, y)],
    reference="x / y",
    form="{x} / {y}",
    latex=r"\frac{{{x}}}{{{y}}}",
    precedence=2,
    aliases=["divide", "true_divide"],
    doc="The quotient x / y; division by zero is inf or nan, as IEEE-754 has it.",
)
neg = define(
    "neg",
    value=lambda x: -x,
    spelling="-{x}",
    partials=[lambda y, x: -1.0],
    reference="-x",
    form="-{x}",
    latex="-{x}",
    precedence=3,
    aliases=["negative"],
    doc="The negation -x.",
)
pow_ = define(
    "pow",
    "x y",
    value=_power,
    partials=[_power_by_base, _power_by_exponent],
    domain=[POSITIVE, REALS],
    reference="x ** y",
    form="{x} ** {y}",
    latex="{{{x}}}^{{{y}}}",
    precedence=4,
    aliases=["power"],
    doc="The power x ** y, as C's pow: a negative base with a fractional exponent is nan, never complex.",
)

# ---- choices: comparisons, where, and what is 0 almost everywhere when differentiated --------------

less = define(
    "less",
    "x y",
    value=lambda x, y: 1.0 if x < y else 0.0,
    spelling="1.0 if {x} < {y} else 0.0",
    partials=[None, None],
    reference="1 if x < y else 0",
    latex="[{x} < {y}]",
    doc="1 where x < y, else 0; a comparison with nan is 0.",
)
equal = define(
    "equal",
    "x y",
    value=lambda x, y: 1.0 if x == y else 0.0,
    spelling="1.0 if {x} == {y} else 0.0",
    partials=[None, None],
    reference="1 if x == y else 0",
    latex="[{x} = {y}]",
    doc="1 where x equals y, else 0.",
)
where = define(
    "where",
    "condition x y",
    value=lambda condition, x, y: x if condition else y,
    spelling="{x} if {condition} else {y}",
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
stop_gradient = define(
    "stop_gradient",
    value=lambda x: x,
    spelling="{x}",
    partials=[None],
    definition=lambda x: 1.0 * x,
    reference="x",
    latex=r"\left[{x}\right]",
    doc="x itself, as if it were a constant: no derivative passes.",
)
identity = define(
    "identity",
    value=lambda x: x,
    partials=[lambda y, x: 1.0],
    reference="x",
    form="{x}",
    latex="{x}",
    doc="x itself, as a node of its own: the input of a derivative taken inside another.",
)
step = define(
    "step",
    definition=lambda x: where(less(0.0, x), 1.0, where(equal(x, x), 0.0, x)),
    partials=[None],
    reference="1 if x > 0 else 0",
    latex=r"\theta\left({x}\right)",
    doc="The unit step: 1 where x > 0, else 0; the derivative of relu.",
)
sign = define(
    "sign",
    definition=lambda x: where(less(0.0, x), 1.0, where(less(x, 0.0), -1.0, x + 0.0)),
    partials=[None],
    latex=r"\operatorname{{sgn}}\left({x}\right)",
    doc="The sign: 1, -1, or 0 at 0.",
)


def _floor(x: float) -> float:
    if not -4503599627370496.0 < x < 4503599627370496.0:  # 2⁵²: from there on all floats are whole
        return x
    return math.copysign(float(math.floor(x)), x)  # the sign matters for -0.0


def _round(x: Any) -> Any:
    """To the nearest whole number: adding 2⁵² leaves no bits for a fraction, and ties go to even."""
    size = abs_(x)
    return where(
        less(size, 4503599627370496.0), copysign(size + 4503599627370496.0 - 4503599627370496.0, x), x
    )


copysign: Primitive = define(
    "copysign",
    "x y",
    value=lambda x, y: math.copysign(x, y if y == y else 1.0),
    definition=lambda x, y: where(less(y + div(1.0, y), 0.0), -abs_(x), abs_(x)),  # 1/-0.0 is -inf
    partials=[lambda z, x, y: sign(x) * copysign(1.0, y), None],
    reference="fabs(x) if y >= 0 else -fabs(x)",
    doc="The size of x with the sign of y: -0.0 is negative, nan positive; the derivative at x = 0 is 0.",
)
floor = define(
    "floor",
    value=_floor,
    partials=[None],
    latex=r"\left\lfloor{x}\right\rfloor",
    doc="The largest whole number not above x; derivative 0 everywhere. inf and nan pass through.",
)
ceil = define(
    "ceil",
    definition=lambda x: -floor(-x),
    partials=[None],
    latex=r"\left\lceil{x}\right\rceil",
    doc="The smallest whole number not below x; derivative 0 everywhere. inf and nan pass through.",
)
trunc = define(
    "trunc",
    definition=lambda x: copysign(floor(abs_(x)), x),
    partials=[None],
    reference="floor(x) if x >= 0 else ceil(x)",
    doc="x without its fraction; derivative 0 everywhere. inf and nan pass through.",
)
round_ = define(
    "round",
    definition=_round,
    partials=[None],
    reference="nint(x)",
    aliases=["rint"],
    doc="The nearest whole number, the even one of two; derivative 0 everywhere. inf and nan pass through.",
)

# ---- functions with kinks --------------------------------------------------------------------------


def _larger(x: Any, y: Any) -> Any:
    return where(less(y, x), x, where(equal(x, x), y, x))


def _smaller(x: Any, y: Any) -> Any:
    return where(less(x, y), x, where(equal(x, x), y, x))


def _tie(x: Any, y: Any) -> Any:
    """½ where x equals y, 0 where they differ, nan where either is nan."""
    return where(equal(x, y), 0.5, where(less(x, y) + less(y, x), 0.0, nan))


def _clamp(x: Any, lo: Any, hi: Any) -> Any:
    return minimum(maximum(x, lo), hi)


def _ordered(x: Any, lo: Any, hi: Any, derivative: Any) -> Any:
    """The derivative of clamp, or nan where any of the three is nan."""
    return where(equal(x, x) * equal(lo, lo) * equal(hi, hi), derivative, nan)


abs_: Primitive = define(
    "abs",
    value=math.fabs,
    partials=[lambda y, x: sign(x)],
    reference="fabs(x)",
    latex=r"\left|{x}\right|",
    aliases=["absolute", "fabs"],
    doc="The absolute value; its derivative at 0 is 0, the subgradient of least norm.",
)
relu = define(
    "relu",
    definition=lambda x: where(less(0.0, x), x, where(equal(x, x), 0.0, x)),
    partials=[lambda y, x: step(x)],
    reference="x if x > 0 else 0",
    doc="The rectified linear unit: x where x > 0, else 0, with derivative 0 at 0.",
)
maximum = define(
    "maximum",
    "x y",
    definition=_larger,
    partials=[
        lambda z, x, y: where(less(y, x), 1.0, _tie(x, y)),
        lambda z, x, y: where(less(x, y), 1.0, _tie(x, y)),
    ],
    reference="max(x, y)",
    latex=r"\max\left({x}, {y}\right)",
    doc="The larger of x and y; each has derivative ½ at a tie, and a nan in either gives nan.",
)
minimum = define(
    "minimum",
    "x y",
    definition=_smaller,
    partials=[
        lambda z, x, y: where(less(x, y), 1.0, _tie(x, y)),
        lambda z, x, y: where(less(y, x), 1.0, _tie(x, y)),
    ],
    reference="min(x, y)",
    latex=r"\min\left({x}, {y}\right)",
    doc="The smaller of x and y; each has derivative ½ at a tie, and a nan in either gives nan.",
)
clamp = define(
    "clamp",
    "x lo hi",
    kind=PrimitiveByName,
    definition=_clamp,
    partials=[
        lambda z, x, lo, hi: _ordered(x, lo, hi, where(less(x, lo) + less(hi, x), 0.0, 1.0)),
        lambda z, x, lo, hi: _ordered(x, lo, hi, less(x, lo) * (1.0 - less(hi, lo))),
        lambda z, x, lo, hi: _ordered(x, lo, hi, less(hi, maximum(x, lo))),
    ],
    reference="min(max(x, lo), hi)",
    aliases=["clip"],
    doc="x, but at least lo and at most hi; derivative 1 on a bound, so a parameter there can leave it.",
)

# ---- remainders ------------------------------------------------------------------------------------


def _mod(x: Any, y: Any) -> Any:
    r = fmod(x, y)
    other_sign = 1.0 - equal(less(r, 0.0), less(y, 0.0))
    return where(equal(r, 0.0), copysign(0.0, y), where(other_sign, r + y, r))


def _times(x: Any, y: Any, remainder: Any) -> Any:
    """How many times y went into x: (x - remainder)/y, halved first where the difference may overflow.

    Where there is no remainder (y = 0) it is nan, with edges.
    """
    halves = div(0.5 * x - 0.5 * remainder, 0.5 * y)
    times = round_(where(less(abs_(x) + abs_(y), 1e308), div(x - remainder, y), halves))
    endless = -equal(abs_(remainder), inf)  # -1 % inf is inf
    return where(equal(remainder, remainder), where(equal(abs_(y), inf), endless, times), nan * (x * y))


def _floordiv(x: Any, y: Any) -> Any:
    return where(equal(y, 0.0), div(x, y), _times(x, y, mod(x, y)))


def _unless_nan(z: Any, x: Any) -> Any:
    """1, or nan with an edge to x where the result z is nan."""
    return where(equal(z, z), 1.0, nan * x)


fmod = define(
    "fmod",
    "x y",
    value=lambda x, y: math.fmod(x, y) if y and -inf < x < inf else nan,
    partials=[lambda z, x, y: _unless_nan(z, x), lambda z, x, y: -_times(x, y, z)],
    reference="x - y * (floor(x / y) if x / y >= 0 else ceil(x / y))",
    doc="What is left of x after whole numbers of y, with the sign of x, as in C; nan for y = 0.",
)
mod: Primitive = define(
    "mod",
    "x y",
    definition=_mod,
    partials=[lambda z, x, y: _unless_nan(z, x), lambda z, x, y: -_times(x, y, z)],
    reference="x - y * floor(x / y)",
    form="{x} % {y}",
    latex=r"{x} \bmod {y}",
    precedence=2,
    aliases=["remainder"],
    doc="What is left of x after whole numbers of y, with the sign of y, as Python's %; nan for y = 0.",
)
floordiv = define(
    "floordiv",
    "x y",
    definition=_floordiv,
    partials=[None, None],
    reference="floor(x / y)",
    form="{x} // {y}",
    latex=r"\left\lfloor\frac{{{x}}}{{{y}}}\right\rfloor",
    precedence=2,
    aliases=["floor_divide"],
    doc="The whole number of times that y goes into x, as Python's //, rounded; derivative 0 everywhere.",
)

# ---- exponentials and logarithms -------------------------------------------------------------------

LN2: Final = 0.6931471805599453


def _reciprocal_log(x: Any, base: float) -> Any:
    return div(1.0 / math.log(base), right_of_zero(x) + 0.0)  # + 0.0: the pole of -0.0 is +inf too


def _cube_root(x: Any) -> Any:
    """x^c, c the float nearest ⅓, times x^(⅓-c), nearly 1: within an ULP where C is within four."""
    size = abs_(x)
    root = pow_(size, 1.0 / 3.0)
    root = root + root * (1.850371707708594e-17 * log(size))
    return copysign(where(equal(size, 0.0) + equal(size, inf), size, root), x)


exp = define(
    "exp",
    value=_ieee(math.exp),
    partials=[lambda y, x: y],
    domain=[EXPONENT],
    latex="e^{{{x}}}",
    doc="The exponential eˣ.",
)
exp2 = define(
    "exp2",
    definition=lambda x: pow_(2.0, x),
    partials=[lambda y, x: LN2 * y],
    domain=[(-1022.0, 1023.0)],
    reference="2 ** x",
    latex="2^{{{x}}}",
    doc="The power 2ˣ.",
)
expm1 = define(
    "expm1",
    value=_ieee(math.expm1),
    partials=[lambda y, x: exp(x)],
    domain=[EXPONENT],
    latex="e^{{{x}}} - 1",
    precedence=1,
    doc="eˣ - 1, to full accuracy near 0.",
)
log = define(
    "log",
    value=_ieee(math.log, {0.0: -inf}),
    partials=[lambda y, x: div(1.0, right_of_zero(x) + 0.0)],
    domain=[POSITIVE],
    doc="The natural logarithm, and log(x, base) that to a base; -inf at 0, nan below.",
)
log2 = define(
    "log2",
    value=_ieee(math.log2, {0.0: -inf}),
    partials=[lambda y, x: _reciprocal_log(x, 2.0)],
    domain=[POSITIVE],
    reference="log(x, 2)",
    latex=r"\log_2\left({x}\right)",
    doc="The logarithm to base 2; -inf at 0, nan below.",
)
log10 = define(
    "log10",
    value=_ieee(math.log10, {0.0: -inf}),
    partials=[lambda y, x: _reciprocal_log(x, 10.0)],
    domain=[POSITIVE],
    reference="log(x, 10)",
    latex=r"\log_{{10}}\left({x}\right)",
    doc="The logarithm to base 10; -inf at 0, nan below.",
)
log1p = define(
    "log1p",
    value=_ieee(math.log1p, {-1.0: -inf}),
    partials=[lambda y, x: div(1.0, right_of_zero(1.0 + x))],
    domain=[(-1.0, REALS[1])],
    latex=r"\log\left(1 + {x}\right)",
    doc="log(1 + x), to full accuracy near 0; -inf at -1, nan below.",
)
sqrt = define(
    "sqrt",
    value=lambda x: math.sqrt(x) if x >= 0 else nan,
    partials=[lambda y, x: div(0.5, y + 0.0)],
    domain=[NONNEGATIVE],
    latex=r"\sqrt{{{x}}}",
    doc="The square root; its derivative at 0 is inf, and both are nan below.",
)
cbrt = define(
    "cbrt",
    definition=_cube_root,
    partials=[lambda y, x: div(1.0, 3.0 * (y * y))],
    reference="sign(x) * cbrt(fabs(x))",
    latex=r"\sqrt[3]{{{x}}}",
    doc="The real cube root, negative for negative x; its derivative at 0 is inf.",
)

# ---- circular functions, in radians ----------------------------------------------------------------

sin = define(
    "sin",
    value=lambda x: math.sin(x) if -inf < x < inf else nan,
    partials=[lambda y, x: cos(x)],
    doc="The sine, x in radians.",
)
cos: Primitive = define(
    "cos",
    value=lambda x: math.cos(x) if -inf < x < inf else nan,
    partials=[lambda y, x: -sin(x)],
    doc="The cosine, x in radians.",
)
tan = define(
    "tan",
    value=_ieee(math.tan),
    partials=[lambda y, x: 1.0 + y * y],
    doc="The tangent, x in radians.",
)
asin = define(
    "asin",
    value=_ieee(math.asin),
    partials=[lambda y, x: div(1.0, sqrt(_one_less_square(x)))],
    domain=[UNIT],
    aliases=["arcsin"],
    doc="The angle in [-π/2, π/2] whose sine is x; its derivative at ±1 is inf, and both are nan beyond.",
)
acos = define(
    "acos",
    value=_ieee(math.acos),
    partials=[lambda y, x: div(-1.0, sqrt(_one_less_square(x)))],
    domain=[UNIT],
    aliases=["arccos"],
    doc="The angle in [0, π] whose cosine is x; its derivative at ±1 is -inf, and both are nan beyond.",
)
atan = define(
    "atan",
    value=math.atan,
    partials=[lambda y, x: div(1.0, 1.0 + x * x)],
    aliases=["arctan"],
    doc="The angle in [-π/2, π/2] whose tangent is x.",
)


def _over_square(x: Any, h: Any) -> Any:
    """x/h², h ≥ 0; h² itself only where it neither overflows nor underflows."""
    ordinary = less(1e-150, h) * less(h, 1e150)
    return where(ordinary, div(x, h * h), div(div(x, h), h))


atan2 = define(
    "atan2",
    "y x",
    value=math.atan2,
    partials=[
        lambda z, y, x: _over_square(x, hypot(x, y)),
        lambda z, y, x: -_over_square(y, hypot(x, y)),
    ],
    reference="atan2(y, x)",
    aliases=["arctan2"],
    doc="The angle of the point (x, y), in [-π, π]; its derivatives at (0, 0) are nan.",
)
hypot: Primitive = define(
    "hypot",
    "*x",
    value=math.hypot,
    partials=[lambda h, xs: [where(equal(h, 0.0), 0.0, div(x, h)) for x in xs]],
    reference="sqrt(fsum(t * t for t in x))",
    doc="The Euclidean length √(x² + y² + …) of any number of operands; its derivatives at 0 are 0.",
)
degrees = define(
    "degrees",
    definition=lambda x: x * (180.0 / math.pi),
    partials=[lambda y, x: 180.0 / math.pi],
    latex=r"\frac{{180}}{{\pi}} {x}",
    precedence=2,
    aliases=["rad2deg"],
    doc="The angle x, in radians, in degrees.",
)
radians = define(
    "radians",
    definition=lambda x: x * (math.pi / 180.0),
    partials=[lambda y, x: math.pi / 180.0],
    latex=r"\frac{{\pi}}{{180}} {x}",
    precedence=2,
    aliases=["deg2rad"],
    doc="The angle x, in degrees, in radians.",
)

# ---- hyperbolic functions --------------------------------------------------------------------------


def _sech_squared(x: Any) -> Any:
    """4v(1 - v), v = e/(1 + e), e = exp(-2|x|): the product forgives v its errors, and nothing cancels."""
    e = exp(-2.0 * abs_(x))
    v = div(e, 1.0 + e)
    return 4.0 * v * (1.0 - v)


def _cosh(x: float) -> float:
    try:
        return math.cosh(x)
    except OverflowError:
        return inf


sinh: Primitive = define(
    "sinh",
    value=_ieee(math.sinh),
    partials=[lambda y, x: cosh(x)],
    domain=[(-710.0, 710.0)],
    doc="The hyperbolic sine.",
)
cosh: Primitive = define(
    "cosh",
    value=_cosh,
    partials=[lambda y, x: sinh(x)],
    domain=[(-710.0, 710.0)],
    doc="The hyperbolic cosine.",
)
tanh: Primitive = define(
    "tanh",
    value=math.tanh,
    partials=[lambda y, x: sech_squared(x)],  # 1 - y² has no correct digit left at x = 20
    doc="The hyperbolic tangent.",
)
sech_squared: Primitive = define(
    "sech_squared",
    definition=_sech_squared,
    partials=[lambda y, x: -2.0 * (tanh(x) * y)],
    reference="sech(x) ** 2",
    latex=r"\operatorname{{sech}}^2\left({x}\right)",
    doc="1/cosh²x, the derivative of tanh: a primitive of its own, exact at every order.",
)
asinh = define(
    "asinh",
    value=math.asinh,
    partials=[lambda y, x: div(1.0, hypot(1.0, x))],
    latex=r"\operatorname{{arsinh}}\left({x}\right)",
    aliases=["arcsinh"],
    doc="The number whose hyperbolic sine is x.",
)
acosh = define(
    "acosh",
    value=_ieee(math.acosh),
    partials=[lambda y, x: div(1.0, sqrt(x - 1.0) * sqrt(x + 1.0))],
    domain=[(1.0, REALS[1])],
    latex=r"\operatorname{{arcosh}}\left({x}\right)",
    aliases=["arccosh"],
    doc="The number ≥ 0 whose hyperbolic cosine is x; its derivative at 1 is inf, and both are nan below.",
)
atanh = define(
    "atanh",
    value=_ieee(math.atanh, {1.0: inf, -1.0: -inf}),
    partials=[lambda y, x: div(1.0, right_of_zero(_one_less_square(x)))],
    domain=[UNIT],
    latex=r"\operatorname{{artanh}}\left({x}\right)",
    aliases=["arctanh"],
    doc="The number whose hyperbolic tangent is x; ±inf at ±1, with derivative inf, and nan beyond.",
)

# ---- sigmoids and sums of exponentials -------------------------------------------------------------


def _sigmoid(x: Any) -> Any:
    e = exp(_toward_zero(x))
    return div(where(less(x, 0.0), e, 1.0), 1.0 + e)


def _sigmoid_slope(y: Any, x: Any) -> Any:
    """1/(4·cosh²(x/2)): y·(1-y) has no correct digit left at x = 40."""
    return 0.25 * sech_squared(0.5 * x)


def _softplus(x: Any) -> Any:
    return where(less(x, 0.0), 0.0, x) + log1p(exp(_toward_zero(x)))


def difference(x: Any, y: Any) -> tuple[Any, Any]:
    """Return x - y as it is rounded, and what the rounding has lost (no derivative passes there).

    exp(-700.1) is wrong in its last three digits if -700.1 is right in all of its own.
    """
    x_, y_ = stop_gradient(x), stop_gradient(y)
    d = x_ - y_
    y_back = x_ - d
    lost = (x_ - (d + y_back)) + (y_back - y_)
    return x - y, where(less(abs_(lost), inf), lost, 0.0)


def _log_add_exp(x: Any, y: Any) -> Any:
    rest = where(equal(x, y), 1.0, exp(-abs_(x - y)))  # inf - inf is nan, and equal
    return maximum(x, y) + log1p(rest)


def _share(x: Any, y: Any) -> Any:
    """eˣ / (eˣ + eʸ)."""
    d, lost = difference(x, y)
    s = sigmoid(d)
    return s + lost * (s * sigmoid(-d))


def _log_sum_exp(*xs: Any) -> Any:
    """Return m + log(1 + the rest): the largest operand stands for itself, all the others are the rest."""
    if not xs:
        return -inf
    m = reduce(maximum, xs)
    equals = reduce(lambda n, x: n + equal(x, m), xs, -1.0)
    return m + log1p(reduce(lambda s, x: s + where(equal(x, m), 0.0, exp(x - m)), xs, equals))


def shares(xs: Sequence[Any]) -> list[Any]:
    """The softmax: eˣ / Σeˣ of each, the largest taken off first."""
    m = reduce(maximum, map(stop_gradient, xs))
    exponentials = []
    for x in xs:
        d, lost = difference(x, m)
        e = exp(d)
        exponentials.append(e + lost * e)
    total = sum_(*exponentials)
    return [div(e, total) for e in exponentials]


sigmoid = define(
    "sigmoid",
    definition=_sigmoid,
    partials=[_sigmoid_slope],
    reference="1 / (1 + exp(-x))",
    latex=r"\sigma\left({x}\right)",
    doc="The logistic function 1 / (1 + e⁻ˣ), never overflowing.",
)
softplus = define(
    "softplus",
    definition=_softplus,
    partials=[lambda y, x: sigmoid(x)],
    reference="log1p(exp(x)) if x < 0 else x + log1p(exp(-x))",
    doc="log(1 + eˣ), a smooth relu, exact to the last digits at any size of x.",
)
logaddexp = define(
    "logaddexp",
    "x y",
    definition=_log_add_exp,
    partials=[lambda z, x, y: _share(x, y), lambda z, x, y: _share(y, x)],
    reference="max(x, y) + log1p(exp(-fabs(x - y)))",
    latex=r"\log\left(e^{{{x}}} + e^{{{y}}}\right)",
    doc="log(eˣ + eʸ), never overflowing.",
)
logsumexp = define(
    "logsumexp",
    "*x",
    value=_log_sum_exp,
    definition=_log_sum_exp,
    partials=[lambda y, xs: shares(xs)],
    reference="max(x) + log(fsum(exp(t - max(x)) for t in x))",
    doc="log Σ eˣ over any number of operands, never overflowing; its gradient is the softmax.",
)

# ---- the error function and the gamma family -------------------------------------------------------

TWO_OVER_ROOT_PI: Final = 1.1283791670955126


def gaussian(x: Any, scale: float = 1.0) -> Any:
    """exp(-scale·x²), scale a power of 2, by an exact square and the rest: x² rounded costs 200 ULP."""
    x = where(less(40.0, abs_(x)), 40.0, x)  # there it is 0, with every derivative
    high = stop_gradient(134217729.0 * x - (134217729.0 * x - x))  # 2²⁷ + 1: Veltkamp's splitting
    return exp(-scale * (high * high)) * exp(scale * ((high - x) * (high + x)))


erf = define(
    "erf",
    value=math.erf,
    partials=[lambda y, x: TWO_OVER_ROOT_PI * gaussian(x)],
    doc="The error function, 2/√π times the integral of exp(-t²) from 0 to x.",
)
erfc = define(
    "erfc",
    value=math.erfc,
    partials=[lambda y, x: -TWO_OVER_ROOT_PI * gaussian(x)],
    domain=[(-REALS[1], 26.5)],
    doc="1 - erf(x), to full accuracy for large x.",
)


def _gamma(x: float) -> float:
    return math.copysign(inf, x) if x == 0.0 else _gamma_elsewhere(x)


_gamma_elsewhere: Final = _ieee(math.gamma)


def _lgamma(x: float) -> float:
    """As `math.lgamma`, which has no correct digit next to its roots: near 1 and 2, the series there.

    log Γ(2+t) = (1-γ)t + Σ (-1)ᵏ (ζ(k)-1) tᵏ/k (Abramowitz and Stegun, 6.1.33).
    """
    if 0.5 <= x <= 3.0:
        t = x - 2.0 if x > 1.5 else x - 1.0
        series = t * reduce(lambda s, c: s * t + c, _LGAMMA_SERIES, 0.0)
        return series if x > 1.5 else series - math.log1p(t)
    try:
        return math.lgamma(x)
    except (ValueError, OverflowError):
        return inf


# ψ(x) ~ log x - 1/2x - Σ B₂ₖ/(2k x²ᵏ), and the derivatives of that (Abramowitz and Stegun, 6.3.18, 6.4.11)
_BERNOULLI: Final = [
    *(1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66, -691 / 2730, 7 / 6, -3617 / 510),
    *(43867 / 798, -174611 / 330, 854513 / 138, -236364091 / 2730),
]


def _zeta(s: float, x: float) -> float:
    """Hurwitz's zeta function, Σ (x+k)⁻ˢ over k = 0, 1, …, by Euler and Maclaurin; s > 1, x > 0."""
    total = 0.0
    while x < 9.0 + s:
        total += _power(x, -s)
        x += 1.0
    tail = 1.0 / (s - 1.0) + 0.5 / x
    factor = s / x / x
    for k, bernoulli in enumerate(_BERNOULLI):
        tail += bernoulli / math.factorial(2 * k + 2) * factor
        factor *= (s + 2 * k + 1) / x * ((s + 2 * k + 2) / x)
    return total + _power(x, 1.0 - s) * tail


_LGAMMA_SERIES: Final = [
    *((-1) ** k * _zeta(float(k), 2.0) / k for k in range(50, 1, -1)),
    0.42278433509846713,  # 1-γ
]

# ψ around its root, in powers of the distance: elsewhere its terms cancel there
_DIGAMMA_ROOT: Final = (1.4616321449683622, 9.549995429965697e-17)
_DIGAMMA_SERIES: Final = [(-1) ** (k + 1) * _zeta(k + 1.0, _DIGAMMA_ROOT[0]) for k in range(40, 0, -1)]


def _digamma(x: Any) -> Any:
    """By reflection to x ≥ ½, by recurrence to x ≥ 10, and there by the asymptotic series."""
    near = (x - _DIGAMMA_ROOT[0]) - _DIGAMMA_ROOT[1]
    around_root = near * reduce(lambda s, c: s * near + c, _DIGAMMA_SERIES, 0.0)
    return where(less(abs_(near), 0.6), around_root, _digamma_elsewhere(x))


def _digamma_elsewhere(x: Any) -> Any:
    left = less(x, 0.5)
    right = where(left, 1.0 - x, x)
    small = less(right, 10.0)
    start = where(small, right, 1.0)
    steps = reduce(lambda s, k: s + div(1.0, start + k), [9.0 - k for k in range(10)], 0.0)
    far = where(small, right + 10.0, right)
    w = div(div(1.0, far), far)
    series = reduce(lambda s, k: (s + _BERNOULLI[k] / (2 * k + 2)) * w, reversed(range(9)), 0.0)
    psi = log(far) - div(0.5, far) - series - where(small, steps, 0.0)
    r = x - round_(x)
    pole = where(equal(x, 0.0), -div(1.0, x), nan * x)
    return where(left, where(equal(r, 0.0), pole, psi - div(math.pi, tan(math.pi * r))), psi)


def _polygamma(n: float, x: float) -> float:
    """(-1)ⁿ⁺¹ n! ζ(n+1, x) for x > 0, by reflection below."""
    if not (0.0 <= n <= 170.0 and n == _floor(n) and x == x):  # 171! is beyond the floats
        return nan
    if n == 0.0:
        return digamma.value(x)
    even = -1.0 if n % 2.0 == 0.0 else 1.0
    if x <= 0.0 and x == _floor(x):
        return nan if x else inf if even > 0.0 else -math.copysign(inf, x)
    if x < 0.0:
        # (-1)ⁿ ψₙ(1-x) - ψₙ(x) = π dⁿ/dxⁿ cot πx, a polynomial in t = cot πx, as t′ = -π(1 + t²)
        t = 1.0 / math.tan(math.pi * (x - round_.value(x)))
        p = [0.0, 1.0]
        for _ in range(int(n)):
            slope = [k * c for k, c in enumerate(p)][1:]
            p = [-a - b for a, b in zip([*slope, 0.0, 0.0], [0.0, 0.0, *slope], strict=True)]
        cotangent = reduce(lambda s, c: s * t + c, reversed(p), 0.0)
        return -even * _polygamma(n, 1.0 - x) - _power(math.pi, n + 1.0) * cotangent
    return even * _gamma(n + 1.0) * _zeta(n + 1.0, x)


gamma = define(
    "gamma",
    value=_gamma,
    partials=[lambda y, x: y * digamma(x)],
    domain=[(1e-300, 171.0)],
    latex=r"\Gamma\left({x}\right)",
    doc="The gamma function; inf at 0 and from 172 on, nan at negative whole numbers.",
)
lgamma = define(
    "lgamma",
    value=_lgamma,
    partials=[lambda y, x: digamma(x)],
    domain=[POSITIVE],
    reference="log(fabs(gamma(x)))",
    latex=r"\log\left|\Gamma\left({x}\right)\right|",
    aliases=["gammaln"],
    doc="log |Γ(x)|; inf at 0 and at negative whole numbers, with derivative -inf at 0, nan below.",
)
digamma: Primitive = define(
    "digamma",
    definition=_digamma,
    partials=[lambda y, x: polygamma(1.0, x)],
    domain=[POSITIVE],
    latex=r"\psi\left({x}\right)",
    aliases=["psi"],
    doc="The derivative of lgamma; -inf at 0, nan at negative whole numbers.",
)
polygamma: Primitive = define(
    "polygamma",
    "n x",
    value=_polygamma,
    partials=[None, lambda y, n, x: polygamma(n + 1.0, x)],
    domain=[(2.0, 2.0), POSITIVE],
    latex=r"\psi^{{({n})}}\left({x}\right)",
    doc="The n-th derivative of digamma, n = 0, 1, …, 170; nan for any other n. No derivative by n.",
)

# ---- many operands at once -------------------------------------------------------------------------


def _add_up(*xs: Any) -> Any:
    return reduce(lambda s, x: s + x, xs) if xs else 0.0


def _dot(*pairs: Any) -> Any:
    half, odd = divmod(len(pairs), 2)
    if odd:
        raise TypeError(
            f"dot() takes the numbers of one sequence, then as many of another; got {len(pairs)} in all"
        )
    return _add_up(*[x * y for x, y in zip(pairs[:half], pairs[half:], strict=True)])


sum_ = define(
    "sum",
    "*x",
    value=_add_up,
    definition=_add_up,
    partials=[lambda y, xs: [1.0] * len(xs)],
    reference="fsum(x)",
    latex=r"\sum\left({x}\right)",
    doc="The sum of any number of operands, from left to right: one node, however many there are.",
)
dot = define(
    "dot",
    "*x",
    value=_dot,
    definition=_dot,
    partials=[lambda y, xs: [*xs[len(xs) // 2 :], *xs[: len(xs) // 2]]],
    reference="fsum(s * t for s, t in zip(x[:len(x) // 2], x[len(x) // 2:]))",
    latex=r"\left\langle {x} \right\rangle",
    doc="The sum of products x₁y₁ + x₂y₂ + … of the operands x₁, x₂, …, y₁, y₂, …: one node.",
)


def round_to(x: Any, digits: int | None) -> Any:
    """Return ``round(x, digits)`` of a number or a Value; ValueError unless it asks for a whole number.

    >>> round_to(2.5, None)
    2.0
    """
    if digits:
        raise ValueError(
            f"round(Value, {digits}) is not to a whole number: round a multiple, as in round(100 * v) / "
            f"100, or print fewer digits, as in f'{{v:.{digits}f}}'"
        )
    return round_(x)
