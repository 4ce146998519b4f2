"""A layout in which results stand above their operands, nothing overlaps, and edges cross little."""

from collections import defaultdict
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from autograd_mini.page.layout import layered

HEIGHT = 100.0


@st.composite
def graphs(draw):
    """Edges from earlier to later nodes, every node used by a later one; widths."""
    number = draw(st.integers(1, 25))
    edges = [(i, draw(st.integers(i + 1, number - 1))) for i in range(number - 1)]
    for _ in range(draw(st.integers(0, 15)) if number > 1 else 0):
        i = draw(st.integers(0, number - 2))
        edges.append((i, draw(st.integers(i + 1, number - 1))))
    return edges, draw(st.lists(st.floats(10, 200), min_size=number, max_size=number))


@given(graphs())
def test_results_stand_above_operands_and_nothing_overlaps(graph):
    edges, widths = graph
    points, routes = layered(edges, widths, HEIGHT)
    assert points[-1][1] == 0
    assert min(x - w / 2 for (x, _), w in zip(points, widths, strict=True)) >= -1e-6
    rows = defaultdict(list)
    for (x, y), w in zip(points, widths, strict=True):
        rows[y].append((x - w / 2, x + w / 2))
    for row in rows.values():
        row.sort()
        assert all(right < left for (_, right), (left, _) in pairwise(row))
    for (operand, result), route in zip(edges, routes, strict=True):
        assert (route[0], route[-1]) == (points[operand], points[result])
        assert [y for _, y in route] == [points[operand][1] - i * HEIGHT for i in range(len(route))]
        for x, y in route[1:-1]:  # an edge passes beside the boxes of the levels it crosses
            assert not any(left < x < right for left, right in rows[y])


@given(graphs())
def test_the_same_graph_has_the_same_layout(graph):
    assert layered(*graph, HEIGHT) == layered(*graph, HEIGHT)


def test_crossings_that_can_be_avoided_are():
    edges = [(0, 3), (1, 2), (2, 4), (3, 4)]  # the first leaf belongs to the second result
    points, _ = layered(edges, [50.0] * 5, HEIGHT)
    assert (points[0][0] < points[1][0]) == (points[3][0] < points[2][0])


def test_a_result_stands_between_its_operands():
    points, _ = layered([(0, 2), (1, 2)], [40.0, 120.0, 60.0], HEIGHT)
    assert points[2][0] == (points[0][0] + points[1][0]) / 2


def test_a_lone_node():
    assert layered([], [50.0], HEIGHT) == ([(25.0, 0.0)], [])
