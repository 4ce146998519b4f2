"""A naive engine that computes gradients path by path; the tests compare `Value` with it.

A gradient is the sum over all paths from the result to the leaf of the product of the derivatives along
the path. There can be exponentially many paths, so keep the graphs small. It shares only the primitives
with the real engine, on purpose.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from autograd_mini.engine.operators import Recorder
from autograd_mini.engine.table import Primitive

__all__ = ["Node", "PathSum", "path_sums", "paths", "reachable", "second_order_rounding"]


class Node(Recorder):
    """A number, its operands, and the derivative with respect to each operand that has one.

    >>> from autograd_mini.engine.primitives import mul
    >>> x = Node(3.0)
    >>> y = mul(mul(x, x), x)
    >>> y.backward()
    >>> y.data, x.grad
    (27.0, 27.0)
    """

    __slots__ = ("data", "grad", "op", "operands", "partials")

    def __init__(
        self,
        data: float,
        operands: tuple[Any, ...] = (),
        partials: tuple[Any, ...] = (),
        op: Primitive | None = None,
    ) -> None:
        self.data = data  # type: ignore[misc]  # a slot in the place of Recorder's property
        self.op = op
        self.operands = operands
        self.partials = partials
        self.grad = 0.0

    def record_primitive(self, op: Primitive, operands: tuple[Any, ...]) -> Node:
        """Apply `op` and keep the operands, with the derivative by each."""
        numbers = [x.data if isinstance(x, Node) else float(x) for x in operands]
        data = op.value(*numbers)
        partials = op.partials_at(data, numbers, [isinstance(x, Node) for x in operands])
        return Node(data, operands, tuple(partials), op)

    def edges(self) -> Iterator[tuple[Node, float]]:
        """Yield each operand that has a derivative, with it."""
        for x, d in zip(self.operands, self.partials, strict=True):
            if d is not None:
                yield x, d

    def backward(self) -> None:
        """Do what `Value.backward` promises: leaves accumulate, other nodes get theirs afresh."""
        for node, found in path_sums(self).items():
            node.grad = found.total if node.operands else node.grad + found.total

    def zero_grad(self) -> None:
        """Do what `Value.zero_grad` promises, operands without a derivative included."""
        for node in reachable(self):
            node.grad = 0.0


@dataclass
class PathSum:
    """The sum over the paths to one node; `rounding` is how far from it a right gradient may be."""

    total: float = 0.0
    magnitude: float = 0.0
    count: int = 0
    longest: int = 0

    def add(self, product: float, length: int) -> None:
        """Count one path more."""
        self.total += product
        self.magnitude += abs(product)
        self.count += 1
        self.longest = max(self.longest, length)

    @property
    def rounding(self) -> float:
        """An ULP of the sum of the magnitudes for every multiplication along a path and every addition."""
        return 2.0**-52 * (self.count + self.longest) * self.magnitude


def paths(root: Node) -> Iterator[tuple[Node, float, int]]:
    """Yield every path down from `root`: the node it leads to, the product along it, its length."""
    stack = [(root, 1.0, 0)]
    while stack:
        node, product, length = stack.pop()
        yield node, product, length
        stack += [(x, product * d, length + 1) for x, d in node.edges()]


def path_sums(root: Node) -> dict[Node, PathSum]:
    """Return the derivative of `root` with respect to every node it depends on, path by path."""
    sums: dict[Node, PathSum] = {}
    for node, product, length in paths(root):
        sums.setdefault(node, PathSum()).add(product, length)
    return sums


def second_order_rounding(root: Node, x: Node, y: Node) -> float:
    """Return how far apart two right second derivatives of `root` with respect to `x` and `y` may be.

    The second derivative is a sum over the nodes: the gradient of a node, times a second partial of its
    primitive, times the derivatives of two operands with respect to x and y. Allowed is an ULP of the sum
    of the magnitudes for every node.

    >>> from autograd_mini.engine.primitives import mul
    >>> x = Node(3.0)
    >>> second_order_rounding(mul(x, x), x, x) == 2 * 2 * 2.0**-52
    True
    """
    sums = path_sums(root)
    magnitude = 0.0
    for node, found in sums.items():
        below = [
            {leaf: way.magnitude for leaf, way in path_sums(z).items()} if isinstance(z, Node) else {}
            for z in node.operands
        ]
        for k in [k for k, ways in enumerate(below) if x in ways]:
            for m, size in enumerate(_second_magnitudes(node, k)):
                magnitude += found.magnitude * size * below[k][x] * below[m].get(y, 0.0)
    return 2.0**-52 * len(sums) * magnitude


def _second_magnitudes(node: Node, k: int) -> list[float]:
    """The second partials of the primitive, by operand `k` and each operand, without signs."""
    assert node.op is not None
    leaves = [Node(z.data if isinstance(z, Node) else float(z)) for z in node.operands]
    partial = node.op.partials_at(node.op(*leaves), leaves, [i == k for i in range(len(leaves))])[k]
    sums = path_sums(partial) if isinstance(partial, Node) else {}
    return [sums.get(leaf, PathSum()).magnitude for leaf in leaves]


def reachable(root: Node) -> set[Node]:
    """Return `root` and everything it was computed from."""
    found = {root}
    stack = [root]
    while stack:
        below = {x for x in stack.pop().operands if isinstance(x, Node)} - found
        found |= below
        stack += below
    return found
