"""`check_grads` and the other checks: is this derivative right, and if not, where?

What is claimed is compared with an oracle that never sees it: the function's values, or mpmath at 50
digits. A wrong derivative, a kink or pole at the point, and a function too noisy to judge are different
verdicts, and only the first is an accusation.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, Final

from autograd_mini.engine.value import Value
from autograd_mini.testing.blame import Investigation
from autograd_mini.testing.differences import Judgement, Verdict
from autograd_mini.testing.exact import NoReferenceError
from autograd_mini.testing.habits import Derivative, bad_habits, own_rounding
from autograd_mini.testing.report import Finding, Report
from autograd_mini.testing.search import FEW, Claim, Line, Search, along_each, along_random
from autograd_mini.testing.subject import Subject, name_of, plain
from autograd_mini.transforms import functions
from autograd_mini.transforms.nested import flatten

__all__ = ["MODES", "ORACLES", "check_grads", "check_jacobian", "check_jvp", "check_vjp", "compare_grads"]

MODES: Final = ("forward", "reverse")
ORACLES: Final = ("auto", "differences", "mpmath")
OUTPUTS: Final = 64
"""So many outputs of a function are judged one by one; more, by a random combination of them."""


def check_grads(
    f: Callable[..., Any],
    *args: Any,
    gradient: Callable[..., Any] | None = None,
    order: int = 2,
    modes: Sequence[str] = MODES,
    oracle: str = "auto",
    rtol: float = 1e-6,
) -> Report:
    """Check the gradient of `f` at `args`; raise GradientError if a derivative is wrong.

    `f` returns one number. Arguments are numbers or nested lists, tuples, dicts or arrays of numbers. A
    plain function of floats is checked with its hand-written gradient, ``check_grads(f, fprime, x)`` or
    ``gradient=fprime``; `fprime` takes the arguments of `f` and returns the derivative with respect to its
    argument, in the same structure, or a tuple with one for each argument. A function of this library
    needs no gradient: its first and second derivatives are checked in each of `modes`.

    `oracle` is "differences" (of the values alone), "mpmath" (the definitions of the primitives at 50
    digits, for functions of this library), or "auto": differences, and mpmath where they do not say right.
    Relative errors up to `rtol` pass. Up to 16 numbers are checked one by one, more along random
    directions; if a direction is wrong, the wrong numbers are searched for. Returns a `Report`; kinks and
    noise are in it, and do not raise.

    >>> from autograd_mini import exp, sin
    >>> print(check_grads(lambda a, b: exp(a) * sin(b), 0.0, 1.0, order=1))
    <lambda> at a = 0.0, b = 1.0
    derivative  by                found               expected                  verdict
    ∂f/∂a       forward, reverse  0.8414709848078965  0.841470984807... ± 1e-13  right
    ∂f/∂b       forward, reverse  0.5403023058681398  0.540302305868... ± 1e-13  right
    2 right
    >>> import math
    >>> check_grads(math.sin, math.cos, 1.0).ok
    True
    """
    __tracebackhide__ = True
    report = compare_grads(f, *args, gradient=gradient, order=order, modes=modes, oracle=oracle, rtol=rtol)
    return report.checked()


def compare_grads(
    f: Callable[..., Any],
    *args: Any,
    gradient: Callable[..., Any] | None = None,
    order: int = 2,
    modes: Sequence[str] = MODES,
    oracle: str = "auto",
    rtol: float = 1e-6,
) -> Report:
    """Do what `check_grads` does and return the report, whatever the verdicts.

    >>> report = compare_grads(lambda x: x * x, lambda x: 3 * x, 2.0)
    >>> report.ok, round(report.findings[0].expected.slope, 12)
    (False, 4.0)
    """
    if gradient is None and args and callable(args[0]):
        gradient, *args = args  # type: ignore[assignment]
    if oracle not in ORACLES:
        raise ValueError(f"oracle {oracle!r} is unknown: choose one of {', '.join(ORACLES)}")
    if order not in (1, 2):
        raise ValueError(f"order {order!r} cannot be checked: choose 1 or 2")
    if not modes or set(modes) - set(MODES):
        raise ValueError(f"modes {modes!r} are unknown: give one or both, as in modes=('forward',)")
    rtol = _tolerance(rtol)
    _callable("check_grads", f, gradient)
    subject = Subject(f, args, is_plain=gradient is not None)
    if gradient is not None:
        return _by_hand(subject, gradient, rtol)
    report = Report(subject.name, subject.point)
    judge = _OwnJudge(subject, oracle, rtol)
    report.findings.extend(judge.first_order(modes))
    if order == 2 and report.ok:
        report.findings.extend(judge.second_order(modes))
    return report


def check_jacobian(
    f: Callable[..., Any], jacobian: Callable[..., Any], *args: Any, rtol: float = 1e-6
) -> Report:
    """Check a hand-written Jacobian, or the Hessian of a gradient: ``check_jacobian(fprime, hessian, x)``.

    `f` returns numbers in any nesting; `jacobian` takes the same arguments and returns an array of the
    results' shape followed by the argument's, or a tuple with one for each argument.

    >>> import numpy as np
    >>> A = np.array([[1.0, 2.0], [3.0, 4.0]])
    >>> check_jacobian(lambda x: A @ x, lambda x: A, [0.5, 1.5]).ok
    True
    """
    __tracebackhide__ = True
    rtol = _tolerance(rtol)
    _callable("check_jacobian", f, jacobian)
    subject = Subject(f, args, is_plain=True)
    m, n = subject.results().size, len(subject.numbers)
    transposed = False

    def flat(found: Any) -> list[float]:
        nonlocal transposed
        parts = found if isinstance(found, tuple) and len(args) > 1 else (found,)
        shape = getattr(parts[0], "shape", ())
        transposed = len(parts) == 1 and shape == (n, m) and m != n
        widths = [s.size for s in subject.structures] if len(parts) == len(args) else [n]
        blocks = [plain(flatten(part, "the Jacobian")[0]) for part in parts]
        if [len(block) for block in blocks] != [m * width for width in widths]:
            size = " and ".join(str(len(block)) for block in blocks)
            raise TypeError(
                f"{name_of(jacobian)} returned {size} numbers, and {subject.name} has {m} results of {n} "
                f"numbers: return an array of the shape ({m}, {n})"
            )
        if transposed:
            return [blocks[0][j * m + i] for i in range(m) for j in range(n)]
        return [
            t for i in range(m) for b, w in zip(blocks, widths, strict=True) for t in b[i * w : (i + 1) * w]
        ]

    derivative = Derivative(subject, jacobian, flat)
    subject.values(subject.numbers)
    first = derivative(subject.numbers)
    if transposed:
        judgement = Judgement(Verdict.WRONG, remark=f"its shape is ({n}, {m}): it is transposed")
        finding = Finding("∂f/∂x", (name_of(jacobian),), first[0], judgement)
        return Report(subject.name, subject.point, [finding]).checked()

    def times(numbers: list[float]) -> Claim:
        return partial(_product, [numbers[i * n : (i + 1) * n] for i in range(m)])

    columns = [math.hypot(*first[j::n]) for j in range(n)]
    return _claimed(subject, jacobian, derivative, first, times, columns, m, rtol).checked()


def check_vjp(f: Callable[..., Any], vjp: Callable[..., Any], *args: Any, rtol: float = 1e-6) -> Report:
    """Check a vector-Jacobian product: ``vjp(*args, v)``, with v in the structure of the results of `f`.

    It returns what a gradient does. Random vectors are tried; the entry of the Jacobian that is wrong is
    searched for.

    >>> check_vjp(lambda x: x**2, lambda x, v: 2 * x * v, [1.0, 2.0])
    Traceback (most recent call last):
    ...
    TypeError: ...
    >>> import numpy as np
    >>> check_vjp(np.square, lambda x, v: 2 * x * v, np.array([1.0, 2.0])).ok
    True
    """
    __tracebackhide__ = True
    rtol = _tolerance(rtol)
    _callable("check_vjp", f, vjp)
    subject = Subject(f, args, is_plain=True)
    results = subject.results()
    m, name = results.size, name_of(vjp)
    report = Report(subject.name, subject.point)

    def product(v: Sequence[float]) -> Derivative:
        return Derivative(
            subject,
            lambda *args: vjp(*args, results.rebuild(list(v))),
            lambda found: subject.flat(found, name),
        )

    for seed in range(2):
        chance = random.Random(seed)
        v = [chance.choice((-1, 1)) * chance.uniform(0.5, 1.5) for _ in range(m)]
        one = Subject(lambda *args, v=v: _dot(plain(flatten(f(*args))[0]), v), args, is_plain=True)
        one.name, one.names, one.point = subject.name, subject.names, subject.point
        subject.values(subject.numbers)
        derivative = product(v)
        derivative.subject = one
        first = derivative(subject.numbers)
        found = _claimed(one, vjp, derivative, first, _times, first, 1, rtol, "vᵀf" if m > 1 else "f")
        report.findings.extend(found.findings)
        if not found.ok:
            if 1 < m <= OUTPUTS and len(subject.numbers) <= FEW:
                unit = [product([float(i == k) for k in range(m)])(subject.numbers) for i in range(m)]
                search = _search(subject, m, rtol)
                claims: dict[str, Claim] = {name: partial(_product, unit)}
                entries = [e for e in search.findings(claims, None) if e.verdict is Verdict.WRONG]
                report.findings[:] = entries or report.findings
            break
    return report.checked()


def check_jvp(f: Callable[..., Any], jvp: Callable[..., Any], *args: Any, rtol: float = 1e-6) -> Report:
    """Check a Jacobian-vector product: ``jvp(*args, *tangents)``, with a tangent for each argument.

    It returns the derivative of the results of `f` along the tangents, in their structure.

    >>> import numpy as np
    >>> check_jvp(np.square, lambda x, t: 2 * x * t, np.array([1.0, 2.0])).ok
    True
    """
    __tracebackhide__ = True
    rtol = _tolerance(rtol)
    _callable("check_jvp", f, jvp)
    subject = Subject(f, args, is_plain=True)
    m, n, name = subject.results().size, len(subject.numbers), name_of(jvp)

    def along(v: Sequence[float]) -> Derivative:
        def flat(found: Any) -> list[float]:
            numbers = plain(flatten(found, f"the result of {name}")[0])
            if len(numbers) != m:
                raise TypeError(
                    f"{name} returned {len(numbers)} numbers, and {subject.name} {m}: return as many"
                )
            return numbers

        return Derivative(subject, lambda *args: jvp(*args, *subject.arguments(list(v))), flat)

    line = along_random(subject.numbers, seed=1)
    derivative = along(line.direction)
    subject.values(subject.numbers)
    first = derivative(subject.numbers)
    report = Report(subject.name, subject.point)
    search = _search(subject, m, rtol)
    report.findings.extend(search.along(line, {name: first}))
    if n <= FEW or not report.ok:
        claim: Claim = lambda v: along(v)(subject.numbers)  # noqa: E731
        report.findings[:] = [*([] if n <= FEW else report.findings), *search.findings({name: claim}, None)]
    habit = bad_habits(derivative, first, None) if report.ok else None
    return _with_habit(report, habit, name, first).checked()


# ---- derivatives written by hand -------------------------------------------------------------------


def _by_hand(subject: Subject, gradient: Callable[..., Any], rtol: float) -> Report:
    with suppress(ArithmeticError, ValueError):  # it is told below that there is no value
        subject.call(subject.numbers)
    derivative = Derivative(subject, gradient, lambda found: subject.flat(found, name_of(gradient)))
    first = derivative(subject.numbers)
    return _claimed(subject, gradient, derivative, first, _times, first, 1, rtol)


def _product(rows: list[list[float]], v: Sequence[float]) -> list[float]:
    return [_dot(row, v) for row in rows]


def _times(gradient: list[float]) -> Claim:
    return lambda v: [_dot(gradient, v)]


def _claimed(
    subject: Subject,
    function: Callable[..., Any],
    derivative: Derivative,
    first: list[float],
    times: Callable[[list[float]], Claim],
    columns: Sequence[float],
    m: int,
    rtol: float,
    output: str = "f",
) -> Report:
    """Judge a derivative of which all numbers are known, and then its habits."""
    name, n = name_of(function), len(subject.numbers)
    rounding: list[list[float]] = []

    def settle(judgement: Judgement, found: float, place: tuple[int, ...], zero: float) -> Judgement:
        gap = abs(found - judgement.expected.slope)
        if judgement.verdict is not Verdict.WRONG or not gap <= 0.1 * abs(judgement.expected.slope):
            return judgement
        if not rounding:
            rounding.append(own_rounding(derivative, first))
        off = rounding[0][place[0] * n + place[1]]
        if not 0 < gap <= 10 * off:
            return judgement
        remark = f"the derivative's own rounding changes it by {off:.0e}"
        return Judgement(Verdict.NOISY, judgement.expected, remark)

    search = _search(subject, m, rtol, settle, output)
    report = Report(subject.name, subject.point)
    report.findings.extend(search.findings({name: times(first)}, columns))
    habit = None
    if report.ok:
        product = (lambda found, line: {name: times(found)(line.direction)}) if report.decided else None
        habit = bad_habits(derivative, first, product)
    return _with_habit(report, habit, name, first)


def _with_habit(report: Report, habit: Judgement | None, name: str, first: list[float]) -> Report:
    if habit:
        report.findings.append(Finding("the derivative", (name,), first[0], habit))
    return report


def _search(subject: Subject, m: int, rtol: float, settle: Any = None, output: str = "f") -> Search:
    outputs = [output] if m == 1 else [f"{output}[{i}]" for i in range(m)]
    return Search(subject.values, subject.numbers, subject.names, outputs, rtol, settle)


# ---- functions of this library ---------------------------------------------------------------------


class _OwnJudge:
    """Judges functions of this library, which leave a graph to look into."""

    def __init__(self, subject: Subject, oracle: str, rtol: float) -> None:
        self.subject, self.oracle, self.rtol = subject, oracle, rtol
        self._investigation: Investigation | None = None

    @property
    def investigation(self) -> Investigation:
        if self._investigation is None:
            self._investigation = Investigation(self.subject.call, self.subject.numbers, self.subject.value)
        return self._investigation

    def first_order(self, modes: Sequence[str]) -> Iterator[Finding]:
        subject = self.subject
        found = {mode: plain(self.gradient(mode, subject.numbers)) for mode in modes}
        search = Search(
            lambda x: [subject.value(x)],
            subject.numbers,
            subject.names,
            ["f"],
            self.rtol,
            lambda judgement, found, place, zero: self._settled(judgement, found, place[1:], zero),
            by_values=self.oracle != "mpmath",
        )
        claims = {mode: _times(g) for mode, g in found.items()}
        sizes = [max(map(abs, of_modes)) for of_modes in zip(*found.values(), strict=True)]
        yield from search.findings(claims, sizes)

    def second_order(self, modes: Sequence[str]) -> Iterator[Finding]:
        names, x = self.subject.names, self.subject.numbers
        inner = "reverse" if "reverse" in modes else "forward"

        def gradient(numbers: list[float]) -> list[float]:
            return plain(self.gradient(inner, numbers))

        few = len(x) <= FEW
        outputs = [f"∂{name}" for name in names]
        by_values = self.oracle != "mpmath" or not few
        settle = self._settled if few else None
        search = Search(gradient, x, names, outputs, self.rtol, settle, by_values=by_values)
        for line in along_each(names, x, range(len(x))) if few else [along_random(x)]:
            claimed = {f"{outer} over {inner}": self._product(outer, inner, line) for outer in modes}
            for finding in search.along(line, claimed):
                output, by = finding.derivative.split("/∂", 1)
                name = f"∂²f/∂{by}{output[1:]}"
                yield Finding(name, finding.modes, finding.found, finding.judgement)

    def gradient(self, mode: str, numbers: list[Any]) -> list[Any]:
        """Return the gradient at `numbers` by one mode; differentiable if they are."""
        call = self.subject.call
        if mode == "reverse":
            return functions.grad(call)(numbers)  # type: ignore[no-any-return]
        # The other arguments are constants, not inputs with tangent 0, which times infinity would be nan.
        fixed = [functions.stop_gradient(Value(x)) if x.__class__ is float else x for x in numbers]
        return [
            functions.jvp(lambda t, i=i: call([*fixed[:i], t, *fixed[i + 1 :]]), (x,), (1.0,))[1]
            for i, x in enumerate(numbers)
        ]

    def _product(self, outer: str, inner: str, line: Line) -> list[float]:
        """The Hessian times the line's direction, in one nesting of the modes."""

        def gradient(x: list[Any]) -> list[Any]:
            return self.gradient(inner, x)

        if outer == "forward":
            return plain(functions.jvp(lambda t: gradient(line.at(t)), (line.start,), (1.0,))[1])
        return plain(functions.grad(lambda x: _dot(gradient(x), line.direction))(self.subject.numbers))

    def _settled(self, judgement: Judgement, found: float, by: tuple[int, ...], zero: float) -> Judgement:
        """Ask the graph and mpmath where the values do not say right."""
        if self.oracle == "mpmath":
            judgement = self._known(by)
        if judgement.verdict is Verdict.RIGHT or self.oracle == "differences":
            return judgement
        return self.investigation.settle(judgement, found, by, self.rtol, zero)

    def _known(self, by: tuple[int, ...]) -> Judgement:
        """If mpmath alone is asked, whatever was found is wrong until it is shown to be right."""
        try:
            exact = self.investigation.exact(by)
        except NoReferenceError as error:
            return Judgement(Verdict.NOISY, remark=str(error))
        known = exact is not None and math.isfinite(exact)
        return Judgement(Verdict.WRONG if known else Verdict.KINK)


# ---- requests --------------------------------------------------------------------------------------


def _tolerance(rtol: float) -> float:
    if isinstance(rtol, bool) or not 0 <= rtol < 1:
        raise ValueError(
            f"rtol is {rtol!r}, no relative error: give a number from 0 to below 1, such as 1e-6"
        )
    return float(rtol)


def _callable(check: str, f: Any, derivative: Any) -> None:
    called = "gradient" if check == "check_grads" else "the derivative"
    for what, function in (("f", f), (called, derivative)):
        if not callable(function) and function is not None:
            raise TypeError(f"{check}: {what} is {function!r}, no function: {check}(f, fprime, x)")


def _dot(x: Sequence[Any], y: Sequence[float]) -> Any:
    return sum(a * b for a, b in zip(x, y, strict=True) if b)
