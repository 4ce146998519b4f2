"""A function run on Values, and what it leaves behind. Knows branches, no arguments and no replays.

What a trace cannot know is guarded. A comparison made while tracing holds for one side of it, so it is
noted with how it came out; a number read off a Value is another one at the next call, so what is read is a
`Reading`. Leaves that the function has used from outside are singled out: they are inputs too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from autograd_mini.compiler.arguments import Call
from autograd_mini.compiler.lowering import Graph
from autograd_mini.compiler.program import Program
from autograd_mini.engine import modes
from autograd_mini.engine.operators import Recorder, truth
from autograd_mini.engine.primitives import stop_gradient
from autograd_mini.engine.table import Primitive, is_number
from autograd_mini.engine.value import Value
from autograd_mini.transforms.nested import Structure, flatten

__all__ = ["Built", "Reading", "Trace", "traced"]


class Built:
    """An expression already recorded, as a function of its inputs."""

    def __init__(self, expression: Any, inputs: tuple[Value, ...]) -> None:
        self.expression, self.inputs = expression, inputs
        self.__name__ = "expression"

    def __call__(self, *numbers: Any) -> Any:
        """Refuse: there is a graph, and nothing to be run."""
        raise TypeError(
            "an expression that was built is a graph on its own leaves and takes numbers, not Values: "
            "compile the function that builds it"
        )


class Reading(Recorder):
    """What ``v.data`` is while tracing: a number that will be another at the next call.

    It may be computed with, and returned beside the result; its truth becomes a guard. No derivative
    passes. Python's own functions refuse it: the number would be frozen into the program.
    """

    __slots__ = ("is_truth", "node")
    record_priority = 1

    def __init__(self, node: Value, *, is_truth: bool = False) -> None:
        self.node, self.is_truth = node, is_truth

    def record_primitive(self, op: Primitive, operands: tuple[Any, ...]) -> Any:
        """Record `op`; the result is again a reading, unless it can have a derivative."""
        with modes.Mode(recording=True):
            result = op(*[x.node if isinstance(x, Reading) else x for x in operands])
        return result if any(isinstance(x, Value) for x in operands) else Reading(result)

    def record_comparison(self, comparison: Callable[[Any, Any], bool], other: Any) -> Any:
        """Record the comparison; its result is a reading whose truth is a guard."""
        if not isinstance(other, (Reading, Value)) and not is_number(other):
            return NotImplemented
        y = other.node if isinstance(other, Reading) else other
        with modes.Mode(recording=True):
            return Reading(truth(comparison, self.node, y), is_truth=True)

    def __bool__(self) -> bool:
        return bool(self.node)  # a guard

    def __float__(self) -> float:
        raise TypeError(
            "float(v.data) while compiling would freeze this number into every later call: compute with "
            "autograd_mini's functions, return it as a second result, or compare it (v.data > 0)"
        )

    __int__ = __index__ = __round__ = __trunc__ = __float__  # type: ignore[assignment]

    def __repr__(self) -> str:
        return "<a number read while compiling>"

    def __format__(self, spec: str) -> str:
        return repr(self)


class Trace:
    """One way through a function: its graph, and the replays made of it so far."""

    def __init__(
        self, graph: Graph, results: list[Any], structure: Structure, captured: list[Value]
    ) -> None:
        self.graph, self.results, self.structure = graph, results, structure
        self.captured = captured
        self.replays: dict[Any, tuple[Program, Any]] = {}

    @property
    def root(self) -> int:
        """Which of the results derivatives are of; the others must be readings or plain numbers."""
        if not self.results:
            raise TypeError("a gradient is of one number, and the function returns none")
        values = [k for k, y in enumerate(self.results) if isinstance(y, Value)]
        if len(values) > 1:
            raise TypeError(
                f"a gradient is of one number, and {len(values)} of the {len(self.results)} results are "
                "computed from the arguments: use jacobian, or return numbers beside the loss as v.data"
            )
        return values[0] if values else 0

    def finished(self, numbers: Sequence[Any]) -> Sequence[Any]:
        """Turn the numbers of comparisons back into bools."""
        if not any(isinstance(y, Reading) and y.is_truth for y in self.results):
            return numbers
        return [
            x != 0.0 if isinstance(y, Reading) and y.is_truth else x
            for x, y in zip(numbers, self.results, strict=True)
        ]


def traced(f: Callable[..., Any], name: str, call: Call) -> Trace:
    """Run `f` on Values with the numbers of `call`, and return what it leaves behind."""
    guards: list[tuple[Value, bool]] = []
    if isinstance(f, Built):
        inputs: list[Value] = list(f.inputs)
        if len(call.numbers) != len(inputs):
            raise TypeError(
                f"the expression has {len(inputs)} inputs and {len(call.numbers)} numbers were given"
            )
        output = f.expression
        own = set(inputs)
    else:
        inputs = [Value(x) for x in call.numbers]
        own = set(inputs)
        with modes.Mode(recording=True, watcher=lambda: _Tracing(guards, own)):
            output = call.run(f, inputs)
    if output is None:
        raise TypeError(f"{name} returned None: is its return statement missing?")
    results, structure = flatten(output, f"the result of {name}")
    outputs = [y.node if isinstance(y, Reading) else y for y in results]
    captured = [leaf for leaf in Graph(outputs, inputs, guards).leaves() if leaf not in own]
    return Trace(Graph(outputs, inputs + captured, guards), results, structure, captured)


class _Tracing(modes.Watcher):
    """Notes each comparison made while tracing, with how it came out, and each leaf; reads are Readings.

    A function traced inside another is its own affair: the watcher outside hears nothing of it.
    """

    def __init__(self, guards: list[tuple[Value, bool]], own: set[Value]) -> None:
        self.guards, self.own = guards, own

    def on_leaf(self, leaf: Value) -> bool:
        self.own.add(leaf)
        return True

    def on_compare(self, comparison: Callable[..., bool], x: Value, y: Any, result: bool) -> bool:
        with modes.Mode(recording=True):
            self.guards.append((truth(comparison, x, y), result))
        return result

    def on_read(self, node: Value) -> Any:
        with modes.Mode(recording=True):
            return Reading(stop_gradient(node))

    def on_backward(self, root: Value) -> None:
        raise RuntimeError(
            "backward() inside a function that is being compiled would run once, while tracing: compile "
            "the loss alone, and call loss.backward(...) of what compile returns"
        )
