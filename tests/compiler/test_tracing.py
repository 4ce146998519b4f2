"""What a traced function sees of its numbers: truths without a branch, ints as ints, and readings."""

import gc
import math
import operator
import random
import warnings

import numpy as np
import pytest
from bits import bits
from hypothesis import given
from hypothesis import strategies as st

from autograd_mini import Value, exp, floor, grad, maximum, no_grad, softmax, stop_gradient, where
from autograd_mini.compiler.compiled import compile
from autograd_mini.engine import modes
from autograd_mini.formulas.derivative import derivative
from autograd_mini.transforms.functions import hessian, jacobian, value_and_grad

COMPARISONS = [operator.lt, operator.le, operator.gt, operator.ge, operator.eq, operator.ne]
SPECIAL = [0.0, -0.0, 1.0, -1.0, math.inf, -math.inf, math.nan]


def traces(c):
    return c._traces.made


@pytest.mark.parametrize("comparison", COMPARISONS)
def test_a_comparison_that_goes_into_where_is_no_branch(comparison):
    def f(x, y):
        return where(comparison(x, y), x * y, x - y)

    c = compile(f, argnums=(0, 1))
    for x in SPECIAL:
        for y in SPECIAL:
            leaves = Value(x), Value(y)
            e = f(*leaves)
            e.backward()
            value, gradient = c.value_and_grad(x, y)
            assert bits([value, *gradient]) == bits([e.data, *[v.grad for v in leaves]])
    assert traces(c) == 1
    assert not c.value_and_grad.program(1.0, 2.0).guards


@pytest.mark.parametrize("backend", ["python", "numpy", "llvm"])
def test_twelve_choices_over_a_batch_make_one_trace(backend):
    def f(x):
        total = x
        for k in range(12):
            total = total + where(x > k / 12, x * k, exp(-x))
        return total

    xs = np.random.default_rng(0).uniform(-1.0, 1.0, 2000)
    c = compile(f, backend=backend)
    values, slopes = c.value_and_grad.map(xs)
    assert traces(c) == 1
    for x, value, slope in list(zip(xs.tolist(), values, slopes, strict=True))[::50]:
        assert (value, slope) == pytest.approx(value_and_grad(f)(x), rel=1e-13)


@given(st.integers(0, 10_000), st.lists(st.sampled_from([*SPECIAL, 0.5, 2.0]), min_size=3, max_size=3))
def test_truths_combine_as_bools_do(seed, numbers):
    rng = random.Random(seed)

    def truth(x, depth):
        if depth == 0:
            return rng.choice(COMPARISONS)(rng.choice(x), rng.choice([*x, 1.0]))
        return rng.choice([operator.and_, operator.or_, operator.xor])(
            truth(x, depth - 1), truth(x, rng.randrange(depth))
        )

    def f(x):
        rng.seed(seed)
        return where(truth(x, 3), x[0], x[1]), truth(x, 2), sum(truth(x, 1) for _ in range(4))

    expected = f(numbers)
    c = compile(f, backend="python")
    other = c([0.3, -0.7, 0.3])
    value, is_true, count = c(numbers)
    assert bits(value) == bits(expected[0])
    assert is_true is expected[1]
    assert count == expected[2]
    assert other == f([0.3, -0.7, 0.3])
    assert traces(c) == 1


def test_a_truth_is_returned_as_a_bool():
    assert compile(lambda x: x > 0)(1.0) is True
    assert compile(lambda x: x > 0)(-1.0) is False
    assert compile(lambda x: (x, [not x > 0, bool(x), True]))(2.0) == (2.0, [False, True, True])
    assert compile(lambda x: x.data == 2.0)(2.0) is True
    found = compile(lambda x: np.array([x, -x]) > 1)(2.0)
    assert found.dtype == bool
    assert found.tolist() == [True, False]
    assert compile(lambda x: x > 0).map(np.array([1.0, -1.0])).tolist() == [True, False]
    assert compile(lambda x: x > 0).map(np.array([1.0, -1.0, 2.0]), reduce="sum") == 2.0
    step = compile(lambda x: x[0] > 0).prepare(np.array([1.0]))
    assert step() is True


def test_python_is_told_the_truth_where_it_asks():
    def f(x, y):
        table = {True: x, False: y}
        z = table[x > y] * [1.0, 2.0][y > 0]
        return z + (x if 0 < x < y else y) + float(x > 1) + range(5)[sum([x > 0, y > 0])]

    c = compile(f)
    for x in (-1.0, 0.5, 2.0):
        for y in (-0.5, 0.5, 3.0):
            assert c(x, y) == f(x, y)


def test_a_tie_is_told_where_the_branch_is_taken_and_not_where_both_are_kept():
    def tied(x):
        return x * x if x == 1.0 else x

    with pytest.warns(UserWarning, match="compared"):
        compile(grad(tied))(1.0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert compile(grad(lambda x: where(x == 1.0, x * x, x)))(1.0) == 2.0
        assert compile(grad(lambda x: x * x if x else x))(0.0) == 1.0


def powers(x, n):
    return sum((x**k for k in range(n)), x * 0.0)


def test_an_int_that_is_used_as_an_int_is_part_of_the_trace():
    c = compile(powers)
    for n in (3, 5, 3, 1, 0):
        assert c(2.0, n) == powers(2.0, n)
        assert c.grad(2.0, n) == grad(powers)(2.0, n)
    assert traces(c) == 4


@pytest.mark.parametrize(
    "f",
    [
        lambda x, n: x[n - 1] * 2.0,
        lambda x, n: x[-n] + x[n % 2] + x[abs(-n) // n],
        lambda x, n: sum(x[:n], x[0] * 0.0) * math.comb(3, n),
        lambda x, n: x[0] * int(n) + x[1] * math.factorial(n + 1),
        lambda x, n: x[min(n, 2)] * len([0.0] * n),
        lambda x, n: x[1] * n + x[n**2 - 1 if n < 2 else n // 2] if n > 1 else x[n],
    ],
)
def test_arithmetic_of_ints_makes_ints(f):
    c = compile(f)
    x = [0.5, -2.0, 3.0]
    for n in (1, 2, 3, 2):
        assert c(x, n) == f(x, n)


def test_a_float_is_no_int():
    c = compile(lambda x, n: x[n])
    assert c([1.0, 2.0], 1) == 2.0
    for n in (1.0, 0.5):
        with pytest.raises(TypeError, match="int"):
            c([1.0, 2.0], n)
    assert c([1.0, 2.0], np.int64(0)) == 1.0
    with pytest.raises(TypeError, match="int"):  # as a float it is another number
        compile(lambda x, n: x * len(range(n)))(1.0, 2**53 + 1)


@pytest.mark.parametrize("backend", ["python", "numpy", "llvm"])
def test_ints_of_a_batch_are_ints_of_its_rows(backend):
    table = [10.0, 20.0, 30.0]
    c = compile(lambda x, n: table[n] * x, backend=backend)
    found = c.map(np.array([1.0, 1.0, 2.0]), np.array([0, 2, 1]))
    assert found.tolist() == [10.0, 30.0, 40.0]
    assert c.map([1.0, 2.0], [1, 0]).tolist() == [20.0, 20.0]
    with pytest.raises(TypeError, match="int"):
        c.map(np.array([1.0, 1.0]), np.array([0.0, 2.0]))


def test_past_the_bound_ints_warn_once_and_name_the_remedy():
    c = compile(lambda x, n: [10.0, 20.0, 30.0, 40.0][n] * x, branches=2)
    assert [c(1.0, 0), c(1.0, 1)] == [10.0, 20.0]
    with pytest.warns(UserWarning, match=r"static_argnums=1") as told:
        assert [c(1.0, 2), c(1.0, 3), c(1.0, 0)] == [30.0, 40.0, 10.0]
    assert len(told) == 1
    assert told[0].filename == __file__
    c = compile(lambda x, n: [10.0, 20.0, 30.0][n] * x, branches=1, static_argnums=1)
    assert [c(1.0, n) for n in (0, 1, 2, 0)] == [10.0, 20.0, 30.0, 10.0]
    assert [c.grad(1.0, n) for n in (0, 1, 2, 0)] == [10.0, 20.0, 30.0, 10.0]
    assert c.map(np.array([1.0, 2.0]), 1, in_axes=(0, None)).tolist() == [20.0, 40.0]
    assert c.hessian(1.0, 2) == 0.0


def test_static_argnums_that_do_not_fit():
    with pytest.raises(ValueError, match="static_argnums"):
        compile(lambda x: x, static_argnums=1)(2.0)
    with pytest.raises(TypeError, match="static_argnums"):
        compile(lambda x: x, static_argnums="n")
    with pytest.raises(TypeError, match="argnums"):
        compile(lambda x, n: x, argnums=1, static_argnums=1).grad(1.0, 2)
    with pytest.raises(TypeError, match="hashable"):
        compile(lambda x, n: x, static_argnums=1)(1.0, [2])


def test_numbers_that_are_no_ints_refuse():
    for f in (
        lambda x: range(3)[x.data],
        lambda x: {x.data: 1.0},
        lambda x: x.data & 1,
        lambda x: math.sqrt(x.data),
        lambda x: round(x.data),
    ):
        with pytest.raises(TypeError, match="freeze"):
            compile(f)(2.0)


def test_derivatives_inside_a_compiled_function_are_one_trace():
    def f(xs):
        e = maximum(xs[0] * xs[1], xs[2]) + sum(x * x for x in xs)
        return sum(derivative(e, x).graph for x in xs)

    c = compile(f)
    rng = random.Random(0)
    for _ in range(5):
        xs = [rng.uniform(0.0, 1.0) for _ in range(40)]
        leaves = [Value(x) for x in xs]
        e = maximum(leaves[0] * leaves[1], leaves[2]) + sum(x * x for x in leaves)
        e.backward()
        assert c(xs) == pytest.approx(sum(x.grad for x in leaves), rel=1e-14)
    assert traces(c) <= 2


def test_tracing_records_at_eager_speed():
    seen = []

    def f(x):
        seen.append((modes.active, gc.isenabled()))
        y = x * x
        return where(y > 1.0, y, x)

    compile(f)(2.0)
    assert seen == [(0, False)]
    assert gc.isenabled()
    with no_grad():
        assert compile(f).grad(2.0) == 4.0


def test_a_choice_through_which_no_derivative_can_pass_is_no_branch():
    def f(x):
        return softmax(x)[0] + where(x[0] > x[1], stop_gradient(x[0] * 2.0), 1.0)

    c = compile(f)
    for x in ([0.5, -1.0], [-1.0, 0.5], [math.inf, 0.0]):
        assert bits(c.grad(x)) == bits(grad(f)(x))
    assert traces(c) == 1
    assert not c.grad.program([0.5, 0.5]).guards


@pytest.mark.parametrize(
    "f",
    [
        lambda x: where(x[0] < 0.0, x[1] * x[1], 3.0),
        lambda x: where(x[0] < 0.0, 3.0, x[1]) * x[1],
        lambda x: where(x[0] < 0.0, where(x[1] < 0.0, x[1] * x[0], 1.0), 2.0) * x[1],
        lambda x: where(x[0] < 0.0, floor(x[1]), x[1]) * x[1],
    ],
)
def test_a_derivative_inside_knows_of_the_side_that_was_constant_when_traced(f):
    points = [[0.5, 0.7], [-0.5, 0.7], [-0.5, -0.7], [0.5, -0.7]]
    for first in points:
        for g in (grad(f), jacobian(grad(f)), hessian(f)):
            c = compile(g)
            c(first)
            for x in points:
                assert c(x) == g(x)
        c = compile(f)
        c.hessian(first)
        assert [c.hessian(x) for x in points] == [hessian(f)(x) for x in points]
