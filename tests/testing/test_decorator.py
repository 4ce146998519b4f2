"""`@check_gradient`: what it draws, how it stacks, what a failure says."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import autograd_mini as ad
from autograd_mini.testing import GradientError, check_gradient, inputs_for
from autograd_mini.testing.domains import interval_of_each

FEW = settings(max_examples=20, derandomize=True, database=None)


@FEW
@check_gradient
def test_four_positive_arguments(a, b, c, d):
    return ad.log(a) * ad.log(b) + ad.log(c) * ad.log(d)


class TestMethods:
    @FEW
    @check_gradient(x=(0.1, 3.0))
    def test_a_method(self, x):
        assert isinstance(self, TestMethods)
        return ad.exp(x) * x


@pytest.fixture
def factor():
    return 3.0


@check_gradient
def test_a_fixture_is_a_keyword(x, *, factor):
    return factor * x * x


@FEW
@check_gradient(gradient=lambda x: 2 * x)
@given(n=st.integers(1, 3))
def test_it_stacks_on_given(x, n):
    assert 1 <= n <= 3
    return x * x


@FEW
@check_gradient(gradient=math.cos)
def test_a_function_from_anywhere(x):
    return math.sin(x)


def test_it_looks_far_away():
    @settings(database=None, derandomize=True)
    @check_gradient
    def lazy(x):
        return ad.where(ad.less(x, 3.0), x * x, ad.stop_gradient(x) * x) * (1 + 0 * x)

    @settings(database=None, derandomize=True)
    @check_gradient(gradient=lambda x: math.cos(x) if x < 3 else math.sin(x))
    def wave(x):
        return math.sin(x)

    lazy()  # what cuts a gradient on purpose is no false gradient
    with pytest.raises(GradientError, match=r"^wave at x = 3.0: ") as caught:
        wave()
    assert "Again: check_grads(wave, <lambda>, 3.0)" in caught.value.__notes__


def test_domains_are_found_for_plain_functions():
    low, high = interval_of_each(lambda x, y: math.sqrt(x) * math.asin(y), ["x", "y"], {})["y"]
    assert (round(low, 9), round(high, 9)) == (-1, 1)


@FEW
@given(inputs_for(lambda x: math.sin(x)))
def test_inputs_for_a_function_of_maths_module(inputs):
    assert isinstance(inputs[0], float)
