"""Neural networks of scalars: layers, losses, data sets, and a `fit` that trains a model."""

from autograd_mini.nn.activations import ACTIVATIONS, gelu, leaky_relu, linear
from autograd_mini.nn.data import circles, digits, line, moons, spirals, split, xor
from autograd_mini.nn.initial import INITIALISERS
from autograd_mini.nn.layers import MLP, Layer, Neuron
from autograd_mini.nn.losses import binary_cross_entropy, cross_entropy, hinge, huber, l1, l2, mae, mse
from autograd_mini.nn.module import Module
from autograd_mini.nn.storage import load, save
from autograd_mini.nn.training import History, fit

__all__ = [
    "MLP",
    "Layer",
    "Module",
    "Neuron",
    "ACTIVATIONS",
    "INITIALISERS",
    "gelu",
    "leaky_relu",
    "linear",
    "binary_cross_entropy",
    "cross_entropy",
    "hinge",
    "huber",
    "mae",
    "mse",
    "l1",
    "l2",
    "History",
    "fit",
    "load",
    "save",
    "circles",
    "digits",
    "line",
    "moons",
    "spirals",
    "split",
    "xor",
]
