"""Functions by SciPy: the same bits on every way, derivatives of every order, and clear refusals."""

import math
import pickle
import random
import subprocess
import sys

import pytest
from bits import bits
from hypothesis import given
from hypothesis import strategies as st

from autograd_mini import Value, compile, grad, hessian, jvp, no_grad, parse, special, stop_gradient
from autograd_mini.compiler.backends import load
from autograd_mini.compiler.backends.llvm.loop_code import calls_python
from autograd_mini.engine.table import TABLE
from autograd_mini.special.by_scipy import BySciPy, Special
from autograd_mini.testing import check_grads

scipy_special = pytest.importorskip("scipy.special")
np = pytest.importorskip("numpy")

inf, nan = math.inf, math.nan
ROWS = [row for row in TABLE.values() if isinstance(row, Special)]
BY_SCIPY = [row for row in ROWS if isinstance(row, BySciPy)]
ODD = [0.0, -0.0, 1.0, -1.0, 2.0, 0.5, 5e-324, 1e308, -1e308, 750.0, inf, -inf, nan]
each = pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
each_by_scipy = pytest.mark.parametrize("row", BY_SCIPY, ids=lambda row: row.name)


def points(row, count=40):
    """Operands of moderate size from the row's domain."""
    rng = random.Random(row.name)
    return [
        [rng.uniform(max(low, -30.0), min(high, 30.0)) for low, high in row.domain] for _ in range(count)
    ]


def with_varying(row):
    """The row as a function of floats and Values, its constants cut off from derivatives."""
    names = row.operands

    def function(*xs):
        return row(*[stop_gradient(x) if n in row.constants else x for n, x in zip(names, xs, strict=True)])

    return function


def test_what_the_module_offers_is_in_the_table():
    assert {row.name for row in ROWS} == set(special.__all__)
    assert all(getattr(special, name) is TABLE[name] for name in special.__all__)


@each_by_scipy
def test_the_value_is_scipys_at_a_point_and_over_arrays(row):
    rng = random.Random(row.name)
    places = points(row) + [[rng.choice(ODD) for _ in row.operands] for _ in range(60)]
    function = getattr(scipy_special, row.name)
    assert bits(row(*xs) for xs in places) == bits(function(*np.array(places).T).tolist())


@each
def test_every_backend_has_the_bits_of_eager_code(row):
    f, last = with_varying(row), len(row.operands) - 1
    rng = random.Random(row.name)
    places = points(row, 12) + [[rng.choice(ODD) for _ in row.operands] for _ in range(12)]
    for backend in ("python", "numpy", "llvm"):
        compiled = compile(f, argnums=last, backend=backend)
        for xs in places:
            leaf = Value(xs[-1])
            y = row(*xs[:-1], leaf)
            y.backward()
            value, slope = compiled.value_and_grad(*xs)
            assert (bits(value), bits(slope)) == (bits(y), bits(leaf.grad)), (backend, xs)


@each_by_scipy
@pytest.mark.parametrize("backend", ["numpy", "llvm"])
def test_a_batch_has_the_bits_of_the_ufunc(row, backend):
    columns = np.array(points(row, 37)).T
    found = compile(with_varying(row), backend=backend).map(*columns)
    assert bits(found.tolist()) == bits(getattr(scipy_special, row.name)(*columns).tolist())


@each
def test_machine_code_never_calls_python(row):
    f, last = with_varying(row), len(row.operands) - 1
    program = compile(f, argnums=last).value_and_grad.program(*points(row, 1)[0])
    assert not load("llvm").build(program).kernel.functions.in_python


def test_a_loop_over_them_has_the_bits_of_eager_code():
    rng = random.Random(1)
    xs = [rng.uniform(-2.0, 2.0) for _ in range(500)]

    def loss(w, b):
        total = 0.0
        for x in xs:
            total = total - special.log_ndtr(w * x + b)
        return total

    compiled = compile(loss, argnums=(0, 1), backend="llvm")
    assert bits(compiled.grad(0.5, 0.25)) == bits(grad(loss, argnums=(0, 1))(0.5, 0.25))
    assert not calls_python(special.log_ndtr, 1)


@each
def test_derivatives_agree_with_differences(row):
    last = len(row.operands) - 1
    low, high = row.domain[last]
    for *fixed, place in points(row, 3):
        x = min(max(place, low + 0.1), high - 0.1)
        check_grads(lambda x, fixed=fixed: row(*fixed, x), x)


# Named in the conventions: value and derivative with respect to the last operand.
EDGES = [
    ("erfinv", [1.0], inf, inf),
    ("erfinv", [-1.0], -inf, inf),
    ("erfinv", [1.5], nan, nan),
    ("erfcinv", [0.0], inf, -inf),
    ("erfcinv", [2.0], -inf, -inf),
    ("erfcinv", [-0.1], nan, nan),
    ("erfcx", [inf], 0.0, 0.0),
    ("erfcx", [-inf], inf, -inf),
    ("ndtr", [inf], 1.0, 0.0),
    ("ndtr", [-inf], 0.0, 0.0),
    ("log_ndtr", [-inf], -inf, inf),
    ("log_ndtr", [inf], 0.0, 0.0),
    ("ndtri", [0.0], -inf, inf),
    ("ndtri", [1.0], inf, inf),
    ("ndtri", [1.1], nan, nan),
    ("i0", [0.0], 1.0, 0.0),
    ("i1", [0.0], 0.0, 0.5),
    ("i1", [750.0], inf, inf),
    ("i0e", [0.0], 1.0, 0.0),
    ("i1e", [0.0], 0.0, 0.5),
    ("i0e", [1e300], 3.989422804014327e-151, 0.0),
    ("j0", [0.0], 1.0, 0.0),
    ("j1", [0.0], 0.0, 0.5),
    ("j0", [inf], nan, nan),
    ("y0", [0.0], -inf, inf),
    ("y1", [0.0], -inf, inf),
    ("y0", [-1.0], nan, nan),
    ("y1", [-1.0], nan, nan),
    ("expi", [0.0], -inf, inf),
    ("expi", [-inf], 0.0, 0.0),
    ("expi", [inf], inf, inf),
    ("exp1", [0.0], inf, -inf),
    ("exp1", [inf], 0.0, 0.0),
    ("exp1", [-1.0], nan, nan),
    ("ellipk", [0.0], math.pi / 2, math.pi / 8),
    ("ellipk", [1.0], inf, inf),
    ("ellipk", [1.5], nan, nan),
    ("ellipe", [0.0], math.pi / 2, -math.pi / 8),
    ("ellipe", [1.0], 1.0, -inf),
    ("ellipe", [1.5], nan, nan),
    ("zeta", [1.0, 2.0], inf, -(math.pi**2) / 6 + 1),
    ("zeta", [2.0, 0.0], inf, -inf),
    ("zeta", [0.5, 1.0], nan, nan),
    ("zeta", [2.0, inf], 0.0, 0.0),
    ("gammainc", [1.0, 0.0], 0.0, 1.0),
    ("gammainc", [0.5, 0.0], 0.0, inf),
    ("gammainc", [2.0, 0.0], 0.0, 0.0),
    ("gammainc", [20.0, 0.0], 0.0, 0.0),
    ("gammainc", [2.0, inf], 1.0, 0.0),
    ("gammainc", [20.0, inf], 1.0, 0.0),
    ("gammainc", [2.0, -1.0], nan, nan),
    ("gammaincc", [1.0, 0.0], 1.0, -1.0),
    ("gammaincc", [2.0, -1.0], nan, nan),
    ("betainc", [1.0, 1.0, 0.0], 0.0, 1.0),
    ("betainc", [1.0, 1.0, 1.0], 1.0, 1.0),
    ("betainc", [0.5, 2.0, 0.0], 0.0, inf),
    ("betainc", [2.0, 0.5, 1.0], 1.0, inf),
    ("betainc", [20.0, 30.0, 0.0], 0.0, 0.0),
    ("betainc", [20.0, 30.0, 1.0], 1.0, 0.0),
    ("betainc", [2.0, 2.0, 1.5], nan, nan),
]


@pytest.mark.parametrize(("name", "xs", "value", "slope"), EDGES, ids=lambda x: str(x))
def test_poles_ends_and_what_lies_beyond(name, xs, value, slope):
    found = TABLE[name](*xs), grad(TABLE[name], argnums=len(xs) - 1)(*xs)
    assert found == pytest.approx((value, slope), rel=1e-14, nan_ok=True)
    assert math.copysign(1.0, found[1]) > 0 or found[1] != 0.0


@pytest.mark.parametrize(
    ("name", "at", "slopes"),
    [
        ("i1", 0.0, [1 / 2, 0.0, 3 / 8, 0.0]),
        ("j1", 0.0, [1 / 2, 0.0, -3 / 8, 0.0]),
        ("j0", 0.0, [0.0, -1 / 2, 0.0, 3 / 8]),
        ("erfinv", 0.0, [math.pi**0.5 / 2, 0.0, math.pi**1.5 / 4, 0.0]),
        ("ellipk", 0.0, [math.pi / 8, 9 * math.pi / 64, 75 * math.pi / 256, 3675 * math.pi / 4096]),
        ("ellipe", 0.0, [-math.pi / 8, -3 * math.pi / 64, -15 * math.pi / 256, -525 * math.pi / 4096]),
    ],
)
def test_where_the_textbook_divides_by_zero_derivatives_of_every_order_are_right(name, at, slopes):
    f = TABLE[name]
    for slope in slopes:
        f = grad(f)
        assert f(at) == pytest.approx(slope, rel=1e-13, abs=1e-15)


@given(st.floats(1.001, 60.0), st.floats(1e-3, 1e6))
def test_zeta_is_scipys_though_written_here(s, q):
    assert special.zeta(s, q) == pytest.approx(float(scipy_special.zeta(s, q)), rel=1e-13, abs=1e-300)


@given(st.floats(-5.0, 5.0))
def test_inverses_undo_and_their_derivatives_are_reciprocal(x):
    p = special.ndtr(x)
    if 1e-12 < p < 1.0 - 1e-5:
        assert special.ndtri(p) == pytest.approx(x, rel=1e-9, abs=1e-9)
        assert grad(special.ndtri)(p) * grad(special.ndtr)(x) == pytest.approx(1.0, rel=1e-8)


# ---- derivatives that have no closed form ----------------------------------------------------------

GAMMAINC = (
    r"gammainc\(a, x\): the derivative with respect to a has no closed form; give a as a number, "
    r"or as stop_gradient\(a\)"
)


def test_a_derivative_without_a_closed_form_is_refused():
    a = Value(2.0)
    for ask in (
        lambda: special.gammainc(a, 1.0),
        lambda: special.gammainc(a * 2.0, Value(1.0)),
        lambda: a.gammainc(1.0),
        lambda: grad(special.gammainc)(2.0, 1.0),
        lambda: jvp(special.gammainc, (2.0, 1.0), (1.0, 0.0)),
        lambda: hessian(special.gammainc)(2.0, 1.0),
        lambda: compile(special.gammainc)(2.0, 1.0),
    ):
        with pytest.raises(TypeError, match=GAMMAINC):
            ask()
    for name, operand in (("betainc", "a"), ("zeta", "s"), ("gammaincc", "a")):
        row = TABLE[name]
        with pytest.raises(TypeError, match=rf"{name}\(.*with respect to {operand} has no closed form"):
            grad(row)(*[0.5] * len(row.operands))
    with pytest.raises(TypeError, match="with respect to b has no closed form"):
        grad(special.betainc, argnums=1)(2.0, 2.0, 0.5)


def test_what_does_not_vary_may_be_a_value():
    a, x = Value(2.0), Value(1.0)
    expected = special.gammainc(2.0, 1.0), grad(special.gammainc, argnums=1)(2.0, 1.0)
    for fixed in (stop_gradient(a), a.data, 2, stop_gradient(a) * 2.0 - 2.0):
        node = special.gammainc(fixed, x)
        x.grad = 0.0
        node.backward()
        assert (node.data, x.grad) == expected
    assert a.grad == 0.0
    with no_grad():
        assert special.gammainc(a, x).data == expected[0]
    assert jvp(lambda x: special.gammainc(2.0, x), (1.0,), (1.0,)) == expected
    compiled = compile(lambda a, x: special.gammainc(a.data + 0.0, x), argnums=1)
    assert compiled.value_and_grad(2.0, 1.0) == expected
    assert compiled.value_and_grad(3.0, 1.0)[0] == special.gammainc(3.0, 1.0)


def test_a_wrong_number_of_operands_is_told_first():
    with pytest.raises(TypeError, match=r"gammainc\(a, x\) takes 2 operands, got 1"):
        special.gammainc(Value(1.0))


# ---- elsewhere in the library ----------------------------------------------------------------------


def test_expressions_know_them_and_nodes_can_be_pickled():
    node = parse("ndtr(x) + gammainc(2, x)", x=Value(0.3, "x"))
    assert node.data == special.ndtr(0.3) + special.gammainc(2, 0.3)
    assert str(pickle.loads(pickle.dumps(node))) == str(node)
    assert Value(0.3).ndtr().op is special.ndtr


def test_languages_without_the_function_say_so():
    f = compile(special.ndtri)
    for language, name in (("c", "C"), ("javascript", "JavaScript")):
        with pytest.raises(ValueError, match=f"'ndtri' has no function in {name}: take the text in Python"):
            f.source(language, 0.3)
    for backend, name in (
        ("numpy", "from scipy.special import ndtri as ndtri_"),
        ("python", "TABLE['ndtri']"),
    ):
        scope = {}
        text = f.source(backend, 0.3)
        assert name in text
        exec(text, scope)
        assert "replay" in scope
    assert "= j0(in[0]);" in compile(special.j0).source("c", 0.3)
    assert "zeta" not in compile(lambda q: special.zeta(2.0, q)).source("c", 0.3)


def test_without_scipy_the_extra_is_named_when_it_is_needed():
    code = (
        "import sys; sys.modules['scipy'] = None\n"
        "from autograd_mini import Value, compile, special\n"
        "print(special.zeta(2.0, 1.0) > 1.6)\n"
        "for ask in (lambda: special.erfinv(0.5), lambda: Value(0.5).erfinv()):\n"
        "    try: ask()\n"
        "    except ImportError as error: print(error)\n"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    message = 'erfinv() needs SciPy, not installed: pip install "autograd-mini[special]"'
    assert found.stdout.splitlines() == ["True", message, message]
