"""The engine in C beside the engine in Python: it runs where it can, says the same, and leaks nothing."""

import copy
import gc
import inspect
import os
import pickle
import subprocess
import sys
import sysconfig
import threading
from array import array

import pytest
from differential import difference
from hypothesis import given
from hypothesis import strategies as st

import autograd_mini as ag
from autograd_mini import Value, collector_paused, dot, where
from autograd_mini.engine import ACCELERATED, value
from autograd_mini.engine.table import TABLE

in_c = pytest.mark.skipif(not ACCELERATED, reason="the engine runs in Python here")


def answer(code, **environment):
    """What a new Python prints."""
    command = [sys.executable, "-c", code]
    return subprocess.run(
        command, capture_output=True, text=True, check=True, env={**os.environ, **environment}
    ).stdout.strip()


def test_the_engine_that_was_asked_for_runs():
    assert not (ACCELERATED and os.environ.get("AUTOGRAD_MINI_PURE", "") not in ("", "0"))


def test_pure_python_can_be_forced():
    code = "from autograd_mini.engine import ACCELERATED; print(ACCELERATED)"
    assert answer(code, AUTOGRAD_MINI_PURE="1") == "False"
    assert (
        answer(code, AUTOGRAD_MINI_PURE="0")
        == answer(code, AUTOGRAD_MINI_PURE="")
        == str(
            os.path.exists(
                value.__file__.replace("value.py", "_node" + sysconfig.get_config_var("EXT_SUFFIX"))
            )
        )
    )


@in_c
def test_a_second_engine_in_the_process_is_in_python():
    code = """
import sys
from autograd_mini.engine import ACCELERATED
import autograd_mini.engine.value as first
old = {name: sys.modules.pop(name) for name in list(sys.modules) if name.startswith("autograd_mini")}
import autograd_mini.engine.value as second
x = second.Value(3.0); y = x * x; y.backward()
print(first.ACCELERATED, second.ACCELERATED, x.grad, (first.Value(1.0) + 1).data)
"""
    assert answer(code) == "True False 6.0 2.0"


@in_c
def test_both_engines_say_the_same():
    assert difference(seed=0, start=0, stop=1_500) is None


@in_c
def test_what_differs_is_found(monkeypatch):
    run = subprocess.Popen

    def one_has_another_seed(command, **options):
        if options["env"]["AUTOGRAD_MINI_PURE"] == "1":
            command = [*command[:-3], "1", *command[-2:]]
        return run(command, **options)

    monkeypatch.setattr(subprocess, "Popen", one_has_another_seed)
    assert "in Python: " in difference(seed=0, start=0, stop=1)


# ---- nothing leaks, nothing is too deep ----------------------------------------------------------------


@in_c
def test_blocks_stay_level():
    w, v = Value(0.5), Value(2.0, "v")

    def work():
        y = w
        for _ in range(300):
            y = (y * v + 1) / 3 - w**2
            y = where(y, y.tanh(), 2.0) + dot([w, y], [v, 1.0])
            y = ag.maximum(-y, 0.25)
        y.backward()
        value.sweep(y, [w, v])
        value.exchange([w, v, y], array("d", [0.0] * 3), "g", "+")
        for wrong in ("1", None, object()):
            with pytest.raises(TypeError):
                y + wrong
        copy.copy(y), copy.deepcopy(y.relu()), pickle.loads(pickle.dumps(y.exp()))
        w.grad = v.grad = 0.0

    for _ in range(3):
        work()
    gc.collect()
    before = sys.getallocatedblocks()
    for _ in range(20):
        work()
    gc.collect()
    assert abs(sys.getallocatedblocks() - before) < 200


def test_a_chain_of_a_million_is_freed_by_a_loop():
    x = Value(1.0)
    for deep in (lambda y: y + 1, lambda y: -y, lambda y: ag.sum([y, 1.0, x])):
        y = x
        for _ in range(1_000_000):
            y = deep(y)
        del y


@in_c
def test_the_collector_hears_of_subclasses_alone():
    class Own(Value):
        pass

    x, own = Value(2.0, "x"), Own(3.0)
    y = (x * x + 1.0).tanh() + ag.sum([x, 2.0, x])
    assert not gc.is_tracked(x) and not gc.is_tracked(y)
    z = y * own
    assert gc.is_tracked(z) and gc.is_tracked(ag.sum([z, z, z])) and not gc.is_tracked(y)
    own.result = z
    watch = Own(0.0)
    own.watch = watch
    with collector_paused():
        del x, y, z, own
        count = sum(type(o) is Own for o in gc.get_objects())
        gc.collect()
        assert sum(type(o) is Own for o in gc.get_objects()) == count - 1
    assert watch.data == 0.0


@in_c
def test_threads_record_and_sweep_side_by_side():
    w, results = Value(1.5), []

    def work():
        for _ in range(50):
            y = w
            for _ in range(200):
                y = y * 1.01 + w
            results.append(value.sweep(y, [w])[0][0])

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(results)) == 1 and len(results) == 200


# ---- the sweep that leaves no trace -----------------------------------------------------------------


def test_sweep_is_backward_without_a_trace():
    x, y = Value(2.0), Value(-0.0)
    inner = x * y
    root = where(x, inner * inner - x, 3.0).exp()
    inner.grad = 7.0
    assert value.sweep(root, [x, y, inner]) == ([-root.data, 0.0, 0.0], False)
    assert value.sweep(root, [inner, inner]) == ([0.0, 0.0], True)
    assert value.sweep(root, [root, x]) == ([1.0, 0.0], False)
    assert value.sweep(x, [x, y]) == ([1.0, 0.0], False)
    assert (x.grad, y.grad, root.grad, inner.grad) == (0.0, 0.0, 0.0, 7.0)
    root.backward()
    assert x.grad == value.sweep(root, [x])[0][0]


# ---- what a method is -------------------------------------------------------------------------------


def test_methods_say_who_they_are_and_can_be_copied():
    for method in (Value.tanh, Value(1.0).tanh):
        assert method.__name__ == "tanh" and method.__doc__ == TABLE["tanh"].__doc__
        assert method.row is TABLE["tanh"]
    assert copy.deepcopy([Value.tanh])[0] is Value.tanh
    assert pickle.loads(pickle.dumps(Value.tanh)) is Value.tanh
    assert list(inspect.signature(Value.tanh).parameters) == ["self", "others"]
    with pytest.raises(TypeError, match=r"tanh\(x\) takes 1 operand, got 2"):
        Value.tanh(Value(1.0), 2.0)


def test_what_a_users_primitive_returns_becomes_a_float():
    import numpy as np

    try:
        ag.primitive("np_tanh", value=np.tanh, partials=[lambda y, x: np.float64(1) - y * y])
        ag.primitive(
            "whole", "x y", value=lambda x, y: 3, partials=[lambda z, x, y: 2, lambda z, x, y: True]
        )
        ag.primitive("nothing", value=lambda x: None, partials=[None])
        y = Value(0.5).np_tanh()
        assert type(y.data) is type(y.partials[0]) is float
        z = TABLE["whole"](Value(1.0), Value(1.0))
        assert (z.data, z.partials) == (3.0, (2.0, 1.0))
        assert [type(x) for x in (z.data, *z.partials)] == [float] * 3
        with pytest.raises(TypeError, match=r"nothing\(\): expected a real number, got NoneType"):
            Value(1.0).nothing()
    finally:
        for name in ("np_tanh", "whole", "nothing"):
            TABLE.pop(name, None)
            for cls in Value.__mro__[:-1]:
                if name in vars(cls):
                    delattr(cls, name)


# ---- many leaves at once ----------------------------------------------------------------------------


class Clamped(Value):
    """A leaf that must be asked for its number."""


@given(st.lists(st.tuples(st.floats(), st.floats()), max_size=20), st.integers(0, 20), st.integers(0, 24))
def test_numbers_move_between_leaves_and_an_array_up_to_what_is_no_plain_leaf(pairs, stop, room):
    others = [Clamped(0.5), Value(1.0) * 2.0]
    for other in others:
        leaves = [Value(data) for data, _ in pairs]
        for leaf, (_, grad) in zip(leaves, pairs, strict=True):
            leaf.grad = grad
        leaves.insert(stop, other)
        count = min(stop, len(pairs), room) if ACCELERATED else 0
        for slot, column in (("d", 0), ("g", 1)):
            old = [pair[column] for pair in pairs]
            numbers = array("d", range(room))
            assert value.exchange(leaves, numbers, slot, ">") == count
            assert same(numbers, [*old[:count], *range(count, room)])
            assert value.exchange(leaves, array("d", range(room)), slot, "+") == count
            assert value.exchange(leaves, numbers, slot, ">") == count
            assert same(numbers[:count], [x + k for k, x in enumerate(old[:count])])
            assert value.exchange(leaves, array("d", [0.25] * room), slot, "<") == count
            assert value.exchange(leaves, numbers, slot, ">") == count
            assert same(numbers[:count], [0.25] * count)
            left = [leaf.data if slot == "d" else leaf.grad for leaf in leaves if leaf is not other]
            assert same(left, [0.25] * count + old[count:])
        assert (other.data, other.grad) in [(0.5, 0.0), (2.0, 0.0)]


def same(xs, ys):
    return all(x == y or (x != x and y != y) for x, y in zip(xs, ys, strict=True))


@in_c
def test_in_a_mode_each_leaf_is_asked():
    with ag.no_grad():
        assert value.exchange([Value(1.0)], array("d", [0.0]), "d", ">") == 0
    for leaves, numbers in (((Value(1.0),), array("d", [0.0])), ([Value(1.0)], [0.0])):
        with pytest.raises(TypeError):
            value.exchange(leaves, numbers, "d", ">")
    with pytest.raises((TypeError, BufferError)):
        value.exchange([Value(1.0)], bytes(8), "d", ">")
