"""The core, promise by promise: plain examples, quick to run, that between them notice any slip.

What the other tests find by chance among random programs stands here for certain. Each test is there
because some small change of the core would otherwise have passed for right; see tests/mutation.py.
"""

import copy
import gc
import io
import math
import operator
import pickle
import struct
import threading

import pytest

import autograd_mini as ag
from autograd_mini import Value, collector_paused, no_grad, topological_order, where
from autograd_mini.engine import modes, table, value
from autograd_mini.engine import primitives as p
from autograd_mini.engine.operators import Recorder
from autograd_mini.engine.table import TABLE, Primitive, as_number, follow, is_number, named, primitive

nan, inf = math.nan, math.inf


def bits(*numbers):
    """Bit for bit, for -0.0 is not 0.0 here; any nan is equal to any nan."""
    return [None if x is None else "nan" if x != x else struct.pack("<d", x) for x in numbers]


@pytest.fixture
def rows():
    """Names of rows to be forgotten after the test, methods included."""
    names = []
    yield names
    for name in names:
        TABLE.pop(name, None)
        for cls in Value.__mro__[:-1]:
            if name in vars(cls):
                delattr(cls, name)


# ---- what a node says ------------------------------------------------------------------------------


def test_a_leaf():
    x = Value(3, "x")
    assert (x.data, x.grad, x.label, x.op) == (3.0, 0.0, "x", None)
    assert type(x.data) is float
    assert x.operands == x.partials == ()
    assert list(x.edges()) == []
    assert Value(1.0).label is None
    x.label = None
    assert x.label is None
    for wrong in (3, b"x"):
        with pytest.raises(TypeError, match="text, got"):
            x.label = wrong


def test_a_node_that_no_sweep_has_met():
    y = Value(3.0) * 2.0
    assert (y.grad, y.label) == (0.0, None)
    y.grad, y.label = 5, "y"
    assert (y.grad, y.label) == (5.0, "y")
    assert type(y.grad) is float
    assert repr(y) == "Value(data=6.0, grad=5.0, label='y')"


def test_operands_and_partials_of_every_arity():
    x, y, z = Value(2.0), Value(5.0), Value(7.0)
    cases = [
        (-x, (x,), (-1.0,)),
        (x * y, (x, y), (5.0, 2.0)),
        (x * 3.0, (x, 3.0), (3.0, None)),
        (3.0 * x, (3.0, x), (None, 3.0)),
        (where(x, y, z), (x, y, z), (None, 1.0, None)),
        (p.hypot(x, 0.0, 0.0), (x, 0.0, 0.0), (1.0, None, None)),
    ]
    for node, operands, partials in cases:
        assert len(node.operands) == len(operands)
        assert all(a is b or a == b for a, b in zip(node.operands, operands, strict=True))
        assert node.partials == partials
        edges = [(x, d) for x, d in zip(operands, partials, strict=True) if d is not None]
        assert all(a is c and b == d for (a, b), (c, d) in zip(node.edges(), edges, strict=True))


def test_a_node_without_any_edge():
    for node in (p.sign(Value(2.0)), p.floor(Value(2.5)), p.less(Value(1.0), Value(2.0))):
        assert set(node.partials) == {None}
        assert len(node.partials) == len(node.operands)
        assert list(node.edges()) == []
        node.backward()
        assert [x.grad for x in node.operands] == [0.0] * len(node.operands)
        assert node.grad == 1.0
        assert topological_order(node) == [node]
        assert len(topological_order(node, through_edges=False)) == 1 + len(node.operands)


def test_no_edge_where_all_operands_of_many_are_plain():
    y = Value.record_primitive(TABLE["where"], (Value(1.0), 2.0, 3.0))
    assert (y.data, y.partials) == (2.0, (None, None, None))
    y.backward()


# ---- operators: each side, each kind of number, each way of dividing -------------------------------

NUMBERS = [0.0, -0.0, 1.0, -1.0, 2.0, -3.0, 0.5, 1e-300, 5e-324, 1e300, -1e300, inf, -inf, nan]
OPERATORS = [operator.add, operator.sub, operator.mul, operator.truediv, operator.pow]
ALL_OPERATORS = [*OPERATORS, operator.mod, operator.floordiv]
ROWS = dict(zip(OPERATORS, ["add", "sub", "mul", "div", "pow"], strict=True))


@pytest.mark.parametrize("operation", OPERATORS, ids=ROWS.get)
def test_an_operator_is_its_row(operation):
    row = TABLE[ROWS[operation]]
    for x in NUMBERS:
        for y in NUMBERS:
            a, b = Value(x), Value(y)
            for left, right in ((a, b), (a, y), (x, b), (a, a)):
                mine, its = operation(left, right), Value.record_primitive(row, (left, right))
                assert (mine.op, its.op) == (row, row)
                assert bits(mine.data, *mine.partials) == bits(its.data, *its.partials)
                for kept, given in zip(mine.operands, (left, right), strict=True):
                    assert kept is given or bits(kept) == bits(given)


@pytest.mark.parametrize("operation", ALL_OPERATORS, ids=lambda operation: operation.__name__)
def test_ints_and_other_numbers_on_either_side(operation):
    class Odd(float):
        pass

    for kind in (int, bool, Odd):
        v, n = Value(3.0), kind(1)
        for mine, its in [(operation(v, n), operation(v, 1.0)), (operation(n, v), operation(1.0, v))]:
            assert bits(mine.data, *mine.partials) == bits(its.data, *its.partials)
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
    with modes.switched(on_record=seen.append):
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
    with modes.switched(on_record=seen.append):
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
    assert bits(x.sin().data, *x.sin().partials) == bits(math.sin(0.5), math.cos(0.5))
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
    assert bits(*small.partials) == bits(*by_the_row)
    assert bits(by_the_row[0]) != bits(1e-17 * 1e-300**-1.0)


# ---- comparisons -----------------------------------------------------------------------------------


def test_comparisons_count_ties_and_nothing_else():
    x = Value(2.0)
    for other, equal in [(Value(2.0), True), (2.0, True), (2, True), (Value(3.0), False), (3.0, False)]:
        for compare in (operator.eq, operator.ne):
            before = modes.here.ties
            assert compare(x, other) is (equal == (compare is operator.eq))
            assert modes.here.ties - before == int(equal)
        before = modes.here.ties
        for compare in (operator.lt, operator.le, operator.gt, operator.ge):
            assert compare(x, other) is compare(2.0, getattr(other, "data", other))
        assert modes.here.ties == before
    before = modes.here.ties
    assert (x == "2") is False
    assert (x != "2") is True
    assert bool(Value(0.0)) is False
    assert bool(Value(nan)) is True
    assert modes.here.ties == before
    assert Value(inf) == 10**400
    assert Value(1.0) < 10**400
    with pytest.raises(TypeError):
        x < "2"  # noqa: B015


def test_comparisons_can_be_watched():
    seen = []
    x = Value(2.0)
    with modes.switched(on_compare=lambda *what: seen.append(what)):
        x < 3.0  # noqa: B015
        x == x  # noqa: B015
        bool(x)
    assert seen == [
        (operator.lt, x, 3.0, True),
        (operator.eq, x, x, True),
        (operator.ne, x, 0.0, True),
    ]
    with modes.switched(on_record=lambda node: None):
        assert x < 3.0


def test_leaves_reads_and_sweeps_can_be_watched():
    leaves, sweeps = [], []
    with modes.switched(on_leaf=leaves.append, on_backward=sweeps.append, on_read=lambda v: 42.0):
        x = Value(2.0)
        assert x.data == 42.0
        y = x * x
        y.backward()
    assert [id(v) for v in leaves] == [id(x)]
    assert [id(v) for v in sweeps] == [id(y)]
    assert (x.data, x.grad) == (2.0, 4.0)
    with modes.switched(on_record=lambda node: None):
        z = Value(3.0)
        assert z.data == 3.0
        (z * z).backward()
    assert z.grad == 6.0


# ---- repaying the debt -----------------------------------------------------------------------------


def test_sums_of_negative_zeros_keep_their_sign():
    x = Value(1.0)
    x.grad = -0.0
    y = x * -0.0
    y.backward()
    assert bits(x.grad, y.grad) == bits(-0.0, 1.0)
    a = Value(1.0)
    inner = a * 1.0
    outer = inner * -0.0
    (outer + 1.0).backward()
    assert bits(inner.grad, outer.grad) == bits(-0.0, 1.0)
    many = p.hypot(a, 3.0, 4.0) * -0.0
    many.backward()
    assert bits(many.operands[0].grad) == bits(-0.0)


def test_gradients_start_at_positive_zero():
    assert bits(Value(1.0).grad, (Value(1.0) * 2.0).grad) == bits(0.0, 0.0)
    y = Value(1.0) * 2.0
    y.backward()
    y.zero_grad()
    assert bits(y.grad, y.operands[0].grad) == bits(0.0, 0.0)


SHAPES = {
    "one operand": lambda x: x.sin(),
    "two": lambda x: x * x.exp(),
    "the first of two": lambda x: x.exp() / 2.0,
    "the second of two": lambda x: 2.0 / x.exp(),
    "a leaf first": lambda x: x * x.exp().sin(),
    "a leaf second": lambda x: x.exp().sin() * x,
    "a leaf first, a number second": lambda x: (x * 2.0) * (2.0 * x),
    "many": lambda x: p.hypot(x, x.exp(), 2.0, x.sin()),
    "some of three": lambda x: where(x, x.exp(), x.sin()),
    "shared": lambda x: (lambda y: y * y + y.sin() / y)(x * x),
    "deep sharing": lambda x: (lambda y: (y * y) * ((y + y) * y))((x + x) * x),
    "a diamond, its short side first": lambda x: (lambda y: y + (y * 2.0).sin())(x.exp()),
    "a diamond, its long side first": lambda x: (lambda y: (y * 2.0).sin() + y)(x.exp()),
    "a node met again while it waits": lambda x: (lambda y, z: (y + z) * (z * y))(x.exp(), x.sin()),
    "one operand, already listed": lambda x: (lambda y: y.sin() * y.cos())(x.exp()),
    "many, some already listed": lambda x: (lambda y: p.hypot(y, y.sin(), y) * y)(x.exp()),
    "no edge in between": lambda x: x * p.floor(x * x),
    "a leaf, the first of two, twice": lambda x: x * x.exp() + x * x.sin(),
    "a leaf, the second of two, twice": lambda x: x.exp() * x + x.sin() * x,
    "a leaf alone, twice": lambda x: x.exp() + x.sin(),
    "a leaf beside a number, twice": lambda x: x / 2.0 + 2.0 / x,
    "a leaf among many, twice": lambda x: p.hypot(x, x.exp(), x) * p.hypot(x, 2.0),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_backward_is_forward_whatever_the_shape(shape):
    f = SHAPES[shape]
    x = Value(0.7)
    y = f(x)
    for times in (1, 2, 3):
        y.backward()
        assert y.grad == 1.0
        assert x.grad == pytest.approx(times * ag.jvp(f, (0.7,), (1.0,))[1], rel=1e-14)
    order = topological_order(y)
    places = {node: k for k, node in enumerate(order)}
    assert order[0] is y
    assert len(places) == len(order)
    assert all(places[node] < places[x] for node in order for x, _ in node.edges())


def test_a_leaf_that_is_the_root():
    x = Value(3.0)
    x.grad = 5.0
    x.backward()
    x.backward()
    assert x.grad == 7.0


def test_sweeps_from_two_roots_share_nothing():
    x = Value(3.0)
    y = x * x
    a, b = y * 2.0, y * 5.0
    for root, grad in [(a, 2.0), (b, 5.0), (a, 2.0), (y, 1.0)]:
        root.backward()
        assert y.grad == grad
    assert x.grad == 6.0 * (2.0 + 5.0 + 2.0 + 1.0)


def test_zero_grad_goes_everywhere_below_and_nowhere_else():
    x, hidden = Value(3.0), Value(4.0)
    y = x * x
    z = where(0.0 * x, hidden * 2.0, y)
    z.backward()
    hidden.grad = 7.0
    above = z * 2.0
    above.grad = 9.0
    z.zero_grad()
    assert [v.grad for v in (z, y, x, hidden, above)] == [0.0, 0.0, 0.0, 0.0, 9.0]


def test_an_interrupt_while_leaves_are_posted_is_finished_first(monkeypatch):
    class Interrupted(Value):
        stop = False

        @property
        def _grad(self):
            return self.kept

        @_grad.setter
        def _grad(self, number):
            if self.stop:
                Interrupted.stop = False
                raise KeyboardInterrupt
            self.kept = number

    a, b, c = Value(2.0), Interrupted(5.0), Value(7.0)
    a.grad, b.kept, c.grad = 1.0, 1.0, 1.0
    y = a * b * c

    pay = value._pay_debts

    def pay_then_stop(order):
        pay(order)
        Interrupted.stop = True

    monkeypatch.setattr(value, "_pay_debts", pay_then_stop)
    with pytest.raises(KeyboardInterrupt):
        y.backward()
    assert (a.grad, b.grad, c.grad) == (36.0, 15.0, 11.0)


def test_topological_order_until_and_through_edges():
    x, y = Value(2.0), Value(3.0)
    inner = x * y
    root = where(0.0, inner, inner.sin())
    assert topological_order(root) == [root, root.operands[2], inner, x, y]
    root = where(y, x, inner)
    assert topological_order(root) == [root, x]
    assert {id(v) for v in topological_order(root, through_edges=False)} == {
        id(v) for v in (root, y, x, inner)
    }
    assert topological_order(inner.sin() * inner, until=[inner])[-1] is inner
    for node in (2.0 * x, x * 2.0):
        assert topological_order(node, through_edges=False) == [node, x]
    plain = p.floor(x)
    assert topological_order(plain, through_edges=False) == [plain, x]


def test_two_operands_have_slots_of_their_own():
    """Memory: a tuple would be an object more for each node."""
    x, y = Value(2.0), Value(3.0)
    for node in (x * y, p.maximum(x, y), Value.record_primitive(p.mul, (x, y))):
        held = list(map(id, gc.get_referents(node)))
        assert id(x) in held
        assert id(y) in held


# ---- other recorders -------------------------------------------------------------------------------


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
            before = modes.here.ties
            assert compare(x, other) is compare(2.0, number)
            tie = compare in (operator.eq, operator.ne) and number == 2.0
            assert modes.here.ties - before == int(tie)
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


# ---- copies and pickles ----------------------------------------------------------------------------


def copies(v):
    yield copy.deepcopy(v)
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        yield pickle.loads(pickle.dumps(v, protocol))


def test_copies_have_every_part_of_the_graph():
    x, y = Value(2.0, "x"), Value(3.0, "y")
    shared = x * y
    shared.label = "shared"
    root = p.hypot(shared, where(0.0, x.log(), shared.sin()), 4.0)
    root.backward()
    for again in copies(root):
        mine = topological_order(root, through_edges=False)
        its = topological_order(again, through_edges=False)
        assert len(its) == len(mine)
        assert not set(map(id, its)) & set(map(id, mine))
        for a, b in zip(mine, its, strict=True):
            assert (a.op, a.label) == (b.op, b.label)
            assert bits(a.data, a.grad, *a.partials) == bits(b.data, b.grad, *b.partials)
        again.backward()
        again.backward()
        leaf = next(v for v in its if v.label == "x")
        assert leaf.grad == pytest.approx(3 * x.grad)


def test_a_shallow_copy_shares_the_operands():
    x = Value(2.0, "x")
    x.grad = 5.0
    y = x * 3.0
    again, leaf = copy.copy(y), copy.copy(x)
    assert again is not y
    assert again.operands[0] is x
    assert (leaf.data, leaf.grad, leaf.label, leaf.op) == (2.0, 5.0, "x", None)
    again.backward()
    assert x.grad == 8.0


def test_a_deep_copy_keeps_to_the_memo():
    x = Value(2.0)
    y = x * x
    memo = {}
    first, second = copy.deepcopy(y, memo), copy.deepcopy(x, memo)
    assert first.operands == (second, second)
    assert first.operands[0] is second
    assert copy.deepcopy(y, memo) is first


def test_pickling_flat_stops_where_the_graph_ends():
    x = Value(2.0)
    y, z = x * 3.0, x * 5.0
    a, b, c = pickle.loads(pickle.dumps((y, z, x)))
    assert a.operands[0] is b.operands[0] is c
    (alone,) = pickle.loads(pickle.dumps([y]))
    assert alone.operands == (2.0, 3.0)
    assert type(alone.operands[0]) is Value


def test_no_walk_recurses():
    x = Value(1.0)
    y = x
    for _ in range(2_000):
        y = y * 1.0001 + x
    y.backward()
    y.zero_grad()
    y.backward()
    for again in copies(y):
        assert bits(again.data) == bits(y.data)
        leaf = topological_order(again)[-1]
        assert bits(leaf.grad) == bits(x.grad)
    for _ in range(2_000):
        y = where(0.0, y, x)  # each hides the one before behind an operand without an edge
    for again in copies(y):
        assert len(topological_order(again)) == 2
        assert len(topological_order(again, through_edges=False)) == 6_001


def test_a_pickler_without_a_memo_keeps_the_numbers():
    x = Value(2.0)
    y = (x * 3.0).sin() * x
    file = io.BytesIO()
    pickler = pickle.Pickler(file)
    pickler.fast = True
    pickler.dump(y)
    again = pickle.loads(file.getvalue())
    assert bits(again.data, *again.partials) == bits(y.data, *y.partials)
    assert again.op is y.op


# ---- wrong types -----------------------------------------------------------------------------------


def test_refusals_name_the_place():
    for make, place in [
        (lambda: Value("1"), r"Value\(data\): .*got str; convert text with float"),
        (lambda: setattr(Value(1.0), "data", 1j), r"Value\.data: .*got complex; Values are real"),
        (lambda: setattr(Value(1.0), "grad", None), r"Value\.grad: .*NoneType; is a return statement"),
        (lambda: p.maximum(Value(1.0), "1"), r"maximum\(\): .*got str"),
        (lambda: where(Value(1.0), "1", 2.0), r"where\(\): .*got str"),
        (lambda: p.maximum(1.0, "1"), r"maximum\(\): .*got str"),
        (lambda: Value(Value(1.0)), "would cut the graph.*detach"),
    ]:
        with pytest.raises(TypeError, match=place):
            make()
    for convert in (float, int, complex):
        with pytest.raises(TypeError, match=rf"{convert.__name__}\(Value\) would cut the graph"):
            convert(Value(1.0))


def test_text():
    assert repr(Value(1.5)) == "Value(data=1.5, grad=0.0)"
    assert f"{Value(1.5):.3f}" == "1.500"
    assert f"{Value(1.5)}" == "Value(data=1.5, grad=0.0)"
    v = Value(inf, "v")
    assert repr(v) == "Value(data=inf, grad=0.0, label='v') <data not finite: see strict()>"
    v.grad = nan
    assert repr(v).endswith("<data and grad not finite: see strict()>")


def test_detach_is_a_leaf_with_the_number_and_the_label():
    x = Value(3.0, "x")
    y = (x * 2.0).detach()
    assert (y.data, y.op, y.operands) == (6.0, None, ())
    assert (x.detach().label, x.detach() is x) == ("x", False)


# ---- the table -------------------------------------------------------------------------------------


def test_numbers():
    assert [as_number(x) for x in (3, True, 2.5, 10**400, -(10**400))] == [3.0, 1.0, 2.5, inf, -inf]
    assert all(type(as_number(x)) is float for x in (3, True, 2.5))
    assert all(map(is_number, (1, 1.0, True)))
    assert not any(map(is_number, ("1", 1j, None, [1])))
    for wrong, remedy in [
        ("1", "got str; convert text"),
        (1j, "got complex; Values are real"),
        (None, "got NoneType; is a return"),
        ([1], "got list$"),
    ]:
        with pytest.raises(TypeError, match=remedy):
            as_number(wrong)


def test_rows_take_plain_numbers():
    assert (p.maximum(2, 3), p.exp(0), p.hypot(3, 4)) == (3.0, 1.0, 5.0)
    assert type(p.maximum(2, 3)) is float
    assert p.maximum(2.0, 10**400) == inf
    for call, message in [
        (lambda: p.exp(), r"exp\(x\) takes 1 operand, got 0"),
        (lambda: p.exp(1.0, 2.0), r"exp\(x\) takes 1 operand, got 2"),
        (lambda: p.exp(1, 2), r"exp\(x\) takes 1 operand, got 2"),
        (lambda: p.maximum(1.0), r"maximum\(x, y\) takes 2 operands, got 1"),
        (lambda: p.exp("1"), r"exp\(\): expected a real number, got str"),
    ]:
        with pytest.raises(TypeError, match=message):
            call()


def test_a_row_is_itself_wherever_it_goes():
    assert copy.copy(p.exp) is copy.deepcopy(p.exp) is pickle.loads(pickle.dumps(p.exp)) is p.exp
    assert named("exp") is p.exp
    assert repr(p.maximum) == "<primitive maximum(x, y)>"
    assert p.exp.__name__ == p.exp.name == "exp"
    with pytest.raises(LookupError, match="no primitive is called 'nothing' here; one of your own"):
        named("nothing")
    for name in ("colour", "taste", "zest"):
        with pytest.raises(AttributeError, match=f"a primitive has no attribute '{name}'"):
            getattr(primitive_without_value(), name)


def primitive_without_value():
    """A row whose value and slopes have not been asked for yet."""
    row = p.exp2
    return Primitive(
        "unasked",
        ["x"],
        **{
            name: getattr(row, name)
            for name in ("partials", "definition", "spelling", "domain", "reference")
        },
        **{name: getattr(row, name) for name in ("form", "latex", "precedence", "aliases")},
        value=None,
        doc="",
    )


def test_the_rows_of_this_package_are_written_out():
    """Speed: on floats a rule is straight Python, with an operator where a row has a spelling."""
    for row, names in [("maximum", ()), ("relu", ()), ("ceil", ("value_of_floor",))]:
        assert TABLE[row].value.__name__ == "written"
        assert TABLE[row].value.__code__.co_names == names
    assert TABLE["relu"].slopes[0].__code__.co_names == ("value_of_step",)
    assert TABLE["mul"].slopes[1].__name__ == "written"
    assert TABLE["hypot"].slopes[0].__name__ != "written"  # it takes any number of operands


@pytest.mark.parametrize("module", ["aaa.rules", "zzz", "autograd_mini_of_another"])
def test_a_rule_of_anybody_elses_is_run_as_it_stands(rows, module):
    rows.append("moody")
    mood = [1.0]

    def times(x):
        return x * mood[0]

    def rule(y, x):
        return 0.0 * x + mood[0]

    times.__module__ = rule.__module__ = module
    row = primitive("moody", definition=times, partials=[rule])
    for mood[0] in (1.0, 2.0, 3.0):
        assert row(5.0) == 5.0 * mood[0]
        assert row(Value(5.0)).partials == (mood[0],)

    def forgetful(y, x):
        return None

    rows.append("forgetful")
    forgetful.__module__ = module
    with pytest.raises(TypeError, match="partial of primitive 'forgetful' returned NoneType"):
        primitive("forgetful", value=abs, partials=[forgetful])(Value(1.0))


def test_partials_that_are_not_wanted_are_not_asked_for(rows):
    rows.append("asked")
    asked = []
    row = primitive(
        "asked",
        "x y z",
        value=lambda x, y, z: x + y,
        partials=[
            lambda w, x, y, z: asked.append("x") or 1.0,
            lambda w, x, y, z: asked.append("y") or 2.0,
            None,
        ],
    )
    assert row.partials_at(3.0, [1.0, 2.0, 3.0], [True, False, True]) == [1.0, None, None]
    assert asked == ["x"]
    assert row.partials_at(3.0, [1.0, 2.0, 3.0], [False, True, False]) == [None, 2.0, None]
    assert p.hypot.partials_at(5.0, [3.0, 4.0], [False, True]) == [None, 0.8]
    v = Value(2.0)
    assert row(1.0, v, 3.0).partials == (None, 2.0, None)
    assert v.asked(1.0, 5.0).partials == (1.0, None, None)


def test_the_operand_of_greatest_priority_records():
    class Low:
        record_priority = 1

        def record_primitive(self, op, operands):
            return type(self).__name__

    class High(Low):
        record_priority = 2

    v, low, high = Value(1.0), Low(), High()
    assert p.maximum(low, high) == p.maximum(high, low) == "High"
    assert p.maximum(v, low) == p.maximum(low, v) == "Low"
    assert p.maximum(low, 1.0) == p.maximum(1, low) == "Low"

    class Lowest(Value):
        record_priority = -1

        @staticmethod
        def record_primitive(op, operands):
            raise AssertionError("it is for the other to record")

    assert type(p.maximum(Lowest(1.0), v)) is type(p.maximum(v, Lowest(1.0))) is Value
    equal = type("Equal", (Low,), {})()
    assert (p.maximum(low, equal), p.maximum(equal, low)) == ("Low", "Equal")  # of equals, the first


def test_options_go_by_name():
    with pytest.raises(TypeError, match="takes 1 positional argument"):
        topological_order(Value(1.0), False)
    with pytest.raises(TypeError, match="takes 3 positional arguments"):
        Primitive("unasked", ["x"], abs)


def test_as_many_partials_as_operands(rows):
    rows.append("short")
    row = primitive("short", "*x", value=max, partials=[lambda y, x: [1.0]])
    with pytest.raises(ValueError, match="zip"):
        row(Value(1.0), Value(2.0))
    with pytest.raises(ValueError, match="zip"):
        p.mul.partials_at(6.0, [2.0, 3.0], [True])


def test_followers_hear_of_every_row_once(rows, monkeypatch):
    heard = []
    monkeypatch.setattr(table, "_followers", list(table._followers))
    follow(heard.append)
    assert heard == list(TABLE.values())
    rows.append("late")
    row = primitive("late", value=lambda x: x, partials=[lambda y, x: 1.0])
    assert heard[-1] is row is TABLE["late"]
    assert len(heard) == len(set(map(id, heard)))
    assert Value(2.0).late().data == 2.0


def test_what_a_new_row_is_given_and_what_it_has_by_itself(rows):
    rows += ["plain_row", "full_row"]
    plain = primitive("plain_row", value=abs, partials=[None])
    assert plain.operands == ("x",)
    assert plain.domain == ((-1.7976931348623157e308, 1.7976931348623157e308),)
    assert (plain.reference, plain.form) == ("plain_row(x)", "plain_row({x})")
    assert plain.latex == r"\operatorname{{plain\_row}}\left({x}\right)"
    assert plain.precedence > TABLE["pow"].precedence
    assert (plain.aliases, plain.__doc__, plain.definition, plain.variadic) == ((), "", None, False)
    full = primitive(
        "full_row",
        "a b",
        value=max,
        partials=[None, None],
        domain=[(0.0, 1.0), (2.0, 3.0)],
        reference="max(a, b)",
        form="{a} or {b}",
        latex="{a} / {b}",
        precedence=3,
        aliases=["another"],
        doc="Greater.",
    )
    rows.append("another")
    assert (full.operands, full.domain) == (("a", "b"), ((0.0, 1.0), (2.0, 3.0)))
    assert (full.reference, full.form, full.latex) == ("max(a, b)", "{a} or {b}", "{a} / {b}")
    assert (full.precedence, full.aliases, full.__doc__) == (3, ("another",), "Greater.")
    assert Value(1.0).another(2.0).op is full


def test_rows_that_are_refused():
    for make, kind, message in [
        (lambda: primitive(value=abs, partials=[None]), TypeError, "needs a name"),
        (lambda: primitive("exp", value=abs, partials=[None]), ValueError, "'exp' is already in the table"),
        (lambda: primitive("a b", value=abs, partials=[None]), ValueError, "must be identifiers"),
        (lambda: primitive("ab", "1x", value=abs, partials=[None]), ValueError, "must be identifiers"),
        (lambda: primitive("ab", "a *b", value=abs, partials=[None, None]), ValueError, "mix a star"),
        (lambda: primitive("ab", value=abs, partials=[]), ValueError, r"1 operands \(x\) and 0 partials"),
        (lambda: primitive("ab", value=abs, partials=[None] * 2), ValueError, "and 2 partials"),
    ]:
        with pytest.raises(kind, match=message):
            make()
    assert "ab" not in TABLE


def test_a_decorated_function_is_a_row_that_never_raises(rows):
    rows += ["bold", "renamed", "star"]

    @primitive(partials=[lambda y, x, n: 1 / x, None])
    def bold(x, n):
        """Raise whatever a number can raise."""
        if n == 3:
            raise KeyError("not of a number's making")
        if n < 0:
            return x
        return 1 / n if n == 0 else math.exp(1e9) if n == 1 else math.log(-1)

    assert (bold.name, bold.operands, bold.__doc__) == (
        "bold",
        ("x", "n"),
        "Raise whatever a number can raise.",
    )
    assert all(math.isnan(bold(1.0, float(n))) for n in range(3))
    assert all(math.isnan(bold(Value(1.0), float(n)).data) for n in range(3))
    with pytest.raises(KeyError):
        bold(1.0, 3.0)
    assert math.isnan(bold(Value(0.0), -1.0).partials[0])
    assert bold(Value(2.0), -1.0).partials == (0.5, None)
    assert type(bold(Value(2.0), -1.0).data) is float

    @primitive("renamed", "a", partials=[None], doc="Other words.")
    def original(x):
        """Return words."""
        return 1

    assert (original.name, original.operands, original.__doc__) == ("renamed", ("a",), "Other words.")
    assert type(original(2.0)) is float
    assert original(Value(2.0)).partials == (None,)

    @primitive(partials=[lambda y, x: [2.0 * t for t in x]])
    def star(*x):
        return sum(t * t for t in x)

    assert (star.operands, star.variadic) == (("*x",), True)
    v = Value(3.0)
    assert star(v, 1.0, v).partials == (6.0, None, 6.0)
    assert star(v).partials == (6.0,)


def test_a_rule_that_gives_no_number_is_told(rows):
    rows += ["silent", "half_silent", "graphic"]
    silent = primitive("silent", value=abs, partials=[lambda y, x: None])
    half = primitive("half_silent", "*x", value=max, partials=[lambda y, x: [1.0, None]])
    for make, name in [
        (lambda: silent(Value(1.0)), "silent"),
        (lambda: half(Value(1.0), 2.0), "half_silent"),
    ]:
        with pytest.raises(
            TypeError, match=rf"partial of primitive '{name}' returned NoneType, not a number"
        ):
            make()
    row = primitive("graphic", value=lambda x: x * x, partials=[lambda y, x: 2.0 * x])
    assert ag.grad(ag.grad(row))(3.0) == 2.0


def test_definitions_are_written_out_as_they_would_run(rows):
    rows += ["defined", "branching"]
    defined = primitive(
        "defined",
        "x y",
        partials=[lambda w, x, y: y - 1.0, lambda w, x, y: 2.0 - x],
        definition=lambda x, y: (x - y) * 2.0 - -y + (1.0 - x) * (3.0 + y) + 4.0 * x,
    )
    for x, y in [(2.0, 5.0), (-0.0, 0.0), (1e300, -3.0), (inf, 1.0)]:
        expected = (x - y) * 2.0 - -y + (1.0 - x) * (3.0 + y) + 4.0 * x
        assert bits(defined(x, y)) == bits(defined.value(x, y)) == bits(expected)
        node = defined(Value(x), Value(y))
        assert bits(node.data, *node.partials) == bits(expected, y - 1.0, 2.0 - x)
    branching = primitive(
        "branching", partials=[lambda y, x: 1.0 if x > 0 else -1.0], definition=lambda x: x if x > 0 else -x
    )
    assert (branching(-3.0), branching(3.0)) == (3.0, 3.0)
    for name in ("sigmoid", "logaddexp", "softplus", "hypot"):
        row = TABLE[name]
        xs = [0.3, 0.8] if row.variadic else [0.3, 0.8][: len(row.operands)]
        leaves = [Value(x) for x in xs]
        node = row(*leaves)
        again = row.partials_at(node, leaves, [True] * len(xs))
        assert [d.data if isinstance(d, Value) else d for d in again] == pytest.approx(list(node.partials))


# ---- switches --------------------------------------------------------------------------------------


def test_switches_come_back_even_after_an_error():
    assert modes.active == 0
    with pytest.raises(ZeroDivisionError), modes.switched(recording=False):
        assert (modes.active, modes.here.recording) == (1, False)
        with no_grad():
            assert modes.active == 2
        assert not modes.here.recording
        1 / 0  # noqa: B018
    assert (modes.active, modes.here.recording) == (0, True)


def test_a_mode_of_another_thread_is_not_mine():
    x = Value(3.0)
    made = []

    def work():
        assert modes.here.ties == 0
        made.append(x * x)
        made.append(x < 4.0)
        x.backward()

    with no_grad():
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
    assert made[0].operands == (x, x)
    assert made[1] is True
    assert x.grad == 1.0


def test_the_collector_is_left_as_it_was():
    assert gc.isenabled()
    with collector_paused():
        assert not gc.isenabled()
        with collector_paused():
            assert not gc.isenabled()
        assert not gc.isenabled()
    assert gc.isenabled()
    gc.disable()
    try:
        with collector_paused():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()
