"""Elementary functions over vectors of doubles, within a few units in the last place.

Each function has the same three parts: *reduce* the argument to a short interval, evaluate a *polynomial*
there, and *rebuild* the result. There are no branches for special values (inf, nan, ±0): the arithmetic
gives them, or a ``where`` puts them in. The tests prove what each polynomial approximates, and to how many
digits.

Nothing outside the module is called, except by `fmod` for quotients beyond 2**53.
"""

# ruff: noqa: D103 - a function here is named after what it computes

from __future__ import annotations

import math
from typing import NamedTuple

from autograd_mini.compiler.backends.llvm.lanes import (
    ROUNDER,
    Vector,
    clamped,
    copysign,
    fraction_and_exponent,
    mul_add,
    per_lane,
    polynomial,
    scaled,
    two_product,
    two_sum,
    where,
)


# ---- rounding and roots --------------------------------------------------------------------------
def sqrt(x: Vector) -> Vector:
    """Correctly rounded."""
    return x.lanes.intrinsic("sqrt", x)


def floor(x: Vector) -> Vector:
    return x.lanes.intrinsic("floor", x)


def ceil(x: Vector) -> Vector:
    return x.lanes.intrinsic("ceil", x)


def trunc(x: Vector) -> Vector:
    return x.lanes.intrinsic("trunc", x)


def rint(x: Vector) -> Vector:
    """To the nearest integer, ties to even."""
    return x.lanes.intrinsic("rint", x)


# ---- exponentials --------------------------------------------------------------------------------
LOG2_E, LOG10_E = 1 / math.log(2), math.log10(math.e)
# Constants longer than a double come in parts; the high one ends in zeros, so that its products with k are
# exact.
LN2_HIGH, LN2_LOW = (float.fromhex(part) for part in ("0x1.62E42FEFA3p-1", "0x1.3DE6AF278ECE6p-42"))
LOG10_2_HIGH, LOG10_2_LOW = (float.fromhex(part) for part in ("0x1.34413509F7p-2", "0x1.3FDE623E2566Bp-43"))

EXP = (
    0.5000000000000006,
    0.16666666666666619,
    0.04166666666657234,
    0.00833333333336246,
    0.0013888888933009389,
    0.00019841269795596778,
    2.480150354155705e-05,
    2.755732388546489e-06,
    2.7626719762937816e-07,
    2.5084670658955032e-08,
)  # (eʳ − 1 − r)/r² on |r| ≤ ½ ln 2


class _Power(NamedTuple):
    """eˣ as 2**k · (1 + p), with |p| < ½ accurate relative to itself."""

    k: Vector
    p: Vector


def _power(
    x: Vector, tail: Vector | None = None, low: float | None = -746.0, high: float | None = 709.9
) -> _Power:
    """Reduce x (+ a small tail) to r = x − k ln 2 and evaluate eʳ − 1.  Beyond the bounds the result is
    constant.
    """
    x = clamped(x, low, high)
    k = mul_add(x, LOG2_E, ROUNDER) - ROUNDER
    r = mul_add(k, -LN2_HIGH, x)
    r = mul_add(k, -LN2_LOW, r if tail is None else r + tail)
    return _Power(k, _exp_minus_1(r))


def _exp_minus_1(r: Vector) -> Vector:
    return mul_add(r * r, polynomial(r, EXP), r)


def exp(x: Vector) -> Vector:
    k, p = _power(x)
    return scaled(1.0 + p, k)


def exp2(x: Vector) -> Vector:
    x = clamped(x, -1076.0, 1025.0)
    k = (x + ROUNDER) - ROUNDER
    return scaled(1.0 + _exp_minus_1((x - k) * math.log(2)), k)


def expm1(x: Vector) -> Vector:
    k, p = _power(x)
    half = scaled(x._like(0.5), k)  # half of 2**k, which itself overflows a little before the result does
    tiny = abs(x) < 1e-300  # where half of p is a denormal number, with a bit less than p
    return where(tiny, x, copysign(2.0 * mul_add(half, p, half - 0.5), x))


def _decay(x: Vector) -> tuple[Vector, Vector]:
    """For x ≤ 0: eˣ − 1, and eˣ, both to full relative accuracy from one polynomial."""
    k, p = _power(x)
    scale = scaled(x._like(1.0), k)
    return mul_add(scale, p, scale - 1.0), mul_add(scale, p, scale)


def tanh(x: Vector) -> Vector:
    t, e = _decay(-2.0 * abs(x))
    return copysign(t / (1.0 + e), x)


def tanh_and_slope(x: Vector) -> tuple[Vector, Vector]:
    """Tanh x and its derivative, with one exponential and one division for both.

    With e = exp(−2|x|) and v = e/(1 + e), the derivative 4e/(1 + e)² is 4v(1 − v), where errors of v hardly
    matter.
    """
    t, e = _decay(-2.0 * abs(x))
    below = 1.0 + e
    inverse = 1.0 / below
    quotient = t * inverse
    quotient = mul_add(mul_add(-quotient, below, t), inverse, quotient)  # as exact as t / below
    v = e * inverse
    return copysign(quotient, x), 4.0 * mul_add(-v, v, v)


def sech_squared(x: Vector) -> Vector:
    return tanh_and_slope(x)[1]


def sinh(x: Vector) -> Vector:
    a = abs(x)
    k, p = _power(a, low=None, high=711.0)
    big = scaled(1.0 + p, k - 1.0)
    half = scaled(x._like(0.5), k)
    t = 2.0 * mul_add(half, p, half - 0.5)
    return copysign(where(a > 22.0, big, 0.5 * (t + t / (1.0 + t))), x)


def cosh(x: Vector) -> Vector:
    k, p = _power(abs(x), low=None, high=711.0)
    half = scaled(1.0 + p, k - 1.0)
    return half + 0.25 / half


# ---- logarithms ----------------------------------------------------------------------------------
LOG = (
    0.6666666666667269,
    0.3999999999617014,
    0.28571429394012177,
    0.22222138590525864,
    0.18186352948126128,
    0.15250242165267525,
    0.15367833538424416,
)  # (2 atanh(s)/s − 2)/s² in s², |s| ≤ 1/5
LOG_TAIL = (
    0.19999999999999862,
    0.14285714285788664,
    0.11111111095622465,
    0.09090910763204875,
    0.07692203311134456,
    0.06670572773793819,
    0.0579616890170507,
    0.06285792902310433,
)  # (atanh(s)/s − 1 − s²/3)/s⁴ in s²


def _log_of_1_plus(f: Vector, k: Vector | None = None, low: float = 0.0) -> Vector:
    """F − log(1 + f) − k·low for −¼ ≤ f ≤ ½: with s = f/(2 + f), log(1 + f) = 2 atanh s = f − s·(f −
    s²·P(s²)).
    """
    s = f / (2.0 + f)
    z = s * s
    inner = mul_add(-z, polynomial(z, LOG), f)
    return s * inner if k is None else mul_add(s, inner, k * -low)


def _log(f: Vector, k: Vector) -> Vector:
    """log((1 + f)·2**k); at k = ±inf it is k."""
    return mul_add(k, LN2_HIGH, f - _log_of_1_plus(f, k, LN2_LOW))


def log(x: Vector) -> Vector:
    m, k = fraction_and_exponent(x)
    return _log(m - 1.0, k)


def log2(x: Vector) -> Vector:
    m, k = fraction_and_exponent(x)
    f = m - 1.0
    return mul_add(f - _log_of_1_plus(f), LOG2_E, k)


def log10(x: Vector) -> Vector:
    m, k = fraction_and_exponent(x)
    f = m - 1.0
    return mul_add(k, LOG10_2_HIGH, mul_add(f - _log_of_1_plus(f), LOG10_E, k * LOG10_2_LOW))


def _log_of_sum(high: Vector, low: Vector, doublings: Vector | None = None) -> Vector:
    """log((high + low)·2**doublings), where low is what the rounding of high left out."""
    m, k = fraction_and_exponent(high)
    f = (m - 1.0) + where((high > 0.0) & (high < 2.0**60), scaled(low, -k), 0.0)
    return _log(f, k if doublings is None else k + doublings)


def log1p(x: Vector) -> Vector:
    u = 1.0 + x
    left_out = where(x > 1.0, 1.0 - (u - x), x - (u - 1.0))
    return copysign(_log_of_sum(u, left_out), x)


# ---- inverse hyperbolic --------------------------------------------------------------------------
def asinh(x: Vector) -> Vector:
    """log(a + sqrt(a² + 1)) = log1p(a + a²/(1 + sqrt(a² + 1))); beyond 2**28 it is log(2a)."""
    a = abs(x)
    huge = a > 2.0**28
    square = a * a
    v = a + square / (1.0 + sqrt(square + 1.0))
    u, left_out = _one_plus(v)
    value = _log_of_sum(where(huge, a, u), where(huge, 0.0, left_out), where(huge, 1.0, 0.0))
    return copysign(value, x)


def acosh(x: Vector) -> Vector:
    """log1p(t + sqrt(2t + t²)) with t = x − 1; beyond 2**28 it is log(2x)."""
    huge = x > 2.0**28
    t = x - 1.0
    u, left_out = _one_plus(t + sqrt(mul_add(t, t, 2.0 * t)))
    value = _log_of_sum(where(huge, x, u), where(huge, 0.0, left_out), where(huge, 1.0, 0.0))
    return where(x >= 1.0, value, math.nan)


def atanh(x: Vector) -> Vector:
    """½ log1p(2a/(1 − a))."""
    a = abs(x)
    return copysign(0.5 * log1p(2.0 * a / (1.0 - a)), x)


def _one_plus(v: Vector) -> tuple[Vector, Vector]:
    """1 + v for v ≥ 0, and what its rounding left out."""
    u = 1.0 + v
    return u, where(v > 1.0, 1.0 - (u - v), v - (u - 1.0))


# ---- the cube root -------------------------------------------------------------------------------
CBRT = (
    1.8380894455209849,
    -1.7212572512784534,
    1.3608802042650754,
    -0.5772081735498543,
    0.09945813983653685,
)  # m**(−1/3) to 14 bits on [¾, 3/2]


def cbrt(x: Vector) -> Vector:
    m, k = fraction_and_exponent(abs(x))
    third = (k * (1 / 3) + ROUNDER) - ROUNDER
    left = mul_add(third, -3.0, k)  # −1, 0 or 1
    guess = polynomial(m, CBRT) * where(left > 0.0, 2 ** (-1 / 3), where(left < 0.0, 2 ** (1 / 3), 1.0))
    m = m * where(left > 0.0, 2.0, where(left < 0.0, 0.5, 1.0))
    error = 1.0 - m * guess * (guess * guess)
    guess = mul_add(guess * error, mul_add(error, 2 / 9, 1 / 3), guess)
    root = m * (guess * guess)
    square, square_low = two_product(root, root)
    excess = mul_add(square_low, root, mul_add(square, root, -m))
    root = mul_add(excess, guess * guess * (-1 / 3), root)
    ordinary = (abs(x) > 0.0) & (abs(x) < math.inf)
    return where(ordinary, copysign(scaled(root, third), x), x)


# ---- the error function --------------------------------------------------------------------------
ERF = (
    0.12837916709551256,
    -0.37612638903183343,
    0.11283791670936917,
    -0.02686617064194695,
    0.005223977596573133,
    -0.0008548325473984386,
    0.00012055280067110785,
    -1.492445542267946e-05,
    1.6443999999184662e-06,
    -1.618265052375652e-07,
    1.3610097458596989e-08,
    -7.594017530448783e-10,
)  # erf(a)/a − 1 in a², |a| ≤ 1
ERFC = (
    1.2329951186255526,
    -0.13962111684056328,
    0.015379652102601322,
    0.068097054254796,
    -0.10103906603506811,
    0.0937328349942583,
    -0.06633036584469014,
    0.03716751561121528,
    -0.01619773361878516,
    0.005031969252321686,
    -0.0007577767634670073,
    -0.00019925242758019434,
    0.0001506388842342817,
    -2.4414839361367754e-05,
    -1.1276955298427403e-05,
    5.745560955067354e-06,
    4.0681894019970025e-07,
    -8.751200437427133e-07,
    -7.021736554911948e-08,
    1.474659106061172e-07,
    8.731983851022127e-08,
    -2.468662071902624e-08,
    -3.126990511920167e-08,
)  # (1 + 2a)·exp(a²)·erfc(a) in (a − 4)/(a + 4), 0.46 ≤ a ≤ 28


def _erfc_beyond_a_half(a: Vector) -> Vector:
    """erfc(a) for a ≥ 0.46: exp(−a²), with a² in two parts, times a slowly varying function."""
    a = clamped(a, None, 28.0)
    square, left_out = two_product(a, a)
    k, p = _power(-square, tail=-left_out)
    slow = polynomial((a - 4.0) / (a + 4.0), ERFC) / mul_add(a, 2.0, 1.0)
    return scaled(mul_add(p, slow, slow), k)


def _erf_near_0(x: Vector) -> Vector:
    return mul_add(x, polynomial(x * x, ERF), x)


def erf(x: Vector) -> Vector:
    a = abs(x)
    return copysign(where(a < 1.0, _erf_near_0(a), 1.0 - _erfc_beyond_a_half(a)), x)


def erfc(x: Vector) -> Vector:
    tail = _erfc_beyond_a_half(abs(x))
    return where(abs(x) < 0.47, 1.0 - _erf_near_0(x), where(x < 0.0, 2.0 - tail, tail))


# ---- functions of two ----------------------------------------------------------------------------
THIRD_LOW = 1.850371707708594e-17  # 1/3 minus the double nearest to it


def _log_in_two(m: Vector, k: Vector) -> tuple[Vector, Vector]:
    """log(m·2**k) as a sum of two doubles, good to 2**-64 of itself."""
    f = m - 1.0
    below, below_low = two_sum(2.0, f)
    inverse = 1.0 / below
    s = f * inverse
    product, product_low = two_product(s, below)
    s_low = (((f - product) - product_low) - s * below_low) * inverse
    z, z_low = two_product(s, s)
    z_low = mul_add(s * 2.0, s_low, z_low)
    # atanh(s)/s − 1 = z/3 + z²·(…): the first term in two parts, the others so small that one is enough
    u, u_low = two_product(z, z._like(1 / 3))
    u_low = u_low + mul_add(z, THIRD_LOW, z_low * (1 / 3))
    beyond, beyond_low = two_sum(u, z * z * polynomial(z, LOG_TAIL))
    beyond_low = beyond_low + u_low
    double_s = 2.0 * s
    more, more_low = two_product(double_s, beyond)
    more_low = mul_add(double_s, beyond_low, more_low) + 2.0 * mul_add(s_low, beyond, s_low)
    total, low_1 = two_sum(k * LN2_HIGH, double_s)
    total, low_2 = two_sum(total, more)
    return two_sum(total, low_1 + (low_2 + mul_add(k, LN2_LOW, more_low)))


def pow(x: Vector, y: Vector) -> Vector:
    """C's pow with its special values: exp(y log |x|), the logarithm and the product in two parts each."""
    a = abs(x)
    high, low = _log_in_two(*fraction_and_exponent(a))
    y_near = clamped(y, -(2.0**66), 2.0**66)  # beyond, any |x| but 1 has overflowed or vanished
    exponent, exponent_low = two_product(y_near, high)
    exponent_low = mul_add(y_near, low, exponent_low)
    k, p = _power(exponent, tail=where(abs(exponent) < 800.0, exponent_low, 0.0))
    size = scaled(1.0 + p, k)
    extreme = (a.equals(0.0) | a.equals(math.inf)) & y.equals(y)
    size = where(extreme, where(a.equals(0.0) ^ (y < 0.0), 0.0, math.inf), size)
    whole = y.equals(rint(y))
    half = y * 0.5
    odd = whole & half.differs(rint(half))
    size = where((x < 0.0) & (a < math.inf) & ~whole, math.nan, size)
    signed = (size.bits ^ (x.bits & where(odd, -0.0, 0.0).bits)).double
    return where(
        x.equals(1.0) | y.equals(0.0), 1.0, where(x.equals(-1.0) & abs(y).equals(math.inf), 1.0, signed)
    )


def hypot(x: Vector, y: Vector) -> Vector:
    """sqrt(x² + y²) without overflow or underflow on the way; inf if either is, even beside nan."""
    a, b = abs(x), abs(y)
    most = where(a > b, a, b)
    unit = where(most > 2.0**500, 2.0**-600, where(most < 2.0**-450, 2.0**600, 1.0))
    back = where(most > 2.0**500, 2.0**600, where(most < 2.0**-450, 2.0**-600, 1.0))
    p, p_low = two_product(a * unit, a * unit)
    q, q_low = two_product(b * unit, b * unit)
    total = p + q
    left_out = where(p > q, q - (total - p), p - (total - q))
    length = sqrt(total + (left_out + (p_low + q_low))) * back
    length = where(x.differs(x) | y.differs(y), math.nan, length)
    return where(a.equals(math.inf) | b.equals(math.inf), math.inf, length)


def fmod(x: Vector, y: Vector) -> Vector:
    """C's fmod, exact: the quotient below 2**53 is off by one at most, and the remainder shows it."""
    a, b = abs(x), abs(y)
    quotient = trunc(a / b)
    product, product_low = two_product(quotient, b)
    rest = (a - product) - product_low
    rest = where(rest < 0.0, rest + b, where(rest >= b, rest - b, rest))
    easy = (quotient < 2.0**53) & (b > 2.0**-900) & (a < 2.0**960)
    easy = easy | ((a < b) & y.equals(y))
    value = copysign(where(a < b, a, rest), x)
    return Vector(x.lanes, x.lanes.unless(~easy, [value.ir], lambda: [per_lane("fmod", x, y).ir])[0])
