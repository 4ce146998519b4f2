"""Compare every sweep of the engine with the naive engine, one program at a time.

The oracles of `check_grads` ask whether a derivative is right. These functions trust the partials of the
primitives and ask whether the chain rule is: backward, forward, twice, and in each nesting of the two.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

from naive import Node, PathSum, path_sums, second_order_rounding

from autograd_mini.engine.value import Value
from autograd_mini.testing.recipes import Recipe
from autograd_mini.transforms import functions as transforms

__all__ = ["disagreements", "first_order", "second_order"]


def disagreements(recipe: Recipe) -> Iterator[str]:
    """Yield, in words, whatever the engine and the naive engine do not agree on.

    >>> from autograd_mini.testing.recipes import grow
    >>> list(disagreements(grow([0.5, 2.0], [3], [("*", [0, 1]), ("sin", [0]), ("/", [0, 2])])))
    []
    """
    yield from first_order(recipe)
    yield from second_order(recipe)


def first_order(recipe: Recipe, leaf: Any = Value) -> Iterator[str]:
    """Yield what is wrong with backward, repeated, and with forward mode; `leaf` makes the leaves."""
    nodes = [Node(x) for x in recipe.inputs]
    root = recipe(*nodes)
    sums = path_sums(root)
    expected = [sums.get(node, PathSum()) for node in nodes]

    leaves = [leaf(x) for x in recipe.inputs]
    result = recipe(*leaves)
    if not _same(result.data, root.data):
        yield f"the value is {result.data!r}, and {root.data!r} on plain numbers"
    result.backward()
    once = [x.grad for x in leaves]
    yield from _compared("backward", once, expected)
    for x in leaves:
        x.data += 1.0  # must not change the recorded graph
    result.backward()
    if not all(_same(x.grad, g + g) for x, g in zip(leaves, once, strict=True)):
        yield f"a second backward makes {once} into {[x.grad for x in leaves]}, not twice that"
    if leaf is Value:
        found = [_forward(recipe, i) for i in range(len(nodes))]
        yield from _compared("forward", found, expected)


def second_order(recipe: Recipe) -> Iterator[str]:
    """Yield where reverse over reverse, forward over reverse and reverse over forward differ."""

    def f(x: Sequence[Any]) -> Any:
        return recipe(*x)

    x = list(recipe.inputs)
    twice = transforms.hessian(f)(x)
    for i in range(len(x)):
        e = _unit(recipe, i)
        rows = {
            "forward over reverse": transforms.hvp(f)(x, e),
            "reverse over forward": transforms.grad(lambda x, e=e: transforms.jvp(f, (x,), (e,))[1])(x),
        }
        for name, row in rows.items():
            for j, (found, expected) in enumerate(zip(row, twice[i], strict=True)):
                if not _close(found, expected) and not abs(found - expected) <= _rounding(recipe, i, j):
                    yield (
                        f"the second derivative with respect to inputs {i} and {j} is {found!r} {name}, "
                        f"{expected!r} reverse over reverse"
                    )


def _compared(walk: str, found: list[float], expected: list[PathSum]) -> Iterator[str]:
    for i, (g, paths) in enumerate(zip(found, expected, strict=True)):
        if math.isfinite(paths.magnitude) and not abs(g - paths.total) <= paths.rounding:
            yield (
                f"the derivative with respect to input {i} is {g!r} {walk}, "
                f"{paths.total!r} over {paths.count} path{'s' * (paths.count != 1)}"
            )


def _forward(recipe: Recipe, i: int) -> float:
    x = recipe.inputs

    def along(t: Any) -> Any:
        return recipe(*x[:i], t, *x[i + 1 :])

    return transforms.jvp(along, (x[i],), (1.0,))[1]  # type: ignore[no-any-return]


def _unit(recipe: Recipe, i: int) -> list[float]:
    return [float(i == j) for j in range(len(recipe.inputs))]


def _rounding(recipe: Recipe, i: int, j: int) -> float:
    nodes = [Node(x) for x in recipe.inputs]
    return second_order_rounding(recipe(*nodes), nodes[i], nodes[j])


def _same(x: float, y: float) -> bool:
    return x == y or (x != x and y != y)


def _close(x: float, y: float) -> bool:
    """Equal to a ten-millionth; nan equals nan."""
    if x != x or y != y:
        return x != x and y != y
    return x == y or abs(x - y) <= 1e-7 * max(abs(x), abs(y), 1.0)
