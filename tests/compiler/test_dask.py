"""Batches in dask arrays: lazy, in chunks of any size, and equal to one machine to the last bit."""

import math
import pickle
import runpy
import subprocess
import sys
import threading
from pathlib import Path

import dask
import dask.array as da
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autograd_mini import Value, compile, exp, less, tanh, where
from autograd_mini.compiler.sums import BLOCK
from autograd_mini.nn import MLP, fit, mse
from autograd_mini.optim import SGD, Adam

RANDOM = np.random.default_rng(0)
COUNT = 3 * BLOCK + 1_234
X, Y = RANDOM.normal(size=(COUNT, 3)), RANDOM.normal(size=COUNT)
P = np.array([0.3, 0.7, -0.2, 0.1])


@pytest.fixture(autouse=True, params=["synchronous", "threads"])
def scheduler(request):
    with dask.config.set(scheduler=request.param):
        yield


def loss(p, x, y):
    return (tanh(p[0] * x[0] + p[1] * x[1] + p[2] * x[2] + p[3]) - y) ** 2


def piecewise(x, y):
    if x > 1.0:
        return exp(-x) * y
    return tanh(x) + y if y > 0.0 else x * x


def lazy(chunk, count=COUNT, y=Y):
    return da.from_array(X[:count], chunks=(chunk, 2)), da.from_array(y[:count], chunks=chunk)


def computed(tree):
    return dask.compute(tree)[0]


def same(a, b):
    if isinstance(a, (tuple, list)):
        return len(a) == len(b) and all(map(same, a, b))
    return np.asarray(a, float).tobytes() == np.asarray(b, float).tobytes()


# ---- the same bits ----------------------------------------------------------------------------------


@pytest.mark.parametrize("chunk", [1, 7, 5_000, BLOCK, 20_000, COUNT])
@pytest.mark.parametrize("reduce", [None, "sum", "mean"])
def test_a_batch_in_chunks_has_the_bits_of_one_machine(chunk, reduce):
    count = 300 if chunk < 10 else COUNT
    c = compile(loss)
    found = c.value_and_grad.map(P, *lazy(chunk, count), in_axes=(None, 0, 0), reduce=reduce)
    assert all(isinstance(x, da.Array) for x in found)
    expected = c.value_and_grad.map(P, X[:count], Y[:count], in_axes=(None, 0, 0), reduce=reduce)
    assert same(computed(found), expected)


def chunkings(count):
    return st.lists(st.integers(0, count), max_size=6).map(
        lambda cuts: tuple(np.diff([0, *sorted(cuts), count]).tolist())
    )


@settings(max_examples=30)
@given(st.data())
def test_any_chunks_dtypes_branches_and_reductions(data):
    count = data.draw(st.sampled_from([1, 50, BLOCK, BLOCK + 1, 2 * BLOCK + 77]), label="count")
    f = data.draw(st.sampled_from([loss_of_two, piecewise, selecting]), label="f")
    dtype = data.draw(st.sampled_from(["f8", "f4", "i8", "u1", "bool"]), label="dtype")
    reduce = data.draw(st.sampled_from([None, "sum", "mean"]), label="reduce")
    backend = data.draw(st.sampled_from(["llvm", "numpy"]), label="backend")
    x, y = (np.abs(2.0 * a[:count]).astype(dtype) for a in (X[:, 0], Y))
    dx = da.from_array(x, chunks=(data.draw(chunkings(count), label="chunks of x"),))
    dy = da.from_array(y, chunks=(data.draw(chunkings(count), label="chunks of y"),))
    c = compile(f, argnums=(0, 1), backend=backend).value_and_grad
    assert same(computed(c.map(dx, dy, reduce=reduce)), c.map(x, y, reduce=reduce))


def loss_of_two(x, y):
    return (tanh(x * y) - y) ** 2


def selecting(x, y):
    return where(less(x, y), x * x, exp(-y)) * y


def test_sums_do_not_depend_on_threads_or_on_how_a_batch_is_prepared():
    c = compile(loss).value_and_grad
    found = [c.map(P, X, Y, in_axes=(None, 0, 0), reduce="mean", threads=k) for k in (1, 2, 5)]
    found.append(c.prepare(P, X, Y, in_axes=(None, 0, 0), reduce="mean")())
    assert all(same(x, found[0]) for x in found)


def test_a_sum_beside_columns():
    c = compile(loss, argnums=(0, 1)).value_and_grad
    found = c.map(P, *lazy(9_999), in_axes=(None, 0, 0), reduce="sum")
    assert found[1][0].shape == (4,) and found[1][1].shape == (COUNT, 3)
    assert same(computed(found), c.map(P, X, Y, in_axes=(None, 0, 0), reduce="sum"))


def test_derivatives_structures_and_axes():
    dx, _ = lazy(BLOCK)
    c = compile(lambda x: tanh(x[0] * x[1]) * x[2])
    for d in (c.grad, c.jacobian, c.hessian):
        assert same(d.map(dx), d.map(X))
    assert same(c.grad.map(dx.T, in_axes=1), c.grad.map(X))
    assert same(computed(c.jvp.map((dx,), (dx * 0.5,))), c.jvp.map((X,), (X * 0.5,)))
    f = compile(lambda q: (q["a"][0], {"k": q["a"][1:] * q["b"]}))
    found = computed(f.map({"a": dx, "b": dx[:, 0]}))
    expected = f.map({"a": X, "b": X[:, 0]})
    assert same(found[0], expected[0]) and same(found[1]["k"], expected[1]["k"])


def test_a_truth_is_a_bool():
    f = compile(lambda x: (x > 0.0, x))
    found, expected = f.map(lazy(1_000)[1]), f.map(Y)
    assert found[0].dtype == bool and found[0].compute().tolist() == expected[0].tolist()


def test_chunks_are_kept_where_nothing_is_added_up():
    dx, dy = lazy(1_000)
    found = compile(loss).map(P, dx, dy, in_axes=(None, 0, 0))
    assert found.chunks == dy.chunks


def test_empty_chunks_and_empty_batches():
    d = da.from_array(Y, chunks=10_000)
    e = da.concatenate([d[:0], d[:10], d[10:10], d[10:30]])
    f = compile(lambda x: tanh(x))
    assert same(f.map(e), f.map(Y[:30]))
    assert same(f.map(e, reduce="sum"), f.map(Y[:30], reduce="sum"))
    assert f.map(d[:0]).compute().shape == (0,)
    assert float(f.map(d[:0], reduce="sum")) == 0.0


def test_random_numbers_nan_and_inf():
    z = RANDOM.choice([math.nan, math.inf, -math.inf, -0.0, 0.0, 1e-310], size=COUNT)
    c = compile(selecting)
    for reduce in (None, "sum"):
        assert same(
            c.map(da.from_array(z, chunks=7_777), da.from_array(Y, chunks=COUNT), reduce=reduce),
            c.map(z, Y, reduce=reduce),
        )


# ---- leaves, programs and what travels --------------------------------------------------------------


def test_backward_computes_now_and_adds_to_the_leaves():
    w = Value(2.0)
    c = compile(lambda x, y: (w * x[0] - y) ** 2).backward
    value = c.map(*lazy(9_999), reduce="mean")
    found, w.grad = w.grad, 0.0
    assert value == c.map(X, Y, reduce="mean") and found == w.grad != 0.0


def test_leaves_are_read_at_the_call():
    w = Value(2.0)
    c = compile(lambda x: w * x)
    d = da.from_array(Y, chunks=10_000)
    before = c.map(d)
    w.data = 5.0
    after = c.map(d)
    assert before.name != after.name
    assert same(before, 2.0 * Y) and same(after, 5.0 * Y)


def test_names_are_those_of_what_is_computed():
    d = da.from_array(Y, chunks=10_000)
    assert compile(tanh).map(d).name == compile(tanh).map(d).name != compile(exp).map(d).name


def test_the_function_does_not_travel_where_every_branch_is_known():
    class Unpicklable:
        def __call__(self, x):
            return tanh(x)

        def __reduce__(self):
            raise TypeError("stay at home")

    d = da.from_array(Y, chunks=10_000)
    graph = compile(Unpicklable()).map(d)
    assert same(pickle.loads(pickle.dumps(graph)).compute(), compile(tanh).map(Y))


def test_a_branch_that_nobody_has_met_is_traced_where_it_is_met():
    c = compile(piecewise)
    c(2.0, 1.0)
    d = da.from_array(Y, chunks=10_000)
    assert same(c.map(d, d), compile(piecewise).map(Y, Y))


def test_sixteen_threads_trace_and_compile_once():
    traced = []

    def f(x):
        traced.append(threading.get_ident())
        return tanh(x) * x

    c, barrier = compile(f), threading.Barrier(16)

    def call():
        barrier.wait()
        c.map(Y, threads=1)

    threads = [threading.Thread(target=call) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(traced) == 1


# ---- training ---------------------------------------------------------------------------------------


def train(x, y, chunkwise=False):
    model = MLP(3, [4, 1], activation="tanh", rng=0)
    history = fit(
        model,
        x,
        y,
        loss=mse,
        optimiser=Adam(model.parameters(), 0.05),
        epochs=3,
        mode="batched",
        batch_size=None if not chunkwise else 16_384,
        rng=1,
    )
    return history.losses, [p.data for p in model.parameters()]


def test_full_batch_training_has_the_bits_of_one_machine():
    dx, dy = lazy(10_000)
    assert same(train(dx, dy), train(X, Y))


def test_training_by_chunks_goes_through_every_chunk():
    losses, _ = train(*lazy(10_000), chunkwise=True)
    assert losses[-1] < losses[0]


def test_validation_early_stopping_and_progress():
    dx, dy = lazy(10_000)
    model = MLP(3, [4, 1], activation="tanh", rng=0)
    history = fit(
        model,
        dx,
        dy,
        loss=mse,
        optimiser=SGD(model.parameters(), 0.0),
        epochs=9,
        mode="batched",
        validation=(dx[:20_000], dy[:20_000]),
        patience=2,
    )
    assert history.stopped == "early" and len(history.validation_losses) == 3


# ---- refusals ---------------------------------------------------------------------------------------


def test_bad_input_says_what_to_do():
    dy = lazy(1_000)[1]
    f = compile(lambda x, y: x * y)
    with pytest.raises(ValueError, match=r"compute_chunk_sizes\(\)"):
        compile(tanh).map(dy[dy > 0])
    with pytest.raises(ValueError, match=f"10 and {COUNT} "):
        f.map(dy, dy[:10])
    with pytest.raises(ValueError, match="in_axes"):
        f.map(dy, dy, in_axes=(0, None))
    with pytest.raises(TypeError, match="complex"):
        f.map(dy, dy.astype(complex))
    with pytest.raises(ValueError, match=r"reduce"):
        f.map(dy, dy, reduce="max")


def test_an_error_names_the_item():
    def picky(x):
        if x < -8.0:
            raise ValueError("too small")
        return x

    z = Y.copy()
    z[34_567] = -9.0
    for batch in (z, da.from_array(z, chunks=10_000)):
        with pytest.raises(ValueError, match="too small") as caught:
            np.asarray(compile(picky).map(batch))
        assert "34567" in caught.value.__notes__[0]


def test_leaves_that_nobody_knows_are_refused():
    w, v = Value(2.0), Value(3.0)
    c = compile(lambda x: w * x if x > -3.0 else v * x)
    c(1.0)
    z = Y.copy()
    z[-1] = -9.0
    with pytest.raises(RuntimeError, match="leaves"):
        c.map(da.from_array(z, chunks=10_000)).compute()


def test_without_dask_nothing_imports_it():
    code = "import sys, autograd_mini; from autograd_mini import compile; print('dask' in sys.modules)"
    assert subprocess.check_output([sys.executable, "-c", code], text=True) == "False\n"


def test_the_example_with_labelled_arrays(capsys):
    pytest.importorskip("xarray")
    runpy.run_path(str(Path(__file__).parents[2] / "examples" / "with_xarray.py"), run_name="__main__")
    assert "the bits of one machine: True" in capsys.readouterr().out
