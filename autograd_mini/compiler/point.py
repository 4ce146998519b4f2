"""Run a compiled function at one point: the first of its traces that holds there."""

from __future__ import annotations

from collections.abc import Callable
from inspect import signature
from typing import Any, Final

from autograd_mini.compiler.arguments import Call
from autograd_mini.compiler.backends import Replay, installed, load
from autograd_mini.compiler.in_place import Plan, plan
from autograd_mini.compiler.outputs import Outputs
from autograd_mini.compiler.program import Program
from autograd_mini.compiler.traces import Traces
from autograd_mini.compiler.tracing import Trace
from autograd_mini.engine import modes
from autograd_mini.engine.value import Value, numbers_of
from autograd_mini.transforms.nested import Structure

__all__ = ["Point"]

SHORT: Final = 60
"""Programs of up to so many instructions are as fast in Python as in machine code, calls included."""

PLANS: Final = 4
"""Plans that are tried for a call."""

Shortcut = tuple[Replay, list[Value], Callable[[Any], Any]]
"""A replay, the captured leaves that it reads, and how to read the answer off its numbers."""


class Point:
    """Computes `outputs` of a function at one point.

    Inspecting arguments costs more than a short replay, so its findings are remembered: `shortcuts` for
    calls of plain floats, and `plans` for other calls, the last one first; both by the number of arguments.
    Calls with keywords are told apart by these too; their plans take the values in the order given.
    """

    def __init__(self, traces: Traces, outputs: Outputs, backend: str | None) -> None:
        self.traces, self.outputs, self.backend = traces, outputs, backend
        self.shortcuts: dict[int, Shortcut] = {}
        self.plans: dict[int | tuple[Any, ...], tuple[Plan, ...]] = {}

    def __call__(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Return the answer to a call."""
        traces = self.traces
        call = traces.call(args, kwargs)
        if any(x.__class__ is not float for x in call.numbers):
            # A Value among the arguments needs a graph, so the function itself is called.
            return self.outputs.function(traces.f)(*args, **kwargs)
        if modes.heard("on_record"):  # strict() wants to see each operation
            trace = traces.make(call)
            return self.answer(trace, call, self.outputs.evaluate(trace, call))
        kept = traces.of(call)
        held = self.first_that_holds(kept, call)
        if held is not None:
            self._remember(held[0], call, args, kwargs)
            return self.answer(held[0], call, held[1])
        with traces.lock:
            now = traces.of(call)
            if now is not kept:  # another thread has been here
                held = self.first_that_holds(now, call)
            if held is None:
                held = self._trace_anew(now, call)
        return self.answer(held[0], call, held[1])

    def replay(self, trace: Trace, call: Call) -> tuple[Program, Replay]:
        """Return the program for points of a trace, and what runs it."""
        key = "point", self.outputs.name
        if key not in trace.replays:
            with self.traces.lock:
                if key not in trace.replays:
                    program = self._rolled(trace, call)
                    if program is None:
                        program = self.outputs.program(trace, call, branches="guard")
                    trace.replays[key] = program, self._backend_for(program).build(program)
        return trace.replays[key]

    def _rolled(self, trace: Trace, call: Call) -> Program | None:
        """Return the program with its loops rolled back, where that pays."""
        if self.backend not in (None, "llvm") or not installed("llvm"):
            return None
        from autograd_mini.compiler.rolling import repeated

        if not repeated(trace.graph):
            return None
        program = self.outputs.program(trace, call, branches="guard", shared=False)
        return load("llvm").rolled(program)  # type: ignore[attr-defined,no-any-return]

    def answer(self, trace: Trace, call: Call, found: Any) -> Any:
        """Return the answer of a call, from the numbers of a replay."""
        count = len(trace.results)
        value = trace.structure.rebuild(trace.with_bools(found[:count]))
        return self.outputs.result(value, found[count:], call, trace.captured, Structure.rebuild)

    def first_that_holds(self, kept: list[Trace], call: Call) -> tuple[Trace, list[float]] | None:
        """Return the trace that holds at a call, and its outputs; that trace comes first from now on."""
        for k, trace in enumerate(kept):
            found = self._run(trace, call) if trace.suits(call) else None
            if found is not None:
                if k:
                    self.traces.put(call, [trace, *kept[:k], *kept[k + 1 :]])
                return trace, found
        return None

    def _trace_anew(self, kept: list[Trace], call: Call) -> tuple[Trace, list[float]]:
        """Return a new trace made at a call, and its outputs."""
        traces = self.traces
        if len(kept) >= traces.branches:
            trace = traces.make_for_once(call)
            return trace, self.outputs.evaluate(trace, call)
        trace = traces.make(call)
        traces.put(call, [trace, *kept])
        found = self._run(trace, call)
        if found is None:  # the function has changed a leaf while it was traced
            traces.eager += 1
            found = self.outputs.evaluate(trace, call)
        trace.forget()
        return trace, found

    def _run(self, trace: Trace, call: Call) -> list[float] | None:
        _, replay = self.replay(trace, call)
        return replay(call.numbers + numbers_of(trace.captured))

    def _remember(self, trace: Trace, call: Call, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        program, replay = self.replay(trace, call)
        in_bulk = trace.captured and hasattr(replay, "kernel")
        if in_bulk or kwargs or any(x.__class__ is not float for x in args):
            if not installed("numpy"):
                return
            given = (len(args), *kwargs) if kwargs else len(args)
            key = self.outputs.name, given
            if key not in trace.plans:
                made = plan(program, replay, trace, call, self.outputs)
                trace.plans[key] = self._in_order(made, args, kwargs) if kwargs else made
            known = [p for p in self.plans.get(given, ()) if p is not trace.plans[key]]
            self.plans[given] = trace.plans[key], *known[: PLANS - 1]
            return
        read = self.outputs.reader(trace) or (lambda found: self.answer(trace, call, found))
        self.shortcuts[len(call.numbers)] = replay, trace.captured, read

    def _in_order(self, plan: Plan, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Plan:
        """Return the plan for values given by position, then by these keywords in their order."""
        names = {name: k for k, name in enumerate(kwargs, len(args))}
        bound = signature(self.traces.f).bind(*range(len(args)), **names)
        order = [*bound.args, *bound.kwargs.values()]
        return lambda values: plan(tuple([values[k] for k in order]))

    def _backend_for(self, program: Program) -> Any:
        if self.backend is not None:
            return load("python" if self.backend == "numpy" else self.backend)
        # Calling machine code costs as much as some dozens of Python's own operations.
        return load("llvm" if program.length > SHORT and installed("llvm") else "python")
