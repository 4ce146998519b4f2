"""What the builder would not write is passed over in all iterations of a loop, and nothing else changes."""

import random

import numpy as np
import pytest
from bits import bits
from loop_programs import COUNT, WRITTEN, at_random, graph_of, numbers

from autograd_mini.compiler import rolling
from autograd_mini.compiler.identities import followed, simplified
from autograd_mini.compiler.loops import ABSENT, Run, repeats
from autograd_mini.compiler.lowering import Graph
from autograd_mini.engine.table import named


def stream(f, x):
    """The instructions of `f` and its gradient, not shared, as arrays, in which equal numbers are one."""
    y, leaves = graph_of(f, x)
    program = Graph([y], leaves).program(range(len(x)), shared=False)
    names = list(program.table)
    opcodes = np.array([names.index(op[0]) for op in program.code], int)
    operands = np.full((3, len(opcodes)), ABSENT)
    for i, (_, *given) in enumerate(program.code):
        operands[: len(given), i] = given
    kinds, inverse = np.unique(np.array(program.constants).view(np.int64), return_inverse=True)
    constant = (operands < 0) & (operands != ABSENT)
    operands[constant] = ~inverse[~operands[constant]]
    outputs = [k if k >= 0 else ~int(inverse[~k]) for k in program.outputs]
    primitives = [program.table[name] for name in names]
    return opcodes, operands, kinds.view(float), primitives, outputs


def evaluated(constants, x, code, primitives, operands, outputs):
    """Compute one instruction after the other."""
    slots = list(x)
    get = lambda k: slots[k] if k >= 0 else float(constants[~k])  # noqa: E731
    for opcode, given in zip(code.tolist(), operands.T.tolist(), strict=True):
        slots.append(primitives[opcode].value(*[get(k) for k in given if k != ABSENT]))
    return [get(k) for k in outputs]


@pytest.mark.parametrize("f", [*WRITTEN, *map(at_random, range(30))])
def test_no_result_changes(f):
    x = numbers(random.Random(7))
    opcodes, operands, constants, primitives, outputs = stream(f, x)
    runs = repeats(opcodes, operands, COUNT)
    found, stands, constants = simplified(opcodes, operands, constants, primitives, COUNT, runs)
    kept = followed(stands, np.array(outputs)).tolist()
    for seed in range(3):
        y = numbers(random.Random(seed))
        expected = evaluated(constants, y, opcodes, primitives, operands, outputs)
        assert bits(evaluated(constants, y, opcodes, primitives, found, kept)) == bits(expected)
    for run in runs:  # what is passed over in one iteration is so in all
        base = COUNT + run.start
        block = stands[base : base + run.period * run.times] == np.arange(base, COUNT + run.end)
        assert (block.reshape(run.times, run.period) == block[: run.period]).all()


def test_an_identity_of_one_iteration_alone_is_left():
    # Of three factors of one input, the second is 1.0: the loop keeps all three products.
    operands = np.array([[0, 1, 2], [~0, ~1, ~0]])
    code, constants = np.zeros(3, int), np.array([3.0, 1.0])
    loop = simplified(code, operands, constants, [named("mul")], 1, [Run(0, 1, 3)])
    assert loop[0].tolist() == operands.tolist()
    straight = simplified(code, operands, constants, [named("mul")], 1, [])
    assert straight[0].tolist() == [[0, 1, 1], [~0, ~1, ~0]]


def test_the_derivative_of_a_square_calls_no_power(monkeypatch):
    monkeypatch.setattr(rolling, "SHORTER", 0.1)
    x = [0.1 * k for k in range(50)]
    y, leaves = graph_of(lambda x: sum((a - 1.0) ** 2 for a in x), x)
    program = rolling.rolled(Graph([y], leaves).program(range(50), shared=False))
    powers = [loop.names[j] for loop in program.loops for j in loop.live if loop.names[j] == "pow"]
    assert len(powers) == 1
