"""The order of sums: one tree, whoever computes which part, and whatever vectors the processor has."""

import math
import os
import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograd_mini import Value, compile
from autograd_mini.compiler.backends.buffers import ROOM, Buffers
from autograd_mini.compiler.backends.llvm import processor
from autograd_mini.compiler.backends.llvm.batch import BatchKernel
from autograd_mini.compiler.lowering import Graph
from autograd_mini.compiler.sums import BLOCK, blocks, join, total

NUMBERS = np.random.default_rng(0).normal(size=3 * BLOCK + 77)


@given(st.lists(st.floats(-1e9, 1e9), min_size=1, max_size=70), st.data())
def test_any_cuts_of_a_batch_give_one_tree(sums, data):
    cuts = sorted(data.draw(st.lists(st.integers(0, len(sums)), max_size=5)))
    nodes = [(0, k, x) for k, x in enumerate(sums)]
    parts = [join(nodes[a:b]) for a, b in zip([0, *cuts], [*cuts, len(sums)], strict=True)]
    assert total(join(node for part in parts for node in part)) == total(join(nodes))
    assert abs(total(join(nodes)) - math.fsum(sums)) <= 1e-14 * sum(map(abs, sums))


def test_blocks_cover_a_batch():
    for count in (0, 1, BLOCK, BLOCK + 1, 3 * BLOCK):
        assert [k for part in blocks(count) for k in range(part.start, part.stop)] == list(range(count))


@pytest.mark.parametrize("count", [1, 3, 100, BLOCK, BLOCK + 5, len(NUMBERS)])
@pytest.mark.parametrize("terms", [1, 300])  # a long program has narrower vectors
def test_sums_do_not_depend_on_the_width_of_vectors(count, terms):
    x, y = Value(0.5), Value(0.0)
    for k in range(terms):
        y = y + x * (x + k)
    program = Graph([y, x * x], [x]).program()
    found = {
        BatchKernel(program, [True], [True, True], processor.host()._replace(width=width, avx512=False))(
            [NUMBERS[:count]], count, 1
        )[1].tobytes()
        for width in (2, 4, 8, 16)
    }
    assert len(found) == 1


def test_columns_that_do_not_lie_in_one_piece():
    table = np.random.default_rng(1).normal(size=(2 * BLOCK + 9, 3))
    c = compile(lambda x: x[0] * x[1] - x[2])
    for scattered, same in ((table, table.copy("F")), (table[::-2], table[::-2].copy("F"))):
        assert c.map(scattered).tobytes() == c.map(same).tobytes()
        assert c.map(scattered, reduce="sum") == c.map(same, reduce="sum")


def test_long_buffers_are_given_back_to_the_system():
    buffers = Buffers()
    for size, kept in ((ROOM // 2 - 100, 2), (ROOM - 100, 1), (ROOM + 1, 0), (1_000, 2)):
        buffers._free.clear()
        first, second = buffers.take(1, size), buffers.take(1, size)
        del first, second
        assert len(buffers._free) == kept


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="no affinity on this system")
def test_threads_are_as_many_as_processors_that_the_process_may_use():
    before = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {min(before)})
        assert processor.count() == 1
    finally:
        os.sched_setaffinity(0, before)
    assert processor.count() == len(before)


def test_an_empty_batch_is_not_traced_at_a_number():
    seen = []

    def f(x):
        seen.append(x.data)
        return 1.0 if x > 0.0 else 2.0 * x

    c = compile(f)
    assert c.map(np.empty(0)).shape == (0,) and c.map(np.empty(0), reduce="sum") == 0.0
    assert c.map(np.array([3.0])).tolist() == [1.0]  # no trace made of nothing is kept


def test_first_calls_of_many_threads_trace_and_compile_once():
    traced, errors = [], []

    def f(x, y):
        traced.append(None)
        return x * y + x

    c, barrier = compile(f, backend="llvm"), threading.Barrier(16)

    def call():
        barrier.wait()
        try:
            assert c(2.0, 3.0) == 8.0
        except AssertionError as error:
            errors.append(error)

    threads = [threading.Thread(target=call) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(traced) == 1 and not errors
