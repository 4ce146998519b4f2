"""Values in Jupyter: mathematics, whatever the number, and never an exception."""

import math

import pytest

from autograd_mini import Value


@pytest.mark.parametrize(
    ("x", "text"),
    [
        (2.0, "2"),
        (math.inf, r"\infty"),
        (-math.inf, r"-\infty"),
        (1.5e-9, r"1.5 \cdot 10^{-9}"),
        (math.nan, "nan"),
    ],
)
def test_a_value_is_a_formula_and_its_number(x, text):
    assert Value(x, "a")._repr_latex_() == f"$a = {text}$"


def test_what_cannot_be_written_falls_back_silently(monkeypatch):
    monkeypatch.setattr("autograd_mini.jupyter.latex", lambda v: 1 / 0)
    assert Value(1.0)._repr_latex_() is None
