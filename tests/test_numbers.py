"""Numbers in the documents come from committed outputs of benchmarks, or are computed here."""

import importlib.util
import math
import re
import runpy
from pathlib import Path

import pytest
from accuracy import PROMISE, REACHED

from autograd_mini import Value
from autograd_mini.engine.table import TABLE

ROOT = Path(__file__).parent.parent
DATA = ROOT / "docs" / "data"


def text(path):
    return (ROOT / path).read_text(encoding="utf-8")


def test_the_readmes_table_of_speeds_is_the_one_that_the_outputs_make():
    table = runpy.run_path(str(ROOT / "benchmarks" / "table.py"))["table"]()
    assert table in text("README.md")


def test_where_somebody_is_faster_the_table_says_so():
    cells = re.findall(r"(\*\*)?[^,|*]+ \(([\d.e+]+)×\)(\*\*)?", text("README.md"))
    assert cells
    for opening, ratio, closing in cells:
        assert bool(opening) == bool(closing) == (float(ratio) < 1.0)


@pytest.mark.parametrize("name", ["accuracy", "bench_eager", "bench_replay"])
def test_an_output_names_the_machine_first(name):
    assert re.match(r"CPython 3\.\d+\.\d+, .*\S, .*\S", text(f"docs/data/{name}.txt"))


def errors():
    """(primitive, what, error, points) for each line of the output."""
    found = re.findall(r"^(\w+) +(value|∂/∂\S+) +(\d+\.\d+) +(\d+) ", text("docs/data/accuracy.txt"), re.M)
    return [(name, what, float(error), int(points)) for name, what, error, points in found]


def test_every_primitive_and_every_partial_was_measured_at_many_points():
    measured = {(name, what): points for name, what, _, points in errors()}
    for name, op in TABLE.items():
        partials = [f"∂/∂{x}" for x, rule in zip(op.operands, op.partials, strict=True) if rule is not None]
        for what in ["value", *partials]:
            assert measured[name, what] >= 100, (name, what)
    assert {name for name, _ in measured} == set(TABLE)


def test_what_is_said_about_accuracy():
    worst = {}
    for name, _, error, _ in errors():
        worst[name] = max(error, worst.get(name, 0.0))
    assert all(error <= PROMISE for name, error in worst.items() if name not in REACHED)
    gamma = max(error for name, error in worst.items() if name in REACHED)
    assert f"the gamma family reaches {math.ceil(gamma)}" in " ".join(text("README.md").split())


@pytest.mark.skipif(importlib.util.find_spec("micrograd") is None, reason="micrograd is not installed")
def test_what_is_said_about_micrograd():
    from micrograd.engine import Value as Theirs

    def twice(kind):
        x = kind(3.0)
        y = x * x * x
        y.backward()
        y.backward()
        return x.grad

    row = re.search(r"a second `backward` on `x\*x\*x` at 3 \| (\d+) \| (\d+)", text("docs/coming-from.md"))
    assert (twice(Theirs), twice(Value)) == (float(row[1]), float(row[2]))
