"""The public names, and imports: what the engine needs, optional packages only where they are used.

That imports go down from wing to wing is a contract in pyproject.toml, which `make lint` checks.
"""

import ast
import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest

import autograd_mini

PACKAGE = Path(autograd_mini.__file__).parent
MODULES = {
    ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__"): path
    for path in PACKAGE.rglob("*.py")
}
REQUIRED = {"graphviz"}


def imports(path, *, top_level_only=False):
    """Every module that a file imports, those for type checkers only left out."""
    tree = ast.parse(path.read_text())
    guarded = {
        child
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        for child in ast.walk(node)
    }
    nodes = tree.body if top_level_only else ast.walk(tree)
    for node in nodes:
        if node in guarded:
            continue
        if isinstance(node, ast.Import):
            yield from ((alias.name, None) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield from ((node.module, alias.name) for alias in node.names)


def own(module, name):
    """The module of this package that an import names, if it is one."""
    if module.split(".")[0] != "autograd_mini":
        return None
    return f"{module}.{name}" if f"{module}.{name}" in MODULES else module


def test_value_needs_only_the_table_the_operators_and_the_switches():
    below = {own(*i) for i in imports(MODULES["autograd_mini.engine.value"])} - {None}
    core = {f"autograd_mini.engine.{name}" for name in ("modes", "operators", "primitives", "table")}
    assert below - {"autograd_mini.engine._node"} == core  # the same once more, in C
    for name in core:
        outside = {module.split(".")[0] for module, _ in imports(MODULES[name])} - {"autograd_mini"}
        assert outside <= sys.stdlib_module_names


@pytest.mark.parametrize("module", MODULES)
def test_optional_packages_are_imported_where_they_are_used(module):
    for name, _ in imports(MODULES[module], top_level_only=True):
        root = name.split(".")[0]
        if "testing" in module and root == "hypothesis":
            continue  # the strategies are nothing without it, and nothing imports them
        if module in BACKENDS and root in ("llvmlite", "numpy"):
            continue  # each is imported when it is chosen
        assert root in sys.stdlib_module_names | REQUIRED | {"autograd_mini"}, f"{module} imports {root}"


BACKENDS = {name for name in MODULES if "backends.llvm" in name or name.endswith(("numpy", "c_loops"))}
BACKENDS |= {
    f"autograd_mini.compiler.{name}" for name in ("bodies", "identities", "loops", "rolling", "unshared")
}


@pytest.mark.parametrize("module", MODULES)
def test_no_file_needs_the_private_names_of_another(module):
    for name, item in imports(MODULES[module]):
        if name.split(".")[0] == "autograd_mini":
            private = (item or "").startswith("_") and not item.endswith("__")
            assert not private, f"{module} takes {item} from {name}"


def test_importing_the_package_loads_nothing_optional():
    optional = {"numpy", "scipy", "llvmlite", "hypothesis", "mpmath", "sympy", "matplotlib", "tqdm"}
    code = (
        f"import sys, autograd_mini; print(sorted({{m.split('.')[0] for m in sys.modules}} & {optional!r}))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def test_a_star_import_gives_what_the_readme_uses_and_hides_no_built_in_it_does_without():
    import builtins

    readme = (PACKAGE.parent / "README.md").read_text(encoding="utf-8")
    used = {
        name.strip()
        for line in re.findall(r"^>>> from autograd_mini import (.+)$", readme, re.M)
        for name in line.split(",")
    }
    assert used
    assert used <= set(autograd_mini.__all__)
    assert {name for name in autograd_mini.__all__ if hasattr(builtins, name)} == {"compile"}
    for name in autograd_mini.__all__:
        assert getattr(autograd_mini, name) is not None


def test_dir_shows_names_for_users_and_no_module():
    shown = dir(autograd_mini)
    assert {"abs", "pow", "round", "sum", *autograd_mini.__all__} <= set(shown)
    assert not [name for name in shown if inspect.ismodule(getattr(autograd_mini, name))]
    assert not [name for name in shown if name.endswith("_") and not name.startswith("__")]
