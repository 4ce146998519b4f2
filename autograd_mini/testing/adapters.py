"""Check gradients of other libraries in one line: torch, JAX, autograd, SciPy's `fun` and `jac`, models.

Each library is imported when its check is called.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any

from autograd_mini.engine.modes import no_grad
from autograd_mini.engine.value import number_of
from autograd_mini.testing.check import check_grads, check_jacobian, check_jvp, check_vjp
from autograd_mini.testing.report import Report
from autograd_mini.testing.subject import name_of
from autograd_mini.transforms.nested import flatten

__all__ = ["check_autograd", "check_jax", "check_model", "check_scipy", "check_torch"]


def check_torch(f: Callable[..., Any], *inputs: Any, order: int = 1, rtol: float = 1e-6) -> Report:
    """Check what torch's backward gives for `f`: a function, ``MyFunction.apply`` or a module.

    Tensors of floating point are differentiated, a module's parameters too; other inputs are held fixed.
    Double precision shows more; what is in single precision is checked as far as it can be seen. With
    ``order=2`` the gradient's own gradient is checked as well.
    """
    __tracebackhide__ = True
    torch = _imported("torch", "check_torch")
    tensors = {f"x{i}": t for i, t in enumerate(inputs) if _is_floating(torch, t)}
    parameters = dict(f.named_parameters()) if hasattr(f, "named_parameters") else {}
    like = {**tensors, **parameters}

    def run(given: dict[str, Any]) -> Any:
        args = [given.get(f"x{i}", x) for i, x in enumerate(inputs)]
        if not parameters:
            return f(*args)
        return torch.func.functional_call(f, {name: given[name] for name in parameters}, tuple(args))

    def slopes(given: dict[str, Any]) -> Any:
        """The gradient of a fixed combination of the results, as one vector that can be differentiated."""
        y = run(given)
        weights = torch.linspace(0.5, 1.5, y.numel(), dtype=y.dtype).reshape(y.shape)
        found = torch.autograd.grad((y * weights).sum(), list(given.values()), create_graph=True, **UNUSED)
        return torch.cat([g.reshape(-1) for g in found])

    for function in (run, slopes)[:order]:
        report = _torch_products(torch, function, name_of(f), like, rtol)
    return report


UNUSED = {"allow_unused": True, "materialize_grads": True}


def _torch_products(
    torch: Any, run: Callable[..., Any], name: str, like: dict[str, Any], rtol: float
) -> Report:
    __tracebackhide__ = True

    def tensors(arrays: dict[str, Any]) -> dict[str, Any]:
        return {
            key: torch.as_tensor(x, dtype=like[key].dtype).reshape(like[key].shape).requires_grad_()
            for key, x in arrays.items()
        }

    def function(inputs: dict[str, Any]) -> Any:
        return run(tensors(inputs)).detach().double().numpy().copy()

    def backward(inputs: dict[str, Any], v: Any) -> Any:
        given = tensors(inputs)
        y = run(given)
        v = torch.as_tensor(v, dtype=y.dtype).reshape(y.shape)
        found = torch.autograd.grad(y, list(given.values()), v, **UNUSED)
        return {key: g.double().numpy().copy() for key, g in zip(given, found, strict=True)}

    function.__name__ = name
    arrays = {key: t.detach().double().numpy().copy() for key, t in like.items()}
    return check_vjp(function, backward, arrays, rtol=rtol)


def _is_floating(torch: Any, x: Any) -> bool:
    return isinstance(x, torch.Tensor) and bool(x.is_floating_point())


def check_jax(f: Callable[..., Any], *args: Any, order: int = 1, rtol: float = 1e-6) -> Report:
    """Check what JAX's `vjp`, and `jvp` where `f` has one, give for `f`, a `custom_vjp` for instance.

    Arguments are arrays; the result is one. ``jax.config.update("jax_enable_x64", True)`` shows more.
    With ``order=2`` the derivative of the `vjp` is checked as well.
    """
    __tracebackhide__ = True
    jax = _imported("jax", "check_jax")
    import numpy as np

    def slopes(*args: Any) -> Any:
        """The gradient of a fixed combination of the results, as one vector."""
        y, pull = jax.vjp(f, *args)
        found = pull(jax.numpy.linspace(0.5, 1.5, y.size, dtype=y.dtype).reshape(y.shape))
        return jax.numpy.concatenate([jax.numpy.ravel(g) for g in found])

    for function in (f, slopes)[:order]:

        def plain(*args: Any, function: Any = function) -> Any:
            return np.asarray(function(*map(jax.numpy.asarray, args)), float)

        def vjp(*args: Any, function: Any = function) -> Any:
            *xs, v = map(jax.numpy.asarray, args)
            y, pull = jax.vjp(function, *xs)
            found = [np.asarray(g, float) for g in pull(v.astype(y.dtype))]
            return tuple(found) if len(found) > 1 else found[0]

        def jvp(*args: Any, function: Any = function) -> Any:
            arrays = [jax.numpy.asarray(x) for x in args]
            n = len(arrays) // 2
            return np.asarray(jax.jvp(function, tuple(arrays[:n]), tuple(arrays[n:]))[1], float)

        plain.__name__ = name_of(function)
        points = [np.asarray(x, float) for x in args]
        report = check_vjp(plain, vjp, *points, rtol=rtol)
        try:
            jvp(*points, *points)
        except TypeError:  # a custom_vjp has no forward mode
            continue
        report.findings.extend(check_jvp(plain, jvp, *points, rtol=rtol).findings)
    return report


def check_autograd(f: Callable[..., Any], *args: Any, rtol: float = 1e-6) -> Report:
    """Check what HIPS autograd gives for `f`, with respect to every argument.

    >>> import autograd.numpy as anp  # doctest: +SKIP
    >>> check_autograd(lambda x: anp.sin(x) ** 2, 0.5).ok  # doctest: +SKIP
    True
    """
    __tracebackhide__ = True
    make_vjp = _imported("autograd", "check_autograd").make_vjp

    def vjp(*args_and_v: Any) -> Any:
        *xs, v = args_and_v
        found = [make_vjp(f, i)(*xs)[0](v) for i in range(len(xs))]
        return tuple(found) if len(found) > 1 else found[0]

    return check_vjp(f, vjp, *args, rtol=rtol)


def check_scipy(
    fun: Callable[..., Any],
    x0: Any,
    *,
    jac: Any,
    hess: Callable[..., Any] | None = None,
    args: Sequence[Any] = (),
    rtol: float = 1e-6,
) -> Report:
    """Check what `scipy.optimize` is given: `fun` with its `jac`, and with a `hess` if there is one.

    ``jac=True`` says that `fun` returns both. A `fun` with many results, as for `least_squares`, has a
    matrix for `jac`.

    >>> from scipy.optimize import rosen, rosen_der, rosen_hess
    >>> check_scipy(rosen, [0.5, 1.5, -1.0], jac=rosen_der, hess=rosen_hess).ok
    True
    """
    __tracebackhide__ = True
    import numpy as np

    def value(x: Any) -> Any:
        found = fun(x, *args)
        return found[0] if jac is True else found

    def slope(x: Any) -> Any:
        return fun(x, *args)[1] if jac is True else jac(x, *args)

    value.__name__ = name_of(fun)
    slope.__name__ = name_of(fun if jac is True else jac)
    x0 = np.array(x0, float)
    check = check_grads if np.ndim(value(x0)) == 0 else check_jacobian
    report = check(value, slope, x0, rtol=rtol)
    if hess is not None:

        def curvature(x: Any) -> Any:
            return hess(x, *args)

        curvature.__name__ = name_of(hess)
        report.findings.extend(check_jacobian(slope, curvature, x0, rtol=rtol).findings)
    return report


def check_model(model: Any, *inputs: Any, rtol: float = 1e-6) -> Report:
    """Check the gradient of every parameter of a model, of this library or torch's, at some inputs.

    A fixed combination of the outputs is differentiated. All parameters are moved at once, along random
    directions; if that is wrong, the parameter to blame is searched for. The model is left as it was.

    >>> from autograd_mini.nn import MLP
    >>> check_model(MLP(2, [3, 1]), [0.5, -1.0]).ok
    True
    """
    __tracebackhide__ = True
    if hasattr(model, "state_dict"):
        return check_torch(model, *inputs, rtol=rtol)
    parameters = dict(model.named_parameters())
    kept = {name: (p.data, p.grad) for name, p in parameters.items()}
    chance = random.Random(0)
    weights = [chance.uniform(0.5, 1.5) for _ in flatten(model(*inputs), "the output of the model")[0]]

    def combined(numbers: dict[str, float]) -> Any:
        for name, p in parameters.items():
            p.data = numbers[name]
        outputs = flatten(model(*inputs), "the output of the model")[0]
        return sum(w * y for w, y in zip(weights, outputs, strict=True))

    def loss(numbers: dict[str, float]) -> float:
        with no_grad():
            return float(number_of(combined(numbers)))

    def backward(numbers: dict[str, float]) -> dict[str, float]:
        y = combined(numbers)
        for p in parameters.values():
            p.grad = 0.0
        y.backward()
        return {name: p.grad for name, p in parameters.items()}

    loss.__name__ = type(model).__name__
    try:
        return check_grads(loss, backward, {name: data for name, (data, _) in kept.items()}, rtol=rtol)
    finally:
        for name, (data, grad) in kept.items():
            parameters[name].data, parameters[name].grad = data, grad


def _imported(package: str, check: str) -> Any:
    from importlib import import_module

    try:
        return import_module(package)
    except ImportError as error:
        raise ImportError(f"{check} needs {error.name}: pip install {package}") from error
