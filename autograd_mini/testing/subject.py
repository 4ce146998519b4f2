"""The function under test, as a function of a flat list of floats."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from itertools import islice
from typing import Any, Final

from autograd_mini.engine.modes import no_grad
from autograd_mini.engine.value import Value, number_of
from autograd_mini.transforms.nested import NUMBER, Structure, flatten

__all__ = ["Subject", "in_order", "name_of", "plain"]

SHOWN: Final = 16
"""So many numbers of a point are printed."""


class Subject:
    """A function, its arguments as flat numbers, and their names.

    A `plain` function takes and returns floats and arrays; others take Values and return one.
    """

    def __init__(self, f: Callable[..., Any], args: Sequence[Any], *, is_plain: bool) -> None:
        self.f = f
        self.name = name_of(f)
        self.is_plain = is_plain
        if not args:
            raise TypeError(f"{self.name} was given no argument: check_grads(f, x), or (f, fprime, x)")
        _check_signature(f, self.name, args)
        self.args = args
        self.names: list[str] = []
        numbers: list[Any] = []
        self.structures: list[Structure] = []
        for name, arg in zip(_parameters(f, len(args)), args, strict=True):
            some, structure = flatten(arg, name)
            numbers += some
            self.structures.append(structure)
            self.names += structure.names(name)
        self.numbers = [float(number_of(x)) for x in numbers]
        if not numbers:
            raise TypeError(f"{self.name} was given no number, only empty arguments: give it some")
        shown = [f"{n} = {x!r}" for n, x in zip(self.names, self.numbers, strict=True)]
        self.point = ", ".join(shown if len(shown) <= SHOWN else [*shown[:3], f"… ({len(shown)} numbers)"])

    def arguments(self, numbers: Sequence[Any]) -> list[Any]:
        """Return the numbers in their places."""
        waiting = iter(numbers)
        return [each.rebuild(list(islice(waiting, each.size))) for each in self.structures]

    def call(self, numbers: Sequence[Any]) -> Any:
        """Return the single result of the function, on floats, Values or Duals."""
        found, structure = self._results(numbers)
        if structure != NUMBER:
            raise TypeError(
                f"{self.name} returned {structure}, and a gradient is of one number, bare: check the "
                "numbers one at a time, such as lambda x: f(x)[0], or all of them with check_jacobian"
            )
        return found[0]

    def value(self, numbers: Sequence[float]) -> float:
        """Return the single result as a float, without a graph."""
        if self.is_plain:
            return float(self.call(numbers))
        with no_grad():
            return float(number_of(self.call([Value(x) for x in numbers])))

    def values(self, numbers: Sequence[float]) -> list[float]:
        """Return all results of a plain function."""
        return plain(self._results(numbers)[0])

    def results(self) -> Structure:
        """Return the structure of the results of a plain function."""
        return self._results(self.numbers)[1]

    def _results(self, numbers: Sequence[Any]) -> tuple[list[Any], Structure]:
        try:
            result = self.f(*self.arguments(numbers))
        except TypeError as error:
            if not (self.is_plain and all(isinstance(x, float) for x in numbers)):
                raise
            raise TypeError(
                f"{self.name} does not take the floats {self.point}: {error}; hold what must be a whole "
                "number fixed, as in lambda x: f(x, 3)"
            ) from error
        return flatten(result, f"the result of {self.name}")

    def flat(self, found: Any, name: str) -> list[float]:
        """Return a gradient in the structure of the arguments as flat floats, or raise TypeError."""
        several = len(self.args) > 1 or (isinstance(found, tuple) and len(found) == 1)
        like = tuple(self.args) if several else self.args[0]
        numbers, _ = flatten(in_order(found, like, name), f"the result of {name}")
        if len(numbers) != len(self.numbers):
            raise TypeError(
                f"{name} returned {len(numbers)} number{'s' * (len(numbers) != 1)}, and {self.name} has "
                f"{len(self.numbers)} to be differentiated with respect to "
                f"({', '.join(self.names[:3])}{', …' * (len(self.names) > 3)}): return one for each"
            )
        return plain(numbers)


def plain(numbers: Sequence[Any]) -> list[float]:
    """Return floats, of Values their numbers."""
    return [float(number_of(x)) for x in numbers]


def name_of(f: Any) -> str:
    """Return what to call a function in a message."""
    return getattr(f, "__name__", type(f).__name__)


def in_order(found: Any, like: Any, name: str) -> Any:
    """Return a gradient with its dicts in the order of the argument's; refuse another structure."""
    if isinstance(found, dict) and isinstance(like, dict):
        if found.keys() != like.keys():
            raise TypeError(
                f"{name} returned derivatives for {', '.join(map(repr, found))}, and the argument has "
                f"{', '.join(map(repr, like))}: return one under each of its keys"
            )
        return {key: in_order(found[key], like[key], name) for key in like}
    if isinstance(found, (list, tuple)) and isinstance(like, (list, tuple)) and len(found) == len(like):
        return [in_order(x, y, name) for x, y in zip(found, like, strict=True)]
    shapes = getattr(found, "shape", ()), getattr(like, "shape", ())
    if all(shapes) and shapes[0] != shapes[1]:
        raise TypeError(
            f"{name} returned an array of shape {shapes[0]}, and the argument has the shape {shapes[1]}: "
            "return each derivative in the place of its number"
        )
    return found


def _check_signature(f: Callable[..., Any], name: str, args: Sequence[Any]) -> None:
    try:
        signature = inspect.signature(f)
    except (TypeError, ValueError):  # a function of C's that tells nothing
        return
    try:
        signature.bind(*args)
    except TypeError as error:
        raise TypeError(
            f"{name}{signature} cannot be called with {len(args)} argument{'s' * (len(args) != 1)} by "
            f"position ({error}): wrap it, as in lambda x: f(x, key=1.0)"
        ) from None


def _parameters(f: Callable[..., Any], count: int) -> list[str]:
    """What to call the arguments: by the function's own names where it has them."""
    names = [f"args[{i}]" for i in range(count)]
    try:
        parameters = inspect.signature(f).parameters.values()
    except (TypeError, ValueError):
        return names
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    own = [p.name for p in parameters if p.kind in positional]
    return own[:count] + names[len(own) :]
