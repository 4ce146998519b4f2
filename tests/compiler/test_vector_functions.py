"""The functions over vectors keep their promise on every processor that they are written for."""

import math
import random

import numpy as np
import pytest
from accuracy import exact
from program_cases import SPECIAL

from autograd_mini import Value
from autograd_mini.compiler.backends.llvm import processor
from autograd_mini.compiler.backends.llvm.batch import BatchKernel
from autograd_mini.compiler.backends.llvm.batch_code import FUNCTIONS
from autograd_mini.compiler.backends.llvm.processor import Target
from autograd_mini.compiler.lowering import Graph
from autograd_mini.engine.table import TABLE

TARGETS = {
    "SSE2": Target(2, fma=False),
    "AVX2 without FMA": Target(4, fma=False),
    "AVX2": Target(4),
    "two registers": Target(8),
    "AVX-512": Target(8, avx512=True),
}


def points(count, rng):
    found = [[rng.choice(SPECIAL) for _ in range(count)] for _ in range(120)]
    found += [[rng.uniform(-5.0, 5.0) for _ in range(count)] for _ in range(120)]
    return found + [
        [rng.choice([-1, 1]) * 10 ** rng.uniform(-12, 12) for _ in range(count)] for _ in range(120)
    ]


def ulps(x, y):
    if x == y or (x != x and y != y):
        return 0.0
    if not (math.isfinite(x) and math.isfinite(y)):
        return math.inf
    return abs(x - y) / math.ulp(max(abs(x), abs(y), 2.3e-308))


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_is_right_to_four_ulp_on_a_target(target, name):
    if TARGETS[target].avx512 and not processor.host().avx512:
        pytest.skip("this processor has no AVX-512 to run it on")
    op = TABLE[name]
    count = 2 if op.variadic else len(op.operands)
    leaves = [Value(0.5) for _ in range(count)]
    program = Graph([op(*leaves)], leaves).program()
    given = points(count, random.Random(name))
    run = BatchKernel(program, [True] * count, [False], TARGETS[target])
    table, _, _ = run(list(np.array(given).T), len(given), 1)
    for operands, x in zip(given, table[0].tolist(), strict=True):
        y = op.value(*operands)
        assert ulps(x, y) <= 2.0 or ulps(x, float(exact(op, operands))) <= 4.0, (operands, x, y)
        if x == y == 0.0:
            assert math.copysign(1.0, x) == math.copysign(1.0, y), operands


def test_code_is_held_to_a_level_of_features():
    with pytest.raises(ValueError, match="no level of features is called 'mmx'"):
        processor.hold_to("mmx")
