"""`Dual`: a number and its rate of change, carried forward together. Keeps no graph.

``Dual(x, t, level)`` stands for x + εt with ε² = 0. Each `jvp` has an ε of its own, its level, so that a
derivative taken inside another is never confused with it. The primal and the tangent may be floats,
Values, or Duals of lower levels: forward mode over reverse mode, and over itself.
"""

from __future__ import annotations

import itertools
from typing import Any

from autograd_mini.engine import modes
from autograd_mini.engine.operators import Recorder
from autograd_mini.engine.primitives import where
from autograd_mini.engine.table import Primitive, as_number
from autograd_mini.transforms.gather import element

__all__ = ["Dual", "new_level", "split"]

_levels = itertools.count(1)


def new_level() -> int:
    """Return a level greater than every one before it."""
    return next(_levels)


class Dual(Recorder):
    """A number `primal` that changes at the rate `tangent` along the direction of its `level`.

    The tangent is None where no edge leads to one: the number is constant, and still no plain number of
    Python's, which would raise when divided by zero.

    >>> from autograd_mini.engine.primitives import sin
    >>> x = Dual(0.0, 1.0, new_level())
    >>> y = sin(x) + 3 * x
    >>> y.primal, y.tangent
    (0.0, 4.0)
    """

    __slots__ = ("level", "primal", "tangent", "used")

    def __init__(self, primal: Any, tangent: Any, level: int, used: Any = None) -> None:
        self.primal = primal
        self.tangent = tangent
        self.level = level
        self.used = used  # the truth of whether there is a tangent, where an index decides that

    @property
    def record_priority(self) -> int:  # type: ignore[override]
        """Its level: the innermost derivative is taken first."""
        return self.level

    @property
    def data(self) -> float:
        """The number, without its rate of change."""
        primal = self.primal
        return primal if primal.__class__ is float else primal.data

    def record_primitive(self, op: Primitive, operands: tuple[Any, ...]) -> Any:
        """Apply `op` to the primals, and the chain rule to the tangents."""
        primals, tangents = [], []
        for x in operands:
            primal, tangent = split(x, self.level)
            primals.append(primal if hasattr(type(primal), "record_primitive") else as_number(primal))
            tangents.append(tangent)
        y = op(*primals)
        if not modes.recording():
            return Dual(y, None, self.level)
        there = [t is not None for t in tangents]
        uses = [
            x.used if t and isinstance(x, Dual) else float(t) for x, t in zip(operands, there, strict=True)
        ]
        if op is element and any(there):
            tangent = element(primals[0], *[-0.0 if t is None else t for t in tangents[1:]])
            changing = [1.0 if u is None else u for u in uses[1:]]
            always = all(u.__class__ is float and u == 1.0 for u in changing)
            return Dual(y, tangent, self.level, None if always else element(primals[0], *changing))
        total: Any = None
        used: Any = 0.0
        for d, t, u in zip(op.partials_at(y, primals, there), tangents, uses, strict=True):
            if d is not None:
                term = d * t if u is None else element(u, -0.0, d * t)
                total = term if total is None else total + term
                used = None if u is None or used is None else where(u, 1.0, used)
        return Dual(y, total, self.level, used if total is not None else None)

    def __repr__(self) -> str:
        return f"Dual({self.primal!r}, {self.tangent!r}, level={self.level})"


def split(x: Any, level: int) -> tuple[Any, Any]:
    """Return `x` without the direction of `level`, and its tangent there; None if it has none.

    >>> split(Dual(1.0, 2.0, 7), 7), split(5.0, 7)
    ((1.0, 2.0), (5.0, None))
    """
    if isinstance(x, Dual) and x.level == level:
        return x.primal, x.tangent
    return x, None
