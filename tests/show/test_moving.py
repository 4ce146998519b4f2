"""A moving picture shows the payments of the ledger in their order, and at rest the finished picture."""

import re
import xml.etree.ElementTree as ET

import pytest
from hypothesis import given, settings

from autograd_mini import Value, draw, ledger
from autograd_mini.show.text import short
from autograd_mini.testing.strategies import expressions


def article():
    a, b = Value(2.0, label="a"), Value(1.0, label="b")
    return (a + b) * (b + 1)


def texts_of(svg, kind):
    """The texts that stand over the picture, in the order in which they appear."""
    return [
        group[1].text or ""
        for group in ET.fromstring(svg).iter("{http://www.w3.org/2000/svg}g")
        if (group.get("class") or "").split(" ")[0] == kind
    ]


@given(expressions(max_operations=12))
@settings(max_examples=25)
def test_every_payment_moves_in_turn_and_leaves_its_balance(root):
    svg = draw(root, moving=True).svg
    payments = ledger(root)
    assert texts_of(svg, "coin") == [short(p.payment) for p in payments]
    assert texts_of(svg, "balance") == [short(p.balance) for p in payments]
    begins = [
        float(re.search(rf"@keyframes v{i}{{0.00%{{opacity:0}}([\d.]+)%", svg)[1])
        for i in range(len(payments))
    ]
    assert begins == sorted(begins)
    assert all(begin < 100 for begin in begins)


def test_a_coin_goes_along_its_own_edge_from_the_debtor():
    svg = draw(article(), moving=True).svg
    titles = dict(re.findall(r'<g id="(edge\d+)" class="edge">\s*<title>(.*?)</title>', svg))
    edges = re.findall(r"#(edge\d+) path{animation:e", svg)
    assert [titles[edge] for edge in edges] == [
        "n2&#45;&gt;n4",
        "n3&#45;&gt;n4",
        "n0&#45;&gt;n2",
        "n1&#45;&gt;n2",
        "n1&#45;&gt;n3",
    ]
    for i, edge in enumerate(edges):
        path = re.search(rf'<g id="{edge}".*?<path [^>]*?d="(.*?)"', svg, re.S)[1]
        assert f'.c{i}{{offset-path:path("{path}")' in svg
        assert f"@keyframes c{i}{{0.00%{{offset-distance:100%}}" in svg


def test_without_motion_it_is_the_finished_picture():
    e = article()
    svg = draw(e, moving=True).svg
    e.backward()
    still = draw(e).svg
    style, shapes = re.search(r"(<style>.cover.*?</style>)(.*)</g>\s*</svg>", svg, re.S).groups()
    assert svg.replace(style + shapes, "") == still
    assert style.startswith("<style>.cover,.balance,.coin{opacity:0}@media (prefers-reduced-motion:no-pref")
    assert "script" not in svg


def test_gradients_are_those_of_the_root_and_none_is_touched():
    e = article()
    f = e * 3
    f.backward()
    before = e.grad
    assert "grad</text>" in draw(e, moving=True).svg
    assert texts_of(draw(e, moving=True).svg, "balance")[-1] == "5"
    assert e.grad == before == 3.0


def test_more_than_an_eye_can_follow_is_refused():
    e = Value(1.0)
    for _ in range(50):
        e = e.sin()
    with pytest.raises(
        ValueError, match=r"51 nodes are more than an eye can follow: draw a part, of at most 40"
    ):
        draw(e, moving=True)


def test_labels_stay_labels():
    e = Value(1.0, "</style><script>") * Value(2.0, "b")
    assert "<script" not in draw(e, moving=True).svg
