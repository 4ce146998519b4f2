"""Scopes: which part of a model a node belongs to.

A label may be a path, ``"layer 1::neuron 2::w3"``: the last part is the node's own name and the rest is
its scope. A path that ends in ``::`` is a scope without a name. So a scope takes no space in a node, costs
nothing where it is not used, and is copied and pickled with the label. Modules of `nn` label their
parameters like this; `scope` does it for everything recorded inside a ``with`` block.
"""

from __future__ import annotations

from typing import Any, Final

from autograd_mini.engine import modes

__all__ = ["SEPARATOR", "scope", "scope_and_name"]

SEPARATOR: Final = "::"


def scope(name: str) -> modes.Mode:
    """Put every node recorded in a ``with`` block into the scope `name`; blocks nest.

    Pictures of large graphs are grouped and collapsed by scope. Recording is several times slower inside.
    A label given to a node later replaces the scope; make it a path (``"loss::mean"``) to keep both.
    Raises TypeError or ValueError for a name that is not a text of at least one character.

    >>> from autograd_mini import Value
    >>> x = Value(3.0, label="x")
    >>> with scope("model"), scope("layer 1"):
    ...     y = x * 2
    >>> y.label
    'model::layer 1::'
    """
    if not isinstance(name, str):
        raise TypeError(f"scope(name): expected text, got {type(name).__name__}; give the scope a name")
    if not name:
        raise ValueError("scope(name): the name is empty; give the scope a name")
    return modes.Mode(watcher=lambda: _Labelling(f"{name}{SEPARATOR}"))


class _Labelling(modes.Watcher):
    def __init__(self, prefix: str) -> None:
        self.prefix = prefix

    def on_record(self, node: Any) -> None:
        node.label = self.prefix + (node.label or "")  # a scope outside then puts its own name in front


def scope_and_name(label: str | None) -> tuple[tuple[str, ...], str]:
    """Return the scope in a label, outermost first, and the name, which may be empty.

    >>> scope_and_name("layer 1::neuron 2::w3"), scope_and_name("layer 1::"), scope_and_name(None)
    ((('layer 1', 'neuron 2'), 'w3'), (('layer 1',), ''), ((), ''))
    """
    *parts, name = (label or "").split(SEPARATOR)
    return tuple(part for part in parts if part), name
