"""Derivatives of functions, in both directions and to any order; custom primitives, sums of sequences."""

from autograd_mini.transforms.adjoints import gradients
from autograd_mini.transforms.custom import primitive
from autograd_mini.transforms.functions import (
    BranchWarning,
    grad,
    hessian,
    hvp,
    jacobian,
    jvp,
    value_and_grad,
    vjp,
)
from autograd_mini.transforms.sequences import dot, logsumexp, softmax, sum_
from autograd_mini.transforms.strict import NonFiniteError, strict

__all__ = [
    "BranchWarning",
    "NonFiniteError",
    "dot",
    "grad",
    "gradients",
    "hessian",
    "hvp",
    "jacobian",
    "jvp",
    "logsumexp",
    "primitive",
    "softmax",
    "strict",
    "sum_",
    "value_and_grad",
    "vjp",
]
