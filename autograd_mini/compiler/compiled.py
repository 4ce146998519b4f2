"""`compile`: a function of numbers is traced once and replayed.

The function is run on Values (`tracing`). The graph that this leaves is written down as a `Program`, and a
backend runs the program. Calls at one point are in `point`, batches in `batch`, what is returned in
`outputs`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from functools import partial, update_wrapper
from typing import Any, Final

from autograd_mini.compiler import backends
from autograd_mini.compiler.batch import Batch
from autograd_mini.compiler.dask_batch import holds_dask_arrays, map_lazily
from autograd_mini.compiler.outputs import Gradient, LeafGradients, Outputs, first_of, with_argnums
from autograd_mini.compiler.point import Point
from autograd_mini.compiler.prepared import prepared_batch, prepared_point
from autograd_mini.compiler.program import Program
from autograd_mini.compiler.traces import Traces
from autograd_mini.compiler.tracing import Built
from autograd_mini.engine import modes
from autograd_mini.engine.value import Value, numbers_of
from autograd_mini.transforms.functions import hessian, jacobian, jvp
from autograd_mini.transforms.nested import flatten

__all__ = ["Compiled", "compile"]


def compile(
    f: Any = None,
    *,
    inputs: Sequence[Value] | None = None,
    argnums: int | Sequence[int] | None = None,
    static_argnums: int | Sequence[int] = (),
    has_aux: bool = False,
    backend: str | None = None,
    branches: int = 16,
) -> Any:
    """Return a function that computes what `f` does, by a program traced from it; also a decorator.

    Arguments are numbers, or nested lists, tuples, dicts and NumPy arrays of numbers. Anything else (a
    text, a bool, None, a model), and the arguments at `static_argnums`, is part of the trace: `f` is traced
    anew for another one. Results are floats, or bools, in the structure that `f` returns. Leaves
    used from outside are read at each call.

    `argnums` says with respect to which arguments derivatives are taken; by default the first that holds
    numbers. With `has_aux`, `f` returns one number and something beside it, which derivatives hand on, as
    those of `grad` do. `backend` is "python", "numpy" (batches only) or "llvm"; by default the fastest
    that is installed. `branches` bounds how many ways through `f`'s comparisons are kept; past
    it, calls are computed eagerly.

    Instead of a function `f` may be an expression, or a list of them, built on the leaves `inputs`.

    See `Compiled` for derivatives and for batches.

    >>> @compile
    ... def area(width, height):
    ...     return width * height
    >>> area(2.0, 3.0), area.value_and_grad(2.0, 3.0)
    (6.0, (6.0, 3.0))
    """
    options = Options(argnums, static_argnums, has_aux, backend, branches)
    if f is None:
        return lambda f: Compiled(_function(f), options)
    if inputs is None:
        return Compiled(_function(f), options)
    built = [x for x in flatten(f, "the expression")[0] if isinstance(x, Value)]
    if not built or not isinstance(inputs, (list, tuple)) or not all(isinstance(x, Value) for x in inputs):
        raise TypeError(
            "compile(e, inputs=[...]): the expression and its inputs are Values; build it on them"
        )
    if any(x.op is not None for x in inputs) or len(set(inputs)) < len(inputs):
        raise ValueError("compile(e, inputs=[...]): give leaves, and each of them once")
    return Compiled(Built(f, tuple(inputs)), options)


def _function(f: Any) -> Callable[..., Any]:
    if not callable(f):
        raise TypeError(
            f"compile({type(f).__name__}): a function is expected; for an expression that is built, "
            "give its leaves too: compile(e, inputs=[x, y])"
        )
    return f  # type: ignore[no-any-return]


class Options:
    """The options of `compile`, checked."""

    def __init__(
        self, argnums: Any, static_argnums: Any, has_aux: bool, backend: str | None, branches: Any
    ) -> None:
        self.argnums, self.has_aux, self.backend, self.branches = argnums, has_aux, backend, branches
        if argnums is not None and not _positions("argnums", argnums):
            raise TypeError(f"compile(argnums={argnums!r}): give the position of an argument, or several")
        self.static_argnums = _positions("static_argnums", static_argnums)
        if type(branches) is not int or branches < 0:
            raise TypeError(f"compile(branches={branches!r}): give a whole number, 0 or more")
        if backend is not None:
            backends.load(backend)

    def without_aux(self) -> Options:
        """Return the options without `has_aux`, for a function that is made of this one."""
        return Options(self.argnums, self.static_argnums, False, self.backend, self.branches)


def _positions(option: str, given: Any) -> tuple[int, ...]:
    positions = tuple(given) if isinstance(given, (tuple, list)) else (given,)
    if not all(type(k) is int for k in positions):
        raise TypeError(
            f"compile({option}={given!r}): give the position of an argument, or a tuple of positions"
        )
    return positions


class Compiled:
    """A function with its programs; what `compile` returns.

    ``c(x)`` is the value; ``c.grad(x)`` and ``c.value_and_grad(x)`` are derivatives with respect to the
    arguments `argnums`; ``c.backward(x)`` returns the value and adds to the `grad` of the leaves used from
    outside. ``c.jacobian(x)``, ``c.hessian(x)`` and ``c.jvp(primals, tangents)`` are those of the
    transforms. Each has ``.map(...)`` for batches, ``.source(language)`` and ``.explain()``.

    >>> c = compile(lambda x: x**3)
    >>> c(2.0), c.grad(2.0), c.hessian(2.0)
    (8.0, 12.0, 12.0)
    """

    def __init__(
        self,
        f: Callable[..., Any],
        options: Options,
        outputs: Outputs | None = None,
        traces: Traces | None = None,
    ) -> None:
        self._f, self._options = f, options
        self.__name__ = getattr(f, "__name__", type(f).__name__)
        update_wrapper(self, f)
        self._outputs = outputs or Outputs()
        self._traces = traces or Traces(f, self.__name__, options.branches, options.static_argnums)
        self._point = Point(self._traces, self._outputs, options.backend)
        self._relatives: dict[str, Compiled] = {}
        self._origin: tuple[Compiled, str] | None = None  # the function differentiated, and the derivative

    def _relative(self, name: str) -> Compiled:
        """Return the compiled function that is called `name` on this one."""
        if name not in self._relatives:
            options = self._options
            if name in TRANSFORMS:
                f = first_of(self._function) if options.has_aux else self._function
                relative = Compiled(TRANSFORMS[name](f, options.argnums), options.without_aux())
            elif self._outputs.name == "value":
                relative = Compiled(self._f, options, self._derivatives(name), self._traces)
            else:  # the derivative of a derivative
                relative = Compiled(self._function, options, self._derivatives(name))
            relative._origin = self, name
            self._relatives[name] = relative
        return self._relatives[name]

    def _derivatives(self, name: str) -> Outputs:
        if name == "backward":
            return LeafGradients(self.__name__, self._options.has_aux)
        options, with_value = self._options, name == "value_and_grad"
        return Gradient(options.argnums, self.__name__, with_value=with_value, has_aux=options.has_aux)

    @property
    def _function(self) -> Callable[..., Any]:
        """The function that is computed, which takes Values too."""
        return self._outputs.function(self._f)

    @property
    def grad(self) -> Compiled:
        """The derivatives with respect to the arguments `argnums`, in their structure."""
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
        """Every derivative of every result with respect to the arguments `argnums`."""
        return self._relative("jacobian")

    @property
    def hessian(self) -> Compiled:
        """The second derivatives."""
        return self._relative("hessian")

    @property
    def jvp(self) -> Compiled:
        """The value, and its derivative in a direction: ``c.jvp(primals, tangents)``."""
        return self._relative("jvp")

    # ---- calls -----------------------------------------------------------------------------------

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Compute what the function does, from a program."""
        point = self._point
        if kwargs and not modes.listening:
            values = (*args, *kwargs.values())
            for plan in point.plans.get((len(args), *kwargs), ()):
                if (answer := plan(values)) is not NotImplemented:
                    return answer
        elif not modes.listening:
            if (shortcut := point.shortcuts.get(len(args))) is not None:
                replay, captured, read = shortcut
                for x in args:
                    if x.__class__ is not float:
                        break
                else:
                    found = replay([*args, *numbers_of(captured)] if captured else args)
                    if found is not None:
                        return read(found)
            for plan in point.plans.get(len(args), ()):
                if (answer := plan(args)) is not NotImplemented:
                    return answer
        return point(args, kwargs)

    def __get__(self, instance: Any, owner: type) -> Any:
        """Bind a method to its instance, as functions do."""
        return self if instance is None else Bound(self, instance)

    def map(
        self,
        *args: Any,
        in_axes: Any = 0,
        reduce: str | None = None,
        threads: int | None = None,
        **named: Any,
    ) -> Any:
        """Evaluate over a batch: arrays with one axis more than the arguments of the function.

        For n items, give an array of shape (n,) where the function takes a number, and one of shape (n, *S)
        where it takes an array of shape S; a list of lists means the array that it makes. `in_axes` says
        which axis is that of the items: an int, or a tuple with one for each argument, None for an argument
        that is the same for all items. A plain number, or an axis of length 1, is the same for all too. In
        results the axis of the items comes first. With ``reduce="sum"`` or ``"mean"`` results are added
        up in the order of the items, and so are derivatives with respect to what is the same for all.

        Every item takes its own branches. The result is the same for any number of `threads`, by default
        one for each processor. Needs NumPy: ``pip install "autograd-mini[numpy]"``.

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
        if isinstance(self._outputs, LeafGradients) and reduce is None:
            raise ValueError(
                f'{self.__name__}.backward.map adds up over the items: give reduce="sum" or "mean"'
            )
        if holds_dask_arrays(args):
            backend = self._options.backend
            return map_lazily(self._traces, self._outputs, backend, args, in_axes, reduce)
        return self._batch(args, in_axes, reduce).run(threads)

    def _batch(self, args: tuple[Any, ...], in_axes: Any, reduce: str | None) -> Batch:
        return Batch(self._traces, self._outputs, self._options.backend, args, in_axes, reduce)

    def prepare(self, *args: Any, in_axes: Any = None, reduce: str | None = None) -> Callable[[], Any]:
        """Return a function of no arguments that computes on these arrays as they are when it is called.

        Without `in_axes` it stands for a call, with `in_axes` for a `map`. Arrays of float64 are read in
        place, arrays of ints are copied at each call, and other arguments are read now. Derivatives with
        respect to arrays are written into the same arrays each time. This saves inspecting the arguments,
        which takes most of the time of a small program. Needs ``pip install "autograd-mini[fast]"``; with
        another backend, or where another branch is taken than now, it makes the ordinary call. Two threads
        must not call it at once.

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
        if self._options.backend in ("python", "numpy") or not backends.installed("llvm"):
            return ordinary
        if in_axes is None:
            return prepared_point(self._point, args, ordinary)
        return prepared_batch(self._batch(args, in_axes, reduce), args, ordinary)

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
        call = self._traces.call(args, kwargs)
        self(*args, **kwargs)
        return self._point.replay(self._traces.of(call)[0], call)[0]

    def source(self, language: str, *args: Any, **kwargs: Any) -> str:
        """Return the program of a call as text in "python", "numpy", "llvm", "c" or "javascript".

        >>> print(compile(lambda x, y: x * y).source("c", 2.0, 3.0).splitlines()[-3])
            out[0] = v2;
        """
        return backends.source(language, self.program(*args, **kwargs))

    def explain(self) -> str:
        """Return what has been traced and how it is run, for a person to read."""
        lines = [
            f"{self.__name__}: backend {self._options.backend or 'by size'}, {self._traces.made} traces "
            f"made, {self._traces.eager} calls computed eagerly (at most {self._traces.branches} branches "
            "are kept)"
        ]
        for (parts, fixed, keywords), traces in self._traces:
            named = [""] * (len(parts) - len(keywords)) + [f"{name}=" for name in keywords]
            given = {k: repr(x) for k, _, x in fixed}
            texts = [
                f"{name}{given.get(k, part)}"
                for k, (name, part) in enumerate(zip(named, parts, strict=True))
            ]
            lines.append(f"  called with {', '.join(texts) or 'nothing'}")
            for trace in traces:
                made = ", ".join(
                    f"{' '.join(map(str, k[:2]))} of {p.size}" for k, (p, _) in trace.replays.items()
                )
                lines.append(
                    f"    a trace with {len(trace.captured)} captured leaves: {made or 'not run yet'}"
                )
        return "\n".join(lines)

    def __reduce__(self) -> Any:
        if self._origin is not None:
            return getattr, self._origin
        module, name = self._f.__module__, self._f.__qualname__.removesuffix(".__wrapped__")
        if _named(module, name) is not self:
            return Compiled, (self._f, self._options)
        if module != "__main__":
            return name  # a decorated function is pickled by its name, as any function is
        # Another process has another __main__, so picklers made for that send the function itself. Python's
        # own sends its name, under which it must find the function and not what decorates it.
        self._f.__qualname__ = f"{name}.__wrapped__"
        return _restore, (self._f, self._options)

    def __repr__(self) -> str:
        return f"<compiled {self._outputs.name} of {self.__name__}>"


def _named(module: str, name: str) -> Any:
    found: Any = sys.modules.get(module)
    for part in name.split("."):
        found = getattr(found, part, None)
    return found


def _restore(f: Callable[..., Any], options: Options) -> Compiled:
    """Return the decorated function that this process has of `f`, or a new one."""
    here = _named(f.__module__, f.__qualname__.removesuffix(".__wrapped__"))
    return here if isinstance(here, Compiled) and here._f is f else Compiled(f, options)


class Bound:
    """A compiled method and its instance, which is part of the trace."""

    def __init__(self, function: Compiled, instance: Any) -> None:
        self.__func__, self.__self__ = function, instance
        self.__doc__, self.__module__ = function.__doc__, function.__module__

    def __getattr__(self, name: str) -> Any:
        return getattr(self.__func__, name)  # such as its __name__, as Python's own methods do

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the compiled method on the instance."""
        return self.__func__(self.__self__, *args, **kwargs)

    def map(self, *args: Any, in_axes: Any = 0, **options: Any) -> Any:
        """Evaluate over a batch, as `Compiled.map` does; `in_axes` leaves out the instance."""
        return self.__func__.map(self.__self__, *args, in_axes=self._axes(args, in_axes), **options)

    def prepare(self, *args: Any, in_axes: Any = None, reduce: str | None = None) -> Callable[[], Any]:
        """Return a function of no arguments, as `Compiled.prepare` does."""
        axes = None if in_axes is None else self._axes(args, in_axes)
        return self.__func__.prepare(self.__self__, *args, in_axes=axes, reduce=reduce)

    def program(self, *args: Any, **kwargs: Any) -> Program:
        """Return the program that a call with these arguments replays."""
        return self.__func__.program(self.__self__, *args, **kwargs)

    def source(self, language: str, *args: Any, **kwargs: Any) -> str:
        """Return the program of a call as text in a language."""
        return self.__func__.source(language, self.__self__, *args, **kwargs)

    def explain(self) -> str:
        """Return what has been traced and how it is run, over all instances."""
        return self.__func__.explain()

    @staticmethod
    def _axes(args: tuple[Any, ...], in_axes: Any) -> Any:
        if isinstance(in_axes, (tuple, list)):
            return (None, *in_axes)
        return (None, *[in_axes] * len(args))

    @property
    def grad(self) -> Bound:
        """The derivatives with respect to the arguments `argnums`, in their structure."""
        return Bound(self.__func__.grad, self.__self__)

    @property
    def value_and_grad(self) -> Bound:
        """The result and its derivatives."""
        return Bound(self.__func__.value_and_grad, self.__self__)

    @property
    def backward(self) -> Bound:
        """The result; derivatives are added to the `grad` of the leaves that the method has captured."""
        return Bound(self.__func__.backward, self.__self__)

    @property
    def jacobian(self) -> Bound:
        """Every derivative of every result with respect to the arguments `argnums`."""
        return Bound(self.__func__.jacobian, self.__self__)

    @property
    def hessian(self) -> Bound:
        """The second derivatives."""
        return Bound(self.__func__.hessian, self.__self__)

    @property
    def jvp(self) -> Bound:
        """The value, and its derivative in a direction: ``m.f.jvp(primals, tangents)``."""
        return Bound(self.__func__._relative("jvp of a method"), self.__self__)

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Bound) and self.__func__ is other.__func__ and self.__self__ is other.__self__
        )

    def __hash__(self) -> int:
        return hash((self.__func__, id(self.__self__)))

    def __reduce__(self) -> Any:
        return Bound, (self.__func__, self.__self__)

    def __repr__(self) -> str:
        return f"<{self.__func__!r} bound to {self.__self__!r}>"


TRANSFORMS: Final[dict[str, Callable[..., Any]]] = {
    "jacobian": lambda f, argnums: with_argnums(jacobian, f, argnums),
    "hessian": lambda f, argnums: with_argnums(hessian, f, argnums),
    "jvp": lambda f, argnums: lambda primals, tangents: jvp(f, primals, tangents),
    "jvp of a method": lambda f, argnums: (
        lambda instance, primals, tangents: jvp(partial(f, instance), primals, tangents)
    ),
}
"""Derivatives that are traced through the transforms: their result is a function like any other."""
