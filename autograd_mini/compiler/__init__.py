"""Trace a function of numbers once, and replay it as Python, NumPy or machine code."""

from autograd_mini.compiler.compiled import Compiled, compile

__all__ = ["Compiled", "compile"]
