"""`Value`: what a node says, as a number, as text, in NumPy's arrays; what it refuses, and its size."""

import gc
import math
import operator
import sys
import tracemalloc
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograd_mini import Value, collector_paused, exp, log, sin, topological_order, where
from autograd_mini.engine import ACCELERATED, modes
from autograd_mini.engine import primitives as p
from autograd_mini.engine.table import TABLE
from autograd_mini.transforms.comparisons import truth
from autograd_mini.transforms.dual import Dual

nan, inf = math.nan, math.inf

anything = st.floats()
finite = st.floats(-1e3, 1e3)


def graph():
    a, b = Value(2.0, "a"), Value(1.0, "b")
    c = a + b
    d = b + 1
    return a, b, c, d, c * d


# ---- what a node says ----------------------------------------------------------------------------


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


# ---- numbers never raise; wrong types do ---------------------------------------------------------


def test_ieee_results():
    inf = math.inf
    assert (Value(1.0) / 0).data == inf
    assert (Value(-1.0) / 0).data == -inf
    assert (1 / Value(-0.0)).data == -inf
    assert math.isnan((Value(0.0) / 0).data)
    assert exp(Value(1000)).data == inf
    assert math.isnan(log(Value(-1.0)).data)
    assert math.isnan((Value(-8.0) ** (1 / 3)).data)
    assert (Value(10.0) ** 400).data == inf
    assert (Value(-10.0) ** 401).data == -inf
    assert (Value(0.0) ** -1).data == inf
    assert (2 ** Value(5000.0)).data == inf
    assert math.isnan(sin(Value(inf)).data)
    assert Value(10**400).data == inf
    assert (Value(1.0) + -(10**400)).data == -inf


@pytest.mark.parametrize(
    "wrong", ["1", 1j, None, [1.0], {}, object(), b"1"], ids=lambda x: type(x).__name__
)
def test_wrong_types_are_refused_by_name(wrong):
    kind = type(wrong).__name__
    with pytest.raises(TypeError, match=kind):
        Value(wrong)
    with pytest.raises(TypeError, match=kind):
        Value(1.0) + wrong
    with pytest.raises(TypeError, match=kind):
        wrong - Value(1.0)
    with pytest.raises(TypeError, match=kind):
        Value(1.0) ** wrong
    with pytest.raises(TypeError, match=kind):
        exp(wrong)
    with pytest.raises(TypeError, match=kind):
        p.maximum(Value(1.0), wrong)
    with pytest.raises(TypeError, match=kind):
        Value(1.0).data = wrong
    with pytest.raises(TypeError, match=kind):
        Value(1.0).grad = wrong


@pytest.mark.parametrize(
    "convert",
    [float, int, complex, math.sin, math.exp, lambda v: np.array([v], float), lambda v: "%f" % v],
)
def test_conversions_that_would_cut_the_graph_are_refused(convert):
    with pytest.raises(TypeError, match=r"would cut the graph.*v\.data"):
        convert(Value(1.0))


def test_a_value_of_a_value_is_refused():
    with pytest.raises(TypeError, match=r"detach"):
        Value(Value(1.0))
    with pytest.raises(TypeError, match=r"label.*got int"):
        Value(1.0, label=3)


def test_wrong_arity_names_the_primitive():
    with pytest.raises(TypeError, match=r"maximum\(x, y\) takes 2 operands, got 1"):
        p.maximum(Value(1.0))
    with pytest.raises(TypeError, match=r"exp\(x\) takes 1 operand, got 2"):
        Value(1.0).exp(2.0)
    with pytest.raises(AttributeError, match="no attribute 'foo'"):
        Value(1.0).foo  # noqa: B018


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


# ---- as a number and as text ---------------------------------------------------------------------


@given(anything, anything)
def test_comparisons_are_by_number_and_hash_by_identity(x, y):
    a, b = Value(x), Value(y)
    for other in (b, y):
        assert (a == other) == (x == y)
        assert (a != other) == (x != y)
        assert (a < other) == (x < y)
        assert (a <= other) == (x <= y)
        assert (a > other) == (x > y)
        assert (a >= other) == (x >= y)
    assert len({a, b, a}) == 2
    assert bool(a) == bool(x)


def test_comparison_with_what_is_no_number():
    assert Value(1.0) != "1"
    assert (Value(1.0) == None) is False  # noqa: E711
    with pytest.raises(TypeError):
        Value(1.0) < "1"  # noqa: B015


def test_text_with_a_label():
    a = Value(2, "a")
    assert repr(a) == "Value(data=2.0, grad=0.0, label='a')"
    assert f"{a:.2f}|{a:8.3e}" == "2.00|2.000e+00"
    assert f"{a}" == str(a) == repr(a)
    assert repr(Value(1.0) / 0).endswith("Value(data=inf, grad=0.0) <data not finite: see strict()>")
    assert repr(Value(0.1) * 3) == "Value(data=0.30000000000000004, grad=0.0)"


def test_comparisons_count_ties_and_nothing_else():
    x = Value(2.0)
    for other, equal in [(Value(2.0), True), (2.0, True), (2, True), (Value(3.0), False), (3.0, False)]:
        for compare in (operator.eq, operator.ne):
            before = modes.ties.count
            assert compare(x, other) is (equal == (compare is operator.eq))
            assert modes.ties.count - before == int(equal)
        before = modes.ties.count
        for compare in (operator.lt, operator.le, operator.gt, operator.ge):
            assert compare(x, other) is compare(2.0, getattr(other, "data", other))
        assert modes.ties.count == before
    before = modes.ties.count
    assert (x == "2") is False
    assert (x != "2") is True
    assert bool(Value(0.0)) is False
    assert bool(Value(nan)) is True
    assert modes.ties.count == before
    assert Value(inf) != 10**400
    assert Value(1.0) < 10**400
    with pytest.raises(TypeError):
        x < "2"  # noqa: B015


def test_text():
    assert repr(Value(1.5)) == "Value(data=1.5, grad=0.0)"
    assert f"{Value(1.5):.3f}" == "1.500"
    assert f"{Value(1.5)}" == "Value(data=1.5, grad=0.0)"
    v = Value(inf, "v")
    assert repr(v) == "Value(data=inf, grad=0.0, label='v') <data not finite: see strict()>"
    v.grad = nan
    assert repr(v).endswith("<data and grad not finite: see strict()>")


# ---- NumPy ---------------------------------------------------------------------------------------


def test_numpy_scalars_on_either_side():
    v = Value(3.0)
    for kind in (np.float64, np.float32, np.int64, np.int8, np.bool_):
        x = kind(1)
        for result, expected in [
            (v + x, 4),
            (x + v, 4),
            (v - x, 2),
            (x - v, -2),
            (x / v, 1 / 3),
            (v**x, 3),
        ]:
            assert type(result) is Value
            assert result.data == expected
            assert type(result.data) is float
    assert type(Value(np.float32(0.5)).data) is float


def test_object_arrays():
    values = [Value(0.5), Value(2.0)]
    x = np.array(values)
    assert x.dtype == object
    np.exp(x).sum().backward()
    assert [v.grad for v in values] == [math.exp(0.5), math.exp(2.0)]
    y = np.dot(np.array([[1.0, 2.0], [3.0, 4.0]]), x)
    assert [v.data for v in y] == [4.5, 9.5]
    assert [v.data for v in 2.0 * x + np.array([1.0, 0.0])] == [2.0, 4.0]
    assert [v.data for v in values[0] * np.array([1.0, 2.0])] == [0.5, 1.0]
    assert [v.data for v in np.array([1.0, 2.0]) - values[0]] == [0.5, 1.5]
    assert np.mean(x).data == 1.25
    for ufunc in (np.sin, np.cos, np.tanh, np.sqrt, np.log, np.absolute, np.negative, np.square):
        assert [v.data for v in ufunc(x)] == pytest.approx([ufunc(0.5), ufunc(2.0)])


# ---- memory --------------------------------------------------------------------------------------


def test_the_graph_is_freed_by_reference_counting_alone():
    def step(w):
        loss = (w * 2 + sin(w)) ** 2 / 3 + abs(w) + where(w > 0, w, -w)
        loss.backward()

    w = Value(0.5)
    with collector_paused():
        for _ in range(10):
            step(w)
        gc.collect()
        tracemalloc.start()
        try:
            step(w)
            before = tracemalloc.get_traced_memory()[0]
            for _ in range(10_000):
                step(w)
            after = tracemalloc.get_traced_memory()[0]
        finally:
            tracemalloc.stop()
        assert gc.collect() == 0
    assert after - before < 2_000


def test_bytes_per_node():
    x = Value(1.5)
    tracemalloc.start()
    try:
        nodes = [x]
        for _ in range(10_000):
            nodes.append(nodes[-1] * x)
        size = tracemalloc.get_traced_memory()[0] / 10_000 - 8  # the list's own pointers
    finally:
        tracemalloc.stop()
    assert size <= (112 if ACCELERATED else 140)
    assert sys.getsizeof(x) <= 112


def test_the_collector_is_paused_and_restored():
    assert gc.isenabled()
    with pytest.raises(ZeroDivisionError), collector_paused():
        assert not gc.isenabled()
        1 / 0  # noqa: B018
    assert gc.isenabled()


EXACT = [2**53, 2**53 + 1, -(2**53) - 1, 10**400, -(10**400), 3, True, Fraction(1, 10), 2**1024, 2**70 + 1]


@pytest.mark.parametrize("other", EXACT, ids=lambda x: str(x)[:12])
def test_comparisons_with_ints_are_exact_as_pythons_are(other):
    floats = [2.0**53, -(2.0**53), inf, -inf, nan, 0.1, 3.0, 1.0, 2.0**70, 1.7976931348623157e308]
    for x in [*floats, -1.7976931348623157e308, math.nextafter(2.0**70, inf)]:
        for compare in (operator.eq, operator.ne, operator.lt, operator.le, operator.gt, operator.ge):
            expected = compare(x, other)
            assert compare(Value(x), other) is expected
            assert compare(other, Value(x)) is compare(other, x)
            assert compare(Dual(x, 1.0, 1), other) is expected
            assert truth(compare, x, other) == expected
            assert truth(compare, Value(x), other).data == expected
            if compare in (operator.eq, operator.lt):
                assert compare(Value(x), np.int64(2**53 - 1)) is compare(x, 2**53 - 1)
