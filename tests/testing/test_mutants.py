"""Bugs put in on purpose: random programs must find each, and shrink it to a few operations."""

import sys
import time
import types
from contextlib import contextmanager
from pathlib import Path
from random import Random

import pytest
from engine.test_state_machine import Graphs
from hypothesis import Phase, find, settings
from hypothesis.stateful import run_state_machine_as_test
from walks import first_order

from autograd_mini.engine import value
from autograd_mini.engine.primitives import div, sin, where
from autograd_mini.engine.table import TABLE
from autograd_mini.testing import compare_grads
from autograd_mini.testing.recipes import CHOICE, vocabulary
from autograd_mini.testing.strategies import programs
from autograd_mini.transforms import dual

MOST_OPERATIONS = 4
MOST_SECONDS = 10.0  # of this process: a busy machine is no excuse, nor a reason to fail
FAST = settings(max_examples=500, deadline=None, database=None, phases=[Phase.generate])
THOROUGH = settings(max_examples=5_000, deadline=None, database=None, phases=[Phase.generate, Phase.shrink])
HONEST = [word for word in vocabulary() if word != "stop_gradient"]


def shrunk(strategy, is_wrong):
    """A small program that shows the bug: shrinking is greedy, so a second search where one gets stuck."""
    for seed in (0, 1):
        start = time.process_time()
        recipe = find(strategy, is_wrong, settings=THOROUGH, random=Random(seed))
        seconds = time.process_time() - start
        assert seconds < MOST_SECONDS
        if len(recipe) <= MOST_OPERATIONS:
            break
    assert len(recipe) <= MOST_OPERATIONS, f"not shrunk:\n{recipe}"
    print(f"{seconds:.1f} s: {recipe}")
    return recipe


# ---- wrong rows: what the oracles of check_grads are for -------------------------------------------

ROWS = {
    "sign": ("cos", [lambda y, x: sin(x)]),
    "factor": ("sqrt", [lambda y, x: div(1.0, y)]),
    "swapped operands": ("atan2", TABLE["atan2"].partials[::-1]),
    "missing chain factor": ("exp2", [lambda y, x: y]),
    "forgotten edge": ("hypot", [lambda y, xs: [div(xs[0], y), *[0.0] * (len(xs) - 1)]]),
    "wrong on one side": ("softplus", [lambda y, x: where(x, TABLE["sigmoid"](x), 1.0)]),
}


@contextmanager
def wrong_partials(row, partials):
    before = row.partials, row.slopes
    row.partials = tuple(partials)
    del row.slopes  # they are written out again, from the wrong rules
    try:
        yield
    finally:
        row.partials, row.slopes = before


@pytest.mark.parametrize("bug", ROWS)
def test_a_wrong_partial_is_found_and_named(bug):
    name, partials = ROWS[bug]

    with wrong_partials(TABLE[name], partials):
        recipe = shrunk(
            programs(words=HONEST), lambda r: name in dict(r.steps) and accused(r, f" of {name}(")
        )
        assert f" of {name}(" in str(compare_grads(recipe, *recipe.inputs, order=1))


def test_a_branch_not_taken_that_leaks_nan_is_found():
    leaking = [None, lambda z, c, x, y: 1.0 if c else 0.0, lambda z, c, x, y: 0.0 if c else 1.0]
    with wrong_partials(TABLE["where"], leaking):
        recipe = shrunk(
            programs(words=["log", CHOICE], wild=True), lambda r: accused(r, "should be no edge")
        )
        assert "should be no edge" in str(compare_grads(recipe, *recipe.inputs, order=1))


def accused(recipe, charge):
    """Whether the report says so: an unlucky corner is another charge, and would be another find."""
    report = compare_grads(recipe, *recipe.inputs, order=1, modes=["reverse"])
    return not report.ok and charge in str(report)


# ---- a wrong engine: what the naive one is for -----------------------------------------------------

NO_ORDER = """
def _pay_debts(order):
    stack, seen = order[-1:], set()
    while stack:
        node = stack.pop()
        if node not in seen:
            seen.add(node)
            for x, derivative in node.edges():
                x._grad += node._grad * derivative
                stack.append(x)
"""
STALE = """
def _pay_debts(order):
    for node in reversed(order):
        numbers = [x._data if isinstance(x, Value) else x for x in node.operands]
        now = node.op.partials_at(node._data, numbers, [True] * len(numbers)) if node.op else ()
        for x, recorded, derivative in zip(node.operands, node.partials, now):
            if recorded is not None:
                x._grad += node._grad * derivative
"""
ENGINE = {
    "= for +=": ("node._y._grad += received * dy", "node._y._grad = received * dy"),
    "no topological order": ("", NO_ORDER),
    "a visit for every path": ("            if node._mark == met:", "            if True:"),
    "x * x without its second edge": ("_dy = self._data", "_dy = None if other is self else self._data"),
    "x / y with a wrong sign": ("1.0 / y, other, -(z / y))", "1.0 / y, other, z / y)"),
    "a leaf's present number": ("", STALE),
    "interior nodes not settled afresh": ("        node._grad = -0.0", "        node._grad = node.grad"),
    "many operands: the first only": (
        "for x, derivative in node.edges():",
        "for x, derivative in [*node.edges()][:1]:",
    ),
}


@contextmanager
def broken_engine(old, new):
    """`Value` as its file would have it with `old` replaced by `new`, or with `new` at its end."""
    source = Path(value.__file__).read_text().replace("follow(_add_method)", "")  # leave no trace
    assert old in source, f"{old!r} is no longer in value.py: write this mutant anew"
    broken = source.replace(old, new, 1) if old else source + new
    module = types.ModuleType("broken_engine")
    sys.modules[module.__name__] = module  # for pickle
    try:
        exec(compile(broken, "broken_engine.py", "exec"), module.__dict__)
        yield module.Value
    finally:
        del sys.modules[module.__name__]


@pytest.mark.parametrize("bug", ENGINE)
def test_a_broken_engine_is_found(bug):
    with broken_engine(*ENGINE[bug]) as leaf:
        shrunk(programs(), lambda recipe: any(first_order(recipe, leaf)))


# ---- a wrong life: what the state machine is for ---------------------------------------------------

LIVES = {
    "deepcopy keeps an operand of the original": (
        "[_copied(operand, memo) for operand in state[4:6]]",
        "[_copied(state[4], memo), state[5]]",
    ),
    "copy shares nothing": ("return _restore(*_state(self))", "return Value(self._data)"),
    "a copied leaf loses its gradient": (
        "return _restore(*_state(self))",
        "return _restore(self._data, 0.0, *_state(self)[2:])",
    ),
    "backward overwrites leaves": ("before + leaf._grad) for leaf", "leaf._grad) for leaf"),
    "a graph holds its result": (
        "        node = new(Value)",
        "        node = new(Value); self.label = node",
    ),
}


@pytest.mark.parametrize("bug", LIVES)
def test_the_state_machine_notices(bug):
    with broken_engine(*LIVES[bug]) as leaf:
        machine = type("Broken", (Graphs,), {"leaf": leaf})
        with pytest.raises(AssertionError):
            run_state_machine_as_test(machine, settings=settings(FAST, stateful_step_count=30))


# ---- a wrong forward mode --------------------------------------------------------------------------


def test_a_forward_mode_that_forgets_a_term_is_found(monkeypatch):
    record = dual.Dual.record_primitive

    def forgetful(self, op, operands):
        return record(self, op, (*operands[:1], *[dual.split(x, self.level)[0] for x in operands[1:]]))

    monkeypatch.setattr(dual.Dual, "record_primitive", forgetful)
    shrunk(programs(), lambda recipe: any(first_order(recipe)))
