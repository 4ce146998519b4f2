"""A picture of the backward sweep in motion: an SVG that moves with CSS alone, without a script.

At rest, and for readers who want no motion, it is the finished picture.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from autograd_mini.engine.value import Value
from autograd_mini.show.ledger import ledger
from autograd_mini.show.text import short

__all__ = ["moving"]

PAYMENT: Final = 1.4
"""How many seconds a payment takes."""
PAUSE: Final = 3.0
"""How many seconds the finished picture stands before it all begins again."""

_EDGE: Final = re.compile(r'<g id="edge(\d+)" class="edge">.*?<path [^>]*?d="([^"]*)"', re.DOTALL)
_NODE: Final = re.compile(r'<g id="node\d+" class="node">\s*<title>n(\d+)</title>(.*?)</g>', re.DOTALL)


def moving(svg: str, root: Value, nodes: Sequence[Value]) -> str:
    """Return the picture of `nodes`, tables drawn in this order, with the payments of `root` in motion."""
    paths = {int(number): path for number, path in _EDGE.findall(svg)}
    cells = {nodes[int(number)]: _last_cell(inside) for number, inside in _NODE.findall(svg)}
    numbers = _edge_numbers(nodes)
    payments = ledger(root)
    seconds = PAYMENT * len(payments) + PAUSE
    shapes = [_cover(cells[node], "") for node in nodes if node is not root]
    rules = []
    for i, payment in enumerate(payments):
        start, end = (100 * PAYMENT * (i + part) / seconds for part in (0.1, 0.9))
        edge = next(numbers[payment.debtor])
        shapes.append(_cover(cells[payment.creditor], short(payment.balance), f"b{i}"))
        shapes.append(_coin(short(payment.payment), f"c{i}"))
        there, back = "offset-distance:100%", "offset-distance:0%"  # a debt goes against the arrow
        rules += [
            _keyframes(f"b{i}", {0: "opacity:0", end: "opacity:1", 100: "opacity:1"}),
            _keyframes(f"e{i}", {0: "stroke-width:1", start: "stroke-width:4", end: "stroke-width:1"}),
            _keyframes(f"c{i}", {0: there, start: there, end: back, 100: back}),
            _keyframes(f"v{i}", {0: "opacity:0", start: "opacity:1", end: "opacity:0"}),
            f".b{i}{{animation:b{i} {seconds:.1f}s step-end infinite}}",
            f"#edge{edge} path{{animation:e{i} {seconds:.1f}s step-end infinite}}",
            f'.c{i}{{offset-path:path("{paths[edge]}");offset-rotate:0deg;animation:'
            f"c{i} {seconds:.1f}s linear infinite,v{i} {seconds:.1f}s step-end infinite}}",
        ]
    motion = f"@media (prefers-reduced-motion:no-preference){{.cover{{opacity:1}}{''.join(rules)}}}"
    style = f"<style>.cover,.balance,.coin{{opacity:0}}{motion}</style>"
    head, _, tail = svg.rpartition("</g>")  # that of the whole graph, with its scale and place
    return f"{head}{style}{''.join(shapes)}</g>{tail}"


def _keyframes(name: str, moments: Mapping[float, str]) -> str:
    return f"@keyframes {name}{{{''.join(f'{at:.2f}%{{{rule}}}' for at, rule in moments.items())}}}"


def _edge_numbers(nodes: Sequence[Value]) -> dict[Value, Iterator[int]]:
    """Return for each node the numbers of its edges with a derivative, as they are drawn."""
    numbers: dict[Value, Iterator[int]] = {}
    drawn = 0
    for node in nodes:
        own = []
        for x, derivative in zip(node.operands, node.partials, strict=True):
            drawn += isinstance(x, Value)
            if derivative is not None:
                own.append(drawn)
        numbers[node] = iter(own)
    return numbers


Box = tuple[float, float, float, float]


def _last_cell(inside: str) -> Box:
    """Return left, top, width and height of the last cell of a table."""
    points = re.findall(r'points="([^"]*)"', inside)[-1].split()
    across, down = zip(*((float(n) for n in point.split(",")) for point in points), strict=True)
    return min(across), min(down), max(across) - min(across), max(down) - min(down)


def _cover(cell: Box, text: str, name: str = "") -> str:
    left, top, wide, high = cell
    middle, base = left + wide / 2, top + high - 7.6
    return (
        f'<g class="{f"balance {name}" if name else "cover"}"><rect fill="#ffffff" stroke="#767676" '
        f'x="{left}" y="{top}" width="{wide:.2f}" height="{high:.2f}"/><text text-anchor="middle" '
        f'x="{middle:.2f}" y="{base:.2f}" font-size="13.00" fill="#1a1a1a">{text}</text></g>'
    )


def _coin(text: str, name: str) -> str:
    wide = 7.8 * len(text) + 14
    return (
        f'<g class="coin {name}"><rect fill="#fff3c4" stroke="#767676" x="{-wide / 2:.1f}" y="-11" rx="11" '
        f'width="{wide:.1f}" height="22"/><text text-anchor="middle" y="4.5" font-size="13.00" '
        f'fill="#1a1a1a">{text}</text></g>'
    )
