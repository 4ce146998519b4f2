"""Figures of training: judged by what is on the axes, not by pixels."""

import matplotlib
import pytest

matplotlib.use("Agg")

from autograd_mini import Value, nn
from autograd_mini.nn.figures import plot_boundary, plot_losses


@pytest.fixture(autouse=True)
def closed():
    from matplotlib import pyplot

    yield
    pyplot.close("all")


def test_losses_and_validation_losses_are_two_named_lines():
    history = nn.History(losses=[4.0, 2.0, 1.0], validation_losses=[5.0, 3.0, 2.0])
    axes = plot_losses(history)
    training, validation = axes.get_lines()
    assert list(training.get_ydata()) == [4.0, 2.0, 1.0]
    assert list(validation.get_ydata()) == [5.0, 3.0, 2.0]
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["training", "validation"]
    assert plot_losses([1.0, 0.0]).get_yscale() == "linear"  # a loss of 0 has no logarithm


def test_a_boundary_is_drawn_from_values_and_leaves_no_graph():
    w = Value(2.0)
    seen = []

    def model(x):
        y = w * x[0] - x[1]
        seen.append(y)
        return y

    axes = plot_boundary(model, [(0.0, 1.0), (1.0, 0.0)], [-1, 1], steps=7)
    assert len(seen) == 49
    assert all(y.op is None for y in seen)
    assert axes.collections


def test_points_that_are_no_pairs_are_refused():
    with pytest.raises(ValueError, match="all of them pairs"):
        plot_boundary(lambda x: x[0], [[1.0]], [0])


def test_a_missing_matplotlib_is_told_with_the_remedy(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "matplotlib", None)
    with pytest.raises(ImportError, match=r"autograd-mini\[plot\]"):
        plot_losses([1.0])
