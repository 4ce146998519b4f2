"""Figures of a training with matplotlib: its losses, and the decision boundary of a model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from autograd_mini.engine.modes import no_grad

__all__ = ["plot_boundary", "plot_losses"]


def plot_losses(history: Any, axes: Any = None) -> Any:
    """Draw the losses of a `fit` over its epochs on a logarithmic scale, and return the axes.

    `history` is what `autograd_mini.nn.fit` returns, or any sequence of losses; `axes` are matplotlib's,
    new ones if not given. Needs matplotlib: ``pip install "autograd-mini[plot]"``.

    >>> import matplotlib; matplotlib.use("Agg")
    >>> axes = plot_losses([1.0, 0.1, 0.01])
    >>> axes.get_xlabel(), axes.get_yscale()
    ('epoch', 'log')
    """
    axes = axes or _new_axes()
    losses = getattr(history, "losses", history)
    validation = getattr(history, "validation_losses", [])
    axes.plot(range(1, len(losses) + 1), losses, label="training")
    if validation:
        axes.plot(range(1, len(validation) + 1), validation, linestyle="--", label="validation")
        axes.legend()
    if all(loss > 0 for loss in [*losses, *validation]):
        axes.set_yscale("log")
    axes.set_xlabel("epoch")
    axes.set_ylabel("loss")
    return axes


def plot_boundary(
    model: Callable[[list[float]], Any],
    points: Sequence[Sequence[float]],
    labels: Sequence[float],
    axes: Any = None,
    *,
    steps: int = 60,
) -> Any:
    """Draw the output of a model of two inputs over the plane of its points, and return the axes.

    `points` are pairs and `labels` their classes. The model returns one number, drawn as a tint; a line
    marks where it is halfway between the least and the greatest label. For labels of 0 and 1 the model
    should return probabilities, not logits: ``lambda x: model(x).sigmoid()``. `steps` is the number of
    samples along each side. Raises ValueError for points that are not pairs. Needs matplotlib:
    ``pip install "autograd-mini[plot]"``.

    >>> import matplotlib; matplotlib.use("Agg")
    >>> axes = plot_boundary(lambda x: x[0] - x[1], [[0.0, 1.0], [1.0, 0.0]], [-1, 1], steps=5)
    >>> axes.get_xlabel()
    'first input'
    """
    if not len(points) or any(len(point) != 2 for point in points):
        raise ValueError(
            "plot_boundary(points): a plane has two axes; give at least one point, all of them pairs"
        )
    axes = axes or _new_axes()
    across, up = ([float(point[i]) for point in points] for i in (0, 1))
    columns, rows = (_samples(side, steps) for side in (across, up))
    with no_grad():
        answers = [[_number(model([x, y])) for x in columns] for y in rows]
    low, high = min(labels), max(labels)
    tints = axes.contourf(columns, rows, answers, levels=20, cmap="PuOr", alpha=0.8)
    if min(map(min, answers)) < (low + high) / 2 < max(map(max, answers)):
        axes.contour(columns, rows, answers, levels=[(low + high) / 2], colors="black")
    axes.scatter(across, up, c=list(labels), cmap="PuOr", edgecolors="black", s=25)
    axes.figure.colorbar(tints, ax=axes)
    axes.set_xlabel("first input")
    axes.set_ylabel("second input")
    return axes


def _new_axes() -> Any:
    try:
        from matplotlib import pyplot
    except ImportError as error:
        raise ImportError('figures need matplotlib: pip install "autograd-mini[plot]"') from error
    return pyplot.subplots()[1]


def _samples(side: list[float], steps: int) -> list[float]:
    """Return evenly spaced numbers that reach a tenth of the width beyond the points on either side."""
    margin = (max(side) - min(side)) / 10 or 1.0
    first, last = min(side) - margin, max(side) + margin
    return [first + (last - first) * i / (steps - 1) for i in range(steps)]


def _number(answer: Any) -> float:
    answer = answer[0] if isinstance(answer, (list, tuple)) else answer
    return float(getattr(answer, "data", answer))
