"""What every test shares: how hard Hypothesis looks, and how Markdown is doctested."""

import doctest
import os
import re

import pytest
from hypothesis import settings

from autograd_mini.engine.table import TABLE

collect_ignore = ["tests/engine/typed.py"]  # for a type checker: much in it is wrong, and would raise

# "ci" gives the same verdict on the same code, every time: seeded by the test, with no memory of
# earlier runs, and no deadline for a busy machine to miss. "nightly" looks where "ci" does not.
settings.register_profile("ci", derandomize=True, deadline=None, database=None)
settings.register_profile("nightly", max_examples=5_000, deadline=None, print_blob=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))


class MarkdownParser(doctest.DocTestParser):
    """Reads a fence as a blank line; doctest would take the closing one for expected output."""

    def parse(self, string, name="<string>"):
        return super().parse(re.sub(r"(?m)^ *```.*$", "", string), name)


# pytest looks the parser up at each text file; docstrings keep the parser that doctest bound.
doctest.DocTestParser = MarkdownParser


@pytest.fixture(autouse=True)
def _table_as_it_was():
    """Take the primitives that a test has made out of the table again: other tests go over all of it."""
    before = set(TABLE)
    yield
    for name in TABLE.keys() - before:
        del TABLE[name]
