"""A cluster of processes here: a killed worker, spilling, workers that come and go; the same bits."""

import logging
import os
import signal
import time
from contextlib import contextmanager

import dask
import dask.array as da
import numpy as np
import pytest
from distributed import Client, LocalCluster, wait

from autograd_mini import Value, compile, tanh

pytestmark = [
    pytest.mark.xdist_group("cluster"),
    pytest.mark.filterwarnings("ignore"),  # a worker that is killed leaves sockets and warnings behind
]

COUNT, P = 400_003, np.array([0.3, 0.7, -0.2, 0.1])


def loss(p, x, y):
    return (tanh(p[0] * x[0] + p[1] * x[1] + p[2] * x[2] + p[3]) - y) ** 2


LOSS = compile(loss)


def block(pause, block_info=None):
    """Return rows that each chunk makes for itself, as if it read them."""
    time.sleep(pause)
    start, stop = block_info[None]["array-location"][0]
    k = np.arange(start, stop, dtype=float)
    return np.stack([np.sin(k), np.cos(0.7 * k), k / COUNT, np.sin(1.3 * k)], 1)


def data(chunk, pause=0.0):
    sizes = da.core.normalize_chunks(chunk, (COUNT,))[0]
    table = da.map_blocks(block, pause, chunks=(sizes, (4,)), dtype=float, meta=np.empty((0, 0)))
    return table[:, :3], table[:, 3]


def sums(x, y):
    return LOSS.value_and_grad.map(P, x, y, in_axes=(None, 0, 0), reduce="sum")


def bits(value, gradient):
    return [float(x).hex() for x in (value, *gradient)]


@pytest.fixture(scope="module")
def expected():
    x, y = dask.compute(*data(COUNT), scheduler="synchronous")
    return bits(*sums(x, y))


@contextmanager
def cluster(workers=2, **options):
    settings = {"memory_limit": "2GiB", "dashboard_address": None, "host": "127.0.0.1"}
    with (
        dask.config.set({"distributed.comm.retry.count": 2}),
        LocalCluster(
            n_workers=workers,
            threads_per_worker=1,
            processes=True,
            silence_logs=logging.CRITICAL,
            **settings | options,
        ) as running,
        Client(running) as client,
    ):
        yield running, client


def kernels(dask_worker=None):
    """Return how many kernels a worker has compiled of each batch."""
    from autograd_mini.compiler.dask_batch import compilations

    return tuple(compilations().values())


def test_any_chunks_on_two_workers_and_each_compiles_once(expected):
    with cluster() as (_, client):
        for chunk in (30_000, 2**17, COUNT):
            assert bits(*dask.compute(*sums(*data(chunk)))) == expected
        assert set(client.run(kernels).values()) <= {(1,), ()}


def test_a_worker_is_killed_on_the_way(expected):
    with cluster() as (_, client):
        futures = client.compute(list(sums(*data(10_000, pause=0.1))))
        time.sleep(1.0)
        victim = min(client.run(os.getpid).values())
        assert not all(f.done() for f in futures)
        os.kill(victim, signal.SIGKILL)
        assert bits(*client.gather(futures)) == expected


def test_spilling_and_workers_that_come_and_go(expected, tmp_path):
    memory = dict.fromkeys(("spill", "pause", "terminate"), False) | {"target": 0.01}
    with (
        dask.config.set({f"distributed.worker.memory.{key}": x for key, x in memory.items()}),
        cluster(1, memory_limit="1GiB", local_directory=str(tmp_path)) as (running, client),
    ):
        columns = client.persist(
            [LOSS.grad.map(P, *data(50_000), in_axes=(None, 0, 0)) + k for k in range(12)]
        )
        wait(columns)
        spilled = client.run(lambda dask_worker: dask_worker.data.spilled_total.disk)
        assert sum(spilled.values()) > 0
        x, y = dask.compute(*data(COUNT), scheduler="synchronous")
        assert np.array_equal(columns[0].compute(), LOSS.grad.map(P, x, y, in_axes=(None, 0, 0)))
        del columns
        running.adapt(minimum=1, maximum=2, interval="100ms", target_duration="1s")
        futures = client.compute(list(sums(*data(10_000, pause=0.2))))
        seen = set()
        while not all(f.done() for f in futures):
            seen.add(len(running.scheduler.workers))
            time.sleep(0.1)
        assert bits(*client.gather(futures)) == expected and max(seen) > 1


def test_parameters_are_those_of_the_caller():
    w = Value(2.0)
    c = compile(lambda x: w * x)
    with cluster(1):
        x = da.arange(10.0, chunks=5)
        assert c.map(x).compute().tolist() == (2.0 * np.arange(10.0)).tolist()
        w.data = 3.0
        assert c.map(x).compute().tolist() == (3.0 * np.arange(10.0)).tolist()
