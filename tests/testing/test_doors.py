"""The front doors: Jacobians, products, other libraries, models, many numbers, habits, short failures."""

import math
import pickle

import numpy as np
import pytest

import autograd_mini as ad
from autograd_mini import nn
from autograd_mini.testing import (
    GradientError,
    Verdict,
    check_autograd,
    check_grads,
    check_jacobian,
    check_jvp,
    check_model,
    check_scipy,
    check_vjp,
    compare_grads,
)

A = np.array([[1.0, 2.0, -1.0], [3.0, 4.0, 0.5]])
X = np.array([0.5, 1.5, -0.3])


def f(x):
    return np.sin(A @ x)


def jacobian(x):
    return np.cos(A @ x)[:, None] * A


def wrong_jacobian(x):
    J = jacobian(x)
    J[1, 2] *= 2
    return J


class Counted:
    def __init__(self, f):
        self.f, self.calls = f, 0

    def __call__(self, x):
        self.calls += 1
        return self.f(x)


# ---- Jacobians and products ------------------------------------------------------------------------


def test_right_jacobians_and_products():
    assert check_jacobian(f, jacobian, X).decided
    assert check_vjp(f, lambda x, v: v @ jacobian(x), X).decided
    assert check_jvp(f, lambda x, t: jacobian(x) @ t, X).decided


@pytest.mark.parametrize(
    "check",
    [
        lambda: check_jacobian(f, wrong_jacobian, X),
        lambda: check_vjp(f, lambda x, v: v @ wrong_jacobian(x), X),
        lambda: check_jvp(f, lambda x, t: wrong_jacobian(x) @ t, X),
    ],
)
def test_the_wrong_entry_is_named(check):
    with pytest.raises(GradientError) as caught:
        check()
    assert [finding.derivative for finding in caught.value.report.wrong] == ["∂f[1]/∂x[2]"]


def test_a_transposed_jacobian_is_told():
    with pytest.raises(GradientError, match=r"its shape is \(3, 2\): it is transposed"):
        check_jacobian(f, lambda x: jacobian(x).T, X)


def test_a_product_that_ignores_its_vector_is_wrong():
    with pytest.raises(GradientError):
        check_vjp(np.square, lambda x, v: 2 * x, X)


def test_several_arguments_and_a_hessian():
    def g(a, b):
        return a * b**2

    assert check_jacobian(g, lambda a, b: (b**2, 2 * a * b), 2.0, 3.0).decided
    assert check_vjp(g, lambda a, b, v: (v * b**2, v * 2 * a * b), 2.0, 3.0).decided
    assert check_jvp(g, lambda a, b, s, t: s * b**2 + 2 * a * b * t, 2.0, 3.0).decided
    assert check_jacobian(lambda x: 3 * x**2, lambda x: np.diag(6 * x), X).decided
    with pytest.raises(TypeError, match=r"returned 3 numbers, and f has 2 results of 3 .*shape \(2, 3\)"):
        check_jacobian(f, lambda x: x, X)


# ---- many numbers ----------------------------------------------------------------------------------

W = np.random.default_rng(0).normal(size=1000)
POINT = np.random.default_rng(1).normal(size=1000)


def test_a_thousand_numbers_are_cleared_in_a_few_dozen_calls():
    g = Counted(lambda x: float(np.sin(x) @ W))
    assert check_grads(g, lambda x: np.cos(x) * W, POINT).decided
    assert g.calls < 60


def test_the_culprit_of_a_thousand_is_named_by_halving():
    def wrong(x):
        g = np.cos(x) * W
        g[617] *= -1
        return g

    g = Counted(lambda x: float(np.sin(x) @ W))
    report = compare_grads(g, wrong, POINT)
    assert [finding.derivative for finding in report.wrong] == ["∂f/∂x[617]"]
    assert g.calls < 1000


def test_a_report_of_many_wrong_derivatives_is_short():
    with pytest.raises(GradientError) as caught:
        check_grads(lambda x: float(np.sin(x) @ W), lambda x: -np.cos(x) * W, POINT)
    assert len(str(caught.value).splitlines()) < 20
    assert len(str(caught.value.report).splitlines()) < 50


def test_a_number_that_hardly_matters_is_checked_too():
    scale = 10.0 ** np.linspace(-8, 0, 40)

    def wrong(x):
        g = 2 * x * scale
        g[3] = 0
        return g

    report = compare_grads(lambda x: float((x * x) @ scale), wrong, np.linspace(1, 2, 40))
    assert not report.ok


# ---- habits ----------------------------------------------------------------------------------------


def accumulating():
    total = np.zeros(3)

    def g(x):
        total[:] += 2 * x
        return total.copy()

    return g


def cached():
    memo = []

    def g(x):
        memo.append(2 * x)
        return memo[0]

    return g


def overwriting(x):
    x *= 2
    return x


def at_random():
    luck = np.random.default_rng(0)
    return lambda x: 2 * x * (1 + 1e-3 * luck.normal())


@pytest.mark.parametrize(
    ("g", "remark"),
    [
        (accumulating(), "each call adds to the result of the call before"),
        (cached(), "it is the same elsewhere, where it should not be: a cache"),
        (overwriting, r"it changes its argument in place: x\[0\] was 0.5 and is 1.0 after the call"),
    ],
)
def test_bad_habits_are_told(g, remark):
    with pytest.raises(GradientError, match=remark):
        check_grads(lambda x: float(x @ x), g, X)


def test_a_gradient_that_needs_the_function_to_be_called_first_is_told():
    kept = {}

    def h(x):
        kept["x"] = x.copy()
        return float(x @ x)

    with pytest.raises(GradientError, match="it depends on where the function was called last"):
        check_grads(h, lambda x: 2 * kept["x"], X)


def test_a_gradient_that_is_drawn_at_random_is_told():
    report = compare_grads(lambda x: float(x @ x), at_random(), X, rtol=1e-2)
    assert report.findings[-1].verdict is Verdict.NOISY
    assert "changes from call to call" in report.findings[-1].judgement.remark


def test_a_piecewise_constant_gradient_is_no_cache():
    assert check_grads(lambda x: float(np.abs(x).sum()), np.sign, X).decided


# ---- judging ---------------------------------------------------------------------------------------


def single(x):
    return float(np.sum(np.sin(np.asarray(x, np.float32)), dtype=np.float32))


@pytest.mark.parametrize("rtol", [1e-6, 1e-2])
def test_a_right_gradient_of_a_function_in_single_precision_is_not_accused(rtol):
    for x in np.linspace(0.05, 6.2, 60):
        assert compare_grads(single, np.cos, float(x), rtol=rtol).ok


def test_a_wrong_gradient_of_a_function_in_single_precision_is_found():
    for x in np.linspace(0.05, 1.4, 20):
        assert not compare_grads(single, lambda x: 1.01 * np.cos(x), float(x)).ok
        assert not compare_grads(single, lambda x: 0.0, float(x)).ok


def test_a_tie_is_a_kink_with_both_slopes_and_a_jump_is_no_right_derivative():
    report = compare_grads(lambda x, y: ad.where(ad.less(x, y), x, y), 1.0, 1.0, order=1)
    assert {finding.verdict for finding in report.findings} == {Verdict.KINK}
    assert "the slope is 1 on the left and 0 on the right" in str(report)
    jump = compare_grads(lambda x: x * 2 if x > 1 else x, 1.0, order=1)
    assert jump.findings[0].verdict is Verdict.KINK


def test_what_lies_outside_both_slopes_of_a_kink_is_wrong():
    assert compare_grads(abs, lambda x: 0.5, 0.0).ok
    with pytest.raises(GradientError, match="-1 on the left and 1 on the right, and this is not between"):
        check_grads(abs, lambda x: 7.0, 0.0)


@pytest.mark.parametrize("rtol", [-1, 1.0, math.nan, math.inf, True])
def test_rtol_is_validated(rtol):
    with pytest.raises(ValueError, match="no relative error: give a number from 0 to below 1"):
        check_grads(math.sin, math.cos, 1.0, rtol=rtol)


def test_rtol_means_what_it_says():
    def off(x):
        return math.cos(x) * (1 + 1e-4)

    assert compare_grads(math.sin, off, 1.0, rtol=2e-4).ok
    assert not compare_grads(math.sin, off, 1.0, rtol=0.5e-4).ok


def test_the_derivatives_own_rounding_is_no_accusation():
    def logistic(x):
        return 0.5 * (1 + math.tanh(x / 2))  # loses its digits for negative x

    assert compare_grads(lambda x: math.log1p(math.exp(x)), logistic, -27.3).ok


def test_noise_is_told_with_its_size():
    def noisy(x):
        return math.sin(x) + 1e-3 * math.sin(hash(x) % 1000)

    report = compare_grads(noisy, math.cos, 1.0)
    assert report.ok
    assert "noisy by" in report.findings[0].judgement.remark
    assert not compare_grads(noisy, lambda x: -math.cos(x), 1.0).ok


# ---- other libraries, models -----------------------------------------------------------------------


def test_scipy_and_its_hessian():
    from scipy.optimize import rosen, rosen_der, rosen_hess

    assert check_scipy(rosen, X, jac=rosen_der, hess=rosen_hess).decided
    assert check_scipy(lambda x: (rosen(x), rosen_der(x)), X, jac=True).decided
    assert check_scipy(f, X, jac=jacobian).decided
    with pytest.raises(GradientError, match=r"∂f\[0\]/∂x\[0\]"):
        check_scipy(rosen, X, jac=rosen_der, hess=lambda x: 2 * rosen_hess(x))


@pytest.mark.parametrize(("package", "check"), [("autograd", check_autograd)])
def test_a_library_that_is_missing_is_named(package, check, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, package, None)
    with pytest.raises(ImportError, match=f"check_{package} needs {package}: pip install {package}"):
        check(np.sin, 1.0)


def test_every_parameter_of_a_model_is_checked():
    model = nn.MLP(2, [8, 8, 1])
    before = [p.data for p in model.parameters()]
    report = check_model(model, [0.5, -1.0])
    assert report.ok
    assert [p.data for p in model.parameters()] == before


def test_the_wrong_parameter_of_a_model_is_named():
    class Careless(nn.Module):
        def __init__(self):
            self.inner = nn.MLP(3, [6, 1])
            self.scale = ad.Value(1.5)

        def forward(self, x):
            y = self.inner(x)
            return y * self.scale.data + 0 * self.scale

    with pytest.raises(GradientError, match=r"scale"):
        check_model(Careless(), [0.5, -1.0, 0.3])


# ---- failures --------------------------------------------------------------------------------------


def test_a_gradient_error_travels_between_processes():
    with pytest.raises(GradientError) as caught:
        check_grads(math.sin, math.sin, 1.0)
    copy = pickle.loads(pickle.dumps(caught.value))
    assert str(copy) == str(caught.value)
    assert str(copy.report) == str(caught.value.report)
