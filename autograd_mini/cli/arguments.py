"""Reading a command line: expressions, name=number, options anywhere, and errors of one line."""

from __future__ import annotations

import argparse
import math
import re
import sys
import unicodedata
from collections.abc import Sequence
from typing import Final, NoReturn

from autograd_mini.formulas.parse import Expression, ExpressionError
from autograd_mini.show.text import one_line, showable

__all__ = [
    "USAGE",
    "Parser",
    "UsageError",
    "arranged",
    "assigned",
    "complain",
    "for_json",
    "read_expression",
]

USAGE: Final = 2
"""The exit status of a wrong request."""


class UsageError(Exception):
    """The request is wrong; the message is one line."""


class Parser(argparse.ArgumentParser):
    """A parser that raises UsageError and leaves the exit to the caller."""

    def error(self, message: str) -> NoReturn:
        """Raise UsageError with the message and the way to the help."""
        raise UsageError(f"{one_line(message, 120)}; {self.prog} --help shows examples")


def arranged(arguments: Sequence[str], with_word: Sequence[str]) -> list[str]:
    """Put options first and the rest behind ``--``, so that ``-a+b`` is read as an expression.

    Each option in `with_word` takes the next word too.

    >>> arranged(["-a+b", "a=1", "--svg", "-.svg", "--json"], ["--svg"])
    ['--svg', '-.svg', '--json', '--', '-a+b', 'a=1']
    """
    options, rest = list[str](), list[str]()
    waiting = iter(arguments)
    for argument in waiting:
        if argument == "--":
            rest += waiting
        elif argument == "-h" or re.fullmatch(r"--[a-z][a-z-]*(=.*)?", argument, re.DOTALL):
            options.append(argument)
            if argument in with_word:
                options += [word for word in [next(waiting, None)] if word is not None]
        else:
            rest.append(argument)
    return [*options, "--", *rest]


def assigned(assignments: Sequence[str]) -> dict[str, float]:
    """Return the numbers that words such as a=2 give; a number may be a constant expression, 1/3 or -pi.

    Raises UsageError for anything else.

    >>> assigned(["a=2", "b=-1/4"])
    {'a': 2.0, 'b': -0.25}
    """
    numbers: dict[str, float] = {}
    for assignment in assignments:
        name, equals, text = assignment.partition("=")
        name = unicodedata.normalize("NFKC", name.strip())  # as in the expression
        shown = repr(one_line(assignment))
        if not equals:
            raise UsageError(
                f"{shown} is not name=number: write numbers as in a=2, without blanks, and put the "
                "whole expression in quotes"
            )
        if not name.isidentifier():
            raise UsageError(f"{shown} has no name before the =: write name=number, as in a=2")
        if name in numbers:
            raise UsageError(f"{shown} gives {one_line(name)} a second number: give it once")
        try:
            numbers[name] = Expression(text)()
        except ExpressionError:
            raise UsageError(f"{shown} gives no number: write one, as in a=2, a=-1e-3 or a=pi/4") from None
    return numbers


def read_expression(word: str) -> Expression:
    """Return the expression that a word writes; ``-`` stands for standard input."""
    if word != "-":
        return Expression(word)
    if sys.stdin is None:
        raise UsageError("standard input is closed: give the expression in quotes instead of -")
    try:
        return Expression(sys.stdin.read().strip())
    except UnicodeDecodeError:
        raise UsageError("standard input is not text: write the expression in UTF-8") from None


def for_json(x: float) -> float | str:
    """Return a number for JSON: inf and nan, which JSON does not have, become text."""
    return x if math.isfinite(x) else repr(x)


def complain(program: str, error: Exception | str, status: int = USAGE) -> int:
    """Print on standard error what is wrong, with a caret under the place if known; return `status`."""
    caret = error.caret if isinstance(error, ExpressionError) else None
    if sys.stderr is not None:  # print() would use standard output for None
        print(
            showable("\n".join(filter(None, [f"{program}: error: {error}", caret])), sys.stderr),
            file=sys.stderr,
        )
    return status
