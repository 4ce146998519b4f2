"""Every backend computes what the program says: one point to the bit, rows within 4 ULP an operation."""

import ctypes
import itertools
import math
import pickle
import random
import shutil
import subprocess

import accuracy
import numpy as np
import pytest
from bits import bits
from program_cases import SPECIAL, expression, numbers_for, rows

from autograd_mini import Value, primitive
from autograd_mini.compiler import backends
from autograd_mini.compiler.backends import BACKENDS, installed
from autograd_mini.compiler.lowering import Graph
from autograd_mini.compiler.program import Builder
from autograd_mini.engine.table import TABLE

POINTS = ["python", "llvm"]
ROWS = ["python", "numpy", "llvm"]
SLOW = {"gamma", "lgamma", "digamma", "polygamma"}


def merged(programs):
    """Many programs as one: machine code is compiled for all of them at once."""
    builder = Builder(sum(p.inputs for p in programs))
    outputs, guards, start = [], [], 0
    for p in programs:
        at = builder.insert(p, range(start, start + p.inputs))
        outputs += [at(k) for k in p.outputs]
        guards += [(at(k), expected) for k, expected in p.guards]
        start += p.inputs
    return builder.program(outputs, guards)


def random_programs(seed, count, without=frozenset()):
    """Programs of values and gradients, every other with branches, their inputs, and what backward says."""
    rng = random.Random(seed)
    programs, inputs, expected = [], [], []
    for k in range(count):
        leaves = [Value(x) for x in numbers_for(rng, 3)]
        e = expression(rng, leaves, 15, choices=k % 2 == 1)
        e.backward()
        program = Graph([e], leaves).program(gradients=range(3))
        if not program.table.keys().isdisjoint(without):
            continue
        programs.append(program)
        inputs += [x.data for x in leaves]
        expected += [e.data, *[x.grad for x in leaves]]
    return merged(programs), inputs, expected


@pytest.mark.parametrize("backend", POINTS)
@pytest.mark.parametrize("seed", [*range(4), 1_000_152, 1_000_579])  # in two the order tells
def test_one_point_equals_eager_bit_for_bit(backend, seed):
    program, inputs, expected = random_programs(seed, 100)
    assert bits(backends.load(backend).build(program)(inputs)) == bits(expected)


@pytest.mark.nightly
@pytest.mark.parametrize("backend", POINTS)
@pytest.mark.parametrize("seed", range(1000))
def test_one_point_equals_eager_over_100_000_programs(backend, seed):
    program, inputs, expected = random_programs(1_000_000 + seed, 100)
    assert bits(backends.load(backend).build(program)(inputs)) == bits(expected)


def one_row_program(row):
    leaves = [Value(0.5) for _ in range(2 if row.variadic else len(row.operands))]
    return Graph([row(*leaves)], leaves).program(), len(leaves)


def samples(row, count, rng):
    """Operands of a row: special numbers in all pairings, and ordinary ones over many magnitudes."""
    found = [[rng.choice(SPECIAL) for _ in range(count)] for _ in range(150)]
    found += [[rng.uniform(-5.0, 5.0) for _ in range(count)] for _ in range(150)]
    found += [[rng.choice([-1, 1]) * 10 ** rng.uniform(-12, 12) for _ in range(count)] for _ in range(100)]
    return found


@pytest.mark.parametrize("backend", POINTS)
@pytest.mark.parametrize("row", [row for row in rows() if row.name not in SLOW], ids=lambda row: row.name)
def test_each_primitive_to_the_bit(backend, row):
    program, count = one_row_program(row)
    replay = backends.load(backend).build(program)
    for operands in samples(row, count, random.Random(1)):
        assert bits(replay(operands)) == bits([row.value(*operands)]), operands


def ulps(x, y):
    if x == y or (x != x and y != y):
        return 0
    if not (math.isfinite(x) and math.isfinite(y)):
        return math.inf
    return abs(x - y) / math.ulp(max(abs(x), abs(y), 2.3e-308))


@pytest.mark.parametrize("backend", ROWS)
@pytest.mark.parametrize("row", [row for row in rows() if row.name not in SLOW], ids=lambda row: row.name)
def test_rows_of_each_primitive_within_four_ulp(backend, row):
    if ("log" in row.name and row.definition is not None) and backend != "python":
        pytest.skip("where logaddexp and logsumexp are nearly 0, what they are made of cancels")
    program, count = one_row_program(row)
    points = samples(row, count, random.Random(2))
    columns = list(np.array(points).T)
    run = backends.load(backend).build_batch(program, [True] * count, [False])
    table, _, _ = run(columns, len(points), 1)
    for operands, x in zip(points, table[0].tolist(), strict=True):
        y = row.value(*operands)
        # Two that are each within 4 ULP of the truth may differ by more from one another.
        assert ulps(x, y) <= 2.0 or ulps(x, float(accuracy.exact(row, operands))) <= 4.0, (operands, x, y)
        if x == y == 0.0:
            assert math.copysign(1.0, x) == math.copysign(1.0, y), operands


@pytest.mark.parametrize("backend", ROWS)
def test_the_sign_of_a_nan_is_not_looked_at(backend):
    x, y = Value(2.0), Value(-3.0)
    program = Graph([TABLE["copysign"](x, y)], [x, y]).program()
    signs = [math.nan, math.copysign(math.nan, -1.0), -0.0, 0.0, -math.inf, -5e-324]
    expected = [2.0, 2.0, -2.0, 2.0, -2.0, -2.0]
    run = backends.load(backend).build_batch(program, [False, True], [False])
    table, _, _ = run([2.0, np.array(signs)], 6, 1)
    assert table[0].tolist() == expected
    assert [backends.load(backend).build(program)([2.0, sign])[0] for sign in signs] == expected


@pytest.mark.parametrize("backend", ROWS)
@pytest.mark.parametrize("count", [1, 7, 100, 5000])
def test_rows_agree_with_points(backend, count):
    x, w = Value(0.3), Value(0.7)
    program = Graph([(x * w).tanh() * w + x.exp() * (w * w)], [x, w]).program(gradients=[0, 1])
    column = np.linspace(-2.0, 2.0, count)
    run = backends.load(backend).build_batch(program, [True, False], [False, False, True])
    table, sums, held = run([column, 0.7], count, None)
    expected = np.array([program.evaluate([float(c), 0.7]) for c in column])
    assert held is None
    np.testing.assert_allclose(table.T, expected[:, :2], rtol=1e-13, atol=1e-15)
    np.testing.assert_allclose(sums, [expected[:, 2:].sum(0)], rtol=1e-12)


@pytest.mark.parametrize("backend", ROWS)
def test_each_row_says_whether_its_guards_hold(backend):
    x = Value(1.0)
    positive = TABLE["less"](0.0, x)
    program = Graph([x.log()], [x], [(positive, True)]).program()
    column = np.array([1.0, -1.0, 2.0, 0.0, math.nan])
    _, _, held = backends.load(backend).build_batch(program, [True], [False])([column], 5, None)
    assert held.tolist() == [True, False, True, False, False]
    both = Graph([x * 2.0], [x], [(positive, False), (TABLE["less"](x, -0.5), True)]).program()
    _, _, held = backends.load(backend).build_batch(both, [True], [False])([column], 5, None)
    assert held.tolist() == [False, True, False, False, False]
    if backend != "numpy":
        replay = backends.load(backend).build(program)
        assert replay([-1.0]) is None
        assert replay([1.0]) == [0.0]


def test_a_sum_does_not_depend_on_the_number_of_threads():
    x = Value(0.3)
    run = backends.load("llvm").build_batch(Graph([x.tanh()], [x]).program(), [True], [True])
    column = np.random.default_rng(0).normal(size=100_003)
    found = {run([column], len(column), threads)[1].tobytes() for threads in (1, 2, 3, 8)}
    assert len(found) == 1


def test_results_are_not_overwritten_by_the_next_call():
    x = Value(0.3)
    run = backends.load("llvm").build_batch(Graph([x * 2.0], [x]).program(), [True], [False])
    kept = [run([np.full(64, float(k))], 64, 1)[0] for k in range(10)]
    assert [a[0, 0] for a in kept] == [2.0 * k for k in range(10)]


def test_memory_is_handed_out_again_only_when_nobody_looks_at_it():
    x = Value(0.3)
    for backend in ("numpy", "llvm"):
        run = backends.load(backend).build_batch(Graph([x * 2.0, -x], [x]).program(), [True], [False] * 2)
        views = [memoryview(run([np.full(40, float(k))], 40, 1)[0][1]) for k in range(6)]
        assert [view[7] for view in views] == [-float(k) for k in range(6)]
        address = views[5].obj.ctypes.data
        del views[5]
        assert run([np.zeros(40)], 40, 1)[0][1].ctypes.data == address


@pytest.mark.parametrize("backend", POINTS)
@pytest.mark.parametrize("width", [1, 15, 16, 17, 33, 1000])
def test_wide_programs_are_rolled_to_the_bit(backend, width):
    rng = random.Random(width)
    leaves = [Value(rng.uniform(-2, 2)) for _ in range(width + 1)]
    e = Value(0.0)
    for x, y in itertools.pairwise(leaves):
        e = e + 100.0 * (y - x * x) * (y - x * x) + (1.0 - x).sin() * x
    e.backward()
    program = Graph([e], leaves).program(gradients=range(width + 1))
    found = backends.load(backend).build(program)([x.data for x in leaves])
    assert bits(found) == bits([e.data, *[x.grad for x in leaves]])


@pytest.mark.parametrize("backend", POINTS)
def test_a_random_wide_graph_to_the_bit(backend):
    rng = random.Random(5)
    values = [Value(rng.uniform(-1, 1)) for _ in range(40)]
    leaves = list(values)
    for _ in range(3000):
        a, b = rng.choice(values), rng.choice(values)
        values.append(rng.choice([a + b, a * b, a - b, a.tanh(), a.relu(), -a]).sin())
    e = sum(values[-300:], Value(0.0))
    e.backward()
    program = Graph([e], leaves).program(gradients=range(40))
    found = backends.load(backend).build(program)([x.data for x in leaves])
    assert bits(found) == bits([e.data, *[x.grad for x in leaves]])


@pytest.mark.parametrize("backend", POINTS)
def test_outputs_may_be_inputs_and_constants(backend):
    x, y = Value(2.0), Value(3.0)
    program = Graph([y, 5.0, x, x], [x, y]).program()
    assert backends.load(backend).build(program)([2.0, 3.0]) == [3.0, 5.0, 2.0, 2.0]
    empty = Graph([5.0], []).program()
    assert backends.load(backend).build(empty)([]) == [5.0]


@pytest.mark.parametrize("backend", POINTS)
def test_a_custom_primitive_runs_wherever_python_can_call_it(backend):
    row = primitive("halved_example", value=lambda x: x / 2.0, partials=[lambda y, x: 0.5])
    try:
        x = Value(3.0)
        program = Graph([row(x) * x], [x]).program(gradients=[0])
        assert backends.load(backend).build(program)([3.0]) == [4.5, 3.0]
        run = backends.load(backend).build_batch(program, [True], [False, False])
        assert run([np.array([3.0, 1.0])], 2, 1)[0].tolist() == [[4.5, 0.5], [3.0, 1.0]]
        with pytest.raises(ValueError, match="halved_example"):
            backends.source("c", program)
    finally:
        del TABLE["halved_example"]


@pytest.mark.parametrize("backend", POINTS)
def test_derived_primitives_are_spelled_all_the_way_down(backend):
    leaves = [Value(7.5), Value(-2.0)]
    e = TABLE["floordiv"](*leaves) + TABLE["round"](leaves[0]) + leaves[0] % leaves[1]
    program = Graph([e], leaves).program().expanded(())
    assert all(op.definition is None for op in program.primitives)
    assert backends.load(backend).build(program)([7.5, -2.0]) == [e.data]


def test_a_missing_extra_is_named(monkeypatch):
    monkeypatch.setattr("autograd_mini.compiler.backends.find_spec", lambda name: None)
    assert installed("python")
    with pytest.raises(ImportError, match=r"autograd-mini\[fast\]"):
        backends.load("llvm")
    with pytest.raises(ValueError, match="no backend is called 'gpu'"):
        backends.load("gpu")


def c_replay(folder, program):
    """The program as a function compiled from its text in C, alone and without a warning."""
    name = program.fingerprint[:8]  # a library is loaded once by its path
    source, library = folder / f"{name}.c", folder / f"{name}.so"
    source.write_text(backends.source("c", program))
    strictly = ["-std=c99", "-Wall", "-Wextra", "-Werror"]
    options = [
        "-O2",
        "-fno-builtin",
        "-ffp-contract=off",
        "-shared",
        "-fPIC",
        str(source),
        "-o",
        str(library),
        "-lm",
    ]
    subprocess.run(["cc", *strictly, *options], check=True)
    function = ctypes.CDLL(str(library)).replay

    def replay(numbers):
        found = (ctypes.c_double * len(program.outputs))()
        held = function((ctypes.c_double * max(1, len(numbers)))(*numbers), found)
        return list(found) if held else None

    return replay


@pytest.mark.skipif(shutil.which("cc") is None, reason="no C compiler")
def test_every_primitive_and_its_partials_in_c_to_the_bit(tmp_path):
    chosen_rows = [row for row in rows() if row.name not in SLOW]
    programs, counts, exact = [], [], []
    for row in chosen_rows:
        _, count = one_row_program(row)
        leaves = [Value(0.5) for _ in range(count)]
        graph = Graph([row(*leaves)], leaves)
        programs.append(graph.program(gradients=range(count), branches="select"))
        counts.append(count)
        # C's hypot is not Python's, to the bit.
        exact.append("hypot" not in programs[-1].table)
    every = merged(programs)
    replay = c_replay(tmp_path, every)
    places = [is_exact for p, is_exact in zip(programs, exact, strict=True) for _ in p.outputs]
    rng = random.Random(3)
    points = [samples(row, count, rng) for row, count in zip(chosen_rows, counts, strict=True)]
    for k in range(0, 400, 5):
        numbers = [x for point in points for x in point[k]]
        for x, y, is_exact in zip(replay(numbers), every.evaluate(numbers), places, strict=True):
            assert bits([x]) == bits([y]) if is_exact else ulps(x, y) <= 4.0


@pytest.mark.skipif(shutil.which("cc") is None, reason="no C compiler")
def test_powers_in_c_are_those_of_the_library(tmp_path):
    # A compiler that knows pow makes x * x of pow(x, 2.0), and 1.0 / x of pow(x, -1.0).
    leaf = Value(0.5)
    program = Graph([leaf**2.0, leaf**-1.0], [leaf]).program()
    replay = c_replay(tmp_path, program)
    rng = random.Random(1)
    for x in [rng.uniform(0.1, 9.0) for _ in range(10_000)]:
        assert bits(replay([x])) == bits(program.evaluate([x]))


@pytest.mark.skipif(shutil.which("cc") is None, reason="no C compiler")
def test_random_programs_in_c_to_the_bit(tmp_path):
    program, inputs, expected = random_programs(7, 60, without={"hypot"})
    assert bits(c_replay(tmp_path, program)(inputs)) == bits(expected)
    assert c_replay(tmp_path, Graph([5.0], []).program())([]) == [5.0]


@pytest.mark.skipif(shutil.which("cc") is None, reason="no C compiler")
def test_the_c_text_compiles_alone_and_agrees_to_the_bit(tmp_path):
    x, y = Value(0.3), Value(-1.2)
    e = (x * y).tanh() + x.exp() / y + (x * x + 1.0).log() * y.sin()
    e.backward()
    program = Graph([e], [x, y]).program(gradients=[0, 1])
    assert bits(c_replay(tmp_path, program)([0.3, -1.2])) == bits([e.data, x.grad, y.grad])


def test_python_and_numpy_texts_run_alone():
    x, y = Value(0.3), Value(-1.2)
    program = Graph([(x * y).tanh() + x.exp() / y], [x, y]).program(gradients=[0, 1])
    for language in ("python", "numpy"):
        namespace = {}
        exec(backends.source(language, program), namespace)
        found = namespace["replay"]([0.3, -1.2]) if language == "python" else None
        assert found is None or bits(found) == bits(program.evaluate([0.3, -1.2]))
    assert "define i32 @replay" in backends.source("llvm", program)
    assert set(BACKENDS) == {"python", "numpy", "llvm"}


@pytest.mark.parametrize("backend", ROWS)
@pytest.mark.parametrize("exponent", [0.5, -0.5, 2.0, -1.0, 0.0, 1.0 / 3.0, math.nan, math.inf])
def test_powers_of_a_batch_are_those_of_c_also_for_a_shared_exponent(backend, exponent):
    base = [-math.inf, -0.0, 0.0, 4.0, math.inf, -2.0, math.nan, 5e-324]
    expected = [TABLE["pow"].value(x, exponent) for x in base]
    x, y = Value(2.0), Value(exponent)
    for program, mapped, given in (
        (Graph([x**exponent], [x]).program(), [True], [np.array(base)]),
        (Graph([x**y], [x, y]).program(), [True, False], [np.array(base), exponent]),
        (Graph([x**y], [x, y]).program(), [True, True], [np.array(base), np.full(8, exponent)]),
    ):
        table, _, _ = backends.load(backend).build_batch(program, mapped, [False])(given, 8, 1)
        for found, value in zip(table[0].tolist(), expected, strict=True):
            assert ulps(found, value) <= 2.0
            assert found != 0.0 or math.copysign(1.0, found) == math.copysign(1.0, value)


@pytest.mark.parametrize("backend", ROWS)
def test_a_program_keeps_the_primitives_it_was_made_with(backend):
    def defined(factor):
        TABLE.pop("renewed_example", None)
        return primitive(
            "renewed_example", value=lambda x: factor * x, partials=[lambda y, x: factor + 0.0 * x]
        )

    x = Value(1.5)
    try:
        old = defined(2.0)
        program = Graph([old(x) * x], [x]).program(gradients=[0])
        assert backends.load(backend).build(program)([3.0]) == [18.0, 12.0]
        new = defined(5.0)
        renewed = Graph([new(x) * x], [x]).program(gradients=[0])
        both = Graph([old(x) + new(x)], [x]).program(gradients=[0])
        column = np.array([3.0, 4.0])
        for made, expected in (
            (program, [18.0, 12.0]),
            (renewed, [45.0, 30.0]),
            (both, [21.0, 7.0]),
            (pickle.loads(pickle.dumps(renewed)), [45.0, 30.0]),
        ):
            assert made.evaluate([3.0]) == expected
            assert backends.load(backend).build(made)([3.0]) == expected
            run = backends.load(backend).build_batch(made, [True], [False, False])
            assert run([column], 2, 1)[0][:, 0].tolist() == expected
        assert program != renewed
    finally:
        TABLE.pop("renewed_example", None)
