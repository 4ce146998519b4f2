"""Elementary functions written as LLVM arithmetic over vectors of doubles: it knows how to compute them,
not what for.

A function such as :func:`exp` takes a :class:`Vector` (one double in each of W lanes), appends the
instructions that compute its value to the block being built, and returns the resulting Vector.  Nothing
outside the module is called except where a comment says so: for angles beyond a million, for quotients
beyond 2**53, and through :func:`per_lane`.

    lanes = Lanes(builder, Target.host())
    y = tanh(lanes.vector(x))           # x: an <8 x double>; the instructions are appended to builder's
    block builder.ret(y.ir)

How to read the formulas.  Each function has the same three parts: *reduce* the argument to a short
interval, evaluate a *polynomial* there (coefficients from derive.py), and *rebuild* the result.  Special
values (inf, nan, ±0) are not branched on: the arithmetic is arranged so that they fall out, or a ``where``
puts them in.

Equal expressions are emitted once (:meth:`Lanes.emit` remembers them), so ``tanh(x)`` beside ``exp(-2
|x|)`` in its derivative costs one exponential, and ``sin(x)`` beside ``cos(x)`` costs one of the two.

Errors are given in ULP: units in the last place of the correctly rounded result, as check.py measures them.
"""

# ruff: noqa: D102, D103, D403 - a function here is named after what it computes

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple, TypeAlias

from llvmlite import ir

IR: TypeAlias = Any  # llvmlite ships no types

DOUBLE, INT64, INT32, BIT = ir.DoubleType(), ir.IntType(64), ir.IntType(32), ir.IntType(1)


# --- the machine and the lanes
# ---------------------------------------------------------------------------------------
class Target(NamedTuple):
    """What the code may assume of the processor: results differ by rounding only, never by more than the
    stated ULP.
    """

    width: int  #: lanes in a vector; any positive number works
    fma: bool = True  #: the processor multiplies and adds in one instruction (else llvm.fma is a slow call)
    avx512: bool = (
        False  #: the processor splits and scales exponents in one instruction, eight lanes at a time
    )

    @staticmethod
    def host(registers: int = 1) -> Target:
        """What the processor running this program supports.

        A vector may span several registers.  Operations then come in independent groups, which fill the
        time each would spend waiting for the one before: with 4 a long formula runs twice as fast as with
        1.
        """
        import llvmlite.binding as llvm

        has = llvm.get_host_cpu_features()
        avx512 = bool(has.get("avx512f") and has.get("avx512dq"))
        return Target(
            registers * (8 if avx512 else 4 if has.get("avx2") else 2), bool(has.get("fma")), avx512
        )


class Lanes:
    """Appends vector instructions to the block of an ``ir.IRBuilder``, each distinct one once.

    Whatever it has emitted it may use again: let it only see blocks that run after one another (a loop's
    body is fine; an if's two arms need a Lanes each).  Functions with a rare case open new blocks: go on
    from ``builder.block``.
    """

    def __init__(self, builder: IR, target: Target) -> None:
        if target.avx512 and target.width not in (8, 16, 32, 64):
            raise ValueError(
                f"Target: width {target.width} does not fit AVX-512 instructions; use 8, 16, 32 or 64"
            )
        self.builder = builder
        self.target = target
        self.double = ir.VectorType(DOUBLE, target.width)
        self.int64 = ir.VectorType(INT64, target.width)
        self._emitted: dict[tuple[Any, ...], tuple[Any, Any]] = {}
        self._constants: dict[str, IR] = {}

    def vector(self, value: IR) -> Vector:
        """Take a ``<W x double>`` that the caller built."""
        return Vector(self, value)

    def constant(self, value: float) -> Vector:
        """The same double in every lane."""
        return Vector(self, self._splat(self.double, f"double 0x{struct.pack('>d', value).hex()}"))

    def bits(self, value: int) -> Bits:
        """The same 64-bit integer in every lane."""
        return Bits(self, self._splat(self.int64, f"i64 {(value + (1 << 63)) % (1 << 64) - (1 << 63)}"))

    def _splat(self, kind: IR, text: str) -> IR:
        if text not in self._constants:
            constant = ir.FormattedConstant(
                kind.element, f"splat ({text})"
            )  # (LLVM 19 and later read this notation)
            constant.type = kind
            self._constants[text] = constant
        return self._constants[text]

    def once(self, what: str, operands: Sequence[Any], build: Callable[[], Any]) -> Any:
        """What ``build()`` returns, or returned when the same was last asked for of the same operands."""
        key = (what, *map(id, operands))
        if key not in self._emitted:
            self._emitted[key] = (
                build(),
                operands,
            )  # kept, because an id is only good while its object lives
        return self._emitted[key][0]

    def emit(self, operation: str, *operands: Any) -> IR:
        """One instruction, by the name of the builder's method."""
        return self.once(operation, operands, lambda: getattr(self.builder, operation)(*operands))

    def compare(self, relation: str, a: Vector, b: Vector) -> Mask:
        """An ordered comparison (false where either side is nan), except ``!=``, which is true there."""
        build = self.builder.fcmp_unordered if relation == "!=" else self.builder.fcmp_ordered
        return Mask(self, self.once("fcmp " + relation, (a.ir, b.ir), lambda: build(relation, a.ir, b.ir)))

    def call(self, name: str, result: IR, *operands: IR) -> IR:
        """A call of a function or intrinsic without side effects."""
        function = _declared(self.builder.module, name, result, [o.type for o in operands])
        return self.once("call " + name, operands, lambda: self.builder.call(function, operands))

    def intrinsic(self, name: str, *operands: Vector) -> Vector:
        """``llvm.<name>`` over doubles, lane by lane."""
        full = f"llvm.{name}.v{self.target.width}f64"
        return Vector(self, self.call(full, self.double, *(o.ir for o in operands)))

    def avx512(self, name: str, *operands: Vector, immediate: int | None = None) -> Vector:
        """An AVX-512 instruction on doubles, in its unmasked form, eight lanes at a time."""
        eight = ir.VectorType(DOUBLE, 8)
        options = [] if immediate is None else [ir.Constant(INT32, immediate)]
        options += [
            undefined(eight),
            ir.Constant(ir.IntType(8), -1),
            ir.Constant(INT32, 4),
        ]  # all lanes; nearest

        def build() -> IR:
            pieces = []
            for start in range(0, self.target.width, 8):
                arguments = [self._eight_lanes(o.ir, start) for o in operands] + options
                kinds = [a.type for a in arguments]
                function = _declared(
                    self.builder.module, f"llvm.x86.avx512.mask.{name}.pd.512", eight, kinds
                )
                pieces.append(self.builder.call(function, arguments))
            while len(pieces) > 1:
                pieces = [self._joined(a, b) for a, b in zip(pieces[::2], pieces[1::2], strict=True)]
            return pieces[0]

        return Vector(self, self.once("avx512 " + name, [o.ir for o in operands], build))

    def _eight_lanes(self, value: IR, start: int) -> IR:
        if self.target.width == 8:
            return value
        chosen = ir.Constant(ir.VectorType(INT32, 8), list(range(start, start + 8)))
        return self.builder.shuffle_vector(value, undefined(value.type), chosen)

    def _joined(self, a: IR, b: IR) -> IR:
        count = a.type.count + b.type.count
        return self.builder.shuffle_vector(
            a, b, ir.Constant(ir.VectorType(INT32, count), list(range(count)))
        )

    def unless(self, rare: Mask, usual: Sequence[IR], otherwise: Callable[[], Sequence[IR]]) -> list[IR]:
        """``usual`` where not rare; ``otherwise()`` where rare, and not even computed if no lane is."""
        builder, whole = self.builder, ir.IntType(self.target.width)
        any_lane = builder.icmp_unsigned("!=", builder.bitcast(rare.ir, whole), ir.Constant(whole, 0))
        before, here = builder.block, builder.function
        cold, after = here.append_basic_block("rare"), here.append_basic_block("usual")
        builder.cbranch(any_lane, cold, after).set_weights([1, 1 << 20])
        builder.position_at_end(cold)
        with self._forgetting():
            unusual = [builder.select(rare.ir, o, u) for o, u in zip(otherwise(), usual, strict=True)]
        cold = builder.block
        builder.branch(after)
        builder.position_at_end(after)
        results = []
        for u, o in zip(usual, unusual, strict=True):
            result = builder.phi(u.type)
            result.add_incoming(u, before)
            result.add_incoming(o, cold)
            results.append(result)
        return results

    @contextmanager
    def _forgetting(self) -> Iterator[None]:
        """What is emitted inside a rare block cannot be used after it."""
        known = len(self._emitted)
        yield
        while len(self._emitted) > known:
            self._emitted.popitem()


def undefined(kind: IR) -> IR:
    return ir.Constant(kind, ir.Undefined)


def _declared(module: IR, name: str, result: IR, operands: Sequence[IR]) -> IR:
    if name not in module.globals:
        ir.Function(module, ir.FunctionType(result, operands), name).attributes.add("nounwind")
    return module.globals[name]


class _Wrapped:
    __slots__ = ("ir", "lanes")

    def __init__(self, lanes: Lanes, value: IR) -> None:
        self.lanes = lanes
        self.ir = value


class Mask(_Wrapped):
    """A truth value in every lane."""

    def __and__(self, other: Mask) -> Mask:
        return Mask(self.lanes, self.lanes.emit("and_", self.ir, other.ir))

    def __or__(self, other: Mask) -> Mask:
        return Mask(self.lanes, self.lanes.emit("or_", self.ir, other.ir))

    def __xor__(self, other: Mask) -> Mask:
        return Mask(self.lanes, self.lanes.emit("xor", self.ir, other.ir))

    def __invert__(self) -> Mask:
        return Mask(self.lanes, self.lanes.emit("not_", self.ir))


class Bits(_Wrapped):
    """A 64-bit integer in every lane: usually a double's sign, exponent and fraction."""

    def _binary(self, operation: str, other: Bits | int) -> Bits:
        right = other if isinstance(other, Bits) else self.lanes.bits(other)
        return Bits(self.lanes, self.lanes.emit(operation, self.ir, right.ir))

    def __add__(self, other: Bits | int) -> Bits:
        return self._binary("add", other)

    def __sub__(self, other: Bits | int) -> Bits:
        return self._binary("sub", other)

    def __and__(self, other: Bits | int) -> Bits:
        return self._binary("and_", other)

    def __or__(self, other: Bits | int) -> Bits:
        return self._binary("or_", other)

    def __xor__(self, other: Bits | int) -> Bits:
        return self._binary("xor", other)

    def __lshift__(self, count: int) -> Bits:
        return self._binary("shl", count)

    def __rshift__(self, count: int) -> Bits:
        """Shift in zeros from the left."""
        return self._binary("lshr", count)

    def has(self, bit: int) -> Mask:
        """True where the given bit is one."""
        lanes, one = self.lanes, (self & bit).ir
        zero = lanes.bits(0).ir
        return Mask(lanes, lanes.once("has", (one,), lambda: lanes.builder.icmp_unsigned("!=", one, zero)))

    @property
    def double(self) -> Vector:
        return Vector(self.lanes, self.lanes.emit("bitcast", self.ir, self.lanes.double))


class Vector(_Wrapped):
    """A double in every lane, with IEEE arithmetic: nothing is contracted, reassociated or flushed to
    zero.
    """

    def _binary(self, operation: str, left: Vector | float, right: Vector | float) -> Vector:
        return Vector(self.lanes, self.lanes.emit(operation, self._like(left).ir, self._like(right).ir))

    def _like(self, other: Vector | float) -> Vector:
        return other if isinstance(other, Vector) else self.lanes.constant(other)

    def __add__(self, other: Vector | float) -> Vector:
        return self._binary("fadd", self, other)

    def __radd__(self, other: float) -> Vector:
        return self._binary("fadd", other, self)

    def __sub__(self, other: Vector | float) -> Vector:
        return self._binary("fsub", self, other)

    def __rsub__(self, other: float) -> Vector:
        return self._binary("fsub", other, self)

    def __mul__(self, other: Vector | float) -> Vector:
        return self._binary("fmul", self, other)

    def __rmul__(self, other: float) -> Vector:
        return self._binary("fmul", other, self)

    def __truediv__(self, other: Vector | float) -> Vector:
        return self._binary("fdiv", self, other)

    def __rtruediv__(self, other: float) -> Vector:
        return self._binary("fdiv", other, self)

    def __neg__(self) -> Vector:
        return Vector(self.lanes, self.lanes.emit("fneg", self.ir))

    def __abs__(self) -> Vector:
        return self.lanes.intrinsic("fabs", self)

    def __lt__(self, other: Vector | float) -> Mask:
        return self.lanes.compare("<", self, self._like(other))

    def __le__(self, other: Vector | float) -> Mask:
        return self.lanes.compare("<=", self, self._like(other))

    def __gt__(self, other: Vector | float) -> Mask:
        return self.lanes.compare(">", self, self._like(other))

    def __ge__(self, other: Vector | float) -> Mask:
        return self.lanes.compare(">=", self, self._like(other))

    def equals(self, other: Vector | float) -> Mask:
        return self.lanes.compare("==", self, self._like(other))

    def differs(self, other: Vector | float) -> Mask:
        """True also where either side is nan."""
        return self.lanes.compare("!=", self, self._like(other))

    @property
    def bits(self) -> Bits:
        return Bits(self.lanes, self.lanes.emit("bitcast", self.ir, self.lanes.int64))


# --- building blocks
# -------------------------------------------------------------------------------------------------
SIGN = 1 << 63
FRACTION = (1 << 52) - 1
ROUNDER = (
    1.5 * 2.0**52
)  #: added, it leaves the nearest integer in the lowest bits; subtracted again, that integer


def where(condition: Mask, true: Vector | float, false: Vector | float) -> Vector:
    """Lane by lane, one of two doubles."""
    lanes = condition.lanes
    pick = [v if isinstance(v, Vector) else lanes.constant(v) for v in (true, false)]
    return Vector(lanes, lanes.emit("select", condition.ir, pick[0].ir, pick[1].ir))


def clamped(x: Vector, low: float | None, high: float | None) -> Vector:
    """x moved into [low, high]; nan stays nan (and each bound is one instruction, a minimum or maximum, on
    x86).
    """
    if high is not None:
        x = where(x > high, high, x)
    return x if low is None else where(x < low, low, x)


def mul_add(a: Vector, b: Vector | float, c: Vector | float) -> Vector:
    """a·b + c, rounded once where the processor can do that in one instruction and twice elsewhere.

    Every error stated in this module holds either way: where a product must be exact, two_product says so.
    """
    lanes = a.lanes
    b, c = a._like(b), a._like(c)
    return lanes.intrinsic("fma", a, b, c) if lanes.target.fma else a * b + c


def polynomial(x: Vector, coefficients: Sequence[float]) -> Vector:
    """Lowest coefficient first; its even and its odd terms by Horner's rule, so that two chains share the
    waiting.
    """
    if len(coefficients) < 4:
        return _horner(x, coefficients)
    return mul_add(_horner(x * x, coefficients[1::2]), x, _horner(x * x, coefficients[0::2]))


def _horner(x: Vector, coefficients: Sequence[float]) -> Vector:
    result = x._like(coefficients[-1])
    for c in reversed(coefficients[:-1]):
        result = mul_add(result, x, c)
    return result


def two_sum(a: Vector | float, b: Vector) -> tuple[Vector, Vector]:
    """a + b as a double and what its rounding left out, exact if a is 0 or at least as large as b
    (Dekker).
    """
    total = a + b
    return total, b - (total - a)


def two_product(a: Vector, b: Vector) -> tuple[Vector, Vector]:
    """a·b as a double and what its rounding left out, exact unless it underflows (or, without FMA, exceeds
    2**996).
    """
    product = a * b
    if a.lanes.target.fma:
        return product, mul_add(a, b, -product)
    a_high, a_low = _halves(a)
    b_high, b_low = _halves(b)
    return product, a_low * b_low - (((product - a_high * b_high) - a_low * b_high) - a_high * b_low)


def _halves(a: Vector) -> tuple[Vector, Vector]:
    """a as the sum of two doubles of 26 bits (Veltkamp), so that products of halves are exact."""
    shifted = a * 134217729.0
    high = shifted - (shifted - a)
    return high, a - high


def copysign(magnitude: Vector | float, sign: Vector) -> Vector:
    return sign.lanes.intrinsic("copysign", sign._like(magnitude), sign)


def power_of_two(k: Vector) -> Vector:
    """2**k for an integer-valued double −1022 ≤ k ≤ 1023: k is written straight into the exponent."""
    return ((k + (ROUNDER + 1023)).bits << 52).double


def scaled(x: Vector, k: Vector) -> Vector:
    """x·2**k, rounded once, for an integer-valued double |k| ≤ 2000: gradual underflow and overflow are
    right.
    """
    if x.lanes.target.avx512:
        return x.lanes.avx512("scalef", x, k)
    most = clamped(k, -1000.0, 1000.0)
    return x * power_of_two(most) * power_of_two(k - most)


def split(x: Vector) -> tuple[Vector, Vector]:
    """x as m·2**k with ¾ ≤ m < 3/2, both doubles.  k is −inf at 0 and inf at inf, m is nan below 0 and at
    nan.
    """
    if x.lanes.target.avx512:
        quiet_when_negative, three_quarters_to_three_halves = 2 << 2, 3
        m = x.lanes.avx512("getmant", x, immediate=quiet_when_negative | three_quarters_to_three_halves)
        k = x.lanes.avx512("getexp", x)
        return m, where(m < 1.0, k + 1.0, k)
    three_quarters = 0x3FE8 << 48
    tiny = x < 2.0**-1022
    above = where(tiny, x * 2.0**54, x).bits - three_quarters
    m = ((above & FRACTION) + three_quarters).double
    # The exponent, biased to be positive, becomes a double by being put under the leading bit of 2**52.
    k = (((above + (1 << 62)) >> 52) | (0x433 << 52)).double - (2.0**52 + 1024)
    k = where(tiny, k - 54.0, k)
    k = where(x.equals(0.0), -math.inf, where(x.equals(math.inf), math.inf, k))
    return where(x >= 0.0, m, math.nan), k


def per_lane(symbol: str, *arguments: Vector) -> Vector:
    """Call a C function of doubles once a lane: for functions nobody has written in vector form yet.

    The symbol is declared in the module; the JIT finds libm's in the process, others after
    ``llvm.add_symbol``.
    """
    lanes = arguments[0].lanes
    result = undefined(lanes.double)
    for i in range(lanes.target.width):
        at = ir.Constant(INT32, i)
        scalars = [lanes.builder.extract_element(a.ir, at) for a in arguments]
        value = lanes.builder.call(
            _declared(lanes.builder.module, symbol, DOUBLE, [DOUBLE] * len(scalars)), scalars
        )
        result = lanes.builder.insert_element(result, value, at)
    return Vector(lanes, result)


def called(function: Callable[..., Vector], *arguments: Vector) -> Vector:
    """``function(*arguments)`` as a call of the module's one copy: long programs compile several times
    faster.
    """
    lanes, module = arguments[0].lanes, arguments[0].lanes.builder.module
    name = f"vector_math.{function.__name__}.v{lanes.target.width}"
    if name not in module.globals:
        copy = ir.Function(module, ir.FunctionType(lanes.double, [lanes.double] * len(arguments)), name)
        copy.linkage = "internal"
        copy.attributes.add("noinline")
        inside = Lanes(ir.IRBuilder(copy.append_basic_block()), lanes.target)
        result = function(*map(inside.vector, copy.args))
        inside.builder.ret(result.ir)
    return Vector(lanes, lanes.call(name, lanes.double, *(a.ir for a in arguments)))


# --- rounding and roots
# ----------------------------------------------------------------------------------------------
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


# --- exponentials
# ----------------------------------------------------------------------------------------------------
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
    """Reduce x (+ a small tail) to r = x − k ln 2 and evaluate eʳ − 1.  Beyond the bounds all results are
    alike.
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
    return copysign(2.0 * mul_add(half, p, half - 0.5), x)


def _decay(x: Vector) -> tuple[Vector, Vector]:
    """For x ≤ 0: eˣ − 1, and eˣ, both to full relative accuracy from one polynomial."""
    k, p = _power(x)
    scale = scaled(x._like(1.0), k)
    return mul_add(scale, p, scale - 1.0), mul_add(scale, p, scale)


def tanh(x: Vector) -> Vector:
    t, e = _decay(-2.0 * abs(x))
    return copysign(t / (1.0 + e), x)


def tanh_and_slope(x: Vector) -> tuple[Vector, Vector]:
    """tanh x and its derivative, with one exponential and one division for both.

    With e = exp(−2|x|) and v = e/(1 + e), the derivative 4e/(1 + e)² is 4v(1 − v), which forgives v its
    errors.
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


# --- logarithms
# ------------------------------------------------------------------------------------------------------
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
    """f − log(1 + f) − k·low for −¼ ≤ f ≤ ½: with s = f/(2 + f), log(1 + f) = 2 atanh s = f − s·(f −
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
    m, k = split(x)
    return _log(m - 1.0, k)


def log2(x: Vector) -> Vector:
    m, k = split(x)
    f = m - 1.0
    return mul_add(f - _log_of_1_plus(f), LOG2_E, k)


def log10(x: Vector) -> Vector:
    m, k = split(x)
    f = m - 1.0
    return mul_add(k, LOG10_2_HIGH, mul_add(f - _log_of_1_plus(f), LOG10_E, k * LOG10_2_LOW))


def _log_of_sum(high: Vector, low: Vector, doublings: Vector | None = None) -> Vector:
    """log(high + low) for a low part that high's rounding left out; optionally with some powers of two put
    on top.
    """
    m, k = split(high)
    f = (m - 1.0) + where((high > 0.0) & (high < 2.0**60), scaled(low, -k), 0.0)
    return _log(f, k if doublings is None else k + doublings)


def log1p(x: Vector) -> Vector:
    u = 1.0 + x
    left_out = where(x > 1.0, 1.0 - (u - x), x - (u - 1.0))
    return copysign(_log_of_sum(u, left_out), x)


# --- sine, cosine, tangent
# -------------------------------------------------------------------------------------------
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
    """k in the lowest bits, and x − k·π/2, for the nearest k.  The difference may cancel all but its last
    bits: the parts of π/2 come off one by one, what each rounding leaves out being kept (Cody and
    Waite).
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

    x is m·2**e with an integer m.  Of 2/π only those bits matter that m·2**e does not turn into whole
    turns and that reach 2**-130 in the product: 192 of them, multiplied by m as one integer.
    """
    name = "vector_math.large_angle"
    if name in module.globals:
        return module.globals[name]
    int192, byte = ir.IntType(192), ir.IntType(8)
    digits = TWO_OVER_PI.to_bytes(160, "little")
    table = ir.GlobalVariable(module, ir.ArrayType(byte, len(digits)), "vector_math.two_over_pi")
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
    zeros = b.call(_declared(module, "llvm.ctlz.i192", int192, (int192, BIT)), [size, ir.Constant(BIT, 0)])
    size = b.shl(size, zeros)
    scale = b.bitcast(b.shl(b.sub(long(1023 - 53), b.trunc(zeros, INT64)), long(52)), DOUBLE)
    minus = b.icmp_signed("<", bits, long(0))
    quarters = b.select(minus, b.neg(quarters), quarters)
    scale = b.select(b.xor(minus, b.trunc(up, BIT)), b.fneg(scale), scale)
    high = b.fmul(b.uitofp(b.trunc(b.lshr(size, wide(139)), INT64), DOUBLE), scale)
    next_bits = b.and_(b.trunc(b.lshr(size, wide(86)), INT64), long((1 << 53) - 1))
    low = b.fmul(b.fmul(b.uitofp(next_bits, DOUBLE), ir.Constant(DOUBLE, 2.0**-53)), scale)
    half_pi, half_pi_low = ir.Constant(DOUBLE, PI / 2), ir.Constant(DOUBLE, PI_LOW / 2)
    fma = _declared(module, "llvm.fma.f64", DOUBLE, (DOUBLE,) * 3)
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


# --- inverse trigonometric
# -------------------------------------------------------------------------------------------
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


# --- inverse hyperbolic
# ----------------------------------------------------------------------------------------------
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


# --- the cube root
# ---------------------------------------------------------------------------------------------------
CBRT = (
    1.8380894455209849,
    -1.7212572512784534,
    1.3608802042650754,
    -0.5772081735498543,
    0.09945813983653685,
)  # m**(−1/3) to 14 bits on [¾, 3/2]


def cbrt(x: Vector) -> Vector:
    m, k = split(abs(x))
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


# --- the error function
# ----------------------------------------------------------------------------------------------
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


# --- functions of two
# ------------------------------------------------------------------------------------------------
THIRD_LOW = 1.850371707708594e-17  # 1/3 less the double nearest to it


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
    # atanh(s)/s − 1 = z/3 + z²·(…): the first term in two parts, the others small enough to need but one
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
    """C's pow, its special values included: exp(y log |x|), the logarithm and the product in two parts
    each.
    """
    a = abs(x)
    high, low = _log_in_two(*split(a))
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
    """sqrt(x² + y²) without overflow or underflow on the way; inf if either is, be the other nan."""
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


UNARY: dict[str, Callable[[Vector], Vector]] = {
    f.__name__: f
    for f in (
        sqrt,
        floor,
        ceil,
        trunc,
        rint,
        exp,
        exp2,
        expm1,
        log,
        log2,
        log10,
        log1p,
        sin,
        cos,
        tan,
        asin,
        acos,
        atan,
        sinh,
        cosh,
        tanh,
        asinh,
        acosh,
        atanh,
        cbrt,
        erf,
        erfc,
    )
}
BINARY: dict[str, Callable[[Vector, Vector], Vector]] = {f.__name__: f for f in (pow, atan2, hypot, fmod)}
