"""A neuron, a layer of neurons, and a multilayer perceptron.

Names, positional arguments and the order of random draws are micrograd's, so that its demo runs with only
the import changed and starts from the same weights.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import chain, pairwise
from operator import mul
from typing import Any

from autograd_mini.engine.table import as_number, is_number
from autograd_mini.engine.value import Value
from autograd_mini.nn.activations import ACTIVATIONS, Activation, linear, look_up
from autograd_mini.nn.initial import INITIALISERS, Initialiser, Seed, generator
from autograd_mini.nn.module import Module
from autograd_mini.show.scopes import SEPARATOR

__all__ = ["MLP", "Layer", "Neuron"]


class Neuron(Module):
    """A weighted sum of `nin` inputs, plus a bias, passed through an activation.

    `activation` is a name from `ACTIVATIONS` or any function of one Value; ``nonlin=False`` is
    micrograd's word for a linear one. `initial` says how the weights `w` are drawn: a name from
    `INITIALISERS` or a function like those; by default uniformly from -1 to 1. `nout` is the number of
    neurons in the layer. The bias `b` starts at 0; it is None with ``bias=False``. `rng` is a seed, a
    `random.Random`, or None for Python's shared generator.

    >>> neuron = Neuron(2, activation="tanh", rng=1)
    >>> neuron.w[0].data, neuron.b, neuron
    (-0.731271511775..., Value(data=0.0, grad=0.0, label='b'), TanhNeuron(2))
    >>> neuron([0.5, -1.0]).data
    -0.785...
    """

    scope = ""
    """Where the neuron stands in a network, as the labels of its parameters say: "layer 2::neuron 1::"."""

    def __init__(
        self,
        nin: int,
        nonlin: bool = True,
        *,
        activation: str | Activation = "relu",
        bias: bool = True,
        initial: str | Initialiser = "uniform",
        nout: int = 1,
        rng: Seed = None,
    ) -> None:
        _check_sizes("Neuron", nin)
        rng, draw = generator(rng), look_up("initial", initial, INITIALISERS)
        self.w = [Value(draw(rng, nin, nout), f"w[{i}]") for i in range(nin)]
        self.b = Value(0.0, "b") if bias else None
        self.activation = look_up("activation", activation if nonlin else linear, ACTIVATIONS)

    @property
    def nonlin(self) -> bool:
        """Whether there is an activation."""
        return self.activation is not linear

    def forward(self, inputs: Any) -> Any:
        """Return activation(b + w[0]·inputs[0] + w[1]·inputs[1] + …), summed from left to right."""
        if inputs.__class__ is not list or len(inputs) != len(self.w):
            inputs = _read_inputs(self, len(self.w), inputs)
        products = map(mul, self.w, inputs)
        try:
            output = self.activation(sum(products, next(products) if self.b is None else self.b))
        except TypeError:
            _read_inputs(self, len(self.w), inputs)  # raises an error that names the bad input
            raise
        if self.scope and output.__class__ is Value:
            output.label = self.scope  # what is computed from it is outside this neuron
        return output

    def __repr__(self) -> str:
        name = getattr(self.activation, "__name__", type(self.activation).__name__)
        called = name.title().replace("_", "")
        called = f"{called[:-2]}LU" if called.endswith("lu") else called  # a linear unit
        return f"{called}Neuron({len(self.w)})"


class Layer(Module):
    """`nout` neurons with the same `nin` inputs; further options are those of `Neuron`.

    A call returns the list of their outputs, or the output itself when `nout` is 1.

    >>> layer = Layer(2, 3, activation="sigmoid", rng=0)
    >>> [round(y.data, 3) for y in layer([1.0, 1.0])]
    [0.769, 0.345, 0.458]
    """

    def __init__(self, nin: int, nout: int, *, rng: Seed = None, **options: Any) -> None:
        _check_sizes("Layer", nin, nout)
        rng = generator(rng)
        self.neurons = [Neuron(nin, nout=nout, rng=rng, **options) for _ in range(nout)]
        _put_in_scopes("neuron", self.neurons)

    def forward(self, inputs: Any) -> Any:
        """Return the output of each neuron; of one neuron, the output itself."""
        inputs = _read_inputs(self, len(self.neurons[0].w), inputs)
        outputs = [neuron(inputs) for neuron in self.neurons]
        return outputs[0] if len(outputs) == 1 else outputs

    @property
    def weights(self) -> list[list[float]]:
        """The weights as numbers, one row for each neuron.

        Setting them puts new numbers into the same Values. A matrix of another shape raises ValueError
        and changes nothing.

        >>> layer = Layer(2, 1, bias=False)
        >>> layer.weights = [[0.3, 0.9]]
        >>> layer.neurons[0].w[1]
        Value(data=0.9, grad=0.0, label='neuron 1::w[1]')
        """
        return [[w.data for w in neuron.w] for neuron in self.neurons]

    @weights.setter
    def weights(self, matrix: Sequence[Sequence[float]]) -> None:
        _set("weights", self, [neuron.w for neuron in self.neurons], matrix)

    @property
    def biases(self) -> list[float]:
        """The biases as numbers, one for each neuron; empty for a layer without. They can be set."""
        return [b.data for b in self._biases]

    @biases.setter
    def biases(self, vector: Sequence[float]) -> None:
        _set("biases", self, [[b] for b in self._biases], [[number] for number in vector])

    @property
    def _biases(self) -> list[Value]:
        return [neuron.b for neuron in self.neurons if neuron.b is not None]

    def __repr__(self) -> str:
        return f"Layer of [{', '.join(map(repr, self.neurons))}]"


class MLP(Module):
    """A multilayer perceptron: `nin` inputs, then one layer of each size in `nouts`.

    The last layer has `output_activation`, every other layer `activation`; ``bias=False`` leaves the
    biases out. `initial` and `rng` are as in `Neuron`.

    The label of a parameter says where it is, ``"layer 1::neuron 16::w[0]"``; pictures are grouped by it.

    >>> import random; random.seed(1337)
    >>> model = MLP(2, [16, 16, 1])
    >>> len(model.parameters()), model.layers[2]
    (337, Layer of [LinearNeuron(16)])
    >>> model([1.0, -0.5]).data
    -0.767...
    """

    def __init__(
        self,
        nin: int,
        nouts: Sequence[int],
        *,
        activation: str | Activation = "relu",
        output_activation: str | Activation = "linear",
        bias: bool = True,
        initial: str | Initialiser = "uniform",
        rng: Seed = None,
    ) -> None:
        if not isinstance(nouts, Iterable):
            raise TypeError(
                f"MLP: {nouts!r} is not a list of sizes: give one for each layer, such as [16, 1]"
            )
        nouts = list(nouts)
        if not nouts:
            raise ValueError("MLP: there is no layer: give the size of each, such as [16, 1]")
        _check_sizes("MLP", nin, *nouts)
        rng = generator(rng)
        last = len(nouts) - 1
        self.layers = [
            Layer(
                n,
                m,
                activation=output_activation if i == last else activation,
                bias=bias,
                initial=initial,
                rng=rng,
            )
            for i, (n, m) in enumerate(pairwise([nin, *nouts]))
        ]
        _put_in_scopes("layer", self.layers)

    def forward(self, inputs: Any) -> Any:
        """Return the last layer's outputs: a list of Values, or one Value."""
        for layer in self.layers:
            inputs = layer(inputs)
        return inputs

    def __repr__(self) -> str:
        return f"MLP of [{', '.join(map(repr, self.layers))}]"


def _check_sizes(name: str, *sizes: int) -> None:
    for size in sizes:
        if not hasattr(size, "__index__") or size < 1:
            kind = ValueError if hasattr(size, "__index__") else TypeError
            raise kind(f"{name}: {size!r} is not a size: give a whole number of at least 1")


def _put_in_scopes(kind: str, modules: Sequence[Neuron | Layer]) -> None:
    """Put "neuron 1::", "neuron 2::" … in front of the labels of the modules' parameters."""
    for i, module in enumerate(modules, start=1):
        prefix = f"{kind} {i}{SEPARATOR}"
        for parameter in module.parameters():
            parameter.label = f"{prefix}{parameter.label}"
        for neuron in module.neurons if isinstance(module, Layer) else [module]:
            neuron.scope = prefix + neuron.scope


def _read_inputs(module: Neuron | Layer, wanted: int, inputs: Any) -> list[Any]:
    """Return the inputs as a list of Values and floats; a single input needs no list."""
    if is_number(inputs) or hasattr(inputs, "record_primitive"):
        inputs = [inputs]
    if not isinstance(inputs, Iterable) or isinstance(inputs, (str, bytes, dict, set)):
        raise TypeError(
            f"{_describe(module)} takes numbers or Values, got {type(inputs).__name__}: give a list of them"
        )
    checked = [x if x.__class__ is Value else _read_input(module, i, x) for i, x in enumerate(inputs)]
    if len(checked) != wanted:
        raise ValueError(
            f"{_describe(module)} takes {wanted} input{'s' * (wanted != 1)}, got {len(checked)}: "
            "give one number or Value for each"
        )
    return checked


def _read_input(module: Neuron | Layer, i: int, x: Any) -> Any:
    if is_number(x):
        return as_number(x)
    if not hasattr(type(x), "record_primitive"):
        raise TypeError(
            f"{_describe(module)} takes numbers or Values, and inputs[{i}] is a {type(x).__name__}: "
            "give one row of numbers at a time"
        )
    return x


def _describe(module: Neuron | Layer) -> str:
    if isinstance(module, Neuron):
        return repr(module)
    return f"Layer({len(module.neurons[0].w)}, {len(module.neurons)})"


def _set(
    what: str, layer: Layer, parameters: list[list[Value]], numbers: Sequence[Sequence[float]]
) -> None:
    wanted, got = ([len(row) for row in rows] for rows in (parameters, numbers))
    if got != wanted:
        raise ValueError(
            f"{what} of {_describe(layer)} have rows of {wanted} "
            f"numbers, got {got}: give one row for each neuron"
        )
    flat = [as_number(number) for row in numbers for number in row]
    for parameter, number in zip(chain.from_iterable(parameters), flat, strict=True):
        parameter.data = number
