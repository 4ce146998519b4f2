"""The names by which people read about nodes, and the operation that made each.

Ledgers, pictures, trees and formulas of one graph use the same names, because all take them from here.
"""

from __future__ import annotations

import re
import string
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import count
from typing import Final

from autograd_mini.engine.primitives import neg, where
from autograd_mini.engine.table import ATOM, Primitive
from autograd_mini.engine.value import Value, depth_first
from autograd_mini.show.scopes import scope_and_name
from autograd_mini.show.text import elided, one_line, short

__all__ = ["applied", "constant", "definition", "evaluation_order", "in_general", "names", "operation"]

MOST: Final = 6
"""How many operands of a sum or a dot are named."""


def evaluation_order(*roots: Value, known: Collection[Value] = ()) -> list[Value]:
    """Return all that `roots` were computed from, operands before results, as one would write it down.

    The first operand's side comes before the second's. Operands without an edge, such as the branch
    that a `where` did not take, are there too. What is `known` is left out, and so is all behind it.

    >>> a, b = Value(2.0, "a"), Value(1.0, "b")
    >>> [node.data for node in evaluation_order((a + b) * (b + 1))]
    [2.0, 1.0, 3.0, 2.0, 6.0]
    """
    unknown = [root for root in roots if root not in known]

    def below(node: Value) -> list[Value]:
        return [x for x in reversed(node.operands) if isinstance(x, Value) and x not in known]

    return depth_first(unknown, below)[::-1]


def names(root: Value) -> dict[Value, str]:
    """Name every node below `root`, no two alike: by its label, else by the next free letter; v1, v2, ….

    Of a label that is a path, such as ``"encoder::w"``, the last part is taken, and more of the path where
    two would be alike: "encoder.w". The parameters of a network then go by layer, neuron and input, all of
    them: "w₂₁⁽¹⁾". What is alike even so is numbered: "x", "x_2".

    >>> a, b = Value(2.0, "a"), Value(1.0, "b")
    >>> list(names((a + b) * (b + 1)).values())
    ['a', 'b', 'c', 'd', 'e']
    >>> list(names(Value(1.0, "encoder::w") * Value(2.0, "decoder::w")).values())
    ['encoder.w', 'decoder.w', 'a']
    """
    nodes = evaluation_order(root)
    own = _numbered(_qualified({node: node.label for node in nodes if node.label}))
    taken = set(own.values())
    nameless = len(nodes) - len(own)
    letters = [letter for letter in string.ascii_lowercase if letter not in taken]
    fresh: Iterator[str] = iter(letters)
    if nameless > len(letters):
        fresh = (f"v{i}" for i in count(1) if f"v{i}" not in taken)
    return {node: own.get(node) or next(fresh) for node in nodes}


def _qualified(labels: Mapping[Value, str]) -> dict[Value, str]:
    """Return each label's name, with as much of its scope as tells it from the others."""
    places = {node: scope_and_name(label) for node, label in labels.items()}
    found = {node: line for node, (_, name) in places.items() if (line := one_line(name))}
    alike = _alike(found)
    indexed = {node: name for node in found if (name := _indexed(*places[node]))}
    if any(node in indexed for group in alike for node in group):
        found |= indexed
        alike = _alike(found)
    for group in alike:
        for depth in range(1, 1 + max(len(places[node][0]) for node in group)):
            longer = {node: one_line(_dotted(*places[node], depth)) for node in group}
            found |= longer
            if len(set(longer.values())) == len(group):
                break
    return found


def _alike(found: Mapping[Value, str]) -> list[list[Value]]:
    groups: dict[str, list[Value]] = {}
    for node, name in found.items():
        groups.setdefault(name, []).append(node)
    return [group for group in groups.values() if len(group) > 1]


def _dotted(scope: tuple[str, ...], name: str, depth: int) -> str:
    return ".".join([*scope[-depth:], name])


def _indexed(scope: tuple[str, ...], name: str) -> str | None:
    """Return the name of a network's parameter as in textbooks; None if it is not one.

    >>> _indexed(("layer 1", "neuron 2"), "w[0]"), _indexed(("neuron 10",), "w[2]")
    ('w₂₁⁽¹⁾', 'w₁₀,₃')
    """
    match = re.fullmatch(
        r"(?:.*::)??(?:layer (\d+)::)?neuron (\d+)::(\w+?)(?:\[(\d+)\])?", "::".join([*scope, name])
    )
    if match is None:
        return None
    layer, neuron, letter, i = match.groups()
    indices = [neuron] if i is None else [neuron, str(int(i) + 1)]
    comma = "," if any(len(index) > 1 for index in indices) else ""
    above = f"⁽{layer.translate(_SUPERIORS)}⁾" if layer else ""
    return f"{letter}{comma.join(indices).translate(_INFERIORS)}{above}"


_INFERIORS: Final = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")
_SUPERIORS: Final = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")


def _numbered(found: Mapping[Value, str]) -> dict[Value, str]:
    """Return the names with "_2", "_3", … behind those that have been given before."""
    taken, unique = set(found.values()), dict[Value, str]()
    next_number: dict[str, int] = {}
    for node, name in found.items():
        number = next_number.get(name, 1)
        while number > 1 and f"{name}_{number}" in taken:
            number += 1
        next_number[name] = number + 1
        unique[node] = f"{name}_{number}" if number > 1 else name
        taken.add(unique[node])
    return unique


def in_general(called: Sequence[str]) -> str:
    """Return one name for many: what they have in common, with an index in place of numbers.

    >>> in_general(["w0", "w1", "w2"]), in_general(["w₁₁⁽¹⁾", "w₁₂⁽¹⁾"]), in_general(["c", "f", "i"])
    ('wᵢ', 'wᵢ⁽¹⁾', 'cᵢ')
    """
    if len(called) == 1:
        return called[0]
    stems = {re.sub("[₀-₉,]+", "ᵢ", name) for name in called}
    if len(stems) == 1 and stems != {called[0]}:
        return stems.pop()
    return f"{re.split(r'[_[(]?[0-9]', called[0])[0] or called[0]}ᵢ"


def operation(node: Value, called: Mapping[Value, str]) -> str:
    """Return the operation that made `node`, in the names of its operands; "" for a leaf.

    Of many operands, the first and the last are named.

    >>> a, b = Value(2.0, "a"), Value(1.0, "b")
    >>> operation(a * b, {a: "a", b: "b"}), operation(a + 1, {a: "a"}), operation((-2.0) ** a, {a: "a"})
    ('a * b', 'a + 1', '(-2) ** a')
    """
    if node.op is None:
        return ""
    op = node.op
    return applied(
        op,
        [called[x] if isinstance(x, Value) else constant(op, i, x) for i, x in enumerate(node.operands)],
    )


def constant(op: Primitive, i: int, x: float) -> str:
    """Return a plain number as operand `i` of a primitive."""
    if op is where and i == 0:
        return str(bool(x))  # of a comparison in Python only the answer is known
    text = short(x)
    return f"({text})" if text.startswith("-") and neg.precedence < op.precedence < ATOM else text


def applied(op: Primitive, texts: Sequence[str]) -> str:
    """Return a primitive applied to operands that are written already."""
    if op.variadic:
        first, last = elided(len(texts), MOST)
        shown = [*(texts[i] for i in first), *["…"] * bool(last), *(texts[i] for i in last)]
        return f"{op.name}({', '.join(shown)})"
    return op.form.format(**dict(zip(op.operands, texts, strict=True)))


def definition(node: Value, called: Mapping[Value, str]) -> str:
    """Return the name of `node`, and after it the operation if there is one: "c = a + b".

    >>> a, b = Value(2.0, "a"), Value(1.0, "b")
    >>> c = a + b
    >>> definition(c, names(c)), definition(a, names(c))
    ('c = a + b', 'a')
    """
    made = operation(node, called)
    return f"{called[node]} = {made}" if made else called[node]
