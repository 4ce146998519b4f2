"""A life of graphs: built, changed, copied, pickled, repaid, zeroed and freed, beside the naive engine.

Numbers are small and whole, and the functions such that every result and every gradient is exact in
floating point: the two engines must agree to the last bit, however they add up.
"""

import copy
import gc
import operator
import pickle
from itertools import islice

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from naive import Node, path_sums, paths

from autograd_mini import Value, no_grad
from autograd_mini.engine.table import TABLE

EXACT = ["add", "sub", "mul", "neg", "abs", "relu", "step", "less", "maximum", "minimum", "where"]
OPERATORS = {"add": operator.add, "sub": operator.sub, "mul": operator.mul}
whole = st.integers(-4, 4)
which = st.integers(0, 40)
some = st.lists(which, min_size=1, max_size=3)


class Graphs(RuleBasedStateMachine):
    """Each step is done to a Value and to the Node that it must be like."""

    leaf = Value

    def __init__(self):
        super().__init__()
        gc.disable()
        self.existing = self.count()
        self.pairs = []
        self.make_a_leaf(2)

    def pick(self, i):
        return self.pairs[-1 - i % len(self.pairs)]

    @rule(number=whole)
    def make_a_leaf(self, number):
        self.pairs.append((self.leaf(number), Node(float(number))))

    @rule(name=st.sampled_from(EXACT), operands=some)
    def compute(self, name, operands):
        arity = len(TABLE[name].operands)
        picked = [self.pick(operands[k % len(operands)]) for k in range(arity)]
        node = TABLE[name](*[n for _, n in picked])
        if moderate(node):
            self.pairs.append((TABLE[name](*[v for v, _ in picked]), node))

    @rule(name=st.sampled_from(list(OPERATORS)), i=which, number=whole, left=st.booleans())
    def compute_with_a_number(self, name, i, number, left):
        value, node = self.pick(i)
        node = TABLE[name](number, node) if left else TABLE[name](node, number)
        if moderate(node):
            sign = OPERATORS[name]
            self.pairs.append((sign(number, value) if left else sign(value, number), node))

    @rule(i=which, j=which, name=st.sampled_from(list(OPERATORS)))
    def compute_with_an_operator(self, i, j, name):
        (v, n), (w, m) = self.pick(i), self.pick(j)
        node = TABLE[name](n, m)
        if moderate(node):
            self.pairs.append((OPERATORS[name](v, w), node))

    @rule(i=which)
    def compute_without_recording(self, i):
        value, node = self.pick(i)
        with no_grad():
            self.pairs.append((value + 1, Node(node.data + 1)))

    @rule(i=which)
    def detach(self, i):
        value, node = self.pick(i)
        self.pairs.append((value.detach(), Node(node.data)))

    @rule(i=which, number=whole)
    def change_a_number(self, i, number):
        value, node = self.pick(i)
        if value.op is None:
            value.data = number
            node.data = float(number)

    @rule(i=which, number=whole)
    def change_a_gradient(self, i, number):
        value, node = self.pick(i)
        value.grad = number
        node.grad = float(number)

    @rule(i=which)
    def backward(self, i):
        value, node = self.pick(i)
        value.backward()
        node.backward()

    @rule(i=which)
    def zero_grad(self, i):
        value, node = self.pick(i)
        value.zero_grad()
        node.zero_grad()

    @rule(i=which)
    def copy_one_node(self, i):
        self.pairs.append(tuple(map(copy.copy, self.pick(i))))

    @rule(picked=some)
    def copy_graphs(self, picked):
        self.pairs += copy.deepcopy([self.pick(i) for i in picked])

    @rule(picked=some, protocol=st.integers(2, pickle.HIGHEST_PROTOCOL))
    def pickle_graphs(self, picked, protocol):
        self.pairs += pickle.loads(pickle.dumps([self.pick(i) for i in picked], protocol))

    @precondition(lambda self: len(self.pairs) > 1)
    @rule(i=which)
    def forget(self, i):
        del self.pairs[-1 - i % len(self.pairs)]

    @invariant()
    def all_is_alike(self):
        stack = list(self.pairs)
        partner = {}
        while stack:
            value, node = stack.pop()
            if not isinstance(value, self.leaf):
                assert value == node
            elif value in partner:
                assert partner[value] is node
            else:
                partner[value] = node
                assert (value.data, value.grad, value.partials) == (node.data, node.grad, node.partials)
                stack += zip(value.operands, node.operands, strict=True)
        assert len(set(partner.values())) == len(partner)

    def teardown(self):
        self.pairs.clear()
        left = self.count() - self.existing
        gc.enable()
        assert not left, f"{left} Values were not freed by reference counting"

    def count(self):
        return sum(type(x) is self.leaf for x in gc.get_objects())


def moderate(node):
    """Whether there are few enough paths to walk, and small enough sums to be exact."""
    few = len(list(islice(paths(node), 501))) <= 500
    return few and all(found.magnitude <= 1e6 for found in path_sums(node).values())


TestGraphs = Graphs.TestCase
TestGraphs.settings = settings(max_examples=settings().max_examples // 3, stateful_step_count=30)
