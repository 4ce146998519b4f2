"""A training step of the GPT in examples/microgpt.py: compiled, eager, and on microgpt's own `Value`.

That class is taken from microgpt's text, where MICROGPT says where it is, and computes the same model with
operators alone.
"""

import gc
import importlib.util
import itertools
import random
import statistics
import sys
import time
from pathlib import Path

import numpy as np
from machine import description

sys.path.append(str(Path(__file__).parents[1] / "tests"))
import microgpt

from autograd_mini import Value, compile
from autograd_mini.nn import cross_entropy
from autograd_mini.optim import Adam

ROOT = Path(__file__).parents[1]
ROUNDS, RATE = 5, 0.02
NAME = "johanna"


def example():
    """The module of the example, whose name is that of the tests' reader of the text."""
    spec = importlib.util.spec_from_file_location("gpt_of_scalars", ROOT / "examples" / "microgpt.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


GPT = example()


def letters_of(name):
    return [GPT.END, *map(GPT.ALPHABET.index, name), GPT.END][: GPT.LENGTH + 1]


class Ours:
    """The example's step, on parameters of its own."""

    def __init__(self, compiled):
        model = GPT.GPT(random.Random(1))

        def surprise(letters):
            return cross_entropy(model(letters[:-1]), letters[1:])

        self.optimiser = Adam(model.parameters(), RATE)
        self.loss = compile(surprise).backward if compiled else lambda letters: backward(surprise(letters))

    def step(self, letters):
        """One step, and the loss before it."""
        self.optimiser.zero_grad()
        loss = self.loss(letters)
        self.optimiser.step()
        return loss


def backward(loss):
    loss.backward()
    return loss.data


class InArray:
    """The same step with all parameters in one NumPy array, an argument, and Adam on arrays."""

    def __init__(self):
        model = GPT.GPT(random.Random(1))
        self.parameters = np.array([x.data for x in model.parameters()])
        self.means, self.squares = np.zeros((2, len(self.parameters)))
        self.steps = 0

        def surprise(parameters, letters):
            given = iter(parameters)
            for name, matrix in matrices(model).items():
                setattr(model, name, [[next(given) for _ in row] for row in matrix])
            return cross_entropy(model(letters[:-1]), letters[1:])

        self.loss = compile(surprise).value_and_grad

    def step(self, letters):
        """One step, and the loss before it."""
        loss, gradient = self.loss(self.parameters, letters)
        self.steps += 1
        first, second = (1 - beta**self.steps for beta in (0.9, 0.999))
        self.means += 0.1 * (gradient - self.means)
        self.squares += 0.001 * (gradient * gradient - self.squares)
        self.parameters -= RATE * (self.means / first) / (np.sqrt(self.squares / second) + 1e-8)
        return loss


def matrices(model):
    """The model's matrices of parameters, by name."""
    return {name: x for name, x in vars(model).items() if x and isinstance(x[0][0], Value)}


class Plain:
    """The same model and optimiser in operators alone, on another `Value`."""

    def __init__(self, value):
        model = GPT.GPT(random.Random(1))
        self.weights = {
            name: [[value(x.data) for x in row] for row in matrix]
            for name, matrix in matrices(model).items()
        }
        self.parameters = [x for matrix in self.weights.values() for row in matrix for x in row]
        self.means, self.squares = ([0.0] * len(self.parameters) for _ in range(2))
        self.steps = 0

    def loss(self, letters):
        w, keys, values, losses = self.weights, [], [], []
        for place, (letter, following) in enumerate(itertools.pairwise(letters)):
            x = [a + b for a, b in zip(w["letters"][letter], w["places"][place], strict=True)]
            keys.append(times(w["key"], x))
            values.append(times(w["value"], x))
            query = times(w["query"], x)
            scores = [sum(a * b for a, b in zip(query, k, strict=True)) * GPT.SIZE**-0.5 for k in keys]
            weights = shares(scores)
            seen = [sum(a * b for a, b in zip(weights, v, strict=True)) for v in zip(*values, strict=True)]
            x = [a + b for a, b in zip(x, seen, strict=True)]
            wide = [a.relu() for a in times(w["widen"], x)]
            x = [a + b for a, b in zip(x, times(w["narrow"], wide), strict=True)]
            losses.append(-shares(times(w["answer"], x))[following].log())
        return sum(losses) * (1 / len(losses))

    def step(self, letters):
        """One step, and the loss before it."""
        loss = self.loss(letters)
        loss.backward()
        self.steps += 1
        first, second = (1 - beta**self.steps for beta in (0.9, 0.999))
        means, squares = self.means, self.squares
        for i, x in enumerate(self.parameters):
            means[i] = 0.9 * means[i] + 0.1 * x.grad
            squares[i] = 0.999 * squares[i] + 0.001 * x.grad**2
            x.data -= RATE * (means[i] / first) / ((squares[i] / second) ** 0.5 + 1e-8)
            x.grad = 0.0
        return loss.data


def times(matrix, vector):
    return [sum(a * b for a, b in zip(row, vector, strict=True)) for row in matrix]


def shares(scores):
    largest = max(x.data for x in scores)
    exponentials = [(x - largest).exp() for x in scores]
    total = sum(exponentials)
    return [x / total for x in exponentials]


def compiling():
    """What the first step of each length costs."""
    print("First step of a length, which compiles it\n")
    ours = Ours(compiled=True)
    for length in range(4, GPT.LENGTH + 2):
        letters = letters_of("maximilian"[: length - 2])
        wall, processor = time.perf_counter(), time.process_time()
        ours.step(letters)
        wall, processor = time.perf_counter() - wall, time.process_time() - processor
        print(f"  {length:2} letters: {wall:.2f} s, of the processor {processor:.2f} s")
    print()


def steps():
    """A steady step of each, in turns; the losses of the first twenty must agree."""
    letters = letters_of(NAME)
    kinds = {
        "compiled": (Ours(compiled=True), 100),
        "compiled, an array": (InArray(), 100),
        "eager": (Ours(compiled=False), 20),
    }
    if microgpt.PATH:
        value = microgpt.value_class(Path(microgpt.PATH).read_text(encoding="utf-8"))
        kinds["microgpt's Value"] = Plain(value), 20
    parameters = len(kinds["compiled"][0].optimiser.parameters)
    print(f"One step: {parameters} parameters, {len(letters)} letters; forward, backward, Adam\n")
    losses = [[kind.step(letters) for kind, _ in kinds.values()] for _ in range(20)]
    worst = max(abs(x - row[0]) for row in losses for x in row)
    print(f"  losses of 20 steps differ by {worst:.1e} at most")
    gc.collect()
    gc.freeze()  # nobody's collector walks over what the others have left
    seconds = {name: [] for name in kinds}
    for _ in range(ROUNDS):
        for name, (kind, runs) in kinds.items():
            for _ in range(runs):
                start = time.process_time()
                kind.step(letters)
                seconds[name].append(time.process_time() - start)
    ours = [statistics.median(seconds[name]) for name in ("compiled", "compiled, an array")]
    for name, found in seconds.items():
        middle = statistics.median(found)
        ratios = " and ".join(f"{middle / x:.1f}" for x in ours)
        print(f"  {name:18} {middle * 1e6:9.1f} µs, {ratios} × the compiled ones ({len(found)} steps)")
    print()


if __name__ == "__main__":
    collector = "on" if gc.isenabled() else "off"
    print(f"{description()}\nPython's collector is {collector}; medians of processor time\n")
    sys.setrecursionlimit(200_000)
    compiling()
    steps()
