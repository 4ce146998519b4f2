"""``autograd-mini check``: print a verdict on each derivative of an expression."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from typing import Final

from autograd_mini.cli.arguments import (
    Parser,
    UsageError,
    arranged,
    assigned,
    complain,
    for_json,
    read_expression,
)
from autograd_mini.formulas.parse import ExpressionError
from autograd_mini.show.text import showable
from autograd_mini.testing.check import ORACLES, compare_grads
from autograd_mini.testing.differences import Verdict
from autograd_mini.testing.domains import point_inside
from autograd_mini.testing.report import Report

__all__ = ["main"]

PROGRAM: Final = "autograd-mini check"
WRONG: Final = 1

EPILOG: Final = """\
examples:
  %(prog)s "exp(a)*sin(b)"
  %(prog)s "abs(x - 1)" x=1
  %(prog)s "lgamma(x)" x=1e-3 --oracle mpmath
  echo "exp(a)*sin(b)" | %(prog)s - --json

A name that is given no number gets one from the domain of the expression. The exit status is 0 if no
derivative is wrong, 1 if one is, and 2 if the request is.
"""


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
        options = _parser().parse_args(arranged(argv, ("--order", "--oracle")))
        expression = read_expression(options.expression)
        numbers = assigned(options.numbers)
        unknown = sorted(set(numbers) - set(expression.variables))
        if unknown:
            raise UsageError(f"{unknown[0]!r} is not in the expression: leave out its number")
        point = point_inside(expression, expression.variables, numbers)
        if not point:
            raise UsageError("the expression has no variables: there is nothing to differentiate by")
        report = compare_grads(expression, *point.values(), order=options.order, oracle=options.oracle)
    except SystemExit:  # of argparse, after --help
        return 0
    except (UsageError, ExpressionError, ValueError) as error:
        return complain(PROGRAM, error)
    print(_json(report, point) if options.json else showable(str(report)))
    return 0 if report.ok else WRONG


def _json(report: Report, point: dict[str, float]) -> str:
    """Return the verdicts as one JSON object; inf and nan are text, and what is unknown is null."""
    derivatives = [
        {
            "derivative": each.derivative,
            "by": list(each.modes),
            "found": for_json(each.found),
            "expected": None if each.verdict is Verdict.KINK else for_json(each.expected.slope),
            "error": None if each.verdict is Verdict.KINK else for_json(each.expected.error),
            "verdict": each.verdict.value,
            "remark": each.judgement.remark or None,
        }
        for each in report.findings
    ]
    found = {
        "expression": report.function,
        "point": {name: for_json(x) for name, x in point.items()},
        "ok": report.ok,
        "derivatives": derivatives,
    }
    return json.dumps(found, indent=2, ensure_ascii=False, allow_nan=False)


def _parser() -> Parser:
    parser = Parser(
        prog=PROGRAM,
        description="Compare every derivative of an expression with an independent oracle.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("expression", help="what to check, in quotes; - reads standard input")
    parser.add_argument("numbers", nargs="*", metavar="name=number", help="where: a=0.5")
    parser.add_argument("--order", type=int, choices=(1, 2), default=2, help="up to which order (2)")
    parser.add_argument("--json", action="store_true", help="one JSON object; inf and nan as text")
    parser.add_argument("--oracle", choices=ORACLES, default="auto", help="what to compare with (auto)")
    return parser
