"""The ledger: every payment by which a result repays its debts.

An arrow from operand to result is a debt that the result owes. The root starts with 1. It pays each
operand what it has received times the derivative on the edge, and an operand passes on what has piled up.

The sweep here is separate from `Value.backward` on purpose, so that a test can compare the two. It never
reads or sets a `grad`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from html import escape
from typing import Final, overload

from autograd_mini.engine.value import Value, expect_value, topological_order
from autograd_mini.show.names import definition, names
from autograd_mini.show.text import columns, elided, one_line, short, showable

__all__ = ["Ledger", "Payment", "ledger"]

ROWS: Final = 60
"""How many payments a ledger prints before it leaves out the middle."""


@dataclass(frozen=True, slots=True)
class Payment:
    """One edge of the graph, walked once: `debtor` pays `creditor`.

    `payment` is `received`, the derivative of the root with respect to the debtor, times `derivative`,
    that of the debtor with respect to the creditor; `balance` is what the creditor has afterwards.
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
        self._debtors: list[Value] = []  # columns, because there may be a million rows
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
        return one_line(definition(node, self._names))

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
    return Ledger(expect_value("ledger(root)", root, "wrap a number in Value(...)"))
