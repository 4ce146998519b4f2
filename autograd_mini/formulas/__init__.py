"""Formulas: read from text, written out as text or LaTeX, differentiated, and handed to SymPy."""

from autograd_mini.formulas.derivative import Formula, derivative
from autograd_mini.formulas.formula import formula, latex
from autograd_mini.formulas.notebook import as_mathematics
from autograd_mini.formulas.parse import Expression, ExpressionError, parse
from autograd_mini.formulas.to_sympy import to_sympy

__all__ = [
    "Expression",
    "ExpressionError",
    "Formula",
    "as_mathematics",
    "derivative",
    "formula",
    "latex",
    "parse",
    "to_sympy",
]
