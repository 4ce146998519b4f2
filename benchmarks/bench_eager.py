"""The eager engine, in C and in Python, beside others: python benchmarks/bench_eager.py [--quick]

Peers that are not installed are left out; microgpt's text is looked for where MICROGPT says.

What is measured, how, and the figures of the last full run: README.md in this directory.
"""

import argparse
import contextlib
import copy
import gc
import importlib
import importlib.metadata
import importlib.util
import itertools
import json
import math
import os
import pickle
import random
import statistics
import subprocess
import sys
import time
import tracemalloc
from pathlib import Path

from machine import description

sys.path.append(str(Path(__file__).parents[1] / "tests"))
import microgpt

from autograd_mini import Value, collector_paused, grad, topological_order
from autograd_mini.engine import ACCELERATED
from autograd_mini.nn import MLP
from autograd_mini.optim import sgd

OURS, IN_PYTHON = "autograd_mini", "autograd_mini in Python"
MODES = ("default", "paused")
CHAIN = 6_000  # operations: as long as micrograd's recursion allows without trouble
GRAPH = 10_000
SIZES = (10, 50, 1000)


# ---- the work ---------------------------------------------------------------------------------------


def moons(rows, noise=0.1):
    """Two half circles that reach into each other, in micrograd's form: points, and labels of ±1."""
    rng, half = random.Random(1337), rows // 2
    points, labels = [], []
    for i, label in itertools.product(range(half), (-1, 1)):
        angle = math.pi * i / (half - 1)
        x, y = math.cos(angle), math.sin(angle)
        x, y = (x, y) if label < 0 else (1 - x, 0.5 - y)
        points.append((x + rng.gauss(0, noise), y + rng.gauss(0, noise)))
        labels.append(label)
    return points, labels


def mlp_step(library):
    """One step of micrograd's demo: 337 parameters, 100 rows, max-margin loss; its code, any engine."""
    engine, nn = (importlib.import_module(f"{library}.{module}") for module in ("engine", "nn"))
    points, labels = moons(100)
    random.seed(1337)
    model = nn.MLP(2, [16, 16, 1])
    steps = itertools.count()

    def step():
        inputs = [list(map(engine.Value, row)) for row in points]
        scores = list(map(model, inputs))
        losses = [(1 + -yi * score).relu() for yi, score in zip(labels, scores, strict=True)]
        data_loss = sum(losses) * (1.0 / len(losses))
        loss = data_loss + 1e-4 * sum(p * p for p in model.parameters())
        model.zero_grad()
        loss.backward()
        learning_rate = 1.0 - 0.9 * min(next(steps), 99) / 100
        for p in model.parameters():
            p.data -= learning_rate * p.grad
        return loss.data

    return step


def random_graph(operations, leaves, relu):
    """Return the sum of the last of many random operations on what came before; numbers stay near 1."""
    rng, nodes = random.Random(5), list(leaves)
    for _ in range(operations // 2):
        x, y = nodes[rng.randrange(len(nodes))], nodes[rng.randrange(len(nodes))]
        kind = rng.randrange(4)
        z = x * y if kind == 0 else x - y if kind == 1 else x + y if kind == 2 else relu(x) + 0.25
        nodes.append(z * 0.5)
    return sum(nodes[-100:-1], nodes[-1])


def rosenbrock(x):
    """The valley of Rosenbrock, in as many dimensions as `x` has numbers."""
    return sum(100.0 * (b - a * a) ** 2 + (1.0 - a) ** 2 for a, b in itertools.pairwise(x))


def chain(leaves, relu):
    """Return * / ** + - relu in turn, on five leaves."""
    v, w, y, x, z = leaves
    for _ in range(CHAIN // 6):
        v = v * w
        v = v / y
        v = v**2
        v = v + x
        v = v - z
        v = relu(v)
    return v


GRADIENTS = {
    "chain": (chain, [0.5, 0.9, 0.9, 0.75, 0.5]),
    "graph": (lambda leaves, relu: random_graph(GRAPH, leaves, relu), [0.1 * k + 0.3 for k in range(20)]),
    **{
        f"rosenbrock{n}": (lambda leaves, _: rosenbrock(leaves), [0.5 + 0.001 * k for k in range(n)])
        for n in SIZES
    },
}
"""Works that are the gradient of a function: of leaves, and of what relu is there."""


def by_backward(value):
    """The gradient by a class with `backward` and `grad`."""

    def gradient(f, x):
        leaves = list(map(value, x))
        f(leaves, lambda v: v.relu()).backward()
        return [leaf.grad for leaf in leaves]

    return gradient


def by_grad(f, x):
    """The gradient by autograd_mini's `grad`."""
    return grad(lambda leaves: f(leaves, lambda v: v.relu()))(x)


def by_xad(f, x):
    """The gradient by XAD's tape."""
    from xad.adj_1st import Real, Tape
    from xad.math import max as larger

    with Tape() as tape:
        leaves = [Real(number) for number in x]
        tape.registerInputs(leaves)
        tape.newRecording()
        y = f(leaves, lambda v: larger(v, 0.0))
        tape.registerOutput(y)
        y.derivative = 1.0
        tape.computeAdjoints()
        return [leaf.derivative for leaf in leaves]


def by_fastdual(f, x):
    """The gradient by fastdual, forward, every direction at once."""
    import fastdual

    leaves = fastdual.DualArray(x)
    y = f(list(leaves), lambda v: v if v.real > 0.0 else v * 0.0)
    return [float(d) for d in fastdual.jac(y, leaves).ravel()]


def by_num_dual(f, x):
    """The gradient by num-dual, forward."""
    import num_dual

    return num_dual.gradient(lambda leaves: f(leaves, None), x)[1]


def gradient_of(library):
    """How a library takes a gradient."""
    if library in (OURS, IN_PYTHON):
        return by_grad
    if library == "micrograd":
        return by_backward(importlib.import_module("micrograd.engine").Value)
    if library == "microgpt":
        return by_backward(microgpt.value_class(Path(microgpt.PATH).read_text(encoding="utf-8")))
    return {"XAD": by_xad, "fastdual": by_fastdual, "num-dual": by_num_dual}[library]


def mlp_by_xad():
    """The same step once more, the network spelled out for XAD, whose nodes belong to a tape."""
    from xad.adj_1st import Real, Tape
    from xad.math import max as larger

    points, labels = moons(100)
    random.seed(1337)
    sizes = [2, 16, 16, 1]
    layers = [
        [([random.uniform(-1, 1) for _ in range(nin)], 0.0) for _ in range(nout)]
        for nin, nout in itertools.pairwise(sizes)
    ]
    numbers = [number for layer in layers for weights, bias in layer for number in (*weights, bias)]
    steps = itertools.count()

    def step():
        with Tape() as tape:
            leaves = [Real(number) for number in numbers]
            tape.registerInputs(leaves)
            tape.newRecording()
            losses = []
            for row, label in zip(points, labels, strict=True):
                rest, x = iter(leaves), list(row)
                for k, nout in enumerate(sizes[1:]):
                    x = [neuron([next(rest) for _ in x], next(rest), x) for _ in range(nout)]
                    x = x if k == 2 else [larger(v, 0.0) for v in x]
                losses.append(larger(1 + -label * x[0], 0.0))
            loss = sum(losses) * (1.0 / len(losses)) + 1e-4 * sum(p * p for p in leaves)
            tape.registerOutput(loss)
            loss.derivative = 1.0
            tape.computeAdjoints()
            learning_rate = 1.0 - 0.9 * min(next(steps), 99) / 100
            for k, leaf in enumerate(leaves):
                numbers[k] -= learning_rate * leaf.derivative
            return loss.value

    return step


def neuron(weights, bias, inputs):
    """A weighted sum of inputs, from left to right."""
    return sum((w * x for w, x in zip(weights, inputs, strict=True)), bias)


def microgpt_step(library):
    """The training step of microgpt's published text, its optimiser included, on its own Value or ours."""
    text = Path(microgpt.PATH).read_text(encoding="utf-8")
    one_step = microgpt.training(text, None if library == "microgpt" else Value)
    steps = itertools.count()
    return lambda: one_step(next(steps) % 1000)


def work_of(work, library):
    """Return a library's function for a work."""
    if work == "mlp":
        return mlp_by_xad() if library == "XAD" else mlp_step(library.removesuffix(" in Python"))
    if work == "microgpt":
        return microgpt_step(library)
    (f, x), gradient = GRADIENTS[work], gradient_of(library)
    return lambda: gradient(f, x)


# ---- the clock --------------------------------------------------------------------------------------


def worker(work, library, mode):
    """Run the work as often as each line of standard input says, and print the seconds of each run.

    Every library has a process of its own, or the collector would bill one for the other's garbage.
    micrograd's graphs are cycles: with the collector paused they are freed here, off the clock.
    """
    sys.setrecursionlimit(100_000)  # micrograd's backward calls itself once for each node of a chain
    step = work_of(work, library)
    first = step()
    print(json.dumps(first), flush=True)
    for line in sys.stdin:
        seconds = []
        for _ in range(int(line)):
            if mode == "paused":
                if library == "micrograd":
                    gc.collect()
                gc.disable()
            wall, processor = time.perf_counter(), time.process_time()
            step()
            seconds.append((time.process_time() - processor, time.perf_counter() - wall))
        print(json.dumps(seconds), flush=True)


def compare(title, work, libraries, runs, unit, scale):
    """Let the libraries do the work in turn, in both modes of the collector; print times and ratios."""
    libraries = [library for library in libraries if installed(library)]
    if OURS not in libraries or (work == "microgpt" and "microgpt" not in libraries):
        return
    print(f"\n{title}, {unit}")
    print(
        "  collector  library                    runs    median   fastest   median, wall clock   times ours"
    )
    for mode in MODES:
        seconds = alternate(work, mode, libraries, runs)
        ours = statistics.median(processor for processor, _ in seconds[OURS])
        for library in libraries:
            processor, wall = ([scale * t for t in clock] for clock in zip(*seconds[library], strict=True))
            figures = statistics.median(processor), min(processor), statistics.median(wall)
            columns = "".join(f"{figure:10.1f}" for figure in figures)
            print(
                f"  {mode:10} {library:26}{len(wall):5}{columns}{figures[0] / scale / ours:23.2f}",
                flush=True,
            )


def installed(library):
    """Whether there is such a contestant here."""
    if library == "microgpt":
        return bool(microgpt.PATH)
    if library == IN_PYTHON:
        return ACCELERATED
    modules = {"XAD": "xad", "num-dual": "num_dual"}
    return importlib.util.find_spec(modules.get(library, library)) is not None


def alternate(work, mode, libraries, runs, rounds=5):
    """Return the (processor, wall) seconds of every run of each library, taken in alternating rounds."""
    command = [sys.executable, __file__, "--worker", work]
    with contextlib.ExitStack() as stack:
        workers = {}
        for library in libraries:
            pure = os.environ.get("AUTOGRAD_MINI_PURE", "0") if library != IN_PYTHON else "1"
            process = subprocess.Popen(
                [*command, library, mode],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                env={**os.environ, "AUTOGRAD_MINI_PURE": pure},
            )
            workers[library] = stack.enter_context(process)
        answers = {library: json.loads(process.stdout.readline()) for library, process in workers.items()}
        for library, answer in answers.items():
            assert close(answer, answers[OURS]), f"{work}: {library} says {answer}, not {answers[OURS]}"
        seconds = {library: [] for library in libraries}
        for _ in range(rounds):
            for library in libraries:
                count = runs.get(library, runs[OURS])
                print(max(1, count // rounds), file=workers[library].stdin, flush=True)
                seconds[library] += json.loads(workers[library].stdout.readline())
    return seconds


def close(found, expected):
    """Whether two numbers, or lists of them, are equal but for rounding."""
    if isinstance(found, list):
        return all(map(close, found, expected))
    return math.isclose(found, expected, rel_tol=1e-6, abs_tol=1e-9)


# ---- one library alone ------------------------------------------------------------------------------


def bytes_per_node(nodes=120_000):
    """Print what one node takes as recorded, before any gradient, and after backward."""
    v = Value(0.5)
    w, y, x, z = map(Value, (0.9, 0.9, 0.75, 0.5))
    tracemalloc.start()
    for _ in range(nodes // CHAIN):
        v = chain((v, w, y, x, z), lambda v: v.relu())
    recorded = tracemalloc.get_traced_memory()[0]
    v.backward()
    swept = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    print("\nMemory of one node of the mixed chain, bytes (tracemalloc)")
    print(
        f"  as recorded {recorded / nodes:.0f}   after backward {swept / nodes:.0f}   "
        f"sys.getsizeof {sys.getsizeof(v)}, plus a float of {sys.getsizeof(0.5)}"
    )


def deep_chain(operations):
    """Print how long each thing that one can do with a long chain takes."""
    seconds = {}
    clock = time.process_time()

    def lap(name):
        nonlocal clock
        seconds[name] = time.process_time() - clock
        clock = time.process_time()

    v = x = Value(1.0)
    y = Value(1e-6)
    for _ in range(operations // 2):
        v = v * x
        v = v + y
    lap("record")
    order = topological_order(v)
    assert len(order) == operations + 2
    lap("sort")
    v.backward()
    lap("backward")
    text = repr(v)
    lap("repr")
    del order
    duplicate = copy.deepcopy(v)
    lap("copy")
    pickled = pickle.dumps(v)
    lap("pickle")
    loaded = pickle.loads(pickled)
    lap("unpickle")
    assert repr(duplicate) == repr(loaded) == text
    del duplicate, loaded
    clock = time.process_time()
    del v
    lap("free")
    core = sum(seconds[name] for name in ("record", "sort", "backward", "repr", "free"))
    print(f"\nA chain of {operations:,} operations, default collector, seconds")
    print("  " + "   ".join(f"{name} {t:.2f}" for name, t in seconds.items()))
    print(f"  without copy and pickles {core:.2f}   altogether {sum(seconds.values()):.2f}")


def flat_memory(steps):
    """Print the process's memory along a training with the collector off."""
    model = MLP(2, [4, 1], activation="tanh", rng=0)
    parameters = model.parameters()
    rows = [((0.0, 0.0), 0.0), ((0.0, 1.0), 1.0), ((1.0, 0.0), 1.0), ((1.0, 1.0), 0.0)]
    samples = []
    with collector_paused():
        for step in range(steps + 1):
            if step % (steps // 10) == 0:
                samples.append(resident())
            loss = sum((model(x) - y) ** 2 for x, y in rows)
            model.zero_grad()
            loss.backward()
            sgd(parameters, 0.05)
    print(f"\nResident memory over {steps:,} training steps, collector off, MiB")
    print("  " + "  ".join(f"{sample / 2**20:.2f}" for sample in samples))


def resident():
    """Return the bytes of memory this process holds; its peak where the system does not tell."""
    try:
        with open("/proc/self/statm") as statm:
            return int(statm.read().split()[1]) * 4096
    except OSError:
        import resource

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (
            1 if sys.platform == "darwin" else 1024
        )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer runs: one minute instead of several")
    parser.add_argument("--worker", nargs=3, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.worker:
        worker(*arguments.worker)
        return
    quick = arguments.quick
    print(f"{description()}, micrograd {importlib.metadata.version('micrograd')}")
    few = {OURS: 25, "micrograd": 5} if quick else {OURS: 100, "micrograd": 20}
    many = {OURS: 50, "micrograd": 10} if quick else {OURS: 200, "micrograd": 50}
    values = (OURS, IN_PYTHON, "XAD", "microgpt", "micrograd")
    compare(
        "One step of micrograd's MLP demo", "mlp", (OURS, IN_PYTHON, "XAD", "micrograd"), few, "ms", 1e3
    )
    title = f"Mixed chain of {CHAIN:,} operations, forward + backward + free, per operation"
    compare(title, "chain", (*values, "fastdual"), many, "ns", 1e9 / CHAIN)
    compare(f"Random graph of {GRAPH:,} operations", "graph", values, many, "ms", 1e3)
    title = "One step of microgpt's published text, its optimiser included"
    compare(title, "microgpt", (OURS, IN_PYTHON, "microgpt"), few, "ms", 1e3)
    for n in SIZES:
        forward = ("fastdual", "num-dual") if n < 1000 else ("fastdual",)
        title = f"Gradient of Rosenbrock's function, n = {n}"
        compare(title, f"rosenbrock{n}", (OURS, IN_PYTHON, *forward, "XAD"), many, "µs", 1e6)
    bytes_per_node()
    deep_chain(1_000_000)
    flat_memory(1_000 if quick else 10_000)


if __name__ == "__main__":
    main()
