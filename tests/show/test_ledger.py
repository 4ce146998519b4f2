"""The ledger pays what backward pays, to the bit, and the paths add up to the same."""

import copy
import math
import pickle
from fractions import Fraction

import pytest
from bits import bits
from hypothesis import given
from hypothesis import strategies as st

from autograd_mini import Value, log, step, topological_order, where
from autograd_mini.show.ledger import Ledger, ledger
from autograd_mini.show.paths import Visits, paths, visits
from autograd_mini.testing.strategies import expressions


def article():
    a, b = Value(2.0, label="a"), Value(1.0, label="b")
    return a, b, (a + b) * (b + 1)


def doubling(n):
    """A graph of 2n edges and 2**n paths."""
    x = y = Value(1.0, label="x")
    for _ in range(n):
        y = y + y
    return x, y


def chain(n):
    x = y = Value(1.0, label="x")
    for _ in range(n):
        y = y * 1.0
    return x, y


# ---- the story, payment by payment -----------------------------------------------------------------


def test_the_article_s_payments_in_its_order():
    _, _, e = article()
    story = [
        (p.debtor_name, p.creditor_name, p.received, p.derivative, p.payment, p.balance) for p in ledger(e)
    ]
    assert story == [
        ("e", "c", 1, 2, 2, 2),
        ("e", "d", 1, 3, 3, 3),
        ("c", "a", 2, 1, 2, 2),
        ("c", "b", 2, 1, 2, 2),
        ("d", "b", 3, 1, 3, 5),
    ]
    assert str(ledger(e)[0]) == "e pays c: 1 × 2 = 2"


def test_a_ledger_is_a_sequence():
    _, _, e = article()
    debts = ledger(e)
    assert len(debts) == 5
    assert [p.payment for p in debts[1:3]] == [3.0, 2.0]
    assert debts[-1].balance == 5.0
    assert [p.balance for p in reversed(debts)] == [5.0, 2.0, 2.0, 3.0, 2.0]
    with pytest.raises(IndexError):
        debts[5]
    with pytest.raises(AttributeError):
        debts[0].payment = 1.0


@given(expressions(wild=True))
def test_the_sums_are_backward_s_to_the_bit_and_no_grad_is_touched(e):
    nodes = topological_order(e, through_edges=False)
    for node in nodes:
        node.grad = 7.0
    debts = ledger(e)
    assert [node.grad for node in nodes] == [7.0] * len(nodes)
    e.zero_grad()
    e.backward()
    for node in topological_order(e):
        assert bits(debts.balances[node]) == bits(node.grad)
    leaves = {node for node in nodes if node.op is None}
    assert debts.gradient.keys() == leaves
    assert all(bits(debts.gradient[leaf]) == bits(leaf.grad) for leaf in leaves)


@given(expressions(wild=True))
def test_every_edge_is_paid_once_and_only_by_who_has_been_paid_in_full(e):
    debts = ledger(e)
    edges = [(node, x, d) for node in topological_order(e) for x, d in node.edges()]
    assert [(p.debtor, p.creditor) for p in debts] == [(node, x) for node, x, _ in edges]
    assert [bits(p.derivative) for p in debts] == [bits(d) for _, _, d in edges]
    have = {e: 1.0}
    for p in debts:
        assert bits(p.received) == bits(have[p.debtor]) == bits(debts.balances[p.debtor])
        assert bits(p.payment) == bits(p.received * p.derivative)
        have[p.creditor] = p.balance


def test_a_sum_of_negative_zeros_keeps_its_sign():
    a = Value(0.0, label="a")
    c = a * 1.0
    e = c * -0.0
    assert math.copysign(1.0, ledger(e).balances[c]) == -1.0
    e.backward()
    assert math.copysign(1.0, c.grad) == -1.0


def test_a_branch_not_taken_gets_nothing():
    x, y = Value(-1.0, label="x"), Value(3.0, label="y")
    e = where(x > 0, log(x), y)
    debts = ledger(e)
    assert [p.creditor for p in debts] == [y]
    assert debts.gradient == {x: 0.0, y: 1.0}
    assert paths(e, x).count == 0
    assert str(paths(e, x)) == "0 paths from b to x: the derivative is 0"


def test_a_root_that_owes_nothing():
    a = Value(3.0, label="a")
    assert len(ledger(a)) == 0
    assert ledger(a).gradient == {a: 1.0}
    assert str(ledger(a)) == "a owes nothing: it was not computed from anything"
    assert str(ledger(step(a))) == "b = step(a) owes nothing: no derivative leads from it to an operand"
    assert ledger(step(a)).gradient == {a: 0.0}
    assert ledger(step(a))._repr_html_().startswith("<p>b = step(a) owes nothing")


# ---- paths -----------------------------------------------------------------------------------------


def every_path(node, end):
    """Paths by recursion, as lists of derivatives: slow and plain."""
    if node is end:
        return [[]]
    return [[d, *rest] for x, d in node.edges() for rest in every_path(x, end)]


@given(expressions(max_operations=7), st.data())
def test_paths_are_all_the_paths(e, data):
    end = data.draw(st.sampled_from(topological_order(e, through_edges=False)))
    found = paths(e, end)
    expected = every_path(e, end)
    walked = list(found)
    assert [list(map(bits, p.derivatives)) for p in walked] == [list(map(bits, p)) for p in expected]
    assert found.count == len(walked)
    assert found.visits.path_by_path == sum(map(len, expected))
    steps = {(p.nodes[i], k) for p in walked for i in range(len(p.derivatives)) for k in edge(p, i)}
    assert found.visits.in_one_sweep == len(steps)
    for p in walked:
        assert p.nodes[0] is e
        assert p.nodes[-1] is end
        assert len(p.nodes) == len(p.derivatives) + 1


def edge(path, i):
    """The places of the operands that the i-th step of a path may have gone to."""
    node, to = path.nodes[i : i + 2]
    operands = zip(node.operands, node.partials, strict=True)
    return [k for k, (x, d) in enumerate(operands) if x is to and d is not None]


@given(expressions(max_operations=7))
def test_the_sum_over_paths_is_the_gradient(e):
    for leaf, derivative in ledger(e).gradient.items():
        found = paths(e, leaf)
        scale = sum(abs(path.product) for path in found)
        assert found.total == pytest.approx(derivative, rel=1e-12, abs=1e-13 * scale, nan_ok=True)


@given(expressions(max_operations=7))
def test_the_visits_of_all_leaves_are_those_of_each_together(e):
    leaves = ledger(e).gradient
    assert visits(e).path_by_path == sum(paths(e, leaf).visits.path_by_path for leaf in leaves)


def test_the_article_s_visits():
    a, b, e = article()
    assert visits(e) == Visits(path_by_path=6, in_one_sweep=5)
    assert paths(e, a).visits == Visits(2, 2)
    assert [p.product for p in paths(e, b)] == [2.0, 3.0]
    assert paths(e, b).total == 5.0
    assert (
        str(paths(e, b))
        == """\
2 paths from e to b
e → c → b      2 × 1  =  2
e → d → b      3 × 1  =  3
           their sum  =  5
edges walked: 4 path by path, 4 in one backward sweep"""
    )


def test_a_node_to_itself_is_one_empty_path():
    _, _, e = article()
    (path,) = paths(e, e)
    assert (path.nodes, path.derivatives, path.product) == ((e,), (), 1.0)
    assert "e  1  =  1" in str(paths(e, e))


def test_an_end_outside_the_graph_is_reached_by_no_path():
    _, _, e = article()
    z = Value(1.0, label="z")
    assert paths(e, z).count == 0
    assert paths(e, z).total == 0.0
    assert str(paths(e, z)) == "0 paths from e to z: the derivative is 0"


def test_counts_are_exact_where_paths_could_never_be_walked():
    x, y = doubling(2000)
    found = paths(y, x)
    assert found.count == 2**2000
    assert found.visits == visits(y) == Visits(2000 * 2**2000, 4000)
    assert "about 1.15e+602 paths from" in str(found)
    assert "too many to walk" in repr(found)
    with pytest.raises(
        ValueError, match=r"about 1\.15e\+602 paths lead from .* the cap is 100,000.*ledger"
    ):
        iter(found)
    with pytest.raises(ValueError, match="cap"):
        _ = found.total


def test_the_cap_is_the_caller_s():
    x, y = doubling(5)
    with pytest.raises(ValueError, match="32 paths lead from e to x, and the cap is 31: pass a larger cap"):
        iter(paths(y, x, cap=31))
    assert paths(y, x, cap=32).total == 32.0


@pytest.mark.parametrize("n", [10**15 - 1, 10**15, 999_999 * 10**12, 10**300, 2**10_000, 9999 * 10**50])
def test_counts_are_written_with_their_true_size(n):
    _, y = doubling(1)
    found = paths(y, y)
    found.count = n
    text = str(found).split(" paths")[0]
    if n < 10**15:
        assert int(text.replace(",", "")) == n
    else:
        mantissa, exponent = text.removeprefix("about ").split("e+")
        assert 1 <= float(mantissa) < 10
        assert abs(Fraction(mantissa) * 10 ** int(exponent) / n - 1) < Fraction(1, 100)


def test_long_and_many_paths_are_cut_where_they_are_printed():
    x, y = chain(1000)
    assert "… 993 more …" in str(paths(y, x))
    x, y = doubling(6)
    assert "… 44 more paths …" in str(paths(y, x))
    assert "their sum" in str(paths(y, x))


# ---- as text and HTML ------------------------------------------------------------------------------


def test_a_long_ledger_leaves_out_the_middle():
    _, y = chain(1000)
    lines = str(ledger(y)).splitlines()
    assert len(lines) == 62
    assert "… 940 more payments …" in lines[31]
    assert "… 940 more payments …" in ledger(y)._repr_html_()


def test_deep_graphs_need_no_recursion():
    x, y = chain(100_000)
    debts = ledger(y)
    assert len(debts) == 100_000
    assert debts.gradient == {x: 1.0}
    assert len(str(debts)) < 10_000
    assert paths(y, x).total == 1.0
    assert len(repr(paths(y, x))) < 1000


@pytest.mark.nightly
def test_a_million_payments():
    x, y = chain(1_000_000)
    assert ledger(y).gradient == {x: 1.0}
    assert repr(ledger(y))
    assert paths(y, x).total == 1.0


@pytest.mark.parametrize(
    "label",
    ["<script>alert(1)</script>", 'a"b&c', "two\nlines", "\x1b[2J", "\u202eevil", "权重", "\ud800", "🤷"],
)
def test_hostile_labels_come_out_as_text(label):
    a = Value(2.0, label=label)
    e = a * 3
    html = ledger(e)._repr_html_()
    assert "<script" not in html
    for text in (str(ledger(e)), str(paths(e, a))):
        assert "\x1b" not in text
        assert "\u202e" not in text
    assert len(str(ledger(e)).splitlines()) == 2


def test_the_html_table_has_a_row_for_each_payment():
    _, _, e = article()
    html = ledger(e)._repr_html_()
    assert html.count("<tr>") == 6
    assert "<td><bdi>e = c * d</bdi></td>" in html
    assert paths(e, e)._repr_html_().startswith("<pre>1 path from e to e")


def test_columns_stay_aligned_with_wide_labels():
    a, b = Value(2.0, label="权重"), Value(1.0, label="b")
    table = str(ledger(a * b * a)).splitlines()
    from autograd_mini.show.text import width

    assert len({width(line) for line in table}) == 1


def test_a_narrow_terminal_encoding_gets_ascii(monkeypatch):
    import io
    import sys

    _, b, e = article()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BytesIO(), encoding="ascii"))
    assert repr(ledger(e)).isascii()
    assert repr(paths(e, b)).isascii()
    assert len(repr(ledger(e)).splitlines()[1]) == len(str(ledger(e)).splitlines()[1])


# ---- wrong arguments, copies -----------------------------------------------------------------------


@pytest.mark.parametrize("wrong", [3.0, None, "a", [Value(1.0)]])
def test_only_values_have_ledgers_and_paths(wrong):
    for call in (lambda: ledger(wrong), lambda: paths(wrong, Value(1.0)), lambda: visits(wrong)):
        with pytest.raises(TypeError, match=f"expected a Value, got {type(wrong).__name__}"):
            call()
    with pytest.raises(TypeError, match=r"paths\(root, end\): expected a Value"):
        paths(Value(1.0), wrong)


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))])
def test_a_ledger_can_be_copied_and_pickled_with_its_graph(copied):
    _, _, e = article()
    again = copied(ledger(e))
    assert isinstance(again, Ledger)
    assert str(again) == str(ledger(e))
    assert again.balances[again.root] == 1.0
    assert again[0].debtor is again.root
