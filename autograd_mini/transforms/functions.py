"""Functions in, derivatives out: `grad`, `vjp`, `jvp`, `jacobian`, `hessian`, `hvp`, to any order.

Reverse mode calls the function on Values and walks the graph that it leaves; forward mode calls it on
Duals and keeps no graph. Where a plain number goes in, a plain number comes out. Where a Value goes in,
or the function has used one from outside, the derivative is itself a Value with a graph, so that the
transforms nest in any order and no dependence is lost. Adjoints are local to each call: nothing here
touches `.grad`, and threads share nothing.
"""

from __future__ import annotations

import itertools
import os
import warnings
from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any, ParamSpec

from autograd_mini.engine import modes
from autograd_mini.engine.primitives import identity, stop_gradient
from autograd_mini.engine.value import Value, number_of, sweep
from autograd_mini.transforms.adjoints import adjoints, gradients, reaches_outside, recorded, unsigned
from autograd_mini.transforms.dual import Dual, new_level, split
from autograd_mini.transforms.nested import NUMBER, Structure, flatten

__all__ = [
    "BranchWarning",
    "grad",
    "gradients",
    "hessian",
    "hvp",
    "jacobian",
    "jvp",
    "stop_gradient",
    "value_and_grad",
    "vjp",
]

# ---- calling the function --------------------------------------------------------------------------


def _lift(x: Any) -> Any:
    """A fresh input with the number of `x`: a derivative by it is not confused with one by `x`."""
    if isinstance(x, Dual):
        return Dual(_lift(x.primal), x.tangent, x.level, x.used)
    return identity(x) if isinstance(x, Value) else Value(x)


def _core(x: Any) -> Any:
    while isinstance(x, Dual):
        x = x.primal
    return x


def _traced() -> bool:
    """Whether the function runs inside one that is traced, whose arguments may differ at the next call."""
    return bool(modes.listening) and modes.heard("on_index")


P = ParamSpec("P")

_keys = itertools.count()


class _Inside(modes.Watcher):
    """Knows the leaves that a function has made itself, and keeps its copies of Values in the graph."""

    def __init__(self) -> None:
        self.leaves: set[Value] = set()
        self.pickled: dict[tuple[int, int], Value] = {}

    def on_leaf(self, leaf: Value) -> None:
        self.leaves.add(leaf)

    def on_copy(self, node: Value) -> Value:
        copied: Value = identity(node)
        copied.label, copied.grad = node.label, node.grad
        return copied

    def on_pickle(self, node: Value) -> tuple[int, int]:
        key = os.getpid(), next(_keys)
        self.pickled[key] = node
        return key

    def on_unpickle(self, key: tuple[int, int]) -> Value | None:
        node = self.pickled.get(key)
        return None if node is None else self.on_copy(node)


class _Recording:
    """One call of a function on fresh inputs: what went in, what came out, and what it rests on."""

    def __init__(
        self,
        f: Callable[..., Any],
        argnums: int | Sequence[int],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        has_aux: bool = False,
    ) -> None:
        self.name = _name(f)
        positions = _positions(self.name, argnums, len(args))
        chosen = [args[i] for i in positions]
        single = not isinstance(argnums, (tuple, list))
        tree = chosen[0] if single else tuple(chosen)
        numbers, self.structure = flatten(tree, f"the argument of {self.name}")
        self.plain_inputs = set(map(type, numbers)) <= {float}
        lifted = list(map(Value if self.plain_inputs else _lift, numbers))
        self.inputs: list[Value] = lifted if self.plain_inputs else [_core(x) for x in lifted]
        rebuilt = self.structure.rebuild(lifted)
        replaced = dict(zip(positions, [rebuilt] if single else rebuilt, strict=True))
        self.quiet = not modes.recording()  # inside no_grad: differentiate, and leave no graph
        self.inside = _Inside()
        self.known_plain: Any = None  # an output that rests on the inputs alone
        ties = modes.ties.count
        with recorded(), modes.Mode(watcher=lambda: self.inside):
            self.output = f(*[replaced.get(i, x) for i, x in enumerate(args)], **kwargs)
        if modes.ties.count != ties:
            _tell_of_a_tie(self.name)
        self.beside: Any = None  # what the function returns beside the number that is differentiated
        if has_aux:
            if not isinstance(self.output, tuple) or len(self.output) != 2:
                raise TypeError(
                    f"{self.name} returned {type(self.output).__name__}: with has_aux=True it returns a "
                    "pair, one number and what comes beside it"
                )
            self.output, self.beside = self.output
        self.given_values = not self.plain_inputs and any(isinstance(x, Value) for x in numbers)

    def scalar(self, transform: str) -> Any:
        """The output, if it is one number."""
        numbers, structure = self.outputs()
        if structure != NUMBER:
            raise TypeError(
                f"{transform}({self.name}): {self.name} returned {structure}, and a gradient is of one "
                "number: use jacobian for all their derivatives, or vjp for one combination of them"
            )
        return numbers[0]

    def outputs(self) -> tuple[list[Any], Structure]:
        """The numbers that came out, and their structure."""
        if self.output is None:
            raise TypeError(f"{self.name} returned None: is its return statement missing?")
        return flatten(self.output, f"the result of {self.name}")

    def derivatives(self, output: Any) -> list[Any]:
        """Return the derivative of one output by each input; floats unless a Value is at stake."""
        if isinstance(output, Value) and modes.listening:
            modes.tell("on_sweep", output)
        if self.plain_inputs and isinstance(output, Value) and not _traced():
            derivatives, rests_on_others = sweep(output, self.inputs)
            if self.quiet or not rests_on_others:
                self.known_plain = output
                return [x + 0.0 for x in derivatives]  # 0.0 for -0.0
        live = self.is_live(output)
        with recorded():
            found = adjoints(output, self.inputs, live=live)
        return [self.plain(unsigned(x), live) for x in found]

    def is_live(self, output: Any) -> bool:
        """Whether the derivatives of this output have a graph of their own."""
        if self.quiet or output is self.known_plain:
            return False
        return reaches_outside(output, self.inputs, self.inside.leaves)

    def aux(self) -> Any:
        """What the function returned beside the number, with plain numbers where plain numbers went in."""
        return self._plain_tree(self.beside)

    def _plain_tree(self, tree: Any) -> Any:
        if isinstance(tree, (Value, Dual)):
            return self.plain(tree, self.is_live(tree))
        if isinstance(tree, dict):
            return {key: self._plain_tree(child) for key, child in tree.items()}
        if isinstance(tree, (list, tuple)):
            children = [self._plain_tree(child) for child in tree]
            if isinstance(tree, list):
                return children
            return type(tree)(*children) if hasattr(tree, "_fields") else tuple(children)
        if getattr(getattr(tree, "dtype", None), "kind", "") == "O":
            numbers, structure = flatten(tree, f"what {self.name} returned beside its number")
            return structure.rebuild([self._plain_tree(x) for x in numbers])
        return tree

    def plain(self, x: Any, live: bool) -> Any:
        """`x` as a Value where Values are at stake, as a float where they are not."""
        if isinstance(x, Dual):
            return x
        if live and isinstance(x, Value):
            return x
        number = x.data if self.quiet and isinstance(x, Value) else number_of(x)
        return stop_gradient(Value(number)) if live or self.given_values else number


def _name(f: Callable[..., Any]) -> str:
    return getattr(f, "__name__", repr(f))


def _positions(name: str, argnums: int | Sequence[int], count: int) -> list[int]:
    positions = []
    for i in argnums if isinstance(argnums, (tuple, list)) else [argnums]:
        if type(i) is not int:
            raise TypeError(f"argnums of {name}: expected an int or a tuple of ints, got {argnums!r}")
        if not -count <= i < count:
            raise ValueError(
                f"argnums of {name}: there is no positional argument {i} in a call with {count}; give the "
                "argument by position, or choose another"
            )
        positions.append(i % count)
    if len(set(positions)) < len(positions) or not positions:
        raise ValueError(f"argnums of {name}: {argnums!r} must name at least one argument, each one once")
    return positions


class BranchWarning(UserWarning):
    """A comparison found two numbers equal: the derivative is that of a branch for one point only."""


def _tell_of_a_tie(name: str) -> None:
    warnings.warn(
        f"{name} compared a number that it is differentiated by with ==, and found it equal: the "
        "derivative is that of the branch taken, which holds at this point only; choose with where, "
        "maximum or abs",
        BranchWarning,
        stacklevel=3,
    )


# ---- reverse mode ----------------------------------------------------------------------------------


def grad(
    f: Callable[P, Any], argnums: int | Sequence[int] = 0, *, has_aux: bool = False
) -> Callable[P, Any]:
    """Return the function that computes the gradient of `f`, which returns one number.

    `argnums` says with respect to which positional arguments: an int, or a tuple of ints, which gives a
    tuple. An argument is a number or a nested list, tuple, dict or NumPy array of numbers, and its
    derivative has the same structure. An argument that the result does not depend on has derivative 0.
    With `has_aux`, `f` returns one number and something beside it, and the function returns the gradient
    and that.

    Raises TypeError if `f` returns anything but one number, ValueError for an argument that is not there.
    Warns (`BranchWarning`) where `f` finds ``==`` true: the branch it takes then holds at one point only.

    >>> grad(lambda a, b: (a + b) * (b + 1), argnums=(0, 1))(2.0, 1.0)
    (2.0, 5.0)
    >>> grad(grad(lambda x: x**3))(2.0)
    12.0
    >>> grad(lambda x: (x**3, {"square": x**2}), has_aux=True)(2.0)
    (12.0, {'square': 4.0})
    """

    @_like(f, "gradient")
    def gradient(*args: Any, **kwargs: Any) -> Any:
        call = _Recording(f, argnums, args, kwargs, has_aux)
        derivative = call.structure.rebuild(call.derivatives(call.scalar("grad")))
        return (derivative, call.aux()) if has_aux else derivative

    return gradient


def value_and_grad(
    f: Callable[P, Any], argnums: int | Sequence[int] = 0, *, has_aux: bool = False
) -> Callable[P, Any]:
    """Return the function that computes ``(f(x), grad(f)(x))`` at the price of one call of `f`.

    That is what ``scipy.optimize.minimize(value_and_grad(f), x0, jac=True)`` takes. Arguments and errors
    are those of `grad`. With `has_aux` it computes ``((f(x)[0], f(x)[1]), gradient)``.

    >>> value_and_grad(lambda x: x[0] * x[1])([2.0, 3.0])
    (6.0, [3.0, 2.0])
    """

    @_like(f, "value and gradient")
    def value_and_gradient(*args: Any, **kwargs: Any) -> Any:
        call = _Recording(f, argnums, args, kwargs, has_aux)
        output = call.scalar("value_and_grad")
        derivatives = call.derivatives(output)
        value = call.plain(output, call.is_live(output))
        return (value, call.aux()) if has_aux else value, call.structure.rebuild(derivatives)

    return value_and_gradient


def vjp(f: Callable[..., Any], *args: Any) -> tuple[Any, Callable[[Any], Any]]:
    """Return ``f(*args)`` and a function from cotangents to the vector-Jacobian product.

    The cotangents have the structure of the result; the product is a tuple with the derivative with
    respect to each argument, in its structure. The function can be called any number of times.

    >>> y, pullback = vjp(lambda a, b: [a * b, a + b], 2.0, 3.0)
    >>> y, pullback([1.0, 0.0])
    ([6.0, 5.0], (3.0, 2.0))
    """
    call = _Recording(f, tuple(range(len(args))), args, {})
    outputs, structure = call.outputs()

    def pullback(cotangents: Any) -> Any:
        weights, given = flatten(cotangents, f"the cotangents of {call.name}")
        if given != structure:
            raise TypeError(
                f"the cotangents of {call.name} are {given} and its result is {structure}: give one for "
                "each, in the same structure"
            )
        with recorded():
            total: Any = 0.0
            for output, weight in zip(outputs, weights, strict=True):
                total = output * weight + total
        return call.structure.rebuild(call.derivatives(total))

    live = any(map(call.is_live, outputs))
    return structure.rebuild([call.plain(y, live) for y in outputs]), pullback


def jacobian(f: Callable[P, Any], argnums: int | Sequence[int] = 0) -> Callable[P, Any]:
    """Return the function that computes every derivative of every number that `f` returns.

    The result has the structure of `f`'s, with the structure of the argument in place of each number:
    for arrays of shapes S and T an array of shape S + T. `f` is called once; each number that it returns
    costs a sweep.

    >>> jacobian(lambda x: [x[0] * x[1], x[0] + x[1]])([2.0, 3.0])
    [[3.0, 2.0], [1.0, 1.0]]
    """

    @_like(f, "jacobian")
    def every_derivative(*args: Any, **kwargs: Any) -> Any:
        call = _Recording(f, argnums, args, kwargs)
        outputs, structure = call.outputs()
        return structure.outer(call.structure, [call.derivatives(y) for y in outputs])

    return every_derivative


def hessian(f: Callable[P, Any], argnums: int | Sequence[int] = 0) -> Callable[P, Any]:
    """Return the function that computes the second derivatives of `f`: the jacobian of its gradient.

    For an array of shape T the result has shape T + T. Arguments and errors are those of `grad`.

    >>> hessian(lambda x: x[0] ** 2 * x[1])([2.0, 3.0])
    [[6.0, 4.0], [4.0, 0.0]]
    """
    return jacobian(grad(f, argnums), argnums)


# ---- forward mode ----------------------------------------------------------------------------------


def jvp(f: Callable[..., Any], primals: Sequence[Any], tangents: Sequence[Any]) -> tuple[Any, Any]:
    """Return ``f(*primals)`` and its derivative in the direction `tangents`, in one pass without a graph.

    `primals` is the sequence of arguments, `tangents` one of the same structure; value and derivative
    have the structure of `f`'s result.

    >>> jvp(lambda a, b: (a + b) * (b + 1), (2.0, 1.0), (0.0, 1.0))
    (6.0, 5.0)
    """
    name = _name(f)
    for what, given_ in (("primals", primals), ("tangents", tangents)):
        if not isinstance(given_, (tuple, list)):
            raise TypeError(f"jvp({name}): the {what} are a tuple with one item per argument, as in (x,)")
    numbers, structure = flatten(tuple(primals), f"the primals of {name}")
    directions, given = flatten(tuple(tangents), f"the tangents of {name}")
    if given != structure:
        raise TypeError(
            f"the tangents of {name} are {given} and its primals {structure}, or nested otherwise: give "
            "one tangent for each primal, in the same structure"
        )
    level = new_level()
    duals = [Dual(x, t, level) for x, t in zip(numbers, directions, strict=True)]
    ties = modes.ties.count
    with recorded():
        output = f(*structure.rebuild(duals))
    if modes.ties.count != ties:
        _tell_of_a_tie(name)
    if output is None:
        raise TypeError(f"{name} returned None: is its return statement missing?")
    results, shape = flatten(output, f"the result of {name}")
    pairs = [split(y, level) for y in results]
    value = shape.rebuild([y for y, _ in pairs])
    return value, shape.rebuild([0.0 if t is None else unsigned(t) for _, t in pairs])


def hvp(f: Callable[..., Any], argnums: int = 0) -> Callable[..., Any]:
    """Return the function that computes the Hessian of `f` times a vector, without the Hessian.

    It takes `f`'s arguments and after them the vector, in the structure of argument `argnums`: the shape
    of SciPy's ``hessp``. Forward over reverse mode: a few times the price of `f`, whatever its size.

    >>> hvp(lambda x: x[0] ** 2 * x[1])([2.0, 3.0], [1.0, 0.0])
    [6.0, 4.0]
    """
    name = _name(f)

    @_like(f, "hessian-vector product")
    def product(*args: Any, **kwargs: Any) -> Any:
        if len(args) < 2:
            raise TypeError(
                f"hvp({name}): expected arguments and a vector, got {len(args)} argument"
                f"{'s' * (not args)}; give the arguments of {name} and then the vector"
            )
        *primals, vector = args
        i = _positions(name, [argnums], len(primals))[0]
        given, expected = flatten(vector, "the vector")[1], flatten(primals[i], "the argument")[1]
        if given != expected:
            raise TypeError(
                f"hvp({name}): the vector is {given} and argument {i} is {expected}; give the vector "
                "in the structure of the argument"
            )

        def gradient(x: Any) -> Any:
            return grad(f, i)(*primals[:i], x, *primals[i + 1 :], **kwargs)

        return jvp(gradient, (primals[i],), (vector,))[1]

    return product


def _like(f: Callable[..., Any], what: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Give a derived function the name of `f` in messages, and its documentation."""

    def dress(derived: Callable[..., Any]) -> Callable[..., Any]:
        wraps(f, assigned=("__module__", "__doc__"), updated=())(derived)
        derived.__name__ = derived.__qualname__ = f"{what} of {_name(f)}"
        return derived

    return dress
