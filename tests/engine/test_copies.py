"""Copies and pickles keep the graph, and identity."""

import copy
import io
import math
import pickle

import pytest
from bits import bits

from autograd_mini import Value, log, topological_order, where
from autograd_mini.engine import primitives as p

nan, inf = math.nan, math.inf


def graph():
    a, b = Value(2.0, "a"), Value(1.0, "b")
    c = a + b
    d = b + 1
    return a, b, c, d, c * d


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
            assert bits([a.data, a.grad, *a.partials]) == bits([b.data, b.grad, *b.partials])
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
    assert bits([again.data, *again.partials]) == bits([y.data, *y.partials])
    assert again.op is y.op


def test_detach_is_a_leaf_with_the_number_and_the_label():
    x = Value(3.0, "x")
    y = (x * 2.0).detach()
    assert (y.data, y.op, y.operands) == (6.0, None, ())
    assert (x.detach().label, x.detach() is x) == ("x", False)


def test_detach():
    x = Value(3.0, "x")
    y = x.detach() * x
    y.backward()
    assert x.grad == 3.0
