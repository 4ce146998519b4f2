"""Find the bands of a `Program`: like instructions, independent of each other, that may be one loop."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, Final

from autograd_mini.compiler.program import Program

__all__ = ["WIDE", "Bands"]

WIDE: Final = 16
"""A band of at least this size is a loop."""

LARGEST: Final = 3
"""The most operands of a tree: the larger trees are, the fewer are alike."""


class Bands:
    """A program's results, ordered for loops: trees of instructions, sums, and bands of like trees.

    A result that is used once is computed where it is used, as a part of that *tree*. A sum of many terms,
    one after another, is a loop of its own. `bands` are lists of like trees, independent of each other,
    every operand before its use; those too small for a loop are joined, and have no shape. A tree is made
    of `spelled` primitives. Those `from_memory` are written one by one, and their operands are results of
    their own.
    """

    def __init__(
        self, program: Program, spelled: Collection[str], from_memory: Collection[str] = ()
    ) -> None:
        first, code = program.inputs, program.code
        self.program = program
        uses = [0] * (first + len(code))
        for instruction in code:
            for k in instruction[1:]:
                if k >= 0:
                    uses[k] += 1
        for k in (*program.outputs, *(k for k, _ in program.guards)):
            if k >= 0:
                uses[k] += 2
        self.sums = self._sums(uses)
        summed = {k for terms in self.sums.values() for k in terms[1]}
        self.leaves: list[tuple[int, ...]] = [()] * len(uses)
        self.shape: list[int] = [0] * len(uses)
        self.shapes: list[tuple[Any, ...]] = [()]  # for each shape, a primitive and the operands' shapes
        numbers: dict[tuple[Any, ...], int] = {}
        level = [0] * len(uses)  # of an inlined result, the level of its operands
        inlined = bytearray(len(uses))
        grouped: dict[int, dict[int, list[int]]] = {}
        leaves, shape = self.leaves, self.shape
        slot = first - 1
        for instruction in code:
            slot += 1
            if slot in summed:
                continue
            below: list[int] = []
            parts: list[Any] = [instruction[0]]
            depth = 0
            if slot in self.sums:
                operands: Sequence[int] = self.sums[slot][0]
                parts = ["sum", slot]
                below = list(operands)
                depth = max(level[k] for k in operands if k >= 0)
            else:
                for k in instruction[1:]:
                    small = k >= first and uses[k] == 1 and len(leaves[k]) + len(below) <= LARGEST
                    if small and shape[k] and instruction[0] not in from_memory:
                        inlined[k] = 1
                        below += leaves[k]
                        parts.append(shape[k])
                        depth = max(depth, level[k] - 1)
                    else:
                        below.append(k)
                        parts.append(0)
                        if k >= 0 and level[k] > depth:
                            depth = level[k]
            key = tuple(parts)
            number = numbers.get(key)
            if number is None:
                number = numbers[key] = len(self.shapes)
                self.shapes.append(key)
            if parts[0] in spelled:
                shape[slot] = number
            leaves[slot] = tuple(below)
            level[slot] = depth + 1
            grouped.setdefault(depth + 1, {}).setdefault(number, []).append(slot)
        self.bands: list[tuple[int, list[int]]] = []
        straight: list[int] = []
        self.inlined = inlined
        self.number = {}
        for depth in sorted(grouped):
            wide = []
            for number, slots in grouped[depth].items():
                roots = [k for k in slots if not inlined[k]]
                name = self.shapes[number][0]
                if (len(roots) >= WIDE and name not in from_memory) or name == "sum":
                    wide.append((number, roots))
                else:
                    straight += roots
                    self.number.update(dict.fromkeys(roots, number))
            if wide:
                # Narrow bands of this level are written before the loops: later levels may need them.
                if straight:
                    self.bands.append((0, straight))
                    straight = []
                self.bands += wide
        if straight:
            self.bands.append((0, straight))

    def _sums(self, uses: list[int]) -> dict[int, tuple[list[int], list[int]]]:
        """Return, by the last slot of each long sum, its terms in order and its other slots."""
        first, code = self.program.inputs, self.program.code
        length = [0] * len(uses)
        before = [-1] * len(uses)
        for slot, instruction in enumerate(code, first):
            if instruction[0] == "add":
                length[slot] = 1
                for k in instruction[1:]:
                    if k >= first and uses[k] == 1 and length[k] >= length[slot]:
                        length[slot], before[slot] = length[k] + 1, k
        sums = {}
        taken = bytearray(len(uses))
        for slot in range(len(uses) - 1, first - 1, -1):
            if length[slot] >= WIDE and not taken[slot]:
                terms, members, k = [], [], slot
                while before[k] >= 0:
                    x, y = code[k - first][1:]
                    terms.append(y if x == before[k] else x)
                    k = before[k]
                    members.append(k)
                    taken[k] = 1
                terms += code[k - first][:0:-1]
                sums[slot] = terms[::-1], members
        return sums
