"""``autograd-mini``: evaluate an expression, differentiate it, and print or draw how."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, Final

from autograd_mini import __version__
from autograd_mini.cli.arguments import (
    Parser,
    UsageError,
    arranged,
    assigned,
    complain,
    for_json,
    read_expression,
)
from autograd_mini.engine import ACCELERATED
from autograd_mini.engine.value import Value
from autograd_mini.formulas.formula import latex
from autograd_mini.formulas.parse import Expression, ExpressionError
from autograd_mini.page.explore import explore
from autograd_mini.show.draw import draw
from autograd_mini.show.ledger import Ledger, ledger
from autograd_mini.show.names import definition, evaluation_order, names, operation
from autograd_mini.show.paths import paths, visits
from autograd_mini.show.render import RenderError, write
from autograd_mini.show.text import columns, elided, showable
from autograd_mini.show.tree import tree

PROGRAM: Final = "autograd-mini"
ROWS: Final = 60
"""With more values than this, the middle is left out."""

PICTURES: Final = ("svg", "png", "dot", "page")
"""The options that name a file."""

FAILURE: Final = 1  # the request is right but cannot be carried out
INTERRUPTED: Final = 130  # 128 + SIGINT, as shells report it
BROKEN_PIPE: Final = 141  # 128 + SIGPIPE

DESCRIPTION: Final = """\
Evaluate an expression and its derivative with respect to every name in it. The ledger shows each step
of the reverse sweep: a result pays its operands what it has received times the local derivative.
"""
EXAMPLES: Final = """\
examples:
  %(prog)s "(a+b)*(b+1)" a=2 b=1
  %(prog)s "(a+b)*(b+1)" a=2 b=1 --svg graph.svg --png graph.png
  %(prog)s "sigmoid(w*x + b)" w=0.5 x=-1e-3 b=1/3 --json
  %(prog)s "-a + where(a < b, a, b)" a=2 b=pi --paths
  echo "(a+b)*(b+1)" | %(prog)s - a=2 b=1
  %(prog)s check "exp(a)*sin(b)"

An expression consists of numbers, names, + - * / ** ( ), the functions of autograd_mini, and the constants
pi, e, tau, inf and nan; a name that you give a number is a variable.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    r"""Run the command line and return its exit status: 0, 1 for a failure, 2 for a wrong request.

    >>> main(["a * b", "a=2", "b=3", "--latex"])
    a \cdot b
    0
    """
    words = sys.argv[1:] if arguments is None else arguments
    if words and words[0] == "check" and not any(word.startswith("check=") for word in words):
        return _reported(_check, words[1:])
    return _reported(_differentiate, words)


def _reported(command: Callable[[Sequence[str]], int], arguments: Sequence[str]) -> int:
    """Run a command and return its status; one line on standard error says what went wrong."""
    status = 0
    try:
        with suppress(SystemExit):  # of argparse, after --help and --version
            status = command(arguments)
        if sys.stdout is not None:  # None if the caller closed it
            sys.stdout.flush()
    except (UsageError, ExpressionError) as error:
        return complain(PROGRAM, error)
    except RenderError as error:
        return complain(PROGRAM, error, FAILURE)
    except BrokenPipeError:  # the reader has gone, as head does
        _give_up_output()
        return BROKEN_PIPE
    except OSError as error:
        _give_up_output()
        return complain(PROGRAM, f"standard output: {error.strerror}; send it elsewhere", FAILURE)
    except KeyboardInterrupt:
        return INTERRUPTED
    return status


def _give_up_output() -> None:
    """Send standard output nowhere: at exit Python would try again to write what is left."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


# ---- the request -----------------------------------------------------------------------------------


def _parser() -> Parser:
    parser = Parser(
        prog=PROGRAM,
        description=DESCRIPTION,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument(
        "expression",
        nargs="?",
        help='what to differentiate, in quotes: "(a+b)*(b+1)"; - reads it from standard input',
    )
    parser.add_argument("numbers", nargs="*", metavar="name=number", help="a number for a name: a=2")
    files = parser.add_argument_group("pictures")
    files.add_argument("--svg", metavar="FILE", help="write a picture of the graph as SVG")
    files.add_argument("--png", metavar="FILE", help="write it as PNG")
    files.add_argument("--dot", metavar="FILE", help="write it as DOT text, which needs no Graphviz")
    files.add_argument(
        "--page", metavar="FILE", help="write an HTML page on which the graph can be stepped and changed"
    )
    shows = parser.add_argument_group("what to print instead").add_mutually_exclusive_group()
    shows.add_argument(
        "--json", action="store_true", help="one JSON object, all digits; inf and nan as text"
    )
    shows.add_argument(
        "--paths", action="store_true", help="the gradient as sums over paths, and their cost"
    )
    shows.add_argument("--tree", action="store_true", help="the graph as a tree of text")
    shows.add_argument("--latex", action="store_true", help="the expression as LaTeX")
    engine = f"engine in {'C' if ACCELERATED else 'Python'}"
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}, {engine}")
    return parser


def _files(options: argparse.Namespace) -> dict[str, str]:
    """Return the file for each kind of picture that is asked for."""
    files: dict[str, str] = {}
    for kind in PICTURES:
        path = getattr(options, kind)
        if path is None:
            continue
        if path in ("", "-"):
            raise UsageError(f"--{kind} {path!r} names no file: name one, or /dev/stdout")
        for other, taken in files.items():
            if os.path.abspath(taken) == os.path.abspath(path):
                raise UsageError(f"--{other} and --{kind} both name {path!r}: give each a file of its own")
        files[kind] = path
    return files


def _check(arguments: Sequence[str]) -> int:
    from autograd_mini.cli.check import main as check  # here, because it loads the oracles

    return check(arguments)


def _differentiate(arguments: Sequence[str]) -> int:
    options = _parser().parse_args(arranged(arguments, [f"--{kind}" for kind in PICTURES]))
    if options.expression is None:
        raise UsageError(f'no expression: give one, as in {PROGRAM} "(a+b)*(b+1)" a=2 b=1')
    expression = read_expression(options.expression)
    numbers = assigned(options.numbers)
    files = _files(options)
    leaves = {name: Value(number, label=name) for name, number in numbers.items()}
    result = expression(**leaves)
    root = result if isinstance(result, Value) else Value(result, label="result")
    root.backward()
    pictures = _pictures(root, files, expression, leaves)
    if options.json:
        text = _json(expression, root, leaves)
    elif options.latex:
        text = latex(root)
    elif options.tree:
        text = str(tree(root))
    elif options.paths:
        text = _paths(root, leaves)
    else:
        text = _report(expression, root, leaves, pictures)
    print(showable(text))
    return 0


# ---- the answer ------------------------------------------------------------------------------------


def _pictures(
    root: Value, files: Mapping[str, str], expression: Expression, leaves: Mapping[str, Value]
) -> list[str]:
    """Write the pictures and return their paths; the option, not the path, decides the format."""
    kinds: dict[str, Callable[[], str | bytes]] = {
        "svg": lambda: draw(root).svg,
        "png": lambda: draw(root).png,
        "dot": lambda: draw(root).source,
        "page": lambda: _page(expression, leaves),
    }
    for kind, path in files.items():
        picture = kinds[kind]()
        write(path, picture if isinstance(picture, bytes) else picture.encode())
    return list(files.values())


def _page(expression: Expression, leaves: Mapping[str, Value]) -> str:
    try:
        numbers: dict[str, Any] = {name: leaf.data for name, leaf in leaves.items()}
        return explore(expression.text, **numbers).html
    except ValueError as error:  # more nodes than an eye can follow
        raise UsageError(str(error)) from None


def _exact(x: float) -> str:
    """Return the shortest text that reads back as the same float."""
    return repr(x).removesuffix(".0")


def _report(expression: Expression, root: Value, leaves: dict[str, Value], pictures: list[str]) -> str:
    called = names(root)
    name = called[root]
    debts = ledger(root)
    text = " ".join(expression.text.split())
    sections = {
        text if text == name else f"{name} = {text}": [],
        "Forward: every value, operands first": _values(root, called),
        f"Backward: {name} starts with 1, and every result repays its operands": str(debts).splitlines(),
        "Gradient: what the leaves have in the end": _gradient(debts, name, leaves),
        "Pictures": pictures,
    }
    shown = [(title, lines) for title, lines in sections.items() if lines or title == next(iter(sections))]
    return "\n\n".join("\n  ".join([title, *lines]) for title, lines in shown)


def _values(root: Value, called: Mapping[Value, str]) -> list[str]:
    rows = []
    nodes = evaluation_order(root)
    first, last = elided(len(nodes), ROWS)
    for i in (*first, *last):
        if last and i == last.start:
            rows.append((f"… {last.start - first.stop:,} more …", "", ""))
        node = nodes[i]
        rows.append((definition(node, called), "=", _exact(node.data)))
    return columns(rows, "<^<", gap=" ")


def _gradient(debts: Ledger, root: str, leaves: dict[str, Value]) -> list[str]:
    rows = [(f"∂{root}/∂{name}", "=", _exact(debts.gradient[leaf])) for name, leaf in leaves.items()]
    return columns(rows, "<^<", gap=" ") if rows else []


def _paths(root: Value, leaves: dict[str, Value]) -> str:
    sections = [str(paths(root, leaf)) for leaf in leaves.values()]
    return "\n\n".join([*sections, f"for the whole gradient, {visits(root)}"])


def _json(expression: Expression, root: Value, leaves: dict[str, Value]) -> str:
    called = names(root)
    debts = ledger(root)
    report: dict[str, Any] = {
        "expression": expression.text,
        "value": for_json(root.data),
        "gradient": {name: for_json(debts.gradient[leaf]) for name, leaf in leaves.items()},
        "values": [
            {
                "name": called[node],
                "operation": operation(node, called) or None,
                "value": for_json(node.data),
            }
            for node in evaluation_order(root)
        ],
        "ledger": [
            {
                "debtor": payment.debtor_name,
                "creditor": payment.creditor_name,
                "received": for_json(payment.received),
                "derivative": for_json(payment.derivative),
                "payment": for_json(payment.payment),
                "balance": for_json(payment.balance),
            }
            for payment in debts
        ],
    }
    return json.dumps(report, indent=2, ensure_ascii=False, allow_nan=False)
