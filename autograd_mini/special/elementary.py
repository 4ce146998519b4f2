"""Primitives of statistics and learning that are made of elementary functions.

Each is in the table when the package is imported, and public as `autograd_mini.xlogy` and so on. They are
written in other primitives, so every backend has them, and they keep their last digits where the textbook's
formula loses them: next to a root, and where a difference cancels.
"""

from __future__ import annotations

import math
from functools import reduce
from typing import Any, Final

from autograd_mini.engine.primitives import (
    LN2,
    POSITIVE,
    abs_,
    atanh,
    copysign,
    cos,
    difference,
    div,
    equal,
    exp,
    expm1,
    less,
    log,
    log1p,
    log2,
    log10,
    maximum,
    minimum,
    mod,
    right_of_zero,
    round_,
    sin,
    sqrt,
    where,
)
from autograd_mini.engine.table import REALS, Interval, Primitive, define, nan
from autograd_mini.engine.value import give_methods

__all__ = [
    "cospi",
    "elu",
    "entr",
    "fmax",
    "fmin",
    "log1mexp",
    "log_base",
    "logexpm1",
    "logit",
    "logsubexp",
    "mish",
    "silu",
    "sinc",
    "sinpi",
    "xlog1py",
    "xlogy",
]

NEGATIVE: Final[Interval] = (REALS[0], -5e-324)

# ---- logarithms ------------------------------------------------------------------------------------


def _unless_zero(x: Any, y: Any, product: Any) -> Any:
    """The product x·log(…), which is 0 where x is 0, for any logarithm, but nan where y is nan."""
    return where(equal(x, 0.0), where(equal(y, y), 0.0, y), product)


def _share(x: Any, y: Any) -> Any:
    """x/y inside the domain of log y; where x and y are 0, 0 with the infinite slope of x/y there."""
    at_zero = where(equal(y, 0.0), sqrt(where(equal(x, 0.0), x, 1.0)), div(x, y))
    return where(equal(x, 0.0), at_zero, div(x, right_of_zero(y) + 0.0))


def _log_base(x: Any, base: Any) -> Any:
    quotient = div(log(x), log(base))
    return where(equal(base, 2.0), log2(x), where(equal(base, 10.0), log10(x), quotient))


log_base = define(
    "log_base",
    "x base",
    definition=_log_base,
    partials=[
        lambda z, x, base: div(1.0, right_of_zero(x) * log(base)),
        lambda z, x, base: 0.0 - div(z, right_of_zero(base) * log(base)),
    ],
    domain=[POSITIVE, POSITIVE],
    reference="log(x, base)",
    form="log({x}, {base})",
    latex=r"\log_{{{base}}}\left({x}\right)",
    doc="The logarithm of x to any base: what log(x, base) is. Exact for powers of 2 and of 10.",
)
log.overload = log_base
xlogy = define(
    "xlogy",
    "x y",
    definition=lambda x, y: _unless_zero(x, y, x * log(y)),
    partials=[lambda z, x, y: log(y), lambda z, x, y: _share(x, y)],
    domain=[REALS, POSITIVE],
    reference="x * log(y)",
    latex=r"{x} \cdot \log\left({y}\right)",
    precedence=2,
    form="xlogy({x}, {y})",
    doc="x·log(y), and 0 where x is 0, even for y ≤ 0: the terms of entropies and likelihoods.",
)
xlog1py = define(
    "xlog1py",
    "x y",
    definition=lambda x, y: _unless_zero(x, y, x * log1p(y)),
    partials=[lambda z, x, y: log1p(y), lambda z, x, y: _share(x, 1.0 + y)],
    domain=[REALS, (-1.0, REALS[1])],
    reference="x * log1p(y)",
    latex=r"{x} \cdot \log\left(1 + {y}\right)",
    precedence=2,
    form="xlog1py({x}, {y})",
    doc="x·log(1 + y) to full accuracy for small y, and 0 where x is 0, even for y ≤ -1.",
)

ONE_OVER_E: Final = (0.36787944117144233, -1.2428753672788363e-17)
"""1/e in two floats, whose sum is right to 33 digits."""


def _entropy(x: Any) -> Any:
    return where(less(x, 0.0), -math.inf, 0.0 - xlogy(x, x))


def _entropy_slope(y: Any, x: Any) -> Any:
    """-log(ex); near the root 1/e, where -1 - log x cancels, by the distance from it."""
    distance = (x - ONE_OVER_E[0]) - ONE_OVER_E[1]
    return -where(less(abs_(distance), 0.18), log1p(math.e * distance), log(x) + 1.0)


entr = define(
    "entr",
    definition=_entropy,
    partials=[_entropy_slope],
    domain=[POSITIVE],
    reference="-x * log(x)",
    doc="The entropy -x·log(x) of one outcome; 0 at 0 with derivative inf, -inf below with derivative nan.",
)


def _logit(x: Any) -> Any:
    """log(x/(1 - x)); around its root ½, where 2x - 1 is exact, 2·artanh(2x - 1)."""
    central = less(0.25, x) * less(x, 0.75)
    return where(central, 2.0 * atanh(2.0 * x - 1.0), log(div(x, 1.0 - x)))


logit = define(
    "logit",
    definition=_logit,
    partials=[lambda y, x: div(1.0, right_of_zero(x * (1.0 - x)) + 0.0)],
    domain=[(0.0, 1.0)],
    reference="log(x / (1 - x))",
    doc="log(x / (1 - x)), the inverse of sigmoid; ∓inf at 0 and 1 with derivative inf, nan beyond.",
)


def _log_1_minus_exp(x: Any) -> Any:
    return where(less(-LN2, x), log(-expm1(x)), log1p(-exp(x)))


# log 2 in two floats: next to it eˣ - 1 is 1, and its logarithm has no correct digit
LN2_LOW: Final = 2.3190468138462996e-17


def _log_exp_minus_1(x: Any) -> Any:
    distance = (x - LN2) - LN2_LOW  # from the root
    middle = log1p(2.0 * expm1(distance))
    outside = where(less(x, 0.5), log(expm1(x)), x + log1p(-exp(-x)))
    return where(less(abs_(x - 0.86), 0.51), middle, outside)


log1mexp = define(
    "log1mexp",
    definition=_log_1_minus_exp,
    partials=[lambda y, x: -div(exp(x), right_of_zero(-expm1(x)) + 0.0)],
    domain=[NEGATIVE],
    reference="log(-expm1(x))",
    latex=r"\log\left(1 - e^{{{x}}}\right)",
    doc="log(1 - eˣ) for x ≤ 0, the log-probability of a complement; -inf at 0, nan above.",
)
logexpm1 = define(
    "logexpm1",
    definition=_log_exp_minus_1,
    partials=[lambda y, x: div(1.0, right_of_zero(-expm1(-x)) + 0.0)],
    domain=[POSITIVE],
    reference="log(expm1(x))",
    latex=r"\log\left(e^{{{x}}} - 1\right)",
    doc="log(eˣ - 1) for x ≥ 0, the inverse of softplus, never overflowing; -inf at 0, nan below.",
)


def _log_sub_exp(x: Any, y: Any) -> Any:
    """Hi + log(1 - e⁻ᵈ) or lo + log(eᵈ - 1), d = hi - lo: the one whose logarithm is smaller."""
    hi, lo = maximum(x, y), minimum(x, y)
    rounded, lost = difference(hi, lo)
    d = where(equal(hi, lo), 0.0, rounded)  # inf - inf is nan, and equal
    from_hi = hi + (log1mexp(-d) + where(lost, div(lost, expm1(d)), 0.0))
    from_lo = lo + (logexpm1(d) + where(lost, div(lost, -expm1(-d)), 0.0))
    return where(less(abs_(lo), abs_(hi)) * less(d, 40.0), from_lo, from_hi)


def _signed_share(x: Any, y: Any) -> Any:
    """eˣ / (eˣ - eʸ); nan with edges where x = y, a pole with a sign on each side."""
    d, lost = difference(x, y)
    share = where(less(d, 0.0), div(exp(d), expm1(d)), div(-1.0, expm1(-d)))
    corrected = where(lost, share + share * (lost * (1.0 - share)), share)
    return where(equal(d, 0.0), nan * d, corrected)


logsubexp = define(
    "logsubexp",
    "x y",
    definition=_log_sub_exp,
    partials=[lambda z, x, y: _signed_share(x, y), lambda z, x, y: _signed_share(y, x)],
    reference="log(fabs(exp(x) - exp(y)))",
    latex=r"\log\left|e^{{{x}}} - e^{{{y}}}\right|",
    doc="log |eˣ - eʸ|, never overflowing; -inf where x = y, with derivatives nan.",
)

# ---- functions with kinks --------------------------------------------------------------------------


def _leads(x: Any, y: Any) -> Any:
    """1 where x alone is the result, ½ at a tie, else 0; nan if both are nan."""
    alone = where(equal(x, x), 1.0, where(equal(y, y), 0.0, nan))
    return where(less(y, x), 1.0, where(less(x, y), 0.0, where(equal(x, y), 0.5, alone)))


fmax = define(
    "fmax",
    "x y",
    definition=lambda x, y: where(less(x, y), y, where(equal(x, x), x, y)),
    partials=[lambda z, x, y: _leads(x, y), lambda z, x, y: _leads(y, x)],
    reference="max(x, y)",
    doc="The larger of x and y, or the other where one is nan; each has derivative ½ at a tie.",
)
fmin = define(
    "fmin",
    "x y",
    definition=lambda x, y: where(less(y, x), y, where(equal(x, x), x, y)),
    partials=[lambda z, x, y: _leads(-x, -y), lambda z, x, y: _leads(-y, -x)],
    reference="min(x, y)",
    doc="The smaller of x and y, or the other where one is nan; each has derivative ½ at a tie.",
)

# ---- circular functions, in half turns -------------------------------------------------------------


def _half_turns(x: Any) -> tuple[Any, Any]:
    """Return (sin πx, cos πx) within two ULP: x is reduced to [-¼, ¼], exactly, before π comes in."""
    x = where(less(abs_(x), 9007199254740992.0), x, 0.0 * x)  # from 2⁵³ on all floats are even
    quarters = round_(2.0 * x)
    r = math.pi * (x - 0.5 * quarters)
    odd = mod(quarters, 2.0)
    sine, cosine = where(odd, cos(r), sin(r)), where(odd, -sin(r), cos(r))
    upper = less(mod(quarters, 4.0), 2.0)
    return where(upper, sine, -sine), where(upper, cosine, -cosine)


def _sine(x: Any) -> Any:
    sine = _half_turns(x)[0]
    return where(equal(sine, 0.0), copysign(0.0, x), sine)


sinpi: Primitive = define(
    "sinpi",
    definition=_sine,
    partials=[lambda y, x: math.pi * cospi(x)],
    latex=r"\sin\left(\pi \cdot {x}\right)",
    doc="sin(πx), exact at every multiple of ½; 0 with the sign of x where x is whole.",
)
cospi: Primitive = define(
    "cospi",
    definition=lambda x: _half_turns(x)[1] + 0.0,
    partials=[lambda y, x: 0.0 - math.pi * sinpi(x)],
    latex=r"\cos\left(\pi \cdot {x}\right)",
    doc="cos(πx), exact at every multiple of ½.",
)


def _sinc(x: Any) -> Any:
    return where(equal(x, 0.0), 1.0, div(_half_turns(x)[0], math.pi * x))


# sinc′(x) = Σ cₖ x²ᵏ⁻¹: terms enough for the first four derivatives to be right in |x| < ½
_SINC_SERIES: Final = [
    (-1) ** k * 2 * k * math.pi ** (2 * k) / math.factorial(2 * k + 1) for k in range(1, 17)
]


def _sinc_slope(y: Any, x: Any) -> Any:
    """(cos πx - sinc x)/x; near 0, where that cancels, the series."""
    near = where(less(abs_(x), 0.5), x, 0.0)
    series = near * reduce(lambda s, c: s * (near * near) + c, reversed(_SINC_SERIES))
    return where(less(abs_(x), 0.5), series, div(_half_turns(x)[1] - y, x))


sinc = define(
    "sinc",
    definition=_sinc,
    partials=[_sinc_slope],
    reference="sinc(pi * x)",
    doc="sin(πx)/(πx), and 1 at 0; normalised, as in NumPy.",
)

# ---- activations -----------------------------------------------------------------------------------

# The points where their derivatives are 0, in two floats, and eˣ there.
SILU_ROOT: Final = (-1.2784645427610737, -1.0946994183093437e-16, 0.2784645427610738)
MISH_ROOT: Final = (-1.1924312145154952, -4.8484829848031044e-17, 0.3034825352815289)


def _pieces(x: Any) -> tuple[Any, Any, Any]:
    """Return x, whether it is far left, and exp(-x), or √eˣ far left.

    Beyond ±800 these functions are 0 or x to the last digit. Far left they are eˣ times a factor that is
    not small, so eˣ underflows first: hence its square root.
    """
    x = where(less(800.0, abs_(x)), copysign(800.0, x), x)
    far = less(x, -40.0)
    return x, far, exp(where(far, 0.5 * x, -x))


def _silu(x: Any) -> Any:
    near, far, g = _pieces(x)
    return where(far, near * g * g, div(where(far, near, x), 1.0 + g))


def _silu_slope(y: Any, x: Any) -> Any:
    """(1 + x + eˣ)/(e⁻ˣ + 2 + eˣ), the numerator by the distance from its root, where nothing cancels."""
    x, far, g = _pieces(x)
    high, low, e_root = SILU_ROOT
    t = (x - high) - low
    from_root = div(t + e_root * expm1(t), g + (2.0 + div(1.0, g)))
    right = div(1.0 + (1.0 + x) * g, 1.0 + g * (2.0 + g))
    return where(far, (1.0 + x) * g * g, where(less(x, -0.5), from_root, right))


def _mish(x: Any) -> Any:
    """x·tanh(softplus(x)), where tanh(log(1 + 1/g)) is (1 + 2g)/(1 + 2g + 2g²)."""
    near, far, g = _pieces(x)
    share = div(1.0 + 2.0 * g, 1.0 + 2.0 * g * (1.0 + g))
    return where(far, near * g * g, where(far, near, x) * share)


def _mish_slope(y: Any, x: Any) -> Any:
    """W + x·w′, w = tanh(softplus(x)): 1 + c right; left a sum by the distance from its root."""
    x, far, g = _pieces(x)
    e = div(1.0, g)
    high, low, e_root = MISH_ROOT
    t = (x - high) - low
    first, last = 4.0 + e_root, e_root * (e_root + 4.0) + 4.0 * high + 6.0
    from_root = 4.0 * t * (1.0 + e) + e_root * expm1(t) * (e * (e + first) + last)
    as_it_is = 4.0 * (x + 1.0) + e * (4.0 * x + 6.0 + e * (4.0 + e))
    below = 1.0 + 2.0 * g * (1.0 + g)
    right = 1.0 + div(g * g * (div(4.0 * x * (1.0 + g), below) - 2.0), below)
    left = div(where(less(x, -3.0), as_it_is, from_root), 4.0 * g + (8.0 + e * (8.0 + e * (4.0 + e))))
    near = div(2.0 + e + div(4.0 * x * (1.0 + e), 2.0 + e * (2.0 + e)), 2.0 * g + (2.0 + e))
    return where(far, (1.0 + x) * g * g, where(less(x, -0.5), left, where(less(x, 0.0), near, right)))


def _exp_left(x: Any) -> Any:
    return exp(where(less(0.0, x), 0.0, x))


silu = define(
    "silu",
    definition=_silu,
    partials=[_silu_slope],
    reference="x / (1 + exp(-x))",
    doc="x·sigmoid(x), the smooth relu that is also called swish.",
)
mish = define(
    "mish",
    definition=_mish,
    partials=[_mish_slope],
    reference="x * tanh(log1p(exp(x)))",
    doc="x·tanh(softplus(x)), a smooth relu.",
)
elu = define(
    "elu",
    definition=lambda x: where(less(0.0, x), x, expm1(where(less(0.0, x), 0.0, x))),
    partials=[lambda y, x: _exp_left(x)],
    reference="x if x > 0 else expm1(x)",
    doc="x where x > 0, else eˣ - 1: the exponential linear unit, with derivative 1 at 0.",
)

for _row in (log_base, xlogy, xlog1py, entr, logit, log1mexp, logexpm1, logsubexp, fmax, fmin):
    give_methods(_row)
for _row in (sinpi, cospi, sinc, silu, mish, elu):
    give_methods(_row)
