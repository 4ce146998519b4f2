"""Wrong gradients of programs: forces, robots, caches, state, walks over a graph; after reported bugs."""

import math

import numpy as np
from gradients.cases import bug

GITHUB = "https://github.com/"


# ---- energies and forces ---------------------------------------------------------------------------


def pairs(x):
    x = x.reshape(-1, 2)
    i, k = np.triu_indices(len(x), 1)
    d = x[i] - x[k]
    return x, i, k, d, np.sqrt((d**2).sum(1))


def energy_and_gradient(u, du):
    def energy(x):
        return u(pairs(x)[-1]).sum()

    def gradient(x):
        x, i, k, d, r = pairs(x)
        g = np.zeros_like(x)
        push = (du(r) / r)[:, None] * d
        np.add.at(g, i, push)
        np.add.at(g, k, -push)
        return g.ravel()

    return energy, gradient


MOLECULE = [0.0, 0.0, 1.1, 0.2, -0.3, 1.2]


@bug(GITHUB + "andysim/helpme/issues/20", "an electrostatic force has the sign of the gradient's negative")
def _():
    f, g = energy_and_gradient(lambda r: 1 / r, lambda r: -1 / r**2)
    for scale in (1.0, 0.5, 3.0):
        yield f, lambda x: -g(x), scale * np.array(MOLECULE)


@bug(GITHUB + "openforcefield/descent/pull/70", "the force is taken for the gradient")
def _():
    f, g = energy_and_gradient(lambda r: 4 * (r**-12 - r**-6), lambda r: 4 * (-12 * r**-13 + 6 * r**-7))
    for scale in (1.0, 1.3):
        yield f, lambda x: -g(x), scale * np.array(MOLECULE)


@bug(GITHUB + "isayev/COMP6/issues/2", "data holds gradients where forces are promised")
def _():
    f, g = energy_and_gradient(lambda r: (r - 1) ** 2, lambda r: 2 * (r - 1))
    for scale in (1.2, 0.8):
        yield lambda x: -f(x), g, scale * np.array(MOLECULE)


@bug(GITHUB + "openmm/NNPOps/issues/130", "Ewald's direct sum: a minus sign is missing in dE/dr")
def _():
    erfc = np.vectorize(math.erfc)
    for a in (0.5, 1.0, 2.0):
        f, _ = energy_and_gradient(lambda r, a=a: erfc(a * r) / r, lambda r: r)
        _, g = energy_and_gradient(
            lambda r: r,
            lambda r, a=a: erfc(a * r) / r**2 + 2 * a / math.sqrt(math.pi) * np.exp(-((a * r) ** 2)) / r,
        )
        yield f, g, MOLECULE


@bug(GITHUB + "dilevin/CSC417-a4-cloth-simulation/issues/6", "gravity's gradient is added, not subtracted")
def _():
    def claim(x, m, k):
        return k * x - m * 9.81

    for m, k in [(1.0, 2.0), (0.1, 50.0), (3.0, 0.5)]:
        yield (
            lambda x, m=m, k=k: (0.5 * k * x * x + m * 9.81 * x).sum(),
            lambda x, m=m, k=k: claim(x, m, k),
            [0.3, -0.2],
        )


@bug(GITHUB + "torchmd/torchmd-net/issues/116", "forces and gradients are mixed")
def _():
    f, g = energy_and_gradient(lambda r: np.exp(-r), lambda r: -np.exp(-r))

    def claim(x):
        mixed = g(x)
        mixed[:2] *= -1
        return mixed

    for scale in (1.0, 2.0):
        yield f, claim, scale * np.array(MOLECULE)


@bug(
    GITHUB + "dqrobotics/matlab/issues/62",
    "a mobile base: one entry of the Jacobian has a wrong sign",
    "jacobian",
)
def _():
    def pose(q):
        x, y, phi = q
        c, s = math.cos(phi / 2), math.sin(phi / 2)
        return np.array([c, s, 0.5 * (x * c + y * s), 0.5 * (-x * s + y * c)])

    def claim(q):
        x, y, phi = q
        c, s = math.cos(phi / 2), math.sin(phi / 2)
        return np.array(
            [
                [0, 0, -s / 2],
                [0, 0, c / 2],
                [c / 2, s / 2, 0.25 * (-x * s + y * c)],
                [-s / 2, c / 2, 0.25 * (x * c - y * s)],
            ]
        )

    for q in ([0.3, -0.3, 0.5], [1.0, 2.0, -1.0], [-2.0, 0.1, 3.0]):
        yield pose, claim, q


@bug(
    GITHUB + "PoseLib/PoseLib/pull/40",
    "a matrix product in a pose's Jacobian is taken in the wrong order",
    "jacobian",
)
def _():
    def rotation(t):
        return np.array([[math.cos(t), -math.sin(t)], [math.sin(t), math.cos(t)]])

    skew = np.array([[0.0, -1.0], [1.0, 0.0]])
    A = np.array([[1.0, 0.4], [-0.2, 0.7]])
    z = np.array([0.5, 1.5])
    for t in (0.3, 2.0):
        yield (
            lambda t: rotation(t[0]) @ A @ z,
            lambda t: (rotation(t[0]) @ A @ skew @ z).reshape(2, 1),
            [t],
        )


# ---- walks over a graph ----------------------------------------------------------------------------


@bug(GITHUB + "karpathy/micrograd/issues/2", "a node used twice passes its gradient on each time")
def _():
    yield lambda x: (2 * x[0]) * (2 * x[0]), lambda x: 1.5 * 8 * x, [3.0]
    yield lambda x: np.sin(x[0] ** 2) + x[0] ** 2, lambda x: (2 * np.cos(x**2) + 1) * 2 * x, [0.7]
    yield lambda x: (x[0] * x[1]) ** 2, lambda x: 3 * x[0] * x[1] * x[::-1], [2.0, 0.5]


@bug(GITHUB + "sebgao/cTensor/issues/5", "a product used twice: 7 where 6 is right")
def _():
    def f(x):
        return x[0] * (x[0] * 1) + x[0] * x[0] + x[0] * (x[0] * 1)

    for x in (1.0, 2.0, -0.5):
        yield f, lambda x: 7 * x, [x]


@bug(GITHUB + "karpathy/micrograd/issues/53", "a second backward adds to the gradient of the first")
def _():
    for f, slope, x in [
        (lambda x: (x * x).sum(), lambda x: 2 * x, [1.5, -0.5]),
        (lambda x: np.exp(x).sum(), np.exp, [0.3]),
        (lambda x: np.sin(x).sum(), np.cos, [2.0, 1.0, 0.4]),
    ]:
        total = np.zeros(len(x))

        def claim(x, total=total, slope=slope):
            total += slope(x)
            return total.copy()

        yield f, claim, x


@bug(GITHUB + "karpathy/micrograd/pull/102", "inner gradients are kept between two backward passes")
def _():
    for x in ([1.2, 0.5], [3.0, -2.0]):
        inner = np.zeros(1)

        def claim(x, inner=inner):
            inner += np.cos(x[0] * x[1])
            return inner[0] * x[::-1]

        yield lambda x: np.sin(x[0] * x[1]), claim, x


@bug(GITHUB + "yandexdataschool/Practical_DL/pull/87", "gradients are accumulated wrongly over minibatches")
def _():
    data = np.array([[1.0, 0.2], [0.4, -1.0], [2.0, 0.3], [-0.5, 1.1]])

    def f(w):
        return ((data @ w - 1) ** 2).mean()

    def last_only(w):
        half = data[2:]
        return 2 * half.T @ (half @ w - 1) / 2

    def never_divided(w):
        return sum(2 * part.T @ (part @ w - 1) / 2 for part in (data[:2], data[2:]))

    for w in ([0.3, 0.7], [1.0, -1.0]):
        yield f, last_only, w
        yield f, never_divided, w


# ---- state, caches, precision ----------------------------------------------------------------------


@bug(
    GITHUB + "tlm-adjoint/tlm_adjoint/pull/96", "the gradient uses what the last call of the function left"
)
def _():
    for outer, slope, x in [
        (lambda h: (h * h).sum(), lambda h: 2 * h, [1.0, 2.0]),
        (lambda h: np.sin(h).sum(), np.cos, [0.4]),
        (lambda h: np.exp(-h).sum(), lambda h: -np.exp(-h), [1.5, -0.7]),
    ]:
        kept = {}

        def f(x, outer=outer, kept=kept):
            kept["h"] = np.array(x)
            return outer(kept["h"])

        def claim(x, slope=slope, kept=kept):
            return slope(kept.get("h", np.zeros_like(x)))

        yield f, claim, x


@bug(GITHUB + "optiland/optiland/issues/794", "a memo that is not renewed when the parameters change")
def _():
    for f, slope, x in [
        (lambda x: (x**2).sum(), lambda x: 2 * x, [0.5, 1.5]),
        (lambda x: np.exp(x).sum(), np.exp, [0.1]),
        (lambda x: np.log(x).sum(), lambda x: 1 / x, [2.0, 3.0]),
    ]:
        memo = {}

        def claim(x, slope=slope, memo=memo):
            if "g" not in memo:
                memo["g"] = slope(x)
            return memo["g"]

        yield f, claim, x


@bug(GITHUB + "ooples/AiDotNet/pull/1351", "a memo that knows the parameters by some of them only")
def _():
    for f, slope, x in [
        (lambda x: (x[0] * x[1]) ** 2, lambda x: 2 * x[0] * x[1] * x[::-1], [0.5, 1.5]),
        (lambda x: np.sin(x).sum(), np.cos, [0.3, 0.9, 2.0]),
    ]:
        memo = {}

        def claim(x, slope=slope, memo=memo):
            key = round(float(x[0]), 1)
            if key not in memo:
                memo[key] = slope(x)
            return memo[key]

        yield f, claim, x


@bug(GITHUB + "JuliaDiff/ForwardDiff.jl/issues/241", "a conversion strips the derivative off")
def _():
    yield lambda x: np.sqrt((x**2).sum()), np.zeros_like, [0.5, 0.1]
    yield lambda x: x[0] ** 2 + np.sin(x[1]), lambda x: np.array([2 * x[0], 0.0]), [0.5, 0.3]
    yield lambda x: x[0] * x[1], lambda x: np.array([x[1], 0.0]), [2.0, 3.0]


@bug(GITHUB + "rtqichen/torchdiffeq/issues/119", "the adjoint of an ODE: no gradient for the parameters")
def _():
    def solve(p, steps=50):
        y, rate = p[0], p[1]
        h = 1.0 / steps
        for _ in range(steps):
            y = y + h * (-rate * (y + h / 2 * (-rate * y)))
        return y

    def claim(p, steps=50):
        h = 1.0 / steps
        return np.array([(1 - h * p[1] * (1 - h / 2 * p[1])) ** steps, 0.0])

    for p in ([1.0, 0.5], [2.0, 3.0], [0.3, -1.0]):
        yield solve, claim, p


@bug(GITHUB + "DiffEqML/torchdyn/issues/168", "an ODE's adjoint does not reach what made the initial value")
def _():
    def solve(p):
        return np.tanh(p[0]) * math.exp(-p[1]) + p[1] ** 2

    def claim(p):
        return np.array([0.0, -np.tanh(p[0]) * math.exp(-p[1]) + 2 * p[1]])

    for p in ([0.4, 1.0], [-1.0, 0.2], [2.0, 0.1]):
        yield solve, claim, p


@bug(GITHUB + "scipy/scipy/pull/13741", "the argument is overwritten")
def _():
    def claim(t):
        t *= 2
        return t

    for t in ([0.5, 1.0, -0.4], [3.0, -2.0]):
        yield lambda t: (t**2).sum(), claim, t


@bug(GITHUB + "wy1iu/sphereface/issues/2", "the forward pass overwrites the weight that it normalises")
def _():
    data = np.array([1.0, -0.5, 2.0])

    def claim(w):
        w /= np.linalg.norm(w)
        return data.copy()

    for w in ([0.6, 1.2, 0.1], [2.0, 1.0, -2.0]):
        yield lambda w: data @ w / np.linalg.norm(w), claim, w
