"""Train a model.

The gradient of each example's loss is computed as soon as the loss is, and its graph is freed. So a step
needs the memory of one example and stays in the processor's cache, whatever the size of the batch.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import reduce
from operator import add
from typing import Any, Final, Literal

from autograd_mini.engine.modes import collector_paused, no_grad
from autograd_mini.engine.table import as_number
from autograd_mini.engine.value import Value
from autograd_mini.nn.activations import ACTIVATIONS
from autograd_mini.nn.initial import Seed, generator
from autograd_mini.nn.layers import MLP, Layer, Neuron
from autograd_mini.nn.lazy import LazyRows
from autograd_mini.nn.losses import binary_cross_entropy, cross_entropy, hinge, huber, mae, mse
from autograd_mini.nn.module import Module
from autograd_mini.optim import Optimiser
from autograd_mini.transforms.leaves import at_once, read, write
from autograd_mini.transforms.nested import flatten

__all__ = ["History", "fit"]

Loss = Callable[[Sequence[Any], Sequence[Any]], Any]
Mode = Literal["eager", "replayed", "batched"]
Numbers = float | list[float]

LOSSES: Final = (binary_cross_entropy, cross_entropy, hinge, huber, mae, mse)
WORTH_A_TRACE: Final = 100
"""Examples, over all epochs, from which on tracing one saves more time than it takes."""


@dataclass
class History:
    """The course of a training.

    `losses` has the mean loss of each epoch, `validation_losses` the loss on the validation data after
    it. `best_epoch`, counted from 0, is the epoch with the lowest validation loss, or loss if there are no
    such data; None if no epoch was completed. `stopped` says why the training ended: "finished", "early"
    (no better for `patience` epochs), "callback", "interrupted" (Ctrl-C) or "diverged" (the loss is inf
    or nan).
    """

    losses: list[float] = field(default_factory=list)
    validation_losses: list[float] = field(default_factory=list)
    best_epoch: int | None = None
    stopped: str = "finished"


def fit(
    model: Callable[[Any], Any],
    inputs: Sequence[Any],
    targets: Sequence[Any],
    *,
    loss: Loss,
    optimiser: Optimiser,
    epochs: int = 100,
    batch_size: int | None = None,
    penalty: Callable[[], Any] | None = None,
    before_step: Callable[[], Any] | None = None,
    validation: tuple[Sequence[Any], Sequence[Any]] | None = None,
    patience: int | None = None,
    callback: Callable[[History], Any] | None = None,
    rng: Seed = None,
    progress: bool = False,
    mode: Mode | None = None,
) -> History:
    """Train `model` by gradient descent on examples, inputs with targets; return the history.

    A step lowers the mean of ``loss([model(x)], [target])`` over a batch, plus ``penalty()`` if given.
    A batch has `batch_size` examples, drawn anew in each epoch with `rng`; by default it is all of them in
    order. `before_step` is called when the gradients are known, for example to clip them. `callback` is
    called with the history after each epoch; if it returns a true value the training ends. An epoch's
    loss is the mean over its batches, each computed before its step.

    A training that runs to its end keeps the last parameters. One that is stopped earlier, by `patience`,
    the callback, Ctrl-C or a loss that is not finite, restores the parameters after the best epoch if there
    are `validation` data, otherwise those before it.

    `mode` says how an example is computed. "eager" builds its graph each time. "replayed" traces it
    once and replays it, with the same numbers to the last bit. "batched" replays a whole batch at once,
    with the same numbers up to rounding. A replay requires that model and loss depend on nothing but
    the example and Values. By default models made of this package's layers, activations and losses are
    replayed, and all others are eager. Dask arrays are batched: a step computes where the data are, and
    with `batch_size` batches are slices of consecutive examples in a new order. Batches need NumPy, and
    replays are fast with llvmlite: ``pip install "autograd-mini[fast]"``.

    `progress` shows a bar by tqdm: ``pip install "autograd-mini[nn]"``. Raises ValueError if there are no
    examples or not as many targets as inputs, and TypeError for arguments of the wrong kind.

    >>> from autograd_mini import optim
    >>> from autograd_mini.nn import MLP, line, mse
    >>> model = MLP(1, [1], rng=0)
    >>> history = fit(model, *line(20, noise=0.0), loss=mse, optimiser=optim.SGD(model.parameters(), 0.5))
    >>> [round(p.data, 6) for p in model.parameters()], history.losses[-1] < 1e-15
    ([2.0, 1.0], True)
    """
    for name, f, needed in (
        ("model", model, True),
        ("loss", loss, True),
        ("penalty", penalty, False),
        ("before_step", before_step, False),
        ("callback", callback, False),
    ):
        if not callable(f) and (needed or f is not None):
            raise TypeError(f"{name} is {f!r}, which cannot be called: give a function")
    if not isinstance(optimiser, Optimiser):
        raise TypeError(f"optimiser is {optimiser!r}: make one, such as optim.Adam(model.parameters())")
    for name, count, least in (
        ("epochs", epochs, 0),
        ("batch_size", batch_size, 1),
        ("patience", patience, 1),
    ):
        if count is not None or name == "epochs":
            _check_count(name, count, least)
    examples = _examples(inputs, targets, mode)
    held_out: list[tuple[Numbers, Numbers]] | LazyRows = []
    if validation is not None:
        held_inputs, held_targets = _pair(validation)
        held_out = _examples(held_inputs, held_targets, mode)
    if mode is None and (isinstance(examples, LazyRows) or isinstance(held_out, LazyRows)):
        mode = "batched"
    shuffle, history = generator(rng).shuffle, History()
    parameters = optimiser.parameters
    lasting = epochs * len(examples) >= WORTH_A_TRACE
    fingerprint = _fingerprint(model, loss) if mode is None and lasting else None
    gradient, value = _functions(model, loss, mode or ("eager" if fingerprint is None else "replayed"))
    # A replay returns nan for a target that the loss refuses; the loss itself then raises and names it.
    eager = _functions(model, loss, "eager")[1] if mode != "eager" else lambda batch: None

    def explain(batch: Any) -> None:
        """Let the loss raise for a target that it refuses."""
        if isinstance(batch, LazyRows):
            from autograd_mini.compiler.compiled import compile

            batch = batch.first_not_finite(compile(lambda x, target: loss([model(x)], [target])).map)
        eager(batch)

    size = len(examples) if batch_size is None else batch_size
    best = math.inf, read(parameters, "data")

    def epoch() -> float:
        """Take the steps of one epoch and return its loss; stop short at one that is not finite."""
        starts = list(range(0, len(examples), size))
        if batch_size is not None:
            shuffle(starts if isinstance(examples, LazyRows) else examples)
        total = 0.0
        for start in starts:
            batch = examples[start : start + size]
            optimiser.zero_grad()
            batch_loss: float = gradient(batch) / len(batch)
            if at_once(parameters):
                write(parameters, "grad", read(parameters, "grad") / len(batch))
            else:
                for parameter in parameters:
                    parameter.grad /= len(batch)
            if penalty is not None:
                batch_loss += _backward(penalty(), "the penalty")
            if not math.isfinite(batch_loss):
                explain(batch)
                return batch_loss
            if before_step is not None:
                before_step()
            optimiser.step()
            total += batch_loss * len(batch)
        return total / len(examples)

    with collector_paused(), _bar(epochs, progress) as advance:
        try:
            for count in range(epochs):
                # A callback may have replaced a layer, a parameter or an activation.
                if fingerprint is not None and _fingerprint(model, loss) != fingerprint:
                    fingerprint = _fingerprint(model, loss)
                    gradient, value = _functions(
                        model, loss, "eager" if fingerprint is None else "replayed"
                    )
                numbers = read(parameters, "data")
                judged = epoch()
                history.losses.append(judged)
                if held_out:
                    judged = value(held_out) / len(held_out)
                    if not math.isfinite(judged):
                        explain(held_out)
                    history.validation_losses.append(judged)
                    numbers = read(parameters, "data")
                if judged < best[0]:
                    best, history.best_epoch = (judged, numbers), count
                advance(judged)
                if not math.isfinite(judged):
                    history.stopped = "diverged"
                elif callback is not None and callback(history):
                    history.stopped = "callback"
                elif patience is not None and count - (history.best_epoch or 0) >= patience:
                    history.stopped = "early"
                if history.stopped != "finished":
                    break
        except KeyboardInterrupt:
            history.stopped = "interrupted"
    if history.stopped != "finished":
        write(parameters, "data", best[1])
    return history


def _fingerprint(model: Any, loss: Loss) -> list[Any] | None:
    """Return everything that a trace would freeze; None for unknown models or losses.

    With it the default is both fast and safe: a known model is replayed, and traced anew once a part of it
    is replaced; what an unknown one reads cannot be known.
    """
    if not any(loss is known for known in LOSSES):  # by identity: your own loss need not be hashable
        return None
    found: list[Any] = []
    pending = [model]
    for module in pending:
        kind, own = type(module), vars(module) if isinstance(module, Module) else {}
        if kind is MLP and own.keys() == {"layers"}:
            pending += module.layers
        elif kind is Layer and own.keys() == {"neurons"}:
            pending += module.neurons
        elif kind is Neuron and own.keys() - {"scope"} == {"w", "b", "activation"}:
            if not any(module.activation is known for known in ACTIVATIONS.values()):
                return None
            found += [id(x) for x in (module.activation, *module.w, module.b)]
        else:
            return None
        found.append(kind)
    return found


def _functions(model: Callable[[Any], Any], loss: Loss, mode: Mode) -> tuple[Any, Any]:
    """Return two functions of a batch that return the sum of its losses; the first also adds gradients."""

    def of_example(x: Any, target: Any) -> Any:
        return loss([model(x)], [target])

    if mode == "eager":

        def without_graph(x: Numbers, target: Numbers) -> float:
            with no_grad():
                return _number(of_example(x, target))

        return (
            lambda batch: _total(_backward(of_example(*pair)) for pair in batch),
            lambda batch: _total(without_graph(*pair) for pair in batch),
        )

    from autograd_mini.compiler.compiled import compile

    compiled = compile(of_example)
    if mode == "replayed":
        return (
            lambda batch: _total(compiled.backward(*pair) for pair in batch),
            lambda batch: _total(compiled(*pair) for pair in batch),
        )
    if mode == "batched":
        return (
            lambda batch: float(compiled.backward.map(*_columns(batch), reduce="sum")),
            lambda batch: float(compiled.map(*_columns(batch), reduce="sum")),
        )
    raise ValueError(f'mode {mode!r} is not known: choose "eager", "replayed" or "batched"')


def _backward(loss: Any, name: str = "the loss") -> float:
    if isinstance(loss, Value):
        loss.backward()
    return _number(loss, name)


def _number(loss: Any, name: str = "the loss") -> float:
    try:
        return loss.data if isinstance(loss, Value) else as_number(loss)
    except TypeError as error:
        raise TypeError(f"{name}: {error}") from None


def _total(losses: Iterable[float]) -> float:
    return reduce(add, losses, 0.0)  # since Python 3.12 `sum` compensates for rounding


def _columns(batch: Sequence[tuple[Numbers, Numbers]] | LazyRows) -> Iterator[Any]:
    if isinstance(batch, LazyRows):
        yield from (batch.inputs, batch.targets)
        return
    try:
        import numpy as np
    except ImportError:
        raise ImportError('mode="batched" needs NumPy: pip install "autograd-mini[fast]"') from None
    for name, column in zip(("inputs", "targets"), zip(*batch, strict=True), strict=True):
        if len({len(x) if isinstance(x, list) else None for x in column}) > 1:
            raise ValueError(
                f'{name} have different lengths, which mode="batched" cannot take at once: '
                'make them alike, or use mode="replayed"'
            )
        yield np.array(column)


def _examples(inputs: Any, targets: Any, mode: Mode | None) -> list[tuple[Numbers, Numbers]] | LazyRows:
    if LazyRows.among(inputs, targets):
        if mode not in (None, "batched"):
            raise ValueError(f'mode={mode!r} takes examples one by one: with dask arrays use "batched"')
        return LazyRows(inputs, targets)
    for name, column in (("inputs", inputs), ("targets", targets)):
        if not hasattr(column, "__len__") or isinstance(column, (str, bytes, dict, set)):
            raise TypeError(f"{name}: expected examples, got {type(column).__name__}: give a list or array")
    if len(inputs) != len(targets) or len(targets) == 0:
        raise ValueError(
            f"there are {len(inputs)} inputs and {len(targets)} targets: give one target for each input, "
            "and at least one"
        )
    columns = zip(_plain(inputs, "inputs"), _plain(targets, "targets"), strict=True)
    return list(columns)


def _pair(validation: Any) -> Any:
    if not isinstance(validation, (tuple, list)) or len(validation) != 2:
        raise TypeError("validation is not a pair: give (inputs, targets)")
    return validation


def _check_count(name: str, count: Any, least: int) -> None:
    if not hasattr(count, "__index__") or count < least:
        kind = ValueError if hasattr(count, "__index__") else TypeError
        raise kind(f"{name} is {count!r}: choose a whole number of at least {least}")


def _plain(column: Sequence[Any], name: str) -> Iterator[Numbers]:
    for i, x in enumerate(column):
        numbers, structure = flatten(x, f"{name}[{i}]")
        yield numbers[0] if structure.kind == "number" else numbers


@contextmanager
def _bar(epochs: int, progress: bool) -> Iterator[Callable[[float], None]]:
    """Yield a function that advances a progress bar by an epoch and shows its loss."""
    if not progress:
        yield lambda loss: None
        return
    try:
        from tqdm import tqdm
    except ImportError:
        raise ImportError('progress=True needs tqdm: pip install "autograd-mini[nn]"') from None
    with tqdm(total=epochs, unit="epoch") as bar:

        def advance(loss: float) -> None:
            bar.set_postfix_str(f"loss {loss:.6g}", refresh=False)
            bar.update()

        yield advance
