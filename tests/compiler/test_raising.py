"""What a user's primitive raises inside machine code reaches the caller, and nothing is returned."""

import os
import signal
import subprocess
import sys
import threading

import numpy as np
import pytest

import autograd_mini as am
from autograd_mini.engine.table import TABLE


@pytest.fixture
def custom():
    """Make primitives that are taken out of the table again."""
    made = []

    def make(value, name="raising_example"):
        TABLE.pop(name, None)
        made.append(name)
        return am.primitive(name, value=value, partials=[lambda y, x: 1.0])

    yield make
    for name in made:
        TABLE.pop(name, None)


def refusing(error, when):
    def value(x):
        if when(x):
            raise error
        return 2.0 * x

    return value


ERRORS = [KeyError("no"), RuntimeError("no"), ZeroDivisionError("no"), KeyboardInterrupt(), SystemExit(3)]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_it_propagates_from_a_point(custom, error):
    op = custom(refusing(error, lambda x: x > 1.0))
    c = am.compile(lambda x: op(x) * x, backend="llvm")
    assert c.value_and_grad(0.5) == (0.5, 1.5)
    with pytest.raises(type(error)) as found:
        c.value_and_grad(2.0)
    assert found.value is error
    assert c.value_and_grad(0.5) == (0.5, 1.5)


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("count", [3, 100, 40_000])
@pytest.mark.parametrize("at", ["first", "last"])
def test_it_propagates_from_a_batch(custom, error, count, at):
    op = custom(refusing(error, lambda x: x > 1.0))
    c = am.compile(lambda x: op(x) * x, backend="llvm")
    x = np.full(count, 0.5)
    assert c.map(x, reduce="sum") == 0.5 * count
    x[0 if at == "first" else -1] = 2.0
    with pytest.raises(type(error)):
        c.map(x, threads=2)
    with pytest.raises(type(error)):
        c.grad.map(x)


def test_it_propagates_from_prepared_calls(custom):
    op = custom(refusing(KeyError("no"), lambda x: x > 1.0))
    c = am.compile(lambda x: op(x[0]) * x[1], backend="llvm")
    x = np.array([0.5, 3.0])
    step = c.value_and_grad.prepare(x)
    assert step()[0] == 3.0
    x[0] = 2.0
    with pytest.raises(KeyError):
        step()
    rows = np.ones((5, 2))
    step = c.grad.prepare(rows, in_axes=0, reduce="sum")
    rows[3] = 2.0
    with pytest.raises(KeyError):
        step()


def test_lanes_past_the_end_call_nothing_that_no_item_has(custom):
    op = custom(refusing(KeyError("never asked for"), lambda x: x == 0.0))
    c = am.compile(lambda x: op(x) + 1.0, backend="llvm")
    assert c.map(np.array([1.0, 2.0, 3.0])).tolist() == [3.0, 5.0, 7.0]


def test_it_is_dropped_where_the_branch_would_not_have_been_taken(custom):
    op = custom(refusing(ValueError("negative"), lambda x: x < 0.0))
    w = am.Value(1.0)

    @am.compile(backend="llvm")
    def f(x):
        y = op(w) if w > 0.0 else w
        return op(x) + y if x > 0.0 else x * y

    x = np.array([1.0, -1.0, 2.0, -3.0] * 11)
    expected = np.where(x > 0.0, 2.0 * x + 2.0, 2.0 * x)
    np.testing.assert_array_equal(f.map(x), expected)
    np.testing.assert_array_equal([f(float(v)) for v in x], expected)
    w.data = -1.0
    np.testing.assert_array_equal(f.map(x), np.where(x > 0.0, 2.0 * x - 1.0, -x))


def test_it_is_not_dropped_beside_items_of_another_branch(custom):
    op = custom(refusing(ValueError("three"), lambda x: x == 3.0))
    f = am.compile(lambda x: op(x) if x > 0.0 else -x, backend="llvm")
    assert f.map(np.array([1.0, -3.0, 2.0])).tolist() == [2.0, 3.0, 4.0]
    with pytest.raises(ValueError, match="three"):
        f.map(np.array([1.0, -3.0, 3.0]))


def test_a_function_that_compiles_and_raises_inside_another(custom):
    inner = custom(refusing(KeyError("inner"), lambda x: x > 1.0), "inner_example")
    g = am.compile(lambda x: inner(x) + 1.0, backend="llvm")

    def value(x):
        try:
            return g(x)
        except KeyError:
            return -1.0

    f = am.compile(lambda x: custom_op(x) * 3.0, backend="llvm")
    custom_op = custom(value, "outer_example")
    assert [f(0.5), f(2.0), f(0.25)] == [6.0, -3.0, 4.5]


CTRL_C = """
import os, signal
import numpy as np
import autograd_mini as am

signal.signal(signal.SIGINT, signal.default_int_handler)  # a process in the background may ignore it
seen = 0
def value(x):
    global seen
    seen += 1
    if seen == 100_000:
        os.kill(os.getpid(), signal.SIGINT)
    return x
op = am.primitive("slow_example", value=value, partials=[lambda y, x: 1.0])
c = am.compile(lambda x: op(x) * x, backend="llvm")
x = np.ones(3_000_000)
c.map(x[:10])
try:
    c.map(x, threads=1)
except KeyboardInterrupt:
    print("interrupted", seen < 2_900_000)
"""


@pytest.mark.skipif(os.name == "nt", reason="signals are sent by os.kill")
def test_ctrl_c_ends_machine_code_that_calls_python():
    run = [sys.executable, "-c", CTRL_C]
    found = subprocess.run(run, capture_output=True, text=True, check=True, timeout=120)
    assert found.stdout == "interrupted True\n"
    assert found.stderr == ""


HANDLER = """
import signal, sys
import numpy as np
import autograd_mini as am

op = am.primitive("slow_example", value=lambda x: x, partials=[lambda y, x: 1.0])
c = am.compile(lambda x: op(x) * x, backend="llvm")
x = np.ones(1_000_000)
c.map(x[:10])

def handler(*_):
    raise TimeoutError

signal.signal(signal.SIGALRM, handler)
for _ in range(3):
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.02)
        c.map(x, threads=1)
    except TimeoutError:
        print("raised")
"""


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="no timer signals")
def test_what_a_handler_of_a_signal_raises_propagates():
    run = [sys.executable, "-X", "faulthandler", "-c", HANDLER]
    found = subprocess.run(run, check=False, capture_output=True, text=True, timeout=120)
    assert (found.stdout, found.stderr, found.returncode) == ("raised\n" * 3, "", 0)


def test_threads_raise_each_their_own(custom):
    op = custom(refusing(KeyError("no"), lambda x: x > 1.0))
    c = am.compile(lambda x: op(x) * x, backend="llvm")
    c(0.5)
    wrong = []

    def work(x):
        for _ in range(300):
            try:
                found = c(x)
            except KeyError:
                found = None
            if found != (None if x > 1.0 else 2.0 * x * x):
                wrong.append((x, found))

    threads = [threading.Thread(target=work, args=(x,)) for x in (0.25, 2.0, 0.5, 3.0)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_a_program_keeps_the_primitive_that_it_was_made_with(custom):
    first = custom(lambda x: 2.0 * x)
    old = am.compile(lambda x: first(x), backend="llvm")
    x = np.array([1.0, 2.0])
    assert old(1.0) == 2.0
    assert old.map(x).tolist() == [2.0, 4.0]
    second = custom(lambda x: 5.0 * x)
    new = am.compile(lambda x: second(x), backend="llvm")
    assert new(1.0) == 5.0
    assert new.map(x).tolist() == [5.0, 10.0]
    assert old(1.0) == 2.0
    assert old.map(x).tolist() == [2.0, 4.0]


def test_batches_are_run_while_the_interpreter_exits():
    code = """
import atexit
import numpy as np
import autograd_mini as am
c = am.compile(lambda x: x * 2.0)
x = np.ones(100_000)
c.map(x)
def last():
    print(c.map(x, threads=2).sum())
atexit.register(last)
"""
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (found.stdout, found.stderr) == ("200000.0\n", "")
