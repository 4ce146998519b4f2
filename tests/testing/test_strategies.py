"""The strategies: what they draw, how it shrinks, and that Hypothesis is imported only when wanted."""

import subprocess
import sys
from random import Random

import pytest
from hypothesis import Phase, find, given, settings
from hypothesis import strategies as st
from hypothesis.errors import FailedHealthCheck

import autograd_mini as ad
from autograd_mini import Value, topological_order
from autograd_mini import testing as ad_testing
from autograd_mini.engine.table import TABLE
from autograd_mini.testing import (
    GradientError,
    check_gradient,
    expressions,
    inputs_for,
    programs,
    values,
)
from autograd_mini.testing.domains import inside, point_inside
from autograd_mini.testing.recipes import CHOICE, OPERATORS, Recipe, grow
from autograd_mini.transforms.custom import primitive

QUICK = settings(max_examples=2_000, deadline=None, database=None, phases=[Phase.generate, Phase.shrink])


def smallest(strategy, condition):
    return find(strategy, condition, settings=QUICK, random=Random(0))


# ---- values and types ------------------------------------------------------------------------------


@given(values(-2.0, 3.0))
def test_values_are_leaves_with_numbers_in_range(v):
    assert type(v) is Value
    assert v.op is None
    assert -2 <= v.data <= 3


@given(st.data())
def test_hypothesis_knows_what_a_value_is(data):  # by its entry point: nobody has to say so
    assert type(data.draw(st.from_type(Value))) is Value


# ---- programs --------------------------------------------------------------------------------------


@given(programs())
def test_a_program_keeps_to_domains_and_gives_the_same_on_floats_and_values(recipe):
    assert inside(recipe, recipe.inputs)
    y = recipe(*recipe.inputs)
    assert type(y) is float
    v = recipe(*map(Value, recipe.inputs))
    assert v.data == y


@given(programs(words=["sin", "+"]))
def test_words_narrow_the_vocabulary(recipe):
    assert {word for word, _ in recipe.steps} <= {"sin", "+"}


@given(programs(max_inputs=2, max_operations=3))
def test_programs_can_be_kept_small(recipe):
    assert 1 <= len(recipe.inputs) <= 2
    assert len(recipe.steps) <= 3


@pytest.mark.parametrize("word", ["/", "exp", "acosh", "atan2", "where", "logsumexp", "polygamma", CHOICE])
def test_a_word_comes_up_and_shrinks_to_little_else(word):
    recipe = smallest(programs(words=[*OPERATORS, word]), lambda r: any(w == word for w, _ in r.steps))
    assert len(recipe) <= 2  # it may take one more to come into its domain


def test_branches_and_sharing_come_up():
    taken = smallest(programs(), lambda r: any(w == CHOICE for w, _ in r.steps))
    assert len(taken) == 1
    shared = smallest(programs(words=["*"]), lambda r: any(p[0] == p[1] for _, p in r.steps))
    assert len(shared) == 1


def test_a_row_of_ones_own_is_in_the_programs():
    primitive("cubed", value=lambda x: x * x * x, partials=[lambda y, x: 3 * x * x])
    try:
        recipe = smallest(programs(), lambda r: any(w == "cubed" for w, _ in r.steps))
        assert recipe.steps == (("cubed", (0,)),)
    finally:
        del TABLE["cubed"]


def test_a_recipe_reads_as_python():
    recipe = grow(
        [1.5, 2.0], [3], [("*", [2, 0]), ("neg", [0]), (CHOICE, [0, 1, 2, 3]), ("maximum", [0, 4])]
    )
    source, call = repr(recipe).rsplit("\n", 1)
    names = {name: getattr(ad, name) for name in ("where", "less", "maximum")}
    exec(source, names)
    assert eval(call, names) == recipe(*recipe.inputs)


def test_what_nothing_uses_is_added_up_and_a_program_may_be_a_leaf_alone():
    recipe = Recipe((2.0,), (), (("exp", (0,)), ("sin", (0,))))
    assert recipe(2.0) == ad.exp(2.0) + ad.sin(2.0)
    assert len(recipe) == 3
    assert Recipe((2.0,))(2.0) == 2.0
    assert len(Recipe((2.0,))) == 0


def test_on_plain_numbers_an_operator_is_its_row():
    assert Recipe((0.0,), (1,), (("/", (1, 0)),))(0.0) == float("inf")


def test_a_wish_outside_its_domain_is_skipped_unless_it_is_wild():
    assert len(grow([-1.0], [], [("log", [0])])) == 0
    assert len(grow([-1.0], [], [("log", [0])], wild=True)) == 1


@given(expressions())
def test_expressions_are_roots_with_labelled_leaves(root):
    leaves = [v for v in topological_order(root) if v.op is None]
    assert all(v.label in ("a", "b", "c") for v in leaves)


# ---- inputs ----------------------------------------------------------------------------------------


@given(inputs_for(lambda x, y: ad.log(x - y)))
def test_inputs_are_found_inside_the_domain(xs):
    assert xs[0] > xs[1]


@given(inputs_for(lambda x, y: ad.log(x - 1000) * y, x=(1001.0, 2000.0), y=st.just(3.0)))
def test_domains_may_be_given(xs):
    assert 1001 <= xs[0] <= 2000
    assert xs[1] == 3.0


def test_a_domain_that_is_not_found_is_asked_for():
    with pytest.raises(ValueError, match="say what x may be"):
        inputs_for(lambda x: ad.log(x - 1e6))
    with pytest.raises(TypeError, match="no parameter 'z' to be drawn; it has x"):
        inputs_for(lambda x: x, z=(0.0, 1.0))


def test_a_point_inside_is_short_and_always_the_same():
    def f(x, y):
        return ad.log(x) * ad.asin(y)

    point = point_inside(f, ["x", "y"], {})
    assert point == point_inside(f, ["x", "y"], {})
    assert inside(f, list(point.values()))
    assert all(len(repr(x)) <= 5 for x in point.values())
    with pytest.raises(ValueError, match="no number up to 1000 was found for x: give x="):
        point_inside(lambda x: ad.log(x - 1e6), ["x"], {})


# ---- the decorator ---------------------------------------------------------------------------------


@check_gradient
def test_log_of_a_sum_of_exponentials(x, y):
    return ad.log(ad.exp(x) + ad.exp(y))


@check_gradient(x=(0.5, 2.0), y=(-1.0, 1.0), order=1, modes=("reverse",))
def test_a_power_on_a_domain_that_is_given(x, y):
    return x**y


@check_gradient(w=st.lists(st.floats(-1, 1), min_size=1, max_size=3))
def test_nested_arguments_have_strategies_of_their_own(w):
    return ad.sum_(w) ** 2 if hasattr(ad, "sum_") else sum(w) ** 2


def test_the_decorator_fails_with_the_simplest_input_and_keeps_the_name():
    @check_gradient(order=1, settings=settings(database=None, derandomize=True))
    def area(x, y):
        """The area of a rectangle, with one side held fast."""
        return x * y.data

    assert area.__name__ == "area"
    assert area.__doc__.startswith("The area")
    with pytest.raises(GradientError, match=r"area at x = 1.0, y = 0.0: ∂f/∂y is 0.0 .* should be 1"):
        area()


# ---- imports ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "code", ["import autograd_mini", "import autograd_mini.testing", "import autograd_mini.cli.check"]
)
def test_hypothesis_and_mpmath_are_imported_only_when_asked_for(code):
    code += "; import sys; print(sorted({'hypothesis', 'mpmath', 'numpy'} & set(sys.modules)))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def test_without_hypothesis_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "hypothesis", None)
    monkeypatch.delitem(sys.modules, "autograd_mini.testing.strategies")
    monkeypatch.delattr(ad_testing, "strategies")
    with pytest.raises(
        ImportError, match=r"autograd_mini\.testing\.programs needs hypothesis: pip install"
    ):
        _ = ad_testing.programs
    with pytest.raises(AttributeError, match="no attribute 'strategy'"):
        _ = ad_testing.strategy


def test_without_mpmath_checks_still_work(monkeypatch):
    monkeypatch.setitem(sys.modules, "mpmath", None)
    assert ad_testing.check_grads(ad.sin, 1.0).decided
    report = ad_testing.compare_grads(lambda x: x * x.data, 3.0, order=1)
    assert "not the whole function" in str(report)


def test_a_strategy_that_finds_nothing_says_so():
    with pytest.raises(FailedHealthCheck, match="filtering out a lot"):
        given(inputs_for(lambda x: ad.log(x - 1000), x=(0.0, 1.0)))(lambda xs: None)()
