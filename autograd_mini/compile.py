"""`compile`: a function of numbers traced once and replayed. Knows branches and arguments, no instructions.

The function is run on Values; what it leaves behind is written down as a `Program`, and a backend makes
that run. What a trace cannot know is guarded: a comparison made while tracing holds for one side of it,
so a replay that finds itself on the other side is given up, and the function is traced again there.
Leaves that the function has used from outside, such as the parameters of a model, are inputs too.
"""

from __future__ import annotations

import operator
import sys
from collections.abc import Callable, Sequence
from functools import update_wrapper
from inspect import signature
from types import MethodType
from typing import Any, Final

from autograd_mini import modes
from autograd_mini.backends import chosen, installed, written
from autograd_mini.operators import Recorder
from autograd_mini.primitives import equal, less, where
from autograd_mini.program import Program, Recording
from autograd_mini.rows import assembled, columns_of, rows_in
from autograd_mini.structure import NUMBER, Structure, flatten
from autograd_mini.table import Primitive, as_number, is_number
from autograd_mini.transforms import gradients, hessian, jacobian, jvp, stop_gradient
from autograd_mini.value import Value

__all__ = ["Compiled", "compile"]

STRUCTURES: Final = 64
"""Structures of arguments whose traces are kept."""

SHORT: Final = 60
"""Instructions up to which Python is as fast as machine code, calls included."""

RELATIONS: Final[dict[Callable[..., bool], Callable[[Any, Any], Any]]] = {
    operator.lt: less,
    operator.gt: lambda x, y: less(y, x),
    operator.le: lambda x, y: where(less(x, y), 1.0, equal(x, y)),
    operator.ge: lambda x, y: where(less(y, x), 1.0, equal(x, y)),
    operator.eq: equal,
    operator.ne: lambda x, y: 1.0 - equal(x, y),
}


def compile(
    f: Any = None,
    *,
    inputs: Sequence[Value] | None = None,
    argnums: int | Sequence[int] = 0,
    backend: str | None = None,
    branches: int = 16,
) -> Any:
    """Return a function that computes what `f` does, from a program traced of it; also a decorator.

    Arguments are numbers, or nested lists, tuples, dicts and NumPy arrays of numbers; anything else (a
    text, a bool, None, a model) is part of what is traced, and another one is traced anew. Results are
    floats in the structure that `f` returns. Leaves used from outside are read at each call. `argnums`
    says by which arguments derivatives are taken. `backend` is "python", "numpy" (rows only) or "llvm";
    by default the fastest that is installed. `branches` bounds how many ways through `f`'s comparisons
    are kept; past it calls are computed eagerly.

    Instead of a function `f` may be an expression, or a list of them, built on the leaves `inputs`.

    See `Compiled` for derivatives and for evaluation over rows.

    >>> @compile
    ... def area(width, height):
    ...     return width * height
    >>> area(2.0, 3.0), area.value_and_grad(2.0, 3.0)
    (6.0, (6.0, 3.0))
    """
    if f is None:
        return lambda f: compile(f, argnums=argnums, backend=backend, branches=branches)
    if backend is not None:
        chosen(backend)
    if inputs is None:
        if not callable(f):
            raise TypeError(
                f"compile({type(f).__name__}): a function is expected; for an expression that is built, "
                "give its leaves too: compile(e, inputs=[x, y])"
            )
        return Compiled(f, argnums, backend, branches)
    built = [x for x in flatten(f, "the expression")[0] if isinstance(x, Value)]
    if not built or not all(isinstance(x, Value) for x in inputs):
        raise TypeError(
            "compile(e, inputs=...): the expression and its inputs are Values; build it on them"
        )
    return Compiled(_Built(f, tuple(inputs)), argnums, backend, branches)


class _Built:
    """An expression already recorded, as a function of its inputs."""

    def __init__(self, expression: Any, inputs: tuple[Value, ...]) -> None:
        self.expression, self.inputs = expression, inputs
        self.__name__ = "expression"

    def __call__(self, *numbers: Any) -> Any:
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
        with modes.switched(recording=True):
            result = op(*[x.node if isinstance(x, Reading) else x for x in operands])
        return result if any(isinstance(x, Value) for x in operands) else Reading(result)

    def _compared(self, comparison: Callable[..., bool], other: Any) -> Any:
        if not isinstance(other, (Reading, Value)) and not is_number(other):
            return NotImplemented
        y = other.node if isinstance(other, Reading) else other
        with modes.switched(recording=True):
            return Reading(RELATIONS[comparison](self.node, y), is_truth=True)

    def __eq__(self, other: object) -> Any:
        return self._compared(operator.eq, other)

    def __ne__(self, other: object) -> Any:
        return self._compared(operator.ne, other)

    def __lt__(self, other: Any) -> Any:
        return self._compared(operator.lt, other)

    def __le__(self, other: Any) -> Any:
        return self._compared(operator.le, other)

    def __gt__(self, other: Any) -> Any:
        return self._compared(operator.gt, other)

    def __ge__(self, other: Any) -> Any:
        return self._compared(operator.ge, other)

    __hash__ = object.__hash__

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


class _Trace:
    """One way through a function: the recording, and the replays made of it so far."""

    def __init__(
        self, recording: Recording, results: list[Any], structure: Structure, captured: list[Value]
    ):
        self.recording, self.results, self.structure = recording, results, structure
        self.captured = captured
        self.replays: dict[Any, tuple[Program, Any]] = {}

    @property
    def root(self) -> int:
        """Which of the results derivatives are of; the others must be readings or plain numbers."""
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


class Compiled:
    """A function with its programs; what `compile` returns.

    ``c(x)`` is the value, ``c.grad(x)`` and ``c.value_and_grad(x)`` the derivatives by the arguments
    `argnums`; ``c.backward(x)`` returns the value and adds to the `grad` of the leaves used from outside.
    ``c.jacobian(x)``, ``c.hessian(x)`` and ``c.jvp(primals, tangents)`` are those of the transforms. Each
    has ``.map(...)`` for rows, ``.source(language)`` and ``.explain()``.

    >>> c = compile(lambda x: x**3)
    >>> c(2.0), c.grad(2.0), c.hessian(2.0)
    (8.0, 12.0, 12.0)
    """

    def __init__(
        self,
        f: Callable[..., Any],
        argnums: int | Sequence[int],
        backend: str | None,
        branches: int,
        what: str = "value",
        traces: dict[Any, list[_Trace]] | None = None,
    ) -> None:
        self._f, self._argnums, self._backend, self._branches = f, argnums, backend, branches
        self._what = what
        self._traces: dict[Any, list[_Trace]] = {} if traces is None else traces
        self._relatives: dict[str, Compiled] = {}
        self._quick: dict[int, tuple[Any, list[Value], Callable[[Any], Any]]] = {}
        self._retraced = self._eager = 0
        self.__name__ = getattr(f, "__name__", type(f).__name__)
        update_wrapper(self, f)

    def _relative(self, what: str) -> Compiled:
        if what not in self._relatives:
            options = self._argnums, self._backend, self._branches
            self._relatives[what] = (
                Compiled(TRANSFORMED[what](self._f, self._argnums), *options)
                if what in TRANSFORMED
                else Compiled(self._f, *options, what, self._traces)
            )
        return self._relatives[what]

    @property
    def grad(self) -> Compiled:
        """The derivatives by the arguments `argnums`, in their structure."""
        return self._relative("grad")

    @property
    def value_and_grad(self) -> Compiled:
        """The result and its derivatives; numbers returned beside the loss as ``v.data`` come along."""
        return self._relative("value_and_grad")

    @property
    def backward(self) -> Compiled:
        """The result; derivatives are added to the `grad` of the leaves that the function has captured.

        >>> w = Value(3.0)
        >>> loss = compile(lambda x: (w * x - 1.0) ** 2)
        >>> loss.backward(2.0), w.grad
        (25.0, 20.0)
        """
        return self._relative("backward")

    @property
    def jacobian(self) -> Compiled:
        """Every derivative of every result by the arguments `argnums`."""
        return self._relative("jacobian")

    @property
    def hessian(self) -> Compiled:
        """The second derivatives."""
        return self._relative("hessian")

    @property
    def jvp(self) -> Compiled:
        """The value, and its derivative in a direction: ``c.jvp(primals, tangents)``."""
        return self._relative("jvp")

    # ---- one point -------------------------------------------------------------------------------

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Compute what the function does, from a program."""
        if not (kwargs or modes.active) and (quick := self._quick.get(len(args))) is not None:
            replay, captured, finish = quick
            for x in args:
                if x.__class__ is not float:
                    break
            else:
                found = replay([*args, *[leaf.data for leaf in captured]] if captured else args)
                if found is not None:
                    return finish(found)
        call = self._read(args, kwargs)
        if any(x.__class__ is not float for x in call.numbers):
            return self._on_values(args, kwargs)
        if modes.active and modes.here.on_record is not None:  # strict() wants to see each operation
            trace = self._trace(call)
            return self._result(trace, call, self._eagerly(trace, call))
        traces = self._traces_of(call)
        for k, trace in enumerate(traces):
            _, replay = self._replay(trace, call)
            found = replay(call.numbers + [leaf.data for leaf in trace.captured])
            if found is not None:
                if k:
                    traces.insert(0, traces.pop(k))
                self._remember(trace, call, args, kwargs)
                return self._result(trace, call, found)
        trace = self._trace(call)
        if len(traces) < self._branches:
            traces.insert(0, trace)
            _, replay = self._replay(trace, call)
            found = replay(call.numbers + [leaf.data for leaf in trace.captured])
        else:
            found = None
        if found is None:  # past the bound, or the function has changed a leaf while it was traced
            self._eager += 1
            found = self._eagerly(trace, call)
        return self._result(trace, call, found)

    def __get__(self, instance: Any, owner: type) -> Any:
        """Bind a method to its instance, as functions do."""
        return self if instance is None else MethodType(self, instance)

    def _traces_of(self, call: _Call) -> list[_Trace]:
        """Return the traces for arguments of this structure; those of the oldest make room."""
        if call.key not in self._traces:
            while len(self._traces) >= STRUCTURES:
                self._traces.pop(next(iter(self._traces)))
            self._traces[call.key] = []
        return self._traces[call.key]

    def _remember(self, trace: _Trace, call: _Call, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Keep what a call with as many plain floats needs: looking at arguments takes longer than they
        do.
        """
        if kwargs or any(x.__class__ is not float for x in args):
            return
        _, replay = self._replay(trace, call)
        finish: Callable[[Any], Any] = lambda found: self._result(trace, call, found)  # noqa: E731
        if trace.structure == NUMBER and not isinstance(trace.results[0], Reading):
            if self._what == "value":
                finish = operator.itemgetter(0)
            elif self._what == "grad" and isinstance(self._argnums, int):
                finish = operator.itemgetter(1)
            elif self._what == "value_and_grad":
                finish = tuple if isinstance(self._argnums, int) else _value_and_tuple
        self._quick[len(args)] = replay, trace.captured, finish

    def _read(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> _Call:
        if kwargs:
            bound = signature(self._f).bind(*args, **kwargs)
            args, kwargs = bound.args, bound.kwargs
        numbers: list[Any] = []
        parts: list[Structure] = []
        static: dict[int, Any] = {}
        for k, x in enumerate((*args, *kwargs.values())):
            if x.__class__ is float:
                numbers.append(x)
                parts.append(NUMBER)
            elif _is_static(x):
                static[k] = _hashable(self.__name__, x)
                parts.append(NOTHING)
            else:
                found, structure = _flat(x, f"argument {k} of {self.__name__}")
                numbers += found
                parts.append(structure)
        return _Call(numbers, parts, static, tuple(kwargs))

    def _on_values(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Values go in: their graph must not be cut, so the function itself is called."""
        if self._what != "value":
            raise TypeError(
                f"{self.__name__}.{self._what} takes numbers: for derivatives that have a graph use "
                f"autograd_mini's {self._what} on the function itself"
            )
        return self._f(*args, **kwargs)

    def _positions(self, call: _Call) -> list[int]:
        """Return the inputs that derivatives are wanted by; those behind the numbers are captured
        leaves.
        """
        argnums = (self._argnums,) if isinstance(self._argnums, int) else self._argnums
        chosen_ = [_position(self, k, len(call.parts)) for k in argnums]
        starts = call.starts
        return [i for k in chosen_ for i in range(starts[k], starts[k + 1])]

    def _wanted(self, trace: _Trace, call: _Call) -> Sequence[int]:
        if self._what == "value":
            return ()
        first = len(call.numbers)
        if self._what == "backward":
            return range(first, first + len(trace.captured))
        return self._positions(call)

    def _replay(self, trace: _Trace, call: _Call) -> tuple[Program, Any]:
        key = "point", self._what
        if key not in trace.replays:
            program = self._program(trace, call, branches="guard")
            trace.replays[key] = program, self._point_backend(program).build(program)
        return trace.replays[key]

    def _point_backend(self, program: Program) -> Any:
        if self._backend is not None:
            return chosen("python" if self._backend == "numpy" else self._backend)
        # Calling machine code costs as much as some dozens of Python's own operations.
        return chosen("llvm" if len(program.code) > SHORT and installed("llvm") else "python")

    def _program(self, trace: _Trace, call: _Call, branches: str) -> Program:
        root = 0 if self._what == "value" else trace.root
        return trace.recording.program(
            self._wanted(trace, call), root=root, posted=self._what != "backward", branches=branches
        )

    def _eagerly(self, trace: _Trace, call: _Call) -> list[float]:
        """Return what a replay would, from the graph just recorded."""
        found = [y.data if isinstance(y, Value) else y for y in trace.recording.outputs]
        wanted = [trace.recording.inputs[k] for k in self._wanted(trace, call)]
        if not wanted:
            return found
        root = trace.recording.outputs[trace.root]
        if not isinstance(root, Value):
            return found + [0.0] * len(wanted)
        zero = -0.0 if self._what == "backward" else 0.0
        return found + [zero + x.data for x in gradients(root, wanted)]

    def _result(self, trace: _Trace, call: _Call, found: Sequence[float]) -> Any:
        if self._what == "backward":
            for leaf, received in zip(trace.captured, found[len(trace.results) :], strict=True):
                leaf.grad += received
        return self._shaped(trace, call, found)

    def _shaped(self, trace: _Trace, call: _Call, found: Sequence[float]) -> Any:
        count = len(trace.results)
        value = trace.structure.rebuild(trace.finished(found[:count]))
        if self._what in ("value", "backward"):
            return value
        derivative = self._derivative_structure(call.parts).rebuild(found[count:])
        return derivative if self._what == "grad" else (value, derivative)

    def _derivative_structure(self, parts: Sequence[Structure]) -> Structure:
        if isinstance(self._argnums, int):
            return parts[_position(self, self._argnums, len(parts))]
        blocks = tuple(parts[_position(self, k, len(parts))] for k in self._argnums)
        return Structure("tuple", tuple, blocks, sum(block.size for block in blocks))

    # ---- tracing ---------------------------------------------------------------------------------

    def _trace(self, call: _Call) -> _Trace:
        """Run the function on Values and return what it leaves behind."""
        self._retraced += 1
        guards: list[tuple[Value, bool]] = []
        if isinstance(self._f, _Built):
            inputs: list[Value] = list(self._f.inputs)
            if len(call.numbers) != len(inputs):
                raise TypeError(
                    f"the expression has {len(inputs)} inputs and {len(call.numbers)} numbers were given"
                )
            output = self._f.expression
            own = set(inputs)
        else:
            inputs = [Value(x) for x in call.numbers]
            own = set(inputs)
            with modes.switched(
                on_compare=_Guarding(guards), on_leaf=own.add, on_read=_read, on_backward=_refuse_backward
            ):
                output = call.run(self._f, inputs)
        if output is None:
            raise TypeError(f"{self.__name__} returned None: is its return statement missing?")
        results, structure = flatten(output, f"the result of {self.__name__}")
        outputs = [y.node if isinstance(y, Reading) else y for y in results]
        recording = Recording(outputs, inputs, guards)
        captured = [leaf for leaf in recording.leaves() if leaf not in own]
        return _Trace(Recording(outputs, inputs + captured, guards), results, structure, captured)

    # ---- rows ------------------------------------------------------------------------------------

    def map(
        self, *args: Any, in_axes: Any = 0, reduce: str | None = None, threads: int | None = None
    ) -> Any:
        """Evaluate over rows: arrays with an axis of rows where the function takes numbers.

        An argument that is a number becomes an array of shape (rows,), an array of shape S one with an
        axis more, of which `in_axes` says which: an int, or a tuple with one for each argument, None for
        an argument that is the same in all rows. A plain number, or an axis of length 1, is the same in all
        rows too. Results have the axis of rows first. With ``reduce="sum"`` or ``"mean"`` results, and
        derivatives by arguments that are the same in all rows, are added up in the rows' order.

        Every row takes its own branches. The result is the same for any number of `threads`, of which there
        are by default as many as processors. Needs NumPy: ``pip install "autograd-mini[numpy]"``.

        >>> import numpy as np
        >>> c = compile(lambda x, w: (w * x) ** 2)
        >>> c.map(np.array([1.0, 2.0]), 3.0).tolist()
        [9.0, 36.0]
        >>> c.grad.map(np.array([1.0, 2.0]), 3.0, in_axes=(0, None)).tolist()
        [18.0, 36.0]
        """
        if reduce not in (None, "sum", "mean"):
            raise ValueError(f'reduce={reduce!r}: choose "sum", "mean" or None')
        if self._what == "backward" and reduce is None:
            raise ValueError(
                f'{self.__name__}.backward.map adds up over the rows: give reduce="sum" or "mean"'
            )
        call, columns = self._read_rows(args, in_axes)
        rows = rows_in(columns, self.__name__)
        items, trace, leaves = self._map(call, columns, rows, reduce is not None, threads)
        if reduce == "mean":
            items = items / rows if hasattr(items, "shape") else [x / rows for x in items]
        count = len(trace.results)
        value = assembled(
            trace.structure, trace.finished(items[:count]) if reduce is None else items[:count]
        )
        if self._what == "value":
            return value
        if self._what == "backward":
            for leaf, received in zip(leaves, items[count:], strict=True):
                leaf.grad += float(received)
            return value
        derivative = assembled(self._derivative_structure(call.parts), items[count:])
        return derivative if self._what == "grad" else (value, derivative)

    def _read_rows(self, args: tuple[Any, ...], in_axes: Any) -> tuple[_Call, list[Any]]:
        """Return the call of the first row, and the columns of all."""
        axes = in_axes if isinstance(in_axes, (tuple, list)) else (in_axes,) * len(args)
        if len(axes) != len(args):
            raise ValueError(
                f"in_axes has {len(axes)} entries and {self.__name__}.map was given {len(args)} arguments: "
                "give one for each, None for those that are the same in all rows"
            )
        columns: list[Any] = []
        parts: list[Structure] = []
        static: dict[int, Any] = {}
        for k, (x, axis) in enumerate(zip(args, axes, strict=True)):
            if _is_static(x):
                static[k] = _hashable(self.__name__, x)
                parts.append(NOTHING)
            else:
                found, structure = columns_of(x, axis, f"argument {k} of {self.__name__}.map")
                columns += found
                parts.append(structure)
        return _Call([], parts, static), columns

    def _map(
        self, call: _Call, columns: list[Any], rows: int, reduce: bool, threads: int | None
    ) -> tuple[Any, _Trace, list[Value]]:
        """Return the outputs, sums where they are reduced and columns where they are not.

        Also returned are a trace, for the results' structure, and the captured leaves that derivatives are
        by.
        """
        import numpy as np

        mapped = [c.__class__ is not float for c in columns]
        traces = self._traces_of(call)

        def at(row: int) -> _Call:
            numbers = [float(c[row]) if m else c for c, m in zip(columns, mapped, strict=True)]
            return _Call(numbers, call.parts, call.static)

        call.numbers = (
            at(0).numbers if rows else [1.0 if m else c for c, m in zip(columns, mapped, strict=True)]
        )
        if not traces:
            traces.append(self._trace(call))
        # Of each output a column: by its position, or by the captured leaf that it is the derivative of.
        table: dict[Any, Any] = {}
        left = np.arange(rows)
        tried = 0
        while tried == 0 or len(left):
            if tried == len(traces):
                if len(traces) >= self._branches:
                    break
                traces.append(self._trace(at(int(left[0]))))
            trace = traces[tried]
            tried += 1
            if trace.structure != traces[0].structure:
                raise TypeError(
                    f"{self.__name__} returns results of different structure in different branches"
                )
            program, run = self._rows(trace, call, tuple(mapped), reduce)
            everything = len(left) == rows
            inputs = [c[left] if m and not everything else c for c, m in zip(columns, mapped, strict=True)]
            found, totals, held = run(inputs + [leaf.data for leaf in trace.captured], len(left), threads)
            if not program.guards and everything:
                if not len(totals):
                    return found, trace, trace.captured
                parts = {True: iter(totals), False: iter(found)}
                sums = self._reduced(trace, call, mapped, reduce)
                return [next(parts[total]) for total in sums], trace, trace.captured
            done = np.ones(len(left), bool) if held is None else held
            for key, column in zip(self._keys(trace, call), found, strict=True):
                table.setdefault(key, np.zeros(rows))[left[done]] = column[done]
            left = left[~done]
        for row in left.tolist():
            point = at(row)
            trace = self._trace(point)
            self._eager += 1
            for key, x in zip(self._keys(trace, call), self._eagerly(trace, point), strict=True):
                table.setdefault(key, np.zeros(rows))[row] = x
        leaves = [key for key in table if isinstance(key, Value)]
        every = [*range(len(table) - len(leaves)), *leaves]
        sums = self._reduced(traces[0], call, mapped, reduce)[: len(table) - len(leaves)]
        sums += [reduce] * len(leaves)
        items = [table[k].sum() if total else table[k] for k, total in zip(every, sums, strict=True)]
        return items, traces[0], leaves

    def _keys(self, trace: _Trace, call: _Call) -> list[Any]:
        """Return what tells outputs apart over traces, whose captured leaves may differ."""
        count = len(trace.results)
        if self._what == "backward":
            return [*range(count), *trace.captured]
        return list(range(count + len(self._wanted(trace, call))))

    def _reduced(self, trace: _Trace, call: _Call, mapped: Sequence[bool], reduce: bool) -> list[bool]:
        """Return which outputs are sums: results, and derivatives by what is the same in all rows."""
        by = [k >= len(mapped) or not mapped[k] for k in self._wanted(trace, call)]
        return [reduce] * len(trace.results) + [reduce and same for same in by]

    def _rows(
        self, trace: _Trace, call: _Call, mapped: tuple[bool, ...], reduce: bool
    ) -> tuple[Program, Any]:
        key = "rows", self._what, mapped, reduce
        if key not in trace.replays:
            program = self._program(trace, call, branches="select")
            sums = self._reduced(trace, call, mapped, reduce and not program.guards)
            columns = [*mapped, *[False] * len(trace.captured)]
            trace.replays[key] = program, self._rows_backend(program).build_rows(program, columns, sums)
        return trace.replays[key]

    def _rows_backend(self, program: Program) -> Any:
        if self._backend is not None:
            return chosen(self._backend)
        return chosen("llvm" if installed("llvm") else "numpy")

    # ---- for the tightest loops ------------------------------------------------------------------

    def prepare(self, *args: Any, in_axes: Any = None, reduce: str | None = None) -> Callable[[], Any]:
        """Return a function of no arguments that computes on these arrays as they are when it is called.

        Without `in_axes` it is a call, with `in_axes` and `reduce` a `map`. Arrays of float64 are read in
        place, other arguments now; derivatives by arrays are written into the same arrays each time. What
        is left out, looking at the arguments, is most of the time of a small program. Needs
        ``pip install "autograd-mini[fast]"``; with another backend, or where a branch is not the one
        taken now, it is the ordinary call. Not for two threads at once.

        >>> import numpy as np
        >>> x = np.array([1.0, 2.0])
        >>> step = compile(lambda x: x[0] * x[1]).value_and_grad.prepare(x)
        >>> value, gradient = step(); x -= 0.5 * gradient
        >>> x.tolist(), step()
        ([0.0, 1.5], (0.0, array([1.5, 0. ])))
        """

        def ordinary() -> Any:
            if in_axes is None:
                return self(*args)
            return self.map(*args, in_axes=in_axes, reduce=reduce)

        ordinary()
        if self._backend in ("python", "numpy") or not installed("llvm"):
            return ordinary
        found = self._point_steps(args) if in_axes is None else self._rows_steps(args, in_axes, reduce)
        if found is None:
            return ordinary
        steps, staged, out, call, trace, leaves = found
        go = chosen("llvm").prepared(steps)  # type: ignore[attr-defined]
        count = len(trace.results)
        result = self._view(trace, call, out)

        def run() -> Any:
            for place, source in staged:
                place[...] = source
            for place, leaf in leaves:
                place[()] = leaf.data
            if not go():
                return ordinary()
            if self._what == "backward":
                for (_, leaf), received in zip(leaves, out[count:].tolist(), strict=True):
                    leaf.grad += received
            return result()

        return run

    def _point_steps(self, args: tuple[Any, ...]) -> Any:
        import numpy as np

        call = self._read(args, {})
        trace = self._traces[call.key][0]
        program, _ = self._replay(trace, call)
        out = np.empty(len(program.outputs))
        inputs, staged, leaves = self._staged(args, call, trace, program.inputs)
        kernel = chosen("llvm").Kernel(program)  # type: ignore[attr-defined]
        steps = [kernel.step(inputs.ctypes.data, out.ctypes.data)]
        return steps, staged, out, call, trace, leaves

    def _staged(
        self, args: Sequence[Any], call: _Call, trace: _Trace, room: int
    ) -> tuple[Any, list[Any], list[Any]]:
        """Return an array of inputs, what is to be copied into it at each call, and the leaves to be
        read.
        """
        import numpy as np

        blocks = [(x, a, b) for x, a, b in zip(args, call.starts, call.starts[1:], strict=False) if b > a]
        if len(blocks) == 1 and room == len(call.numbers) and _in_place(blocks[0][0]):
            return blocks[0][0], [], []
        inputs = np.empty(room)
        inputs[: len(call.numbers)] = call.numbers
        staged = [(inputs[a:b].reshape(x.shape), x) for x, a, b in blocks if _in_place(x)]
        first = len(call.numbers)
        leaves = [
            (inputs[first + k : first + k + 1].reshape(()), leaf) for k, leaf in enumerate(trace.captured)
        ]
        return inputs, staged, leaves

    def _rows_steps(self, args: tuple[Any, ...], in_axes: Any, reduce: str | None) -> Any:
        import numpy as np

        call, columns = self._read_rows(args, in_axes)
        trace = self._traces[call.key][0]
        mapped = tuple(c.__class__ is not float for c in columns)
        program, kernel = self._rows(trace, call, mapped, reduce is not None)
        rows = rows_in(columns, self.__name__)
        if (
            program.guards
            or kernel.outs
            or not all(c.flags.c_contiguous for c in columns if c.__class__ is not float)
        ):
            return None
        out = np.empty(kernel.sums)
        same = _Call([c for c, m in zip(columns, mapped, strict=True) if not m], [], {})
        unmapped = [
            (x, part)
            for x, part, start in zip(args, call.parts, call.starts, strict=False)
            if part.size and not mapped[start]
        ]
        same.parts = [part for _, part in unmapped]
        inputs, staged, leaves = self._staged([x for x, _ in unmapped], same, trace, kernel.uniforms)
        arrays = [c for c, m in zip(columns, mapped, strict=True) if m]
        steps = kernel.steps(arrays, inputs, out, rows, float(rows) if reduce == "mean" else 1.0)
        return steps, staged, out, call, trace, leaves

    def _view(self, trace: _Trace, call: _Call, out: Any) -> Callable[[], Any]:
        """Return how to read the result off the outputs; arrays are views of them, made once."""
        count = len(trace.results)
        derivative = (
            self._derivative_structure(call.parts) if self._what in ("grad", "value_and_grad") else NUMBER
        )
        if trace.structure != NUMBER or derivative.kind not in ("array", "number"):
            return lambda: self._shaped(trace, call, out.tolist())
        if self._what in ("value", "backward"):
            return lambda: out.item(0)
        if derivative == NUMBER:
            return lambda: self._shaped(trace, call, out.tolist())
        block = out[count:].reshape(derivative.detail)
        return (lambda: block) if self._what == "grad" else (lambda: (out.item(0), block))

    # ---- looking inside --------------------------------------------------------------------------

    def program(self, *args: Any, **kwargs: Any) -> Program:
        """Return the program that a call with these arguments replays.

        >>> print(compile(lambda x: x * x).value_and_grad.program(3.0))
        inputs v0
        v1 = mul(v0, v0)
        v2 = add(v0, v0)
        v3 = add(v2, 0.0)
        return v1, v3
        """
        call = self._read(args, kwargs)
        self(*args, **kwargs)
        traces = self._traces[call.key]
        trace = traces[0]
        return self._replay(trace, call)[0]

    def source(self, language: str, *args: Any, **kwargs: Any) -> str:
        """Return the program of a call as text in "python", "numpy", "c" or "llvm".

        >>> print(compile(lambda x, y: x * y).source("c", 2.0, 3.0).splitlines()[-3])
            out[0] = v2;
        """
        return written(language, self.program(*args, **kwargs))

    def explain(self) -> str:
        """Return what has been traced and how it is run, for a person to read."""
        lines = [
            f"{self.__name__}: backend {self._backend or 'by size'}, {self._retraced} traces made, "
            f"{self._eager} calls computed eagerly (at most {self._branches} branches are kept)"
        ]
        for key, traces in self._traces.items():
            lines.append(f"  arguments {key!r}")
            for trace in traces:
                made = ", ".join(
                    f"{' '.join(map(str, k[:2]))} of {len(p.code)} instructions, {len(p.guards)} guards"
                    for k, (p, _) in trace.replays.items()
                )
                lines.append(
                    f"    a trace with {len(trace.captured)} captured leaves: {made or 'not run yet'}"
                )
        return "\n".join(lines)

    def __reduce__(self) -> Any:
        module = sys.modules.get(getattr(self._f, "__module__", ""))
        if getattr(module, getattr(self._f, "__name__", ""), None) is self:
            return self._f.__name__  # a decorated function is pickled by its name, as any function is
        return Compiled, (self._f, self._argnums, self._backend, self._branches, self._what)

    def __repr__(self) -> str:
        return f"<compiled {self._what} of {self.__name__}>"


class _Call:
    """The arguments of one call: their numbers, their structures, and a key for what is traced.

    `static` has the arguments that are not numbers, by position; of the others `parts` has the structure.
    """

    def __init__(
        self,
        numbers: list[Any],
        parts: list[Structure],
        static: dict[int, Any],
        keywords: tuple[str, ...] = (),
    ) -> None:
        self.numbers, self.parts, self.static, self.keywords = numbers, parts, static, keywords
        fixed = tuple([(k, x.__class__, x) for k, x in static.items()]) if static else ()
        self.key = (tuple(parts), fixed, keywords)

    @property
    def starts(self) -> list[int]:
        """Where each argument's numbers begin, and where the last one's end."""
        starts = [0]
        for part in self.parts:
            starts.append(starts[-1] + part.size)
        return starts

    def run(self, f: Callable[..., Any], inputs: Sequence[Value]) -> Any:
        """Call `f` with `inputs` in the places of the numbers."""
        arguments = [
            self.static[k] if k in self.static else part.rebuild(inputs[start : start + part.size])
            for k, (part, start) in enumerate(zip(self.parts, self.starts, strict=False))
        ]
        count = len(self.parts) - len(self.keywords)
        return f(*arguments[:count], **dict(zip(self.keywords, arguments[count:], strict=True)))


NOTHING: Final = Structure("tuple", tuple, (), 0)

TRANSFORMED: Final[dict[str, Callable[..., Any]]] = {
    "jacobian": jacobian,
    "hessian": hessian,
    "jvp": lambda f, argnums: lambda primals, tangents: jvp(f, primals, tangents),
}
"""Derivatives that are traced through the transforms: their result is a function like any other."""


def _is_static(x: Any) -> bool:
    """Whether an argument is no number and no container of numbers, but part of what is traced."""
    if isinstance(x, (str, bool, type(None))):
        return True
    return not (
        is_number(x)
        or isinstance(x, (list, tuple, dict, complex))
        or hasattr(type(x), "record_primitive")
        or hasattr(x, "dtype")
    )


def _hashable(name: str, x: Any) -> Any:
    try:
        hash(x)
    except TypeError:
        raise TypeError(
            f"{name} was given a {type(x).__name__}, which is neither numbers nor hashable: "
            "give numbers, nested lists, tuples, dicts or arrays of them, or what can be a dict's key"
        ) from None
    return x


def _value_and_tuple(found: Sequence[float]) -> tuple[float, tuple[float, ...]]:
    return found[0], tuple(found[1:])


def _in_place(x: Any) -> bool:
    """Whether an argument is an array that machine code can read where it is."""
    return str(getattr(x, "dtype", "")) == "float64" and x.shape != () and x.flags.c_contiguous


def _flat(x: Any, name: str) -> tuple[list[Any], Structure]:
    if getattr(x, "dtype", None) is not None and x.dtype.kind == "f" and x.shape != ():
        return x.astype(float, copy=False).ravel().tolist(), Structure("array", x.shape, (), x.size)
    return flatten(x, name)


def _position(compiled: Compiled, k: int, count: int) -> int:
    if not -count <= k < count:
        raise ValueError(
            f"argnums has {k} and {compiled.__name__} was called with {count} arguments: "
            "give the position of an argument"
        )
    return k % count


class _Guarding:
    """Notes each comparison made while tracing, and how it came out."""

    def __init__(self, guards: list[tuple[Value, bool]]) -> None:
        self.guards = guards

    def __call__(self, comparison: Callable[..., bool], v: Value, other: Any, result: bool) -> None:
        y = other if isinstance(other, Value) else as_number(other)
        with modes.switched(recording=True):
            truth = RELATIONS[comparison](v, y)
        self.guards.append((truth, bool(result)))


LOOKERS: Final = frozenset(f"autograd_mini.{name}" for name in ("ledger", "naming", "strict", "transforms"))
"""Modules that look at numbers to check or to show them, and compute nothing with what they see."""


def _read(v: Value) -> Any:
    """Stand in for ``v.data`` while tracing."""
    caller = sys._getframe(2).f_globals.get("__name__")
    if caller in LOOKERS and modes.here.recording:
        with modes.switched(on_read=None):
            return v.data
    with modes.switched(recording=True):
        return Reading(stop_gradient(v))


def _refuse_backward(root: Value) -> None:
    if sys._getframe(1).f_code is Value.backward.__code__:
        raise RuntimeError(
            "backward() inside a function that is being compiled would run once, while tracing: compile "
            "the loss alone, and call loss.backward(...) of what compile returns"
        )
