"""Flattening and rebuilding: any nesting of lists, tuples, dicts and arrays comes back as it was."""

from collections import namedtuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograd_mini import Value
from autograd_mini.transforms.nested import flatten

numbers = st.floats(allow_nan=False) | st.integers(-9, 9)
trees = st.recursive(
    numbers,
    lambda children: (
        st.lists(children, max_size=3)
        | st.lists(children, max_size=3).map(tuple)
        | st.dictionaries(st.text(max_size=3), children, max_size=3)
    ),
    max_leaves=12,
)


@given(trees)
def test_a_tree_comes_back_as_it_was(tree):
    flat, structure = flatten(tree)
    assert structure.size == len(flat) == len(structure.names("x"))
    assert structure.rebuild(flat) == tree
    assert all(type(x) is float for x in flat)
    assert hash(structure) == hash(flatten(tree)[1])


@given(trees)
def test_names_are_the_places_of_the_numbers(tree):
    flat, structure = flatten(tree)
    for name, x in zip(structure.names("tree"), flat, strict=True):
        assert eval(name, {"tree": tree}) == x


def test_arrays_named_tuples_and_values():
    Point = namedtuple("Point", "x y")
    v = Value(3.0)
    tree = Point(np.array([[1.0, 2.0]]), [v, np.float32(0.5), np.array(7)])
    flat, structure = flatten(tree)
    assert flat == [1.0, 2.0, v, 0.5, 7.0]
    again = structure.rebuild(flat)
    assert type(again) is Point
    assert again.x.dtype == float
    assert again.x.tolist() == [[1.0, 2.0]]
    assert again.y == [v, 0.5, 7.0]
    assert structure.names("p") == ["p[0][0][0]", "p[0][0][1]", "p[1][0]", "p[1][1]", "p[1][2]"]
    assert flatten(np.array([v, 1], dtype=object))[0] == [v, 1.0]


@pytest.mark.parametrize(
    ("tree", "place"),
    [
        ({"a": [1, "b"]}, r"x\['a'\]\[1\]: .*str"),
        ([None], r"x\[0\]: .*NoneType"),
        (np.array([["a"]]), r"x\[0\]\[0\]: .*str"),
        ({1, 2}, "x: .*set"),
    ],
)
def test_what_is_no_number_is_refused_by_its_place(tree, place):
    with pytest.raises(TypeError, match=place):
        flatten(tree, "x")
