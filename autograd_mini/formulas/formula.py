r"""A graph written as a formula, in Python's notation and in LaTeX.

The table says how a primitive is written: `form` and `precedence` for Python, `latex` for LaTeX. This
module decides which brackets are needed, and leaves out the deepest parts of a formula that is too long.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from functools import cache, cached_property
from itertools import pairwise
from string import Formatter
from typing import Any, Final

from autograd_mini.engine import primitives as p
from autograd_mini.engine.table import ATOM, Primitive
from autograd_mini.engine.value import Value, expect_value
from autograd_mini.show.names import names

__all__ = ["LONGEST", "Latex", "Notation", "Shown", "Term", "formula", "in_lines", "latex", "write"]

LONGEST: Final = 1_000
"""How many characters a formula may have before its deepest parts are left out."""

NO_FORMULA: Final = "a plain number has no formula"


def formula(root: Value, *, longest: int = LONGEST) -> str:
    """Return the expression that computes `root`, in Python's notation, without needless brackets.

    Leaves go by their labels, or by letters where they have none. `parse` of the result, if nothing was
    left out, records the same graph. In a formula longer than `longest` the deepest parts become “…”.

    >>> a, b = Value(2.0, label="a"), Value(1.0, label="b")
    >>> formula((a + b) * (b + 1)), formula(-(a - (b - 3)) ** 2 / b)
    ('(a + b) * (b + 1)', '-(a - (b - 3)) ** 2 / b')
    >>> for _ in range(1000):
    ...     a = (a + 1) * b
    >>> formula(a, longest=30)
    '((… * b + 1) * b + 1) * b'
    """
    return write(expect_value("formula(root)", root, NO_FORMULA), Notation(lambda: names(root)), longest)


def latex(root: Value, *, longest: int = LONGEST) -> str:
    r"""Return the expression that computes `root` as LaTeX, to stand between dollar signs.

    >>> a, w1 = Value(2.0, label="alpha"), Value(1.0, label="w1")
    >>> print(latex((a + w1) / w1 ** 2))
    \frac{\alpha + w_{1}}{{w_{1}}^{2}}
    """
    return write(expect_value("latex(root)", root, NO_FORMULA), Latex(lambda: names(root)), longest)


# ---- what is written: Values, terms of a simplified formula, numbers -------------------------------


class Term:
    """An operation that is shown but was not recorded. Whatever has these two attributes will do as one."""

    __slots__ = ("op", "operands")

    def __init__(self, op: Primitive, operands: tuple[Any, ...]) -> None:
        self.op = op
        self.operands = operands


Shown = Value | Term | float


class _Part:
    """A place in a formula: what stands there, how tightly it must bind, and whether it leads its formula.

    Once written, its pieces are text and places for further parts.
    """

    __slots__ = ("leads", "need", "pieces", "shown")

    def __init__(self, shown: Shown, need: int = 0, leads: bool = True) -> None:
        self.shown = shown
        self.need = need
        self.leads = leads
        self.pieces: list[str | _Part] | None = None


class Notation:
    """How Python writes numbers, names and operations."""

    ellipsis = "…"
    brackets = ("(", ")")

    def __init__(self, called: Callable[[], Mapping[Value, str]], *, associative: bool = False) -> None:
        self._called = called
        self._associative = associative

    @cached_property
    def called(self) -> Mapping[Value, str]:
        """The name of each leaf, asked for when the first one is written."""
        return self._called()

    def leaf(self, leaf: Value) -> str:
        """Return how a leaf is written."""
        name = self.called[leaf]
        # a label that looks like more than a name must not run into what stands beside it
        return name if re.fullmatch(r"[\w.\[\]'′⁽⁾,]+", name) else f"({name})"

    def number(self, x: float) -> str:
        """Return how a number is written: in as many digits as say which float it is."""
        return repr(x).removesuffix(".0")

    def template(self, op: Primitive) -> str:
        """Return a primitive's own words with a field for each operand."""
        return op.form

    def bracketed(self, part: _Part) -> bool:
        """Return whether a part needs brackets where it stands."""
        return self.binding(part.shown) < part.need

    def binding(self, shown: Shown) -> int:
        """Return how tightly the top of a part binds: its precedence, where its operands are open."""
        if isinstance(shown, float):
            return p.neg.precedence if math.copysign(1.0, shown) < 0 and shown == shown else ATOM
        if shown.op is None:
            return ATOM
        words, _ = self.words(shown.op)
        return ATOM if words[0] and words[-1] else shown.op.precedence

    def words(self, op: Primitive) -> tuple[list[str], list[str]]:
        """Return the words of a primitive, one more than its fields, and the operands in the fields."""
        return _words(self.template(op), tuple(name.lstrip("*") for name in op.operands))

    def part(self, shown: Shown, need: int = 0, leads: bool = True) -> _Part:
        """Return a place for `shown`, or for its operand where a primitive is written as that alone."""
        while not isinstance(shown, float) and shown.op is not None and self.words(shown.op)[0] == ["", ""]:
            shown = shown.operands[0]
        return _Part(shown, need, leads)

    def pieces(self, part: _Part) -> list[str | _Part]:
        """Return the text of a part, with further parts where operands are operations themselves."""
        pieces = self.operation(part.shown)
        return [self.brackets[0], *pieces, self.brackets[1]] if self.bracketed(part) else pieces

    def operation(self, shown: Shown) -> list[str | _Part]:
        """Return the same for what stands at the top of a part, without the part's own brackets."""
        if isinstance(shown, float):
            return [self.number(shown)]
        if isinstance(shown, Value) and shown.op is None:
            return [self.leaf(shown)]
        op: Any = shown.op
        words, fields = self.words(op)
        if op.variadic:
            words = [words[0], *[", "] * (len(shown.operands) - 1), words[-1]]
            operands = list(shown.operands)
        else:
            operands = [shown.operands[op.operands.index(field)] for field in fields]
        pieces: list[str | _Part] = [words[0]]
        for i, (operand, need) in enumerate(zip(operands, self.needs(op, words), strict=True)):
            part = self.part(operand, need, leads=not words[i])
            pieces += self.pieces(part) if _is_atom(part.shown) else [part]
            pieces.append(words[i + 1])
        return pieces

    def needs(self, op: Primitive, words: Sequence[str]) -> list[int]:
        """Return how tightly each operand must bind to stand without brackets.

        `words` are the primitive's own: before the first operand, between operands, after the last.
        """
        binds = min(op.precedence, p.mul.precedence) if op.precedence >= ATOM else op.precedence
        raises = op.precedence == p.pow_.precedence  # the one operator that groups from the right
        loose = len(words) == 2 or (self._associative and op in (p.add, p.mul))
        needs = []
        for before, after in pairwise(words):
            if not before:
                needs.append(binds + raises)
            elif after and not re.search(r"(\+|-|\\cdot) *$", before):
                needs.append(0)  # enclosed by the primitive's own words
            else:
                needs.append(p.neg.precedence if raises else binds + (not loose))
        return needs


class Latex(Notation):
    """How LaTeX writes them. Fractions, roots and exponents enclose their operands."""

    ellipsis = r"\dots "
    brackets = (r"\left(", r"\right)")
    BASE: Final = ATOM + 1
    """What the base of a power must be: a name, a number, or a call that ends in its own bracket."""

    def leaf(self, leaf: Value) -> str:  # noqa: D102, as are the others here: said above
        return _latex_name(self.called[leaf])

    def number(self, x: float) -> str:  # noqa: D102
        if not math.isfinite(x):
            return r"\mathrm{nan}" if x != x else r"\infty" if x > 0 else r"-\infty"
        mantissa, _, exponent = super().number(x).partition("e")
        if not exponent:
            return mantissa
        power = f"10^{{{int(exponent)}}}"
        return (
            mantissa.removesuffix("1") + power if mantissa in ("1", "-1") else rf"{mantissa} \cdot {power}"
        )

    def template(self, op: Primitive) -> str:  # noqa: D102
        return op.latex

    def needs(self, op: Primitive, words: Sequence[str]) -> list[int]:  # noqa: D102
        needs = super().needs(op, words)
        return [self.BASE if words[i + 1].startswith("}^") else need for i, need in enumerate(needs)]

    def binding(self, shown: Shown) -> int:  # noqa: D102
        if isinstance(shown, float) or shown.op is None or shown.op.precedence == p.div.precedence:
            return super().binding(shown)  # a fraction encloses its operands
        return shown.op.precedence

    def bracketed(self, part: _Part) -> bool:  # noqa: D102
        shown, need = part.shown, part.need
        binding = self.binding(shown)
        if not need:
            return False
        if binding == p.neg.precedence and not part.leads:
            return True  # mathematics does not write a + -b
        if isinstance(shown, float):
            return binding < min(need, ATOM) or (need > p.mul.precedence and "cdot" in self.number(shown))
        if isinstance(shown, Value) and shown.op is None:
            return need == self.BASE and "^" in self.leaf(shown)
        if need == self.BASE:
            return not shown.op.latex.endswith((r"\right)", r"\right|"))  # type: ignore[union-attr]
        return binding < need


def _is_atom(shown: Shown) -> bool:
    return isinstance(shown, float) or shown.op is None


@cache
def _words(template: str, operands: tuple[str, ...]) -> tuple[list[str], list[str]]:
    """Return the words of a template, one more than its fields, and the names of the fields.

    Braces around anything but an operand are LaTeX's own.
    """
    words, fields = [""], []
    for word, field, _, _ in Formatter().parse(template):
        words[-1] += word
        if field in operands:
            if re.search(r"\\[A-Za-z]+$", words[-1]):
                words[-1] += " "  # lest a name run on where a command of LaTeX ends
            fields.append(field)
            words.append("")
        elif field is not None:
            words[-1] += f"{{{field}}}"
    return words, fields


def write(root: Shown, notation: Notation, longest: int = LONGEST) -> str:
    """Write a formula from the top, level by level, as long as there is room."""
    top = notation.part(root)
    queue = deque([top])
    length = len(notation.ellipsis)
    while queue:
        part = queue.popleft()
        pieces = notation.pieces(part)
        longer = sum(len(notation.ellipsis if isinstance(x, _Part) else x) for x in pieces)
        if length + longer - len(notation.ellipsis) <= longest:
            length += longer - len(notation.ellipsis)
            part.pieces = pieces
            queue += [x for x in pieces if isinstance(x, _Part)]
    text: list[str] = []
    stack: list[str | _Part] = [top]
    while stack:
        piece = stack.pop()
        if isinstance(piece, str):
            text.append(piece)
        elif piece.pieces is None:
            text.append(notation.ellipsis)
        else:
            stack += reversed(piece.pieces)
    return "".join(text)


def in_lines(text: str, longest: int = 160) -> str:
    r"""Return LaTeX in lines of about `longest` characters, broken before operators outside brackets.

    >>> print(in_lines(r"a + \frac{b + c}{d} - \left(e + f\right)", longest=20))
    \begin{aligned} & a + \frac{b + c}{d} \\ & {} - \left(e + f\right) \end{aligned}
    """
    if len(text) <= longest:
        return text
    lines, start, here, depth = list[str](), 0, 0, 0
    for match in _BREAKS.finditer(text):
        piece = match[0]
        if piece in (r"\{", r"\}"):
            continue
        if not piece.startswith(" "):
            depth += 1 if piece in ("{", r"\left") or piece.startswith(r"\begin") else -1
        elif not depth:
            if match.start() - start > longest and here > start:
                lines.append(text[start:here])
                start = here
            here = match.start()
    if here > start and len(text) - start > longest:
        lines.append(text[start:here])
        start = here
    lines.append(text[start:])
    if len(lines) == 1:
        return text
    shown = r" \\ & {}".join(lines)
    return rf"\begin{{aligned}} & {shown} \end{{aligned}}"


_BREAKS: Final = re.compile(
    r"\\[{}]|\\begin\{\w+\}|\\end\{\w+\}|\\(?:left|right)(?![a-zA-Z])|[{}]| (?:[-+]|\\cdot) "
)


_GREEK: Final = re.compile(
    "alpha|beta|gamma|delta|epsilon|zeta|eta|theta|iota|kappa|lambda|mu|nu|xi|pi|rho|sigma|tau|upsilon|phi|"
    "chi|psi|omega|Gamma|Delta|Theta|Lambda|Xi|Pi|Sigma|Upsilon|Phi|Psi|Omega"
)

_TEXT: Final = str.maketrans(
    {c: f"\\{c}" for c in "{}$&#_%"} | {"\\": "∖", "^": "ˆ", "~": "∼", "<": "‹", ">": "›"}
)
r"""What \text{} would not take as it stands; no character of a label may become a command or HTML."""


def _latex_name(name: str) -> str:
    indexed = re.fullmatch(r"([^\W\d_₀-₉]+)([₀-₉,]+)(?:⁽([⁰¹²³⁴-⁹]+)⁾)?", name)
    if indexed is not None:  # w₁₂⁽³⁾, a weight of a network
        letters, below, above = (unicodedata.normalize("NFKC", part or "") for part in indexed.groups())
        return f"{_latex_name(letters)}_{{{below}}}" + f"^{{({above})}}" * bool(above)
    match = re.fullmatch(r"([^\W\d_]+)(?:_?([0-9]+)|_([^\W_]+))?", name)
    if match is None:
        return rf"\text{{{name.translate(_TEXT)}}}"
    letters, digits, word = match.groups()
    if _GREEK.fullmatch(letters):
        letters = f"\\{letters}"
    elif len(letters) > 1:
        letters = rf"\mathrm{{{letters}}}" if letters.isascii() else rf"\text{{{letters}}}"
    if digits or word:
        inferior = digits or (word if len(word) == 1 else rf"\text{{{word}}}")
        return f"{letters}_{{{inferior}}}"
    return letters
