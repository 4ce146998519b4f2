"""A Kalman filter's likelihood: how noisy are the measurements, and how much does the level move?

The filter is a loop over the data. Its log-likelihood is differentiated through the whole loop.
"""

import math
import random

from autograd_mini import Value, compile, exp, log
from autograd_mini.optim import lbfgs

LEVEL, NOISE = 0.3, 1.0  # standard deviations: of the steps of the level, and of the measurements
rng = random.Random(4)
levels, measured, level = [], [], 0.0
for _ in range(150):
    level += rng.gauss(0.0, LEVEL)
    levels.append(level)
    measured.append(level + rng.gauss(0.0, NOISE))


def filtered(log_q, log_r):
    """Return -log likelihood of the data, the filtered levels, and their variances."""
    q, r = exp(2.0 * log_q), exp(2.0 * log_r)
    mean, variance, loss, means, variances = measured[0], r, 0.0, [], []
    for y in measured[1:]:
        variance = variance + q  # predict
        spread = variance + r
        surprise = y - mean
        loss = loss + 0.5 * (log(2.0 * math.pi * spread) + surprise * surprise / spread)
        gain = variance / spread  # correct
        mean = mean + gain * surprise
        variance = (1.0 - gain) * variance
        means.append(mean)
        variances.append(variance)
    return loss, means, variances


def estimate():
    """Return the two standard deviations of greatest likelihood."""
    log_q, log_r = Value(0.0), Value(0.0)
    loss = compile(lambda: filtered(log_q, log_r)[0])
    lbfgs(loss.backward, [log_q, log_r])
    return math.exp(log_q.data), math.exp(log_r.data)


def picture(level, noise):
    from matplotlib import pyplot as plt

    _, means, variances = filtered(math.log(level), math.log(noise))
    low = [m - 2.0 * math.sqrt(v) for m, v in zip(means, variances, strict=True)]
    high = [m + 2.0 * math.sqrt(v) for m, v in zip(means, variances, strict=True)]
    figure, axes = plt.subplots(layout="constrained", figsize=(6, 3.4))
    axes.plot(measured, ".", color="grey", ms=4, label="measured")
    axes.plot(levels, "k", lw=1, label="true level")
    axes.plot(range(1, len(measured)), means, label="filtered")
    axes.fill_between(range(1, len(measured)), low, high, alpha=0.25)
    axes.set_xlabel("time")
    axes.legend()
    return figure


if __name__ == "__main__":
    level, noise = estimate()
    print(f"the level moves by {level:.3f} (true: {LEVEL}), the noise is {noise:.3f} (true: {NOISE})")
    picture(level, noise).savefig("kalman.svg")
