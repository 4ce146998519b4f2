"""Traced once, evaluated again and again: programs of this library beside those of its peers.

    python benchmarks/bench_replay.py [--features avx2] [name of a work …]

The works are mlp, formula, random and python here, and those of `natural`, which are written as Python
loops and compiled as written: demo, rosenbrock, rnn, rungekutta, mixture, wide and long. With ``--features
avx2`` LLVM, gcc, XLA and numba are held to AVX2; peers that have no such switch are marked *host*.

Everybody computes the value and every partial, on one thread, into memory that is there already.
Contestants take turns, so that a slow minute of the machine is everybody's; medians are printed, and how
many times the contestant's time ours is. A peer that is not there is left out, and said so. Peers come with
``pip install "autograd-mini[bench-peers]"``; hand-written C needs gcc, with libmvec for the formula, and
Dr.Jit the shared library of LLVM, 15 or newer: ``apt-get install libllvm15``, or wherever
``DRJIT_LIBLLVM_PATH`` says.
"""

import ctypes
import gc
import math
import os
import random
import sys
import time
from types import SimpleNamespace

os.environ.setdefault(
    "XLA_FLAGS",
    "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
    + " --xla_cpu_max_isa=AVX2" * ("--features" in sys.argv),
)
os.environ.setdefault("OMP_NUM_THREADS", "1")
if "--features" in sys.argv:
    os.environ |= {"NUMBA_CPU_NAME": "x86-64-v3", "NUMBA_CPU_FEATURES": "+avx2,+fma"}

import natural
import natural_c
import numpy as np
from machine import description
from racing import (
    HELD,
    HOST,
    LANES,
    OURS,
    VECTOR,
    addresses,
    c_library,
    casadi_call,
    ddx_call,
    jax_module,
    missed,
    peers,
    race,
    spelled,
)

import autograd_mini as am
from autograd_mini import Value, collector_paused
from autograd_mini.compiler import backends
from autograd_mini.compiler.backends.llvm import processor
from autograd_mini.compiler.compiled import compile
from autograd_mini.compiler.lowering import Graph

# ---- micrograd's demo step: an MLP of 337 parameters, 100 rows -------------------------------------------


def mlp_row(p, x0, x1, y):
    """The loss of one row; the mean over the rows is the demo's."""
    weights, h = iter(p), [x0, x1]
    for units, rectified in ((16, True), (16, True), (1, False)):
        outputs = []
        for _ in range(units):
            s = sum((next(weights) * hi for hi in h[1:]), next(weights) * h[0]) + next(weights)
            outputs.append(s.relu() if rectified else s)
        h = outputs
    return (1 - y * h[0]).relu() + 1e-4 * sum(w * w for w in p)


def mlp():
    rng = np.random.default_rng(1337)
    p, rows = rng.uniform(-1, 1, 337), 100
    x0, x1 = rng.uniform(-1, 2, rows), rng.uniform(-1, 1, rows)
    y = np.where(x0 * x1 > 0.2, 1.0, -1.0)
    print("\nbuilding the MLP demo step")
    value, gradient = np.zeros(1), np.zeros(337)

    def ours():
        axes = (None, 0, 0, 0)
        return compile(mlp_row).value_and_grad.prepare(p, x0, x1, y, in_axes=axes, reduce="mean")

    def hand_written_c():
        step = c_library(natural_c.MLP % (rows, 16)).step
        given = addresses(p, x0, x1, y, value, gradient)
        return lambda: step(*given)

    def jax_jit():
        jax = jax_module()
        jnp = jax.numpy

        def loss(p, x, y):
            w1, w2, w3 = p[:48].reshape(16, 3), p[48:320].reshape(16, 17), p[320:]
            h = jax.nn.relu(x @ w1[:, :2].T + w1[:, 2])
            h = jax.nn.relu(h @ w2[:, :16].T + w2[:, 16])
            score = h @ w3[:16] + w3[16]
            return jnp.mean(jax.nn.relu(1 - y * score)) + 1e-4 * jnp.sum(p * p)

        step = jax.jit(jax.value_and_grad(loss))
        given = jnp.array(p), jnp.array(np.stack([x0, x1], 1)), jnp.array(y)
        return lambda: jax.block_until_ready(step(*given))

    found = peers({OURS: ours, "hand-written C": hand_written_c, "JAX jit": jax_jit})
    mine, theirs = found[OURS](), found.get("hand-written C")
    if theirs:
        theirs()
        assert np.isclose(mine[0], value[0], rtol=1e-12)
        assert np.allclose(mine[1], gradient, rtol=1e-9, atol=1e-12)
    race("MLP demo step, 100 rows, value and 337 gradients", found, {"hand-written C": 0.7, "JAX jit": 0.4})


# ---- a formula of 49 operations over a million rows
# --------------------------------------------------------


def formula(m, x):
    a = m.tanh(x[0] * x[1] + x[2])
    b = m.tanh(x[3] * x[4] - x[5])
    c = m.exp(x[6] * a - x[7])
    d = m.log(x[1] * x[1] + x[7] * x[7] + 1.5)
    e = m.tanh(c * b + d)
    f = m.exp(x[0] * x[0] * -0.25)
    g = m.log(c + f + 2.0)
    h = m.tanh(e * x[2] + g * x[3])
    p = m.exp(h * b - e * e * 0.5)
    q = m.log(p * p + d * d + 1.0)
    r = m.tanh(q - x[4] * f)
    s = (r * p + g) / (1.0 + c * c)
    return s * x[5] + a * h - q


def formula_in_c():
    """Value and gradient as C over the processor's vectors, with tanh's slope as 1 - y², as one would write
    it.
    """
    xs = [Value(0.5 + 0.1 * k) for k in range(8)]
    slopes = [lambda y, x: 1.0 - y * y]
    from autograd_mini.engine.table import TABLE

    quick = am.primitive("tanh_example", value=TABLE["tanh"].value, partials=slopes)
    try:
        m = SimpleNamespace(tanh=quick, exp=am.exp, log=am.log)
        program = Graph([formula(m, xs)], xs).program(gradients=range(8), from_zero=False)
    finally:
        del TABLE["tanh_example"]
    spellings = {"add": "{} + {}", "sub": "{} - {}", "mul": "{} * {}", "div": "{} / {}", "neg": "-{}"}
    spellings |= {
        f"{f}{e}": f"{VECTOR}_{f}({{}})" for f in ("exp", "log", "tanh") for e in ("", "_example")
    }
    # log's rule guards against operands below zero; here there are none.
    spellings |= {"less": "{0} - {0}", "where": "{2}"}

    def text(k):
        if k < 0:
            x = program.constants[~k]
            return "(V){} + 0.0" if x != x else f"{x!r}"
        return f"v{k}"

    lines = [f"const V v{k} = *(const V *)(in[{k}] + i);" for k in range(8)]
    for slot, (name, *operands) in enumerate(program.code, 8):
        lines.append(f"const V v{slot} = {spellings[name].format(*map(text, operands))};")
    lines += [f"*(V *)(out[{i}] + i) = {text(k)};" for i, k in enumerate(program.outputs)]
    body = "\n    ".join(lines)
    functions = "".join(f"V {VECTOR}_{f}(V);\n" for f in ("exp", "log", "tanh"))
    return (
        f"typedef double V __attribute__((vector_size({8 * LANES})));\n{functions}"
        f"void kernel(double **in, double **out, long n) {{\n  for (long i = 0; i < n; i += {LANES}) {{\n"
        f"    {body}\n  }}\n}}\n"
    )


def aligned(n):
    """An array on a boundary of a cache line: C's vectors need it."""
    memory = np.zeros(n + 8)
    start = -memory.ctypes.data % 64 // 8
    return memory[start : start + n]


def fifty_operations():
    rng, rows = np.random.default_rng(1), 1_000_000
    columns = [aligned(rows) for _ in range(8)]
    for column in columns:
        column[:] = rng.uniform(-1.5, 1.5, rows)
    outputs = [aligned(rows) for _ in range(9)]
    print("\nbuilding the formula")

    def ours():
        c = compile(lambda *x: formula(am, x), argnums=tuple(range(8)))
        return lambda: c.value_and_grad.map(*columns, threads=1)

    def gcc_with_libmvec():
        kernel = c_library(formula_in_c(), "-lmvec").kernel
        table = [(ctypes.c_void_p * len(t))(*[a.ctypes.data for a in t]) for t in (columns, outputs)]
        return lambda: kernel(*table, ctypes.c_long(rows))

    def dr_jit():
        import drjit as dr

        if not dr.has_backend(dr.JitBackend.LLVM):  # to use it would kill the process
            raise ImportError("it finds no library of LLVM 15 or newer: set DRJIT_LIBLLVM_PATH")
        from drjit.llvm.ad import Float64

        dr.set_thread_count(1)
        inputs = [Float64(x) for x in columns]
        dr.eval(*inputs)

        def run():
            leaves = [Float64(x) for x in inputs]
            dr.enable_grad(*leaves)
            y = formula(dr, leaves)
            dr.backward(y)
            dr.eval(dr.detach(y), *(dr.grad(x) for x in leaves))
            dr.sync_thread()

        run()
        return run

    builders = {OURS: ours, "gcc, SIMD and libmvec": gcc_with_libmvec, f"Dr.Jit{HOST}": dr_jit}
    found = peers(builders)
    if "gcc, SIMD and libmvec" in found:
        value, gradient = found[OURS]()
        found["gcc, SIMD and libmvec"]()
        for a, b in zip([value, *gradient], outputs, strict=True):
            assert np.allclose(a, b, rtol=1e-9, atol=1e-11)
        del value, gradient
    bounds = {"gcc, SIMD and libmvec": 0.75, f"Dr.Jit{HOST}": 0.75}
    race("50-op formula, 1e6 rows, value and 8 partials", found, bounds, seconds=12)


# ---- a random graph of 100,000 recorded operations
# ----------------------------------------------------------

OPERATIONS = 100_000


def random_recipe(x):
    """Products, sums, differences and a sine now and then, of whatever is there; every node is used.

    A list of operations and of the nodes they take. Numbers that grow are taken the sine of.
    """
    rng = random.Random(0)
    values, recipe = list(x), []
    unused = dict.fromkeys(range(len(values)))
    while len(recipe) < OPERATIONS:
        ending = len(unused) >= OPERATIONS - len(recipe)  # what nothing uses yet is added up
        i, j = (next(iter(unused)), len(values) - 1) if ending else rng.choices(range(len(values)), k=2)
        kind = "+" if ending else "sin" if abs(values[i]) > 3.0 else rng.choice("**++-")
        a, b = values[i], values[j]
        values.append(
            a * b if kind == "*" else a + b if kind == "+" else a - b if kind == "-" else math.sin(a)
        )
        recipe.append((kind, i, j))
        unused.pop(i, None)
        if kind != "sin":
            unused.pop(j, None)
        unused[len(values) - 1] = None
    return recipe


def random_graph_of(x, recipe):
    values = list(x)
    operations = {"*": lambda a, b: a * b, "+": lambda a, b: a + b, "-": lambda a, b: a - b}
    for kind, i, j in recipe:
        a, b = values[i], values[j]
        values.append(spelled("sin", a) if kind == "sin" else operations[kind](a, b))
    return values[-1]


def random_graph():
    x = np.random.default_rng(0).uniform(-0.9, 0.9, 100)
    print("\nbuilding the random graph; for ours, recording the graph is said apart")
    recipe = random_recipe(x.tolist())
    f = lambda x: random_graph_of(x, recipe)  # noqa: E731
    leaves = [Value(float(v)) for v in x]
    start = time.perf_counter()
    with collector_paused():
        e = f(leaves)
    print(f"  recorded in {time.perf_counter() - start:.2f} s")
    out = np.zeros(101)

    def ours():
        kernel = backends.load("llvm").Kernel(Graph([e], leaves).program(gradients=range(100)))
        return backends.load("llvm").prepared([kernel.step(x.ctypes.data, out.ctypes.data)])

    def ddx_at_o0():
        import ddx

        return ddx_call(f, x, ddx.OptLevel.O0)

    found = peers(
        {OURS: ours, f"ddx-ad at O0{HOST}": ddx_at_o0, f"CasADi{HOST}": lambda: casadi_call(f, x, {})}
    )
    e.backward()
    found[OURS]()
    assert math.isfinite(sum(out))
    assert out.tolist() == [e.data, *[leaf.grad for leaf in leaves]]
    mine = race("random graph, 1e5 operations", found, {f"ddx-ad at O0{HOST}": 1.0, f"CasADi{HOST}": 1.0})
    print(f"  ours: {mine / OPERATIONS * 1e9:.2f} ns a recorded operation (promised: 3.2; compiled in 4 s)")


# ---- no extras: Python beside our own eager
# -----------------------------------------------------------------


def plain_python():
    rng = np.random.default_rng(1337)
    p = [Value(w) for w in rng.uniform(-1, 1, 337).tolist()]
    x0, x1 = rng.uniform(-1, 2, 100).tolist(), rng.uniform(-1, 1, 100).tolist()
    y = [1.0 if a * b > 0.2 else -1.0 for a, b in zip(x0, x1, strict=True)]

    def loss():
        return sum(mlp_row(p, Value(a), Value(b), c) for a, b, c in zip(x0, x1, y, strict=True)) * 0.01

    def eager():
        loss().backward()

    def short_eager():
        a, b = Value(2.0), Value(1.0)
        e = ((a + b) * (b + 1.0)).tanh() / (a * a + 1.0)
        e.backward()

    replay = compile(loss, backend="python").backward
    print("\nbuilding the MLP demo step in Python")
    race(
        "MLP demo step, all rows traced", {OURS: replay, "our own eager": eager}, {"our own eager": 1 / 12}
    )
    c = compile(lambda a, b: ((a + b) * (b + 1.0)).tanh() / (a * a + 1.0), backend="python", argnums=(0, 1))
    run = c.value_and_grad
    race("a formula of seven operations", {OURS: lambda: run(2.0, 1.0), "our own eager": short_eager}, {})


WORKS = {
    "mlp": mlp,
    "formula": fifty_operations,
    "rosenbrock": natural.rosenbrock,
    "demo": natural.demo,
    "rnn": natural.rnn,
    "rungekutta": natural.rungekutta,
    "mixture": natural.mixture,
    "wide": natural.wide,
    "long": natural.long,
    "random": random_graph,
    "python": plain_python,
}

if __name__ == "__main__":
    sys.setrecursionlimit(10_000)
    names = sys.argv[1:]
    if HELD:
        at = names.index("--features")
        processor.hold_to(names[at + 1])
        del names[at : at + 2]
    print(description() + (", held to AVX2" if HELD else ""))
    print("one thread; Python's collector is paused while anything is timed")
    for name in names or WORKS:
        WORKS[name]()
        gc.collect()
    print("\nbounds missed: " + ("none" if not missed else ""))
    print("".join(f"  {line}\n" for line in missed), end="")
    sys.exit(bool(missed))
