"""`compile`: a function of numbers traced once and replayed. Knows which trace serves which call.

The function is run on Values (`tracing`); what it leaves behind is written down as a `Program`, and a
backend makes that run. A replay that finds a guard on the other side of its comparison is given up, and
the function is traced again there.
"""

from __future__ import annotations

import operator
import sys
from collections.abc import Callable, Sequence
from functools import update_wrapper
from types import MethodType
from typing import Any, Final

from autograd_mini.compiler.arguments import Call, call_of, call_of_rows, in_place
from autograd_mini.compiler.backends import chosen, installed, written
from autograd_mini.compiler.columns import assembled, rows_in
from autograd_mini.compiler.program import Program
from autograd_mini.compiler.tracing import Built, Reading, Trace, traced
from autograd_mini.engine import modes
from autograd_mini.engine.value import Value
from autograd_mini.transforms.functions import (
    grad,
    gradients,
    hessian,
    jacobian,
    jvp,
    value_and_grad,
)
from autograd_mini.transforms.nested import NUMBER, Structure, flatten

__all__ = ["Compiled", "compile"]

STRUCTURES: Final = 64
"""Structures of arguments whose traces are kept."""

SHORT: Final = 60
"""Instructions up to which Python is as fast as machine code, calls included."""


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
    _check_options(argnums, backend, branches)
    if inputs is None:
        if not callable(f):
            raise TypeError(
                f"compile({type(f).__name__}): a function is expected; for an expression that is built, "
                "give its leaves too: compile(e, inputs=[x, y])"
            )
        return Compiled(f, argnums, backend, branches)
    built = [x for x in flatten(f, "the expression")[0] if isinstance(x, Value)]
    if not built or not isinstance(inputs, (list, tuple)) or not all(isinstance(x, Value) for x in inputs):
        raise TypeError(
            "compile(e, inputs=[...]): the expression and its inputs are Values; build it on them"
        )
    if any(x.op is not None for x in inputs) or len(set(inputs)) < len(inputs):
        raise ValueError("compile(e, inputs=[...]): give leaves, and each of them once")
    return Compiled(Built(f, tuple(inputs)), argnums, backend, branches)


def _check_options(argnums: Any, backend: str | None, branches: Any) -> None:
    positions = argnums if isinstance(argnums, (tuple, list)) else (argnums,)
    if not positions or not all(type(k) is int for k in positions):
        raise TypeError(
            f"compile(argnums={argnums!r}): give the position of an argument, or a tuple of positions"
        )
    if type(branches) is not int or branches < 0:
        raise TypeError(f"compile(branches={branches!r}): give a whole number, 0 or more")
    if backend is not None:
        chosen(backend)


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
        traces: dict[Any, list[Trace]] | None = None,
    ) -> None:
        self._f, self._argnums, self._backend, self._branches = f, argnums, backend, branches
        self._what = what
        self._traces: dict[Any, list[Trace]] = {} if traces is None else traces
        self._relatives: dict[str, Compiled] = {}
        self._origin: tuple[Compiled, str] | None = None  # what this is the `grad` of, or the like
        self._quick: dict[int, tuple[Any, list[Value], Callable[[Any], Any]]] = {}
        self._retraced = self._eager = 0
        self.__name__ = getattr(f, "__name__", type(f).__name__)
        update_wrapper(self, f)

    def _relative(self, what: str) -> Compiled:
        if what not in self._relatives:
            options = self._argnums, self._backend, self._branches
            if what in TRANSFORMED:
                relative = Compiled(TRANSFORMED[what](self._function, self._argnums), *options)
            elif self._what == "value":
                relative = Compiled(self._f, *options, what, self._traces)
            else:  # the derivative of a derivative
                relative = Compiled(self._function, *options, what)
            relative._origin = self, what
            self._relatives[what] = relative
        return self._relatives[what]

    @property
    def _function(self) -> Callable[..., Any]:
        """What is computed, as a function that takes Values too."""
        if self._what == "backward":
            raise TypeError(
                f"{self.__name__}.backward adds to the grad of leaves and takes numbers: for what has a "
                "derivative use grad, by arguments"
            )
        return self._f if self._what == "value" else EAGER[self._what](self._f, self._argnums)

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
        call = call_of(self._f, self.__name__, args, kwargs)
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
                if k:  # a new list: another thread may be going through the old one
                    self._traces[call.key] = [trace, *traces[:k], *traces[k + 1 :]]
                self._remember(trace, call, args, kwargs)
                return self._result(trace, call, found)
        trace = self._trace(call)
        if len(traces) < self._branches:
            self._traces[call.key] = [trace, *traces]
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

    def _traces_of(self, call: Call) -> list[Trace]:
        """Return the traces for arguments of this structure; those of the oldest make room."""
        if call.key not in self._traces:
            for oldest in list(self._traces)[: len(self._traces) - STRUCTURES + 1]:
                self._traces.pop(oldest, None)
        return self._traces.setdefault(call.key, [])

    def _remember(self, trace: Trace, call: Call, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
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

    def _on_values(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Values go in: their graph must not be cut, so the function itself is called."""
        return self._function(*args, **kwargs)

    def _trace(self, call: Call) -> Trace:
        self._retraced += 1
        return traced(self._f, self.__name__, call)

    def _positions(self, call: Call) -> list[int]:
        """Return the inputs that derivatives are wanted by; those behind the numbers are captured
        leaves.
        """
        argnums = (self._argnums,) if isinstance(self._argnums, int) else self._argnums
        chosen_ = [_position(self, k, len(call.parts)) for k in argnums]
        starts = call.starts
        return [i for k in chosen_ for i in range(starts[k], starts[k + 1])]

    def _wanted(self, trace: Trace, call: Call) -> Sequence[int]:
        if self._what == "value":
            return ()
        first = len(call.numbers)
        if self._what == "backward":
            return range(first, first + len(trace.captured))
        return self._positions(call)

    def _replay(self, trace: Trace, call: Call) -> tuple[Program, Any]:
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

    def _program(self, trace: Trace, call: Call, branches: str) -> Program:
        root = 0 if self._what == "value" else trace.root
        return trace.recording.program(
            self._wanted(trace, call), root=root, posted=self._what != "backward", branches=branches
        )

    def _eagerly(self, trace: Trace, call: Call) -> list[float]:
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

    def _result(self, trace: Trace, call: Call, found: Sequence[float]) -> Any:
        if self._what == "backward":
            for leaf, received in zip(trace.captured, found[len(trace.results) :], strict=True):
                leaf.grad += received
        return self._shaped(trace, call, found)

    def _shaped(self, trace: Trace, call: Call, found: Sequence[float]) -> Any:
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

    # ---- rows ------------------------------------------------------------------------------------

    def map(
        self,
        *args: Any,
        in_axes: Any = 0,
        reduce: str | None = None,
        threads: int | None = None,
        **named: Any,
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
        if named:
            raise TypeError(
                f"{self.__name__}.map was given {next(iter(named))}=...: give arguments by position, as "
                "in_axes does"
            )
        try:
            import numpy as np  # noqa: F401
        except ModuleNotFoundError:
            raise ModuleNotFoundError(
                f'{self.__name__}.map needs NumPy, not installed: pip install "autograd-mini[numpy]"'
            ) from None
        if reduce not in (None, "sum", "mean"):
            raise ValueError(f'reduce={reduce!r}: choose "sum", "mean" or None')
        if threads is not None and (type(threads) is not int or threads < 1):
            raise ValueError(
                f"threads={threads!r}: give a whole number from 1 on, or None for all processors"
            )
        if self._what == "backward" and reduce is None:
            raise ValueError(
                f'{self.__name__}.backward.map adds up over the rows: give reduce="sum" or "mean"'
            )
        call, columns = call_of_rows(self.__name__, args, in_axes)
        columns, rows = rows_in(columns, self.__name__)
        if reduce == "mean" and not rows:
            raise ValueError(
                f'{self.__name__}.map was given no rows, and they have no mean: use reduce="sum"'
            )
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

    def _map(
        self, call: Call, columns: list[Any], rows: int, reduce: bool, threads: int | None
    ) -> tuple[Any, Trace, list[Value]]:
        """Return the outputs, sums where they are reduced and columns where they are not.

        Also returned are a trace, for the results' structure, and the captured leaves that derivatives are
        by.
        """
        import numpy as np

        mapped = [c.__class__ is not float for c in columns]
        traces = self._traces_of(call)

        def at(row: int) -> Call:
            numbers = [float(c[row]) if m else c for c, m in zip(columns, mapped, strict=True)]
            return Call(numbers, call.parts, call.static)

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

    def _keys(self, trace: Trace, call: Call) -> list[Any]:
        """Return what tells outputs apart over traces, whose captured leaves may differ."""
        count = len(trace.results)
        if self._what == "backward":
            return [*range(count), *trace.captured]
        return list(range(count + len(self._wanted(trace, call))))

    def _reduced(self, trace: Trace, call: Call, mapped: Sequence[bool], reduce: bool) -> list[bool]:
        """Return which outputs are sums: results, and derivatives by what is the same in all rows."""
        by = [k >= len(mapped) or not mapped[k] for k in self._wanted(trace, call)]
        return [reduce] * len(trace.results) + [reduce and same for same in by]

    def _rows(
        self, trace: Trace, call: Call, mapped: tuple[bool, ...], reduce: bool
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

        call = call_of(self._f, self.__name__, args, {})
        trace = self._traces[call.key][0]
        program, _ = self._replay(trace, call)
        out = np.empty(len(program.outputs))
        inputs, staged, leaves = self._staged(args, call, trace, program.inputs)
        kernel = chosen("llvm").Kernel(program)  # type: ignore[attr-defined]
        steps = [kernel.step(inputs.ctypes.data, out.ctypes.data)]
        return steps, staged, out, call, trace, leaves

    def _staged(
        self, args: Sequence[Any], call: Call, trace: Trace, room: int
    ) -> tuple[Any, list[Any], list[Any]]:
        """Return an array of inputs, what is to be copied into it at each call, and the leaves to be
        read.
        """
        import numpy as np

        blocks = [(x, a, b) for x, a, b in zip(args, call.starts, call.starts[1:], strict=False) if b > a]
        if len(blocks) == 1 and room == len(call.numbers) and in_place(blocks[0][0]):
            return blocks[0][0], [], []
        inputs = np.empty(room)
        inputs[: len(call.numbers)] = call.numbers
        staged = [(inputs[a:b].reshape(x.shape), x) for x, a, b in blocks if in_place(x)]
        first = len(call.numbers)
        leaves = [
            (inputs[first + k : first + k + 1].reshape(()), leaf) for k, leaf in enumerate(trace.captured)
        ]
        return inputs, staged, leaves

    def _rows_steps(self, args: tuple[Any, ...], in_axes: Any, reduce: str | None) -> Any:
        import numpy as np

        call, columns = call_of_rows(self.__name__, args, in_axes)
        trace = self._traces[call.key][0]
        columns, rows = rows_in(columns, self.__name__)
        mapped = tuple(c.__class__ is not float for c in columns)
        program, kernel = self._rows(trace, call, mapped, reduce is not None)
        if (
            not rows
            or program.guards
            or kernel.outs
            or not all(c.flags.c_contiguous for c in columns if c.__class__ is not float)
        ):
            return None
        out = np.empty(kernel.sums)
        same = Call([c for c, m in zip(columns, mapped, strict=True) if not m], [], {})
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

    def _view(self, trace: Trace, call: Call, out: Any) -> Callable[[], Any]:
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
        call = call_of(self._f, self.__name__, args, kwargs)
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
        for (parts, fixed, keywords), traces in self._traces.items():
            named = [""] * (len(parts) - len(keywords)) + [f"{name}=" for name in keywords]
            given = {k: repr(x) for k, _, x in fixed}
            texts = [
                f"{name}{given.get(k, part)}"
                for k, (name, part) in enumerate(zip(named, parts, strict=True))
            ]
            lines.append(f"  called with {', '.join(texts) or 'nothing'}")
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
        if self._origin is not None:
            return getattr, self._origin
        return Compiled, (self._f, self._argnums, self._backend, self._branches)

    def __repr__(self) -> str:
        return f"<compiled {self._what} of {self.__name__}>"


EAGER: Final[dict[str, Callable[..., Any]]] = {"grad": grad, "value_and_grad": value_and_grad}
"""What the transforms of the same names make of a function."""

TRANSFORMED: Final[dict[str, Callable[..., Any]]] = {
    "jacobian": jacobian,
    "hessian": hessian,
    "jvp": lambda f, argnums: lambda primals, tangents: jvp(f, primals, tangents),
}
"""Derivatives that are traced through the transforms: their result is a function like any other."""


def _value_and_tuple(found: Sequence[float]) -> tuple[float, tuple[float, ...]]:
    return found[0], tuple(found[1:])


def _position(compiled: Compiled, k: int, count: int) -> int:
    if not -count <= k < count:
        raise ValueError(
            f"argnums has {k} and {compiled.__name__} was called with {count} arguments: "
            "give the position of an argument"
        )
    return k % count
