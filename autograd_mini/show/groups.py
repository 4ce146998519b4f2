"""Which nodes of a large graph are drawn together: those of one scope, or of one distance from the root."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise, takewhile
from typing import Any, Final

from autograd_mini.engine.value import Value
from autograd_mini.show.repeats import repeats
from autograd_mini.show.scopes import SEPARATOR, scope_and_name

__all__ = ["Path", "depths_of", "folds_of", "grouped", "levels_crossed", "links_between", "scopes_of"]

Path = tuple[str, ...]

GROUPS: Final = 40
GROUP_EDGES: Final = 120
BANDS: Final = 12
DEEPEST: Final = 8
"""How many levels of scopes are told apart."""
REGULAR: Final = 0.8
"""In how many of its passes a loop must use the results of as many passes before."""
FAR: Final = 3
"""Longer edges may start at a copied leaf."""


def scopes_of(nodes: Sequence[Value]) -> dict[Value, Path]:
    """Return the scope of each node: what its label says, or else what its operands and users do.

    A module's parameters are labelled and its operations are not: they belong where their parameters
    do, or where the results they are made from do, so far as these agree. A leaf that serves one scope
    alone, such as a target, is drawn there.
    """
    own = {node: scope_and_name(node.label)[0][:DEEPEST] if node.label else () for node in nodes}
    scopes = dict(own)
    if not any(own.values()):
        return scopes
    for node in nodes:
        if not own[node] and node.op is not None:
            operands = [x for x in node.operands if isinstance(x, Value)]
            # an operation recorded in a scope says nothing of one recorded outside
            parameters = [own[x] for x in operands if x.op is None and own[x]]
            results = [scopes[x] for x in operands if x.op is not None and scopes[x] and not own[x]]
            scopes[node] = _common(parameters or results)
    serves: dict[Value, set[Path]] = {}
    for node in nodes:
        for x in node.operands:
            if isinstance(x, Value) and x.op is None and not own[x]:
                serves.setdefault(x, set()).add(scopes[node])
    return scopes | {leaf: paths.pop() for leaf, paths in serves.items() if len(paths) == 1}


def _common(paths: Sequence[Path]) -> Path:
    """Return what all the paths begin with."""
    agreed = takewhile(lambda parts: len(set(parts)) == 1, zip(*paths, strict=False))
    return tuple(parts[0] for parts in agreed)


def depths_of(nodes: Sequence[Value]) -> dict[Value, int]:
    """Return each node's distance from the root, by the longest way."""
    depths = dict.fromkeys(nodes, 0)
    for node in reversed(nodes):
        for x in node.operands:
            if isinstance(x, Value):
                depths[x] = max(depths[x], depths[node] + 1)
    return depths


def levels_crossed(nodes: Sequence[Value]) -> tuple[int, int]:
    """Return how many levels the edges cross: first all but those from leaves far away, then these."""
    depths = depths_of(nodes)
    near = far = 0
    for node in nodes:
        for x in node.operands:
            if isinstance(x, Value):
                span = depths[x] - depths[node]
                if x.op is None and span > FAR:
                    far += span
                else:
                    near += span
    return near, far


def grouped(nodes: Sequence[Value]) -> tuple[dict[Value, str], str]:
    """Return the name of each node's group, few enough to draw, and what kind of groups they are."""
    scopes = scopes_of(nodes)
    if not any(scopes.values()):
        depths = depths_of(nodes)
        levels = max(depths.values()) + 1
        bands = min(levels, BANDS)
        first = [-(-band * levels // bands) for band in range(bands + 1)]
        titles = [f"depth {a}" + f" to {b - 1}" * (b - a > 1) for a, b in pairwise(first)]
        return {
            node: titles[depth * bands // levels] for node, depth in depths.items()
        }, "band of equal depth"
    group: dict[Value, str] = {}
    for level in range(max(map(len, scopes.values())), 0, -1):
        group = {node: SEPARATOR.join(path[:level]) or "no scope" for node, path in scopes.items()}
        if len(set(group.values())) <= GROUPS and len(links_between(nodes, group)) <= GROUP_EDGES:
            break
    sizes = Counter(group.values())
    if len(sizes) > GROUPS:
        kept = {name for name, _ in sizes.most_common(GROUPS - 1)}
        rest = f"{len(sizes) - len(kept)} more scopes"
        group = {node: name if name in kept else rest for node, name in group.items()}
    return group, "scope"


def folds_of(nodes: Sequence[Value]) -> list[list[Value]]:
    """Return the nodes, in lists of those that do the same in each pass of a loop; none if nothing repeats.

    Operations do the same where `repeats` says so, within one scope but for its last number; leaves, where
    the same operations use them in the same places and they are labelled alike.
    """
    scopes = scopes_of(nodes)
    operations = [node for node in nodes if node.op is not None]
    operations.sort(key=lambda node: _natural(scopes[node]))  # else a first neuron has all before it
    kinds = [(node.op, len(node.operands), *_stems(scopes[node])) for node in operations]
    places = [[operations[i] for i in place] for place in repeats(kinds)]
    place_of = {node: i for i, place in enumerate(places) for node in place}
    turn = {node: i for place in places for i, node in enumerate(place)}
    for place in places:
        for operands in zip(*(node.operands for node in place), strict=True):
            back = Counter(
                turn[node] - turn[x]
                for node, x in zip(place, operands, strict=True)
                if x in turn and scopes[x] == scopes[node] and len(places[place_of[x]]) == len(place)
            )
            if back and max(back.values()) < REGULAR * back.total():
                return []
    uses: dict[Value, set[tuple[int, int]]] = {node: set() for node in nodes if node.op is None}
    for node in operations:
        for i, x in enumerate(node.operands):
            if isinstance(x, Value) and x.op is None:
                uses[x].add((place_of[node], 0 if node.op is not None and node.op.variadic else i))
    alike: dict[Any, list[Value]] = {}
    for leaf, used in uses.items():
        *_, name = _stems((scope_and_name(leaf.label)[1],))
        alike.setdefault((frozenset(used), name, _stems(scopes[leaf])), []).append(leaf)
    return [*places, *alike.values()]


def _natural(path: Path) -> list[tuple[tuple[bool, int, str], ...]]:
    """Return a key by which "neuron 2" comes before "neuron 10"."""
    return [
        tuple(
            (piece.isdecimal(), int(piece) if piece.isdecimal() else 0, piece)
            for piece in re.split(r"(\d+)", part)
        )
        for part in path
    ]


def _stems(path: Path) -> Path:
    """Return a path with the numbers of its last part, or of an array's index, left out."""
    return (*path[:-1], re.sub(r"\d+", "#", path[-1])) if path else ()


def links_between(nodes: Sequence[Value], group: dict[Value, str]) -> Counter[tuple[str, str]]:
    """Count the edges from each group to each other."""
    pairs = ((group[x], group[node]) for node in nodes for x in node.operands if isinstance(x, Value))
    return Counter(pair for pair in pairs if pair[0] != pair[1])
