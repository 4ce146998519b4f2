"""Compare the engine with the naive engine on a million random programs: ``python tests/campaign.py``.

Some are compared with mpmath too. The programs are numbered: a seed and a number make a program, so a
campaign can stop and go on, and a disagreement can be looked at again.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from walks import disagreements

from autograd_mini.testing.check import compare_grads
from autograd_mini.testing.recipes import Recipe, Wish, grow, random_material

__all__ = ["examine", "main", "numbered", "smallest"]

EVERY: Final = 50
"""One program in so many is compared with mpmath too, which takes as long as all the others."""
SAVED_EVERY: Final = 5.0  # seconds


def numbered(seed: int, number: int) -> tuple[list[float], list[float], list[Wish]]:
    """Return the raw material of a program of a campaign.

    >>> grow(*numbered(7, 1)) == grow(*numbered(7, 1))
    True
    """
    return random_material((seed << 40) + number)


def examine(recipe: Recipe, *, exactly: bool = False) -> Iterator[str]:
    """Yield what is wrong with the engine on one program; `exactly` asks mpmath as well.

    >>> list(examine(grow(*numbered(7, 1)), exactly=True))
    []
    """
    yield from disagreements(recipe)
    if exactly and not any(word == "stop_gradient" for word, _ in recipe.steps):
        yield from map(str, compare_grads(recipe, *recipe.inputs, order=1, oracle="mpmath").wrong)


def smallest(inputs: list[float], constants: list[float], wishes: list[Wish], *, exactly: bool) -> Recipe:
    """Return the recipe of as few of the wishes as still disagree."""
    for i in reversed(range(len(wishes))):
        fewer = wishes[:i] + wishes[i + 1 :]
        if any(examine(grow(inputs, constants, fewer), exactly=exactly)):
            return smallest(inputs, constants, fewer, exactly=exactly)
    return grow(inputs, constants, wishes)


def main(argv: Sequence[str] | None = None) -> int:
    """Run a campaign, or the rest of one; return 0 if nothing disagreed, 1 if something did.

    >>> main(["--programs", "20", "--seed", "7"])
    20 programs, ... operations, seed 7: 0 disagreements
    0
    """
    options = _options(argv)
    state = _State(options.resume, options.seed)
    try:
        for number in _progress(range(state.done, options.programs), options.programs, state.done):
            material = numbered(options.seed, number)
            recipe = grow(*material)
            exactly = number % EVERY == 0
            found = next(examine(recipe, exactly=exactly), None)
            if found is not None:
                small = smallest(*material, exactly=exactly)
                state.disagreements.append({"number": number, "found": found, "program": repr(small)})
            state.done = number + 1
            state.operations += len(recipe)
            state.save_now_and_then()
    except KeyboardInterrupt:
        pass
    state.save()
    for each in state.disagreements:
        print(f"program {each['number']}: {each['found']}\n{each['program']}", file=sys.stderr)
    count = len(state.disagreements)
    print(
        f"{state.done:,} programs, {state.operations:,} operations, seed {state.seed}: "
        f"{count} disagreement{'s' * (count != 1)}"
    )
    return 1 if count else 0


class _State:
    """The progress of a campaign, kept in a file if one is named."""

    def __init__(self, path: str | None, seed: int) -> None:
        self.path = Path(path) if path else None
        self.seed = seed
        self.done = 0
        self.operations = 0
        self.disagreements: list[dict[str, Any]] = []
        self._saved = time.monotonic()
        if self.path and self.path.exists():
            kept = json.loads(self.path.read_text(encoding="utf-8"))
            if kept["seed"] != seed:
                sys.exit(f"{path} is of a campaign with seed {kept['seed']}: give that, or another file")
            self.done, self.operations = kept["done"], kept["operations"]
            self.disagreements = kept["disagreements"]

    def save_now_and_then(self) -> None:
        if time.monotonic() - self._saved > SAVED_EVERY:
            self.save()

    def save(self) -> None:
        self._saved = time.monotonic()
        if self.path:
            kept = {name: getattr(self, name) for name in ("seed", "done", "operations", "disagreements")}
            beside = self.path.with_name(f"{self.path.name}.new")
            beside.write_text(json.dumps(kept, indent=1), encoding="utf-8")
            os.replace(beside, self.path)  # whole or not at all


def _options(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python tests/campaign.py",
        description="Compare the engine with the naive engine on many random programs.",
    )
    parser.add_argument("--programs", type=int, default=1_000_000, help="how many in all (1000000)")
    parser.add_argument("--seed", type=int, default=0, help="which programs (0)")
    parser.add_argument("--resume", metavar="FILE", help="go on where the campaign kept there has stopped")
    return parser.parse_args(argv)


def _progress(numbers: Iterable[int], total: int, done: int) -> Iterable[int]:
    if not sys.stderr.isatty():
        return numbers
    try:
        from tqdm import tqdm
    except ImportError:
        return numbers
    return tqdm(numbers, total=total, initial=done, unit=" programs", unit_scale=True)  # type: ignore[no-any-return]


if __name__ == "__main__":
    sys.exit(main())
