"""What a row of the table is: everything the library knows of one primitive. Knows no function by name.

A row holds a function's value on floats, one *partial* per operand (∂y/∂xᵢ), the domain, the printed
form and the mathematical definition that tests hold it to. Everything else in the library — eager
evaluation, derivatives of any order in either direction, pictures, formulas, compiled code, property
tests — reads the row. The rows themselves are in `primitives`.
"""

from __future__ import annotations

import math
import numbers
from collections.abc import Callable, Sequence
from typing import Any, Final

__all__ = [
    "TABLE",
    "Interval",
    "Primitive",
    "as_number",
    "follow",
    "is_number",
    "named",
    "primitive",
]

inf: Final = math.inf
nan: Final = math.nan

Interval = tuple[float, float]
"""A closed interval of floats, from which operands are drawn."""

REALS: Final[Interval] = (-1.7976931348623157e308, 1.7976931348623157e308)

ATOM: Final = 9
"""The precedence of a form that never needs brackets around it, such as a function call."""


def is_number(x: Any) -> bool:
    """Whether `x` is a real number of Python's, NumPy's or such; NumPy's bool is one too."""
    return isinstance(x, (float, int, numbers.Real)) or type(x).__name__ in ("bool", "bool_")


def as_number(x: Any) -> float:
    """Return the real number `x` as a float; an int too large for one is an infinity of its sign.

    Raises TypeError, naming the type, for anything that is not a real number.

    >>> as_number(3), as_number(10**400)
    (3.0, inf)
    """
    if x.__class__ is int or is_number(x):
        try:
            return float(x)
        except OverflowError:
            return inf if x > 0 else -inf
    remedy = {
        str: "; convert text with float(...) first",
        complex: "; Values are real: split it into real and imaginary parts",
        type(None): "; is a return statement or an argument missing?",
    }.get(type(x), "")
    raise TypeError(f"expected a real number, got {type(x).__name__}{remedy}")


class Primitive:
    """One row of the table: a function with everything the library needs to know of it.

    Call it with numbers and it returns a float; call it with `Value`s, or with any operand whose type
    has a method ``record_primitive(primitive, operands)``, and that type says what comes out.

    >>> from autograd_mini.primitives import exp, log, maximum
    >>> exp(0.0), maximum(2, 3), log(-1.0)
    (1.0, 3.0, nan)
    """

    __slots__ = (
        "__dict__",
        "definition",
        "domain",
        "form",
        "latex",
        "name",
        "operands",
        "partials",
        "precedence",
        "reference",
        "value",
        "variadic",
    )

    def __init__(
        self,
        name: str,
        operands: Sequence[str],
        *,
        value: Callable[..., float],
        partials: Sequence[Callable[..., Any] | None],
        definition: Callable[..., Any] | None,
        domain: Sequence[Interval],
        reference: str,
        form: str,
        latex: str,
        precedence: int,
        doc: str,
    ) -> None:
        self.name = self.__name__ = name
        self.operands = tuple(operands)
        self.variadic = operands[0].startswith("*")
        self.value = value
        self.partials = tuple(partials)
        self.definition = definition
        self.domain = tuple(domain)
        self.reference = reference
        self.form = form
        self.latex = latex
        self.precedence = precedence
        self.__doc__ = doc

    def __call__(self, *operands: Any) -> Any:
        """Apply the primitive; the operands' types decide what comes out."""
        for x in operands:
            if x.__class__ is not float:
                return self._dispatch(operands)
        try:
            return self.value(*operands)
        except TypeError:
            self._check_arity(operands)
            raise

    def _dispatch(self, operands: tuple[Any, ...]) -> Any:
        """Let the operands' own types record the call; compute it when all are plain numbers."""
        self._check_arity(operands)
        recorders = [x for x in operands if hasattr(type(x), "record_primitive")]
        if recorders:
            return max(recorders, key=_priority).record_primitive(self, operands)
        try:
            return self.value(*[as_number(x) for x in operands])
        except TypeError as error:
            raise TypeError(f"{self.name}(): {error}") from None

    def partials_at(self, y: Any, operands: Sequence[Any], wanted: Sequence[bool]) -> list[Any]:
        """Return the partial by each operand, None where it is not wanted or is zero everywhere.

            Unwanted rules are not run: ``(-3)**2`` must never ask for log(-3).

            >>> from autograd_mini.primitives import mul
        >>> mul.partials_at(6.0, [2.0, 3.0], [True, False])
            [3.0, None]
        """
        if self.variadic:
            every = self.partials[0](y, operands)  # type: ignore[misc]
            return [p if w else None for p, w in zip(every, wanted, strict=True)]
        return [
            rule(y, *operands) if w and rule is not None else None
            for rule, w in zip(self.partials, wanted, strict=True)
        ]

    def _check_arity(self, operands: tuple[Any, ...]) -> None:
        if len(operands) != len(self.operands) and not self.variadic:
            raise TypeError(
                f"{self.name}({', '.join(self.operands)}) takes {len(self.operands)} operand"
                f"{'s' * (len(self.operands) != 1)}, got {len(operands)}"
            )

    def __repr__(self) -> str:
        return f"<primitive {self.name}({', '.join(self.operands)})>"

    def __reduce__(self) -> tuple[Callable[[str], Primitive], tuple[str]]:
        return named, (self.name,)

    def __copy__(self) -> Primitive:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Primitive:
        return self


def _priority(x: Any) -> int:
    return x.record_priority  # type: ignore[no-any-return]


TABLE: Final[dict[str, Primitive]] = {}
"""Every primitive by name, in the order of definition."""


_followers: Final[list[Callable[[Primitive], None]]] = []


def follow(announce: Callable[[Primitive], None]) -> None:
    """Call `announce` with every row there is, and with every row to come."""
    for row in TABLE.values():
        announce(row)
    _followers.append(announce)


def named(name: str) -> Primitive:
    """Return the primitive called `name`; LookupError tells what to do when there is none."""
    try:
        return TABLE[name]
    except KeyError:
        raise LookupError(
            f"no primitive is called {name!r} here; one of your own must be defined (import the module "
            "that does it) before a graph that uses it is loaded"
        ) from None


def primitive(
    name: str,
    operands: str = "x",
    *,
    partials: Sequence[Callable[..., Any] | None],
    value: Callable[..., float] | None = None,
    definition: Callable[..., Any] | None = None,
    domain: Sequence[Interval] | None = None,
    reference: str | None = None,
    form: str | None = None,
    latex: str | None = None,
    precedence: int = ATOM,
    doc: str = "",
) -> Primitive:
    """Add a row to the table and return it.

    `operands` names the operands, with spaces between. Give either `value`, a function of floats that
    returns a float and never raises for a number, or `definition`, the same in terms of other
    primitives. `reference` is the mathematical definition in mpmath's names, by which tests judge the row;
    `domain` has one interval per operand. `form` is the printed form, in Python's notation.

    >>> square = primitive("square_example", partials=[lambda y, x: 2 * x], value=lambda x: x * x)
    >>> square(3.0)
    9.0
    >>> del TABLE["square_example"]
    """
    names = operands.split()
    body = definition if value is None else value
    call = f"{name}({', '.join('{' + x + '}' for x in names)})"
    if name in TABLE:
        raise ValueError(f"primitive {name!r} is already in the table; choose another name")
    if body is None:
        raise ValueError(f"primitive {name!r} needs a value (on floats) or a definition")
    if len(partials) != len(names):  # a variadic row, "*x", has one rule that returns them all
        raise ValueError(
            f"primitive {name!r} has {len(names)} operands ({', '.join(names)}) and {len(partials)} "
            "partials; give one partial per operand, None where it is zero everywhere"
        )
    row = Primitive(
        name,
        names,
        value=body,
        partials=partials,
        definition=definition,
        domain=[REALS] * len(names) if domain is None else domain,
        reference=reference or call.replace("{", "").replace("}", ""),
        form=form or call,
        latex=latex or rf"\operatorname{{{name}}}\left({', '.join('{' + x + '}' for x in names)}\right)",
        precedence=precedence,
        doc=doc,
    )
    TABLE[name] = row
    for announce in _followers:
        announce(row)
    return row
