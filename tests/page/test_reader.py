"""The reader of expressions in the page: what it builds and how it refuses is what `parse` does."""

import random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from javascript import hexadecimal, run

from autograd_mini import Expression, ExpressionError, Value
from autograd_mini.formulas.parse import CONSTANTS
from autograd_mini.page.explore import OWN, graph_items
from autograd_mini.show.names import evaluation_order, names, operation
from autograd_mini.show.text import short

READ = """
import { Graph } from "./graph.js";
import { named, operation, short } from "./names.js";
import { read, ReaderError } from "./reader.js";
answer(given.map((source) => {
  try {
    const { variables, build } = read(source);
    const graph = new Graph(build(new Map(variables.map((name, i) => [name, i + 2]))));
    const names = named(graph.nodes);
    const nodes = graph.nodes.map((node) => [node.row?.name ?? null, node.operands]);
    return { variables, nodes, names, operations: graph.nodes.map((node) => operation(node, names)) };
  } catch (error) {
    if (!(error instanceof ReaderError)) throw error;
    const before = error.position === null ? null : [...source.slice(0, error.position)].length;
    return { message: error.message, position: before, zh: error.in("zh") };
  }
}));
"""


def in_python(text):
    """What `parse` makes of a text, in the same shape."""
    try:
        expression = Expression(text)
        root = expression(*[Value(float(i + 2), name) for i, name in enumerate(expression.variables)])
    except ExpressionError as error:
        return {"message": str(error), "position": error.position}
    root = root if isinstance(root, Value) else Value(root)
    nodes = evaluation_order(root)
    called = names(root)
    return {
        "variables": list(expression.variables),
        "names": [called[node] for node in nodes],
        "operations": [operation(node, called) for node in nodes],
        "items": graph_items(root, nodes),
    }


def compare(texts):
    """Hold the page's reader to Python's on many texts."""
    for text, found in zip(texts, run(READ, texts), strict=True):
        expected = in_python(text)
        if "message" in expected:
            assert (found.get("message"), found.get("position")) == (
                expected["message"],
                expected["position"],
            ), text
            assert found["zh"], text
            continue
        assert "message" not in found, (text, found)
        assert found["variables"] == expected["variables"], text
        assert found["names"] == expected["names"], text
        assert found["operations"] == expected["operations"], text
        shapes = [
            [item["op"], [-1 if isinstance(x, str) else x for x in item["operands"]]]
            for item in expected["items"]
        ]
        assert found["nodes"] == shapes, text


FUNCTIONS = sorted(row.name for row in OWN if not row.variadic)
PIECES = [
    *("a", "b", "s", "x_1", "β", "x²", "ｘ", "pi", "e", "nan", "if", "and", "True", "lambda"),
    *("1", "2.5", ".5", "1e3", "1_000", "1__0", "2.", "3e", "0x1"),
    *(
        "+",
        "-",
        "*",
        "/",
        "**",
        "//",
        "%",
        "(",
        ")",
        "(",
        ")",
        ",",
        ";",
        "=",
        "==",
        "<",
        "<=",
        "!=",
        ">",
        ":=",
    ),
    *(
        " ",
        "\n",
        "^",
        "×",
        "−",
        "（",
        "，",
        "'",
        '"',
        "\\",
        "[",
        "{",
        "#",
        "@",
        "$",
        "√",
        "\u200b",
        "😀",
        "\0",
    ),
    *FUNCTIONS,
    *("sinn", "max", "ln", "relus", "constructor", "__proto__", "toString", "Sigmoid", "quux"),
]

GOOD = [
    "s = x*x; s + s*s*s",
    "(a+b)*(b+1)",
    "-a**-b**2 - -3",
    "where(a < b, a, where(b >= 2, b, -1))",
    "where((a < b) * (b != 3), sum(a, b, 2), dot(a, b, b, a))",
    "t = s; t*t + 2*3",
    "c = 2*3; c*a",
    "1e400 * a + .5e-3 + inf - nan",
    "hypot(a, 2, b) % logsumexp(a) // 3 + atan2(a, b) / maximum(-a, b)",
    "3*4",
    "fabs(arctan(a)) + true_divide(a, 3)",
    "log(a, 2) * log(b) - log(3, a + 1)",
]


def test_expressions_are_built_as_parse_builds_them():
    compare(GOOD)


def test_messages_and_places_are_those_of_parse():
    rng = random.Random(5)
    texts = ["", " ", "a" * 10_001, "a b", "2(a)", "x = 1", "s = a; s = b; s", "s + t; s", "sin()", "a < b"]
    texts += ["log()", "log(a, b, 2)", "log_base(a)"]
    for _ in range(1500):
        texts.append("".join(rng.choice(PIECES) for _ in range(rng.randint(1, 7))))
    for _ in range(300):
        good = list(rng.choice(GOOD))
        good[rng.randrange(len(good))] = rng.choice(PIECES)
        texts.append("".join(good))
    compare(texts)


@pytest.mark.nightly
@settings(suppress_health_check=list(HealthCheck), deadline=None, max_examples=100)
@given(st.lists(st.text(max_size=20) | st.lists(st.sampled_from(PIECES)).map("".join), min_size=200))
def test_any_text(texts):
    compare([text for text in texts if text.isprintable()])


NUMBERS = """
import { short } from "./names.js";
answer(given.map((x) => short(number(x))));
"""


def test_numbers_are_written_as_in_ledgers_and_pictures():
    rng = random.Random(3)
    numbers = [0.0, -0.0, 1.0, 99999.5, 100000.0, 0.0001, 0.00001, 1e300, 5e-324, *CONSTANTS.values()]
    numbers += [rng.choice([-1, 1]) * 10 ** rng.uniform(-12, 12) for _ in range(2000)]
    found = run(NUMBERS, [hexadecimal(x) for x in numbers])
    assert found == [short(x) for x in numbers]


def test_the_words_for_every_error_are_there_in_both_languages():
    found = run(
        'import { ERRORS, WORDS } from "./words.js";'
        "const keys = (all) => Object.values(all).map((words) => Object.keys(words).sort());"
        "answer([keys(ERRORS), keys(WORDS)]);",
        None,
    )
    for english, chinese in found:
        assert english == chinese
