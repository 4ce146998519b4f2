"""Random programs as plain data: a `Recipe` runs on floats, Values, or anything else with operators.

A recipe is grown from raw material that any source of chance can supply, Hypothesis or a seeded generator:
some numbers, and a list of wishes, each a function's name with references back to earlier results. A
wish that would leave a function's domain, or a range in which rounding can be judged, is skipped; what
nothing uses is added up at the end. So every list of wishes makes a valid program, and leaving wishes
out makes a smaller one.
"""

from __future__ import annotations

import math
import operator
import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any, Final

from autograd_mini.engine.table import TABLE, Primitive
from autograd_mini.special.by_scipy import Special

__all__ = ["CHOICE", "OPERATORS", "Recipe", "Wish", "grow", "random_material", "vocabulary"]

OPERATORS: Final[dict[str, tuple[str, Callable[..., Any]]]] = {
    "+": ("add", operator.add),
    "*": ("mul", operator.mul),
    "-": ("sub", operator.sub),
    "/": ("div", operator.truediv),
    "**": ("pow", operator.pow),
}
"""Python's operators and their primitives: a type may compute an operator faster than a call."""

Wish = tuple[str, Sequence[int]]
"""A word of the vocabulary, and how many results back each operand lies; reused in turn if too few."""

CHOICE: Final = "a if b < c else d"
"""The word for a branch: `where` on a comparison."""
SMALLEST, LARGEST = 1e-9, 1e6
MOST_PATHS: Final = 1000


def vocabulary() -> list[str]:
    """Return every word a wish may use: the operators, a branch, and the primitives that every backend has.

    >>> vocabulary()[:6]
    ['+', '*', '-', '/', '**', 'a if b < c else d']
    """
    everywhere = [name for name, row in TABLE.items() if not isinstance(row, Special)]
    return [*OPERATORS, CHOICE, *everywhere]


@dataclass(frozen=True)
class Recipe:
    """A straight-line program: inputs, constants, steps; its result is the sum of what no step uses.

    A step is a word and the places of its operands, counted over the inputs, the constants and the results.

    >>> r = Recipe((0.5, 2.0), (), (("*", (0, 1)), ("tanh", (2,))))
    >>> r
    def f(a, b):
        c = a * b
        d = tanh(c)
        return d
    f(0.5, 2.0)
    >>> r(0.5, 2.0)
    0.7615941559557649
    """

    inputs: tuple[float, ...]
    constants: tuple[float, ...] = ()
    steps: tuple[tuple[str, tuple[int, ...]], ...] = ()

    def __call__(self, *inputs: Any) -> Any:
        """Run it on floats, Values, or anything else that the primitives work on."""
        return self.results(*inputs)[-1]

    def results(self, *inputs: Any) -> list[Any]:
        """Run it and return what every step gives, and the sum of the unused ones last."""
        nodes = [*inputs, *self.constants]
        for word, places in self.steps:
            nodes.append(_perform(word, [nodes[k] for k in places]))
        nodes.append(reduce(_plus, [nodes[k] for k in self._unused()]))
        return nodes[len(inputs) + len(self.constants) :]

    def __len__(self) -> int:
        """Return the number of operations, with the additions at the end."""
        return len(self.steps) + len(self._unused()) - 1

    def _unused(self) -> list[int]:
        first = len(self.inputs) + len(self.constants)
        used = {k for _, places in self.steps for k in places}
        return [k for k in range(first, first + len(self.steps)) if k not in used] or [0]

    def __repr__(self) -> str:
        names = [_letters(i) for i in range(len(self.inputs))]
        lines = [f"def f({', '.join(names)}):"]
        names += map(repr, self.constants)
        for word, places in self.steps:
            names.append(_letters(len(names) - len(self.constants)))
            lines.append(f"    {names[-1]} = {_spelled(word, [names[k] for k in places])}")
        lines.append(f"    return {' + '.join(names[k] for k in self._unused())}")
        lines.append(f"f({', '.join(map(repr, self.inputs))})")
        return "\n".join(lines)


def grow(
    inputs: Iterable[float],
    constants: Iterable[float],
    wishes: Iterable[Wish],
    *,
    wild: bool = False,
) -> Recipe:
    """Return the recipe of all the wishes that can be granted.

    A wish is granted if its operands are in the domain of its primitive, if operands, value and
    derivatives are 0 or from 1e-9 to 1e6 in size, and if there are at most 1000 paths. A `wild` recipe
    may leave domains and compute with infinities and nan.

    >>> grow([2.0], [], [("log", [0]), ("neg", [0]), ("log", [0])])  # log of a negative number: skipped
    def f(a):
        b = log(a)
        c = -b
        return c
    f(2.0)
    """
    inputs, constants = tuple(inputs), tuple(constants)
    numbers = [*inputs, *constants]
    paths = [1] * len(inputs) + [0] * len(constants)  # from here down to inputs; a constant has none
    steps = []
    for word, back in wishes:
        arity = _arity(word, back)
        places = tuple(len(numbers) - 1 - back[i % len(back)] % len(numbers) for i in range(arity))
        ways = sum(paths[k] for k in places)
        if 0 < ways <= MOST_PATHS:
            number = _granted(word, [numbers[k] for k in places], wild)
            if number is not None:
                steps.append((word, places))
                numbers.append(number)
                paths.append(ways)
    return Recipe(inputs, constants, tuple(steps))


def random_material(
    seed: int, *, words: Sequence[str] = (), most: int = 24
) -> tuple[list[float], list[float], list[Wish]]:
    """Return inputs, constants and up to `most` wishes for `grow`, always the same for the same seed.

    >>> grow(*random_material(1)) == grow(*random_material(1))
    True
    """
    chance = random.Random(seed)

    def number() -> float:
        if chance.random() < 0.3:
            return float(chance.randint(-3, 3))
        return chance.uniform(-10, 10) * 10 ** chance.uniform(-3, 0)

    def wish() -> Wish:
        return chance.choice(known), [chance.randrange(6) for _ in range(chance.randint(1, 4))]

    known = words or vocabulary()
    inputs = [number() for _ in range(chance.randint(1, 3))]
    constants = [number() for _ in range(chance.randint(0, 2))]
    return inputs, constants, [wish() for _ in range(chance.randint(1, most))]


def _arity(word: str, back: Sequence[int]) -> int:
    if word == CHOICE:
        return 4
    op = _primitive(word)
    return len(back) if op.variadic else len(op.operands)


def _primitive(word: str) -> Primitive:
    return TABLE[OPERATORS[word][0] if word in OPERATORS else word]


def _granted(word: str, x: list[float], wild: bool) -> float | None:
    """Return the value if the function and its derivatives are moderate here, else None."""
    if word == CHOICE:
        return x[0] if x[1] < x[2] else x[3]
    op = _primitive(word)
    domain = op.domain * len(x) if op.variadic else op.domain
    if not wild and not all(low <= number <= high for number, (low, high) in zip(x, domain, strict=False)):
        return None
    try:
        y = op.value(*x)
    except TypeError:
        return None  # so many operands it does not take
    partials = op.partials_at(y, x, [True] * len(x))
    return y if all(d is None or _moderate(d, wild) for d in [*x, y, *partials]) else None


def _moderate(x: float, wild: bool) -> bool:
    return x == 0 or SMALLEST <= abs(x) <= LARGEST or (wild and not math.isfinite(x))


def _perform(word: str, x: list[Any]) -> Any:
    if word == CHOICE:
        return TABLE["where"](TABLE["less"](x[1], x[2]), x[0], x[3])
    if word in OPERATORS and not all(isinstance(v, (float, int)) for v in x):  # Python's 1.0 / 0.0 raises
        return OPERATORS[word][1](*x)
    return _primitive(word)(*x)


def _plus(x: Any, y: Any) -> Any:
    return _perform("+", [x, y])


def _spelled(word: str, names: list[str]) -> str:
    if word == CHOICE:
        return "where(less({1}, {2}), {0}, {3})".format(*names)
    if word in OPERATORS:
        return f"{names[0]} {word} {names[1]}"
    if word == "neg":
        return f"-{names[0]}"
    return f"{word}({', '.join(names)})"


def _letters(n: int) -> str:
    return chr(ord("a") + n % 26) + str(n // 26 or "")
