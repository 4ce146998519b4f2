"""Run a compiled function over a batch: arrays with an axis along which its arguments lie."""

from __future__ import annotations

from typing import Any

from autograd_mini.compiler.arguments import Call
from autograd_mini.compiler.backends import installed, load
from autograd_mini.compiler.columns import assembled, items_in
from autograd_mini.compiler.outputs import Outputs
from autograd_mini.compiler.program import Program
from autograd_mini.compiler.traces import Traces
from autograd_mini.compiler.tracing import Trace
from autograd_mini.engine.value import Value, numbers_of

__all__ = ["Batch"]


class Batch:
    """One call of a compiled function over a batch.

    `columns` has what each number of the arguments is over the batch: an array, or a float where it is the
    same for all items. `mapped` says which are arrays. With `reduce` results are added up over the items,
    and so are derivatives with respect to what is the same for all.
    """

    def __init__(
        self,
        traces: Traces,
        outputs: Outputs,
        backend: str | None,
        args: tuple[Any, ...],
        in_axes: Any,
        reduce: str | None,
    ) -> None:
        self.traces, self.outputs, self.backend, self.reduce = traces, outputs, backend, reduce
        self.call, columns = traces.batch_call(args, in_axes)
        self.columns, self.count = items_in(columns, traces.name)
        self.mapped = tuple([c.__class__ is not float for c in self.columns])
        self.call.numbers = (
            self.item(0).numbers
            if self.count
            else [1.0 if m else c for c, m in zip(self.columns, self.mapped, strict=True)]
        )
        if reduce == "mean" and not self.count:
            raise ValueError(
                f'{traces.name}.map was given no rows, and they have no mean: use reduce="sum"'
            )

    def run(self, threads: int | None) -> Any:
        """Return the answer, computed by so many threads; None for as many as there are processors."""
        found, trace, leaves = self._over_traces(threads)
        if self.reduce == "mean":
            count = self.count
            found = found / count if hasattr(found, "shape") else [x / count for x in found]
        size = len(trace.results)
        results = trace.with_bools(found[:size]) if self.reduce is None else found[:size]
        value = assembled(trace.structure, results)
        return self.outputs.result(value, found[size:], self.call, leaves, assembled)

    def replay(self, trace: Trace) -> tuple[Program, Any]:
        """Return the program for batches of a trace, and what runs it."""
        key = "batch", self.outputs.name, self.mapped, self.reduce is not None
        if key not in trace.replays:
            program = self.outputs.program(trace, self.call, branches="select")
            sums = self._sums(trace) if not program.guards else [False] * len(program.outputs)
            mapped = [*self.mapped, *[False] * len(trace.captured)]
            trace.replays[key] = program, self._backend().build_batch(program, mapped, sums)
        return trace.replays[key]

    def item(self, k: int) -> Call:
        """Return the call of the function for one item of the batch."""
        numbers = [float(c[k]) if m else c for c, m in zip(self.columns, self.mapped, strict=True)]
        find_integers = self.call.find_integers
        return Call(numbers, self.call.parts, self.call.static, find_integers=find_integers)

    def _over_traces(self, threads: int | None) -> tuple[Any, Trace, list[Value]]:
        """Run each trace on the items that no trace before it holds for.

        Returned are the outputs, sums where they are added up and columns where they are not; a trace, for
        the structure of the results; and the captured leaves with respect to which derivatives are.
        """
        import numpy as np

        call, columns, mapped, count = self.call, self.columns, self.mapped, self.count
        kept = self.traces.of(call)
        if not kept:
            kept.append(self.traces.make(call))
        # The columns of the outputs, by position, or by the captured leaf that one is the derivative of.
        table: dict[Any, Any] = {}
        left = np.arange(count)
        tried = 0
        while tried == 0 or len(left):
            if tried == len(kept):
                if len(kept) >= self.traces.branches:
                    break
                kept.append(self.traces.make(self.item(int(left[0]))))
            trace = kept[tried]
            tried += 1
            if not trace.suits(call):
                continue
            if trace.structure != kept[0].structure:
                raise TypeError(
                    f"{self.traces.name} returns results of different structure in different branches"
                )
            program, run = self.replay(trace)
            everything = len(left) == count
            inputs = [c[left] if m and not everything else c for c, m in zip(columns, mapped, strict=True)]
            found, totals, held = run(inputs + numbers_of(trace.captured), len(left), threads)
            if not program.guards and everything:
                if not len(totals):
                    return found, trace, trace.captured
                parts = {True: iter(totals), False: iter(found)}
                return [next(parts[total]) for total in self._sums(trace)], trace, trace.captured
            done = np.ones(len(left), bool) if held is None else held
            for key, column in zip(self._keys(trace), found, strict=True):
                table.setdefault(key, np.zeros(count))[left[done]] = column[done]
            left = left[~done]
        for k in left.tolist():
            point = self.item(k)
            trace = self.traces.make_for_once(point)
            for key, x in zip(self._keys(trace), self.outputs.evaluate(trace, point), strict=True):
                table.setdefault(key, np.zeros(count))[k] = x
        leaves = [key for key in table if isinstance(key, Value)]
        every = [*range(len(table) - len(leaves)), *leaves]
        sums = self._sums(kept[0])[: len(table) - len(leaves)] + [self.reduce is not None] * len(leaves)
        found = [table[k].sum() if total else table[k] for k, total in zip(every, sums, strict=True)]
        return found, kept[0], leaves

    def _keys(self, trace: Trace) -> list[Any]:
        """Return what tells outputs apart over traces, whose captured leaves may differ."""
        first = len(self.mapped)
        wanted = self.outputs.inputs(trace, self.call)
        keys = [
            trace.captured[i - first] if i >= first else len(trace.results) + k
            for k, i in enumerate(wanted)
        ]
        return [*range(len(trace.results)), *keys]

    def _sums(self, trace: Trace) -> list[bool]:
        """Return which outputs are added up: results, and derivatives by what is the same for all items."""
        reduce, first = self.reduce is not None, len(self.mapped)
        same = [k >= first or not self.mapped[k] for k in self.outputs.inputs(trace, self.call)]
        return [reduce] * len(trace.results) + [reduce and s for s in same]

    def _backend(self) -> Any:
        return load(self.backend or ("llvm" if installed("llvm") else "numpy"))
