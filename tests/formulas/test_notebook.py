"""Values in Jupyter: mathematics, whatever the number, and never an exception."""

import math
import re

import pytest
from browser import browsing
from hypothesis import given
from hypothesis import strategies as st

from autograd_mini import Value, derivative, draw, explore, ledger, primitive
from autograd_mini.engine.table import TABLE
from autograd_mini.show.paths import paths
from autograd_mini.show.render import RenderError, find_dot
from autograd_mini.show.text import one_line
from autograd_mini.testing.strategies import expressions


@pytest.mark.parametrize(
    ("x", "text"),
    [
        (2.0, "2"),
        (math.inf, r"\infty"),
        (-math.inf, r"-\infty"),
        (1.5e-9, r"1.5 \cdot 10^{-9}"),
        (math.nan, "nan"),
    ],
)
def test_a_value_is_a_formula_and_its_number(x, text):
    assert Value(x, "a")._repr_latex_() == f"$a = {text}$"


def test_what_cannot_be_written_falls_back_silently(monkeypatch):
    monkeypatch.setattr("autograd_mini.formulas.notebook.latex", lambda v: 1 / 0)
    assert Value(1.0)._repr_latex_() is None


def shown(root):
    """All that Jupyter is offered of a graph."""
    leaf = next(iter(ledger(root).gradient))
    return [
        root._repr_latex_(),
        derivative(root, leaf)._repr_latex_(),
        draw(root)._repr_svg_(),
        draw(root)._repr_html_(),
        ledger(root)._repr_html_(),
        paths(root, leaf)._repr_html_(),
        explore(root)._repr_html_() if len(ledger(root)) < 1000 else None,
        repr(root),
    ]


@given(expressions(), st.sampled_from([math.nan, math.inf, -1e300, 5e-324, -0.0]), st.text())
def test_whatever_the_numbers_and_labels_nothing_is_raised(root, number, label):
    root = root * Value(number, label) + number
    root.backward()
    for text in shown(root):
        assert text is None or text


def test_large_graphs_and_a_custom_row_without_latex_are_shown():
    squares, chain = Value(1.0001, "x"), Value(0.5, "x")
    for _ in range(60):
        squares = squares * squares
    for _ in range(20_000):
        chain = -chain
    odd = primitive(
        "odd_one", "x y", partials=[lambda z, x, y: y, lambda z, x, y: x], definition=lambda x, y: x * y
    )
    del TABLE["odd_one"]
    custom = odd(Value(2.0, "a"), Value(3.0, "b")) + 1
    for root in (squares, chain, custom):
        for text in shown(root)[:3]:
            assert len(text or "") < 500_000
    assert r"odd" in custom._repr_latex_()


# ---- in a browser ----------------------------------------------------------------------------------

HOSTILE = [
    "</svg><script>window.owned = 1</script>",
    '<img src=x onerror="window.owned = 1">',
    "]]> <!-- <script>window.owned = 1",
    "\"quoted\" & 'twice' \\",
    "two\nlines",
    "x" * 10_000,
    "שלום עולם",
    "权重 😀",
]


@pytest.fixture(scope="module")
def browser():
    with browsing() as found:
        yield found


def page(browser, tmp_path, *parts, ground="#ffffff"):
    path = tmp_path / "page.html"
    body = "\n".join(part[part.find("<svg ") :] if "<svg " in part else part for part in parts)
    path.write_text(f'<!DOCTYPE html><meta charset="utf-8"><body style="background: {ground}">{body}')
    browser.open(path.as_uri())


def renderer_found():
    try:
        return bool(find_dot())
    except RenderError:
        return False


@pytest.mark.skipif(not renderer_found(), reason="no Graphviz")
@pytest.mark.parametrize("label", HOSTILE, ids=range(len(HOSTILE)))
def test_a_label_is_text_on_a_real_page(browser, tmp_path, label):
    leaf = Value(2.0, label)
    e = leaf * leaf + 1
    page(browser, tmp_path, draw(e).svg, ledger(e)._repr_html_(), paths(e, leaf)._repr_html_())
    assert browser.run(
        "return [window.owned ?? null, document.images.length, document.scripts.length]"
    ) == [None, 0, 0]
    words = browser.run("return ['svg', 'table', 'pre'].map(e => document.querySelector(e).textContent)")
    assert all(one_line(label) in re.sub("\u200e", "", text) for text in words)


CLIPPED = """
return [...document.querySelectorAll('svg .node')].flatMap(node => {
  const cells = [...node.querySelectorAll('polygon')].map(e => e.getBBox());
  return [...node.querySelectorAll('text')].filter(text => {
    const t = text.getBBox();
    return !cells.some(c => c.x - 1 <= t.x && t.x + t.width <= c.x + c.width + 1
      && c.y - 1 <= t.y && t.y + t.height <= c.y + c.height + 1);
  }).map(text => text.textContent);
})
"""


@pytest.mark.skipif(not renderer_found(), reason="no Graphviz")
@pytest.mark.parametrize("style", ["tables", "rows", "groups"])
def test_every_text_of_a_picture_lies_in_its_cell(browser, tmp_path, style):
    x, w = Value(-1.5e-7, "权重"), Value(2 / 3, "a rather long name of a weight")
    e = (x * w).tanh() + w / 7 - 123456.789
    e.backward()
    page(browser, tmp_path, draw(e, style=style).svg)
    assert browser.run("return document.querySelectorAll('svg text').length") >= 3
    assert browser.run(CLIPPED) == []


@pytest.fixture(autouse=True)
def same_table():
    before = list(TABLE)
    yield
    assert list(TABLE) == before
