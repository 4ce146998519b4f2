"""Random expressions over the whole table, from a seed: for the tests of programs and backends."""

import math

from autograd_mini import Value, where
from autograd_mini.engine.table import TABLE
from autograd_mini.special.by_scipy import Special

SPECIAL = [
    0.0,
    -0.0,
    1.0,
    -1.0,
    math.inf,
    -math.inf,
    math.nan,
    5e-324,
    1e-310,
    1e308,
    -1e300,
    0.5,
    2.0,
    710.0,
]
# The gamma family is slow; stop_gradient and identity are taken out of every program.
LEFT_OUT = {"where", "stop_gradient", "identity", "polygamma", "digamma", "gamma", "lgamma"}


def numbers_for(rng, count):
    """Ordinary numbers, and now and then a special one."""
    return [rng.choice(SPECIAL) if rng.random() < 0.15 else rng.uniform(-3.0, 3.0) for _ in range(count)]


def rows():
    return [
        row
        for name, row in TABLE.items()
        if name not in LEFT_OUT and not isinstance(row, Special) and not name.endswith("_example")
    ]


def with_constants(row, operands):
    """The operands, as plain numbers where the primitive has no derivative in closed form."""
    fixed = getattr(row, "constants", ())
    names = row.operands * len(operands) if row.variadic else row.operands
    pairs = zip(names, operands, strict=False)
    return [x.data if name in fixed and isinstance(x, Value) else x for name, x in pairs]


def expression(rng, leaves, length, choices=False):
    """A graph of so many operations; the result depends on whatever nothing else uses."""
    values = list(leaves)
    table = rows()
    arithmetic = [row for row in table if row.name in ("add", "sub", "mul", "div")]
    for _ in range(length):
        kind = rng.random()
        if choices and kind < 0.25:
            condition = TABLE["less"](rng.choice(values), rng.choice([*values, 0.0]))
            values.append(where(condition, rng.choice(values), rng.choice([*values, 2.0])))
            continue
        row = rng.choice(arithmetic if kind < 0.6 else table)
        count = rng.randint(1, 4) if row.variadic else len(row.operands)
        if row.variadic and len(row.operands) == 1 and row.name == "dot":
            count = 4
        operands = [rng.choice(values) if rng.random() < 0.85 else rng.uniform(-2, 2) for _ in range(count)]
        if not any(isinstance(x, Value) for x in operands):
            operands[0] = values[-1]
        values.append(row(*operands))
    result = values[-1]
    for x in values[-6:-1]:
        result = result + x * 0.5
    return result
