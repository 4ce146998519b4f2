"""The table of primitives in JavaScript: node by node what Python has, from the same operands."""

import math
import random

import accuracy
import pytest
from bits import bits
from javascript import from_hexadecimal, hexadecimal, run
from program_cases import SPECIAL, expression, numbers_for

from autograd_mini import Value, compile, ledger, primitive, sigmoid, where
from autograd_mini.compiler.backends import javascript
from autograd_mini.engine.table import TABLE
from autograd_mini.page.explore import OWN, graph_items
from autograd_mini.show.names import evaluation_order
from autograd_mini.special.by_scipy import Special

ARITHMETIC = {
    *("add", "sub", "mul", "div", "neg", "sqrt", "abs", "less", "equal", "where", "sum", "dot"),
    *("stop_gradient", "identity", "step", "sign", "copysign", "relu", "maximum", "minimum", "clamp"),
    *("floor", "ceil", "trunc", "round", "fmod", "mod", "floordiv", "degrees", "radians"),
}
"""Made of + − × ÷ √, comparisons and exact remainders: equal to the bit, partials too."""

ONE_NODE = """
import { TABLE } from "./table.js";
answer(given.map(([name, operands, y]) => {
  const row = TABLE.get(name);
  const xs = operands.map(number);
  const rules = row.partials;
  const partials = row.variadic ? rules(number(y), xs) : rules.map((p) => p && p(number(y), ...xs));
  return [row.value(...xs), ...partials].map((x) => text(x));
}));
"""


def on_node(cases):
    """Value and partials of each (primitive, operands, result), as JavaScript has them."""
    data = [[row.name, [*map(hexadecimal, xs)], hexadecimal(y)] for row, xs, y in cases]
    return [[*map(from_hexadecimal, answer)] for answer in run(ONE_NODE, data)]


def ulps(x, y, size=0.0):
    """How far x is from y, in units of the last place of y, or of a larger number that cancelled."""
    if x == y or (x != x and y != y):
        return 0.0
    if not (math.isfinite(x) and math.isfinite(y)):
        return math.inf
    return abs(x - y) / math.ulp(max(abs(y), size, accuracy.SMALLEST_NORMAL))


def check(row, xs, found):
    """Hold value and partials in JavaScript to Python's, from the same operands and the same result."""
    y = row.value(*xs)
    expected = [y, *row.partials_at(y, xs, [True] * len(xs))]
    assert [x is None for x in found] == [x is None for x in expected]
    if row.name in ARITHMETIC:
        assert bits(found) == bits(expected), (row.name, xs)
        return
    for i, (x, y) in enumerate(zip(found, expected, strict=True)):
        if y is None:
            continue
        scale = accuracy.SCALE.get((row.name, i - 1 if i else None))
        size = abs(scale(*xs)) if scale and all(map(math.isfinite, xs)) else 0.0
        if row.name in accuracy.REACHED:  # sums that cancel: what they are made of is 1 or more
            size = 1.0
        promise = accuracy.REACHED.get(row.name, accuracy.PROMISE)  # as Python's from the truth
        assert ulps(x, y, size) <= promise, (row.name, i, xs, x, y)
        if y == 0:
            assert math.copysign(1.0, x) == math.copysign(1.0, y), (row.name, i, xs)


def samples(row, rng, count):
    """Special operands in many pairings, ordinary ones, all magnitudes, and the row's own domain."""
    arity = 4 if row.variadic else len(row.operands)
    domain = row.domain * arity if row.variadic else row.domain
    for _ in range(count):
        yield [rng.choice(SPECIAL) for _ in range(arity)]
        yield [rng.uniform(-5.0, 5.0) for _ in range(arity)]
        yield [rng.choice([-1, 1]) * 10 ** rng.uniform(-12, 12) for _ in range(arity)]
        yield [rng.uniform(max(low, -100.0), min(high, 100.0)) for low, high in domain]


def test_every_primitive_is_there():
    ours = {name for name, row in TABLE.items() if not isinstance(row, Special)}
    assert {row.name for row in OWN} == {name for name in ours if not name.endswith("_example")}


@pytest.mark.parametrize("count", [40, pytest.param(2000, marks=pytest.mark.nightly)])
def test_each_primitive_and_its_partials_from_the_same_operands(count):
    rng = random.Random(17)
    cases = []
    for row in OWN:
        for xs in samples(row, rng, count):
            if row.name not in accuracy.REACHED or min(xs) >= 0:  # to the left are roots that keep no digit
                cases.append((row, xs, row.value(*xs)))
    for (row, xs, _), found in zip(cases, on_node(cases), strict=True):
        check(row, xs, found)


def test_where_javascript_differs_from_ieee_754():
    nan, inf = math.nan, math.inf
    powers = [[1.0, nan], [1.0, inf], [-1.0, inf], [-1.0, -inf], [nan, 0.0], [-0.0, -3.0], [-8.0, 1 / 3]]
    halves = [[0.5], [1.5], [2.5], [-0.5], [-1.5], [4503599627370495.5], [-0.0], [0.49999999999999994]]
    cases = [(TABLE["pow"], xs) for xs in powers] + [(TABLE["round"], xs) for xs in halves]
    cases = [(row, xs, row.value(*xs)) for row, xs in cases]
    found = [answer[0] for answer in on_node(cases)]
    assert bits(found) == bits([y for _, _, y in cases])
    assert found[0] == 1.0
    assert found[7:9] == [0.0, 2.0]


PROGRAMS = """
import { Graph } from "./graph.js";
answer(given.map(({ items, values, partials }) => {
  const graph = new Graph(items);
  const own = graph.nodes.map((node) => text(node.value));
  values.forEach((x, i) => { graph.nodes[i].value = number(x); });
  const cells = graph.nodes.map((node) => {
    if (node.row === null) return null;
    const xs = graph.numbers(node);
    const all = node.row.variadic ? node.row.partials(node.value, xs) : null;
    const slopes = graph.below[node.index].map(
      ({ position }) => all ? all[position] : node.row.partials[position]?.(node.value, ...xs) ?? null);
    return [node.row.value(...xs), ...slopes].map((x) => text(x));
  });
  graph.edges.forEach((edge, i) => {
    edge.derivative = partials[i] === null ? null : number(partials[i]);
  });
  graph.order = graph.resultsFirst();
  graph.payments = graph.order.flatMap((index) => graph.paying(index));
  const pays = graph.payments.map(({ debtor, creditor }) => [debtor, creditor]);
  return { own, cells, pays, settled: graph.settle().map((x) => text(x)) };
}));
"""


def programs(seeds):
    """Random programs over the table, with choices; each a root and its nodes."""
    for seed in seeds:
        rng = random.Random(seed)
        leaves = [Value(x) for x in numbers_for(rng, 4)]
        root = expression(rng, leaves, 20, choices=True)
        yield root, evaluation_order(root)


def compare(seeds):
    """Hold JavaScript to Python on many programs: values, partials, order, and sums."""
    made = list(programs(seeds))
    data = []
    for root, nodes in made:
        partials = [
            None if p is None else hexadecimal(p)
            for node in nodes
            for x, p in zip(node.operands, node.partials, strict=True)
            if isinstance(x, Value)
        ]
        values = [hexadecimal(node.data) for node in nodes]
        data.append({"items": graph_items(root, nodes), "values": values, "partials": partials})
    for (root, nodes), answer in zip(made, run(PROGRAMS, data), strict=True):
        index = {node: i for i, node in enumerate(nodes)}
        for node, cell in zip(nodes, answer["cells"], strict=True):
            if node.op is None:
                continue
            xs = [x.data if isinstance(x, Value) else x for x in node.operands]
            places = [i for i, x in enumerate(node.operands) if isinstance(x, Value)]
            value, *slopes = map(from_hexadecimal, cell)
            full = node.op.partials_at(node.data, xs, [True] * len(xs))
            for place, slope in zip(places, slopes, strict=True):
                full[place] = slope
            check(node.op, xs, [value, *full])
        book = ledger(root)
        assert answer["pays"] == [[index[p.debtor], index[p.creditor]] for p in book]
        for node, balance in book.balances.items():
            assert bits(from_hexadecimal(answer["settled"][index[node]])) == bits(balance)
        if all(node.op is None or node.op.name in ARITHMETIC for node in nodes):
            assert bits(map(from_hexadecimal, answer["own"])) == bits([node.data for node in nodes])


def test_random_programs_node_by_node_and_their_gradients():
    compare(range(300))


@pytest.mark.nightly
@pytest.mark.parametrize("block", range(20))
def test_10_000_random_programs(block):
    compare(range(1000 + 500 * block, 1500 + 500 * block))


SOURCE = "answer(given.map((point) => replay(point.map(number))?.map((x) => text(x)) ?? null));"


def test_a_compiled_function_as_javascript():
    def f(x, y):
        return where(x < y, sigmoid(x * y) / y, x.lgamma()) + (x - y) ** 2

    source = compile(f).source("javascript", 0.5, 2.0).replace("export ", "")
    points = [[0.5, 2.0], [3.0, 1.0], [-1.0, 5e-324], [math.nan, 1.0]]
    found = run(source + SOURCE, [[*map(hexadecimal, point)] for point in points])
    for point, answer in zip(points, found, strict=True):
        (x,) = map(from_hexadecimal, answer) if answer else (None,)
        if x is None:
            assert not point[0] < point[1]  # the other branch was not recorded
        else:
            assert ulps(x, f(*map(Value, point)).data) <= 8.0
    assert found[0] is not None


def test_a_primitive_of_the_users_needs_a_definition():
    defined = primitive("doubled_example", definition=lambda x: x + x, partials=[lambda y, x: 2.0])
    opaque = primitive("opaque_example", value=lambda x: x, partials=[lambda y, x: 1.0])
    try:
        text = javascript.table([defined])
        assert "function doubled_example_(x0) {\n  return x0 + x0;\n}" in text
        with pytest.raises(
            ValueError, match=r"'opaque_example' has no function in JavaScript: take the text"
        ):
            javascript.table([opaque])
    finally:
        del TABLE["doubled_example"], TABLE["opaque_example"]
