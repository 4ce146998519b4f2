"""Vectors of doubles in LLVM's text: one double in each lane, with IEEE arithmetic.

`Lanes` appends instructions to the block that an ``ir.IRBuilder`` is at, each distinct one once. `Vector`,
`Bits` and `Mask` stand for values in it and have Python's operators:

    lanes = Lanes(builder, processor.host())
    y = tanh(lanes.vector(x))  # x: an <8 x double>; the instructions go to builder's block
    builder.ret(y.ir)

Equal expressions are emitted once, so ``tanh(x)`` beside ``exp(-2 |x|)`` in its derivative costs one
exponential, and ``sin(x)`` beside ``cos(x)`` costs one of the two.
"""

# ruff: noqa: D102, D103 - a function here is named after what it computes

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeAlias

from llvmlite import ir

from autograd_mini.compiler.backends.llvm.processor import Target

IR: TypeAlias = Any  # llvmlite ships no types

DOUBLE, INT64, INT32, BIT = ir.DoubleType(), ir.IntType(64), ir.IntType(32), ir.IntType(1)


class Lanes:
    """Appends vector instructions to the block of an ``ir.IRBuilder``, each distinct one once.

    It may reuse everything that it has emitted, so its blocks must run after one another: one Lanes serves
    the body of a loop, but the two arms of an if need a Lanes each.  Functions with a rare case open new
    blocks: go on from ``builder.block``.
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
        """What ``build()`` returns, or returned before for the same operation on the same operands."""
        key = (what, *map(id, operands))
        if key not in self._emitted:
            self._emitted[key] = (
                build(),
                operands,
            )  # kept, since an id is valid only while its object lives
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
        function = declared(self.builder.module, name, result, [o.type for o in operands])
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
                function = declared(
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
        lanes = ir.Constant(ir.VectorType(INT32, 8), list(range(start, start + 8)))
        return self.builder.shuffle_vector(value, undefined(value.type), lanes)

    def _joined(self, a: IR, b: IR) -> IR:
        count = a.type.count + b.type.count
        return self.builder.shuffle_vector(
            a, b, ir.Constant(ir.VectorType(INT32, count), list(range(count)))
        )

    def unless(self, rare: Mask, usual: Sequence[IR], otherwise: Callable[[], Sequence[IR]]) -> list[IR]:
        """``usual``, but ``otherwise()`` where rare, which is computed only if some lane is rare."""
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


def declared(module: IR, name: str, result: IR, operands: Sequence[IR]) -> IR:
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


# ---- building blocks -----------------------------------------------------------------------------
SIGN = 1 << 63
FRACTION = (1 << 52) - 1
ROUNDER = (
    1.5 * 2.0**52
)  #: adding it leaves the nearest integer in the lowest bits; subtracting it again, that integer


def where(condition: Mask, true: Vector | float, false: Vector | float) -> Vector:
    """Lane by lane, one of two doubles."""
    lanes = condition.lanes
    pick = [v if isinstance(v, Vector) else lanes.constant(v) for v in (true, false)]
    return Vector(lanes, lanes.emit("select", condition.ir, pick[0].ir, pick[1].ir))


def clamped(x: Vector, low: float | None, high: float | None) -> Vector:
    """X moved into [low, high]; nan stays nan. On x86 each bound is one instruction."""
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
    """Lowest coefficient first; even and odd terms by Horner's rule, in two chains that wait at once."""
    if len(coefficients) < 4:
        return _horner(x, coefficients)
    return mul_add(_horner(x * x, coefficients[1::2]), x, _horner(x * x, coefficients[0::2]))


def _horner(x: Vector, coefficients: Sequence[float]) -> Vector:
    result = x._like(coefficients[-1])
    for c in reversed(coefficients[:-1]):
        result = mul_add(result, x, c)
    return result


def two_sum(a: Vector | float, b: Vector) -> tuple[Vector, Vector]:
    """A + b as a double and what its rounding left out, exact if a is 0 or |a| ≥ |b| (Dekker)."""
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
    """A as the sum of two doubles of 26 bits (Veltkamp), so that products of halves are exact."""
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


def fraction_and_exponent(x: Vector) -> tuple[Vector, Vector]:
    """X as m·2**k with ¾ ≤ m < 3/2, both doubles.  k is −inf at 0 and inf at inf, m is nan below 0 and at
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
    # The biased exponent, put under the leading bit of 2**52, becomes a double.
    k = (((above + (1 << 62)) >> 52) | (0x433 << 52)).double - (2.0**52 + 1024)
    k = where(tiny, k - 54.0, k)
    k = where(x.equals(0.0), -math.inf, where(x.equals(math.inf), math.inf, k))
    return where(x >= 0.0, m, math.nan), k


def per_lane(symbol: str, *arguments: Vector) -> Vector:
    """Call a C function of doubles once for each lane: for functions without a vector form.

    The symbol is declared in the module; the JIT finds libm's in the process, others after
    ``llvm.add_symbol``.
    """
    lanes = arguments[0].lanes
    result = undefined(lanes.double)
    for i in range(lanes.target.width):
        at = ir.Constant(INT32, i)
        scalars = [lanes.builder.extract_element(a.ir, at) for a in arguments]
        value = lanes.builder.call(
            declared(lanes.builder.module, symbol, DOUBLE, [DOUBLE] * len(scalars)), scalars
        )
        result = lanes.builder.insert_element(result, value, at)
    return Vector(lanes, result)


def called(function: Callable[..., Vector], *arguments: Vector) -> Vector:
    """``function(*arguments)`` as a call of its one copy in the module: long programs compile faster."""
    lanes, module = arguments[0].lanes, arguments[0].lanes.builder.module
    name = f"vector.{function.__name__}.v{lanes.target.width}"
    if name not in module.globals:
        copy = ir.Function(module, ir.FunctionType(lanes.double, [lanes.double] * len(arguments)), name)
        copy.linkage = "internal"
        copy.attributes.add("noinline")
        inside = Lanes(ir.IRBuilder(copy.append_basic_block()), lanes.target)
        result = function(*map(inside.vector, copy.args))
        inside.builder.ret(result.ir)
    return Vector(lanes, lanes.call(name, lanes.double, *(a.ir for a in arguments)))
