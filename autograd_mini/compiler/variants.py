"""The ways through a function, made ready for batches: each item takes the first that holds for it.

One machine runs a whole batch so, and a worker of a cluster runs a chunk of one.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from autograd_mini.compiler.backends import BatchReplay, load
from autograd_mini.compiler.program import Program
from autograd_mini.compiler.sums import BLOCK, blocks
from autograd_mini.transforms.nested import Structure

__all__ = ["Layout", "Variant", "Variants"]


@dataclass(frozen=True)
class Layout:
    """The inputs and the outputs of a batch.

    Its inputs are the numbers of the arguments, then those of captured leaves; `mapped` says which of the
    arguments are columns. Its outputs are the numbers of the results, then the derivatives with respect to
    the arguments; `sums` says which of these are added up. With `leaf_gradients` the derivatives with
    respect to the leaves follow, added up. `function_name` is for errors.
    """

    function_name: str
    backend: str
    mapped: tuple[bool, ...]
    structure: Structure
    truths: tuple[bool, ...]
    sums: tuple[bool, ...]
    leaf_gradients: bool

    def is_sum(self, output: int) -> bool:
        """Whether an output is added up over the batch."""
        return output >= len(self.sums) or self.sums[output]

    def adds_up(self, leaves: int) -> bool:
        """Whether any output is added up, with that number of leaves."""
        return any(self.sums) or (self.leaf_gradients and leaves > 0)

    def size(self, leaves: int) -> int:
        """Return how many outputs there are with that number of leaves."""
        return len(self.sums) + leaves * self.leaf_gradients

    def outputs(self, leaves: Sequence[int]) -> list[int]:
        """Return the positions of the outputs of a program that reads these leaves."""
        of_leaves = [len(self.sums) + k for k in leaves] if self.leaf_gradients else []
        return [*range(len(self.sums)), *of_leaves]

    def build(self, program: Program, leaves: Sequence[int]) -> BatchReplay:
        """Return the replay of a program over a batch; with branches, `Variants` adds up the sums."""
        mapped = [*self.mapped, *[False] * len(leaves)]
        sums = [self.is_sum(k) and not program.has_branches for k in self.outputs(leaves)]
        return load(self.backend).build_batch(program, mapped, sums)


class Variant(NamedTuple):
    """One way through the function: its replay, whether there are others, and the leaves it reads."""

    replay: BatchReplay
    has_branches: bool
    leaves: Sequence[int]


Learn = Callable[[int], "Variant | None"]
Evaluate = Callable[[int], "tuple[Sequence[int], Sequence[float]]"]


class Variants:
    """The known variants of a function, over the items of one batch.

    Given an item for which no variant holds, `learn` returns another variant; None if enough are kept. Then
    `evaluate` returns the positions and the numbers of the item's outputs, without a program.
    """

    def __init__(self, layout: Layout, known: list[Variant]) -> None:
        self.layout, self.known = layout, known
        self._lock = threading.RLock()

    def run(
        self,
        columns: Sequence[Any],
        leaves: Callable[[Sequence[int]], Sequence[float]],
        count: int,
        threads: int | None,
        learn: Learn,
        evaluate: Evaluate,
    ) -> tuple[Any, list[int], Any]:
        """Return the columns, which outputs are added up, and their sums, block by block.

        `columns` has the numbers of the arguments, arrays where they are mapped. `leaves` returns the
        numbers of captured leaves. The columns that are returned go by the number of the output.
        """
        import numpy as np

        layout = self.layout
        table: dict[int, Any] = {}
        left: Any = None  # the items that no variant has held for: all of them, at first
        tried = 0
        while left is None or len(left):
            with self._lock:
                if tried == len(self.known):
                    variant = learn(int(left[0]))
                    if variant is None:
                        break
                    self.known.append(variant)
            replay, has_branches, read = self.known[tried]
            tried += 1
            whole = left is None or len(left) == count
            inputs = [
                c[left] if m and not whole else c for c, m in zip(columns, layout.mapped, strict=True)
            ]
            found, sums, held = replay([*inputs, *leaves(read)], count if whole else len(left), threads)
            outputs = layout.outputs(read)
            if not has_branches and whole:
                if held is not None and not held.all():
                    evaluate(item := int(held.argmin()))  # raises what the function does
                    raise IndexError(f"{layout.function_name}.map: item {item} has an index out of range")
                kept = [k for k in outputs if not layout.is_sum(k)]
                added = [k for k in outputs if layout.is_sum(k)]
                return dict(zip(kept, found, strict=True)) if added else found, added, sums
            if left is None:
                left = np.arange(count)
            if held is None:
                held = np.ones(len(left), bool)
            for k, column in zip(outputs, found, strict=True):
                table.setdefault(k, np.zeros(count))[left[held]] = column[held]
            left = left[~held]
        for item in left.tolist():
            for k, x in zip(*evaluate(item), strict=True):
                table.setdefault(k, np.zeros(count))[item] = x
        added = sorted(k for k in table if layout.is_sum(k))
        summed = [table.pop(k) for k in added]
        with np.errstate(all="ignore"):
            sums = [[column[part].sum() for column in summed] for part in blocks(count)]
        return table, added, np.array(sums).reshape(-(-count // BLOCK), len(added))
