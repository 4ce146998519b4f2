"""The reverse sweep: sharing, signs of zero, depth, threads and interrupts; random programs."""

import copy
import gc
import math
import os
import pickle
import signal
import sys
import threading

import pytest
from bits import bits
from hypothesis import given
from hypothesis import strategies as st
from walks import first_order, second_order

import autograd_mini as ag
from autograd_mini import Value, collector_paused, topological_order, where
from autograd_mini.engine import ACCELERATED, modes, value
from autograd_mini.engine import primitives as p
from autograd_mini.testing.strategies import programs

nan, inf = math.nan, math.inf

anything = st.floats()
in_python = pytest.mark.skipif(ACCELERATED, reason="about lines of value.py that run in C here")


def graph():
    a, b = Value(2.0, "a"), Value(1.0, "b")
    c = a + b
    d = b + 1
    return a, b, c, d, c * d


# ---- the article's expression --------------------------------------------------------------------


def test_the_articles_expression():
    a, b, c, d, e = graph()
    e.backward()
    assert (e.data, a.grad, b.grad) == (6.0, 2.0, 5.0)
    assert (e.grad, c.grad, d.grad) == (1.0, 2.0, 3.0)


def test_local_derivatives_are_on_the_edges_before_backward():
    _, _, c, d, e = graph()
    assert e.partials == (2.0, 3.0)
    assert c.partials == (1.0, 1.0)
    assert d.operands[1] == 1.0
    assert d.partials == (1.0, None)


# ---- repeated sweeps, shared nodes, changed leaves -----------------------------------------------


def test_a_second_backward_is_exact_and_leaves_accumulate():
    x = Value(3.0)
    y = x * x * x
    y.backward()
    assert x.grad == 27.0
    y.backward()
    assert x.grad == 54.0
    y.zero_grad()
    assert (x.grad, y.grad) == (0.0, 0.0)
    y.backward()
    assert (x.grad, y.grad) == (27.0, 1.0)


@pytest.mark.parametrize(
    ("f", "slope"),
    [
        (lambda x: x * x, 6.0),
        (lambda x: (x + 1) + (x + 1), 2.0),
        (lambda x: (lambda e: e + e)(x * x), 12.0),
        (lambda x: (lambda e: e * e * e)(x + x), 6 * 36.0),
        (lambda x: x / x, 0.0),
        (lambda x: x - x, 0.0),
        (lambda x: p.maximum(x, x), 1.0),
        (lambda x: x, 1.0),
        (lambda x: +x, 1.0),
        (lambda x: where(x, x, x), 1.0),
    ],
)
def test_shared_operands(f, slope):
    x = Value(3.0)
    f(x).backward()
    assert x.grad == pytest.approx(slope, abs=1e-15)


def test_a_leaf_that_is_the_root_and_a_node_in_two_roots():
    x = Value(3.0)
    x.backward()
    assert x.grad == 1.0
    y = x * x
    z, w = y + 1, y * 2
    z.backward()
    w.backward()
    assert x.grad == 1.0 + 6.0 + 12.0
    assert (y.grad, w.grad) == (2.0, 1.0)


def test_changing_a_leaf_cannot_corrupt_a_recorded_gradient():
    x = Value(3.0)
    y = x**2 + x * x
    x.data = 5.0
    y.backward()
    assert x.grad == 12.0


def test_the_data_of_a_computed_node_cannot_be_set():
    y = Value(3.0) * 2
    with pytest.raises(AttributeError, match=r"computed by mul: set the data of a leaf"):
        y.data = 1.0


@given(anything, anything)
def test_gradients_of_negative_zero_keep_their_sign(x, y):
    a, b = Value(x), Value(y)
    (a * b).backward()
    assert bits(a.grad) == bits(0.0 + 1.0 * y)


# ---- how gradients add up ------------------------------------------------------------------------


def test_sums_of_negative_zeros_keep_their_sign():
    x = Value(1.0)
    x.grad = -0.0
    y = x * -0.0
    y.backward()
    assert bits([x.grad, y.grad]) == bits([-0.0, 1.0])
    a = Value(1.0)
    inner = a * 1.0
    outer = inner * -0.0
    (outer + 1.0).backward()
    assert bits([inner.grad, outer.grad]) == bits([-0.0, 1.0])
    many = p.hypot(a, 3.0, 4.0) * -0.0
    many.backward()
    assert bits(many.operands[0].grad) == bits(-0.0)


def test_gradients_start_at_positive_zero():
    assert bits([Value(1.0).grad, (Value(1.0) * 2.0).grad]) == bits([0.0, 0.0])
    y = Value(1.0) * 2.0
    y.backward()
    y.zero_grad()
    assert bits([y.grad, y.operands[0].grad]) == bits([0.0, 0.0])


SHAPES = {
    "one operand": lambda x: x.sin(),
    "two": lambda x: x * x.exp(),
    "the first of two": lambda x: x.exp() / 2.0,
    "the second of two": lambda x: 2.0 / x.exp(),
    "a leaf first": lambda x: x * x.exp().sin(),
    "a leaf second": lambda x: x.exp().sin() * x,
    "a leaf first, a number second": lambda x: (x * 2.0) * (2.0 * x),
    "many": lambda x: p.hypot(x, x.exp(), 2.0, x.sin()),
    "some of three": lambda x: where(x, x.exp(), x.sin()),
    "shared": lambda x: (lambda y: y * y + y.sin() / y)(x * x),
    "deep sharing": lambda x: (lambda y: (y * y) * ((y + y) * y))((x + x) * x),
    "a diamond, its short side first": lambda x: (lambda y: y + (y * 2.0).sin())(x.exp()),
    "a diamond, its long side first": lambda x: (lambda y: (y * 2.0).sin() + y)(x.exp()),
    "a node met again while it waits": lambda x: (lambda y, z: (y + z) * (z * y))(x.exp(), x.sin()),
    "one operand, already listed": lambda x: (lambda y: y.sin() * y.cos())(x.exp()),
    "many, some already listed": lambda x: (lambda y: p.hypot(y, y.sin(), y) * y)(x.exp()),
    "no edge in between": lambda x: x * p.floor(x * x),
    "a leaf, the first of two, twice": lambda x: x * x.exp() + x * x.sin(),
    "a leaf, the second of two, twice": lambda x: x.exp() * x + x.sin() * x,
    "a leaf alone, twice": lambda x: x.exp() + x.sin(),
    "a leaf beside a number, twice": lambda x: x / 2.0 + 2.0 / x,
    "a leaf among many, twice": lambda x: p.hypot(x, x.exp(), x) * p.hypot(x, 2.0),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_backward_is_forward_whatever_the_shape(shape):
    f = SHAPES[shape]
    x = Value(0.7)
    y = f(x)
    for times in (1, 2, 3):
        y.backward()
        assert y.grad == 1.0
        assert x.grad == pytest.approx(times * ag.jvp(f, (0.7,), (1.0,))[1], rel=1e-14)
    order = topological_order(y)
    places = {node: k for k, node in enumerate(order)}
    assert order[0] is y
    assert len(places) == len(order)
    assert all(places[node] < places[x] for node in order for x, _ in node.edges())


def test_a_leaf_that_is_the_root():
    x = Value(3.0)
    x.grad = 5.0
    x.backward()
    x.backward()
    assert x.grad == 7.0


def test_sweeps_from_two_roots_share_nothing():
    x = Value(3.0)
    y = x * x
    a, b = y * 2.0, y * 5.0
    for root, grad in [(a, 2.0), (b, 5.0), (a, 2.0), (y, 1.0)]:
        root.backward()
        assert y.grad == grad
    assert x.grad == 6.0 * (2.0 + 5.0 + 2.0 + 1.0)


def test_zero_grad_goes_everywhere_below_and_nowhere_else():
    x, hidden = Value(3.0), Value(4.0)
    y = x * x
    z = where(0.0 * x, hidden * 2.0, y)
    z.backward()
    hidden.grad = 7.0
    above = z * 2.0
    above.grad = 9.0
    z.zero_grad()
    assert [v.grad for v in (z, y, x, hidden, above)] == [0.0, 0.0, 0.0, 0.0, 9.0]


@in_python
def test_an_interrupt_while_leaves_are_posted_is_finished_first(monkeypatch):
    class Interrupted(Value):
        stop = False

        @property
        def _grad(self):
            return self.kept

        @_grad.setter
        def _grad(self, number):
            if self.stop:
                Interrupted.stop = False
                raise KeyboardInterrupt
            self.kept = number

    a, b, c = Value(2.0), Interrupted(5.0), Value(7.0)
    a.grad, b.kept, c.grad = 1.0, 1.0, 1.0
    y = a * b * c

    pay = value._pay_debts

    def pay_then_stop(order):
        pay(order)
        Interrupted.stop = True

    monkeypatch.setattr(value, "_pay_debts", pay_then_stop)
    with pytest.raises(KeyboardInterrupt):
        y.backward()
    assert (a.grad, b.grad, c.grad) == (36.0, 15.0, 11.0)


def test_topological_order_until_and_through_edges():
    x, y = Value(2.0), Value(3.0)
    inner = x * y
    root = where(0.0, inner, inner.sin())
    assert topological_order(root) == [root, root.operands[2], inner, x, y]
    root = where(y, x, inner)
    assert topological_order(root) == [root, x]
    assert {id(v) for v in topological_order(root, through_edges=False)} == {
        id(v) for v in (root, y, x, inner)
    }
    assert topological_order(inner.sin() * inner, until=[inner])[-1] is inner
    for node in (2.0 * x, x * 2.0):
        assert topological_order(node, through_edges=False) == [node, x]
    plain = p.floor(x)
    assert topological_order(plain, through_edges=False) == [plain, x]


def test_two_operands_have_slots_of_their_own():
    """Memory: a tuple would be an object more for each node."""
    x, y = Value(2.0), Value(3.0)
    for node in (x * y, p.maximum(x, y), Value.record_primitive(p.mul, (x, y))):
        held = list(map(id, gc.get_referents(node)))
        assert id(x) in held
        assert id(y) in held


def test_zero_grad_reaches_operands_without_an_edge():
    x = Value(3.0)
    x.grad = 1.0
    where(Value(0.0), x, 1.0).zero_grad()
    assert x.grad == 0.0


def test_the_order_is_results_first_and_the_first_operands_side_first():
    a, b, c, d, e = graph()
    assert [id(v) for v in topological_order(e)] == [id(v) for v in (e, c, a, d, b)]
    assert topological_order(e, until={c, d}) == [e, c, d]


# ---- random programs -----------------------------------------------------------------------------


@given(programs())
def test_backward_twice_and_forward_are_the_sum_over_paths(recipe):
    assert list(first_order(recipe)) == []


@given(programs(max_operations=8))
def test_second_order_is_the_same_in_every_nesting_of_modes(recipe):
    assert list(second_order(recipe)) == []


@given(programs(wild=True))
def test_finite_sums_over_paths_are_right_beside_infinities_and_nan(recipe):
    assert list(first_order(recipe)) == []


@given(programs(words=["+", "*", "-", "/"], max_operations=25))
def test_arithmetic_with_much_sharing(recipe):
    assert list(first_order(recipe)) == []


# ---- depth: nothing by recursion -----------------------------------------------------------------


def test_a_chain_of_a_million():
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(150)  # a walk that recurses once per node, or once per thousand, is caught
    try:
        with collector_paused():
            x = Value(1.0, "x")
            y = x
            for _ in range(500_000):
                y = y * 1.000001 + 1e-9
            y.backward()
            assert x.grad == pytest.approx(math.exp(0.5), rel=1e-6)
            assert len(topological_order(y)) == 1_000_001
            assert repr(y).startswith("Value(data=")
            again = copy.deepcopy(y)
            shallow = copy.copy(y)
            p2, x2, y2 = pickle.loads(pickle.dumps((again, x, y)))
            assert bits(p2.data) == bits(y2.data) == bits(y.data) == bits(shallow.data)
            x2.grad = 0.0
            y2.backward()
            assert bits(x2.grad) == bits(x.grad)
            del again, shallow, p2, x2, y2, y
    finally:
        sys.setrecursionlimit(limit)


# ---- threads and interrupts ----------------------------------------------------------------------


def test_threads_that_share_leaves_lose_nothing():
    w = Value(2.0)
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)

    def work():
        for _ in range(200):
            y = w * w
            for _ in range(20):
                y = y + w
            y.backward()

    threads = [threading.Thread(target=work) for _ in range(4)]
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    assert w.grad == 4 * 200 * 24.0


@in_python
def test_an_interrupt_changes_no_leaf():
    """Stop a sweep at every line it can be stopped at; gradients are as before or complete."""
    stops = 0
    while True:
        a, b, _, _, e = graph()
        a.grad, b.grad = 10.0, 20.0
        left = stops

        def tracer(frame, event, arg):
            nonlocal left
            if frame.f_code.co_name in ("_in_order", "_meet", "_pay_debts"):
                if event == "line":
                    if left == 0:
                        raise KeyboardInterrupt
                    left -= 1
                return tracer
            return None

        before = sys.gettrace()
        sys.settrace(tracer)
        try:
            e.backward()
        except KeyboardInterrupt:
            sys.settrace(before)
            assert (a.grad, b.grad) == (10.0, 20.0)
            e.backward()
            assert (a.grad, b.grad) == (12.0, 25.0)
        else:
            break
        finally:
            sys.settrace(before)
        stops += 1
    assert stops > 50
    assert (a.grad, b.grad) == (12.0, 25.0)


@in_python
def test_an_interrupted_sweep_leaves_no_marks(monkeypatch):
    a, b, _, _, e = graph()
    with monkeypatch.context() as patch:
        patch.setattr("autograd_mini.engine.value._pay_debts", lambda order: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            e.backward()
    assert (a.grad, b.grad) == (0.0, 0.0)
    e.backward()
    assert (a.grad, b.grad) == (2.0, 5.0)


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="no timers on this system")
def test_ctrl_c_in_a_long_sweep_changes_all_leaves_or_none():
    leaves = [Value(1.0 + k) for k in range(100)]
    root = leaves[0]
    for k in range(200_000):
        root = root + leaves[k % 100]
    before = [0.0] * 100
    for attempt in range(7):
        handler = signal.signal(signal.SIGALRM, signal.default_int_handler)
        try:
            signal.setitimer(signal.ITIMER_REAL, 0.002 * (attempt + 1))
            root.backward()
            signal.setitimer(signal.ITIMER_REAL, 0.0)
        except KeyboardInterrupt:
            pass
        finally:
            signal.signal(signal.SIGALRM, handler)
        after = [x.grad for x in leaves]
        gained = {y - x for x, y in zip(before, after, strict=True)}
        assert gained in ({0.0}, {2000.0, 2001.0})
        before = after


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_child_process_can_sweep_while_its_parent_does():
    a, _, _, _, e = graph()
    with modes.sweeping, modes.busy:  # as if another thread of the parent were in the middle of a sweep
        child = os.fork()
        if not child:
            done = threading.Thread(target=e.backward, daemon=True)
            done.start()
            done.join(5)
            os._exit(0 if a.grad == 2.0 else 1)
    assert os.waitpid(child, 0)[1] == 0


# ---- signal handlers -------------------------------------------------------------------------------


def at_every_line(call, act):
    """Run `call` once for each line of the engine's sweep that it comes to, with `act` done there."""

    def trace(frame, event, argument):
        nonlocal left
        if frame.f_code.co_filename != value.__file__:
            return None
        if event == "line":
            left -= 1
            if left == 0:
                act()
        return trace

    for line in range(1, 10_000):
        left = line
        sys.settrace(trace)
        try:
            call()
        finally:
            sys.settrace(None)
        if left > 0:  # there are no more lines
            return
        yield


@pytest.mark.parametrize("same", [True, False])
def test_a_sweep_in_a_signal_handler_is_neither_lost_nor_harmful(same):
    x, w = Value(3.0), Value(2.0)
    y = x * x * w + x
    z = y if same else (x * w).sin() + w
    x.grad = w.grad = 0.0
    y.backward()
    z.backward()
    expected = x.grad, w.grad
    x.grad = w.grad = 0.0
    runs = 0
    for _ in at_every_line(y.backward, z.backward):
        assert (x.grad, w.grad) == expected
        x.grad = w.grad = 0.0
        runs += 1
    assert runs > (1 if ACCELERATED else 30)
    assert not modes.busy.locked()


def test_zeroing_in_a_signal_handler():
    x = Value(3.0)
    y = x * x * x
    for _ in at_every_line(y.backward, y.zero_grad):
        assert x.grad in (0.0, 27.0)
        x.grad = 0.0
    y.zero_grad()
    y.backward()
    assert x.grad == 27.0


@pytest.mark.skipif(not hasattr(__import__("signal"), "setitimer"), reason="no timer on this system")
def test_a_timer_sweeps_the_same_graph():
    import signal

    x = y = Value(1.0)
    for _ in range(3_000):
        y = y + x
    runs = 0

    def handler(signum, frame):
        nonlocal runs
        y.backward()
        runs += 1

    before = signal.signal(signal.SIGALRM, handler)
    signal.setitimer(signal.ITIMER_REAL, 2e-3, 2e-2)
    try:
        for _ in range(30):
            y.backward()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert x.grad == 3_001.0 * (30 + runs)
