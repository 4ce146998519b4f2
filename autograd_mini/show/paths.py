"""The paths from a result to a leaf: the chain rule as a sum over all of them, and what that costs.

The ledger pays each edge once. The other way is for each creditor to go up every path to the root and
ask: `paths` does that, and `visits` counts how often either way walks an edge.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from html import escape
from typing import Final, NamedTuple

from autograd_mini.engine.value import Value, expect_value, topological_order
from autograd_mini.show.names import names
from autograd_mini.show.text import columns, elided, short, showable
from autograd_mini.transforms.adjoints import leading_to

__all__ = ["Path", "Paths", "Visits", "paths", "visits"]

PATHS: Final = 20
"""How many paths are printed."""

NODES: Final = 8
"""How many nodes of a path are printed."""

CAP: Final = 100_000
"""How many paths `paths` is ready to walk one by one, unless told otherwise."""

EDGES: Final = 5_000_000
"""How many edges may be walked to print them."""


class Visits(NamedTuple):
    """How often an edge is walked to get the same derivatives: path by path, and in one sweep."""

    path_by_path: int
    in_one_sweep: int

    def __str__(self) -> str:
        n, m = map(_count, self)
        return f"edges walked: {n} path by path, {m} in one backward sweep"


@dataclass(frozen=True, slots=True)
class Path:
    """One way from the root to a node: the nodes, the derivatives on the edges between, their product."""

    nodes: tuple[Value, ...]
    derivatives: tuple[float, ...]
    product: float


class Paths:
    """Every path from one node to another, walked when iterated over. Made by `paths`."""

    def __init__(self, root: Value, end: Value, cap: int) -> None:
        self.root = root
        self.end = end
        self.cap = cap
        order = topological_order(root)
        self._leads = leading_to([end], order)
        self.count, self.visits = _tally(order, [end], self._leads)

    count: int
    """How many paths there are, counted without walking them."""
    visits: Visits
    """How often an edge is walked to get this one derivative."""

    @property
    def total(self) -> float:
        """The sum of the products: the derivative, up to rounding. ValueError beyond the cap."""
        return sum((path.product for path in self), 0.0)

    def __iter__(self) -> Iterator[Path]:
        """Walk the paths one by one, the first operand's side first. Raises ValueError beyond the cap."""
        if self.count > self.cap:
            ends = f"from {self._names[self.root]} to {self._names[self.end]}"
            raise ValueError(
                f"{_count(self.count)} paths lead {ends}, and the cap is {_count(self.cap)}: pass a larger "
                "cap, or use ledger(), which walks each edge once"
            )
        return self._walk()

    def _walk(self) -> Iterator[Path]:
        nodes, derivatives, products = list[Value](), list[float](), list[float]()
        stack = [(0, self.root, 1.0)]
        while stack:
            depth, node, derivative = stack.pop()
            del nodes[depth:], derivatives[depth:], products[depth:]
            products.append(products[-1] * derivative if nodes else 1.0)
            nodes.append(node)
            derivatives.append(derivative)
            if node is self.end:
                yield Path(tuple(nodes), tuple(derivatives[1:]), products[-1])
            else:
                onward = [(depth + 1, x, d) for x, d in node.edges() if x in self._leads]
                stack += reversed(onward)

    @cached_property
    def _names(self) -> Mapping[Value, str]:
        called = names(self.root)
        return called if self.end in called else {**called, **names(self.end)}

    def __str__(self) -> str:
        root, end = self._names[self.root], self._names[self.end]
        title = f"{_count(self.count)} path{'s' * (self.count != 1)} from {root} to {end}"
        if not self.count:
            return f"{title}: the derivative is 0"
        if self.count > self.cap or self.visits.path_by_path > EDGES:
            return f"{title}, too many to walk\n{self.visits}"
        rows, total = [], 0.0
        for i, path in enumerate(self):
            total += path.product
            if i < PATHS:
                way = _shortened([self._names[node] for node in path.nodes], " → ")
                product = _shortened([short(d) for d in path.derivatives] or ["1"], " × ")
                rows.append((way, product, "=", short(path.product)))
        if self.count > PATHS:
            rows.append((f"… {self.count - PATHS:,} more paths …", "", "", ""))
        if self.count > 1:
            rows.append(("", "their sum", "=", short(total)))
        return "\n".join([title, *columns(rows, "<>^>"), str(self.visits)])

    def __repr__(self) -> str:
        return showable(str(self))

    def _repr_html_(self) -> str:
        return f"<pre>{escape(str(self))}</pre>"


def paths(root: Value, end: Value, *, cap: int = CAP) -> Paths:
    """Return the paths from `root` to `end`: the chain rule as it is first written down.

    Their number grows exponentially with depth, so walking more than `cap` of them raises ValueError;
    `count` and `visits` are known all the same. Raises TypeError for anything but Values.

    >>> a, b = Value(2.0, label="a"), Value(1.0, label="b")
    >>> c = a + b; d = b + 1; e = c * d
    >>> paths(e, b)
    2 paths from e to b
    e → c → b      2 × 1  =  2
    e → d → b      3 × 1  =  3
               their sum  =  5
    edges walked: 4 path by path, 4 in one backward sweep
    >>> for _ in range(99):
    ...     e = e * e
    >>> paths(e, b).count == 2**100, paths(e, b).visits.in_one_sweep
    (True, 202)
    """
    for node in (root, end):
        expect_value("paths(root, end)", node, "wrap a number in Value(...)")
    return Paths(root, end, cap)


def visits(root: Value) -> Visits:
    """Count how often an edge is walked for the whole gradient of `root`, exactly and without walking.

    Path by path, each leaf asks its way up to the root along every path; repaid, each edge is walked once.

    >>> x = y = Value(1.0)
    >>> for _ in range(50):
    ...     y = y + y
    >>> visits(y)
    Visits(path_by_path=56294995342131200, in_one_sweep=100)
    """
    order = topological_order(expect_value("visits(root)", root, "wrap a number in Value(...)"))
    leaves = [node for node in order if node.op is None]
    return _tally(order, leaves, leading_to(leaves, order))[1]


def _tally(order: list[Value], ends: list[Value], leads: set[Value]) -> tuple[int, Visits]:
    """Count the paths from the first of `order` to `ends`, their lengths together, and their edges."""
    number: dict[Value, int] = defaultdict(int, {order[0]: 1})  # of paths from the root to the node
    length: dict[Value, int] = defaultdict(int)  # of all these paths together
    total = walked = edges = 0
    final = set(ends)
    for node in order:
        if node not in leads:
            continue
        n, steps = number.pop(node), length.pop(node, 0)  # popped: numbers of a million bits are large
        if node in final:
            total += n
            walked += steps
        for x, _ in node.edges():
            if x in leads:
                edges += 1
                number[x] += n
                length[x] += steps + n
    return total, Visits(walked, edges)


def _shortened(parts: list[str], joint: str) -> str:
    first, last = elided(len(parts), NODES)
    shown = [parts[i] for i in first]
    if last:
        shown += [f"… {last.start - first.stop:,} more …", *(parts[i] for i in last)]
    return joint.join(shown)


def _count(n: int) -> str:
    """Write a count: in full while a reader can take it in, then as a power of ten."""
    return f"{n:,}" if n < 10**15 else f"about {Decimal(n):.2e}"
