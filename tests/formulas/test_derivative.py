"""The formula of a derivative is worth the gradient, and so is its text where it is read back."""

import pytest
from bits import bits
from hypothesis import given
from program_cases import with_constants

from autograd_mini import Value, no_grad, topological_order
from autograd_mini.engine.table import TABLE
from autograd_mini.formulas.derivative import derivative
from autograd_mini.formulas.parse import Expression, parse
from autograd_mini.show.ledger import ledger
from autograd_mini.testing.strategies import expressions


def of(text, by="a", **numbers):
    numbers = {"a": 2.0, "b": 1.5, "c": -0.7} | numbers
    leaves = {name: Value(numbers[name], name) for name in Expression(text).variables}
    return derivative(parse(text, **leaves), leaves[by])


@given(expressions(wild=True))
def test_its_value_is_the_gradient_to_the_bit(e):
    debts = ledger(e)
    for node in topological_order(e):
        found = derivative(e, node)
        assert bits(found.value + 0.0) == bits(
            debts.balances[node] + 0.0
        )  # + 0.0: a leaf's sum starts from 0
        assert str(found)
        assert found.latex()


@given(expressions(words=["+", "-", "*", "neg", "sin", "tanh", "sigmoid"], domain=(-2.0, 2.0)))
def test_its_text_read_back_is_worth_the_gradient(e):
    for leaf, gradient in ledger(e).gradient.items():
        text = derivative(e, leaf).text(10_000)
        if "…" in text:
            continue
        leaves = {v.label: v.data for v in topological_order(e, through_edges=False) if v.op is None}
        variables = Expression(text).variables
        assert parse(text, **{name: leaves[name] for name in variables}).data == pytest.approx(
            gradient, rel=1e-9, abs=1e-9
        )


@pytest.mark.parametrize("name", TABLE)
def test_the_derivatives_of_every_row(name):
    row = TABLE[name]
    leaves = [Value(x, label) for x, label in zip((0.6, 0.75, 0.9), "abc", strict=True)]
    operands = leaves[: len(row.operands) + row.variadic]
    if name == "polygamma":
        operands = [1.0, leaves[1]]
    e = row(*with_constants(row, operands))
    gradient = ledger(e).gradient
    for leaf in gradient:
        text = str(derivative(e, leaf))
        numbers = {v.label: v.data for v in leaves}
        read = Expression(text)
        value = read(**{name: numbers[name] for name in read.variables})
        assert value == pytest.approx(gradient[leaf], rel=1e-9, nan_ok=True), text


@pytest.mark.parametrize(
    ("text", "by", "expected"),
    [
        ("(a + b) * (b + 1)", "a", "b + 1"),
        ("(a + b) * (b + 1)", "b", "2 * b + 1 + a"),
        ("a * a * a", "a", "3 * a ** 2"),
        ("a ** 3 / b", "b", "-a ** 3 / b ** 2"),
        ("a ** 0.3", "a", "0.3 / a ** 0.7"),
        ("a ** b", "a", "b * a ** (b - 1)"),
        ("a ** b", "b", "a ** b * log(a)"),
        ("sin(a) * cos(a)", "a", "cos(a) ** 2 - sin(a) ** 2"),
        ("exp(-a)", "a", "-exp(-a)"),
        ("1 / (1 + exp(-a))", "a", "exp(-a) / (1 + exp(-a)) ** 2"),
        ("log(a) / b", "a", "1 / (b * a)"),
        ("relu(a * b)", "a", "step(a * b) * b"),
        ("maximum(a, b)", "a", "1"),
        ("maximum(a, b)", "b", "0"),
        ("where(a < b, a * a, b * a)", "a", "b"),
        ("a - (b - a)", "a", "2"),
        ("a - a", "a", "0"),
        ("a * (a - b) - a * (a - b)", "a", "0"),
        ("logaddexp(a, b)", "a", "sigmoid(a - b)"),
        ("step(a)", "a", "0"),
        ("-(a - b) ** 2", "b", "2 * (a - b)"),
        ("(2 * a) ** 2 * 3", "a", "24 * a"),
        ("a / 3", "a", "0.3333333333333333"),
        ("a * a / 3", "a", "0.6666666666666666 * a"),
        ("b", "b", "1"),
    ],
)
def test_it_reads_well(text, by, expected):
    found = of(text, by)
    assert str(found) == repr(found) == expected


def test_a_second_derivative_is_a_derivative_of_the_first():
    x = Value(3.0, "x")
    first = derivative(x**4, x)
    second = derivative(first, x)
    assert (str(first), str(second)) == ("4 * x ** 3", "12 * x ** 2")
    assert (first.value, second.value) == (108.0, 108.0)
    assert str(derivative(derivative(derivative(second, x), x), x)) == "0"
    assert derivative(derivative(x + 1, x), x).value == 0.0


def test_by_a_node_that_is_no_leaf_it_stops_there():
    a, b = Value(2.0, "a"), Value(1.0, "b")
    c = a + b
    assert derivative(c * c, c).value == 6.0
    assert str(derivative(c * c, c)) == "2 * (a + b)"
    assert derivative(c * b, Value(1.0)).value == 0.0
    assert str(derivative(c, c)) == "1"


def test_latex():
    assert of("a ** 3 / b")._repr_latex_() == r"$\frac{3 \cdot {a}^{2}}{b}$"


def test_recording_may_be_off():
    x = Value(3.0, "x")
    y = x * x
    with no_grad():
        assert str(derivative(y, x)) == "2 * x"


def test_a_leaf_that_has_changed_since_is_noticed():
    x = Value(3.0, "x")
    y = x * x
    x.data = 4.0
    with pytest.raises(ValueError, match=r"a leaf below .* was changed .* compute the expression again"):
        derivative(y, x)


def test_nothing_is_left_in_grad():
    x = Value(3.0, "x")
    y = x * x
    derivative(y, x)
    assert (x.grad, y.grad) == (0.0, 0.0)


def test_a_deep_graph_needs_no_recursion():
    x = v = Value(1.0, "x")
    for _ in range(5_000):
        v = (v + x) * 0.5
    found = derivative(v, x)
    assert found.value == ledger(v).gradient[x]
    assert len(str(found)) <= 1000
    v = x
    for _ in range(5_000):
        v = v.sin() + x
    found = derivative(v, x)
    assert found.value == ledger(v).gradient[x]
    assert len(str(found)) <= 1000
    assert len(found.latex()) <= 1000


@pytest.mark.parametrize("wrong", [3.0, None, "a"])
def test_only_values_can_be_differentiated(wrong):
    for call in (lambda: derivative(wrong, Value(1.0)), lambda: derivative(Value(1.0), wrong)):
        with pytest.raises(TypeError, match=f"expected a Value, got {type(wrong).__name__}"):
            call()
