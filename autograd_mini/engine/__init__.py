"""The engine: numbers that remember how they were computed, and what is known of each operation.

Micrograd's users find `Value` here; to read, start with `value`. `ACCELERATED` says whether its hot path
runs in C, as `_node.c` has it, or in Python.
"""

from autograd_mini.engine.value import ACCELERATED, Value

__all__ = ["ACCELERATED", "Value"]
