"""Derivatives of functions, in both directions and to any order."""
