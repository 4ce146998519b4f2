"""What a live page is made of: one small file, its data safe, its libraries those that were checked."""

import base64
import functools
import hashlib
import html
import json
import re
from pathlib import Path

import pytest

import autograd_mini
from autograd_mini import ExpressionError, RenderError, Value, explore, ledger, primitive, scope
from autograd_mini.engine.table import TABLE
from autograd_mini.page.explore import VENDORED

HOSTILE = [
    "</script><script>window.owned = 1</script>",
    "<img src=x onerror=window.owned=1>",
    "'\"><svg onload=window.owned=1>",
    "{{SCRIPT}} ${window.owned = 1} `",
    "]]> --> <!-- \u2028 &lt;",
]


def article():
    a, b = Value(2.0, label="a"), Value(1.0, label="b")
    return (a + b) * (b + 1)


def data_of(page):
    return json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', page.html)[1])


def test_one_file_without_network_under_300_kilobytes():
    page = explore()
    assert len(page.html.encode()) < 300_000
    assert not re.search(r"<(?:link|img|iframe|object|embed|base)\b", page.html)
    assert not re.search(r"\b(?:src|href)=[\"']", page.html.split("<script", 1)[0])
    assert not re.search(
        r"\bfetch\(|XMLHttpRequest|WebSocket|EventSource|sendBeacon|@import|url\(", page.html
    )
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', page.html)[1]
    assert policy.startswith("default-src 'none'; script-src 'sha256-")
    assert "unsafe" not in policy


def test_only_the_pages_own_scripts_and_style_may_run():
    text = explore().html
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', text)[1]
    inside = re.findall(r"<script(?: type=\"module\")?>(.*?)</script>|<style>(.*?)</style>", text, re.S)
    assert len(inside) == 3
    for script, style in inside:
        digest = base64.b64encode(hashlib.sha256((script or style).encode()).digest()).decode()
        assert f"'sha256-{digest}'" in policy


def test_libraries_are_those_that_were_checked():
    folder = Path(autograd_mini.__file__).parent / "page" / "vendor"
    facts = json.loads((folder / "vendored.json").read_text())
    assert list(facts) == sorted(facts, key=list(facts).index)
    assert (
        set(facts) == set(VENDORED) == {path.name.removesuffix(".min.js") for path in folder.glob("*.js")}
    )
    licences = (folder / "LICENSES.txt").read_text()
    for name, fact in facts.items():
        content = (folder / f"{name}.min.js").read_bytes()
        assert hashlib.sha256(content).hexdigest() == fact["sha256"], name
        assert f"{fact['package']} {fact['version']}" in licences
        assert fact["copyright"] in licences
        assert fact["licence"] in ("MIT", "ISC", "BSD-3-Clause")


def test_an_expression_is_given_as_text_and_a_value_as_nodes():
    page = data_of(explore("s = x*x; s + s*s*s", x=3))
    assert (page["expression"], page["numbers"]) == ("s = x*x; s + s*s*s", [["x", 3.0]])
    assert [item["label"] for item in page["items"]] == ["x", "s", "a", "b", "c"]
    page = data_of(explore(article()))
    assert (page["expression"], page["numbers"]) == (None, [])
    assert page["items"][-1] == {"op": "mul", "operands": [2, 3], "label": "e", "scope": [], "value": None}
    assert page["items"][3]["operands"] == [1, "1.0"]
    with_value = data_of(explore("s + s*s*s", s=article()))
    assert with_value["expression"] is None
    assert data_of(explore("s + s*s*s", s=9))["numbers"] == [["s", 9.0]]
    assert data_of(explore("a*inf", a=float("nan")))["numbers"] == [["a", "NaN"]]


def test_without_an_expression_the_page_shows_its_lesson():
    assert data_of(explore())["numbers"] == [["x", 3.0]]
    assert data_of(explore(language="zh"))["language"] == "zh"


def test_scopes_of_a_large_graph_are_closed_at_first():
    x = Value(1.0, "x")
    for i in range(40):
        with scope(f"layer {i // 20}"):
            x = (x * 1.1).tanh()
    assert data_of(explore(x))["closed"] == ["layer 0", "layer 1"]


@pytest.mark.parametrize("label", HOSTILE, ids=range(len(HOSTILE)))
def test_no_label_ends_the_data(label):
    page = explore(Value(2.0, label) * Value(3.0, f"{label}::x"))
    assert page.html.count("</script>") == 3
    assert data_of(page)["items"][0]["value"] == "2.0"


def test_saved_whole_and_shown_in_a_frame(tmp_path):
    page = explore(article())
    page.save(tmp_path / "page.html")
    assert (tmp_path / "page.html").read_text("utf-8") == page.html
    frame = page._repr_html_()
    assert html.unescape(re.search(r'srcdoc="([^"]*)"', frame)[1]) == page.html
    assert 'sandbox="allow-scripts"' in frame
    assert repr(page) == '<Page: 5 nodes, 5 edges; save it with .save("page.html")>'
    with pytest.raises(RenderError, match=r"cannot be written: No such file or directory"):
        page.save(tmp_path / "missing" / "page.html")


def test_what_cannot_be_explored_is_refused():
    with pytest.raises(TypeError, match=r"^explore\(e\): expected a Value or an expression, got int; give"):
        explore(3)
    with pytest.raises(TypeError, match=r"^explore\(e, a=…\): numbers belong to the names"):
        explore(article(), a=3)
    with pytest.raises(
        ValueError, match=r"401 nodes and 400 edges .*: explore a part, or look at draw\(e\)"
    ):
        explore(functools.reduce(lambda e, _: -e, range(400), Value(1.0)))
    with pytest.raises(ValueError, match=r"language='de'\): no such language; choose one of"):
        explore(language="de")
    with pytest.raises(ExpressionError, match="no number for b"):
        explore("a*b", a=1)


def test_a_primitive_of_the_users_is_on_the_page_if_it_has_a_definition():
    row = primitive("trebled_example", definition=lambda x: 3.0 * x, partials=[lambda y, x: 3.0])
    opaque = primitive("opaque_page_example", value=lambda x: x, partials=[lambda y, x: 1.0])
    try:
        assert "function trebled_example_(" in explore(row(Value(2.0))).html
        with pytest.raises(ValueError, match="'opaque_page_example' has no function in JavaScript"):
            explore(opaque(Value(2.0)))
    finally:
        del TABLE["trebled_example"], TABLE["opaque_page_example"]


def test_the_same_graph_gives_the_same_page_and_no_grad_is_touched():
    e = article()
    assert explore(e).html == explore(article()).html
    assert all(node.grad == 0 for node in ledger(e).balances)
