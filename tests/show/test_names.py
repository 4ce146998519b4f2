"""One name for a node, wherever it is read: unique, short where it can be, and safe to show."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from program_cases import with_constants

from autograd_mini import Value
from autograd_mini.engine.table import TABLE
from autograd_mini.nn import MLP
from autograd_mini.show.names import evaluation_order, names, operation
from autograd_mini.show.scopes import scope_and_name
from autograd_mini.show.text import one_line, short
from autograd_mini.testing.strategies import expressions


@given(expressions())
def test_operands_are_named_before_results_and_names_differ(root):
    order = evaluation_order(root)
    place = {node: i for i, node in enumerate(order)}
    assert order[-1] is root
    assert len(place) == len(order)
    for node in order:
        assert all(place[x] < place[node] for x in node.operands if isinstance(x, Value))
    called = names(root)
    assert list(called) == order
    assert len(set(called.values())) == len(order)
    assert all(called[node] == node.label for node in order if node.label)


def test_a_chain_of_a_hundred_thousand():
    e = Value(1.0, "x")
    for _ in range(100_000):
        e = -e
    called = names(e)
    assert list(called.values())[:3] == ["x", "v1", "v2"]
    assert called[e] == "v100000"


def test_the_first_operands_side_comes_first():
    a, b = Value(2.0, "a"), Value(1.0, "b")
    e = (a + b) * (b + 1)
    called = names(e)
    assert [(called[v], operation(v, called)) for v in evaluation_order(e)] == [
        ("a", ""),
        ("b", ""),
        ("c", "a + b"),
        ("d", "b + 1"),
        ("e", "c * d"),
    ]


def test_letters_that_are_labels_are_passed_over_and_numbers_follow_z():
    e = Value(1.0, "b") * Value(2.0)
    assert list(names(e).values()) == ["b", "a", "c"]
    many = sum((Value(float(i)) for i in range(30)), Value(0.0, "v2"))
    called = list(names(many).values())
    assert called[:3] == ["v2", "v1", "v3"]
    assert len(set(called)) == len(called)


def test_a_scope_is_no_part_of_a_name():
    x = Value(1.0, "layer 1::w")
    y = x * x
    y.label = "layer 1::"
    assert list(names(y).values()) == ["w", "a"]


@pytest.mark.parametrize("row", TABLE.values(), ids=str)
def test_every_row_has_a_formula_that_python_reads_back(row):
    operands = [Value(0.5, f"x{i}") for i in range(4 if row.variadic else len(row.operands))]
    operands = with_constants(row, operands)
    node = row(*operands)
    text = operation(node, names(node))
    scope = {x.label: x for x in operands if isinstance(x, Value)}
    again = eval(text, dict(TABLE), scope)
    if text == "x0":  # identity is not written
        again = row(again)
    assert (again.op, again.operands) == (row, node.operands)


@pytest.mark.parametrize(
    "operate", [lambda x: x - -2, lambda x: x**-2, lambda x: (-2) ** x, lambda x: -2 / x]
)
def test_negative_constants_keep_their_sign(operate):
    x = Value(0.5, "x")
    assert eval(operation(operate(x), {x: "x"}), {"x": 0.5}) == operate(0.5)


LABELS = st.lists(st.text("w:[0]1 _", max_size=14) | st.sampled_from(
    ["x", "x_2", "x_3", "layer 1::neuron 1::w[0]", "neuron 12::w[3]", "a::w[0]", "encoder::w", "w", "e::w"]
), min_size=1, max_size=12)  # fmt: skip


@given(LABELS)
def test_no_two_nodes_share_a_name(labels):
    leaves = [Value(1.0, label) for label in labels]
    called = names(sum(leaves, Value(0.0)))
    assert len(set(called.values())) == len(called)
    for leaf in leaves:
        name = scope_and_name(leaf.label)[1]
        alone = [one_line(scope_and_name(label)[1]) for label in labels].count(one_line(name)) == 1
        if one_line(name) and alone and "neuron" not in leaf.label and not name.startswith("x_"):
            assert called[leaf] == one_line(name)


def network_names(sizes, **options):
    net = MLP(2, sizes, rng=1, **options)
    output = net([0.5, 0.25])
    called = names(output if isinstance(output, Value) else sum(output))
    return [called[parameter] for parameter in net.parameters()]


def test_the_weights_of_a_network_go_by_layer_neuron_and_input():
    assert network_names([2, 1], bias=False) == [
        "w₁₁⁽¹⁾",
        "w₁₂⁽¹⁾",
        "w₂₁⁽¹⁾",
        "w₂₂⁽¹⁾",
        "w₁₁⁽²⁾",
        "w₁₂⁽²⁾",
    ]
    assert network_names([1]) == ["w[0]", "w[1]", "b"]
    assert network_names([1, 1])[-2:] == ["w₁₁⁽²⁾", "b₁⁽²⁾"]
    assert network_names([11])[-2:] == ["w₁₁,₂⁽¹⁾", "b₁₁⁽¹⁾"]


def test_names_of_scopes_tell_parameters_apart():
    same = [Value(1.0, label) for label in ("net::encoder::w", "net::decoder::w", "v", "w[0]", "x", "x")]
    assert list(names(sum(same, Value(0.0, "y"))).values())[1::2] == [
        "encoder.w",
        "decoder.w",
        "v",
        "w[0]",
        "x",
        "x_2",
    ]


@given(st.text(max_size=300))
def test_one_line_is_one_line_that_can_be_shown(text):
    line = one_line(text)
    assert len(line) <= 40
    assert line.encode().decode() == line
    assert not {unicodedata.category(c) for c in line} & {"Cc", "Cs", "Zl", "Zp"}
    assert "\u202e" not in line
    if text.isprintable() and len(text) <= 40 and text == " ".join(text.split()):
        assert line == text


def test_a_label_of_ten_thousand_characters_is_cut():
    assert one_line("ab" * 5000) == "ab" * 19 + "a…"
    assert one_line(" " * 5000 + "x") == "…"


def test_numbers_are_short():
    assert [short(x) for x in (6.0, -0.0, 1 / 3, 1e22, float("-inf"))] == [
        "6",
        "-0",
        "0.33333",
        "1e+22",
        "-inf",
    ]
