"""`take`: an element of a sequence, at an index that compiled functions may take as an argument.

With an int, `take` looks the element up. While a function is traced, an argument that is an int is a Value;
then all elements are operands of one primitive, `element`, so that one program serves every index.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Collection
from functools import reduce
from typing import Any, Final, NamedTuple

from autograd_mini.engine import modes
from autograd_mini.engine.operators import Recorder
from autograd_mini.engine.primitives import equal, identity, where
from autograd_mini.engine.table import Primitive, as_number, is_number
from autograd_mini.engine.value import Value, depth_first
from autograd_mini.transforms.nested import flatten

__all__ = ["Sides", "element", "order_of_all", "possible", "take", "take_place"]

CALL: Final = "take(values, i)"


def take(values: Any, i: Any) -> Any:
    """Return ``values[i]``, where `i` may be an argument of a compiled function that differs at each call.

    `values` is a list, a tuple or an array. Its elements are numbers, Values, or lists, tuples, dicts and
    arrays of them; compiled, they all have the same structure. `i` is an int; negative ones count from the
    end. A derivative is added to the element at `i` alone. A Value comes back as a node of its own, which
    adds up the derivatives of its users before it passes them to the element.

    Raises IndexError if there is no such element, and TypeError for an index that is not an int, such as
    1.0, True or a Value.

    >>> take([10.0, 20.0, 30.0], 1), take([[1.0, 2.0], [3.0, 4.0]], -1)
    (20.0, [3.0, 4.0])
    """
    count = _count(values)
    if not isinstance(i, Recorder):
        return _copy_of(values[take_place(_whole(i), count)])
    place = modes.tell("on_gather", i, count) if modes.listening else None
    if place is None:
        raise TypeError(
            f"{CALL}: i is a {type(i).__name__}, and an index has no derivative: give an int, as in "
            "int(v.data); a compiled function takes the index as an argument that is an int"
        )
    first, structure = flatten(values[0], "values[0]")
    columns = [first]
    for k in range(1, count):
        numbers, other = flatten(values[k], f"values[{k}]")
        if other != structure:
            raise TypeError(
                f"{CALL}: values[{k}] is {other} and values[0] is {structure}, or nested otherwise: if "
                "the index may change, give elements of one structure"
            )
        columns.append(numbers)
    return structure.rebuild([element(place, *column) for column in zip(*columns, strict=True)])


def take_place(i: int, count: int) -> int:
    """Return the place of element `i` of `count`, from 0 on; IndexError if there is none.

    >>> take_place(-1, 3)
    2
    """
    if not -count <= i < count:
        raise IndexError(
            f"{CALL}: i is {i}, and there are {count} values: give an index from {-count} to {count - 1}"
        )
    return i + count if i < 0 else i


def _count(values: Any) -> int:
    if isinstance(values, (str, bytes, dict)) or not (
        hasattr(values, "__len__")
        and hasattr(values, "__getitem__")
        and getattr(values, "shape", None) != ()
    ):
        remedy = "list(values.values())" if isinstance(values, dict) else "a list"
        raise TypeError(f"{CALL}: values is a {type(values).__name__}, which has no order: give {remedy}")
    if not len(values):
        raise IndexError(f"{CALL}: values is empty: give at least one")
    return len(values)


def _whole(i: Any) -> int:
    kind = getattr(getattr(i, "dtype", None), "kind", "")
    if not isinstance(i, bool) and kind != "b":
        try:
            return operator.index(i)
        except TypeError:
            pass
    remedy = "; for several elements, call it once for each" if hasattr(i, "__len__") else ""
    raise TypeError(f"{CALL}: i is a {type(i).__name__}, not an int: give int(i){remedy}")


def _copy_of(x: Any) -> Any:
    """Return the element: plain numbers as they are, Values as nodes of their own."""
    if is_number(x):
        return int(x) if _is_whole(x) else as_number(x)
    numbers, structure = flatten(x, "the element of values")
    return structure.rebuild([n if n.__class__ is float else identity(n) for n in numbers])


def _is_whole(x: Any) -> bool:
    return hasattr(x, "__index__") and not isinstance(x, bool)


# ---- the primitive -----------------------------------------------------------------------------------


class _Element(Primitive):
    """A primitive outside the table: it is not a function of real numbers, and `take` checks its place."""

    __slots__ = ()

    def __reduce__(self) -> Any:
        return "element"


def _choice(place: Any, *values: Any) -> Any:
    last, *others = reversed([*enumerate(values)])
    return reduce(lambda y, kx: where(equal(place, float(kx[0])), kx[1], y), others, last[1])


element: Final = _Element(
    "take",
    "*x",
    value=lambda place, *values: values[int(place)],
    definition=_choice,
    # As with `where`, the other operands have no edges. A sweep that holds for every place asks `possible`.
    partials=[lambda y, xs: [1.0 if k == xs[0] + 1.0 else None for k in range(len(xs))]],
    doc="The operand at a place, counted from 0; the place is the first operand.",
)
"""The primitive that `take` records while a function is traced: a place, then all elements."""


def possible(node: Value) -> list[Value]:
    """Return the operands to which a derivative may pass: of a `take`, all elements."""
    if node.op is element:
        return [x for x in node.operands[1:] if isinstance(x, Value)]
    return [x for x, _ in node.edges()]


def order_of_all(root: Value, until: Collection[Value] = ()) -> list[Value]:
    """Return `root` and all nodes to which a derivative may pass, results first, up to `until`."""
    return depth_first([root], lambda node: () if node in until else possible(node))


class Sides:
    """The conditions under which nodes are used to which only some sides of a choice lead.

    Each side of a choice has a truth: a node, or an operand of a program. A node on several sides is used
    if any of their truths holds, and a node on all sides whenever the choice is made. `choose` makes
    ``where(condition, x, y)`` of truths and numbers, and `equals` says whether a place is a number.
    `compared` returns the place and the number of a truth that `equals` made, None for any other.
    """

    def __init__(
        self,
        choose: Callable[[Any, Any, Any], Any],
        equals: Callable[[Any, float], Any],
        compared: Callable[[Any], tuple[Any, float] | None],
    ) -> None:
        self.choose, self.equals, self.compared = choose, equals, compared
        self._known: dict[Any, _Places] = {}
        # Choices are numbered, since comparing the nodes in them would compare their data.
        self._choices: dict[tuple[Any, Any], int] = {}

    def of_place(self, place: Any, count: int, used: Any) -> list[Any]:
        """Return the truth of each of `count` places.

        The choice is made where `used` is true; None means always.
        """
        if count == 1:
            return [used]
        compared = self.compared(place)
        if compared is None or count > 2:
            truths = [self.equals(place, float(k)) for k in range(count)]
            return [self._side(x, place, True, float(k), count, used) for k, x in enumerate(truths)]
        return self._two(place, *compared, used)

    def of_condition(self, condition: Any, used: Any) -> list[Any]:
        """Return the truths of a condition and its opposite; `used` as in `of_place`."""
        return self._two(condition, (condition,), 1.0, used)[::-1]

    def _two(self, truth: Any, place: Any, number: float, used: Any) -> list[Any]:
        contrary = self.choose(truth, 0.0, 1.0)
        sides = (contrary, False), (truth, True)
        return [self._side(x, place, inside, number, math.inf, used) for x, inside in sides]

    def _side(self, truth: Any, place: Any, inside: bool, number: float, size: float, used: Any) -> Any:
        if used is not None:
            truth = self.choose(used, truth, 0.0)
        choice = self._choices.setdefault((place, used), len(self._choices))
        self._known[truth] = _Places(choice, used, inside, frozenset([number]), size)
        return truth

    def either(self, one: Any, other: Any) -> Any:
        """Return the truth that at least one of two truths holds; None if it always does."""
        first, second = self._known.get(one), self._known.get(other)
        places = first and second and first.union(second)
        if places and places.are_all():
            return places.used
        truth = self.choose(one, 1.0, other)
        if places:
            self._known[truth] = places
        return truth


class _Places(NamedTuple):
    """Some of the places of a choice: those in `numbers`, or all others if not `inside`.

    The choice is made where `used` is true (None: always). `size` is how many places it has, inf if that is
    not known.
    """

    choice: int
    used: Any
    inside: bool
    numbers: frozenset[float]
    size: float

    def union(self, other: _Places) -> _Places | None:
        """Return the places of either; None if they are of different choices."""
        if self.choice != other.choice:
            return None
        if self.inside and not other.inside:
            return other.union(self)
        numbers = self.numbers & other.numbers if not other.inside else self.numbers - other.numbers
        if self.inside:
            numbers = self.numbers | other.numbers
        return self._replace(numbers=numbers, size=min(self.size, other.size))

    def are_all(self) -> bool:
        """Whether there are no other places."""
        return len(self.numbers) == (self.size if self.inside else 0)
