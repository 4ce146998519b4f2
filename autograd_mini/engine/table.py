"""What a row of the table is: everything the library knows of one primitive. Knows no function by name.

A row holds a function's value on floats, one *partial* per operand (∂y/∂xᵢ), the domain, the printed
form and the mathematical definition that tests hold it to. Everything else in the library — eager
evaluation, derivatives of any order in either direction, pictures, formulas, compiled code, property
tests — reads the row. The rows themselves are in `primitives`.

A rule is text that runs on anything: on Values it builds a graph, and on floats it would call a dozen
small primitives. So each row also writes its rules out, once, as straight Python for floats, by running
them on symbols; what a rule says is said in one place, and is fast there where speed counts.
"""

from __future__ import annotations

import inspect
import math
import numbers
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final, NoReturn, overload

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

    `value` and `slopes` are for floats alone: the function and its partials, written out.

    >>> from autograd_mini.engine.primitives import exp, log, maximum
    >>> exp(0.0), maximum(2, 3), log(-1.0)
    (1.0, 3.0, nan)
    """

    __slots__ = (
        "__dict__",
        "aliases",
        "definition",
        "domain",
        "form",
        "latex",
        "name",
        "operands",
        "partials",
        "precedence",
        "recorders",
        "reference",
        "slopes",
        "spelling",
        "value",
        "variadic",
    )

    recorders: dict[type, Callable[[Any], Any]]
    """For rows of one operand: types that have a faster way to record them than `record_primitive`."""
    value: Callable[..., float]
    slopes: tuple[Callable[..., Any] | None, ...]

    def __init__(
        self,
        name: str,
        operands: Sequence[str],
        *,
        value: Callable[..., float] | None,
        partials: Sequence[Callable[..., Any] | None],
        definition: Callable[..., Any] | None,
        spelling: str | None,
        domain: Sequence[Interval],
        reference: str,
        form: str,
        latex: str,
        precedence: int,
        aliases: Sequence[str],
        doc: str,
    ) -> None:
        self.name = self.__name__ = name
        self.operands = tuple(operands)
        self.variadic = operands[0].startswith("*")
        if value is not None:
            self.value = value
        self.partials = tuple(partials)
        self.definition = definition
        self.spelling = spelling
        self.domain = tuple(domain)
        self.reference = reference
        self.form = form
        self.latex = latex
        self.precedence = precedence
        self.aliases = tuple(aliases)
        self.recorders = {}
        self.__doc__ = doc

    if not TYPE_CHECKING:  # for a type checker there are no attributes but those declared

        def __getattr__(self, name: str) -> Any:
            # Reached only while a slot is empty. A rule may name rows that come after its own, so it is
            # written out when first asked for.
            if name == "value":
                self.value = _written_out(self.definition, self.operands)
            elif name == "slopes":
                names = ("y of " + self.name, *self.operands)
                self.slopes = tuple(rule and _written_out(rule, names) for rule in self.partials)
            else:
                raise AttributeError(f"a primitive has no attribute {name!r}")
            return getattr(self, name)

    def __call__(self, *operands: Any) -> Any:
        """Apply the primitive; the operands' types decide what comes out."""
        for x in operands:
            if x.__class__ is not float:
                record = self.recorders.get(x.__class__)
                if record is not None and len(operands) == 1:
                    return record(x)
                return self._dispatch(operands)
        try:
            return self.value(*operands)
        except TypeError:
            self._check_arity(operands)
            raise

    def _dispatch(self, operands: tuple[Any, ...]) -> Any:
        """Let the operands' own types record the call; compute it when all are plain numbers."""
        if len(operands) != len(self.operands):
            self._check_arity(operands)
        recorder = None
        for x in operands:
            if hasattr(x.__class__, "record_primitive") and (
                recorder is None or x.record_priority > recorder.record_priority
            ):
                recorder = x
        if recorder is not None:
            return recorder.record_primitive(self, operands)
        try:
            return self.value(*[as_number(x) for x in operands])
        except TypeError as error:
            raise TypeError(f"{self.name}(): {error}") from None

    def partials_at(self, y: Any, operands: Sequence[Any], wanted: Sequence[bool]) -> list[Any]:
        """Return the partial by each operand, None where it is not wanted or is zero everywhere.

        Unwanted rules are not run: ``(-3)**2`` must never ask for log(-3). If the output `y` is a float,
        so must the operands be.

        >>> from autograd_mini.engine.primitives import mul
        >>> mul.partials_at(6.0, [2.0, 3.0], [True, False])
        [3.0, None]
        """
        if self.variadic:
            every = self.partials[0](y, operands)  # type: ignore[misc]
            return [p if w else None for p, w in zip(every, wanted, strict=True)]
        rules = self.slopes if y.__class__ is float else self.partials
        return [
            rule(y, *operands) if w and rule is not None else None
            for rule, w in zip(rules, wanted, strict=True)
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


class _Symbol:
    """Stands for a float while a rule is written out: each operation on it becomes a line of Python."""

    record_priority = 1_000_000

    def __init__(self, text: str, lines: list[str], scope: dict[str, Any]) -> None:
        self.text, self.lines, self.scope = text, lines, scope

    def _line(self, expression: str) -> _Symbol:
        result = _Symbol(f"t{len(self.lines)}", self.lines, self.scope)
        self.lines.append(f"{result.text} = {expression}")
        return result

    @staticmethod
    def record_primitive(op: Primitive, operands: tuple[Any, ...]) -> _Symbol:
        here = next(x for x in operands if isinstance(x, _Symbol))
        texts = [_text(x) for x in operands]
        if op.spelling is not None:
            return here._line(op.spelling.format(**dict(zip(op.operands, texts, strict=True))))
        here.scope[f"value_of_{op.name}"] = op.value
        return here._line(f"value_of_{op.name}({', '.join(texts)})")

    def __add__(self, other: Any) -> _Symbol:
        return self._line(f"{self.text} + {_text(other)}")

    def __radd__(self, other: Any) -> _Symbol:
        return self._line(f"{_text(other)} + {self.text}")

    def __sub__(self, other: Any) -> _Symbol:
        return self._line(f"{self.text} - {_text(other)}")

    def __rsub__(self, other: Any) -> _Symbol:
        return self._line(f"{_text(other)} - {self.text}")

    def __mul__(self, other: Any) -> _Symbol:
        return self._line(f"{self.text} * {_text(other)}")

    def __rmul__(self, other: Any) -> _Symbol:
        return self._line(f"{_text(other)} * {self.text}")

    def __neg__(self) -> _Symbol:
        return self._line(f"-{self.text}")

    def __bool__(self) -> NoReturn:
        raise TypeError("the rule branches on a number")


def _text(x: Any) -> str:
    return x.text if isinstance(x, _Symbol) else f"({float(x)!r})"


def _written_out(rule: Callable[..., Any], operands: Sequence[str]) -> Callable[..., Any]:
    """Return `rule` as a straight line of Python for floats, or as it is if it cannot be read that way.

    The same operations in the same order, without the calls that find out what the operands are.
    """
    if operands[-1].startswith("*") or rule.__module__.split(".")[0] != __package__.split(".")[0]:
        return rule  # a rule of the user's may branch, or read what changes: it is run as it stands
    names = [f"x{i}" for i in range(len(operands))]
    lines: list[str] = []
    scope: dict[str, Any] = {"inf": inf, "nan": nan}
    try:
        result = rule(*[_Symbol(name, lines, scope) for name in names])
    except Exception:  # an `if`, a function of `math`: such a rule serves floats, and needs no help
        return rule
    if not isinstance(result, _Symbol):
        return rule
    body = "; ".join([*lines, f"return {result.text}"])
    exec(f"def written({', '.join(names)}): {body}", scope)
    return scope["written"]  # type: ignore[no-any-return]


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


Rule = Callable[..., Any]
"""A partial: called with the output, then the operands (a variadic row's: with the tuple of them)."""


@overload
def primitive(
    name: str,
    operands: str = ...,
    *,
    partials: Sequence[Rule | None],
    value: Callable[..., float],
    definition: Callable[..., Any] | None = ...,
    spelling: str | None = ...,
    domain: Sequence[Interval] | None = ...,
    reference: str | None = ...,
    form: str | None = ...,
    latex: str | None = ...,
    precedence: int = ...,
    aliases: Sequence[str] = ...,
    doc: str = ...,
) -> Primitive: ...


@overload
def primitive(
    name: str,
    operands: str = ...,
    *,
    partials: Sequence[Rule | None],
    definition: Callable[..., Any],
    domain: Sequence[Interval] | None = ...,
    reference: str | None = ...,
    form: str | None = ...,
    latex: str | None = ...,
    precedence: int = ...,
    aliases: Sequence[str] = ...,
    doc: str = ...,
) -> Primitive: ...


@overload
def primitive(
    name: str | None = ...,
    operands: str | None = ...,
    *,
    partials: Sequence[Rule | None],
    domain: Sequence[Interval] | None = ...,
    reference: str | None = ...,
    form: str | None = ...,
    latex: str | None = ...,
    precedence: int = ...,
    aliases: Sequence[str] = ...,
    doc: str = ...,
) -> Callable[[Callable[..., float]], Primitive]: ...


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
    """Add a row to the table and return it; or decorate a function of floats, which becomes the row.

    `partials` has one rule per operand, None where the derivative is zero everywhere. A rule is called
    with the output and the operands; written with ``+``, ``-``, ``*`` and other primitives, it gives
    derivatives of every order. As a decorator, name, operands and doc are the function's own:

    >>> @primitive(partials=[lambda y, x: 3.0 * x * x])
    ... def cube_example(x):
    ...     return x**3
    >>> cube_example(2.0)
    8.0

    A number never raises. Where the decorated function or a rule has ValueError, ZeroDivisionError or
    OverflowError for an answer, the row's is nan; return ``math.inf`` where that is the truth.

    Without a function to decorate, give `value`, a function of floats that returns a float and itself
    never raises for a number, or `definition`, the same in terms of other primitives:

    >>> square = primitive("square_example", partials=[lambda y, x: 2.0 * x], definition=lambda x: x * x)
    >>> square(3.0)
    9.0
    >>> del TABLE["cube_example"], TABLE["square_example"]

    `operands` names the operands, with spaces between; one name with a star, ``"*x"``, is a row of any
    number of operands, with one rule that is given them as a tuple and returns all partials.
    `reference` is the mathematical definition in mpmath's names, by which tests judge the row; `domain`
    has one interval per operand. `form` is the printed form, in Python's notation, `latex` that of
    formulas, and `aliases` are further names as a method, such as NumPy's. `spelling` is Python for
    `value` where that is shorter than a call of it.

    Raises ValueError for a name that is taken, or if the number of partials is not that of operands.
    """

    def decorate(function: Callable[..., float]) -> Primitive:
        return primitive(
            name or function.__name__.strip("<>"),
            operands or _operands_of(function),
            value=_never_raising(function, float),
            partials=[rule and _never_raising(rule) for rule in partials],
            domain=domain,
            reference=reference,
            form=form,
            latex=latex,
            precedence=precedence,
            aliases=aliases,
            doc=doc or inspect.getdoc(function) or "",
        )

    if value is None and definition is None:
        return decorate
    names = (operands or "x").split()
    if name is None:
        raise TypeError("a primitive with a value or a definition needs a name: primitive(name, ...)")
    if name in TABLE:
        raise ValueError(f"primitive {name!r} is already in the table; choose another name")
    if not all(x.lstrip("*").isidentifier() for x in (name, *names)):
        raise ValueError(f"primitive {name!r}: a name and its operands ({operands!r}) must be identifiers")
    if len(names) > 1 and any(x.startswith("*") for x in names):
        raise ValueError(
            f"primitive {name!r}: operands {operands!r} mix a star with others; give one name with a star, "
            "whose rule is given all operands as a tuple"
        )
    if len(partials) != len(names):  # a variadic row, "*x", has one rule that returns them all
        raise ValueError(
            f"primitive {name!r} has {len(names)} operands ({', '.join(names)}) and {len(partials)} "
            "partials; give one partial per operand, None where it is zero everywhere"
        )
    plain = [x.lstrip("*") for x in names]
    arguments = ", ".join("{" + x + "}" for x in plain)
    roman = name.replace("_", r"\_")
    row = Primitive(
        name,
        names,
        value=value,
        partials=[rule and _checked(name, rule) for rule in partials],
        definition=definition,
        spelling=spelling,
        domain=[REALS] * len(names) if domain is None else domain,
        reference=reference or f"{name}({', '.join(plain)})",
        form=form or f"{name}({arguments})",
        latex=latex or rf"\operatorname{{{{{roman}}}}}\left({arguments}\right)",
        precedence=precedence,
        aliases=aliases,
        doc=doc,
    )
    TABLE[name] = row
    for announce in _followers:
        announce(row)
    return row


def _operands_of(function: Callable[..., Any]) -> str:
    parameters = inspect.signature(function).parameters.values()
    return " ".join("*" * (p.kind == p.VAR_POSITIONAL) + p.name for p in parameters)


def _checked(name: str, rule: Rule) -> Rule:
    """Return a rule of the user's that complains if it gives no number; this package's, as they are."""
    if rule.__module__.split(".")[0] == __package__.split(".")[0]:
        return rule

    def checked(y: Any, *operands: Any) -> Any:
        partial = rule(y, *operands)
        parts = partial if isinstance(partial, (list, tuple)) else [partial]  # a variadic row's are many
        for x in parts:
            if not (is_number(x) or hasattr(type(x), "record_primitive")):
                raise TypeError(
                    f"a partial of primitive {name!r} returned {type(x).__name__}, not a number: is its "
                    "return statement missing? Where it is zero everywhere, give None in place of the rule"
                )
        return partial

    checked.__module__ = rule.__module__
    return checked


def _never_raising(function: Callable[..., Any], convert: Callable[[Any], Any] | None = None) -> Any:
    def careful(*operands: Any) -> Any:
        try:
            answer = function(*operands)
        except (ValueError, ZeroDivisionError, OverflowError):
            return nan
        return answer if convert is None else convert(answer)

    careful.__name__, careful.__doc__ = function.__name__, function.__doc__
    careful.__module__ = function.__module__
    return careful
