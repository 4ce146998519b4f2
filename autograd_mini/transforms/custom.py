"""Your own primitives: `primitive` makes one from a function, or from a value or a definition."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from functools import wraps
from types import FunctionType
from typing import Any, TypedDict, Unpack, overload

from autograd_mini.engine.operators import Recorder
from autograd_mini.engine.table import ATOM, TABLE, Interval, Primitive, as_number, is_number, nan
from autograd_mini.engine.value import Value, give_methods

__all__ = ["primitive"]

Rule = Callable[..., Any]
"""A partial: called with the output, then the operands; if they are any number, with a tuple of them."""


class _About(TypedDict, total=False):
    domain: Sequence[Interval] | None
    reference: str | None
    form: str | None
    latex: str | None
    precedence: int
    aliases: Sequence[str]
    doc: str


class _Given(_About, total=False):
    value: Callable[..., float] | None
    definition: Callable[..., Any] | None
    spelling: str | None


@overload
def primitive(
    name: str | None = ...,
    operands: str | None = ...,
    *,
    partials: Sequence[Rule | None],
    **about: Unpack[_About],
) -> Callable[[Callable[..., float]], Primitive]: ...
@overload
def primitive(
    name: str, operands: str = ..., *, partials: Sequence[Rule | None], **about: Unpack[_Given]
) -> Primitive: ...
def primitive(
    name: str | None = None,
    operands: str | None = None,
    *,
    partials: Sequence[Rule | None],
    value: Callable[..., float] | None = None,
    definition: Callable[..., Any] | None = None,
    spelling: str | None = None,
    domain: Sequence[Interval] | None = None,
    reference: str | None = None,
    form: str | None = None,
    latex: str | None = None,
    precedence: int = ATOM,
    aliases: Sequence[str] = (),
    doc: str = "",
) -> Primitive | Callable[[Callable[..., float]], Primitive]:
    """Make a function a primitive, or define one. It then works like a built-in one everywhere.

    `partials` has one rule per operand, None where the derivative is zero everywhere. A rule is called
    with the output and the operands; written with ``+``, ``-``, ``*`` and other primitives, it gives
    derivatives of every order. As a decorator, name, operands and doc are the function's own:

    >>> @primitive(partials=[lambda y, x: 3.0 * x * x])
    ... def cube_example(x):
    ...     return x**3
    >>> cube_example(2.0)
    8.0

    A number never raises. Where the decorated function or a rule raises ValueError, ZeroDivisionError or
    OverflowError, the primitive returns nan; return ``math.inf`` yourself where that is the answer.

    Without a function to decorate, give `value`, a function of floats that returns a float and itself
    never raises for a number, or `definition`, the same in terms of other primitives:

    >>> square = primitive("square_example", partials=[lambda y, x: 2.0 * x], definition=lambda x: x * x)
    >>> square(3.0)
    9.0
    >>> del TABLE["cube_example"], TABLE["square_example"]

    `operands` names the operands, with spaces between; one name with a star, ``"*x"``, means any number
    of operands, with one rule that is given them as a tuple and returns all partials.
    `reference` is the mathematical definition in mpmath's names, by which tests judge it; `domain`
    has one interval per operand. `form` is the printed form, in Python's notation, `latex` that of
    formulas, and `aliases` are further names as a method, such as NumPy's. `spelling` is Python for
    `value` where that is shorter than a call of it.

    A primitive that is defined again at the same place of the same module, as by a notebook cell that is
    run twice, replaces the earlier one; graphs, programs and pickles that exist keep the one they have.

    Raises ValueError for a name of a built-in primitive or of one defined elsewhere, or if the number of
    partials is not that of operands.
    """

    def decorate(function: Callable[..., float]) -> Primitive:
        called = name or function.__name__.strip("<>")
        named = operands or " ".join(map(_operand, inspect.signature(function).parameters.values()))
        safe = [rule and _never_raising(rule) for rule in partials]
        words = doc or inspect.getdoc(function) or ""
        return define(called, named, safe, _never_raising(function, float), words)

    def define(
        name: str,
        operands: str,
        partials: Sequence[Rule | None],
        value: Callable[..., float] | None,
        doc: str,
    ) -> Primitive:
        _check(name, operands.split(), partials)
        op = Primitive(
            name,
            operands,
            partials=[rule and _checked(name, rule) for rule in partials],
            value=value and _returning_float(name, value),
            definition=definition,
            spelling=spelling,
            domain=domain,
            reference=reference,
            form=form,
            latex=latex,
            precedence=precedence,
            aliases=aliases,
            doc=doc,
        )
        made_of = (value, definition, *partials)
        op.origin = {_place(f, name) for f in made_of if isinstance(f, FunctionType)}
        _refuse_if_taken(op)
        op.former = TABLE.get(name)
        if op.former is not None:
            op.version = op.former.version + 1
            _take_methods(op.former)
        TABLE[name] = op
        give_methods(op)
        return op

    if value is None and definition is None:
        return decorate
    if name is None:
        raise TypeError("a primitive with a value or a definition needs a name: primitive(name, ...)")
    return define(name, operands or "x", partials, value, doc)


def _take_methods(op: Primitive) -> None:
    """Take away the methods of a primitive that is to be replaced."""
    for cls in (Recorder, Value):
        for name in (op.name, *op.aliases):
            if getattr(vars(cls).get(name), "row", None) is op:
                delattr(cls, name)


def _place(function: FunctionType, name: str) -> tuple[str, str]:
    """Return the module of a function, and what the primitive's qualified name is if defined there."""
    return function.__module__, f"{function.__qualname__.rpartition('.')[0]}.{name}"


def _operand(parameter: inspect.Parameter) -> str:
    return "*" * (parameter.kind == parameter.VAR_POSITIONAL) + parameter.name


def _check(name: str, operands: Sequence[str], partials: Sequence[Rule | None]) -> None:
    if not all(x.lstrip("*").isidentifier() for x in (name, *operands)):
        raise ValueError(
            f"primitive {name!r}: a name and its operands ({' '.join(operands)!r}) must be identifiers"
        )
    if len(operands) > 1 and any(x.startswith("*") for x in operands):
        raise ValueError(
            f"primitive {name!r}: operands {' '.join(operands)!r} mix a star with others; give one name "
            "with a star, whose rule is given all operands as a tuple"
        )
    if len(partials) != len(operands):  # of any number of operands, "*x", one rule returns all partials
        raise ValueError(
            f"primitive {name!r} has {len(operands)} operands ({', '.join(operands)}) and {len(partials)} "
            "partials; give one partial per operand, None where it is zero everywhere"
        )


def _refuse_if_taken(op: Primitive) -> None:
    for name in (op.name, *op.aliases):
        for other in TABLE.values():
            if other.builtin and name in (other.name, *other.aliases):
                what = "" if name == other.name else f", another name of {other.name!r}"
                raise ValueError(
                    f"primitive {op.name!r}: {name!r} is already in the table{what}; choose another name"
                )
    former = TABLE.get(op.name)
    if former is not None and former.origin | op.origin and former.origin.isdisjoint(op.origin):
        place = ", ".join(sorted({module for module, _ in former.origin})) or "code without a module"
        raise ValueError(
            f"primitive {op.name!r} is already in the table, defined in {place}; choose another name"
        )


def _checked(name: str, rule: Rule) -> Rule:
    """Return a rule that raises TypeError if it gives no number."""

    @wraps(rule)
    def checked(y: Any, *operands: Any) -> Any:
        partial = rule(y, *operands)
        parts = partial if isinstance(partial, (list, tuple)) else [partial]  # of any number of operands
        for x in parts:
            if not (is_number(x) or hasattr(type(x), "record_primitive")):
                raise TypeError(
                    f"a partial of primitive {name!r} returned {type(x).__name__}, not a number: is its "
                    "return statement missing? Where it is zero everywhere, give None in place of the rule"
                )
        if y.__class__ is not float:
            return partial
        return [as_number(x) for x in parts] if parts is partial else as_number(partial)

    return checked


def _returning_float(name: str, value: Callable[..., Any]) -> Callable[..., float]:
    """Return a function whose answer is a float where that of `value` is another number, as NumPy's are."""

    @wraps(value)
    def converted(*operands: Any) -> float:
        answer = value(*operands)
        if answer.__class__ is float:
            return answer
        try:
            return as_number(answer)
        except TypeError as error:
            raise TypeError(f"{name}(): {error}") from None

    return converted


def _never_raising(function: Callable[..., Any], convert: Callable[[Any], Any] | None = None) -> Any:
    @wraps(function)
    def careful(*operands: Any) -> Any:
        try:
            answer = function(*operands)
        except (ValueError, ZeroDivisionError, OverflowError):
            return nan
        return answer if convert is None else convert(answer)

    return careful
