"""Random programs: backward is the sum over all paths, is what dual numbers carry, at either order."""

from hypothesis import given

from autograd_mini import Value
from autograd_mini.testing.recipes import OPERATORS, Recipe, vocabulary
from autograd_mini.testing.strategies import programs
from autograd_mini.testing.walks import first_order, second_order

AS_ROWS = {sign: row for sign, (row, _) in OPERATORS.items()}


@given(programs())
def test_backward_twice_and_forward_are_the_sum_over_paths(recipe):
    assert list(first_order(recipe)) == []


@given(programs(max_operations=8))
def test_second_order_is_the_same_in_every_nesting_of_modes(recipe):
    assert list(second_order(recipe)) == []


@given(programs(wild=True))
def test_finite_sums_over_paths_are_right_beside_infinities_and_nan(recipe):
    assert list(first_order(recipe)) == []


@given(programs(words=["+", "*", "-", "/"], max_operations=25))
def test_arithmetic_with_much_sharing(recipe):
    assert list(first_order(recipe)) == []


@given(programs(words=[w for w in vocabulary() if w in [*OPERATORS, "neg", "exp"]]))
def test_operators_give_what_their_rows_give_bit_for_bit(recipe):
    called = Recipe(
        recipe.inputs, recipe.constants, tuple((AS_ROWS.get(w, w), places) for w, places in recipe.steps)
    )
    outcomes = []
    for each in (recipe, called):
        leaves = [Value(x) for x in each.inputs]
        results = [y for y in each.results(*leaves) if isinstance(y, Value)]
        results[-1].backward()
        outcomes.append([(y.data, y.partials, y.grad) for y in [*results, *leaves]])
    assert repr(outcomes[0]) == repr(outcomes[1])  # by repr: -0.0 is not 0.0 here


WRITTEN_OUT = [
    (lambda x, y: x + y, ["Value", "int", "float"]),
    (lambda x, y: x - y, ["Value", "int", "float"]),
    (lambda x, y: x * y, ["Value", "int", "float"]),
    (lambda x, y: x / y, ["Value", "int", "float"]),
    (lambda x, y: y + x, ["int", "float"]),
    (lambda x, y: y - x, ["int", "float"]),
    (lambda x, y: y * x, ["int", "float"]),
    (lambda x, y: y / x, ["int", "float"]),
    (lambda x, y: x**y, ["int", "float"]),
    (lambda x, y: -x, ["float"]),
]
KINDS = {"Value": Value, "int": int, "float": float}


def test_operators_that_are_written_out_do_without_the_row(monkeypatch):
    def asked(op, operands):
        raise AssertionError(f"{op.name} was asked")

    monkeypatch.setattr(Value, "record_primitive", staticmethod(asked))
    for operator, kinds in WRITTEN_OUT:
        for kind in kinds:
            assert operator(Value(3.0), KINDS[kind](2)).op is not None
