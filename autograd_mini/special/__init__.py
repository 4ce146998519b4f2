"""Special functions: more primitives for the one table.

Those that need no other package are in `elementary`, and public where all primitives are: `autograd_mini`.
Those whose value is SciPy's are public here, and in `by_scipy`.

>>> from autograd_mini import grad, special
>>> special.ndtr(0.0), grad(special.ndtr)(0.0)
(0.5, 0.3989422804014327)
"""

from autograd_mini.special.by_scipy import (
    betainc,
    betaln,
    ellipe,
    ellipk,
    erfcinv,
    erfcx,
    erfinv,
    exp1,
    expi,
    gammainc,
    gammaincc,
    i0,
    i0e,
    i1,
    i1e,
    j0,
    j1,
    log_ndtr,
    ndtr,
    ndtri,
    y0,
    y1,
    zeta,
)

__all__ = [
    "betainc",
    "betaln",
    "ellipe",
    "ellipk",
    "erfcinv",
    "erfcx",
    "erfinv",
    "exp1",
    "expi",
    "gammainc",
    "gammaincc",
    "i0",
    "i0e",
    "i1",
    "i1e",
    "j0",
    "j1",
    "log_ndtr",
    "ndtr",
    "ndtri",
    "y0",
    "y1",
    "zeta",
]
