"""Write a `Program` as a C function that needs nothing but ``math.h``, to be compiled elsewhere."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import reduce
from typing import Final

from autograd_mini.compiler.backends import spellings
from autograd_mini.compiler.program import Program

__all__ = ["expression", "no_function", "number", "source"]

BESSEL: Final = ("j0", "j1", "y0", "y1")


def source(program: Program) -> str:
    """Return a function ``int replay(const double *in, double *out)``; it returns 0 where a guard fails.

    Compile with ``-ffp-contract=off`` for results to the bit: a fused multiply-add rounds once, not twice.
    And with ``-fno-builtin``: compilers make x · x of ``pow(x, 2.0)``, which is not quite the same.
    Only `hypot`, which is C's own, and the Bessel functions `j0`, `j1`, `y0`, `y1`, which are POSIX's, may
    differ from Python's and SciPy's in the last places. Each loop found in the program is a `for`, and its
    results are in static memory: the function then runs in one thread at a time. Raises ValueError for a
    primitive that C has no function for.
    """
    if hasattr(program, "loops"):
        from autograd_mini.compiler.backends.c_loops import statements

        body = statements(program)  # type: ignore[arg-type]
    else:
        body = _straight(program.expanded(spellings.C))
    numbers = f"{program.inputs} numbers in, {len(program.outputs)} out"
    return "\n".join(
        [
            "#include <math.h>",
            "",
            f"/* {numbers}; cc -O2 -fno-builtin -ffp-contract=off ... -lm */",
            "int replay(const double *in, double *out) {",
            *([] if any("in[" in line for line in body) else ["    (void)in;"]),
            *body,
            "    return 1;",
            "}",
            "",
        ]
    )


def _straight(program: Program) -> list[str]:
    def text(k: int) -> str:
        if k < 0:
            return number(program.constants[~k])
        return f"v{k}" if k >= program.inputs else f"in[{k}]"

    lines = []
    for slot, (name, *operands) in enumerate(program.code, program.inputs):
        result = expression(name, list(map(text, operands)))
        if result is None:
            raise no_function(name)
        lines.append(f"    const double v{slot} = {result};")
    for k, expected in program.guards:
        lines.append(f"    if ({text(k)} {'==' if expected else '!='} 0.0) return 0;")
    return [*lines, *(f"    out[{i}] = {text(k)};" for i, k in enumerate(program.outputs))]


def expression(name: str, operands: Sequence[str]) -> str | None:
    """Return a primitive as an expression of C; None where C has no function for it."""
    if name == "hypot":
        return reduce("hypot({}, {})".format, operands) if operands[1:] else f"fabs({operands[0]})"
    spelling = f"{name}({{}})" if name in BESSEL else spellings.C.get(name)
    return spelling and spelling.format(*operands)


def number(x: float) -> str:
    """Return a number in C."""
    if x != x:
        return "NAN"
    if math.isinf(x):
        return "INFINITY" if x > 0 else "(-INFINITY)"
    return f"({x!r})" if math.copysign(1.0, x) < 0 else repr(x)


def no_function(name: str) -> ValueError:
    """Return the error for a primitive that C has no function for."""
    return ValueError(
        f"primitive {name!r} has no function in C: take the text in Python, or give your own "
        "primitive a definition in terms of others"
    )
