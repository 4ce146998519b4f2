"""Operators are their primitives, bit for bit, and every recorder has them."""

import math
import operator

import pytest
from bits import bits
from hypothesis import given
from hypothesis import strategies as st
from watching import watching

from autograd_mini import Value, no_grad
from autograd_mini.engine import modes
from autograd_mini.engine import primitives as p
from autograd_mini.engine.operators import Recorder
from autograd_mini.engine.table import TABLE, Primitive
from autograd_mini.testing.recipes import OPERATORS, Recipe, vocabulary
from autograd_mini.testing.strategies import programs

nan, inf = math.nan, math.inf

anything = st.floats()
finite = st.floats(-1e3, 1e3)

# ---- operators are their primitives --------------------------------------------------------------

BINARY = {
    p.add: lambda x, y: x + y,
    p.sub: lambda x, y: x - y,
    p.mul: lambda x, y: x * y,
    p.div: lambda x, y: x / y,
    p.pow_: lambda x, y: x**y,
}


@pytest.mark.parametrize("row", BINARY, ids=lambda row: row.name)
@given(x=anything | st.integers(-5, 5).map(float), y=anything | st.integers(-5, 5).map(float))
def test_each_operator_written_out_is_its_row(row, x, y):
    operator = BINARY[row]
    for left, right in [(Value(x), Value(y)), (Value(x), y), (x, Value(y))]:
        fast, slow = operator(left, right), Value.record_primitive(row, (left, right))
        assert fast.op is slow.op is row
        assert bits(fast.data) == bits(slow.data) == bits(row(x, y))
        assert [bits(d) for d in fast.partials] == [bits(d) for d in slow.partials]
        for given_, kept in zip((left, right), fast.operands, strict=True):
            assert kept is given_ or bits(kept) == bits(given_)


@given(anything)
def test_negation_and_abs_are_their_rows(x):
    for fast, row in [(-Value(x), p.neg), (abs(Value(x)), p.abs_)]:
        assert fast.op is row
        assert bits(fast.data) == bits(row(x))
        assert bits(fast.partials[0]) == bits(row.partials[0](row(x), x))


@given(finite, st.integers(-20, 20))
def test_ints_are_numbers_on_either_side(x, n):
    v = Value(x)
    pairs = [
        (v + n, v + float(n)),
        (n + v, float(n) + v),
        (v - n, v - float(n)),
        (n - v, float(n) - v),
        (v * n, v * float(n)),
        (n * v, float(n) * v),
        (v / n, v / float(n)),
        (n / v, float(n) / v),
        (v**n, v ** float(n)),
        (n**v, float(n) ** v),
    ]
    for mine, expected in pairs:
        assert bits(mine.data) == bits(expected.data)
        assert [bits(d) for d in mine.partials] == [bits(d) for d in expected.partials]


def test_assignment_operators_make_new_nodes():
    x = v = Value(3.0)
    v += 1
    v *= 2
    v -= 3
    v /= 5
    v **= 2
    assert (x.data, v.data) == (3.0, 1.0)
    v.backward()
    assert x.grad == pytest.approx(0.8)


AS_ROWS = {sign: row for sign, (row, _) in OPERATORS.items()}


@given(programs(words=[w for w in vocabulary() if w in [*OPERATORS, "neg", "exp"]]))
def test_operators_give_what_their_rows_give_bit_for_bit(recipe):
    called = Recipe(
        recipe.inputs, recipe.constants, tuple((AS_ROWS.get(w, w), places) for w, places in recipe.steps)
    )
    outcomes = []
    for each in (recipe, called):
        leaves = [Value(x) for x in each.inputs]
        results = [y for y in each.results(*leaves) if isinstance(y, Value)]
        results[-1].backward()
        outcomes.append([(y.data, y.partials, y.grad) for y in [*results, *leaves]])
    assert repr(outcomes[0]) == repr(outcomes[1])  # by repr: -0.0 is not 0.0 here


WRITTEN_OUT = [
    (lambda x, y: x + y, ["Value", "int", "float"]),
    (lambda x, y: x - y, ["Value", "int", "float"]),
    (lambda x, y: x * y, ["Value", "int", "float"]),
    (lambda x, y: x / y, ["Value", "int", "float"]),
    (lambda x, y: y + x, ["int", "float"]),
    (lambda x, y: y - x, ["int", "float"]),
    (lambda x, y: y * x, ["int", "float"]),
    (lambda x, y: y / x, ["int", "float"]),
    (lambda x, y: x**y, ["int", "float"]),
    (lambda x, y: -x, ["float"]),
]

KINDS = {"Value": Value, "int": int, "float": float}


def test_operators_that_are_written_out_do_without_the_row(monkeypatch):
    def asked(op, operands):
        raise AssertionError(f"{op.name} was asked")

    monkeypatch.setattr(Value, "record_primitive", staticmethod(asked))
    for operation, kinds in WRITTEN_OUT:
        for kind in kinds:
            assert operation(Value(3.0), KINDS[kind](2)).op is not None


# ---- each side, each kind of number, each way of dividing ----------------------------------------

NUMBERS = [0.0, -0.0, 1.0, -1.0, 2.0, -3.0, 0.5, 1e-300, 5e-324, 1e300, -1e300, inf, -inf, nan]

ARITHMETIC = [operator.add, operator.sub, operator.mul, operator.truediv, operator.pow]

ALL_OPERATORS = [*ARITHMETIC, operator.mod, operator.floordiv]

ROWS = dict(zip(ARITHMETIC, ["add", "sub", "mul", "div", "pow"], strict=True))


@pytest.mark.parametrize("operation", ARITHMETIC, ids=ROWS.get)
def test_an_operator_is_its_row(operation):
    row = TABLE[ROWS[operation]]
    for x in NUMBERS:
        for y in NUMBERS:
            a, b = Value(x), Value(y)
            for left, right in ((a, b), (a, y), (x, b), (a, a)):
                mine, its = operation(left, right), Value.record_primitive(row, (left, right))
                assert (mine.op, its.op) == (row, row)
                assert bits([mine.data, *mine.partials]) == bits([its.data, *its.partials])
                for kept, taken in zip(mine.operands, (left, right), strict=True):
                    assert kept is taken or bits(kept) == bits(taken)


@pytest.mark.parametrize("operation", ALL_OPERATORS, ids=lambda operation: operation.__name__)
def test_ints_and_other_numbers_on_either_side(operation):
    class Odd(float):
        pass

    for kind in (int, bool, Odd):
        v, n = Value(3.0), kind(1)
        for mine, its in [(operation(v, n), operation(v, 1.0)), (operation(n, v), operation(1.0, v))]:
            assert bits([mine.data, *mine.partials]) == bits([its.data, *its.partials])
            assert type(mine) is Value
            assert all(type(x) in (Value, float) for x in mine.operands)
    huge = 10**400
    assert bits(operation(Value(2.0), huge).data) == bits(operation(Value(2.0), inf).data)
    assert bits(operation(huge, Value(2.0)).data) == bits(operation(inf, Value(2.0)).data)
    assert operation(Value(2.0), -huge).operands[1] == -inf


@pytest.mark.parametrize("operation", ALL_OPERATORS, ids=lambda operation: operation.__name__)
def test_operators_leave_what_is_no_number_to_the_other(operation):
    class Other:
        def __add__(self, x):
            return "mine"

        __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = __rtruediv__ = __add__
        __pow__ = __rpow__ = __mod__ = __rmod__ = __floordiv__ = __rfloordiv__ = __add__

    assert operation(Value(1.0), Other()) == operation(Other(), Value(1.0)) == "mine"


@pytest.mark.parametrize("operation", ALL_OPERATORS, ids=lambda operation: operation.__name__)
def test_operators_in_a_mode(operation):
    seen = []
    x, y = Value(3.0), Value(2.0)
    with watching(on_record=seen.append):
        made = [operation(x, y), operation(x, 2.0), operation(3.0, y), operation(x, 2), operation(3, y)]
    assert [id(node) for node in seen] == [id(node) for node in made]
    with no_grad():
        plain = [operation(x, y), operation(x, 2.0), operation(3.0, y), operation(x, 2), operation(3, y)]
    for node in plain:
        assert type(node) is Value
        assert (node.data, node.op, node.operands) == (operation(3.0, 2.0), None, ())


def test_the_other_operators():
    x = Value(-2.5)
    assert (+x) is x is x.conjugate()
    for node, name in [
        (-x, "neg"),
        (abs(x), "abs"),
        (math.floor(x), "floor"),
        (math.ceil(x), "ceil"),
        (math.trunc(x), "trunc"),
    ]:
        assert node.op is TABLE[name]
        assert node.operands == (x,)
    assert (round(x).data, round(x, 0).data) == (-2.0, -2.0)
    with pytest.raises(ValueError, match="not to a whole number"):
        round(x, 1)
    assert ((x % 2.0).data, (7.0 % x).data, (x // 2.0).data, (7.0 // x).data) == (1.5, -0.5, -2.0, -3.0)
    seen = []
    with watching(on_record=seen.append):
        made = [-x, abs(x), x.sin()]
    assert [id(node) for node in seen] == [id(node) for node in made]
    with no_grad():
        assert ((-x).op, x.sin().op) == (None, None)


def test_methods_are_the_rows():
    x = Value(0.5)
    assert x.sin().op is TABLE["sin"]
    assert x.maximum(2.0).operands == (x, 2.0)
    assert x.hypot(1.0, 2.0).operands == (x, 1.0, 2.0)
    assert Value.sin.__name__ == "sin"
    assert Value.sin.__doc__ == TABLE["sin"].__doc__
    assert x.arctan2(1.0).op is TABLE["atan2"]
    assert bits([x.sin().data, *x.sin().partials]) == bits([math.sin(0.5), math.cos(0.5)])
    with pytest.raises(TypeError, match=r"sin\(x\) takes 1 operand, got 2"):
        x.sin(2.0)
    with pytest.raises(TypeError, match=r"maximum\(x, y\) takes 2 operands, got 1"):
        x.maximum()


def test_what_is_written_out_asks_no_row(monkeypatch):
    """The hot path: what a fast way exists for does not take the slow one."""
    x, y = Value(3.0), Value(2.0)

    def refuse(*_):
        raise AssertionError("the slow way")

    monkeypatch.setattr(Primitive, "partials_at", refuse)
    for node in (Value.record_primitive(p.sin, (x,)), p.sin(x)):
        assert node.partials == (math.cos(3.0),)
    monkeypatch.setattr(Primitive, "_dispatch", refuse)
    made = [x + y, x + 2.0, 2.0 + x, x - y, x - 2.0, 2.0 - x, x * y, x * 2.0, 2.0 * x, x / y, x / 2.0]
    made += [2.0 / x, x**2.0, x**-1, -x, x + 1, 1 + x, x - 1, 1 - x, x * 2, 2 * x, x / 2, 2 / x, x.sin()]
    assert all(node.op is not None for node in made)


def test_powers():
    for x, n, y, slope in [
        (3.0, 2.0, 9.0, 6.0),
        (3.0, 1.0, 3.0, 1.0),
        (3.0, -1.0, 1 / 3, -1 / 9),
        (3.0, 0.0, 1.0, 0.0),
        (nan, 0.0, 1.0, 0.0),
        (-2.0, 3.0, -8.0, 12.0),
        (0.0, 2.0, 0.0, 0.0),
        (0.0, 0.5, 0.0, inf),
        (0.0, -1.0, inf, -inf),
        (10.0, 400.0, inf, inf),
        (-8.0, 0.5, nan, nan),
        (4.0, 0.5, 2.0, 0.25),
    ]:
        node = Value(x) ** n
        assert bits(node.data) == bits(y)
        assert node.partials[1] is None
        assert node.partials[0] == pytest.approx(slope, rel=1e-15, nan_ok=True)
    tiny = Value(1e-300) ** 0.3  # where x**(c - 1) would have lost its digits
    assert tiny.partials[0] == pytest.approx(0.3 * 10.0**210, rel=1e-14)
    small = Value(1e-300) ** 1e-17  # 1e-17 - 1 + 1 is not 1e-17
    by_the_row = p.pow_.partials_at(small.data, [1e-300, 1e-17], [True, False])
    assert bits([*small.partials]) == bits([*by_the_row])
    assert bits(by_the_row[0]) != bits(1e-17 * 1e-300**-1.0)


# ---- other recorders -----------------------------------------------------------------------------


class Plain(Recorder):
    """Records by writing down."""

    def __init__(self, data):
        self.number = data

    @property
    def data(self):
        return self.number

    def record_primitive(self, op, operands):
        return op.name, operands

    def __str__(self):
        return "plain"


def test_what_any_recorder_inherits():
    x, y = Plain(2.0), Plain(3.0)
    for operation in ALL_OPERATORS:
        name = ROWS.get(operation, operation.__name__)
        assert operation(x, y) == (name, (x, y))
        assert operation(x, 5) == (name, (x, 5))
        assert operation(5.0, x) == (name, (5.0, x))
        with pytest.raises(TypeError):
            operation(x, "5")
        with pytest.raises(TypeError):
            operation("5" if operation is not operator.mod else None, x)
    assert [-x, abs(x), round(x)] == [("neg", (x,)), ("abs", (x,)), ("round", (x,))]
    assert [f(x)[0] for f in (math.floor, math.ceil, math.trunc)] == ["floor", "ceil", "trunc"]
    assert x.sin() == ("sin", (x,))
    assert x.maximum(y) == ("maximum", (x, y))
    assert x.detach() == ("stop_gradient", (x,))
    assert (+x) is x is x.conjugate()
    assert (f"{x:.2f}", f"{x}") == ("2.00", "plain")
    for convert in (float, int, complex):
        with pytest.raises(TypeError, match=rf"{convert.__name__}\(Plain\) would cut the graph"):
            convert(x)
    assert len({x, y, x}) == 2


def test_any_recorder_is_compared_by_its_number():
    x = Plain(2.0)
    for other, number in [(Plain(2.0), 2.0), (Plain(3.0), 3.0), (2.0, 2.0), (1, 1.0), (Value(2.0), 2.0)]:
        for compare in (operator.lt, operator.le, operator.gt, operator.ge, operator.eq, operator.ne):
            before = modes.ties.count
            assert compare(x, other) is compare(2.0, number)
            tie = compare in (operator.eq, operator.ne) and number == 2.0
            assert modes.ties.count - before == int(tie)
    assert bool(x) is True
    assert bool(Plain(0.0)) is False
    assert (x == "2") is False
    assert (x != None) is True  # noqa: E711
    with pytest.raises(TypeError):
        x < "2"  # noqa: B015


class Symbol(Recorder):
    """Has no number."""


def test_a_recorder_without_a_number_says_so():
    for look in (lambda: Symbol().data, lambda: bool(Symbol()), lambda: Symbol() < 1.0):
        with pytest.raises(TypeError, match=r"a Symbol has no number to look at: choose with where\("):
            look()
    with pytest.raises(NotImplementedError):
        Symbol() + 1.0
