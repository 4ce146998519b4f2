"""The transforms: values against closed forms and SymPy, nestings, structures, mistakes."""

import copy
import itertools
import math
import pickle
import threading

import numpy as np
import pytest
import sympy
from bits import bits
from hypothesis import given, settings
from hypothesis import strategies as st

import autograd_mini as ag
from autograd_mini import Value, exp, log, no_grad, sigmoid, sin, sqrt, tanh, topological_order, where
from autograd_mini.transforms.functions import (
    grad,
    gradients,
    hessian,
    hvp,
    jacobian,
    jvp,
    stop_gradient,
    value_and_grad,
    vjp,
)

inf, nan = math.inf, math.nan


def forward(f):
    return lambda x: jvp(f, (x,), (1.0,))[1]


def backward_graph(f):
    """Differentiate an expression already built."""

    def derivative(x):
        y = ag.transforms.identity(x) if isinstance(x, Value) else Value(x)
        return gradients(f(y), [y])[0]

    return derivative


def by_vjp(f):
    return lambda x: vjp(f, x)[1](1.0)[0]


MODES = {"reverse": grad, "forward": forward, "vjp": by_vjp}


def number(x):
    return x.data if isinstance(x, Value) else x


# ---- orders ----------------------------------------------------------------------------------------

X = sympy.Symbol("x")
CLOSED_FORMS = {
    "exp(2x)": (lambda x: exp(2 * x), sympy.exp(2 * X)),
    "exp(x)sin(x)": (lambda x: exp(x) * sin(x), sympy.exp(X) * sympy.sin(X)),
    "x^7": (lambda x: x**7, X**7),
    "1/x": (lambda x: 1 / x, 1 / X),
    "log": (lambda x: log(x), sympy.log(X)),
    "sqrt": (lambda x: sqrt(x), sympy.sqrt(X)),
    "tanh": (lambda x: tanh(x), sympy.tanh(X)),
    "sigmoid": (lambda x: sigmoid(x), 1 / (1 + sympy.exp(-X))),
    "sin(x^2)": (lambda x: sin(x * x), sympy.sin(X**2)),
    "x^x": (lambda x: x**x, X**X),
    "2^x": (lambda x: 2**x, 2**X),
    "cos(x)/(1+x^2)": (lambda x: ag.cos(x) / (1 + x * x), sympy.cos(X) / (1 + X**2)),
}


@pytest.mark.parametrize("name", CLOSED_FORMS)
def test_derivatives_to_order_ten(name):
    f, closed = CLOSED_FORMS[name]
    point = 0.7
    slow_growing = 6 if name in ("cos(x)/(1+x^2)", "x^x", "sin(x^2)") else 10  # graphs grow with the order
    for order in range(1, slow_growing + 1):
        f = grad(f)
        truth = float(sympy.diff(closed, X, order).subs(X, point).evalf(30))
        scale = float(sympy.factorial(order))
        assert f(point) == pytest.approx(truth, rel=1e-10, abs=1e-11 * scale), order


@pytest.mark.parametrize("modes", list(itertools.product(MODES, repeat=3)), ids="-".join)
@settings(max_examples=10)
@given(st.floats(0.3, 1.5))
def test_modes_agree_to_order_three(modes, x):
    def f(x):
        return sin(x * x) * exp(-x) + log(1 + x) / x + tanh(x) ** 3

    mixed, plain = f, f
    for mode in modes:
        mixed, plain = MODES[mode](mixed), grad(plain)
    assert mixed(x) == pytest.approx(plain(x), rel=1e-11, abs=1e-11)


# ---- perturbation confusion ------------------------------------------------------------------------

PAIRS = list(itertools.product(MODES.values(), repeat=2))


@pytest.mark.parametrize(("outer", "inner"), PAIRS)
def test_the_four_cases_of_perturbation_confusion(outer, inner):
    assert number(outer(lambda x: x * inner(lambda y: x * y)(1.0))(3.0)) == 6.0
    assert number(outer(lambda x: x * inner(lambda y: x + y)(1.0))(1.0)) == 1.0
    assert number(outer(lambda x: x * inner(lambda y: x * y * y)(2.0))(3.0)) == 24.0
    # derivative of a curried function: D(x -> D(y -> x*y² )(x)) = D(2x²)
    assert number(outer(lambda x: inner(lambda y: x * y * y)(x))(3.0)) == 12.0


@st.composite
def nestings(draw):
    """A random expression of derivatives inside derivatives, as ours and as SymPy's."""
    names = sympy.symbols("x0:4")

    def term(depth):
        leaf = st.sampled_from([("var", i) for i in range(depth + 1)])
        kinds = [leaf, st.just(("sin",)), st.just(("mul",)), st.just(("add",))]
        return draw(st.one_of(*kinds))

    def expression(depth, size):
        kind = term(depth) if size > 0 else ("var", draw(st.integers(0, depth)))
        if kind[0] == "var":
            i = kind[1]
            return (lambda env: env[i]), names[i]
        if kind[0] == "sin":
            f, s = expression(depth, size - 1)
            return (lambda env: sin(f(env))), sympy.sin(s)
        (f, s), (g, t) = expression(depth, size - 1), expression(depth, size - 1)
        if kind[0] == "mul":
            return (lambda env: f(env) * g(env)), s * t
        return (lambda env: f(env) + g(env)), s + t

    def nested(depth):
        # body · nested(depth + 1), differentiated by the variable of this depth at an argument
        body, symbolic = expression(depth, 3)
        if depth < 2:
            inner, inner_symbolic = nested(depth + 1)
            whole, s = (lambda env: body(env) * inner(env)), symbolic * inner_symbolic
        else:
            whole, s = body, symbolic
        mode = draw(st.sampled_from(list(MODES.values())))
        if depth == 0:
            return (lambda x: number(mode(lambda v: whole([v]))(x))), sympy.diff(s, names[0])
        argument, t = expression(depth - 1, 1)
        return (
            lambda env: mode(lambda v: whole([*env, v]))(argument(env)),
            sympy.diff(s, names[depth]).subs(names[depth], t),
        )

    f, symbolic = nested(0)
    return f, sympy.lambdify(names[0], symbolic, "math")


@given(nestings(), st.floats(-1.5, 1.5))
def test_random_nestings_to_depth_three_against_sympy(nesting, x):
    f, truth = nesting
    assert f(x) == pytest.approx(truth(x), rel=1e-9, abs=1e-9)


# ---- what goes in says what comes out --------------------------------------------------------------


def test_numbers_give_numbers_and_values_give_values():
    assert type(grad(lambda x: x * x)(3)) is float
    x = Value(3.0)
    slope = grad(lambda x: x * x * x)(x)
    assert isinstance(slope, Value)
    slope.backward()
    assert (slope.data, x.grad) == (27.0, 18.0)
    constant = grad(lambda x: 3 * x)(x)
    assert isinstance(constant, Value)
    assert constant.data == 3.0


def test_a_captured_value_is_kept_in_the_derivative():
    w = Value(2.0)
    slope = grad(lambda x: w * x * x)(3.0)
    assert slope.data == 12.0
    slope.backward()
    assert w.grad == 6.0  # ∂(2wx)/∂w
    value, slope = value_and_grad(lambda x: w * x)(3.0)
    assert (value.data, slope.data) == (6.0, 2.0)


def test_transforms_leave_grad_alone():
    w = Value(2.0)
    w.grad = 7.0
    grad(lambda x: w * x)(3.0)
    jvp(lambda x: w * x, (3.0,), (1.0,))
    jacobian(lambda x: [w * x])(3.0)
    assert w.grad == 7.0


def test_unused_inputs_have_derivative_zero():
    assert grad(lambda x, y: x * x, argnums=(0, 1))(3.0, 4.0) == (6.0, 0.0)
    assert grad(lambda x: 5.0)(1.0) == 0.0
    assert jvp(lambda x: 5.0, (1.0,), (1.0,)) == (5.0, 0.0)
    assert jacobian(lambda x: [x, 1.0])(2.0) == [1.0, 0.0]


def test_a_branch_not_taken_is_blocked_in_every_mode():
    def f(x):
        return where(x > 0, log(x), 0.0)

    for mode in MODES.values():
        for x in (-1.0, 0.0):
            assert mode(f)(x) == 0.0
            assert mode(mode(f))(x) == 0.0
    assert grad(lambda x: sqrt(x) ** 2)(0.0) != 0.0  # nan: an ordinary product of 0 and inf


@pytest.mark.parametrize("mode", MODES)
def test_a_branch_that_holds_at_one_point_is_told(mode):
    with pytest.warns(ag.BranchWarning, match="found it equal"):
        MODES[mode](lambda x: 0.0 if x == 0 else x)(0.0)
    assert MODES[mode](lambda x: 0.0 if x == 0 else x)(1.0) == 1.0


def test_rules_are_not_run_for_constants():
    assert grad(lambda x: x**2)(-3.0) == -6.0
    assert hessian(lambda x: x**3)(-2.0) == -12.0
    assert math.isnan(grad(lambda c: Value(-3.0) ** c)(2.0))


# ---- structures ------------------------------------------------------------------------------------


def test_results_have_the_structure_of_the_arguments():
    tree = {"w": [1.0, (2.0, 3.0)], "b": np.array([[4.0, 5.0]])}

    def f(tree, scale):
        w, b = tree["w"], tree["b"]
        return scale * (w[0] * w[1][0] + w[1][1] ** 2 + (b * b).sum())

    d = grad(f)(tree, 2.0)
    assert d["w"] == [4.0, (2.0, 12.0)]
    assert type(d["w"][1]) is tuple
    assert d["b"].dtype == float
    assert d["b"].tolist() == [[16.0, 20.0]]
    both = grad(f, argnums=(1, 0))(tree, 2.0)
    assert both[0] == 2 + 9 + 41
    assert both[1]["w"] == d["w"]
    assert grad(f, argnums=-1)(tree, 2.0) == both[0]


def test_jacobian_and_hessian_have_the_shapes_of_both():
    a = np.arange(6.0).reshape(2, 3)
    x = np.array([1.0, 2.0, 3.0])
    assert (jacobian(lambda x: a @ x)(x) == a).all()
    assert jacobian(lambda m: m @ x)(a).shape == (2, 2, 3)
    assert hessian(lambda x: (x**3).sum())(x).tolist() == np.diag(6 * x).tolist()
    h = hessian(lambda p: p["a"] ** 2 * p["b"][0])({"a": 3.0, "b": [2.0]})
    assert h == {"a": {"a": 4.0, "b": [6.0]}, "b": [{"a": 6.0, "b": [0.0]}]}
    j = jacobian(lambda p: {"s": p["a"] * p["b"]})({"a": 2.0, "b": np.array([1.0, 5.0])})
    assert j["s"]["a"].tolist() == [1.0, 5.0]
    assert j["s"]["b"].tolist() == [[2.0, 0.0], [0.0, 2.0]]


def test_vjp_can_be_pulled_back_again_and_by_values():
    _, pullback = vjp(lambda a, b: (a * b, a + b), 2.0, 3.0)
    assert pullback((1.0, 0.0)) == (3.0, 2.0)
    assert pullback((0.0, 1.0)) == (1.0, 1.0)
    weight = Value(5.0)
    da, _ = pullback((weight, 1.0))
    da.backward()
    assert (da.data, weight.grad) == (16.0, 3.0)


@given(
    st.lists(st.floats(-2, 2), min_size=3, max_size=3), st.lists(st.floats(-2, 2), min_size=3, max_size=3)
)
def test_hvp_is_the_hessian_times_the_vector(x, v):
    def f(x):
        return sin(x[0] * x[1]) * exp(x[2]) + x[0] ** 3 * x[2]

    h = np.array(hessian(f)(x))
    assert h == pytest.approx(h.T, abs=1e-12)
    assert hvp(f)(x, v) == pytest.approx(list(h @ v), abs=1e-10)
    assert hvp(lambda y, x: f(x), argnums=1)(0.0, x, v) == hvp(f)(x, v)


def test_a_chain_of_a_hundred_thousand_in_every_mode():
    def f(x):
        for _ in range(100_000):
            x = x * 1.00001
        return x

    assert grad(f)(1.0) == pytest.approx(math.e, rel=1e-4)
    assert jvp(f, (1.0,), (1.0,))[1] == pytest.approx(math.e, rel=1e-4)


# ---- an expression already built -------------------------------------------------------------------


def test_gradients_by_nodes_within_and_of_what_is_no_operand():
    x = Value(3.0)
    y = x * x
    z = y * y
    dy, dx, other = gradients(z, [y, x, Value(1.0)])
    assert (dy.data, dx.data, other.data) == (18.0, 0.0, 0.0)  # nodes behind an input are held fixed
    assert gradients(z, [x])[0].data == 108.0


def test_a_changed_leaf_is_refused_where_old_and_new_would_mix():
    x = Value(3.0)
    y = x**3
    x.data = 4.0
    with pytest.raises(RuntimeError, match=r"changed after pow was recorded.*compute the expression again"):
        gradients(y, [x])
    y.backward()
    assert x.grad == 27.0


def test_a_changed_leaf_is_refused_where_its_derivative_is_even():
    x = Value(2.0)
    y = x**3
    x.data = -2.0
    with pytest.raises(RuntimeError, match=r"its value was 8.0 and would now be -8.0"):
        gradients(y, [x])


def test_no_grad_inside_the_function_and_around_a_pullback():
    def f(x):
        with no_grad():
            c = x * x
        return c * x

    for mode in MODES.values():
        assert mode(f)(3.0) == 9.0
    assert hessian(f)(3.0) == hvp(f)(3.0, 1.0) == 0.0
    _, pullback = vjp(lambda x: x * x, 3.0)
    with no_grad():
        assert pullback(1.0) == (6.0,)
        assert jvp(lambda x: x * x, (3.0,), (1.0,)) == (9.0, 6.0)


@pytest.mark.parametrize("name", ["asin", "atanh"])
@pytest.mark.parametrize("x", [1e-3, 1e-9, 1e-17])
def test_second_derivatives_next_to_their_root(name, x):
    truth = x / (1 - x * x) ** 1.5 if name == "asin" else 2 * x / (1 - x * x) ** 2
    row = getattr(ag, name)
    assert grad(grad(row))(x) == pytest.approx(truth, rel=1e-10, abs=0)
    assert forward(grad(row))(x) == pytest.approx(truth, rel=1e-10, abs=0)


def test_numbers_of_a_dual_can_be_read_and_let_go():
    seen = []

    def f(x):
        seen.append(f"{x:.1f}")
        return x.detach() * x

    assert jvp(f, (3.0,), (1.0,)) == (9.0, 3.0)
    assert grad(f)(3.0) == 3.0
    assert seen == ["3.0", "3.0"]
    assert jvp(lambda v: np.var(v), (np.array([1.0, 3.0]),), (np.array([0.0, 1.0]),))[1] == 1.0
    assert grad(lambda v: np.var(v))(np.array([1.0, 3.0])).tolist() == [-1.0, 1.0]


def test_stop_gradient_and_no_grad():
    assert grad(lambda x: stop_gradient(x) * x)(3.0) == 3.0
    assert jvp(lambda x: stop_gradient(x) * x, (3.0,), (1.0,)) == (9.0, 3.0)
    with no_grad():
        assert grad(lambda x: x * x)(3.0) == 6.0
        inside = grad(lambda x: x * x)(Value(3.0))
        assert (inside.data, inside.operands) == (6.0, ())
        assert hessian(lambda x: x**3)(2.0) == 12.0


def test_threads_give_exact_answers():
    w = Value(0.5)
    found = {}

    def work(k):
        found[k] = [number(grad(lambda x: sin(w * x) * x)(k + i / 100)) for i in range(100)]

    threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    for k, values in found.items():
        for i, value in enumerate(values):
            x = k + i / 100
            assert value == pytest.approx(math.sin(x / 2) + x / 2 * math.cos(x / 2), rel=1e-14)


# ---- SciPy -----------------------------------------------------------------------------------------


def rosenbrock(x):
    return np.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


@pytest.mark.parametrize(
    "options",
    [
        {"method": "BFGS"},
        {"method": "L-BFGS-B"},
        {"method": "Newton-CG", "hess": hessian(rosenbrock)},
        {"method": "Newton-CG", "hessp": hvp(rosenbrock)},
        {"method": "trust-exact", "hess": hessian(rosenbrock)},
    ],
    ids=lambda options: "-".join(options),
)
def test_scipy_minimises_with_our_derivatives(options):
    from scipy.optimize import minimize

    x0 = np.array([1.3, 0.7, 0.8, 1.9, 1.2])
    result = minimize(value_and_grad(rosenbrock), x0, jac=True, tol=1e-8, **options)
    assert result.x == pytest.approx(np.ones(5), abs=1e-4)


# ---- mistakes --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mistake", "message"),
    [
        (lambda: grad(lambda x: [x, x])(1.0), r"returned a list of 2 numbers.*use jacobian"),
        (lambda: grad(lambda x: np.array([x]))(1.0), r"returned an array of 1 number, .*use jacobian"),
        (lambda: grad(lambda x: None)(1.0), r"returned None: is its return statement missing\?"),
        (lambda: jvp(lambda x: None, (1.0,), (1.0,)), r"returned None"),
        (lambda: grad(lambda x: "y")(1.0), r"result of <lambda>.*got str"),
        (lambda: grad(lambda x: x)("a"), r"argument of <lambda>.*got str"),
        (lambda: grad(lambda x: x)({"w": [1.0, 1j]}), r"<lambda>\['w'\]\[1\].*got complex"),
        (lambda: grad(lambda x: x, argnums=1.5)(1.0), r"argnums of <lambda>: expected an int"),
        (lambda: grad(lambda x: x, argnums=2)(1.0), r"no positional argument 2 in a call with 1"),
        (lambda: jvp(sin, (1.0,), (1.0, 2.0)), r"tangents of sin.*same structure"),
        (lambda: vjp(lambda x: [x, x], 1.0)[1](1.0), r"cotangents of <lambda>.*same structure"),
        (lambda: grad(lambda x: math.sin(x))(1.0), r"would cut the graph"),
        (lambda: jvp(lambda x: math.sin(x), (1.0,), (1.0,)), r"would cut the graph"),
        (lambda: hvp(lambda x: x * x)(1.0), r"and then the vector"),
        (lambda: hvp(lambda x, y: x * y, argnums=(0, 1))(1.0, 2.0, 3.0), r"expected an int"),
        (lambda: grad(lambda x: x, argnums=(0, -1))(1.0), r"each one once"),
        (lambda: grad(lambda x: x, argnums=())(1.0), r"at least one argument"),
        (lambda: jvp(sin, 1.0, 1.0), r"primals are a tuple with one item per argument"),
        (lambda: gradients(3.0, []), r"expected a Value, got float"),
        (lambda: gradients(Value(1.0), [1.0]), r"expected a Value, got float"),
        (lambda: Value(1.0).dot(2.0, 3.0), r"dot\(\) takes the numbers of one sequence"),
    ],
)
def test_mistakes_are_told_with_a_remedy(mistake, message):
    with pytest.raises((TypeError, ValueError), match=message):
        mistake()


@pytest.mark.parametrize(
    ("f", "x", "value", "slope"),
    [
        (lambda x: 1.0 / ag.ceil(x), -0.5, -inf, 0.0),
        (lambda x: x / ag.sign(x), 0.0, nan, inf),
        (lambda x: ag.sign(x) ** -1, 0.0, inf, 0.0),
        (lambda x: x + 1.0 / stop_gradient(x), 0.0, inf, 1.0),
        (lambda x: 1.0 / (ag.floor(x) * ag.ceil(x)), 0.5, inf, 0.0),
    ],
)
def test_a_constant_in_forward_mode_is_no_number_that_raises(f, x, value, slope):
    assert str(jvp(f, (x,), (1.0,))) == str((value, slope))
    assert str(grad(f)(x)) == str(slope)
    assert str(jvp(grad(f), (x,), (1.0,))[0]) == str(slope)
    assert str(grad(lambda x: jvp(f, (x,), (1.0,))[1])(x)) == str(0.0 if slope < inf else grad(grad(f))(x))


def test_constants_in_forward_mode_when_nothing_is_recorded():
    with no_grad():
        assert jvp(lambda x: 1.0 / (x * x), (0.0,), (1.0,))[0] == inf
    with_constant = jvp(lambda x: jvp(lambda y: ag.floor(y) * x, (x,), (1.0,)), (2.5,), (1.0,))
    assert with_constant == ((5.0, 0.0), (2.0, 0.0))


# ---- plain numbers stay plain, copies keep the graph, zeros have no sign ---------------------------


def test_leaves_that_the_function_makes_are_its_own():
    for f, expected in [
        (lambda x: Value(3.0) * x, 3.0),
        (lambda x: x * x.detach(), 2.0),
        (lambda x: x * Value(1.0).sin().detach() + Value(1.0), math.sin(1.0)),
        (lambda x: x * copy.deepcopy(Value(5.0)), 5.0),
        (lambda x: x * pickle.loads(pickle.dumps(Value(5.0))), 5.0),
        (lambda x: x * grad(lambda t: t * Value(4.0))(1.0), 4.0),
        (lambda x: grad(lambda t: t * t * Value(4.0))(x), 8.0),
    ]:
        for found in (
            grad(f)(2.0),
            value_and_grad(f)(2.0)[1],
            jacobian(f)(2.0),
            vjp(f, 2.0)[1](1.0)[0],
        ):
            assert type(found) is float
            assert found == expected
    assert type(value_and_grad(lambda x: Value(3.0) * x)(2.0)[0]) is float
    w = Value(3.0)
    outside = grad(lambda x: w * x * Value(2.0))(2.0)
    outside.backward()
    assert (outside.data, w.grad) == (6.0, 2.0)


COPIES = [
    copy.copy,
    copy.deepcopy,
    lambda v: pickle.loads(pickle.dumps(v)),
    lambda v: copy.deepcopy([v])[0],
]


@pytest.mark.parametrize("copied", COPIES)
def test_a_copy_made_while_differentiating_keeps_the_graph(copied):
    def f(x):
        y = x * 1.2
        z = copied(y)
        return copied(z * copied(x)) * copied(Value(1.0))

    for found in (
        grad(f)(1.0),
        jvp(f, (1.0,), (1.0,))[1],
        jacobian(f)(1.0),
        value_and_grad(f)(1.0)[1],
        vjp(f, 1.0)[1](1.0)[0],
    ):
        assert found == pytest.approx(2.4)
    assert grad(grad(f))(1.0) == hvp(f)(1.0, 1.0) == hessian(f)(1.0) == pytest.approx(2.4)
    w = Value(3.0, "w")
    slope = grad(lambda x: x * copied(w))(2.0)
    slope.backward()
    assert (slope.data, w.grad) == (3.0, 1.0)
    both = grad(lambda xs: pickle.loads(pickle.dumps(xs))[1] * xs[0])([2.0, 5.0])
    assert both == [5.0, 2.0]
    apart = copied(w)  # outside, a copy is a graph of its own
    (apart * 2.0).backward()
    assert (w.grad, apart.label) == (1.0, "w")


def test_a_pickle_made_while_differentiating_is_whole():
    kept = []

    def f(x):
        kept.append(pickle.dumps(x.sin() * x))
        return x

    grad(f)(2.0)
    loaded = pickle.loads(kept[0])
    assert (loaded.data, loaded.op.name, len(topological_order(loaded))) == (2.0 * math.sin(2.0), "mul", 3)


@pytest.mark.parametrize("x", [1e-155, 1e-200, 5e-324, 0.0, -1e-200, 3.0, 1e200])
@pytest.mark.parametrize("degree", [0, 1, 2, 3])
def test_derivatives_past_the_degree_of_a_whole_power_are_zero(x, degree):
    def forward(f):
        return lambda x: jvp(f, (x,), (1.0,))[1]

    for steps in itertools.product([grad, forward], repeat=2):
        f = lambda x: x**degree  # noqa: E731
        for k in range(degree + 3):
            if k > degree:
                assert bits(f(x)) == bits(0.0)
            f = steps[k % 2](f)


def test_no_derivative_is_a_negative_zero():
    def f(x):
        return -(0.0 * x)

    def g(x):
        return -(0.0 * x[0]) * x[1]

    zero = bits(0.0)
    w = Value(-1.0)
    found = [
        grad(f)(-1.0),
        value_and_grad(f)(-1.0)[1],
        jvp(f, (-1.0,), (1.0,))[1],
        vjp(f, -1.0)[1](1.0)[0],
        jacobian(f)(-1.0),
        hessian(f)(-1.0),
        hvp(f)(-1.0, 1.0),
        *grad(g)([-1.0, 1.0]),
        grad(f)(w),
        grad(lambda x: f(x) * Value(1.0))(-1.0),
        grad(lambda x: f(x) * w)(2.0),
        gradients(f(w), [w])[0],
        ag.derivative(f(w), w).value,
        jvp(grad(f), (-1.0,), (1.0,))[0],
        ag.compile(grad(f))(-1.0),
        ag.compile(grad(f))(1.0),
    ]
    assert bits(found) == [zero] * len(found)
    compiled = ag.compile(grad(lambda x: x * -(0.0 * w)))  # traced where it is no zero
    for number in (math.inf, -1.0, 1.0):
        w.data = number
        assert bits(compiled(1.0)) == bits(grad(lambda x: x * -(0.0 * w))(1.0))
    f(w).backward()
    assert bits(w.grad) == zero


# ---- errors: object, cause, remedy ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("mistake", "message"),
    [
        (
            lambda: ag.topological_order(1.0),
            r"topological_order\(root\): expected a Value, got float; give",
        ),
        (
            lambda: gradients(Value(1.0), Value(1.0)),
            r"gradients\(.*\): expected a list of Values, got Value; give",
        ),
        (
            lambda: gradients(sin, [Value(1.0)]),
            r"gradients\(.*\): expected a Value, got Primitive; for a fun",
        ),
        (lambda: gradients(Value(1.0), 3.0), r"gradients\(.*\): expected a list of Values, got float"),
        (lambda: hvp(sin)(1.0), r"hvp\(sin\): .* got 1 argument; give .* and then the vector"),
        (
            lambda: hvp(sin)(1.0, [1.0]),
            r"hvp\(sin\): the vector is a list of 1 number and .* one number; give",
        ),
        (
            lambda: sin(np.array([1.0, 2.0])),
            r"sin\(\): expected a real number, got ndarray; take them one by",
        ),
        (
            lambda: sin([1.0]),
            r"sin\(\): expected a real number, got list; take them one by one, with np.from",
        ),
        (lambda: ag.clamp(1.0, low=0), r"clamp\(x, lo, hi\): .*"),
        (lambda: ag.sum(1.0), r"sum\(xs\): expected a sequence of numbers, got float; give a list"),
        (lambda: ag.softmax(Value(1.0)), r"softmax\(xs\): expected a sequence of numbers, got Value; give"),
        (lambda: ag.dot([1.0], "a"), r"dot\(xs, ys\): expected a real number, got str; convert"),
    ],
)
def test_errors_name_object_cause_and_remedy(mistake, message):
    with pytest.raises(TypeError, match=message):
        mistake()


def test_functions_of_sequences_take_them_alike():
    xs = [0.5, Value(1.5), 2]
    for given_ in (xs, tuple(xs), np.array(xs, dtype=object), iter(xs)):
        items = list(given_)
        assert ag.sum(iter(items)).data == 4.0
        assert ag.dot(items, items).data == 6.5
        assert ag.logsumexp(items).data == ag.logsumexp(*items).data == pytest.approx(2.6041313924)
        assert ag.softmax(iter(items))[1].data == pytest.approx(0.331499)
    assert ag.logsumexp([]) == -math.inf
    assert ag.logsumexp(Value(2.0)).data == 2.0
    assert grad(ag.logsumexp)([1.0, 1.0]) == [0.5, 0.5]
    assert (
        ag.clamp(Value(3.0), lo=0, hi=1).data == ag.clamp(3.0, 0, hi=1) == Value(3.0).clamp(lo=0, hi=1).data
    )
    assert ag.clamp(x=-1.0, hi=1, lo=0) == 0.0


def test_an_array_without_dimensions_is_a_number():
    x = np.array(2.0)
    assert (Value(x).data, type(Value(x).data)) == (2.0, float)
    assert (
        grad(sin)(x) == math.cos(2.0) == grad(lambda t: sin(t * x) / x)(1.0) / math.cos(2.0) * math.cos(2.0)
    )
    assert (Value(3.0) * x).data == (x * Value(3.0)).data == 6.0
    assert Value(2.0) == np.array(2)
    for wrong in (np.array([2.0]), np.array("2"), np.array(2j), np.array("2020-01-01", dtype="M8[ns]")):
        with pytest.raises(TypeError, match="expected a real number"):
            Value(wrong)
