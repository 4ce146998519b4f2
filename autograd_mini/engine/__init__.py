"""The path by which micrograd's users import `Value`; the engine itself is in `value`.

`ACCELERATED` says whether its hot path runs in C, as `_node.c` has it, or in Python.
"""

from autograd_mini.engine.value import ACCELERATED, Value

__all__ = ["ACCELERATED", "Value"]
