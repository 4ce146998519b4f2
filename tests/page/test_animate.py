"""The page tells the ledger's story, tells the two wrong ones truly, and runs nothing that a label says."""

import base64
import contextlib
import functools
import hashlib
import html
import http.server
import json
import math
import re
import threading
import time

import pytest
from browser import browsing
from hypothesis import given

from autograd_mini import Value
from autograd_mini.engine.value import evaluation_order
from autograd_mini.page.animate import animate
from autograd_mini.show.ledger import ledger
from autograd_mini.show.names import names
from autograd_mini.show.paths import visits
from autograd_mini.show.render import RenderError
from autograd_mini.show.text import isolated, one_line, short
from autograd_mini.testing.strategies import expressions

HOSTILE = [
    "</script><script>window.owned = 1</script>",
    '<img src=x onerror="window.owned = 1">',
    "<!-- <script>",
    "{{DATA}} {{SCRIPT}}",
    "javascript:window.owned=1//\"'`${window.owned=1}",
    "\u2028window.owned=1\u2029",
    "two\nlines",
    "nul\0",
    "x" * 10_000,
    "שלום",
    "權重 😀",
    "\ud800",
]


def article():
    a, b = Value(2.0, label="a"), Value(1.0, label="b")
    return (a + b) * (b + 1)


def shared(depth=2):
    x = Value(1.5, "x")
    y = x + 1
    for _ in range(depth):
        y = y * y
    return y


def data(animation):
    text = re.search(r'<script id="data" type="application/json">(.*?)</script>', animation.html, re.S)[1]
    return json.loads(text)


def held(walk, until=None):
    """What each node is shown to hold after so many steps."""
    return {step["node"]: step["balance"] for step in walk["steps"][:until]}


# ---- what is worked out ----------------------------------------------------------------------------


def test_the_article_s_story():
    page = data(animate(article()))
    assert [node["says"] for node in page["nodes"]] == [
        "a = 2",
        "b = 1",
        "c = a + b = 3",
        "d = b + 1 = 2",
        "e = c * d = 6",
    ]
    assert [step["says"] for step in page["walks"][0]["steps"]] == [
        "e starts with 1.",
        "e pays c: 1 × 2 = 2; c now holds 2.",
        "e pays d: 1 × 3 = 3; d now holds 3.",
        "c pays a: 2 × 1 = 2; a now holds 2.",
        "c pays b: 2 × 1 = 2; b now holds 2 and waits for 1 more.",
        "d pays b: 3 × 1 = 3; b now holds 5.",
    ]
    assert [step["says"] for step in page["walks"][1]["steps"]] == [
        "a sets out.",
        "a asks c: × 1 makes 1, but c is owed itself.",
        "a asks e: × 2 makes 2, which it gets; a now holds 2.",
        "b asks c: × 1 makes 1, but c is owed itself.",
        "b asks e: × 2 makes 2, which it gets; b now holds 2.",
        "b asks d: × 1 makes 1, but d is owed itself.",
        "b asks e: × 3 makes 3, which it gets; b now holds 5.",
    ]
    assert page["walks"][1]["verdict"] == "The same gradient, with 6 visits instead of 5."


@given(expressions())
def test_the_sweep_is_the_ledger(root):
    page = data(animate(root))
    book, order = ledger(root), evaluation_order(root)
    sweep = page["walks"][0]["steps"]
    assert len(sweep) == 1 + len(book) == 1 + len(page["payments"])
    for step, payment, row in zip(sweep[1:], book, page["payments"], strict=True):
        edge = page["edges"][step["edge"]]
        assert order[edge["operand"]] is order[step["node"]] is payment.creditor
        assert order[edge["result"]] is payment.debtor
        assert step["balance"] == row[-1] == short(payment.balance)
        assert edge["derivative"] == short(payment.derivative)
    assert sorted(step["edge"] for step in sweep[1:]) == sorted({step["edge"] for step in sweep[1:]})
    assert {order[i]: x for i, x in held(page["walks"][0]).items()} == {
        node: short(balance) for node, balance in book.balances.items()
    }


@given(expressions())
def test_a_node_pays_only_when_it_is_full(root):
    page = data(animate(root))
    share = {}
    for step in page["walks"][0]["steps"]:
        if step["edge"] is not None:
            assert share[page["edges"][step["edge"]]["result"]] == 1
        share[step["node"]] = step["share"]
    assert set(share.values()) == {1}


@given(expressions(words=["+", "*", "tanh"]))
def test_collecting_path_by_path_ends_with_the_same_gradient(root):
    walk = data(animate(root))["walks"][1]
    total = visits(root).path_by_path
    assert walk["total"] == f"{total:,}"
    assert len(walk["steps"]) <= 301
    if len(walk["steps"]) == total + 1:
        order = evaluation_order(root)
        found = {order[i]: float(x) for i, x in held(walk).items()}
        for leaf, derivative in ledger(root).gradient.items():
            if leaf in found:
                assert math.isclose(found[leaf], derivative, rel_tol=1e-4, abs_tol=1e-9)
        assert "The same gradient" in walk["verdict"]


@given(expressions(words=["+", "*", "tanh"], max_operations=6))
def test_the_recursion_is_the_one_learners_write(root):
    balance = {node: 0.0 for node in evaluation_order(root)} | {root: 1.0}
    walked = []

    def repay(node):
        for x, derivative in node.edges():
            balance[x] += balance[node] * derivative
            walked.append((x, node))
        for x, _ in node.edges():
            repay(x)

    repay(root)
    walk = data(animate(root))["walks"][2]
    assert walk["total"] == f"{len(walked):,}"
    if len(walked) <= 300:
        order = evaluation_order(root)
        assert {order[i]: x for i, x in held(walk).items()} == {
            x: short(balance[x]) for x in {root, *(x for x, _ in walked)}
        }


def test_the_recursion_goes_wrong_where_a_result_is_used_twice():
    page = data(animate(shared()))
    x = [node["says"] for node in page["nodes"]].index("x = 1.5")
    assert held(page["walks"][0])[x] == "62.5"
    assert held(page["walks"][2])[x] != "62.5"
    assert page["walks"][2]["verdict"].startswith("Wrong: x holds ")
    assert page["walks"][2]["verdict"].endswith(" and should hold 62.5.")
    assert max(step["share"] for step in page["walks"][2]["steps"]) > 1
    assert "Right this time" in data(animate(article()))["walks"][2]["verdict"]


def test_exponential_walks_are_counted_and_cut():
    page = data(animate(shared(depth=200)))
    assert [walk["total"] for walk in page["walks"]] == ["401", "about 3.23e+62", "about 4.82e+60"]
    assert all(len(walk["steps"]) <= 402 for walk in page["walks"])
    assert (
        page["walks"][1]["verdict"]
        == "Stopped after 401 visits of about 3.23e+62; in order, 401 are enough."
    )


def test_nothing_is_changed():
    e = article()
    e.backward()
    animate(e)
    assert [v.grad for v in evaluation_order(e)] == [2.0, 5.0, 2.0, 3.0, 1.0]


def test_odd_numbers_and_untaken_branches():
    x = Value(0.0, "x")
    page = data(animate(x.less(1.0).where(x.log(), x.exp()) * Value(float("nan"), "n")))
    assert {step["sign"] for step in page["walks"][0]["steps"]} == {"plus", "odd"}
    assert sum(edge["derivative"] is None for edge in page["edges"]) == 3


def test_a_lone_leaf_has_no_debts():
    page = data(animate(Value(3.0, "x")))
    assert [len(walk["steps"]) for walk in page["walks"]] == [1, 0, 1]


# ---- the page --------------------------------------------------------------------------------------


def hundred():
    xs = [Value(0.1 * i - 0.4, f"x{i}") for i in range(8)]
    while len(xs) < 108:
        xs.append(xs[-1] * xs[-7] if len(xs) % 3 else (xs[-2] - xs[-5]).tanh())
    return xs[-1]


def test_a_hundred_nodes_fit_in_200_kb():
    root = hundred()
    assert len(evaluation_order(root)) >= 100
    assert len(animate(root).html.encode()) <= 200_000


def test_nothing_comes_from_elsewhere_and_only_our_script_runs():
    page = animate(article()).html
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', page)[1]
    script = re.search(r"<script>(.*?)</script>", page, re.S)[1]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert policy == f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'"
    assert not re.search(r"\b(src|href)=|@import|url\(|fetch\(|XMLHttp|WebSocket|innerHTML", page)
    assert set(re.findall(r"https?://[^\s\"']+", page)) == {"http://www.w3.org/2000/svg"}


@pytest.mark.parametrize("label", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_labels_are_data(label):
    leaf = Value(1.0, label)
    page = animate(leaf * leaf).html
    plain = animate(Value(1.0, "x") * Value(1.0, "x")).html
    assert page.lower().count("<script") == plain.lower().count("<script") == 2
    assert page.lower().count("</script") == 2
    assert page.count("<!--") == 0
    assert data(animate(leaf * leaf))["nodes"][0]["text"] == isolated(one_line(label))


def test_saved_whole_and_shown_in_a_frame(tmp_path):
    animation = animate(article())
    animation.save(tmp_path / "debts.html")
    assert (tmp_path / "debts.html").read_text("utf-8") == animation.html
    frame = animation._repr_html_()
    assert html.unescape(re.search(r'srcdoc="([^"]*)"', frame)[1]) == animation.html
    assert 'sandbox="allow-scripts"' in frame
    with pytest.raises(RenderError, match=r"cannot be written: No such file or directory"):
        animation.save(tmp_path / "missing" / "debts.html")


def test_what_cannot_be_animated_is_refused():
    with pytest.raises(TypeError, match=r"^animate\(root\): expected a Value, got int; give what"):
        animate(3)
    with pytest.raises(
        ValueError, match=r"401 nodes and 400 edges are more .*: animate a part, or look at draw"
    ):
        animate(functools.reduce(lambda e, _: -e, range(400), Value(1.0)))


def test_the_same_graph_gives_the_same_page():
    assert animate(article()).html == animate(article()).html


# ---- in a browser ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def browser():
    with browsing() as found:
        yield found


SEEN = """
const text = selector => [...document.querySelectorAll(selector)].map(e => e.textContent);
return {
  caption: byId("caption").textContent, step: slider.value, last: slider.max,
  right: text("#right .says")[0], other: text("#other .says")[0],
  grads: text("#right .grad"), others: text("#other .grad"),
  now: document.querySelectorAll("#right .edge.now").length, parties: text("#right .party .name"),
  row: text("#ledger tr.now"), unborn: text("#right .unborn .name"), over: text("#other .over .name"),
};
"""
LEFT, RIGHT, HOME, END = "\ue012", "\ue014", "\ue011", "\ue010"


@pytest.fixture
def show(browser, tmp_path):
    """Open a page and return a function that tells what is seen."""

    def opened(root):
        path = tmp_path / "page.html"
        animate(root).save(path)
        browser.open(path.as_uri())
        return lambda: browser.run(SEEN)

    yield opened
    assert browser.complaints() == []


def test_keys_go_through_the_story(browser, show):
    seen = show(article())
    assert seen()["unborn"] == ["a", "b", "c = a + b", "d = b + 1", "e = c * d"]
    browser.press(RIGHT, RIGHT, RIGHT)
    assert seen()["caption"] == "Forward: c = a + b = 3"
    assert seen()["unborn"] == ["d = b + 1", "e = c * d"]
    browser.press(*[RIGHT] * 5)
    now = seen()
    assert now["right"] == "2 of 5 edge visits. e pays d: 1 × 3 = 3; d now holds 3."
    assert now["grads"] == ["", "", "2", "3", "1"]
    assert now["parties"] == ["d = b + 1", "e = c * d"]
    assert now["row"] == ["e133d3"]
    assert now["now"] == 1
    browser.press(LEFT)
    assert seen()["row"] == ["e122c2"]
    browser.press(END)
    now = seen()
    assert now["step"] == now["last"] == "12"
    assert now["grads"] == ["2", "5", "2", "3", "1"]
    assert now["right"] == "5 of 5 edge visits. Done: each edge was walked once."
    assert now["other"] == "6 of 6 edge visits. The same gradient, with 6 visits instead of 5."
    assert now["others"] == ["2", "5", "", "", ""]
    browser.press(RIGHT)
    assert seen() == now
    browser.press(HOME, LEFT)
    assert seen()["step"] == "0"


def test_the_wrong_order_runs_beside_the_right_one(browser, show):
    seen = show(shared())
    browser.run("byId('choice').value = '2'; byId('choice').dispatchEvent(new Event('change'))")
    browser.press(END)
    now = seen()
    assert now["grads"][0] == "62.5"
    assert now["others"][0] != "62.5"
    assert now["other"].endswith(f"Wrong: x holds {now['others'][0]} and should hold 62.5.")
    assert "x" in now["over"]


def test_space_plays_and_pauses(browser, show):
    seen = show(article())
    browser.press(" ")
    assert browser.run("return byId('play').textContent") == "pause"
    deadline = time.monotonic() + 30
    while seen()["step"] == "0" and time.monotonic() < deadline:
        time.sleep(0.05)
    browser.press(" ")
    stopped = seen()["step"]
    assert int(stopped) > 0
    assert browser.run("return [byId('play').textContent, playing]") == ["play", None]


def test_the_slider_and_the_rows_of_the_ledger_lead_anywhere(browser, show):
    seen = show(article())
    browser.run("slider.value = 9; slider.dispatchEvent(new Event('input'))")
    assert seen()["row"] == ["c212a2"]
    browser.run("byId('ledger').tBodies[0].rows[4].click()")
    assert seen()["right"].startswith("5 of 5 edge visits.")


@pytest.mark.parametrize("label", HOSTILE, ids=range(len(HOSTILE)))
def test_no_label_runs(browser, show, label):
    leaf = Value(2.0, label)
    seen = show(leaf * leaf + 1)
    browser.press(END)
    assert browser.run(
        "return [window.owned ?? null, document.images.length, document.scripts.length]"
    ) == [
        None,
        0,
        2,
    ]
    assert browser.run("return document.querySelector('#right .name').textContent") == isolated(
        one_line(label)
    )
    assert seen()["grads"][0] == "4"


def test_a_hundred_nodes_are_in_their_places(browser, show):
    root = hundred()
    show(root)
    browser.press(END)
    boxes = browser.run(
        "return [...document.querySelectorAll('#right .box')]"
        ".map(e => e.getBoundingClientRect()).map(r => [r.left, r.top, r.right, r.bottom])"
    )
    called = names(root)
    assert len(boxes) == len(called)
    for i, (left, top, right, bottom) in enumerate(boxes):
        for other in boxes[:i]:
            assert right <= other[0] or other[2] <= left or bottom <= other[1] or other[3] <= top
    overflowing = browser.run(
        "return [...document.querySelectorAll('#right g')].filter(g => g.querySelector('.box'))"
        ".map(g => ['.name', '.box'].map(part => g.querySelector(part).getBBox().width))"
        ".filter(([name, box]) => name > box).length"
    )
    assert overflowing == 0


def test_the_numbers_on_edges_do_not_lie_on_each_other(browser, show):
    x = Value(1.23456e-5, "x")
    show(x * x * (x * 1.23456e-5))
    places = browser.run(
        "return [...document.querySelectorAll('#right .edge text')]"
        ".map(e => e.getBBox()).map(r => [r.x, r.y, r.x + r.width, r.y + r.height])"
    )
    assert len(places) == 5
    for i, (left, top, right, bottom) in enumerate(places):
        for other in places[:i]:
            apart = right <= other[0] or other[2] <= left
            assert apart or bottom - 2 <= other[1] or other[3] - 2 <= top


@pytest.mark.parametrize("steps", [40, 200])
def test_what_happens_now_is_in_sight(browser, show, steps):
    show(hundred())
    browser.run("go(arguments[0])", steps)
    inside = browser.run("""
        const outer = document.querySelector('#right .scroll').getBoundingClientRect();
        return [...document.querySelectorAll('#right .party .box')].map(e => e.getBoundingClientRect())
            .map(r => r.top >= outer.top && r.bottom <= outer.bottom)""")
    assert inside == ([True] if steps < 100 else [True, True])


def test_arrows_go_down_to_who_is_paid_and_up_to_who_is_asked(browser, show):
    show(article())
    browser.run("go(10)")
    tips = browser.run(
        "return ['right', 'other'].map(id => document.querySelector(`#${id} .now .tip`).getAttribute('d'))"
    )
    down, up = (
        [[*map(float, p.split(","))] for p in re.findall(r"[-\d.e]+,[-\d.e]+", tip)] for tip in tips
    )
    assert down[0][1] > max(down[1][1], down[2][1])
    assert up[0][1] < min(up[1][1], up[2][1])


def test_it_fits_a_telephone(browser, show):
    show(article())
    browser.call(
        "/goog/cdp/execute",
        {
            "cmd": "Emulation.setDeviceMetricsOverride",
            "params": {"width": 360, "height": 700, "deviceScaleFactor": 2, "mobile": True},
        },
    )
    try:
        assert browser.run("go(9); return [document.documentElement.scrollWidth, innerWidth]") == [360, 360]
    finally:
        browser.call("/goog/cdp/execute", {"cmd": "Emulation.clearDeviceMetricsOverride", "params": {}})


def test_the_frame_in_a_notebook_works_and_is_shut_in(browser, tmp_path):
    frame = animate(article())._repr_html_()
    page = f"<!DOCTYPE html><title>notebook</title><body>{frame}</body>"

    class Notebook(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.end_headers()
            self.wfile.write(page.encode())

        def log_message(self, *arguments):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Notebook) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            browser.open(f"http://127.0.0.1:{server.server_port}/")
            element = browser.run("return document.querySelector('iframe')")
            browser.call("/frame", {"id": element})
            assert browser.run("go(99); return document.querySelector('#right .grad').textContent") == "2"
            assert browser.run("try { return top.document.title } catch { return null }") is None
        finally:
            browser.call("/frame/parent")
            server.shutdown()
            thread.join()
    with contextlib.suppress(AssertionError):
        browser.complaints()  # the refused look at the page around is logged: not for the next test
