"""What is simplified stays the same mathematics, and no more is left out than can be."""

import pytest
from hypothesis import given

from autograd_mini import Value
from autograd_mini.formulas.formula import Notation, write
from autograd_mini.formulas.parse import Expression, parse
from autograd_mini.formulas.simplify import WIDEST, simplified
from autograd_mini.show.names import evaluation_order, names
from autograd_mini.testing.strategies import expressions


def simple(e):
    return write(simplified(e), Notation(lambda: names(e), associative=True), 10_000)


def of(text, **numbers):
    numbers = {"a": 2.0, "b": 1.5, "c": -0.7} | numbers
    return simple(parse(text, **{name: Value(numbers[name], name) for name in Expression(text).variables}))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a + 0", "a"),
        ("0 + a", "a"),
        ("a * 0 + b", "b"),
        ("1 * a", "a"),
        ("a / 1", "a"),
        ("a ** 1", "a"),
        ("a ** 0", "1"),
        ("a - a", "0"),
        ("a / a", "1"),
        ("0 / a", "0"),
        ("0 - a", "-a"),
        ("--a", "a"),
        ("-(a - b)", "b - a"),
        ("a + b + a + a", "3 * a + b"),
        ("2 * a + 3 * a", "5 * a"),
        ("a + b + (a + b)", "2 * (a + b)"),
        ("2 * (3 * a)", "6 * a"),
        ("a * b * a", "a ** 2 * b"),
        ("a ** 2 * a ** 3 / a", "a ** 4"),
        ("(a * b) ** 2", "a ** 2 * b ** 2"),
        ("(2 * a) ** 2", "4 * a ** 2"),
        ("(2 * a) ** -1", "1 / (2 * a)"),
        ("(2 * a) ** 0.5", "(2 * a) ** 0.5"),
        ("(a * b) ** 0.5 * (a * b) ** 0.5", "a * b"),
        ("a / b / c", "a / (b * c)"),
        ("a / (b / c)", "a * c / b"),
        ("2 * a / 4", "a / 2"),
        ("a * 2 / 3", "2 * a / 3"),
        ("a / 3 + a / 6", "a / 2"),
        ("-a / -b", "a / b"),
        ("-a * b", "-a * b"),
        ("-1 / a", "-1 / a"),
        ("a + -b", "a - b"),
        ("-a + b", "b - a"),
        ("-a - b", "-a - b"),
        ("a + 1 - 3", "a - 2"),
        ("exp(a) * exp(a)", "exp(a) ** 2"),
        ("exp(a + 0) - exp(1 * a)", "0"),
        ("(a + b) * (b + a)", "(a + b) ** 2"),
        ("where(a < b, a, b * 1)", "b"),
        ("1 / 0 * a", "inf * a"),
        ("a / 0", "a / 0"),
        ("a ** b * a ** b", "(a ** b) ** 2"),
        ("stop_gradient(a) - a", "0"),
    ],
)
def test_what_is_left_unsaid(text, expected):
    assert of(text) == expected


@given(expressions(words=["+", "-", "*", "neg", "sin", "exp", "maximum"], domain=(-2.0, 2.0)))
def test_it_is_worth_the_same(e):
    text = simple(e)
    if "…" in text or len(text) > 10_000:
        return
    leaves = {v.label: v.data for v in evaluation_order(e) if v.op is None}
    read = Expression(text)
    scale = max(abs(v.data) for v in evaluation_order(e))
    assert read(**{name: leaves[name] for name in read.variables}) == pytest.approx(
        e.data, rel=1e-9, abs=1e-9 * scale
    )


def test_a_wide_sum_is_not_searched_for_ever():
    xs = [Value(1.0, f"x{i}") for i in range(5 * WIDEST)]
    total = xs[0]
    for x in xs[1:]:
        total = total + x
    assert simple(total) == " + ".join(x.label for x in xs)
    product = xs[0]
    for x in xs[1:]:
        product = product * x
    assert simple(product) == " * ".join(x.label for x in xs)


def test_nothing_recurses():
    x = e = Value(1.0, "x")
    for _ in range(5_000):
        e = (e + 1) * x
    assert simple(e).endswith("* x")
    assert len(simple(e)) <= 10_000


def test_a_plain_number_is_itself():
    assert simplified(2.0) == 2.0
