"""Run a compiled function over a batch: arrays with an axis along which its arguments lie."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache
from typing import Any

from autograd_mini.compiler.arguments import Call
from autograd_mini.compiler.backends import BatchReplay, installed
from autograd_mini.compiler.columns import assembled, items_in
from autograd_mini.compiler.outputs import LeafGradients, Outputs
from autograd_mini.compiler.program import Program
from autograd_mini.compiler.sums import join, total
from autograd_mini.compiler.traces import Traces
from autograd_mini.compiler.tracing import Trace
from autograd_mini.compiler.variants import Layout, Variant, Variants
from autograd_mini.engine.value import Value, numbers_of

__all__ = ["Batch", "BatchTraces", "numbers_of_nothing"]


class BatchTraces:
    """The traces of a function as variants for batches whose arguments are of one structure.

    `call` is a call for one item of such a batch. With `reduce` results are added up over the items, and so
    are derivatives with respect to what is the same for all, where `mapped` is false. `leaves` has the
    captured leaves of all traces that have been made ready; it grows unless `leaves_known`.
    """

    def __init__(
        self,
        traces: Traces,
        outputs: Outputs,
        backend: str | None,
        call: Call,
        mapped: tuple[bool, ...],
        *,
        reduce: bool,
        leaves: list[Value] | None = None,
    ) -> None:
        self.traces, self.outputs, self.call = traces, outputs, call
        self.mapped, self.reduce = mapped, reduce
        self.backend = backend or _fastest()
        self.leaves: list[Value] = [] if leaves is None else leaves
        self.leaves_known = leaves is not None
        self._places: dict[Value, int] = {leaf: k for k, leaf in enumerate(self.leaves)}

    def layout(self, trace: Trace) -> Layout:
        """Return the layout of the batch; the results of a trace must have its structure."""
        first = len(self.mapped)
        wanted = [k for k in self.outputs.inputs(trace, self.call) if k < first]
        sums = [self.reduce] * len(trace.results) + [self.reduce and not self.mapped[k] for k in wanted]
        return Layout(
            self.traces.name,
            self.backend,
            self.mapped,
            trace.structure,
            tuple(trace.truths),
            tuple(sums),
            isinstance(self.outputs, LeafGradients),
        )

    def program(self, trace: Trace) -> Program:
        """Return the program of a trace for batches."""
        return self.outputs.program(trace, self.call, branches="select")

    def leaves_of(self, trace: Trace) -> list[int]:
        """Return the positions in `leaves` of those that a trace reads."""
        for leaf in trace.captured:
            if leaf not in self._places:
                if self.leaves_known:
                    raise RuntimeError(
                        f"a branch of {self.traces.name} first met on a worker uses leaves that are not "
                        "known where it was called: call it there once at such an item, or give those "
                        "leaves as arguments"
                    )
                self._places[leaf] = len(self.leaves)
                self.leaves.append(leaf)
        return [self._places[leaf] for leaf in trace.captured]

    def replay(self, trace: Trace, layout: Layout) -> tuple[Program, BatchReplay]:
        """Return the program of a trace, and the replay that runs it; both are made once."""
        key = "batch", self.outputs.name, self.mapped, self.reduce
        if key not in trace.replays:
            with self.traces.lock:
                if key not in trace.replays:
                    program = self.program(trace)
                    trace.replays[key] = program, layout.build(program, self.leaves_of(trace))
        return trace.replays[key]

    def variant(self, trace: Trace, layout: Layout) -> Variant:
        """Return a trace made ready; its results must have the structure of the layout's."""
        self.check(trace, layout)
        program, replay = self.replay(trace, layout)
        return Variant(replay, program.has_branches, self.leaves_of(trace))

    def check(self, trace: Trace, layout: Layout) -> None:
        """Raise TypeError where the results of a trace differ in structure from the layout's."""
        if trace.structure != layout.structure:
            raise TypeError(
                f"{self.traces.name} returns results of different structure in different branches"
            )


@cache
def _fastest() -> str:
    """Return the fastest backend for batches that is installed."""
    return "llvm" if installed("llvm") else "numpy"


def numbers_of_nothing(call: Call, columns: Sequence[Any]) -> list[float]:
    """Return numbers to trace at if there is no item: nan takes no branch, 0 finds an element."""
    whole = call.integers()
    return [c if c.__class__ is float else 0.0 if k in whole else math.nan for k, c in enumerate(columns)]


class Batch:
    """One call of a compiled function over a batch.

    `columns` has, for each number of the arguments, an array over the batch, or a float if that is the
    same for all items; `count` is how many items there are.
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
        self.traces, self.outputs, self.reduction = traces, outputs, reduce
        self.call, columns = traces.batch_call(args, in_axes)
        self.columns, self.count = items_in(columns, traces.name)
        self.mapped = tuple([c.__class__ is not float for c in self.columns])
        if reduce == "mean" and not self.count:
            raise ValueError(
                f'{traces.name}.map was given an empty batch, which has no mean: use reduce="sum"'
            )
        self.call.numbers = (
            self.item(0).numbers if self.count else numbers_of_nothing(self.call, self.columns)
        )
        self.ready = BatchTraces(
            traces, outputs, backend, self.call, self.mapped, reduce=reduce is not None
        )

    def item(self, k: int) -> Call:
        """Return the call of the function for one item of the batch."""
        numbers = [float(c[k]) if m else c for c, m in zip(self.columns, self.mapped, strict=True)]
        find_integers = self.call.find_integers
        return Call(numbers, self.call.parts, self.call.static, find_integers=find_integers)

    def run(self, threads: int | None) -> Any:
        """Return the answer, computed by `threads` threads; None for one per processor."""
        kept = self.traces.first(self.call, at=0 if self.count else None)
        layout = self.ready.layout(kept[0])
        variants = Variants(layout, [self.ready.variant(trace, layout) for trace in kept])
        columns, added, sums = variants.run(
            self.columns,
            lambda read: numbers_of([self.ready.leaves[k] for k in read]),
            self.count,
            threads,
            lambda k: self._learn(k, layout, kept),
            lambda k: self._evaluate(k, layout),
        )
        found = columns
        if added or isinstance(columns, dict):
            whole = total(join((0, k, x) for k, x in enumerate(sums))) if len(sums) else [0.0] * len(added)
            found = {**columns, **dict(zip(added, whole, strict=True))}
            found = [found.get(k, 0.0) for k in range(layout.size(len(self.ready.leaves)))]
        if self.reduction == "mean":
            found = [x / self.count for x in found]
        return self._answer(found, layout, kept[0])

    def _answer(self, found: Sequence[Any], layout: Layout, trace: Trace) -> Any:
        """Return the outputs as the caller wants them."""
        size = len(layout.truths)
        results = found[:size] if self.reduction else trace.with_bools(found[:size])
        value = assembled(layout.structure, results)
        return self.outputs.result(value, found[size:], self.call, self.ready.leaves, assembled)

    def _learn(self, k: int, layout: Layout, tried: list[Trace]) -> Variant | None:
        """Return a variant that has not been tried, made at item `k`; None where enough are kept."""
        with self.traces.lock:
            kept = self.traces.of(self.call)
            # Another thread may have been here.
            fresh = [trace for trace in kept if trace not in tried and trace.suits(self.call)]
            if not fresh:
                if len(kept) >= self.traces.branches:
                    return None
                fresh = [self.traces.make(self.item(k), at=k)]
                self.traces.put(self.call, [*kept, *fresh])
        tried.append(fresh[0])
        return self.ready.variant(fresh[0], layout)

    def _evaluate(self, k: int, layout: Layout) -> tuple[Sequence[int], Sequence[float]]:
        """Return the positions and the numbers of the outputs of item `k`, without a program."""
        call = self.item(k)
        with self.traces.lock:
            trace = self.traces.make_for_once(call, at=k)
        return layout.outputs(self.ready.leaves_of(trace)), self.outputs.evaluate(trace, call)
