"""Hypothesis strategies: Values, random programs and expressions, inputs for a function; and a decorator.

All are derived from the table: every row, a user's own included, is drawn inside its own domain. What they
draw shrinks to the few operations, and the simple numbers, that matter.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from hypothesis import Phase, given
from hypothesis import settings as Settings  # noqa: N812  # settings is a parameter here
from hypothesis import strategies as st

from autograd_mini.engine.value import Value
from autograd_mini.testing.check import MODES, check_grads
from autograd_mini.testing.domains import inside, reach
from autograd_mini.testing.recipes import Recipe, grow, vocabulary

__all__ = ["check_gradient", "expressions", "inputs_for", "numbers", "programs", "values"]


def numbers(low: float = -10.0, high: float = 10.0) -> st.SearchStrategy[float]:
    """Floats from `low` to `high`, never infinite or nan; small whole numbers are common among them."""
    exact = st.floats(low, high, allow_subnormal=False)
    whole = [float(x) for x in (0, 1, -1, 2, -2, 3, -3) if low <= x <= high]
    return st.sampled_from(whole) | exact if whole else exact


def values(low: float = -10.0, high: float = 10.0) -> st.SearchStrategy[Value]:
    """Leaf `Value`s with numbers from `low` to `high`; what ``st.from_type(Value)`` gives."""
    return numbers(low, high).map(Value)


def programs(
    *,
    max_inputs: int = 3,
    max_operations: int = 12,
    words: Sequence[str] | None = None,
    domain: tuple[float, float] = (-10.0, 10.0),
    wild: bool = False,
) -> st.SearchStrategy[Recipe]:
    """Random programs over the table, as `Recipe`s: with shared results, branches, constants, idle inputs.

    `words` narrows the vocabulary: names of primitives, and the operators ``+ - * / **``; without it, all
    are used but `stop_gradient`, whose derivative is false on purpose. `domain` is where the inputs come
    from; what leaves the domain of a primitive is left out of the program, unless it is `wild`.
    """
    usual = [word for word in vocabulary() if word != "stop_gradient"]
    wish = st.tuples(
        st.sampled_from(usual if words is None else list(words)),
        st.lists(st.integers(0, 15), min_size=1, max_size=4),
    )
    number = numbers(*domain)
    return st.builds(
        grow,
        st.lists(number, min_size=1, max_size=max_inputs),
        st.lists(number | st.integers(-3, 3), max_size=2),
        st.lists(wish, max_size=max_operations),
        wild=st.just(wild),
    )


def expressions(**limits: Any) -> st.SearchStrategy[Value]:
    """The results of random `programs` on Values: roots of graphs, with leaves labelled a, b, …"""
    return programs(**limits).map(
        lambda recipe: recipe(*[Value(x, chr(97 + i)) for i, x in enumerate(recipe.inputs)])
    )


def inputs_for(f: Callable[..., Any], **domains: Any) -> st.SearchStrategy[tuple[Any, ...]]:
    """Arguments for `f`, one for each of its parameters, inside the domain of every row that it calls.

    A domain may be given by the parameter's name, as an interval or as a strategy; the others are found
    by trial, and are taken to be single numbers. Raises ValueError if no trial succeeds.

    >>> from autograd_mini import log
    >>> inputs_for(lambda x: log(x - 100.0), x=(100.0, 200.0)).example() > (100.0,)  # doctest: +SKIP
    True
    """
    names = [p.name for p in inspect.signature(f).parameters.values() if p.default is p.empty]
    unknown = set(domains) - set(names)
    if unknown:
        raise TypeError(
            f"inputs_for: the function has no parameter {min(unknown)!r}; it has {', '.join(names)}"
        )
    given_ones = {
        name: domain if isinstance(domain, st.SearchStrategy) else numbers(*domain)
        for name, domain in domains.items()
    }
    if domains:
        return st.tuples(*[given_ones.get(name, numbers()) for name in names]).filter(
            lambda inputs: not all(isinstance(x, float) for x in inputs) or inside(f, inputs)
        )
    size = reach(f, names)
    return st.tuples(*[numbers(-size, size) for _ in names]).filter(lambda inputs: inside(f, inputs))


def check_gradient(
    f: Callable[..., Any] | None = None,
    /,
    *,
    order: int = 2,
    modes: Sequence[str] = MODES,
    oracle: str = "auto",
    rtol: float = 1e-6,
    settings: Settings | None = None,
    **domains: Any,
) -> Any:
    """Turn a function into a property test: its derivatives are right wherever it has any.

    Inputs are those of `inputs_for`, with the domains given by name; `settings` are Hypothesis's, and by
    default have no deadline and no phase of explaining; the rest is passed to `check_grads`. The test
    takes no arguments, and what fails is shrunk to the simplest input.

    >>> from autograd_mini import exp, log
    >>> @check_gradient(x=(-5.0, 5.0))
    ... def test_softplus(x):
    ...     return log(1 + exp(x))
    >>> test_softplus()
    """
    if f is None:
        return partial(
            check_gradient, order=order, modes=modes, oracle=oracle, rtol=rtol, settings=settings, **domains
        )

    def test(inputs: tuple[Any, ...]) -> None:
        check_grads(f, *inputs, order=order, modes=modes, oracle=oracle, rtol=rtol)

    test.__name__, test.__qualname__ = f.__name__, f.__qualname__
    test.__module__, test.__doc__ = f.__module__, f.__doc__
    if settings is None:  # to explain, Hypothesis traces every line: too slow for an oracle of many
        settings = Settings(deadline=None, phases=set(Settings().phases) - {Phase.explain})
    return settings(given(st.deferred(lambda: inputs_for(f, **domains)))(test))
