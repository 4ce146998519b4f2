"""Numbers in the documents come from committed outputs of benchmarks, or are computed here."""

import doctest
import importlib.util
import math
import re
import runpy
from pathlib import Path

import pytest
from accuracy import PROMISE, REACHED

from autograd_mini import Value
from autograd_mini.compiler.sums import BLOCK
from autograd_mini.engine.table import TABLE
from autograd_mini.formulas.formula import LONGEST
from autograd_mini.nn import MLP
from autograd_mini.special.by_scipy import Special
from autograd_mini.testing.search import FEW as ONE_BY_ONE

draw = importlib.import_module("autograd_mini.show.draw")  # functions of the same names stand before them
explore = importlib.import_module("autograd_mini.page.explore")

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
    assert all(error <= REACHED.get(name, PROMISE) for name, error in worst.items())
    gamma = max(worst[name] for name in REACHED if not isinstance(TABLE[name], Special))
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


# ---- every other number with a unit ------------------------------------------------------------------


def measured(output, pattern):
    """The number that a benchmark's committed output has at the group of `pattern`."""
    return float(re.search(pattern, text(f"docs/data/{output}.txt"), re.M)[1])


def percent(part, whole, digits):
    return f"{100 * part / whole:.{digits}f} %"


MUTANTS, NOTICED = 732, 698


def held():
    """(page, words): what the pages say, made of the numbers that it rests on."""
    node = measured("bench_eager", r"^  as recorded (\d+) ")
    item = measured("bench_replay", r"^50-op formula, 1e6 rows.*\n  autograd_mini +([\d.]+) µs") / 1e3  # ns
    spare = int(re.search(r"^#define SPARE (\d+)", text("autograd_mini/engine/_node.c"), re.M)[1])
    kilobytes = math.ceil(len(explore.explore().html.encode()) / 1e5) * 100
    tables, rows = draw.TABLES[0], draw.ROWS[0]
    parameters = len(MLP(8, [32, 32, 1]).parameters())
    return [
        ("performance.md", f"takes {node:.0f} bytes, so a million operations take {node:.0f} megabytes"),
        ("performance.md", f"Up to {spare:,} freed nodes"),
        ("dask.md", f"about {item:.0f} ns for an item"),
        ("dask.md", f"are then {item:.0f} s of work, or {math.ceil(1e9 / 2**20)} tasks"),
        ("dask.md", f"multiples of {BLOCK:,} items"),
        ("dask.md", f"blocks of {BLOCK:,} items"),
        ("explore.md", f"less than {kilobytes} KB"),
        ("explore.md", f"{explore.NODES} nodes and {explore.EDGES:,} edges"),
        ("pictures.md", f"From {draw.FEW + 1} nodes on"),
        ("pictures.md", f"up to {tables} nodes. It is one SVG"),
        ("pictures.md", f"up to {tables} nodes, and a single line in graphs of up to {rows}."),
        ("pictures.md", f"longer than {LONGEST:,} characters"),
        ("pictures.md", f"A network of {parameters:,} parameters"),
        ("checking-gradients.md", f"Up to {ONE_BY_ONE} numbers"),
        ("checking-gradients.md", f"noticed {percent(NOTICED, MUTANTS, 0)} of them"),
        ("reliability.md", f"{MUTANTS} small changes"),
        ("reliability.md", f"{NOTICED} noticed, {percent(NOTICED, MUTANTS, 1)}"),
        ("contributing", f"| all | {MUTANTS} | {NOTICED}, which is {percent(NOTICED, MUTANTS, 1)}"),
    ]


def page_text(page):
    path = "CONTRIBUTING.md" if page == "contributing" else f"docs/{page}"
    return " ".join(re.sub(r"```.*?```", "", text(path), flags=re.S).split())


def test_what_pages_say_with_a_number_rests_on_what_it_is_about():
    assert [(page, words) for page, words in held() if words not in page_text(page)] == []


def test_no_page_says_how_fast_large_or_often_without_being_held_to_it():
    unit = r"(?:ns|µs|ms|s|seconds|minutes|hours|bytes|[kKMG]B|megabytes|gigabytes)\b|%|×(?! *\d)"
    number = re.compile(rf"(?<![\w.])\d[\d,.]*[   ]?(?:{unit})")
    for path in (ROOT / "docs").glob("*.md"):
        told = page_text(path.name)
        for page, words in held():
            if page == path.name:
                told = told.replace(words, "")
        assert number.findall(told) == [], path.name


def test_the_survivors_of_mutation_testing_are_all_listed():
    groups = re.findall(r"^\*\*[^*]+ \((\d+)\)\.\*\*", text("CONTRIBUTING.md"), re.M)
    assert sum(map(int, groups)) == MUTANTS - NOTICED


def test_the_campaign_is_told_alike_wherever_it_is_told():
    told = "1,000,000 random programs of 12,682,850 operations"
    assert told in page_text("reliability.md")
    assert told in page_text("checking-gradients.md")


def test_forty_lines_are_an_engine():
    told = (ROOT / "docs" / "how-it-works.md").read_text(encoding="utf-8")
    examples = doctest.DocTestParser().get_examples(told.split("### The chain rule, path by path")[0])
    engine = [e.source for e in examples if e.source.startswith("class Node")]
    after = doctest.DocTestParser().get_examples(told.split("### Debts")[1].split("## What the real")[0])
    engine += [e.source for e in after if e.source.startswith(("def in_order", "def backward"))]
    lines = [line for source in engine for line in source.splitlines() if line.strip()]
    assert len(engine) == 3
    assert len(lines) <= 40
