"""A formula says what was recorded: read back it is the same, and with a bracket less it is not."""

import math
import re
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from program_cases import with_constants

from autograd_mini import Value, primitive
from autograd_mini.engine.table import TABLE
from autograd_mini.formulas.formula import formula, in_lines, latex
from autograd_mini.formulas.notebook import as_mathematics
from autograd_mini.formulas.parse import ExpressionError, parse
from autograd_mini.show.names import evaluation_order, names
from autograd_mini.testing.recipes import vocabulary
from autograd_mini.testing.strategies import expressions

WORDS = [word for word in vocabulary() if word != "identity"]  # identity is not written


def same(x, y):
    """Whether two graphs are the same when every shared node is written out."""
    stack, seen = [(x, y)], set()
    while stack:
        x, y = stack.pop()
        if isinstance(x, float) or isinstance(y, float):
            if repr(x) != repr(y):
                return False
        elif (
            x.op is not y.op or (x.op is None and x.label != y.label) or len(x.operands) != len(y.operands)
        ):
            return False
        elif (id(x), id(y)) not in seen:
            seen.add((id(x), id(y)))
            stack += zip(x.operands, y.operands, strict=True)
    return True


def again(e, text):
    """Read a formula of e back, on leaves of the same names and numbers."""
    called = names(e)
    leaves = {called[v]: v for v in evaluation_order(e) if v.op is None}
    return parse(text, **leaves)


# ---- Python's notation -----------------------------------------------------------------------------


@given(expressions(words=WORDS, max_operations=8))
def test_a_formula_read_back_is_the_same_graph(e):
    text = formula(e, longest=10_000)
    if "…" in text:
        return
    assert same(again(e, text), e)


@given(expressions(words=["+", "-", "*", "/", "**", "neg", "exp", "mod", "maximum"], max_operations=6))
def test_no_bracket_is_one_too_many(e):
    text = formula(e)
    for start, end in groups(text):
        without = text[:start] + " " + text[start + 1 : end] + " " + text[end + 1 :]
        with suppress(ExpressionError):
            assert not same(again(e, without), e), without


def groups(text):
    """The places of every pair of brackets that is not a call's."""
    opened = []
    for i, c in enumerate(text):
        if c == "(":
            opened.append(i)
        elif c == ")":
            start = opened.pop()
            if not re.search(r"\w$", text[:start]):
                yield start, i


@pytest.mark.parametrize(
    "text",
    [
        "(a + b) * (b + 1)",
        "a + b + c",
        "a + (b + c)",
        "a - (b - c)",
        "a - b - c",
        "a / (b * c)",
        "a * (b / c)",
        "a ** b ** c",
        "(a ** b) ** c",
        "-a ** 2",
        "(-a) ** 2",
        "a ** -b",
        "a * -b",
        "-a * b",
        "-(a * b)",
        "--a",
        "a - -b",
        "(-2) ** a",
        "(-0) ** a",
        "a ** -2",
        "-2 * a",
        "a * 1e-05 + 1e+20",
        "a % b // c",
        "a % (b // c)",
        "where(less(a, b), a + b, -a)",
        "hypot(a + 1, -b, c)",
        "expm1(a) * (b + 1)",
        "degrees(a) ** 2",
        "a * inf + nan",
        "a ** -inf",
    ],
)
def test_expressions_come_back_as_they_were_typed(text):
    leaves = {name: Value(1.5, name) for name in "abc" if re.search(rf"\b{name}\b", text)}
    assert formula(parse(text, **leaves)) == text


def test_numbers_are_written_in_all_their_digits():
    x = Value(1.0, "x")
    assert formula(x + 0.1 * 3) == "x + 0.30000000000000004"
    assert formula(x * -0.0) == "x * -0"
    assert math.copysign(1.0, again(x * -0.0, "x * -0").operands[1]) == -1.0


def test_leaves_without_a_label_get_letters():
    x, y = Value(1.0), Value(2.0)
    assert formula(x * y + x) == "a * b + a"
    assert formula(x) == "a"


def test_a_label_that_is_no_name_stands_in_brackets():
    assert formula(Value(1.0, "a + b") * 2) == "(a + b) * 2"
    assert formula(Value(1.0, "w[0][1]") * Value(1.0, "layer.b")) == "w[0][1] * layer.b"
    assert formula(Value(1.0, "权重") * 2) == "权重 * 2"


def test_the_deepest_parts_are_left_out():
    a, b = Value(2.0, "a"), Value(1.0, "b")
    e = a
    for _ in range(20_000):
        e = (e + 1) * b
    text = formula(e, longest=60)
    assert len(text) <= 60
    assert text.endswith("* b + 1) * b + 1) * b")
    assert text.count("…") == 1
    assert formula(e, longest=0) == "…"
    assert len(formula(e)) <= 1000
    assert len(latex(e, longest=60)) <= 60
    assert r"\dots" in latex(e)


def test_what_is_shared_does_not_explode():
    e = Value(1.0, "x")
    for _ in range(100):
        e = e * e
    assert len(formula(e)) <= 1000
    assert "…" in formula(e)


def test_a_row_of_one_s_own():
    row = primitive("twice_for_formula", value=lambda x: 2 * x, partials=[lambda y, x: 2.0])
    try:
        e = row(Value(1.0, "x") + 1) ** 2
        assert formula(e) == "twice_for_formula(x + 1) ** 2"
        assert latex(e) == r"{\operatorname{twice\_for\_formula}\left(x + 1\right)}^{2}"
    finally:
        del TABLE["twice_for_formula"]


# ---- LaTeX -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("(a + b) * (b + 1)", r"\left(a + b\right) \cdot \left(b + 1\right)"),
        ("(a + b) / (b + 1)", r"\frac{a + b}{b + 1}"),
        ("a * (b / c)", r"a \cdot \frac{b}{c}"),
        ("a / b / c", r"\frac{\frac{a}{b}}{c}"),
        ("(a / b) ** 2", r"{\left(\frac{a}{b}\right)}^{2}"),
        ("a ** (b + 1)", r"{a}^{b + 1}"),
        ("(a ** b) ** c", r"{\left({a}^{b}\right)}^{c}"),
        ("exp(a) ** 2", r"{\left(e^{a}\right)}^{2}"),
        ("sin(a + b) ** 2", r"{\sin\left(a + b\right)}^{2}"),
        ("exp(-a)", r"e^{-a}"),
        ("a + -b", r"a + \left(-b\right)"),
        ("-a + b", r"-a + b"),
        ("a * -2", r"a \cdot \left(-2\right)"),
        ("-2 * a", r"-2 \cdot a"),
        ("(-2) ** a", r"{\left(-2\right)}^{a}"),
        ("--a", r"-\left(-a\right)"),
        ("expm1(a) * b", r"\left(e^{a} - 1\right) \cdot b"),
        ("log1p(a + b)", r"\log\left(1 + \left(a + b\right)\right)"),
        ("floor(a) + 1", r"\left\lfloor a\right\rfloor + 1"),
        ("log1p(-a)", r"\log\left(1 + \left(-a\right)\right)"),
        ("a * 1e-05", r"a \cdot 10^{-5}"),
        ("a ** 2.5e-05", r"{a}^{2.5 \cdot 10^{-5}}"),
        ("(2.5e+30) ** a", r"{\left(2.5 \cdot 10^{30}\right)}^{a}"),
        ("a * inf", r"a \cdot \infty"),
        ("abs(a) ** 2", r"{\left|a\right|}^{2}"),
        ("sqrt(a + b)", r"\sqrt{a + b}"),
        ("hypot(a, b, c)", r"\operatorname{hypot}\left(a, b, c\right)"),
        ("a // b * c", r"\left\lfloor\frac{a}{b}\right\rfloor \cdot c"),
        ("a % b", r"a \bmod b"),
        (
            "where(less(a, b), a + b, c)",
            r"\begin{cases} a + b & [a < b] \\ c & \text{otherwise} \end{cases}",
        ),
    ],
)
def test_latex(text, expected):
    leaves = {name: Value(1.5, name) for name in "abc" if re.search(rf"\b{name}\b", text)}
    assert latex(parse(text, **leaves)) == expected


@pytest.mark.parametrize(
    ("label", "expected"),
    [
        ("x", "x"),
        ("w1", "w_{1}"),
        ("w_12", "w_{12}"),
        ("w_i", "w_{i}"),
        ("w_in", r"w_{\text{in}}"),
        ("alpha", r"\alpha"),
        ("Omega_2", r"\Omega_{2}"),
        ("loss", r"\mathrm{loss}"),
        ("权重", r"\text{权重}"),
        ("my_long_name", r"\text{my\_long\_name}"),
        ("50% & {more}", r"\text{50\% \& \{more\}}"),
        (r"\href{javascript:alert(1)}{x}", r"\text{∖href\{javascript:alert(1)\}\{x\}}"),
        ("$x$", r"\text{\$x\$}"),
        ("<script>", r"\text{‹script›}"),
        ("a^b~c#d", r"\text{aˆb∼c\#d}"),
    ],
)
def test_labels_in_latex_are_text(label, expected):
    assert latex(Value(1.0, label)) == expected


@given(expressions(words=WORDS))
def test_latex_is_balanced(e):
    text = latex(e)
    assert text.count(r"\left") == text.count(r"\right")
    assert text.count("{") == text.count("}")
    assert "\n" not in text


@pytest.mark.parametrize("name", TABLE)
def test_every_row_can_be_written(name):
    row = TABLE[name]
    operands = [Value(0.5, "abc"[i]) for i in range(len(row.operands) + row.variadic)]
    e = row(*with_constants(row, operands))
    operands = [x for x in e.operands if isinstance(x, Value)]
    for text in (formula(e), latex(e)):
        assert all(re.search(rf"\b{v.label}\b", text) for v in operands)
        assert "operands" not in text
    if name != "identity":
        assert same(parse(formula(e), **{v.label: v for v in operands}), e)


@pytest.mark.parametrize("wrong", [3.0, None, "a"])
def test_only_values_have_formulas(wrong):
    for function in (formula, latex):
        with pytest.raises(TypeError, match=rf"{function.__name__}\(root\): expected a Value"):
            function(wrong)


@given(expressions(wild=True, max_operations=40), st.integers(5, 60))
def test_lines_of_latex_are_the_formula_and_balanced(root, longest):
    text = latex(root)
    broken = in_lines(text, longest)
    if broken != text:
        lines = broken.removeprefix(r"\begin{aligned} & ").removesuffix(r" \end{aligned}")
        parts = lines.split(r" \\ & {}")
        assert "".join(parts) == text
        assert len(parts) > 1
        for part in parts:
            assert part.count("{") == part.count("}")
            assert len(re.findall(r"\\left(?![a-z])", part)) == len(re.findall(r"\\right(?![a-z])", part))


def test_a_long_sum_has_many_lines_in_a_notebook():
    xs = [Value(1.0, f"x{i}") for i in range(60)]
    shown = as_mathematics(sum(x * x for x in xs))
    lines = shown.split(r"\\")
    assert len(lines) >= 5
    assert max(map(len, lines)) < 200
    assert as_mathematics(xs[0] + xs[1]) == "$x_{0} + x_{1} = 2$"
