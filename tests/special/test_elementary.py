"""What the tests of the table do not see: these primitives next to roots and far out, and log to a base."""

import math
import random

import accuracy
import pytest
from bits import bits
from hypothesis import example, given
from hypothesis import strategies as st

import autograd_mini as ag
from autograd_mini import Value, compile, formula, grad, latex, log, parse
from autograd_mini.compiler.lowering import Graph
from autograd_mini.engine.table import TABLE
from autograd_mini.special import elementary

ROOTS = {
    "silu": -1.2784645427610737,
    "mish": -1.1924312145154952,
    "entr": 1 / math.e,
    "logit": 0.5,
    "logexpm1": math.log(2),
}
SMALLEST_NORMAL = accuracy.SMALLEST_NORMAL


def errors(name, x):
    """The error of the value and of the derivative, in ULP, where the result is a normal number."""
    row = TABLE[name]
    y = row.value(x)
    slope = row.slopes[0](y, x)
    exact, exact_slope = accuracy.exact(row, [x]), accuracy.exact_partial(row, [x], 0)
    return [accuracy.error(y, exact) or 0.0, accuracy.error(slope, exact_slope) or 0.0]


@pytest.mark.parametrize("name", ROOTS)
def test_no_digit_is_lost_next_to_a_root(name):
    rng = random.Random(name)
    root = ROOTS[name]
    near = [root * (1 + rng.choice((-1, 1)) * 10 ** rng.uniform(-16, -1)) for _ in range(40)]
    for x in [root, math.nextafter(root, -9.0), math.nextafter(root, 9.0), *near]:
        assert max(errors(name, x)) <= accuracy.PROMISE, x


@pytest.mark.parametrize("name", ["silu", "mish"])
def test_no_digit_is_lost_where_the_exponential_is_denormal_and_the_result_is_not(name):
    row = TABLE[name]
    for k in range(40):
        x = -700.0 - k / 2.5
        y = row.value(x)
        assert abs(y) < SMALLEST_NORMAL or max(errors(name, x)) <= accuracy.PROMISE, x


@pytest.mark.parametrize("name", ["silu", "mish"])
@given(st.floats(-60.0, 60.0))
def test_the_activations_keep_their_digits_everywhere(name, x):
    assert max(errors(name, x)) <= accuracy.PROMISE


@example(0.6896137670905123, -1.7281239970836858e-43)
@example(math.log(2) * (1 + 1e-9), 1e-20)
@example(-3e-15, -31.0)
@given(st.floats(-3.0, 3.0), st.floats(-3.0, 3.0))
def test_a_difference_of_exponentials_loses_no_more_than_the_smaller_operand_has(x, y):
    row = TABLE["logsubexp"]
    error = accuracy.error(row(x, y), accuracy.exact(row, [x, y]), min(abs(x), abs(y)))
    assert error is None or error <= accuracy.PROMISE


@pytest.mark.parametrize("name", ["silu", "mish", "entr", "logexpm1"])
def test_second_derivatives_agree_across_the_seams_of_the_pieces(name):
    seams = {"silu": (0.0, -40.0), "mish": (0.0, -40.0), "entr": (0.187, 0.547), "logexpm1": (0.35, 1.37)}
    second = grad(grad(TABLE[name]))
    for seam in seams[name]:
        for h in (1e-9, 1e-3):
            left, right = second(seam - h), second(seam + h)
            assert left == pytest.approx(right, rel=max(2e-12, 60 * h))


@pytest.mark.parametrize("x", [0.5, 1.0, 7.5, -3.0, 2.0**51 + 0.5, 2.0**52 + 1, 2.0**53 + 2, 1e300])
def test_half_turns_are_exact_however_many(x):
    halves = int(2 * x) % 4
    assert (ag.sinpi(x), ag.cospi(x)) == ([0.0, 1.0, 0.0, -1.0][halves], [1.0, 0.0, -1.0, 0.0][halves])
    if halves % 2 == 0:
        assert math.copysign(1.0, ag.sinpi(x)) == math.copysign(1.0, x)
    else:
        assert math.copysign(1.0, ag.cospi(x)) == 1.0


@pytest.mark.parametrize("base", [2, 10])
def test_logarithms_of_powers_are_whole(base):
    for n in range(-300, 300, 7):
        x = float(base) ** n
        assert log(x, base) == {2: math.log2, 10: math.log10}[base](x)
    assert (log(8, 2), log(1000, 10)) == (3.0, 3.0)


def test_the_order_of_derivatives_of_xlogy_does_not_matter_at_zero():
    for f in (ag.xlogy, ag.xlog1py):
        first = grad(grad(f, argnums=0), argnums=1)
        last = grad(grad(f, argnums=1), argnums=0)
        for y in (0.25, 3.0):
            assert first(0.0, y) == last(0.0, y) == grad(ag.log if f is ag.xlogy else ag.log1p)(y)
        pole = 0.0 if f is ag.xlogy else -1.0
        assert first(0.0, pole) == last(0.0, pole) == math.inf


# ---- a logarithm with a base -------------------------------------------------------------------------


def test_log_takes_a_base():
    x, base = Value(9.0, "x"), Value(3.0, "b")
    for node in (log(x, base), x.log(base), parse("log(x, b)", x=x, b=base)):
        assert (node.op, node.operands, node.data) == (TABLE["log_base"], (x, base), 2.0)
    assert log(x).op is TABLE["log"]
    assert formula(log(x, base)) == "log(x, b)"
    assert latex(log(x + 1, base)) == r"\log_{b}\left(x + 1\right)"
    assert log(9.0, 3.0) == log(9, 3.0) == 2.0


@pytest.mark.parametrize("backend", ["python", "numpy", "llvm"])
def test_log_with_a_base_is_compiled(backend):
    f = compile(lambda x, b: log(x, b) * log(x, 2) + log(b), argnums=(0, 1), backend=backend)
    for x, b in [(9.0, 3.0), (0.3, 0.1), (8.0, 10.0), (0.0, 2.0)]:
        values = Value(x), Value(b)
        e = log(values[0], values[1]) * log(values[0], 2) + log(values[1])
        e.backward()
        value, gradient = f.value_and_grad(x, b)
        assert bits([value, *gradient]) == bits([e.data, *(v.grad for v in values)])


def test_log_of_too_many_or_of_none_is_refused():
    for call, count in [
        (lambda: log(), 0),
        (lambda: log(1.0, 2.0, 3.0), 3),
        (lambda: log(Value(1.0), 2.0, 3.0), 3),
        (lambda: Value(1.0).log(2.0, 3.0), 3),
    ]:
        with pytest.raises(TypeError, match=rf"log\(x\) takes 1 operand, got {count}"):
            call()
    with pytest.raises(TypeError, match=r"log_base\(\): expected a real number, got str"):
        log("8", 2)


# ---- the same in every backend -----------------------------------------------------------------------


@pytest.mark.parametrize("name", elementary.__all__)
def test_c_and_javascript_have_a_function_of_it(name):
    row = TABLE[name]
    operands = [Value(-0.5 if name == "log1mexp" else 0.25 + k) for k in range(len(row.operands))]
    program = Graph([row(*operands)], operands).program(gradients=range(len(operands)))
    for language in ("c", "javascript"):
        backend = __import__(f"autograd_mini.compiler.backends.{language}", fromlist=["source"])
        assert "replay" in backend.source(program)
