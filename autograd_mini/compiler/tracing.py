"""Run a function on Values and keep the graph that it records.

A comparison, or a number that is read off a Value, may come out differently at the next call. So the
function is given a `Reading`, which it can compute with. Where it needs the reading's truth, or its whole
number, that becomes a guard of the trace. Leaves that the function has used from outside are inputs too.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Sequence
from typing import Any, Final

from autograd_mini.compiler.arguments import Call
from autograd_mini.compiler.columns import items_of
from autograd_mini.compiler.lowering import Graph
from autograd_mini.compiler.program import Program
from autograd_mini.engine import modes
from autograd_mini.engine.modes import collector_paused
from autograd_mini.engine.operators import Recorder
from autograd_mini.engine.primitives import equal, less, stop_gradient, where
from autograd_mini.engine.table import Primitive, is_number
from autograd_mini.engine.value import Value, number_of
from autograd_mini.show.names import evaluation_order
from autograd_mini.transforms.comparisons import truth
from autograd_mini.transforms.gather import take_place
from autograd_mini.transforms.nested import Structure, flatten

__all__ = ["Built", "Trace", "traced"]


class Built:
    """An expression that is built already, as a function of its inputs."""

    def __init__(self, expression: Any, inputs: tuple[Value, ...]) -> None:
        self.expression, self.inputs = expression, inputs
        self.__name__ = self.__qualname__ = "expression"

    def __call__(self, *numbers: Any) -> Any:
        """Refuse: there is a graph and no function to run."""
        raise TypeError(
            "an expression that was built is a graph on its own leaves and takes numbers, not Values: "
            "compile the function that builds it"
        )


class Trace:
    """One way through a function: its graph, and the replays made of it so far.

    `outputs` are the nodes and numbers that the function returned, until `forget`; `results` says which
    of them have derivatives, and `truths` which are bools. `captured` are the leaves used from outside.
    `whole` has the positions of the inputs that the function used as ints, and `fixed` the positions of
    those whose number is part of the trace.
    """

    def __init__(
        self,
        graph: Graph,
        outputs: list[Any],
        results: list[bool],
        structure: Structure,
        truths: list[bool],
        captured: list[Value],
        whole: set[int],
        fixed: set[int],
    ) -> None:
        self.graph, self.outputs, self.results = graph, outputs, results
        self.structure, self.truths, self.captured = structure, truths, captured
        self.whole, self.fixed = whole, fixed
        self.replays: dict[Any, tuple[Program, Any]] = {}
        self.plans: dict[Any, Callable[[tuple[Any, ...]], Any]] = {}

    def forget(self) -> None:
        """Free the nodes: programs are made from the graph's ints, and nothing is evaluated any more."""
        self.outputs = []

    def suits(self, call: Call) -> bool:
        """Whether the numbers that the function used as ints are ints in this call too."""
        return not self.whole or self.whole <= call.integers()

    @property
    def root(self) -> int:
        """The position of the result to differentiate; the others must be readings or plain numbers."""
        if not self.results:
            raise TypeError("a gradient is of one number, and the function returns none")
        values = [k for k, is_node in enumerate(self.results) if is_node]
        if len(values) > 1:
            raise TypeError(
                f"a gradient is of one number, and {len(values)} of the {len(self.results)} results are "
                "computed from the arguments: use jacobian, or return numbers beside the loss as v.data"
            )
        return values[0] if values else 0

    def with_bools(self, numbers: Sequence[Any]) -> Sequence[Any]:
        """Return the numbers with truths turned back into bools."""
        if not any(self.truths):
            return numbers
        return [x != 0.0 if truth else x for x, truth in zip(numbers, self.truths, strict=True)]


def traced(f: Callable[..., Any], name: str, call: Call) -> Trace:
    """Run `f` on Values with the numbers of `call` and return the trace."""
    if isinstance(f, Built):
        inputs: list[Value] = list(f.inputs)
        if len(call.numbers) != len(inputs):
            raise TypeError(
                f"the expression has {len(inputs)} inputs and {len(call.numbers)} numbers were given"
            )
        tracer = _Tracer(inputs, call)
        output = f.expression
    else:
        inputs = [Value(x) for x in call.numbers]
        tracer = _Tracer(inputs, call)
        with collector_paused(), modes.Mode(recording=True, watcher=lambda: tracer):
            output = call.run(f, inputs)
    if output is None:
        raise TypeError(f"{name} returned None: is its return statement missing?")
    results, structure = flatten(output, f"the result of {name}")
    truths = [x.is_truth if isinstance(x, Reading) else _is_bool(x) for x in items_of(output)]
    outputs = [y.node if isinstance(y, Reading) else y for y in results]
    graph = Graph(outputs, inputs, tracer.guards, tracer.checks)
    captured = [x for x in graph.leaves.values() if x not in tracer.own]
    graph.inputs += tuple(captured)
    whole, fixed = ({k for k, x in enumerate(inputs) if x in used} for used in (tracer.whole, tracer.fixed))
    is_node = [isinstance(y, Value) for y in results]
    return Trace(graph, outputs, is_node, structure, truths, captured, whole, fixed)


def _is_bool(x: Any) -> bool:
    return type(x).__name__ in ("bool", "bool_")


WHOLE: Final = frozenset({"floor", "ceil", "trunc", "round", "floordiv", "sign", "step", "less", "equal"})
"""Primitives whose value is a whole number at every finite operand."""

KEEP_WHOLE: Final = frozenset(
    {
        "add",
        "sub",
        "mul",
        "neg",
        "abs",
        "mod",
        "fmod",
        "maximum",
        "minimum",
        "clamp",
        "where",
        "take",
        "sum",
        "dot",
        "pow",
    }
    | {"identity", "stop_gradient", "relu"}
)
"""Primitives whose value is a whole number where their operands are."""


EXACT: Final = 2.0**53
"""Whole numbers from here on may have been rounded when they became floats."""


class _Tracer(modes.Watcher):
    """Stands between a function that is traced and the numbers of its Values.

    If that function traces another one, this tracer hears nothing of it.
    """

    def __init__(self, inputs: Sequence[Value], call: Call) -> None:
        self.inputs, self.call = inputs, call
        self.guards: list[tuple[Value, bool]] = []
        self.checks: list[Value] = []
        self.own = set(inputs)
        self.whole: set[Value] = set()
        """Inputs that the function has used as ints."""
        self.fixed: set[Value] = set()
        """Those among them whose number is part of the trace."""
        self._wholes: dict[Value, bool] = {}

    def on_leaf(self, leaf: Value) -> bool:
        self.own.add(leaf)
        return True

    def on_compare(self, comparison: Callable[..., bool], x: Value, y: Any, result: bool) -> Any:
        with modes.Mode(recording=True):
            node = truth(comparison, x, y)
        # The truth of x is asked for as x != 0.0, which is not a tie.
        tie = comparison is operator.eq if result else comparison is operator.ne and y != 0.0
        return Reading(node, self, is_truth=True, is_tie=tie)

    def on_read(self, node: Value) -> Any:
        with modes.Mode(recording=True):
            return Reading(stop_gradient(node), self)

    def on_index(self, node: Any) -> int | None:
        """Return the whole number that the function needs as an int; None for any other number."""
        if not isinstance(node, Value) or not self.is_whole(node) or abs(number_of(node)) >= EXACT:
            return None
        number = number_of(node)
        with modes.Mode(recording=True):
            self.guards.append((equal(node, number), True))
        self.fixed.update(self._note_ints(node))
        return int(number)

    def on_gather(self, index: Any, count: int) -> Value | None:
        """Return the place of one of `count` elements, from 0 on; None for an index that is not an int.

        The place holds for every index. The trace checks that there is such an element, and raises if not.
        """
        node = index.node if isinstance(index, Reading) else index
        if not isinstance(node, Value) or not self.is_whole(node) or getattr(index, "is_truth", False):
            return None
        number = number_of(node)
        take_place(int(number) if abs(number) < EXACT else round(math.copysign(EXACT, number)), count)
        with modes.Mode(recording=True):
            place = where(less(node, 0.0), node + float(count), node)
            held = where(less(place, 0.0), 0.0, less(place, float(count)))
            self.checks.append(held)
            self._note_ints(node)
            return where(held, place, 0.0)  # outside, nothing may be read

    def _note_ints(self, node: Value) -> list[Value]:
        """Note and return the inputs, all ints, from which a whole number was computed."""
        found = [x for x in evaluation_order(node) if x.op is None and self._wholes.get(x)]
        self.whole.update(found)
        return found

    def on_backward(self, root: Value) -> None:
        raise RuntimeError(
            "backward() inside a function that is being compiled would run once, while tracing: compile "
            "the loss alone, and call loss.backward(...) of what compile returns"
        )

    def is_whole(self, node: Value) -> bool:
        """Whether a node is sure to be a whole number, because it was computed from ints."""
        if not self._wholes:
            integers = self.call.integers()
            self._wholes = {x: k in integers for k, x in enumerate(self.inputs)}
        wholes = self._wholes
        for x in evaluation_order(node, known=wholes):
            name = x.op.name if x.op is not None else ""
            operands = x.operands[1:] if name in ("where", "take") else x.operands
            wholes[x] = name in WHOLE or (
                name in KEEP_WHOLE
                and all(wholes[y] if isinstance(y, Value) else y.is_integer() for y in operands)
            )
        return wholes[node] and number_of(node).is_integer()


class Reading(Recorder):
    """A number or a truth that a traced function has read off its Values.

    It may be computed with, and returned beside the result; no derivative passes. Where Python needs its
    truth, or its whole number, a guard is noted. For any other number Python's own functions get an error,
    since that number would be frozen into the program.
    """

    __slots__ = ("is_tie", "is_truth", "node", "tracer")
    record_priority = 1

    def __init__(self, node: Any, tracer: _Tracer, *, is_truth: bool = False, is_tie: bool = False) -> None:
        self.node, self.tracer, self.is_truth, self.is_tie = node, tracer, is_truth, is_tie

    def record_primitive(self, op: Primitive, operands: tuple[Any, ...]) -> Any:
        """Record `op`; the result is a reading again, unless it can have a derivative."""
        with modes.Mode(recording=True):
            result = op(*[x.node if isinstance(x, Reading) else x for x in operands])
        plain = all(isinstance(x, Reading) or is_number(x) for x in operands)
        return Reading(result, self.tracer) if plain else result

    def record_comparison(self, comparison: Callable[[Any, Any], bool], other: Any) -> Any:
        """Record the comparison; its result is a truth."""
        if not isinstance(other, (Reading, Value)) and not is_number(other):
            return NotImplemented
        y = other.node if isinstance(other, Reading) else other
        with modes.Mode(recording=True):
            return Reading(truth(comparison, self.node, y), self.tracer, is_truth=True)

    def _combined(self, other: Any, combine: Callable[[Any, Any], Any], native: Callable[..., Any]) -> Any:
        is_truth = other.is_truth if isinstance(other, Reading) else _is_bool(other)
        if not (self.is_truth and is_truth):
            return native(self.__index__(), other)
        with modes.Mode(recording=True):
            node = combine(self.node, other.node if isinstance(other, Reading) else float(other))
        return Reading(node, self.tracer, is_truth=True)

    def __and__(self, other: Any) -> Any:
        return self._combined(other, lambda x, y: where(x, y, 0.0), operator.and_)

    def __or__(self, other: Any) -> Any:
        return self._combined(other, lambda x, y: where(x, 1.0, y), operator.or_)

    def __xor__(self, other: Any) -> Any:
        return self._combined(other, lambda x, y: where(x, 1.0 - y, y), operator.xor)

    __rand__, __ror__, __rxor__ = __and__, __or__, __xor__

    def __bool__(self) -> bool:
        if not self.is_truth:
            return bool(self != 0.0)
        truth = bool(number_of(self.node))
        self.tracer.guards.append((self.node, truth))
        if self.is_tie:
            modes.ties.count += 1
        return truth

    def __index__(self) -> int:
        if self.is_truth:
            return int(bool(self))
        number = self.tracer.on_index(self.node)
        if number is None:
            raise TypeError(
                "float(v.data) while compiling would freeze this number into every later call: compute "
                "with autograd_mini's functions, return it as a second result, or compare it (v.data > 0)"
            )
        return number

    __int__ = __hash__ = __index__
    __trunc__ = __floor__ = __ceil__ = __index__  # type: ignore[assignment]

    def __float__(self) -> float:
        return float(self.__index__())

    def __round__(self, digits: int | None = None) -> Any:
        return round(self.__index__(), digits)

    def __repr__(self) -> str:
        return "<a number read while compiling>"

    def __format__(self, spec: str) -> str:
        return repr(self)
