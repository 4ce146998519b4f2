"""Read an expression from text into a `Value`, without running anything in it.

The notation is Python's, cut down to arithmetic: numbers, names, ``+ - * / **``, brackets, calls of the
functions in the table, and comparisons in the condition of a `where`. A result that is used more than once
is defined first: ``s = x*x; s + s*s*s``. It is read here and not by Python's
own parser, which goes a level deeper for each term and gives up on a sum of a few thousand. Nothing below
recurses, so the one cap, on length, bounds depth, nodes, memory and time as well.
"""

from __future__ import annotations

import keyword
import math
import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from inspect import Parameter, Signature
from typing import Any, Final

from autograd_mini.engine import primitives as p
from autograd_mini.engine.table import TABLE, Primitive, as_number
from autograd_mini.engine.value import Value
from autograd_mini.show.text import width

__all__ = ["CONSTANTS", "LONGEST", "OTHER_NAMES", "REMEDIES", "Expression", "ExpressionError", "parse"]

LONGEST: Final = 10_000
"""How many characters an expression may have."""

CONSTANTS: Final[Mapping[str, float]] = {
    "pi": math.pi,
    "e": math.e,
    "tau": math.tau,
    "inf": math.inf,
    "nan": math.nan,
}
"""Names that have a number of their own, unless the caller gives them another."""


class ExpressionError(ValueError):
    r"""An expression that cannot be read or evaluated; the message is one line and has the remedy.

    >>> try:
    ...     parse("2 * (a + 1", a=1)
    ... except ExpressionError as error:
    ...     print(error, error.caret, sep="\n")
    the bracket is never closed: add ')'
      2 * (a + 1
          ^
    """

    def __init__(self, message: str, text: str = "", position: int | None = None) -> None:
        super().__init__(message)
        self.text = text
        self.position = position

    @property
    def caret(self) -> str:
        """The line of the expression with a ^ under the place; "" where no one place is to blame."""
        if self.position is None:
            return ""
        start = max(self.text.rfind("\n", 0, self.position) + 1, self.position - 50)
        before = _shown(self.text[start : self.position])
        after = _shown(self.text[self.position : self.position + 25].split("\n")[0])
        return f"  {before}{after}\n  {' ' * width(before)}^"


def _shown(text: str) -> str:
    return "".join(c if c.isprintable() else "�" for c in text)


# ---- what can be said ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Operator:
    apply: Callable[..., Any]
    precedence: int  # Python's, as in the table: 0 compares, 1 adds, 2 multiplies, 3 negates, 4 raises
    operands: int = 2


_COMPARES: Final = 0
_NEGATION: Final = _Operator(p.neg, p.neg.precedence, 1)
_BINARY: Final[dict[str, _Operator]] = {
    "+": _Operator(p.add, p.add.precedence),
    "-": _Operator(p.sub, p.sub.precedence),
    "*": _Operator(p.mul, p.mul.precedence),
    "/": _Operator(p.div, p.div.precedence),
    "%": _Operator(p.mod, p.mod.precedence),
    "//": _Operator(p.floordiv, p.floordiv.precedence),
    "**": _Operator(p.pow_, p.pow_.precedence),
    "<": _Operator(p.less, _COMPARES),
    ">": _Operator(lambda x, y: p.less(y, x), _COMPARES),
    "==": _Operator(p.equal, _COMPARES),
    "!=": _Operator(lambda x, y: p.sub(1.0, p.equal(x, y)), _COMPARES),
    "<=": _Operator(lambda x, y: p.add(p.less(x, y), p.equal(x, y)), _COMPARES),
    ">=": _Operator(lambda x, y: p.add(p.less(y, x), p.equal(x, y)), _COMPARES),
}

_TOKEN: Final = re.compile(
    r"(?P<number>(?:[0-9][0-9_]*\.?[0-9_]*|\.[0-9][0-9_]*)(?:[eE][-+]?[0-9]+)?)"
    r"|(?P<name>[^\W0-9]\w*)"
    r"|(?P<sign>\*\*|//|[<>=!:]=|[-+*/%(),;<>])"
    r"|(?P<blank>\s+)"
    r"|(?P<other>.)",
    re.DOTALL,
)

REMEDIES: Final[dict[str, str]] = {
    "^": "a power is written **",
    "=": "to compare, write ==; the numbers of names are given apart from the expression",
    ":=": "the numbers of names are given apart from the expression",
    ".": "attributes cannot be part of an expression",
    "[": "indexing cannot be part of an expression: give each number a name of its own",
    "{": "brackets are written ( )",
    "'": "text cannot be part of an expression",
    '"': "text cannot be part of an expression",
    "#": "comments cannot be part of an expression",
    "−": "a minus is written -",  # from here on: what word processors make of it
    "–": "a minus is written -",
    "×": "a product is written *",
    "·": "a product is written *",
    "⋅": "a product is written *",
    "÷": "a quotient is written /",
    "²": "a square is written **2",
    "³": "a cube is written **3",
    "√": "a root is written sqrt(x)",
    "（": "brackets are written ( )",
    "）": "brackets are written ( )",
    "，": "a comma is written ,",
    "and": "for both of two conditions, multiply them: where((a < b) * (c < d), x, y)",
    "or": "for either of two conditions, take the larger: where(maximum(a < b, c < d), x, y)",
    "not": "swap the last two operands of the where(condition, x, y)",
    "if": "a choice is written where(condition, x, y)",
    "else": "a choice is written where(condition, x, y)",
    "True": "truth is written 1",
    "False": "falsehood is written 0",
}

OTHER_NAMES: Final = {"max": "maximum", "min": "minimum", "ln": "log"}
"""Names that people use for a function, which neither its spelling nor its aliases would find."""


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    position: int


@dataclass(slots=True)
class _Bracket:
    """An open bracket: a call when it has a function, else a group."""

    position: int
    function: Primitive | None = None
    in_condition: bool = False  # of a where around it
    operands: int = 0  # those complete
    compared: bool = False  # in the operand being read

    @property
    def may_compare(self) -> bool:
        return self.in_condition or (self.function is p.where and not self.operands)


@dataclass(frozen=True, slots=True)
class _Definition:
    name: str
    is_new: bool  # made by an operation: `t = s` is another name of s


_Step = float | str | _Operator | _Definition
"""A step of a stack machine: push a number, push the number of a name, apply, take as a name's."""


# ---- reading ---------------------------------------------------------------------------------------


def _tokens(text: str) -> Iterator[_Token]:
    before = ["start", ";"]  # the kinds of the last two tokens, signs as they are
    for match in _TOKEN.finditer(text):
        kind, token, position = str(match.lastgroup), match.group(), match.start()
        if kind == "blank":
            continue
        if kind == "name":
            strange = next(
                (i for i, c in enumerate(token) if not f"{'a' * (i > 0)}{c}".isidentifier()), None
            )
            if strange is not None:  # a², which is not a2
                raise _unreadable(token[strange], text, position + strange)
            token = unicodedata.normalize("NFKC", token)  # as Python has it: ｘ and x are one name
            if keyword.iskeyword(token):
                remedy = REMEDIES.get(token, "it is a word of Python's, choose another")
                raise ExpressionError(f"{token!r} cannot be a name here: {remedy}", text, position)
        elif token == "=" and before == [";", "name"]:
            pass
        elif kind == "other" or token in REMEDIES:
            raise _unreadable(token, text, position)
        before = [before[1], token if kind == "sign" else kind]
        yield _Token(kind, token, position)
    yield _Token("end", "", len(text.rstrip()))


def _unreadable(sign: str, text: str, position: int) -> ExpressionError:
    remedy = REMEDIES.get(sign, "use numbers, names, + - * / ** ( ) and functions")
    shown = repr(sign) if sign.isprintable() else f"the character U+{ord(sign):04X}"
    return ExpressionError(f"{shown} cannot be read: {remedy}", text, position)


class _Reader:
    """Turns text into steps by operator precedence, with a stack of its own for what is still open."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens = list(_tokens(text))
        self.steps: list[_Step] = []
        self.names: dict[str, int] = {}  # and where each first stands
        self.defined: set[str] = set()
        self.open: list[_Operator | _Bracket] = []
        self.brackets: list[_Bracket] = []  # those of `open`

    def read(self) -> list[_Step]:
        at, defines = self.definition(0)
        while True:
            at = self.operand(at)
            while self.tokens[at].text == ")" and self.tokens[at].kind == "sign":
                self.close(self.tokens[at])
                at += 1
            token = self.tokens[at]
            if token.kind == "end" or token.text == ";":
                self.end(token, defines)
                if token.kind == "end":
                    return self.steps
                at, defines = self.definition(at + 1)
                continue
            self.binary(token)
            at += 1

    def definition(self, at: int) -> tuple[int, _Token | None]:
        """Read ``name =``, if that is what begins here; return where the next token is, and the name."""
        token = self.tokens[at]
        if token.kind != "name" or self.tokens[at + 1].text != "=":
            return at, None
        if token.text in self.defined or token.text in self.names:
            how = "defined twice" if token.text in self.defined else "used before it is defined"
            raise self.error(
                f"{_cut(token.text)!r} is {how}: give one of the two another name", token.position
            )
        return at + 2, token

    def end(self, token: _Token, defines: _Token | None) -> None:
        """End what stands before a semicolon, or all."""
        if self.brackets:
            raise self.error("the bracket is never closed: add ')'", self.brackets[-1].position)
        self.settle(_COMPARES)
        if (defines is None) == (token.text == ";"):
            raise self.error(
                "a definition is not a result: go on, as in s = x*x; s + 1; numbers are given apart"
                if defines
                else "';' ends a definition, as in s = x*x; s + 1: there is none",
                token.position,
            )
        if defines is not None:
            self.steps.append(_Definition(defines.text, isinstance(self.steps[-1], _Operator)))
            self.defined.add(defines.text)

    def operand(self, at: int) -> int:
        """Read all up to the end of a name or number, from token `at` on; return where the next one is."""
        while True:
            token, after = self.tokens[at], self.tokens[min(at + 1, len(self.tokens) - 1)]
            at += 1
            if token.kind == "number":
                self.steps.append(self.number(token))
                return at
            if token.kind == "name":
                if after.text != "(":
                    if token.text not in self.defined:
                        self.names.setdefault(token.text, token.position)
                    self.steps.append(token.text)
                    return at
                self.enter(_Bracket(after.position, self.function(token)))
                at += 1
            elif token.text == "(":
                self.enter(_Bracket(token.position))
            elif token.text == "-":
                self.open.append(_NEGATION)
            elif token.text != "+":  # a plus before an operand says nothing
                raise self.missing_operand(token)

    def binary(self, token: _Token) -> None:
        """Read what stands between two operands."""
        if token.text == ",":
            self.settle(_COMPARES)
            bracket = self.brackets[-1] if self.brackets else None
            if bracket is None or bracket.function is None:
                raise self.error(
                    "a comma separates the operands of a function: there is none", token.position
                )
            bracket.operands += 1
            bracket.compared = False
        elif token.text in _BINARY:
            binary = _BINARY[token.text]
            if binary.precedence == _COMPARES:
                self.compare(token)
            # what binds tighter to the left is complete, and so is its equal, except a power: a**(b**c)
            self.settle(binary.precedence + (binary.apply is p.pow_))
            self.open.append(binary)
        else:
            raise self.error(
                f"an operator is missing before {token.text!r}: a product is written with *", token.position
            )

    def settle(self, precedence: int) -> None:
        """Apply the open operators, down to the innermost bracket, that bind at least so tightly."""
        while self.open:
            top = self.open[-1]
            if isinstance(top, _Bracket) or top.precedence < precedence:
                return
            self.steps.append(top)
            self.open.pop()

    def enter(self, bracket: _Bracket) -> None:
        bracket.in_condition = bool(self.brackets) and self.brackets[-1].may_compare
        self.open.append(bracket)
        self.brackets.append(bracket)

    def close(self, token: _Token) -> None:
        if not self.brackets:
            raise self.error("')' closes no bracket: take it away", token.position)
        self.settle(_COMPARES)
        self.open.pop()
        bracket = self.brackets.pop()
        op = bracket.function
        if op is not None:
            given = bracket.operands + 1
            try:
                op = op.taking(given)
            except TypeError as error:
                raise self.error(str(error), bracket.position) from None
            self.steps.append(_Operator(op, op.precedence, given))

    def compare(self, token: _Token) -> None:
        """Let a comparison stand in the condition of a where, one at a time, and nowhere else."""
        if not self.brackets or not self.brackets[-1].may_compare:
            raise self.error(
                f"{token.text!r} compares, and that belongs in the condition of where(condition, x, y)",
                token.position,
            )
        if self.brackets[-1].compared:
            raise self.error(
                f"{token.text!r} follows another comparison: for both, multiply them: (a < b) * (b < c)",
                token.position,
            )
        self.brackets[-1].compared = True

    def number(self, token: _Token) -> float:
        try:
            return float(token.text)
        except ValueError:
            raise self.error(
                f"{_cut(token.text)!r} is not a number: write digits as in 1_000.5e-3", token.position
            ) from None

    def function(self, token: _Token) -> Primitive:
        op = TABLE.get(token.text) or next((r for r in TABLE.values() if token.text in r.aliases), None)
        if op is not None:
            return op
        other = OTHER_NAMES.get(token.text)
        close = [other] if other in TABLE else get_close_matches(token.text[:40], TABLE, n=1)
        name = _cut(token.text)
        hint = f"did you mean {close[0]}?" if close else f"a product is written {name} * (...)"
        raise self.error(f"there is no function {name!r}: {hint}", token.position)

    def missing_operand(self, token: _Token) -> ExpressionError:
        if len(self.tokens) == 1:
            return ExpressionError("the expression is empty: write one such as (a+b)*(b+1)")
        if token.kind == "end":
            return self.error("the expression ends where a number or a name should follow", token.position)
        return self.error(f"a number or a name is missing before {token.text!r}", token.position)

    def error(self, message: str, position: int) -> ExpressionError:
        return ExpressionError(message, self.text, position)


def _cut(name: str) -> str:
    return name if len(name) <= 40 else name[:39] + "…"


# ---- the result: a function of the names -----------------------------------------------------------


class Expression:
    """An expression that has been read: a function of its variables, in the order in which they appear.

    Given `Value`s it records; given numbers it returns a float. Constants such as pi are not
    variables, but may be given by name. Raises ExpressionError at once for text that cannot be read, and
    when called for names without a number or numbers without a name.

    >>> f = Expression("exp(a) * (b + pi)")
    >>> f.variables
    ('a', 'b')
    >>> f(0.0, 1.0), f(b=1.0, a=0.0, pi=3.0)
    (4.141592653589793, 4.0)
    >>> Expression("s = x*x; s + s*s*s")(3.0)
    738.0
    """

    def __init__(self, text: str) -> None:
        if not isinstance(text, str):
            raise TypeError(f"expression: expected text, got {type(text).__name__}")
        if len(text) > LONGEST:
            raise ExpressionError(
                f"the expression has {len(text):,} characters, more than {LONGEST:,}: build it from Values"
            )
        reader = _Reader(text)
        self.text = text
        self._steps = reader.read()
        self._names = reader.names
        self.variables = tuple(name for name in reader.names if name not in CONSTANTS)
        self.constants = tuple(name for name in reader.names if name in CONSTANTS)
        self.__name__ = text
        self.__signature__ = Signature(
            [Parameter(name, Parameter.POSITIONAL_OR_KEYWORD) for name in self.variables]
        )

    def __call__(self, /, *numbers: Any, **named: Any) -> Any:
        """Evaluate; the arguments' types decide what comes out."""
        if len(numbers) > len(self.variables):
            raise ExpressionError(
                f"the expression has {len(self.variables)} variables ({', '.join(self.variables)}), "
                f"and {len(numbers)} numbers were given"
            )
        given = dict(zip(self.variables, numbers, strict=False))
        for key, number in named.items():
            name = unicodedata.normalize("NFKC", key)
            if name in given:
                raise ExpressionError(f"{_cut(name)} has been given twice")
            given[name] = number
        self._check_names(given)
        return self._evaluate({**CONSTANTS, **given})

    def _check_names(self, given: Mapping[str, Any]) -> None:
        unknown = [name for name in given if name not in self._names]
        if unknown:
            known = ", ".join(map(_cut, self._names)) or "none"
            raise ExpressionError(
                f"{_cut(unknown[0])!r} has a number but is not in the expression, whose names are: {known}"
            )
        missing = [name for name in self.variables if name not in given]
        if missing:
            first = _cut(missing[0])
            hint = f", or write {first}(...) for the function" if first in TABLE else ""
            listed = ", ".join(_cut(name) for name in missing[:5]) + ", …" * (len(missing) > 5)
            raise ExpressionError(
                f"no number for {listed}: give {first}=…{hint}",
                self.text,
                self._names[missing[0]],
            )

    def _evaluate(self, numbers: dict[str, Any]) -> Any:
        stack: list[Any] = []
        for step in self._steps:
            if isinstance(step, _Operator):
                operands = stack[-step.operands :]
                del stack[-step.operands :]
                stack.append(step.apply(*operands))
            elif isinstance(step, _Definition):
                numbers[step.name] = result = stack.pop()
                if step.is_new and isinstance(result, Value):
                    result.label = (result.label or "") + step.name
            else:
                stack.append(numbers[step] if isinstance(step, str) else step)
        return stack[0]

    def __repr__(self) -> str:
        return f"Expression({self.text!r})"

    def __reduce__(self) -> tuple[Any, ...]:
        return Expression, (self.text,)


def _leaf(name: str, number: Any) -> Value:
    if isinstance(number, Value):
        return number
    try:
        return Value(as_number(number), name)
    except TypeError as error:
        raise TypeError(f"{name}: {error}") from None


def parse(text: str, /, **values: Any) -> Value:
    """Return the `Value` of an expression, with a leaf labelled by each name.

    A name's number may be a Value, which then is the leaf. Raises ExpressionError, which is a ValueError,
    for anything that is wrong with the text or its names.

    >>> e = parse("(a+b)*(b+1)", a=2, b=1)
    >>> e.backward()
    >>> e.data, {leaf.label: leaf.grad for leaf in (e.operands[0].operands)}
    (6.0, {'a': 2.0, 'b': 5.0})
    """
    leaves = {name: _leaf(unicodedata.normalize("NFKC", name), number) for name, number in values.items()}
    result = Expression(text)(**leaves)
    return result if isinstance(result, Value) else Value(result)
