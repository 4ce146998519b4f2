"""What a type checker knows of a user's program; `test_types` has mypy look at it. It is never run."""

from typing import Any, assert_type

import autograd_mini as ag
from autograd_mini import Value, atan2, grad, primitive, sin, value_and_grad
from autograd_mini.engine.table import Primitive

x, y = Value(2.0), Value(3, label="y")
assert_type(x.data, float)
assert_type(x.grad, float)
assert_type(x.label, str | None)

# operators and methods
assert_type(x + y, Value)
assert_type(x * x, Value)
assert_type(1 + x, Value)
assert_type(2.0 * x - y / 3, Value)
assert_type(x**2, Value)
assert_type(2**x, Value)
assert_type(-x, Value)
assert_type(abs(x) % y // 2, Value)
assert_type(round(x), Value)
assert_type(x.sin(), Value)
assert_type(x.relu().tanh().log1p(), Value)
assert_type(x.maximum(1.0), Value)
assert_type(x.detach(), Value)
assert_type(x > 1, bool)
assert_type(x == y, bool)

# functions
assert_type(sin(x), Value)
assert_type(sin(1.0), float)
assert_type(sin(1), float)
assert_type(atan2(x, 1.0), Value)
assert_type(atan2(2, 1.0), float)


def f(a: float, b: float = 1.0, *, scale: int = 2) -> float:
    """Any function."""
    return a * b * scale


grad(f)(1.0, 2.0, scale=3)
value_and_grad(f)(1.0)
assert_type(grad(f)(1.0), Any)


@primitive(partials=[lambda z, t: 2.0 * t])
def square(t: float) -> float:
    """A primitive of the user's."""
    return t * t


assert_type(square, Primitive)
assert_type(square(x), Value)
assert_type(primitive("thrice", value=lambda t: 3 * t, partials=[None]), Primitive)

# what is refused: an unused ignore is an error
sin("a")  # type: ignore[call-overload]
sin([1.0])  # type: ignore[call-overload]
Value("2")  # type: ignore[arg-type]
Value(x)  # type: ignore[arg-type]
x + "a"  # type: ignore[arg-type]
"a" * x  # type: ignore[operator]
x > "a"  # type: ignore[operator]
x.sin(1.0)  # type: ignore[call-arg]
x.sine()  # type: ignore[attr-defined]
grad(f)("a")  # type: ignore[arg-type]
grad(f)(1.0, depth=3)  # type: ignore[call-arg]
grad(3.0)  # type: ignore[arg-type]
float(x)  # type: ignore[arg-type]
ag.no_such_function  # type: ignore[attr-defined]
