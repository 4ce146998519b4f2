"""The names by which people read about nodes, and the operation that made each.

Ledgers, pictures, trees and formulas of one graph use the same names, because all take them from here.
"""

from __future__ import annotations

import string
from collections.abc import Iterator, Mapping
from itertools import count

from autograd_mini.engine.primitives import neg
from autograd_mini.engine.table import ATOM
from autograd_mini.engine.value import Value, evaluation_order
from autograd_mini.show.scopes import scope_and_name
from autograd_mini.show.text import one_line, short

__all__ = ["definition", "names", "operation"]


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


def definition(node: Value, called: Mapping[Value, str]) -> str:
    """Return the name of `node`, and after it the operation if there is one: "c = a + b".

    >>> a, b = Value(2.0, "a"), Value(1.0, "b")
    >>> c = a + b
    >>> definition(c, names(c)), definition(a, names(c))
    ('c = a + b', 'a')
    """
    made = operation(node, called)
    return f"{called[node]} = {made}" if made else called[node]
