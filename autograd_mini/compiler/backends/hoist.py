"""Cut a `Program` in two: the part that is the same for all items of a batch, and the rest."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from autograd_mini.compiler.program import Builder, Program

__all__ = ["Hoisted", "hoist"]


class Hoisted(NamedTuple):
    """A program cut in two.

    `once` takes the inputs that are not mapped. `each` takes all inputs, then the results of `once`, and is
    run on each item. If output i is a sum over the batch, each item also adds input `also[i]` of `each`.
    """

    once: Program
    each: Program
    also: dict[int, int]


def hoist(program: Program, mapped: Sequence[bool], reduced: Sequence[bool]) -> Hoisted:
    """Cut a program; `mapped` says which inputs are columns, `reduced` which outputs are summed.

    >>> from autograd_mini import Value
    >>> from autograd_mini.compiler.lowering import Graph
    >>> x, w = Value(3.0), Value(2.0)
    >>> once, each, _ = hoist(Graph([x * (w * w)], [x, w]).program(), [True, False], [False])
    >>> len(once.code), len(each.code)
    (1, 1)
    """
    first = program.inputs
    varies = bytearray(mapped) + bytearray(len(program.code))
    for slot, (_, *operands) in enumerate(program.code, first):
        varies[slot] = any(k >= 0 and varies[k] for k in operands)
    outputs = list(program.outputs)
    parts: dict[int, list[int]] = {}
    for i, total in enumerate(reduced):
        # Σ(v + u) is Σv + n·u, and saves an addition for every item.
        while total and outputs[i] >= first and program.code[outputs[i] - first][0] == "add":
            x, y = program.code[outputs[i] - first][1:]
            same = [k for k in (x, y) if k < 0 or not varies[k]]
            if len(same) != 1:
                break
            parts.setdefault(i, []).append(same[0])
            outputs[i] = y if same[0] == x else x
    needed: dict[int, int] = {}  # the inputs of `each` by the results of `once` that they are
    used = [x for slot, op in enumerate(program.code, first) if varies[slot] for x in op[1:]]
    for k in (*used, *outputs, *(k for k, _ in program.guards)):
        if k >= first and not varies[k] and k not in needed:
            needed[k] = first + len(needed)
    uniforms = [k for k in range(first) if not mapped[k]]
    once = Builder(len(uniforms))
    name = _rebuilt(program, once, {k: i for i, k in enumerate(uniforms)}, varies, False)
    results = [name(k) for k in needed]
    also = {}
    for i, terms in parts.items():
        together = name(terms[0])
        for k in terms[1:]:
            together = once.emit("add", together, name(k))
        also[i] = first + len(results)
        results.append(together)
    each = Builder(first + len(results))
    name = _rebuilt(program, each, {k: k for k in range(first)} | needed, varies, True)
    guards = [(name(k), e) for k, e in program.guards]
    return Hoisted(once.program(results), each.program([name(k) for k in outputs], guards), also)


def _rebuilt(
    program: Program, builder: Builder, names: dict[int, int], varies: bytearray, which: bool
) -> Callable[[int], int]:
    """Write the instructions that vary, or the others; return the new operands of the old ones."""

    def name(k: int) -> int:
        return names[k] if k >= 0 else builder.constant(program.constants[~k])

    for slot, instruction in enumerate(program.code, program.inputs):
        if bool(varies[slot]) is which:
            names[slot] = builder.emit(program.table[instruction[0]], *map(name, instruction[1:]))
    return name
