"""Trace a function once and replay it as Python, NumPy or machine code."""
