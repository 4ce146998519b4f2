"""Initial weights, and the random numbers they are drawn from."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from operator import index
from typing import Any, Final

__all__ = ["INITIALISERS", "Initialiser", "Seed", "generator"]

Seed = random.Random | int | None
"""A random generator, the seed of a new one, or None for Python's shared generator."""

Initialiser = Callable[[random.Random, int, int], float]
"""A function of a generator, the number of a neuron's inputs, and the number of neurons in its layer."""

INITIALISERS: Final[dict[str, Initialiser]] = {
    "uniform": lambda rng, nin, nout: rng.uniform(-1, 1),
    "lecun": lambda rng, nin, nout: rng.gauss(0.0, math.sqrt(1.0 / nin)),
    "glorot": lambda rng, nin, nout: rng.uniform(-1, 1) * math.sqrt(6.0 / (nin + nout)),
    "he": lambda rng, nin, nout: rng.gauss(0.0, math.sqrt(2.0 / nin)),
}
"""Ways to draw a weight: micrograd's; LeCun et al. 1998; Glorot and Bengio 2010, for tanh and sigmoid;
He et al. 2015, for relu. The last three keep signals about the same size from layer to layer."""


def generator(seed: Seed) -> Any:
    """Return the generator that `seed` means: itself, a new one, or the module `random`.

    Raises TypeError for anything else, NumPy's generators included: their methods differ.

    >>> generator(1).random() == generator(1).random()
    True
    """
    if seed is None:
        return random  # draws from the generator that random.seed() seeds
    if hasattr(seed, "__index__"):
        return random.Random(index(seed))
    if not hasattr(seed, "gauss"):
        raise TypeError(f"rng is {seed!r}: give a whole number, a random.Random, or None")
    return seed
