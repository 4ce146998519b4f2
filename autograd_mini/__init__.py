"""Scalar reverse-mode automatic differentiation, short enough to read, compiled where it is called often.

Everything for daily use is here; `nn`, `optim` and `testing` are imported by name. To read how it works,
start with `engine/value.py`.
"""

from autograd_mini.cli import interrupt as interrupt  # first: it is there for the time that the rest takes
from autograd_mini.compiler.compiled import Compiled
from autograd_mini.compiler.compiled import compile as compile
from autograd_mini.engine.modes import collector_paused, no_grad
from autograd_mini.engine.primitives import (
    abs_,
    acos,
    acosh,
    asin,
    asinh,
    atan,
    atan2,
    atanh,
    cbrt,
    ceil,
    clamp,
    copysign,
    cos,
    cosh,
    degrees,
    digamma,
    equal,
    erf,
    erfc,
    exp,
    exp2,
    expm1,
    floor,
    fmod,
    gamma,
    hypot,
    less,
    lgamma,
    log,
    log1p,
    log2,
    log10,
    logaddexp,
    maximum,
    minimum,
    mod,
    polygamma,
    pow_,
    radians,
    relu,
    round_,
    sech_squared,
    sigmoid,
    sign,
    sin,
    sinh,
    softplus,
    sqrt,
    step,
    stop_gradient,
    tan,
    tanh,
    trunc,
    where,
)
from autograd_mini.engine.value import Value, topological_order
from autograd_mini.formulas.derivative import Formula, derivative
from autograd_mini.formulas.formula import formula, latex
from autograd_mini.formulas.notebook import as_mathematics as as_mathematics
from autograd_mini.formulas.parse import Expression, ExpressionError, parse
from autograd_mini.formulas.to_sympy import to_sympy
from autograd_mini.page.explore import explore
from autograd_mini.show.draw import draw
from autograd_mini.show.ledger import ledger
from autograd_mini.show.paths import paths, visits
from autograd_mini.show.render import RenderError
from autograd_mini.show.scopes import scope
from autograd_mini.show.tree import tree
from autograd_mini.special.elementary import (
    cospi,
    elu,
    entr,
    fmax,
    fmin,
    log1mexp,
    logexpm1,
    logit,
    logsubexp,
    mish,
    silu,
    sinc,
    sinpi,
    xlog1py,
    xlogy,
)
from autograd_mini.transforms.custom import primitive
from autograd_mini.transforms.functions import (
    BranchWarning,
    grad,
    gradients,
    hessian,
    hvp,
    jacobian,
    jvp,
    value_and_grad,
    vjp,
)
from autograd_mini.transforms.gather import take
from autograd_mini.transforms.sequences import dot, logsumexp, softmax, sum_
from autograd_mini.transforms.strict import NonFiniteError, strict

__version__ = "1.0.0"

# Named as Python names them, and left out of `__all__`: a star import must not hide these built-ins.
# `compile` is in it: who compiles functions calls it so, and Python's own is for code objects.
abs = abs_
pow = pow_
round = round_
sum = sum_

__all__ = [
    "BranchWarning",
    "NonFiniteError",
    "RenderError",
    "Value",
    "Compiled",
    "Expression",
    "ExpressionError",
    "Formula",
    "acos",
    "acosh",
    "explore",
    "asin",
    "asinh",
    "atan",
    "atan2",
    "atanh",
    "cbrt",
    "ceil",
    "clamp",
    "collector_paused",
    "compile",
    "copysign",
    "cos",
    "cosh",
    "cospi",
    "degrees",
    "derivative",
    "digamma",
    "dot",
    "draw",
    "elu",
    "entr",
    "equal",
    "erf",
    "erfc",
    "exp",
    "exp2",
    "expm1",
    "floor",
    "fmax",
    "fmin",
    "fmod",
    "formula",
    "gamma",
    "grad",
    "gradients",
    "hessian",
    "hvp",
    "hypot",
    "jacobian",
    "jvp",
    "latex",
    "ledger",
    "less",
    "lgamma",
    "log",
    "log10",
    "log1mexp",
    "log1p",
    "log2",
    "logaddexp",
    "logexpm1",
    "logit",
    "logsubexp",
    "logsumexp",
    "maximum",
    "minimum",
    "mish",
    "mod",
    "no_grad",
    "parse",
    "paths",
    "polygamma",
    "primitive",
    "radians",
    "relu",
    "scope",
    "sech_squared",
    "sigmoid",
    "sign",
    "silu",
    "sin",
    "sinc",
    "sinh",
    "sinpi",
    "softmax",
    "softplus",
    "sqrt",
    "step",
    "stop_gradient",
    "strict",
    "take",
    "tan",
    "tanh",
    "to_sympy",
    "topological_order",
    "tree",
    "trunc",
    "value_and_grad",
    "visits",
    "vjp",
    "where",
    "xlog1py",
    "xlogy",
]


def __dir__() -> list[str]:
    return sorted([*__all__, "abs", "pow", "round", "sum", "__version__", "__doc__", "__all__", "__file__"])
