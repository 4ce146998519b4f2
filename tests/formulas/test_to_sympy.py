"""What SymPy is given evaluates, and differentiates, to the same numbers."""

import sys

import pytest
from program_cases import with_constants

from autograd_mini import Value
from autograd_mini.engine.table import TABLE
from autograd_mini.formulas.derivative import derivative
from autograd_mini.formulas.parse import parse
from autograd_mini.formulas.to_sympy import to_sympy

sympy = pytest.importorskip("sympy")


def symbols(*leaves):
    return {sympy.Symbol(v.label, real=True): v.data for v in leaves}


UNDEFINED = {"round"}
"""Rows whose reference has a word that SymPy does not know."""


@pytest.mark.parametrize("name", [name for name in TABLE if name not in UNDEFINED])
def test_every_row_has_its_value(name):
    row = TABLE[name]
    leaves = [Value(x, label) for x, label in zip((0.6, 0.75, 0.9, 0.3), "abcd", strict=True)]
    operands = leaves[: 4 if row.variadic else len(row.operands)]
    if name == "polygamma":
        operands = [1.0, leaves[1]]
    if name == "acosh":
        operands = [Value(1.5, "a")]
    if name == "log1mexp":
        operands = [Value(-1.5, "a")]
    if name == "zeta":
        operands = [1.5, leaves[1]]
    operands = with_constants(row, operands)
    e = row(*operands)
    term = to_sympy(e)
    assert not term.atoms(sympy.core.function.AppliedUndef), term
    number = term.subs(symbols(*[v for v in operands if isinstance(v, Value)])).evalf()
    assert float(number) == pytest.approx(e.data, rel=1e-12)


def test_sympy_s_derivative_is_ours():
    a, b = Value(2.0, "a"), Value(0.5, "b")
    e = parse("sigmoid(a * b) * sqrt(a + b ** 2) - log(a) / b", a=a, b=b)
    A, B = sympy.symbols("a b", real=True)
    for leaf, symbol in ((a, A), (b, B)):
        theirs = float(to_sympy(e).diff(symbol).subs({A: 2.0, B: 0.5}))
        assert theirs == pytest.approx(derivative(e, leaf).value, rel=1e-12)
        ours = to_sympy(derivative(e, leaf))
        assert float(ours.subs({A: 2.0, B: 0.5})) == pytest.approx(theirs, rel=1e-12)


def test_exact_numbers_stay_exact():
    x = Value(2.0, "x")
    X = sympy.Symbol("x", real=True)
    assert to_sympy(x**2 * 3) == 3 * X**2
    assert to_sympy(x * 0.5) == sympy.Float(0.5) * X
    assert to_sympy(x * float("-inf")).subs({X: 1}) == -sympy.oo
    assert to_sympy(derivative(x + 1, x)) == 1


def test_what_sympy_does_not_know_is_an_undefined_function():
    x = Value(2.0, "x")
    assert str(to_sympy(x.round() + 1)) == "round(x) + 1"


def test_two_leaves_of_one_name_are_two_symbols():
    x, y = Value(1.0, "w"), Value(2.0, "w")
    assert len(to_sympy(x * y).free_symbols) == 2


def test_without_sympy_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "sympy", None)
    with pytest.raises(ModuleNotFoundError, match=r'pip install "autograd-mini\[sympy\]"'):
        to_sympy(Value(1.0))


def test_only_values():
    with pytest.raises(TypeError, match="expected a Value, got str"):
        to_sympy("a")
