"""`strict`: the first operation that makes inf or nan of finite numbers is named, with its line."""

import math
import threading

import pytest

from autograd_mini import Value, exp, log, scope, sqrt, where
from autograd_mini.transforms.functions import grad, jvp
from autograd_mini.transforms.strict import NonFiniteError, strict


def test_forward_names_operation_operands_and_line():
    x = Value(0.0, "x")
    with strict(), pytest.raises(NonFiniteError) as caught:
        1 / x  # the line at fault
    message = str(caught.value)
    assert message.startswith("div(1.0, x=0.0) = inf, of finite operands")
    assert "test_strict.py" in message
    assert "1 / x  # the line at fault" in message


def test_backward_names_the_derivative():
    x = Value(0.0, "x")
    with strict():
        y = sqrt(x)  # finite here
        with pytest.raises(NonFiniteError) as caught:
            (y * 3).backward()
    assert "backward: sqrt(x=0.0) = 0.0 has derivative inf with respect to x" in str(caught.value)
    assert "sqrt(x)  # finite here" in str(caught.value)
    assert x.grad == 0.0


def test_backward_names_an_overflow_of_payments_and_of_balances():
    x, z = Value(1e-200, "x"), Value(1e-10, "z")
    with strict():
        y = (x * 1e200) * 1e200
        with pytest.raises(NonFiniteError, match=r"received 1e\+200; times the derivative 1e\+200"):
            y.backward()
        total = z * 1e308 + z * 1e308
        with pytest.raises(NonFiniteError, match=r"brings the gradient of z from 1e\+308 to inf"):
            total.backward()


def test_recorded_outside():
    x = Value(0.0)
    y = sqrt(x)
    with strict(), pytest.raises(NonFiniteError, match="recorded outside strict"):
        y.backward()


def test_transforms_are_watched():
    with strict():
        with pytest.raises(NonFiniteError, match="sqrt"):
            grad(sqrt)(0.0)
        with pytest.raises(NonFiniteError, match=r"log\(-1.0\) = nan"):
            grad(log)(-1.0)
        assert grad(exp)(0.0) == 1.0


def test_what_was_not_finite_before_raises_nothing():
    x = Value(math.inf)
    with strict():
        y = x * 2 - x
        y.backward()
    assert math.isnan(y.data)


def test_a_branch_not_taken_is_blocked_structurally():
    x = Value(-1.0)
    bad = log(x)
    with strict():
        y = where(x > 0, bad, x * 2)
        y.backward()
    assert x.grad == 2.0


def test_it_is_off_outside_and_in_other_threads():
    seen = []
    with strict():
        thread = threading.Thread(target=lambda: seen.append((Value(1.0) / 0).data))
        thread.start()
        thread.join()
    assert seen == [math.inf]
    assert (Value(1.0) / 0).data == math.inf
    assert jvp(sqrt, (0.0,), (1.0,)) == (0.0, math.inf)


def test_untaken_branches_inside_a_rule_raise_nothing():
    with strict():
        assert grad(grad(lambda x: x**2.5))(0.0) == 0.0


def test_a_scope_around_it_still_names_what_is_recorded():
    with scope("model"), strict():
        y = Value(1.0) * 2
    assert y.label == "model::"
