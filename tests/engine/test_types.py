"""What type checkers, `help` and editors know of Values, of primitives and of derivatives."""

import inspect
import pydoc
import subprocess
import sys
from pathlib import Path

import pytest

import autograd_mini as ag
from autograd_mini.engine.table import TABLE
from autograd_mini.engine.value import Value


def test_mypy_knows_the_types_and_refuses_what_is_wrong():
    pytest.importorskip("mypy")
    here = Path(__file__).parent
    command = [sys.executable, "-m", "mypy", "--strict", "--no-error-summary", str(here / "typed.py")]
    found = subprocess.run(command, check=False, capture_output=True, text=True, cwd=here.parents[1])
    assert found.stdout == found.stderr == ""


def test_every_method_that_checkers_know_is_there():
    """The names stand in a block for type checkers alone: they must be those of the table."""
    source = inspect.getsource(sys.modules["autograd_mini.engine.operators"])
    block = source.split("if TYPE_CHECKING:  # the names")[1].split("\n    else:")[0]
    told = {word for word in block.replace("=", " ").split() if word.isidentifier()}
    short = {
        name for name, row in TABLE.items() if row.builtin and not row.variadic and len(row.operands) < 3
    }
    assert short - told == {"identity", "log_base"}  # the latter is log(x, base)
    assert all(
        hasattr(Value, name) for name in told - {"def", "self", "_alone", "_with_one"} if name in TABLE
    )


def test_help_shows_the_operands():
    assert str(inspect.signature(ag.sin)) == "(x)"
    assert str(inspect.signature(ag.atan2)) == "(y, x)"
    assert str(inspect.signature(ag.where)) == "(condition, x, y)"
    assert str(inspect.signature(ag.hypot)) == "(*x)"
    for primitive, call in [(ag.sin, "sin(x)"), (ag.clamp, "clamp(x, lo, hi)")]:
        text = pydoc.render_doc(primitive, renderer=pydoc.plaintext)
        assert call in text
        assert primitive.__doc__ in text


def test_a_derivative_has_the_parameters_of_its_function():
    def f(a, b=1.0, *, scale=2):
        """Any function."""
        return a * b * scale

    for transform in (ag.grad, ag.value_and_grad, ag.jacobian, ag.hessian):
        assert inspect.signature(transform(f)) == inspect.signature(f)
        assert transform(f).__doc__ == f.__doc__
