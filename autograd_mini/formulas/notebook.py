"""How a Value shows itself in Jupyter: as a formula."""

from __future__ import annotations

from autograd_mini.engine.value import Value, number_of
from autograd_mini.formulas.formula import in_lines, latex
from autograd_mini.show.text import short

__all__ = ["as_mathematics"]


def as_mathematics(v: Value) -> str | None:
    r"""Return the formula of a Value and its number between dollar signs; None if it cannot be written.

    >>> as_mathematics(Value(2.0, label="a") * Value(3.0, label="b"))
    '$a \\cdot b = 6$'
    """
    try:
        return f"${in_lines(f'{latex(v)} = {_number(number_of(v))}')}$"
    except Exception:  # at the prompt, a formula is worth less than a prompt that never breaks
        return None


def _number(x: float) -> str:
    if x in (float("inf"), float("-inf")):
        return r"\infty" if x > 0 else r"-\infty"
    mantissa, _, exponent = short(x).partition("e")
    return rf"{mantissa} \cdot 10^{{{int(exponent)}}}" if exponent else mantissa


Value._repr_latex_ = as_mathematics  # type: ignore[attr-defined]
