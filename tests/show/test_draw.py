"""A picture holds what the graph holds, no more and no less, at every size, whatever the labels are."""

import colorsys
import html
import os
import random
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autograd_mini import Value, dot, where
from autograd_mini.nn import MLP
from autograd_mini.show.draw import (
    INK,
    INTERIOR,
    LEAF,
    LINE,
    NEGATIVE,
    NOT_FINITE,
    PAPER,
    POSITIVE,
    draw,
)
from autograd_mini.show.groups import folds_of, scopes_of
from autograd_mini.show.names import evaluation_order, names
from autograd_mini.show.render import Picture, RenderError
from autograd_mini.show.scopes import scope
from autograd_mini.show.text import one_line, short
from autograd_mini.show.tree import tree
from autograd_mini.testing.strategies import expressions

HOSTILE = [
    "</script><script>alert(1)</script>",
    '<img src=x onerror="alert(1)">',
    "a & b &lt; c &#60; d",
    "\"quoted\" 'twice'",
    "back\\slash \\N \\G \\n \\\\",
    "two\nlines\r\n\tand a tab",
    "nul\0 bell\a escape\x1b[31m",
    "x" * 10_000,
    "שלום עולם",
    "\u202eevil\u202c",
    "权重 😀 👨‍👩‍👧 e\u0301",
    "half a pair \ud800",
    "{record|<port>}",
    "]]> <!-- -->",
    "n0 -> n1",
    "%s {0} {x}",
]


def article():
    a, b = Value(2.0, label="a"), Value(1.0, label="b")
    return (a + b) * (b + 1)


def chain(length):
    e = Value(1.0, "x")
    for _ in range(length - 1):
        e = -e
    return e


def mixture(length):
    """A chain in which nothing repeats."""
    draws, e = random.Random(1), Value(1.0, "x")
    for _ in range(length - 1):
        e = draws.choice(
            [Value.sin, Value.cos, Value.tanh, Value.atan, Value.sinh, Value.asinh, Value.exp]
        )(e)
    return e


def texts(picture):
    """Every text of the picture, which is checked to be nothing but lines, areas, texts and colours."""
    root = ET.fromstring(picture.svg)
    tags = {element.tag.rpartition("}")[2] for element in root.iter()}
    assert tags <= {"svg", "style", "g", "title", "polygon", "path", "text"}
    attributes = {name for element in root.iter() for name in element.attrib}
    assert not any(name.lower().startswith("on") or "href" in name for name in attributes)
    return [element.text for element in root.iter() if element.tag.endswith("text")]


def edges(picture):
    """Every edge: operand, result, label or "", style or ""."""
    found = []
    for line in picture.source.splitlines():
        if match := re.match(r"\s*(\w+) -> (\w+)(?: \[(.*)\])?$", line):
            label = re.search(r"<TD[^>]*>(.*?)</TD>", match[3] or "")
            style = re.search(r"style=(\w+)", match[3] or "")
            found.append(
                (match[1], match[2], html.unescape(label[1]) if label else "", style[1] if style else "")
            )
    return found


def cells(picture):
    """For each node or group, the text of its cells and their colours."""
    found = {}
    for name, label in re.findall(r"^\s*(\w+) \[label=<(<TABLE.*</TABLE>)>", picture.source, re.M):
        found[name] = [
            (html.unescape(re.sub("<.*?>", "", text)), colour)
            for colour, text in re.findall(r'<TD BGCOLOR="(.*?)"[^>]*>(.*?)</TD>', label)
        ]
    return found


# ---- the article's figures -------------------------------------------------------------------------


def test_the_article_s_plain_graph():
    picture = draw(article(), values=False, gradients=False, derivatives=False)
    assert sorted(texts(picture)) == ["a", "b", "c = a + b", "d = b + 1", "e = c * d"]


def test_the_article_s_graph_with_derivatives():
    picture = draw(article(), gradients=False)
    assert {label for *_, label, _ in edges(picture)} == {
        "∂c/∂a = 1",
        "∂c/∂b = 1",
        "∂d/∂b = 1",
        "∂e/∂c = 2",
        "∂e/∂d = 3",
    }
    assert Counter(texts(picture))["value"] == 5
    assert "grad" not in texts(picture)


def test_gradients_are_blank_before_a_sweep_and_as_they_stand_after():
    e = article()

    def gradients():
        return [row[-1][0] for row in cells(draw(e)).values()]

    assert gradients() == [" "] * 5
    e.backward()
    assert gradients() == ["2", "5", "2", "3", "1"]
    e.backward()
    assert gradients() == ["4", "10", "2", "3", "1"]


def test_drawing_changes_nothing():
    e = article()
    e.backward()
    before = [(v.data, v.grad, v.label) for v in evaluation_order(e)]
    draw(e).svg  # noqa: B018
    assert [(v.data, v.grad, v.label) for v in evaluation_order(e)] == before


def test_a_picture_shows_the_moment_it_was_drawn():
    x = Value(2.0, "x")
    picture = draw(x * x)
    x.data = 7.0
    assert "7" not in texts(picture)


# ---- what is on it ---------------------------------------------------------------------------------


@given(expressions())
def test_nodes_and_edges_are_those_of_the_graph(root):
    root.backward()
    order = evaluation_order(root)
    called = names(root)
    ids = {node: f"n{i}" for i, node in enumerate(order)}
    expected = []
    for node in order:
        for x, derivative in zip(node.operands, node.partials, strict=True):
            if isinstance(x, Value):
                label = (
                    f"∂{called[node]}/∂{called[x]} = {short(derivative)}" if derivative is not None else ""
                )
                expected.append((ids[x], ids[node], label, "" if label else "dashed"))
    picture = draw(root, style="tables")
    assert Counter(edges(picture)) == Counter(expected)
    shown = cells(picture)
    assert list(shown) == sorted(shown, key=lambda name: int(name[1:]))
    for node in order:
        (header, _), _, (value, _), _, (gradient, _) = shown[ids[node]]
        assert header.partition(" = ")[0] == called[node]
        assert (value, gradient) == (short(node.data), short(node.grad))


def test_a_branch_not_taken_and_its_condition_are_dashed():
    x = Value(-1.0, "x")
    picture = draw(where(x.less(0.0), x * 2, x.exp()))
    styles = {(operand, result): style for operand, result, _, style in edges(picture)}
    headers = {row[0][0].partition(" = ")[2]: name for name, row in cells(picture).items()}
    chosen = next(name for header, name in headers.items() if header.startswith("where"))
    assert styles[headers["less(x, 0)"], chosen] == "dashed"
    assert styles[headers["exp(x)"], chosen] == "dashed"
    assert styles[headers["x * 2"], chosen] == ""


def test_an_operand_used_twice_has_two_edges():
    x = Value(3.0, "x")
    assert [label for *_, label, _ in edges(draw(x * x))] == ["∂a/∂x = 3", "∂a/∂x = 3"]


def test_a_lone_leaf():
    assert texts(draw(Value(3.0, "x"))) == ["x", "value", "3", "grad", " "]


def test_the_same_graph_always_gives_the_same_picture():
    script = (
        "from autograd_mini import Value\n"
        "from autograd_mini.show.draw import draw\n"
        "from autograd_mini.show.scopes import scope\n"
        "a, b = Value(2.0, 's::a'), Value(1.0)\n"
        "with scope('t'): e = (a + b) * (b + 1)\n"
        "e.backward(); print(draw(e).source, draw(e, style='rows').source, draw(e, style='groups').source)"
    )
    sources = {
        subprocess.run(
            [sys.executable, "-c", script],
            env=os.environ | {"PYTHONHASHSEED": seed, "PYTHONIOENCODING": "utf-8"},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("0", "1", "2")
    }
    assert len(sources) == 1


# ---- labels are text -------------------------------------------------------------------------------


@pytest.mark.parametrize("label", HOSTILE, ids=range(len(HOSTILE)))
@pytest.mark.parametrize("style", ["tables", "rows", "groups"])
def test_hostile_labels_come_out_as_text(label, style):
    leaf = Value(1.0, label)
    with scope(label):
        e = leaf * 2
    shown = texts(draw(e, style=style))
    wanted = one_line(label)
    assert any(wanted in text for text in shown), shown


@given(st.text(min_size=1, max_size=60))
def test_any_label_comes_out_as_text(label):
    leaf = Value(1.0, label)
    picture = draw(leaf + leaf)
    assert sum(names(leaf)[leaf] in text for text in texts(picture)) >= 4  # leaf, formula, both edges


def test_a_name_from_right_to_left_keeps_the_numbers_in_their_places():
    leaf = Value(2.0, "שלום")
    assert "∂a/∂שלום\u200e = 1" in draw(leaf + 1).source


# ---- three styles ----------------------------------------------------------------------------------


def test_the_style_follows_the_size():
    tables, rows, groups = mixture(40), mixture(41), mixture(251)
    assert len(cells(draw(tables))) == 40
    assert all(len(row) == 5 for row in cells(draw(tables)).values())
    assert all(len(row) == 2 for row in cells(draw(rows)).values())
    rows.backward()
    assert all(len(row) == 3 for row in cells(draw(rows)).values())
    assert draw(groups).summary == "251 nodes, 250 edges in 12 bands of equal depth"
    assert len(cells(draw(groups, style="rows"))) == 251
    assert len(cells(draw(chain(24)))) == 24
    assert draw(chain(25)).summary == "25 nodes, 24 edges; what repeats is drawn once"


def test_leaves_are_drawn_again_where_they_are_used_far_away():
    x, w = Value(0.5, "x"), Value(0.9, "w")
    e = x
    for _ in range(60):
        e = (e * w).tanh()
    e.backward()
    picture = draw(e, style="rows")
    assert picture.summary == "122 nodes, 180 edges; leaves are drawn again where they are used far away"
    assert picture.summary in texts(picture)
    shown = cells(picture)
    copies = {name: row for name, row in shown.items() if name.startswith("copy")}
    assert len(shown) - len(copies) == 122
    assert 50 < len(copies) < 60
    assert all(row == [("w", LEAF)] for row in copies.values())
    assert [operand for operand, *_ in edges(picture) if operand in copies] == list(copies)
    assert len(edges(picture)) == 180
    # those that are near share one w, which has its numbers
    assert [row[-1][0] for row in shown.values() if row[0][0] == "w" and len(row) == 3] == [
        short(w.grad, 3)
    ]
    assert not any(name.startswith("copy") for name in cells(draw(chain(60), style="rows")))


def test_a_small_graph_whose_edges_cross_many_levels_is_collapsed():
    terms = [Value(1.0)]
    for i in range(200):
        terms.append(terms[-1] + terms[i // 2])
    assert "bands" in draw(terms[-1]).summary
    assert draw(terms[-1]).svg


def test_rows_run_to_the_right_unless_they_would_make_a_ribbon():
    e = sum(Value(1.0) * Value(2.0) for _ in range(20))
    assert "rankdir=LR" in draw(e, style="rows").source
    assert "rankdir=LR" not in draw(chain(60), style="rows").source


@given(expressions(max_operations=40))
def test_groups_count_every_node_and_edge_between_them(root):
    order = evaluation_order(root)
    picture = draw(root, style="groups")
    groups = cells(picture)
    counts = [int(row[2][0].split(":")[0]) for row in groups.values()]
    assert sum(counts) == len(order)
    assert len(groups) <= 12
    total = sum(isinstance(x, Value) for node in order for x in node.operands)
    assert all(operand != result for operand, result, *_ in edges(picture))
    assert sum(int(label.split()[0]) for *_, label, _ in edges(picture)) <= total
    assert picture.summary.startswith(f"{len(order)} node")


# ---- what repeats ----------------------------------------------------------------------------------


def recurrence(steps):
    x, w = Value(0.5, "x"), Value(0.9, "w")
    for _ in range(steps):
        x = (x * w).tanh()
    return x


def test_a_recurrence_is_drawn_as_one_step():
    e = recurrence(15)
    e.backward()
    picture = draw(e)
    assert picture.summary == "32 nodes, 45 edges; what repeats is drawn once"
    shown = {row[0][0]: row for row in cells(picture).values()}
    assert set(shown) == {"x", "w", "aᵢ = bᵢ₋₁ * w", "bᵢ = tanh(aᵢ)"}
    numbers = [node.data for node in evaluation_order(e) if node.op is not None and node.op.name == "tanh"]
    _, times, _, _, _, least, most, *_ = [text for text, _ in shown["bᵢ = tanh(aᵢ)"]]
    assert (times, least, most) == ("× 15", short(min(numbers)), short(max(numbers)))
    assert len(edges(picture)) == 4  # one of them leads back, to the next step


@pytest.mark.parametrize("batch", [1, 3])
def test_a_network_is_drawn_with_one_neuron_a_layer(batch):
    net = MLP(3, [6, 4, 1], activation="tanh", rng=1)
    loss = sum((net([0.1, 0.2, 0.3 + i]) - 1) ** 2 for i in range(batch))
    loss.backward()
    picture = draw(loss)
    shown = {row[0][0]: row[1][0] for row in cells(picture).values()}
    assert {"neuron 1 … 6", "neuron 1 … 4", "neuron 1", "layer 1", "layer 3"} <= set(texts(picture))
    assert shown["wᵢ⁽¹⁾"] == "× 18"
    assert shown["bᵢ⁽²⁾"] == "× 4"
    assert any("= wᵢ⁽²⁾ * " in title and n == f"× {24 * batch}" for title, n in shown.items())
    assert len(shown) <= 24


def width_of(picture):
    return float(re.search(r'<svg [^>]*width="([\d.]+)pt"', picture.svg)[1])


def wide_sum():
    return sum(x * x for x in [Value(0.1 * i, f"x{i}") for i in range(40)])


@pytest.mark.parametrize(
    "root",
    [
        recurrence(15),
        recurrence(300),
        chain(60),
        wide_sum(),
        dot([Value(0.1, f"w{i}") for i in range(60)], [Value(0.2, f"x{i}") for i in range(60)]),
        (MLP(3, [6, 4, 1], activation="tanh", rng=1)([0.1, 0.2, 0.3]) - 1) ** 2,
        MLP(8, [32, 32, 1], activation="tanh", rng=1)([0.1] * 8) ** 2,
    ],
    ids=["recurrence", "long recurrence", "chain", "wide sum", "dot", "network", "large network"],
)
def test_large_graphs_fit_the_width_of_a_screen(root):
    root.backward()
    assert width_of(draw(root)) <= 960  # points: 1280 pixels


def test_a_wiring_without_a_loop_is_not_drawn_as_one():
    terms = [Value(1.0)]
    for i in range(200):
        terms.append(terms[-1] + terms[i // 2])
    assert "repeats" not in draw(terms[-1]).summary


@given(expressions(max_operations=40))
@settings(max_examples=40)
def test_folds_hold_every_node_once(root):
    order = evaluation_order(root)
    folds = folds_of(order)
    assert not folds or Counter(node for fold in folds for node in fold) == Counter(order)
    picture = draw(root, style="folds")
    assert len(cells(picture)) == len(folds or order)
    for fold in folds:
        assert len({node.op for node in fold}) == 1


def network():
    """Two layers of three neurons, parameters labelled as those of modules are, and a loss in a scope."""
    xs = [Value(0.5, "x1"), Value(-1.0, "x2"), Value(0.25, "x3")]
    for layer in (1, 2):
        outputs = []
        for neuron in (1, 2, 3):
            ws = [Value(0.1 * i - 0.2, f"layer {layer}::neuron {neuron}::w{i}") for i in (1, 2, 3)]
            outputs.append(sum(w * x for w, x in zip(ws, xs, strict=True)).tanh())
        xs = outputs
    with scope("loss"):
        return sum((x - 1) ** 2 for x in xs)


def test_small_graphs_are_boxed_by_scope_as_well():
    e = network()
    picture = draw(e, style="tables")
    shown = texts(picture)
    assert Counter(text for text in shown if re.match("layer|neuron|loss", text)) == Counter(
        {"layer 1": 1, "layer 2": 1, "neuron 1": 2, "neuron 2": 2, "neuron 3": 2, "loss": 1}
    )
    assert "rank=min" not in picture.source


def test_operations_belong_where_their_parameters_do_and_inputs_outside():
    e = network()
    groups = {row[0][0]: row for row in cells(draw(e, style="groups")).values()}
    neurons = [f"layer {i}::neuron {j}" for i in (1, 2) for j in (1, 2, 3)]
    assert set(groups) == {*neurons, "loss", "no scope"}
    assert groups["no scope"][2][0] == "3: leaf 3"
    assert groups["loss"][2][0] == "9: sub 3, pow 3, add 3"
    # three parameters, three products, three sums with 0 and each other, tanh
    assert {groups[neuron][2][0].split(":")[0] for neuron in neurons} == {"10"}


def test_boxes_stand_one_above_the_other():
    """No box of one layer reaches into the levels of the next."""
    svg = draw(network(), style="tables").svg
    boxes = {}
    for group in ET.fromstring(svg).iter("{http://www.w3.org/2000/svg}g"):
        if group.get("class") == "cluster":
            title = group.find("{http://www.w3.org/2000/svg}text").text
            path = group.find("{http://www.w3.org/2000/svg}path").get("d")
            heights = [float(y) for y in re.findall(r",(-?[\d.]+)", path)]
            boxes[title] = min(heights), max(heights)
    assert boxes["loss"][1] < boxes["layer 2"][0]
    assert boxes["layer 2"][1] < boxes["layer 1"][0]


def test_an_operation_recorded_outside_of_scopes_stays_outside():
    x = Value(2.0, "x")
    with scope("inside"):
        y = x * 3
    groups = {row[0][0]: row[2][0] for row in cells(draw(y + 1, style="groups")).values()}
    assert groups == {"inside": "2: leaf 1, mul 1", "no scope": "1: add 1"}


@pytest.mark.parametrize("activation", ["linear", "tanh", "softplus"])
def test_what_is_computed_after_a_network_stands_outside_its_boxes(activation):
    net = MLP(2, [2, 1], activation="sigmoid", output_activation=activation, rng=1)
    output = net([0.35, 0.9])
    loss = 0.5 * (0.5 - output) ** 2 + output.tanh()
    groups = {row[0][0]: row[2][0] for row in cells(draw(loss, style="groups")).values()}
    assert groups["no scope"] == "5: sub 1, pow 1, mul 1, …"
    assert groups.keys() - {"no scope"} == {
        "layer 1::neuron 1",
        "layer 1::neuron 2",
        "layer 2::neuron 1",
    }
    inside = Counter(scopes_of(evaluation_order(loss)).values())
    operations = 5 + (activation != "linear")
    assert inside["layer 2", "neuron 1"] == operations + 2  # and with them the parameters


def test_scopes_are_collapsed_to_the_depth_that_can_be_drawn():
    e = Value(0.0)
    for i in range(5):
        for j in range(30):
            with scope(f"layer {i}"), scope(f"neuron {j}"):
                e = e * 2 + 1
    assert draw(e, style="groups").summary == "301 nodes, 300 edges in 5 scopes"
    for i in range(100):
        with scope(f"step {i}"):
            e = e + 1
    picture = draw(e, style="groups")
    assert picture.summary.endswith("edges in 40 scopes")
    assert "66 more scopes" in texts(picture)


def test_many_links_are_thinned_out_and_that_is_said():
    e = [Value(1.0)]
    draws = random.Random(0)
    for _ in range(2000):
        with scope(f"s{draws.randrange(30)}"):
            e.append(draws.choice(e) + e[-1])
    summary = draw(e[-1]).summary
    assert re.search(r", the 120 thickest of \d+ links$", summary), summary
    assert summary in texts(draw(e[-1]))


def test_scopes_as_deep_as_anyone_likes():
    x = Value(1.0, "a::" * 20_000 + "x")
    assert texts(draw(x * 2))


def test_a_chain_of_a_hundred_thousand():
    e = chain(100_000)
    e.backward()
    shown = texts(draw(e))
    assert "depth 0 to 8333" in shown
    assert len(edges(draw(e))) == 11
    assert shown[0] == "100,000 nodes, 99,999 edges in 12 bands of equal depth"


def test_a_nan_is_counted_and_does_not_hide_the_range():
    e = Value(float("nan")) * sum(Value(float(i)) for i in range(-2, 3))
    with scope("all"):
        e = e * 1
    groups = cells(draw(e, style="groups")).values()
    assert [[text for text, _ in row][3:6] for row in groups] == [
        ["value, 2 nan", "from -3", "to 2"],
        ["value, 1 nan", "from nan", "to nan"],
    ]


def test_what_is_not_finite_is_marked():
    n, x = Value(float("nan"), "n"), Value(-1.0, "x")
    e = n * x + float("inf") * x
    e.backward()
    picture = draw(e)
    shown = cells(picture).values()
    marked = {text for row in shown for text, colour in row if colour == NOT_FINITE}
    assert marked == {"nan", "-inf"}
    assert all((colour == NOT_FINITE) == (text in marked) for row in shown for text, colour in row)
    labels = re.findall(f'BGCOLOR="{NOT_FINITE}"><FONT COLOR="{INK}">(.*?)<', picture.source)
    assert sorted(labels) == ["∂a/∂x = nan", "∂b/∂x = inf"]
    assert draw(e, style="rows").source.count(NOT_FINITE) >= 5


def test_a_dot_of_sixty_has_a_title_of_a_few():
    e = dot([Value(0.1, f"w{i}") for i in range(60)], [Value(0.2, f"x{i}") for i in range(60)])
    for style in ("tables", "rows"):
        title = next(row[0][0] for row in cells(draw(e, style=style)).values() if "dot" in row[0][0])
        assert title == "a = dot(w0, w1, w2, …, x57, x58, x59)"


def test_a_condition_that_is_a_number_is_true_or_false():
    x = Value(2.0, "x")
    assert "c = where(True, a, b)" in texts(draw(where(x > 0, x.log(), x * 2)))
    assert "c = where(False, a, b)" in texts(draw(where(x < 0, x.log(), x * 2)))


# ---- texts in their boxes --------------------------------------------------------------------------

SVG = "{http://www.w3.org/2000/svg}"


@given(expressions(wild=True))
@settings(max_examples=20)
def test_no_text_is_wider_than_its_box(root):
    root.label = "w₁₁⁽¹⁾ → ∂ω"
    picture = draw(root - (-1.0768), style="tables")
    assert any("w₁₁⁽¹⁾ → ∂ω - -1.0768" in text for text in texts(picture))
    boxes = 0
    for group in ET.fromstring(picture.svg).iter(f"{SVG}g"):
        box = None
        for element in group:
            if element.tag == f"{SVG}polygon":
                box = [float(point.split(",")[0]) for point in element.get("points").split()]
            elif element.tag == f"{SVG}text" and group.get("class") == "node" and element.text.strip():
                assert element.get("text-anchor") == "middle"
                middle, wide = float(element.get("x")), float(element.get("textLength"))
                assert min(box) < middle - wide / 2
                assert middle + wide / 2 < max(box)
                boxes += 1
    assert boxes


def test_a_letter_beyond_ascii_is_as_wide_as_any():
    def width(label):
        return re.search(r'<svg [^>]*width="(\d+)pt"', draw(Value(1.0, label)).svg)[1]

    assert width("w₁₁⁽¹⁾ ∂ω……") == width("w11(1) d_..")
    assert width("权重权重权重") == width("wwwwwwwwwwww")


def test_the_text_of_a_picture_is_what_it_would_be_without_stand_ins():
    names = ["~0~~~~~~", "…~…~…~…", "~1~~~~~~", "ωωωωωωωω", "⁽⁽⁽⁽⁽⁽⁽⁽", "&é<>\\n"]
    e = sum((Value(1.0, name) for name in names), Value(0.0, "x"))
    shown = texts(draw(e))
    for name in names:
        assert name in shown


# ---- colours ---------------------------------------------------------------------------------------


def channels(colour):
    return [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]


def hue(colour):
    return colorsys.rgb_to_hsv(*channels(colour))[0] * 360


def test_gradients_are_tinted_by_sign_and_size():
    x = Value(1.0, "x")
    y = x * 2
    y.grad = 100.0

    def colour(gradient):
        x.grad = gradient
        return cells(draw(y))["n0"][-1][1]

    shades = [colour(g) for g in (0.0, 1.0, 10.0, 100.0)]
    saturation = [max(c) - min(c) for c in map(channels, shades)]
    assert saturation == sorted(set(saturation))
    assert shades[0] == "#ffffff"
    assert 180 < hue(shades[3]) < 240
    assert 15 < hue(colour(-100.0)) < 45
    assert colour(float("nan")) == colour(float("-inf")) == NOT_FINITE
    y.grad = 5e-324
    assert colour(1e308) == "#6baed6"


def contrast(one, other):
    """The contrast ratio of WCAG 2."""

    def luminance(colour):
        linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in channels(colour)]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_dark_pages_have_dark_pictures():
    e = article() + float("nan") * Value(-1.0) - article()
    e.backward()
    svg = draw(e).svg
    used = set(re.findall(r'(fill|stroke)="(#\w{6})"', svg))
    style = re.search("<style>(.*)</style>", svg)[1]
    for page in (
        '@media (prefers-color-scheme:dark){svg.autograd-mini:not([data-theme="light"] *,',
        ':is([data-theme="dark"],[data-jp-theme-light="false"]) svg.autograd-mini ',
    ):
        assert page in style
    dark = {}
    for what, colour in used:
        found = set(re.findall(rf'\[{what}="{colour}"\]{{{what}:(#\w{{6}})}}', style))
        assert len(found) == 1
        dark[colour] = found.pop()
    grounds = [colour for what, colour in used if what == "fill" and colour not in (INK, LINE)]
    assert {PAPER, INTERIOR, LEAF, NOT_FINITE} < {*grounds}
    for ground in grounds:
        assert contrast(dark[INK], dark[ground]) >= 4.5, ground
        assert contrast(dark[ground], "#000000") < contrast(dark[ground], "#ffffff")
    assert contrast(dark[LINE], "#131416") >= 4.5


def test_everything_can_be_read_on_light_and_on_dark():
    full = ["#" + "".join(f"{c:02x}" for c in tint) for tint in (POSITIVE, NEGATIVE)]
    for ground in (PAPER, INTERIOR, LEAF, NOT_FINITE, *full):
        assert contrast(INK, ground) >= 7
    assert contrast(LINE, "#ffffff") >= 4.5
    assert contrast(LINE, "#000000") >= 4.5
    assert "bgcolor=transparent" in draw(article()).source
    assert 'fill="white"' not in draw(article()).svg


# ---- saved and shown -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name, start",
    [("e.svg", b"<?xml"), ("e.PNG", b"\x89PNG"), ("e.dot", b"digraph {"), ("e.gv", b"digraph {")],
)
def test_saved_by_suffix(tmp_path, name, start):
    draw(article()).save(tmp_path / name)
    assert (tmp_path / name).read_bytes().startswith(start)
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("name", ["e", "e.jpeg", "e.svg.gz", ".svg"])
def test_another_suffix_is_refused(tmp_path, name):
    with pytest.raises(ValueError, match=r"no kind of picture ends so; end the name in \.svg, \.png"):
        draw(article()).save(tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_without_a_renderer_dot_is_saved_and_the_prompt_goes_on(tmp_path, monkeypatch):
    monkeypatch.setenv("AUTOGRAD_MINI_DOT", "/no/such/dot")
    picture = draw(article())
    picture.save(tmp_path / "e.dot")
    assert picture._repr_svg_() is None
    assert repr(picture).startswith("<Picture: 5 nodes, 5 edges; cannot be shown: AUTOGRAD_MINI_DOT: ")
    with pytest.raises(RenderError):
        picture.save(tmp_path / "e.svg")
    assert [path.name for path in tmp_path.iterdir()] == ["e.dot"]


def test_without_a_renderer_jupyter_shows_the_tree_and_how_to_get_pictures(monkeypatch):
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr("importlib.metadata.files", lambda name: None)
    e = article()
    e.operands[0].operands[1].label = "<b>"
    picture = draw(e)
    assert picture._repr_svg_() is None
    words = picture._repr_html_()
    assert f"<pre>{html.escape(str(tree(e)))}</pre>" in words
    assert "&lt;b&gt;" in words
    assert "5 nodes, 5 edges; no Graphviz `dot` was found on PATH; pip install" in words


def test_jupyter_shows_the_svg():
    picture = draw(article())
    assert picture._repr_svg_() == picture.svg
    assert picture._repr_html_() is None
    assert repr(picture) == "<Picture: 5 nodes, 5 edges>"


def test_a_wide_picture_scrolls_instead_of_being_shrunk(monkeypatch):
    picture = draw(sum(Value(1.0) * Value(2.0) for _ in range(20)), style="rows")
    box, _, svg = picture._repr_html_().partition("<svg ")
    assert box == '<div style="overflow-x: auto">'
    assert picture.svg.endswith(svg.removesuffix("</div>"))


def test_what_is_added_to_the_graph_is_on_the_picture():
    picture = draw(article())
    assert "more" not in picture.svg
    picture.graph.node("more")
    assert "more" in picture.svg


def test_a_very_large_png_is_coarser(tmp_path):
    def pixels_per_point(root):
        picture = draw(root, style="rows")
        width = float(re.search(r'width="([\d.]+)pt"', picture.svg)[1])
        return int.from_bytes(picture.png[16:20], "big") / width

    assert pixels_per_point(article()) == pytest.approx(96 / 72, rel=0.02)
    assert 60 / 72 <= pixels_per_point(sum(Value(1.0) * Value(2.0) for _ in range(80))) < 90 / 72


def test_what_is_no_value_or_no_style_is_refused():
    with pytest.raises(TypeError, match=r"^draw\(root\): expected a Value, got float; draw what"):
        draw(3.0)
    with pytest.raises(ValueError, match=r"^draw\(style='bars'\): no such style; say \"tables\""):
        draw(article(), style="bars")


def test_the_graph_can_be_added_to():
    picture = draw(article())
    picture.graph.node("note", "mine")
    assert isinstance(picture, Picture)
    assert "mine" in texts(picture)
