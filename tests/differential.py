"""Run random programs on the engine in C and on the engine in Python: ``python tests/differential.py``.

A program is a number; what it does is written down to the last bit: values, gradients, partials, types,
orders of visits, texts, errors. Each engine has a process of its own, for only one in a process is in C.
"""

import argparse
import contextlib
import copy
import hashlib
import itertools
import math
import operator
import os
import pickle
import random
import struct
import subprocess
import sys

import numpy as np

import autograd_mini as ag
from autograd_mini import Value, no_grad, strict, topological_order, where
from autograd_mini.engine import ACCELERATED
from autograd_mini.engine.table import TABLE
from autograd_mini.engine.value import sweep
from autograd_mini.transforms.functions import grad, gradients, hessian, jvp

BLOCK = 250  # programs to a digest


class Plain(Value):
    """A subclass that changes nothing."""


class Own(Value):
    """A subclass with operators, attributes and a constructor of its own."""

    def __init__(self, data):
        super().__init__(data, "own")
        self.made_of = data

    def __add__(self, other):
        return super().__add__(other) * 1.0

    def __rmul__(self, other):
        return NotImplemented if isinstance(other, int) else super().__rmul__(other)


NUMBERS = [0.0, -0.0, 1.0, -1.0, 0.5, 2.0, -3.0, 1e-310, 1e308, -1e308, math.inf, -math.inf, math.nan]
NUMBERS += [0, 1, -2, 3, 7, 10**400, -(10**400), 2**53 + 1, True, False]
NUMBERS += [np.float64(1.5), np.float32(0.1), np.int64(3), np.bool_(True)]
STRANGE = ["1", None, 1j, [1.0], object, np.array([1.0, 2.0]), np.array(2.0)]
ARITHMETIC = [operator.add, operator.sub, operator.mul, operator.truediv, operator.pow]
BINARY = [*ARITHMETIC, operator.mod, operator.floordiv, operator.iadd, operator.imul]
BINARY += [operator.eq, operator.ne, operator.lt, operator.le, operator.gt, operator.ge]
UNARY = [operator.neg, operator.pos, abs, math.floor, math.ceil, math.trunc, round, bool, float, repr, str]
METHODS = sorted({name for row in TABLE.values() for name in (row.name, *row.aliases)})
DUNDERS = [f"__{side}{name}__" for side in ("", "r") for name in ("add", "sub", "mul", "truediv", "pow")]


class Program:
    """The program of a number: what it has computed so far, and what it has to say."""

    def __init__(self, seed, number):
        self.random = random.Random((seed << 40) + number)
        self.pool = [Value(self.random.choice(NUMBERS)) for _ in range(self.random.randint(1, 4))]
        self.said = []

    def run(self):
        """Take a few random steps, look at all there is, and return what was seen."""
        for _ in range(self.random.randint(3, 14)):
            self.step(self.random.choice(ACTIONS))
        for x in self.pool:
            self.say(x)
        return self.said

    def step(self, action):
        try:
            self.keep(action(self))
        except Exception as error:
            self.said.append(f"{action.__name__}: {type(error).__name__}: {error}")

    def keep(self, result):
        self.say(result)
        if isinstance(result, Value):
            self.pool.append(result)

    def say(self, x):
        self.said.append(said(x, self.places()))

    def places(self):
        return {id(node): k for k, node in enumerate(self.pool)}

    def value(self):
        return self.random.choice(self.pool[-6:] if self.random.random() < 0.7 else self.pool)

    def number(self):
        return self.random.choice(NUMBERS) if self.random.random() < 0.9 else self.random.gauss(0.0, 3.0)

    def operand(self):
        chance = self.random.random()
        if chance < 0.6:
            return self.value()
        return self.number() if chance < 0.97 else self.random.choice(STRANGE)

    def mode(self):
        kind = self.random.randrange(6)
        return no_grad() if kind == 0 else strict() if kind == 1 else contextlib.nullcontext()


def said(x, places):
    """All there is to see of a result, without addresses."""
    if isinstance(x, Value):
        operands = [places.get(id(y), said(y, places) if type(y) is float else "?") for y in x.operands]
        seen = [said(number, ()) for number in (x._data, x.grad, *x.partials)]
        return f"{type(x).__name__} {x.label!r} {x.op and x.op.name} {operands} {seen}"
    if isinstance(x, float):
        return f"{type(x).__name__} {struct.pack('<d', x).hex() if x == x else 'nan'}"
    if isinstance(x, (list, tuple)):
        return f"{type(x).__name__} {[said(y, places) for y in x]}"
    if isinstance(x, np.ndarray):
        return f"array {x.dtype} {x.shape} {[said(y, places) for y in x.ravel().tolist()]}"
    return f"{type(x).__name__} {x!r}"


# ---- what a program may do ---------------------------------------------------------------------------


def operate(p):
    x, y = (p.value(), p.operand()) if p.random.random() < 0.6 else (p.operand(), p.value())
    with p.mode():
        return p.random.choice(BINARY)(x, y)


def operate_on_values(p):
    return p.random.choice(ARITHMETIC)(p.value(), p.value())


def operate_with_numbers(p):
    x, y = p.value(), p.number()
    return p.random.choice(ARITHMETIC)(*((x, y) if p.random.random() < 0.5 else (y, x)))


def operate_on_one(p):
    return p.random.choice(UNARY)(p.value())


def call_method(p):
    name = p.random.choice(METHODS)
    others = [p.operand() for _ in range(p.random.choice([0, 0, 0, 1, 1, 2]))]
    with p.mode():
        return getattr(p.value(), name)(*others)


def call_dunder(p):
    return getattr(Value, p.random.choice(DUNDERS))(p.value(), p.operand())


def call_power(p):
    return pow(p.operand(), p.value(), p.operand())


def call_row(p):
    row = p.random.choice(list(TABLE.values()))
    count = p.random.randrange(7) if row.variadic else len(row.operands)
    with p.mode():
        return row(*[p.operand() for _ in range(count)])


def record(p):
    row = p.random.choice(list(TABLE.values()))
    count = 2 * p.random.randrange(3) if row.variadic else len(row.operands)
    operands = tuple(p.value() for _ in range(count))
    return Value.record_primitive(row, operands) if operands else None


def branch(p):
    return where(p.operand(), p.operand(), p.operand())


def make_leaf(p):
    cls = p.random.choice([Value, Value, Value, Plain, Own])
    return cls(p.number() if p.random.random() < 0.95 else p.operand())


def make_named(p):
    return Value(p.operand(), p.random.choice(["a", "b", None, np.str_("c"), 3]))


def make_again(p):
    x = p.value()
    x.__init__(p.operand())
    return x


def name(p):
    x = p.value()
    x.label = p.random.choice(["u", "v", None, np.str_("w"), 1.0])
    return x.label


def set_data(p):
    p.value().data = p.operand()


def set_grad(p):
    p.value().grad = p.operand()


def go_back(p):
    root = p.value()
    with p.mode():
        root.backward()
    return [x.grad for x in p.pool]


def go_back_twice(p):
    root = p.value()
    root.backward()
    root.backward()
    return [x.grad for x in p.pool]


def zero(p):
    p.value().zero_grad()
    return [x.grad for x in p.pool]


def order(p):
    places = p.places()
    visited = topological_order(p.value(), through_edges=p.random.random() < 0.5)
    return [places.get(id(node), (node.op and node.op.name, node.data)) for node in visited]


def derive(p):
    return sweep(p.value(), [p.value() for _ in range(p.random.randrange(4))])


def derive_again(p):
    root, x = p.value(), p.value()
    first = gradients(root, [x])[0]
    first.backward()
    return [first, *[y.grad for y in p.pool]]


def transform(p):
    f = getattr(ag, p.random.choice(["sin", "exp", "tanh", "sqrt", "log", "relu", "erf"]))
    c, outside = p.number(), p.value()

    def g(x):
        y = f(x * c) + x / 3
        return y * outside if c == 1.0 else y

    x = p.random.choice([0.5, p.number(), outside])
    which = p.random.randrange(4)
    if which == 0:
        return grad(g)(x)
    if which == 1:
        return grad(grad(g))(x)
    return hessian(lambda v: g(v[0]) * v[1])([x, c]) if which == 2 else jvp(g, (x,), (1.0,))


def copy_one(p):
    return copy.copy(p.value())


def copy_all(p):
    return copy.deepcopy(p.value())


def pickle_all(p):
    x = p.value()
    text = pickle.dumps(x)
    nodes = topological_order(x, through_edges=False)
    numbers = [z for node in nodes for z in (node._data, node.grad, *node.partials, *node.operands)]
    if all(
        z == z for z in numbers if isinstance(z, float)
    ):  # the sign of a nan is left to chance by Python
        p.said.append(hashlib.sha1(text).hexdigest())
    return pickle.loads(text)


def detach(p):
    return p.value().detach()


def array(p):
    xs = np.array([p.value() for _ in range(3)], dtype=object)
    f = p.random.choice([np.tanh, np.exp, np.sqrt, np.square, np.negative])
    return list(f(xs) * p.number() + xs)


ACTIONS = [operate_on_values, operate_with_numbers] * 4 + [operate, call_method, call_row, go_back] * 2
ACTIONS += [
    operate_on_one,
    call_dunder,
    call_power,
    record,
    branch,
    make_leaf,
    make_named,
    make_again,
    name,
]
ACTIONS += [set_data, set_grad, go_back_twice, zero, order, derive, derive_again, transform]
ACTIONS += [copy_one, copy_all, pickle_all, detach, array]


# ---- two processes, and what they say ------------------------------------------------------------------


def worker(seed, start, stop):
    """Print whether the engine is in C, and a digest of each block of programs."""
    print(ACCELERATED, flush=True)
    for block in range(start, stop, BLOCK):
        digest = hashlib.sha1()
        for number in range(block, min(block + BLOCK, stop)):
            digest.update("\n".join(Program(seed, number).run()).encode())
        print(digest.hexdigest(), flush=True)


def both(*arguments):
    """Start this file once with each engine."""
    command = [sys.executable, "-W", "ignore", __file__, *map(str, arguments)]
    return [
        subprocess.Popen(
            command, stdout=subprocess.PIPE, text=True, env={**os.environ, "AUTOGRAD_MINI_PURE": pure}
        )
        for pure in ("0", "1")
    ]


def difference(seed, start, stop):
    """Return where the engines differ first, in words; None where they do not."""
    engines = both("--worker", seed, start, stop)
    with contextlib.ExitStack() as stack:
        for engine in engines:
            stack.enter_context(engine)
            stack.callback(engine.kill)
        which = [engine.stdout.readline().strip() for engine in engines]
        if which != ["True", "False"]:
            return f"there are not two engines to compare: accelerated is {which}"
        for block in range(start, stop, BLOCK):
            digests = [engine.stdout.readline() for engine in engines]
            if not digests[0] or digests[0] != digests[1]:
                return first_difference(seed, block, min(block + BLOCK, stop))
            if sys.stderr.isatty():
                print(f"\r{block + BLOCK:,} programs", end="", file=sys.stderr)
    return None


def first_difference(seed, start, stop):
    texts = [engine.communicate()[0].split("\0") for engine in both("--show", seed, start, stop)]
    for number, (c, python) in enumerate(itertools.zip_longest(*texts), start):
        if c != python:
            lines = zip((c or "crashed").splitlines(), (python or "crashed").splitlines(), strict=False)
            step = next((pair for pair in lines if pair[0] != pair[1]), ("it ends", "it ends"))
            return f"program {number} of seed {seed}\nin C:      {step[0]}\nin Python: {step[1]}"
    return f"programs {start} to {stop} of seed {seed} differ from one run to the next"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--programs", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    for internal in ("--worker", "--show"):
        parser.add_argument(internal, nargs=3, type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        worker(*options.worker)
    elif options.show:
        seed, start, stop = options.show
        print("\0".join("\n".join(Program(seed, n).run()) for n in range(start, stop)))
    else:
        found = difference(options.seed, 0, options.programs)
        print(found or f"{options.programs:,} programs, seed {options.seed}: the engines say the same")
        sys.exit(found is not None)


if __name__ == "__main__":
    main()
