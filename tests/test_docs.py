"""The documents: that all their code runs, their links lead somewhere, and the built pages are whole.

The examples themselves are doctests of the pages; `make site` runs the rest of the code, and takes
warnings for errors.
"""

import doctest
import html.parser
import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from urllib.parse import unquote, urldefrag

import pytest

ROOT = Path(__file__).parent.parent
PAGES = sorted((ROOT / "docs").glob("*.md"))
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
TEXTS = [*PAGES, *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md"))]

UNRUN = {"", "py", "python3", "pycon", "ipython", "ipython3"}
"""Ways of showing Python that nothing here would run."""

COMMAND = re.compile(r"^\$ python -m autograd_mini (.*)\n((?:[^$].*\n|\n)*)", re.M)


def by_name(path):
    return path.name


def fences(text):
    """Yield the opening word and the content of each fence."""
    for match in re.finditer(r"^```(\S*)[^\n]*\n(.*?)^```$", text, re.M | re.S):
        yield match.groups()


@pytest.mark.parametrize("page", PAGES, ids=by_name)
def test_every_code_block_runs(page):
    """A block of Python is a doctest or a code cell: there is none that only looks like code."""
    text = page.read_text(encoding="utf-8")
    for kind, content in fences(text):
        if kind == "python":
            assert content.startswith(">>> "), content
        elif kind == "{code-cell}":
            assert text.startswith("---\nfile_format: mystnb\n"), "without this, cells are not run"
        else:
            assert kind not in UNRUN, content
            assert ">>>" not in content, content


@pytest.mark.parametrize("page", PAGES, ids=by_name)
def test_commands_print_what_is_shown(page, tmp_path):
    """A command without output below it is there for the file it writes."""
    for kind, content in fences(page.read_text(encoding="utf-8")):
        for arguments, shown in COMMAND.findall(content) if kind == "text" else ():
            done = subprocess.run(
                [sys.executable, "-m", "autograd_mini", *shlex.split(arguments)],
                check=False,
                cwd=tmp_path,
                env=os.environ | {"PYTHONIOENCODING": "utf-8"},
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                encoding="utf-8",
            )
            assert not shown or done.stdout == shown
            assert done.returncode == (2 if "error: " in shown else 0)


def test_there_are_blocks_of_both_kinds():
    kinds = [kind for page in PAGES for kind, _ in fences(page.read_text(encoding="utf-8"))]
    assert kinds.count("python") > 50
    assert kinds.count("{code-cell}") > 10


@pytest.mark.parametrize("text", TEXTS, ids=by_name)
def test_links_within_the_project_lead_to_a_file(text):
    prose = re.sub(r"```.*?```|`[^`\n]*`", "", text.read_text(encoding="utf-8"), flags=re.S)
    for link in re.findall(r"\]\(([^)\s]+)\)", prose):
        if "://" not in link and not link.startswith(("#", "mailto:")):
            assert (text.parent / urldefrag(link).url).exists(), link


ARTICLE = ("article.md", "article-zh.md")

THE_ARTICLES_OWN = {"0.19", "0.165", "5.92944818e-07"}
"""Numbers that the article prints; the page says of each what it is."""

INPUTS = {"0.35", "0.9", "0.5", "0.4"}
"""Numbers that the article, or the page, starts from."""


def test_the_article_is_told_with_the_same_numbers_in_both_languages():
    def outputs(name):
        page = (ROOT / "docs" / name).read_text(encoding="utf-8")
        examples = doctest.DocTestParser().get_examples(page)
        return [re.findall(r"\d+\.\d+(?:e-\d+)?", example.want) for example in examples]

    first, second = map(outputs, ARTICLE)
    assert first == second
    assert {"0.7550", "0.6800", "0.80144", "0.00092907"} <= {number for found in first for number in found}


@pytest.mark.parametrize("name", ARTICLE)
def test_each_number_in_the_articles_prose_is_computed_on_the_page(name):
    page = (ROOT / "docs" / name).read_text(encoding="utf-8")
    computed = {
        number
        for example in doctest.DocTestParser().get_examples(page)
        for number in re.findall(r"\d+\.\d+(?:e-\d+)?", example.want)
    }
    prose = re.sub(
        r"```.*?^```$|^---\n.*?^---\n|Python \d\.\d+|\d\.\d+ 或|Python 要 \d\.\d+",
        "",
        page,
        flags=re.S | re.M,
    )
    told = set(re.findall(r"\d+\.\d+(?:e-\d+)?", prose))
    assert told - INPUTS - THE_ARTICLES_OWN <= computed
    assert {"0.018104", "0.016565", "3.266879e-07"} <= told


# ---- notebooks ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", NOTEBOOKS, ids=by_name)
def test_a_notebook_is_stored_without_outputs(path):
    notebook = json.loads(path.read_text(encoding="utf-8"))
    assert re.fullmatch(r"\d\d-[a-z-]+\.ipynb", path.name)
    assert set(notebook["metadata"]) <= {"kernelspec", "language_info"}
    assert notebook["metadata"]["kernelspec"]["name"] == "python3"
    title, opening = "".join(notebook["cells"][0]["source"]).split("\n\n")[:2]
    assert title.startswith("# ")
    assert "?" in opening
    ending = "".join(notebook["cells"][-1]["source"])
    assert ending.startswith("## Your turn\n")
    assert "?" in ending
    for cell in notebook["cells"]:
        assert cell["metadata"] == {}
        if cell["cell_type"] == "code":
            assert cell["outputs"] == []
            assert cell["execution_count"] is None


# ---- what builds the pages ---------------------------------------------------------------------------


@pytest.fixture
def extensions(monkeypatch):
    pytest.importorskip("sphinx", reason='the docs are built with: pip install "autograd-mini[docs]"')
    monkeypatch.syspath_prepend(ROOT / "docs" / "_ext")


@pytest.mark.parametrize(
    "name", ["chinese_search", "docstrings", "live_page", "mathml", "table_of_primitives"]
)
def test_examples_of_the_extensions(extensions, name):
    module = __import__(name)
    results = doctest.testmod(module, optionflags=doctest.ELLIPSIS)
    assert not results.failed


def test_every_row_of_the_table_can_be_written_down(extensions):
    from docutils.utils.math.latex2mathml import tex2mathml
    from table_of_primitives import line

    from autograd_mini.engine.table import TABLE

    for row in TABLE.values():
        text = line(row, [])
        assert text.count(" | ") == 3
        assert text.count(r"$\partial f") == (2 if row.variadic else len(row.operands))
        for formula in re.findall(r"\$([^$]+)\$", text):
            tex2mathml(formula)


class Links(html.parser.HTMLParser):
    """The anchors of a page, what it links to, and what it loads."""

    def __init__(self, page):
        super().__init__()
        self.anchors, self.links, self.loads = {""}, [], []
        self.feed(page.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        self.anchors |= {given.get("id", ""), given.get("name", "")}
        if tag == "a" and given.get("href"):
            self.links.append(given["href"])
        elif tag in ("script", "img", "iframe") and given.get("src"):
            self.loads.append(given["src"])
        elif tag == "link" and given.get("rel") in ("stylesheet", "preload"):
            self.loads.append(given["href"])


@pytest.mark.site
def test_the_built_pages_are_whole_and_need_no_network():
    site = ROOT / "build" / "site"
    if not site.exists():
        pytest.skip("no site in build/site: `make site` builds it, and runs this")
    pages = {page: Links(page) for page in site.rglob("*.html")}
    assert len(pages) > len(PAGES)
    for page, found in pages.items():
        for source in found.loads:
            if source.startswith("data:"):
                continue
            assert "//" not in source, (page.name, source)
            assert (page.parent / urldefrag(source).url.split("?")[0]).exists(), (page.name, source)
        for link in found.links:
            url, anchor = urldefrag(link)
            if "://" in url or url.startswith("mailto:"):
                continue
            target = (page.parent / unquote(url)).resolve() if url else page
            assert target.exists(), (page.name, link)
            if target in pages and anchor and target.name != "live.html":  # there it is the page's state
                assert unquote(anchor) in pages[target].anchors, (page.name, link)
    index = (site / "searchindex.js").read_text(encoding="utf-8")
    for word in ("ledger", "tanh", "micrograd", "文章导读"):
        assert word in index or word.encode("unicode_escape").decode() in index, word
