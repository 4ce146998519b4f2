"""Scalar reverse-mode automatic differentiation, short enough to read and as fast as C."""

from autograd_mini.modes import collector_paused, no_grad
from autograd_mini.primitives import (
    cos,
    equal,
    exp,
    less,
    log,
    maximum,
    minimum,
    relu,
    sigmoid,
    sin,
    sqrt,
    step,
    tanh,
    where,
)
from autograd_mini.table import primitive
from autograd_mini.value import Value, topological_order

__all__ = [
    "Value",
    "collector_paused",
    "cos",
    "equal",
    "exp",
    "less",
    "log",
    "maximum",
    "minimum",
    "no_grad",
    "primitive",
    "relu",
    "sigmoid",
    "sin",
    "sqrt",
    "step",
    "tanh",
    "topological_order",
    "where",
]
