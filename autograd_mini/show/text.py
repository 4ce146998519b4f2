"""Numbers, names and tables as plain text that fits a line and a terminal."""

from __future__ import annotations

import sys
import unicodedata
from collections.abc import Iterable, Sequence
from typing import Any, Final

__all__ = ["columns", "counted", "elided", "isolated", "one_line", "short", "showable", "width"]

_PLAIN: Final = str.maketrans(
    {
        "×": "x",
        "→": ">",
        "∂": "d",
        "─": "-",
        "│": "|",
        "├": "+",
        "└": "`",
        "…": "~",
        "↑": "^",
    }
)
"""Our own signs in ASCII, a character for a character, so that columns stay aligned."""


def width(text: str) -> int:
    r"""Return how many columns a terminal gives to a line of text: two to 权, none to a combining accent.

    >>> width("weight"), width("权重"), width("e\u0301")
    (6, 4, 1)
    """
    if text.isascii():
        return len(text)
    return sum(_character_width(c) for c in text)


def _character_width(c: str) -> int:
    if unicodedata.category(c) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(c) in "WF" else 1


def columns(rows: Iterable[Sequence[str]], align: str, gap: str = "  ") -> list[str]:
    """Return rows of cells as lines, each column as wide as its widest cell.

    `align` has a letter for each column: ``<`` left, ``>`` right, ``^`` centred.

    >>> columns([["a", "2"], ["loss", "10"]], "<>")
    ['a      2', 'loss  10']
    """
    table = list(rows)
    widths = [max(map(width, column)) for column in zip(*table, strict=True)]
    return [
        gap.join(
            _padded(cell, wide, side) for cell, wide, side in zip(row, widths, align, strict=True)
        ).rstrip()
        for row in table
    ]


def _padded(cell: str, wide: int, side: str) -> str:
    spare = wide - width(cell)
    left = {"<": 0, ">": spare, "^": spare // 2}[side]
    return " " * left + cell + " " * (spare - left)


def elided(length: int, limit: int) -> tuple[range, range]:
    """Return which of `length` rows to show when there is room for `limit`: the first and the last ones.

    >>> elided(4, 10), elided(1_000_000, 10)
    ((range(0, 4), range(4, 4)), (range(0, 5), range(999995, 1000000)))
    """
    if length <= limit:
        return range(length), range(length, length)
    return range(limit - limit // 2), range(length - limit // 2, length)


def showable(text: str, stream: Any = None) -> str:
    """Return the text as a stream (standard output) can encode it, our own signs in ASCII if need be.

    >>> import io
    >>> showable("2 × 1 → a", io.TextIOWrapper(io.BytesIO(), encoding="ascii"))
    '2 x 1 > a'
    """
    encoding = getattr(sys.stdout if stream is None else stream, "encoding", None) or "utf-8"
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return text.translate(_PLAIN).encode(encoding, "backslashreplace").decode(encoding)
    return text


def short(x: float, digits: int = 5) -> str:
    """Return a number as people read it: in so many significant digits.

    >>> short(6.0), short(2 / 3), short(1e-300), short(2 / 3, 3)
    ('6', '0.66667', '1e-300', '0.667')
    """
    return f"{x:.{digits}g}"


def counted(number: int, noun: str) -> str:
    """Return a number with a noun, in the plural where that is due; what follows the noun is kept.

    >>> counted(1, "node"), counted(2000, "node"), counted(12, "band of equal depth")
    ('1 node', '2,000 nodes', '12 bands of equal depth')
    """
    first, *rest = noun.split(" ")
    return " ".join([f"{number:,}", first + "s" * (number != 1), *rest])


def one_line(text: str, limit: int = 40) -> str:
    r"""Return a user's text on one line of at most `limit` characters, in characters that can be shown.

    Any run of white space is one space; what else cannot be printed (control characters, characters
    that reverse the direction of the text after them, halves of surrogate pairs) is �.

    >>> one_line("two\nlines"), one_line("nul\0"), one_line("x" * 100, limit=5)
    ('two lines', 'nul�', 'xxxx…')
    """
    # ten thousand characters are looked at only as far as they can matter
    words = " ".join(text[: 4 * limit].split())
    shown = "".join(c if c.isprintable() or c == "\u200d" else "�" for c in words)  # ‍ joins emoji
    return shown if len(shown) <= limit and len(text) <= 4 * limit else shown[: limit - 1] + "…"


def isolated(name: str) -> str:
    """Return a name with a mark behind it if it is written from right to left.

    The mark cannot be seen. Without it, the number or the name that follows would be set before this one.

    >>> [len(isolated(name)) - len(name) for name in ("weight", "משקל")]
    [0, 1]
    """
    leftward = any(unicodedata.bidirectional(c) in ("R", "AL", "AN") for c in name)
    return name + "\N{LEFT-TO-RIGHT MARK}" * leftward
