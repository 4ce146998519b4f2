"""Pictures of a graph: values, gradients, and the local derivative on each edge.

There are four styles, so that a picture of any size can be read, and is laid out in a moment. A small
graph has a table for each node. Of a larger one, what repeats is drawn once. Where nothing repeats, each
node has a row, and of a large graph only groups are drawn: scopes, or bands of equal depth.
"""

from __future__ import annotations

import html
import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from itertools import count
from string import ascii_lowercase
from typing import Any, Final, Literal

from autograd_mini.engine.value import Value, expect_value, number_of
from autograd_mini.show.groups import (
    BANDS,
    FAR,
    GROUP_EDGES,
    GROUPS,
    Path,
    depths_of,
    folds_of,
    grouped,
    levels_crossed,
    links_between,
    scopes_of,
)
from autograd_mini.show.ledger import ledger
from autograd_mini.show.moving import moving as set_in_motion
from autograd_mini.show.names import applied, constant, definition, evaluation_order, in_general, names
from autograd_mini.show.render import Picture
from autograd_mini.show.text import counted, isolated, one_line, short
from autograd_mini.show.tree import tree

__all__ = ["draw"]

Style = Literal["tables", "folds", "rows", "groups"]

# Up to how many nodes, and levels crossed by edges, a style reads well and is laid out in a few seconds.
TABLES: Final = (40, 500)
ROWS: Final = (250, 2000)
FEW: Final = 24
"""Up to so many nodes, each is drawn even if it repeats another."""
MANY: Final = 5_000
"""Up to so many nodes, repeats are looked for."""
DEEP: Final = 25
"""A graph of so many levels is drawn upwards: drawn to the right, it would be too wide."""

INK: Final = "#1a1a1a"
LINE: Final = "#767676"  # a contrast of 4.5 on white and on black alike
PAPER: Final = "#ffffff"
INTERIOR: Final = "#e4e4e8"
LEAF: Final = "#fff3c4"
POSITIVE: Final = (0x6B, 0xAE, 0xD6)  # blue and orange are told apart by every kind of colour vision,
NEGATIVE: Final = (0xFD, 0xA0, 0x52)  # ... and black is read on both
NOT_FINITE: Final = "#e78ac3"
SHADES: Final = 16
"""How many depths of blue and of orange there are."""


def draw(
    root: Value,
    *,
    values: bool = True,
    gradients: bool = True,
    derivatives: bool = True,
    style: Style | None = None,
    moving: bool = False,
) -> Picture:
    """Return a picture of all that `root` was computed from, results above (or right of) their operands.

    A node shows its formula, its value, and its gradient as backward sweeps have left it (blank before
    any): blue where positive, orange where negative, the deeper the larger. An edge shows the local
    derivative, and is dashed where there is none. Constants are part of the formula. Each of these
    numbers can be left out.

    The style follows the graph: "tables" up to 24 nodes; "folds", where what repeats is drawn once; else
    "tables" up to 40 nodes, "rows" up to 250, in boxes by scope, and above these "groups": scopes (see
    `scope`), or bands of equal depth where there are none, each with its number of nodes and the range
    of its gradients. Raises TypeError if `root` is not a Value.

    A `moving` picture, of up to 40 nodes, repays the debts edge by edge, again and again. It needs CSS
    alone, so it also moves in documents and on slides, and it stands still for readers who want no motion.
    Its gradients are always those of `root`. Raises ValueError for more nodes.

    >>> a, b = Value(2.0, label="a"), Value(1.0, label="b")
    >>> e = (a + b) * (b + 1)
    >>> draw(e).summary, "∂e/∂c = 2" in draw(e).source
    ('5 nodes, 5 edges', True)
    """
    expect_value("draw(root)", root, "draw what an expression returned")
    nodes = evaluation_order(root)
    if moving:
        return _moving_picture(root, nodes)
    folds = folds_of(nodes) if style == "folds" or (style is None and FEW < len(nodes) <= MANY) else []
    if style == "folds" and not folds:
        folds = [[node] for node in nodes]
    style = style or _style(nodes, len(folds))
    drawing = _Drawing(nodes, values, gradients, derivatives)
    edges = sum(isinstance(x, Value) for node in nodes for x in node.operands)
    summary = f"{counted(len(nodes), 'node')}, {counted(edges, 'edge')}"
    if style == "groups":
        summary += f" in {drawing.groups()}"
        drawing.graph.attr(label=_verbatim(summary))
    elif style == "rows":
        if drawing.rows():
            summary += "; leaves are drawn again where they are used far away"
            drawing.graph.attr(label=_verbatim(summary))
    elif style == "folds":
        summary += "; what repeats is drawn once"
        drawing.folds(folds)
    elif style == "tables":
        drawing.tables()
    else:
        raise ValueError(f'draw(style={style!r}): no such style; say "tables", "folds", "rows" or "groups"')
    return Picture(drawing.graph, summary, lambda: str(tree(root)))


def _moving_picture(root: Value, nodes: Sequence[Value]) -> Picture:
    if len(nodes) > TABLES[0]:
        raise ValueError(
            f"draw(moving=True): {len(nodes):,} nodes are more than an eye can follow: draw a part, "
            f"of at most {TABLES[0]}"
        )
    debts = ledger(root)
    drawing = _Drawing(nodes, True, True, True, debts.balances)
    drawing.tables()
    summary = f"{counted(len(nodes), 'node')}, {counted(len(debts), 'payment')} in motion"
    return Picture(
        drawing.graph, summary, lambda: str(tree(root)), lambda svg: set_in_motion(svg, root, nodes)
    )


def _style(nodes: Sequence[Value], folds: int) -> Style:
    if 0 < folds <= min(TABLES[0], 0.6 * len(nodes)):
        return "folds"
    if len(nodes) > ROWS[0]:
        return "groups"
    near, far = levels_crossed(nodes)
    if len(nodes) <= TABLES[0] and near + far <= TABLES[1]:
        return "tables"
    return "rows" if near <= ROWS[1] else "groups"


class _Drawing:
    """A Digraph being filled, in one of the styles."""

    def __init__(
        self,
        nodes: Sequence[Value],
        values: bool,
        gradients: bool,
        derivatives: bool,
        balances: Mapping[Value, float] | None = None,
    ) -> None:
        import graphviz

        self.nodes = nodes
        self.values, self.gradients, self.derivatives = values, gradients, derivatives
        self.grads = {node: node.grad if balances is None else balances.get(node, 0.0) for node in nodes}
        self.shades = _Shades(self.grads.values())
        self.numbers = count()
        self.depths: dict[Value, int] = {}  # where leaves are drawn again that are used far away
        self.top = "b"  # drawn from the bottom to the top, a box has its bottom there
        self.graph = graphviz.Digraph(
            graph_attr={"rankdir": "BT", "bgcolor": "transparent", "nodesep": "0.35", "ranksep": "0.5"}
            | {"fontname": "Courier", "fontsize": "13", "fontcolor": LINE},
            node_attr={"shape": "plain", "fontname": "Courier", "fontsize": "13", "fontcolor": INK},
            edge_attr={"color": LINE, "arrowsize": "0.7"}
            | {"fontname": "Courier", "fontsize": "12", "fontcolor": LINE},
        )

    @cached_property
    def called(self) -> dict[Value, str]:
        return {node: isolated(name) for node, name in names(self.nodes[-1]).items()}

    @cached_property
    def scopes(self) -> dict[Value, Path]:
        return scopes_of(self.nodes)

    @cached_property
    def ids(self) -> dict[Value, str]:
        return {node: f"n{i}" for i, node in enumerate(self.nodes)}

    # ---- up to 40 nodes: a table each ------------------------------------------------------------

    def tables(self) -> None:
        scoped = self._clustered(self._table)
        for node in self.nodes:
            self._edges(node, titled=True)
        if not scoped:
            with self.graph.subgraph(graph_attr={"rank": "min"}) as bottom:
                for node in self.nodes:
                    if node.op is None:
                        bottom.node(self.ids[node])

    def _table(self, node: Value, title: str | None = None) -> str:
        rows = [_cell(title or self._header(node), self._kind(node), bold=True, columns=2)]
        if self.values:
            rows.append(_cell("value") + _value_cell(number_of(node)))
        if self.gradients:
            rows.append(_cell("grad") + self.shades.cell(self.grads[node]))
        return _table(rows)

    # ---- up to 250: a row each -------------------------------------------------------------------

    def rows(self) -> bool:
        """Draw a row for each node; return whether leaves are drawn again where they are used far away."""
        depths = depths_of(self.nodes)
        if max(depths.values()) < DEEP:
            self.graph.attr(rankdir="LR", ranksep="0.3", nodesep="0.12")
            self.top = "t"
        else:
            self.graph.attr(ranksep="0.25", nodesep="0.2")
        self._clustered(self._row)
        if sum(levels_crossed(self.nodes)) > ROWS[1]:
            self.depths = depths
        for node in self.nodes:
            self._edges(node, titled=False)
        return bool(self.depths)

    def _copied(self, leaf: Value) -> str:
        """Draw a leaf once more, without its numbers; return the copy's id."""
        copy = f"copy{next(self.numbers)}"
        self.graph.node(copy, f"<{_table([_cell(self.called[leaf], LEAF)])}>")
        return copy

    def _row(self, node: Value) -> str:
        row = _cell(self._header(node), self._kind(node), bold=True)
        if self.values:
            row += _value_cell(number_of(node), 3)
        if self.gradients and self.shades.swept:
            row += self.shades.cell(self.grads[node], 3)
        return _table([row])

    def _header(self, node: Value) -> str:
        return definition(node, self.called)

    def _kind(self, node: Value) -> str:
        return INTERIOR if node.op else LEAF

    def _clustered(self, label: Callable[[Value], str]) -> bool:
        """Add every node, in a box for its scope; return whether there is any scope."""
        inside: dict[Path, list[Value]] = {}
        for node, path in self.scopes.items():
            inside.setdefault(path, []).append(node)
        self._nested(self.graph, (), inside, lambda box, node: box.node(self.ids[node], f"<{label(node)}>"))
        return any(inside)

    def _nested(
        self, graph: Any, path: Path, inside: Mapping[Path, list[Any]], add: Callable[[Any, Any], None]
    ) -> None:
        """Add all that is inside a scope, and a box for each scope within."""
        for item in inside.get(path, ()):
            add(graph, item)
        for part in dict.fromkeys(
            p[len(path)] for p in inside if len(p) > len(path) and p[: len(path)] == path
        ):
            with graph.subgraph(name=f"cluster_{next(self.numbers)}") as box:
                box.attr(
                    label=_verbatim(one_line(part)), labelloc=self.top, style="dashed,rounded", color=LINE
                )
                self._nested(box, (*path, part), inside, add)

    def _edges(self, node: Value, *, titled: bool) -> None:
        for x, derivative in zip(node.operands, node.partials, strict=True):
            if isinstance(x, Value):
                label = None
                if derivative is not None and self.derivatives:
                    title = f"∂{self.called[node]}/∂{self.called[x]} = " if titled else ""
                    label = _edge_label(title + short(derivative, 5 if titled else 3), derivative)
                style = "dashed" if derivative is None else None
                far = x.op is None and self.depths.get(x, 0) - self.depths.get(node, 0) > FAR
                below = self._copied(x) if far else self.ids[x]
                # first operands make a straight line, as of the terms of a sum; copies stand beside it
                weight = "8" if self.depths and x.op is not None and x is node.operands[0] else None
                # from box to box it is further, so that boxes need not share a level, and lie side by side
                length = "2" if self.scopes[x][:1] != self.scopes[node][:1] else None
                self.graph.edge(below, self.ids[node], label, style=style, weight=weight, minlen=length)

    # ---- what repeats, drawn once ----------------------------------------------------------------

    def folds(self, folds: Sequence[Sequence[Value]]) -> None:
        """Draw a table for each list of nodes that do the same in each pass of a loop."""
        place = {node: (i, turn) for i, fold in enumerate(folds) for turn, node in enumerate(fold)}
        general = [in_general([self.called[node] for node in fold]) for fold in folds]
        taken = {*self.called.values(), *(name.removesuffix("ᵢ") for name in general)}
        letters = (letter for letter in ascii_lowercase if letter not in taken)
        seen: set[str] = set()
        for i, fold in enumerate(folds):
            if len(fold) > 1 and (general[i] in seen or not fold[0].label or fold[0].op is not None):
                general[i] = f"{next(letters, self.called[fold[0]])}ᵢ"
            seen.add(general[i])
        scope = {f"f{i}": self._common_scope(fold) for i, fold in enumerate(folds)}
        inside: dict[Path, list[str]] = {}
        for i, fold in enumerate(folds):
            self.ids |= dict.fromkeys(fold, f"f{i}")
            inside.setdefault(scope[f"f{i}"], []).append(f"f{i}")
        labels = {f"f{i}": self._fold_table(fold, general, place) for i, fold in enumerate(folds)}
        self._nested(self.graph, (), inside, lambda box, name: box.node(name, f"<{labels[name]}>"))
        edges: dict[tuple[str, str, bool], list[float | None]] = {}
        for node in self.nodes:
            for x, derivative in zip(node.operands, node.partials, strict=True):
                if isinstance(x, Value):
                    (i, turn), (above, now) = place[x], place[node]
                    again = len(folds[i]) == len(folds[above]) > 1 and turn < now
                    key = self.ids[x], self.ids[node], again
                    edges.setdefault(key, []).append(derivative)
        for (lower, upper, again), derivatives in edges.items():
            known = [d for d in derivatives if d is not None]
            label = _edge_label(_span(known, 3), sum(known)) if known and self.derivatives else None
            beyond = scope[lower] != scope[upper]
            self.graph.edge(
                lower,
                upper,
                label,
                minlen="2" if beyond else None,
                style=None if known else "dashed",
                constraint="false" if again else None,
                penwidth=f"{1 + math.log10(len(derivatives)):.2f}",
            )

    def _fold_table(
        self, fold: Sequence[Value], general: Sequence[str], place: Mapping[Value, tuple[int, int]]
    ) -> str:
        titles = Counter(self._fold_title(node, fold, general, place) for node in fold)
        title = titles.most_common(1)[0][0]
        node = fold[0]
        if len(fold) == 1:
            return self._table(node, title)
        rows = [_cell(title, self._kind(node), bold=True, columns=3)]
        rows.append(_cell(f"× {len(fold)}") + _cell("from") + _cell("to"))
        if self.values:
            numbers = [number_of(each) for each in fold]
            rows.append(_range("value", numbers, lambda x, _: _value_cell(x)))
        if self.gradients:
            rows.append(_range("grad", [each.grad for each in fold], lambda x, _: self.shades.cell(x)))
        return _table(rows)

    def _fold_title(
        self,
        node: Value,
        fold: Sequence[Value],
        general: Sequence[str],
        place: Mapping[Value, tuple[int, int]],
    ) -> str:
        here, turn = place[node]
        if node.op is None:
            return general[here]
        texts = []
        for i, x in enumerate(node.operands):
            if isinstance(x, Value):
                there, then = place[x]
                earlier = general[there].endswith("ᵢ") and there >= here and then < turn
                texts.append(general[there] + "₋₁" * earlier)
            else:
                same = all(other.operands[i] == x for other in fold)
                texts.append(constant(node.op, i, x) if same else "…")
        if node.op.variadic:
            texts = list(dict.fromkeys(texts))
        return f"{general[here]} = {applied(node.op, texts)}"

    def _common_scope(self, fold: Sequence[Value]) -> Path:
        """Return the scope of all of a fold, with "1 … 16" for numbers that differ."""
        first, last = self.scopes[fold[0]], self.scopes[fold[-1]]
        if first == last or len(first) != len(last):
            return first
        numbers = re.findall(r"\d+", last[-1])
        return (*first[:-1], f"{first[-1]} … {numbers[-1] if numbers else last[-1]}")

    # ---- above: a table for each group of nodes --------------------------------------------------

    def groups(self) -> str:
        """Draw the graph's groups, and return how many there are and what they are."""
        group, kind = grouped(self.nodes)
        members: dict[str, list[Value]] = {}
        for node in self.nodes:
            members.setdefault(group[node], []).append(node)
        if len(members) > BANDS:
            self.graph.attr(rankdir="LR", nodesep="0.2", ranksep="1.5")
        ids = {name: f"g{i}" for i, name in enumerate(members)}
        for name, nodes in members.items():
            self.graph.node(ids[name], f"<{self._group_table(name, nodes)}>")
        links = links_between(self.nodes, group)
        shown = links.most_common(GROUP_EDGES)
        for (below, above), edges in shown:
            label = _edge_label(counted(edges, "edge")) if len(shown) <= GROUPS else None
            self.graph.edge(ids[below], ids[above], label, penwidth=f"{1 + math.log10(edges):.2f}")
        rest = f", the {len(shown)} thickest of {len(links)} links" if len(shown) < len(links) else ""
        return counted(len(members), kind) + rest

    def _group_table(self, name: str, nodes: list[Value]) -> str:
        made = Counter("leaf" if node.op is None else node.op.name for node in nodes)
        most = ", ".join(f"{op} {n}" for op, n in made.most_common(3)) + ", …" * (len(made) > 3)
        kind = LEAF if made["leaf"] == len(nodes) else INTERIOR
        rows = [
            _cell(one_line(name), kind, bold=True, columns=3),
            _cell("nodes") + _cell(f"{len(nodes):,}: {most}", columns=2),
        ]
        if self.values:
            rows.append(
                _range("value", [number_of(node) for node in nodes], lambda x, w: _value_cell(x, before=w))
            )
        if self.gradients:
            gradients = [node.grad for node in nodes]
            rows.append(_range("grad", gradients, lambda x, w: self.shades.cell(x, before=w)))
        return _table(rows)


# ---- how numbers and texts are shown ---------------------------------------------------------------


class _Shades:
    """How gradients are shown, measured against the largest in the picture."""

    def __init__(self, gradients: Iterable[float]) -> None:
        sizes = [abs(gradient) for gradient in gradients]
        self.swept = any(sizes)  # a nan is true
        self.largest = max(filter(math.isfinite, sizes), default=0.0)

    def cell(self, gradient: float, digits: int = 5, before: str = "") -> str:
        return _cell(before + short(gradient, digits) if self.swept else "", self.colour(gradient))

    def colour(self, gradient: float) -> str:
        if not math.isfinite(gradient):
            return NOT_FINITE
        depth = math.ceil(SHADES * math.sqrt(abs(gradient) / self.largest)) / SHADES if gradient else 0.0
        full = POSITIVE if gradient > 0 else NEGATIVE
        return "#" + "".join(f"{round(255 + (channel - 255) * depth):02x}" for channel in full)


def _span(numbers: Sequence[float], digits: int) -> str:
    least, most = short(min(numbers), digits), short(max(numbers), digits)
    return least if least == most else f"{least} to {most}"


def _range(title: str, numbers: list[float], cell: Callable[[float, str], str]) -> str:
    """Return a row with the least and the greatest of some numbers, and how many are nan."""
    known = [x for x in numbers if x == x] or [math.nan]
    unknown = len(numbers) - sum(x == x for x in numbers)
    first = _cell(f"{title}, {unknown:,} nan", NOT_FINITE) if unknown else _cell(title)
    return first + cell(min(known), "from ") + cell(max(known), "to ")


def _table(rows: Iterable[str]) -> str:
    inside = "".join(f"<TR>{row}</TR>" for row in rows)
    return (
        f'<TABLE BORDER="0" CELLBORDER="1" CELLSPACING="0" CELLPADDING="4" COLOR="{LINE}">{inside}</TABLE>'
    )


def _cell(text: str, colour: str = PAPER, *, bold: bool = False, columns: int = 1) -> str:
    text = f"<B>{_escaped(text)}</B>" if bold else _escaped(text)
    return f'<TD BGCOLOR="{colour}" COLSPAN="{columns}">{text}</TD>'


def _value_cell(number: float, digits: int = 5, before: str = "") -> str:
    return _cell(before + short(number, digits), PAPER if math.isfinite(number) else NOT_FINITE)


def _edge_label(text: str, number: float = 0.0) -> str:
    # A table sets the text against the edge; plain, it would be centred in a width that some renderers
    # overestimate.
    mark = "" if math.isfinite(number) else f' BGCOLOR="{NOT_FINITE}"'
    shown = f'<FONT COLOR="{INK}">{_escaped(text)}</FONT>' if mark else _escaped(text)
    cell = f'<TD ALIGN="LEFT"{mark}>{shown}</TD>'
    return f'<<TABLE BORDER="0" CELLPADDING="2"><TR>{cell}</TR></TABLE>>'


def _escaped(text: str) -> str:
    """Escape for an HTML-like label, in which DOT reads backslashes too."""
    return html.escape(text).replace("\\", "\\\\") or " "


def _verbatim(text: str) -> str:
    return f"<{_escaped(text)}>"
