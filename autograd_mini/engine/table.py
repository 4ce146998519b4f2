"""What a primitive is: a function on floats with all that the library needs to know of it.

A primitive holds its value on floats, one *partial* per operand (∂y/∂xᵢ), the domain, the printed form and
the mathematical definition that tests hold it to. All else in the library — eager evaluation, derivatives
of any order in either direction, pictures, formulas, compiled code, property tests — reads these. The
primitives themselves are in `primitives`; those of a user's own are made by `custom`.
"""

from __future__ import annotations

import math
import numbers
from collections.abc import Callable, Sequence
from inspect import Parameter, Signature
from typing import TYPE_CHECKING, Any, Final, SupportsFloat, SupportsIndex, overload

from autograd_mini.engine.float_rules import on_floats

if TYPE_CHECKING:
    from autograd_mini.engine.value import Value

__all__ = [
    "TABLE",
    "Interval",
    "Primitive",
    "PrimitiveByName",
    "as_number",
    "define",
    "exact_number",
    "is_number",
    "named",
]

inf: Final = math.inf
nan: Final = math.nan

Interval = tuple[float, float]
"""A closed interval of floats, from which operands are drawn."""

REALS: Final[Interval] = (-1.7976931348623157e308, 1.7976931348623157e308)

LATEX_NAMES: Final = "arccos arcsin arctan cos cosh log sin sinh tan tanh"

ATOM: Final = 9
"""The precedence of a form that never needs brackets around it, such as a function call."""


def is_number(x: Any) -> bool:
    """Whether `x` is a real number of Python's, NumPy's or such; an array without dimensions is one too."""
    if isinstance(x, (float, int, numbers.Real)):
        return True
    return getattr(x, "shape", None) == () and getattr(x.dtype, "kind", None) in ("b", "i", "u", "f")


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


def exact_number(x: Any) -> Any:
    """Return a real number for a comparison: ints and fractions stay exact, all else is a float."""
    if isinstance(x, numbers.Integral):
        return int(x)
    return x if isinstance(x, numbers.Rational) else as_number(x)


class Primitive:
    """A function with everything the library needs to know of it.

    Call it with numbers and it returns a float; call it with `Value`s, or with any operand whose type
    has a method ``record_primitive(primitive, operands)``, and that type says what comes out.

    `value` and `slopes` are for floats alone: the function and its partials, as straight Python.

    >>> from autograd_mini.engine.primitives import exp, log, maximum
    >>> exp(0.0), maximum(2, 3), log(-1.0)
    (1.0, 3.0, nan)
    """

    __slots__ = ("__dict__", "recorders", "slopes", "value", "variadic")  # slots for what is hot

    recorders: dict[type, Callable[[Any], Any]]
    """Of a primitive of one operand: types that have a faster way to record it than `record_primitive`."""
    value: Callable[..., float]
    slopes: tuple[Callable[..., Any] | None, ...]

    def __init__(
        self,
        name: str,
        operands: str = "x",
        *,
        partials: Sequence[Callable[..., Any] | None],
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
        builtin: bool = False,
    ) -> None:
        self.name = self.__name__ = name
        self.operands = tuple(operands.split())
        self.variadic = operands.startswith("*")
        if value is not None:
            self.value = value
        self.partials = tuple(partials)
        self.definition = definition
        self.spelling = spelling
        self.domain = tuple(domain or [REALS] * len(self.operands))
        plain = operands.replace("*", "").split()
        arguments = ", ".join(f"{{{x}}}" for x in plain)
        roman = name.replace("_", r"\_")
        own = [rf"\{x}" for x in (name, *aliases) if x in LATEX_NAMES.split()]
        called = own[0] if own else rf"\operatorname{{{{{roman}}}}}"
        self.reference = reference or f"{name}({', '.join(plain)})"
        self.form = form or f"{name}({arguments})"
        self.latex = latex or rf"{called}\left({arguments}\right)"
        self.precedence = precedence
        self.aliases = tuple(aliases)
        self.builtin = builtin
        self.version = 0
        self.overload: Primitive | None = None  # what a call with more operands is
        self.former: Primitive | None = None  # of the same name, that this one replaces
        self.origin: set[tuple[str, str]] = set()
        self.recorders = {}
        self.__doc__ = doc

    if not TYPE_CHECKING:  # for a type checker there are no attributes but those declared

        def __getattr__(self, name: str) -> Any:
            # Reached only while a slot is empty: a rule may use primitives that are defined after its
            # own, so it is put into Python when first asked for. A user's rule may branch, or read what
            # changes, and is run as it stands.
            adapted = on_floats if self.builtin else lambda rule, operands: rule
            if name == "value":
                self.value = adapted(self.definition, self.operands)
            elif name == "slopes":
                names = ("y of " + self.name, *self.operands)
                self.slopes = tuple(rule and adapted(rule, names) for rule in self.partials)
            else:
                raise AttributeError(f"a primitive has no attribute {name!r}")
            return getattr(self, name)

    @property
    def __signature__(self) -> Signature:
        """The operands by name, for `help` and editors."""
        kind = Parameter.VAR_POSITIONAL if self.variadic else Parameter.POSITIONAL_OR_KEYWORD
        return Signature([Parameter(x.lstrip("*"), kind) for x in self.operands])

    def in_python(self, operands: Sequence[str]) -> str:
        """Return the call as text: the primitive's spelling in Python, or its name with a _ behind it.

        >>> from autograd_mini.engine.primitives import exp, less
        >>> exp.in_python(["t"]), less.in_python(["s", "t"])
        ('exp_(t)', '1.0 if s < t else 0.0')
        """
        if self.spelling is None:
            return f"{self.name}_({', '.join(operands)})"
        return self.spelling.format(**dict(zip(self.operands, operands, strict=True)))

    @overload
    def __call__(self, *operands: SupportsFloat | SupportsIndex) -> float: ...  # type: ignore[overload-overlap]
    @overload
    def __call__(self, *operands: Value | SupportsFloat | SupportsIndex) -> Value: ...
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
            if self.taking(len(operands)) is self:
                raise
            return self._dispatch(operands)

    def _dispatch(self, operands: tuple[Any, ...]) -> Any:
        """Let the operands' own types record the call; compute it when all are plain numbers."""
        if len(operands) != len(self.operands) and not self.variadic:
            return self.taking(len(operands))(*operands)
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
            many = any(hasattr(x, "__len__") and not isinstance(x, str) for x in operands)
            each = f"; take them one by one, with np.frompyfunc({self.name}, {len(operands)}, 1)" * many
            raise TypeError(f"{self.name}(): {error}{each}") from None

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

    def taking(self, count: int) -> Primitive:
        """Return the primitive of this name that takes `count` operands; TypeError where there is none.

        >>> from autograd_mini.engine.primitives import log
        >>> log.taking(1), log.taking(2)
        (<primitive log(x)>, <primitive log_base(x, base)>)
        """
        if count == len(self.operands) or self.variadic:
            return self
        if self.overload is not None and count == len(self.overload.operands):
            return self.overload
        plural = "s" * (len(self.operands) != 1)
        takes = f"{self.name}({', '.join(self.operands)}) takes {len(self.operands)} operand{plural}"
        raise TypeError(f"{takes}, got {count}")

    def __repr__(self) -> str:
        return f"<primitive {self.name}({', '.join(self.operands)})>"

    def __reduce__(self) -> tuple[Callable[..., Primitive], tuple[Any, ...]]:
        return named, (self.name, self.version)

    def __copy__(self) -> Primitive:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Primitive:
        return self


class PrimitiveByName(Primitive):
    """A primitive whose operands may be given by name, which costs time: ``clamp(v, lo=0, hi=1)``."""

    __slots__ = ()

    def __call__(self, *operands: Any, **named: Any) -> Any:
        """Apply the primitive; the operands' types decide what comes out."""
        if named:
            try:
                operands = self.__signature__.bind(*operands, **named).args
            except TypeError as error:
                raise TypeError(f"{self.name}({', '.join(self.operands)}): {error}") from None
        return super().__call__(*operands)


TABLE: Final[dict[str, Primitive]] = {}
"""Every primitive by name, in the order of definition."""


def define(name: str, operands: str = "x", *, kind: type[Primitive] = Primitive, **about: Any) -> Primitive:
    """Put a primitive of this package into the table and return it; the arguments are `Primitive`'s."""
    TABLE[name] = row = kind(name, operands, **about, builtin=True)
    return row


def named(name: str, version: int | None = None) -> Primitive:
    """Return the primitive called `name`, or a former one by its version, where this process has it.

    LookupError tells what to do when there is none of this name.
    """
    try:
        row = TABLE[name]
    except KeyError:
        raise LookupError(
            f"no primitive is called {name!r} here; one of your own must be defined (import the module "
            "that does it) before a graph that uses it is loaded"
        ) from None
    while version is not None and row.version > version and row.former is not None:
        row = row.former
    return row
