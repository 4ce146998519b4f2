"""`take` of plain numbers and Values: what it returns, what it adds to, and what it says of wrong input."""

import math
import pickle

import numpy as np
import pytest
from bits import bits
from hypothesis import given
from hypothesis import strategies as st

from autograd_mini import Value, grad, hessian, jvp, take
from autograd_mini.transforms.gather import element


@given(st.lists(st.floats(), min_size=1, max_size=6), st.data())
def test_it_is_the_element_and_its_derivative_is_added_there(numbers, data):
    i = data.draw(st.integers(-len(numbers), len(numbers) - 1))
    for kind in (int, np.int8, np.array):
        assert bits([take(numbers, kind(i))]) == bits([numbers[i]])
    leaves = [Value(x) for x in numbers]
    chosen = take(tuple(leaves), i)
    (chosen * 2.0 + chosen).backward()
    assert bits([chosen.data]) == bits([numbers[i]])
    expected = [0.0] * len(numbers)
    expected[i] = 3.0
    assert [x.grad for x in leaves] == expected


def test_elements_may_be_nested():
    rows = [{"w": [1.0, Value(2.0)], "b": (3, 4.0)}, {"w": [5.0, Value(6.0)], "b": (7, 8.0)}]
    row = take(rows, -1)
    assert row["w"][0] == 5.0
    assert row["b"] == (7.0, 8.0)
    row["w"][1].backward()
    assert (rows[1]["w"][1].grad, rows[0]["w"][1].grad) == (1.0, 0.0)
    assert take(np.array([[1.0, 2.0], [3.0, 4.0]]), 1).tolist() == [3.0, 4.0]
    assert take(np.array([Value(1.0), Value(2.0)]), 1).data == 2.0


def test_an_int_stays_one_so_that_it_can_be_an_index():
    assert take([10.0, 20.0, 30.0], take([2, 0], 0)) == 30.0
    assert take([10.0, 20.0, 30.0], take(np.array([2, 0]), 0)) == 30.0
    assert type(take([True, False], 0)) is float


def test_what_is_not_chosen_has_no_edge():
    def f(x):
        return take([x.log(), x * x], 1)

    assert grad(f)(0.0) == 0.0
    assert jvp(f, (0.0,), (1.0,)) == (0.0, 0.0)
    assert hessian(f)(3.0) == 2.0
    inside = Value(0.0)
    take([inside.log(), inside], 1).backward()
    assert inside.grad == 1.0


@pytest.mark.parametrize(
    ("values", "i", "error", "words"),
    [
        ([1.0, 2.0], 2, IndexError, r"take\(values, i\): i is 2, and there are 2 values: give .* -2 to 1"),
        ([1.0, 2.0], -3, IndexError, "i is -3"),
        ([1.0], np.int64(7), IndexError, "i is 7"),
        ([], 0, IndexError, r"take\(values, i\): values is empty: give at least one"),
        ([1.0], 0.0, TypeError, r"i is a float, not an int: give int\(i\)"),
        ([1.0], np.float64(0.0), TypeError, "i is a float64, not an int"),
        ([1.0], False, TypeError, "i is a bool"),
        ([1.0], np.bool_(False), TypeError, "i is a bool"),
        ([1.0], math.nan, TypeError, "i is a float"),
        ([1.0], [0], TypeError, "i is a list, .* once for each"),
        ([1.0], np.array([0, 0]), TypeError, "i is a ndarray, .* once for each"),
        ([1.0], None, TypeError, "i is a NoneType"),
        (
            [1.0],
            Value(0.0),
            TypeError,
            r"i is a Value, and an index has no derivative: give .* int\(v.data\)",
        ),
        (1.0, 0, TypeError, "values is a float, which has no order: give a list"),
        ("text", 0, TypeError, "values is a str"),
        ({0: 1.0}, 0, TypeError, r"values is a dict, .* give list\(values.values\(\)\)"),
        ({1.0}, 0, TypeError, "values is a set"),
        (np.array(1.0), 0, TypeError, "values is a ndarray"),
        (["one"], 0, TypeError, "the element of values: .*text"),
    ],
)
def test_wrong_input_is_named(values, i, error, words):
    with pytest.raises(error, match=words):
        take(values, i)


def test_an_index_that_is_differentiated_is_refused():
    with pytest.raises(TypeError, match="i is a Value"):
        grad(lambda i: take([1.0, 2.0], i))(1)
    with pytest.raises(TypeError, match="i is a Dual"):
        jvp(lambda x, i: take([x, 2.0], i), (1.0, 1), (1.0, 0.0))


def test_the_primitive_is_found_again_when_it_is_unpickled():
    assert pickle.loads(pickle.dumps(element)) is element
