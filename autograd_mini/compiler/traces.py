"""The traces of one function, kept by the structure of its arguments."""

from __future__ import annotations

import os
import threading
import warnings
import weakref
from collections.abc import Callable, Iterator
from typing import Any, Final

from autograd_mini.compiler.arguments import Call, call_of, call_of_batch
from autograd_mini.compiler.tracing import Trace, traced

__all__ = ["Traces"]

STRUCTURES: Final = 64
"""Structures of arguments whose traces are kept."""


class Traces:
    """The traces of the function `f`, named `name` in errors.

    For each structure of arguments there is a list of up to `branches` traces, one for each way through the
    function's comparisons. `made` counts the traces made, `eager` the calls computed without a program. A
    thread that traces or compiles holds `lock`, so that nothing is made twice.
    """

    def __init__(
        self, f: Callable[..., Any], name: str, branches: int, static_argnums: tuple[int, ...] = ()
    ) -> None:
        self.f, self.name, self.branches, self.static_argnums = f, name, branches, static_argnums
        self.made = self.eager = 0
        self._warned = False
        self._kept: dict[Any, list[Trace]] = {}
        self.lock = threading.RLock()
        _all.add(self)

    def call(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Call:
        """Return the call of the function with these arguments."""
        return call_of(self.f, self.name, args, kwargs, self.static_argnums)

    def batch_call(self, args: tuple[Any, ...], in_axes: Any) -> tuple[Call, list[Any]]:
        """Return the call for an item of a batch, without its numbers, and the columns of the batch."""
        return call_of_batch(self.name, args, in_axes, self.static_argnums)

    def of(self, call: Call) -> list[Trace]:
        """Return the traces for arguments of this structure; the traces of the oldest one make room."""
        if call.key not in self._kept:
            for oldest in list(self._kept)[: len(self._kept) - STRUCTURES + 1]:
                self._kept.pop(oldest, None)
        return self._kept.setdefault(call.key, [])

    def put(self, call: Call, traces: list[Trace]) -> None:
        """Keep these traces; the list is replaced, not changed, since other threads may be reading it."""
        self._kept[call.key] = traces

    def make(self, call: Call, *, at: int | None = None) -> Trace:
        """Trace the function at the numbers of a call; `at` is its item in a batch, for errors."""
        self.made += 1
        try:
            return traced(self.f, self.name, call)
        except Exception as error:
            if at is not None:
                error.add_note(f"at index {at} of the batch that {self.name}.map was given")
            raise

    def first(self, call: Call, *, at: int | None) -> list[Trace]:
        """Return the traces that suit a call; one is made if there is none.

        Without an item `at`, the trace is kept only if it holds for all items.
        """
        with self.lock:
            if kept := [trace for trace in self.of(call) if trace.suits(call)]:
                return kept
            trace = self.make(call, at=at)
            if at is not None or not trace.graph.guards:
                self.put(call, [*self.of(call), trace])
            return [trace]

    def make_for_once(self, call: Call, *, at: int | None = None) -> Trace:
        """Trace the function for a call past the bound; warn if ints make the traces so many."""
        self.eager += 1
        trace = self.make(call, at=at)
        if trace.fixed and not self._warned:
            self._warned = True
            starts = call.starts
            k = next(k for k in range(len(call.parts)) if starts[k] <= min(trace.fixed) < starts[k + 1])
            warnings.warn(
                f"{self.name} uses argument {k} as an int, so that it is traced for each value of it; more "
                f"than {self.branches} are computed without a program: give static_argnums={k} to "
                "compile, or more branches",
                stacklevel=5,
            )
        return trace

    def __iter__(self) -> Iterator[tuple[Any, list[Trace]]]:
        return iter(list(self._kept.items()))


_all: Final[weakref.WeakSet[Traces]] = weakref.WeakSet()


def _after_fork() -> None:
    for traces in _all:
        traces.lock = threading.RLock()  # the thread that held it stayed in the parent


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
