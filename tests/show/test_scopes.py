"""Scopes are labels written as paths: they nest, travel with the graph, and cost a node nothing."""

import copy
import pickle

import pytest
from watching import watching

from autograd_mini import Value, no_grad
from autograd_mini.engine import modes
from autograd_mini.show.scopes import scope, scope_and_name


def test_what_is_recorded_inside_is_labelled_and_nothing_else():
    x = Value(2.0, "x")
    before = x * 3
    with scope("one"):
        inside = before + 1
        leaf = Value(5.0)
    after = inside * leaf
    assert [node.label for node in (x, before, inside, leaf, after)] == ["x", None, "one::", None, None]


def test_scopes_nest_and_are_left_as_they_were_found():
    x = Value(2.0)
    with scope("outer"):
        with scope("inner"):
            deep = x * x
        with pytest.raises(KeyError), scope("failing"):
            raise KeyError
        shallow = -x
    assert (deep.label, shallow.label) == ("outer::inner::", "outer::")
    assert not modes.heard("on_record")


def test_every_operation_is_noted():
    x = Value(2.0)
    with scope("s"):
        results = [x + 1, 1 - x, x * x, 2 / x, x**2, 2**x, -x, abs(x), x.tanh(), x.where(x, x)]
    assert {node.label for node in results} == {"s::"}


def test_another_observer_goes_on_seeing_every_node():
    seen = []
    x = Value(2.0)
    with watching(on_record=seen.append), scope("s"):
        y = x * 3
    assert seen == [y]
    assert y.label == "s::"


def test_nothing_is_noted_where_nothing_is_recorded():
    with scope("s"), no_grad():
        y = Value(2.0) * 3
    assert y.label is None


def test_scopes_are_copied_and_pickled():
    with scope("s"):
        y = Value(2.0) * 3
    assert copy.deepcopy(y).label == pickle.loads(pickle.dumps(y)).label == "s::"


def test_it_decorates_a_function_too():
    @scope("f")
    def double(x):
        return x + x

    assert double(double(Value(1.0))).label == "f::"


@pytest.mark.parametrize("name, error", [("", ValueError), (None, TypeError), (3, TypeError)])
def test_a_scope_has_a_name(name, error):
    with pytest.raises(error, match=r"^scope\(name\): .*; give the scope a name$"), scope(name):
        pass


@pytest.mark.parametrize(
    "label, expected",
    [
        ("w", ((), "w")),
        ("a/b", ((), "a/b")),
        ("a:b", ((), "a:b")),
        ("::x", ((), "x")),
        ("a::::x", (("a",), "x")),
        ("a::b::", (("a", "b"), "")),
        ("", ((), "")),
    ],
)
def test_labels_are_paths(label, expected):
    assert scope_and_name(label) == expected
