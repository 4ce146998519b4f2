"""Works written as people write them, with a Python loop over the data, and compiled as they are written.

Each is raced against the same by hand in C (`natural_c`): as one writes it, and over the processor's
vectors. What is promised is against the latter, where there is data to go over. Before it the time to the
first answer is printed: tracing, finding the loops and compiling, by the wall's clock and the processor's.
"""

import os
import subprocess
import sys
import time
from pathlib import Path

import natural_c
import numpy as np
from racing import (
    HOST,
    OURS,
    addresses,
    c_library,
    casadi_call,
    ddx_call,
    heyoka_call,
    jax_module,
    missed,
    peers,
    race,
    spelled,
)

import autograd_mini as am
from autograd_mini.compiler.compiled import compile

VECTORS, PLAIN, LIBMVEC = "C, SIMD over the data", "C, natural", "C, SIMD and libmvec"
IN_ORDER, REASSOCIATED = "C, SIMD, sum in order", "C, SIMD, sum reassociated"


def first_call(title, f, p, bound):
    """Compile `f` and take value and gradient at `p` once; return the prepared call."""
    wall, processor = time.perf_counter(), time.process_time()
    compiled = compile(f).value_and_grad
    compiled(p.tolist())
    wall, processor = time.perf_counter() - wall, time.process_time() - processor
    print(f"  first call {wall:.2f} s, of the processor {processor:.2f} s (promised: {bound})")
    if wall > bound:
        missed.append(f"{title}: first call {wall:.2f} s, promised {bound}")
    return compiled.prepare(p)


def beside_c(title, f, p, texts, seconds, bounds, data=(), others=None):
    """Race a loop in Python beside the same in C, from texts by name, and `others`; all must agree.

    One that is called IN_ORDER must agree to the last bit.
    """
    print(f"\nbuilding {title}")
    value, gradient = np.zeros(1), np.zeros(len(p))

    def c_peer(name, text):
        options = ["-lmvec"] * (name == LIBMVEC) + ["-ffp-contract=off"] * (name == IN_ORDER)
        step = c_library(text, *options).step
        given = addresses(p, *data, value, gradient)
        return lambda: step(*given)

    builders = {OURS: lambda: first_call(title, f, p, seconds)}
    builders |= {name: lambda given=(name, text): c_peer(*given) for name, text in texts.items()}
    found = peers(builders | (others or {}))
    mine = found[OURS]()
    for name in found.keys() & texts.keys():
        found[name]()
        assert np.isclose(mine[0], value[0], rtol=1e-9), name
        assert np.allclose(mine[1], gradient, rtol=1e-7, atol=1e-9), name
        assert name != IN_ORDER or (mine[0] == value[0] and (mine[1] == gradient).all())
    race(title, found, bounds)


# ---- a, g, h: micrograd's demo ---------------------------------------------------------------------------


def demo_of(points, hidden):
    """The loss of all points as a function of the parameters, the parameters, and the data."""
    rng = np.random.default_rng(1337)
    p = rng.uniform(-1, 1, 337 if hidden == 16 else 3 * hidden + hidden * (hidden + 1) + hidden + 1)
    if hidden > 16:
        p /= 4  # or all margins are on one side
    x0, x1 = rng.uniform(-1, 2, points), rng.uniform(-1, 1, points)
    y = np.where(x0 * x1 > 0.2, 1.0, -1.0)
    data = list(zip(x0.tolist(), x1.tolist(), y.tolist(), strict=True))

    def demo_loop(p):
        total = 0.0
        for a, b, c in data:
            weights, h = iter(p), [a, b]
            for units, rectified in ((hidden, True), (hidden, True), (1, False)):
                outputs = []
                for _ in range(units):
                    s = sum((next(weights) * hi for hi in h[1:]), next(weights) * h[0]) + next(weights)
                    outputs.append(spelled("relu", s) if rectified else s)
                h = outputs
            total = total + spelled("relu", 1 - c * h[0])
        return total * (1.0 / len(data)) + 1e-4 * sum(w * w for w in p)

    return demo_loop, p, (x0, x1, y)


def demo_race(title, points, hidden, seconds, bounds, others=None):
    f, p, data = demo_of(points, hidden)
    texts = {
        VECTORS: natural_c.over_vectors(natural_c.MLP_OVER_ROWS % (points, hidden)),
        PLAIN: natural_c.MLP % (points, hidden),
    }
    beside_c(title, f, p, texts, seconds, bounds, data, others and others(f, p, data))


def demo():
    title = "demo step as a loop, 100 rows, 337 gradients"
    heyoka = f"heyoka, compact mode{HOST}"

    def others(f, p, data):
        return {
            heyoka: lambda: heyoka_call(f, p, compact=True),
            "numba, gradient by hand": lambda: numba_call(p, *data),
        }

    demo_race(title, 100, 16, 1.5, {VECTORS: 1.4, heyoka: 0.4}, others)


def numba_call(p, x0, x1, y):
    """The step with its gradient written by hand in Python, compiled by numba."""
    import numba

    @numba.njit
    def step(p, x0, x1, y, g):
        h1, h2, d1, loss, rows = np.empty(16), np.empty(16), np.empty(16), 0.0, len(y)
        g[:] = 2e-4 * p
        for r in range(rows):
            for i in range(16):
                h1[i] = max(p[3 * i] * x0[r] + p[3 * i + 1] * x1[r] + p[3 * i + 2], 0.0)
            score = p[336]
            for i in range(16):
                s = p[64 + 17 * i]
                for j in range(16):
                    s += p[48 + 17 * i + j] * h1[j]
                h2[i] = max(s, 0.0)
                score += p[320 + i] * h2[i]
            margin = 1.0 - y[r] * score
            if margin <= 0.0:
                continue
            loss += margin
            d = -y[r] / rows
            d1[:] = 0.0
            g[336] += d
            for i in range(16):
                g[320 + i] += d * h2[i]
                if h2[i] > 0.0:
                    d2 = d * p[320 + i]
                    g[64 + 17 * i] += d2
                    for j in range(16):
                        g[48 + 17 * i + j] += d2 * h1[j]
                        d1[j] += d2 * p[48 + 17 * i + j]
            for i in range(16):
                if h1[i] > 0.0:
                    g[3 * i] += d1[i] * x0[r]
                    g[3 * i + 1] += d1[i] * x1[r]
                    g[3 * i + 2] += d1[i]
        return loss / rows + 1e-4 * np.sum(p * p)

    g, expected = np.empty(337), np.empty(337)
    value = step(p, x0, x1, y, g)
    c = c_library(natural_c.MLP % (len(y), 16)).step
    c(*addresses(p, x0, x1, y, out := np.empty(1), expected))
    assert np.isclose(value, out[0])
    assert np.allclose(g, expected)
    return lambda: step(p, x0, x1, y, g)


def wide():
    demo_race("demo step as a loop, 64–64 hidden neurons, 50 rows", 50, 64, 3.0, {VECTORS: 1.5})


MEMORY = """
import sys
sys.setrecursionlimit(10_000)
from natural import compile, demo_of

def most():
    line = next(line for line in open("/proc/self/status") if line.startswith("VmHWM"))
    return int(line.split()[1]) // 1024

f, p, _ = demo_of(1000, 16)
before = most()
compile(f).value_and_grad(p.tolist())
print(before, most())
"""


def long():
    demo_race("demo step as a loop, 1,000 rows, 337 gradients", 1000, 16, 6.0, {VECTORS: 1.5})
    if sys.platform != "linux":
        print("  memory: unmeasured")
        return
    folder, command = Path(__file__).parent, [sys.executable, "-c", MEMORY]
    ours = {**os.environ, "PYTHONPATH": str(Path(am.__file__).parents[1])}  # the same as here
    run = subprocess.run(command, capture_output=True, text=True, check=True, cwd=folder, env=ours)
    before, most = map(int, run.stdout.split())
    print(f"  memory of a process until its first answer: {most} MB, {before} before (promised: 800)")
    if most > 800:
        missed.append(f"demo step, 1,000 rows: memory {most} MB, promised 800")


# ---- b: Rosenbrock's function of 1,000 variables ---------------------------------------------------------


def rosenbrock_of(x):
    total = 0.0
    for i in range(len(x) - 1):
        a, b = x[i + 1] - x[i] * x[i], 1.0 - x[i]
        total = total + (100.0 * a * a + b * b)
    return total


def rosenbrock():
    x = np.random.default_rng(0).uniform(0.5, 1.5, 1000)

    def jax_jit():
        jax = jax_module()
        jnp = jax.numpy
        f = lambda x: jnp.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2)  # noqa: E731
        step, given = jax.jit(jax.value_and_grad(f)), jnp.array(x)
        return lambda: jax.block_until_ready(step(given))

    others = {
        "JAX jit": jax_jit,
        f"CasADi{HOST}": lambda: casadi_call(rosenbrock_of, x, {}),
        f"ddx-ad{HOST}": lambda: ddx_call(rosenbrock_of, x),
        f"heyoka, compact mode{HOST}": lambda: heyoka_call(rosenbrock_of, x, compact=True),
    }
    texts = {
        IN_ORDER: natural_c.over_vectors(natural_c.ROSENBROCK_IN_ORDER),
        REASSOCIATED: natural_c.over_vectors(natural_c.ROSENBROCK_REASSOCIATED),
        PLAIN: natural_c.ROSENBROCK,
    }
    # To add in another order is faster, and has other bits.
    bounds = dict.fromkeys(others, 1.0) | {IN_ORDER: 1.4}
    title = "Rosenbrock, n = 1000, value and gradient"
    beside_c(title, rosenbrock_of, x, texts, 0.3, bounds, others=others)


# ---- c: a recurrent network over 100 steps ---------------------------------------------------------------


def rnn():
    """Long short-term memory: 8 units, 2 inputs, 360 parameters."""
    rng = np.random.default_rng(3)
    xs, ys = rng.normal(size=(100, 2)), rng.normal(size=100)
    p = rng.normal(0, 0.4, 4 * 8 * 11 + 8)
    data = list(zip(xs.tolist(), ys.tolist(), strict=True))

    def rnn_loop(p):
        rows = [p[11 * k : 11 * k + 11] for k in range(32)]
        gates, v = [rows[8 * q : 8 * q + 8] for q in range(4)], p[352:]
        h, c, total = [0.0] * 8, [0.0] * 8, 0.0
        for x, y in data:
            z = [*x, *h]
            sums = [[sum((row[k] * z[k] for k in range(10)), row[10]) for row in gate] for gate in gates]
            i, f, o = [[1.0 / (1.0 + am.exp(-s)) for s in gate] for gate in sums[:3]]
            n = [am.tanh(s) for s in sums[3]]
            c = [f[u] * c[u] + i[u] * n[u] for u in range(8)]
            h = [o[u] * am.tanh(c[u]) for u in range(8)]
            e = sum(v[u] * h[u] for u in range(8)) - y
            total = total + e * e
        return total

    given = natural_c.numbers("xs", xs.ravel().tolist()) + natural_c.numbers("ys", ys.tolist())
    vectors = given + natural_c.RNN_OVER_UNITS
    texts = {
        VECTORS: natural_c.over_vectors(vectors),
        PLAIN: given + natural_c.RNN,
        LIBMVEC: natural_c.over_vectors(vectors, libmvec=True),
    }
    beside_c(
        "a recurrent network over 100 steps, written as a loop", rnn_loop, p, texts, 1.5, {VECTORS: 1.5}
    )


# ---- d: Runge and Kutta's method -------------------------------------------------------------------------


def rungekutta_loop(p):
    a, b, c, d, x, y = p
    h = 0.01
    slope = lambda x, y: (a * x - b * x * y, c * x * y - d * y)  # noqa: E731
    for _ in range(1000):
        k1, l1 = slope(x, y)
        k2, l2 = slope(x + k1 * (h / 2), y + l1 * (h / 2))
        k3, l3 = slope(x + k2 * (h / 2), y + l2 * (h / 2))
        k4, l4 = slope(x + k3 * h, y + l3 * h)
        x = x + (k1 + 2.0 * k2 + 2.0 * k3 + k4) * (h / 6)
        y = y + (l1 + 2.0 * l2 + 2.0 * l3 + l4) * (h / 6)
    return x * x + y


def rungekutta():
    """Each step needs the one before: there is no data to go over in vectors."""
    p = np.array([1.1, 0.4, 0.1, 0.4, 10.0, 5.0])
    title = "Runge–Kutta, 1,000 steps, written as a loop"
    beside_c(title, rungekutta_loop, p, {PLAIN: natural_c.RUNGE_KUTTA}, 1.0, {PLAIN: 1.15})


# ---- e: a mixture of Gaussians ---------------------------------------------------------------------------


def mixture():
    rng = np.random.default_rng(4)
    data = rng.normal(0, 3, 1000).tolist()
    p = np.concatenate([rng.normal(0, 0.1, 10), rng.uniform(-3, 3, 10), rng.normal(0, 0.1, 10)])

    def mixture_loop(p):
        weights, means, spreads = p[:10], p[10:20], p[20:]
        inverse = [am.exp(-s) for s in spreads]
        total = 0.0
        for x in data:
            s = 0.0
            for k in range(10):
                d = (x - means[k]) * inverse[k]
                s = s + am.exp(weights[k] - spreads[k] - 0.5 * (d * d))
            total = total - am.log(s)
        return total

    given = natural_c.numbers("data", data)
    vectors = given + natural_c.MIXTURE_OVER_POINTS
    texts = {
        VECTORS: natural_c.over_vectors(vectors),
        PLAIN: given + natural_c.MIXTURE,
        LIBMVEC: natural_c.over_vectors(vectors, libmvec=True),
    }
    title = "a mixture of 10 Gaussians, 1,000 points, written as a loop"
    beside_c(title, mixture_loop, p, texts, 1.2, {VECTORS: 1.25})
