"""One suite for every row of the table: value, each partial, both modes, second order, special points.

Nothing here knows a function by name: a new row is tested by being there.
"""

import itertools
import math

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from program_cases import with_constants

from autograd_mini import Value
from autograd_mini.engine.table import TABLE
from autograd_mini.testing import compare_grads
from autograd_mini.testing.exact import reference

ROWS = [pytest.param(row, id=name) for name, row in TABLE.items()]
DIFFERENTIABLE = [pytest.param(row, id=name) for name, row in TABLE.items() if name != "stop_gradient"]
NEAR, FAR = 1e-3, 20.0
SPECIAL = [0.0, -0.0, 1.0, -1.0, 0.5, -2.0, 1e-300, 5e-324, 1e300, math.inf, -math.inf, math.nan]


def operands(row):
    """Operands from the row's own domain, of moderate size: extremes have tests of their own."""
    intervals = [
        st.floats(max(low, -FAR), min(high, FAR)).filter(lambda x: x == 0 or abs(x) >= NEAR)
        for low, high in row.domain
    ]
    if row.variadic:
        return st.lists(intervals[0], min_size=1, max_size=4)
    return st.tuples(*intervals)


def takes(row, xs):
    try:
        row(*xs)
    except TypeError:  # a dot product of an odd number of operands
        return False
    return True


@pytest.mark.parametrize("row", ROWS)
@given(data=st.data())
def test_the_value_is_what_the_reference_says(row, data):
    xs = data.draw(operands(row))
    assume(takes(row, xs) and not any(x == 0 and math.copysign(1, x) < 0 for x in xs))
    expected = float(reference(row, xs))
    assume(expected == expected)  # at a pole mpmath has no word for what IEEE-754 says
    assert row(*xs) == pytest.approx(expected, rel=1e-12, abs=1e-13)


@pytest.mark.parametrize("row", DIFFERENTIABLE)
@settings(max_examples=settings().max_examples // 5)
@given(data=st.data())
def test_each_partial_is_right_at_either_order_in_both_modes(row, data):
    xs = data.draw(operands(row))
    assume(takes(row, xs))

    fixed = getattr(row, "constants", ())
    varying = [i for i in range(len(xs)) if row.variadic or row.operands[i] not in fixed]

    def f(*varied):
        given = list(xs)
        for i, x in zip(varying, varied, strict=True):
            given[i] = x
        return row(*given)

    report = compare_grads(f, *[xs[i] for i in varying], oracle="mpmath")
    assert report.ok, f"{report}"


@pytest.mark.parametrize("row", ROWS)
def test_no_number_raises_and_a_node_is_what_its_row_says(row):
    count = 2 if row.variadic else len(row.operands)
    for xs in itertools.product(SPECIAL, repeat=count):
        y = row(*xs)
        assert type(y) is float
        leaves = with_constants(row, [Value(x) for x in xs])
        node = row(*leaves)
        partials = row.partials_at(y, list(xs), [True] * count)
        assert repr(node.data) == repr(y)
        assert repr(node.partials) == repr(tuple(partials))
        assert all(d is None or type(d) is float for d in partials)
        node.backward()
        grads = [x.grad if isinstance(x, Value) else 0.0 for x in leaves]
        assert grads == pytest.approx([d or 0.0 for d in partials], nan_ok=True)
