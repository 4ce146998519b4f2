"""Expressions mean what they mean in Python, and whatever else is typed gets one clear line."""

import ast
import inspect
import math
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograd_mini import Value
from autograd_mini.engine.table import TABLE
from autograd_mini.formulas.parse import CONSTANTS, LONGEST, Expression, ExpressionError, parse

# ---- what an expression means ----------------------------------------------------------------------


class Tree:
    """Records as nested tuples: ("add", "a", 2.0)."""

    record_priority = 1

    def __init__(self, tree):
        self.tree = tree

    def record_primitive(self, op, operands):
        return Tree((op.name, *(x.tree if isinstance(x, Tree) else x for x in operands)))


def ours(text):
    f = Expression(text)
    result = f(*[Tree(name) for name in f.variables])
    return result.tree if isinstance(result, Tree) else result


OPERATORS = {
    ast.Add: "add", ast.Sub: "sub", ast.Mult: "mul", ast.Div: "div", ast.Mod: "mod",
    ast.FloorDiv: "floordiv", ast.Pow: "pow", ast.USub: "neg", ast.UAdd: "",
}  # fmt: skip


def pythons(text):
    """The same by Python's own parser."""

    def build(name, *operands):
        if not name:
            return operands[0]
        if all(isinstance(x, float) for x in operands):
            return TABLE[name](*operands)
        return (name, *operands)

    def go(node):
        match node:
            case ast.Constant(value):
                return float(value)
            case ast.Name(name):
                return CONSTANTS.get(name, name)
            case ast.BinOp(x, op, y):
                return build(OPERATORS[type(op)], go(x), go(y))
            case ast.UnaryOp(op, x):
                return build(OPERATORS[type(op)], go(x))
            case ast.Call(ast.Name(name), operands):
                return build(name, *map(go, operands))
        raise AssertionError(ast.dump(node))

    return go(ast.parse(" ".join(text.split()), mode="eval").body)


blanks = st.sampled_from(["", "", " ", "\n", "\t "])
atoms = st.sampled_from(
    ["a", "b", "x1", "w_2", "权重", "2", "0.5", ".5", "3.", "1e-3", "1_000", "2E+2", "pi"]
)


def longer(inner):
    return st.one_of(
        st.tuples(inner, blanks, st.sampled_from(["+", "-", "*", "/", "**", "%", "//"]), blanks, inner),
        st.tuples(st.sampled_from(["-", "+"]), blanks, inner),
        st.tuples(st.just("("), blanks, inner, blanks, st.just(")")),
        st.tuples(st.sampled_from(["exp", "tanh", "relu"]), blanks, st.just("("), inner, st.just(")")),
        st.tuples(st.just("maximum("), inner, blanks, st.just(","), inner, st.just(")")),
    ).map("".join)


@given(st.recursive(atoms, longer, max_leaves=12))
def test_expressions_mean_what_they_mean_in_python(text):
    assert repr(ours(text)) == repr(pythons(text))


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        ("a < b", lambda a, b: a < b),
        ("a <= b", lambda a, b: a <= b),
        ("a > b", lambda a, b: a > b),
        ("a >= b", lambda a, b: a >= b),
        ("a == b", lambda a, b: a == b),
        ("a != b", lambda a, b: a != b),
        ("-a + 1 < 2 * b", lambda a, b: -a + 1 < 2 * b),
        ("(a < b)", lambda a, b: a < b),
        ("(a < b) * (b < 3)", lambda a, b: a < b < 3),
        ("maximum(a < 0, b < 0)", lambda a, b: a < 0 or b < 0),
    ],
)
def test_comparisons_choose_as_in_python(condition, holds):
    f = Expression(f"where({condition}, a, b)")
    for a in (-1.0, 0.0, 1.0, 2.0, math.inf, math.nan):
        for b in (-0.0, 1.0, 2.0, 4.0, -math.inf, math.nan):
            assert repr(f(a, b)) == repr(a if holds(a, b) else b), (a, b)
            y = f(Value(a), Value(b))
            assert repr(y.data) == repr(a if holds(a, b) else b)


def test_one_name_is_one_leaf_and_its_label():
    e = parse("(a+b)*(b+1)", a=2, b=1)
    (c, d) = e.operands
    assert c.operands[1] is d.operands[0]
    assert [leaf.label for leaf in c.operands] == ["a", "b"]
    e.backward()
    assert (e.data, c.operands[0].grad, c.operands[1].grad) == (6.0, 2.0, 5.0)


def test_a_value_may_be_given_for_a_name():
    a = Value(3.0, label="mine")
    e = parse("a * x", a=a, x=2)
    assert e.operands[0] is a
    assert a.label == "mine"


def test_a_number_alone_is_a_leaf():
    assert parse("1 + 2 * 3").data == 7.0
    assert parse("a", a=2).label == "a"


def test_variables_come_in_the_order_in_which_they_appear():
    f = Expression("b * a + pi * exp(b)")
    assert f.variables == ("b", "a")
    assert f.constants == ("pi",)
    assert list(inspect.signature(f).parameters) == ["b", "a"]
    assert f(0.0, 5.0) == math.pi
    assert f(a=5.0, b=0.0) == math.pi
    assert f(0.0, 5.0, pi=3.0) == 3.0
    assert str(f(Value(0.0), 5.0).data) == str(math.pi)
    assert repr(f) == "Expression('b * a + pi * exp(b)')"
    assert pickle.loads(pickle.dumps(f))(0.0, 5.0) == math.pi


@pytest.mark.parametrize("name", CONSTANTS)
def test_a_constant_s_name_can_be_taken(name):
    assert repr(Expression(name)()) == repr(CONSTANTS[name])
    e = parse(f"{name} * 2", **{name: 3})
    assert e.data == 6.0
    assert e.operands[0].label == name


def test_names_that_unicode_holds_for_the_same_are_the_same():
    assert Expression("ﬁ + fi + 𝐟𝐢").variables == ("fi",)
    assert parse("ﬁ + 1", **{"𝐟i": 2}).data == 3.0
    assert Expression("µ").variables == ("μ",)


def test_names_of_variables_may_be_those_of_the_implementation():
    assert parse("self + text + values", **{"self": 1, "text": 2, "values": 3}).data == 6.0


def test_a_row_added_later_can_be_called():
    from autograd_mini import primitive

    primitive("cube_for_expression", value=lambda x: x * x * x, partials=[lambda y, x: 3.0 * x * x])
    try:
        assert parse("cube_for_expression(a)", a=2).data == 8.0
    finally:
        del TABLE["cube_for_expression"]


def test_further_names_of_a_row_can_be_called():
    assert ours("arcsin(a)") == ("asin", "a")


# ---- limits ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("+".join(["a"] * 5000), 5000.0),
        ("*".join(["a"] * 5000), 1.0),
        ("**".join(["a"] * 3333), 1.0),
        ("-" * 9998 + "a", 1.0),
        ("+" * 9999 + "a", 1.0),
        ("(" * 4999 + "a" + ")" * 4999, 1.0),
        ("abs(" * 1999 + "a" + ")" * 1999, 1.0),
        ("where(a<2,a," * 700 + "a" + ")" * 700, 1.0),
    ],
)
def test_the_longest_and_deepest_expressions_are_read(text, value):
    assert len(text) <= LONGEST
    e = parse(text, a=1)
    e.backward()
    assert e.data == value


def test_numbers_overflow_to_infinity_and_never_grow():
    assert Expression("10**10**10")() == math.inf
    assert Expression("9" * 9999)() == math.inf
    assert Expression("1e999 - 1e999")() != Expression("1e999")()
    assert Expression("2**-10**9")() == 0.0
    assert math.isnan(Expression("(-8)**(1/3)")())


def test_one_character_too_many():
    Expression("a" * LONGEST)
    with pytest.raises(ExpressionError, match="10,001 characters, more than 10,000: build it from Values"):
        Expression("a" * (LONGEST + 1))
    with pytest.raises(ExpressionError, match="10,000,000 characters"):
        Expression("(" * 10**7)


# ---- what is refused, where, and with what remedy --------------------------------------------------

REFUSED = [
    ("", None, "the expression is empty: write one such as"),
    (" \n ", None, "the expression is empty"),
    ("a +", 3, "ends where a number or a name should follow"),
    ("-", 1, "ends where a number or a name should follow"),
    ("* a", 0, r"missing before '\*'"),
    ("a + * b", 4, r"a number or a name is missing before '\*'"),
    ("(a + b", 0, r"never closed: add '\)'"),
    ("sin(a", 3, r"never closed: add '\)'"),
    ("a)", 1, r"'\)' closes no bracket: take it away"),
    ("()", 1, r"a number or a name is missing before '\)'"),
    ("sin()", 4, r"a number or a name is missing before '\)'"),
    ("sin(a,)", 6, r"a number or a name is missing before '\)'"),
    ("sin(a, b)", 3, r"sin\(x\) takes 1 operand, got 2"),
    ("where(a < b)", 5, r"where\(condition, x, y\) takes 3 operands, got 1"),
    ("a, b", 1, "a comma separates the operands of a function: there is none"),
    ("(a, b)", 2, "a comma separates the operands of a function"),
    ("2a", 1, r"an operator is missing before 'a': a product is written with \*"),
    ("2(a)", 1, "an operator is missing"),
    ("(a)(b)", 3, "an operator is missing"),
    ("a b", 2, "an operator is missing before 'b'"),
    ("0x1f", 1, "an operator is missing before 'x1f'"),
    ("2j", 1, "an operator is missing"),
    ("1.2.3", 3, "an operator is missing before '.3'"),
    ("1__0", 0, "'1__0' is not a number: write digits as in"),
    ("foo(a)", 0, "there is no function 'foo'"),
    ("a(b + 1)", 0, r"there is no function 'a': a product is written a \* \(...\)"),
    ("sigmoud(a)", 0, "there is no function 'sigmoud': did you mean sigmoid?"),
    ("max(a, b)", 0, "did you mean maximum?"),
    ("ln(a)", 0, "did you mean log?"),
    ("__import__", None, "no number for __import__"),
    ("__import__(a)", 0, "there is no function '__import__'"),
    ("__import__('os').system('id')", 11, "text cannot be part of an expression"),
    ("().__class__", 2, "attributes cannot be part of an expression"),
    ("a.real", 1, "attributes cannot be part"),
    ("a[0]", 1, "give each number a name of its own"),
    ("{a}", 0, r"brackets are written \( \)"),
    ("'a'*10**9", 0, "text cannot be part"),
    ('f"{a}"', 1, "text cannot be part"),
    ("lambda: a", 0, "'lambda' cannot be a name here"),
    ("[x for x in a]", 0, "indexing"),
    ("a if b else c", 2, r"where\(condition, x, y\)"),
    ("a and b", 2, r"where\(\(a < b\) \* \(c < d\), x, y\)"),
    ("a or b", 2, r"where\(maximum\(a < b, c < d\), x, y\)"),
    ("not a", 0, "swap the last two operands"),
    ("True", 0, "truth is written 1"),
    ("None", 0, "a word of Python's, choose another"),
    ("a < b = c", 6, "to compare, write =="),
    ("(a := b)", 3, "given apart from the expression"),
    ("f(*a)", 0, "there is no function 'f'"),
    ("sin(*a)", 4, r"missing before '\*'"),
    ("sin(x=a)", 5, "to compare, write =="),
    ("a < b", 2, r"'<' compares, and that belongs in the condition of where\(condition, x, y\)"),
    ("sin(a < b)", 6, "belongs in the condition"),
    ("where(a, b < c, d)", 11, "belongs in the condition"),
    ("where(a, (b < c), d)", 12, "belongs in the condition"),
    ("where(a < b < c, a, b)", 12, "follows another comparison: for both, multiply them"),
    ("a^2", 1, r"a power is written \*\*"),
    ("a # b", 2, "comments cannot be part"),
    ("a ! b", 2, "'!' cannot be read"),
    ("~a", 0, "'~' cannot be read"),
    ("a @ b", 2, "'@' cannot be read"),
    ("a; b", 1, "';' ends a definition, as in s = x\\*x; s \\+ 1: there is none"),
    ("s = a", 5, "a definition is not a result"),
    ("s = a;", 6, "the expression ends where"),
    ("s = a; s = b; s", 7, "'s' is defined twice"),
    ("a + b; s", 5, "';' ends a definition"),
    ("s = a * t; t = b; s", 11, "'t' is used before it is defined"),
    ("s = (a; s", 4, "the bracket is never closed"),
    ("s = t = a; s", 6, "to compare, write =="),
    ("f(a) = b; f", 5, "to compare, write =="),
    ("a\\b", 1, "cannot be read"),
    ("a − b", 2, "a minus is written -"),
    ("a × b", 2, r"a product is written \*"),
    ("a²", 1, r"a square is written \*\*2"),
    ("abc² + b", 3, "a square is written"),
    ("x₁", 1, "'₁' cannot be read"),
    ("√a", 0, r"a root is written sqrt\(x\)"),
    ("（a）", 0, r"brackets are written \( \)"),
    ("a\0b", 1, r"the character U\+0000 cannot be read"),
    ("a\ud800", 1, r"the character U\+D800 cannot be read"),
    ("a\u202e", 1, r"the character U\+202E cannot be read"),
    ("\ufeffa", 0, r"the character U\+FEFF cannot be read"),
    ("\x1b[2J", 0, r"the character U\+001B cannot be read"),
    ("a\n+ + \n* b", 7, r"missing before '\*'"),
    ("٣ + a", 0, "cannot be read"),
]


@pytest.mark.parametrize(("text", "position", "message"), REFUSED, ids=[repr(r[0]) for r in REFUSED])
def test_what_is_refused_and_where(text, position, message):
    with pytest.raises(ExpressionError, match=message) as caught:
        parse(text)
    assert position in (None, caught.value.position)
    one_line_and_a_caret(caught.value)


def one_line_and_a_caret(error):
    message = str(error)
    assert message == " ".join(message.split())
    assert message.isprintable()
    assert len(message) < 250
    if error.position is None:
        assert error.caret == ""
        return
    line, mark = error.caret.split("\n")
    assert line.isprintable()
    assert mark.strip() == "^"


def test_the_caret_stands_under_the_place():
    def under(text):
        with pytest.raises(ExpressionError) as caught:
            Expression(text)
        return caught.value.caret

    assert under("a + 2 b") == "  a + 2 b\n        ^"
    assert under("权重 + 2 b") == "  权重 + 2 b\n           ^"
    assert under("a +\n2 b") == "  2 b\n    ^"
    long = under("a + " * 100 + "2 b" + " + a" * 100)
    line, mark = long.split("\n")
    assert len(line) < 80
    assert line[mark.index("^")] == "b"


@given(
    st.text(st.characters(), max_size=20)
    | st.lists(
        st.sampled_from(
            ["a", "b", "2", ".", "1e", "(", ")", "+", "-", "*", "**", "/", ",", "<", "=", "where("]
        )
        | st.sampled_from(
            ["sin(", " ", "\n", "if", "[", "'", "\\", "é", "²", "\0", "_", "%", "%%", "//", "==="]
        )
    ).map("".join)
)
def test_any_text_at_all_is_an_expression_or_one_clear_line(text):
    try:
        f = Expression(text)
        f(*[1.5] * len(f.variables))
    except ExpressionError as error:
        one_line_and_a_caret(error)


@pytest.mark.parametrize("wrong", [3.0, None, b"a", ["a"]])
def test_only_text_is_an_expression(wrong):
    with pytest.raises(TypeError, match=f"expected text, got {type(wrong).__name__}"):
        Expression(wrong)


# ---- names and numbers -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "numbers", "message"),
    [
        ("a * b", {"a": 2}, "no number for b: give b=…"),
        ("+".join("abcdfgh"), {}, "no number for a, b, c, d, f, …: give a=…"),
        ("sin + 1", {}, r"no number for sin: give sin=…, or write sin\(...\) for the function"),
        ("a", {"a": 1, "c": 2}, "'c' has a number but is not in the expression, whose names are: a"),
        ("1", {"c": 2}, "whose names are: none"),
        ("exp(1)", {"exp": 2}, "'exp' has a number but is not in the expression"),
        ("fi", {"fi": 1, "ﬁ": 2}, "fi has been given twice"),
        ("x" * 5000, {}, "no number for x{39}…: give x{39}…=…"),
    ],
)
def test_names_and_numbers_must_match(text, numbers, message):
    with pytest.raises(ExpressionError, match=message) as caught:
        parse(text, **numbers)
    one_line_and_a_caret(caught.value)


def test_too_many_numbers_or_one_twice():
    with pytest.raises(ExpressionError, match=r"has 2 variables \(a, b\), and 3 numbers were given"):
        Expression("a * b")(1, 2, 3)
    with pytest.raises(ExpressionError, match="a has been given twice"):
        Expression("a * b")(1, a=2)


@pytest.mark.parametrize("wrong", ["2", None, 1j, [1.0]])
def test_a_number_is_a_number(wrong):
    with pytest.raises(TypeError, match=f"a: expected a real number, got {type(wrong).__name__}"):
        parse("a", a=wrong)
