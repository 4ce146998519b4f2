"""`Value`: numbers, operators, the sweep, copies; what users of other engines trip over, pinned."""

import copy
import gc
import math
import os
import pickle
import struct
import sys
import threading
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import autograd_mini as ag
from autograd_mini import Value, collector_paused, exp, log, no_grad, sin, topological_order, where
from autograd_mini.engine import primitives as p
from autograd_mini.engine.table import TABLE

anything = st.floats()
finite = st.floats(-1e3, 1e3)


def bits(x):
    """The number, bit for bit; any nan equal to any nan."""
    return None if x is None else "nan" if x != x else struct.pack("<d", x)


def graph():
    a, b = Value(2.0, "a"), Value(1.0, "b")
    c = a + b
    d = b + 1
    return a, b, c, d, c * d


# ---- the article's expression ----------------------------------------------------------------------


def test_the_articles_expression():
    a, b, c, d, e = graph()
    e.backward()
    assert (e.data, a.grad, b.grad) == (6.0, 2.0, 5.0)
    assert (e.grad, c.grad, d.grad) == (1.0, 2.0, 3.0)


def test_local_derivatives_are_on_the_edges_before_backward():
    _, _, c, d, e = graph()
    assert e.partials == (2.0, 3.0)
    assert c.partials == (1.0, 1.0)
    assert d.operands[1] == 1.0
    assert d.partials == (1.0, None)


# ---- repeated sweeps, shared nodes, changed leaves -------------------------------------------------


def test_a_second_backward_is_exact_and_leaves_accumulate():
    x = Value(3.0)
    y = x * x * x
    y.backward()
    assert x.grad == 27.0
    y.backward()
    assert x.grad == 54.0
    y.zero_grad()
    assert (x.grad, y.grad) == (0.0, 0.0)
    y.backward()
    assert (x.grad, y.grad) == (27.0, 1.0)


@pytest.mark.parametrize(
    ("f", "slope"),
    [
        (lambda x: x * x, 6.0),
        (lambda x: (x + 1) + (x + 1), 2.0),
        (lambda x: (lambda e: e + e)(x * x), 12.0),
        (lambda x: (lambda e: e * e * e)(x + x), 6 * 36.0),
        (lambda x: x / x, 0.0),
        (lambda x: x - x, 0.0),
        (lambda x: p.maximum(x, x), 1.0),
        (lambda x: x, 1.0),
        (lambda x: +x, 1.0),
        (lambda x: where(x, x, x), 1.0),
    ],
)
def test_shared_operands(f, slope):
    x = Value(3.0)
    f(x).backward()
    assert x.grad == pytest.approx(slope, abs=1e-15)


def test_a_leaf_that_is_the_root_and_a_node_in_two_roots():
    x = Value(3.0)
    x.backward()
    assert x.grad == 1.0
    y = x * x
    z, w = y + 1, y * 2
    z.backward()
    w.backward()
    assert x.grad == 1.0 + 6.0 + 12.0
    assert (y.grad, w.grad) == (2.0, 1.0)


def test_changing_a_leaf_cannot_corrupt_a_recorded_gradient():
    x = Value(3.0)
    y = x**2 + x * x
    x.data = 5.0
    y.backward()
    assert x.grad == 12.0


def test_the_data_of_a_computed_node_cannot_be_set():
    y = Value(3.0) * 2
    with pytest.raises(AttributeError, match=r"computed by mul: set the data of a leaf"):
        y.data = 1.0


@given(anything, anything)
def test_gradients_of_negative_zero_keep_their_sign(x, y):
    a, b = Value(x), Value(y)
    (a * b).backward()
    assert bits(a.grad) == bits(0.0 + 1.0 * y)


# ---- operators are their rows, bit for bit ---------------------------------------------------------

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


# ---- numbers never raise; wrong types do -----------------------------------------------------------


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


# ---- as a number -----------------------------------------------------------------------------------


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


def test_text():
    a = Value(2, "a")
    assert repr(a) == "Value(data=2.0, grad=0.0, label='a')"
    assert f"{a:.2f}|{a:8.3e}" == "2.00|2.000e+00"
    assert f"{a}" == str(a) == repr(a)
    assert repr(Value(1.0) / 0).endswith("Value(data=inf, grad=0.0) <data not finite: see strict()>")
    assert repr(Value(0.1) * 3) == "Value(data=0.30000000000000004, grad=0.0)"


# ---- NumPy -----------------------------------------------------------------------------------------


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


# ---- depth: nothing by recursion -------------------------------------------------------------------


def test_a_chain_of_a_million():
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(150)  # a walk that recurses once per node, or once per thousand, is caught
    try:
        with collector_paused():
            x = Value(1.0, "x")
            y = x
            for _ in range(500_000):
                y = y * 1.000001 + 1e-9
            y.backward()
            assert x.grad == pytest.approx(math.exp(0.5), rel=1e-6)
            assert len(topological_order(y)) == 1_000_001
            assert repr(y).startswith("Value(data=")
            again = copy.deepcopy(y)
            shallow = copy.copy(y)
            p2, x2, y2 = pickle.loads(pickle.dumps((again, x, y)))
            assert bits(p2.data) == bits(y2.data) == bits(y.data) == bits(shallow.data)
            x2.grad = 0.0
            y2.backward()
            assert bits(x2.grad) == bits(x.grad)
            del again, shallow, p2, x2, y2, y
    finally:
        sys.setrecursionlimit(limit)


# ---- copies and pickles keep the graph, and identity -----------------------------------------------


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("dumps", [pickle.dumps, pickle._dumps], ids=["C", "Python"])
def test_pickles_keep_identity_inside_one_pickle(protocol, dumps):
    a, b, c, d, e = graph()
    e.backward()
    for order in [(a, b, c, d, e), (e, d, c, b, a), (c, e, a, d, b)]:
        loaded = dict(zip(map(id, order), pickle.loads(dumps(order, protocol)), strict=True))
        a2, b2, c2, d2, e2 = (loaded[id(v)] for v in (a, b, c, d, e))
        assert (e2.operands, c2.operands, d2.operands) == ((c2, d2), (a2, b2), (b2, 1.0))
        assert all(x is y for x, y in [(e2.operands[0], c2), (e2.operands[1], d2), (c2.operands[0], a2)])
        assert (a2.label, a2.grad, e2.op) == ("a", 2.0, p.mul)
        e2.backward()
        assert (a2.grad, b2.grad) == (4.0, 10.0)
    assert (a.grad, b.grad) == (2.0, 5.0)


def test_copies_keep_the_graph():
    a, b, c, _, e = graph()
    a2, e2 = copy.deepcopy((a, e))
    assert e2.operands[0].operands[0] is a2
    e2.backward()
    assert (a2.grad, a.grad) == (2.0, 0.0)
    shallow = copy.copy(e)
    assert shallow.operands[0] is c
    shallow.backward()
    assert (a.grad, b.grad) == (2.0, 5.0)
    w = where(Value(1.0), a, log(Value(-1.0)))
    for copied in (copy.deepcopy(w), pickle.loads(pickle.dumps(w))):
        assert copied.partials == (None, 1.0, None)
        copied.backward()
        assert copied.operands[1].grad == 3.0


def test_a_failed_pickle_does_no_harm_to_the_next():
    _, _, c, _, e = graph()
    c._label = lambda: None  # cannot be pickled
    with pytest.raises(Exception, match="lambda"):
        pickle.dumps(e)
    c.label = None
    e2 = pickle.loads(pickle.dumps(e))
    e2.backward()
    assert e2.operands[0].operands[0].grad == 2.0


# ---- memory ----------------------------------------------------------------------------------------


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
    assert size <= 150


def test_the_collector_is_paused_and_restored():
    assert gc.isenabled()
    with pytest.raises(ZeroDivisionError), collector_paused():
        assert not gc.isenabled()
        1 / 0  # noqa: B018
    assert gc.isenabled()


# ---- threads and interrupts ------------------------------------------------------------------------


def test_threads_that_share_leaves_lose_nothing():
    w = Value(2.0)
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)

    def work():
        for _ in range(200):
            y = w * w
            for _ in range(20):
                y = y + w
            y.backward()

    threads = [threading.Thread(target=work) for _ in range(4)]
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    assert w.grad == 4 * 200 * 24.0


def test_an_interrupt_changes_no_leaf():
    """Stop a sweep at every line it can be stopped at; gradients are as before or complete."""
    stops = 0
    while True:
        a, b, _, _, e = graph()
        a.grad, b.grad = 10.0, 20.0
        left = stops

        def tracer(frame, event, arg):
            nonlocal left
            if frame.f_code.co_name in ("_in_order", "_meet", "_pay_debts"):
                if event == "line":
                    if left == 0:
                        raise KeyboardInterrupt
                    left -= 1
                return tracer
            return None

        before = sys.gettrace()
        sys.settrace(tracer)
        try:
            e.backward()
        except KeyboardInterrupt:
            sys.settrace(before)
            assert (a.grad, b.grad) == (10.0, 20.0)
            e.backward()
            assert (a.grad, b.grad) == (12.0, 25.0)
        else:
            break
        finally:
            sys.settrace(before)
        stops += 1
    assert stops > 50
    assert (a.grad, b.grad) == (12.0, 25.0)


def test_an_interrupted_sweep_leaves_no_marks(monkeypatch):
    a, b, _, _, e = graph()
    with monkeypatch.context() as patch:
        patch.setattr("autograd_mini.engine.value._pay_debts", lambda order: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            e.backward()
    assert (a.grad, b.grad) == (0.0, 0.0)
    e.backward()
    assert (a.grad, b.grad) == (2.0, 5.0)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_child_process_can_sweep_while_its_parent_does():
    from autograd_mini.engine import value

    a, _, _, _, e = graph()
    with value._repayment:  # as if another thread of the parent were in the middle of a sweep
        child = os.fork()
        if not child:
            done = threading.Thread(target=e.backward, daemon=True)
            done.start()
            done.join(5)
            os._exit(0 if a.grad == 2.0 else 1)
    assert os.waitpid(child, 0)[1] == 0


# ---- a rule of the user's ----------------------------------------------------------------------------


def test_a_rule_of_the_users_may_branch_and_must_return_a_number():
    try:
        ag.primitive("kinked", value=abs, partials=[lambda y, x: 7.0 if x == 0 else 2.0 * x])
        ag.primitive("forgetful", value=abs, partials=[lambda y, x: None])
        for x, slope in [(0.0, 7.0), (3.0, 6.0)]:
            v = Value(x)
            v.kinked().backward()
            assert v.grad == slope
        with pytest.raises(TypeError, match=r"partial of primitive 'forgetful' returned NoneType"):
            Value(1.0).forgetful()
        with pytest.raises(ValueError, match="must be identifiers"):
            ag.primitive("x y!", value=abs, partials=[None])
    finally:
        for name in ("kinked", "forgetful"):
            TABLE.pop(name, None)
            if hasattr(Value, name):
                delattr(Value, name)


# ---- switches --------------------------------------------------------------------------------------


def test_no_grad_is_per_thread_and_works_as_a_decorator():
    x = Value(3.0)
    seen = []

    @no_grad()
    def f():
        return x * x + 1

    with no_grad():
        thread = threading.Thread(target=lambda: seen.append(x * x))
        thread.start()
        thread.join()
        y = x * x
    assert y.operands == () == f().operands
    assert f().data == 10.0
    assert seen[0].operands == (x, x)
    assert (x * x).operands == (x, x)


def test_detach():
    x = Value(3.0, "x")
    y = x.detach() * x
    y.backward()
    assert x.grad == 3.0


def test_zero_grad_reaches_operands_without_an_edge():
    x = Value(3.0)
    x.grad = 1.0
    where(Value(0.0), x, 1.0).zero_grad()
    assert x.grad == 0.0


def test_the_order_is_results_first_and_the_first_operands_side_first():
    a, b, c, d, e = graph()
    assert [id(v) for v in topological_order(e)] == [id(v) for v in (e, c, a, d, b)]
    assert topological_order(e, until={c, d}) == [e, c, d]
