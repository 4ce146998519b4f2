"""Programs: what they compute is what the graph computes, to the bit."""

import math
import pickle
import random
import subprocess
import sys

import pytest
from bits import bits
from program_cases import expression, numbers_for

from autograd_mini import Value, primitive, tanh, where
from autograd_mini.compiler.lowering import Graph
from autograd_mini.compiler.program import Program
from autograd_mini.engine.table import TABLE


def gradient_program(e, leaves, **options):
    return Graph([e], leaves).program(gradients=range(len(leaves)), **options)


@pytest.mark.parametrize("seed", range(300))
def test_evaluate_equals_backward_bit_for_bit(seed):
    rng = random.Random(seed)
    leaves = [Value(x) for x in numbers_for(rng, 4)]
    e = expression(rng, leaves, 25)
    e.backward()
    found = gradient_program(e, leaves).evaluate([x.data for x in leaves])
    assert bits(found) == bits([e.data, *[x.grad for x in leaves]])


@pytest.mark.parametrize("seed", range(200))
def test_at_other_inputs_it_holds_or_says_that_it_does_not(seed):
    rng = random.Random(seed)
    leaves = [Value(x) for x in numbers_for(rng, 3)]
    state = rng.getstate()
    program = gradient_program(expression(rng, leaves, 20, choices=True), leaves)
    for _ in range(5):
        numbers = numbers_for(random.Random(rng.random()), 3)
        again = [Value(x) for x in numbers]
        repeat = random.Random()
        repeat.setstate(state)
        e = expression(repeat, again, 20, choices=True)
        e.backward()
        found = program.evaluate(numbers)
        if found is not None:
            assert bits(found) == bits([e.data, *[x.grad for x in again]])


@pytest.mark.parametrize("seed", range(200))
def test_selecting_branches_never_misses(seed):
    rng = random.Random(seed)
    leaves = [Value(x) for x in numbers_for(rng, 3)]
    state = rng.getstate()
    e = expression(rng, leaves, 20, choices=True)
    program = gradient_program(e, leaves, branches="select")
    assert not program.guards
    for _ in range(5):
        numbers = numbers_for(random.Random(rng.random()), 3)
        again = [Value(x) for x in numbers]
        repeat = random.Random()
        repeat.setstate(state)
        e = expression(repeat, again, 20, choices=True)
        e.backward()
        found = program.evaluate(numbers)
        # The sums may be in another order, so only what is certain is compared: where nan and inf are.
        assert bits(found[:1]) == bits([e.data])
        for x, leaf in zip(found[1:], again, strict=True):
            assert (x != x) == (leaf.grad != leaf.grad) or max(abs(x), abs(leaf.grad)) == math.inf


def test_nothing_leaks_through_a_branch_not_taken():
    x = Value(-1.0)
    e = where(Value(0.0) < x, x.log() * x, 2.0 * x)
    program = gradient_program(e, [x], branches="select")
    assert program.evaluate([-1.0]) == [-2.0, 2.0]
    condition = (x * 1.0).step()
    e = where(condition, (x.log() * x).sqrt(), 2.0 * x)
    program = gradient_program(e, [x], branches="select")
    assert program.evaluate([-1.0]) == [-2.0, 2.0]
    assert program.evaluate([0.0]) == [0.0, 2.0]
    y = Value(1.5)
    r = where((y * 1.0).step(), (y.log() * y).sqrt(), 2.0 * y)
    r.backward()
    assert program.evaluate([1.5]) == [r.data, y.grad]


def test_sums_keep_the_order_of_backward():
    # g1·p + g2·p is not (g1 + g2)·p: equal products of different adjoints are not merged
    x = Value(0.1)
    a, b = tanh(x) * 3.0, tanh(x) * 0.7
    e = a * b + a
    e.backward()
    assert gradient_program(e, [x]).evaluate([0.1]) == [e.data, x.grad]


def test_equal_instructions_are_shared_and_dead_ones_dropped():
    x = Value(2.0)
    program = Graph([x.exp() + x.exp()], [x]).program()
    assert [op[0] for op in program.code] == ["exp", "add"]
    unused = Graph([x * 2.0, x.sin()], [x]).program()
    assert len(unused.code) == 2


@pytest.mark.parametrize(
    ("f", "x"),
    [
        (lambda x: x * 0.0, math.inf),
        (lambda x: x - x, math.inf),
        (lambda x: x / x, 0.0),
        (lambda x: x + 0.0, -0.0),
    ],
)
def test_nothing_is_rewritten_that_an_ieee_result_could_tell(f, x):
    v = Value(1.0)
    assert bits(Graph([f(v)], [v]).program().evaluate([x])) == bits([f(Value(x)).data])


def test_a_program_can_be_pickled_and_has_one_fingerprint_everywhere():
    x = Value(2.0)
    program = gradient_program(x.exp() * x, [x])
    assert pickle.loads(pickle.dumps(program)) == program
    code = (
        "from autograd_mini import Value; from autograd_mini.compiler.lowering import Graph; "
        "x = Value(2.0); "
        "print(Graph([x.exp() * x], [x]).program(gradients=[0]).fingerprint)"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == program.fingerprint


def test_a_chain_of_many_steps():
    x = Value(0.5)
    e = x
    for _ in range(100_000):
        e = e * 0.999 + x
    e.backward()
    program = gradient_program(e, [x])
    assert program.evaluate([0.5]) == [e.data, x.grad]


def test_derived_primitives_are_expanded_to_the_bit():
    for name, row in TABLE.items():
        if row.definition is not None and row.value is row.definition and not row.variadic:
            leaves = [Value(0.3) for _ in row.operands]
            program = gradient_program(row(*leaves), leaves)
            expanded = program.expanded(())
            assert all(op.definition is None for op in expanded.primitives)
            numbers = [0.3] * len(leaves)
            assert bits(expanded.evaluate(numbers)) == bits(program.evaluate(numbers)), name


def test_a_rule_that_branches_on_a_number_is_refused_by_name():
    row = primitive("branching_example", value=abs, partials=[lambda y, x: 1.0 if x > 0 else -1.0])
    try:
        x = Value(1.0)
        with pytest.raises(TypeError, match="branching_example"):
            gradient_program(row(x), [x])
    finally:
        del TABLE["branching_example"]


def test_printed_form():
    x = Value(2.0)
    text = str(Graph([x * 3.0], [x]).program())
    assert text == "inputs v0\nv1 = mul(v0, 3.0)\nreturn v1"
    assert isinstance(Graph([x], [x]).program(), Program)


def test_a_choice_between_chains_that_meet_needs_no_guard():
    x = Value(0.7)
    y = x * 1.5
    for _ in range(3):
        y = where(TABLE["less"](y, 1.0), (y * 0.5).exp(), -y)
    e = y * y + x.tanh() * y
    e.backward()
    program = gradient_program(e, [x])
    assert not program.guards
    for number in (0.7, -3.0, 0.0, 5.0, -0.1):
        again = Value(number)
        z = again * 1.5
        for _ in range(3):
            z = where(TABLE["less"](z, 1.0), (z * 0.5).exp(), -z)
        r = z * z + again.tanh() * z
        r.backward()
        assert bits(program.evaluate([number])) == bits([r.data, again.grad])


def test_a_choice_that_changes_the_order_of_payments_is_guarded():
    x, y = Value(0.7), Value(-0.2)
    a, b = x * y, x + y
    e = where(TABLE["less"](x, 1.0), a * b, b.exp()) + a * 0.3 + b * 0.7 + a * b
    program = gradient_program(e, [x, y])
    assert [expected for _, expected in program.guards] == [True]
    assert program.evaluate([2.0, 1.0]) is None
