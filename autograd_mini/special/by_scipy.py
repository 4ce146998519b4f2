"""Special functions whose value is SciPy's and whose derivatives are rules, like those of every primitive.

The functions are in the table once the package is imported; SciPy is imported when one is first computed. A
rule is written in other primitives, so there are derivatives of every order. Where there is no closed form,
as with respect to the first operand of `gammainc`, an error says so: nothing is approximated.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import reduce
from typing import TYPE_CHECKING, Any, Final

from autograd_mini.engine import modes
from autograd_mini.engine.primitives import (
    TWO_OVER_ROOT_PI,
    UNIT,
    abs_,
    digamma,
    div,
    equal,
    exp,
    gaussian,
    less,
    log,
    log1p,
    pow_,
    right_of_zero,
    sign,
    sqrt,
    stop_gradient,
    where,
)
from autograd_mini.engine.table import REALS, Primitive, define
from autograd_mini.engine.value import Value, give_methods, topological_order
from autograd_mini.special.elementary import xlog1py, xlogy
from autograd_mini.transforms.dual import Dual

__all__ = [
    "BySciPy",
    "Special",
    "betainc",
    "betaln",
    "ellipe",
    "ellipk",
    "erfcinv",
    "erfcx",
    "erfinv",
    "exp1",
    "expi",
    "gammainc",
    "gammaincc",
    "i0",
    "i0e",
    "i1",
    "i1e",
    "j0",
    "j1",
    "log_ndtr",
    "ndtr",
    "ndtri",
    "y0",
    "y1",
    "zeta",
]

inf: Final = math.inf
nan: Final = math.nan


class Special(Primitive):
    """A primitive with a tolerance, and perhaps operands whose derivatives have no closed form.

    Value and partials may be wrong by `tolerance` units in the last place, over the `domain`. The operands
    `constants` must not vary: an error is raised where a derivative with respect to one would be recorded.
    """

    __slots__ = ()

    def __init__(
        self, name: str, operands: str = "x", *, tolerance: float, constants: str = "", **about: Any
    ) -> None:
        super().__init__(name, operands, **about)
        self.tolerance = tolerance
        self.constants = constants.split()

    def __call__(self, *operands: Any) -> Any:
        """Apply the primitive; TypeError if an operand varies whose derivative has no closed form."""
        for name, x in zip(self.taking(len(operands)).operands, operands, strict=True):
            if name in self.constants and x.__class__ is not float and _varies(x):
                raise TypeError(
                    f"{self.name}({', '.join(self.operands)}): the derivative with respect to {name} has "
                    f"no closed form; give {name} as a number, or as stop_gradient({name})"
                )
        return super().__call__(*operands)


def _varies(x: Any) -> bool:
    """Whether a derivative may be asked for with respect to x, or to what x was computed from."""
    if isinstance(x, Dual):
        return x.tangent is not None or _varies(x.primal)
    if not isinstance(x, Value) or not modes.recording():
        return False
    return any(node.op is None for node in topological_order(x))


class BySciPy(Special):
    """A primitive whose value is the function of that name in `scipy.special`."""

    __slots__ = ()

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            # Reached while the slot is empty: SciPy is imported when a value is first asked for.
            if name == "value":
                function = self.ufunc
                self.value = lambda *operands: float(function(*operands))
                return self.value
            return super().__getattr__(name)

    @property
    def ufunc(self) -> Any:
        """The function over arrays. Without SciPy an ImportError names the extra."""
        try:
            import scipy.special
        except ImportError:
            raise ImportError(
                f'{self.name}() needs SciPy, not installed: pip install "autograd-mini[special]"'
            ) from None
        return getattr(scipy.special, self.name)

    @property
    def address(self) -> int:
        """The address of SciPy's C function, of doubles and an int after them, which it ignores."""
        import ctypes

        from scipy.special import cython_special

        api = ctypes.pythonapi
        kind, text = ctypes.PYFUNCTYPE, ctypes.c_char_p
        signature_of = kind(text, ctypes.py_object)(("PyCapsule_GetName", api))
        address_of = kind(ctypes.c_void_p, ctypes.py_object, text)(("PyCapsule_GetPointer", api))
        wanted = f"double ({'double, ' * len(self.operands)}int __pyx_skip_dispatch)".encode()
        for variant in ("", "__pyx_fuse_0", "__pyx_fuse_1"):  # variants for several types
            capsule = cython_special.__pyx_capi__.get(variant + self.name)
            if capsule is not None and signature_of(capsule) == wanted:
                return address_of(capsule, wanted)  # type: ignore[no-any-return]
        raise LookupError(f"SciPy has no C function {self.name} of doubles: install SciPy 1.14.1 or later")


# ---- what several rules need -----------------------------------------------------------------------


def _polynomial(x: Any, coefficients: Sequence[float]) -> Any:
    """Σ cₖ xᵏ."""
    return reduce(lambda s, c: s * x + c, reversed(coefficients[:-1]), coefficients[-1])


def _near(x: Any, bound: float, series: Callable[[Any], Any], elsewhere: Any) -> Any:
    """`series` of x where |x| is below a bound, `elsewhere` beyond."""
    near = less(abs_(x), bound)
    return where(near, series(where(near, x, 0.0)), elsewhere)


# ---- the error function and the normal distribution ------------------------------------------------

ROOT_HALF: Final = math.sqrt(0.5)
ROOT_HALF_PI: Final = math.sqrt(0.5 * math.pi)
HALF_ROOT_PI: Final = 0.5 * math.sqrt(math.pi)


def _exp_of_square(y: Any, tail: Any) -> Any:
    """exp(y²), where y ≥ 0 and erfc(y) = tail; for a small tail erfcx(y)/tail, as errors of y hurt less."""
    return where(less(0.0, tail) * less(tail, 0.5), div(erfcx(y), tail), exp(y * y))


def _erfinv_slope(y: Any, x: Any) -> Any:
    left = less(x, 0.0)
    return HALF_ROOT_PI * _exp_of_square(where(left, -y, y), 1.0 - where(left, -x, x))


def _erfcinv_slope(y: Any, x: Any) -> Any:
    right = less(x, 1.0)
    return -HALF_ROOT_PI * _exp_of_square(where(right, y, -y), where(right, x, 2.0 - x))


def _erfcx_slope(y: Any, x: Any) -> Any:
    """2xy - 2/√π; from x = 4 on, where that cancels, -2·i¹erfc/erfc·y by the continued fraction.

    iⁿerfc/iⁿ⁻¹erfc = ½/(x + (n+1)·iⁿ⁺¹erfc/iⁿerfc) (Abramowitz and Stegun, 7.2.5).
    """
    far = where(less(x, 4.0), 4.0, x)
    ratio = reduce(lambda r, n: div(0.5, far + (n + 1.0) * r), range(24, 0, -1), 0.0)
    return where(less(x, 4.0), 2.0 * (x * y) - TWO_OVER_ROOT_PI, -2.0 * (y * ratio))


def _normal_density(x: Any) -> Any:
    return 0.5 * ROOT_HALF * TWO_OVER_ROOT_PI * gaussian(x, 0.5)


def _log_ndtr_slope(y: Any, x: Any) -> Any:
    """The density over the probability, for x < 0 by erfcx, which neither overflows nor vanishes."""
    left = div(1.0 / ROOT_HALF_PI, erfcx(-ROOT_HALF * where(less(x, 0.0), x, 0.0)))
    return where(less(x, 0.0), left, div(_normal_density(x), ndtr(x)))


def _ndtri_slope(y: Any, x: Any) -> Any:
    left = less(x, 0.5)
    square = _exp_of_square(ROOT_HALF * where(left, -y, y), 2.0 * where(left, x, 1.0 - x))
    return 2.0 * ROOT_HALF_PI * square


erfinv = define(
    "erfinv",
    kind=BySciPy,
    partials=[_erfinv_slope],
    domain=[UNIT],
    tolerance=10.0,
    latex=r"\operatorname{{erf}}^{{-1}}\left({x}\right)",
    doc="The inverse of erf; ±inf at ±1, with derivative inf, and nan beyond.",
)
erfcinv = define(
    "erfcinv",
    kind=BySciPy,
    partials=[_erfcinv_slope],
    domain=[(2.3e-308, 2.0)],
    tolerance=10.0,
    latex=r"\operatorname{{erfc}}^{{-1}}\left({x}\right)",
    doc="The inverse of erfc; inf at 0 and -inf at 2, with derivative -inf, and nan beyond.",
)
erfcx: Primitive = define(
    "erfcx",
    kind=BySciPy,
    partials=[_erfcx_slope],
    domain=[(-26.5, 1e100)],
    tolerance=600.0,
    reference="exp(x * x) * erfc(x)",
    doc="exp(x²)·erfc(x), which decays as 1/x where erfc(x) has underflowed.",
)
ndtr: Primitive = define(
    "ndtr",
    kind=BySciPy,
    partials=[lambda y, x: _normal_density(x)],
    domain=[(-37.5, REALS[1])],
    tolerance=1500.0,
    reference="erfc(-x / sqrt(2)) / 2",
    latex=r"\Phi\left({x}\right)",
    doc="The probability that a standard normal number is below x.",
)
log_ndtr = define(
    "log_ndtr",
    kind=BySciPy,
    partials=[_log_ndtr_slope],
    domain=[(-1e100, 37.5)],
    tolerance=1500.0,
    reference="log(erfc(-x / sqrt(2)) / 2)",
    latex=r"\log \Phi\left({x}\right)",
    doc="log(ndtr(x)), to full accuracy where ndtr(x) is 0 or 1.",
)
ndtri = define(
    "ndtri",
    kind=BySciPy,
    partials=[_ndtri_slope],
    domain=[(0.0, 1.0)],
    tolerance=10.0,
    reference="-sqrt(2) * erfcinv(2 * x)",
    latex=r"\Phi^{{-1}}\left({x}\right)",
    doc="The inverse of ndtr, a quantile of the normal; ∓inf at 0 and 1 with derivative inf, nan beyond.",
)

# ---- Bessel functions ------------------------------------------------------------------------------

# I₁(x)/x, and J₁(x)/x with alternating signs (Abramowitz and Stegun, 9.6.10 and 9.1.10), in powers of x²
_I1_OVER_X: Final = [0.5 / (4.0**k * math.factorial(k) * math.factorial(k + 1)) for k in range(13)]
_J1_OVER_X: Final = [(-1) ** k * c for k, c in enumerate(_I1_OVER_X)]


def _over_x(y: Any, x: Any, coefficients: Sequence[float]) -> Any:
    """y/x; near 0, where its derivatives cancel, its series."""
    return _near(x, 1.0, lambda near: _polynomial(near * near, coefficients), div(y, x))


def _decaying(order: int) -> list[float]:
    """The coefficients, in powers of 1/x, of -√(2π)·x^(3/2) times the derivative of e⁻ˣ·I(x), x → ∞.

    Those of √(2πx)·e⁻ˣ·I(x), each times k + ½ (Abramowitz and Stegun, 9.7.1).
    """
    factors = [((2 * k - 1) ** 2 - 4 * order**2) / (8.0 * k) for k in range(1, 21)]
    products = reduce(lambda found, factor: [*found, found[-1] * factor], factors, [1.0])
    return [c * (k + 0.5) for k, c in enumerate(products)]


_I0E_SLOPE: Final = _decaying(0)
_I1E_SLOPE: Final = _decaying(1)


def _far_slope(x: Any, near: Any, coefficients: Sequence[float]) -> Any:
    """`near` below 24; from there on, where it cancels, the series of `_decaying`."""
    u = div(1.0, where(less(x, 24.0), 24.0, x))
    return where(less(x, 24.0), near, -0.3989422804014327 * (u * sqrt(u)) * _polynomial(u, coefficients))


def _i1_slope(y: Any, x: Any) -> Any:
    return where(less(abs_(y), inf), i0(x) - _over_x(y, x, _I1_OVER_X), i0(x))


def _i1e_slope(y: Any, x: Any) -> Any:
    over_x = _near(x, 1.0, lambda near: exp(-abs_(near)) * _polynomial(near * near, _I1_OVER_X), div(y, x))
    return _far_slope(abs_(x), i0e(x) - over_x - sign(x) * y, _I1E_SLOPE)


i0: Primitive = define(
    "i0",
    kind=BySciPy,
    partials=[lambda y, x: i1(x)],
    domain=[(-700.0, 700.0)],
    tolerance=10.0,
    reference="besseli(0, x)",
    latex=r"I_0\left({x}\right)",
    doc="The modified Bessel function of the first kind, of order 0.",
)
i1: Primitive = define(
    "i1",
    kind=BySciPy,
    partials=[_i1_slope],
    domain=[(-700.0, 700.0)],
    tolerance=10.0,
    reference="besseli(1, x)",
    latex=r"I_1\left({x}\right)",
    doc="The modified Bessel function of the first kind, of order 1.",
)
i0e: Primitive = define(
    "i0e",
    kind=BySciPy,
    partials=[lambda y, x: sign(x) * _far_slope(abs_(x), i1e(abs_(x)) - y, _I0E_SLOPE)],
    domain=[(-1e100, 1e100)],
    tolerance=60.0,
    reference="exp(-fabs(x)) * besseli(0, x)",
    doc="exp(-|x|)·i0(x), never overflowing; its derivative at 0, a kink, is 0.",
)
i1e: Primitive = define(
    "i1e",
    kind=BySciPy,
    partials=[_i1e_slope],
    domain=[(-1e100, 1e100)],
    tolerance=10.0,
    reference="exp(-fabs(x)) * besseli(1, x)",
    doc="exp(-|x|)·i1(x), never overflowing.",
)
j0: Primitive = define(
    "j0",
    kind=BySciPy,
    partials=[lambda y, x: -j1(x)],
    domain=[(-1000.0, 1000.0)],
    tolerance=300.0,
    reference="besselj(0, x)",
    latex=r"J_0\left({x}\right)",
    doc="The Bessel function of the first kind, of order 0.",
)
j1: Primitive = define(
    "j1",
    kind=BySciPy,
    partials=[lambda y, x: j0(x) - _over_x(y, x, _J1_OVER_X)],
    domain=[(-1000.0, 1000.0)],
    tolerance=300.0,
    reference="besselj(1, x)",
    latex=r"J_1\left({x}\right)",
    doc="The Bessel function of the first kind, of order 1.",
)
y0: Primitive = define(
    "y0",
    kind=BySciPy,
    partials=[lambda y, x: -y1(x)],
    domain=[(5e-324, 1000.0)],
    tolerance=300.0,
    reference="bessely(0, x)",
    latex=r"Y_0\left({x}\right)",
    doc="The Bessel function of the second kind, of order 0; -inf at 0 with derivative inf, nan below.",
)
y1: Primitive = define(
    "y1",
    kind=BySciPy,
    partials=[lambda y, x: where(less(-inf, y), y0(x) - div(y, x), -y)],
    domain=[(1e-150, 1000.0)],
    tolerance=300.0,
    reference="bessely(1, x)",
    latex=r"Y_1\left({x}\right)",
    doc="The Bessel function of the second kind, of order 1; -inf at 0 with derivative inf, nan below.",
)

# ---- exponential integrals and elliptic integrals --------------------------------------------------


def _expi_slope(y: Any, x: Any) -> Any:
    """eˣ/x by eˣᐟ² twice: eˣ overflows a little before the quotient."""
    x = where(less(2000.0, x), 2000.0, x)
    half = exp(0.5 * x)
    return half * div(half, x)


# K(m) = ½π·Σ ((2k)!/(4ᵏ k!²))² mᵏ, E(m) the same with -1/(2k - 1) (Abramowitz and Stegun, 17.3.11 and 12)
_ELLIPTIC: Final = [0.5 * math.pi * (math.comb(2 * k, k) / 4.0**k) ** 2 for k in range(31)]
_ELLIPK_SLOPE: Final = [k * c for k, c in enumerate(_ELLIPTIC)][1:]
_ELLIPE_SLOPE: Final = [-k * c / (2 * k - 1) for k, c in enumerate(_ELLIPTIC)][1:]


def _ellipk_slope(y: Any, m: Any) -> Any:
    """(E/(1 - m) - K)/2m; near 0, where that cancels, the series of the derivative."""
    rest = where(equal(m, 1.0), 0.0, (1.0 - m) * y)
    direct = div(ellipe(m) - rest, 2.0 * m * (1.0 - m))
    return _near(m, 0.25, lambda near: _polynomial(near, _ELLIPK_SLOPE), direct)


def _ellipe_slope(y: Any, m: Any) -> Any:
    """(E - K)/2m; near 0, where that cancels, the series of the derivative."""
    direct = div(y - ellipk(m), 2.0 * m)
    return _near(m, 0.25, lambda near: _polynomial(near, _ELLIPE_SLOPE), direct)


expi = define(
    "expi",
    kind=BySciPy,
    partials=[_expi_slope],
    domain=[(-700.0, 700.0)],
    tolerance=50.0,
    reference="ei(x)",
    latex=r"\operatorname{{Ei}}\left({x}\right)",
    doc="The exponential integral Ei, of eᵗ/t from -∞ to x; -inf at 0.",
)
exp1 = define(
    "exp1",
    kind=BySciPy,
    partials=[lambda y, x: -div(exp(-x), right_of_zero(x) + 0.0)],
    domain=[(5e-324, 700.0)],
    tolerance=15.0,
    reference="e1(x)",
    latex=r"E_1\left({x}\right)",
    doc="The exponential integral E₁, of e⁻ᵗ/t from x to ∞; inf at 0 with derivative -inf, nan below.",
)
ellipk: Primitive = define(
    "ellipk",
    "m",
    kind=BySciPy,
    partials=[_ellipk_slope],
    domain=[(-1e100, 1.0)],
    tolerance=15.0,
    latex=r"K\left({m}\right)",
    doc="The complete elliptic integral of the first kind, of the parameter m = k²; inf at 1, nan beyond.",
)
ellipe: Primitive = define(
    "ellipe",
    "m",
    kind=BySciPy,
    partials=[_ellipe_slope],
    domain=[(-1e100, 1.0)],
    tolerance=10.0,
    latex=r"E\left({m}\right)",
    doc="The complete elliptic integral of the second kind; 1 at m = 1 with derivative -inf, nan beyond.",
)

# ---- the gamma and beta families -------------------------------------------------------------------

# log Γ(m + 1) - log √(2πm) - m·log m + m, in powers of 1/m² and over m (Abramowitz and Stegun, 6.1.41)
_STIRLING: Final = [
    *(1 / 12, -1 / 360, 1 / 1260, -1 / 1680, 1 / 1188, -691 / 360360),
    *(1 / 156, -3617 / 122400, 43867 / 244188, -174611 / 125400),
]

ROOT_2_PI: Final = math.sqrt(2.0 * math.pi)


def _stirling(m: Any) -> Any:
    return div(_polynomial(div(div(1.0, m), m), _STIRLING), m)


def _log_gamma(a: Any) -> Any:
    """Log Γ(a) for 0 ≤ a ≤ 10, from Γ(a + 10): machine code would call Python for `lgamma`."""
    m = a + 9.0
    product = reduce(lambda p, k: p * (a + k), map(float, range(1, 10)), a)
    return (m + 0.5) * log(m) - m + math.log(ROOT_2_PI) + _stirling(m) - log(product)


def _deviance(m: Any, expected: Any) -> Any:
    """m·log(m/expected) + expected - m, by the relative distance of the two."""
    t = div(expected - m, m)
    t = where(less(1e6, t), 1e6, t)  # beyond, its exponential is 0
    return m * (t - where(less(t, -0.5), log(div(expected, m)), log1p(t)))


def _gamma_density(a: Any, x: Any) -> Any:
    """xᵃ⁻¹e⁻ˣ/Γ(a), from a = 10 on by its distance from the mode (Loader 2000), where logarithms cancel."""
    large = less(10.0, a)
    m = where(large, a - 1.0, 9.0)
    far = div(exp(-_stirling(m) - _deviance(m, x)), ROOT_2_PI * sqrt(m))
    bounded = where(less(1e4, x), 1e4, x)  # beyond, it is 0 for small a
    near = exp(xlogy(a - 1.0, bounded) - _log_gamma(where(large, 10.0, a))) * exp(-bounded)
    return where(less(x, 0.0) + less(a, 0.0), nan * x, where(large, far, near))


def _log_beta(a: Any, b: Any) -> Any:
    """Log B(a, b) for min(a, b) ≤ 10; by the series if the other is large, where logarithms of Γ cancel."""
    small, large = where(less(a, b), a, b), where(less(a, b), b, a)
    m = where(less(10.0, large), large, 10.0)
    rest = _stirling(m) - _stirling(m + small) - (m - 0.5) * log1p(div(small, m))
    far = _log_gamma(small) + (small - small * log(m + small)) + rest
    return where(less(10.0, large), far, betaln(a, b))


def _beta_density(a: Any, b: Any, x: Any) -> Any:
    """xᵃ⁻¹(1 - x)ᵇ⁻¹/B(a, b); for large a and b by the distance from the mode (Loader 2000)."""
    large = less(10.0, a) * less(10.0, b)
    m, k = where(large, a - 1.0, 9.0), where(large, b - 1.0, 9.0)
    n = m + k
    exponent = _stirling(n) - _stirling(m) - _stirling(k)
    exponent = exponent - _deviance(m, n * x) - _deviance(k, n * (1.0 - x))
    far = (n + 1.0) * exp(exponent) * div(sqrt(div(n, m)), ROOT_2_PI * sqrt(k))
    near = exp(xlogy(a - 1.0, x) + xlog1py(b - 1.0, -x) - _log_beta(a, b))
    outside = less(x, 0.0) + less(1.0, x) + less(a, 0.0) + less(b, 0.0)
    return where(outside, nan * x, where(large, far, near))


# B₂ₖ/(2k)! of Euler and Maclaurin's formula
_EULER_MACLAURIN: Final = [
    *(1 / 12, -1 / 720, 1 / 30240, -1 / 1209600, 1 / 47900160, -691 / 1307674368000),
    *(1 / 74724249600, -3617 / 10670622842880000, 43867 / 5109094217170944000),
    *(-174611 / 802857662698291200000, 77683 / 14101100039391805440000),
]


def _zeta(s: Any, q: Any) -> Any:
    """Σ (q+k)⁻ˢ over k = 0, 1, …, by Euler and Maclaurin from the tenth term on."""
    far = q + 9.0
    t = where(less(1e4, s), 1e4, s)  # beyond, the rest is 0
    tail = div(1.0, t - 1.0) + div(0.5, far)
    factor = div(div(t, far), far)
    for k, c in enumerate(_EULER_MACLAURIN):
        tail = tail + c * factor
        factor = factor * (div(t + (2.0 * k + 1.0), far) * div(t + (2.0 * k + 2.0), far))
    total = reduce(lambda sum_, k: sum_ + pow_(q + k, -s), map(float, range(9)), 0.0)
    return where(less(s, 1.0), nan * s, where(less(q, 0.0), nan * q, total + pow_(far, 1.0 - s) * tail))


def _zeta_slope(y: Any, s: Any, q: Any) -> Any:
    return where(less(s, 1.0), nan * q, -s * zeta(stop_gradient(s) + 1.0, q))


betaln = define(
    "betaln",
    "a b",
    kind=BySciPy,
    partials=[lambda y, a, b: digamma(a) - digamma(a + b), lambda y, a, b: digamma(b) - digamma(a + b)],
    domain=[(1e-100, 1e100), (1e-100, 1e100)],
    tolerance=15000.0,
    reference="loggamma(a) + loggamma(b) - loggamma(a + b)",
    latex=r"\log B\left({a}, {b}\right)",
    doc="The logarithm of the beta function, |Γ(a)Γ(b)/Γ(a + b)|.",
)
zeta: Primitive = define(
    "zeta",
    "s q",
    kind=Special,
    constants="s",
    tolerance=50.0,
    definition=_zeta,
    partials=[None, _zeta_slope],
    domain=[(1.0, 100.0), (1e-3, 1e3)],
    latex=r"\zeta\left({s}, {q}\right)",
    doc="Hurwitz's zeta function, Σ (q + k)⁻ˢ over k = 0, 1, …; inf at s = 1 and q = 0, nan below.",
)
gammainc = define(
    "gammainc",
    "a x",
    kind=BySciPy,
    constants="a",
    partials=[None, lambda y, a, x: _gamma_density(a, x)],
    domain=[(1e-3, 1e3), (1e-3, 300.0)],
    tolerance=15000.0,
    reference="gammainc(a, 0, x, True)",
    latex=r"P\left({a}, {x}\right)",
    doc="The regularized lower incomplete gamma function: the probability below x of a gamma distribution.",
)
gammaincc = define(
    "gammaincc",
    "a x",
    kind=BySciPy,
    constants="a",
    partials=[None, lambda y, a, x: -_gamma_density(a, x)],
    domain=[(1e-3, 1e3), (1e-3, 1e3)],
    tolerance=8000.0,
    reference="gammainc(a, x, inf, True)",
    latex=r"Q\left({a}, {x}\right)",
    doc="1 - gammainc(a, x), to full accuracy where that is small.",
)
betainc = define(
    "betainc",
    "a b x",
    kind=BySciPy,
    constants="a b",
    partials=[None, None, lambda y, a, b, x: _beta_density(a, b, x)],
    domain=[(1e-3, 1e3), (1e-3, 1e3), (0.0, 1.0)],
    tolerance=2500.0,
    reference="betainc(a, b, 0, x, True)",
    latex=r"I_{{{x}}}\left({a}, {b}\right)",
    doc="The regularized incomplete beta function: the probability below x of a beta distribution.",
)

for _row in (erfinv, erfcinv, erfcx, ndtr, log_ndtr, ndtri, i0, i1, i0e, i1e, j0, j1, y0, y1, expi, exp1):
    give_methods(_row)
for _row in (ellipk, ellipe, betaln, zeta, gammainc, gammaincc, betainc):
    give_methods(_row)
