"""Columns line up, whatever stands in them, and no encoding makes printing fail."""

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograd_mini.show.text import columns, elided, showable, width


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", 0),
        ("abc", 3),
        ("权重", 4),
        ("ａ", 2),
        ("e\u0301", 1),
        ("a\u200db", 2),
        ("é", 1),
        ("∂e/∂a", 5),
        ("😀", 2),
    ],
)
def test_width(text, expected):
    assert width(text) == expected


@given(
    st.lists(st.tuples(*[st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]))] * 3), min_size=1)
)
def test_columns_line_up(rows):
    lines = columns(rows, "<>^", gap="|")
    for line, (first, second, _) in zip(lines, rows, strict=True):
        assert line.startswith(first)
        wide = max(width(row[0]) for row in rows) + max(width(row[1]) for row in rows) + 1
        head = line[: line.index(second, len(first)) + len(second)]
        assert width(head) <= wide or not second.strip()


def test_each_column_has_its_side():
    assert columns([["ab", "ab", "ab"], ["abcd", "abcd", "abcd"]], "<>^") == [
        "ab      ab   ab",
        "abcd  abcd  abcd",
    ]


@pytest.mark.parametrize("length", [0, 1, 9, 10, 11, 12, 1000])
@pytest.mark.parametrize("limit", [1, 2, 9, 10])
def test_what_is_shown_is_the_beginning_and_the_end(length, limit):
    first, last = elided(length, limit)
    assert len(first) + len(last) == min(length, limit)
    assert (
        list(first) + list(last)
        == list(range(length))[: len(first)] + list(range(length))[length - len(last) :]
    )


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252", "utf-8", "utf-16", "gbk"])
@given(text=st.text(st.characters(), max_size=10))
def test_whatever_is_showable_can_be_printed(encoding, text):
    stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    stream.write(showable(f"{text} × 1 → ├─ └─ │ ∂ … ↑", stream))


def test_our_own_signs_keep_their_width_in_ascii():
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    text = "├─ a × b → c … │ └─ ∂ ↑"
    assert showable(text, stream).isascii()
    assert len(showable(text, stream)) == len(text)


def test_a_stream_without_an_encoding_takes_anything():
    assert showable("×", io.StringIO()) == "×"
    assert showable("×", None) == "×"
