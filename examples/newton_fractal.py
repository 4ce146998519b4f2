"""Newton's fractal: to which root of z³ = 1 does Newton's method go? From 90,000 points at once."""

import numpy as np

from autograd_mini import compile, jacobian

ROOTS = np.exp(2j * np.pi * np.arange(3) / 3)


def equations(x, y):
    """The real and the imaginary part of (x + iy)³ - 1."""
    return [x**3 - 3 * x * y**2 - 1, 3 * x**2 * y - y**3]


@compile
def step(x, y):
    """One step of Newton's method: the Jacobian is computed by the library, and compiled with the rest."""
    u, v = equations(x, y)
    (a, b), (c, d) = jacobian(lambda p: equations(*p))([x, y])
    determinant = a * d - b * c
    return [x - (d * u - b * v) / determinant, y - (a * v - c * u) / determinant]


def basins(size=300, steps=25):
    """Return for each point of a grid the nearest root after some steps, and how many steps it took."""
    side = np.linspace(-1.5, 1.5, size)
    x, y = (grid.ravel() for grid in np.meshgrid(side, side))
    taken = np.zeros(x.size)
    for _ in range(steps):
        x, y = step.map(x, y)
        taken += np.abs((x + 1j * y)[:, None] - ROOTS).min(axis=1) > 1e-6
    nearest = np.abs((x + 1j * y)[:, None] - ROOTS).argmin(axis=1)
    return nearest.reshape(size, size), taken.reshape(size, size)


def picture(nearest, taken):
    from matplotlib import pyplot as plt

    shade = 1.0 - 0.75 * np.clip(taken / 15.0, 0.0, 1.0)
    colors = np.array([[0.95, 0.75, 0.2], [0.2, 0.55, 0.85], [0.8, 0.3, 0.45]])
    figure, axes = plt.subplots(layout="constrained", figsize=(4.6, 4.6))
    axes.imshow(colors[nearest] * shade[..., None], origin="lower", extent=(-1.5, 1.5, -1.5, 1.5))
    axes.plot(ROOTS.real, ROOTS.imag, "wo", ms=4)
    axes.set_axis_off()
    return figure


if __name__ == "__main__":
    nearest, taken = basins()
    print("points for each root:", np.bincount(nearest.ravel()).tolist())
    picture(nearest, taken).savefig("newton_fractal.png")
