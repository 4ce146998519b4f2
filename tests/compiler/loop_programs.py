"""Functions with loops of many kinds, written down and at random; each takes a list of numbers."""

import random

from autograd_mini import Value, exp, log, maximum, sin, tanh, where
from autograd_mini import pow as power

COUNT = 64
"""Numbers that each function is given."""


def same_in_all_iterations(x):
    total = 0.0
    for i in range(40):
        total = total + exp(x[0]) * x[i + 1] * exp(x[1] + x[0]) + log(x[2] * x[2] + 1.0)
    return total


def first_iteration_read_by_all(x):
    total, first = 0.0, None
    for i in range(40):
        y = tanh(x[i]) * x[i + 1]
        first = y if first is None else first
        total = total + first * y
    return total


def two_steps_back(x):
    a, b = x[0], x[1]
    for _ in range(60):
        a, b = b, a * x[2] + b * x[3] + sin(a) * 0.1
    return b * b


def cumulative_sums(x):
    s, total = 0.0, 0.0
    for i in range(50):
        s = s + x[i] * x[i]
        total = total + s * x[i]
    return total


def neighbours(x):
    return sum((x[i - 1] * 0.25 + x[i] * 0.5 + x[i + 1] * 0.25) ** 2 for i in range(1, 59))


def matrix_product(x):
    a = [x[8 * i : 8 * i + 8] for i in range(8)]
    b = [[sum((a[i][k] * a[k][j] for k in range(8)), 0.0) for j in range(8)] for i in range(8)]
    return sum(sum(y * y for y in row) for row in b)


def zeros_and_ones_as_data(x):
    rng, total = random.Random(1), 0.0
    for _ in range(40):
        data = [float(rng.choice((0, 1, -1, -0.0))) for _ in range(6)]
        s = x[6]
        for k in range(6):
            s = s + data[k] * x[k]
        total = total + s * s * rng.choice((1.0, -1.0, 2.0))
    return total


def branches(x):
    total = 0.0
    for i in range(50):
        if i % 3 == 0:
            total = total + x[i] * x[i + 1]
        elif x[i] > 0:
            total = total + exp(x[i])
        else:
            total = total - x[i] * total * 0.01
    return total


def choices(x):
    total = 0.0
    for i in range(60):
        total = total + where(x[i], x[i] * x[i], x[i] * 3.0) * x[0]
    return total


def choices_of_sides(x):
    total = x[1]
    for i in range(50):
        y = where(x[i] - 0.1, sin(x[i]), total * 0.1)
        total = total * 0.5 + maximum(y, x[i + 1])
    return total


def newton(x):
    y = x[0] * x[0] + 0.5
    for _ in range(30):
        y = y - (y * y * y - x[1]) / (3.0 * y * y + 0.5)
    return y


def two_loops_in_a_loop(x):
    h = [x[0], x[1], x[2]]
    for _ in range(20):
        h = [tanh(sum((x[3 + 3 * i + j] * h[j] for j in range(3)), x[12 + i])) for i in range(3)]
        for k in range(3):
            h[k] = h[k] + 0.1 * h[(k + 1) % 3]
    return h[0] * h[1] + h[2]


def softmax(x):
    total = 0.0
    for i in range(30):
        e = [exp(x[k] * x[(i + k) % 20]) for k in range(5)]
        total = total - log(e[i % 5] / sum(e))
    return total


def backwards(x):
    return sum(x[i] * x[59 - i] for i in range(60)) + x[3]


def product(x):
    p = 1.0
    for i in range(40):
        p = p * (1.0 + 0.01 * x[i])
    return p


def rectified(x):
    total = 0.0
    for i in range(40):
        total = total + (x[i] - 0.2).relu() * x[i + 1] + abs(x[i])
    return total


def neurons(x):
    weights, total = x[:30], 0.0
    rng = random.Random(3)
    for _ in range(25):
        data = [rng.gauss(0, 1), rng.gauss(0, 1)]
        h = [
            tanh(weights[3 * k] * data[0] + weights[3 * k + 1] * data[1] + weights[3 * k + 2])
            for k in range(5)
        ]
        score = sum(weights[15 + k] * h[k] for k in range(5)) + weights[20]
        total = total + (1.0 - score * rng.choice((-1.0, 1.0))).relu()
    return total * 0.04 + 1e-4 * sum(w * w for w in weights)


def powers(x):
    total = 0.0
    for i in range(40):
        total = total + (x[i] ** 2 - x[i + 1]) ** 2 + x[i] ** 3 * (1.0 - x[i + 2]) ** 1 + x[i] ** 0
    return total + sum((1.5 + a) ** -2 * (2.0 + a) ** 0.5 for a in x[:50])


def ones(x):
    total, factor = 0.0, 1.0
    for i in range(60):
        factor = factor * 1.0
        below = -(x[i] * 1.0 - 0.0)
        total = total + factor * -below / 1.0 + -1.0 * x[i]
    return total


def rungekutta(x):
    u, v = x[0], x[1]
    slope = lambda u, v: (x[2] * u - x[3] * u * v, x[4] * u * v - x[5] * v)  # noqa: E731
    for _ in range(40):
        a, b = slope(u, v)
        c, d = slope(u + 0.05 * a, v + 0.05 * b)
        u, v = u + (a + c) * 0.05, v + (b + d) * 0.05
    return u * u + v


WRITTEN = [f for name, f in sorted(globals().items()) if getattr(f, "__module__", "") == __name__]


def at_random(seed):
    """A function of nested loops: carried, shared, looked up in tables, with choices and with branches."""
    rng = random.Random(seed)
    tables = [[rng.choice((0.0, 1.0, -1.0, -0.0, rng.gauss(0, 1))) for _ in range(48)] for _ in range(2)]

    def operand(depth, variables):
        kind = rng.randrange(7)
        a, b = rng.randrange(-3, 4), rng.randrange(COUNT)
        v = rng.randrange(variables)
        if kind == 0:
            return lambda x, s, i: x[(a * i[-1] + b) % COUNT]
        if kind == 1:
            return lambda x, s, i: x[b]
        if kind == 2:
            return lambda x, s, i: tables[b % 2][(a * i[-1] + b + 5 * i[0]) % 48]
        if kind == 3:
            number = rng.choice((1.0, 0.5, -1.0, 0.0, 2.0))
            return lambda x, s, i: number
        return lambda x, s, i: s[v]

    def statement(depth, variables):
        target = rng.randrange(variables)
        p, q, r = (operand(depth, variables) for _ in range(3))
        kind = rng.randrange(14)
        exponent = rng.choice((0, 1, 2, 3, -1, 0.5))
        f = [
            lambda x, s, i: p(x, s, i) + q(x, s, i),
            lambda x, s, i: p(x, s, i) - q(x, s, i),
            lambda x, s, i: p(x, s, i) * q(x, s, i),
            lambda x, s, i: s[target] + p(x, s, i) * q(x, s, i),
            lambda x, s, i: s[target] + p(x, s, i),
            lambda x, s, i: s[target] * 0.5 + p(x, s, i),
            lambda x, s, i: tanh(p(x, s, i)) * q(x, s, i),
            lambda x, s, i: sin(p(x, s, i) + s[target]),
            lambda x, s, i: where(p(x, s, i) * 1.0, q(x, s, i), r(x, s, i)),
            lambda x, s, i: maximum(p(x, s, i), q(x, s, i)),
            lambda x, s, i: p(x, s, i) / (1.5 + q(x, s, i) * q(x, s, i)),
            lambda x, s, i: exp(-abs(p(x, s, i))),
            lambda x, s, i: power(p(x, s, i), exponent),
            lambda x, s, i: q(x, s, i) if p(x, s, i) > 0.3 else r(x, s, i) * 0.5,
        ][kind]

        def run(x, s, i):
            s[target] = f(x, s, i)

        return run

    def loop(depth, variables):
        times = rng.randrange(6, 30) if depth == 1 else rng.randrange(2, 9)
        body = [statement(depth, variables) for _ in range(rng.randrange(1, 5))]
        if depth < 3 and rng.random() < 0.45:
            body.insert(rng.randrange(len(body) + 1), loop(depth + 1, variables))

        def run(x, s, i):
            for k in range(times):
                for part in body:
                    part(x, s, (*i, k))

        return run

    variables = rng.randrange(2, 5)
    starts = [rng.choice((0.0, 0.5, None)) for _ in range(variables)]
    parts = [loop(1, variables) for _ in range(rng.randrange(1, 4))]

    def f(x):
        s = [x[k] if start is None else start for k, start in enumerate(starts)]
        for part in parts:
            part(x, s, (0,))
        return sum(s[1:], s[0]) + x[0] * 0.0

    return f


def nested_at_random(seed):
    """A function of loops over vectors in a loop: layers, recurrences, sums, reversed, in place or not."""
    rng = random.Random(seed)
    size, times = rng.randrange(7, 14), rng.randrange(6, 14)
    table = [rng.choice((0.0, 1.0, -0.0, rng.gauss(0, 1), rng.gauss(0, 1))) for _ in range(64)]

    def operand():
        """Read a vector, x, a table or a scalar in iterations i and k."""
        kind = rng.randrange(9)
        a, b, c = rng.choice((-1, 0, 1, 1, 1, 2)), rng.randrange(COUNT), rng.choice((0, 0, 1, 3))
        which, shift = rng.randrange(3), rng.choice((0, 0, 0, 1, -1, 5))
        number = rng.choice((1.0, 0.5, -1.0, 0.0, 2.0))
        return [
            lambda x, v, s, i, k: x[(a * k + b + c * i) % COUNT],
            lambda x, v, s, i, k: x[(a * k + b) % COUNT],
            lambda x, v, s, i, k: table[(a * k + b + 7 * i) % 64],
            lambda x, v, s, i, k: number if b % 3 else table[(k + b) % 64],
            lambda x, v, s, i, k: s[which],
            lambda x, v, s, i, k: v[which][(k + shift) % size],
            lambda x, v, s, i, k: v[which][(k + shift) % size],
            lambda x, v, s, i, k: v[which][(a * k + b) % size],
            lambda x, v, s, i, k: v[which][b % size],
        ][kind]

    def elementwise():
        p, q, r = operand(), operand(), operand()
        return rng.choice(
            [
                lambda *at: p(*at) * q(*at) + r(*at),
                lambda *at: p(*at) - q(*at),
                lambda *at: tanh(p(*at)) * q(*at),
                lambda *at: sin(p(*at) + q(*at)),
                lambda *at: where(p(*at) * 1.0, q(*at), r(*at)),
                lambda *at: maximum(p(*at), q(*at)) * 0.5,
                lambda *at: (p(*at) * 1.0 - 0.1).relu() if isinstance(p(*at), Value) else q(*at),
                lambda *at: p(*at) / (1.5 + q(*at) * q(*at)),
                lambda *at: q(*at) if p(*at) > 0.3 else r(*at) * 0.5,
            ]
        )

    def part():
        f, g, target, scalar = elementwise(), operand(), rng.randrange(3), rng.randrange(3)
        kind = rng.randrange(6)

        def run(x, v, s, i):
            if kind == 0:
                v[target] = [f(x, v, s, i, k) for k in range(size)]
            elif kind == 1:
                for k in range(size):
                    v[target][k] = f(x, v, s, i, k)
            elif kind == 2:
                for k in range(size):
                    s[scalar] = s[scalar] * 0.5 + f(x, v, s, i, k)
            elif kind == 3:
                s[scalar] = s[scalar] + sum(f(x, v, s, i, k) * g(x, v, s, i, k) for k in range(size))
            elif kind == 4:
                old = list(v[target])
                v[target] = [
                    tanh(
                        sum(x[(k * size + j) % COUNT] * old[j] for j in range(size)) * 0.2
                        + f(x, v, s, i, k)
                    )
                    for k in range(size)
                ]
            else:
                for k in reversed(range(size)):
                    v[target][k] = v[target][k] * 0.5 + f(x, v, s, i, k) * g(x, v, s, i, k)

        return run

    parts = [part() for _ in range(rng.randrange(1, 5))]

    def f(x):
        v = [[x[(k + 11 * j) % COUNT] for k in range(size)] for j in range(3)]
        s = [x[1], 0.0, -0.0]
        fresh = [list(u) for u in v]
        for i in range(times):
            if seed % 2:  # a recurrence, or data in a loop
                v = [list(u) for u in fresh]
            for run in parts:
                run(x, v, s, i)
        return sum(s) + sum(sum(u) for u in v) + x[0] * 0.0

    return f


def units_at_random(seed):
    """A recurrence of units that do alike: dense, in another order, with calls, squares and data."""
    rng = random.Random(seed)
    size, times = rng.choice((4, 5, 8, 9, 16)), rng.randrange(20, 40)
    orders = [list(range(size)) for _ in range(6)]
    for order in orders[2:]:
        if rng.random() < 0.6:
            rng.shuffle(order)
    steps = [[rng.randrange(n) for n in (8, 8, 6, 8, 6, 20)] for _ in range(rng.randrange(3, 12))]
    data = [[rng.choice((0.0, -0.0, 1.0, rng.gauss(0, 1))) for _ in range(size)] for _ in range(times)]
    dense, one_differs, far = rng.random() < 0.5, rng.random() < 0.3, rng.random() < 0.5
    zeros = None if rng.random() < 0.5 else [rng.choice((0.0, -0.0))] * size
    kinds = [
        lambda y, z, x, b, odd: y + z,
        lambda y, z, x, b, odd: y * z,
        lambda y, z, x, b, odd: y - x,
        lambda y, z, x, b, odd: tanh(y) * z,
        lambda y, z, x, b, odd: where(y - 0.1, y, z),
        lambda y, z, x, b, odd: y * b,
        lambda y, z, x, b, odd: y * x + (0.5 if odd else 1.0) * z,
        lambda y, z, x, b, odd: (y * 0.1) ** 2,
    ]

    def f(x):
        h = zeros or [0.5 * x[u] for u in range(size)]
        states, total, units = [h, h, h], 0.0, range(size)
        for t in range(times):
            made = [h, [data[t][u] * x[u] for u in units], states[-1 - (far and t > 1)]]
            if dense:
                made.append([sum(x[(7 * u + k) % COUNT] * h[k] for k in units) for u in units])
            for kind, first, order, second, other, shift in steps:
                a, b = made[-1 - first % len(made)], made[-1 - second % len(made)]
                pairs = zip(units, orders[order], orders[other], strict=True)
                made.append([kinds[kind](a[p], b[q], x[u + shift], b[0], u % 2) for u, p, q in pairs])
            last = zip(units, made[-1], made[0], strict=True)
            h = [tanh(y) + (0.3 if one_differs and u == 2 else 0.2) * z for u, y, z in last]
            states.append(h)
            total = total + h[0] * h[-1]
        return total + sum(h) + x[0]

    return f


def numbers(rng):
    """Numbers to call a function with, a zero or one among them now and then."""
    return [rng.choice((0.0, 1.0)) if rng.random() < 0.03 else rng.uniform(-1.5, 1.5) for _ in range(COUNT)]


def graph_of(f, x):
    """Return what `f` makes of Values, with them, and its comparisons with how they came out."""
    leaves = [Value(v) for v in x]
    return f(leaves), leaves
