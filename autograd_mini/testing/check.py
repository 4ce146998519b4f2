"""`check_grads`: is this gradient right, and if not, where? For functions of this library and any other.

What is found, by forward and reverse mode or by a gradient written by hand, is compared with an oracle
that never sees it: the function's values, or mpmath at 50 digits. A wrong derivative, a kink or pole near
the point, and a difference too noisy to judge are three verdicts, and only the first is an accusation.
"""

from __future__ import annotations

import inspect
import math
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

from autograd_mini.engine.modes import no_grad
from autograd_mini.engine.value import Value
from autograd_mini.testing.blame import Investigation
from autograd_mini.testing.differences import Differences, Judgement, Verdict
from autograd_mini.testing.exact import NoReferenceError
from autograd_mini.testing.report import Finding, GradientError, Report
from autograd_mini.testing.taylor import Taylor
from autograd_mini.transforms import functions as transforms
from autograd_mini.transforms.nested import NUMBER, Structure, flatten

__all__ = ["MODES", "ORACLES", "check_grads", "compare_grads"]

MODES: Final = ("forward", "reverse")
ORACLES: Final = ("auto", "differences", "mpmath", "taylor")
FEW: Final = 16
"""Up to so many numbers, the Hessian is checked entry by entry; beyond, in one direction."""


def check_grads(
    f: Callable[..., Any],
    *args: Any,
    gradient: Callable[..., Any] | None = None,
    order: int = 2,
    modes: Sequence[str] = MODES,
    oracle: str = "auto",
    rtol: float = 1e-6,
) -> Report:
    """Check every first and second derivative of `f` at `args`; raise GradientError if one is wrong.

    `f` returns one number. Arguments are numbers or nested lists, tuples, dicts or arrays of numbers. A
    plain function of floats is checked with its hand-written gradient, ``check_grads(f, fprime, x)`` or
    ``gradient=fprime``; `fprime` takes the arguments of `f` and returns the derivative by its argument, in
    the same structure, or a tuple with one for each argument.

    `oracle` is "differences" (extrapolated, of the values alone), "mpmath" (the definitions of the rows,
    at 50 digits; for functions of this library), "taylor" (the order of the remainder in one random
    direction, whatever the size), or "auto": differences, and mpmath where they do not say right. A
    relative error of `rtol` is let pass. Returns a `Report`; kinks and noise are told there, and do not
    raise.

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
    report = compare_grads(f, *args, gradient=gradient, order=order, modes=modes, oracle=oracle, rtol=rtol)
    if report.wrong:
        worst = f"{report.function} at {report.point}: {report.wrong[0]}"
        raise GradientError(worst if len(report.findings) == 1 else f"{worst}\n\n{report}", report)
    return report


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
    for what, function in (("f", f), ("gradient", gradient)):
        if not callable(function) and function is not None:
            raise TypeError(f"check_grads: {what} is {function!r}, no function: check_grads(f, fprime, x)")
    subject = _Subject(f, args, by_hand=gradient is not None)
    report = Report(subject.name, subject.point)
    judge = _Judge(subject, oracle, rtol)
    found = subject.by_hand(gradient) if gradient is not None else subject.by_modes(modes)
    report.findings.extend(judge.first_order(found))
    if order == 2 and gradient is None and report.ok and oracle != "taylor":
        report.findings.extend(judge.second_order(modes))
    return report


class _Subject:
    """A function under suspicion, as one of a flat list of floats."""

    def __init__(self, f: Callable[..., Any], args: Sequence[Any], *, by_hand: bool) -> None:
        self.f = f
        self.name = getattr(f, "__name__", type(f).__name__)
        self.plain = by_hand
        if not args:
            raise TypeError(f"{self.name} was given no argument: check_grads(f, x), or (f, fprime, x)")
        _check_signature(f, self.name, args)
        self.args = args
        self.names: list[str] = []
        numbers: list[Any] = []
        self.structures: list[Structure] = []
        for name, arg in zip(_parameters(f, len(args)), args, strict=True):
            some, structure = flatten(arg, name)
            numbers += some
            self.structures.append(structure)
            self.names += structure.names(name)
        self.numbers = [float(x.data if isinstance(x, Value) else x) for x in numbers]
        if not numbers:
            raise TypeError(f"{self.name} was given no number, only empty arguments: give it some")
        shown = [f"{n} = {x!r}" for n, x in zip(self.names, self.numbers, strict=True)]
        self.point = ", ".join(shown if len(shown) <= FEW else [*shown[:3], f"… ({len(shown)} numbers)"])

    def arguments(self, numbers: Sequence[Any]) -> list[Any]:
        """The numbers in their places."""
        waiting = iter(numbers)
        return [each.rebuild(list(islice(waiting, each.size))) for each in self.structures]

    def call(self, numbers: Sequence[Any]) -> Any:
        """The function itself, on floats, Values or Duals."""
        try:
            result = self.f(*self.arguments(numbers))
        except TypeError as error:
            if not (self.plain and all(isinstance(x, float) for x in numbers)):
                raise
            raise TypeError(
                f"{self.name} does not take the floats {self.point}: {error}; hold what must be a whole "
                "number fixed, as in lambda x: f(x, 3)"
            ) from error
        found, structure = flatten(result, f"the result of {self.name}")
        if structure != NUMBER:
            raise TypeError(
                f"{self.name} returned {structure}, and a gradient is of one number, bare: check the "
                "numbers one at a time, such as lambda x: f(x)[0]"
            )
        return found[0]

    def value(self, numbers: Sequence[float]) -> float:
        """Return the number alone, without a graph."""
        if self.plain:
            return float(self.call(numbers))
        with no_grad():
            y = self.call([Value(x) for x in numbers])
        return y.data if isinstance(y, Value) else float(y)

    def by_modes(self, modes: Sequence[str]) -> dict[str, list[float]]:
        """The gradient as each mode finds it."""
        return {mode: _plain(self.gradient(mode, self.numbers)) for mode in modes}

    def gradient(self, mode: str, numbers: list[Any]) -> list[Any]:
        """The gradient at `numbers` by one mode; differentiable if they are."""
        if mode == "reverse":
            return transforms.grad(self.call)(numbers)  # type: ignore[no-any-return]
        # The other arguments are constants, not inputs with tangent 0, which times infinity would be nan.
        fixed = [transforms.stop_gradient(Value(x)) if x.__class__ is float else x for x in numbers]
        return [
            transforms.jvp(lambda t, i=i: self.call([*fixed[:i], t, *fixed[i + 1 :]]), (x,), (1.0,))[1]
            for i, x in enumerate(numbers)
        ]

    def by_hand(self, gradient: Callable[..., Any]) -> dict[str, list[float]]:
        """The gradient that the user's function gives."""
        name = getattr(gradient, "__name__", type(gradient).__name__)
        found = gradient(*self.arguments(self.numbers))
        several = len(self.args) > 1 or (isinstance(found, tuple) and len(found) == 1)
        like = tuple(self.args) if several else self.args[0]
        numbers, _ = flatten(_in_order(found, like, name), f"the result of {name}")
        if len(numbers) != len(self.numbers):
            raise TypeError(
                f"{name} returned {len(numbers)} number{'s' * (len(numbers) != 1)}, and {self.name} has "
                f"{len(self.numbers)} to be differentiated by "
                f"({', '.join(self.names[:3])}{', …' * (len(self.names) > 3)}): return one for each"
            )
        return {name: _plain(numbers)}


@dataclass(frozen=True)
class _Line:
    """A way through the point: along one argument, from its number, or along a direction, from 0."""

    name: str
    index: int | None
    direction: list[float]
    start: float
    at: Callable[[Any], list[Any]]


def _along_each(names: Sequence[str], x: list[float]) -> Iterator[_Line]:
    for i, name in enumerate(names):
        unit = [float(i == k) for k in range(len(x))]
        yield _Line(name, i, unit, x[i], lambda t, i=i: [*x[:i], t, *x[i + 1 :]])  # type: ignore[misc]


def _along_any(x: list[float]) -> _Line:
    """A direction that favours no argument; the same every time."""
    chance = random.Random(len(x))
    v = [chance.choice((-1, 1)) * chance.uniform(0.5, 1.0) for _ in x]
    return _Line(
        "(a random direction)", None, v, 0.0, lambda t: [a + t * b for a, b in zip(x, v, strict=True)]
    )


class _Judge:
    """Puts what was found before the oracle."""

    def __init__(self, subject: _Subject, oracle: str, rtol: float) -> None:
        self.subject, self.oracle, self.rtol = subject, oracle, rtol
        self._investigation: Investigation | None = None
        self._zero = 0.0

    @property
    def investigation(self) -> Investigation:
        if self._investigation is None:
            self._investigation = Investigation(self.subject.call, self.subject.numbers, self.subject.value)
        return self._investigation

    def first_order(self, found: dict[str, list[float]]) -> Iterator[Finding]:
        x, value = self.subject.numbers, self.subject.value
        if self.oracle == "taylor":
            line = _along_any(x)
            taylor = Taylor(lambda t: value(line.at(t)), 0.0)
            for modes, slope in _alike({mode: _dot(g, line.direction) for mode, g in found.items()}):
                yield Finding(f"∂f/∂{line.name}", modes, slope, taylor.judge(slope, self.rtol))
            return
        zero = self._zero_beside(found)
        for i, line in enumerate(_along_each(self.subject.names, x)):
            differences = Differences(lambda t, line=line: value(line.at(t)), line.start)  # type: ignore[misc]
            for modes, slope in _alike({mode: g[i] for mode, g in found.items()}):
                judgement = self._judged(differences, slope, (i,), zero)
                yield Finding(f"∂f/∂{line.name}", modes, slope, judgement)

    def second_order(self, modes: Sequence[str]) -> Iterator[Finding]:
        names, x = self.subject.names, self.subject.numbers
        inner = "reverse" if "reverse" in modes else "forward"
        for line in _along_each(names, x) if len(x) <= FEW else [_along_any(x)]:
            gradient = _Remembered(lambda t, line=line: _plain(self.subject.gradient(inner, line.at(t))))  # type: ignore[misc]
            found = {f"{outer} over {inner}": self._product(outer, inner, line) for outer in modes}
            zero = self._zero_beside(found)
            for j, name in enumerate(names):
                differences = Differences(gradient.component(j), line.start)
                place = () if line.index is None else (j, line.index)
                for nesting, slope in _alike({mode: row[j] for mode, row in found.items()}):
                    judgement = self._judged(differences, slope, place, zero)
                    yield Finding(f"∂²f/∂{line.name}∂{name}", nesting, slope, judgement)

    def _product(self, outer: str, inner: str, line: _Line) -> list[float]:
        """The Hessian times the line's direction, in one nesting of the modes."""

        def gradient(x: list[Any]) -> list[Any]:
            return self.subject.gradient(inner, x)

        if outer == "forward":
            return _plain(transforms.jvp(lambda t: gradient(line.at(t)), (line.start,), (1.0,))[1])
        return _plain(transforms.grad(lambda x: _dot(gradient(x), line.direction))(self.subject.numbers))

    def _zero_beside(self, found: dict[str, list[float]]) -> float:
        """What is no more than the rounding of the numbers seen so far."""
        sizes = [abs(g) for row in found.values() for g in row if math.isfinite(g)]
        self._zero = max([self._zero, *sizes])
        return 1e-13 * self._zero if math.isfinite(self._zero) else 0.0

    def _judged(
        self, differences: Differences, found: float, by: tuple[int, ...], zero: float
    ) -> Judgement:
        if self.oracle == "mpmath" and by:
            judgement = self._known(by)
        else:
            judgement = differences.judge(found, self.rtol, zero)
        by_values_alone = self.oracle == "differences" or self.subject.plain or not by
        if judgement.verdict is Verdict.RIGHT or by_values_alone:
            return judgement
        return self.investigation.settle(judgement, found, by, self.rtol, zero)

    def _known(self, by: tuple[int, ...]) -> Judgement:
        """What is to be settled if mpmath alone is asked: whatever was found is wrong until shown right."""
        try:
            exact = self.investigation.exact(by)
        except NoReferenceError as error:
            return Judgement(Verdict.NOISY, remark=str(error))
        known = exact is not None and math.isfinite(exact)
        return Judgement(Verdict.WRONG if known else Verdict.KINK)


def _plain(numbers: Sequence[Any]) -> list[float]:
    return [float(x if isinstance(x, float) else x.data) for x in numbers]


def _dot(x: Sequence[Any], y: Sequence[float]) -> Any:
    return sum(a * b for a, b in zip(x, y, strict=True) if b)


class _Remembered:
    """A function with many results, computed once a point and asked for one result at a time."""

    def __init__(self, f: Callable[[float], list[float]]) -> None:
        self._f = f
        self._known: dict[float, list[float]] = {}

    def component(self, j: int) -> Callable[[float], float]:
        def one(t: float) -> float:
            if t not in self._known:
                self._known[t] = self._f(t)
            return self._known[t][j]

        return one


def _check_signature(f: Callable[..., Any], name: str, args: Sequence[Any]) -> None:
    try:
        signature = inspect.signature(f)
    except (TypeError, ValueError):  # a function of C's that tells nothing
        return
    try:
        signature.bind(*args)
    except TypeError as error:
        raise TypeError(
            f"{name}{signature} cannot be called with {len(args)} argument{'s' * (len(args) != 1)} by "
            f"position ({error}): wrap it, as in lambda x: f(x, key=1.0)"
        ) from None


def _in_order(found: Any, like: Any, name: str) -> Any:
    """Return a gradient with its dicts in the order of the argument's; refuse what has other places."""
    if isinstance(found, dict) and isinstance(like, dict):
        if found.keys() != like.keys():
            raise TypeError(
                f"{name} returned derivatives by {', '.join(map(repr, found))}, and the argument has "
                f"{', '.join(map(repr, like))}: return one under each of its keys"
            )
        return {key: _in_order(found[key], like[key], name) for key in like}
    if isinstance(found, (list, tuple)) and isinstance(like, (list, tuple)) and len(found) == len(like):
        return [_in_order(x, y, name) for x, y in zip(found, like, strict=True)]
    shapes = getattr(found, "shape", ()), getattr(like, "shape", ())
    if all(shapes) and shapes[0] != shapes[1]:
        raise TypeError(
            f"{name} returned an array of shape {shapes[0]}, and the argument has the shape {shapes[1]}: "
            "return each derivative in the place of its number"
        )
    return found


def _alike(found: dict[str, float]) -> Iterator[tuple[tuple[str, ...], float]]:
    """Yield each number found, to the last bit, with the modes that have found it."""
    for number in dict.fromkeys(map(repr, found.values())):
        modes = tuple(mode for mode, x in found.items() if repr(x) == number)
        yield modes, found[modes[0]]


def _parameters(f: Callable[..., Any], count: int) -> list[str]:
    """What to call the arguments: by the function's own names where it has them."""
    names = [f"args[{i}]" for i in range(count)]
    try:
        parameters = inspect.signature(f).parameters.values()
    except (TypeError, ValueError):
        return names
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    own = [p.name for p in parameters if p.kind in positional]
    return own[:count] + names[len(own) :]
