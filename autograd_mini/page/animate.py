"""A page on which debts are repaid step by step, beside ways that do it badly. Knows the steps, no HTML.

The page answers why backpropagation needs its order, by running both at once: the sweep, in which a node
pays only when all that owe it have paid, walks each edge once; a creditor who goes up every path to the
root walks the same edges again and again; and a recursion that passes money on at once passes on too
much. `animate.html` and `animate.js` show what is worked out here, and use no network.
"""

from __future__ import annotations

import html
import json
import os
from collections import Counter, defaultdict
from collections.abc import Iterator
from decimal import Decimal
from itertools import islice
from typing import Any, Final

from autograd_mini.engine.value import Value, evaluation_order, topological_order
from autograd_mini.page.layout import Point, layered
from autograd_mini.show.ledger import ledger
from autograd_mini.show.names import definition, names
from autograd_mini.show.paths import visits
from autograd_mini.show.render import write
from autograd_mini.show.text import counted, isolated, short, width

__all__ = ["Animation", "animate"]

NODES: Final = 300
EDGES: Final = 1000
STEPS: Final = 300
"""How many steps of a walk that is longer than the sweep are shown."""

LETTER: Final = 7.3  # in pixels: the width of a character, the height of a level, the space between edges
LEVEL: Final = 116.0
FAN: Final = 52.0

Step = dict[str, Any]


class Animation:
    """A page that shows a backward sweep: `html` is its text; Jupyter shows it, and `save` saves it."""

    def __init__(self, page: str, summary: str) -> None:
        self.html = page
        self.summary = summary

    def save(self, path: str | os.PathLike[str]) -> None:
        """Save the page, whole or not at all. Raises RenderError when the file cannot be written."""
        write(path, self.html.encode())

    def _repr_html_(self) -> str:
        # A frame of its own: its style and keys stay inside, and its script can touch nothing outside.
        return (
            f'<iframe srcdoc="{html.escape(self.html)}" sandbox="allow-scripts" title="{self.summary}" '
            'style="width: 100%; height: 760px; border: 0"></iframe>'
        )

    def __repr__(self) -> str:
        return f'<Animation: {self.summary}; save it with .save("debts.html")>'


def animate(root: Value) -> Animation:
    """Return a page that shows how `root` was computed and then how it repays its debts, edge by edge.

    Beside it runs a worse way, chosen on the page: each creditor collecting path by path, or a recursion
    that passes money on at once; visits are counted. The page has a slider and keys (arrows, space,
    Home, End) and needs no network. No `grad` is read or set. Raises TypeError if `root` is no Value, and
    ValueError for more than 300 nodes or 1000 edges, which no eye can follow.

    >>> a, b = Value(2.0, label="a"), Value(1.0, label="b")
    >>> animate((a + b) * (b + 1))
    <Animation: 5 nodes, 5 payments; save it with .save("debts.html")>
    """
    if not isinstance(root, Value):
        raise TypeError(
            f"animate(root): expected a Value, got {type(root).__name__}; give what an expression returned"
        )
    nodes = evaluation_order(root)
    edges = sum(isinstance(x, Value) for node in nodes for x in node.operands)
    if len(nodes) > NODES or edges > EDGES:
        raise ValueError(
            f"animate(root): {len(nodes):,} nodes and {edges:,} edges are more than an eye can follow "
            f"({NODES} and {EDGES:,} at most): animate a part, or look at draw(root)"
        )
    stage = _Stage(root, nodes)
    data = json.dumps(stage.data(), ensure_ascii=False, separators=(",", ":"))
    for character in "<>&\u2028\u2029":  # so that no label can end the script element that holds it
        data = data.replace(character, f"\\u{ord(character):04x}")
    return Animation(_page(data), f"{counted(len(nodes), 'node')}, {counted(len(stage.book), 'payment')}")


def _page(data: str) -> str:
    import base64
    import hashlib
    import pkgutil

    template, script = (
        (pkgutil.get_data("autograd_mini.page", name) or b"").decode()
        for name in ("animate.html", "animate.js")
    )
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    for slot, text in (("SCRIPT_HASH", f"sha256-{digest}"), ("SCRIPT", script), ("DATA", data)):
        template = template.replace(f"{{{{{slot}}}}}", text)
    return template


class _Stage:
    """The graph as the page has it, nodes and edges by number, and the walks over it."""

    def __init__(self, root: Value, nodes: list[Value]) -> None:
        self.root = root
        self.nodes = nodes
        self.called = {node: isolated(name) for node, name in names(root).items()}
        self.index = {node: i for i, node in enumerate(nodes)}
        self.book = ledger(root)
        self.settled = self.book.balances
        self.edges: list[tuple[Value, Value, float | None]] = []
        self.below: dict[Value, list[tuple[int, Value, float]]] = defaultdict(list)
        self.above: dict[Value, list[tuple[int, Value, float]]] = defaultdict(list)
        for node in nodes:
            for x, derivative in zip(node.operands, node.partials, strict=True):
                if isinstance(x, Value):
                    if derivative is not None and node in self.settled:
                        self.below[node].append((len(self.edges), x, derivative))
                        self.above[x].append((len(self.edges), node, derivative))
                    self.edges.append((x, node, derivative))

    def data(self) -> dict[str, Any]:
        texts = [definition(node, self.called) for node in self.nodes]
        widths = [
            max(width(text), width(short(node.data)) + 7, 17) * LETTER + 14
            for text, node in zip(texts, self.nodes, strict=True)
        ]
        ends = [(self.index[x], self.index[node]) for x, node, _ in self.edges]
        points, routes = layered(ends, widths, LEVEL)
        routes = _fanned(ends, routes)
        return {
            "width": round(max(x + w / 2 for (x, _), w in zip(points, widths, strict=True)), 1),
            "height": max(y for _, y in points),
            "nodes": [
                {
                    "text": text,
                    "value": short(node.data),
                    "says": f"{text} = {short(node.data)}",
                    "leaf": node.op is None,
                    "x": round(x, 1),
                    "y": y,
                    "width": round(w, 1),
                }
                for node, text, w, (x, y) in zip(self.nodes, texts, widths, points, strict=True)
            ],
            "edges": [
                {
                    "operand": operand,
                    "result": result,
                    "derivative": None if derivative is None else short(derivative),
                    "route": [[round(x, 1), y] for x, y in route],
                }
                for (operand, result), (_, _, derivative), route in zip(
                    ends, self.edges, routes, strict=True
                )
            ],
            "payments": [
                [
                    p.debtor_name,
                    short(p.received),
                    short(p.derivative),
                    short(p.payment),
                    p.creditor_name,
                    short(p.balance),
                ]
                for p in self.book
            ],
            "walks": [self._sweep(), self._collection(), self._recursion()],
        }

    # ---- the three walks -------------------------------------------------------------------------

    def _sweep(self) -> dict[str, Any]:
        steps = [self._start()]
        received: Counter[Value] = Counter()
        numbers = {node: iter(self.below[node]) for node in self.nodes}
        for p in self.book:
            received[p.creditor] += 1
            edge, _, _ = next(numbers[p.debtor])
            debts = len(self.above[p.creditor])
            says = self._paid(p.debtor, p.creditor, p.received, p.derivative, p.balance)
            if waits := debts - received[p.creditor]:
                says += f" and waits for {waits} more"
            share = received[p.creditor] / debts
            steps.append(_step(edge, self.index[p.creditor], p.balance, share, f"{says}."))
        return {
            "title": "reverse topological order: pay when all have paid you",
            "note": "A bar fills as debts come in; only a full node pays on.",
            "up": False,
            "total": f"{len(self.book):,}",
            "verdict": "Done: each edge was walked once.",
            "steps": steps,
        }

    def _collection(self) -> dict[str, Any]:
        total, least = visits(self.root)
        steps = list(islice(self._collected(), self._most() + 1))
        walked = max(0, len(steps) - 1)
        verdict = f"The same gradient, with {_count(total)} visits instead of {least:,}."
        if walked < total:
            verdict = f"Stopped after {walked} visits of {_count(total)}; in order, {least:,} are enough."
        return {
            "title": "path by path: each creditor goes collecting",
            "note": "Each leaf goes up every path to the root, multiplies, and adds up what it gets.",
            "up": True,
            "total": _count(total),
            "verdict": verdict,
            "steps": steps,
        }

    def _collected(self) -> Iterator[Step]:
        name = self.called
        for leaf in self._paid_leaves():
            if leaf is self._paid_leaves()[0]:
                yield _step(None, self.index[leaf], 0.0, 0.0, f"{name[leaf]} sets out.")
            balance = share = 0.0
            ways = sum(1 for _ in islice(self._ways_up(leaf), self._most()))  # more are not shown
            for i, way in enumerate(self._ways_up(leaf), 1):
                product = 1.0
                for edge, debtor, derivative in way:
                    product *= derivative
                    says = f"{name[leaf]} asks {name[debtor]}: × {short(derivative)} makes {short(product)}"
                    if debtor is self.root:
                        balance += product
                        share = i / ways
                        says += f", which it gets; {name[leaf]} now holds {short(balance)}."
                    else:
                        says += f", but {name[debtor]} is owed itself."
                    yield _step(edge, self.index[leaf], balance, share, says)

    def _recursion(self) -> dict[str, Any]:
        calls = Counter({self.root: 1})
        for node in topological_order(self.root):
            for _, x, _ in self.below[node]:
                calls[x] += calls[node]
        total = sum(calls[node] * len(self.below[node]) for node in self.nodes)
        name = self.called
        balances: dict[Value, float] = defaultdict(float, {self.root: 1.0})
        received: Counter[Value] = Counter()
        steps = [self._start()]
        for edge, debtor, x, derivative in islice(self._calls(), self._most()):
            holds = balances[debtor]
            balances[x] += holds * derivative
            received[x] += 1
            says = f"{self._paid(debtor, x, holds, derivative, balances[x])}."
            steps.append(_step(edge, self.index[x], balances[x], received[x] / len(self.above[x]), says))
        walked = len(steps) - 1
        wrong = [x for x in self._paid_leaves() if not _agree(balances[x], self.settled[x])]
        if walked < total:
            verdict = f"Stopped after {walked} visits of {_count(total)}."
        elif wrong:
            x = wrong[0]
            verdict = (
                f"Wrong: {name[x]} holds {short(balances[x])} and should hold {short(self.settled[x])}."
            )
        else:
            verdict = "Right this time, because no result here is used twice."
        return {
            "title": "recursion: pay on at once, however often you are paid",
            "note": "Depth first: a node passes on all it holds, each time it is paid. Dashed: too often.",
            "up": False,
            "total": _count(total),
            "verdict": verdict,
            "steps": steps,
        }

    def _paid(self, debtor: Value, creditor: Value, holds: float, derivative: float, balance: float) -> str:
        one, other = self.called[debtor], self.called[creditor]
        product = f"{short(holds)} × {short(derivative)} = {short(holds * derivative)}"
        return f"{one} pays {other}: {product}; {other} now holds {short(balance)}"

    def _start(self) -> Step:
        return _step(None, self.index[self.root], 1.0, 1.0, f"{self.called[self.root]} starts with 1.")

    def _most(self) -> int:
        return max(STEPS, len(self.book))

    def _paid_leaves(self) -> list[Value]:
        return [node for node in self.nodes if node.op is None and self.above[node]]

    def _ways_up(self, leaf: Value) -> Iterator[list[tuple[int, Value, float]]]:
        """Yield every path from a leaf to the root, as its edges with the debtor at the end of each."""
        way: list[tuple[int, Value, float]] = []
        stack = [(0, edge) for edge in reversed(self.above[leaf])]
        while stack:
            depth, edge = stack.pop()
            way[depth:] = [edge]
            if edge[1] is self.root:
                yield list(way)
            stack += [(depth + 1, higher) for higher in reversed(self.above[edge[1]])]

    def _calls(self) -> Iterator[tuple[int, Value, Value, float]]:
        """Yield the payments of: def repay(node): pay each operand; then repay(operand) for each."""
        stack = [self.root]
        while stack:
            debtor = stack.pop()
            for edge, x, derivative in self.below[debtor]:
                yield edge, debtor, x, derivative
            stack += [x for _, x, _ in reversed(self.below[debtor])]


def _step(edge: int | None, node: int, balance: float, share: float, says: str) -> Step:
    sign = "odd" if balance - balance != 0 else "plus" if balance > 0 else "minus" if balance < 0 else ""
    return {
        "edge": edge,
        "node": node,
        "balance": short(balance),
        "share": round(share, 3) if share < 1 else share,
        "sign": sign,
        "says": says,
    }


def _fanned(ends: list[tuple[int, int]], routes: list[list[Point]]) -> list[list[Point]]:
    """Draw edges between the same two nodes, as of x * x, side by side."""
    beside, seen = Counter(ends), Counter[tuple[int, int]]()
    fanned = []
    for end, route in zip(ends, routes, strict=True):
        shift = (seen[end] - (beside[end] - 1) / 2) * FAN
        seen[end] += 1
        fanned.append([(x + shift, y) for x, y in route])
    return fanned


def _agree(x: float, y: float) -> bool:
    return abs(x - y) <= 1e-9 * max(abs(x), abs(y)) or (x != x and y != y) or x == y


def _count(number: int) -> str:
    return f"{number:,}" if number < 10**9 else f"about {Decimal(number):.2e}"
