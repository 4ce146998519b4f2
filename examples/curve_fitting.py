"""Curve fitting: the amplitude, decay and frequency of a swing, from 60 noisy measurements."""

import math
import random

from autograd_mini import Value, compile, cos, exp
from autograd_mini.optim import lbfgs

TRUTH = {"amplitude": 1.5, "decay": 0.3, "frequency": 2.0}
rng = random.Random(1)
times = [i / 6 for i in range(60)]


def swing(t, amplitude, decay, frequency):
    return amplitude * exp(-decay * t) * cos(frequency * t)


measured = [swing(t, **TRUTH) + rng.gauss(0.0, 0.08) for t in times]


def fit():
    """Return the parameters of least squares, from a rough first guess."""
    parameters = {"amplitude": Value(1.0), "decay": Value(0.1), "frequency": Value(1.8)}
    squared_error = compile(lambda t, y: (swing(t, **parameters) - y) ** 2)

    def loss():
        return sum(squared_error.backward(t, y) for t, y in zip(times, measured, strict=True))

    lbfgs(loss, parameters.values())
    return {name: p.data for name, p in parameters.items()}


def picture(found):
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(layout="constrained", figsize=(6, 3.4))
    axes.plot(times, measured, "k.", label="measured")
    fine = [i / 60 for i in range(600)]
    axes.plot(fine, [swing(t, **found) for t in fine], label="fitted")
    axes.plot(
        fine, [found["amplitude"] * math.exp(-found["decay"] * t) for t in fine], ":", label="envelope"
    )
    axes.set(xlabel="time", ylabel="displacement")
    axes.legend()
    return figure


if __name__ == "__main__":
    found = fit()
    for name, number in found.items():
        print(f"{name:10} {number:.3f}   (true: {TRUTH[name]})")
    picture(found).savefig("curve_fitting.svg")
