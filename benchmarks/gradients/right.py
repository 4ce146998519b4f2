"""Two thousand right derivatives that checks stumble over: generated families, the same every time."""

import math
from functools import partial
from random import Random

import numpy as np
from gradients.cases import EDGE, KINK, NOISY, RIGHT, Case

FAMILIES = {}


def family(count):
    """Register a function of a `Random` that returns (name, f, claim, x, kind, verdicts) for one case."""

    def register(make):
        FAMILIES[make.__name__.replace("_", " ")] = (make, count)
        return make

    return register


def right_cases():
    """Yield every case."""
    for name, (make, count) in FAMILIES.items():
        for seed in range(count):
            label, _, _, x, kind, verdicts = make(Random(f"{name} {seed}"))
            yield Case(
                name,
                f"{label} [{seed}]",
                partial(_functions, make, name, seed),
                tuple(float(t) for t in np.ravel(x)),
                kind,
                verdicts,
            )


def _functions(make, name, seed):
    return make(Random(f"{name} {seed}"))[1:3]


# ---- functions of one number, in every disguise ----------------------------------------------------

erf = np.vectorize(math.erf, otypes=[float])
lgamma = np.vectorize(math.lgamma, otypes=[float])


def digamma(x):
    total = 0.0
    while x < 12:
        total -= 1 / x
        x += 1
    r = 1 / (x * x)
    series = r * (1 / 12 - r * (1 / 120 - r * (1 / 252 - r * (1 / 240 - r / 132))))
    return total + math.log(x) - 0.5 / x - series


ELEMENTARY = [  # name, f, its derivative, where
    ("sin", np.sin, np.cos, (-10, 10)),
    ("exp", np.exp, np.exp, (-20, 20)),
    ("log", np.log, lambda x: 1 / x, (1e-6, 50)),
    ("sqrt", np.sqrt, lambda x: 0.5 / np.sqrt(x), (1e-6, 50)),
    ("cbrt", np.cbrt, lambda x: 1 / (3 * np.cbrt(x) ** 2), (1e-3, 50)),
    ("tanh", np.tanh, lambda x: 1 / np.cosh(x) ** 2, (-6, 6)),
    ("tan", np.tan, lambda x: 1 / np.cos(x) ** 2, (-1.4, 1.4)),
    ("atan", np.arctan, lambda x: 1 / (1 + x * x), (-30, 30)),
    ("asin", np.arcsin, lambda x: 1 / np.sqrt(1 - x * x), (-0.999, 0.999)),
    ("acosh", np.arccosh, lambda x: 1 / np.sqrt(x * x - 1), (1.001, 40)),
    ("expm1", np.expm1, np.exp, (-3, 3)),
    ("log1p", np.log1p, lambda x: 1 / (1 + x), (-0.9, 9)),
    ("reciprocal", lambda x: 1 / x, lambda x: -1 / x**2, (1e-3, 20)),
    ("x⁵", lambda x: x**5, lambda x: 5 * x**4, (-3, 3)),
    ("x log x", lambda x: x * np.log(x), lambda x: np.log(x) + 1, (1e-4, 20)),
    ("sin 1/x", lambda x: np.sin(1 / x), lambda x: -np.cos(1 / x) / x**2, (0.01, 3)),
    ("gaussian", lambda x: np.exp(-x * x), lambda x: -2 * x * np.exp(-x * x), (-4, 4)),
    ("erf", erf, lambda x: 2 / math.sqrt(math.pi) * np.exp(-x * x), (-4, 4)),
    ("lgamma", lgamma, np.vectorize(digamma, otypes=[float]), (0.05, 40)),
    ("softplus", lambda x: np.logaddexp(0, x), lambda x: 1 / (1 + np.exp(-x)), (-30, 30)),
    ("sinc", lambda x: np.sin(x) / x, lambda x: (np.cos(x) - np.sin(x) / x) / x, (0.1, 15)),
    ("Lorentzian", lambda x: 1 / (1 + x * x), lambda x: -2 * x / (1 + x * x) ** 2, (-9, 9)),
]


def pick(chance):
    name, f, slope, (low, high) = chance.choice(ELEMENTARY)
    return name, f, slope, chance.uniform(low, high)


@family(300)
def special_functions(chance):
    name, f, slope, x = pick(chance)
    a = chance.choice([1.0, -2.5, 10 ** chance.uniform(-3, 3)])
    return f"{a:.3g}·{name}", lambda x: a * f(x).sum(), lambda x: a * slope(x), [x], "gradient", RIGHT


@family(250)
def huge_and_tiny_scales(chance):
    """a·f(x/b), where a, b and x are far from 1."""
    name, f, slope, t = pick(chance)
    a, b = 10 ** chance.uniform(-100, 100), 10 ** chance.uniform(-30, 30)
    return (
        f"{a:.0e}·{name}(x/{b:.0e})",
        lambda x: a * f(x / b).sum(),
        lambda x: a / b * slope(x / b),
        [t * b],
        "gradient",
        RIGHT,
    )


@family(150)
def unequal_scales(chance):
    """Several numbers of very different size; each matters to the sum."""
    terms = [(*pick(chance), 10 ** chance.uniform(-3, 3)) for _ in range(chance.randint(2, 6))]

    def f(x):
        return sum(g(t / b) for (_, g, _, _, b), t in zip(terms, x, strict=True))

    def claim(x):
        return np.array([s(t / b) / b for (_, _, s, _, b), t in zip(terms, x, strict=True)])

    return " + ".join(t[0] for t in terms), f, claim, [t[3] * t[4] for t in terms], "gradient", RIGHT


@family(150)
def large_constants(chance):
    """A constant so large that rounding hides some or all of the slope."""
    name, f, slope, x = pick(chance)
    c = 10 ** chance.uniform(2, 17)
    return f"{name} + {c:.0e}", lambda x: (f(x) + c).sum(), slope, [x], "gradient", NOISY


CANCELLING = [
    ("1 − cos", lambda x: 1 - np.cos(x), np.sin),
    ("x − sin", lambda x: x - np.sin(x), lambda x: 2 * np.sin(x / 2) ** 2),
    ("exp − 1", lambda x: np.exp(x) - 1, np.exp),
    ("√(1 + x²) − 1", lambda x: np.sqrt(1 + x * x) - 1, lambda x: x / np.sqrt(1 + x * x)),
    ("log cosh", lambda x: np.log(np.cosh(x)), np.tanh),
    ("(1 + x)² − 1 − 2x", lambda x: (1 + x) ** 2 - 1 - 2 * x, lambda x: 2 * x),
    (
        "(1 − cos)/x²",
        lambda x: (1 - np.cos(x)) / x**2,
        lambda x: np.sin(x) / x**2 - 2 * (1 - np.cos(x)) / x**3,
    ),
    ("(exp − 1)/x", lambda x: (np.exp(x) - 1) / x, lambda x: (np.exp(x) * (x - 1) + 1) / x**2),
]


@family(150)
def cancellation(chance):
    name, f, slope = chance.choice(CANCELLING)
    low = -2 if "/" in name else -10
    x = chance.choice([1, -1]) * 10 ** chance.uniform(low, 0.5)
    return name, lambda x: f(x).sum(), slope, [x], "gradient", NOISY if abs(x) < 1e-3 else RIGHT


@family(100)
def polynomials_expanded(chance):
    """(x − a)⁵ written out: near a, the terms cancel."""
    a = chance.uniform(-2, 2)
    c = np.polynomial.polynomial.polyfromroots([a] * 5)
    x = a + chance.choice([0.0, 1e-3, 0.1, 1.0]) * chance.choice([1, -1])
    d = np.polynomial.polynomial.polyder(c)
    verdicts = RIGHT if abs(x - a) > 0.5 else NOISY
    value = np.polynomial.polynomial.polyval
    return "(x − a)⁵", lambda x: value(x, c).sum(), lambda x: value(x, d), [x], "gradient", verdicts


# ---- single precision, rounding, steps -------------------------------------------------------------


@family(200)
def single_precision(chance):
    """The function is computed in single precision; its gradient in double, or in single too."""
    name, f, slope, x = pick(chance)
    low = chance.random() < 0.5

    def single(x):
        return float(f(np.asarray(x, np.float32)).astype(np.float32).sum())

    def claim(x):
        return slope(np.asarray(x, np.float32)).astype(float) if low else slope(x)

    return f"{name} in single precision", single, claim, [float(np.float32(x))], "gradient", NOISY


@family(80)
def rounded_values(chance):
    name, f, slope, x = pick(chance)
    digits = chance.randint(4, 10)
    return (
        f"{name} to {digits} digits",
        lambda x: float(np.round(f(x), digits).sum()),
        slope,
        [x],
        "gradient",
        NOISY,
    )


@family(80)
def steps(chance):
    """A function that is constant between jumps: its gradient is 0."""
    width = 10 ** chance.uniform(-1, 1)
    x = width * (chance.randint(-5, 5) + chance.uniform(0.2, 0.8))
    return "floor", lambda x: np.floor(x / width).sum(), np.zeros_like, [x], "gradient", RIGHT


@family(100)
def table_lookups(chance):
    """Linear interpolation in a table, away from its knots."""
    n = chance.randint(5, 60)
    knots = np.linspace(0, 10, n)
    heights = np.array([chance.gauss(0, 1) for _ in range(n)])
    k = chance.randrange(n - 1)
    x = knots[k] + (knots[k + 1] - knots[k]) * chance.uniform(0.1, 0.9)

    def claim(x):
        k = np.clip(np.searchsorted(knots, x) - 1, 0, n - 2)
        return (heights[k + 1] - heights[k]) / (knots[k + 1] - knots[k])

    return "a table", lambda x: np.interp(x, knots, heights).sum(), claim, [x], "gradient", RIGHT


@family(100)
def kinks(chance):
    """At a kink, any slope between those on either side is a convention."""
    a = chance.uniform(-3, 3)
    left, right = sorted([chance.gauss(0, 2), chance.gauss(0, 2)])
    share = chance.choice([0.0, 0.5, 1.0])

    def f(x):
        d = x - a
        return (np.where(d > 0, right * d, left * d) + np.cos(x)).sum()

    def claim(x):
        return np.where(x == a, left + share * (right - left), np.where(x > a, right, left)) - np.sin(x)

    return "a kink", f, claim, [a], "gradient", KINK


@family(60)
def near_kinks(chance):
    """Near a kink, and not at it."""
    away = chance.choice([1, -1]) * 10 ** chance.uniform(-9, -1)
    return "|x − 1|", lambda x: abs(x - 1).sum(), lambda x: np.sign(x - 1), [1 + away], "gradient", RIGHT


@family(40)
def ends_of_the_domain(chance):
    p = chance.choice([1.5, 2.5, 3.5])
    return (
        f"x^{p} at 0",
        lambda x: (np.sqrt(x) * x ** (p - 0.5)).sum() if (x >= 0).all() else math.nan,
        lambda x: p * x ** (p - 1),
        [0.0],
        "gradient",
        EDGE,
    )


# ---- simulations -----------------------------------------------------------------------------------


def runge_kutta(rate, y, p, steps, horizon=1.0):
    h = horizon / steps
    for _ in range(steps):
        a = rate(y, p)
        b = rate(y + h / 2 * a, p)
        c = rate(y + h / 2 * b, p)
        y = y + h / 6 * (a + 2 * b + 2 * c + rate(y + h * c, p))
    return y


SYSTEMS = {
    "decay": (1, lambda y, p: -p[0] * y, lambda y, p: [[-p[0]]], lambda y, p: [[-y[0], 0]]),
    "logistic": (
        1,
        lambda y, p: p[0] * y * (1 - y / p[1]),
        lambda y, p: [[p[0] * (1 - 2 * y[0] / p[1])]],
        lambda y, p: [[y[0] * (1 - y[0] / p[1]), p[0] * y[0] ** 2 / p[1] ** 2]],
    ),
    "predator and prey": (
        2,
        lambda y, p: np.array([p[0] * y[0] - y[0] * y[1], p[1] * y[0] * y[1] - y[1]]),
        lambda y, p: [[p[0] - y[1], -y[0]], [p[1] * y[1], p[1] * y[0] - 1]],
        lambda y, p: [[y[0], 0], [0, y[0] * y[1]]],
    ),
    "pendulum": (
        2,
        lambda y, p: np.array([y[1], -p[0] * math.sin(y[0]) - p[1] * y[1]]),
        lambda y, p: [[0, 1], [-p[0] * math.cos(y[0]), -p[1]]],
        lambda y, p: [[0, 0], [-math.sin(y[0]), -y[1]]],
    ),
}


@family(140)
def differential_equations(chance):
    """Runge–Kutta's method, and its exact derivative: the same method on the variational equations."""
    name = chance.choice(list(SYSTEMS))
    n, rate, by_state, by_parameters = SYSTEMS[name]
    p = [chance.uniform(0.3, 2), chance.uniform(0.3, 2)]
    start = np.array([chance.uniform(0.3, 1.5) for _ in range(n)])
    steps = chance.choice([5, 20, 80])
    horizon = chance.choice([0.5, 1.0, 3.0])

    def with_sensitivities(z, p):
        y, S = z[:n], z[n:].reshape(n, 2)
        return np.concatenate([rate(y, p), (np.array(by_state(y, p)) @ S + by_parameters(y, p)).ravel()])

    def f(p):
        return float(runge_kutta(rate, start, p, steps, horizon).sum())

    def claim(p):
        z = runge_kutta(with_sensitivities, np.concatenate([start, np.zeros(2 * n)]), p, steps, horizon)
        return z[n:].reshape(n, 2).sum(0)

    return name, f, claim, p, "gradient", RIGHT


@family(120)
def quadrature(chance):
    """An integral by Gauss's or Simpson's rule, differentiated with respect to parameters in it."""
    points, weights = np.polynomial.legendre.leggauss(chance.choice([3, 8, 40]))
    a, k = chance.uniform(0.2, 3), chance.uniform(0.2, 6)

    def f(p):
        t = (points + 1) / 2 * p[0]
        return float(p[0] / 2 * weights @ (np.exp(-t) * np.cos(p[1] * t)))

    def claim(p):
        t = (points + 1) / 2 * p[0]
        g = np.exp(-t) * np.cos(p[1] * t)
        dg = -g - np.exp(-t) * p[1] * np.sin(p[1] * t)
        by_k = -np.exp(-t) * t * np.sin(p[1] * t)
        return np.array(
            [weights @ g / 2 + p[0] / 2 * weights @ (dg * (points + 1) / 2), p[0] / 2 * weights @ by_k]
        )

    return "∫ exp(−t) cos kt", f, claim, [a, k], "gradient", RIGHT


def scatter(x, seed):
    """A number from −1 to 1 that looks random and is the same for the same x."""
    t = math.sin(hash((seed, tuple(np.ravel(x)))) % 1_000_003 * 12.9898) * 43758.5453
    return 2 * (t - math.floor(t)) - 1


@family(150)
def noisy_simulators(chance):
    """A tolerance inside: values are off by up to a part of their size, the same for the same input."""
    name, f, slope, x = pick(chance)
    size, seed = 10 ** chance.uniform(-12, -2), chance.randrange(10**6)
    noise = size * max(abs(float(f(np.array([x]))[0])), 1e-3)
    return (
        f"{name} ± {noise:.0e}",
        lambda x: float(f(x).sum()) + noise * scatter(x, seed),
        slope,
        [x],
        "gradient",
        NOISY,
    )


@family(50)
def random_simulators(chance):
    """Every call gives another value."""
    name, f, slope, x = pick(chance)
    size = 10 ** chance.uniform(-9, -2)
    luck = Random(chance.random())
    noise = size * max(abs(float(f(np.array([x]))[0])), 1e-3)
    return (
        f"{name} ± {noise:.0e}, at random",
        lambda x: float(f(x).sum()) + noise * luck.uniform(-1, 1),
        slope,
        [x],
        "gradient",
        NOISY,
    )


@family(60)
def iterative_solvers(chance):
    """The root of t³ + at = b by Newton's method, stopped at a tolerance; the gradient is implicit."""
    a, b, tolerance = chance.uniform(0.5, 3), chance.uniform(-3, 3), 10 ** chance.uniform(-12, -4)

    def root(p, tolerance=tolerance):
        t = 0.0
        while True:
            step = (t**3 + p[0] * t - p[1]) / (3 * t * t + p[0])
            t -= step
            if abs(step) < tolerance:
                return t

    def claim(p):
        t = root(p, 1e-14)
        return np.array([-t, 1.0]) / (3 * t * t + p[0])

    return f"a root to {tolerance:.0e}", root, claim, [a, b], "gradient", NOISY


@family(60)
def functions_with_a_memory(chance):
    """A solver that starts where it stopped: a state, and yet a function."""
    a = chance.uniform(0.5, 3)
    last = [1.0]

    def f(x):
        t = last[0]
        for _ in range(100):
            t = 0.5 * (t + x[0] / t)
        last[0] = t
        return a * t

    return "a warm start", f, lambda x: a / (2 * np.sqrt(x)), [chance.uniform(0.5, 9)], "gradient", RIGHT


# ---- programs, many inputs, Jacobians, products ----------------------------------------------------


@family(300)
def random_programs(chance):
    """A random straight-line program, differentiated by dual numbers."""
    n = chance.randint(1, 3)
    steps = [
        (chance.choice("+-*/sdte"), chance.randrange(n + k), chance.randrange(n + k))
        for k in range(chance.randint(2, 14))
    ]

    def run(x):
        size = len(x)
        nodes = [(float(t), np.eye(size)[i]) for i, t in enumerate(x)]
        for word, i, k in steps:
            (u, du), (v, dv) = nodes[i], nodes[k]
            nodes.append(
                {
                    "+": lambda u=u, v=v, du=du, dv=dv: (u + v, du + dv),
                    "-": lambda u=u, v=v, du=du, dv=dv: (u - v, du - dv),
                    "*": lambda u=u, v=v, du=du, dv=dv: (u * v, du * v + u * dv),
                    "/": lambda u=u, v=v, du=du, dv=dv: (
                        u / (1 + v * v),
                        du / (1 + v * v) - 2 * u * v * dv / (1 + v * v) ** 2,
                    ),
                    "s": lambda u=u, du=du: (math.sin(u), math.cos(u) * du),
                    "d": lambda u=u, du=du: (math.atan(u), du / (1 + u * u)),
                    "t": lambda u=u, du=du: (math.tanh(u), du / math.cosh(min(max(u, -300), 300)) ** 2),
                    "e": lambda u=u, du=du: (math.exp(-u * u), -2 * u * math.exp(-u * u) * du),
                }[word]()
            )
        return nodes[-1]

    x = [chance.choice([chance.uniform(-2, 2), float(chance.randint(-2, 2))]) for _ in range(n)]
    return "a program", lambda x: run(x)[0], lambda x: run(x)[1], x, "gradient", RIGHT


@family(40)
def many_inputs(chance):
    n = chance.choice([30, 100, 300, 1000])
    w = np.array([chance.gauss(0, 1) for _ in range(n)])
    x = [chance.gauss(0, 1) for _ in range(n)]

    def f(x):
        return float(np.log(np.cosh(x * w)).sum() + np.sin(x[1:] * x[:-1]).mean())

    def claim(x):
        g = w * np.tanh(x * w)
        c = np.cos(x[1:] * x[:-1]) / (n - 1)
        g[1:] += c * x[:-1]
        g[:-1] += c * x[1:]
        return g

    return f"{n} inputs", f, claim, x, "gradient", RIGHT


@family(20)
def many_kinks(chance):
    """A network with rectifiers: kinks near every point, none at it."""
    n, hidden = 20, 30
    luck = np.random.default_rng(chance.randrange(10**6))
    W, v = luck.normal(size=(hidden, n)) / math.sqrt(n), luck.normal(size=hidden)

    def claim(x):
        return (v * (W @ x > 0)) @ W

    return (
        "rectifiers",
        lambda x: float(v @ np.maximum(W @ x, 0)),
        claim,
        luck.normal(size=n),
        "gradient",
        RIGHT,
    )


def linear_and_not(chance):
    m, n = chance.randint(1, 5), chance.randint(1, 5)
    luck = np.random.default_rng(chance.randrange(10**6))
    A, B = luck.normal(size=(m, n)), luck.normal(size=(m, n))
    return (
        lambda x: np.sin(A @ x) + B @ (x * x),
        lambda x: np.cos(A @ x)[:, None] * A + 2 * B * x,
        luck.normal(size=n),
    )


@family(120)
def jacobians(chance):
    f, J, x = linear_and_not(chance)
    return "a Jacobian", f, J, x, "jacobian", RIGHT


@family(60)
def vector_jacobian_products(chance):
    f, J, x = linear_and_not(chance)
    return "a product from the left", f, lambda x, v: v @ J(x), x, "vjp", RIGHT


@family(60)
def jacobian_vector_products(chance):
    f, J, x = linear_and_not(chance)
    return "a product from the right", f, lambda x, v: J(x) @ v, x, "jvp", RIGHT


@family(80)
def hessians(chance):
    """The Hessian of a sum, as the Jacobian of its gradient."""
    c = chance.uniform(0.5, 2)

    def gradient(x):
        return np.array([2 * x[0] * x[1], x[0] ** 2 + 3 * c * x[1] ** 2])

    def claim(x):
        return np.array([[2 * x[1], 2 * x[0]], [2 * x[0], 6 * c * x[1]]])

    x = [chance.uniform(-3, 3), chance.uniform(-2, 2)]
    return "a Hessian", gradient, claim, x, "jacobian", RIGHT
