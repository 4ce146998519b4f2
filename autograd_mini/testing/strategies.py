"""Hypothesis strategies: Values, random programs and expressions, and inputs for a function.

They come from the table: every primitive, a user's own included, is drawn inside its own domain. What they
draw shrinks to the few operations, and the simple numbers, that matter.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from hypothesis import strategies as st

from autograd_mini.engine.value import Value
from autograd_mini.testing.domains import inside, interval_of_each
from autograd_mini.testing.recipes import Recipe, grow, vocabulary

__all__ = ["each_input", "expressions", "inputs_for", "numbers", "programs", "values"]


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
    are used but `stop_gradient`, whose derivative is wrong on purpose. `domain` is where the inputs come
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
    """Arguments for `f`, one for each of its parameters, inside its domain: near, far, at ends.

    A domain may be given by the parameter's name, as an interval or as a strategy; the others are found
    by trial, and are taken to be single numbers. `f` may be a function of this library or of plain floats.
    Raises ValueError if no trial succeeds.

    >>> from autograd_mini import log
    >>> inputs_for(lambda x: log(x - 100.0), x=(100.0, 200.0)).example() > (100.0,)  # doctest: +SKIP
    True
    """
    names = [p.name for p in inspect.signature(f).parameters.values() if p.default is p.empty]
    return st.tuples(*each_input(f, names, domains).values()).filter(
        lambda inputs: not all(isinstance(x, float) for x in inputs) or inside(f, inputs)
    )


def each_input(
    f: Callable[..., Any], names: Sequence[str], domains: Mapping[str, Any]
) -> dict[str, st.SearchStrategy[Any]]:
    """Return a strategy for each of some parameters; the domains that are not given are found by trial."""
    unknown = set(domains) - set(names)
    if unknown:
        raise TypeError(
            f"{f.__name__} has no parameter {min(unknown)!r} to be drawn; it has {', '.join(names)}"
        )
    known = {
        name: domain if isinstance(domain, st.SearchStrategy) else anywhere(*domain)
        for name, domain in domains.items()
    }
    missing = [name for name in names if name not in known]
    if missing and not any(isinstance(domain, st.SearchStrategy) for domain in domains.values()):
        box = interval_of_each(f, names, {name: tuple(domains[name]) for name in known})
        known |= {name: anywhere(*box[name]) for name in missing}
    return {name: known.get(name, numbers()) for name in names}


def anywhere(low: float, high: float) -> st.SearchStrategy[float]:
    """Floats of an interval: small and whole ones, those of every size, and its ends."""
    near = numbers(max(low, -2.0), min(high, 2.0)) if low <= 2.0 and high >= -2.0 else None
    far = numbers(low, high)
    return far if near is None else near | far
