"""The path by which micrograd's users import `Value`; the engine itself is in `value`."""

from autograd_mini.engine.value import Value

__all__ = ["Value"]
