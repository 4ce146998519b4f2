"""The table of what others call our functions: what it names exists, and what it writes out is right."""

import math
import re
from pathlib import Path

import mpmath
import pytest

import autograd_mini as ag
from autograd_mini import Value, nn, special

PAGE = Path(__file__).parents[2] / "docs" / "special.md"
ROWS = [
    [re.findall(r"`([^`]+)`", cell) for cell in line[1:-1].split("|")]
    for line in PAGE.read_text(encoding="utf-8").splitlines()
    if line.startswith("| `") and line.count("|") == 5
]
NUMBERS = {"x": 0.6, "y": 0.8, "z": 1.75, "a": 2.5, "b": 1.5, "l": 0.5, "w": 0.3}
HERE = {**{name: getattr(ag, name) for name in dir(ag)}, "nn": nn, "special": special}
HERE |= {"pi": math.pi, "tau": math.tau, "range": range}


def evaluated(text, numbers):
    return eval(text, HERE | numbers)


def test_the_table_is_read():
    assert len(ROWS) > 150
    assert all(len(row) == 4 and len(row[0]) == 1 for row in ROWS)


@pytest.mark.parametrize("text", [row[0][0] for row in ROWS])
def test_what_is_called_ours_exists_and_can_be_differentiated(text):
    if re.fullmatch(r"(\w+\.)?\w+", text):
        assert callable(eval(text, HERE))
        return
    leaves = {name: Value(x) for name, x in NUMBERS.items() if re.search(rf"\b{name}\b", text)}
    result = evaluated(text, leaves)
    result.backward()
    assert all(leaf.grad == leaf.grad for leaf in leaves.values())


OPERANDS = ("erf", "log", "atan", "ldexp")
"""Functions of mpmath with other operands than DiffRules' of these names."""

WRITTEN_OUT = [
    (row[0][0], other, oracle)
    for row in ROWS
    for cell, oracle in ((row[1], "scipy.special"), (row[3], "mpmath"))
    for other in cell
    for name in [other.split("(")[0]]
    if "(" in other and not re.fullmatch(r"(\w+\.)?\w+", row[0][0])
    if oracle != "mpmath" or (hasattr(mpmath, name) and name not in OPERANDS)
]


@pytest.mark.parametrize(("text", "other", "oracle"), WRITTEN_OUT, ids=str)
def test_what_is_written_out_has_the_value_of_the_function(text, other, oracle):
    name = other.split("(")[0]
    theirs = eval(other, {name: getattr(pytest.importorskip(oracle), name)} | NUMBERS)
    assert float(evaluated(text, NUMBERS)) == pytest.approx(float(theirs), rel=1e-12)
