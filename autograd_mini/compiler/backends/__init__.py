"""Turn a `Program` into something that runs, or into text: a module for each backend or language."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module
from importlib.util import find_spec
from typing import Any, Final, Protocol

from autograd_mini.compiler.program import Program

__all__ = ["BACKENDS", "LANGUAGES", "Backend", "BatchReplay", "Replay", "installed", "load", "source"]

Replay = Callable[[Sequence[float]], "list[float] | None"]
"""From a program's inputs to its outputs; None where a guard of the program does not hold."""

BatchReplay = Callable[[Sequence[Any], int, "int | None"], tuple[Any, Any, Any]]
"""From a program's inputs over a batch, its size and a number of threads to its outputs.

It returns the outputs that are not added up, of shape (outputs, size); the sums of the others, of shape
(blocks, sums), for the blocks that `sums` defines; and whether the guards hold for each item, None without
guards.
"""


class Backend(Protocol):
    """What a module of this package offers.

    `build` makes a replay at one point, bit for bit equal to `Program.evaluate`. `build_batch` makes
    a replay over a batch: `mapped` says which inputs are columns (the others are numbers), `reduced` which
    outputs are added up over the batch.
    """

    def build(self, program: Program) -> Replay:
        """Return a function of a flat sequence of floats."""

    def build_batch(self, program: Program, mapped: Sequence[bool], reduced: Sequence[bool]) -> BatchReplay:
        """Return a function of columns."""

    def source(self, program: Program) -> str:
        """Return the text of the program in the backend's language."""


BACKENDS: Final[dict[str, tuple[tuple[str, ...], str | None]]] = {
    "python": ((), None),
    "numpy": (("numpy",), "numpy"),
    "llvm": (("llvmlite", "numpy"), "fast"),
}
"""The packages that each backend needs, and the extra that brings them."""

LANGUAGES: Final = (*BACKENDS, "c", "javascript")


def installed(name: str) -> bool:
    """Whether the packages that the backend needs are installed."""
    packages, _ = BACKENDS[name]
    return all(find_spec(package) is not None for package in packages)


def load(name: str) -> Backend:
    """Return the backend called `name`; ImportError names the extra that is missing."""
    if name not in BACKENDS:
        raise ValueError(f"no backend is called {name!r}; choose one of {', '.join(BACKENDS)}")
    if not installed(name):
        packages, extra = BACKENDS[name]
        raise ImportError(
            f"backend {name!r} needs {' and '.join(packages)}, not installed: "
            f'pip install "autograd-mini[{extra}]"'
        )
    return import_module(f"autograd_mini.compiler.backends.{name}")


def source(language: str, program: Program) -> str:
    """Return the text of a program in a language."""
    if language not in LANGUAGES:
        raise ValueError(f"no source in {language!r}; choose one of {', '.join(LANGUAGES)}")
    if language in BACKENDS:
        return load(language).source(program)
    return import_module(f"autograd_mini.compiler.backends.{language}").source(program)  # type: ignore[no-any-return]
