"""One suite for every row of the table: nothing here is written per function."""

import itertools
import math
import pickle
import random

import accuracy
import mpmath
import pytest
from bits import bits
from hypothesis import assume, given
from hypothesis import strategies as st
from program_cases import with_constants

import autograd_mini as ag
import autograd_mini.engine.primitives as p
from autograd_mini import Value
from autograd_mini.engine.table import TABLE, named
from autograd_mini.special.by_scipy import BySciPy
from autograd_mini.transforms.custom import primitive
from autograd_mini.transforms.functions import grad

inf, nan = math.inf, math.nan

ROWS = list(TABLE.values())  # the library's own, before any test adds one
DERIVED = [row for row in ROWS if row.definition is not None]
every_row = pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
anything = st.floats() | st.integers(-9, 9).map(float)


def places(row, count=40):
    """Operands from the row's domain, and beyond it: zeros, infinities, nan, denormals."""
    odd = [0.0, -0.0, inf, -inf, nan, 5e-324, -1.0, 1e308]
    arity = 3 if row.variadic else len(row.operands)
    rng = random.Random(row.name)
    arity += row.name == "dot"
    yield from itertools.islice(accuracy.points(row, count), count)
    yield from ([rng.choice(odd) for _ in range(arity)] for _ in range(count))


# ---- how right a row is ----------------------------------------------------------------------------


@every_row
def test_value_and_partials_are_right_to_four_units_in_the_last_place(row):
    promise = accuracy.REACHED.get(row.name, accuracy.PROMISE)
    found = accuracy.worst(row, 30)
    assert found
    assert {i: x for i, x in found.items() if x[0] > promise} == {}


MODERATE = 3.0


def within(interval):
    lo, hi = interval
    lo, hi = (lo, min(hi, lo + 2 * MODERATE)) if lo > -MODERATE else (max(lo, -MODERATE), min(hi, MODERATE))
    return random.Random(f"{lo} {hi}"), lo, hi


def orders(row):
    """Which partials to take one after another: by every multiset of two or three operands."""
    smooth = [i for i, rule in enumerate(row.partials) if rule is not None]
    if row.variadic:
        smooth = [0, 1]
    for n in (1, 2, 3):
        yield from itertools.combinations_with_replacement(smooth, n)


@every_row
def test_first_second_and_third_derivatives_agree_with_mpmath(row):
    domain = row.domain * (2 if row.variadic else 1)
    rng = random.Random(row.name)
    for _ in range(4):
        at = [rng.uniform(*within(interval)[1:]) for interval in domain]
        for order in orders(row):
            derivative = row
            for i in order:
                derivative = grad(derivative, argnums=i)
            times = tuple(order.count(i) for i in range(len(at)))

            def function(*operands):
                return accuracy.reference(row, list(operands))

            with mpmath.workdps(60):
                point = tuple(map(mpmath.mpf, at))
                exact = (
                    mpmath.diff(function, point, times)
                    if len(at) > 1
                    else mpmath.diff(function, *point, *times)
                )
                error = abs(derivative(*at) - exact)
                assert error <= 1e-10 * abs(exact) + 1e-30, (order, at, derivative(*at), float(exact))


# ---- the row, read in all the ways in which it is read ---------------------------------------------


@every_row
def test_a_rule_says_the_same_on_floats_and_on_values(row):
    for at in places(row):
        y, leaves = row.value(*at), with_constants(row, [Value(x) for x in at])
        node = row(*leaves)
        assert bits(node) == bits(y) == bits(row(*at))
        wanted = [isinstance(x, Value) for x in leaves]
        on_floats = [bits(d) for d in row.partials_at(y, at, wanted)]
        on_values = [bits(d) for d in row.partials_at(node, leaves, wanted)]
        assert on_floats == on_values == [bits(d) for d in node.partials], at


@pytest.mark.parametrize("row", DERIVED, ids=lambda row: row.name)
def test_a_definition_gives_the_value_bit_for_bit(row):
    for at in places(row):
        assert bits(row.definition(*[Value(x) for x in at])) == bits(row.value(*at)), at


@pytest.mark.parametrize("row", [row for row in ROWS if row.spelling], ids=lambda row: row.name)
def test_a_spelling_gives_the_value_bit_for_bit(row):
    for at in places(row):
        text = row.spelling.format(
            **{name: f"float({str(x)!r})" for name, x in zip(row.operands, at, strict=True)}
        )
        assert bits(eval(text)) == bits(row.value(*at)), text


@every_row
def test_a_gradient_is_left_on_every_operand(row):
    at = next(places(row, 1))
    leaves = [Value(x) for x in at]
    node = row(*with_constants(row, leaves))
    node.backward()
    assert [bits(leaf.grad) for leaf in leaves] == [bits(0.0 if d is None else d) for d in node.partials]


@every_row
def test_numbers_never_raise_and_ints_are_floats(row):
    for at in places(row):
        assert type(row(*at)) is float
    ones = [1] * (2 if row.variadic else len(row.operands))
    assert bits(row(*ones)) == bits(row(*map(float, ones)))


@every_row
def test_a_row_is_complete(row):
    names = [name.lstrip("*") for name in row.operands]
    parts = {name: name for name in names}
    assert all(name in row.form.format(**parts) for name in names)
    assert all(name in row.latex.format(**parts) for name in names)
    assert row.__doc__.endswith(".")
    assert len(row.domain) == len(row.operands) == len(row.partials)
    assert pickle.loads(pickle.dumps(row)) is row is named(row.name)
    with pytest.raises(TypeError, match=r"(expected a real number|real number, got) .*str|got str"):
        row(*["a"] * len(names))


@every_row
def test_a_wrong_number_of_operands_is_refused(row):
    if row.variadic:
        return
    for count in {0, 1, 4} - {len(row.operands)}:
        for number in (1.0, Value(1.0)):
            with pytest.raises(TypeError, match=f"takes {len(row.operands)} operand"):
                row(*[number] * count)


def test_the_irreducible_rows_are_few():
    assert {row.name for row in ROWS if row.definition is None} <= {
        *("add", "sub", "mul", "div", "neg", "pow", "less", "equal", "where"),
        *("abs", "copysign", "floor", "fmod", "sqrt", "identity"),
        *("exp", "expm1", "log", "log1p", "log2", "log10"),
        *("sin", "cos", "tan", "asin", "acos", "atan", "atan2", "hypot"),
        *("sinh", "cosh", "tanh", "asinh", "acosh", "atanh"),
        *("erf", "erfc", "gamma", "lgamma", "polygamma"),
        *(row.name for row in ROWS if isinstance(row, BySciPy)),
    }


# ---- what Python and NumPy call by other names -----------------------------------------------------


@pytest.mark.parametrize(
    ("row", "alias"),
    [(row, alias) for row in ROWS for alias in row.aliases],
    ids=lambda x: getattr(x, "name", x),
)
def test_an_alias_is_a_method(row, alias):
    leaves = [Value(0.5) for _ in row.operands]
    node = getattr(leaves[0], alias)(*leaves[1:])
    assert node.op is row


UFUNCS = (
    "sqrt cbrt exp exp2 expm1 log log2 log10 log1p sin cos tan arcsin arccos arctan sinh cosh tanh arcsinh "
    "arctanh degrees radians deg2rad rad2deg absolute fabs floor ceil trunc rint negative"
)


@pytest.mark.parametrize("name", UFUNCS.split())
def test_numpy_functions_work_on_arrays_of_values(name):
    numpy = pytest.importorskip("numpy")
    ufunc = getattr(numpy, name)
    numbers = [0.25, -0.5] if name not in ("sqrt", "log", "log2", "log10") else [0.25, 0.5]
    results = ufunc(numpy.array([Value(x) for x in numbers]))
    assert [v.data for v in results] == pytest.approx(ufunc(numbers), rel=1e-15)


@pytest.mark.parametrize("name", ["arctan2", "hypot", "power", "remainder", "floor_divide", "divide"])
def test_numpy_functions_of_two_work_on_arrays_of_values(name):
    numpy = pytest.importorskip("numpy")
    ufunc = getattr(numpy, name)
    results = ufunc(numpy.array([Value(2.5), Value(0.5)]), numpy.array([Value(0.75), Value(2.0)]))
    assert [v.data for v in results] == pytest.approx(ufunc([2.5, 0.5], [0.75, 2.0]), rel=1e-15)


@given(x=st.floats(allow_nan=False, allow_infinity=False), y=st.floats(allow_nan=False))
def test_remainders_are_pythons(x, y):
    assume(y)
    assert bits(Value(x) % y) == bits(x % Value(y)) == bits(x % y)
    if math.isfinite(x / y):
        assert bits(p.fmod(x, y)) == bits(math.fmod(x, y))
        assert Value(x) // y == pytest.approx(x // y, rel=1e-15)


@given(x=st.floats(-1e15, 1e15) | st.integers(-9, 9).map(lambda n: n / 2))
def test_rounding_is_pythons(x):
    for function in (math.floor, math.ceil, math.trunc, round):
        node = function(Value(x))
        assert (node.data, node.edges() and list(node.edges())) == (float(function(x)), [])


def test_rounding_to_digits_is_refused_with_the_remedy():
    assert round(Value(2.5), 0).data == 2.0
    with pytest.raises(ValueError, match=r"round\(Value, 2\) .* round\(100 \* v\) / 100"):
        round(Value(2.5), 2)


# ---- many operands ---------------------------------------------------------------------------------


def test_sums_and_dots_are_one_node():
    xs, ys = [Value(x) for x in (1.0, 2.0, 3.0)], [4.0, Value(5.0), Value(6.0)]
    total, product = ag.sum(x for x in xs), ag.dot(xs, ys)
    assert (total.data, total.operands, total.partials) == (6.0, tuple(xs), (1.0, 1.0, 1.0))
    assert (product.data, product.operands) == (32.0, (*xs, *ys))
    assert product.partials == (4.0, 5.0, 6.0, None, 2.0, 3.0)
    assert (ag.sum([]), ag.dot([], []), p.hypot(), ag.logsumexp(), ag.softmax([])) == (
        0.0,
        0.0,
        0.0,
        -inf,
        [],
    )


def test_a_dot_of_unequal_lengths_is_refused():
    with pytest.raises(ValueError, match="2 numbers and 1"):
        ag.dot([1.0, 2.0], [3.0])


@given(st.lists(st.floats(-1e300, 1e300), min_size=1, max_size=20))
def test_a_sum_keeps_to_its_bound(xs):
    bound = len(xs) * 2.0**-53 * math.fsum(map(abs, xs))
    assert abs(ag.sum(xs) - math.fsum(xs)) <= bound


@given(st.lists(st.floats(-1e4, 1e4), min_size=1, max_size=6))
def test_softmax_is_the_gradient_of_logsumexp_and_sums_to_one(xs):
    leaves = [Value(x) for x in xs]
    ag.logsumexp(*leaves).backward()
    shares = ag.softmax(xs)
    assert [leaf.grad for leaf in leaves] == shares == [v.data for v in ag.softmax(leaves)]
    assert sum(shares) == pytest.approx(1.0, rel=1e-14)


def test_a_softmax_can_be_differentiated():
    def entropy(x, y):
        return -ag.sum(s * p.log(s) for s in ag.softmax([x, y]))

    s = 1 / (1 + math.exp(-0.5))
    assert grad(entropy)(1.0, 0.5) == pytest.approx(-s * (1 - s) * 0.5, rel=1e-12)


# ---- rows of one's own -----------------------------------------------------------------------------


@pytest.fixture(autouse=True)
def _the_table_is_left_as_it_was():
    before = dict(TABLE)
    yield
    for name in TABLE.keys() - before.keys():
        del TABLE[name]


def test_a_decorated_function_becomes_a_row():
    @primitive(partials=[lambda z, x, y: 2.0 * x * y, lambda z, x, y: x * x])
    def squared_times(x, y):
        """The square of x, times y."""
        return x**2 * y

    assert squared_times is TABLE["squared_times"]
    assert squared_times.operands == ("x", "y")
    assert squared_times.__doc__ == "The square of x, times y."
    assert squared_times(3, 2.0) == 18.0
    assert Value(3.0).squared_times(2.0).partials == (12.0, None)
    assert grad(grad(squared_times))(3.0, 2.0) == 4.0


def test_a_decorated_function_of_any_number_of_operands():
    @primitive(partials=[lambda y, xs: [2.0 * x for x in xs]])
    def sum_of_squares(*xs):
        return sum(x * x for x in xs)

    assert sum_of_squares.variadic
    assert sum_of_squares(Value(1.0), 2, Value(3.0)).partials == (2.0, None, 6.0)
    assert grad(grad(sum_of_squares))(3.0, 2.0) == 2.0


def test_numbers_do_not_raise_through_a_decorated_function():
    @primitive("reciprocal_root", partials=[lambda y, x: -0.5 * y / x])
    def function(x):
        return 1 / math.sqrt(x)

    assert [math.isnan(function(x)) for x in (0.0, -1.0, 4.0)] == [True, True, False]
    node = function(Value(0.0))
    assert math.isnan(node.data)
    assert math.isnan(node.partials[0])
    assert type(primitive(partials=[None])(lambda x: 3)(1.0)) is float


def test_a_rule_with_an_if_serves_floats_and_reads_values_as_they_are():
    row = primitive("leaky", value=lambda x: max(x, 0.1 * x), partials=[lambda y, x: 1.0 if x > 0 else 0.1])
    assert [row(Value(x)).partials for x in (2.0, -2.0)] == [(1.0,), (0.1,)]


def test_a_definition_alone_is_enough():
    row = primitive("cubed", definition=lambda x: x * x * x, partials=[lambda y, x: 3.0 * x * x])
    assert row(Value(2.0)).data == 8.0
    assert grad(grad(grad(row)))(2.0) == 6.0


def test_what_is_wrong_with_a_row_is_said():
    with pytest.raises(ValueError, match="'exp' is already in the table"):
        primitive("exp", value=math.exp, partials=[None])
    with pytest.raises(
        ValueError, match=r"'two' has 2 operands .* and 1 partials; give one partial per operand"
    ):
        primitive("two", "x y", value=max, partials=[None])
    with pytest.raises(TypeError, match="needs a name"):
        primitive(value=math.exp, partials=[None])
    with pytest.raises(AttributeError, match="no attribute 'colour'"):
        p.exp.colour  # noqa: B018
