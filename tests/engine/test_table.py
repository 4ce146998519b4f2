"""The table: what a primitive is given, what it has by itself, and what it refuses."""

import copy
import importlib
import math
import pickle

import pytest
from bits import bits

import autograd_mini as ag
from autograd_mini import Value, topological_order
from autograd_mini.engine import primitives as p
from autograd_mini.engine.table import TABLE, Primitive, as_number, is_number, named
from autograd_mini.transforms.custom import primitive

nan, inf = math.nan, math.inf


@pytest.fixture
def rows():
    """Names of rows to be forgotten after the test, methods included."""
    names = []
    yield names
    for name in names:
        TABLE.pop(name, None)
        for cls in Value.__mro__[:-1]:
            if name in vars(cls):
                delattr(cls, name)


def test_numbers():
    assert [as_number(x) for x in (3, True, 2.5, 10**400, -(10**400))] == [3.0, 1.0, 2.5, inf, -inf]
    assert all(type(as_number(x)) is float for x in (3, True, 2.5))
    assert all(map(is_number, (1, 1.0, True)))
    assert not any(map(is_number, ("1", 1j, None, [1])))
    for wrong, remedy in [
        ("1", "got str; convert text"),
        (1j, "got complex; Values are real"),
        (None, "got NoneType; is a return"),
        ([1], "got list$"),
    ]:
        with pytest.raises(TypeError, match=remedy):
            as_number(wrong)


def test_rows_take_plain_numbers():
    assert (p.maximum(2, 3), p.exp(0), p.hypot(3, 4)) == (3.0, 1.0, 5.0)
    assert type(p.maximum(2, 3)) is float
    assert p.maximum(2.0, 10**400) == inf
    for call, message in [
        (lambda: p.exp(), r"exp\(x\) takes 1 operand, got 0"),
        (lambda: p.exp(1.0, 2.0), r"exp\(x\) takes 1 operand, got 2"),
        (lambda: p.exp(1, 2), r"exp\(x\) takes 1 operand, got 2"),
        (lambda: p.maximum(1.0), r"maximum\(x, y\) takes 2 operands, got 1"),
        (lambda: p.exp("1"), r"exp\(\): expected a real number, got str"),
    ]:
        with pytest.raises(TypeError, match=message):
            call()


def test_a_row_is_itself_wherever_it_goes():
    assert copy.copy(p.exp) is copy.deepcopy(p.exp) is pickle.loads(pickle.dumps(p.exp)) is p.exp
    assert named("exp") is p.exp
    assert repr(p.maximum) == "<primitive maximum(x, y)>"
    assert p.exp.__name__ == p.exp.name == "exp"
    with pytest.raises(LookupError, match="no primitive is called 'nothing' here; one of your own"):
        named("nothing")
    for name in ("colour", "taste", "zest"):
        with pytest.raises(AttributeError, match=f"a primitive has no attribute '{name}'"):
            getattr(primitive_without_value(), name)


def primitive_without_value():
    """A row whose value and slopes have not been asked for yet."""
    row = p.exp2
    return Primitive(
        "unasked",
        "x",
        **{
            name: getattr(row, name)
            for name in ("partials", "definition", "spelling", "domain", "reference")
        },
        **{name: getattr(row, name) for name in ("form", "latex", "precedence", "aliases")},
        value=None,
        doc="",
    )


def test_the_rows_of_this_package_are_written_out():
    """Speed: on floats a rule is straight Python, with an operator where a row has a spelling."""
    for row, names in [("maximum", ()), ("relu", ()), ("ceil", ("floor_",))]:
        assert TABLE[row].value.__name__ == "rule_on_floats"
        assert TABLE[row].value.__code__.co_names == names
    assert TABLE["relu"].slopes[0].__code__.co_names == ("step_",)
    assert TABLE["mul"].slopes[1].__name__ == "rule_on_floats"
    assert TABLE["hypot"].slopes[0].__name__ != "rule_on_floats"  # it takes any number of operands


@pytest.mark.parametrize("module", ["aaa.rules", "zzz", "autograd_mini_of_another"])
def test_a_rule_of_anybody_elses_is_run_as_it_stands(rows, module):
    rows.append("moody")
    mood = [1.0]

    def times(x):
        return x * mood[0]

    def rule(y, x):
        return 0.0 * x + mood[0]

    times.__module__ = rule.__module__ = module
    row = primitive("moody", definition=times, partials=[rule])
    for mood[0] in (1.0, 2.0, 3.0):
        assert row(5.0) == 5.0 * mood[0]
        assert row(Value(5.0)).partials == (mood[0],)

    def forgetful(y, x):
        return None

    rows.append("forgetful")
    forgetful.__module__ = module
    with pytest.raises(TypeError, match="partial of primitive 'forgetful' returned NoneType"):
        primitive("forgetful", value=abs, partials=[forgetful])(Value(1.0))


def test_partials_that_are_not_wanted_are_not_asked_for(rows):
    rows.append("asked")
    asked = []
    row = primitive(
        "asked",
        "x y z",
        value=lambda x, y, z: x + y,
        partials=[
            lambda w, x, y, z: asked.append("x") or 1.0,
            lambda w, x, y, z: asked.append("y") or 2.0,
            None,
        ],
    )
    assert row.partials_at(3.0, [1.0, 2.0, 3.0], [True, False, True]) == [1.0, None, None]
    assert asked == ["x"]
    assert row.partials_at(3.0, [1.0, 2.0, 3.0], [False, True, False]) == [None, 2.0, None]
    assert p.hypot.partials_at(5.0, [3.0, 4.0], [False, True]) == [None, 0.8]
    v = Value(2.0)
    assert row(1.0, v, 3.0).partials == (None, 2.0, None)
    assert v.asked(1.0, 5.0).partials == (1.0, None, None)


def test_the_operand_of_greatest_priority_records():
    class Low:
        record_priority = 1

        def record_primitive(self, op, operands):
            return type(self).__name__

    class High(Low):
        record_priority = 2

    v, low, high = Value(1.0), Low(), High()
    assert p.maximum(low, high) == p.maximum(high, low) == "High"
    assert p.maximum(v, low) == p.maximum(low, v) == "Low"
    assert p.maximum(low, 1.0) == p.maximum(1, low) == "Low"

    class Lowest(Value):
        record_priority = -1

        @staticmethod
        def record_primitive(op, operands):
            raise AssertionError("it is for the other to record")

    assert type(p.maximum(Lowest(1.0), v)) is type(p.maximum(v, Lowest(1.0))) is Value
    equal = type("Equal", (Low,), {})()
    assert (p.maximum(low, equal), p.maximum(equal, low)) == ("Low", "Equal")  # of equals, the first


def test_options_go_by_name():
    with pytest.raises(TypeError, match="takes 1 positional argument"):
        topological_order(Value(1.0), False)
    with pytest.raises(TypeError, match="takes from 2 to 3 positional arguments"):
        Primitive("unasked", "x", abs)


def test_as_many_partials_as_operands(rows):
    rows.append("short")
    row = primitive("short", "*x", value=max, partials=[lambda y, x: [1.0]])
    with pytest.raises(ValueError, match="zip"):
        row(Value(1.0), Value(2.0))
    with pytest.raises(ValueError, match="zip"):
        p.mul.partials_at(6.0, [2.0, 3.0], [True])


def test_a_new_primitive_is_a_method(rows):
    rows.append("late")
    row = primitive("late", value=lambda x: x, partials=[lambda y, x: 1.0])
    assert row is TABLE["late"]
    assert Value(2.0).late().data == 2.0
    assert Value(2.0).late().op is row


def test_what_a_new_row_is_given_and_what_it_has_by_itself(rows):
    rows += ["plain_row", "full_row"]
    plain = primitive("plain_row", value=abs, partials=[None])
    assert plain.operands == ("x",)
    assert plain.domain == ((-1.7976931348623157e308, 1.7976931348623157e308),)
    assert (plain.reference, plain.form) == ("plain_row(x)", "plain_row({x})")
    assert plain.latex == r"\operatorname{{plain\_row}}\left({x}\right)"
    assert plain.precedence > TABLE["pow"].precedence
    assert (plain.aliases, plain.__doc__, plain.definition, plain.variadic) == ((), "", None, False)
    full = primitive(
        "full_row",
        "a b",
        value=max,
        partials=[None, None],
        domain=[(0.0, 1.0), (2.0, 3.0)],
        reference="max(a, b)",
        form="{a} or {b}",
        latex="{a} / {b}",
        precedence=3,
        aliases=["another"],
        doc="Greater.",
    )
    rows.append("another")
    assert (full.operands, full.domain) == (("a", "b"), ((0.0, 1.0), (2.0, 3.0)))
    assert (full.reference, full.form, full.latex) == ("max(a, b)", "{a} or {b}", "{a} / {b}")
    assert (full.precedence, full.aliases, full.__doc__) == (3, ("another",), "Greater.")
    assert Value(1.0).another(2.0).op is full


def test_rows_that_are_refused():
    for make, kind, message in [
        (lambda: primitive(value=abs, partials=[None]), TypeError, "needs a name"),
        (lambda: primitive("exp", value=abs, partials=[None]), ValueError, "'exp' is already in the table"),
        (lambda: primitive("a b", value=abs, partials=[None]), ValueError, "must be identifiers"),
        (lambda: primitive("ab", "1x", value=abs, partials=[None]), ValueError, "must be identifiers"),
        (lambda: primitive("ab", "a *b", value=abs, partials=[None, None]), ValueError, "mix a star"),
        (lambda: primitive("ab", value=abs, partials=[]), ValueError, r"1 operands \(x\) and 0 partials"),
        (lambda: primitive("ab", value=abs, partials=[None] * 2), ValueError, "and 2 partials"),
    ]:
        with pytest.raises(kind, match=message):
            make()
    assert "ab" not in TABLE


def test_a_decorated_function_is_a_row_that_never_raises(rows):
    rows += ["bold", "renamed", "star"]

    @primitive(partials=[lambda y, x, n: 1 / x, None])
    def bold(x, n):
        """Raise whatever a number can raise."""
        if n == 3:
            raise KeyError("not of a number's making")
        if n < 0:
            return x
        return 1 / n if n == 0 else math.exp(1e9) if n == 1 else math.log(-1)

    assert (bold.name, bold.operands, bold.__doc__) == (
        "bold",
        ("x", "n"),
        "Raise whatever a number can raise.",
    )
    assert all(math.isnan(bold(1.0, float(n))) for n in range(3))
    assert all(math.isnan(bold(Value(1.0), float(n)).data) for n in range(3))
    with pytest.raises(KeyError):
        bold(1.0, 3.0)
    assert math.isnan(bold(Value(0.0), -1.0).partials[0])
    assert bold(Value(2.0), -1.0).partials == (0.5, None)
    assert type(bold(Value(2.0), -1.0).data) is float

    @primitive("renamed", "a", partials=[None], doc="Other words.")
    def original(x):
        """Return words."""
        return 1

    assert (original.name, original.operands, original.__doc__) == ("renamed", ("a",), "Other words.")
    assert type(original(2.0)) is float
    assert original(Value(2.0)).partials == (None,)

    @primitive(partials=[lambda y, x: [2.0 * t for t in x]])
    def star(*x):
        return sum(t * t for t in x)

    assert (star.operands, star.variadic) == (("*x",), True)
    v = Value(3.0)
    assert star(v, 1.0, v).partials == (6.0, None, 6.0)
    assert star(v).partials == (6.0,)


def test_a_rule_that_gives_no_number_is_told(rows):
    rows += ["silent", "half_silent", "graphic"]
    silent = primitive("silent", value=abs, partials=[lambda y, x: None])
    half = primitive("half_silent", "*x", value=max, partials=[lambda y, x: [1.0, None]])
    for make, name in [
        (lambda: silent(Value(1.0)), "silent"),
        (lambda: half(Value(1.0), 2.0), "half_silent"),
    ]:
        with pytest.raises(
            TypeError, match=rf"partial of primitive '{name}' returned NoneType, not a number"
        ):
            make()
    row = primitive("graphic", value=lambda x: x * x, partials=[lambda y, x: 2.0 * x])
    assert ag.grad(ag.grad(row))(3.0) == 2.0


def test_definitions_are_written_out_as_they_would_run(rows):
    rows += ["defined", "branching"]
    defined = primitive(
        "defined",
        "x y",
        partials=[lambda w, x, y: y - 1.0, lambda w, x, y: 2.0 - x],
        definition=lambda x, y: (x - y) * 2.0 - -y + (1.0 - x) * (3.0 + y) + 4.0 * x,
    )
    for x, y in [(2.0, 5.0), (-0.0, 0.0), (1e300, -3.0), (inf, 1.0)]:
        expected = (x - y) * 2.0 - -y + (1.0 - x) * (3.0 + y) + 4.0 * x
        assert bits(defined(x, y)) == bits(defined.value(x, y)) == bits(expected)
        node = defined(Value(x), Value(y))
        assert bits([node.data, *node.partials]) == bits([expected, y - 1.0, 2.0 - x])
    branching = primitive(
        "branching", partials=[lambda y, x: 1.0 if x > 0 else -1.0], definition=lambda x: x if x > 0 else -x
    )
    assert (branching(-3.0), branching(3.0)) == (3.0, 3.0)
    for name in ("sigmoid", "logaddexp", "softplus", "hypot"):
        row = TABLE[name]
        xs = [0.3, 0.8] if row.variadic else [0.3, 0.8][: len(row.operands)]
        leaves = [Value(x) for x in xs]
        node = row(*leaves)
        again = row.partials_at(node, leaves, [True] * len(xs))
        assert [d.data if isinstance(d, Value) else d for d in again] == pytest.approx(list(node.partials))


def test_a_rule_of_the_users_may_branch_and_must_return_a_number():
    try:
        ag.primitive("kinked", value=abs, partials=[lambda y, x: 7.0 if x == 0 else 2.0 * x])
        ag.primitive("forgetful", value=abs, partials=[lambda y, x: None])
        for x, slope in [(0.0, 7.0), (3.0, 6.0)]:
            v = Value(x)
            v.kinked().backward()
            assert v.grad == slope
        with pytest.raises(TypeError, match=r"partial of primitive 'forgetful' returned NoneType"):
            Value(1.0).forgetful()
        with pytest.raises(ValueError, match="must be identifiers"):
            ag.primitive("x y!", value=abs, partials=[None])
    finally:
        for name in ("kinked", "forgetful"):
            TABLE.pop(name, None)
            if hasattr(Value, name):
                delattr(Value, name)


# ---- defined again -----------------------------------------------------------------------------------


def slope_of(factor, module, aliases=()):
    """The primitive `again`, defined in a cell of that module."""
    cell = compile(
        "again = primitive('again', value=lambda x: factor * x, partials=[lambda y, x: factor * 1.0],"
        "aliases=aliases)",
        "cell",
        "exec",
    )
    space = {"__name__": module, "primitive": primitive, "factor": factor, "aliases": aliases}
    exec(cell, space)
    return space["again"]


def test_a_primitive_defined_again_replaces_the_former_and_graphs_keep_theirs(rows):
    rows += ["again", "once_more", "yet_again"]
    old = slope_of(2.0, "notebook", ["once_more"])
    x = Value(3.0)
    graph, pickled, row = old(x), pickle.dumps(old(x)), pickle.dumps(old)
    new = slope_of(5.0, "notebook", ["yet_again"])
    assert TABLE["again"] is named("again") is new is not old
    assert (graph.op, old(x).data, new(x).data, x.again().data) == (old, 6.0, 15.0, 15.0)
    assert (old(3.0), new(3.0)) == (6.0, 15.0)
    assert (x.yet_again().data, hasattr(x, "once_more")) == (15.0, False)
    # live rules are run again: those of the primitive that made the node
    assert ag.gradients(graph, [x])[0].data == 2.0
    assert ag.gradients(new(x), [x])[0].data == 5.0
    loaded = pickle.loads(pickled)
    assert (loaded.op, loaded.data) == (old, 6.0)
    assert copy.deepcopy(graph).op is pickle.loads(row) is old
    assert pickle.loads(pickle.dumps(new(x))).op is new
    third = slope_of(7.0, "notebook")
    assert [pickle.loads(pickle.dumps(each)) for each in (old, new, third)] == [old, new, third]
    del TABLE["again"]
    with pytest.raises(LookupError, match="no primitive is called 'again' here"):
        pickle.loads(row)


def test_a_primitive_of_builtin_functions_may_be_defined_again(rows):
    rows.append("again")
    for value in (math.cosh, math.sinh, math.cosh):
        row = primitive("again", value=value, partials=[None])
        assert row(1.0) == value(1.0)


def test_a_decorated_function_may_be_defined_again(rows):
    rows.append("again")
    for factor in (2.0, 3.0):

        @primitive(partials=[lambda y, x: factor])
        def again(x):
            return factor * x  # noqa: B023

        assert again(1.0) == factor
    assert TABLE["again"] is again


def test_names_of_others_are_refused(rows):
    rows.append("again")
    first = slope_of(2.0, "one")
    with pytest.raises(
        ValueError, match=r"'again' is already in the table, defined in one; choose another"
    ):
        slope_of(2.0, "two")
    for name in ("exp", "clip", "absolute"):
        with pytest.raises(ValueError, match=f"'{name}' is already in the table"):
            primitive(name, value=math.exp, partials=[None])
        with pytest.raises(ValueError, match=f"'{name}' is already in the table"):
            slope_of(2.0, "one", [name])
    assert TABLE["again"] is first
    assert Value(2.0).exp().op is TABLE["exp"]


def test_a_reloaded_module_replaces_its_primitives(rows, tmp_path, monkeypatch):
    rows.append("reloaded")
    path = tmp_path / "module_with_a_primitive.py"
    text = "from autograd_mini import primitive\n@primitive(partials=[lambda y, x: {0}])\n"
    path.write_text((text + "def reloaded(x): return {0} * x\n").format(2.0))
    monkeypatch.syspath_prepend(tmp_path)
    module = importlib.import_module("module_with_a_primitive")
    graph = module.reloaded(Value(1.0))
    path.write_text((text + "def reloaded(x): return {0} * x  # more\n").format(30.0))
    importlib.reload(module)
    assert (graph.data, module.reloaded(Value(1.0)).data, Value(1.0).reloaded().data) == (2.0, 30.0, 30.0)
    assert graph.op is not module.reloaded
