"""Take the arguments of a batch apart into columns, and put columns together as results.

A *column* holds one number of an argument over the batch: an array with an element for each item, or a
float if it is the same for all of them.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

from autograd_mini.engine.table import is_number
from autograd_mini.transforms.nested import NUMBER, Structure, flatten

__all__ = ["assembled", "check_array", "columns_of", "is_array", "refuse_masked", "items_in"]


def columns_of(x: Any, axis: int | None, name: str, whole: list[bool]) -> tuple[list[Any], Structure]:
    """Return the columns of an argument, and the structure of one item of it.

    For each column, whether it was given as ints is appended to `whole`.

    `axis` is that of the batch, None if the argument is the same for all items. A list of numbers, or of
    lists of numbers, means the array that it would make; other lists, tuples and dicts are nested.

    >>> import numpy as np
    >>> columns, structure = columns_of(np.array([[1.0, 2.0], [3.0, 4.0]]), 0, "x", [])
    >>> [c.tolist() for c in columns], structure.detail
    ([[1.0, 3.0], [2.0, 4.0]], (2,))
    """
    import numpy as np

    refuse_masked(x, name)
    if axis is None:
        whole += [isinstance(item, int) and not isinstance(item, bool) for item in items_of(x)]
        if getattr(x, "dtype", None) == np.float64 and x.shape != ():
            return x.ravel().tolist(), Structure("array", x.shape, (), x.size)
        return flatten(x, name)
    if isinstance(x, dict) or (isinstance(x, (list, tuple)) and not is_array(x)):
        children, columns = [], []
        for key, item in x.items() if isinstance(x, dict) else enumerate(x):
            found, structure = columns_of(item, axis, f"{name}[{key!r}]", whole)
            columns += found
            children.append(structure)
        kind = "dict" if isinstance(x, dict) else "list" if isinstance(x, list) else "tuple"
        detail = tuple(x) if kind == "dict" else type(x) if kind == "tuple" else None
        return columns, Structure(kind, detail, tuple(children), len(columns))
    try:
        array = np.asarray(x)
    except ValueError:
        raise ValueError(f"{name} is a list of lists of different lengths: make them alike") from None
    check_array(array, axis, name)
    is_whole = array.dtype.kind in "iu"
    if array.ndim == 0:
        whole.append(is_whole)
        return [float(array)], NUMBER
    array = (np.moveaxis(array, axis, 0) if axis else array).astype(float, copy=False)
    shape = array.shape[1:]
    flat = array.reshape(len(array), math.prod(shape))
    columns = [flat[:, k] for k in range(flat.shape[1])]
    whole += [is_whole] * len(columns)
    return columns, Structure("array", shape, (), len(columns)) if shape else NUMBER


def items_in(columns: Sequence[Any], name: str) -> tuple[list[Any], int]:
    """Return the columns and the size of the batch; ValueError where columns disagree or there is none.

    Beside longer columns, one of length 1 is a number that is the same for all items.
    """
    found = {len(c) for c in columns if c.__class__ is not float}
    if not found:
        raise ValueError(
            f"{name}.map was given no array of items: call {name} itself, or give arrays of shape (n,)"
        )
    longer = found - {1} or found
    if len(longer) > 1:
        raise ValueError(
            f"{name}.map was given {' and '.join(map(str, sorted(longer)))} items: all need as many, or "
            "one; in_axes says which of their axes has the items"
        )
    rows = longer.pop()
    return [c.item() if c.__class__ is not float and len(c) != rows else c for c in columns], rows


def is_array(x: Any) -> bool:
    """Whether `x` is a sequence of numbers, or a list of such sequences: not of arrays, dicts or Values."""
    return isinstance(x, (list, tuple)) and all(
        is_number(item) or (isinstance(x, list) and is_array(item)) for item in x
    )


def items_of(tree: Any) -> Iterator[Any]:
    """Yield the items in the places of numbers, in the order of `flatten`."""
    if isinstance(tree, dict):
        tree = list(tree.values())
    if isinstance(tree, (list, tuple)):
        for child in tree:
            yield from items_of(child)
    elif hasattr(tree, "dtype") and hasattr(tree, "shape"):
        yield from tree.ravel().tolist()
    else:
        yield tree


def check_array(array: Any, axis: int, name: str) -> None:
    """Raise TypeError if an array is not of real numbers, ValueError if it has no such axis."""
    if array.dtype.kind not in "fiub":
        raise TypeError(f"{name}: dtype {array.dtype} is not of real numbers; convert the array to float")
    if array.ndim and not -array.ndim <= axis < array.ndim:
        raise ValueError(
            f"{name} has shape {array.shape} and no axis {axis} for its items: give in_axes one number for "
            "each argument, None for those that are the same for all items"
        )


def refuse_masked(x: Any, name: str) -> None:
    """Raise TypeError for an array with a mask."""
    if hasattr(x, "filled"):
        raise TypeError(
            f"{name} is a masked array, and a masked element is not a number: give x.filled(...), or the "
            "items without a mask"
        )


def assembled(structure: Structure, items: Sequence[Any], start: int = 0) -> Any:
    """Return columns and numbers nested as `structure`; the axis of the batch comes first in arrays.

    >>> import numpy as np
    >>> assembled(Structure("array", (2,), (), 2), np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])).tolist()
    [[1.0, 4.0], [2.0, 5.0], [3.0, 6.0]]
    """
    import numpy as np

    if structure.kind == "number":
        x = items[start]
        return float(x) if np.ndim(x) == 0 else x
    if structure.kind == "array":
        block = np.asarray(items[start : start + structure.size])
        return block.T.reshape(block.shape[1:] + structure.detail)
    parts = []
    for child in structure.children:
        parts.append(assembled(child, items, start))
        start += child.size
    return Structure(structure.kind, structure.detail, (NUMBER,) * len(parts), len(parts)).rebuild(parts)
