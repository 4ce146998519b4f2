"""A number and the graph that computed it. Read this file first.

``e = (a + b) * (b + 1)`` leaves behind a graph. Each node of it holds its number, the primitive that
made it, the operands, and on the edge to each operand the local derivative, taken when the operation
was recorded::

    a ──1──▶ c = a + b ──2──▶ e = c * d        ∂e/∂c = d = 2
    b ──1──▶   ╱                   ▲           ∂e/∂d = c = 3
    b ──1──▶ d = b + 1 ────3───────┘

`Value.backward` computes the gradient: e starts with 1, and each node gives to each operand what it has
received times the derivative on the edge, once all its users have given to it. Every edge is walked once,
so the whole gradient costs about as much as the expression did.

`table` says what a primitive is, `primitives` which there are, and `operators` how Python's operators call
them. Walks that return new things (transforms, ledgers, pictures, programs) live above,
and use `op`, `operands`, `partials` and `topological_order`.
"""

from __future__ import annotations

import itertools
import math
import os
import sys
import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final, SupportsFloat, SupportsIndex

from autograd_mini.engine import modes
from autograd_mini.engine.operators import Recorder, as_method, give_method
from autograd_mini.engine.primitives import add, div, mul, neg, sub
from autograd_mini.engine.primitives import pow_ as power
from autograd_mini.engine.table import TABLE, Primitive, as_number, exact_number, is_number

__all__ = [
    "ACCELERATED",
    "Value",
    "add_gradients",
    "depth_first",
    "exchange",
    "expect_value",
    "give_methods",
    "number_of",
    "numbers_of",
    "sweep",
    "topological_order",
]

new: Final = object.__new__
c_pow: Final = math.pow
_sweeps: Final = itertools.count(1, 2)


class Value(Recorder):
    """A real number in a computation graph.

    `data` is the number, always a float; `grad` is what the last backward sweeps have left here; `label`
    is a name for ledgers and pictures. Operators and functions accept numbers beside Values. ``==`` and
    the other comparisons compare numbers, while ``hash`` and ``in`` a dict or set go by identity.

    Raises TypeError for data that is not a real number. Numbers themselves never raise: results are
    IEEE-754, so ``Value(1.0) / 0`` is inf and ``Value(-8.0) ** (1/3)`` is nan.

    >>> a, b = Value(2.0, label="a"), Value(1.0, label="b")
    >>> c = a + b; d = b + 1; e = c * d
    >>> e.backward()
    >>> e.data, a.grad, b.grad
    (6.0, 2.0, 5.0)
    """

    # One garbage-collected object a node: operands and partials have slots of their own, because a
    # tuple for each would halve the speed. A node with more than two operands keeps tuples in _x, _dx.
    __slots__ = ("_data", "_dx", "_dy", "_grad", "_label", "_mark", "_x", "_y", "op")

    op: Primitive | None
    """The primitive that made this node; None for a leaf."""
    _data: float
    _grad: float
    _label: str | None
    _x: Any
    _y: Any
    _dx: Any
    _dy: Any
    _mark: int

    def __init__(self, data: SupportsFloat | SupportsIndex, label: str | None = None) -> None:
        if isinstance(data, Value):
            raise TypeError(
                "Value(Value) would cut the graph: use the Value itself, or v.detach() for a new leaf "
                "with the same number"
            )
        self._data = data if data.__class__ is float else _number("Value(data)", data)
        self._grad = 0.0
        self.label = label
        self.op = None
        self._x = self._y = self._dx = self._dy = None
        self._mark = 0
        if modes.listening:
            modes.tell("on_leaf", self)

    # ---- what a node knows -----------------------------------------------------------------------

    @property
    def data(self) -> float:
        """The number. That of a leaf may be set; graphs already recorded keep their derivatives.

        >>> w = Value(2.0); y = w * w; w.data -= 0.5; y.backward()
        >>> w.data, w.grad
        (1.5, 4.0)
        """
        if modes.listening and (seen := modes.tell("on_read", self)) is not None:
            return seen  # type: ignore[no-any-return]
        return self._data

    @data.setter
    def data(self, number: Any) -> None:
        if self.op is not None:
            raise AttributeError(
                f"{self!r} was computed by {self.op.name}: set the data of a leaf and compute again"
            )
        self._data = number if number.__class__ is float else _number("Value.data", number)

    @property
    def grad(self) -> float:
        """The derivative of the last root with respect to this node; of a leaf, the sum of them."""
        try:
            return self._grad
        except AttributeError:  # a slot that recording leaves empty, because every store counts
            return 0.0

    @grad.setter
    def grad(self, number: Any) -> None:
        self._grad = number if number.__class__ is float else _number("Value.grad", number)

    @property
    def label(self) -> str | None:
        """What ledgers and pictures call the node; None: named automatically."""
        try:
            return self._label
        except AttributeError:
            return None

    @label.setter
    def label(self, text: str | None) -> None:
        if text is not None and not isinstance(text, str):
            raise TypeError(f"Value.label: expected text, got {type(text).__name__}; use str(...)")
        self._label = text if text is None or text.__class__ is str else str.__str__(text)

    @property
    def operands(self) -> tuple[Value | float, ...]:
        """What the primitive was applied to, Values and plain numbers; empty for a leaf."""
        if self.op is None:
            return ()
        if self._x.__class__ is tuple:
            return self._x
        return (self._x,) if self._y is None else (self._x, self._y)

    @property
    def partials(self) -> tuple[float | None, ...]:
        """The derivative on the edge to each operand; None where there is no edge.

        >>> (Value(3.0) * Value(2.0)).partials, (Value(3.0) ** 2).partials
        ((2.0, 3.0), (6.0, None))
        """
        if self.op is None:
            return ()
        if self._x.__class__ is tuple:
            return self._dx or (None,) * len(self._x)
        return (self._dx,) if self._y is None else (self._dx, self._dy)

    def edges(self) -> Iterator[tuple[Value, float]]:
        """Yield each operand that can receive a derivative, with the derivative on the edge to it."""
        for operand, derivative in zip(self.operands, self.partials, strict=True):
            if derivative is not None:
                yield operand, derivative  # type: ignore[misc]

    # ---- recording -------------------------------------------------------------------------------

    @staticmethod
    def record_primitive(op: Primitive, operands: tuple[Any, ...]) -> Value:
        """Apply `op` to Values and numbers and return the node."""
        if modes.active and not modes.recording():
            result = op(*[x.data if isinstance(x, Value) else x for x in operands])
            return Value(result) if result.__class__ is float else result
        if len(operands) == 1 and not op.variadic:
            x = operands[0]
            data = op.value(x._data)
            rule = op.slopes[0]
            node = _node(op, data, x, rule and rule(data, x._data), None, None)
        else:
            inputs = [
                x if x.__class__ is float or isinstance(x, Value) else _number(f"{op.name}()", x)
                for x in operands
            ]
            numbers = [x._data if isinstance(x, Value) else x for x in inputs]
            data = op.value(*numbers)
            partials = op.partials_at(data, numbers, [isinstance(x, Value) for x in inputs])
            if len(inputs) == 2 and not op.variadic:
                node = _node(op, data, inputs[0], partials[0], inputs[1], partials[1])
            else:
                edges = tuple(partials) if any(d is not None for d in partials) else None
                node = _node(op, data, tuple(inputs), edges, None, None)
        if modes.active:
            modes.tell("on_record", node)
        return node

    # These operators are the hot path: between two Values, and with a float, they are written out. A test
    # holds each to its primitive, bit for bit. All else — subclasses, modes, the other operators — is
    # inherited and calls the primitive.

    if not TYPE_CHECKING:  # it has the types from `Recorder`

        def __add__(self, other: Any) -> Any:
            if not modes.active:
                if other.__class__ is Value:
                    node = new(Value)  # `_node` written out, here and in __mul__: the call costs a fifth
                    node._data = self._data + other._data
                    node.op = add
                    node._x = self
                    node._dx = 1.0
                    node._y = other
                    node._dy = 1.0
                    node._mark = 0
                    return node
                if other.__class__ is int:
                    other = as_number(other)
                if other.__class__ is float:
                    return _node(add, self._data + other, self, 1.0, other, None)
            return super().__add__(other)

        def __radd__(self, other: Any) -> Any:
            if other.__class__ is int:
                other = as_number(other)
            if other.__class__ is float and not modes.active:
                return _node(add, other + self._data, other, None, self, 1.0)
            return super().__radd__(other)

        def __sub__(self, other: Any) -> Any:
            if not modes.active:
                if other.__class__ is Value:
                    return _node(sub, self._data - other._data, self, 1.0, other, -1.0)
                if other.__class__ is int:
                    other = as_number(other)
                if other.__class__ is float:
                    return _node(sub, self._data - other, self, 1.0, other, None)
            return super().__sub__(other)

        def __rsub__(self, other: Any) -> Any:
            if other.__class__ is int:
                other = as_number(other)
            if other.__class__ is float and not modes.active:
                return _node(sub, other - self._data, other, None, self, -1.0)
            return super().__rsub__(other)

        def __mul__(self, other: Any) -> Any:
            if not modes.active:
                if other.__class__ is Value:
                    node = new(Value)
                    node._data = self._data * other._data
                    node.op = mul
                    node._x = self
                    node._dx = other._data
                    node._y = other
                    node._dy = self._data
                    node._mark = 0
                    return node
                if other.__class__ is int:
                    other = as_number(other)
                if other.__class__ is float:
                    return _node(mul, self._data * other, self, other, other, None)
            return super().__mul__(other)

        def __rmul__(self, other: Any) -> Any:
            if other.__class__ is int:
                other = as_number(other)
            if other.__class__ is float and not modes.active:
                return _node(mul, other * self._data, other, None, self, other)
            return super().__rmul__(other)

        def __truediv__(self, other: Any) -> Any:
            if not modes.active:
                if other.__class__ is int:
                    other = as_number(other)
                if other.__class__ is float:
                    if other:
                        return _node(div, self._data / other, self, 1.0 / other, other, None)
                elif other.__class__ is Value:
                    y = other._data
                    if y:
                        z = self._data / y
                        return _node(div, z, self, 1.0 / y, other, -(z / y))
            return super().__truediv__(other)

        def __rtruediv__(self, other: Any) -> Any:
            y = self._data
            if other.__class__ is int:
                other = as_number(other)
            if other.__class__ is float and y and not modes.active:
                z = other / y
                return _node(div, z, other, None, self, -(z / y))
            return super().__rtruediv__(other)

        def __pow__(self, other: Any) -> Any:
            if other.__class__ is int:
                other = as_number(other)
            if other.__class__ is float and other and not modes.active:
                less_one = other - 1.0
                if less_one + 1.0 == other and other - less_one == 1.0:
                    x = self._data
                    try:
                        return _node(power, c_pow(x, other), self, other * c_pow(x, less_one), other, None)
                    except (OverflowError, ValueError):
                        pass  # where Python raises, the primitive answers as C does
            return super().__pow__(other)

        def __neg__(self) -> Any:
            if modes.active:
                return neg(self)
            return _node(neg, -self._data, self, -1.0, None, None)

    # ---- the gradient ----------------------------------------------------------------------------

    def backward(self) -> None:
        """Add the derivative of this node with respect to each leaf to the leaf's `grad`.

        Other nodes get theirs afresh, so calling it again is exact; leaves accumulate over calls until
        zeroed (`zero_grad`). If interrupted, either no leaf has changed or all have. Threads take turns.
        What a signal handler adds while it interrupts a sweep arrives when that sweep ends.

        >>> x = Value(3.0)
        >>> y = x * x * x
        >>> y.backward(); y.backward()
        >>> x.grad
        54.0
        """
        if modes.listening:
            modes.tell("on_backward", self)
        _repay(self)

    def zero_grad(self) -> None:
        """Set `grad` to zero here and in everything this node was computed from."""
        with modes.sweeping:
            nodes = topological_order(self, through_edges=False)
            if modes.busy.locked():
                _late.extend((node, None) for node in nodes)
            else:
                for node in nodes:
                    node._grad = 0.0

    def detach(self) -> Value:
        """Return a new leaf with the same number: no derivative passes."""
        data = self.data
        return Value(data, self.label) if data.__class__ is float else data  # type: ignore[return-value]

    # ---- as a number, where that keeps the graph -------------------------------------------------

    def record_comparison(self, comparison: Callable[[Any, Any], bool], other: Any) -> Any:
        """Compare the numbers; NotImplemented where the other is none."""
        if isinstance(other, Value):
            result = comparison(self._data, other._data)
        elif is_number(other):
            result = comparison(self._data, exact_number(other))
        else:
            return NotImplemented
        answer = modes.tell("on_compare", comparison, self, other, result) if modes.listening else None
        return result if answer is None else answer

    def __format__(self, spec: str) -> str:
        return format(self._data, spec) if spec else str(self)

    def __repr__(self) -> str:
        name = "" if self.label is None else f", label={self.label!r}"
        text = f"Value(data={self._data!r}, grad={self.grad!r}{name})"
        wrong = [what for what, x in (("data", self._data), ("grad", self.grad)) if not math.isfinite(x)]
        return f"{text} <{' and '.join(wrong)} not finite: see strict()>" if wrong else text

    # ---- copies, none by recursion: a graph may be a million deep --------------------------------

    def __copy__(self) -> Value:
        linked = _linked("on_copy", self)
        return _restore(*_state(self)) if linked is None else linked

    def __deepcopy__(self, memo: dict[int, Any]) -> Value:
        linked = _linked("on_copy", self)
        if linked is not None:
            return linked  # type: ignore[no-any-return]
        for node in reversed(topological_order(self, through_edges=False)):
            if id(node) not in memo:
                state = _state(node)
                copied = [_copied(operand, memo) for operand in state[4:6]]
                memo[id(node)] = _restore(*state[:4], *copied, *state[6:])
        return memo[id(self)]  # type: ignore[no-any-return]

    def __reduce__(self) -> tuple[Any, ...]:
        if id(self) in _being_pickled.ids:
            return _restore, _state(self)
        key = _linked("on_pickle", self)
        if self.op is key is None:
            return _restore, _state(self)
        return _restore_root, (_Below(self), key, *_state(self))


def topological_order(
    root: Value, *, through_edges: bool = True, until: Collection[Value] = ()
) -> list[Value]:
    """Return `root` and all it was computed from, results before operands.

    Every node follows all its users. With ``through_edges=False`` the walk also follows operands that
    have no derivative, such as the branch that a `where` did not take. It does not look behind the nodes
    in `until`. Raises TypeError if `root` is not a Value.

    >>> a, b = Value(2.0, "a"), Value(1.0, "b")
    >>> c = a + b; d = b + 1; e = c * d
    >>> [node.data for node in topological_order(e)]
    [6.0, 3.0, 2.0, 2.0, 1.0]
    """
    root = expect_value("topological_order(root)", root, "give what an expression returned")
    below = _with_edges if through_edges else _operands
    return depth_first([root], (lambda node: () if node in until else below(node)) if until else below)


def depth_first(roots: Iterable[Value], below: Callable[[Value], Iterable[Value]]) -> list[Value]:
    """Return all that is reached from `roots` by way of `below`, each node before what is below it.

    >>> x = Value(3.0)
    >>> [node.data for node in depth_first([x * x], lambda node: node.operands)]
    [9.0, 3.0]
    """
    order: list[Value] = []
    entered: set[Value] = set()
    stack: list[Value | None] = [*reversed([*roots])]
    while stack:
        node = stack.pop()
        if node is None:  # all below the node under it is in the list
            order.append(stack.pop())  # type: ignore[arg-type]
        elif node not in entered:
            entered.add(node)
            stack += (node, None)
            stack += below(node)  # the last operand first: reversed, the first comes first
    order.reverse()
    return order


def numbers_of(leaves: Sequence[Value]) -> list[float]:
    """Return the `data` of many leaves."""
    return [leaf.data for leaf in leaves] if modes.listening else [leaf._data for leaf in leaves]


def add_gradients(leaves: Sequence[Value], gradients: Iterable[float]) -> None:
    """Add to the `grad` of many leaves."""
    for leaf, gradient in zip(leaves, gradients, strict=True):
        leaf._grad += gradient


def exchange(leaves: list[Value], numbers: Any, slot: str, way: str) -> int:
    """Move numbers between leaves and an array of doubles, and return for how many leaves it did.

    `slot` is "d" for the data or "g" for the gradient; `way` is ">" to read, "<" to write or "+" to add.
    It ends at what is not simply a leaf, and does nothing where a mode may want to be asked for each.
    """
    return 0  # Python is as fast one by one


def number_of(x: Any) -> Any:
    """Return the number of a node, also while a function is traced; a plain number as it is."""
    return x._data if isinstance(x, Value) else x


def expect_value(call: str, x: Any, remedy: str) -> Value:
    """Return `x` if it is a Value; TypeError names the call, what was given and what to do instead."""
    if isinstance(x, Value):
        return x
    raise TypeError(f"{call}: expected a Value, got {type(x).__name__}; {remedy}")


def _operands(node: Value) -> Sequence[Value]:
    x, y = node._x, node._y
    if x.__class__ is tuple:
        return [operand for operand in x if isinstance(operand, Value)]
    if isinstance(y, Value):
        return (x, y) if isinstance(x, Value) else (y,)
    return (x,) if isinstance(x, Value) else ()


def _with_edges(node: Value) -> Sequence[Value]:
    if node._dx.__class__ is tuple:
        return [operand for operand, _ in node.edges()]
    if node._dy is not None:
        return (node._x, node._y) if node._dx is not None else (node._y,)
    return (node._x,) if node._dx is not None else ()


# ---- the hot path: recording between two Values, putting in order, paying ------------------------


def _node(op: Primitive | None, data: float, x: Any, dx: Any, y: Any, dy: Any) -> Value:
    node = new(Value)
    node._data = data
    node.op = op
    node._x = x
    node._y = y
    node._dx = dx
    node._dy = dy
    node._mark = 0
    return node


# A signal handler may interrupt a sweep, whose numbers stand in `_grad`, with a sweep of its own: what that
# one adds to leaves is posted when the interrupted one has ended.
_late: Final[list[tuple[Value, float | None]]] = []


def _repay(root: Value) -> None:
    with modes.sweeping:
        if modes.busy.locked():
            owed = [node for node in topological_order(root) if node.op is None]
            _late.extend(zip(owed, sweep(root, owed)[0], strict=True))
            return
        with modes.busy:
            leaves: list[tuple[Value, float]] = []
            try:
                order = _in_order(root, leaves)
                root._grad = 1.0
                _pay_debts(order)
                leaves = [(leaf, before + leaf._grad) for leaf, before in leaves]
            finally:
                _post(leaves)
        while _late:
            with modes.busy:
                while _late:
                    leaf, grad = _late.pop(0)
                    leaf._grad = 0.0 if grad is None else leaf.grad + grad


def _in_order(root: Value, leaves: list[tuple[Value, float]]) -> list[Value]:
    """List the nodes that edges lead to, operands first, with gradients of zero.

    The zero is -0.0, the identity of IEEE addition: from 0.0 a sum of -0.0 alone would lose its sign.
    Leaves are listed apart, with the gradient they had. Each sweep has two marks of its own, greater than
    all before: one for a node that has been met, one for a node in the list. So no mark needs to be taken
    off, and a sweep that was interrupted leaves nothing behind.
    """
    met = next(_sweeps)
    listed = met + 1
    order: list[Value] = []
    if root.op is None:
        leaves.append((root, root._grad))
        return order
    stack = [root]
    while stack:
        node = stack[-1]
        if node._mark >= met:
            stack.pop()
            if node._mark == met:
                node._mark = listed
                order.append(node)
            continue
        node._mark = met
        node._grad = -0.0
        dx = node._dx
        if node._dy is not None:
            y = node._y
            if dx is not None:
                x = node._x
                if x._mark < met:
                    if x.op is None:
                        _meet(x, listed, stack, leaves)
                    else:
                        stack.append(x)
            if y._mark < met:
                if y.op is None:
                    _meet(y, listed, stack, leaves)
                else:
                    stack.append(y)
        elif dx.__class__ is tuple:
            for x, _ in node.edges():
                if x._mark < met:
                    _meet(x, listed, stack, leaves)
        elif dx is not None and node._x._mark < met:
            _meet(node._x, listed, stack, leaves)
    return order


def _meet(x: Value, listed: int, stack: list[Value], leaves: list[tuple[Value, float]]) -> None:
    if x.op is not None:
        stack.append(x)
    else:
        x._mark = listed
        leaves.append((x, x._grad))
        x._grad = -0.0


def _pay_debts(order: list[Value]) -> None:
    """Let every node give to its operands, once all its users have given to it: the last one begins."""
    for node in reversed(order):
        received = node._grad
        dx, dy = node._dx, node._dy
        if dy is not None:
            if dx is not None:
                node._x._grad += received * dx
            node._y._grad += received * dy
        elif dx.__class__ is tuple:
            for x, derivative in node.edges():
                x._grad += received * derivative
        elif dx is not None:
            node._x._grad += received * dx


def _post(grads: list[tuple[Value, float]]) -> None:
    try:
        for leaf, grad in grads:
            leaf._grad = grad
    except BaseException:  # Ctrl-C in the middle: it is decided already, so finish
        for leaf, grad in grads:
            leaf._grad = grad
        raise


def sweep(root: Value, inputs: list[Value]) -> tuple[list[float], bool]:
    """Return the derivatives of `root` with respect to `inputs`, and whether it rests on other leaves.

    It is the sweep of `backward`, with the same bits, but it does not go behind the inputs, and every
    `grad` stays as it is.

    >>> a, b = Value(2.0), Value(1.0)
    >>> sweep((a + b) * (b + 1), [b]), b.grad
    (([5.0], True), 0.0)
    """
    ends, others = set(inputs), False
    order = topological_order(root, until={x for x in inputs if x.op is not None})
    received = dict.fromkeys(order, -0.0)
    received[root] = 1.0
    for node in order:
        if node in ends:
            continue
        adjoint, dx, dy = received[node], node._dx, node._dy
        if dx.__class__ is tuple:
            for operand, derivative in node.edges():
                received[operand] += adjoint * derivative
            continue
        if dx is not None:
            received[node._x] += adjoint * dx
        if dy is not None:
            received[node._y] += adjoint * dy
        others = others or node.op is None
    return [received.get(x, -0.0) for x in inputs], others


def _number(where: str, x: Any) -> float:
    try:
        return as_number(x)
    except TypeError as error:
        raise TypeError(f"{where}: {error}") from None


# ---- copies and pickles ----------------------------------------------------------------------------


def _state(node: Value) -> tuple[Any, ...]:
    if modes.listening and node.data.__class__ is not float:
        raise TypeError(
            "a copy of a Value made while compiling would keep this number for ever: use v.detach()"
        )
    x, y, dx, dy = node._x, node._y, node._dx, node._dy
    return node._data, node.grad, node.label, node.op, x, y, dx, dy


def _restore(
    data: float, grad: float, label: str | None, op: Primitive | None, x: Any, y: Any, dx: Any, dy: Any
) -> Value:
    node = _node(op, data, x, dx, y, dy)
    node._grad, node._label = grad, label
    if op is None and modes.listening:
        modes.tell("on_leaf", node)
    return node


def _linked(hook: str, what: Any) -> Any:
    """Ask who differentiates the function that runs here for a copy that belongs to its graph."""
    return modes.tell(hook, what) if modes.listening else None


def _copied(operand: Any, memo: dict[int, Any]) -> Any:
    if operand.__class__ is tuple:
        return tuple(memo.get(id(x), x) for x in operand)
    return memo.get(id(operand), operand)


# A pickler saves an object's operands by calling itself, a level deeper for each. So a root is pickled
# after the list of all below it, operands first: when a node's turn comes, its operands are in the
# pickler's memo already, and identity with whatever else is in the same pickle is kept.


class _Pickling(threading.local):
    ids: frozenset[int] = frozenset()


_being_pickled: Final = _Pickling()


class _Mark:
    """An item that takes effect when the pickler comes to it: the nodes after it are written flat."""

    def __init__(self, ids: frozenset[int]) -> None:
        self.ids = ids

    def __reduce__(self) -> tuple[Any, ...]:
        _being_pickled.ids = self.ids
        return int, ()


class _Below:
    def __init__(self, root: Value) -> None:
        self.root = root

    def __reduce__(self) -> tuple[Any, ...]:
        nodes = topological_order(self.root, through_edges=False)[:0:-1]
        return list, (), None, _marked(nodes)


def _marked(nodes: list[Value]) -> Iterator[Any]:
    try:
        yield _Mark(frozenset(map(id, nodes)))
        yield from nodes
        yield _Mark(frozenset())
    except GeneratorExit:  # something in the graph could not be pickled
        _being_pickled.ids = frozenset()
        raise


def _restore_root(below: list[Any], key: Any, *state: Any) -> Value:
    linked = None if key is None else _linked("on_unpickle", key)
    return _restore(*state) if linked is None else linked


# ---- every primitive is a method: v.tanh(), and np.tanh of an array of Values ----------------------


def give_methods(row: Primitive) -> None:
    """Make a primitive a method of all that records; of a Value a fast one, if it has one operand."""
    give_method(Recorder, row, as_method(row))
    if not row.variadic and len(row.operands) == 1:
        row.recorders[Value] = method = _method(row)
        give_method(Value, row, method)


def _method(row: Primitive) -> Callable[..., Any]:
    def method(self: Value, *others: Any) -> Any:
        if others:
            return row(self, *others)  # raises: there is one operand
        if modes.active:
            return self.record_primitive(row, (self,))
        x = self._data
        y = row.value(x)
        slope = row.slopes[0]
        return _node(row, y, self, slope and slope(y, x), None, None)

    return method


# All is said. Where `_node.c` was built, it now takes the place of Value, _node, _repay, sweep and _method.
try:
    if os.environ.get("AUTOGRAD_MINI_PURE", "") not in ("", "0"):
        raise ImportError("the engine in Python is wanted")
    from autograd_mini.engine._node import overwrite  # type: ignore[import-not-found]

    overwrite(sys.modules[__name__])
    ACCELERATED = True
except ImportError:
    ACCELERATED = False


for _row in TABLE.values():
    give_methods(_row)
