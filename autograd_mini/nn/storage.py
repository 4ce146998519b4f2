"""Save the parameters of a model to a file, and load them again.

The file is JSON: each parameter's name, such as ``layers[0].neurons[2].b``, with all digits of its number,
and a checksum. Nothing in it is ever executed.
"""

from __future__ import annotations

import json
import math
import os
import zlib
from typing import Any, Final

from autograd_mini.engine.value import Value
from autograd_mini.nn.module import Module
from autograd_mini.show.render import RenderError, write

__all__ = ["load", "save"]

FORMAT: Final = "autograd_mini parameters, version 1"


def save(model: Module, path: str | os.PathLike[str]) -> None:
    """Write the model's parameters to a file: all of them or, if that fails, nothing.

    An earlier file is replaced in one step and keeps its permissions: a full disk, a crash or Ctrl-C
    leaves it as it was. A pipe or a device, such as /dev/stdout, is written to directly. Raises OSError
    if it cannot be written.

    >>> import tempfile
    >>> from autograd_mini.nn import MLP
    >>> model, other = MLP(2, [3, 1], rng=1), MLP(2, [3, 1], rng=2)
    >>> with tempfile.TemporaryDirectory() as directory:
    ...     save(model, f"{directory}/model.json")
    ...     load(other, f"{directory}/model.json")
    >>> other([1.0, 2.0]) == model([1.0, 2.0])
    True
    """
    numbers = {name: _json(parameter.data) for name, parameter in _parameters("save", model).items()}
    text = json.dumps({"format": FORMAT, "checksum": _checksum(numbers), "parameters": numbers}, indent=0)
    try:
        write(os.fsdecode(path), f"{text}\n".encode())
    except RenderError as error:  # write() serves pictures too
        raise error.__cause__ or error from None


def load(model: Module, path: str | os.PathLike[str]) -> None:
    """Set the model's parameters to those in a file that `save` wrote.

    Raises OSError if the file cannot be read, and ValueError if it is cut short, was changed, or comes
    from a model of another shape. The model then keeps its numbers.
    """
    parameters = _parameters("load", model)
    with open(path, encoding="utf-8") as file:
        try:
            content = json.load(file)
        except ValueError as error:  # UnicodeDecodeError is one too
            raise _refusal(path, f"is cut short or not JSON ({error})", "use another copy") from None
        except RecursionError:
            raise _refusal(path, "is nested too deeply", "use a file that save() wrote") from None
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise _refusal(path, f"is not of the format {FORMAT!r}", "use a file that save() wrote")
    numbers = content.get("parameters")
    if not isinstance(numbers, dict) or content.get("checksum") != _checksum(numbers):
        raise _refusal(path, "has been changed since it was saved", "use another copy")
    missing, extra = parameters.keys() - numbers.keys(), numbers.keys() - parameters.keys()
    for what, names in (("does not have", missing), ("also has", extra)):
        if names:
            more = f" and {len(names) - 1} more" if len(names) > 1 else ""
            raise _refusal(path, f"{what} {min(names)}{more}", "build the model that was saved")
    for name, number in numbers.items():
        if number.__class__ is not float and number not in ("inf", "-inf", "nan"):
            raise _refusal(path, f"has {number!r} where {name} should be", "use a file that save() wrote")
    for name, parameter in parameters.items():
        parameter.data = float(numbers[name])


def _parameters(what: str, model: Any) -> dict[str, Value]:
    if not isinstance(model, Module):
        kind = type(model).__name__
        raise TypeError(f"{what}: {kind} is not a Module: give the model first and then the path")
    return dict(model.named_parameters())


def _json(x: float) -> float | str:
    return x if math.isfinite(x) else repr(x)  # JSON has no inf and no nan


def _checksum(numbers: dict[str, Any]) -> str:
    return f"crc32:{zlib.crc32(json.dumps(numbers, sort_keys=True).encode()):08x}"


def _refusal(path: str | os.PathLike[str], cause: str, remedy: str) -> ValueError:
    return ValueError(f"{os.fsdecode(path)}: the file {cause}: {remedy}; the model is unchanged")
