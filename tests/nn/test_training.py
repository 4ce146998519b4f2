"""`fit`: against a loop written by hand, in its three modes, and however it is stopped."""

import gc
import importlib.util
import math
import random
import sys
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autograd_mini import Value, collector_paused, compile, nn, optim
from autograd_mini.nn import MLP, fit

needs_tqdm = pytest.mark.skipif(importlib.util.find_spec("tqdm") is None, reason="tqdm is not installed")


def data_of(model):
    return [p.data for p in model.parameters()]


def by_hand(steps, rate=0.3):
    """A training of XOR in one graph a step."""
    model = MLP(2, [3, 1], activation="tanh", rng=1)
    inputs, targets = nn.xor()
    losses = []
    for _ in range(steps):
        loss = nn.mse([model(x) for x in inputs], targets)
        losses.append(loss.data)
        model.zero_grad()
        loss.backward()
        optim.sgd(model.parameters(), rate)
    return model, losses


def fitted(epochs=20, **options):
    model = MLP(2, [3, 1], activation="tanh", rng=1)
    optimiser = options.pop("optimiser", None) or optim.SGD(model.parameters(), 0.3)
    history = fit(model, *nn.xor(), loss=nn.mse, optimiser=optimiser, epochs=epochs, **options)
    return model, history


def test_as_by_hand():
    expected, losses = by_hand(20)
    model, history = fitted(20)
    assert history.losses == pytest.approx(losses, rel=1e-13)
    assert data_of(model) == pytest.approx(data_of(expected), rel=1e-12)
    assert (history.stopped, history.best_epoch) == ("finished", losses.index(min(losses)))


def signed(inputs, targets, loss):
    """The same rows, with classes as the loss wants them."""
    return inputs, [2 * k - 1 if loss is nn.hinge else k for k in targets]


@pytest.mark.parametrize("loss", [nn.mse, nn.mae, nn.hinge, nn.binary_cross_entropy, nn.huber])
@pytest.mark.parametrize("batch_size", [None, 7, 19])
def test_modes_take_the_same_steps(loss, batch_size):
    pytest.importorskip("numpy")
    (inputs, targets), validation = (signed(*nn.moons(rows, rng=rows), loss=loss) for rows in (20, 6))
    found = {}
    for mode in ("eager", "replayed", "batched"):
        model = MLP(2, [4, 1], rng=2)
        history = fit(
            model, inputs, targets, loss=loss, optimiser=optim.SGD(model.parameters(), 0.1), epochs=4,
            batch_size=batch_size, rng=5, validation=validation, mode=mode,
        )  # fmt: skip
        found[mode] = data_of(model), history.losses, history.validation_losses
    assert found["eager"] == found["replayed"]
    for eager, batched in zip(found["eager"], found["batched"], strict=True):
        assert batched == pytest.approx(eager, rel=1e-10, abs=1e-13)


ACTIVATED = [(name, nn.mse) for name in nn.ACTIVATIONS] + [("tanh", nn.cross_entropy)]


@pytest.mark.parametrize(("activation", "loss"), ACTIVATED)
@given(seed=st.integers(0, 10_000))
@settings(max_examples=5)
def test_one_step_is_the_same_in_each_mode(activation, loss, seed):
    """To the last bit replayed; batched, within 1e-13 of the largest derivative: the page on networks."""
    inputs, targets = nn.spirals(24, classes=3, rng=seed)
    targets = targets if loss is nn.cross_entropy else [[float(i == k) for i in range(3)] for k in targets]
    found = {}
    for mode in ("eager", "replayed", "batched"):
        model = MLP(2, [5, 3], activation=activation, initial="glorot", rng=seed)
        before = data_of(model)
        gradient = []
        history = fit(
            model, inputs, targets, loss=loss, optimiser=optim.Adam(model.parameters(), 0.1), epochs=1,
            before_step=lambda g=gradient, m=model: g.extend(p.grad for p in m.parameters()), mode=mode,
        )  # fmt: skip
        assert data_of(model) != before
        found[mode] = history.losses, gradient, data_of(model)
    assert found["eager"] == found["replayed"]
    for eager, batched in zip(found["eager"][:2], found["batched"][:2], strict=True):
        assert batched == pytest.approx(eager, rel=0.0, abs=1e-13 * max(map(abs, eager)))


@pytest.mark.parametrize("mode", ["eager", "replayed", "batched"])
def test_a_batch_may_be_a_single_row(mode):
    model = MLP(2, [3, 1], activation="tanh", rng=1)
    inputs, targets = nn.xor()
    history = fit(
        model, inputs, targets, loss=nn.mse, optimiser=optim.SGD(model.parameters(), 0.3), epochs=1,
        batch_size=3, rng=4, validation=([[1.0, 0.0]], [1.0]), mode=mode,
    )  # fmt: skip
    (row,), (target,) = [[1.0, 0.0]], [1.0]
    assert history.validation_losses == [pytest.approx((model(row).data - target) ** 2, rel=1e-14)]
    assert len(history.losses) == 1


def test_modes_agree_on_classes():
    inputs, targets = nn.spirals(30, classes=3, rng=3)
    found = {}
    for mode in ("eager", "replayed", "batched"):
        model = MLP(2, [4, 3], activation="tanh", initial="glorot", rng=2)
        history = fit(
            model, inputs, targets, loss=nn.cross_entropy, optimiser=optim.Adam(model.parameters(), 0.05),
            epochs=3, mode=mode,
        )  # fmt: skip
        found[mode] = data_of(model) + history.losses
    assert found["eager"] == found["replayed"]
    assert found["batched"] == pytest.approx(found["eager"], rel=1e-10, abs=1e-13)


def test_classes_are_learnt():
    inputs, targets = nn.circles(60, noise=0.05, rng=1)
    model = MLP(2, [6, 2], activation="tanh", initial="glorot", rng=0)
    fit(
        model,
        inputs,
        targets,
        loss=nn.cross_entropy,
        optimiser=optim.Adam(model.parameters(), 0.05),
        mode="batched",
    )
    assert all(
        (outputs[1] > outputs[0]) == k for k, outputs in zip(targets, map(model, inputs), strict=True)
    )


def test_batches_are_drawn_by_the_seed_and_hold_each_row_once():
    seen = []

    def model(row):
        seen.append(row[0])
        return w * row[0]

    w = Value(1.0)
    rows = [[float(i)] for i in range(7)]

    def order(rng):
        seen.clear()
        fit(
            model,
            rows,
            [0.0] * 7,
            loss=nn.mse,
            optimiser=optim.SGD([w], 0.0),
            epochs=2,
            batch_size=3,
            rng=rng,
        )
        return list(seen)

    assert order(1) == order(1) != order(2)
    assert sorted(order(1)[:7]) == sorted(order(1)[7:]) == [float(i) for i in range(7)]
    assert order(1)[:7] != order(1)[7:]
    assert rows == [[float(i)] for i in range(7)]  # the caller's list is not shuffled


def test_a_step_goes_down_the_mean_of_a_batch():
    w = Value(1.0)
    optimiser = optim.SGD([w], 1.0)
    seen = []
    history = fit(
        lambda x: w * x, [1.0, 2.0, 3.0], [0.0] * 3, loss=nn.mse, optimiser=optimiser, epochs=1,
        batch_size=2, rng=1, before_step=lambda: seen.append(w.grad) or optim.clip_by_norm([w], 0.125),
        penalty=lambda: 0.5 * nn.l2([w]),
    )  # fmt: skip
    assert w.data == 1.0 - 2 * 0.125
    assert optimiser.steps == len(seen) == 2
    assert len(history.losses) == 1


def test_an_epochs_loss_is_the_mean_over_its_rows():
    w = Value(1.0)
    rows = [1.0, 2.0, 3.0]
    history = fit(
        lambda x: w * x, rows, [0.0] * 3, loss=nn.mse, optimiser=optim.SGD([w], 0.0), epochs=1,
        batch_size=2, rng=1, penalty=lambda: w * 6.0,
    )  # fmt: skip
    assert history.losses == [pytest.approx((1.0 + 4.0 + 9.0) / 3 + 6.0)]


def test_penalty_is_added_once_a_step():
    w = Value(3.0)
    history = fit(
        lambda x: w * x, [0.0, 0.0], [1.0, 1.0], loss=nn.mse, optimiser=optim.SGD([w], 0.25), epochs=1,
        penalty=lambda: nn.l2([w]),
    )  # fmt: skip
    assert history.losses == [1.0 + 9.0]
    assert w.data == 1.5


# ---- stopping ----------------------------------------------------------------------------------------


def test_ctrl_c_keeps_the_best():
    losses = by_hand(9)[1]
    calls = []

    def interrupt():
        calls.append(None)
        if len(calls) == 9:
            raise KeyboardInterrupt

    model, history = fitted(20, before_step=interrupt)
    assert history.stopped == "interrupted"
    assert history.losses == pytest.approx(losses[:8], rel=1e-12)
    assert history.best_epoch == losses.index(min(losses[:8]))
    best = by_hand(history.best_epoch)[0]
    assert data_of(model) == pytest.approx(data_of(best), rel=1e-12)


def test_ctrl_c_in_the_first_epoch_leaves_the_model_as_it_was():
    def interrupt():
        raise KeyboardInterrupt

    model, history = fitted(20, penalty=interrupt)
    assert (history.stopped, history.best_epoch, history.losses) == ("interrupted", None, [])
    assert data_of(model) == data_of(MLP(2, [3, 1], rng=1))


def test_early_stopping_puts_back_the_parameters_after_the_best_epoch():
    w = Value(0.0)
    reached = []
    history = fit(
        lambda x: w * x, [1.0], [10.0], loss=nn.mse, optimiser=optim.SGD([w], 0.05), epochs=100,
        validation=([1.0], [3.0]), patience=3, callback=lambda history: reached.append(w.data),
    )  # fmt: skip
    assert history.stopped == "early"
    best = min(range(len(reached)), key=lambda k: abs(reached[k] - 3.0))
    assert history.best_epoch == best
    assert len(history.losses) == len(history.validation_losses) == best + 1 + 3
    assert w.data == reached[best]
    assert history.validation_losses[best] == pytest.approx((reached[best] - 3.0) ** 2)


def test_a_callback_may_stop():
    _, history = fitted(20, callback=lambda history: len(history.losses) == 5)
    assert (history.stopped, len(history.losses)) == ("callback", 5)


@pytest.mark.parametrize("mode", ["eager", "replayed", "batched"])
def test_a_training_that_diverges_ends_and_puts_back_the_best(mode):
    w = Value(1.0)
    optimiser = optim.SGD([w], 1e60)
    history = fit(lambda x: w * x, [1.0, 2.0], [0.0, 0.0], loss=nn.mse, optimiser=optimiser, mode=mode)
    assert (history.stopped, history.best_epoch, w.data) == ("diverged", 0, 1.0)
    assert not math.isfinite(history.losses[-1])
    assert len(history.losses) < 10


def test_no_step_is_taken_from_a_loss_that_is_not_finite():
    w = Value(1.0)
    optimiser = optim.SGD([w], 0.125, momentum=0.5)
    history = fit(
        lambda x: w * x,
        [1.0, 1e200, 1.0, 1.0],
        [0.0] * 4,
        loss=nn.mse,
        optimiser=optimiser,
        batch_size=1,
        rng=1,
    )
    assert (history.stopped, history.losses, w.data) == ("diverged", [math.inf], 1.0)
    assert optimiser.steps < 4
    w.grad = 0.0
    optimiser.step()
    assert math.isfinite(w.data)


@pytest.mark.parametrize("mode", [None, "eager", "replayed", "batched"])
@pytest.mark.parametrize(
    ("loss", "targets"),
    [(nn.cross_entropy, [0, 2]), (nn.hinge, [1, 0]), (nn.binary_cross_entropy, [1, -1])],
)
def test_a_class_that_there_is_not_is_refused_in_replays_too(mode, loss, targets):
    model = MLP(1, [2 if loss is nn.cross_entropy else 1], rng=1)
    before = data_of(model)
    with pytest.raises(ValueError, match="target"):
        fit(
            model, [1.0, 2.0], targets, loss=loss, optimiser=optim.SGD(model.parameters(), 0.1), mode=mode
        )  # fmt: skip
    assert data_of(model) == before


def compiled_functions(monkeypatch):
    """What `fit` has compiled, in turn."""
    module = sys.modules[compile.__module__]  # the package's `compile` is the function

    made = []
    plain = module.compile
    monkeypatch.setattr(module, "compile", lambda f: made.append(f) or plain(f))
    return made


def test_by_default_networks_are_replayed_to_the_same_bits(monkeypatch):
    found = []
    made = compiled_functions(monkeypatch)
    for mode in (None, "eager"):
        model = MLP(2, [3, 1], activation="tanh", rng=1)
        history = fit(
            model, *nn.moons(30, rng=1), loss=nn.mse, optimiser=optim.Adam(model.parameters(), 0.1),
            epochs=4, batch_size=10, rng=3, mode=mode,
        )  # fmt: skip
        found.append((data_of(model), history.losses))
    assert found[0] == found[1]
    assert len(made) == 1


def test_a_model_that_may_change_its_mind_is_eager(monkeypatch):
    made = compiled_functions(monkeypatch)
    dice = random.Random(1)
    models = [MLP(2, [3, 1], activation=lambda x: dice.random() * x, rng=1) for _ in range(2)]
    models[1].forward = models[0].forward
    losses = [nn.mse, lambda p, t: dice.random() * nn.mse(p, t)]
    for model, loss in zip([*models, MLP(2, [1], rng=1)], [losses[0], losses[0], losses[1]], strict=True):
        fit(model, *nn.xor(), loss=loss, optimiser=optim.SGD(model.parameters(), 0.1), epochs=50)
    assert not made


def test_a_loss_needs_no_hash():
    class Weighted(list):
        def __call__(self, predictions, targets):
            return self[0] * nn.mse(predictions, targets)

    model = MLP(2, [1], rng=1)
    history = fit(
        model, *nn.xor(), loss=Weighted([2.0]), optimiser=optim.SGD(model.parameters(), 0.1), epochs=50
    )
    assert len(history.losses) == 50


def test_a_callback_may_operate_on_the_model(monkeypatch):
    made = compiled_functions(monkeypatch)
    found = []
    for mode in (None, "eager"):
        model = MLP(2, [3, 1], activation="tanh", rng=1)

        def callback(history, layers=model.layers):
            if len(history.losses) == 5:
                for neuron in layers[0].neurons:
                    neuron.activation = nn.linear

        fit(
            model, *nn.xor(), loss=nn.mse, optimiser=optim.SGD(model.parameters(), 0.1), epochs=50,
            callback=callback, mode=mode,
        )  # fmt: skip
        found.append(data_of(model))
    assert found[0] == found[1]
    assert len(made) == 2


def test_the_collector_is_restored_and_memory_does_not_grow():
    assert gc.isenabled()
    fitted(2)
    assert gc.isenabled()
    with collector_paused():
        for mode in ("eager", "replayed"):
            fitted(50, mode=mode)
            tracemalloc.start()
            grown = []
            for epochs in (100, 1100):
                before = tracemalloc.get_traced_memory()[0]
                fitted(epochs, mode=mode)
                grown.append(tracemalloc.get_traced_memory()[0] - before)
            tracemalloc.stop()
            # A trace takes room, more or less; a thousand steps take less than the smallest object each.
            assert grown[1] - grown[0] < 1000 * 16
        assert not gc.isenabled()


# ---- at the edges ------------------------------------------------------------------------------------


def test_rows_may_be_arrays():
    inputs, targets = nn.xor()
    expected = data_of(fitted(3)[0])
    model = MLP(2, [3, 1], activation="tanh", rng=1)
    fit(
        model,
        np.array(inputs),
        np.array(targets),
        loss=nn.mse,
        optimiser=optim.SGD(model.parameters(), 0.3),
        epochs=3,
    )
    assert data_of(model) == expected


@needs_tqdm
def test_progress_is_shown(capsys):
    fitted(3, progress=True)
    assert "3/3" in capsys.readouterr().err


def test_progress_without_tqdm_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "tqdm", None)
    with pytest.raises(ImportError, match=r'pip install "autograd-mini\[nn\]"'):
        fitted(3, progress=True)


def test_refusals():
    w = Value(1.0)

    def run(inputs=(1.0, 2.0), targets=(1.0, 2.0), **options):
        usual = {"model": lambda x: w * x, "loss": nn.mse, "optimiser": optim.SGD([w], 0.1)}
        fit(**(usual | options), inputs=inputs, targets=targets)

    with pytest.raises(
        ValueError, match="there are 2 inputs and 1 targets: give one target for each input"
    ):
        run(targets=[1.0])
    with pytest.raises(ValueError, match="at least one"):
        run([], [])
    for name, wrong in (("epochs", -1), ("batch_size", 0), ("patience", 0)):
        with pytest.raises(ValueError, match=f"^{name} is {wrong}: choose a whole number of at least"):
            run(**{name: wrong})
        with pytest.raises(TypeError, match=f"^{name} is 2.5: choose a whole number"):
            run(**{name: 2.5})
    for name in ("model", "loss", "penalty", "before_step", "callback"):
        with pytest.raises(TypeError, match=f"^{name} is 'mse', which cannot be called: give a function"):
            run(**{name: "mse"})
    for wrong in (optim.SGD, "sgd", [w]):
        with pytest.raises(TypeError, match=r"^optimiser is .*: make one, such as optim\.Adam\("):
            run(optimiser=wrong)
    for wrong in ([1.0, 2.0, 3.0], ([1.0],), iter([])):
        with pytest.raises(TypeError, match=r"^validation is not a pair: give"):
            run(validation=wrong)
    for wrong in (None, 3, "ab", iter([1.0, 2.0]), {1.0: 2.0}):
        with pytest.raises(TypeError, match=r"^inputs: expected examples, got .*: give a list or array"):
            run(wrong)
    with pytest.raises(TypeError, match=r"^the loss: expected a real number, got NoneType"):
        run(loss=lambda predictions, targets: None)
    with pytest.raises(TypeError, match=r"^the penalty: expected a real number, got str"):
        run(penalty=lambda: "little")
    with pytest.raises(TypeError, match=r"^rng is 'seed': give a whole number"):
        run(rng="seed")
    with pytest.raises(ValueError, match=r'^inputs have different lengths, which mode="batched"'):
        run([[1.0], [1.0, 2.0]], mode="batched")
    with pytest.raises(ValueError, match="mode 'fast' is not known"):
        run(mode="fast")
    with pytest.raises(TypeError, match=r"inputs\[1\].*got str"):
        run([1.0, "a"])
    assert w.data == 1.0
