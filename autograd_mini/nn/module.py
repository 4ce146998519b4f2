"""The base class of models: an object that can be called and knows its parameters."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from autograd_mini.engine.value import Value
from autograd_mini.transforms.leaves import zero_gradients

__all__ = ["Module"]


class Module:
    """A model. Its parameters are the leaf `Value`s among its attributes, in the order they were set.

    Lists, tuples, dicts and other Modules among the attributes are searched too. A subclass defines
    `forward`, or ``__call__`` as in micrograd.

    >>> class Line(Module):
    ...     def __init__(self):
    ...         self.k, self.b = Value(2.0), Value(1.0)
    ...     def forward(self, x):
    ...         return self.k * x + self.b
    >>> line = Line()
    >>> line(3.0).data, [name for name, _ in line.named_parameters()]
    (7.0, ['k', 'b'])
    """

    def __call__(self, *inputs: Any) -> Any:
        """Return ``forward(*inputs)``."""
        return self.forward(*inputs)

    def forward(self, *inputs: Any) -> Any:
        """Return the output of the model."""
        raise NotImplementedError(
            f"{type(self).__name__} has no forward: define it to make a model callable"
        )

    def named_parameters(self) -> Iterator[tuple[str, Value]]:
        """Yield each parameter once, with its path as one would type it.

        >>> from autograd_mini.nn import MLP
        >>> [name for name, _ in MLP(2, [1]).named_parameters()]
        ['layers[0].neurons[0].w[0]', 'layers[0].neurons[0].w[1]', 'layers[0].neurons[0].b']
        """
        seen: set[int] = set()
        pending: list[tuple[str, Any]] = [("", self)]
        while pending:
            path, x = pending.pop()
            inside: list[tuple[str, Any]]
            if isinstance(x, Value):
                inside = []
                if x.op is None and id(x) not in seen:
                    yield path, x
            elif isinstance(x, Module):
                inside = [(f"{path}.{name}" if path else name, y) for name, y in vars(x).items()]
            elif isinstance(x, (list, tuple)):
                inside = [(f"{path}[{i}]", y) for i, y in enumerate(x)]
            elif isinstance(x, dict):
                inside = [(f"{path}[{key!r}]", y) for key, y in x.items()]
            else:
                continue
            if id(x) not in seen:  # a module may be used twice or hold itself
                seen.add(id(x))
                pending += reversed(inside)

    def parameters(self) -> list[Value]:
        """Return the parameters, each once."""
        return [parameter for _, parameter in self.named_parameters()]

    def zero_grad(self) -> None:
        """Set the gradient of every parameter to zero."""
        zero_gradients(self.parameters())
