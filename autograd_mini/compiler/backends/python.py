"""Run a `Program` as straight-line Python.

The text comes in two versions. The fast one divides and calls `math` directly, and is right if nothing
raises. If something does (a pole, an overflow), the careful one is run instead, which calls the primitives.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, Final

from autograd_mini.compiler.backends.spellings import LIBM
from autograd_mini.compiler.program import Program
from autograd_mini.compiler.sums import BLOCK, blocks
from autograd_mini.engine.modes import collector_paused
from autograd_mini.transforms.gather import element

__all__ = ["build", "build_batch", "source"]

TESTS: Final = {"less": "{} < {}", "equal": "{} == {}"}
"""Comparisons where only their truth is needed."""

RAISING: Final[dict[str, Callable[..., float]]] = {name: getattr(math, name) for name in [*LIBM, "sqrt"]}
"""Functions that equal the primitive wherever they do not raise."""

LONGEST: Final = 160
"""Expressions are nested up to this many characters: a name for every result would cost a tenth."""


def build(program: Program) -> Callable[[Sequence[float]], list[float] | None]:
    """Return a function of the inputs that returns the outputs, or None where a guard does not hold.

    >>> from autograd_mini import Value
    >>> from autograd_mini.compiler.lowering import Graph
    >>> x = Value(3.0)
    >>> build(Graph([x * x], [x]).program(gradients=[0]))([4.0])
    [16.0, 8.0]
    """
    program = program.expanded(program.names_of(element))
    fast = _executed(program, careful=False)
    careful: list[Any] = []

    def replay(numbers: Sequence[float]) -> list[float] | None:
        try:
            return fast(numbers)  # type: ignore[no-any-return]
        except (ArithmeticError, ValueError):
            if not careful:
                careful.append(_executed(program, careful=True))
            return careful[0](numbers)  # type: ignore[no-any-return]

    return replay


def build_batch(
    program: Program, mapped: Sequence[bool], reduced: Sequence[bool]
) -> Callable[..., tuple[Any, Any, Any]]:
    """Return a function of columns, which runs `build`'s on one item after another."""
    replay = build(program)
    missed = [math.nan] * len(program.outputs)

    def run(columns: Sequence[Any], count: int, threads: int | None = None) -> tuple[Any, Any, Any]:
        import numpy as np

        points = [c.tolist() if m else [c] * count for c, m in zip(columns, mapped, strict=True)]
        results = [replay(point) for point in (zip(*points, strict=True) if points else [()] * count)]
        held = np.array([r is not None for r in results], dtype=bool) if program.guards else None
        table = np.array([missed if r is None else r for r in results], dtype=float)
        table = table.reshape(count, len(program.outputs)).T
        total = np.array(reduced, dtype=bool)
        sums = [[sum(part, -0.0) for part in table[total, block].tolist()] for block in blocks(count)]
        return table[~total], np.array(sums).reshape(-(-count // BLOCK), total.sum()), held

    return run


def source(program: Program) -> str:
    """Return the careful version as a module that can be pasted anywhere the package is installed."""
    program = program.expanded(())
    called = sorted(name for name, op in program.table.items() if op.spelling is None)
    lines = ["from autograd_mini.engine.table import TABLE", "", "inf, nan = float('inf'), float('nan')"]
    lines += [f"{name}_ = TABLE[{program.table[name].name!r}].value" for name in called]
    return "\n".join([*lines, "", "", _text(program, careful=True)])


def _executed(program: Program, *, careful: bool) -> Callable[..., Any]:
    namespace: dict[str, Any] = {"inf": math.inf, "nan": math.nan}
    for name, op in program.table.items():
        namespace[name + "_"] = op.value if careful else RAISING.get(name, op.value)
    with collector_paused():
        exec(_text(program, careful=careful), namespace)
    return namespace["replay"]  # type: ignore[no-any-return]


def _text(program: Program, *, careful: bool) -> str:
    uses = Counter(k for instruction in program.code for k in instruction[1:])
    uses.update(k for k in program.outputs)
    expected: dict[int, list[bool]] = {}
    for k, truth in program.guards:
        expected.setdefault(k, []).append(truth)
    constants = [f"({x!r})" if math.copysign(1.0, x) < 0 else repr(x) for x in program.constants]
    names = [f"v{k}" for k in range(program.inputs)]  # the name or the expression of each slot
    tests: dict[int, str] = {}  # the truths of slots that are used once
    lines = ["def replay(numbers):"]
    if names:
        lines.append(f"    {', '.join(names)}{',' * (len(names) == 1)} = numbers")
    guard = "    if {}({}): return None".format
    lines += [
        guard("not " * truth, f"v{k}") for k in range(program.inputs) for truth in expected.get(k, ())
    ]
    for slot, (name, *operands) in enumerate(program.code, program.inputs):
        texts = [names[k] if k >= 0 else constants[~k] for k in operands]
        if name == "where" and operands[0] in tests:
            texts[0] = tests[operands[0]]
        op = program.table[name]
        call = f"{name}_({', '.join(texts)})"
        text = call if op.spelling is None else op.in_python(texts)
        if name == "div" and not careful:
            text = " / ".join(texts)
        if name in TESTS and len(text) < LONGEST:
            tests[slot] = TESTS[name].format(*texts)
        if slot in expected:
            test = tests.get(slot, text)
            if uses[slot]:
                lines.append(f"    v{slot} = {text}")
                names.append(test := f"v{slot}")
            else:
                names.append("")
            lines += [guard("not " * truth, test) for truth in expected[slot]]
        elif uses[slot] == 1 and len(text) < LONGEST:
            names.append(text if text is call else f"({text})")
        else:
            tests.pop(slot, None)
            lines.append(f"    v{slot} = {text}")
            names.append(f"v{slot}")
    results = ", ".join(names[k] if k >= 0 else constants[~k] for k in program.outputs)
    return "\n".join([*lines, f"    return [{results}]", ""])
