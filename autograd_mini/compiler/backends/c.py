"""Write a `Program` as a C function that needs nothing but ``math.h``, to be compiled elsewhere."""

from __future__ import annotations

import math
from functools import reduce

from autograd_mini.compiler.backends import spellings
from autograd_mini.compiler.program import Program

__all__ = ["source"]


def source(program: Program) -> str:
    """Return a function ``int replay(const double *in, double *out)``; it returns 0 where a guard fails.

    Compile with ``-ffp-contract=off`` for results to the bit: a fused multiply-add rounds once, not twice.
    Only `hypot` is C's own, which may differ from Python's in the last place.
    Raises ValueError for a primitive that C has no function for.
    """
    program = program.expanded(spellings.C)
    lines = [
        "#include <math.h>",
        "",
        f"/* {program.inputs} numbers in, {len(program.outputs)} out; cc -O2 -ffp-contract=off ... -lm */",
        "int replay(const double *in, double *out) {",
    ]
    if not any(0 <= k < program.inputs for op in (*program.code, ("", *program.outputs)) for k in op[1:]):
        lines.append("    (void)in;")

    def text(k: int) -> str:
        if k >= program.inputs:
            return f"v{k}"
        if k >= 0:
            return f"in[{k}]"
        x = program.constants[~k]
        if x != x:
            return "NAN"
        if math.isinf(x):
            return "INFINITY" if x > 0 else "(-INFINITY)"
        return f"({x!r})" if math.copysign(1.0, x) < 0 else repr(x)

    for slot, (name, *operands) in enumerate(program.code, program.inputs):
        texts = list(map(text, operands))
        if name in spellings.C:
            result = spellings.C[name].format(*texts)
        elif name == "hypot":
            result = reduce("hypot({}, {})".format, texts) if texts[1:] else f"fabs({texts[0]})"
        else:
            raise ValueError(
                f"primitive {name!r} has no function in C: take the text in Python, or give a primitive of "
                "your own a definition in terms of others"
            )
        lines.append(f"    const double v{slot} = {result};")
    for k, expected in program.guards:
        lines.append(f"    if ({text(k)} {'==' if expected else '!='} 0.0) return 0;")
    lines += [f"    out[{i}] = {text(k)};" for i, k in enumerate(program.outputs)]
    return "\n".join([*lines, "    return 1;", "}", ""])
