"""Batches in dask arrays beside one machine and beside `map_blocks`: ``python benchmarks/bench_dask.py``.

What a cluster costs in processor time beside one process, how much faster a compiled function is by itself
than through `map_blocks`, how the memory of a worker grows with the rows, and what the order of sums costs
on one machine. The cluster is two worker processes on this machine.
"""

import argparse
import logging
import os
import statistics
import time

import dask
import dask.array as da
import numpy as np
from distributed import Client, LocalCluster, wait
from machine import description

from autograd_mini import compile, exp, tanh


def formula(x):
    y = x
    for _ in range(6):
        y = tanh(y * x) + exp(-y * y) * x
    return y


def processor_time(client):
    """Seconds of processor time of this process, in which the scheduler runs, and of all workers."""
    return time.process_time() + sum(client.run(time.process_time).values())


def peak_memory(client):
    """The greatest memory that a worker has ever had, in MB; Linux only."""

    def own():
        with open("/proc/self/status") as lines:
            return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024

    return max(client.run(own).values())


def cost(client, chunks, repeats):
    chunk = 1 << 20
    lazy = client.persist(da.random.default_rng(0).normal(size=chunks * chunk, chunks=chunk))
    wait(lazy)
    x, c = np.random.default_rng(0).normal(size=4 * chunk), compile(formula)
    c.map(x, reduce="sum", threads=1), c.map(lazy, reduce="sum").compute()  # compile
    ratios = []
    for _ in range(repeats):
        start = time.process_time()
        c.map(x, reduce="sum", threads=1)
        alone = (time.process_time() - start) * chunks / 4
        start = processor_time(client)
        c.map(lazy, reduce="sum").compute()
        ratios.append((processor_time(client) - start) / alone)
    print(
        f"processor time, {chunks} chunks of {chunk:,} rows: cluster / one process "
        f"{statistics.median(ratios):.2f} (median of {repeats}; bound 1.30)"
    )


def map_blocks(client):
    x = da.from_array(np.random.default_rng(0).normal(size=40_000), chunks=1_000)
    compile(exp).map(x).compute()  # the workers import what they need
    c = compile(lambda a, b: tanh(a * b) + exp(-a * a))
    start = time.perf_counter()
    ours = c.map(x, x).compute()
    ours_took = time.perf_counter() - start
    start = time.perf_counter()
    theirs = da.map_blocks(c.map, x, x, dtype=float, meta=np.empty(0)).compute()
    theirs_took = time.perf_counter() - start
    print(
        f"40 chunks: map_blocks(c.map) {theirs_took:.2f} s, c.map {ours_took:.2f} s: "
        f"{theirs_took / ours_took:.1f} times as fast (bound 4); equal: {bool((ours == theirs).all())}"
    )


def memory(client, most):
    c = compile(formula)
    peaks = []
    for rows in (10_000_000, most):
        x = da.arange(rows, chunks=1 << 20, dtype=float) / rows
        start = time.perf_counter()
        c.map(x, reduce="mean").compute()
        peaks.append(peak_memory(client))
        took = time.perf_counter() - start
        print(f"{rows:,} rows streamed in {took:.1f} s: a worker's peak {peaks[-1]:.0f} MB")
    print(f"peak memory {peaks[1] / peaks[0]:.2f} times that of ten million rows (bound 1.20)")


def one_machine(repeats):
    x = np.random.default_rng(0).normal(size=1_000_000)
    c = compile(formula)
    times = {reduce: [] for reduce in (None, "sum")}
    for _ in range(repeats + 1):
        for reduce, found in times.items():
            start = time.perf_counter()
            c.map(x, reduce=reduce, threads=1)
            found.append(time.perf_counter() - start)
    columns, sums = (1e3 * statistics.median(found[1:]) for found in times.values())
    print(f"one machine, a million rows: columns {columns:.1f} ms, their sum {sums:.1f} ms")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_000_000_000, help="of the largest stream")
    parser.add_argument("--repeats", type=int, default=15)
    options = parser.parse_args()
    print(description())
    print(f"dask {dask.__version__}, {os.cpu_count()} processors, garbage collector as Python starts")
    one_machine(options.repeats)
    with LocalCluster(
        n_workers=2, threads_per_worker=1, dashboard_address=None, host="127.0.0.1",
        memory_limit="4GiB", silence_logs=logging.ERROR,
    ) as cluster, Client(cluster) as client:  # fmt: skip
        map_blocks(client)
        memory(client, options.rows)
        cost(client, 64, options.repeats)


if __name__ == "__main__":
    main()
