"""check_grads as its users meet it: verdicts, messages, arguments of every shape; and whom it blames."""

import math

import numpy as np
import pytest

import autograd_mini as ad
from autograd_mini import Value, transforms
from autograd_mini.table import TABLE, primitive
from autograd_mini.testing import GradientError, Verdict, check_grads, compare_grads
from autograd_mini.testing.recipes import grow, random_material, vocabulary


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
    assert "ULP, relative 0.5: the partial by x of half_sine(1.0) is 0.2701511529340699" in message
    assert verdicts(caught.value.report) == [Verdict.RIGHT, Verdict.WRONG]  # the second order is not asked
    finding = caught.value.report.wrong[0]
    assert finding.relative == pytest.approx(0.5)
    assert finding.ulps == pytest.approx(0.5 * 2.161209223472559 / math.ulp(2.16))


def test_a_wrong_partial_without_a_reference_is_named_too(own):
    own("thrice", value=lambda x: 3 * x, partials=[lambda y, x: 2.0])
    report = compare_grads(lambda x: ad.exp(TABLE["thrice"](x)), 0.1)
    assert "the partial by x of thrice(0.1) is 2.0 and should be 3.0" in str(report)


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
    assert "the second partial by x and x of cut_sine(0.5) is 0.0" in str(report)


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


def test_the_sign_of_zero_is_no_accusation():
    assert check_grads(lambda a, b: ad.copysign(a, ad.ceil(b)), -3.0, -0.2).ok


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


def test_stop_gradient_is_accused_by_its_name():
    report = compare_grads(lambda x: ad.stop_gradient(x) * x, 3.0)
    assert "stop_gradient(3.0) is 0.0 and should be 1.0" in str(report)


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
    with pytest.raises(TypeError, match="returned 1 numbers, and <lambda> has 2 to be differentiated by"):
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
    assert len({f.derivative for f in report.findings}) == 40
    assert report.findings[-1].derivative == "∂²f/∂(a random direction)∂x[19]"


def test_taylor_checks_all_arguments_in_one_direction():
    def f(x):
        return ad.exp(0.1 * ad.dot(x, x))

    report = check_grads(f, [0.1 * k for k in range(20)], oracle="taylor")
    assert len(report.findings) == 1
    assert report.decided


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
        (lambda: check_grads(ad.sin, 1.0, modes=("sideways",)), ValueError, "give one or both of forward"),
        (lambda: check_grads(ad.sin, 1.0, oracle="delphi"), ValueError, "choose one of auto"),
        (lambda: check_grads(lambda x: [x, x], 1.0), TypeError, "check the numbers one at a time"),
        (lambda: check_grads(ad.sin, "1.0"), TypeError, "expected a real number, got str"),
    ],
)
def test_wrong_requests_name_the_remedy(request_, error, message):
    with pytest.raises(error, match=message):
        request_()


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
