"""Check gradients: of this library, of other libraries, or written by hand, with Hypothesis or without.

``check_grads(f, fprime, x)`` tells whether a gradient is right; `check_jacobian`, `check_vjp`, `check_jvp`
and one check for each other library do the same for theirs; ``@check_gradient`` looks for the simplest
input where a gradient is wrong. Hypothesis is imported when a strategy is asked for.
"""

from typing import TYPE_CHECKING, Any

from autograd_mini.testing.adapters import check_autograd, check_jax, check_model, check_scipy, check_torch
from autograd_mini.testing.check import check_grads, check_jacobian, check_jvp, check_vjp, compare_grads
from autograd_mini.testing.differences import Estimate, Verdict
from autograd_mini.testing.report import Finding, GradientError, Report

if TYPE_CHECKING:
    from autograd_mini.testing.decorator import check_gradient
    from autograd_mini.testing.strategies import expressions, inputs_for, programs, values

__all__ = [
    "Estimate",
    "Finding",
    "GradientError",
    "Report",
    "Verdict",
    "check_autograd",
    "check_grads",
    "check_gradient",
    "check_jacobian",
    "check_jax",
    "check_jvp",
    "check_model",
    "check_scipy",
    "check_torch",
    "check_vjp",
    "compare_grads",
    "expressions",
    "inputs_for",
    "programs",
    "values",
]

STRATEGIES = ("expressions", "inputs_for", "programs", "values")


def __getattr__(name: str) -> Any:
    if name not in ("check_gradient", *STRATEGIES):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        from autograd_mini.testing import decorator, strategies
    except ImportError as error:
        raise ImportError(
            f'autograd_mini.testing.{name} needs {error.name}: pip install "autograd-mini[test]"'
        ) from error
    return getattr(strategies if name in STRATEGIES else decorator, name)


def register() -> None:
    """Make ``st.from_type(Value)`` work; Hypothesis calls this, its entry point, when it is imported."""
    from hypothesis import strategies as st

    from autograd_mini.engine.value import Value

    def leaves(_: type) -> Any:
        from autograd_mini.testing.strategies import values

        return values()

    st.register_type_strategy(Value, leaves)
