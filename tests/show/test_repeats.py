"""Repeats are found wherever a loop ran, loops in loops too, and nothing is lost on the way."""

from hypothesis import given
from hypothesis import strategies as st

from autograd_mini.show.repeats import repeats


@given(st.lists(st.integers(0, 2), max_size=60), st.integers(2, 4))
def test_every_item_is_in_one_list_with_its_like(kinds, least):
    places = repeats(kinds, least=least)
    assert sorted(i for place in places for i in place) == list(range(len(kinds)))
    for place in places:
        assert len({kinds[i] for i in place}) == 1
        assert len(place) == 1 or len(place) >= least
        assert place == sorted(place)


@given(st.lists(st.integers(0, 9), min_size=1, max_size=8, unique=True), st.integers(3, 20))
def test_a_loop_is_one_list_for_each_place_of_its_body(body, passes):
    n = len(body)
    assert repeats([-1, *body * passes, -2]) == [
        [0],
        *[[1 + j + n * i for i in range(passes)] for j in range(n)],
        [n * passes + 1],
    ]


@given(st.integers(3, 6), st.integers(3, 6))
def test_loops_in_loops(inner, outer):
    places = repeats(("a" + "bc" * inner + "d") * outer)
    assert [len(place) for place in places] == [outer, inner * outer, inner * outer, outer]
