"""The judge by values alone, on functions whose derivatives are known."""

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograd_mini.testing.differences import Differences, Verdict

RIGHT, WRONG, KINK, NOISY = Verdict.RIGHT, Verdict.WRONG, Verdict.KINK, Verdict.NOISY


def staircase(x):
    return math.floor(x * 1e10) / 1e10


CASES = [
    # a name, f, x, a derivative, the verdict
    ("smooth", math.sin, 1.0, math.cos(1.0), RIGHT),
    ("off by a millionth", math.sin, 1.0, math.cos(1.0) * (1 + 5e-6), WRONG),
    ("nan", math.sin, 1.0, math.nan, WRONG),
    ("infinite", math.sin, 1.0, math.inf, WRONG),
    ("steep", lambda x: math.exp(1000 * x), 0.5, 1000 * math.exp(500), RIGHT),
    ("steep, wrong", lambda x: math.exp(1000 * x), 0.5, 999 * math.exp(500), WRONG),
    ("fast", lambda x: math.sin(1e6 * x), 1.0, 1e6 * math.cos(1e6), RIGHT),
    ("fast, wrong", lambda x: math.sin(1e6 * x), 1.0, 1e6 * math.sin(1e6), WRONG),
    ("the steps meet its period", lambda x: math.sin(6400 * math.pi * x), 1.0, 6400 * math.pi, RIGHT),
    ("tiny argument", math.log, 1e-300, 1e300, RIGHT),
    ("tiny argument, wrong", math.log, 1e-300, 2e300, WRONG),
    ("near a pole", lambda x: 1 / x, 1e-8, -1e16, RIGHT),
    ("large argument", math.sin, 1e10, math.cos(1e10), RIGHT),
    ("stationary", lambda x: math.cos(2 * math.pi * x), 1.0, -2 * math.pi * math.sin(2 * math.pi), RIGHT),
    ("stationary, wrong", lambda x: math.cos(2 * math.pi * x), 1.0, 1e-3, WRONG),
    ("constant", lambda x: 3.0, 1.0, 0.0, RIGHT),
    ("constant, wrong", lambda x: 3.0, 1.0, 1e-3, WRONG),
    ("kink", abs, 0.0, 0.0, KINK),
    ("kink, a one-sided slope", abs, 0.0, 1.0, KINK),
    ("near a kink", abs, 1e-12, 1.0, RIGHT),
    ("near a kink, wrong", abs, 1e-12, 5.0, WRONG),
    ("jump", math.floor, 2.0, 0.0, KINK),
    ("between jumps", math.floor, 2.5, 0.0, RIGHT),
    ("between jumps, wrong", math.floor, 2.5, 1.0, WRONG),
    ("fine jumps", staircase, 2.512345, 0.0, KINK),
    ("edge of the domain", math.sqrt, 0.0, math.inf, KINK),
    ("vertical tangent", math.cbrt, 0.0, math.inf, KINK),
    ("no value", math.log, 0.0, math.inf, KINK),
    ("infinite value", lambda x: math.inf, 1.0, 0.0, KINK),
    ("infinite argument", math.atan, math.inf, 0.0, KINK),
    ("tiny square", lambda x: x * x, 1e-50, 2e-50, RIGHT),
    ("tiny square, wrong", lambda x: x * x, 1e-50, 2.01e-50, WRONG),
    ("tiny scale", lambda x: 1e-200 * x * x, 1e-50, 2e-250, RIGHT),
    ("tiny scale, wrong", lambda x: 1e-200 * x * x, 1e-50, 2.01e-250, WRONG),
    ("cancellation to 0", lambda x: math.sqrt(1 + x * x) - 1, 1e-14, 1e-14, RIGHT),
    ("cancellation to a cube", lambda x: x - math.sin(x), 1e-8, 5e-17, RIGHT),
    ("cancellation to a square", lambda x: 1 - math.cos(x), 8.187211e-12, 8.187211e-12, RIGHT),
    ("cancellation, wrong", lambda x: 1 - math.cos(x), 1e-7, 2e-7, WRONG),
    ("cancellation near 0", lambda x: (1 + x) ** 2 - 1 - 2 * x, 1e-13, 2e-13, RIGHT),
    ("a branch not taken", lambda x: math.log(x) if x > 0 else 0.0, -1.0, math.nan, WRONG),
    ("rounding hides it", lambda x: 1e20 + x, 1.0, 1.0, NOISY),
    ("rounding hides the error too", lambda x: 1e20 + x, 1.0, 2.0, NOISY),
    ("cancellation", lambda x: (1e8 + x) ** 2 - 1e16 - 2e8 * x, 1.0, 2.0, NOISY),
    ("oscillation at every scale", lambda x: x * x * math.sin(1 / x) if x else 0.0, 0.0, 0.0, RIGHT),
]


@pytest.mark.parametrize(("f", "x", "found", "verdict"), [c[1:] for c in CASES], ids=[c[0] for c in CASES])
def test_verdicts(f, x, found, verdict):
    judgement = Differences(f, x).judge(found)
    assert judgement.verdict is verdict, judgement


CLOSED_FORMS = [
    # what the textbook says, whatever it costs in digits
    (math.sin, math.cos),
    (math.exp, math.exp),
    (math.log, lambda x: 1 / x),
    (math.sqrt, lambda x: 0.5 / math.sqrt(x)),
    (math.tanh, lambda x: 1 / math.cosh(x) ** 2),
    (math.tan, lambda x: 1 / math.cos(x) ** 2),
    (math.expm1, math.exp),
    (math.log1p, lambda x: 1 / (1 + x)),
    (math.erf, lambda x: 2 / math.sqrt(math.pi) * math.exp(-x * x)),
    (abs, lambda x: math.copysign(1.0, x)),
    (math.floor, lambda x: 0.0),
    (lambda x: x % 1.0, lambda x: 1.0),
    (lambda x: max(x, 0.0), lambda x: float(x > 0)),
    (lambda x: x**5, lambda x: 5 * x**4),
    (lambda x: 1 / x, lambda x: -1 / x**2),
    (lambda x: math.sin(1 / x), lambda x: -math.cos(1 / x) / x**2),
    (lambda x: x * math.log(x), lambda x: math.log(x) + 1),
    (lambda x: x - math.sin(x), lambda x: 2 * math.sin(x / 2) ** 2),
    (lambda x: 1 - math.cos(x), math.sin),
    (lambda x: math.exp(x) - 1, math.exp),
    (lambda x: math.sqrt(1 + x * x) - 1, lambda x: x / math.sqrt(1 + x * x)),
    (lambda x: math.log(math.cosh(x)), math.tanh),
    (lambda x: (x * x + 2 * x + 1) - (x + 1) ** 2 + x, lambda x: 1.0),
    (lambda x: (x - 1) ** 3 - x**3 + 3 * x * x - 3 * x + 1, lambda x: 0.0),
]


def accused(rounds):
    chance = random.Random(5)
    for f, slope in CLOSED_FORMS * rounds:
        x = chance.choice(
            [
                chance.uniform(-3, 3),
                chance.gauss(0, 1) * 10 ** chance.uniform(-12, 3),
                float(chance.randint(-3, 3)),
                10.0 ** chance.randint(-15, 3),
                1 + 10.0 ** chance.randint(-15, -1),
            ]
        )
        scale, shift = 10 ** chance.uniform(-8, 8), chance.choice([0.0, chance.gauss(0, 1e3)])
        try:
            found = scale * slope(x)
        except (ArithmeticError, ValueError):
            continue
        judgement = Differences(lambda x, f=f, a=scale, b=shift: a * f(x) + b, x).judge(found)
        if judgement.verdict is WRONG:
            yield x, scale, shift, found, judgement


def test_no_closed_form_is_accused_whatever_the_point_and_the_scale():
    assert list(accused(30)) == []


@pytest.mark.nightly
def test_no_closed_form_is_accused_at_many_more_points():
    assert list(accused(1_000)) == []


def test_what_changes_from_call_to_call_is_noise():
    chance = random.Random(0)
    judgement = Differences(lambda x: x + 1e-3 * chance.random(), 1.0).judge(1.0)
    assert judgement.verdict is RIGHT  # as far as many samples tell
    assert "the value changes from call to call, by " in judgement.remark
    assert Differences(lambda x: x + chance.random(), 1.0).judge(1.0).verdict is NOISY
    assert Differences(lambda x: x + 1e-3 * chance.random(), 1.0).judge(1.2).verdict is WRONG


def test_noise_of_any_size_is_no_accusation():
    for size in (1e-12, 1e-9, 1e-6, 1e-3, 1.0):
        judgement = Differences(lambda x, s=size: x + s * (hash(x) % 1000 / 1000), 1.3).judge(1.0)
        assert judgement.verdict is not WRONG


def test_the_remark_tells_the_slopes_on_either_side():
    judgement = Differences(lambda x: max(x, 3 * x), 0.0).judge(1.0)
    assert judgement.remark == "the slope is 1 on the left and 3 on the right"


@given(
    st.lists(st.floats(-10, 10, allow_subnormal=False), min_size=1, max_size=6),
    st.floats(-10, 10, allow_subnormal=False),
    st.floats(1e-4, 10),
)
def test_polynomials_are_right_and_what_is_off_is_never_right(coefficients, x, off):
    def p(t):
        return math.fsum(c * t**k for k, c in enumerate(coefficients))

    slope = math.fsum(k * c * x ** (k - 1) for k, c in enumerate(coefficients) if k)
    size = max(1.0, math.fsum(abs(k * c * x ** (k - 1)) for k, c in enumerate(coefficients) if k))
    assert Differences(p, x).judge(slope, zero=1e-13 * size).verdict in (RIGHT, NOISY)
    assert Differences(p, x).judge(slope + off * size, zero=1e-13 * size).verdict is not RIGHT
