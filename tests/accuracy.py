"""How many units in the last place each function and each of its partials is wrong by.

Every row of the table is compared with its own `reference`, evaluated by mpmath at 60 digits or as many
more as it takes for two precisions to agree, over its whole domain: from denormal operands to 1e308,
dense around 1, at the ends, and at pairs that nearly cancel. An error is in units of the spacing of
floats at the exact result; results in the denormal range do not count, nor do partials at kinks (the
tests of conventions have those) and where the value itself overflows. Partials are judged by differences
of the reference at high precision, which know nothing of the rules they judge.
"""

import math
import random
from collections.abc import Callable, Iterator
from types import CodeType
from typing import Any

import mpmath
from mpmath import mp, mpf

import autograd_mini  # noqa: F401 — its import fills the table
from autograd_mini.engine.primitives import digamma
from autograd_mini.engine.table import TABLE, Primitive
from autograd_mini.special.by_scipy import Special
from autograd_mini.testing.exact import erfcinv

SMALLEST_NORMAL, LARGEST = 2.2250738585072014e-308, 1.7976931348623157e308
PROMISE = 4.0

# Where the exact answer cancels no formula keeps to its last place: judged by the size of what cancels.
SCALE: dict[tuple[str, int | None], Callable[..., float]] = {
    ("sinc", 0): lambda x: 1.0 / abs(x) if abs(x) > 1.0 else 0.0,
    ("logaddexp", None): lambda x, y: max(abs(x), abs(y)) if max(x, y) <= 0 else 0.0,
    ("logsubexp", None): lambda x, y: min(abs(x), abs(y)),
    ("logsumexp", None): lambda *xs: max(map(abs, xs)) if max(xs) <= 0 else 0.0,
    ("sum", None): lambda *xs: sum(map(abs, xs)),
    ("dot", None): lambda *xs: sum(abs(x * y) for x, y in zip(xs, xs[len(xs) // 2 :], strict=False)),
    # Bessel functions swing about 0: their size is that of the swing.
    **{
        (name, i): lambda x: min(abs(x or 1.0) ** -0.5, 1.0)
        for name in ("j0", "j1", "y0", "y1")
        for i in (None, 0)
    },
    ("i1e", 0): lambda x: min(abs(x or 1.0) ** -0.5, 1.0),
    ("betaln", None): lambda a, b: 1.0,
    ("betaln", 0): lambda a, b: abs(digamma(a)) + abs(digamma(a + b)),
    ("betaln", 1): lambda a, b: abs(digamma(b)) + abs(digamma(a + b)),
    # SciPy computes with numbers below the smallest normal one where probabilities are as small as these.
    **{(name, None): lambda *xs: 1e-270 for name in ("gammainc", "gammaincc", "betainc")},
}

# Rules that go through the value lose digits where that is in the denormal range.
THROUGH_VALUE = {"div", "pow", "hypot"}

# The gamma family has no such promise; this is what it reaches, value and partials. Others state theirs.
REACHED = {"gamma": 10.0, "lgamma": 10.0, "digamma": 10.0, "polygamma": 10.0}
REACHED |= {row.name: row.tolerance for row in TABLE.values() if isinstance(row, Special)}

_codes: dict[str, CodeType] = {}
_names = {name: getattr(mpmath, name) for name in dir(mpmath) if not name.startswith("_")}


def gammainc(a: Any, low: Any, high: Any, regularized: bool) -> Any:
    """Half of mpmath's function, by a series of positive terms, which is a hundred times as fast."""
    x = low or high
    lower = mpmath.exp(a * mpmath.log(x) - x - mpmath.loggamma(a + 1)) * mpmath.hyp1f1(1, a + 1, x)
    return 1 - lower if low else lower


_names |= {"erfcinv": erfcinv, "gammainc": gammainc}


def reference(row: Primitive, operands: Any) -> Any:
    """The row's mathematical definition, at the precision mpmath has now."""
    if row.name not in _codes:
        _codes[row.name] = compile(row.reference, row.name, "eval")
    values = [operands] if row.variadic else operands
    scope = dict(zip((name.lstrip("*") for name in row.operands), values, strict=True))
    return eval(_codes[row.name], _names | scope)  # one scope: a generator inside sees only globals


def settled(compute: Callable[[], Any]) -> Any:
    """What `compute` gives at 60 digits, or at as many as it takes to agree with half as many again."""
    digits = 60
    while True:
        with mp.workdps(digits):
            first = compute()
        with mp.workdps(digits * 3 // 2):
            second = compute()
            if not isinstance(second, mpf | float | int) or not mpmath.isfinite(second):
                return second
            close = abs(first - second) <= abs(second) * mpf(10) ** -25
        if (close and second) or digits > (2500 if second else 470):
            return second
        digits = 2 * digits if second else 480  # a 0 may be all digits cancelled; there it is below 1e-308


def exact(row: Primitive, operands: list[float]) -> Any:
    return settled(lambda: reference(row, [mpf(x) for x in operands]))


def exact_partial(row: Primitive, operands: list[float], i: int) -> Any:
    def slope() -> Any:
        at = [mpf(x) for x in operands]
        h = (abs(at[i]) or 1) * mpf(10) ** (-mp.dps // 3)
        above, below = [*at], [*at]
        above[i], below[i] = at[i] + h, at[i] - h
        right, left = reference(row, above), reference(row, below)
        middle = reference(row, at)
        if abs((right - middle) - (middle - left)) > 1e-3 * (abs(right - middle) + abs(middle - left)):
            return None if mp.dps > 2000 else mpf(random.random())  # no derivative, or not enough digits
        return (right - left) / (2 * h)

    return settled(slope)


# ---- where to look ---------------------------------------------------------------------------------


def numbers(interval: tuple[float, float], rng: random.Random) -> Iterator[float]:
    """Endless floats of an interval, landmarks and draws by turns: of all sizes, at its ends, around 1."""
    lo, hi = interval
    landmarks = [5e-324, 1e-310, 1e-300, 0.25, 0.5, math.log(2), 1.0, 1.5, 2.0, 10.0, 709.0, 1e300]
    near = [1 + sign * 10.0**-k for k in range(1, 17) for sign in (-1, 1)]
    fixed = [0.0, *(s * x for x in landmarks + near for s in (1.0, -1.0))]
    fixed = [x for x in fixed if lo <= x <= hi]
    rng.shuffle(fixed)
    while True:
        if fixed:
            yield fixed.pop()
        draws = [
            rng.choice((-1, 1)) * 10.0 ** rng.uniform(-307, 308),
            rng.choice((-1, 1)) * 10.0 ** rng.uniform(-3, 3),
            rng.uniform(-4, 4),
            rng.uniform(-40, 40),
            1 + rng.choice((-1, 1)) * 10.0 ** rng.uniform(-16, 0),
            lo + 10.0 ** rng.uniform(-16, 2),
            hi - 10.0 ** rng.uniform(-16, 2),
            rng.uniform(max(lo, -1e3), min(hi, 1e3)),
        ]
        inside = [x for x in draws if lo <= x <= hi]
        yield rng.choice(inside) if inside else rng.uniform(lo, hi)


def points(row: Primitive, count: int) -> Iterator[list[float]]:
    """`count` lists of operands, half of them related to the first; a condition is 0 half the time."""
    rng = random.Random(row.name)
    domain = row.domain * (4 if row.name == "dot" else 3) if row.variadic else row.domain
    smooth = [rule is not None for rule in row.partials]
    conditions = (
        []
        if row.variadic or not any(smooth) or isinstance(row, Special)
        else [i for i, is_smooth in enumerate(smooth) if not is_smooth]
    )
    streams = [numbers(interval, random.Random(f"{row.name} {i}")) for i, interval in enumerate(domain)]
    for n in range(count):
        at = [next(stream) for stream in streams]
        if n % 2 and len(at) > 1:
            x = at[0]
            for i in range(1, len(at)):
                related = [
                    x * (1 + 10.0 ** rng.uniform(-16, 1)),
                    x * rng.uniform(-8, 8),
                    x + rng.uniform(-9, 9),
                ]
                if x > 0 and x != 1.0:
                    related.append(rng.uniform(-700, 700) / math.log(x))
                y = rng.choice(related)
                if domain[i][0] <= y <= domain[i][1]:
                    at[i] = y
        for i in conditions:
            at[i] = 0.0 if n // 2 % 2 else at[i]
        yield at


# ---- the comparison --------------------------------------------------------------------------------


def error(got: float, truth: Any, scale: float = 0.0) -> float | None:
    """The error in ULP; None where the truth is complex, or no normal number."""
    if not isinstance(truth, mpf | int | float) or not mpmath.isfinite(truth) or math.isinf(scale):
        return None
    size = abs(truth)
    if size > LARGEST or (size < SMALLEST_NORMAL and (size or got)):
        return None
    if math.isnan(got) or math.isinf(got):
        return math.inf
    ulp = math.ulp(max(float(size), min(scale, LARGEST)))
    return float(abs(mpf(got) - truth) / ulp)


def worst(row: Primitive, count: int) -> dict[int | None, tuple[float, list[float] | None, int]]:
    """Of the value (None) and each partial (0, 1, …): the largest error, where, and of how many points."""
    found: dict[int | None, tuple[float, list[float] | None, int]] = {}
    for at in points(row, count):
        y = row(*at)
        wanted = [rule is not None for rule in row.partials] if not row.variadic else [True] * len(at)
        slopes = row.partials_at(y, at, wanted)
        got: list[tuple[int | None, float | None]] = [(None, y), *enumerate(slopes)]
        for i, number in got:
            if number is None:
                continue
            try:
                truth = value = exact(row, at) if i is None else exact_partial(row, at, i)
            except (ZeroDivisionError, ValueError):
                break  # a pole of the reference itself
            key = 0 if row.variadic and i is not None else i
            scale = SCALE.get((row.name, key))
            ulps = error(number, truth, scale(*at) if scale else 0.0)
            if i is None and value:
                least = SMALLEST_NORMAL if row.name in THROUGH_VALUE else mpf(10) ** -600
                if not isinstance(value, mpf) or not least < abs(value) <= LARGEST:
                    break
            if ulps is None:
                continue
            before = found.get(key, (-1.0, None, 0))
            found[key] = (*max(before[:2], (ulps, at), key=lambda pair: pair[0]), before[2] + 1)
    return found
