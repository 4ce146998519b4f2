"""What a node is called when people read about it. Knows labels and formulas, and no medium.

Ledgers, pictures, trees and formulas of one graph use the same names, because all take them from here.
"""

from __future__ import annotations

import string
import unicodedata
from collections.abc import Iterator, Mapping
from itertools import count

from autograd_mini.engine.primitives import neg
from autograd_mini.engine.table import ATOM
from autograd_mini.engine.value import Value
from autograd_mini.show.scopes import scope_and_name

__all__ = ["counted", "evaluation_order", "isolated", "names", "one_line", "operation", "short"]


def evaluation_order(root: Value) -> list[Value]:
    """Return all that `root` was computed from, operands before results, as one would write it down.

    The first operand's side comes before the second's. Operands without an edge, such as the branch
    that a `where` did not take, are there too.

    >>> a, b = Value(2.0, "a"), Value(1.0, "b")
    >>> [node.data for node in evaluation_order((a + b) * (b + 1))]
    [2.0, 1.0, 3.0, 2.0, 6.0]
    """
    order: dict[Value, None] = {}
    stack = [root]
    while stack:
        node = stack[-1]
        waiting = [x for x in node.operands if isinstance(x, Value) and x not in order]
        if waiting:
            stack += reversed(waiting)
        else:
            order[stack.pop()] = None
    return list(order)


def names(root: Value) -> dict[Value, str]:
    """Name every node below `root`: by its label, else by the next free letter; v1, v2, … if too few.

    Of a label that is a path, such as ``"layer 1::w3"``, the last part is taken. Labels are the user's,
    so two nodes may share a name.

    >>> a, b = Value(2.0, "a"), Value(1.0, "b")
    >>> list(names((a + b) * (b + 1)).values())
    ['a', 'b', 'c', 'd', 'e']
    """
    nodes = evaluation_order(root)
    own = {node: one_line(scope_and_name(node.label)[1]) if node.label else "" for node in nodes}
    taken = set(own.values())
    nameless = sum(not name for name in own.values())
    letters = [letter for letter in string.ascii_lowercase if letter not in taken]
    fresh: Iterator[str] = iter(letters)
    if nameless > len(letters):
        fresh = (f"v{i}" for i in count(1) if f"v{i}" not in taken)
    return {node: name or next(fresh) for node, name in own.items()}


def operation(node: Value, called: Mapping[Value, str]) -> str:
    """Return the operation that made `node`, in the names of its operands; "" for a leaf.

    >>> a, b = Value(2.0, "a"), Value(1.0, "b")
    >>> operation(a * b, {a: "a", b: "b"}), operation(a + 1, {a: "a"}), operation((-2.0) ** a, {a: "a"})
    ('a * b', 'a + 1', '(-2) ** a')
    """
    if node.op is None:
        return ""
    binds = node.op.precedence
    texts = []
    for x in node.operands:
        text = called[x] if isinstance(x, Value) else short(x)
        if not isinstance(x, Value) and text.startswith("-") and neg.precedence < binds < ATOM:
            text = f"({text})"
        texts.append(text)
    if node.op.variadic:
        return f"{node.op.name}({', '.join(texts)})"
    return node.op.form.format(**dict(zip(node.op.operands, texts, strict=True)))


def short(x: float, digits: int = 5) -> str:
    """Return a number as people read it: in so many significant digits.

    >>> short(6.0), short(2 / 3), short(1e-300), short(2 / 3, 3)
    ('6', '0.66667', '1e-300', '0.667')
    """
    return f"{x:.{digits}g}"


def counted(number: int, noun: str) -> str:
    """Return a number with a noun, in the plural where that is due; what follows the noun is kept.

    >>> counted(1, "node"), counted(2000, "node"), counted(12, "band of equal depth")
    ('1 node', '2,000 nodes', '12 bands of equal depth')
    """
    first, *rest = noun.split(" ")
    return " ".join([f"{number:,}", first + "s" * (number != 1), *rest])


def one_line(text: str, limit: int = 40) -> str:
    r"""Return a user's text on one line of at most `limit` characters, in characters that can be shown.

    Any run of white space is one space; what else cannot be printed (control characters, characters
    that reverse the direction of the text after them, halves of surrogate pairs) is �.

    >>> one_line("two\nlines"), one_line("nul\0"), one_line("x" * 100, limit=5)
    ('two lines', 'nul�', 'xxxx…')
    """
    # ten thousand characters are looked at only as far as they can matter
    words = " ".join(text[: 4 * limit].split())
    shown = "".join(c if c.isprintable() or c == "\u200d" else "�" for c in words)  # ‍ joins emoji
    return shown if len(shown) <= limit and len(text) <= 4 * limit else shown[: limit - 1] + "…"


def isolated(name: str) -> str:
    """Return a name with a mark behind it if it is written from right to left.

    The mark cannot be seen. Without it, the number or the name that follows would be set before this one.

    >>> [len(isolated(name)) - len(name) for name in ("weight", "משקל")]
    [0, 1]
    """
    leftward = any(unicodedata.bidirectional(c) in ("R", "AL", "AN") for c in name)
    return name + "\N{LEFT-TO-RIGHT MARK}" * leftward
