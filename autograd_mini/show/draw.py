"""Pictures of a graph: values, gradients, and the local derivative on each edge. Knows DOT, no pixels.

There are three styles, so that a picture of any size can be read, and is laid out in a moment: a small
graph has a table for each node, a larger one a row for each, and of a large one only groups of nodes
are drawn: its scopes, or bands of equal distance from the root.
"""

from __future__ import annotations

import html
import math
import os
import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from functools import cached_property
from itertools import count, pairwise, takewhile
from typing import Any, Final, Literal

from autograd_mini.engine.value import Value
from autograd_mini.show.names import counted, evaluation_order, isolated, names, one_line, operation, short
from autograd_mini.show.render import RenderError, find_dot, render, write
from autograd_mini.show.scopes import SEPARATOR, scope_and_name

__all__ = ["Picture", "RenderError", "draw"]

Style = Literal["tables", "rows", "groups"]
Path = tuple[str, ...]

# Up to how many nodes, and levels crossed by edges, a style reads well and is laid out in a few seconds.
TABLES: Final = (40, 500)
ROWS: Final = (250, 2000)
GROUPS: Final = 40
GROUP_EDGES: Final = 120
BANDS: Final = 12
DEEPEST: Final = 8
"""How many levels of scopes are told apart."""
DEEP: Final = 25
"""From so many levels on, rows are stacked upwards: side by side they would make a ribbon."""
FAR: Final = 3
"""From so many levels on, an edge is far, and may start at a copy of its leaf."""
WIDE: Final = 900
"""From so many points on, a notebook scrolls a picture: shrunk to the page, it could not be read."""
PIXELS: Final = 12e6
"""What a PNG may have before it is made coarser, from 96 dots an inch down to 60."""

INK: Final = "#1a1a1a"
LINE: Final = "#767676"  # a contrast of 4.5 on white and on black alike
PAPER: Final = "#ffffff"
INTERIOR: Final = "#e4e4e8"
LEAF: Final = "#fff3c4"
POSITIVE: Final = (0x6B, 0xAE, 0xD6)  # blue and orange are told apart by every kind of colour vision,
NEGATIVE: Final = (0xFD, 0xA0, 0x52)  # ... and black is read on both
NOT_FINITE: Final = "#e78ac3"

FONTS: Final = "ui-monospace,Menlo,Consolas,'DejaVu Sans Mono','Liberation Mono',monospace"
"""For SVG. The layout is for Courier, whose widths every renderer knows; these have the same."""

SUFFIXES: Final = (".svg", ".png", ".pdf", ".dot", ".gv")


class Picture:
    """A picture of a graph: Jupyter shows it as it is, `save` saves it, `source` is its DOT text.

    `graph` is the `graphviz.Digraph`, for whoever wants to add to it; `summary` says what is shown.
    """

    def __init__(self, graph: Any, summary: str) -> None:
        self.graph = graph
        self.summary = summary
        self._laid_out = "", ""  # the source last laid out, and its SVG

    @property
    def source(self) -> str:
        """The picture as DOT text."""
        return str(self.graph.source)

    @property
    def svg(self) -> str:
        """The picture as SVG text. Raises RenderError when there is no renderer, or it fails."""
        source = self.source
        if self._laid_out[0] != source:
            text = render(source, "svg").decode()
            text = text.replace(' font-family="Courier,monospace"', "")
            self._laid_out = source, text.replace("<svg ", f'<svg font-family="{FONTS}" ', 1)
        return self._laid_out[1]

    @property
    def png(self) -> bytes:
        """The picture as a PNG file, coarser if it is very large. Raises RenderError as `svg` does."""
        width, height = self._size()
        coarser = math.sqrt(PIXELS / (width * height * (96 / 72) ** 2))
        return render(self.source, "png", dots_per_inch=max(60.0, 96 * min(1.0, coarser)))

    def _size(self) -> tuple[float, float]:
        """Return width and height in points."""
        sides = re.search(r'<svg [^>]*?width="([\d.]+)pt"\s+height="([\d.]+)pt"', self.svg)
        return (float(sides[1]), float(sides[2])) if sides else (1.0, 1.0)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Save as the suffix says: .svg, .png, .pdf, or the DOT text as .dot or .gv, without a renderer.

        The file is written whole or not at all. Raises ValueError for another suffix, RenderError when
        there is no renderer, when it fails, or when the file cannot be written.
        """
        suffix = os.path.splitext(path)[1].lower()
        if suffix not in SUFFIXES:
            raise ValueError(
                f"{os.fspath(path)}: no kind of picture ends so; end the name in {', '.join(SUFFIXES)}"
            )
        write(path, self._bytes(suffix))

    def _bytes(self, suffix: str) -> bytes:
        if suffix == ".svg":
            return self.svg.encode()
        if suffix == ".png":
            return self.png
        return render(self.source, "pdf") if suffix == ".pdf" else self.source.encode()

    def _repr_svg_(self) -> str | None:
        try:
            return self.svg
        except RenderError:
            return None  # Jupyter shows the repr instead, and no traceback

    def _repr_html_(self) -> str | None:
        """Return a wide picture in a box that scrolls; Jupyter shows any other as SVG."""
        try:
            wide = self._size()[0] > WIDE
        except RenderError:
            return None
        box = '<div style="overflow-x: auto">'
        return f"{box}{self.svg[self.svg.index('<svg ') :]}</div>" if wide else None

    def __repr__(self) -> str:
        try:
            find_dot()
        except RenderError as error:
            return f"<Picture: {self.summary}; cannot be shown: {error}>"
        return f"<Picture: {self.summary}>"


def draw(
    root: Value,
    *,
    values: bool = True,
    gradients: bool = True,
    derivatives: bool = True,
    style: Style | None = None,
) -> Picture:
    """Return a picture of all that `root` was computed from, results above (or right of) their operands.

    A node shows its formula, its value, and its gradient as backward sweeps have left it (blank before
    any): blue where positive, orange where negative, the deeper the larger. An edge shows the local
    derivative, and is dashed where there is none. Constants are part of the formula. Each of these
    numbers can be left out.

    The style is chosen by size: "tables" up to 40 nodes, "rows" up to 250, clustered by scope; above,
    "groups" shows scopes (see `scope`), or bands of equal depth where there are none, each with its
    number of nodes and the range of its gradients. Raises TypeError if `root` is no Value.

    >>> a, b = Value(2.0, label="a"), Value(1.0, label="b")
    >>> e = (a + b) * (b + 1)
    >>> draw(e).summary, "∂e/∂c = 2" in draw(e).source
    ('5 nodes, 5 edges', True)
    """
    if not isinstance(root, Value):
        raise TypeError(
            f"draw(root): expected a Value, got {type(root).__name__}; draw what an expression returned"
        )
    nodes = evaluation_order(root)
    style = style or _style(nodes)
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
    elif style == "tables":
        drawing.tables()
    else:
        raise ValueError(f'draw(style={style!r}): no such style; say "tables", "rows" or "groups"')
    return Picture(drawing.graph, summary)


def _style(nodes: Sequence[Value]) -> Style:
    if len(nodes) > ROWS[0]:
        return "groups"
    near, far = _crossed(nodes)
    if len(nodes) <= TABLES[0] and near + far <= TABLES[1]:
        return "tables"
    return "rows" if near <= ROWS[1] else "groups"


class _Drawing:
    """A Digraph being filled, in one of the styles."""

    def __init__(self, nodes: Sequence[Value], values: bool, gradients: bool, derivatives: bool) -> None:
        import graphviz

        self.nodes = nodes
        self.values, self.gradients, self.derivatives = values, gradients, derivatives
        self.shades = _Shades(node.grad for node in nodes)
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
        return _scopes(self.nodes)

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

    def _table(self, node: Value) -> str:
        rows = [_cell(self._header(node), self._kind(node), bold=True, columns=2)]
        if self.values:
            rows.append(_cell("value") + _cell(short(node.data)))
        if self.gradients:
            rows.append(_cell("grad") + self.shades.cell(node.grad))
        return _table(rows)

    # ---- up to 250: a row each -------------------------------------------------------------------

    def rows(self) -> bool:
        """Draw a row for each node; return whether leaves are drawn again where they are used far away."""
        depths = _depths(self.nodes)
        if max(depths.values()) < DEEP:
            self.graph.attr(rankdir="LR", ranksep="0.3", nodesep="0.12")
            self.top = "t"
        else:
            self.graph.attr(ranksep="0.25", nodesep="0.2")
        self._clustered(self._row)
        if sum(_crossed(self.nodes)) > ROWS[1]:
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
            row += _cell(short(node.data, 3))
        if self.gradients and self.shades.swept:
            row += self.shades.cell(node.grad, 3)
        return _table([row])

    def _header(self, node: Value) -> str:
        made = operation(node, self.called)
        return f"{self.called[node]} = {made}" if made else self.called[node]

    def _kind(self, node: Value) -> str:
        return INTERIOR if node.op else LEAF

    def _clustered(self, label: Callable[[Value], str]) -> bool:
        """Add every node, in a box for its scope; return whether there is any scope."""
        inside: dict[Path, list[Value]] = {}
        for node, path in self.scopes.items():
            inside.setdefault(path, []).append(node)
        self._cluster(self.graph, (), inside, label)
        return any(inside)

    def _cluster(
        self, graph: Any, path: Path, inside: dict[Path, list[Value]], label: Callable[[Value], str]
    ) -> None:
        for node in inside.get(path, ()):
            graph.node(self.ids[node], f"<{label(node)}>")
        for part in dict.fromkeys(
            p[len(path)] for p in inside if len(p) > len(path) and p[: len(path)] == path
        ):
            with graph.subgraph(name=f"cluster_{next(self.numbers)}") as box:
                box.attr(
                    label=_verbatim(one_line(part)), labelloc=self.top, style="dashed,rounded", color=LINE
                )
                self._cluster(box, (*path, part), inside, label)

    def _edges(self, node: Value, *, titled: bool) -> None:
        for x, derivative in zip(node.operands, node.partials, strict=True):
            if isinstance(x, Value):
                label = None
                if derivative is not None and self.derivatives:
                    title = f"∂{self.called[node]}/∂{self.called[x]} = " if titled else ""
                    label = _edge_label(title + short(derivative, 5 if titled else 3))
                style = "dashed" if derivative is None else None
                far = x.op is None and self.depths.get(x, 0) - self.depths.get(node, 0) > FAR
                below = self._copied(x) if far else self.ids[x]
                # first operands make a straight line, as of the terms of a sum; copies stand beside it
                weight = "8" if self.depths and x.op is not None and x is node.operands[0] else None
                # from box to box it is further, so that boxes need not share a level, and lie side by side
                length = "2" if self.scopes[x][:1] != self.scopes[node][:1] else None
                self.graph.edge(below, self.ids[node], label, style=style, weight=weight, minlen=length)

    # ---- above: a table for each group of nodes --------------------------------------------------

    def groups(self) -> str:
        """Draw the graph's groups, and return how many there are and what they are."""
        group, kind = _grouped(self.nodes)
        members: dict[str, list[Value]] = {}
        for node in self.nodes:
            members.setdefault(group[node], []).append(node)
        if len(members) > BANDS:
            self.graph.attr(rankdir="LR", nodesep="0.2", ranksep="1.5")
        ids = {name: f"g{i}" for i, name in enumerate(members)}
        for name, nodes in members.items():
            self.graph.node(ids[name], f"<{self._group_table(name, nodes)}>")
        links = _between(self.nodes, group)
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
            rows.append(_range("value", [node.data for node in nodes], lambda x, w: _cell(w + short(x))))
        if self.gradients:
            gradients = [node.grad for node in nodes]
            rows.append(_range("grad", gradients, lambda x, w: self.shades.cell(x, before=w)))
        return _table(rows)


# ---- which nodes go together -----------------------------------------------------------------------


def _scopes(nodes: Sequence[Value]) -> dict[Value, Path]:
    """Return the scope of each node: what its label says, or else what its operands and users do.

    A module's parameters are labelled and its operations are not: they belong where their parameters
    do, or where the results they are made from do, so far as these agree. A leaf that serves one scope
    alone, such as a target, is drawn there.
    """
    own = {node: scope_and_name(node.label)[0][:DEEPEST] if node.label else () for node in nodes}
    scopes = dict(own)
    if not any(own.values()):
        return scopes
    for node in nodes:
        if not own[node] and node.op is not None:
            operands = [x for x in node.operands if isinstance(x, Value)]
            # an operation recorded in a scope says nothing of one recorded outside
            parameters = [own[x] for x in operands if x.op is None and own[x]]
            results = [scopes[x] for x in operands if x.op is not None and scopes[x] and not own[x]]
            scopes[node] = _common(parameters or results)
    serves: dict[Value, set[Path]] = {}
    for node in nodes:
        for x in node.operands:
            if isinstance(x, Value) and x.op is None and not own[x]:
                serves.setdefault(x, set()).add(scopes[node])
    return scopes | {leaf: paths.pop() for leaf, paths in serves.items() if len(paths) == 1}


def _common(paths: Sequence[Path]) -> Path:
    """Return what all the paths begin with."""
    agreed = takewhile(lambda parts: len(set(parts)) == 1, zip(*paths, strict=False))
    return tuple(parts[0] for parts in agreed)


def _depths(nodes: Sequence[Value]) -> dict[Value, int]:
    """Return each node's distance from the root, by the longest way."""
    depths = dict.fromkeys(nodes, 0)
    for node in reversed(nodes):
        for x in node.operands:
            if isinstance(x, Value):
                depths[x] = max(depths[x], depths[node] + 1)
    return depths


def _crossed(nodes: Sequence[Value]) -> tuple[int, int]:
    """Return how many levels the edges cross: first all but those from leaves far away, then these."""
    depths = _depths(nodes)
    near = far = 0
    for node in nodes:
        for x in node.operands:
            if isinstance(x, Value):
                span = depths[x] - depths[node]
                if x.op is None and span > FAR:
                    far += span
                else:
                    near += span
    return near, far


def _grouped(nodes: Sequence[Value]) -> tuple[dict[Value, str], str]:
    """Return the name of each node's group, few enough to draw, and what kind of groups they are."""
    scopes = _scopes(nodes)
    if not any(scopes.values()):
        depths = _depths(nodes)
        levels = max(depths.values()) + 1
        bands = min(levels, BANDS)
        first = [-(-band * levels // bands) for band in range(bands + 1)]
        titles = [f"depth {a}" + f" to {b - 1}" * (b - a > 1) for a, b in pairwise(first)]
        return {
            node: titles[depth * bands // levels] for node, depth in depths.items()
        }, "band of equal depth"
    group: dict[Value, str] = {}
    for level in range(max(map(len, scopes.values())), 0, -1):
        group = {node: SEPARATOR.join(path[:level]) or "no scope" for node, path in scopes.items()}
        if len(set(group.values())) <= GROUPS and len(_between(nodes, group)) <= GROUP_EDGES:
            break
    sizes = Counter(group.values())
    if len(sizes) > GROUPS:
        kept = {name for name, _ in sizes.most_common(GROUPS - 1)}
        rest = f"{len(sizes) - len(kept)} more scopes"
        group = {node: name if name in kept else rest for node, name in group.items()}
    return group, "scope"


def _between(nodes: Sequence[Value], group: dict[Value, str]) -> Counter[tuple[str, str]]:
    """Count the edges from each group to each other."""
    pairs = ((group[x], group[node]) for node in nodes for x in node.operands if isinstance(x, Value))
    return Counter(pair for pair in pairs if pair[0] != pair[1])


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
        depth = math.sqrt(abs(gradient) / self.largest) if gradient else 0.0
        full = POSITIVE if gradient > 0 else NEGATIVE
        return "#" + "".join(f"{round(255 + (channel - 255) * depth):02x}" for channel in full)


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


def _edge_label(text: str) -> str:
    # A table sets the text against the edge; plain, it would be centred in a width that some renderers
    # overestimate.
    return f'<<TABLE BORDER="0" CELLPADDING="2"><TR><TD ALIGN="LEFT">{_escaped(text)}</TD></TR></TABLE>>'


def _escaped(text: str) -> str:
    """Escape for an HTML-like label, in which DOT reads backslashes too."""
    return html.escape(text).replace("\\", "\\\\") or " "


def _verbatim(text: str) -> str:
    return f"<{_escaped(text)}>"
