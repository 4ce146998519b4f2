"""Apply the builder's identities to a stream of instructions, where they hold in every iteration of a loop.

The rule of x ** 2 contains x ** 1, and a sum begins with -0.0 and a term. In straight code the builder
never writes such an instruction. In a stream whose loops are to be found, all iterations must have the same
instructions. So a builder writes the body of a loop once, and what it finds superfluous is skipped in all
iterations.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from autograd_mini.compiler.loops import ABSENT, Run
from autograd_mini.compiler.program import Builder
from autograd_mini.engine.table import Primitive

__all__ = ["simplified"]


def simplified(
    opcodes: Any,
    operands: Any,
    numbers: Any,
    primitives: Sequence[Primitive],
    first: int,
    runs: Sequence[Run],
) -> tuple[Any, Any, Any]:
    """Return the operands without superfluous results, what stands for each slot, and the numbers.

    `opcodes` are indices of `primitives`. ``operands[j]`` has operand j of each instruction: a slot, ~k for
    number k, or `ABSENT`. Instruction i makes slot `first` + i; equal numbers are one. Between the `runs`
    the code is straight. No instruction is removed: nothing reads those that are superfluous.

    Only x is left of x · 1 + -0.0:

    >>> from autograd_mini.engine.table import named
    >>> code = np.array([[0, 1], [~0, ~1]])
    >>> simplified(np.array([0, 1]), code, np.array([1.0, -0.0]), [named("mul"), named("add")], 1, [])[1]
    array([0, 0, 0])
    """
    stands = np.arange(first + len(opcodes))
    known = {struct.pack("d", x): ~k for k, x in enumerate(numbers.tolist())}
    done = np.full_like(operands, ABSENT)
    found = True
    while found:
        found = False
        for run in _with_straight(runs, len(opcodes)):
            block, base = operands[:, run.start : run.end], first + run.start
            if np.array_equal(done[:, run.start : run.end], block):
                continue
            body = [primitives[k] for k in opcodes[run.start : run.start + run.period].tolist()]
            columns = block.reshape(len(operands), run.times, run.period)
            for j, column in _superfluous(body, columns, base, list(known)):
                if stands[base + j] == base + j:
                    found = True
                    number = isinstance(column, bytes)
                    stands[base + j : first + run.end : run.period] = (
                        known.setdefault(column, ~len(known)) if number else column
                    )
        if found:
            moved = np.flatnonzero(stands != np.arange(len(stands)))
            while not np.array_equal(further := followed(stands, stands[moved]), stands[moved]):
                stands[moved] = further
            done, operands = operands, followed(stands, operands)
    return operands, stands, np.frombuffer(b"".join(known))


def followed(stands: Any, operands: Any) -> Any:
    """Return the operands, each replaced by what stands for it."""
    result = stands[np.maximum(operands, 0)]
    np.copyto(result, operands, where=operands < 0)
    return result


def _with_straight(runs: Sequence[Run], count: int) -> list[Run]:
    """Return the runs, and the straight code between them as runs of one iteration."""
    parts, at = [], 0
    for run in (*runs, Run(count, 0, 0)):
        if run.start > at:
            parts.append(Run(at, run.start - at, 1))
        if run.times:
            parts.append(run)
        at = run.end
    return parts


def _superfluous(
    body: Sequence[Primitive], columns: Any, base: int, numbers: Sequence[bytes]
) -> Iterator[tuple[int, Any]]:
    """Yield positions of a body that need no instruction, and what stands for their results.

    What stands for one is a slot for each iteration, or the bytes of a number. `columns`, of shape
    (operands, iterations, positions), are operands as `simplified` takes them, and `base` is the slot of
    the first.
    """
    rows, times, period = columns.shape
    makes = base + period * np.arange(times)
    start, offsets = columns[:, 0], columns - makes[:, None]
    here = (offsets == offsets[:, :1]).all(1) & (offsets[:, 0] >= 0)
    number = (columns == columns[:, :1]).all(1) & (start < 0)
    weights = np.random.default_rng(0).integers(0, 1 << 63, times, np.uint64)
    hashes = (columns.astype(np.uint64) * weights[:, None]).sum(1).tolist()
    start, offset, here, number = (x.tolist() for x in (start, offsets[:, 0], here, number))
    builder = Builder(rows * period)
    inputs: dict[int, int] = {}
    slots: list[int] = []  # of each position
    makers: dict[int, int] = {}  # of a slot, the position that makes it
    for j, op in enumerate(body):
        given = []
        for r in range(rows):
            if start[r][j] == ABSENT:
                break
            if number[r][j]:
                given.append(builder.constant(struct.unpack("d", numbers[~start[r][j]])[0]))
            elif here[r][j]:
                given.append(slots[offset[r][j]])
            else:
                own = rows * j + r
                k = inputs.setdefault(hashes[r][j], own)
                same = k == own or np.array_equal(columns[k % rows, :, k // rows], columns[r, :, j])
                given.append(k if same else own)
        before = len(builder.code)
        slot = builder.emit(op, *given)
        slots.append(slot)
        if len(builder.code) > before:
            makers[slot] = j
        elif slot < 0:
            yield j, struct.pack("d", builder.constants[~slot])
        elif slot < builder.inputs:
            yield j, columns[slot % rows, :, slot // rows]
        else:
            yield j, makes + makers[slot]
