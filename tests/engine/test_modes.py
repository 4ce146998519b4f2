"""What can be switched on: no graph, watchers, the collector's pause."""

import gc
import math
import operator
import threading

import pytest

from autograd_mini import Value, collector_paused, no_grad
from autograd_mini.engine import modes

nan, inf = math.nan, math.inf


def test_comparisons_can_be_watched():
    seen = []
    x = Value(2.0)
    with modes.switched(on_compare=lambda *what: seen.append(what)):
        x < 3.0  # noqa: B015
        x == x  # noqa: B015
        bool(x)
    assert seen == [
        (operator.lt, x, 3.0, True),
        (operator.eq, x, x, True),
        (operator.ne, x, 0.0, True),
    ]
    with modes.switched(on_record=lambda node: None):
        assert x < 3.0


def test_leaves_reads_and_sweeps_can_be_watched():
    leaves, sweeps = [], []
    with modes.switched(on_leaf=leaves.append, on_backward=sweeps.append, on_read=lambda v: 42.0):
        x = Value(2.0)
        assert x.data == 42.0
        y = x * x
        y.backward()
    assert [id(v) for v in leaves] == [id(x)]
    assert [id(v) for v in sweeps] == [id(y)]
    assert (x.data, x.grad) == (2.0, 4.0)
    with modes.switched(on_record=lambda node: None):
        z = Value(3.0)
        assert z.data == 3.0
        (z * z).backward()
    assert z.grad == 6.0


def test_no_grad_is_per_thread_and_works_as_a_decorator():
    x = Value(3.0)
    seen = []

    @no_grad()
    def f():
        return x * x + 1

    with no_grad():
        thread = threading.Thread(target=lambda: seen.append(x * x))
        thread.start()
        thread.join()
        y = x * x
    assert y.operands == () == f().operands
    assert f().data == 10.0
    assert seen[0].operands == (x, x)
    assert (x * x).operands == (x, x)


def test_switches_come_back_even_after_an_error():
    assert modes.active == 0
    with pytest.raises(ZeroDivisionError), modes.switched(recording=False):
        assert (modes.active, modes.here.recording) == (1, False)
        with no_grad():
            assert modes.active == 2
        assert not modes.here.recording
        1 / 0  # noqa: B018
    assert (modes.active, modes.here.recording) == (0, True)


def test_a_mode_of_another_thread_is_not_mine():
    x = Value(3.0)
    made = []

    def work():
        assert modes.here.ties == 0
        made.append(x * x)
        made.append(x < 4.0)
        x.backward()

    with no_grad():
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
    assert made[0].operands == (x, x)
    assert made[1] is True
    assert x.grad == 1.0


def test_the_collector_is_left_as_it_was():
    assert gc.isenabled()
    with collector_paused():
        assert not gc.isenabled()
        with collector_paused():
            assert not gc.isenabled()
        assert not gc.isenabled()
    assert gc.isenabled()
    gc.disable()
    try:
        with collector_paused():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()
