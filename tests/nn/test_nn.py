"""Modules, neurons, layers and networks; activations and losses against mpmath; data sets."""

import math
import random
import sys

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograd_mini import Value, nn
from autograd_mini.nn import MLP, Layer, Module, Neuron
from autograd_mini.transforms.functions import grad

numbers = st.floats(-50, 50)


# ---- what micrograd's users rely on ------------------------------------------------------------------


def test_weights_are_drawn_in_micrograds_order():
    random.seed(1337)
    model = MLP(3, [4, 2])
    random.seed(1337)
    for layer in model.layers:
        for neuron in layer.neurons:
            assert [w.data for w in neuron.w] == [random.uniform(-1, 1) for _ in neuron.w]
            assert neuron.b.data == 0.0


def test_positional_arguments_attributes_and_reprs():
    assert repr(Neuron(2)) == "ReLUNeuron(2)"
    assert repr(Neuron(2, False)) == repr(Neuron(2, nonlin=False)) == "LinearNeuron(2)"
    assert repr(Layer(3, 2, nonlin=False)) == "Layer of [LinearNeuron(3), LinearNeuron(3)]"
    model = MLP(2, [3, 1])
    assert (
        repr(model) == f"MLP of [Layer of [{', '.join(['ReLUNeuron(2)'] * 3)}], Layer of [LinearNeuron(3)]]"
    )
    assert [[n.nonlin for n in layer.neurons] for layer in model.layers] == [[True] * 3, [False]]
    assert len(model.parameters()) == 3 * 3 + 4
    assert isinstance(model, Module)
    assert isinstance(model([1.0, 2.0]), Value)
    assert len(Layer(2, 3)([1.0, 2.0])) == 3


def test_a_module_written_as_for_micrograd_works():
    class Scale(Module):
        def __init__(self):
            self.k = Value(2.0)

        def __call__(self, x):
            return self.k * x

        def parameters(self):
            return [self.k]

    scale = Scale()
    scale(3.0).backward()
    assert scale.k.grad == 3.0
    scale.zero_grad()
    assert scale.k.grad == 0.0


@given(st.lists(numbers, min_size=4, max_size=4), st.lists(numbers, min_size=4, max_size=4), numbers)
def test_a_neuron_adds_up_from_the_bias_on(weights, inputs, bias):
    neuron = Neuron(4, nonlin=False)
    for w, x in zip(neuron.w, weights, strict=True):
        w.data = x
    neuron.b.data = total = bias
    for w, x in zip(weights, inputs, strict=True):
        total += w * x
    output = neuron(inputs)
    assert output.data == total
    output.backward()
    assert [w.grad for w in neuron.w] == inputs
    assert neuron.b.grad == 1.0


# ---- layers and networks -----------------------------------------------------------------------------


@pytest.mark.parametrize("bias", [True, False])
def test_gradient_is_that_of_backpropagation_in_matrices(bias):
    model = MLP(3, [4, 2], activation="tanh", output_activation="sigmoid", bias=bias, rng=7)
    x = [0.3, -1.2, 0.8]
    if bias:
        model.layers[0].biases = [0.1, -0.2, 0.3, -0.4]
        model.layers[1].biases = [0.5, -0.6]
    w0, w1 = (np.array(layer.weights) for layer in model.layers)
    b0, b1 = (np.array(layer.biases) if bias else 0.0 for layer in model.layers)
    h = np.tanh(w0 @ x + b0)
    y = 1 / (1 + np.exp(-(w1 @ h + b1)))
    outputs = model(x)
    assert [o.data for o in outputs] == pytest.approx(y, rel=1e-14)
    sum(outputs).backward()
    d1 = y * (1 - y)
    d0 = (w1.T @ d1) * (1 - h * h)
    expected = {"layers[0]": (np.outer(d0, x), d0), "layers[1]": (np.outer(d1, h), d1)}
    for name, parameter in model.named_parameters():
        layer, neuron, own = name.split(".")
        weights, biases = expected[layer]
        i = int(neuron[len("neurons[") : -1])
        right = biases[i] if own == "b" else weights[i][int(own[2:-1])]
        assert parameter.grad == pytest.approx(right, rel=1e-12)
    assert bias == any(name.endswith(".b") for name, _ in model.named_parameters())


def test_a_network_of_single_neurons_and_a_single_input():
    model = MLP(1, [1, 1, 1], activation="tanh", rng=1)
    assert model(0.5).data == model([0.5]).data == model(Value(0.5)).data == model(np.float64(0.5)).data
    assert model(np.array([0.5])).data == model((0.5,)).data == model(x for x in [0.5]).data


def test_inputs_of_every_numeric_type_mean_the_same():
    model = MLP(2, [3, 1], rng=0)
    expected = model([1.0, 2.0]).data
    for inputs in ([1, 2], (1, 2.0), np.array([1, 2]), np.float32([1, 2]), [Value(1.0), 2]):
        assert model(inputs).data == expected
    inputs = [Value(1.0), Value(2.0)]
    model(inputs).backward()
    assert [x.grad for x in inputs] == pytest.approx(grad(lambda x: model(x))([1.0, 2.0]))


def test_labels_say_where_a_parameter_belongs():
    model = MLP(2, [2, 1])
    assert [p.label for p in model.parameters()] == [
        "layer 1::neuron 1::w[0]",
        "layer 1::neuron 1::w[1]",
        "layer 1::neuron 1::b",
        "layer 1::neuron 2::w[0]",
        "layer 1::neuron 2::w[1]",
        "layer 1::neuron 2::b",
        "layer 2::neuron 1::w[0]",
        "layer 2::neuron 1::w[1]",
        "layer 2::neuron 1::b",
    ]


def test_sizes_may_be_any_whole_numbers():
    expected = repr(MLP(2, [3, 1]))
    for nouts in ((3, 1), np.array([3, 1]), iter([3, 1])):
        assert repr(MLP(np.int64(2), nouts)) == expected


def test_seeds():
    def drawn(rng, **options):
        return [p.data for p in MLP(2, [3, 1], rng=rng, **options).parameters()]

    assert drawn(1) == drawn(np.int64(1)) == drawn(random.Random(1)) != drawn(2)
    weights = [w for w in drawn(1) if w]
    assert len(set(weights)) == len(weights) == 9  # a layer does not seed each neuron alike


@pytest.mark.parametrize(("initial", "deviation"), [
    ("uniform", math.sqrt(1 / 3)),
    ("lecun", math.sqrt(1 / 100)),
    ("glorot", math.sqrt(2 / 150)),
    ("he", math.sqrt(2 / 100)),
    (lambda rng, nin, nout: rng.gauss(0.0, nin / nout), 2.0),
])  # fmt: skip
def test_first_weights_have_the_size_that_is_meant(initial, deviation):
    layer = Layer(100, 50, initial=initial, rng=3)
    weights = [w for row in layer.weights for w in row]
    assert np.std(weights) == pytest.approx(deviation, rel=0.05)
    assert np.mean(weights) == pytest.approx(0.0, abs=0.05 * deviation)


def test_weights_and_biases_are_set_in_place_or_not_at_all():
    layer = Layer(2, 3, rng=0)
    values = layer.parameters()
    layer.weights = np.array([[1, 2], [3, 4], [5, 6]])
    layer.biases = (7, 8, 9)
    assert layer.weights == [[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]
    assert layer.biases == [7.0, 8.0, 9.0]
    assert all(a is b for a, b in zip(values, layer.parameters(), strict=True))
    for wrong in ([[1, 2], [3, 4]], [[1, 2], [3, 4], [5]], []):
        with pytest.raises(ValueError, match=r"weights of Layer\(2, 3\) have rows of \[2, 2, 2\] numbers"):
            layer.weights = wrong
    with pytest.raises(TypeError, match="got str"):
        layer.weights = [[1, 2], [3, 4], [5, "6"]]
    with pytest.raises(ValueError, match=r"biases of Layer\(2, 3\)"):
        layer.biases = [1.0]
    with pytest.raises(ValueError, match=r"biases of Layer\(2, 1\)"):
        Layer(2, 1, bias=False).biases = [1.0]
    assert layer.weights == [[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]


def test_refusals():
    model = MLP(2, [3, 1])
    with pytest.raises(ValueError, match=r"^Layer\(2, 3\) takes 2 inputs, got 3: give one number or Value"):
        model([1.0, 2.0, 3.0])
    with pytest.raises(ValueError, match=r"^Layer\(2, 3\) takes 2 inputs, got 1"):
        model(1.0)
    with pytest.raises(ValueError, match=r"^ReLUNeuron\(1\) takes 1 input, got 0"):
        Neuron(1)([])
    with pytest.raises(ValueError, match="activation 'swish' is not known: name one of linear, relu"):
        Neuron(2, activation="swish")
    with pytest.raises(ValueError, match="initial 'zeros' is not known: name one of uniform"):
        MLP(2, [2], initial="zeros")
    with pytest.raises(ValueError, match=r"activation \['relu'\] is not known"):
        MLP(2, [2, 1], activation=["relu"])
    for make in (lambda: Neuron(0), lambda: Layer(2, 0), lambda: MLP(2, [3, -1])):
        with pytest.raises(ValueError, match="is not a size: give a whole number of at least 1"):
            make()
    for make in (lambda: Neuron(2.0), lambda: Layer(2, "3"), lambda: MLP(None, [3]), lambda: MLP(2, "31")):
        with pytest.raises(TypeError, match="is not a size: give a whole number of at least 1"):
            make()
    with pytest.raises(TypeError, match=r"^MLP: 3 is not a list of sizes: give one for each layer"):
        MLP(2, 3)
    with pytest.raises(ValueError, match=r"^MLP: there is no layer"):
        MLP(2, [])
    for wrong in ("seed", 1.5, np.random.default_rng(1)):
        with pytest.raises(TypeError, match=r"^rng is .*: give a whole number, a random\.Random, or None"):
            MLP(2, [1], rng=wrong)
    for inputs, kind in (("ab", "str"), (None, "NoneType"), ({"x": 1.0}, "dict"), ({1.0, 2.0}, "set")):
        with pytest.raises(TypeError, match=rf"^Layer\(2, 3\) takes numbers or Values, got {kind}: give a"):
            model(inputs)
    for inputs, kind in ((["a", "b"], "str"), (np.ones((2, 2)), "ndarray"), ([[1, 2], [3, 4]], "list")):
        with pytest.raises(TypeError, match=rf"and inputs\[0\] is a {kind}: give one row of numbers"):
            model(inputs)
    with pytest.raises(
        TypeError, match=r"^ReLUNeuron\(2\) takes numbers or Values, and inputs\[1\] is a str"
    ):
        Neuron(2)([1.0, "b"])
    with pytest.raises(NotImplementedError, match="Module has no forward: define it"):
        Module()()


# ---- finding parameters ------------------------------------------------------------------------------


def test_parameters_are_found_wherever_they_are_and_once():
    class Model(Module):
        def __init__(self):
            self.scale = Value(1.0)
            self.parts = {"first": Layer(1, 1), "rest": [(Value(2.0), "text"), None]}
            self.tied = self.scale
            self.itself = self
            self.computed = self.scale * 2

    model = Model()
    assert [name for name, _ in model.named_parameters()] == [
        "scale",
        "parts['first'].neurons[0].w[0]",
        "parts['first'].neurons[0].b",
        "parts['rest'][0][0]",
    ]
    for name, parameter in model.named_parameters():
        assert eval(f"model.{name}") is parameter


def test_modules_nest_deeper_than_python_recurses():
    class Wrap(Module):
        def __init__(self, inner):
            self.inner = inner

    module = Neuron(1)
    for _ in range(10_000):
        module = Wrap(module)
    assert len(module.parameters()) == 2


# ---- activations and losses against mpmath -----------------------------------------------------------

EXACT = {
    "linear": lambda x: x,
    "relu": lambda x: max(x, 0),
    "leaky_relu": lambda x: x if x > 0 else mpmath.mpf(0.01) * x,
    "gelu": lambda x: x * mpmath.ncdf(x),
    "elu": lambda x: x if x > 0 else mpmath.expm1(x),
    "silu": lambda x: x / (1 + mpmath.exp(-x)),
    "mish": lambda x: x * mpmath.tanh(mpmath.log1p(mpmath.exp(x))),
    "softplus": lambda x: mpmath.log1p(mpmath.exp(x)),
    "sigmoid": lambda x: 1 / (1 + mpmath.exp(-x)),
    "tanh": mpmath.tanh,
}


@pytest.mark.parametrize("name", nn.ACTIVATIONS)
@given(st.floats(-30, 30).filter(lambda x: abs(x) > 1e-9))
def test_activation_and_its_slope(name, x):
    neuron = Neuron(1, activation=name)
    neuron.w[0].data = 1.0
    v = Value(x)
    y = neuron([v])
    y.backward()
    with mpmath.workdps(50):
        value, slope = EXACT[name](mpmath.mpf(x)), mpmath.diff(EXACT[name], x)
    loss_of_digits = 1e-15 * (2 + x * x if name == "gelu" else 2)  # the normal tail is as steep as that
    assert y.data == pytest.approx(float(value), rel=loss_of_digits, abs=0)
    assert v.grad == pytest.approx(float(slope), rel=40 * loss_of_digits, abs=1e-300)


def test_kinks():
    x = Value(0.0)
    nn.leaky_relu(x).backward()
    assert x.grad == 0.01  # the least of the slopes there, as relu has 0
    assert math.isnan(nn.leaky_relu(math.nan))


def test_every_activation_is_printed_and_may_be_a_function():
    assert [repr(Neuron(1, activation=a))[:-9] for a in nn.ACTIVATIONS] == [
        "Linear", "ReLU", "LeakyReLU", "GeLU", "ELU", "SiLU", "Mish", "Softplus", "Sigmoid", "Tanh"
    ]  # fmt: skip

    def cube(x):
        return x**3

    neuron = Neuron(1, activation=cube, bias=False)
    assert repr(neuron) == "CubeNeuron(1)"
    assert neuron([2.0]).data == pytest.approx((2.0 * neuron.w[0].data) ** 3)


def value_and_slopes(loss, predictions, targets):
    leaves = [Value(x) for x in predictions]
    y = loss(leaves, targets)
    y.backward()
    return y.data, [x.grad for x in leaves]


mp = mpmath.mpf
PAIRWISE = {
    nn.mse: lambda p, t: (p - t) ** 2,
    nn.mae: lambda p, t: abs(p - t),
    nn.huber: lambda p, t: (p - t) ** 2 / 2 if abs(p - t) <= 1 else abs(p - t) - mp(0.5),
    nn.hinge: lambda p, t: max(mp(0), 1 - t * p),
    nn.binary_cross_entropy: lambda z, t: (
        -(t * mpmath.log(1 / (1 + mpmath.exp(-z))) + (1 - t) * mpmath.log(1 / (1 + mpmath.exp(z))))
    ),
}


@pytest.mark.parametrize("loss", PAIRWISE, ids=lambda loss: loss.__name__)
@given(st.data())
def test_loss_and_its_slopes(loss, data):
    size = data.draw(st.integers(1, 4))
    targets_of = {
        nn.hinge: st.sampled_from([-1, 1]),
        nn.binary_cross_entropy: st.sampled_from([0, 1, 0.25]),
    }
    predictions = data.draw(
        st.lists(st.integers(-4000, 4000).map(lambda k: k / 64 + 1 / 256), min_size=size, max_size=size)
    )
    targets = data.draw(st.lists(targets_of.get(loss, numbers), min_size=size, max_size=size))
    value, slopes = value_and_slopes(loss, predictions, targets)
    exact = PAIRWISE[loss]
    with mpmath.workdps(50):
        pairs = [(mp(p), mp(t)) for p, t in zip(predictions, targets, strict=True)]
        assert value == pytest.approx(float(sum(exact(*pair) for pair in pairs) / size), rel=1e-14, abs=0)
        for slope, (p, t) in zip(slopes, pairs, strict=True):
            assert slope == pytest.approx(
                float(mpmath.diff(lambda p, t=t: exact(p, t), p)) / size, rel=1e-13, abs=1e-30
            )


@given(st.lists(st.lists(st.floats(-300, 300), min_size=3, max_size=3), min_size=1, max_size=3), st.data())
def test_cross_entropy(rows, data):
    classes = data.draw(st.lists(st.integers(0, 2), min_size=len(rows), max_size=len(rows)))
    leaves = [[Value(z) for z in row] for row in rows]
    y = nn.cross_entropy(leaves, classes)
    y.backward()
    with mpmath.workdps(400):
        total = mp(0)
        for row, leaf_row, k in zip(rows, leaves, classes, strict=True):
            exponentials = [mpmath.exp(mp(z)) for z in row]
            total -= mpmath.log(exponentials[k] / sum(exponentials))
            for i, (leaf, e) in enumerate(zip(leaf_row, exponentials, strict=True)):
                slope = (e / sum(exponentials) - (i == k)) / len(rows)
                assert leaf.grad == pytest.approx(float(slope), rel=1e-12, abs=1e-300)
        assert y.data == pytest.approx(float(total / len(rows)), rel=1e-13, abs=1e-300)
    shares = [[float(i == k) for i in range(3)] for k in classes]
    assert nn.cross_entropy(leaves, shares).data == pytest.approx(y.data, rel=1e-14)
    assert nn.cross_entropy(leaves, [Value(float(k)) for k in classes]).data == y.data


def test_a_sure_prediction_keeps_its_digits():
    assert nn.binary_cross_entropy([Value(50.0)], [1]).data == pytest.approx(math.exp(-50), rel=1e-15)
    assert nn.cross_entropy([[Value(80.0), Value(0.0)]], [0]).data == pytest.approx(
        math.exp(-80), rel=1e-15
    )


def test_losses_of_single_numbers_rows_and_arrays():
    assert nn.mse(Value(3.0), 1.0).data == 4.0
    assert nn.mse([[Value(1.0), 2.0], [3.0, 4.0]], np.array([[1, 2], [3, 6]])).data == 1.0
    assert nn.huber(3.0, 0.0, delta=2.0) == 4.0
    assert nn.mse([1e200], [0.0]) == math.inf
    x, y = Value(3.0), Value(-4.0)
    (nn.l1([x, y]) + nn.l2(v for v in [x, y])).backward()
    assert (x.grad, y.grad) == (7.0, -9.0)


def test_losses_refuse_what_does_not_match():
    with pytest.raises(
        ValueError, match=r"^predictions has 2 items and targets 1: give one target for each"
    ):
        nn.mse([1.0, 2.0], [1.0])
    with pytest.raises(ValueError, match=r"^predictions\[1\] has 1 items and targets\[1\] 2"):
        nn.mae([[1.0], [2.0]], [[1.0], [2.0, 3.0]])
    with pytest.raises(ValueError, match=r"^predictions\[0\] is one number and targets\[0\] a sequence"):
        nn.mse([1.0], [[1.0]])
    with pytest.raises(ValueError, match="at least one"):
        nn.hinge([], [])
    with pytest.raises(TypeError, match=r"^targets: expected numbers or sequences of them, got str"):
        nn.mse([1.0, 2.0], "ab")
    with pytest.raises(
        TypeError, match=r"^predictions: expected numbers or sequences of them, got NoneType"
    ):
        nn.mse(None, [1.0])
    for wrong in ("a", None, 1j, b"a", {1.0}):
        with pytest.raises(TypeError, match=r"^targets\[0\]: expected numbers or sequences of them"):
            nn.mse([1.0], [wrong])
    for wrong in (0, -2, 0.5):
        with pytest.raises(ValueError, match=rf"^hinge: a target is {wrong}: give targets -1 or 1"):
            nn.hinge([Value(1.0)], [wrong])
    for wrong in (-1, 2, 1.5):
        with pytest.raises(
            ValueError, match=rf"^binary_cross_entropy: a target is {wrong}: give targets from"
        ):
            nn.binary_cross_entropy([Value(1.0)], [wrong])
    for wrong in (0.0, -1.0, math.nan):
        with pytest.raises(ValueError, match=r"^huber: delta is .*: choose it greater than 0"):
            nn.huber([1.0], [0.0], delta=wrong)
    with pytest.raises(TypeError, match=r"^logits\[0\] is one number: .* binary_cross_entropy"):
        nn.cross_entropy([Value(1.0)], [1])
    with pytest.raises(TypeError, match=r"^targets\[0\]: expected numbers or sequences of them, got str"):
        nn.cross_entropy([[1.0, 2.0]], ["a"])
    for k in (3, -1, 0.5, math.nan):
        with pytest.raises(ValueError, match=r"^targets\[0\] is .*, and logits\[0\] has 3 classes"):
            nn.cross_entropy([[1.0, 2.0, 3.0]], [k])


# ---- data sets ---------------------------------------------------------------------------------------

SETS = [nn.line, nn.moons, nn.circles, nn.spirals, nn.xor]


@pytest.mark.parametrize("make", SETS, ids=lambda make: make.__name__)
def test_a_seed_makes_the_set(make):
    assert make(20, noise=0.1, rng=1) == make(20, noise=0.1, rng=random.Random(1))
    assert make(20, noise=0.1, rng=1) != make(20, noise=0.1, rng=2)
    random.seed(1)
    assert make(20, noise=0.1) == make(20, noise=0.1, rng=1)
    for rows in (0, 1, 7):
        inputs, targets = make(rows, noise=0.1)
        assert len(inputs) == len(targets) == rows


def test_shapes_of_the_sets():
    for x, y in zip(*nn.line(9, slope=-3.0, intercept=0.5, noise=0.0), strict=True):
        assert y == -3.0 * x + 0.5
    for (x, y), k in zip(*nn.moons(50, noise=0.0), strict=True):
        assert math.hypot(x - k, y - 0.5 * k) == pytest.approx(1.0)
        assert (y - 0.5 * k) * (1 - 2 * k) >= -1e-15
    for point, k in zip(*nn.circles(50, noise=0.0, radius=0.25), strict=True):
        assert math.hypot(*point) == pytest.approx(0.25 if k else 1.0)
    for (x, y), k in zip(*nn.spirals(51, classes=3, noise=0.0), strict=True):
        r = math.hypot(x, y)
        turn = (math.atan2(y, x) / (2 * math.pi) - k / 3 - r) % 1 if r else 0.0
        assert min(turn, 1 - turn) == pytest.approx(0.0, abs=1e-12)
    assert nn.xor(5) == ([[0, 0], [0, 1], [1, 0], [1, 1], [0, 0]], [0, 1, 1, 0, 0])
    inputs, _ = nn.circles(2000, noise=0.1, rng=1)
    spread = [math.hypot(*point) - (0.5 if i % 2 else 1.0) for i, point in enumerate(inputs)]
    assert np.std(spread) == pytest.approx(0.1, rel=0.1)


def test_digits_are_those_of_scikit_learn():
    load = pytest.importorskip("sklearn.datasets").load_digits
    images, which = nn.digits()
    assert (16 * np.array(images) == load().data).all()
    assert which == load().target.tolist()
    assert {type(x) for row in images for x in row} == {float}
    assert sorted(set(which)) == list(range(10))
    assert (np.min(images), np.max(images)) == (0.0, 1.0)


def test_digits_without_scikit_learn_name_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    with pytest.raises(ImportError, match=r'^digits needs .* pip install "autograd-mini\[data\]"'):
        nn.digits()


@given(st.integers(0, 30), st.floats(0, 1), st.integers(0, 9))
def test_a_split_puts_each_row_on_one_side(rows, share, seed):
    inputs, targets = [[float(i)] for i in range(rows)], list(range(rows))
    train, test = nn.split(inputs, targets, test=share, rng=seed)
    assert (train, test) == nn.split(inputs, targets, test=share, rng=random.Random(seed))
    assert len(test[0]) == round(share * rows)
    for xs, ks in (train, test):
        assert xs == [[float(k)] for k in ks]
    assert sorted(train[1] + test[1]) == targets == list(range(rows))


def test_splits_differ_and_are_checked():
    rows = list(range(40))
    assert nn.split(rows, rows, rng=1) != nn.split(rows, rows, rng=2)
    as_arrays = nn.split(np.array(rows), np.array(rows), rng=1)
    assert as_arrays == nn.split(rows, rows, rng=1)
    with pytest.raises(ValueError, match=r"^there are 2 inputs and 1 targets"):
        nn.split([1, 2], [1])
    for wrong in (-0.1, 1.1, math.nan):
        with pytest.raises(ValueError, match=r"^test is .*: choose a share from 0 to 1"):
            nn.split(rows, rows, test=wrong)
