"""`take` in compiled functions: one program for every index, with the numbers of eager code."""

import math
import random
import shutil
import subprocess
import warnings

import numpy as np
import pytest
from bits import bits
from hypothesis import given
from hypothesis import strategies as st
from program_cases import SPECIAL

import autograd_mini as ag
from autograd_mini import Value, grad, hessian, jvp, strict, take, where
from autograd_mini.compiler.compiled import compile
from autograd_mini.nn import cross_entropy

BACKENDS = ["python", "numpy", "llvm"]


def traces(c):
    return c._traces.made


def random_function(rng, elements):
    """A function of numbers and indices that takes some of its numbers, and a few that it has computed.

    `elements` says what is taken from: "leaves" or "computed".
    """
    plan = []
    for _ in range(rng.randint(3, 8)):
        count = rng.randint(1, 5)
        source = [rng.randrange(1000) for _ in range(count)]
        constant = rng.choice([None, None, rng.choice(SPECIAL)])
        plan.append(
            (source, constant, rng.randrange(3), rng.choice(["i", "-i-1", "i+j", "table"]), rng.random())
        )

    def f(x, ints):
        values, total = list(x), x[0] * 0.5
        for source, constant, at, how, kind in plan:
            pool = x if elements == "leaves" else values
            among = [pool[k % len(pool)] for k in source]
            if constant is not None:
                among.append(constant)
            i, j, n = ints[at], ints[at - 1], len(among)
            index = {
                "i": i % n,
                "-i-1": -(i % n) - 1,
                "i+j": (i + j) % n,
                "table": take([n - 1, 0, -1], i % 3),
            }
            chosen = take(among, index[how])
            if kind < 0.3 and elements == "computed":
                first, second = take([[chosen, x[1]], [x[1], chosen]], i % 2)
                chosen = first * 2.0 - second
            new = chosen * x[at] if kind < 0.6 else ag.sin(chosen) + chosen * chosen
            values.append(new)
            total = total + new + (ag.exp(chosen) if kind > 0.8 else 0.0)
        return total

    return f


def numbers(rng, special):
    return [
        rng.choice(SPECIAL) if special and rng.random() < 0.3 else rng.uniform(-2.0, 2.0) for _ in range(4)
    ]


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(
    "seed", [*range(10), *[pytest.param(k, marks=pytest.mark.nightly) for k in range(10, 500)]]
)
def test_random_programs_of_leaves_equal_eager_to_the_bit(backend, seed):
    rng = random.Random(seed)
    f = random_function(rng, "leaves")
    c = compile(f, backend=backend)
    for k in range(12):
        x, ints = numbers(rng, k > 3), [rng.randint(0, 9) for _ in range(3)]
        value, gradient = c.value_and_grad(x, ints)
        assert bits([value, *gradient]) == bits([f(x, ints), *grad(f)(x, ints)])
        assert bits([c(x, ints)]) == bits([value])
    assert traces(c) == 1


def close(found, expected):
    return np.testing.assert_allclose(found, expected, rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("seed", range(6))
def test_random_programs_of_what_was_computed_to_every_order(backend, seed):
    rng = random.Random(1000 + seed)
    f = random_function(rng, "computed")
    c = compile(f, backend=backend)
    turned = compile(lambda x, t, ints: jvp(lambda x: f(x, ints), (x,), (t,)), backend=backend)
    inside, second = compile(grad(f), backend=backend), compile(hessian(f), backend=backend)
    for _ in range(6):
        x, t = numbers(rng, False), numbers(rng, False)
        ints = [rng.randint(0, 9) for _ in range(3)]
        assert bits([c(x, ints)]) == bits([f(x, ints)])
        close(c.grad(x, ints), grad(f)(x, ints))
        close(inside(x, ints), grad(f)(x, ints))
        close(c.hessian(x, ints), hessian(f)(x, ints))
        close(second(x, ints), hessian(f)(x, ints))
        close(c.grad.jacobian(x, ints), hessian(f)(x, ints))
        close(turned(x, t, ints), jvp(lambda x, ints=ints: f(x, ints), (x,), (t,)))
    assert traces(c) == traces(inside) == traces(second) == traces(turned) == 1


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("seed", range(5))
def test_over_a_batch_each_item_has_its_own_index(backend, seed):
    rng = random.Random(2000 + seed)
    f = random_function(rng, rng.choice(["leaves", "computed"]))
    c = compile(f, backend=backend)
    count = rng.choice([1, 3, 100])
    xs = np.array([numbers(rng, False) for _ in range(count)])
    ints = np.array([[rng.randint(0, 9) for _ in range(3)] for _ in range(count)])
    values, gradients = c.value_and_grad.map(xs, ints)
    close(values, [f(x, i) for x, i in zip(xs.tolist(), ints.tolist(), strict=True)])
    close(gradients, [grad(f)(x, i) for x, i in zip(xs.tolist(), ints.tolist(), strict=True)])
    value, gradient = c.value_and_grad.map(xs, ints, reduce="sum")
    close(value, values.sum())
    close(gradient, gradients)
    same = c.value_and_grad.map(xs[0], ints, in_axes=(None, 0), reduce="sum")[1]
    close(same, sum(np.array(grad(f)(xs[0].tolist(), i)) for i in ints.tolist()))
    shared = c.grad.map(xs, ints[0], in_axes=(0, None))
    close(shared, [grad(f)(x, ints[0].tolist()) for x in xs.tolist()])
    assert traces(c) == 1


def test_captured_leaves_receive_what_their_element_is_owed():
    table = [[Value(0.1 * i + j) for j in range(3)] for i in range(5)]

    def loss(tokens, x):
        return sum((a * x) ** 2 for i in tokens for a in take(table, i))

    leaves = [leaf for row in table for leaf in row]
    c = compile(loss)
    for tokens in ([0, 4, 4], [1, 1, 1], [-1, 2, 0]):
        for leaf in leaves:
            leaf.grad = 0.0
        expected = loss(tokens, 0.7)
        expected.backward()
        gradients = [leaf.grad for leaf in leaves]
        for leaf in leaves:
            leaf.grad = 0.0
        assert c.backward(tokens, 0.7) == expected.data
        assert bits([leaf.grad for leaf in leaves]) == bits(gradients)
        assert c.backward(np.array(tokens), 0.7) == expected.data
    assert traces(c) == 2  # a list and an array


@pytest.mark.parametrize("backend", BACKENDS)
def test_an_element_that_is_not_chosen_gives_nothing_back(backend):
    """Its derivative is inf, and what is computed from it is nan: neither may come through."""

    def f(x, i):
        return take([ag.log(x[0]), ag.sqrt(x[0]) * x[1], x[1] * x[1]], i) + x[0]

    c = compile(f, backend=backend)
    for derivative in (c.grad, compile(grad(f), backend=backend)):
        assert derivative([0.0, 3.0], 2) == [1.0, 6.0]
        assert derivative([0.0, 3.0], 0) == [math.inf, 0.0]
        assert derivative([-1.0, 3.0], -1) == [1.0, 6.0]
    assert c.hessian([0.0, 3.0], 2) == [[0.0, 0.0], [0.0, 2.0]]
    assert traces(c) == 1


def test_a_softmax_at_a_class_that_changes():
    def surprise(logits, target):
        return -ag.log(take(ag.softmax(logits), target))

    c = compile(surprise)
    logits = [0.1, -2.0, 3.0, 0.5]
    for target in range(-4, 4):
        value, gradient = c.value_and_grad(logits, target)
        assert value == surprise(logits, target)
        close(gradient, grad(surprise)(logits, target))
        close(c.hessian(logits, target), hessian(surprise)(logits, target))
    assert traces(c) == 1


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("i", [3, -4, 10**6, -(10**6), 2**70, -(2**70)])
def test_there_is_no_such_element(backend, i):
    def f(x, i):
        return take([a * 2.0 for a in x], i) ** 2

    c, x = compile(f, backend=backend), [1.0, 2.0, 3.0]
    for call in (c, c.grad, c.value_and_grad, c.hessian, c.grad.jacobian):
        call(x, 1)
        with pytest.raises(IndexError, match=rf"take\(values, i\): i is {i if abs(i) < 2**53 else ''}"):
            call(x, i)
        call(x, -3)
    if abs(i) < 2**53:
        indices = np.array([0, 1, i, 2])
        for reduce in (None, "sum"):
            c.grad.map(x, np.array([0, 1, 2, 2]), in_axes=(None, 0), reduce=reduce)
            with pytest.raises(IndexError, match=f"i is {i}, and there are 3 values") as raised:
                c.grad.map(x, indices, in_axes=(None, 0), reduce=reduce)
            assert "at index 2 of the batch" in raised.value.__notes__[0]
    assert not c.grad.program(x, 1).has_branches  # so that sums are added up where they are computed


@pytest.mark.parametrize("backend", [None, *BACKENDS])
def test_an_index_is_an_int_at_every_call(backend):
    c, x = compile(lambda x, i: take(x, i), backend=backend), [1.0, 2.0]
    for call in (c, c.grad):
        for _ in range(2):
            call(x, 1)
            call(x, np.int32(0))
            call(x, np.array(1))
            for wrong in (1.0, np.float64(1.0), np.float32(1.0), np.array(1.0), math.nan):
                with pytest.raises(TypeError, match="an index has no derivative: give an int"):
                    call(x, wrong)
    listed = compile(lambda x, n: take(x, n[0]) * n[1], backend=backend)
    for _ in range(2):
        assert listed(x, [1, 2.5]) == 5.0
        with pytest.raises(TypeError, match="give an int"):
            listed(x, [1.0, 2.5])
    arrayed = compile(lambda n: take([3.0, 4.0], n[0]), backend=backend)
    for _ in range(2):
        assert arrayed(np.array([1])) == 4.0
        with pytest.raises(TypeError, match="give an int"):
            arrayed(np.array([1.0]))
    with pytest.raises(TypeError, match="give an int"):
        c.map(x, np.array([0.0, 1.0]), in_axes=(None, 0))
    with pytest.raises(TypeError, match="i is a Reading"):
        compile(lambda x: take([x, x], x > 0))(1.0)


def test_truths_that_add_up_are_an_index():
    c = compile(lambda x: take([-x, 0.0, x * x], (x > -1) + (x > 1)))
    assert [c(x) for x in (-3.0, 0.5, 3.0)] == [3.0, 0.0, 9.0]
    assert [c.grad(x) for x in (-3.0, 0.5, 3.0)] == [-1.0, 0.0, 6.0]
    assert traces(c) == 1


def test_elements_of_one_structure():
    with pytest.raises(
        TypeError, match=r"values\[1\] is a list of 2 numbers and values\[0\] is one number"
    ):
        compile(lambda x, i: take([x, [x, x]], i))(1.0, 0)
    with pytest.raises(IndexError, match="values is empty"):
        compile(lambda x, i: take([], i))(1.0, 0)

    def f(x, i):
        return take([{"a": x, "b": (x * x, 1.0)}, {"a": -x, "b": (2.0, x)}], i)

    c = compile(f)
    assert [c(3.0, i) for i in (0, 1, -1)] == [f(3.0, i) for i in (0, 1, -1)]
    rows = np.arange(6.0).reshape(3, 2)
    assert compile(lambda i: take(rows, i))(2).tolist() == [4.0, 5.0]


def test_an_empty_batch_looks_nowhere():
    c = compile(lambda x, i: take([x], i))
    assert c.map(np.empty(0), np.empty(0, int)).shape == (0,)


def test_past_the_bound_of_branches_and_under_strict_it_is_the_graph_that_answers():
    def f(x, i):
        return take([x, x * x, -x], i) * (2.0 if x > 0 else 3.0)

    c = compile(f, branches=1)
    for x, i in ((2.0, 1), (-2.0, 1), (-2.0, 2), (2.0, -3)):
        assert c.value_and_grad(x, i) == (f(x, i), grad(f)(x, i))
    with strict():
        assert compile(f).grad(2.0, 1) == 8.0
    with pytest.raises(IndexError, match="i is 5"):
        c(-2.0, 5)


def test_a_derivative_taken_inside_does_not_freeze_what_the_argument_chooses():
    by_take = compile(lambda i: grad(lambda x: take([x, x * x], i))(3.0))
    assert [by_take(0), by_take(1), by_take(-2)] == [1.0, 6.0, 1.0]
    by_where = compile(lambda k: grad(lambda x: where(k > 0, x, x * x))(3.0))
    assert [by_where(1.0), by_where(-1.0)] == [1.0, 6.0]


def test_a_constant_among_elements_that_change_has_no_tangent():
    def f(x, i):
        return jvp(lambda x: ag.log(take([x, 0.0], i)), (x,), (1.0,))[1]

    c = compile(f)
    assert [c(2.0, 0), c(2.0, 1), c(4.0, 0), c(4.0, -1)] == [0.5, 0.0, 0.25, 0.0]
    assert traces(c) == 1


def test_the_second_call_of_a_kind_takes_the_short_way():
    c = compile(lambda x, i: take([a * a for a in x], i))
    for _ in range(2):
        c.grad([1.0, 2.0], 1)
    assert c.grad._point.plans[2][0](([1.0, 2.0], 0)) == [2.0, 0.0]
    assert c.grad._point.plans[2][0](([1.0, 2.0], 0.0)) is NotImplemented
    assert c.grad._point.plans[2][0](([1.0, 2.0], True)) is NotImplemented
    assert c.grad._point.plans[2][0](([1.0, 2.0], 2)) is NotImplemented


def test_in_c_and_in_javascript(tmp_path):
    def f(x, i):
        return take([x[0] * x[1], x[2], ag.exp(x[1])], i) * take(x, i + 1)

    c = compile(f)
    x = [0.5, -1.5, 2.0]
    text = c.value_and_grad.source("c", x, 0)
    main = (
        "#include <stdio.h>\nint main(void) {\n    double out[4];\n    for (int i = -4; i < 4; i++) {\n"
        "        double in[] = {0.5, -1.5, 2.0, i};\n"
        '        if (replay(in, out)) printf("%d %a %a %a %a\\n", i, out[0], out[1], out[2], out[3]);\n'
        "    }\n    return 0;\n}\n"
    )
    expected = {}
    for i in range(-4, 4):
        try:
            expected[i] = [f(x, i), *grad(f)(x, i)]
        except IndexError:
            continue
    if shutil.which("cc"):
        (tmp_path / "f.c").write_text(text + main)
        flags = ["-Wall", "-Wextra", "-Werror", "-O2", "-fno-builtin", "-ffp-contract=off"]
        subprocess.run(["cc", *flags, "f.c", "-o", "f", "-lm"], cwd=tmp_path, check=True)
        lines = subprocess.run(["./f"], cwd=tmp_path, check=True, capture_output=True, text=True).stdout
        found = {int(k): list(map(float.fromhex, xs)) for k, *xs in map(str.split, lines.splitlines())}
        assert {k: bits(xs) for k, xs in found.items()} == {k: bits(xs) for k, xs in expected.items()}
    if shutil.which("node"):
        script = c.value_and_grad.source("javascript", x, 0) + (
            "for (let i = -4; i < 4; i++) { const y = replay([0.5, -1.5, 2, i]);"
            " if (y !== null) console.log(i, ...y); }"
        )
        (tmp_path / "f.mjs").write_text(script)
        lines = subprocess.run(
            ["node", "f.mjs"], cwd=tmp_path, check=True, capture_output=True, text=True
        ).stdout
        found = {int(k): list(map(float, xs)) for k, *xs in map(str.split, lines.splitlines())}
        assert found.keys() == expected.keys()
        for k, ys in found.items():
            close(ys, expected[k])


@given(st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=40), st.data())
def test_any_number_of_elements(xs, data):
    i = data.draw(st.integers(-len(xs), len(xs) - 1))
    backend = data.draw(st.sampled_from(["python", "numpy"]))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert compile(take, backend=backend)(xs, i) == xs[i]


@pytest.mark.parametrize(
    "chosen",
    [
        lambda xs, i: take(xs, i),
        lambda xs, i: ag.log(take(ag.softmax(xs), i)),
        lambda xs, i: cross_entropy([xs], [i]),
    ],
)
@pytest.mark.parametrize("derivative", [lambda c: c.grad, lambda c: compile(grad(c.__wrapped__))])
def test_what_every_element_is_computed_from_is_used_whatever_is_chosen(chosen, derivative):
    """Only terms of elements are chosen among: what is below them costs what it did without `take`."""

    def program(depth):
        def f(x, i):
            for _ in range(depth):
                x = ag.sin(x) * x
            return chosen([x * k for k in (1.0, 2.0, 3.0, 4.0)], i)

        return derivative(compile(f)).program(0.5, 1)

    def choices(program):
        return sum(op[0] in ("where", "take") for op in program.code)

    assert choices(program(20)) == choices(program(2))


def test_a_class_that_does_not_exist_is_a_value_error_at_every_call():
    c = compile(lambda row, k: cross_entropy([row], [k]))
    row = [0.5, -1.0, 2.0]
    for k in (0, 2, 1):
        assert c(row, k) == cross_entropy([row], [k])
        close(c.grad(row, k), grad(lambda row, k=k: cross_entropy([row], [k]))(row))
    assert traces(c) == 1
    for k in (3, -1):
        with pytest.raises(ValueError, match="targets: one is none of the 3 classes that logits have"):
            c.grad(row, k)
    assert c(row, 2.0) == cross_entropy([row], [2])  # a class may also be a float
    found = c.grad.map(row, np.array([0, 1, 2]), in_axes=(None, 0), reduce="sum")
    close(found, sum(np.array(grad(lambda row, k=k: cross_entropy([row], [k]))(row)) for k in range(3)))


def test_over_dask_arrays():
    da = pytest.importorskip("dask.array")
    c = compile(lambda w, i: take(w, i) ** 2)
    w, indices = [1.0, 2.0, 3.0], np.array([0, 1, 2, -1] * 3)
    lazy = da.from_array(indices, chunks=5)
    value, gradient = c.value_and_grad.map(w, lazy, in_axes=(None, 0), reduce="sum")
    assert (float(value), [float(x) for x in gradient]) == (69.0, [6.0, 12.0, 36.0])
    with pytest.raises(IndexError, match="i is 3"):
        c.map(w, lazy + 1, in_axes=(None, 0)).compute()


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("seed", range(2))
def test_many_elements_in_a_long_program(backend, seed):
    """Elements are arguments, results, constants, and one of them twice; the program has several pieces."""
    rng = random.Random(3000 + seed)
    plan = []
    for _ in range(45):
        count = rng.randint(2, 40)
        plan.append(([rng.randrange(10**6) for _ in range(count)], rng.randrange(4), rng.random()))

    def f(x, ints):
        pool, total = [*x, 0.25, -0.0], 0.0
        for places, at, kind in plan:
            among = [pool[k % len(pool)] for k in places]
            chosen = take(among, ints[at] % len(among))
            new = chosen * x[at] + 0.5 if kind < 0.7 else ag.sin(chosen)
            pool.append(new)
            total = total + new
        return total

    c = compile(f, backend=backend)
    for _ in range(4):
        x, ints = numbers(rng, False), [rng.randint(0, 10**6) for _ in range(4)]
        assert bits([c(x, ints)]) == bits([f(x, ints)])
        close(c.grad(x, ints), grad(f)(x, ints))
    xs = np.array([numbers(rng, False) for _ in range(30)])
    ints = np.array([[rng.randint(0, 10**6) for _ in range(4)] for _ in range(30)])
    close(c.map(xs, ints), [f(x, i) for x, i in zip(xs.tolist(), ints.tolist(), strict=True)])
    close(c.grad.map(xs, ints), [grad(f)(x, i) for x, i in zip(xs.tolist(), ints.tolist(), strict=True)])
    close(c.map(xs, ints[3], in_axes=(0, None)), [f(x, ints[3].tolist()) for x in xs.tolist()])
    assert traces(c) <= 2


def test_a_prepared_call_reads_indices_as_they_are():
    c = compile(lambda x, ints: take(x, ints[0]) * take(x, ints[1]))
    x, ints = np.array([1.0, 2.0, 4.0]), np.array([0, 1])
    step = c.value_and_grad.prepare(x, ints)
    for pair in ([0, 1], [2, 2], [-1, 0]):
        ints[:] = pair
        value, gradient = step()
        assert (value, gradient.tolist()) == (x[pair[0]] * x[pair[1]], c.grad(x, ints).tolist())
    assert traces(c) == 1
    ints[:] = [0, 3]
    with pytest.raises(IndexError, match="i is 3"):
        step()
    total = c.grad.prepare(x, np.array([[0, 1], [2, 2]]), in_axes=(None, 0), reduce="sum")
    assert total().tolist() == [2.0, 1.0, 8.0]
