"""The primitives in C and in NumPy: a spelling for each that they have."""

from __future__ import annotations

from typing import Final, NamedTuple

__all__ = ["C", "LIBM", "NUMPY", "SPELLINGS", "UFUNCS", "Spelling"]


class Spelling(NamedTuple):
    """A primitive in the languages that have it, with ``{}`` or ``{0}`` in the places of the operands.

    C's equals the primitive to the bit. NumPy's is the name of a ufunc, or an expression. Python's is in
    the primitive itself.
    """

    c: str | None = None
    numpy: str | None = None


LIBM: Final = (
    *("exp", "expm1", "log", "log2", "log10", "log1p", "pow", "erf", "erfc", "fmod"),
    *("sin", "cos", "tan", "asin", "acos", "atan", "atan2"),
    *("sinh", "cosh", "tanh", "asinh", "acosh", "atanh"),
)
"""Primitives that are functions of the same name in C, Python's `math` and our vector code."""

SPELLINGS: Final[dict[str, Spelling]] = {
    "add": Spelling("{} + {}", "add"),
    "sub": Spelling("{} - {}", "subtract"),
    "mul": Spelling("{} * {}", "multiply"),
    "div": Spelling("{} / {}", "divide"),
    "neg": Spelling("-{}", "negative"),
    "abs": Spelling("fabs({})", "absolute"),
    "less": Spelling("{} < {} ? 1.0 : 0.0", "less"),
    "equal": Spelling("{} == {} ? 1.0 : 0.0", "equal"),
    "where": Spelling("{} != 0.0 ? {} : {}", "where({0} != 0.0, {1}, {2})"),
    "relu": Spelling("{0} <= 0.0 ? 0.0 : {0}", "where({0} <= 0.0, 0.0, {0})"),
    "step": Spelling(
        "{0} > 0.0 ? 1.0 : {0} <= 0.0 ? 0.0 : {0}",
        "where({0} > 0.0, 1.0, where({0} <= 0.0, 0.0, {0}))",
    ),
    "maximum": Spelling(
        "{0} > {1} || {0} != {0} ? {0} : {1}", "where(({0} > {1}) | ({0} != {0}), {0}, {1})"
    ),
    "minimum": Spelling(
        "{0} < {1} || {0} != {0} ? {0} : {1}", "where(({0} < {1}) | ({0} != {0}), {0}, {1})"
    ),
    "copysign": Spelling(numpy="copysign({0}, where({1} == {1}, {1}, 1.0))"),
    # NumPy's power makes a square root of a shared exponent 0.5, which differs at -0.0 and -inf.
    "pow": Spelling(c="pow({}, {})", numpy="float_power"),
    "atan2": Spelling(c="atan2({}, {})", numpy="arctan2"),
    "fmod": Spelling(c="fmod({}, {})", numpy="fmod"),
    **{
        name: Spelling(c=f"{name}({{}})", numpy=name)
        for name in (
            *("sqrt", "floor", "ceil", "trunc", "exp", "expm1", "log", "log2", "log10", "log1p"),
            *("sin", "cos", "tan", "sinh", "cosh", "tanh"),
        )
    },
    **{
        f"a{name}": Spelling(c=f"a{name}({{}})", numpy=f"arc{name}")
        for name in ("sin", "cos", "tan", "sinh", "cosh", "tanh")
    },
    **{name: Spelling(c=f"{name}({{}})") for name in ("erf", "erfc")},
    **{name: Spelling(numpy=name) for name in ("exp2", "cbrt")},
}

C: Final = {name: spelling.c for name, spelling in SPELLINGS.items() if spelling.c}
NUMPY: Final = {name: spelling.numpy for name, spelling in SPELLINGS.items() if spelling.numpy}
UFUNCS: Final = {name: text for name, text in NUMPY.items() if "{" not in text}
"""NumPy's functions that take ``out=``."""
