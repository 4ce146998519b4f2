"""`@check_gradient`: a function becomes a property test of its gradient."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial, wraps
from typing import Any

from hypothesis import HealthCheck, Phase, assume, given
from hypothesis import settings as Settings  # noqa: N812  # settings is a parameter here
from hypothesis import strategies as st

from autograd_mini.testing.check import MODES, check_grads
from autograd_mini.testing.domains import inside
from autograd_mini.testing.report import GradientError
from autograd_mini.testing.strategies import each_input
from autograd_mini.testing.subject import name_of

__all__ = ["check_gradient"]


def check_gradient(
    f: Callable[..., Any] | None = None,
    /,
    *,
    gradient: Callable[..., Any] | None = None,
    order: int = 2,
    modes: Sequence[str] = MODES,
    oracle: str = "auto",
    rtol: float = 1e-6,
    settings: Settings | None = None,
    **domains: Any,
) -> Any:
    """Turn a function into a property test: its derivatives are right wherever it has any.

    With ``gradient=`` the function may be from anywhere, and takes plain floats; without, it is one of
    this library. Inputs are drawn from the domains given by name, intervals or strategies; the others are
    found by trial. What fails is shrunk to the simplest input, and printed as a call to paste. `self`,
    keyword-only parameters and those of a ``@given`` below are not drawn: they are fixtures and the like.
    ``@settings`` goes above, or in `settings`; by default there is no deadline.

    >>> from autograd_mini import exp, log
    >>> @check_gradient(x=(-5.0, 5.0))
    ... def test_softplus(x):
    ...     return log(1 + exp(x))
    >>> test_softplus()
    >>> import math
    >>> @check_gradient(gradient=math.cos)
    ... def test_sine(x):
    ...     return math.sin(x)
    >>> test_sine()
    """
    if f is None:
        return partial(
            check_gradient,
            gradient=gradient,
            order=order,
            modes=modes,
            oracle=oracle,
            rtol=rtol,
            settings=settings,
            **domains,
        )
    others: dict[str, Any] = {}
    if hasattr(f, "hypothesis"):  # a @given below
        others = dict(getattr(f.hypothesis, "_given_kwargs", {}))
        f = f.hypothesis.inner_test
    function: Callable[..., Any] = f
    parameters = inspect.signature(function).parameters
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    names = [
        name
        for name, p in parameters.items()
        if p.kind in positional and p.default is p.empty and name not in {"self", "cls", *others}
    ]
    alone = len(names) == sum(p.default is p.empty for p in parameters.values())

    @wraps(function)
    def test(*args: Any, **kwargs: Any) -> None:
        __tracebackhide__ = True
        inputs = [kwargs.pop(name) for name in names]
        args = (*args, *[kwargs.pop(name) for name in ("self", "cls") if name in kwargs])
        bound: Any = partial(function, *args, **kwargs) if args or kwargs else function
        if bound is not function:
            bound.__name__ = function.__name__
        if all(isinstance(x, float) for x in inputs):
            assume(inside(bound, inputs, plain=gradient is not None))
        try:
            if gradient is not None:
                check_grads(bound, *inputs, gradient=gradient, rtol=rtol)
            else:
                check_grads(bound, *inputs, order=order, modes=modes, oracle=oracle, rtol=rtol)
        except GradientError as error:
            pieces = [function.__name__, *([name_of(gradient)] if gradient else []), *map(repr, inputs)]
            error.add_note(f"Again: check_grads({', '.join(pieces)})")
            raise

    def drawn(name: str) -> Callable[[], st.SearchStrategy[Any]]:
        return lambda: strategy(name)

    def strategy(name: str) -> st.SearchStrategy[Any]:
        if not alone and name not in domains:  # the function cannot be tried without its other arguments
            return each_input(function, [name], {name: (-1e3, 1e3)})[name]
        return each_input(function, names, domains)[name]

    drawing = given(**{name: st.deferred(drawn(name)) for name in names}, **others)(test)
    usual = Settings(
        deadline=None,  # to explain, Hypothesis traces every line: too slow for an oracle of many
        phases=set(Settings().phases) - {Phase.explain},
        suppress_health_check=[
            HealthCheck.filter_too_much,
            HealthCheck.too_slow,
            HealthCheck.function_scoped_fixture,
        ],
    )
    property_test: Any = (settings or usual)(drawing)
    if settings is None:
        with suppress(AttributeError):  # so that @settings may go above
            del property_test._hypothesis_internal_settings_applied
    return property_test
