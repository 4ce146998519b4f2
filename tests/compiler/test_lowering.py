"""Graphs as ints, and programs that are arrays from the start: the same instructions, the same numbers."""

import pickle

import pytest
from bits import bits

from autograd_mini import Value, compile, logsumexp, where
from autograd_mini.compiler.lowering import Graph
from autograd_mini.compiler.rolling import Rolled
from autograd_mini.testing.recipes import grow, random_material


@pytest.mark.parametrize("block", range(8))
def test_an_unshared_program_has_the_bits_of_the_shared_one(block):
    for seed in range(block, 240, 8):
        recipe = grow(*random_material(seed, most=50), wild=seed % 3 == 0)
        leaves = [Value(x) for x in recipe.inputs]
        graph = Graph([recipe(*leaves)], leaves)
        for gradients in ((), range(len(leaves)), [len(leaves) - 1]):
            for from_zero in (True, False):
                shared = graph.program(gradients, from_zero=from_zero)
                unshared = graph.program(gradients, from_zero=from_zero, shared=False)
                numbers = list(recipe.inputs)
                found = unshared.evaluate(numbers)
                assert (found is None) == (shared.evaluate(numbers) is None)
                assert found is None or bits(found) == bits(shared.evaluate(numbers))
        assert unshared.length == len(unshared.code)
        again = pickle.loads(pickle.dumps(unshared))
        assert str(again) == str(unshared)


def test_a_primitive_of_two_operands_passes_on_otherwise_than_of_three():
    x, y = Value(0.5), Value(1.5)
    graph = Graph([logsumexp(x, y) * logsumexp(x, y, 2.0)], [x, y])
    shared, unshared = (graph.program([0, 1], shared=s) for s in (True, False))
    assert bits(unshared.evaluate([0.5, 1.5])) == bits(shared.evaluate([0.5, 1.5]))


def test_the_graph_of_a_trace_is_let_go():
    def f(x):
        y = x * x
        return where(y > 1.0, y * x, y)

    c = compile(f)
    assert c(2.0) == 8.0
    (trace,) = next(traces for _, traces in c._traces)
    assert trace.outputs == []
    assert c.grad(2.0) == 12.0
    assert c(0.5) == 0.25
    assert c._traces.made == 1


def test_no_instruction_of_a_rolled_program_is_an_object():
    pytest.importorskip("llvmlite")
    c = compile(lambda xs: sum(x * x * 0.5 + x for x in xs)).value_and_grad
    xs = [0.1 * k for k in range(2000)]
    c(xs)
    program = c.program(xs)
    assert isinstance(program, Rolled)
    assert "code" not in program.__dict__.keys() | program.straight.__dict__.keys()
