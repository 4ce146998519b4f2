"""Nested arguments as flat lists of numbers, and back: lists, tuples, dicts and NumPy arrays.

A structure is a tree whose leaves are *blocks*: single numbers, or NumPy arrays of a shape. It is hashable,
so that it can serve as a key, and it can be rebuilt around other leaves, such as derivatives.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from autograd_mini.engine.table import as_number

__all__ = ["Structure", "flatten"]


@dataclass(frozen=True, slots=True)
class Structure:
    """The shape of an argument without its numbers.

    `kind` is "number", "array", "list", "tuple" or "dict"; `detail` is the shape of an array, the keys of a
    dict, the type of a tuple. `size` is how many numbers there are.

    >>> numbers, structure = flatten({"w": [1.0, 2.0], "b": 3.0})
    >>> numbers, structure.size
    ([1.0, 2.0, 3.0], 3)
    >>> structure.rebuild([10.0, 20.0, 30.0])
    {'w': [10.0, 20.0], 'b': 30.0}
    """

    kind: str
    detail: Any
    children: tuple[Structure, ...]
    size: int

    def __str__(self) -> str:
        if self.kind == "number":
            return "one number"
        return f"a{'n' * (self.kind == 'array')} {self.kind} of {self.size} number{'s' * (self.size != 1)}"

    def rebuild(self, numbers: Sequence[Any]) -> Any:
        """Return the nested form of `numbers`: floats, or anything else that stands for them.

        Arrays of floats come out with dtype float64, all others with dtype object.
        """
        return self._take(iter(numbers))

    def _take(self, numbers: Iterator[Any]) -> Any:
        if self.kind == "number":
            return next(numbers)
        if self.kind == "array":
            return _array(list(islice(numbers, self.size)), self.detail)
        if self._is_flat():
            items = list(islice(numbers, self.size))
        else:
            items = [child._take(numbers) for child in self.children]
        if self.kind == "dict":
            return dict(zip(self.detail, items, strict=True))
        if self.kind == "tuple":
            return self.detail(*items) if hasattr(self.detail, "_fields") else tuple(items)
        return items

    def _is_flat(self) -> bool:
        return self.size == len(self.children) == self.children.count(NUMBER)

    def names(self, prefix: str) -> list[str]:
        """Return what to call each number in a message, such as ``x['w'][2]``."""
        if self.kind == "number":
            return [prefix]
        if self.kind == "array":
            return [prefix + "".join(f"[{i}]" for i in _index(n, self.detail)) for n in range(self.size)]
        keys = self.detail if self.kind == "dict" else range(len(self.children))
        return [
            name
            for key, child in zip(keys, self.children, strict=True)
            for name in child.names(f"{prefix}[{key!r}]")
        ]

    def outer(self, inner: Structure, rows: Sequence[Sequence[Any]]) -> Any:
        """Nest `inner` in every block of this structure, as derivatives nest: blocks of shape S by blocks
        of shape T are arrays of shape S + T. `rows` has one row of `inner`'s numbers for each number here.
        """
        return self._outer(inner, iter(rows))

    def _outer(self, inner: Structure, rows: Iterator[Sequence[Any]]) -> Any:
        if self.kind == "number":
            return inner.rebuild(next(rows))
        if self.kind == "array":
            return inner._columns(list(islice(rows, self.size)), self.detail, 0)
        items = [child._outer(inner, rows) for child in self.children]
        return Structure(self.kind, self.detail, (NUMBER,) * len(items), len(items)).rebuild(items)

    def _columns(self, rows: list[Sequence[Any]], shape: tuple[int, ...], start: int) -> Any:
        if self.kind in ("number", "array"):
            block = [x for row in rows for x in row[start : start + self.size]]
            return _array(block, shape + (self.detail or ()))
        items = []
        for child in self.children:
            items.append(child._columns(rows, shape, start))
            start += child.size
        return Structure(self.kind, self.detail, (NUMBER,) * len(items), len(items)).rebuild(items)


NUMBER = Structure("number", None, (), 1)


def flatten(tree: Any, name: str = "the argument") -> tuple[list[Any], Structure]:
    """Return the numbers of `tree` in order, and its structure.

    Plain numbers come out as floats; Values and whatever else records primitives, as they are. Raises
    TypeError for anything else, naming its place: `name` is what the tree is called in that message.

    >>> flatten((1, [2.5]))[0]
    [1.0, 2.5]
    """
    numbers: list[Any] = []
    return numbers, _flatten(tree, name, numbers)


def _flatten(tree: Any, name: str, numbers: list[Any]) -> Structure:
    if tree.__class__ is float:
        numbers.append(tree)
        return NUMBER
    if hasattr(type(tree), "record_primitive"):
        numbers.append(tree)
        return NUMBER
    if isinstance(tree, dict):
        children = [_flatten(child, f"{name}[{key!r}]", numbers) for key, child in tree.items()]
        return _composed("dict", tuple(tree), children)
    if isinstance(tree, (list, tuple)):
        if tree and set(map(type, tree)) == {float}:
            numbers += tree
            kind, detail = ("list", None) if isinstance(tree, list) else ("tuple", type(tree))
            return Structure(kind, detail, (NUMBER,) * len(tree), len(tree))
        children = [_flatten(child, f"{name}[{i}]", numbers) for i, child in enumerate(tree)]
        return (
            _composed("list", None, children)
            if isinstance(tree, list)
            else _composed("tuple", type(tree), children)
        )
    if hasattr(tree, "dtype") and hasattr(tree, "shape") and tree.shape != ():
        items = tree.ravel().tolist()
        if set(map(type, items)) <= {float}:
            numbers += items
            items = []
        for i, x in enumerate(items):
            place = name + "".join(f"[{k}]" for k in _index(i, tree.shape))
            numbers.append(x if hasattr(type(x), "record_primitive") else _checked(x, place))
        return Structure("array", tuple(tree.shape), (), int(math.prod(tree.shape)))
    if getattr(tree, "shape", None) == () and hasattr(tree, "item"):
        tree = tree.item()  # an array of no dimensions is a number
        if hasattr(type(tree), "record_primitive"):
            return _flatten(tree, name, numbers)
    numbers.append(_checked(tree, name))
    return NUMBER


def _checked(x: Any, name: str) -> float:
    try:
        return as_number(x)
    except TypeError as error:
        raise TypeError(
            f"{name}: {error}; derivatives are taken by numbers and by nested lists, tuples, dicts and "
            "NumPy arrays of numbers"
        ) from None


def _composed(kind: str, detail: Any, children: list[Structure]) -> Structure:
    return Structure(kind, detail, tuple(children), sum(child.size for child in children))


def _array(items: list[Any], shape: tuple[int, ...]) -> Any:
    if not shape:
        return items[0]
    import numpy as np

    if all(x.__class__ is float for x in items):
        return np.array(items, dtype=float).reshape(shape)
    if items and all(x.__class__ is bool for x in items):
        return np.array(items, dtype=bool).reshape(shape)
    array = np.empty(len(items), dtype=object)
    array[:] = items
    return array.reshape(shape)


def _index(n: int, shape: tuple[int, ...]) -> list[int]:
    """Return the index of the n-th item of an array, last axis fastest."""
    index = []
    for length in reversed(shape):
        n, i = divmod(n, length)
        index.append(i)
    return index[::-1]
