"""Where a function may be asked: inside the domain of every row that it calls. Knows of no oracle.

The domain is found by asking: the function is run on Values, and each operation in the graph it leaves
is compared with its row.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from autograd_mini.engine.value import Value, topological_order

__all__ = ["inside", "point_inside", "reach"]

REACHES: Final = (2.0, 10.0, 1.0, 100.0, 1000.0)
TRIALS: Final = 200
LARGEST: Final = 1e100


def inside(f: Callable[..., Any], inputs: Sequence[float]) -> bool:
    """Whether every operation of `f` keeps to the domain of its row, and every number is moderate.

    >>> from autograd_mini import log
    >>> inside(lambda x: log(x - 1), [2.0]), inside(lambda x: log(x - 1), [0.5])
    (True, False)
    """
    root = f(*map(Value, inputs))
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


def reach(f: Callable[..., Any], names: Sequence[str]) -> float:
    """Return how large numbers must be for a twentieth of them to lie in the domain of `f`.

    Raises ValueError, with the remedy, if they never do.
    """
    for size in REACHES:
        if sum(inside(f, trial) for trial in _trials(size, len(names))) >= TRIALS / 20:
            return size
    raise ValueError(
        f"{getattr(f, '__name__', repr(f))}: hardly any numbers up to {max(REACHES):g} lie in its domain; "
        f"say what {names[0]} may be"
    )


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
