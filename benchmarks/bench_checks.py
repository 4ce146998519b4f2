"""Score gradient checks on the corpus in benchmarks/gradients: ours, and peers' with their defaults.

    python benchmarks/bench_checks.py [--sources] [--only ours,scipy] [--every N]

A check is given a function, a claimed derivative and a point. It finds or misses a wrong claim; it clears,
accuses or leaves undecided a right one. A right claim counts as undecided only where the corpus says that
it can be decided. Peers that are not installed are left out.
"""

import argparse
import collections
import math
import platform
import time
import warnings

import numpy as np
from gradients import right, wrong_mathematics, wrong_networks, wrong_programs  # noqa: F401
from gradients.cases import BUGS, WRONG

SCIPY_TOLERANCE = 1e-5
"""`scipy.optimize.check_grad` returns an error and no verdict: this part of the gradient is let pass."""


class Counter:
    """A function that counts its calls."""

    def __init__(self, f):
        self.f, self.calls = f, 0

    def __call__(self, *args):
        self.calls += 1
        return self.f(*args)


def product(case, claim, x, v):
    """The vector-Jacobian product that the claim amounts to."""
    if case.kind == "gradient":
        return np.ravel(v)[0] * np.asarray(claim(x), float)
    return np.asarray(claim(x, v) if case.kind == "vjp" else v @ claim(x), float)


# ---- ours ------------------------------------------------------------------------------------------


def ours(case, f, claim):
    from autograd_mini import testing

    checks = {
        "gradient": testing.check_grads,
        "jacobian": testing.check_jacobian,
        "vjp": testing.check_vjp,
        "jvp": testing.check_jvp,
    }
    try:
        report = checks[case.kind](f, claim, case.point)
    except testing.GradientError as error:
        report = error.report
    for verdict in ("wrong", "kink or pole", "too noisy"):
        if any(finding.verdict.value.startswith(verdict) for finding in report.findings):
            return verdict
    return "right"


# ---- peers -----------------------------------------------------------------------------------------


def scipy(case, f, claim):
    from scipy.optimize import check_grad

    if case.kind != "gradient":
        return None
    error = check_grad(f, claim, case.point)
    return verdict(error <= SCIPY_TOLERANCE * max(1.0, np.linalg.norm(claim(case.point))), error)


def numdifftools(case, f, claim):
    import numdifftools

    if case.kind not in ("gradient", "jacobian"):
        return None
    estimate = numdifftools.Gradient if case.kind == "gradient" else numdifftools.Jacobian
    found = np.reshape(estimate(f)(case.point), -1)
    return verdict(np.allclose(np.reshape(claim(case.point), -1), found), found.sum())


def autograd(case, f, claim):
    from autograd.extend import defvjp, primitive
    from autograd.test_util import check_grads

    if case.kind == "jvp":
        return None
    wrapped = primitive(lambda x: f(np.array(x)))
    defvjp(wrapped, lambda _, x: lambda v: product(case, claim, np.array(x), v))
    try:
        check_grads(wrapped, modes=["rev"], order=1)(case.point)
    except AssertionError:
        return "wrong"
    return "right"


def torch(case, f, claim):
    import torch

    if case.kind == "jvp":
        return None

    class Wrapped(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return torch.tensor(np.asarray(f(x.detach().numpy().copy()), float))

        @staticmethod
        def backward(ctx, v):
            (x,) = ctx.saved_tensors
            return torch.tensor(product(case, claim, x.detach().numpy().copy(), v.numpy()))

    x = torch.tensor(case.point, requires_grad=True)
    return "right" if torch.autograd.gradcheck(Wrapped.apply, x, raise_exception=False) else "wrong"


def jax(case, f, claim):
    import jax
    from jax.test_util import check_grads

    if case.kind == "jvp":
        return None
    jax.config.update("jax_enable_x64", True)
    shape = np.shape(f(case.point))
    like = jax.ShapeDtypeStruct(shape, np.float64)

    @jax.custom_vjp
    def wrapped(x):
        return jax.pure_callback(lambda x: np.asarray(f(np.array(x)), float), like, x)

    def backward(x, v):
        back = jax.ShapeDtypeStruct(x.shape, np.float64)
        return (jax.pure_callback(lambda x, v: product(case, claim, np.array(x), np.array(v)), back, x, v),)

    wrapped.defvjp(lambda x: (wrapped(x), x), backward)
    try:
        check_grads(wrapped, (case.point,), order=1, modes=["rev"])
    except AssertionError:
        return "wrong"
    return "right"


def verdict(passed, number):
    return "right" if passed else "wrong" if math.isfinite(number) else "undecided"


JUDGES = {
    "ours": (ours, "autograd_mini"),
    "torch.autograd.gradcheck": (torch, "torch"),
    "jax.test_util.check_grads": (jax, "jax"),
    "scipy.optimize.check_grad": (scipy, "scipy"),
    "autograd.test_util.check_grads": (autograd, "autograd"),
    "numdifftools": (numdifftools, "numdifftools"),
}


# ---- scores ----------------------------------------------------------------------------------------


def ask(judge, case):
    """The verdict, the calls of f and the seconds; None if the judge cannot be asked."""
    f, claim = case.make()
    f = Counter(f)
    start = time.process_time()
    try:
        found = judge(case, f, claim)
    except Exception as error:
        found = f"undecided: {type(error).__name__}"
    return None if found is None else (found, f.calls, time.process_time() - start)


def outcome(case, found):
    if case.verdicts == WRONG:
        return "found" if found == "wrong" else "missed" if found == "right" else "undecided"
    if found == "wrong":
        return "accused"
    return "cleared" if found in case.verdicts else "undecided"


def installed(package):
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(package.replace("_", "-"))
    except PackageNotFoundError:
        return None


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sources", action="store_true", help="print the score of every source too")
    parser.add_argument(
        "--cases", action="store_true", help="print our missed, accused and undecided cases"
    )
    parser.add_argument("--only", default="", help="judges, such as ours,scipy")
    parser.add_argument("--every", type=int, default=1, help="only every so many-th case")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    np.seterr(all="ignore")
    cases = [*BUGS, *right.right_cases()][:: options.every]
    guilty = sum(case.verdicts == WRONG for case in cases)
    bugs = len({case.source for case in cases if case.verdicts == WRONG})
    print(f"{guilty} wrong derivatives of {bugs} bugs, {len(cases) - guilty} right ones")
    print(f"Python {platform.python_version()}, {platform.machine()}, processor seconds\n")
    head = ("", "asked", "found", "missed", "undecided", "cleared", "accused", "undecided", "calls", "s")
    rows, sources = [head], collections.defaultdict(dict)
    for name, (judge, package) in JUDGES.items():
        if (options.only and not any(o in name for o in options.only.split(","))) or not installed(package):
            continue
        counts, calls, seconds, asked = collections.Counter(), 0, 0.0, 0
        for case in cases:
            answer = ask(judge, case)
            if answer is None:
                continue
            side = "guilty" if case.verdicts == WRONG else "innocent"
            result = outcome(case, answer[0])
            counts[side, result] += 1
            tally = sources[case.source].setdefault(name, collections.Counter())
            tally[result] += 1
            asked, calls, seconds = asked + 1, calls + answer[1], seconds + answer[2]
            if options.cases and name == "ours" and result in ("missed", "accused", "undecided"):
                print(f"  {result}: {case} at {case.x[:4]}: {answer[0]}")
        numbers = [counts["guilty", k] for k in ("found", "missed", "undecided")]
        numbers += [counts["innocent", k] for k in ("cleared", "accused", "undecided")]
        rows.append((name, asked, *numbers, round(calls / max(asked, 1), 1), round(seconds, 1)))
    for row in rows:
        print(f"{row[0]:32}" + "".join(f"{x!s:>11}" for x in row[1:]))
    if options.sources:
        for source, judged in sources.items():
            print(f"\n{source}")
            for name, tally in judged.items():
                print(f"  {name:32}" + ", ".join(f"{n} {what}" for what, n in tally.items()))


if __name__ == "__main__":
    main()
