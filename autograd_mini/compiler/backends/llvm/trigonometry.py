"""Sine, cosine, tangent and their inverses over vectors of doubles.

Angles are reduced to an eighth of a turn: up to a million by subtracting parts of π/2 (Cody and Waite),
beyond by multiplying with the bits of 2/π that matter (Payne and Hanek), one lane after another.
"""

# ruff: noqa: D103 - a function here is named after what it computes

from __future__ import annotations

import math
from typing import NamedTuple

from llvmlite import ir

from autograd_mini.compiler.backends.llvm.functions import sqrt
from autograd_mini.compiler.backends.llvm.lanes import (
    BIT,
    DOUBLE,
    FRACTION,
    INT32,
    INT64,
    IR,
    ROUNDER,
    SIGN,
    Bits,
    Mask,
    Vector,
    copysign,
    declared,
    mul_add,
    polynomial,
    two_sum,
    undefined,
    where,
)

# ---- sine, cosine, tangent -----------------------------------------------------------------------
PI, PI_LOW = math.pi, float.fromhex("0x1.1A62633145C07p-53")
HALF_PI = tuple(  # 33 bits each, then 53
    float.fromhex(part)
    for part in ("0x1.921FB544p0", "0x1.0B4611A6p-34", "0x1.3198A2Ep-69", "0x1.B839A252049C1p-104")
)
LARGE_ANGLE = 2.0**20  #: up to here k times any of the first three is exact
SIN = (
    -0.1666666666666663,
    0.00833333333332184,
    -0.000198412698293588,
    2.755731353879829e-06,
    -2.5050734479155717e-08,
    1.5895442075853098e-10,
)  # (sin r − r)/r³ in r²
COS = (
    0.041666666666666595,
    -0.0013888888888873335,
    2.4801587288995167e-05,
    -2.75573142144139e-07,
    2.087570497016933e-09,
    -1.135872417789253e-11,
)  # (cos r − 1 + r²/2)/r⁴ in r²


TWO_OVER_PI = int(  # the first 1216 bits after the point
    "A2F9836E4E441529FC2757D1F534DDC0DB6295993C439041FE5163ABDEBBC561B7246E3A424D"
    "D2E006492EEA09D1921CFE1DEB1CB129A73EE88235F52EBB4484E99C7026B45F7E413991D639"
    "835339F49C845F8BBDF9283B1FF897FFDE05980FEF2F118B5A0A6D1F6D367ECF27CB09B74F46"
    "3F669E5FEA2D7527BAC7EBE5F17B3D0739F78A5292EA6BFB5FB11F8D5D0856033046FC7B6BAB",
    16,
)


class _Turn(NamedTuple):
    """An angle as quarter turns and the sine and cosine of the rest, which is at most an eighth of a
    turn.
    """

    quarters: Bits
    sin: Vector
    cos: Vector


def _turn(x: Vector) -> _Turn:
    quarters, r = _quarters_and_rest(x)
    z = r * r
    return _Turn(
        quarters,
        mul_add(r * z, polynomial(z, SIN), r),
        mul_add(z, mul_add(z, polynomial(z, COS), -0.5), 1.0),
    )


def _quarters_and_rest(x: Vector) -> tuple[Bits, Vector]:
    """K in the lowest bits, and x − k·π/2, for the nearest k.  The difference may cancel all but its last
    bits, so the parts of π/2 are subtracted one by one, and what each rounding leaves out is kept (Cody
    and Waite).
    """
    lanes = x.lanes

    def reduce() -> tuple[IR, ...]:
        shifted = mul_add(x, 2 / math.pi, ROUNDER)
        k = shifted - ROUNDER
        rest, left_out = two_sum(mul_add(k, -HALF_PI[0], x), k * -HALF_PI[1])
        rest, also_left_out = two_sum(rest, k * -HALF_PI[2])
        rest = rest + mul_add(k, -HALF_PI[3], left_out + also_left_out)
        large = ~(abs(x) <= LARGE_ANGLE)
        return tuple(lanes.unless(large, (shifted.bits.ir, rest.ir), lambda: _reduce_large(x, large)))

    quarters, rest = lanes.once("quarters", (x.ir,), reduce)
    return Bits(lanes, quarters), Vector(lanes, rest)


def _reduce_large(x: Vector, large: Mask) -> tuple[IR, IR]:
    """The same for the lanes that are large, one after another."""
    lanes, builder = x.lanes, x.lanes.builder
    reduce = _large_angle_function(builder.module)
    angle = where(large, x, LARGE_ANGLE)
    quarters, rest = undefined(lanes.int64), undefined(lanes.double)
    for i in range(lanes.target.width):
        at = ir.Constant(INT32, i)
        both = builder.call(reduce, [builder.extract_element(angle.ir, at)])
        quarters = builder.insert_element(quarters, builder.extract_value(both, 0), at)
        rest = builder.insert_element(rest, builder.extract_value(both, 1), at)
    return quarters, where(abs(x) < math.inf, Vector(lanes, rest), math.nan).ir


def _large_angle_function(module: IR) -> IR:
    """{quarters, rest} of one double of at least 2**20 (Payne and Hanek).

    x is m·2**e with an integer m.  Bits of 2/π do not matter if they give whole turns, or less than 2**-130
    in the product: 192 of them are left, and multiplied by m as one integer.
    """
    name = "vector.large_angle"
    if name in module.globals:
        return module.globals[name]
    int192, byte = ir.IntType(192), ir.IntType(8)
    digits = TWO_OVER_PI.to_bytes(160, "little")
    table = ir.GlobalVariable(module, ir.ArrayType(byte, len(digits)), "vector.two_over_pi")
    table.initializer = ir.Constant(table.value_type, bytearray(digits))
    table.linkage, table.global_constant = "internal", True
    function = ir.Function(module, ir.FunctionType(ir.LiteralStructType([INT64, DOUBLE]), [DOUBLE]), name)
    function.linkage = "internal"
    b = ir.IRBuilder(function.append_basic_block())

    def wide(value: int) -> IR:
        return ir.Constant(int192, value)

    def long(value: int) -> IR:
        return ir.Constant(INT64, value)

    bits = b.bitcast(function.args[0], INT64)
    e = b.sub(b.and_(b.lshr(bits, long(52)), long(0x7FF)), long(1075))
    m = b.or_(b.and_(bits, long(FRACTION)), long(1 << 52))
    first = b.lshr(b.sub(long(1026 + 7), e), long(3))  # the byte where the bits that matter start
    window = b.load(b.gep(table, [first], source_etype=byte), typ=int192, align=1)
    over = b.sub(b.add(e, b.shl(first, long(3))), long(1026))
    turns = b.shl(
        b.mul(b.zext(m, int192), window), b.zext(over, int192)
    )  # in quarters, 190 bits after the point
    rest = b.shl(turns, wide(2))
    up = b.lshr(rest, wide(191))  # to the nearest quarter, so the rest may be negative
    quarters = b.trunc(b.add(b.lshr(turns, wide(190)), up), INT64)
    size = b.select(b.trunc(up, BIT), b.neg(rest), rest)
    zeros = b.call(declared(module, "llvm.ctlz.i192", int192, (int192, BIT)), [size, ir.Constant(BIT, 0)])
    size = b.shl(size, zeros)
    scale = b.bitcast(b.shl(b.sub(long(1023 - 53), b.trunc(zeros, INT64)), long(52)), DOUBLE)
    minus = b.icmp_signed("<", bits, long(0))
    quarters = b.select(minus, b.neg(quarters), quarters)
    scale = b.select(b.xor(minus, b.trunc(up, BIT)), b.fneg(scale), scale)
    high = b.fmul(b.uitofp(b.trunc(b.lshr(size, wide(139)), INT64), DOUBLE), scale)
    next_bits = b.and_(b.trunc(b.lshr(size, wide(86)), INT64), long((1 << 53) - 1))
    low = b.fmul(b.fmul(b.uitofp(next_bits, DOUBLE), ir.Constant(DOUBLE, 2.0**-53)), scale)
    half_pi, half_pi_low = ir.Constant(DOUBLE, PI / 2), ir.Constant(DOUBLE, PI_LOW / 2)
    fma = declared(module, "llvm.fma.f64", DOUBLE, (DOUBLE,) * 3)
    product = b.fmul(high, half_pi)
    left_out = b.call(fma, [high, half_pi, b.fneg(product)])
    value = b.fadd(product, b.fadd(left_out, b.fadd(b.fmul(high, half_pi_low), b.fmul(low, half_pi))))
    result = b.insert_value(ir.Constant(function.function_type.return_type, ir.Undefined), quarters, 0)
    result = b.insert_value(result, value, 1)
    b.ret(result)
    return function


def sin(x: Vector) -> Vector:
    n, s, c = _turn(x)
    value = where(n.has(1), c, s)
    return where(x.equals(0.0), x, (value.bits ^ ((n & 2) << 62)).double)


def cos(x: Vector) -> Vector:
    n, s, c = _turn(x)
    value = where(n.has(1), s, c)
    return (value.bits ^ (((n + 1) & 2) << 62)).double


def tan(x: Vector) -> Vector:
    n, s, c = _turn(x)
    odd = n.has(1)
    return where(x.equals(0.0), x, where(odd, -c, s) / where(odd, s, c))


# ---- inverse trigonometric -----------------------------------------------------------------------
ATAN = (
    -0.333333333333332,
    0.1999999999995367,
    -0.14285714280199022,
    0.11111110783464724,
    -0.09090897756707611,
    0.07692060195872484,
    -0.06663103932858483,
    0.058478895688264074,
    -0.05039311742304446,
    0.038064898917865055,
    -0.017907759031838263,
)  # (atan t − t)/t³ in t², |t| ≤ √2 − 1
ASIN = (
    0.1666666666666676,
    0.07499999999970867,
    0.044642857174559424,
    0.03038194270994065,
    0.022372214933678178,
    0.01735161289606687,
    0.013980810746124825,
    0.011398987495788864,
    0.010779852931442787,
    0.0037078513070523096,
    0.021704073284886147,
    -0.020994448688143787,
    0.03262582298869337,
)  # (asin t − t)/t³ in t², |t| ≤ ½


def _atan_of_ratio(numerator: Vector, denominator: Vector) -> tuple[Vector, Vector]:
    """atan(n/d) for 0 ≤ n ≤ d, as a sum of two: either (0, atan) or, about an eighth of a turn, (π/4, the
    rest).
    """
    steep = numerator > denominator * (math.sqrt(2) - 1)
    t = where(steep, numerator - denominator, numerator) / where(
        steep, numerator + denominator, denominator
    )
    z = t * t
    rest = mul_add(t * z, polynomial(z, ATAN), t)
    return where(steep, PI / 4, 0.0), rest + where(steep, PI_LOW / 4, 0.0)


def atan(x: Vector) -> Vector:
    a = abs(x)
    flipped = a > 1.0
    high, low = _atan_of_ratio(where(flipped, 1.0, a), where(flipped, a, 1.0))
    rest = (PI / 2 - high) + (PI_LOW / 2 - low)
    return copysign(where(a > 2.0**60, PI / 2, where(flipped, rest, high + low)), x)


def atan2(y: Vector, x: Vector) -> Vector:
    """The angle of the point (x, y), with C's values at zeros and infinities."""
    a, b = abs(y), abs(x)
    flipped = a > b
    most, least = where(flipped, a, b), where(flipped, b, a)
    shrink = where(most > 2.0**1020, 2.0**-4, 1.0)  # so that the sum of the two cannot overflow
    most, least = most * shrink, least * shrink
    both_infinite, both_zero = least.equals(math.inf), most.equals(0.0)
    least, most = where(both_infinite, 1.0, least), where(both_infinite | both_zero, 1.0, most)
    high, low = _atan_of_ratio(least, most)
    angle = where(flipped, PI / 2 - high, high)
    low = where(flipped, PI_LOW / 2 - low, low)
    behind = x.bits.has(SIGN)
    angle, low = where(behind, PI - angle, angle), where(behind, PI_LOW - low, low)
    return copysign(where(x.differs(x) | y.differs(y), math.nan, angle + low), y)


def _asin_parts(x: Vector) -> tuple[Mask, Vector, Vector]:
    """Whether |x| > ½; t, which is x, or else sqrt((1 − |x|)/2) = sin(½ acos |x|); and asin t − t."""
    a = abs(x)
    far = a > 0.5
    z = where(far, 0.5 - 0.5 * a, x * x)
    t = where(far, sqrt(z), x)
    return far, t, (t * z) * polynomial(z, ASIN)


def asin(x: Vector) -> Vector:
    far, t, more = _asin_parts(x)
    return copysign(where(far, PI / 2 - (2.0 * t - (PI_LOW / 2 - 2.0 * more)), t + more), x)


def acos(x: Vector) -> Vector:
    far, t, more = _asin_parts(x)
    near = PI / 2 - (t - (PI_LOW / 2 - more))
    ahead = 2.0 * (t + more)
    behind = PI - (2.0 * t - (PI_LOW - 2.0 * more))
    return where(far, where(x < 0.0, behind, ahead), near)
