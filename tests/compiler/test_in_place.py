"""Arguments read where they lie: for any structure, dtype and strides the answer is the eager one."""

import math
import threading
from collections import namedtuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autograd_mini import Value, exp, jacobian, value_and_grad
from autograd_mini.compiler.compiled import compile

Pair = namedtuple("Pair", "first second")
Shape = namedtuple("Shape", "lengths")
SHAPES = st.sampled_from([(1,), (3,), (0,), (2, 2), (2, 1, 3), (4, 0)])
STRUCTURES = st.recursive(
    st.one_of(st.just("number"), SHAPES.map(Shape)),
    lambda child: st.one_of(
        st.lists(child, max_size=3),
        st.lists(child, max_size=3).map(tuple),
        st.tuples(child, child).map(lambda pair: Pair(*pair)),
        st.dictionaries(st.sampled_from("abc"), child, max_size=3),
    ),
    max_leaves=5,
)


def filled(structure, rng, variant):
    """An argument of a structure; the variant decides on dtypes, strides and kinds of numbers."""
    if structure == "number":
        x = rng.uniform(-2.0, 2.0)
        return [x, np.float64(x), np.array(x), round(x), np.float32(x)][variant % 5]
    if isinstance(structure, Shape):
        x = rng.uniform(-2.0, 2.0, structure.lengths)
        if variant == 1:
            return x.astype(np.float32)
        if variant == 2:
            return np.repeat(x, 2, axis=0)[::2]
        if variant == 3:
            x.flags.writeable = False
        if variant == 4:
            return np.asfortranarray(x)
        if variant == 5:
            return x.astype(">f8")
        if variant == 6:
            return np.rint(x).astype(int)
        return x
    if isinstance(structure, dict):
        return {key: filled(child, rng, variant) for key, child in structure.items()}
    children = [filled(child, rng, variant) for child in structure]
    return Pair(*children) if isinstance(structure, Pair) else type(structure)(children)


def total(tree):
    if isinstance(tree, dict):
        tree = list(tree.values())
    if isinstance(tree, (list, tuple)):
        return sum((total(child) * (k + 1.5) for k, child in enumerate(tree)), 0.0)
    if isinstance(tree, np.ndarray) and tree.ndim:
        return sum((x * x * (k + 0.5) for k, x in enumerate(tree.ravel().tolist())), 0.0)
    return tree * tree + exp(tree)


def same(x, y):
    assert type(x) is type(y) or (isinstance(x, float) and isinstance(y, float)), (x, y)
    if isinstance(x, dict):
        assert list(x) == list(y)
        x, y = list(x.values()), list(y.values())
    if isinstance(x, (list, tuple)):
        assert len(x) == len(y)
        for a, b in zip(x, y, strict=True):
            same(a, b)
    elif isinstance(x, np.ndarray):
        assert (x.dtype, x.shape) == (y.dtype, y.shape)
        assert x.tobytes() == y.tobytes()
        assert x.size == 0 or x.flags.writeable
    else:
        assert x == y


@pytest.mark.parametrize("backend", ["python", "llvm"])
@settings(deadline=None, max_examples=60)
@given(st.lists(STRUCTURES, min_size=1, max_size=3), st.lists(st.integers(0, 6), min_size=4, max_size=4))
def test_any_structure_gives_the_eager_answer_at_every_call(backend, structures, variants):
    rng = np.random.default_rng(0)

    def f(*args):
        return total(list(args)) + 1.0

    f.__name__ = "f"
    argnums = tuple(range(len(structures)))
    c = compile(f, backend=backend, argnums=argnums)
    for variant in [0, 0, *variants, 0]:
        args = [filled(structure, rng, variant) for structure in structures]
        expected = value_and_grad(f, argnums)(*args)
        same(c.value_and_grad(*args), expected)
        same(c.grad(*args), expected[1])
        same(c(*args), expected[0])


@pytest.mark.parametrize("backend", ["python", "llvm"])
@settings(deadline=None, max_examples=40)
@given(
    STRUCTURES.map(lambda structure: [structure] * 3) | st.lists(STRUCTURES, min_size=3, max_size=3),
    st.sampled_from(["cba", "bca", "acb", "abc"]),
    st.integers(0, 3),
)
def test_arguments_by_keyword_in_any_order_give_the_same(backend, structures, order, by_position):
    rng = np.random.default_rng(0)

    def f(a, b, c):
        return total(a) * 2.0 + total(b) * 3.0 + total(c)

    c = compile(f, backend=backend, argnums=(0, 1, 2))
    for variant in (0, 0, 3, 6, 2, 0):
        args = [filled(structure, rng, variant) for structure in structures]
        named = {name: args["abc".index(name)] for name in order if name in "abc"[by_position:]}
        expected = value_and_grad(f, (0, 1, 2))(*args)
        same(c.value_and_grad(*args[:by_position], **named), expected)
        same(c(*args[:by_position], **named), expected[0])


def test_keywords_that_a_function_collects_and_those_that_are_static():
    c = compile(lambda x, *more, kind="a", **named: x * (2.0 if kind == "a" else 3.0) + sum(named.values()))
    for _ in range(3):
        assert c(1.0, kind="b") == 3.0
        assert c(1.0, kind="a", p=2.0, q=5.0) == 9.0
        assert c(1.0, q=5.0, p=2.0, kind="b") == 10.0
        assert c(1.0, q=Value(5.0)).data == 7.0
        with pytest.raises(TypeError, match="x"):
            c(kind="a")
    assert compile(lambda x, n: x**n, static_argnums=1)(2.0, 3) == 8.0


def pieces(x, kind):
    return {"kind": x[0] * 2.0, "all": x * 3.0, "pair": (x[0] > 0.0, [x[1], x[1] * x[0]]), "signs": x > 0}


@pytest.mark.parametrize("backend", ["python", "llvm"])
def test_results_of_any_structure(backend):
    c = compile(pieces, backend=backend)
    for x in ([1.0, 2.0], [-1.0, 0.5], [0.0, 3.0], [1.0, 1.0]):
        array = np.array(x)
        expected = pieces(array, "a")
        found = c(array, "a")
        assert found.keys() == expected.keys()
        assert found["kind"] == expected["kind"]
        assert found["pair"] == (bool(expected["pair"][0]), expected["pair"][1])
        np.testing.assert_array_equal(found["all"], expected["all"])
        np.testing.assert_array_equal(found["signs"], expected["signs"])
        assert found["signs"].dtype == bool
    one = compile(lambda x: [x[0] * x[1], x[0]], backend=backend).jacobian
    for _ in range(3):
        same(one(np.array([2.0, 3.0])), jacobian(lambda x: [x[0] * x[1], x[0]])(np.array([2.0, 3.0])))


def test_new_arrays_each_time_and_the_arguments_untouched():
    c = compile(lambda x: (x * x).sum(), backend="llvm").value_and_grad
    x = np.array([1.0, 2.0, 3.0])
    results = []
    for k in range(5):
        results.append(c(x)[1])
        np.testing.assert_array_equal(x, [1.0 + k, 2.0 + k, 3.0 + k])
        x += 1.0
    for k, gradient in enumerate(results):
        np.testing.assert_array_equal(gradient, 2.0 * np.array([1.0 + k, 2.0 + k, 3.0 + k]))
    x[...] = c(x)[1]  # a result over the argument that it was computed from
    np.testing.assert_array_equal(x, 2.0 * np.array([6.0, 7.0, 8.0]))


def test_other_shapes_types_and_branches_are_seen_after_a_plan_is_made():
    c = compile(lambda x, kind="a": x[0] * 2.0 if x[0] > 0 else x[1] * (1.0 if kind == "a" else 3.0))
    for _ in range(3):
        assert c(np.array([1.0, 5.0])) == 2.0
        assert c(np.array([-1.0, 5.0])) == 5.0
        assert c(np.array([-1.0, 5.0]), "a") == 5.0
        assert c(np.array([-1.0, 5.0]), "b") == 15.0
        assert c(np.array([-1.0, 5.0, 7.0])) == 5.0
        assert c([-1.0, 5.0]) == 5.0
        assert c([-1, 5]) == 5.0
        assert c((-1.0, 5.0), kind="b") == 15.0
        assert c([-1, 10**400]) == math.inf
        assert c([-(10**400), 5]) == 5.0
        assert c(np.ma.array([-1.0, 5.0]).filled()) == 5.0
        assert c([Value(-1.0), Value(5.0)]).data == 5.0
        with pytest.raises(IndexError):
            c(np.array([-1.0]))
        with pytest.raises(TypeError, match="complex"):
            c(np.array([-1.0, 5j]))
        with pytest.raises(TypeError, match="masked"):
            c(np.ma.array([-1.0, 5.0], mask=[0, 1]))
        with pytest.raises(TypeError):
            c(["1.0", 5.0])


def test_an_empty_array_beside_the_only_one_that_has_numbers():
    c = compile(lambda x, empty, kind: sum(x) * 2.0, backend="llvm")
    for _ in range(3):
        assert c(np.array([1.0, 2.0]), np.zeros((0, 3)), "a") == 6.0
        assert c(np.array([1.0, 2.0]), [], None) == 6.0


def test_captured_leaves_are_read_at_each_call():
    w = Value(2.0)
    c = compile(lambda x: (x * w).sum() * w, backend="llvm")
    x = np.array([1.0, 2.0])
    for number in (2.0, 3.0, -1.0):
        w.data, w.grad = number, 0.0
        assert c(x) == 3.0 * number**2
        assert c.grad(x).tolist() == [number**2] * 2
        assert c.backward(x) == 3.0 * number**2
        assert w.grad == 6.0 * number


class Own(Value):
    pass


@pytest.mark.parametrize("backend", ["python", "llvm"])
@settings(deadline=None, max_examples=30)
@given(st.lists(st.booleans(), min_size=1, max_size=100), st.integers(0, 99))
def test_many_captured_leaves_of_any_class_have_the_eager_gradient(backend, own, seed):
    rng = np.random.default_rng(seed)
    leaves = [
        (Own if is_own else Value)(x) for is_own, x in zip(own, rng.normal(size=len(own)), strict=True)
    ]

    def loss(x):
        return sum((leaf * x).tanh() * leaf for leaf in leaves)

    c = compile(loss, backend=backend)
    for x in (0.5, -1.0, 3.0):
        for leaf in leaves:
            leaf.data, leaf.grad = rng.normal(), rng.normal()
        before = [leaf.grad for leaf in leaves]
        expected = loss(x)
        expected.backward()
        gradients = [leaf.grad for leaf in leaves]
        for leaf, gradient in zip(leaves, before, strict=True):
            leaf.grad = gradient
        assert c.backward(x) == expected.data
        assert [leaf.grad for leaf in leaves] == gradients


def test_threads_share_plans():
    c = compile(lambda p: (p["a"] * p["b"]).sum() * p["c"], backend="llvm").value_and_grad
    wrong = []

    def work(seed):
        rng = np.random.default_rng(seed)
        for _ in range(300):
            a, b = rng.normal(size=50), rng.normal(size=50)
            _, gradient = c({"a": a, "b": b, "c": 2.0})
            if not np.array_equal(gradient["a"], b * 2.0):
                wrong.append(seed)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
