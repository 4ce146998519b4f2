"""A tree of text shows every node once, refers to it after, and says what it leaves out."""

import io
import sys

import pytest
from hypothesis import given

from autograd_mini import Value, log, where
from autograd_mini.show.ledger import ledger
from autograd_mini.show.names import evaluation_order, names, operation
from autograd_mini.show.text import width
from autograd_mini.show.tree import tree
from autograd_mini.testing.strategies import expressions


def article():
    a, b = Value(2.0, label="a"), Value(1.0, label="b")
    return (a + b) * (b + 1)


def test_the_article_s_graph():
    assert (
        str(tree(article()))
        == """\
node          value       edge  gradient
e = c * d         6                    1
├─ c = a + b      3  ∂e/∂c = 2         2
│  ├─ a           2  ∂c/∂a = 1         2
│  └─ b           1  ∂c/∂b = 1         5
└─ d = b + 1      2  ∂e/∂d = 3         3
   └─ b ↑            ∂d/∂b = 1"""
    )


@given(expressions())
def test_every_node_is_shown_once(e):
    called = names(e)
    order = evaluation_order(e)
    lines = str(tree(e, depth=100, rows=1000)).splitlines()[1:]
    shown = [line for line in lines if "↑" not in line]
    assert len(shown) == len(order)
    uses = sum(isinstance(x, Value) for node in order for x in node.operands)
    assert len(lines) == uses + 1
    for node in order:
        if node.op is not None:
            assert sum(f"{called[node]} = {operation(node, called)} " in line for line in shown) >= 1


def test_the_gradient_is_fresh_and_no_grad_is_touched():
    e = article()
    for node in evaluation_order(e):
        node.grad = 99.0
    assert "99" not in str(tree(e))
    assert {node.grad for node in evaluation_order(e)} == {99.0}
    assert ledger(e).balances[e] == 1.0


def test_where_there_is_no_edge_that_is_said():
    x, y = Value(-1.0, label="x"), Value(3.0, label="y")
    lines = str(tree(where(x > 0, log(x), y))).splitlines()
    assert "no edge" in lines[2]
    assert lines[2].split()[-1] == "0"
    assert "∂b/∂y = 1" in lines[4]


def test_what_is_too_deep_or_too_long_is_left_out_and_counted():
    x = e = Value(1.0, label="x")
    for _ in range(20_000):
        e = e * 1.5
    lines = str(tree(e, depth=4)).splitlines()
    assert len(lines) == 7
    assert " … " in lines[5]
    assert lines[-1] == "… 19,996 more nodes, deeper or after these"
    many = sum((Value(1.0, f"x{i}") * 2 for i in range(500)), start=x)
    assert len(str(tree(many, depth=1000, rows=30)).splitlines()) == 32
    assert max(map(len, repr(tree(many)).splitlines())) < 120
    assert str(tree(article(), rows=4)).endswith("… 1 more node, deeper or after these")
    assert str(tree(article(), rows=5)).endswith("… more edges to nodes that are shown above")


def test_one_leaf():
    assert str(tree(Value(2.0, label="a"))) == "node  value  edge  gradient\na         2               1"


@pytest.mark.parametrize("label", ["<script>", "two\nlines", "\x1b[2J", "\u202eevil", "权重", "x" * 1000])
def test_hostile_labels_are_one_aligned_line(label):
    a, b = Value(2.0, label=label), Value(1.0, label="b")
    lines = str(tree(a * b + a)).splitlines()
    assert len(lines) == 6
    assert all(line.isprintable() for line in lines)
    assert len({width(line) for line in lines[1:-1]}) == 1


def test_ascii_where_the_terminal_has_no_more(monkeypatch):
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BytesIO(), encoding="ascii"))
    text = repr(tree(article()))
    assert text.isascii()
    assert "|- a" in text.replace("+", "|")
    assert "`- b ^" in text


@pytest.mark.parametrize("wrong", [3.0, None])
def test_only_values(wrong):
    with pytest.raises(TypeError, match=r"tree\(root\): expected a Value"):
        tree(wrong)
