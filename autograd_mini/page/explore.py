"""The live page: a graph in one HTML file that computes by itself and can be touched.

`explore` writes the graph down as data and puts it together with the page's own modules of JavaScript, with
the table of primitives written out in JavaScript, and with two vendored libraries: dagre for the layout and
d3-zoom. The page needs no server and no network.
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
import keyword
import math
import os
import pkgutil
import re
from collections.abc import Iterable
from functools import cache
from typing import Any, Final

from autograd_mini.compiler.backends import javascript
from autograd_mini.engine.table import TABLE, Primitive
from autograd_mini.engine.value import Value
from autograd_mini.formulas.parse import CONSTANTS, LONGEST, OTHER_NAMES, REMEDIES, Expression, parse
from autograd_mini.show.groups import scopes_of
from autograd_mini.show.names import evaluation_order, names
from autograd_mini.show.render import write
from autograd_mini.show.text import counted, isolated, one_line
from autograd_mini.special.by_scipy import Special

__all__ = [
    "LANGUAGES",
    "MODULES",
    "VENDORED",
    "Page",
    "assembled",
    "explore",
    "grammar_module",
    "graph_items",
    "table_module",
]

NODES: Final = 300
EDGES: Final = 1000
LANGUAGES: Final = ("en", "zh")
DEFAULT: Final = ("s = x*x; s + s*s*s", {"x": 3.0})
"""The expression of the lesson: a payment made too early is wrong here."""

OWN: Final = tuple(row for row in TABLE.values() if not isinstance(row, Special))
"""The package's own primitives that JavaScript can compute: a page has them all, of others what it uses."""

MODULES: Final = (
    *("words", "names", "reader", "graph", "walks", "link"),
    *("dom", "stage", "book", "inspector", "doublings", "network", "page"),
)
"""The page's own modules, each after those that it imports."""

VENDORED: Final = (
    *("dagre", "d3-color", "d3-dispatch", "d3-ease", "d3-interpolate", "d3-selection", "d3-timer"),
    *("d3-drag", "d3-transition", "d3-zoom"),
)
"""The libraries of others, in the order in which they are loaded."""


class Page:
    """A live page: `html` is its text; Jupyter shows it, and `save` saves it."""

    def __init__(self, text: str, summary: str) -> None:
        self.html = text
        self.summary = summary

    def save(self, path: str | os.PathLike[str]) -> None:
        """Save the page, whole or not at all. Raises RenderError when the file cannot be written."""
        write(path, self.html.encode())

    def _repr_html_(self) -> str:
        # A frame of its own: its style and keys stay inside, and its script can touch nothing outside.
        return (
            f'<iframe srcdoc="{html.escape(self.html)}" sandbox="allow-scripts" title="{self.summary}" '
            'style="width: 100%; height: 900px; border: 0"></iframe>'
        )

    def __repr__(self) -> str:
        return f'<Page: {self.summary}; save it with .save("page.html")>'


def explore(e: Value | str | None = None, /, *, language: str = "en", **values: Any) -> Page:
    """Return a page on which the graph of `e` can be touched: a file of HTML that needs no network.

    `e` is a Value, or an expression with a number for each name, as for `parse`; without it the page shows
    a lesson, an expression for which the order of payments matters. The reader can type another
    expression, drag the leaves' numbers, step through the payments, choose who pays next, and see the
    chain-rule sum of any node. `language` is "en" or "zh"; the page can be switched. No `grad` is read or
    set. Raises TypeError for anything else, ExpressionError for an expression that cannot be read, and
    ValueError for more than 300 nodes or 1000 edges, or a primitive that has no function in JavaScript.

    >>> explore("s = x*x; s + s*s*s", x=3)
    <Page: 5 nodes, 8 edges; save it with .save("page.html")>
    >>> a, b = Value(2.0, label="a"), Value(1.0, label="b")
    >>> explore((a + b) * (b + 1))
    <Page: 5 nodes, 5 edges; save it with .save("page.html")>
    """
    if language not in LANGUAGES:
        raise ValueError(f"explore(language={language!r}): no such language; choose one of {LANGUAGES}")
    if e is None:
        e, values = DEFAULT[0], {**DEFAULT[1], **values}
    expression, numbers = None, []
    if isinstance(e, str):
        root = parse(e, **values)
        if not any(isinstance(x, Value) for x in values.values()):
            expression = e
            given = {name: _json_number(float(x)) for name, x in values.items()}
            numbers = [[name, given[name]] for name in (*Expression(e).variables, *given) if name in given]
            numbers = [pair for i, pair in enumerate(numbers) if pair not in numbers[:i]]
    elif isinstance(e, Value):
        if values:
            raise TypeError(
                f"explore(e, {next(iter(values))}=…): numbers belong to the names of an expression; "
                "a Value has its own"
            )
        root = e
    else:
        raise TypeError(
            f"explore(e): expected a Value or an expression, got {type(e).__name__}; give what an "
            "expression returned, or its text"
        )
    nodes = evaluation_order(root)
    edges = sum(isinstance(x, Value) for node in nodes for x in node.operands)
    if len(nodes) > NODES or edges > EDGES:
        raise ValueError(
            f"explore(e): {len(nodes):,} nodes and {edges:,} edges are more than an eye can follow "
            f"({NODES} and {EDGES:,} at most): explore a part, or look at draw(e)"
        )
    items = graph_items(root, nodes)
    scopes = {item["scope"][0] for item in items if item["scope"]}
    data = {
        "expression": expression,
        "numbers": numbers,
        "items": items,
        "language": language,
        "closed": sorted(scopes) if len(nodes) > 60 else [],
    }
    extra = dict.fromkeys(node.op for node in nodes if node.op is not None and node.op not in OWN)
    summary = f"{counted(len(nodes), 'node')}, {counted(edges, 'edge')}"
    return Page(assembled(data, tuple(extra)), summary)


def graph_items(root: Value, nodes: list[Value]) -> list[dict[str, Any]]:
    """Return each node as JSON has it: operands that are nodes by number, the others as text."""
    index = {node: i for i, node in enumerate(nodes)}
    called, scopes = names(root), scopes_of(nodes)
    items = []
    for node in nodes:
        items.append(
            {
                "op": None if node.op is None else node.op.name,
                "operands": [index[x] if isinstance(x, Value) else _number(x) for x in node.operands],
                "label": isolated(called[node]),
                "scope": [isolated(one_line(part)) for part in scopes[node]],
                "value": _number(node.data) if node.op is None else None,
            }
        )
    return items


def _number(x: float) -> str:
    """Return a number as JavaScript's Number() reads it."""
    if math.isinf(x):
        return "Infinity" if x > 0 else "-Infinity"
    return "NaN" if x != x else repr(x)


def _json_number(x: float) -> float | str:
    return x if math.isfinite(x) else _number(x)


def table_module(extra: Iterable[Primitive] = ()) -> str:
    """Return the package's table of primitives in JavaScript, and the user's own `extra` ones."""
    return javascript.table([*OWN, *extra])


def grammar_module() -> str:
    """Return what the reader of expressions takes from the Python parser."""
    facts = {
        "longest": LONGEST,
        "constants": {name: _number(x) for name, x in CONSTANTS.items()},
        "remedies": REMEDIES,
        "otherNames": OTHER_NAMES,
        "keywords": keyword.kwlist,
    }
    return f"export const GRAMMAR = {_safe(facts)};\n"


def _safe(data: Any) -> str:
    """Return JSON in which no text can end the script element that holds it."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def _file(name: str) -> str:
    return (pkgutil.get_data(__package__, name) or b"").decode()


@cache
def _script(extra: tuple[Primitive, ...]) -> str:
    """Return the page's modules as one: what they import from one another stands before them."""
    texts = [table_module(extra), grammar_module(), *(_file(f"{name}.js") for name in MODULES)]
    imports = re.compile(r'^import \{[^}]*\} from "\./[^"]+";\n', re.M)
    return "\n".join(re.sub(r"^export ", "", imports.sub("", text), flags=re.M) for text in texts)


@cache
def _vendor() -> str:
    return "\n".join(_file(f"vendor/{name}.min.js") for name in VENDORED)


def assembled(data: dict[str, Any], extra: tuple[Primitive, ...] = ()) -> str:
    """Return the page of some data; only its own scripts and styles may run in it."""
    script, vendor, style = f"\n{_script(extra)}", f"\n{_vendor()}", f"\n{_file('page.css')}"

    def digest(text: str) -> str:
        return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"

    slots = {
        "SCRIPTS": f"{digest(script)} {digest(vendor)}",
        "STYLES": digest(style),
        "STYLE": style,
        "VENDOR": vendor,
        "SCRIPT": script,
        "DATA": _safe(data),
    }
    return re.sub(r"\{\{(\w+)\}\}", lambda match: slots[match[1]], _file("page.html"))
