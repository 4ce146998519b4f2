"""The eager engine beside micrograd's, in one run: python benchmarks/bench_eager.py [--quick]

What is measured, how, and the figures of the last full run: README.md in this directory.
"""

import argparse
import contextlib
import copy
import gc
import importlib
import importlib.metadata
import itertools
import json
import math
import pickle
import random
import statistics
import subprocess
import sys
import time
import tracemalloc

from machine import description

from autograd_mini import Value, collector_paused, topological_order
from autograd_mini.nn import MLP
from autograd_mini.optim import sgd

LIBRARIES = ("autograd_mini", "micrograd")
MODES = ("default", "paused")
CHAIN = 6_000  # operations: as long as micrograd's recursion allows without trouble


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


def mixed(rounds, v, w, y, x, z):
    """Return * / ** + - relu in turn: from near ½ it stays there, with a derivative near 1."""
    for _ in range(rounds):
        v = v * w
        v = v / y
        v = v**2
        v = v + x
        v = v - z
        v = v.relu()
    return v


def mixed_chain(library):
    """Return a step of a mixed chain, forward and backward."""
    value = importlib.import_module(f"{library}.engine").Value

    def step():
        v, w, y, x, z = map(value, (0.5, 0.9, 0.9, 0.75, 0.5))
        v = mixed(CHAIN // 6, v, w, y, x, z)
        v.backward()
        return v.data

    return step


WORK = {"mlp": mlp_step, "chain": mixed_chain}


# ---- the clock --------------------------------------------------------------------------------------


def worker(work, library, mode):
    """Run the work as often as each line of standard input says, and print the seconds of each run.

    Every library has a process of its own, or the collector would bill one for the other's garbage.
    micrograd's graphs are cycles: with the collector paused they are freed here, off the clock.
    """
    sys.setrecursionlimit(100_000)  # micrograd's backward calls itself once for each node of a chain
    step = WORK[work](library)
    step()
    for line in sys.stdin:
        seconds = []
        for _ in range(int(line)):
            if mode == "paused":
                gc.collect()
                gc.disable()
            wall, processor = time.perf_counter(), time.process_time()
            step()
            seconds.append((time.process_time() - processor, time.perf_counter() - wall))
        print(json.dumps(seconds), flush=True)


def compare(title, work, runs, unit, scale):
    """Let both libraries do the work in turn, in both modes of the collector; print times and ratios."""
    print(f"\n{title}, {unit}")
    print("  collector  library        runs    median   fastest   median, wall clock")
    for mode in MODES:
        seconds = alternate(work, mode, runs)
        figures = {}
        for library in LIBRARIES:
            processor, wall = ([scale * t for t in clock] for clock in zip(*seconds[library], strict=True))
            figures[library] = statistics.median(processor), min(processor), statistics.median(wall)
            columns = "".join(f"{figure:10.1f}" for figure in figures[library])
            print(f"  {mode:10} {library:14}{len(wall):5}{columns}")
        ratios = (b / a for a, b in zip(*figures.values(), strict=True))
        print(f"  {mode:10} {'ratio':19}{''.join(f'{ratio:10.2f}' for ratio in ratios)}", flush=True)


def alternate(work, mode, runs, rounds=5):
    """Return the (processor, wall) seconds of every run of each library, taken in alternating rounds."""
    command = [sys.executable, __file__, "--worker", work]
    with contextlib.ExitStack() as stack:
        workers = {}
        for library in LIBRARIES:
            process = subprocess.Popen(
                [*command, library, mode], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
            )
            workers[library] = stack.enter_context(process)
        seconds = {library: [] for library in LIBRARIES}
        for _ in range(rounds):
            for library, count in zip(LIBRARIES, runs, strict=True):
                print(count // rounds, file=workers[library].stdin, flush=True)
                seconds[library] += json.loads(workers[library].stdout.readline())
    return seconds


# ---- one library alone ------------------------------------------------------------------------------


def bytes_per_node(nodes=120_000):
    """Print what one node takes as recorded, before any gradient, and after backward."""
    v = Value(0.5)
    w, y, x, z = map(Value, (0.9, 0.9, 0.75, 0.5))
    tracemalloc.start()
    v = mixed(nodes // 6, v, w, y, x, z)
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
    compare("One step of micrograd's MLP demo", "mlp", (25, 5) if quick else (100, 20), "ms", 1e3)
    compare(
        f"Mixed chain of {CHAIN:,} operations, forward + backward + free, per operation",
        "chain",
        (50, 10) if quick else (200, 50),
        "ns",
        1e9 / CHAIN,
    )
    bytes_per_node()
    deep_chain(1_000_000)
    flat_memory(1_000 if quick else 10_000)


if __name__ == "__main__":
    main()
