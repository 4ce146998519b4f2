"""Gradient checks, oracles and Hypothesis strategies. Imports Hypothesis only when a strategy is asked for.

``check_grads(f, x)`` tells whether the gradient of a function, of this library or written by hand, is
right; the strategies and ``@check_gradient`` look for the smallest input where it is not.
"""

from typing import TYPE_CHECKING, Any

from autograd_mini.testing.check import check_grads, check_jacobian, check_jvp, check_vjp, compare_grads
from autograd_mini.testing.differences import Estimate, Verdict
from autograd_mini.testing.report import Finding, GradientError, Report

if TYPE_CHECKING:
    from autograd_mini.testing.strategies import check_gradient, expressions, inputs_for, programs, values

__all__ = [
    "Estimate",
    "Finding",
    "GradientError",
    "Report",
    "Verdict",
    "check_grads",
    "check_gradient",
    "check_jacobian",
    "check_jvp",
    "check_vjp",
    "compare_grads",
    "expressions",
    "inputs_for",
    "programs",
    "values",
]

STRATEGIES = ("check_gradient", "expressions", "inputs_for", "programs", "values")


def __getattr__(name: str) -> Any:
    if name not in STRATEGIES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        from autograd_mini.testing import strategies
    except ImportError as error:
        raise ImportError(
            f'autograd_mini.testing.{name} needs {error.name}: pip install "autograd-mini[test]"'
        ) from error
    return getattr(strategies, name)


def register() -> None:
    """Make ``st.from_type(Value)`` work; Hypothesis calls this, its entry point, when it is imported."""
    from hypothesis import strategies as st

    from autograd_mini.engine.value import Value

    def leaves(_: type) -> Any:
        from autograd_mini.testing.strategies import values

        return values()

    st.register_type_strategy(Value, leaves)
