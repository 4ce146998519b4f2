"""The floors of the house: imports go downward only, optional packages are imported where they are used."""

import ast
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


def test_imports_have_no_cycle():
    graph = {
        module: {own(*i) for i in imports(path)} - {None, module, "autograd_mini"}
        for module, path in MODULES.items()
    }
    floors = {}

    def floor(module, above):
        assert module not in above, f"a cycle of imports: {' -> '.join([*above, module])}"
        if module not in floors:
            floors[module] = 1 + max((floor(m, [*above, module]) for m in graph[module]), default=-1)
        return floors[module]

    for module in graph:
        if module != "autograd_mini":
            floor(module, [])
    assert floors["autograd_mini.engine.table"] == 0
    assert floors["autograd_mini.engine.primitives"] == 1
    assert floors["autograd_mini.engine.operators"] == 2
    assert floors["autograd_mini.engine.value"] == 3
    assert not any("autograd_mini.__main__" in below for below in graph.values())


def test_value_needs_only_the_table_the_operators_and_the_switches():
    below = {own(*i) for i in imports(MODULES["autograd_mini.engine.value"])} - {None}
    core = {f"autograd_mini.engine.{name}" for name in ("modes", "operators", "primitives", "table")}
    assert below == core
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


BACKENDS = {name for name in MODULES if "backends.llvm" in name or name.endswith("numpy")}


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
