"""The promises of the page on conventions, row by row, each through a graph and back."""

import math

import pytest

import autograd_mini.engine.primitives as p
import autograd_mini.special.elementary as s
from autograd_mini import Value
from autograd_mini.transforms.functions import grad

inf, nan = math.inf, math.nan


def same(got, expected):
    return got == expected or (got != got and expected != expected)


def derivatives(f, at):
    """Reverse mode: the value, and the gradient left on each operand."""
    leaves = [Value(x) for x in at]
    result = f(*leaves)
    result.backward()
    return result.data, [leaf.grad for leaf in leaves]


# Each case: the expression as it is read, what it is, where, its value and its derivative by each operand.
CASES = [
    ("1/x at 0", lambda x: 1.0 / x, [0.0], inf, [-inf]),
    ("x/0", lambda x, y: x / y, [1.0, 0.0], inf, [inf, -inf]),
    ("0/0", lambda x, y: x / y, [0.0, 0.0], nan, [inf, nan]),
    ("exp at 1000", p.exp, [1000.0], inf, [inf]),
    ("sinh at 1000", p.sinh, [1000.0], inf, [inf]),
    ("cosh at 1000", p.cosh, [1000.0], inf, [inf]),
    ("cosh at -1000", p.cosh, [-1000.0], inf, [-inf]),
    ("abs at 0", abs, [0.0], 0.0, [0.0]),
    ("abs at -0", abs, [-0.0], 0.0, [0.0]),
    ("abs at inf", abs, [-inf], inf, [-1.0]),
    ("relu at 0", p.relu, [0.0], 0.0, [0.0]),
    ("relu of nan", p.relu, [nan], nan, [nan]),
    ("maximum at a tie", p.maximum, [2.0, 2.0], 2.0, [0.5, 0.5]),
    ("minimum at a tie", p.minimum, [2.0, 2.0], 2.0, [0.5, 0.5]),
    ("maximum(x, x)", lambda x: p.maximum(x, x), [3.0], 3.0, [1.0]),
    ("maximum(x, 0) at 0", lambda x: p.maximum(x, 0.0), [0.0], 0.0, [0.5]),
    ("maximum with a nan", p.maximum, [nan, 1.0], nan, [nan, nan]),
    ("maximum with a nan after", p.maximum, [1.0, nan], nan, [nan, nan]),
    ("minimum with a nan", p.minimum, [nan, 1.0], nan, [nan, nan]),
    ("minimum with a nan after", p.minimum, [1.0, nan], nan, [nan, nan]),
    ("clamp at its lower bound", p.clamp, [0.0, 0.0, 1.0], 0.0, [1.0, 0.0, 0.0]),
    ("clamp at its upper bound", p.clamp, [1.0, 0.0, 1.0], 1.0, [1.0, 0.0, 0.0]),
    ("clamp below", p.clamp, [-1.0, 0.0, 1.0], 0.0, [0.0, 1.0, 0.0]),
    ("clamp above", p.clamp, [2.0, 0.0, 1.0], 1.0, [0.0, 0.0, 1.0]),
    ("clamp of nan", p.clamp, [nan, 0.0, 1.0], nan, [nan, nan, nan]),
    *(
        (f"{row.name} at {x}", row, [x], y, [0.0])
        for row, x, y in [
            *((p.sign, x, y) for x, y in [(-2.5, -1.0), (0.0, 0.0), (inf, 1.0), (nan, nan)]),
            *((p.floor, x, y) for x, y in [(-2.5, -3.0), (2.0, 2.0), (-inf, -inf), (nan, nan)]),
            *((p.ceil, x, y) for x, y in [(-2.5, -2.0), (2.0, 2.0), (inf, inf), (nan, nan)]),
            *((p.trunc, x, y) for x, y in [(-2.5, -2.0), (2.0, 2.0), (inf, inf), (nan, nan)]),
            *((p.round_, x, y) for x, y in [(-2.5, -2.0), (3.5, 4.0), (inf, inf), (nan, nan)]),
        ]
    ),
    ("mod takes Python's sign", p.mod, [-7.0, 3.0], 2.0, [1.0, 3.0]),
    ("mod(1, 0.1)", p.mod, [1.0, 0.1], 1.0 % 0.1, [1.0, -9.0]),
    ("mod(x, 0)", p.mod, [1.0, 0.0], nan, [nan, nan]),
    ("fmod takes C's sign", p.fmod, [-7.0, 3.0], -1.0, [1.0, 2.0]),
    ("fmod(1, 0.1)", p.fmod, [1.0, 0.1], math.fmod(1.0, 0.1), [1.0, -9.0]),
    ("fmod(x, 0)", p.fmod, [1.0, 0.0], nan, [nan, nan]),
    ("sqrt at 0", p.sqrt, [0.0], 0.0, [inf]),
    ("sqrt at -1", p.sqrt, [-1.0], nan, [nan]),
    ("sqrt(x·x) at 0", lambda x: p.sqrt(x * x), [0.0], 0.0, [nan]),
    ("sqrt(x)**2 at 0", lambda x: p.sqrt(x) ** 2, [0.0], 0.0, [nan]),
    ("x**0 at 0", lambda x: x**0, [0.0], 1.0, [0.0]),
    ("x**0 of inf", lambda x: x**0, [inf], 1.0, [0.0]),
    ("x**0 of nan", lambda x: x**0, [nan], 1.0, [0.0]),
    ("x**c, x tiny", lambda x: x**0.3, [1e-300], 1e-300**0.3, [0.3 * (1e-300**0.3 / 1e-300)]),
    ("(-2)**3", lambda x: x**3, [-2.0], -8.0, [12.0]),
    ("(-8)**(1/3)", lambda x: x ** (1 / 3), [-8.0], nan, [nan]),
    ("0**0.5", lambda x: x**0.5, [0.0], 0.0, [inf]),
    ("0**-1", lambda x: x**-1, [0.0], inf, [-inf]),
    ("0**1", lambda x: x**1, [0.0], 0.0, [1.0]),
    ("0**2", lambda x: x**2, [0.0], 0.0, [0.0]),
    ("0**y", lambda y: 0.0**y, [2.5], 0.0, [0.0]),
    ("x**y at (0, 2)", lambda x, y: x**y, [0.0, 2.0], 0.0, [0.0, 0.0]),
    ("x**y at (0, 0)", lambda x, y: x**y, [0.0, 0.0], 1.0, [0.0, 0.0]),
    ("x**y at (-2, 3)", lambda x, y: x**y, [-2.0, 3.0], -8.0, [12.0, nan]),
    ("log at 0", p.log, [0.0], -inf, [inf]),
    ("log at -1", p.log, [-1.0], nan, [nan]),
    ("x / y, y huge", lambda x, y: x / y, [1e200, 1e200], 1.0, [1e-200, -1e-200]),
    ("atan2(0, 0)", p.atan2, [0.0, 0.0], 0.0, [nan, nan]),
    ("asin at 1", p.asin, [1.0], math.pi / 2, [inf]),
    ("asin at -1", p.asin, [-1.0], -math.pi / 2, [inf]),
    ("acosh at 1", p.acosh, [1.0], 0.0, [inf]),
    ("atanh at 1", p.atanh, [1.0], inf, [inf]),
    ("atanh at -1", p.atanh, [-1.0], -inf, [inf]),
    ("acos at 1", p.acos, [1.0], 0.0, [-inf]),
    ("acos at -1", p.acos, [-1.0], math.pi, [-inf]),
    ("log1p at -1", p.log1p, [-1.0], -inf, [inf]),
    ("log2 at 0", p.log2, [0.0], -inf, [inf]),
    ("log10 at -0", p.log10, [-0.0], -inf, [inf]),
    ("cbrt at 0", p.cbrt, [0.0], 0.0, [inf]),
    ("hypot(0, 0)", p.hypot, [0.0, 0.0], 0.0, [0.0, 0.0]),
    ("hypot(x, 0)", p.hypot, [-3.0, 0.0], 3.0, [-1.0, 0.0]),
    ("sinc at 0", s.sinc, [0.0], 1.0, [0.0]),
    ("sinpi at 1.5", s.sinpi, [1.5], -1.0, [0.0]),
    ("cospi at 1e300", s.cospi, [1e300], 1.0, [0.0]),
    ("sinpi at a half", s.sinpi, [2.0**52 - 0.5], -1.0, [0.0]),
    ("sinpi at inf", s.sinpi, [inf], nan, [nan]),
    ("cospi at -inf", s.cospi, [-inf], nan, [nan]),
    ("log(8, 2)", p.log, [8.0, 2.0], 3.0, [1 / (8 * math.log(2)), -3 / (2 * math.log(2))]),
    ("log(2, 1)", p.log, [2.0, 1.0], inf, [inf, -inf]),
    ("log(-1, 2)", p.log, [-1.0, 2.0], nan, [nan, nan]),
    ("log(2, -1)", p.log, [2.0, -1.0], nan, [nan, nan]),
    *(
        (f"xlogy({x}, {y})", s.xlogy, [x, y], z, slopes)
        for x, y, z, slopes in [
            (0.0, 2.0, 0.0, [math.log(2), 0.0]),
            (0.0, 0.0, 0.0, [-inf, 0.0]),
            (0.0, -1.0, 0.0, [nan, 0.0]),
            (0.0, inf, 0.0, [inf, 0.0]),
            (0.0, nan, nan, [nan, nan]),
            (1.0, 0.0, -inf, [-inf, inf]),
            (1.0, -1.0, nan, [nan, nan]),
        ]
    ),
    ("xlog1py(0, -1)", s.xlog1py, [0.0, -1.0], 0.0, [-inf, 0.0]),
    ("xlog1py(0, -2)", s.xlog1py, [0.0, -2.0], 0.0, [nan, 0.0]),
    ("xlog1py(2, -1)", s.xlog1py, [2.0, -1.0], -inf, [-inf, inf]),
    ("entr at 0", s.entr, [0.0], 0.0, [inf]),
    ("entr at -0", s.entr, [-0.0], 0.0, [inf]),
    ("entr at -1", s.entr, [-1.0], -inf, [nan]),
    ("entr of nan", s.entr, [nan], nan, [nan]),
    ("logit at 0", s.logit, [0.0], -inf, [inf]),
    ("logit at -0", s.logit, [-0.0], -inf, [inf]),
    ("logit at 1", s.logit, [1.0], inf, [inf]),
    ("log1mexp at 0", s.log1mexp, [0.0], -inf, [-inf]),
    ("log1mexp at -0", s.log1mexp, [-0.0], -inf, [-inf]),
    ("log1mexp at -inf", s.log1mexp, [-inf], 0.0, [0.0]),
    ("logexpm1 at 0", s.logexpm1, [0.0], -inf, [inf]),
    ("logexpm1 at -0", s.logexpm1, [-0.0], -inf, [inf]),
    ("logexpm1 at 1000", s.logexpm1, [1000.0], 1000.0, [1.0]),
    ("logsubexp at a tie", s.logsubexp, [2.0, 2.0], -inf, [nan, nan]),
    ("logsubexp(inf, inf)", s.logsubexp, [inf, inf], nan, [nan, nan]),
    ("logsubexp(-inf, -inf)", s.logsubexp, [-inf, -inf], -inf, [nan, nan]),
    ("logsubexp(-inf, 0)", s.logsubexp, [-inf, 0.0], 0.0, [0.0, 1.0]),
    ("logsubexp(0, -inf)", s.logsubexp, [0.0, -inf], 0.0, [1.0, 0.0]),
    *(
        (f"{f.name}({x}, {y})", f, [x, y], z, slopes)
        for f in (s.fmax, s.fmin)
        for x, y, z, slopes in [
            (2.0, 2.0, 2.0, [0.5, 0.5]),
            (nan, 1.0, 1.0, [0.0, 1.0]),
            (1.0, nan, 1.0, [1.0, 0.0]),
            (nan, nan, nan, [nan, nan]),
        ]
    ),
    ("fmax(1, 2)", s.fmax, [1.0, 2.0], 2.0, [0.0, 1.0]),
    ("fmin(1, 2)", s.fmin, [1.0, 2.0], 1.0, [1.0, 0.0]),
    ("elu at 0", s.elu, [0.0], 0.0, [1.0]),
    ("second derivative of elu at 0", grad(s.elu), [0.0], 1.0, [1.0]),
    ("elu at -inf", s.elu, [-inf], -1.0, [0.0]),
    *(
        (f"{f.name} at {x}", f, [x], y, [slope])
        for f in (s.silu, s.mish)
        for x, y, slope in [(inf, inf, 1.0), (-inf, 0.0, 0.0), (nan, nan, nan), (1e300, 1e300, 1.0)]
    ),
    ("logaddexp(-inf, -inf)", p.logaddexp, [-inf, -inf], -inf, [nan, nan]),
    ("logaddexp(-inf, 0)", p.logaddexp, [-inf, 0.0], 0.0, [0.0, 1.0]),
    ("logsumexp(-inf, 0)", p.logsumexp, [-inf, 0.0], 0.0, [0.0, 1.0]),
    ("where takes the first", p.where, [1.0, 2.0, nan], 2.0, [0.0, 1.0, 0.0]),
    ("where takes the second", p.where, [0.0, nan, 3.0], 3.0, [0.0, 0.0, 1.0]),
    ("where blocks a nan", lambda x: p.where(x > 0, p.log(x), 0.0), [-1.0], 0.0, [0.0]),
    ("where blocks an inf", lambda x: p.where(x > 0, p.log(x), 0.0), [0.0], 0.0, [0.0]),
    ("gamma at a pole", p.gamma, [-1.0], nan, [nan]),
    ("gamma at 172", p.gamma, [172.0], inf, [inf]),
    ("lgamma at a pole", p.lgamma, [-2.0], inf, [nan]),
    ("lgamma at 0", p.lgamma, [0.0], inf, [-inf]),
    ("inf·0", lambda x, y: x * y, [inf, 0.0], nan, [0.0, inf]),
    ("inf - inf", lambda x, y: x - y, [inf, inf], nan, [1.0, -1.0]),
    ("a denormal", lambda x: x * 0.5, [1e-323], 5e-324, [0.5]),
    ("tanh far out", p.tanh, [25.0], 1.0, [4.0 * math.exp(-50.0)]),
    ("sigmoid at -800", p.sigmoid, [-800.0], 0.0, [0.0]),
    ("softplus at 800", p.softplus, [800.0], 800.0, [1.0]),
    ("softplus at -800", p.softplus, [-800.0], 0.0, [0.0]),
]


@pytest.mark.parametrize(
    ("f", "at", "value", "slopes"), [case[1:] for case in CASES], ids=[c[0] for c in CASES]
)
def test_a_promise_is_kept(f, at, value, slopes):
    got, got_slopes = derivatives(f, at)
    assert same(got, value)
    assert all(map(same, got_slopes, slopes)), got_slopes


def test_negative_zero_is_kept():
    signs = [
        math.copysign(1.0, f(Value(-0.0)).data) for f in (p.sqrt, p.sin, p.floor, p.round_, p.cbrt, p.tanh)
    ]
    assert signs == [-1.0] * 6
    assert math.copysign(1.0, p.ceil(-0.5)) == -1.0


@pytest.mark.parametrize(
    ("row", "outside"),
    [
        *((row, -1.0) for row in (p.log, p.log2, p.log10, p.sqrt)),
        (p.log1p, -2.0),
        *((row, x) for row in (p.asin, p.acos, p.atanh) for x in (2.0, -2.0)),
        (p.acosh, 0.5),
        (p.acosh, -2.0),
        *((row, x) for row in (p.sin, p.cos, p.tan) for x in (inf, -inf)),
        (p.gamma, -3.0),
        (p.digamma, -3.0),
        (s.logit, -0.5),
        (s.logit, 1.5),
        (s.log1mexp, 1.0),
        (s.logexpm1, -1.0),
        *((row, inf) for row in (s.sinpi, s.cospi)),
    ],
    ids=lambda x: getattr(x, "name", None),
)
def test_outside_the_domain_every_derivative_is_nan(row, outside):
    assert math.isnan(row(outside))
    assert math.isnan(grad(row)(outside))
    assert math.isnan(grad(grad(row))(outside))


@pytest.mark.parametrize("row", [p.mod, p.fmod], ids=lambda row: row.name)
def test_a_remainder_of_nothing_has_nan_derivatives(row):
    assert math.isnan(grad(row)(1.0, 0.0))
    assert math.isnan(grad(grad(row))(1.0, 0.0))
    assert math.isnan(grad(row, argnums=1)(1.0, 0.0))
    assert math.isnan(grad(grad(row, argnums=1), argnums=1)(1.0, 0.0))


def test_the_second_derivative_of_zero_to_the_y_is_zero():
    assert grad(grad(lambda y: 0.0**y))(2.0) == 0.0


def test_mixed_derivatives_of_a_power_agree_at_exponent_zero():
    by_x_then_y = grad(lambda y: grad(lambda x: x**y)(2.0))(0.0)
    by_y_then_x = grad(lambda x: grad(lambda y: x**y)(0.0))(2.0)
    assert by_x_then_y == by_y_then_x == 0.5


# Smooth rules are built of smooth pieces: Taylor coefficients at 0 times n!, n = 1 … 4.
SMOOTH = [
    (p.sigmoid, [1 / 4, 0.0, -1 / 8, 0.0]),
    (p.softplus, [1 / 2, 1 / 4, 0.0, -1 / 8]),
    (p.tanh, [1.0, 0.0, -2.0, 0.0]),
    (s.sinc, [0.0, -(math.pi**2) / 3, 0.0, math.pi**4 / 5]),
    (p.erf, [2 / math.sqrt(math.pi), 0.0, -4 / math.sqrt(math.pi), 0.0]),
    (p.asinh, [1.0, 0.0, -1.0, 0.0]),
    (p.atan, [1.0, 0.0, -2.0, 0.0]),
    (lambda x: p.logaddexp(x, 0.0), [1 / 2, 1 / 4, 0.0, -1 / 8]),
    (lambda x: p.logsumexp(x, 0.0), [1 / 2, 1 / 4, 0.0, -1 / 8]),
    (s.silu, [1 / 2, 1 / 2, 0.0, -1 / 2]),
    (s.mish, [3 / 5, 16 / 25, -12 / 125, -688 / 625]),
    (s.sinpi, [math.pi, 0.0, -(math.pi**3), 0.0]),
]


@pytest.mark.parametrize(("f", "expected"), SMOOTH)
def test_derivatives_at_zero_are_those_of_the_function_not_of_its_pieces(f, expected):
    for exact in expected:
        f = grad(f)
        assert f(0.0) == pytest.approx(exact, rel=1e-14, abs=1e-14)


@pytest.mark.parametrize(
    ("f", "slope"), [(p.tanh, -2.0), (p.sigmoid, -1 / 8), (p.erf, -4 / math.sqrt(math.pi))]
)
def test_a_second_derivative_is_right_next_to_its_root(f, slope):
    assert grad(grad(f))(1e-9) == pytest.approx(slope * 1e-9, rel=1e-14, abs=0.0)


# The derivatives that a textbook formula gets wrong in most or all digits.
HARD = [
    (p.tanh, 20.0, 1.6993417021166355e-17),
    (p.sigmoid, 40.0, 4.248354255291589e-18),
    (p.expm1, -40.0, 4.248354255291589e-18),
    (p.erf, 5.0, 1.5670866531017335e-11),
    (p.acosh, 1.0 + 2.0**-50, 23726566.406062883),
    (p.asin, 1.0 - 2.0**-50, 23726566.406062893),
    (lambda y: 1.0 / y, 1e200, -0.0),
]


@pytest.mark.parametrize(("f", "x", "expected"), HARD)
def test_no_digit_is_lost_where_the_textbook_loses_them_all(f, x, expected):
    assert derivatives(f, [x])[1][0] == pytest.approx(expected, rel=1e-15, abs=0.0)
