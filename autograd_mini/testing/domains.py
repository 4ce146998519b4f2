"""Find where a function can be evaluated: inside the domain of every primitive that it calls.

A function of this library is run on Values, and each operation in its graph is compared with its
primitive's domain. A plain function must return finite numbers.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from autograd_mini.engine.value import Value, topological_order
from autograd_mini.transforms.nested import flatten

__all__ = ["inside", "interval_of_each", "point_inside"]

REACHES: Final = (2.0, 10.0, 1.0, 100.0, 1000.0)
TRIALS: Final = 200
LARGEST: Final = 1e100
FARTHEST: Final = 1e6


def inside(f: Callable[..., Any], inputs: Sequence[float], *, plain: bool = False) -> bool:
    """Whether every operation of `f` keeps to the domain of its primitive, and every number is moderate.

    A function that does not take Values, or is `plain`, is inside where it returns finite numbers.

    >>> from autograd_mini import log
    >>> inside(lambda x: log(x - 1), [2.0]), inside(lambda x: log(x - 1), [0.5])
    (True, False)
    """
    if plain:
        return _is_finite(f, inputs)
    try:
        root = f(*map(Value, inputs))
    except TypeError:  # math.sin, for instance
        return _is_finite(f, inputs)
    if not isinstance(root, Value):
        return True
    for node in topological_order(root, through_edges=False):
        if not abs(node.data) <= LARGEST:
            return False
        if node.op is not None:
            operands = [x.data if isinstance(x, Value) else x for x in node.operands]
            domain = node.op.domain * (len(operands) if node.op.variadic else 1)
            if not all(low <= x <= high for x, (low, high) in zip(operands, domain, strict=False)):
                return False
    return True


def _is_finite(f: Callable[..., Any], inputs: Sequence[float]) -> bool:
    try:
        found = flatten(f(*inputs), "the result")[0]
    except (ArithmeticError, ValueError):
        return False
    return all(abs(x) <= LARGEST for x in found)


def interval_of_each(
    f: Callable[..., Any], names: Sequence[str], given: Mapping[str, tuple[float, float]]
) -> dict[str, tuple[float, float]]:
    """Return an interval for each name in which `f` can be evaluated, the other numbers held at a point.

    Raises ValueError, with the remedy, if no point is found.

    >>> from autograd_mini import log
    >>> low, high = interval_of_each(lambda x: log(x), ["x"], {})["x"]
    >>> 0 <= low < 1e-6, high
    (True, 1000000.0)
    """
    chance = random.Random(len(names))
    for size in (size for size in REACHES for _ in range(TRIALS)):
        sides = [given.get(name, (-size, size)) for name in names]
        point = [chance.uniform(*side) for side in sides]
        if inside(f, point):
            break
    else:
        raise ValueError(
            f"{getattr(f, '__name__', repr(f))}: no numbers up to {max(REACHES):g} lie in its domain; "
            f"say what {names[0]} may be, as in {names[0]}=(0.0, 1.0)"
        )
    return {
        name: given.get(name) or (_end(f, point, i, -FARTHEST), _end(f, point, i, FARTHEST))
        for i, name in enumerate(names)
    }


def _end(f: Callable[..., Any], point: list[float], i: int, far: float) -> float:
    """How far number i can go towards `far`."""

    def fits(x: float) -> bool:
        return inside(f, [*point[:i], x, *point[i + 1 :]])

    if fits(far):
        return far
    good, bad = point[i], far
    for _ in range(60):
        middle = (good + bad) / 2
        good, bad = (middle, bad) if fits(middle) else (good, middle)
    return good


def point_inside(
    f: Callable[..., Any], names: Sequence[str], given: Mapping[str, float]
) -> dict[str, float]:
    """Return numbers for all `names`: those given, and short ones for the others, the same every time.

    Raises ValueError if no trial lies in the domain of `f`.

    >>> from autograd_mini import log
    >>> point_inside(lambda a, b: log(a) + b, ["a", "b"], {"b": 5.0})
    {'a': 1.39, 'b': 5.0}
    """
    missing = [name for name in names if name not in given]
    for size in REACHES:
        for trial in _trials(size, len(missing)):
            point = {**dict(zip(missing, [round(x, 2) + 0.0 for x in trial], strict=True)), **given}
            if not missing or inside(f, [point[name] for name in names]):
                return {name: point[name] for name in names}
    raise ValueError(
        f"no number up to {max(REACHES):g} was found for {', '.join(missing)}: give {missing[0]}=…"
    )


def _trials(size: float, count: int) -> list[list[float]]:
    chance = random.Random(count)
    return [[chance.uniform(-size, size) for _ in range(count)] for _ in range(TRIALS)]
