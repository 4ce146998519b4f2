"""A physics-informed network: it learns the solution of u'' + u' + 4u = 0 from the equation alone.

The loss contains second derivatives of the network, so that its gradient is a third derivative.
"""

import math

from autograd_mini import compile, grad, sin
from autograd_mini.nn import MLP
from autograd_mini.optim import lbfgs

END = 4.0
net = MLP(1, [10, 1], activation=sin, rng=3)
moments = [END * i / 30 for i in range(31)]


def u(t):
    """Return the network's solution, built to start with height 1 and speed 0 whatever its weights are."""
    return 1.0 + t * t * net([t])


def squared_residual(t):
    """By how much the equation is missed at t, squared."""
    return (grad(grad(u))(t) + grad(u)(t) + 4.0 * u(t)) ** 2


def exact(t):
    w = math.sqrt(3.75)
    return math.exp(-t / 2) * (math.cos(w * t) + math.sin(w * t) / (2 * w))


def train(iterations=400):
    """Make the residuals small and return the largest error of the solution."""
    residual = compile(squared_residual)
    lbfgs(lambda: sum(residual.backward(t) for t in moments), net.parameters(), iterations=iterations)
    return max(abs(u(t).data - exact(t)) for t in moments)


def picture():
    from matplotlib import pyplot as plt

    fine = [END * i / 200 for i in range(201)]
    figure, axes = plt.subplots(layout="constrained", figsize=(6, 3.4))
    axes.plot(fine, [exact(t) for t in fine], "k", lw=3, alpha=0.4, label="exact")
    axes.plot(fine, [u(t).data for t in fine], "--", label="network")
    axes.plot(moments, [0.0 for _ in moments], "|", color="grey", label="where the equation is asked for")
    axes.set(xlabel="t", ylabel="u")
    axes.legend()
    return figure


if __name__ == "__main__":
    print(f"largest error: {train():.1e}")
    picture().savefig("physics_informed.svg")
