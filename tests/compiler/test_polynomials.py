"""Each polynomial of the vector functions is as near to its function as this file proves.

The error E of a polynomial p of degree d is sampled, with fifty digits, at the N zeros of Chebyshev's
polynomial of degree N on its interval. Two theorems make that a bound between the samples:

- f is analytic and at most M in the disc around the middle of the interval, of half-width h, whose radius
  is h·(ρ + 1/ρ)/2; the disc holds Bernstein's ellipse of ρ, so a polynomial q of degree n is nowhere
  farther from f than δ = 2·M·ρ⁻ⁿ/(ρ − 1) (Trefethen, Approximation Theory and
  Approximation Practice, theorem 8.2).
- A polynomial of degree n < N is at most its largest sample divided by cos(π·n/(2·N)) (Ehlich and Zeller,
  1964). With p − q for it, ‖E‖ ≤ (max |E(samples)| + δ)/cos(π·n/(2·N)) + δ.

The result's relative error is E times a power of the variable, which is sampled with it, times at most
`counts`. It is compared in units of 2⁻⁵², which are one ULP at most.
"""

from collections.abc import Callable
from typing import NamedTuple

import pytest
from mpmath import mp, mpf

from autograd_mini.compiler.backends.llvm import functions, trigonometry

ULP = mpf(2) ** -52


class Case(NamedTuple):
    coefficients: tuple[float, ...]
    f: Callable  # what is approximated, where its variable is not 0
    interval: tuple
    largest: Callable  # of a disc's middle and radius, a number that |f| nowhere exceeds in it
    power: int  # E counts in the result times this power of the variable,
    counts: float  # and times this at most
    bound: float  # in ULP of the result


def at_end(f):
    """The bound of a series whose coefficients, made positive, are those of `f`."""
    return lambda middle, radius: f(middle + radius)


def erfc_slow(u):
    a = 4 * (1 + u) / (1 - u)
    return (1 + 2 * a) * mp.exp(a * a) * mp.erfc(a)


def erfc_largest(middle, radius):
    # exp(a²)·erfc(a) is at most 1 where Re a ≥ 0, that is for |u| ≤ 1: Bernstein's ellipse is inside,
    # though the disc is not; |a| is largest at its right end.
    end = middle + radius
    if end >= 1:
        return None
    return 1 + 2 * 4 * (1 + end) / (1 - end)


half_ln2 = mp.log(2) / 2
C = {
    # eʳ − 1 = r + r²·p: r/(eʳ − 1) ≤ 1.19; in eʳ the error counts less
    "EXP": Case(
        functions.EXP,
        lambda r: (mp.exp(r) - 1 - r) / r**2,
        (-half_ln2, half_ln2),
        at_end(lambda r: (mp.exp(r) - 1 - r) / r**2),
        1,
        1.19,
        0.25,
    ),
    # log(1 + f) = f − s·(f − s²·p), where |log(1 + f)| ≥ 2·|s|
    "LOG": Case(
        functions.LOG,
        lambda z: (2 * mp.atanh(mp.sqrt(z)) / mp.sqrt(z) - 2) / z,
        (0, mpf(1) / 25),
        at_end(lambda z: (2 * mp.atanh(mp.sqrt(z)) / mp.sqrt(z) - 2) / z),
        1,
        0.5,
        0.25,
    ),
    # log(m) = 2s·(1 + s²/3 + s⁴·p); `pow` multiplies its error by up to 745
    "LOG_TAIL": Case(
        functions.LOG_TAIL,
        lambda z: (mp.atanh(mp.sqrt(z)) / mp.sqrt(z) - 1 - z / 3) / z**2,
        (0, mpf(1) / 25),
        at_end(lambda z: (mp.atanh(mp.sqrt(z)) / mp.sqrt(z) - 1 - z / 3) / z**2),
        2,
        1.0,
        0.25 / 745,
    ),
    # sin r = r + r³·p, |r| ≤ π/4 and a little more for the rounding of the reduction: r/sin r ≤ 1.12
    "SIN": Case(
        trigonometry.SIN,
        lambda z: (mp.sin(mp.sqrt(z)) / mp.sqrt(z) - 1) / z,
        (0, mpf("0.617")),
        at_end(lambda z: (mp.sinh(mp.sqrt(z)) / mp.sqrt(z) - 1) / z),
        1,
        1.12,
        0.25,
    ),
    # cos r = 1 − r²/2 + r⁴·p: 1/cos r ≤ 1.42
    "COS": Case(
        trigonometry.COS,
        lambda z: (mp.cos(mp.sqrt(z)) - 1 + z / 2) / z**2,
        (0, mpf("0.617")),
        at_end(lambda z: (mp.cosh(mp.sqrt(z)) - 1 - z / 2) / z**2),
        2,
        1.42,
        0.25,
    ),
    # atan t = t + t³·p, |t| ≤ √2 − 1: t/atan t ≤ 1.06
    "ATAN": Case(
        trigonometry.ATAN,
        lambda z: (mp.atan(mp.sqrt(z)) / mp.sqrt(z) - 1) / z,
        (0, (mp.sqrt(2) - 1) ** 2),
        at_end(lambda z: (mp.atanh(mp.sqrt(z)) / mp.sqrt(z) - 1) / z),
        1,
        1.06,
        0.25,
    ),
    # asin t = t + t³·p, |t| ≤ ½: t/asin t ≤ 1
    "ASIN": Case(
        trigonometry.ASIN,
        lambda z: (mp.asin(mp.sqrt(z)) / mp.sqrt(z) - 1) / z,
        (0, mpf(1) / 4),
        at_end(lambda z: (mp.asin(mp.sqrt(z)) / mp.sqrt(z) - 1) / z),
        1,
        1.0,
        0.25,
    ),
    # m**(−1/3) starts an iteration that makes 14 bits 42, and a step of Newton's that makes those 84
    "CBRT": Case(
        functions.CBRT,
        lambda m: mp.cbrt(1 / m),
        (mpf(3) / 4, mpf(3) / 2),
        lambda middle, radius: mp.cbrt(1 / (middle - radius)),
        0,
        1.15,
        2.0**38,
    ),
    # erf a = a + a·p, |a| ≤ 1: 1/(1 + p) ≤ 1.19
    "ERF": Case(
        functions.ERF,
        lambda z: mp.erf(mp.sqrt(z)) / mp.sqrt(z) - 1,
        (0, mpf(1)),
        at_end(lambda z: mp.erfi(mp.sqrt(z)) / mp.sqrt(z) + 1),
        0,
        1.19,
        0.25,
    ),
    # erfc a = exp(−a²)·p/(1 + 2a), where p ≥ 1.1
    "ERFC": Case(
        functions.ERFC,
        erfc_slow,
        (mpf("-3.54") / mpf("4.46"), mpf(3) / 4),
        erfc_largest,
        0,
        0.9,
        0.25,
    ),
}


def error_bound(case):
    """How large the error, times the power with which it counts, is anywhere in the interval."""
    degree, samples = 100, 400
    with mp.workdps(50):
        low, high = map(mpf, case.interval)
        middle, half = (low + high) / 2, (high - low) / 2
        largest_weight = max(abs(low), abs(high)) ** case.power
        delta = mp.inf
        for rho in (mpf("1.9"), mpf("2.5"), mpf(4), mpf(8), mpf(16)):
            largest = case.largest(middle, half * (rho + 1 / rho) / 2)
            if largest is None or mp.im(largest) != 0:  # the disc reaches beyond a singularity
                break
            delta = min(delta, largest_weight * 2 * largest * rho**-degree / (rho - 1))
        most = mpf(0)
        for k in range(samples):
            x = middle + half * mp.cos(mp.pi * (2 * k + 1) / (2 * samples))
            p = mp.polyval([mpf(c) for c in reversed(case.coefficients)], x)
            most = max(most, abs(x**case.power * (p - case.f(x))))
        assert delta < most
        return (most + delta) / mp.cos(mp.pi * (degree + case.power) / (2 * samples)) + delta


@pytest.mark.parametrize("name", C)
def test_the_error_of_a_polynomial_is_bounded(name):
    case = C[name]
    assert error_bound(case) * case.counts <= case.bound * ULP


def test_the_proof_notices_a_wrong_coefficient():
    case = C["SIN"]
    wrong = case._replace(coefficients=(case.coefficients[0] + 2.0**-49, *case.coefficients[1:]))
    assert error_bound(wrong) * case.counts > case.bound * ULP


def test_every_polynomial_is_in_the_list():
    for module in (functions, trigonometry):
        for name, found in vars(module).items():
            if isinstance(found, tuple) and len(found) > 4:
                assert C[name].coefficients is found
