"""Optimisers, learning rates and clipping: gradient descent on parameters with known gradients."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from autograd_mini.engine.table import as_number, is_number
from autograd_mini.engine.value import Value
from autograd_mini.transforms.leaves import at_once, read, write, zero_gradients

__all__ = [
    "sgd",
    "SGD",
    "RMSProp",
    "Adam",
    "AdamW",
    "Optimiser",
    "lbfgs",
    "linear_decay",
    "cosine_decay",
    "exponential_decay",
    "warmup",
    "clip_by_norm",
    "clip_by_value",
]

Schedule = Callable[[int], float]
"""A learning rate for each step, counted from 0."""

Rule = Callable[..., tuple[float, ...]]


def sgd(parameters: Iterable[Value], learning_rate: float) -> None:
    """Take one step of gradient descent: data -= learning_rate · grad, for each parameter.

    >>> x = Value(3.0)
    >>> (x * x).backward()
    >>> sgd([x], learning_rate=0.25)
    >>> x.data
    1.5
    """
    rate = _check("learning_rate", learning_rate, 0.0, math.inf)
    parameters = _each("sgd", parameters)
    if _each_once(parameters):
        with _without_warnings():
            numbers = read(parameters, "data") - rate * read(parameters, "grad")
        write(parameters, "data", numbers)
        return
    for parameter in parameters:
        parameter.data -= rate * parameter.grad


# ---- optimisers: a rule for one parameter, and its memory ---------------------------------------------


def _elementwise(rule: Rule) -> Rule:
    """Mark a rule that also takes arrays of all parameters, since it uses only operators and `_root`."""
    rule.elementwise = True  # type: ignore[attr-defined]
    return rule


def _root(x: Any) -> Any:
    """Return the square root of a float, or of each number of an array."""
    if not getattr(x, "shape", ()):
        return math.sqrt(x)
    import numpy as np

    return np.sqrt(x)


class Optimiser:
    """The base class: updates every parameter by the `rule` of the subclass.

    `parameters` are leaves; one that occurs twice is updated once. `learning_rate` is a number or a
    function of the number of steps taken, such as `linear_decay`; `steps` counts them.

    >>> class SignDescent(Optimiser):
    ...     def rule(self, x, gradient, rate):
    ...         return (x - math.copysign(rate, gradient),)
    >>> x = Value(1.0); x.grad = 20.0
    >>> SignDescent([x], learning_rate=0.25).step()
    >>> x.data
    0.75
    """

    rule: Rule
    """rule(x, gradient, rate, *memory) returns the new x and the memory for the next step.

    The first step has no memory."""

    def __init__(self, parameters: Iterable[Any], learning_rate: float | Schedule) -> None:
        leaves = _each(type(self).__name__, parameters)
        for parameter in leaves:
            if not isinstance(parameter, Value) or parameter.op is not None:
                raise TypeError(
                    f"{type(self).__name__}: {parameter!r} is not a leaf Value, and cannot be updated: "
                    "pass model.parameters()"
                )
        if not leaves:
            raise ValueError(f"{type(self).__name__}: there are no parameters: pass model.parameters()")
        if not callable(learning_rate):
            _check("learning_rate", learning_rate, 0.0, math.inf)
        self.parameters: list[Value] = list(dict.fromkeys(leaves))
        self.learning_rate = learning_rate
        self.steps = 0
        # A list with the memory of each parameter or, after steps over all at once, a tuple of arrays.
        self._memory: list[list[float]] | tuple[Any, ...] = [[]] * len(self.parameters)

    def step(self) -> None:
        """Update every parameter by its gradient."""
        rate = self.learning_rate
        if callable(rate):
            rate = _check(f"learning_rate({self.steps})", rate(self.steps), 0.0, math.inf)
        rate = as_number(rate)
        self.steps += 1
        if getattr(self.rule, "elementwise", False) and at_once(self.parameters):
            self._step_at_once(rate)
            return
        self._memory = self._memory_of_each()
        updates = [
            self.rule(parameter.data, parameter.grad, rate, *memory)
            for parameter, memory in zip(self.parameters, self._memory, strict=True)
        ]
        self._memory = [memory for _, *memory in updates]
        for parameter, (x, *_) in zip(self.parameters, updates, strict=True):
            parameter.data = x

    def _step_at_once(self, rate: float) -> None:
        """Give the rule arrays of all parameters, which yields the same numbers to the last bit."""
        import numpy as np

        memory = self._memory
        if isinstance(memory, list):
            memory = tuple(np.array(memory).T.copy())
        with _without_warnings():
            numbers, *kept = self.rule(
                read(self.parameters, "data"), read(self.parameters, "grad"), rate, *memory
            )
        self._memory = tuple(kept)
        write(self.parameters, "data", numbers)

    def _memory_of_each(self) -> list[list[float]]:
        if isinstance(self._memory, list):
            return self._memory
        return [[*memory] for memory in zip(*[numbers.tolist() for numbers in self._memory], strict=True)]

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "_memory": self._memory_of_each()}

    def zero_grad(self) -> None:
        """Set the gradient of every parameter to zero."""
        zero_gradients(self.parameters)


class SGD(Optimiser):
    """Gradient descent, with optional momentum: v = momentum · v + gradient, x = x - rate · v.

    ``nesterov=True`` looks ahead: x = x - rate · (gradient + momentum · v) (Sutskever et al. 2013).

    >>> x = Value(1.0); x.grad = 1.0
    >>> optimiser = SGD([x], learning_rate=0.25, momentum=0.5)
    >>> optimiser.step(); optimiser.step()
    >>> x.data
    0.375
    """

    def __init__(
        self,
        parameters: Iterable[Value],
        learning_rate: float | Schedule,
        *,
        momentum: float = 0.0,
        nesterov: bool = False,
    ) -> None:
        super().__init__(parameters, learning_rate)
        self.momentum = _check("momentum", momentum, 0.0, 1.0)
        self.nesterov = nesterov

    @_elementwise
    def rule(self, x: float, gradient: float, rate: float, velocity: float = 0.0) -> tuple[float, ...]:
        """Return the new x and the velocity."""
        velocity = self.momentum * velocity + gradient
        slope = gradient + self.momentum * velocity if self.nesterov else velocity
        return x - rate * slope, velocity


class RMSProp(Optimiser):
    """Steps divided by the root of a running mean of squared gradients (Tieleman and Hinton 2012).

    >>> x = Value(1.0); x.grad = 100.0
    >>> RMSProp([x], learning_rate=0.01, decay=0.75).step()
    >>> round(x.data, 9)
    0.98
    """

    def __init__(
        self,
        parameters: Iterable[Value],
        learning_rate: float | Schedule = 0.01,
        *,
        decay: float = 0.99,
        epsilon: float = 1e-8,
    ) -> None:
        super().__init__(parameters, learning_rate)
        self.decay = _below_one("decay", decay)
        self.epsilon = _check("epsilon", epsilon, 5e-324, math.inf)

    @_elementwise
    def rule(self, x: float, gradient: float, rate: float, square: float = 0.0) -> tuple[float, ...]:
        """Return the new x and the running mean of squares."""
        square = self.decay * square + (1.0 - self.decay) * gradient * gradient
        return x - rate * gradient / (_root(square) + self.epsilon), square


class Adam(Optimiser):
    """Steps by running means of the gradient and of its square, both corrected for their start at 0
    (Kingma and Ba 2015).

    >>> x = Value(1.0); x.grad = 100.0
    >>> Adam([x], learning_rate=0.01).step()
    >>> round(x.data, 9)
    0.99
    """

    weight_decay = 0.0

    def __init__(
        self,
        parameters: Iterable[Value],
        learning_rate: float | Schedule = 0.001,
        *,
        betas: tuple[float, float] = (0.9, 0.999),
        epsilon: float = 1e-8,
    ) -> None:
        super().__init__(parameters, learning_rate)
        self.betas = _check_betas(betas)
        self.epsilon = _check("epsilon", epsilon, 5e-324, math.inf)

    @_elementwise
    def rule(
        self, x: float, gradient: float, rate: float, mean: float = 0.0, square: float = 0.0
    ) -> tuple[float, ...]:
        """Return the new x and the two running means."""
        first, second = self.betas
        mean = first * mean + (1.0 - first) * gradient
        square = second * square + (1.0 - second) * gradient * gradient
        size = _root(square / (1.0 - second**self.steps)) + self.epsilon
        x -= rate * self.weight_decay * x
        return x - rate * (mean / (1.0 - first**self.steps)) / size, mean, square


class AdamW(Adam):
    """Adam with weight decay apart from the gradient (Loshchilov and Hutter 2019).

    >>> x = Value(1.0)
    >>> AdamW([x], learning_rate=0.1, weight_decay=0.5).step()
    >>> x.data
    0.95
    """

    def __init__(
        self,
        parameters: Iterable[Value],
        learning_rate: float | Schedule = 0.001,
        *,
        weight_decay: float = 0.01,
        **options: Any,
    ) -> None:
        super().__init__(parameters, learning_rate, **options)
        self.weight_decay = _check("weight_decay", weight_decay, 0.0, math.inf)


def lbfgs(loss: Callable[[], Any], parameters: Iterable[Value], *, iterations: int = 1000) -> Any:
    """Minimise `loss` by L-BFGS and keep the best parameters found, also when interrupted.

    `loss` takes no arguments and returns a Value, or a number if it adds the gradients itself, as
    ``compile(f).backward`` does. It must be deterministic: the same parameters, the same loss. Returns
    SciPy's `OptimizeResult`. Needs SciPy: ``pip install "autograd-mini[nn]"``.

    >>> x, y = Value(-1.0), Value(2.0)
    >>> result = lbfgs(lambda: (1 - x) ** 2 + 100 * (y - x * x) ** 2, [x, y])
    >>> abs(x.data - 1) < 1e-6, abs(y.data - 1) < 1e-6
    (True, True)
    """
    try:
        from scipy.optimize import minimize
    except ImportError:
        raise ImportError('lbfgs needs SciPy: pip install "autograd-mini[nn]"') from None
    _check("iterations", iterations, 0, math.inf)
    parameters = Optimiser(parameters, 0.0).parameters
    best = math.inf, read(parameters, "data")

    def put(numbers: Any) -> None:
        write(parameters, "data", numbers)
        zero_gradients(parameters)

    def value_and_gradient(numbers: Any) -> tuple[float, Any]:
        nonlocal best
        put(numbers)
        root = loss()
        if isinstance(root, Value):
            root.backward()
            root = root.data
        try:
            root = as_number(root)
        except TypeError as error:
            raise TypeError(f"lbfgs: the loss: {error}") from None
        if root < best[0]:
            best = root, read(parameters, "data")
        return root, read(parameters, "grad")

    try:
        return minimize(
            value_and_gradient,
            best[1],
            jac=True,
            method="L-BFGS-B",
            options={"maxiter": iterations, "maxfun": 10 * iterations, "ftol": 1e-15, "gtol": 1e-10},
        )
    finally:
        put(best[1])


# ---- schedules: the learning rate as a function of the step ------------------------------------------


def linear_decay(start: float, end: float, steps: int) -> Schedule:
    """Return a schedule that goes from `start` to `end` in a straight line and stays there.

    >>> rate = linear_decay(1.0, 0.5, steps=100)
    >>> rate(0), rate(50), rate(1000)
    (1.0, 0.75, 0.5)
    """
    _check_schedule(steps, start=start, end=end)
    return lambda step: _between(start, end, min(step / steps, 1.0))


def cosine_decay(start: float, end: float, steps: int) -> Schedule:
    """Return a schedule that goes from `start` to `end` along half a cosine (Loshchilov and Hutter 2017).

    >>> rate = cosine_decay(1.0, 0.5, steps=100)
    >>> rate(0), rate(50), rate(1000)
    (1.0, 0.75, 0.5)
    """
    _check_schedule(steps, start=start, end=end)
    return lambda step: _between(start, end, 0.5 - 0.5 * math.cos(math.pi * min(step / steps, 1.0)))


def exponential_decay(start: float, factor: float, steps: int = 1) -> Schedule:
    """Return a schedule that multiplies the rate by `factor` in every `steps` steps, smoothly.

    >>> rate = exponential_decay(1.0, 0.5, steps=10)
    >>> rate(0), rate(10), rate(20)
    (1.0, 0.5, 0.25)
    """
    _check_schedule(steps, start=start, factor=factor)
    return lambda step: start * factor ** (step / steps)


def warmup(schedule: float | Schedule, steps: int) -> Schedule:
    """Return a schedule that rises to another in a straight line, then follows it from its start.

    >>> rate = warmup(0.5, steps=5)
    >>> rate(0), rate(4), rate(100)
    (0.1, 0.5, 0.5)
    """
    _check("steps", steps, 0, math.inf)
    if not callable(schedule):
        _check("schedule", schedule, 0.0, math.inf)
    after = schedule if callable(schedule) else lambda step: schedule
    return lambda step: after(0) * (step + 1) / steps if step < steps else after(step - steps)


def _between(start: float, end: float, share: float) -> float:
    return (1.0 - share) * start + share * end  # exact at either end


# ---- clipping: gradients within bounds ---------------------------------------------------------------


def clip_by_norm(parameters: Iterable[Value], limit: float) -> float:
    """Shorten the gradient of all parameters together to at most `limit`; return its former length.

    A gradient that contains inf or nan has no direction and is left as it is.

    >>> x, y = Value(0.0), Value(0.0)
    >>> x.grad, y.grad = 3.0, 4.0
    >>> clip_by_norm([x, y], 1.0), x.grad, y.grad
    (5.0, 0.6..., 0.8...)
    """
    limit = _check("limit", limit, 0.0, math.inf)
    parameters = _each("clip_by_norm", parameters)
    gradients = read(parameters, "grad")
    norm = math.hypot(*gradients)
    if limit < norm < math.inf:
        if _each_once(parameters):
            write(parameters, "grad", gradients * (limit / norm))
        else:
            for parameter in parameters:
                parameter.grad *= limit / norm
    return norm


def clip_by_value(parameters: Iterable[Value], limit: float) -> None:
    """Limit each derivative to the range from -limit to limit; nan stays nan.

    >>> x = Value(0.0); x.grad = -3.0
    >>> clip_by_value([x], 1.0)
    >>> x.grad
    -1.0
    """
    limit = _check("limit", limit, 0.0, math.inf)
    parameters = _each("clip_by_value", parameters)
    if _each_once(parameters):
        import numpy as np

        gradients = read(parameters, "grad")
        clipped = np.where(np.abs(gradients) > limit, np.copysign(limit, gradients), gradients)
        write(parameters, "grad", clipped)
        return
    for parameter in parameters:
        if abs(parameter.grad) > limit:
            parameter.grad = math.copysign(limit, parameter.grad)


# ---- arrays and errors --------------------------------------------------------------------------------


def _check(name: str, x: float, low: float, high: float) -> float:
    if not is_number(x):
        raise TypeError(f"{name} is {x!r}: give a number from {low:g} to {high:g}")
    if not low <= x <= high:
        raise ValueError(f"{name} is {x!r}: choose it from {low:g} to {high:g}")
    return as_number(x)


def _below_one(name: str, x: float) -> float:
    if _check(name, x, 0.0, 1.0) == 1.0:
        raise ValueError(f"{name} is {x!r}, so the mean would never move: choose it from 0 to less than 1")
    return as_number(x)


def _check_betas(betas: Any) -> tuple[float, float]:
    if not isinstance(betas, Sequence) or len(betas) != 2:
        raise TypeError(f"betas is {betas!r}: give two numbers from 0 to less than 1")
    return _below_one("betas[0]", betas[0]), _below_one("betas[1]", betas[1])


def _check_schedule(steps: float, **rates: float) -> None:
    for name, rate in rates.items():
        _check(name, rate, 0.0, math.inf)
    if not _check("steps", steps, 0, math.inf):
        raise ValueError(f"steps is {steps!r}: choose it greater than 0")


def _each_once(parameters: list[Any]) -> bool:
    """Whether these may be taken all at once: they are many, are Values, and none occurs twice."""
    return (
        at_once(parameters)
        and all(issubclass(kind, Value) for kind in {*map(type, parameters)})
        and len({*parameters}) == len(parameters)
    )


def _without_warnings() -> Any:
    """Return a context in which NumPy does not warn of inf and nan."""
    import numpy as np

    return np.errstate(all="ignore")


def _each(what: str, parameters: Any) -> list[Any]:
    if not isinstance(parameters, Iterable):
        kind = type(parameters).__name__
        raise TypeError(f"{what}: {kind} is not a list of parameters: pass model.parameters()")
    return list(parameters)
