"""Optimisers against the algorithms as published, in NumPy; schedules, clipping, L-BFGS."""

import copy
import math
import pickle
import random
import sys
from contextlib import contextmanager, nullcontext
from itertools import pairwise

import numpy as np
import pytest
from bits import bits
from hypothesis import given
from hypothesis import strategies as st

from autograd_mini import Value, no_grad, optim
from autograd_mini.nn import MLP
from autograd_mini.transforms import leaves

gradients = st.lists(st.lists(st.floats(-1e3, 1e3), min_size=3, max_size=3), min_size=1, max_size=6)


def run(optimiser_of, all_gradients):
    """Where three parameters go from (1, -2, 0.5) when they meet these gradients."""
    parameters = [Value(1.0), Value(-2.0), Value(0.5)]
    optimiser = optimiser_of(parameters)
    for gradient in all_gradients:
        for parameter, g in zip(parameters, gradient, strict=True):
            parameter.grad = g
        optimiser.step()
    return [parameter.data for parameter in parameters]


def published(update, all_gradients):
    """The same by a function of the step's number from 1, x, g and two memories that start at zero."""
    x, memory = np.array([1.0, -2.0, 0.5]), (np.zeros(3), np.zeros(3))
    for t, g in enumerate(np.array(all_gradients), start=1):
        x, *memory = update(t, x, g, *memory)
    return x.tolist()


def momentum(t, x, g, v, _):
    v = 0.9 * v + g
    return x - 0.1 * v, v, _


def nesterov(t, x, g, v, _):
    v = 0.9 * v + g
    return x - 0.1 * (g + 0.9 * v), v, _


def rmsprop(t, x, g, s, _):
    s = 0.9 * s + 0.1 * g**2
    return x - 0.1 * g / (np.sqrt(s) + 1e-8), s, _


def adam(t, x, g, m, v):
    m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g**2
    return x - 0.1 * (m / (1 - 0.9**t)) / (np.sqrt(v / (1 - 0.999**t)) + 1e-8), m, v


def adamw(t, x, g, m, v):
    after, m, v = adam(t, x, g, m, v)
    return after - 0.1 * 0.5 * x, m, v


@pytest.mark.parametrize(
    ("optimiser_of", "update"),
    [
        (lambda ps: optim.SGD(ps, 0.1), lambda t, x, g, v, _: (x - 0.1 * g, v, _)),
        (lambda ps: optim.SGD(ps, 0.1, momentum=0.9), momentum),
        (lambda ps: optim.SGD(ps, 0.1, momentum=0.9, nesterov=True), nesterov),
        (lambda ps: optim.RMSProp(ps, 0.1, decay=0.9), rmsprop),
        (lambda ps: optim.Adam(ps, 0.1), adam),
        (lambda ps: optim.AdamW(ps, 0.1, weight_decay=0.5), adamw),
    ],
    ids=["sgd", "momentum", "nesterov", "rmsprop", "adam", "adamw"],
)
@given(gradients)
def test_as_published(optimiser_of, update, all_gradients):
    assert run(optimiser_of, all_gradients) == pytest.approx(
        published(update, all_gradients), rel=1e-9, abs=1e-9
    )


@pytest.mark.parametrize("slope", [-30.0, 1e-3, 2.0])
def test_under_a_constant_slope_each_rule_has_a_formula(slope):
    """Sums of geometric series, in the place of the rules' own steps."""
    steps, rate, x = 40, 0.1, np.array([1.0, -2.0, 0.5])
    n = np.arange(1, steps + 1)
    size = abs(slope)
    travel = {
        "momentum": rate * slope * np.sum((1 - 0.9**n) / (1 - 0.9)),
        "nesterov": rate * slope * np.sum(1 + 0.9 * (1 - 0.9**n) / (1 - 0.9)),
        "rmsprop": rate * slope * np.sum(1 / (size * np.sqrt(1 - 0.9**n) + 1e-8)),
        "adam": rate * slope / (size + 1e-8) * steps,
    }
    make = {
        "momentum": lambda ps: optim.SGD(ps, rate, momentum=0.9),
        "nesterov": lambda ps: optim.SGD(ps, rate, momentum=0.9, nesterov=True),
        "rmsprop": lambda ps: optim.RMSProp(ps, rate, decay=0.9),
        "adam": lambda ps: optim.Adam(ps, rate),
    }
    for name, far in travel.items():
        assert run(make[name], [[slope] * 3] * steps) == pytest.approx(x - far, rel=1e-12), name
    kept = 1 - rate * 0.5  # what weight decay leaves of x at each step; it acts on earlier steps too
    far = rate * slope / (size + 1e-8) * (1 - kept**steps) / (1 - kept)
    decayed = run(lambda ps: optim.AdamW(ps, rate, weight_decay=0.5), [[slope] * 3] * steps)
    assert decayed == pytest.approx(x * kept**steps - far, rel=1e-11)


@given(st.floats(0.1, 5.0), st.floats(0.0, 0.95), st.booleans())
def test_momentum_on_a_parabola_is_a_power_of_a_matrix(curvature, momentum, nesterov):
    """On curvature/2 · x² position and velocity change linearly, so n steps are a matrix to the n."""
    rate, steps = 0.1, 25
    v = np.array([curvature, momentum])  # the new velocity, of (x, v)
    along = np.array([curvature, 0.0]) + momentum * v if nesterov else v
    x0 = np.linalg.matrix_power(np.array([[1.0, 0.0] - rate * along, v]), steps) @ [1.0, 0.0]
    x = Value(1.0)
    optimiser = optim.SGD([x], rate, momentum=momentum, nesterov=nesterov)
    for _ in range(steps):
        x.grad = curvature * x.data
        optimiser.step()
    assert x.data == pytest.approx(x0[0], rel=1e-9, abs=1e-12)


@given(gradients)
def test_sgd_function_and_class_agree(all_gradients):
    class Plain:
        def __init__(self, parameters):
            self.parameters = parameters

        def step(self):
            optim.sgd(self.parameters, 0.1)

    assert run(Plain, all_gradients) == run(lambda ps: optim.SGD(ps, 0.1), all_gradients)


@pytest.mark.parametrize(
    "optimiser_of",
    [
        lambda ps: optim.SGD(ps, 0.1),
        lambda ps: optim.SGD(ps, 0.02, momentum=0.9, nesterov=True),
        lambda ps: optim.RMSProp(ps, optim.exponential_decay(0.1, 0.97)),
        lambda ps: optim.Adam(ps, optim.cosine_decay(0.2, 0.0, 400)),
        lambda ps: optim.AdamW(ps, optim.cosine_decay(0.2, 0.0, 400), weight_decay=0.0),
    ],
)
def test_finds_the_bottom_of_a_bowl(optimiser_of):
    x, y = Value(3.0), Value(-2.0)
    optimiser = optimiser_of([x, y])
    for _ in range(400):
        optimiser.zero_grad()
        ((x - 1) ** 2 + 3 * (y + 0.5) ** 2).backward()
        optimiser.step()
    assert (x.data, y.data) == pytest.approx((1.0, -0.5), abs=1e-3)


def test_a_schedule_is_asked_for_each_step():
    asked = []
    x = Value(1.0)
    optimiser = optim.SGD([x], lambda step: asked.append(step) or 0.5)
    x.grad = 1.0
    optimiser.step()
    optimiser.step()
    assert (asked, optimiser.steps, x.data) == ([0, 1], 2, 0.0)


def test_a_parameter_named_twice_moves_once():
    x = Value(1.0)
    x.grad = 1.0
    optimiser = optim.SGD([x, x], 0.5)
    optimiser.step()
    assert (x.data, len(optimiser.parameters)) == (0.5, 1)


def test_a_gradient_of_nan_stays_in_its_parameter():
    x, y = Value(1.0), Value(1.0)
    x.grad, y.grad = math.nan, 1.0
    optim.Adam([x, y], 0.1).step()
    assert math.isnan(x.data)
    assert y.data == pytest.approx(0.9)


@pytest.mark.parametrize("make", [optim.SGD, optim.RMSProp, optim.Adam, optim.AdamW])
def test_refusals(make):
    x = Value(1.0)
    with pytest.raises(ValueError, match=r"there are no parameters: pass model.parameters\(\)"):
        make([], 0.1)
    with pytest.raises(TypeError, match="is not a leaf Value, and cannot be updated"):
        make([x * 2], 0.1)
    with pytest.raises(TypeError, match=r"1.0 is not a leaf Value"):
        make([1.0], 0.1)
    with pytest.raises(ValueError, match="learning_rate is -1"):
        make([x], -1)
    with pytest.raises(ValueError, match="learning_rate is nan"):
        make([x], math.nan)
    with pytest.raises(TypeError, match=r"^learning_rate is 'fast': give a number"):
        make([x], "fast")
    with pytest.raises(TypeError, match=r"^learning_rate is Value\(.*\): give a number"):
        make([x], Value(0.1))
    for wrong, kind in ((x, "Value"), (MLP(1, [1]), "MLP"), (None, "NoneType")):
        with pytest.raises(
            TypeError, match=rf": {kind} is not a list of parameters: pass model.parameters"
        ):
            make(wrong, 0.1)
    with pytest.raises(TypeError, match="is not a leaf Value"):
        make([[x]], 0.1)
    for rate, kind in ((None, TypeError), (-0.1, ValueError), (math.nan, ValueError)):
        optimiser = make([x], lambda step, rate=rate: rate)
        with pytest.raises(kind, match=r"^learning_rate\(0\) is "):
            optimiser.step()
    assert x.data == 1.0


def test_refusals_of_options():
    x = [Value(1.0)]
    with pytest.raises(ValueError, match="momentum is 2: choose it from 0 to 1"):
        optim.SGD(x, 0.1, momentum=2)
    with pytest.raises(ValueError, match=r"betas\[1\] is -1"):
        optim.Adam(x, 0.1, betas=(0.9, -1))
    for wrong in (0.9, (0.9,), (0.9, 0.99, 0.999)):
        with pytest.raises(TypeError, match=r"^betas is .*: give two numbers from 0 to less than 1"):
            optim.Adam(x, betas=wrong)
    for make in (lambda: optim.Adam(x, betas=(1.0, 0.9)), lambda: optim.RMSProp(x, decay=1.0)):
        with pytest.raises(ValueError, match=r"is 1.0, so the mean would never move"):
            make()
    with pytest.raises(TypeError, match=r"^momentum is None: give a number from 0 to 1"):
        optim.SGD(x, 0.1, momentum=None)
    with pytest.raises(ValueError, match="epsilon is 0"):
        optim.RMSProp(x, 0.1, epsilon=0)
    with pytest.raises(ValueError, match="weight_decay is -1"):
        optim.AdamW(x, 0.1, weight_decay=-1)
    with pytest.raises(ValueError, match="limit is -1"):
        optim.clip_by_norm(x, -1)
    with pytest.raises(ValueError, match="limit is nan"):
        optim.clip_by_value(x, math.nan)
    with pytest.raises(TypeError, match=r"^clip_by_norm: MLP is not a list of parameters"):
        optim.clip_by_norm(MLP(1, [1]), 1.0)
    with pytest.raises(ValueError, match=r"^learning_rate is -1"):
        optim.sgd(x, -1)


@pytest.mark.parametrize("make", [optim.linear_decay, optim.cosine_decay, optim.exponential_decay])
def test_refusals_of_schedules(make):
    for steps in (0, -1, math.nan):
        with pytest.raises(ValueError, match=r"^steps is "):
            make(1.0, 0.5, steps)
    with pytest.raises(TypeError, match=r"^start is 'fast': give a number"):
        make("fast", 0.5, 10)
    with pytest.raises(ValueError, match=r"^steps is -1"):
        optim.warmup(0.1, -1)
    with pytest.raises(TypeError, match=r"^schedule is None: give a number"):
        optim.warmup(None, 5)


# ---- schedules and clipping ------------------------------------------------------------------------


def test_linear_decay_is_the_schedule_of_micrograds_demo():
    rate = optim.linear_decay(1.0, 0.1, 100)
    assert [rate(k) for k in range(100)] == pytest.approx(
        [1.0 - 0.9 * k / 100 for k in range(100)], rel=1e-15
    )


@given(st.floats(1e-6, 10), st.floats(1e-6, 10), st.integers(1, 50), st.integers(0, 200))
def test_decays_begin_and_end_where_told(start, end, steps, step):
    for make in (optim.linear_decay, optim.cosine_decay):
        rate = make(start, end, steps)
        assert (rate(0), rate(steps), rate(steps + 1)) == (start, end, end)
        assert min(start, end) * (1 - 1e-14) <= rate(step) <= max(start, end) * (1 + 1e-14)


def test_warmup_rises_to_the_schedule_and_follows_it():
    rate = optim.warmup(optim.linear_decay(1.0, 0.0, 4), 2)
    assert [rate(k) for k in range(7)] == [0.5, 1.0, 1.0, 0.75, 0.5, 0.25, 0.0]


@given(st.lists(st.floats(-1e300, 1e300), min_size=1, max_size=5), st.floats(1e-3, 1e3))
def test_clipping(numbers, limit):
    parameters = [Value(0.0) for _ in numbers]
    for parameter, g in zip(parameters, numbers, strict=True):
        parameter.grad = g
    norm = optim.clip_by_norm(parameters, limit)
    assert norm == math.hypot(*numbers)
    scale = min(1.0, limit / norm) if norm else 1.0
    assert [p.grad for p in parameters] == pytest.approx([g * scale for g in numbers], rel=1e-12)
    for parameter, g in zip(parameters, numbers, strict=True):
        parameter.grad = g
    optim.clip_by_value(parameters, limit)
    assert [p.grad for p in parameters] == [min(max(g, -limit), limit) for g in numbers]


def test_clipping_leaves_what_is_not_finite():
    x, y = Value(0.0), Value(0.0)
    for broken in (math.inf, math.nan):
        x.grad, y.grad = 3.0, broken
        assert not math.isfinite(optim.clip_by_norm([x, y], 1.0))
        assert x.grad == 3.0
    optim.clip_by_value([y], 1.0)
    assert math.isnan(y.grad)


# ---- L-BFGS ----------------------------------------------------------------------------------------


def rosenbrock(xs):
    return sum(100 * (y - x * x) ** 2 + (1 - x) ** 2 for x, y in pairwise(xs))


def test_lbfgs_finds_the_valleys_end():
    pytest.importorskip("scipy")
    xs = [Value(-1.2 if i % 2 else 1.0) for i in range(10)]
    result = optim.lbfgs(lambda: rosenbrock(xs), xs)
    assert [x.data for x in xs] == pytest.approx([1.0] * 10, abs=1e-6)
    assert result.nit > 10
    assert all(x.grad == 0.0 for x in xs)


def test_lbfgs_takes_a_function_that_adds_gradients_itself():
    pytest.importorskip("scipy")
    x = Value(5.0)

    def loss():
        x.grad += 2 * (x.data - 3.0)
        return (x.data - 3.0) ** 2

    optim.lbfgs(loss, [x])
    assert x.data == pytest.approx(3.0)


def test_lbfgs_interrupted_leaves_the_best():
    pytest.importorskip("scipy")
    xs = [Value(-1.2), Value(1.0)]
    seen = []

    def loss():
        if len(seen) == 12:
            raise KeyboardInterrupt
        root = rosenbrock(xs)
        seen.append((root.data, [x.data for x in xs]))
        return root

    with pytest.raises(KeyboardInterrupt):
        optim.lbfgs(loss, xs)
    assert [x.data for x in xs] == min(seen)[1]


def test_lbfgs_refuses_what_is_no_loss():
    pytest.importorskip("scipy")
    x = Value(1.0)
    with pytest.raises(TypeError, match=r"^lbfgs: the loss: expected a real number, got NoneType"):
        optim.lbfgs(lambda: None, [x])
    with pytest.raises(ValueError, match=r"^iterations is -1"):
        optim.lbfgs(lambda: x * x, [x], iterations=-1)
    assert x.data == 1.0


def test_lbfgs_without_scipy_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "scipy.optimize", None)
    with pytest.raises(ImportError, match=r'pip install "autograd-mini\[nn\]"'):
        optim.lbfgs(lambda: Value(1.0), [Value(1.0)])


# ---- all parameters at once --------------------------------------------------------------------------


class Positive(Value):
    """A parameter with a say in what its number is."""

    @property
    def data(self):
        return Value.data.fget(self)

    @data.setter
    def data(self, number):
        Value.data.fset(self, abs(number))


class Halves(optim.Adam):
    """A rule of a user's, made of one of ours."""

    def rule(self, x, gradient, rate, *memory):
        x, *memory = super().rule(x, math.ldexp(gradient, -1), rate, *memory)
        return x, *memory


def slower(step):
    return 0.1 * 0.9**step


OPTIMISERS = [
    lambda ps: optim.SGD(ps, 0.1),
    lambda ps: optim.SGD(ps, slower, momentum=0.9, nesterov=True),
    lambda ps: optim.RMSProp(ps, 0.1, decay=0.9),
    lambda ps: optim.Adam(ps, 0.1),
    lambda ps: optim.AdamW(ps, slower, weight_decay=0.5),
    lambda ps: Halves(ps, 0.1),
]


@contextmanager
def arrays(wanted):
    """All parameters at once, however few they are, or one by one."""
    many, leaves.MANY = leaves.MANY, 1 if wanted else math.inf
    try:
        yield
    finally:
        leaves.MANY = many


def outside(optimiser):
    return pickle.loads(pickle.dumps(optimiser))


CHANGES = st.sampled_from(["step", "sgd", "norm", "value", "zero", "replace", "pickle", "copy", "no_grad"])


@pytest.mark.parametrize("optimiser_of", OPTIMISERS)
@given(
    st.lists(st.tuples(st.floats(), st.floats(), st.booleans()), min_size=1, max_size=8),
    st.lists(CHANGES, max_size=12),
    st.data(),
)
def test_all_at_once_is_one_by_one_to_the_last_bit(optimiser_of, numbers, changes, data):
    def fresh():
        parameters = [Positive(x) if own else Value(x) for x, _, own in numbers]
        return optimiser_of([*parameters, parameters[0]]), random.Random(0)

    (once, one_draw), (each, other_draw) = fresh(), fresh()
    for change in changes:
        wanted = data.draw(st.booleans())  # to go from one to the other in between changes nothing
        for at_once, optimiser, draw in ((wanted, once, one_draw), (False, each, other_draw)):
            with arrays(at_once):
                apply(change, optimiser, numbers, draw)
        once, each = (outside(x) if change == "pickle" else x for x in (once, each))
        once, each = (copy.deepcopy(x) if change == "copy" else x for x in (once, each))
        for name in ("data", "grad"):
            found, expected = ([getattr(p, name) for p in x.parameters] for x in (once, each))
            assert {*map(type, found)} == {float}
            assert bits(found) == bits(expected), (change, name)
        assert [type(p) for p in once.parameters] == [type(p) for p in each.parameters]


def apply(change, optimiser, numbers, draw):
    """Do one thing that is done between steps."""
    parameters = optimiser.parameters
    if change in ("step", "no_grad"):
        for parameter, (_, gradient, _) in zip(parameters, numbers, strict=True):
            parameter.grad = gradient * draw.uniform(-2.0, 2.0)
        with no_grad() if change == "no_grad" else nullcontext():
            optimiser.step()
    elif change == "sgd":
        optim.sgd([*parameters, parameters[0]] if draw.random() < 0.5 else parameters, 0.25)
    elif change == "norm":
        optim.clip_by_norm([*parameters, parameters[0]] if draw.random() < 0.5 else parameters, 0.5)
    elif change == "value":
        optim.clip_by_value(parameters, 0.75)
    elif change == "zero":
        optimiser.zero_grad()
    elif change == "replace":
        parameters[-1] = Value(draw.uniform(-1.0, 1.0))


def test_ours_are_taken_at_once_and_a_users_rule_one_by_one():
    parameters = [Value(float(k)) for k in range(leaves.MANY)]
    for optimiser_of in OPTIMISERS:
        optimiser = optimiser_of(parameters)
        optimiser.step()
        own = type(optimiser) is Halves
        assert isinstance(optimiser._memory, list if own else tuple), optimiser
        assert [type(x) for x in vars(outside(optimiser))["_memory"]] == [list] * len(parameters)


def test_an_optimiser_that_was_saved_when_its_memory_was_a_list_goes_on():
    for optimiser_of in OPTIMISERS:
        results = []
        for saved in (False, True):
            parameters = [Value(float(k)) for k in range(leaves.MANY)]
            optimiser = optimiser_of(parameters)
            for k in range(4):
                for parameter in parameters:
                    parameter.grad = parameter.data - 5.0 * k
                optimiser.step()
                if saved:
                    assert isinstance(optimiser.__getstate__()["_memory"], list)
                    optimiser.__dict__.update(optimiser.__getstate__())
            results.append(bits(parameters))
        assert results[0] == results[1]


def test_without_numpy_many_parameters_are_taken_one_by_one(monkeypatch):
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "numpy", None)
        leaves._numpy_is_there.cache_clear()
        parameters = [Value(1.0) for _ in range(2 * leaves.MANY)]
        optimiser = optim.Adam(parameters, 0.1)
        for parameter in parameters:
            parameter.grad = 1.0
        optimiser.step()
        optimiser.zero_grad()
        assert isinstance(optimiser._memory, list)
        assert {(p.data, p.grad) for p in parameters} == {(0.900000001, 0.0)}
    leaves._numpy_is_there.cache_clear()
