"""The processor that machine code is made for: its features and the width of its vectors."""

from __future__ import annotations

import os
import sys
from functools import cache
from typing import Any, Final, NamedTuple

__all__ = ["LEVELS", "Target", "count", "features", "hold_to", "host", "is_x86", "name", "started"]

LEVELS: Final = {"avx2": ("avx512", "avx10", "amx")}
"""The levels that code can be held to, with the prefixes of the features that are then not used."""

_held: list[str] = []


class Target(NamedTuple):
    """What vector code may assume of the processor.

    Results on different targets differ by rounding only, and never by more than the stated ULP.
    """

    width: int
    """Lanes in a vector; any positive number works."""
    fma: bool = True
    """The processor multiplies and adds in one instruction; elsewhere llvm.fma is a slow call."""
    avx512: bool = False
    """The processor extracts and scales exponents in one instruction, eight lanes at a time."""


def hold_to(level: str) -> None:
    """Compile for a processor of that level from now on, even if this one has more features.

    Raises ValueError for a level that is unknown, or that this processor does not reach.
    """
    if level not in LEVELS:
        raise ValueError(f"no level of features is called {level!r}; choose one of {', '.join(LEVELS)}")
    if not features().get(level):
        raise ValueError(f"level {level!r}: this processor does not have it; leave the level out")
    _held[:] = [level]
    features.cache_clear()


@cache
def features() -> dict[str, bool]:
    """Return which features code may use, by LLVM's names."""
    import llvmlite.binding as llvm

    unused = tuple([prefix for level in _held for prefix in LEVELS[level]])
    return {
        feature: there and not feature.startswith(unused)
        for feature, there in llvm.get_host_cpu_features().items()
    }


def host(registers: int = 1) -> Target:
    """Return what this processor supports, in vectors that span `registers` registers.

    Operations on several registers are independent of each other, so none waits for the one before: with 4
    a long formula runs twice as fast as with 1.
    """
    has = features().get
    avx512 = bool(has("avx512f") and has("avx512dq"))
    return Target(registers * (8 if avx512 else 4 if has("avx2") else 2), bool(has("fma")), avx512)


def name() -> str:
    """Return LLVM's name of this processor."""
    import llvmlite.binding as llvm

    return llvm.get_host_cpu_name()  # type: ignore[no-any-return]


def count() -> int:
    """Return how many processors this process may use: one inside a task of a dask worker."""
    state = getattr(sys.modules.get("distributed.worker"), "thread_state", None)
    if hasattr(state, "execution_state"):
        return 1
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity is not None else os.cpu_count() or 1


def is_x86() -> bool:
    """Whether code is made for x86-64."""
    import llvmlite.binding as llvm

    return llvm.get_default_triple().startswith("x86_64")  # type: ignore[no-any-return]


@cache
def started() -> Any:
    """Return LLVM's target for this processor, with its code generator ready."""
    import llvmlite.binding as llvm

    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    return llvm.Target.from_default_triple()
