"""Loops that are found are `for` in C, and every point stays as eager code computes it, to the bit."""

import ctypes
import random
import re
import shutil
import subprocess
from itertools import pairwise

import pytest
from bits import bits
from loop_programs import WRITTEN, at_random, graph_of, numbers

import autograd_mini as am
from autograd_mini.compiler import rolling
from autograd_mini.compiler.arguments import call_of
from autograd_mini.compiler.backends import source
from autograd_mini.compiler.tracing import traced

FUNCTIONS = [*WRITTEN, *map(at_random, range(24))]


@pytest.fixture(autouse=True)
def short_loops(monkeypatch):
    monkeypatch.setattr(rolling, "SHORTER", 0.1)


def rolled(f, x):
    """The program of value and gradient with its loops; None where there are none."""
    call = call_of(f, "f", (x,), {})
    trace = traced(f, "f", call)
    return rolling.rolled(trace.graph.program(range(len(x)), shared=False))


def compiled(folder, texts):
    """The functions of some texts, compiled together, strictly."""
    path, library = folder / "loops.c", folder / "loops.so"
    named = [text.replace("int replay(", f"int replay{k}(") for k, text in enumerate(texts)]
    path.write_text("\n".join(named))
    strictly = ["-std=c99", "-Wall", "-Wextra", "-Werror"]
    options = [
        "-O2",
        "-fno-builtin",
        "-ffp-contract=off",
        "-shared",
        "-fPIC",
        str(path),
        "-o",
        str(library),
        "-lm",
    ]
    subprocess.run(["cc", *strictly, *options], check=True)
    loaded = ctypes.CDLL(str(library))
    return [getattr(loaded, f"replay{k}") for k in range(len(texts))]


def run(function, x, outputs):
    found = (ctypes.c_double * outputs)()
    return list(found) if function((ctypes.c_double * len(x))(*x), found) else None


@pytest.mark.skipif(shutil.which("cc") is None, reason="no C compiler")
@pytest.mark.parametrize("block", range(4))
def test_loops_in_c_equal_eager_bit_for_bit(block, tmp_path):
    x = numbers(random.Random(block))
    found = [(f, program) for f in FUNCTIONS[block::4] if (program := rolled(f, x)) is not None]
    texts = [source("c", program) for _, program in found]
    for (_, program), text in zip(found, texts, strict=True):
        assert text.count("{\n") == 1 + len(program.loops) + text.count("[] = {\n")
    for (f, program), function in zip(found, compiled(tmp_path, texts), strict=True):
        for seed in range(4):
            y = numbers(random.Random(seed)) if seed else x
            answer = run(function, y, len(program.outputs))
            assert bits(answer) == bits(program.evaluate(y))
            if answer is not None:
                e, leaves = graph_of(f, y)
                e.backward()
                assert bits(answer) == bits([e.data, *[leaf.grad for leaf in leaves]])


def test_the_text_is_as_short_as_the_loop():
    x = numbers(random.Random(0))
    text = source("c", rolled(lambda x: sum(am.tanh(a * b) for a, b in pairwise(x)), x))
    assert len(re.findall(r"tanh\(", text)) < 6
    assert len(text.splitlines()) < 80


def test_a_primitive_without_a_word_in_c_is_named():
    op = am.primitive("unspelled_example", value=lambda x: x * 2.0, partials=[lambda y, x: 2.0])
    program = rolled(lambda x: sum(op(a) for a in x), numbers(random.Random(0)))
    with pytest.raises(ValueError, match="'unspelled_example' has no function in C"):
        source("c", program)
