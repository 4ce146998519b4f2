"""The ledger: who owes what to whom when a result repays its debts, and what collecting path by path costs.

The story is the one told of backpropagation: an arrow from operand to result is a debt that the result
owes. The root starts with 1. It pays each operand what it has received times the derivative on the edge,
and an operand passes on what has piled up with it. `ledger` writes down each payment of that sweep.
The other way is for each creditor to go up every path to the root and ask: `paths` does that, and
`visits` counts how often either way walks an edge.

Everything here is computed afresh from the edges, and never reads or sets a `grad`. It knows nothing of
how `Value.backward` does the same; tests hold the two to the same bits.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from html import escape
from typing import Any, Final, NamedTuple, overload

from autograd_mini.engine.value import Value, topological_order
from autograd_mini.show.names import names, one_line, operation, short
from autograd_mini.show.text import columns, elided, showable

__all__ = ["Ledger", "Path", "Paths", "Payment", "Visits", "ledger", "paths", "visits"]

ROWS: Final = 60
"""How many payments a ledger prints before it leaves out the middle."""

PATHS: Final = 20
"""How many paths are printed."""

NODES: Final = 8
"""How many nodes of a path are printed."""

CAP: Final = 100_000
"""How many paths `paths` is ready to walk one by one, unless told otherwise."""

EDGES: Final = 5_000_000
"""How many edges may be walked to print them."""


@dataclass(frozen=True, slots=True)
class Payment:
    """One edge of the graph, walked once: `debtor` pays `creditor`.

    `payment` is `received`, the derivative of the root by the debtor, times `derivative`, that of the
    debtor by the creditor; `balance` is what the creditor has afterwards.
    """

    debtor: Value
    creditor: Value
    received: float
    derivative: float
    payment: float
    balance: float
    debtor_name: str
    creditor_name: str

    def __str__(self) -> str:
        product = f"{short(self.received)} × {short(self.derivative)} = {short(self.payment)}"
        return f"{self.debtor_name} pays {self.creditor_name}: {product}"


class Ledger(Sequence[Payment]):
    """The payments of one backward sweep, in order. Prints as a table; made by `ledger`."""

    def __init__(self, root: Value) -> None:
        self.root = root
        self._debtors: list[Value] = []  # columns, because a million rows are no rarity
        self._creditors: list[Value] = []
        self._derivatives: list[float] = []
        self._balances: list[float] = []
        self.balances: dict[Value, float] = {}
        """What each node that a derivative reaches has received in the end: the root's derivative by it."""
        settled = self.balances
        for node in topological_order(root):
            received = settled.setdefault(node, 1.0)  # only the root has not been paid by anyone
            for creditor, derivative in node.edges():
                # -0.0 is where IEEE addition starts; a leaf starts with the 0.0 of a fresh `grad`
                before = settled.get(creditor, 0.0 if creditor.op is None else -0.0)
                settled[creditor] = balance = before + received * derivative
                self._debtors.append(node)
                self._creditors.append(creditor)
                self._derivatives.append(derivative)
                self._balances.append(balance)

    @cached_property
    def gradient(self) -> dict[Value, float]:
        """The derivative of the root by each leaf it was computed from; 0 where no edge leads to it."""
        leaves = [v for v in topological_order(self.root, through_edges=False) if v.op is None]
        return {leaf: self.balances.get(leaf, 0.0) for leaf in leaves}

    @cached_property
    def _names(self) -> Mapping[Value, str]:
        return names(self.root)

    def __len__(self) -> int:
        return len(self._debtors)

    @overload
    def __getitem__(self, index: int) -> Payment: ...
    @overload
    def __getitem__(self, index: slice) -> list[Payment]: ...
    def __getitem__(self, index: int | slice) -> Payment | list[Payment]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        debtor, creditor = self._debtors[index], self._creditors[index]
        received, derivative = self.balances[debtor], self._derivatives[index]
        return Payment(
            debtor,
            creditor,
            received,
            derivative,
            received * derivative,
            self._balances[index],
            self._names[debtor],
            self._names[creditor],
        )

    def _rows(self) -> Iterator[tuple[str, str, str, str, str, str]]:
        """Yield the cells of each row to show; one with the first cell alone tells what is left out."""
        first, last = elided(len(self), ROWS)
        above = None
        for i in (*first, *last):
            if last and i == last.start:
                yield (f"… {last.start - first.stop:,} more payments …", "", "", "", "", "")
                above = None
            p = self[i]
            debtor = "" if p.debtor is above else self._introduced(p.debtor)
            above = p.debtor
            amounts = map(short, (p.received, p.derivative, p.payment))
            yield (debtor, *amounts, p.creditor_name, short(p.balance))

    def _introduced(self, node: Value) -> str:
        return one_line(f"{self._names[node]} = {operation(node, self._names)}")

    def _nothing(self) -> str:
        if self.root.op is None:
            return f"{self._names[self.root]} owes nothing: it was not computed from anything"
        return f"{self._introduced(self.root)} owes nothing: no derivative leads from it to an operand"

    def __str__(self) -> str:
        if not self:
            return self._nothing()
        table = [["debtor", "received", "×", "derivative", "=", "pays", "→", "creditor", "balance"]]
        for debtor, received, derivative, payment, creditor, balance in self._rows():
            signs = ("×", "=", "→") if creditor else ("", "", "")
            table.append(
                [debtor, received, signs[0], derivative, signs[1], payment, signs[2], creditor, balance]
            )
        return "\n".join(columns(table, "<>^>^>^<>", gap=" "))

    def __repr__(self) -> str:
        return showable(str(self))

    def _repr_html_(self) -> str:
        if not self:
            return f"<p>{escape(self._nothing())}</p>"
        heads = ("debtor", "received", "× derivative", "= pays", "creditor", "balance")
        lines = ["<table>", "<tr>" + "".join(f"<th>{head}</th>" for head in heads) + "</tr>"]
        for cells in self._rows():
            # <bdi>: a name that is written from right to left must not reorder the numbers beside it
            row = "".join(f"<td><bdi>{escape(cell)}</bdi></td>" for cell in cells)
            lines.append(f"<tr>{row}</tr>")
        return "\n".join([*lines, "</table>"])


def ledger(root: Value) -> Ledger:
    """Return the payments by which `root` repays its debts, in the order of the backward sweep.

    The sums are those of `Value.backward` on fresh gradients, bit for bit, but no `grad` is touched.
    Raises TypeError for anything but a Value.

    >>> a, b = Value(2.0, label="a"), Value(1.0, label="b")
    >>> c = a + b; d = b + 1; e = c * d
    >>> ledger(e)
    debtor    received × derivative = pays → creditor balance
    e = c * d        1 ×          2 =    2 → c              2
                     1 ×          3 =    3 → d              3
    c = a + b        2 ×          1 =    2 → a              2
                     2 ×          1 =    2 → b              2
    d = b + 1        3 ×          1 =    3 → b              5
    >>> ledger(e).gradient[b]
    5.0
    """
    return Ledger(_checked("ledger(root)", root))


# ---- the other way: every creditor goes collecting, path by path -----------------------------------


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
        self._leads = _leading_to([end], order)
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
    return Paths(_checked("paths(root, end)", root), _checked("paths(root, end)", end), cap)


def visits(root: Value) -> Visits:
    """Count how often an edge is walked for the whole gradient of `root`, exactly and without walking.

    Path by path, each leaf asks its way up to the root along every path; repaid, each edge is walked once.

    >>> x = y = Value(1.0)
    >>> for _ in range(50):
    ...     y = y + y
    >>> visits(y)
    Visits(path_by_path=56294995342131200, in_one_sweep=100)
    """
    order = topological_order(_checked("visits(root)", root))
    leaves = [node for node in order if node.op is None]
    return _tally(order, leaves, _leading_to(leaves, order))[1]


def _leading_to(ends: list[Value], order: list[Value]) -> set[Value]:
    """Return the nodes from which a path leads to one of `ends`, of those in `order`."""
    leads = set(ends)
    for node in reversed(order):
        if any(x in leads for x, _ in node.edges()):
            leads.add(node)
    return leads.intersection(order)


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


# ---- small print -----------------------------------------------------------------------------------


def _checked(call: str, root: Any) -> Value:
    if isinstance(root, Value):
        return root
    raise TypeError(f"{call}: expected a Value, got {type(root).__name__}; wrap a number in Value(...)")


def _shortened(parts: list[str], joint: str) -> str:
    first, last = elided(len(parts), NODES)
    shown = [parts[i] for i in first]
    if last:
        shown += [f"… {last.start - first.stop:,} more …", *(parts[i] for i in last)]
    return joint.join(shown)


def _count(n: int) -> str:
    """Write a count: in full while a reader can take it in, then as a power of ten."""
    return f"{n:,}" if n < 10**15 else f"about {Decimal(n):.2e}"
