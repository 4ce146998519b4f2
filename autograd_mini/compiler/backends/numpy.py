"""A `Program` over many rows as calls of NumPy. Knows chunks that fit a cache, and whose array is free.

Each instruction is one call on a chunk of rows, into an array that nobody needs any more; the arrays of a
chunk stay in the cache from the first instruction to the last. One point is Python's business.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, Final

from autograd_mini.compiler.backends import python
from autograd_mini.compiler.backends.buffers import Blocks
from autograd_mini.compiler.backends.hoist import split
from autograd_mini.compiler.program import Program
from autograd_mini.engine.table import named

__all__ = ["build", "build_rows", "source"]

CHUNK: Final = 4096
"""Rows done at a time: some dozens of arrays of that length fit the second cache."""

UFUNCS: Final = {
    "add": "add", "sub": "subtract", "mul": "multiply", "div": "divide", "neg": "negative",
    "abs": "absolute",
    "sqrt": "sqrt", "exp": "exp", "exp2": "exp2", "expm1": "expm1", "log": "log", "log2": "log2",
    "log10": "log10", "log1p": "log1p", "sin": "sin", "cos": "cos", "tan": "tan", "asin": "arcsin",
    "acos": "arccos", "atan": "arctan", "atan2": "arctan2", "sinh": "sinh", "cosh": "cosh", "tanh": "tanh",
    "asinh": "arcsinh", "acosh": "arccosh", "atanh": "arctanh", "cbrt": "cbrt", "pow": "power",
    "fmod": "fmod", "floor": "floor", "ceil": "ceil", "trunc": "trunc", "less": "less", "equal": "equal",
}  # fmt: skip
"""NumPy's names of the primitives; every one takes ``out=``."""

EXPRESSIONS: Final = {
    "where": "where({0} != 0.0, {1}, {2})",
    "relu": "where({0} <= 0.0, 0.0, {0})",
    "maximum": "where(({0} > {1}) | ({0} != {0}), {0}, {1})",
    "minimum": "where(({0} < {1}) | ({0} != {0}), {0}, {1})",
    "copysign": "copysign({0}, where({1} == {1}, {1}, 1.0))",
    "step": "where({0} > 0.0, 1.0, where({0} <= 0.0, 0.0, {0}))",
}
"""Primitives that are more than one call."""


def build(program: Program) -> Callable[[Sequence[float]], list[float] | None]:
    """Return Python's replay of one point: arrays of one number would only be slower."""
    return python.build(program)


def build_rows(
    program: Program, mapped: Sequence[bool], reduced: Sequence[bool]
) -> Callable[..., tuple[Any, Any, Any]]:
    """Return a function of columns.

    >>> from autograd_mini import Value
    >>> from autograd_mini.compiler.program import Recording
    >>> x = Value(3.0)
    >>> rows = build_rows(Recording([x * x], [x]).program(gradients=[0]), [True], [False, True])
    >>> import numpy as np
    >>> rows([np.array([1.0, 2.0, 3.0])], 3)
    (array([[1., 4., 9.]]), array([12.]), None)
    """
    import numpy as np

    once, each, also = split(program.expanded(UFUNCS.keys() | EXPRESSIONS), mapped, reduced)
    before = python.build(once)
    namespace: dict[str, Any] = {"where": np.where, "copysign": np.copysign, "inf": np.inf, "nan": np.nan}
    for name in each.primitives - EXPRESSIONS.keys():
        namespace[f"{name}_"] = getattr(np, UFUNCS[name]) if name in UFUNCS else _slow(name)
    text, registers = _text(each, mapped)
    exec(text, namespace)
    replay = namespace["replay"]
    summed = [i for i, total in enumerate(reduced) if total]
    columns_out = [i for i, total in enumerate(reduced) if not total]
    memory = Blocks()

    def run(columns: Sequence[Any], rows: int, threads: int | None = None) -> tuple[Any, Any, Any]:
        once_in = [c for c, m in zip(columns, mapped, strict=True) if not m]
        same = [*columns, *(before(once_in) or ())]
        table = memory.block(len(columns_out), rows)
        totals = np.full(len(summed), -0.0)
        held = np.ones(rows, dtype=bool) if program.guards else None
        buffers = np.empty((registers, min(rows, CHUNK)))
        with np.errstate(all="ignore"):
            for start in range(0, rows, CHUNK):
                stop = min(start + CHUNK, rows)
                inputs = [c[start:stop] if k < len(mapped) and mapped[k] else c for k, c in enumerate(same)]
                outputs, truths = replay(inputs, buffers[:, : stop - start])
                for k, i in enumerate(columns_out):
                    table[k, start:stop] = outputs[i]
                for k, i in enumerate(summed):
                    totals[k] += np.sum(np.broadcast_to(outputs[i], stop - start))
                if held is not None:
                    for truth, expected in truths:
                        held[start:stop] &= (truth != 0.0) == expected
            for k, i in enumerate(summed):
                if i in also:
                    totals[k] += rows * same[also[i]]
        return table, totals, held

    return run


def source(program: Program) -> str:
    """Return the program as a function of arrays."""
    program = program.expanded(UFUNCS.keys() | EXPRESSIONS)
    lines = ["import numpy as np", "from numpy import copysign, inf, nan, where"]
    for name in sorted(program.primitives - EXPRESSIONS.keys()):
        lines.append(f"from numpy import {UFUNCS[name]} as {name}_" if name in UFUNCS else _imported(name))
    text, _ = _text(program, [True] * program.inputs)
    return "\n".join([*lines, "", "", text])


def _imported(name: str) -> str:
    table = "__import__('autograd_mini.engine.table').engine.table.TABLE"
    return f"{name}_ = np.vectorize({table}[{name!r}].value)"


def _slow(name: str) -> Callable[..., Any]:
    """A primitive that NumPy has no name for: its row's value, item by item."""
    import numpy as np

    value = named(name).value

    def apply(*operands: Any) -> Any:
        return np.frompyfunc(value, len(operands), 1)(*operands).astype(float)

    return apply


def _text(program: Program, mapped: Sequence[bool]) -> tuple[str, int]:
    """Return the function ``replay(inputs, buffers)``, and how many buffers it writes into."""
    first = program.inputs
    last_use = {k: slot for slot, op in enumerate(program.code, first) for k in op[1:]}
    forever = math.inf
    for k in (*program.outputs, *(k for k, _ in program.guards)):
        last_use[k] = forever  # type: ignore[assignment]
    free: list[int] = []
    registers = 0
    place: dict[int, int] = {}
    lines = ["def replay(inputs, buffers):"]

    def text(k: int) -> str:
        return f"v{k}" if k >= 0 else f"({program.constants[~k]!r})"

    if first:
        lines.append(f"    {', '.join(map(text, range(first)))}{',' * (first == 1)} = inputs")
    for slot, (name, *operands) in enumerate(program.code, first):
        arguments = list(map(text, operands))
        if name in UFUNCS:
            for k in set(operands):  # an operand that dies here is overwritten by the result
                if k in place and last_use[k] == slot:
                    free.append(place.pop(k))
            if not free:
                free.append(registers)
                registers += 1
            place[slot] = free.pop()
            lines.append(f"    v{slot} = {name}_({', '.join(arguments)}, out=buffers[{place[slot]}])")
        elif name in EXPRESSIONS:
            lines.append(f"    v{slot} = {EXPRESSIONS[name].format(*arguments)}")
        else:
            lines.append(f"    v{slot} = {name}_({', '.join(arguments)})")
        if name not in UFUNCS:
            for k in set(operands):
                if k in place and last_use[k] == slot:
                    free.append(place.pop(k))
    guards = ", ".join(f"({text(k)}, {expected})" for k, expected in program.guards)
    lines.append(f"    return [{', '.join(map(text, program.outputs))}], [{guards}]")
    return "\n".join([*lines, ""]), registers
