"""Compiled functions: what the function itself would have answered, at every input."""

import copy
import math
import pickle
import random
import subprocess
import sys
import threading

import numpy as np
import pytest
from bits import bits
from program_cases import expression, numbers_for

from autograd_mini import Value, exp, log, maximum, no_grad, relu, sigmoid, softplus, tanh, where
from autograd_mini.compiler.compiled import Compiled, compile
from autograd_mini.transforms.functions import grad, hessian, jacobian, jvp, value_and_grad
from autograd_mini.transforms.strict import strict

BACKENDS = ["python", "llvm"]


def smooth(x, y):
    return (x * y).tanh() * y + exp(x) / (y * y + 1.0)


def branching(x, y):
    total = x * 0.0 + 1.0
    if x > y:
        total = total * x + y.sin()
    if x * y <= 1.0:
        total = total + log(x * x + 1.0)
    for _ in range(3):
        if total < 3.0:
            total = total * 2.0 + x * x
    return total * y if y else total


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("f", [smooth, branching])
def test_a_call_equals_eager_bit_for_bit(backend, f):
    c = compile(f, backend=backend, argnums=(0, 1))
    rng = random.Random(0)
    for _ in range(100):
        numbers = [
            rng.choice([0.0, 1.0, -2.0, 0.5, 3.0]) if rng.random() < 0.3 else rng.gauss(0, 2) for _ in "xy"
        ]
        x, y = map(Value, numbers)
        e = f(x, y)
        e.backward()
        value, (dx, dy) = c.value_and_grad(*numbers)
        assert bits([value, dx, dy]) == bits([e.data, x.grad, y.grad])
        assert bits([c(*numbers)]) == bits([e.data])


@pytest.mark.parametrize("seed", range(40))
def test_random_programs_with_comparisons_never_answer_for_another_branch(seed):
    def f(numbers):
        rng = random.Random(seed)
        e = expression(rng, list(numbers), 8, choices=True)
        if e > numbers[0]:
            e = e * numbers[1] + expression(rng, [e, *numbers], 4)
        return e - 1.0 if e >= 0.0 else e * 2.0

    c = compile(f, backend="python", branches=4)
    rng = random.Random(-seed)
    points = [numbers_for(rng, 3) for _ in range(12)]
    for numbers in points:
        leaves = [Value(x) for x in numbers]
        e = f(leaves)
        e.backward()
        value, gradient = c.value_and_grad(numbers)
        assert bits([value, *gradient]) == bits([e.data, *[x.grad for x in leaves]])
    table = np.array(points)
    for backend in ("python", "numpy", "llvm"):
        rows = compile(f, backend=backend).map(table)
        for numbers, x in zip(points, rows, strict=True):
            expected = f([Value(n) for n in numbers]).data
            if (
                math.isfinite(expected)
                and abs(expected) < 1e6
                and abs(x - expected) > 1e-6 * max(1, abs(expected))
            ):
                # A value within rounding of a comparison may fall on its other side, in rows.
                assert backend != "python", (numbers, x, expected)


@pytest.mark.parametrize("backend", ["python", "numpy", "llvm"])
def test_each_row_takes_its_own_branch(backend):
    def f(x):
        return x.log() if x > 0 else x * x if x > -1 else x

    xs = np.array([2.0, -0.5, 0.0, -3.0, 0.5, -1.0, math.inf] * 30)
    c = compile(f, backend=backend)
    value, slope = c.value_and_grad.map(xs)
    expected = [value_and_grad(f)(float(x)) for x in xs]
    np.testing.assert_allclose(value, [v for v, _ in expected], rtol=1e-15)
    np.testing.assert_allclose(slope, [d for _, d in expected], rtol=1e-15)
    total, by_w = compile(lambda w, x: w * f(x)).value_and_grad.map(
        2.0, xs[:-1], in_axes=(None, 0), reduce="sum"
    )
    assert total == pytest.approx(2 * np.sum(value[:-1]))
    assert by_w == pytest.approx(np.sum(value[:-1]))


def test_past_the_bound_on_branches_it_is_eager():
    def f(x):
        n = 0
        while x > n:
            n += 1
        return x * float(n)

    c = compile(f, branches=3, backend="python")
    assert [c.grad(float(k)) for k in range(10)] == [float(k) for k in range(10)]
    assert "7 calls computed eagerly" in c.grad.explain()
    assert c.map(np.arange(10.0)).tolist() == [float(k * k) for k in range(10)]


def test_branches_not_taken_are_blocked_in_rows():
    c = compile(lambda x: where(x.step(), log(x), 2.0 * x))
    for backend in ("python", "numpy", "llvm"):
        c = compile(lambda x: where(x.step(), (x.log() * x).sqrt(), 2.0 * x), backend=backend)
        value, slope = c.value_and_grad.map(np.array([-1.0, 0.0, 4.0]))
        assert value[:2].tolist() == [-2.0, 0.0]
        assert slope[:2].tolist() == [2.0, 2.0]
        assert math.isfinite(slope[2])


def test_captured_parameters_are_read_at_each_call_and_receive_gradients():
    w, b = Value(2.0), Value(-1.0)
    c = compile(lambda x: (w * x + b).tanh())
    assert c(3.0) == math.tanh(5.0)
    w.data = 0.5
    assert c(3.0) == math.tanh(0.5)
    value = c.backward(3.0)
    c.backward(3.0)
    e = (w * Value(3.0) + b).tanh()
    expected = [2.0 * g.data for g in [*map(Value, [grad(lambda v: (v * 3.0 + b.data).tanh())(0.5)])]]
    assert value == e.data
    assert w.grad == expected[0]
    w.grad = b.grad = 0.0
    mean = c.backward.map(np.array([1.0, 2.0, 3.0]), reduce="mean")
    losses = [(w * x + b).tanh() for x in (1.0, 2.0, 3.0)]
    grads = w.grad, b.grad
    w.grad = b.grad = 0.0
    (sum(losses, Value(0.0)) * (1 / 3)).backward()
    assert mean == pytest.approx(sum(e.data for e in losses) / 3, rel=1e-14)
    assert grads == pytest.approx((w.grad, b.grad), rel=1e-14)


def test_leaves_made_inside_are_constants():
    def f(x):
        return sum(map(Value, [1.0, 2.0]), Value(0.0)) * x

    assert len(compile(f).program(2.0).code) == 1


def test_the_demo_of_micrograd_compiles():
    rng = random.Random(0)
    weights = [Value(rng.uniform(-1, 1)) for _ in range(3)]
    xs = [[rng.uniform(-1, 1), rng.uniform(-1, 1)] for _ in range(8)]
    ys = [1 if x[0] > x[1] else -1 for x in xs]

    def loss():
        inputs = [list(map(Value, x)) for x in xs]
        scores = [weights[0] * x[0] + weights[1] * x[1] + weights[2] for x in inputs]
        losses = [(1 + -yi * scorei).relu() for yi, scorei in zip(ys, scores, strict=True)]
        data_loss = sum(losses) * (1.0 / len(losses))
        reg_loss = 1e-4 * sum(p * p for p in weights)
        accuracy = [(yi > 0) == (scorei.data > 0) for yi, scorei in zip(ys, scores, strict=True)]
        return data_loss + reg_loss, sum(accuracy) / len(accuracy)

    c = compile(loss)
    for _ in range(10):
        for p in weights:
            p.grad = 0.0
        total, accuracy = c.backward()
        found = [p.grad for p in weights]
        for p in weights:
            p.grad = 0.0
        e, expected = loss()
        e.backward()
        assert bits([total, accuracy, *found]) == bits([e.data, expected, *[p.grad for p in weights]])
        for p in weights:
            p.data -= 0.1 * p.grad
    assert "1 traces" in c.backward.explain()


def test_numbers_read_while_tracing_are_guards_outputs_or_errors():
    def by_truth(x):
        return x * 2.0 if x.data > 1.0 else x

    c = compile(by_truth)
    assert [c(2.0), c(0.5), c(3.0)] == [4.0, 0.5, 6.0]
    assert compile(lambda x: (x * x, x.data + 1.0, x.data > 1.0))(3.0) == (9.0, 4.0, True)
    c = compile(lambda x: x.data * x)
    assert [c.grad(3.0), c.grad(4.0)] == [3.0, 4.0]
    for bad in (lambda x: math.sin(x.data) * x, lambda x: float(x.data), lambda x: int(x.data)):
        with pytest.raises(TypeError, match="freeze"):
            compile(bad)(2.0)
    for bad in (lambda x: math.sin(x), float, int):
        with pytest.raises(TypeError, match="cut the graph"):
            compile(lambda x, bad=bad: bad(x))(2.0)
    for copied in (copy.copy, copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))):
        with pytest.raises(TypeError, match="detach"):
            compile(lambda x, copied=copied: copied(x) * x)(2.0)
    with pytest.raises(RuntimeError, match="backward"):
        compile(lambda x: (x * x).backward())(2.0)


def test_no_grad_and_detach_inside_follow_the_input():
    def f(x):
        with no_grad():
            y = x * x
        return y * x + x.detach()

    c = compile(f)
    for x in (3.0, 4.0):
        assert c.value_and_grad(x) == (x**3 + x, x * x)


def test_structured_arguments():
    def f(p, xs, scale=2.0):
        return sum((x * w for x, w in zip(xs, p["w"], strict=True)), p["b"]) * scale

    c = compile(f)
    p = {"w": [1.0, 2.0], "b": 0.5}
    assert c(p, np.array([3.0, 4.0])) == 23.0
    assert c.grad(p, [3.0, 4.0], scale=1.0) == {"w": [3.0, 4.0], "b": 1.0}
    gradient = compile(f, argnums=1).grad(p, np.array([3.0, 4.0]))
    assert gradient.tolist() == [2.0, 4.0]
    assert compile(lambda x, kind: x if kind == "a" else -x)(1.0, "b") == -1.0
    square = compile(lambda x: x * x)
    assert square(3) == 9.0
    assert square(np.float32(0.5)) == 0.25


def test_rows_of_structured_arguments():
    def f(p, x, y):
        return (p["w"] @ x + p["b"] - y) ** 2 if hasattr(x, "__matmul__") else None

    rng = np.random.default_rng(0)
    p = {"w": rng.normal(size=3), "b": 0.5}
    x, y = rng.normal(size=(10, 3)), rng.normal(size=10)
    c = compile(f)
    errors = x @ p["w"] + p["b"] - y
    np.testing.assert_allclose(c.map(p, x, y, in_axes=(None, 0, 0)), errors**2, rtol=1e-12)
    np.testing.assert_allclose(c.map(p, x.T, y, in_axes=(None, 1, 0)), errors**2, rtol=1e-12)
    value, gradient = c.value_and_grad.map(p, x, y, in_axes=(None, 0, 0), reduce="mean")
    assert value == pytest.approx(np.mean(errors**2))
    np.testing.assert_allclose(gradient["w"], (2 * errors[:, None] * x).mean(0), rtol=1e-12)
    assert gradient["b"] == pytest.approx((2 * errors).mean())
    each = c.grad.map(p, x, y, in_axes=(None, 0, 0))
    assert each["w"].shape == (10, 3)
    by_x = compile(f, argnums=1).grad.map(p, x, y, in_axes=(None, 0, 0))
    np.testing.assert_allclose(by_x, 2 * errors[:, None] * p["w"], rtol=1e-12)


def test_transforms_of_a_compiled_function_and_compiled_transforms():
    def f(v):
        return tanh(v[0]) * v[1] + relu(v[0] * v[1]) ** 2

    v = [0.5, 2.0]
    c = compile(f)
    assert compile(grad(f))(v) == grad(f)(v)
    assert grad(c)(v) == grad(f)(v)
    assert c.hessian(v) == hessian(f)(v)
    assert compile(lambda v: [v[0] * v[1], v[0].sin()]).jacobian(v) == jacobian(
        lambda v: [v[0] * v[1], v[0].sin()]
    )(v)
    assert c.jvp((v,), ([1.0, 0.0],)) == jvp(f, (v,), ([1.0, 0.0],))
    g = compile(grad(grad(lambda x: tanh(x) * log(x))))
    for x in (0.5, 2.0):
        assert g(x) == grad(grad(lambda x: tanh(x) * log(x)))(x)


def test_an_expression_that_is_built():
    x, y, w = Value(2.0), Value(3.0), Value(10.0)
    e = x * y + w
    c = compile(e, inputs=[x, y])
    assert c(4.0, 5.0) == 30.0
    w.data = 0.0
    assert compile(e, inputs=[x, y], argnums=(0, 1)).value_and_grad(4.0, 5.0) == (20.0, (5.0, 4.0))
    assert compile([e, x * 2.0], inputs=[x])(1.0) == [3.0, 2.0]
    with pytest.raises(TypeError, match="inputs="):
        compile(e)


@pytest.mark.parametrize("what", ["value", "grad", "value_and_grad"])
def test_prepared_calls_read_the_arrays_in_place(what):
    def f(x, w):
        return (x * x).sum() * w[0] if False else sum(a * a * w[0] for a in x)

    c = compile(f)
    c = c if what == "value" else getattr(c, what)
    x, w = np.array([1.0, 2.0, 3.0]), np.array([2.0])
    step = c.prepare(x, w)
    for _ in range(3):
        found, expected = step(), c(x, w)
        for a, b in zip(
            found if what == "value_and_grad" else [found],
            expected if what == "value_and_grad" else [expected],
            strict=True,
        ):
            np.testing.assert_array_equal(a, b)
        x *= 1.5
        w += 1.0


def test_prepared_batches_and_branches():
    P = np.array([1.0, -2.0, 0.5])
    X = np.linspace(-1, 1, 50)
    c = compile(lambda p, x: relu(p[0] * x + p[1]) + maximum(p[2], x) * p[2] + p[0] * p[0])
    step = c.value_and_grad.prepare(P, X, in_axes=(None, 0), reduce="mean")
    for _ in range(3):
        value, gradient = step()
        expected, by = c.value_and_grad.map(P, X, in_axes=(None, 0), reduce="mean")
        assert value == pytest.approx(expected, rel=1e-14)
        np.testing.assert_allclose(gradient, by, rtol=1e-13)
        P += 0.25
        X *= 1.1
    x = np.array([2.0])
    step = compile(lambda x: x[0] if x[0] > 1.0 else -x[0]).prepare(x)
    assert step() == 2.0
    x[0] = -1.0
    assert step() == 1.0


def test_a_prepared_call_takes_the_branch_of_now_in_machine_code(monkeypatch):
    c = compile(lambda x: x[0] * x[1] if x[0] > 0.0 else x[0] - x[1])
    above, below = np.array([1.0, 2.0]), np.array([-1.0, 2.0])
    for x in (above, below, above, below):  # the last branch is looked at first from now on
        c(x)
    step = c.prepare(above)
    monkeypatch.setattr(Compiled, "__call__", None)
    assert step() == 2.0


def test_what_is_computed_without_a_program_can_be_prepared():
    def f(x):
        return x[0] * x[1] if x[0] > 0.0 else x[0] - x[1]

    x = np.array([1.0, 2.0])
    step = compile(f, branches=0).value_and_grad.prepare(x)
    for first, expected in ((1.0, (2.0, [2.0, 1.0])), (-1.0, (-3.0, [1.0, -1.0]))):
        x[0] = first
        value, gradient = step()
        assert (value, gradient.tolist()) == expected
    c = compile(f)
    with strict():
        step = c.prepare([1.0, 2.0])
    assert step() == 2.0
    assert c.prepare(np.empty((0, 2)), in_axes=0)().tolist() == []
    for _ in range(2):
        assert c.prepare([Value(1.0), Value(2.0)])().data == 2.0
        c([1.0, 2.0])


def test_bad_input_says_what_to_do():
    c = compile(smooth)
    with pytest.raises(ValueError, match="given 3 and 4 items"):
        c.map(np.zeros(3), np.zeros(4))
    with pytest.raises(TypeError, match="complex"):
        c(1.0, 2j)
    with pytest.raises(TypeError, match="dtype"):
        c.map(np.zeros(3, complex), 1.0)
    with pytest.raises(ValueError, match="in_axes"):
        c.map(np.zeros(3), np.zeros(3), in_axes=(0,))
    with pytest.raises(ValueError, match="in_axes"):
        c.map(np.zeros(3), np.zeros(3), in_axes=(0, 2))
    with pytest.raises(ValueError, match="no array"):
        c.map(1.0, 2.0)
    with pytest.raises(ValueError, match="reduce"):
        c.map(np.zeros(3), 2.0, reduce="max")
    with pytest.raises(ValueError, match="argnums"):
        compile(smooth, argnums=5).grad(1.0, 2.0)
    with pytest.raises(TypeError, match="None"):
        compile(lambda x: None)(1.0)
    with pytest.raises(TypeError, match="jacobian"):
        compile(lambda x: [x, x]).grad(1.0)
    with pytest.raises(ValueError, match="gpu"):
        compile(smooth, backend="gpu")
    with pytest.raises(ValueError, match="reduce"):
        c.backward.map(np.zeros(3), 1.0)


@compile
def decorated(x, y=2.0):
    """Doc."""
    return x * y


def test_a_decorated_function_looks_like_itself_and_can_be_pickled():
    assert decorated.__name__ == "decorated"
    assert decorated.__doc__ == "Doc."
    assert decorated(3.0) == 6.0
    assert decorated(3.0, y=4.0) == 12.0
    assert pickle.loads(pickle.dumps(decorated)) is decorated
    assert pickle.loads(pickle.dumps(compile(smooth).grad))(1.0, 2.0) == compile(smooth).grad(1.0, 2.0)
    with pytest.raises((pickle.PicklingError, AttributeError), match=r"lambda|local"):
        pickle.dumps(compile(lambda x: x))
    assert isinstance(decorated(Value(3.0)), Value)


def test_empty_rows():
    c = compile(lambda x: x * 2.0)
    assert c.map(np.zeros(0)).shape == (0,)
    assert c.map(np.zeros(0), reduce="sum") == 0.0


class Model:
    def __init__(self, w):
        self.w = Value(w)

    @compile
    def scaled(self, x):
        return self.w * x


def test_a_method_is_compiled_for_each_instance():
    first, second = Model(2.0), Model(3.0)
    assert (first.scaled(2.0), second.scaled(2.0), first.scaled(2.0)) == (4.0, 6.0, 4.0)
    assert isinstance(Model.scaled, type(decorated))


def test_strict_mode_sees_the_operations():
    c = compile(lambda x: log(x) * 2.0)
    assert c(0.0) == -math.inf
    with strict(), pytest.raises(ArithmeticError):
        c(0.0)


def test_traces_of_many_structures_make_room_for_one_another():
    c = compile(lambda xs: sum(xs))
    for count in range(1, 100):
        assert c([1.0] * count) == count
    assert c([2.0]) == 2.0


@pytest.mark.parametrize("f", [tanh, sigmoid, softplus])
def test_second_derivatives_of_sigmoids_have_no_branches(f):
    def bend(x):
        return grad(grad(lambda x: f(x * x - 1.0) * x))(x)

    c = compile(bend, backend="llvm")
    for x in (-2.0, -0.5, 0.0, 0.3, 3.0):
        assert bits([*c.value_and_grad(x)]) == bits(value_and_grad(bend)(x))
    assert not c.value_and_grad.program(1.0).guards
    assert "1 traces" in c.value_and_grad.explain()


def test_the_derivative_of_a_derivative():
    c = compile(lambda x: x**4)
    assert (c.grad.grad(2.0), c.grad.grad.grad(2.0), c.grad.hessian(2.0)) == (48.0, 48.0, 48.0)
    assert c.value_and_grad.jacobian(2.0) == (32.0, 48.0)
    assert c.grad.grad.map(np.array([1.0, 2.0])).tolist() == [12.0, 48.0]
    assert grad(c.grad)(2.0) == 48.0
    assert c.grad(Value(2.0)).data == 32.0
    with pytest.raises(TypeError, match="backward adds"):
        c.backward.grad(2.0)


def test_one_row_is_a_row():
    c = compile(lambda p, x: p * x, argnums=(0, 1))
    assert c.map(2.0, np.array([3.0])).tolist() == [6.0]
    value, (by_p, by_x) = c.value_and_grad.map(2.0, [3.0], in_axes=(None, 0), reduce="sum")
    assert (value, by_p, by_x.tolist()) == (6.0, 3.0, [2.0])
    assert c.map(np.array([2.0]), np.arange(3.0)).tolist() == [0.0, 2.0, 4.0]


def test_a_trace_made_inside_no_grad_is_like_any_other():
    c = compile(lambda x: x * x)
    with no_grad():
        assert (c(3.0), c.grad(3.0)) == (9.0, 6.0)
    assert (c(4.0), c.grad(4.0)) == (16.0, 8.0)


def test_threads_may_call_at_once():
    w = Value(0.5)
    c = compile(lambda x, y: (x * w).tanh() if x > y else (y * w).sin())
    rows = compile(lambda x: x * x + 1.0)
    wrong = []

    def work(seed):
        rng = random.Random(seed)
        for _ in range(200):
            x, y = rng.uniform(-1, 1), rng.uniform(-1, 1)
            if c(x, y) != (math.tanh(x * 0.5) if x > y else math.sin(y * 0.5)):
                wrong.append((x, y))
            if rows.map(np.full(50, x), threads=1).tolist() != [x * x + 1.0] * 50:
                wrong.append(x)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_more_bad_input_says_what_to_do(monkeypatch):
    c = compile(lambda x, y: x * y)
    column = np.arange(3.0)
    hidden = np.ma.array(column, mask=column > 1)
    with pytest.raises(TypeError, match="masked"):
        c(hidden, 2.0)
    with pytest.raises(TypeError, match="masked"):
        c.map(hidden, 2.0)
    with pytest.raises(ValueError, match="threads"):
        c.map(column, 2.0, threads=0)
    with pytest.raises(TypeError, match="by position"):
        c.map(column, y=2.0)
    with pytest.raises(TypeError, match="in_axes='a'"):
        c.map(column, 2.0, in_axes="a")
    with pytest.raises(ValueError, match="empty batch"):
        c.map(np.zeros(0), 2.0, reduce="mean")
    with pytest.raises(TypeError, match="returns none"):
        compile(lambda x: []).grad(1.0)
    for options in ({"argnums": "x"}, {"argnums": ()}, {"branches": 1.5}):
        with pytest.raises(TypeError, match=r"whole number|position"):
            compile(smooth, **options)
    x, y = Value(2.0), Value(3.0)
    for inputs in ([x * y], [x, x]):
        with pytest.raises(ValueError, match="leaves"):
            compile(x * y, inputs=inputs)
    with pytest.raises(TypeError, match="inputs="):
        compile(x * y, inputs=x)
    monkeypatch.setitem(sys.modules, "numpy", None)
    with pytest.raises(ModuleNotFoundError, match=r"autograd-mini\[numpy\]"):
        c.map([1.0, 2.0], 2.0)


def named_square(x):
    return x * x


def test_what_is_made_of_a_compiled_function_can_be_pickled():
    c = compile(named_square)
    for relative in (c, c.grad, c.hessian, c.grad.grad, c.jacobian):
        assert pickle.loads(pickle.dumps(relative))(3.0) == relative(3.0)


def test_explain_is_for_people():
    c = compile(lambda xs, kind, *, scale: xs[0] * scale)
    c([1.0] * 50, "a", scale=2.0)
    assert "called with a list of 50 numbers, 'a', scale=one number" in c.explain()


class Scaled:
    def __init__(self, w):
        self.w = w

    @compile
    def cube(self, x):
        """Return w·x³."""
        return self.w * x**3

    @compile(argnums=(1, 2))
    def product(self, x, y):
        return self.w * x * y


def test_a_compiled_method_has_its_derivatives():
    m, other = Scaled(2.0), Scaled(5.0)
    xs = np.array([1.0, 2.0])
    assert (m.cube.grad(3.0), Scaled.cube.grad(m, 3.0), other.cube.grad(3.0)) == (54.0, 54.0, 135.0)
    assert m.cube.value_and_grad(3.0) == Scaled.cube.value_and_grad(m, 3.0) == (54.0, 54.0)
    assert m.cube.hessian(3.0) == Scaled.cube.hessian(m, 3.0) == m.cube.grad.grad(3.0) == 36.0
    assert m.cube.jacobian(3.0) == 54.0
    assert m.cube.jvp((3.0,), (0.5,)) == (54.0, 27.0)
    assert m.cube.map(xs).tolist() == [2.0, 16.0]
    assert m.cube.grad.map(xs, in_axes=(0,)).tolist() == [6.0, 24.0]
    assert m.cube.prepare(3.0)() == 54.0
    assert m.cube.prepare(xs, in_axes=0, reduce="sum")() == 18.0
    assert m.cube.program(3.0) == Scaled.cube.program(m, 3.0)
    assert "double" in m.cube.source("c", 3.0)
    assert "traces" in m.cube.explain()
    assert m.product.grad(3.0, 4.0) == Scaled.product.grad(m, 3.0, 4.0) == (8.0, 6.0)
    assert m.cube == m.cube != other.cube
    assert len({m.cube, m.cube, other.cube}) == 2
    assert (m.cube.__name__, m.cube.__doc__) == ("cube", "Return w·x³.")
    assert pickle.loads(pickle.dumps(m.cube))(3.0) == 54.0


def test_derivatives_are_with_respect_to_arguments_that_have_numbers():
    c = compile(lambda kind, x: x * x)
    assert c.grad("a", 3.0) == c.jacobian("a", 3.0) == 6.0
    with pytest.raises(TypeError, match="argument 0 of <lambda> is of type str"):
        compile(lambda kind, x: x, argnums=0).grad("a", 3.0)
    with pytest.raises(TypeError, match="without an argument of numbers"):
        compile(lambda kind: 1.0).grad("a")


def test_a_list_of_lists_means_the_array_that_it_makes():
    c = compile(lambda v: v[0] * v[1])
    table = [[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]
    for rows in (table, np.array(table), [np.array(row) for row in np.array(table).T]):
        in_axes = 0
        assert c.map(rows, in_axes=in_axes).tolist() == [2.0, 12.0, 30.0]
    assert c.map([(1, 2), (3, 4)], in_axes=1).tolist() == [3.0, 8.0]
    assert c.map(([1.0, 3.0], [2.0, 4.0])).tolist() == [2.0, 12.0]  # a tuple of two columns
    matrix = compile(lambda m: m[0][1] + m[1][0])
    deep = [[[1.0, 2.0], [3.0, 4.0]]] * 3
    assert matrix.map(deep).tolist() == matrix.map(np.array(deep)).tolist() == [5.0] * 3
    with pytest.raises(ValueError, match="different lengths"):
        c.map([[1.0, 2.0], [3.0]])


IN_MAIN = """
import pickle, sys
import numpy as np
import cloudpickle, joblib
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from autograd_mini import Value
from autograd_mini.compiler.compiled import Compiled, compile

w = Value(2.0)

@compile
def f(x):
    return w * x * x

class M:
    @compile
    def g(self, x):
        return f(x) * 3.0

if __name__ == "__main__":
    assert pickle.loads(pickle.dumps(f)) is f
    assert pickle.loads(pickle.dumps(f.grad)) is f.grad
    with open(sys.argv[1], "wb") as file:
        file.write(cloudpickle.dumps((f, f.grad, M().g)))
    found = joblib.Parallel(n_jobs=2)(joblib.delayed(c)(3.0) for c in (f, f.grad, f.hessian))
    assert found == [18.0, 12.0, 4.0], found
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        assert list(pool.map(f.grad, [1.0, 2.0])) == [4.0, 8.0]
    assert f(3.0) == 18.0
"""


def test_a_decorated_function_of_main_goes_to_other_processes(tmp_path):
    script, pickled = tmp_path / "script.py", tmp_path / "f.pickle"
    script.write_text(IN_MAIN)
    subprocess.run([sys.executable, script, pickled], check=True, timeout=120)
    load = (
        f"import pickle; f, g, h = pickle.load(open({str(pickled)!r}, 'rb')); print(f(3.0), g(3.0), h(1.0))"
    )
    found = subprocess.run([sys.executable, "-c", load], check=True, capture_output=True, text=True)
    assert found.stdout.split() == ["18.0", "12.0", "6.0"]


def with_aux(x, scale=1.0):
    return (x[0] * x[1] * scale).sin(), {"sum": x[0] + x[1], "pair": (x[0] > 0.0, [x[1] * 2.0])}


@pytest.mark.parametrize("backend", BACKENDS)
def test_what_comes_beside_the_number_is_handed_on(backend):
    c = compile(with_aux, has_aux=True, backend=backend)
    eager = grad(with_aux, has_aux=True)
    both = value_and_grad(with_aux, has_aux=True)
    for x in ([0.5, 2.0], [-1.0, 0.25], [3.0, 1.0]):
        for given in (x, np.array(x)):
            gradient, aux = c.grad(given)
            expected, beside = eager(given)
            assert list(gradient) == list(expected)
            assert type(gradient) is type(given)
            assert aux == {"sum": x[0] + x[1], "pair": (x[0] > 0.0, [x[1] * 2.0])} == beside
            (value, aux), gradient = c.value_and_grad(given)
            assert (value, aux) == c(given) == both(given)[0]
            assert list(gradient) == list(both(given)[1])
    table = np.array([[0.5, 2.0], [-1.0, 0.25]])
    gradient, aux = c.grad.map(table)
    assert aux["sum"].tolist() == [2.5, -0.75]
    assert aux["pair"][0].tolist() == [True, False]
    assert gradient[1] == pytest.approx(eager(table[1])[0])
    assert c.hessian([0.5, 2.0]) == hessian(lambda x: with_aux(x)[0])([0.5, 2.0])
    step = c.value_and_grad.prepare(table[0])
    assert step()[0] == c(table[0])
    assert c.grad.prepare(table[0])()[1] == c(table[0])[1]
    w = Value(2.0)
    loss = compile(lambda x: (w * x, w * w), has_aux=True, backend=backend)
    assert loss.backward(3.0) == (6.0, 4.0)
    assert w.grad == 3.0
    with pytest.raises(TypeError, match="pair"):
        compile(lambda x: x, has_aux=True, backend=backend).grad(1.0)
    with pytest.raises(TypeError, match="pair"):
        grad(lambda x: [x, x], has_aux=True)(1.0)
    w = Value(2.0)
    gradient, aux = grad(lambda x: (w * x * x, w * x), has_aux=True)(3.0)
    aux.backward()
    assert (gradient.data, aux.data, w.grad) == (12.0, 6.0, 3.0)
