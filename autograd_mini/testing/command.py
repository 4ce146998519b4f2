"""``autograd-mini check``: an expression in, the verdict on each of its derivatives out. Arguments only."""

from __future__ import annotations

import argparse
import re
import sys
import unicodedata
from collections.abc import Sequence
from typing import Final, NoReturn

from autograd_mini.expression import Expression, ExpressionError
from autograd_mini.terminal import showable
from autograd_mini.testing.check import ORACLES, compare_grads
from autograd_mini.testing.domains import point_inside

__all__ = ["main"]

PROGRAM: Final = "autograd-mini check"
WRONG, USAGE = 1, 2

EPILOG: Final = """\
examples:
  %(prog)s "exp(a)*sin(b)"
  %(prog)s "abs(x - 1)" x=1
  %(prog)s "lgamma(x)" x=1e-3 --oracle mpmath

A name that is given no number gets one from the domain of the expression. The exit status is 0 if no
derivative is wrong, 1 if one is, and 2 if the request is.
"""


class _UsageError(Exception):
    """What was asked for is wrong; the message is one line."""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise _UsageError(f"{message}; {self.prog} --help shows examples")


def main(argv: Sequence[str]) -> int:
    """Check the derivatives of an expression, print the table of verdicts and return the exit status.

    >>> main(["a * b", "a=2", "b=3", "--order", "1", "--oracle", "mpmath"])
    a * b at a = 2.0, b = 3.0
    derivative  by                found  expected  verdict
    ∂f/∂a       forward, reverse  3.0    3.0       right
    ∂f/∂b       forward, reverse  2.0    2.0       right
    2 right
    0
    """
    try:
        options = _parser().parse_args(_arranged(argv))
        expression = Expression(options.expression)
        numbers = dict(map(_assignment, options.numbers))
        unknown = sorted(set(numbers) - set(expression.variables))
        if unknown:
            raise _UsageError(f"{unknown[0]!r} is not in the expression: leave out its number")
        point = point_inside(expression, expression.variables, numbers)
        if not point:
            raise _UsageError("the expression has no variables: there is nothing to differentiate by")
        report = compare_grads(expression, *point.values(), order=options.order, oracle=options.oracle)
    except SystemExit:  # of argparse, after --help
        return 0
    except ExpressionError as error:
        return _complain("\n".join(filter(None, [str(error), error.caret])))
    except (_UsageError, ValueError) as error:
        return _complain(str(error))
    print(showable(str(report)))
    return 0 if report.ok else WRONG


def _parser() -> _Parser:
    parser = _Parser(
        prog=PROGRAM,
        description="Compare every derivative of an expression with an independent oracle.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("expression", help='what to check, in quotes: "exp(a)*sin(b)"')
    parser.add_argument("numbers", nargs="*", metavar="name=number", help="where: a=0.5")
    parser.add_argument("--order", type=int, choices=(1, 2), default=2, help="up to which order (2)")
    parser.add_argument("--oracle", choices=ORACLES, default="auto", help="what to compare with (auto)")
    return parser


def _arranged(argv: Sequence[str]) -> list[str]:
    """Put options first and the rest behind ``--``, so that ``-a+b`` is no option but an expression."""
    options, rest = list[str](), list[str]()
    waiting = iter(argv)
    for argument in waiting:
        if argument == "--":
            rest += waiting
        elif argument in ("--order", "--oracle"):
            options += [argument, *[x for x in [next(waiting, None)] if x is not None]]
        elif re.fullmatch(r"-h|--[a-z]+(=\S*)?", argument):
            options.append(argument)
        else:
            rest.append(argument)
    return [*options, "--", *rest]


def _assignment(text: str) -> tuple[str, float]:
    """Read name=number; the number may be a constant expression, such as 1/3 or -pi."""
    name, equals, number = text.partition("=")
    if not equals:
        raise _UsageError(f"{text!r} is not name=number: write numbers as in a=2, without blanks")
    try:
        return unicodedata.normalize("NFKC", name.strip()), float(Expression(number)())
    except ExpressionError:
        raise _UsageError(f"{text!r} gives no number: write one, such as {name}=2 or {name}=pi/4") from None


def _complain(message: str) -> int:
    print(showable(f"{PROGRAM}: error: {message}", sys.stderr), file=sys.stderr)
    return USAGE
