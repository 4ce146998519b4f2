"""Loops are found in what they were unrolled into, and every point stays as eager code computes it."""

import math
import pickle
import random

import numpy as np
import pytest
from bits import bits
from loop_programs import (
    WRITTEN,
    at_random,
    graph_of,
    nested_at_random,
    numbers,
    two_steps_back,
    units_at_random,
)

import autograd_mini as am
from autograd_mini import Value
from autograd_mini.compiler import bodies, loops, packs, rolling
from autograd_mini.compiler.arguments import call_of
from autograd_mini.compiler.backends import load
from autograd_mini.compiler.backends.llvm import processor
from autograd_mini.compiler.backends.llvm.processor import Target
from autograd_mini.compiler.loops import Run, repeats
from autograd_mini.compiler.lowering import Graph
from autograd_mini.compiler.program import Program
from autograd_mini.compiler.rolling import Rolled
from autograd_mini.compiler.tracing import traced
from autograd_mini.engine.table import TABLE


@pytest.fixture(autouse=True)
def short_loops(monkeypatch):
    """Roll short programs too."""
    monkeypatch.setattr(rolling, "SHORTEST", 500)
    monkeypatch.setattr(rolling, "SHORTER", 0.1)


@pytest.fixture
def loops_in_loops(monkeypatch):
    """Look for loops in short bodies too, and take short ones."""
    for module, name, number in [
        (loops, "LEAST", 5),
        (loops, "GAIN", 10),
        (bodies, "GAIN", 2),
        (rolling, "LONG", 12),
        (rolling, "LEAST_NESTED", 0.05),
    ]:
        monkeypatch.setattr(module, name, number)


@pytest.fixture
def packs_everywhere(monkeypatch):
    """Compute alike in lanes whatever can be, though it may save nothing; return the packs."""
    monkeypatch.setattr(packs, "LEAST", -math.inf)
    monkeypatch.setattr(packs, "FEWEST", 2)
    return watched_packs(monkeypatch)


def watched_packs(monkeypatch):
    found = []

    def packed(items, *given):
        units = packs.packed(items, *given)
        assert sorted(j for unit in units for j in unit) == sorted(item.position for item in items)
        found.extend(unit for unit in units if len(unit) > 1)
        return units

    monkeypatch.setattr("autograd_mini.compiler.backends.llvm.loop_code.packed", packed)
    return found


def inner_loops(program):
    return [
        part
        for loop in program.loops
        for stage in loop.stages
        for part in stage.parts
        if isinstance(part, bodies.Inner)
    ]


def eager(f, x):
    y, leaves = graph_of(f, x)
    y.backward()
    return [y.data, *[leaf.grad for leaf in leaves]]


def unshared(f, x):
    call = call_of(f, "f", (x,), {})
    trace = traced(f, "f", call)
    return trace.graph.program(range(len(x)), shared=False)


def run(kernel, x, outputs):
    given, out = np.array(x), np.zeros(outputs)
    held = kernel(given.ctypes.data, out.ctypes.data)
    return out.tolist() if held else None


def check(f, seed, widths, monkeypatch, points=3):
    """Roll `f` as traced at one point, and compare it with eager code there and at others."""
    rng = random.Random(seed)
    x = numbers(rng)
    program = unshared(f, x)
    assert bits(program.evaluate(x)) == bits(eager(f, x))
    found = rolling.rolled(program)
    if found is None:
        return None
    for width in widths:
        with monkeypatch.context() as patch:
            patch.setattr(processor, "host", lambda width=width: Target(width))
            kernel = load("llvm").Kernel(found)
        assert bits(run(kernel, x, len(program.outputs))) == bits(eager(f, x))
        for k in range(points):
            y = numbers(random.Random(1000 * seed + k))
            y = y if k % 2 else [a + 0.01 * b for a, b in zip(x, y, strict=True)]
            # Where a guard fails the program says so, as the instructions one by one do.
            assert bits(run(kernel, y, len(program.outputs))) == bits(program.evaluate(y))
            if program.evaluate(y) is not None:
                assert bits(program.evaluate(y)) == bits(eager(f, y))
    return found


@pytest.mark.parametrize("f", WRITTEN, ids=lambda f: f.__name__)
def test_a_loop_equals_eager_bit_for_bit(f, monkeypatch):
    for seed in range(2):
        check(f, seed, (2, 4, 8), monkeypatch)


@pytest.mark.parametrize("block", range(8))
def test_random_loops_equal_eager_bit_for_bit(block, monkeypatch):
    found = [
        check(at_random(seed), seed, ((2, 4, 8)[seed % 3],), monkeypatch) for seed in range(block, 48, 8)
    ]
    assert any(found)


@pytest.mark.parametrize("f", WRITTEN, ids=lambda f: f.__name__)
@pytest.mark.usefixtures("loops_in_loops")
def test_loops_in_its_body_leave_a_loop_equal_to_eager(f, monkeypatch):
    check(f, 0, (4, 8), monkeypatch)


@pytest.mark.parametrize("block", range(8))
@pytest.mark.usefixtures("loops_in_loops")
def test_random_loops_in_loops_equal_eager_bit_for_bit(block, monkeypatch):
    found = [
        check(nested_at_random(seed), seed, ((2, 4, 8)[seed % 3],), monkeypatch)
        for seed in range(block, 40, 8)
    ]
    assert any(inner_loops(program) for program in found if program)


@pytest.mark.usefixtures("loops_in_loops")
def test_a_result_is_read_one_iteration_later_with_two_beginnings(monkeypatch):
    assert inner_loops(check(at_random(57), 57, (2, 4), monkeypatch))


@pytest.mark.parametrize("f", WRITTEN, ids=lambda f: f.__name__)
@pytest.mark.usefixtures("packs_everywhere")
def test_units_in_lanes_leave_a_recurrence_equal_to_eager(f, monkeypatch):
    check(f, 0, (2, 4, 8), monkeypatch)


@pytest.mark.parametrize("block", range(8))
def test_random_units_in_lanes_equal_eager_bit_for_bit(block, monkeypatch, packs_everywhere):
    for seed in range(block, 16, 8):
        check(units_at_random(seed), seed, ((2, 4, 8)[seed % 3],), monkeypatch)
        check(nested_at_random(seed), seed, ((2, 4, 8)[seed % 3],), monkeypatch)
    assert packs_everywhere


def recurrent(x):
    """Eight units, each of which reads all of them."""
    h, total = [0.0] * 8, 0.0
    for t in range(40):
        sums = [sum((x[(5 * u + k) % 60] * h[k] for k in range(8)), 0.1 * x[t % 50]) for u in range(8)]
        h = [am.tanh(s) for s in sums]
        total = total + h[3] * h[5]
    return total


@pytest.mark.parametrize("width", [4, 8])
def test_units_of_a_recurrence_lie_in_lanes_where_that_saves_instructions(width, monkeypatch):
    found = watched_packs(monkeypatch)
    check(recurrent, 0, (width,), monkeypatch)
    assert max(map(len, found)) == width
    assert sum(map(len, found)) > 64  # of 64 products and 64 additions there, and as many back
    found.clear()
    check(two_steps_back, 0, (width,), monkeypatch)
    assert not found


@pytest.mark.nightly
@pytest.mark.parametrize("block", range(1000))
def test_100_000_random_loops_equal_eager(block, monkeypatch, request):
    if block % 2:
        request.getfixturevalue("loops_in_loops")
    if block % 4 > 1:
        request.getfixturevalue("packs_everywhere")
        for seed in range(10 * block, 10 * block + 10):
            check(units_at_random(seed), seed, (2, 4, 8), monkeypatch)
    for seed in range(50 * block, 50 * block + 50):
        check(at_random(seed), seed, (2, 4, 8), monkeypatch)
        check(nested_at_random(seed), seed, (2, 4, 8), monkeypatch)


def test_runs_are_found_in_a_stream_of_opcodes():
    rng = np.random.default_rng(0)
    body = rng.integers(0, 9, 37)
    noise = rng.integers(0, 9, 211)
    stream = np.concatenate([noise, np.tile(body, 25), noise[::-1], np.tile([1, 2], 60)])
    found = repeats(stream)
    assert [(run.period, run.times) for run in found] == [(37, 25), (2, 60)]
    for start, period, times in found:
        inside = stream[start : start + period * times].reshape(times, period)
        assert (inside == inside[0]).all()
    assert repeats(noise) == []
    assert repeats(np.array([], int)) == []


def test_a_run_is_cut_where_the_fewest_references_cross():
    # Of each iteration (5, 6, 7), 6 reads 5 and 7 reads 6; nothing reads 7.
    opcodes = np.array([9] + [5, 6, 7] * 50)
    reads = np.array([-1] + [k for i in range(50) for k in (-1, 3 * i + 1, 3 * i + 2)])
    assert repeats(opcodes, [reads]) == [Run(1, 3, 50)]


def loss_of(count):
    rng = random.Random(5)
    data = [(rng.gauss(0, 1), rng.gauss(0, 1), rng.choice((-1.0, 1.0))) for _ in range(count)]

    def loss(w):
        total = 0.0
        for a, b, y in data:
            h = [am.tanh(w[3 * k] * a + w[3 * k + 1] * b + w[3 * k + 2]) for k in range(4)]
            total = total + (1.0 - y * sum(u * v for u, v in zip(h, w[12:16], strict=True))).relu()
        return total

    return loss


def test_compile_rolls_what_a_python_loop_has_unrolled():
    loss = loss_of(60)
    rng = random.Random(1)
    w = [rng.gauss(0, 1) for _ in range(16)]
    c = am.compile(loss)
    for _ in range(5):
        value, gradient = c.value_and_grad(w)
        assert bits([value, *gradient]) == bits(eager(loss, w))
        w = [a - 0.05 * g for a, g in zip(w, gradient, strict=True)]
    program = c.value_and_grad.program(w)
    assert isinstance(program, Rolled)
    assert "for 60 iterations i:" in str(program) or "for 59 iterations i:" in str(program)
    assert len(str(program).splitlines()) < len(program.code) / 5
    assert "iterations" in c.value_and_grad.explain()
    assert "define i32 @replay" in c.value_and_grad.source("llvm", w)
    again = pickle.loads(pickle.dumps(program))
    assert str(again) == str(program)
    assert bits(load("llvm").build(again)(w)) == bits(program.evaluate(w))
    step = c.value_and_grad.prepare(np.array(w))
    assert bits([step()[0], *step()[1].tolist()]) == bits(eager(loss, w))


def test_a_layer_is_a_loop_in_the_loop_over_the_data(monkeypatch):
    monkeypatch.setattr(rolling, "LONG", 500)
    rng = random.Random(3)
    w = [Value(rng.gauss(0, 0.3)) for _ in range(20 * 4 + 20 * 21 + 20)]
    data = [[rng.gauss(0, 1) for _ in range(3)] for _ in range(11)]

    def loss():
        total = 0.0
        for point in data:
            given, x = iter(w), point
            for size in (20, 20):
                x = [(sum(next(given) * u for u in x) + next(given)).relu() for _ in range(size)]
            total = total + sum(next(given) * u for u in x) ** 2
        return total

    c = am.compile(loss)
    c.backward()
    program = c.backward.program()
    found = inner_loops(program)
    assert sum(part.times in (18, 19, 20) for part in found) >= 3
    assert len(str(program).splitlines()) < 600
    assert "for 20 iterations k:" in str(program)
    assert "of these for 20 iterations" in c.backward.explain()
    for _ in range(3):
        for v in w:
            v.data, v.grad = v.data * 0.9, 0.0
        c.backward()
        ours = [v.grad for v in w]
        for v in w:
            v.grad = 0.0
        loss().backward()
        assert bits(ours) == bits([v.grad for v in w])


def test_captured_leaves_are_read_at_each_call_of_a_rolled_loop():
    w = [Value(0.1 * k - 0.7) for k in range(16)]
    loss = loss_of(50)
    c = am.compile(lambda: loss(w))
    for _ in range(3):
        assert c.backward() == loss(w).data
        found = [v.grad for v in w]
        for v in w:
            v.grad = 0.0
        loss(w).backward()
        assert bits(found) == bits([v.grad for v in w])
        for v in w:
            v.data, v.grad = v.data - 0.1 * v.grad, 0.0


@pytest.mark.parametrize("wrong", [0, 17, 199])
def test_a_guard_in_a_loop_holds_for_every_iteration(wrong):
    def f(x):
        total = 0.0
        for i in range(200):
            total = total + (x[i] * x[i] * 0.5 if x[i] > 0.0 else am.exp(x[i])) * x[(i + 1) % 200]
        return total

    rng = random.Random(2)
    c = am.compile(f)
    x = [rng.uniform(0.1, 1.0) for _ in range(200)]
    assert bits([c.value_and_grad(x)[0]]) == bits([f([Value(v) for v in x])])
    assert isinstance(c.value_and_grad.program(x), Rolled)
    x[wrong] = -0.5
    value, gradient = c.value_and_grad(x)
    assert bits([value, *gradient]) == bits(eager(f, x))


def test_a_stream_without_a_period_is_left_as_it_was():
    def f(x):
        rng, v = random.Random(5), list(x)
        for _ in range(1500):
            a, b = v[-1 - rng.randrange(min(len(v), 60))], rng.choice(v)
            kind = rng.randrange(4)
            v.append(
                a + b if kind == 0 else a * 0.5 if kind == 1 else am.tanh(a) * b if kind == 2 else a - b
            )
        return sum(v[-200:])

    x = [math.sin(k) for k in range(30)]
    c = am.compile(f)
    c.value_and_grad(x)
    program = c.value_and_grad.program(x)
    assert type(program) is Program
    leaves = [Value(v) for v in x]
    expected = rolling.Graph([f(leaves)], leaves).program(range(30))
    assert str(program) == str(expected)


def test_functions_that_many_iterations_call_alike_are_left_to_straight_code(monkeypatch):
    def softmax(x, period):
        total = 0.0
        for i in range(100):
            e = [am.exp(x[k] * x[5 + (i + k) % period]) for k in range(5)]
            total = total - am.log(e[i % 5] / sum(e))
        return total

    x = [0.01 * k for k in range(106)]
    for period, kind in ((100, Rolled), (20, Program)):
        c = am.compile(lambda x, period=period: softmax(x, period))
        value, gradient = c.value_and_grad(x)
        assert bits([value, *gradient]) == bits(eager(lambda x, period=period: softmax(x, period), x))
        assert type(c.value_and_grad.program(x)) is kind


def test_operations_of_many_operands_are_rolled_as_eager_code_adds_them_up():
    def f(x):
        total = 0.0
        for i in range(150):
            smooth = am.logsumexp(x[0], x[1] * (0.01 * i), x[2], x[3], x[4])
            total = total + am.dot(x[:6], [0.1 * i * v for v in x[6:]]) * smooth
            total = total + am.sum([x[k] * (i - 70.0) for k in range(5)])
        return total

    rng = random.Random(9)
    c = am.compile(f)
    for _ in range(3):
        x = [rng.uniform(-1.0, 1.0) for _ in range(12)]
        value, gradient = c.value_and_grad(x)
        assert bits([value, *gradient]) == bits(eager(f, x))
    assert isinstance(c.value_and_grad.program(x), Rolled)


def test_a_where_in_a_loop_has_both_branches():
    def f(x):
        total = 0.0
        for i in range(300):
            total = total + am.where(x[i] - 0.3, am.sin(x[i]), x[i] * x[7] * 0.01) * x[(i + 1) % 300]
        return total

    rng = random.Random(4)
    c = am.compile(f)
    for _ in range(4):
        x = [rng.uniform(-1.0, 1.0) for _ in range(300)]
        value, gradient = c.value_and_grad(x)
        assert bits([value, *gradient]) == bits(eager(f, x))
    program = c.value_and_grad.program(x)
    assert isinstance(program, Rolled)
    assert not program.guards


def test_a_function_of_pythons_is_called_once_for_each_iteration():
    seen = []
    op = am.primitive(
        "counted_example",
        value=lambda x: seen.append(x) or math.floor(7.0 * x) / 7.0,
        partials=[lambda y, x: y * 0.5],
    )

    def f(x):
        total = 0.0
        for i in range(203):
            total = total + op(x[i] * 2.0) * x[i] * (1.0 + op(total) * 1e-3)
        return total

    try:
        x = [1.0 + 0.1 * k for k in range(203)]
        c = am.compile(f)
        for _ in range(3):
            c.value_and_grad(x)
            seen.clear()
            value, gradient = c.value_and_grad(x)
            assert len(seen) == 405  # the first total is a number, not a Value
            assert bits([value, *gradient]) == bits(eager(f, x))
            x = [a - 0.01 for a in x]
        program = c.value_and_grad.program(x)
        assert isinstance(program, Rolled)
        assert {stage.sequential for loop in program.loops for stage in loop.stages} == {False, True}
    finally:
        del TABLE["counted_example"]


def test_functions_of_pythons_are_called_in_the_order_of_the_program():
    seen = []

    def noted(name):
        return lambda x: seen.append(name) or 0.5 * x

    first, second = (
        am.primitive(f"{name}_example", value=noted(name), partials=[lambda y, x: 0.5])
        for name in ("first", "second")
    )

    def f(x):
        total = 0.0
        for i in range(300):
            total = total + second(first(x[i]) * x[i] + x[i - 1]) * x[i]
        return total

    try:
        x = [0.01 * k for k in range(300)]
        c = am.compile(f)
        c.value_and_grad(x)
        seen.clear()
        value, gradient = c.value_and_grad(x)
        assert isinstance(c.value_and_grad.program(x), Rolled)
        assert seen[:600] == ["first", "second"] * 300
        assert bits([value, *gradient]) == bits(eager(f, x))
    finally:
        del TABLE["first_example"], TABLE["second_example"]


def test_what_a_function_of_pythons_raises_in_a_loop_is_raised():
    def square(x):
        if x > 5.0:
            raise KeyError(x)
        return x * x

    op = am.primitive("raising_example", value=square, partials=[lambda y, x: 2.0 * x])
    try:
        c = am.compile(lambda x: sum(op(v) * v for v in x))
        x = [0.01 * k for k in range(300)]
        value, gradient = c.value_and_grad(x)
        assert isinstance(c.value_and_grad.program(x), Rolled)
        assert bits([value, *gradient]) == bits(eager(lambda x: sum(op(v) * v for v in x), x))
        x[150] = 6.0
        with pytest.raises(KeyError, match="6"):
            c.value_and_grad(x)
    finally:
        del TABLE["raising_example"]


@pytest.mark.parametrize("width", [1, 2, 4, 8])
def test_squares_are_those_of_the_c_library(width, monkeypatch):
    # A tenth of all numbers have a square that is so near the middle of two doubles that pow is called.
    monkeypatch.setattr(processor, "host", lambda: Target(width))
    leaves = [Value(1.0 + k) for k in range(200)]
    found = rolling.rolled(Graph([x**2 for x in leaves], leaves).program(shared=False))
    kernel = load("llvm").Kernel(found)
    rng = np.random.default_rng(width)
    special = [0.0, -0.0, math.inf, -math.inf, math.nan, 5e-324, 1e-160, 1e-154, 1.1e-146, 1.4e154, 1e200]
    for k in range(500):
        x = (
            rng.uniform(-2, 2, 200) * 2.0 ** rng.integers(-560, 520, 200)
            if k % 2
            else rng.normal(0, 9, 200)
        )
        x[: len(special)] = special
        out = np.zeros(200)
        kernel(x.ctypes.data, out.ctypes.data)
        assert bits(out.tolist()) == bits([TABLE["pow"].value(v, 2.0) for v in x.tolist()])
