"""What is published: one version, a README that reads on a package index, workflows of the gate's steps."""

import doctest
import importlib
import re
import runpy
from pathlib import Path

import pytest

import autograd_mini
import autograd_mini.testing
from autograd_mini.engine.table import TABLE

ROOT = Path(__file__).parent.parent


def text(name):
    return (ROOT / name).read_text(encoding="utf-8")


def test_the_version_is_the_same_everywhere():
    assert re.search(r"^version: (.*)$", text("CITATION.cff"), re.M)[1] == autograd_mini.__version__
    releases = re.findall(r"^## \[([^]]+)\]", text("CHANGELOG.md"), re.M)
    assert next(name for name in releases if name != "Unreleased") == autograd_mini.__version__


def metadata(monkeypatch, source):
    """The package's metadata as a build makes it."""
    core = pytest.importorskip("hatchling.metadata.core")
    manager = pytest.importorskip("hatchling.plugin.manager")
    monkeypatch.setenv("SOURCE_URL", source)
    return core.ProjectMetadata(str(ROOT), manager.PluginManager()).core


def test_the_modules_that_are_called_public_say_which_names_they_offer():
    section = text("docs/api.md").split("## What is public")[1].split("##")[0]
    named = re.findall(r"`(autograd_mini[.\w]*)`", section)
    assert len(named) >= 6
    for name in named:
        module = importlib.import_module(name)
        assert module.__all__
        assert all(hasattr(module, public) for public in module.__all__)


def test_every_public_name_is_on_the_page_of_the_api_or_in_the_table():
    told = {alias for op in TABLE.values() for alias in (op.name, *op.aliases)}
    for kind, path, members in re.findall(
        r"^\.\. auto(\w+):: (\S+)(?:\n   :members: (.*))?", text("docs/api.md"), re.M
    ):
        listed = members.split(", ") if members else []
        if kind == "module":
            told.update(listed or importlib.import_module(path).__all__)
        else:
            told.add(path.rpartition(".")[2])
    for name in ("autograd_mini", "autograd_mini.nn", "autograd_mini.optim", "autograd_mini.nn.figures"):
        assert set(importlib.import_module(name).__all__) - told == set()
    assert set(autograd_mini.testing.__all__) - told == set()


LINK = re.compile(r"(!?)\[[^]]*\]\(([^)\s]+)\)")


def test_on_an_index_every_picture_and_link_of_the_readme_is_absolute(monkeypatch):
    core = metadata(monkeypatch, "https://example.org/somebody/project/")
    tag = f"v{autograd_mini.__version__}"
    found = LINK.findall(core.readme)
    assert len(found) == len(LINK.findall(text("README.md")))
    for (picture, address), (_, path) in zip(found, LINK.findall(text("README.md")), strict=True):
        kind = "raw" if picture else "blob"
        assert address == f"https://example.org/somebody/project/{kind}/{tag}/{path}"
    assert core.urls["Source"] == "https://example.org/somebody/project"


def test_without_an_address_the_readme_has_no_picture_or_link_that_leads_nowhere(monkeypatch):
    core = metadata(monkeypatch, "")
    assert not LINK.search(core.readme)
    assert not core.urls
    assert "[Getting started](docs/getting-started.md)" in text("README.md")
    assert "* Getting started: " in core.readme
    for block in re.findall(r"```.*?```", text("README.md"), re.S):
        assert block in core.readme


def test_examples_of_the_build():
    pytest.importorskip("hatchling")
    hooks = runpy.run_path(str(ROOT / "hatch_build.py"))
    runner = doctest.DocTestRunner()
    for test in doctest.DocTestFinder().find(hooks["for_index"], "for_index", globs=hooks, module=False):
        runner.run(test)
    assert runner.summarize() == (0, 3)


@pytest.mark.parametrize("workflow", sorted(p.name for p in (ROOT / ".github" / "workflows").glob("*.yml")))
def test_each_step_of_a_workflow_is_a_target_of_the_gate(workflow):
    gate = re.search(r"^check: (.*) ##", text("Makefile"), re.M)[1].split()
    steps = re.findall(r"^ *- run: (.*)$", text(f".github/workflows/{workflow}"), re.M)
    assert all(step.startswith("make ") for step in steps)
    for step in steps:
        targets = [word for word in step.split()[1:] if "=" not in word]
        assert set(targets) <= set(gate)
    assert "make check" in text(".ci/run")
