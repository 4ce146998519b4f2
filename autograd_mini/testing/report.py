"""What a check has found: verdicts on derivatives, printed as a table."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Final

from autograd_mini.show.text import columns
from autograd_mini.testing.differences import Estimate, Judgement, Verdict

__all__ = ["Finding", "GradientError", "Report"]

LONG: Final = 40
"""Of a longer table, only what is not right is printed, and not more than so many lines."""
BRIEF: Final = 8
"""An error has a table of so many lines."""


class GradientError(AssertionError):
    """A derivative is wrong: the message tells which, by how much, and whom to blame; see `report`."""

    def __init__(self, message: str, report: Report) -> None:
        super().__init__(message)
        self.report = report

    def __reduce__(self) -> tuple[type[GradientError], tuple[str, Report]]:
        return type(self), (str(self), self.report)


@dataclass(frozen=True)
class Finding:
    """One derivative: what each mode computed, and the verdict."""

    derivative: str
    modes: tuple[str, ...]
    found: float
    judgement: Judgement

    @property
    def verdict(self) -> Verdict:
        """RIGHT, WRONG, KINK or NOISY."""
        return self.judgement.verdict

    @property
    def expected(self) -> Estimate:
        """What the oracle says, give or take its error."""
        return self.judgement.expected

    @property
    def ulps(self) -> float:
        """The error in units in the last place of the expected number."""
        return abs(self.found - self.expected.slope) / math.ulp(self.expected.slope)

    @property
    def relative(self) -> float:
        """The error as a part of the expected number."""
        slope = self.expected.slope
        return abs(self.found - slope) / abs(slope) if slope else math.inf * abs(self.found - slope)

    def __str__(self) -> str:
        found = f"{self.derivative} is {self.found!r} ({', '.join(self.modes)})"
        if self.verdict is Verdict.RIGHT:
            return f"{found}: right"
        remark = f": {self.judgement.remark}" if self.judgement.remark else ""
        if self.verdict is not Verdict.WRONG:
            return f"{found}: {self.verdict.value}{remark}"
        comparable = math.isfinite(self.found) and self.expected.slope
        off = f": off by {self.ulps:.2g} ULP, relative {self.relative:.2g}" if comparable else ""
        if not math.isfinite(self.expected.slope):
            return f"{found}{remark}"
        return f"{found} and should be {_digits(self.expected)}{off}{remark}"


@dataclass(frozen=True)
class Report:
    """The verdicts on every derivative of a function at a point; prints as a table.

    `ok` tells whether none is wrong, `decided` whether all are right.
    """

    function: str
    point: str
    findings: list[Finding] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether no derivative is wrong; kinks and noise do not count against it."""
        return not self.wrong

    @property
    def decided(self) -> bool:
        """Whether every derivative is right."""
        return len(self.among(Verdict.RIGHT)) == len(self.findings)

    @property
    def wrong(self) -> list[Finding]:
        """The findings that are wrong."""
        return self.among(Verdict.WRONG)

    def among(self, verdict: Verdict) -> list[Finding]:
        """Return the findings with this verdict."""
        return [finding for finding in self.findings if finding.verdict is verdict]

    def checked(self) -> Report:
        """Return the report; raise GradientError if a derivative is wrong."""
        __tracebackhide__ = True
        if self.wrong:
            worst = f"{self.function} at {self.point}: {self.wrong[0]}"
            raise GradientError(
                worst if len(self.findings) == 1 else f"{worst}\n\n{self.table(BRIEF)}", self
            )
        return self

    def __str__(self) -> str:
        return self.table(LONG)

    def table(self, lines: int) -> str:
        """Return the report as a table of at most so many lines, what is wrong first."""
        shown = self.findings
        if len(shown) > lines:
            order = (Verdict.WRONG, Verdict.KINK, Verdict.NOISY)
            shown = [finding for verdict in order for finding in self.among(verdict)][:lines]
        rows = [("derivative", "by", "found", "expected", "verdict")]
        for each in shown:
            verdict = each.verdict.value + (f": {each.judgement.remark}" if each.judgement.remark else "")
            expected = "none" if each.verdict is Verdict.KINK else _digits(each.expected)
            rows.append((each.derivative, ", ".join(each.modes), repr(each.found), expected, verdict))
        table = columns(rows, "<<<<<") if len(rows) > 1 else []
        counts = [(len(self.among(verdict)), verdict.value) for verdict in Verdict]
        summary = ", ".join(f"{n} {what}" for n, what in counts if n) or "nothing to check"
        return "\n".join([f"{self.function} at {self.point}", *table, summary])


def _digits(expected: Estimate) -> str:
    """The number with as many digits as are known."""
    slope, error = expected.slope, expected.error
    if not (math.isfinite(slope) and math.isfinite(error)):
        return "unknown"
    if error == 0:
        return repr(slope)
    known = max(1, min(17, math.ceil(math.log10(abs(slope) / error)) + 1)) if abs(slope) > error else 1
    return f"{slope:.{known}g} ± {error:.0e}"
