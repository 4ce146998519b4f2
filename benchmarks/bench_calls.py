"""What a call costs around its arithmetic: arguments, captured parameters, steps of an optimiser.

    python benchmarks/bench_calls.py

A call of a compiled function looks at its arguments, copies what does not lie where machine code can read
it, runs the kernel and hands out the results. Here the whole call and the kernel alone take turns, and the
median of the differences is printed. Steps over all parameters at once stand beside the same steps one by
one. Python's collector is paused. With ``AUTOGRAD_MINI_PURE=1`` the engine is in Python. Needs the extra
``autograd-mini[fast]``.
"""

import itertools
import math
import statistics
import sys
import time

import numpy as np
from bench_replay import formula
from machine import description
from natural import rosenbrock_of

import autograd_mini as am
from autograd_mini import Value, collector_paused, optim
from autograd_mini.compiler import backends
from autograd_mini.compiler.compiled import compile
from autograd_mini.engine import ACCELERATED
from autograd_mini.transforms import leaves

ROUNDS = 500
missed = []


def clocked(run):
    """Seconds that a call takes."""
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def medians(*runs):
    """The times of each in µs, round by round in turn, after three rounds that do not count."""
    times = [[clocked(run) * 1e6 for run in runs] for _ in range(ROUNDS + 3)][3:]
    return [list(column) for column in zip(*times, strict=True)]


def judge(title, found, bound, unit):
    promise = "" if bound is None else f"  (promised: {bound:g} {unit})"
    if bound is not None and found > bound:
        missed.append(f"{title}: {found:.2f} {unit}, promised {bound:g}")
    return promise


def kernel_of(compiled, numbers, *args):
    """The machine code of a call, on memory of its own."""
    kernel = backends.load("llvm").Kernel(compiled.program(*args))
    inputs = np.zeros(max(kernel.inputs, len(numbers)))
    inputs[: len(numbers)] = numbers
    outputs = np.empty(len(compiled.program(*args).outputs))
    where = inputs.ctypes.data, outputs.ctypes.data

    def run():
        kernel(*where)

    run.memory = inputs, outputs
    return run


def around(title, whole, kernel, bound=None):
    """Print what a call takes beside its kernel."""
    calls, kernels = medians(whole, kernel)
    extra = statistics.median(a - b for a, b in zip(calls, kernels, strict=True))
    promise = judge(title, extra, bound, "µs")
    call, alone = statistics.median(calls), statistics.median(kernels)
    print(f"  {title:52} {call:9.2f} µs = kernel {alone:8.2f} + {extra:7.2f} µs{promise}")


def arguments():
    x = np.random.default_rng(0).uniform(0.5, 1.5, 1000)
    c = compile(rosenbrock_of, backend="llvm").value_and_grad
    around("Rosenbrock, an array of 1,000", lambda: c(x), kernel_of(c, x, x), 3)
    around("the same by keyword", lambda: c(x=x), kernel_of(c, x, x))
    numbers = x.tolist()
    around("the same, a list of 1,000 floats", lambda: c(numbers), kernel_of(c, x, numbers))
    y = x[:8] - 1.0
    f = compile(lambda y: formula(am, y), backend="llvm").value_and_grad
    around("the formula of 50 operations, an array of 8", lambda: f(y), kernel_of(f, y, y), 3)
    p = {"a": x[:100].copy(), "b": x[100:200].copy(), "c": x[200:300].copy()}
    d = compile(lambda p: (p["a"] * p["b"] * p["c"]).sum(), backend="llvm").value_and_grad
    around("a product, a dict of three arrays of 100", lambda: d(p), kernel_of(d, x[:300], p), 8)


def parameters():
    for count, bound in ((337, 8 if ACCELERATED else 40), (4000, 60 if ACCELERATED else None)):
        weights = [Value(w) for w in np.random.default_rng(1).uniform(-1, 1, count).tolist()]

        def loss(x, weights=weights):
            return sum(w * w * x for w in weights)

        c = compile(loss, backend="llvm").backward
        kernel = kernel_of(c, [0.5, *(w.data for w in weights)], 0.5)
        around(f"backward, {count:,} captured parameters", lambda c=c: c(0.5), kernel, bound)


def steps():
    weights = [Value(w) for w in np.random.default_rng(1).uniform(-1, 1, 4000).tolist()]
    for weight in weights:
        weight.grad = 0.1 * weight.data
    makers = {
        "SGD": lambda: optim.SGD(weights, 1e-3),
        "RMSProp": lambda: optim.RMSProp(weights),
        "Adam": lambda: optim.Adam(weights),
        "AdamW": lambda: optim.AdamW(weights),
    }
    tasks = {f"a step of {name}": make().step for name, make in makers.items()}
    limits = map(math.exp, itertools.count(0, -1e-3))
    tasks["clip_by_norm"] = lambda: optim.clip_by_norm(weights, next(limits))
    global ROUNDS
    ROUNDS = 100
    for name, run in tasks.items():
        many = leaves.MANY
        (at_once,) = medians(run)
        leaves.MANY = math.inf
        (each,) = medians(run)
        leaves.MANY = many
        once, each = statistics.median(at_once), statistics.median(each)
        promise = judge(name, once, 60 if name == "a step of Adam" and ACCELERATED else None, "µs")
        print(f"  {name:52} {once:9.2f} µs, one by one {each:9.1f} µs: {each / once:6.1f}×{promise}")


if __name__ == "__main__":
    sys.setrecursionlimit(10_000)
    print(description())
    engine = "C" if ACCELERATED else "Python"
    print(f"engine in {engine}; the collector is paused; medians of 100 calls or more")
    with collector_paused():
        print("\nCalls of compiled functions")
        arguments()
        parameters()
        print("\n4,000 parameters at once")
        steps()
    print("\nbounds missed: " + ("none" if not missed else ""))
    print("".join(f"  {line}\n" for line in missed), end="")
    sys.exit(bool(missed))
