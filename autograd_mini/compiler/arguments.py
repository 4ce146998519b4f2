"""Take the arguments of a call apart: numbers, structures, and a key for its traces."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from inspect import signature
from typing import Any, Final

from autograd_mini.compiler.columns import columns_of, items_of, refuse_masked
from autograd_mini.engine.table import is_number
from autograd_mini.engine.value import Value
from autograd_mini.transforms.nested import NUMBER, Structure, flatten

__all__ = ["Call", "call_of", "call_of_batch", "in_place", "is_array", "is_static"]


class Call:
    """The arguments of one call: their numbers, their structures, and a key for its traces.

    `static` has the arguments without numbers, by position; `parts` has the structures of the others.
    `find_integers` returns, for each number, whether it was given as an int.
    """

    def __init__(
        self,
        numbers: list[Any],
        parts: list[Structure],
        static: dict[int, Any],
        keywords: tuple[str, ...] = (),
        find_integers: Callable[[], Sequence[bool]] = tuple,
    ) -> None:
        self.find_integers = find_integers
        self.numbers, self.parts, self.static, self.keywords = numbers, parts, static, keywords
        fixed = tuple([(k, x.__class__, x) for k, x in static.items()]) if static else ()
        self.key = (tuple(parts), fixed, keywords)

    @property
    def starts(self) -> list[int]:
        """Where the numbers of each argument begin, and where those of the last one end."""
        starts = [0]
        for part in self.parts:
            starts.append(starts[-1] + part.size)
        return starts

    def integers(self) -> set[int]:
        """Return the positions of the numbers that were given as ints."""
        return {k for k, whole in enumerate(self.find_integers()) if whole}

    def run(self, f: Callable[..., Any], inputs: Sequence[Value]) -> Any:
        """Call `f` with `inputs` in the places of the numbers."""
        arguments = [
            self.static[k] if k in self.static else part.rebuild(inputs[start : start + part.size])
            for k, (part, start) in enumerate(zip(self.parts, self.starts, strict=False))
        ]
        count = len(self.parts) - len(self.keywords)
        return f(*arguments[:count], **dict(zip(self.keywords, arguments[count:], strict=True)))


NOTHING: Final = Structure("tuple", tuple, (), 0)
"""The placeholder of an argument that has no numbers."""


def call_of(
    f: Callable[..., Any],
    name: str,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    static_argnums: Sequence[int] = (),
) -> Call:
    """Return the call of `f`, named `name` in errors; the arguments at `static_argnums` are static."""
    if kwargs:
        bound = signature(f).bind(*args, **kwargs)
        args, kwargs = bound.args, bound.kwargs
    fixed = _fixed(static_argnums, len(args), name)
    numbers: list[Any] = []
    parts: list[Structure] = []
    static: dict[int, Any] = {}
    for k, x in enumerate((*args, *kwargs.values())):
        if x.__class__ is float and k not in fixed:
            numbers.append(x)
            parts.append(NUMBER)
        elif k in fixed or is_static(x):
            static[k] = _hashable(name, x)
            parts.append(NOTHING)
        else:
            found, structure = _flat(x, f"argument {k} of {name}")
            numbers += found
            parts.append(structure)
    given = [x for k, x in enumerate((*args, *kwargs.values())) if k not in static]
    return Call(
        numbers,
        parts,
        static,
        tuple(kwargs),
        lambda: [isinstance(x, int) and not isinstance(x, bool) for x in items_of(given)],
    )


def call_of_batch(
    name: str, args: tuple[Any, ...], in_axes: Any, static_argnums: Sequence[int] = ()
) -> tuple[Call, list[Any]]:
    """Return the call for one item of a batch, without its numbers, and the columns of the batch."""
    axes = in_axes if isinstance(in_axes, (tuple, list)) else (in_axes,) * len(args)
    if len(axes) != len(args):
        raise ValueError(
            f"in_axes has {len(axes)} entries and {name}.map was given {len(args)} arguments: "
            "give one for each, None for those that are the same for all items"
        )
    if not all(axis is None or type(axis) is int for axis in axes):
        raise TypeError(
            f"{name}.map(in_axes={in_axes!r}): give the number of an axis, or a tuple with one for each "
            "argument, None for those that are the same for all items"
        )
    fixed = _fixed(static_argnums, len(args), name)
    columns: list[Any] = []
    whole: list[bool] = []
    parts: list[Structure] = []
    static: dict[int, Any] = {}
    for k, (x, axis) in enumerate(zip(args, axes, strict=True)):
        if k in fixed or is_static(x):
            static[k] = _hashable(name, x)
            parts.append(NOTHING)
        else:
            found, structure = columns_of(x, axis, f"argument {k} of {name}.map", whole)
            columns += found
            parts.append(structure)
    return Call([], parts, static, find_integers=lambda: whole), columns


def _fixed(static_argnums: Sequence[int], count: int, name: str) -> set[int]:
    for k in static_argnums:
        if not -count <= k < count:
            raise ValueError(
                f"static_argnums has {k} and {name} was called with {count} positional arguments: give "
                "the position of an argument, and give that argument by position"
            )
    return {k % count for k in static_argnums}


def is_static(x: Any) -> bool:
    """Whether an argument has no numbers, so that it is part of the trace."""
    if isinstance(x, (str, bool, type(None))):
        return True
    return not (
        is_number(x)
        or isinstance(x, (list, tuple, dict, complex))
        or hasattr(type(x), "record_primitive")
        or hasattr(x, "dtype")
    )


def _hashable(name: str, x: Any) -> Any:
    try:
        hash(x)
    except TypeError:
        raise TypeError(
            f"{name} was given a {type(x).__name__}, which is neither numbers nor hashable: "
            "give numbers, nested lists, tuples, dicts or arrays of them, or something hashable"
        ) from None
    return x


def is_array(x: Any) -> bool:
    """Whether an argument is an array that a prepared call reads each time."""
    return in_place(x) or (getattr(getattr(x, "dtype", None), "kind", "") in ("i", "u") and x.shape != ())


def in_place(x: Any) -> bool:
    """Whether an argument is an array that machine code can read where it is."""
    return str(getattr(x, "dtype", "")) == "float64" and x.shape != () and x.flags.c_contiguous


def _flat(x: Any, name: str) -> tuple[list[Any], Structure]:
    refuse_masked(x, name)
    if getattr(x, "dtype", None) is not None and x.dtype.kind == "f" and x.shape != ():
        return x.astype(float, copy=False).ravel().tolist(), Structure("array", x.shape, (), x.size)
    return flatten(x, name)
