"""check_grads as its users meet it: verdicts, messages, arguments of every shape; and whom it blames."""

import math

import numpy as np
import pytest

import autograd_mini as ad
from autograd_mini import Value
from autograd_mini.engine.table import TABLE
from autograd_mini.testing import GradientError, Verdict, check_grads, compare_grads
from autograd_mini.testing.blame import Investigation
from autograd_mini.testing.differences import Judgement
from autograd_mini.testing.recipes import grow, random_material, vocabulary
from autograd_mini.transforms import functions as transforms
from autograd_mini.transforms.custom import primitive


def verdicts(report):
    return [finding.verdict for finding in report.findings]


@pytest.fixture
def own():
    """A way to add rows that are gone after the test."""
    before = set(TABLE)
    yield primitive
    for name in set(TABLE) - before:
        del TABLE[name]


# ---- right, wrong, kink, noise ---------------------------------------------------------------------


def test_a_right_gradient_at_both_orders_in_both_modes():
    report = check_grads(lambda a, b: ad.exp(a) * ad.sin(b), 0.3, 0.7)
    assert report.decided
    assert [f.derivative for f in report.findings] == [
        "∂f/∂a", "∂f/∂b", "∂²f/∂a∂a", "∂²f/∂a∂b", "∂²f/∂b∂a", "∂²f/∂b∂b"
    ]  # fmt: skip
    assert {f.modes for f in report.findings} == {
        ("forward", "reverse"),
        ("forward over reverse", "reverse over reverse"),
    }


def test_methods_and_other_arguments_in_every_mode():
    def f(x, y):
        return x.tanh() * y.exp() + np.sin(x)

    assert check_grads(f, 0.3, 0.7).decided
    assert check_grads(f, 0.3, 0.7, modes=("forward",)).decided


def test_an_argument_without_a_derivative_spoils_no_other():
    assert verdicts(check_grads(lambda x, y: x + ad.sqrt(y), 1.0, 0.0, order=1)) == [
        Verdict.RIGHT,
        Verdict.KINK,
    ]


def test_one_mode_and_one_order():
    report = check_grads(ad.tanh, 0.3, order=2, modes=("forward",))
    assert [f.modes for f in report.findings] == [("forward",), ("forward over forward",)]
    assert len(check_grads(ad.tanh, 0.3, order=1).findings) == 1


def test_a_wrong_partial_is_named_with_the_numbers_and_the_size_of_the_error(own):
    own("half_sine", value=math.sin, partials=[lambda y, x: 0.5 * ad.cos(x)], reference="sin(x)")
    with pytest.raises(GradientError) as caught:
        check_grads(lambda u, v: u * TABLE["half_sine"](v * v), 2.0, 1.0)
    message = str(caught.value)
    assert message.startswith(
        "<lambda> at u = 2.0, v = 1.0: ∂f/∂v is 1.0806046117362795 (forward, reverse)"
    )
    assert "should be 2.161209223472559" in message
    assert "relative 0.5: the partial with respect to x of half_sine(1.0) is 0.2701511529340699" in message
    assert verdicts(caught.value.report) == [Verdict.RIGHT, Verdict.WRONG]  # the second order is not asked
    finding = caught.value.report.wrong[0]
    assert finding.relative == pytest.approx(0.5)
    assert finding.ulps == pytest.approx(0.5 * 2.161209223472559 / math.ulp(2.16))


def test_a_wrong_partial_without_a_reference_is_named_too(own):
    own("thrice", value=lambda x: 3 * x, partials=[lambda y, x: 2.0])
    report = compare_grads(lambda x: ad.exp(TABLE["thrice"](x)), 0.1)
    assert "the partial with respect to x of thrice(0.1) is 2.0 and should be 3.0" in str(report)


def test_a_wrong_second_derivative_is_named(own):
    """The partial is right as a number and wrong as a rule: its own derivative is cut off."""
    own(
        "cut_sine",
        value=math.sin,
        partials=[lambda y, x: transforms.stop_gradient(ad.cos(x))],
        reference="sin(x)",
    )
    report = compare_grads(lambda x: TABLE["cut_sine"](x) * x, 0.5)
    assert verdicts(report) == [Verdict.RIGHT, Verdict.WRONG]
    assert "the second partial with respect to x and x of cut_sine(0.5) is 0.0" in str(report)


def test_a_number_taken_out_of_the_graph_is_noticed():
    report = compare_grads(lambda x: x * x.data, 3.0, order=1)
    assert verdicts(report) == [Verdict.WRONG]
    assert "not the whole function" in str(report)


def test_a_walk_that_goes_wrong_is_blamed_when_every_partial_is_right(monkeypatch):
    right = transforms.grad
    monkeypatch.setattr(transforms, "grad", lambda f, *a: lambda x: [2 * g for g in right(f, *a)(x)])
    report = compare_grads(lambda x: ad.sin(x) * x, 0.5, order=1, modes=("reverse",))
    assert verdicts(report) == [Verdict.WRONG]
    assert "every partial is right, and the sum over the paths is 0.918" in str(report)


def test_modes_that_disagree_are_judged_each(monkeypatch):
    right = transforms.jvp
    monkeypatch.setattr(transforms, "jvp", lambda *a: (right(*a)[0], 2 * right(*a)[1]))
    report = compare_grads(ad.sin, 0.5, order=1)
    assert [(f.modes, f.verdict) for f in report.findings] == [
        (("forward",), Verdict.WRONG),
        (("reverse",), Verdict.RIGHT),
    ]


@pytest.mark.parametrize(
    ("f", "x"),
    [
        (abs, 0.0),
        (ad.relu, 0.0),
        (lambda x: ad.relu(x) - ad.relu(-x), 0.0),  # smooth, and 0 by the convention at each kink
        (lambda x: ad.sqrt(x * x), 0.0),
        (lambda x: ad.sqrt(0 * x), 0.0),
        (ad.sqrt, 0.0),
        (ad.log, 0.0),
        (ad.log, -1.0),
        (ad.asin, 1.0),
        (lambda x: ad.maximum(x, 1.0), 1.0),
        (lambda x: 1 / x, 0.0),
        (lambda x: x ** (1 / 3), 0.0),
        (lambda x: ad.exp(x) * 0, 1000.0),
    ],
)
def test_a_kink_or_pole_is_no_accusation(f, x):
    report = check_grads(f, x, order=1)
    assert verdicts(report) == [Verdict.KINK]
    assert not report.decided


def test_a_branch_that_holds_at_one_point_alone_is_no_accusation():
    report = check_grads(lambda x: ad.where(x, 2 * ad.sin(x), x), 0.0, order=1)
    assert verdicts(report) == [Verdict.NOISY]
    assert "a branch holds at this point alone" in str(report)


SIGNS_OF_ZERO = [
    (lambda a: ad.copysign(a, ad.ceil(a)), (-0.2,)),  # copysign(-0.2, -0.0)
    (lambda a, b: ad.copysign(a, ad.ceil(b)), (-3.0, -0.2)),
    (lambda a, b: ad.copysign(b, ad.tan(ad.ceil(a))), (-0.2, 2.4)),
    (lambda a: a * ad.atan2(ad.ceil(a), -1.0), (-0.2,)),
]


@pytest.mark.parametrize("f, xs", SIGNS_OF_ZERO)
def test_the_sign_of_zero_is_known_to_differences_and_none_of_mpmaths_business(f, xs):
    assert check_grads(f, *xs).decided
    report = check_grads(f, *xs, oracle="mpmath", order=1)
    assert set(verdicts(report)) == {Verdict.NOISY}
    assert "depends on the sign of a zero" in str(report)


def test_a_wrong_derivative_is_found_where_the_sign_of_zero_tells():
    report = compare_grads(lambda a: ad.copysign(a, -0.0), lambda a: 1.0, 0.2)
    assert verdicts(report) == [Verdict.WRONG]


def test_the_kink_is_named():
    report = compare_grads(lambda x: abs(x - 1) * x, 1.0, order=1)
    remark = report.findings[0].judgement.remark
    assert remark == "a kink, a jump or a pole of abs(0.0): the slope is -1 on the left and 1 on the right"


def test_noise_is_told_where_there_is_no_graph_to_look_into():
    report = check_grads(lambda x: 1e20 + x, lambda x: 1.0, 1.0)
    assert verdicts(report) == [Verdict.NOISY]


def test_where_differences_drown_mpmath_decides():
    assert check_grads(lambda x: 1e20 + x, 1.0).decided
    assert check_grads(lambda x: (1e8 + x) ** 2 - 1e16 - 2e8 * x, 1.0, order=1, rtol=1e-6).ok


def test_what_cuts_a_gradient_on_purpose_is_no_false_gradient():
    assert check_grads(lambda x: ad.stop_gradient(x) * x, 3.0).decided


# ---- gradients written by hand ---------------------------------------------------------------------


def test_a_gradient_by_hand_in_either_spelling():
    assert check_grads(math.sin, math.cos, 1.0).decided
    assert check_grads(math.sin, 1.0, gradient=math.cos).decided
    with pytest.raises(GradientError, match=r"^sin at x = 1.0: .* is 0.84147.* \(sin\) and should be"):
        check_grads(math.sin, math.sin, 1.0)


def test_a_gradient_by_hand_of_several_arguments_and_of_arrays():
    assert check_grads(lambda a, b: a * b * b, lambda a, b: (b * b, 2 * a * b), 2.0, 3.0).decided
    assert check_grads(lambda w: float(w @ w), lambda w: 2 * w, np.array([1.0, 2.0, 3.0])).decided
    report = compare_grads(lambda w: float(w @ w), lambda w: w, np.array([1.0, 0.0, 3.0]))
    assert [f.derivative for f in report.wrong] == ["∂f/∂w[0]", "∂f/∂w[2]"]


def test_a_gradient_by_hand_of_another_size_is_refused():
    with pytest.raises(TypeError, match="returned 1 number, and <lambda> has 2 to be differentiated with"):
        check_grads(lambda a, b: a * b, lambda a, b: b, 2.0, 3.0)


# ---- arguments and requests ------------------------------------------------------------------------


def test_nested_arguments_are_named_by_their_place():
    def f(p, x):
        return p["w"][0] * x[1, 0] + p["w"][1] * p["b"]

    report = check_grads(f, {"w": [2.0, 3.0], "b": 4.0}, np.array([[1.0], [5.0]]), order=1)
    assert report.decided
    assert [f.derivative for f in report.findings] == [
        "∂f/∂p['w'][0]", "∂f/∂p['w'][1]", "∂f/∂p['b']", "∂f/∂x[0][0]", "∂f/∂x[1][0]"
    ]  # fmt: skip


def test_values_as_arguments_are_numbers():
    assert check_grads(lambda x: x * x, Value(3.0)).decided


def test_many_arguments_are_checked_at_second_order_in_one_direction():
    def f(x):
        return ad.exp(0.1 * ad.dot(x, x))

    report = check_grads(f, [0.1 * k for k in range(20)])
    assert report.decided
    assert len({f.derivative for f in report.findings}) == 22  # first order: a group and a 0
    assert report.findings[-1].derivative == "∂²f/∂(a random direction)∂x[19]"


def test_mpmath_as_the_only_oracle():
    report = check_grads(lambda x: ad.erf(x) * x, 0.5, oracle="mpmath")
    assert report.decided
    assert all(f.expected.error == 0 for f in report.findings)
    assert verdicts(compare_grads(abs, 0.0, oracle="mpmath", order=1)) == [Verdict.KINK]


@pytest.mark.parametrize(
    ("request_", "error", "message"),
    [
        (lambda: check_grads(ad.sin), TypeError, "was given no argument"),
        (lambda: check_grads(ad.sin, 1.0, order=3), ValueError, "order 3 cannot be checked: choose 1 or 2"),
        (lambda: check_grads(ad.sin, 1.0, modes="forward"), ValueError, r"as in modes=\('forward',\)"),
        (lambda: check_grads(3.0, 1.0), TypeError, "f is 3.0, no function"),
        (lambda: check_grads(math.sin, 1.0, gradient=0.5), TypeError, "gradient is 0.5, no function"),
        (lambda: check_grads(ad.sin, []), TypeError, "was given no number, only empty arguments"),
        (
            lambda: check_grads(lambda *, a: a, 1.0),
            TypeError,
            r"<lambda>\(\*, a\) cannot be called .*wrap it",
        ),
        (
            lambda: check_grads(lambda x: np.array([x]), lambda x: 1.0, 1.0),
            TypeError,
            "an array of 1 number,",
        ),
        (
            lambda: check_grads(math.factorial, lambda n: n, 3),
            TypeError,
            "not take the floats .* = 3.0: .*hold",
        ),
        (lambda: check_grads(lambda x: None, lambda x: 1.0, 3), TypeError, "is a return statement"),
        (lambda: check_grads(lambda x: x, lambda x: None, 3), TypeError, "is a return statement"),
        (lambda: check_grads(ad.sin, 1.0, oracle="delphi"), ValueError, "choose one of auto"),
        (lambda: check_grads(lambda x: [x, x], 1.0), TypeError, "check the numbers one at a time"),
        (lambda: check_grads(ad.sin, "1.0"), TypeError, "expected a real number, got str"),
    ],
)
def test_wrong_requests_name_the_remedy(request_, error, message):
    with pytest.raises(error, match=message):
        request_()


def test_what_rounding_leaves_of_large_second_partials_is_no_mistake():
    """A constant, whose second partials of the size of 1 / x² cancel but for their rounding."""
    report = check_grads(lambda a, c: ad.atan2(a + c, a + c), -0.004545385886780167, 0.029066405431647332)
    assert verdicts(report)[:2] == [Verdict.RIGHT, Verdict.RIGHT]


def test_a_partial_that_is_zero_at_the_point_alone_may_have_a_derivative():
    """For every x, x ** 0 is 1; its derivative by both operands is 1 / x all the same."""

    def f(numbers):
        return numbers[0] ** numbers[1]

    investigation = Investigation(f, [0.7, -0.0], f)
    assert investigation.exact((0, 1)) == 1 / 0.7
    judgement = investigation.settle(Judgement(Verdict.WRONG), 1.5, (0, 1), 1e-6, 0.0)
    assert "every partial is right" in judgement.remark


def test_a_gradient_of_dicts_may_be_in_any_order():
    def f(p, x):
        return p["a"] * p["b"][0] * x

    def fprime(p, x):
        return {"b": [p["a"] * x], "a": p["b"][0] * x}, p["a"] * p["b"][0]

    point = {"a": 2.0, "b": [5.0]}
    assert check_grads(f, fprime, point, 3.0).decided
    assert check_grads(lambda p: f(p, 1.0), lambda p: fprime(p, 1.0)[0], point).decided
    assert check_grads(lambda p: f(p, 1.0), lambda p: fprime(p, 1.0)[:1], point).decided


@pytest.mark.parametrize(
    ("fprime", "message"),
    [
        (
            lambda x: {"a": 1.0, "c": 2.0},
            "for 'a', 'c', and the argument has 'a', 'b': return one under each",
        ),
        (
            lambda x: [1.0, 2.0, 3.0],
            "returned 3 numbers, and <lambda> has 2 to be differentiated with",
        ),
        (lambda x: 1.0, r"returned 1 number, and <lambda> has 2 .*\(x\['a'\], x\['b'\]\): return one for"),
    ],
)
def test_a_gradient_of_another_structure_is_refused(fprime, message):
    with pytest.raises(TypeError, match=message):
        check_grads(lambda x: x["a"] * x["b"], fprime, {"a": 2.0, "b": 1.0})


def test_a_gradient_of_another_shape_is_refused():
    x = np.ones((2, 3))
    assert check_grads(lambda x: (x * x).sum(), lambda x: 2 * x, x).decided
    with pytest.raises(
        TypeError, match=r"array of shape \(3, 2\), and the argument has the shape \(2, 3\)"
    ):
        check_grads(lambda x: (x * x).sum(), lambda x: 2 * x.T, x)


def test_a_function_that_refuses_the_point_or_is_not_finite_there():
    for f, x, remark in [
        (math.sqrt, -1.0, "there is no value here: ValueError: "),
        (lambda x: 1 / x, 0.0, "there is no value here: ZeroDivisionError: "),
        (lambda x: x, math.nan, "the point itself is nan"),
        (lambda x: x, math.inf, "the point itself is inf"),
        (lambda x: x * math.inf, 1.0, "the value itself is inf"),
    ]:
        report = check_grads(f, lambda x: 1.0, x)
        assert verdicts(report) == [Verdict.KINK]
        assert remark in str(report)
    with pytest.raises(KeyError):  # what is no matter of numbers is the user's own
        check_grads(lambda x: {}[x], lambda x: 1.0, 1.0)


def test_single_precision_is_told_from_a_wrong_gradient():
    def f(x):
        return float(np.sin(np.float32(x)))

    assert check_grads(f, math.cos, 1.0).decided
    report = compare_grads(f, lambda x: 1.1 * math.cos(x), 1.0)
    assert verdicts(report) == [Verdict.WRONG]
    assert "0.5943325364549538  0.540302" in str(report)


def test_what_is_not_finite_is_off_by_no_number():
    assert str(compare_grads(lambda x: x, lambda x: math.nan, 1.0).wrong[0]).endswith(
        "is nan (<lambda>) and should be 1 ± 7e-15"
    )
    assert str(compare_grads(lambda x: 3.0, lambda x: 0.1, 1.0).wrong[0]).startswith(
        "∂f/∂x is 0.1 (<lambda>) and should be 0 ± "
    )


def test_a_report_prints_as_a_table():
    table = str(compare_grads(lambda x: x * x, lambda x: 3 * x, 2.0)).splitlines()
    assert table[0] == "<lambda> at x = 2.0"
    assert table[1].split() == ["derivative", "by", "found", "expected", "verdict"]
    assert table[2].startswith("∂f/∂x       <lambda>  6.0    4 ± ")
    assert table[2].endswith("wrong")
    assert table[3] == "1 wrong"


# ---- no false alarms -------------------------------------------------------------------------------

HONEST = [word for word in vocabulary() if word != "stop_gradient"]


def accused(seeds):
    found = []
    for seed in seeds:
        recipe = grow(*random_material(seed, words=HONEST, most=12))
        if not compare_grads(recipe, *recipe.inputs).ok:
            found.append((seed, recipe))
    return found


def test_none_of_many_right_functions_is_accused():
    assert accused(range(200)) == []


@pytest.mark.nightly
def test_none_of_ten_thousand_right_functions_is_accused():
    assert accused(range(10_000)) == []
