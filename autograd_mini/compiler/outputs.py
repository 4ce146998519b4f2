"""What a compiled function returns: the value, its gradient, or gradients added to leaves."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from functools import partial, update_wrapper
from typing import Any

from autograd_mini.compiler.arguments import Call, is_static
from autograd_mini.compiler.program import Program
from autograd_mini.compiler.tracing import Trace
from autograd_mini.engine.value import Value, add_gradients
from autograd_mini.transforms.functions import grad, gradients, value_and_grad
from autograd_mini.transforms.nested import NUMBER, Structure

__all__ = ["Gradient", "LeafGradients", "Outputs", "with_argnums"]

Argnums = int | Sequence[int] | None

Build = Callable[[Structure, Sequence[Any]], Any]
"""A function that nests flat numbers, or the columns of a batch, by a structure."""


class Outputs:
    """The value alone. The subclasses add derivatives to it.

    The numbers of a replay are those of the result, then the derivatives with respect to `inputs`.
    """

    name = "value"
    from_zero = True
    """Whether derivatives are added to 0.0, as to a zeroed `grad`, so that -0.0 becomes 0.0."""

    def inputs(self, trace: Trace, call: Call) -> Sequence[int]:
        """Return the inputs of the trace with respect to which derivatives are wanted."""
        return ()

    def root(self, trace: Trace) -> int:
        """Return the position of the result to differentiate."""
        return 0

    def function(self, f: Callable[..., Any]) -> Callable[..., Any]:
        """Return the function that computes the same without a program."""
        return f

    def program(self, trace: Trace, call: Call, branches: str, *, shared: bool = True) -> Program:
        """Return the program from the inputs of a trace to these outputs."""
        inputs = self.inputs(trace, call)
        root = self.root(trace)
        return trace.graph.program(
            inputs, root=root, from_zero=self.from_zero, branches=branches, shared=shared
        )

    def evaluate(self, trace: Trace, call: Call) -> list[float]:
        """Return what a replay would return, from the graph that was just traced."""
        graph = trace.graph
        found = [y.data if isinstance(y, Value) else y for y in trace.outputs]
        wanted = [graph.inputs[k] for k in self.inputs(trace, call)]
        if not wanted:
            return found
        root = trace.outputs[self.root(trace)]
        if not isinstance(root, Value):
            return found + [0.0] * len(wanted)
        zero = 0.0 if self.from_zero else -0.0
        return found + [zero + x.data for x in gradients(root, wanted)]

    def derivative_structure(self, call: Call) -> Structure | None:
        """Return how derivatives are nested; None where none are returned."""
        return None

    def result(
        self, value: Any, derivatives: Sequence[Any], call: Call, leaves: Sequence[Value], build: Build
    ) -> Any:
        """Return the answer of a call, given its nested value and the derivatives."""
        return value

    def reader(self, trace: Trace) -> Callable[[Sequence[float]], Any] | None:
        """Return a function from the numbers of a replay to the answer of a call of plain floats.

        None where there is no shorter way than `result`.
        """
        if trace.structure != NUMBER or any(trace.truths):
            return None
        return self._short_reader()

    def _short_reader(self) -> Callable[[Sequence[float]], Any] | None:
        return operator.itemgetter(0)


class Gradient(Outputs):
    """The derivatives with respect to the arguments `argnums` of the function called `function_name`.

    None stands for the first argument that holds numbers.
    """

    def __init__(
        self, argnums: Argnums, function_name: str, *, with_value: bool, has_aux: bool = False
    ) -> None:
        self.argnums, self.function_name = argnums, function_name
        self.with_value, self.has_aux = with_value, has_aux
        self.name = "value_and_grad" if with_value else "grad"

    def root(self, trace: Trace) -> int:
        """Return the only number of the result that is computed from the arguments, or the first."""
        return _first_result(trace, self.function_name) if self.has_aux else trace.root

    def inputs(self, trace: Trace, call: Call) -> Sequence[int]:
        """Return the inputs that hold the numbers of the arguments at `argnums`."""
        starts = call.starts
        return [i for k in self._positions(call) for i in range(starts[k], starts[k + 1])]

    def function(self, f: Callable[..., Any]) -> Callable[..., Any]:
        """Return the transform of `f`."""
        transform = value_and_grad if self.with_value else grad
        if self.has_aux:
            transform = partial(transform, has_aux=True)
        return with_argnums(transform, f, self.argnums)

    def derivative_structure(self, call: Call) -> Structure:
        """Return the structure of the argument at `argnums`, or a tuple of structures for several."""
        blocks = tuple([call.parts[k] for k in self._positions(call)])
        if self.argnums is None or isinstance(self.argnums, int):
            return blocks[0]
        return Structure("tuple", tuple, blocks, sum(block.size for block in blocks))

    def result(
        self, value: Any, derivatives: Sequence[Any], call: Call, leaves: Sequence[Value], build: Build
    ) -> Any:
        """Return the derivatives, beside the value if that is wanted."""
        return self.arranged(value, build(self.derivative_structure(call), derivatives))

    def arranged(self, value: Any, derivative: Any) -> Any:
        """Return the derivative, with the value if that is wanted."""
        if self.with_value:
            return value, derivative
        return (derivative, value[1]) if self.has_aux else derivative

    def _short_reader(self) -> Callable[[Sequence[float]], Any] | None:
        if self.has_aux:
            return None
        if self.argnums is None or isinstance(self.argnums, int):
            return tuple if self.with_value else operator.itemgetter(1)
        return _value_and_tuple if self.with_value else None

    def _positions(self, call: Call) -> list[int]:
        count = len(call.parts)
        if self.argnums is None:
            return [_first([k in call.static for k in range(count)], self.function_name)]
        argnums = (self.argnums,) if isinstance(self.argnums, int) else self.argnums
        for k in argnums:
            if not -count <= k < count:
                raise ValueError(
                    f"argnums has {k} and {self.function_name} was called with {count} arguments: "
                    "give the position of an argument"
                )
            if k % count in call.static:
                raise TypeError(
                    f"argnums has {k} and argument {k} of {self.function_name} is of type "
                    f"{type(call.static[k % count]).__name__}, which is part of the trace and has no "
                    "derivative: give the position of an argument of numbers"
                )
        return [k % count for k in argnums]


class LeafGradients(Outputs):
    """The value; derivatives are added to the `grad` of the leaves that the function has captured."""

    name = "backward"
    from_zero = False

    def __init__(self, function_name: str, has_aux: bool = False) -> None:
        self.function_name, self.has_aux = function_name, has_aux

    def root(self, trace: Trace) -> int:
        """Return the only number of the result that is computed from arguments or leaves, or the first."""
        return _first_result(trace, self.function_name) if self.has_aux else trace.root

    def inputs(self, trace: Trace, call: Call) -> Sequence[int]:
        """Return the captured leaves, which follow the numbers of the arguments."""
        first = len(call.numbers)
        return range(first, first + len(trace.captured))

    def function(self, f: Callable[..., Any]) -> Callable[..., Any]:
        """Refuse: adding to leaves is not a function of numbers."""
        raise TypeError(
            f"{self.function_name}.backward adds to the grad of leaves and takes numbers, not Values: use "
            "grad, with the leaves as arguments"
        )

    def result(
        self, value: Any, derivatives: Sequence[Any], call: Call, leaves: Sequence[Value], build: Build
    ) -> Any:
        """Add the derivatives to the leaves and return the value."""
        add_gradients(leaves, map(float, derivatives))
        return value

    def _short_reader(self) -> Callable[[Sequence[float]], Any] | None:
        return None


def first_of(f: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that returns the first item of the result of `f`."""
    return update_wrapper(lambda *args, **kwargs: f(*args, **kwargs)[0], f)


def _first_result(trace: Trace, name: str) -> int:
    structure = trace.structure
    if structure.kind != "tuple" or len(structure.children) != 2 or structure.children[0] != NUMBER:
        raise TypeError(
            f"{name} returned {structure}: with has_aux=True it returns a pair, one number and what comes "
            "beside it"
        )
    return 0


def with_argnums(
    transform: Callable[..., Any], f: Callable[..., Any], argnums: Argnums
) -> Callable[..., Any]:
    """Return the transform of `f`; for None, with respect to the first argument that holds numbers."""
    if argnums is not None:
        return transform(f, argnums)  # type: ignore[no-any-return]

    def derivative(*args: Any, **kwargs: Any) -> Any:
        first = _first([is_static(x) for x in args], derivative.__name__)
        return transform(f, first)(*args, **kwargs)

    return update_wrapper(derivative, transform(f, 0))


def _first(static: Sequence[bool], name: str) -> int:
    if all(static):
        raise TypeError(f"{name} was called without an argument of numbers: a derivative needs one")
    return list(static).index(False)


def _value_and_tuple(found: Sequence[float]) -> tuple[float, tuple[float, ...]]:
    return found[0], tuple(found[1:])
