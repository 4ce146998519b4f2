"""The example on handwritten digits: as good as promised, on rows it has not been trained on."""

import importlib.util
import runpy
from pathlib import Path

import pytest

pytest.importorskip("sklearn", reason='the digits come with: pip install "autograd-mini[data]"')
pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("llvmlite") is None, reason="minutes without machine code"
)

example = runpy.run_path(str(Path(__file__).parents[2] / "examples" / "digits.py"))


def test_nineteen_of_twenty_unseen_digits_are_right():
    model, history, (inputs, targets) = example["train"]()
    assert history.stopped == "finished"
    assert len(inputs) == len(targets) == 359
    assert example["accuracy"](model, (inputs, targets)) >= 0.95
    said = example["answers"](model, inputs[:20])
    eager = [max(range(10), key=[y.data for y in model(row)].__getitem__) for row in inputs[:20]]
    assert said == eager
