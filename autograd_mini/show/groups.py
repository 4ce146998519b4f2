"""Which nodes of a large graph are drawn together: those of one scope, or of one distance from the root."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise, takewhile
from typing import Final

from autograd_mini.engine.value import Value
from autograd_mini.show.scopes import SEPARATOR, scope_and_name

__all__ = ["Path", "depths_of", "grouped", "levels_crossed", "links_between", "scopes_of"]

Path = tuple[str, ...]

GROUPS: Final = 40
GROUP_EDGES: Final = 120
BANDS: Final = 12
DEEPEST: Final = 8
"""How many levels of scopes are told apart."""
FAR: Final = 3
"""From so many levels on, an edge is far, and may start at a copy of its leaf."""


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


def links_between(nodes: Sequence[Value], group: dict[Value, str]) -> Counter[tuple[str, str]]:
    """Count the edges from each group to each other."""
    pairs = ((group[x], group[node]) for node in nodes for x in node.operands if isinstance(x, Value))
    return Counter(pair for pair in pairs if pair[0] != pair[1])
