"""Write a program as it is computed, instruction by instruction, so that its loops can still be seen.

Sharing equal instructions, and identities on the data, blur the period of what a Python loop has unrolled:
where one number of the data is 1.0, an iteration would be shorter than the others.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from autograd_mini.compiler.program import Builder, Program
from autograd_mini.engine.table import Primitive

__all__ = ["Unshared"]


class Unshared(Builder):
    """A builder that shares and rewrites nothing but what rules say: a partial of 1 or -1.

    Each occurrence of a constant is one of its own.
    """

    def __init__(self, inputs: int) -> None:
        super().__init__(inputs)
        self._literals: dict[int, float] = {}
        self._minus_zero = super().constant(-0.0)

    def constant(self, x: float) -> int:
        """Return an operand that is the number `x`, and of this occurrence alone."""
        self.constants.append(x)
        return -len(self.constants)

    def literal(self, x: float) -> int:
        """Return an operand that is a number of a rule."""
        k = self.constant(x)
        if x in (1.0, -1.0):
            self._literals[k] = x
        return k

    def opening(self, term: int) -> int:
        """Write the first term of an adjoint as any other: added to -0.0."""
        return self.emit("add", self._minus_zero, term)

    def emit(self, op: str | Primitive, *operands: int) -> int:
        """Return the operand that is the result of an instruction."""
        name = op if op.__class__ is str and op in self._primitives else self._name_of(op)
        if name == "mul":
            x, y = operands
            known = self._literals
            if y in known or x in known:
                x, y = (x, y) if y in known else (y, x)
                return x if known[y] == 1.0 else self.emit("neg", x)
        elif name in ("identity", "stop_gradient"):
            return operands[0]
        self.code.append((name, *operands))
        return self.inputs + len(self.code) - 1

    def program(self, outputs: Sequence[int], guards: Iterable[tuple[int, bool]] = ()) -> Program:
        """Return what has been written, all of it."""
        return Program(
            self.inputs,
            tuple(self.constants),
            tuple(self.code),
            tuple(outputs),
            tuple(dict.fromkeys((k, e) for k, e in guards if k >= 0)),
            tuple([self._primitives[name] for name in dict.fromkeys([op[0] for op in self.code])]),
        )
