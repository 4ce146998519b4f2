"""What the benchmarks of compiled programs share: contestants built and timed in turn, and C compiled."""

import ctypes
import math
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from machine import features

from autograd_mini import collector_paused

OURS = "autograd_mini"
HELD = "--features" in sys.argv
"""Whether everybody is held to AVX2."""

missed = []
"""What was promised and not kept in this run."""

# The C peer's vectors: lanes, and what libmvec calls its functions for them.
LANES, VECTOR = (
    (8, "_ZGVeN8v")
    if "avx512f" in features() and not HELD
    else (4, "_ZGVdN4v")
    if "avx2" in features()
    else (2, "_ZGVbN2v")
)
FLAGS = ["-O3", "-march=x86-64-v3" if HELD else "-march=native", "-shared", "-fPIC"]
HOST = ", host" if HELD else ""


def race(title, contestants, bounds, seconds=4.0):
    """Time the contestants in turn and print the table; `bounds` are what ours promises against each."""
    print(f"\n{title}")
    times = {name: [] for name in contestants}
    inner = {}
    for name, run in contestants.items():
        run()
        start = time.perf_counter()
        run()
        inner[name] = max(1, int(1e-2 / (time.perf_counter() - start + 1e-7)))
    end = time.perf_counter() + seconds
    with collector_paused():
        while time.perf_counter() < end or len(times[OURS]) < 15:
            for name, run in contestants.items():
                start = time.perf_counter()
                for _ in range(inner[name]):
                    run()
                times[name].append((time.perf_counter() - start) / inner[name])
    mine = statistics.median(times[OURS])
    for name, taken in times.items():
        median = statistics.median(taken)
        # Paired: the same round for both, so that what slows the machine down cancels.
        ratio = statistics.median(a / b for a, b in zip(times[OURS], taken, strict=True))
        promise = f"  (promised: {bounds[name]:.3g})" if name in bounds else ""
        if ratio > bounds.get(name, math.inf):
            missed.append(f"{title}: {ratio:.3f} of {name}, promised {bounds[name]:.3g}")
        print(f"  {name:34} {median * 1e6:12.2f} µs   ours is {ratio:6.3f} of it{promise}")
    return mine


def peers(builders):
    """Build the contestants whose packages are there."""
    found = {}
    for label, build in builders.items():
        try:
            start = time.perf_counter()
            found[label] = build()
            print(f"  built {label} in {time.perf_counter() - start:.2f} s")
        except Exception as error:
            print(f"  {label}: left out ({type(error).__name__}: {str(error)[:100]})")
    return found


def c_library(text, *options):
    """Compile C and return the library."""
    folder = Path(tempfile.mkdtemp())
    (folder / "peer.c").write_text(text)
    command = ["gcc", *FLAGS, str(folder / "peer.c"), "-o", str(folder / "peer.so"), *options, "-lm"]
    try:
        subprocess.run(command, check=True)
    except FileNotFoundError:
        raise ImportError("gcc is not installed") from None
    return ctypes.CDLL(str(folder / "peer.so"))


def addresses(*arrays):
    return [ctypes.c_void_p(a.ctypes.data) for a in arrays]


def jax_module():
    import jax

    jax.config.update("jax_enable_x64", True)
    return jax


def casadi_call(f, x, options):
    import casadi

    s = casadi.SX.sym("x", len(x))
    e = f([s[i] for i in range(len(x))])
    function = casadi.Function("f", [s], [e, casadi.gradient(e, s)], options)
    buffer, trigger = function.buffer()
    value, gradient = np.zeros(1), np.zeros(len(x))
    buffer.set_arg(0, memoryview(x))
    buffer.set_res(0, memoryview(value))
    buffer.set_res(1, memoryview(gradient))
    trigger.kept = buffer, value, gradient, function  # type: ignore[attr-defined]
    return trigger


def ddx_call(f, x, level=None):
    import ddx

    model = ddx.equation(lambda: f([ddx.var(f"x{i}") for i in range(len(x))]))
    options = {"backend": ddx.Backend.COMPILE, "points": 1}
    if level is not None:
        options |= {"opt_level": level, "codegen_level": level}
    model.options = ddx.Options(**options)
    call = model.buffer(np.array(x))
    call()
    assert model.uses_kernel or level is None
    return call


def heyoka_call(f, x, compact):
    import heyoka as hy

    variables = hy.make_vars(*[f"x{i}" for i in range(len(x))])
    e = f(variables)
    derivatives = list(hy.diff_tensors([e], diff_args=variables).gradient)
    function = hy.cfunc([e, *derivatives], variables, compact_mode=compact)
    out = np.zeros(len(x) + 1)
    return lambda: function(x, outputs=out)


def spelled(name, a):
    """A function of `a` in the language of `a`: a method, or what the module of its type has."""
    if hasattr(a, name):
        return getattr(a, name)()
    import importlib

    return getattr(importlib.import_module(type(a).__module__.split(".")[0]), name)(a)
