"""Examples in dask arrays, as `fit` takes them: batches are slices, computed when they are used."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from autograd_mini.compiler.dask_batch import holds_dask_arrays

__all__ = ["LazyRows"]


class LazyRows:
    """Inputs and targets, at least one of them a dask array.

    Slices are again `LazyRows`. Raises ValueError if the numbers of examples differ or are unknown.
    """

    def __init__(self, inputs: Any, targets: Any) -> None:
        self.inputs, self.targets = inputs, targets
        counts = [x.shape[0] if hasattr(x, "shape") else len(x) for x in (inputs, targets)]
        if any(n != n for n in counts):
            raise ValueError(
                "fit was given a dask array with an unknown number of examples: call "
                "x.compute_chunk_sizes() first"
            )
        if counts[0] != counts[1] or not counts[0]:
            raise ValueError(
                f"there are {counts[0]} inputs and {counts[1]} targets: give one target for each input, "
                "and at least one"
            )
        self.count = int(counts[0])

    @staticmethod
    def among(*columns: Any) -> bool:
        """Whether any of these columns is a dask array."""
        return any(map(holds_dask_arrays, columns))

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, part: slice) -> LazyRows:
        return LazyRows(self.inputs[part], self.targets[part])

    def first_not_finite(self, losses: Callable[[Any, Any], Any]) -> list[tuple[Any, Any]]:
        """Return the first example whose loss is not finite, in a list; an empty list if there is none."""
        import numpy as np

        found = np.flatnonzero(~np.isfinite(np.asarray(losses(self.inputs, self.targets))))
        return [
            (np.asarray(self.inputs[k]).tolist(), np.asarray(self.targets[k]).tolist())
            for k in found[:1].tolist()
        ]
