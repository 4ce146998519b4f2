"""Mutation testing of the engine's core: ``python tests/mutation.py``. It may be interrupted.

Every small change that cosmic-ray can think of is made to a copy of the package, one at a time, and the
tests of the core must notice. Not part of the tests: ``make mutation`` runs it. The tests run in a fork of
a process that has pytest and Hypothesis loaded already, for most changes are noticed at once.
"""

import argparse
import ast
import difflib
import importlib
import os
import resource
import shutil
import signal
import sys
import time
import traceback
from pathlib import Path

ROOT = Path(__file__).parent.parent
MODULES = [f"autograd_mini/engine/{name}.py" for name in ("value", "table", "operators", "modes")]
SITTINGS = [  # the quick ones first; none that reads the text of a module, and would notice any change
    [f"tests/engine/test_{x}.py" for x in ("operators", "modes", "table", "value", "copies")],
    ["tests/engine/test_backward.py", *MODULES, "tests/transforms", "tests/nn/test_storage.py"],
    [f"tests/engine/test_{x}.py" for x in ("conventions", "primitives")],
    ["tests/show/test_ledger.py", "tests/engine/test_state_machine.py", "tests/formulas/test_formula.py"],
    ["tests/compiler/test_program.py", "tests/formulas/test_derivative.py", "tests/testing/test_check.py"],
]
PYTEST = ["-xq", "-p", "no:cacheprovider", "-k", "not chain_of and not reference_counting_alone"]
PYTEST += ["-W", "ignore::pytest.PytestAssertRewriteWarning"]  # Hypothesis is loaded, for speed
LEFT_OUT = (".git", ".*_cache", ".venv*", ".hypothesis", "build", "dist", "__pycache__")
ARITHMETIC = {"Add", "Sub", "Mul", "Div"}
MEMORY = 4 << 30  # bytes, for a change that never comes to an end
PASSING_SCORE = 95.0


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--directory", type=Path, default=ROOT / "build" / "mutation", help="where to work")
    parser.add_argument("--again", action="store_true", help="look at the survivors once more")
    options = parser.parse_args()
    work = options.directory.absolute()
    session = work / "session.sqlite"
    if not session.exists():
        shutil.rmtree(work, ignore_errors=True)
        shutil.copytree(ROOT, work, ignore=shutil.ignore_patterns(*LEFT_OUT))
    os.chdir(work)
    from cosmic_ray.work_db import WorkDB, use_db

    warm_up()
    patience = []
    for tests in SITTINGS:
        start = time.monotonic()
        if not passes(tests, 600.0):
            sys.exit(f"unchanged, {' '.join(tests)} must pass")
        patience.append(10.0 + 5.0 * (time.monotonic() - start))
    keep_compiled_files_away()
    if not session.exists():
        plan(session)
    with use_db(str(session), WorkDB.Mode.open) as db:
        pending = list(db.pending_work_items)
        if options.again:
            pending += [item for item, result in db.completed_work_items if not result.is_killed]
        for k, item in enumerate(pending):
            (change,) = item.mutations
            db.set_result(item.job_id, examined(change, patience))
            print(f"\r{k + 1} of {len(pending)}", end="", file=sys.stderr, flush=True)
        print(file=sys.stderr)
        score = report(list(db.completed_work_items))
    sys.exit(0 if score >= PASSING_SCORE else 1)


# ---- which changes ---------------------------------------------------------------------------------


def plan(session):
    """List the changes in the session; all but those that nobody would make, or nothing would run."""
    from cosmic_ray.commands import init
    from cosmic_ray.work_db import use_db

    annotations = {path: list(annotated(Path(path))) for path in MODULES}
    beside = session.with_suffix(".new")
    with use_db(str(beside)) as db:
        init([Path(path) for path in MODULES], db, {})
        items = list(db.work_items)
        db.clear()
        db.add_work_items(item for item in items if makes_sense(item.mutations[0], annotations))
    beside.rename(session)


def makes_sense(change, annotations):
    """No | in an annotation, no arithmetic that nobody would slip into, no < in the place of `is`."""
    start = tuple(change.start_pos)
    if any(begin <= start < end for begin, end in annotations[change.module_path.as_posix()]):
        return False
    kind, *pair = change.operator_name.removeprefix("core/").split("_")
    if kind == "ReplaceBinaryOperator":
        return set(pair) <= ARITHMETIC
    return kind != "ReplaceComparisonOperator" or len({"Is", "IsNot"} & set(pair)) != 1


def annotated(path):
    for node in ast.walk(ast.parse(path.read_text())):
        for note in (getattr(node, "annotation", None), getattr(node, "returns", None)):
            if note is not None:
                yield (note.lineno, note.col_offset), (note.end_lineno, note.end_col_offset)
        if isinstance(node, ast.FunctionDef) and "overload" in map(ast.unparse, node.decorator_list):
            yield (node.decorator_list[0].lineno, 0), (node.end_lineno, node.end_col_offset)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            yield (node.lineno, node.col_offset), (node.body[0].lineno, node.body[0].col_offset)


# ---- one change ------------------------------------------------------------------------------------


def examined(change, patience):
    """Make the change, let the tests look at it, and take it back."""
    from cosmic_ray.mutating import mutate_code
    from cosmic_ray.plugins import get_operator
    from cosmic_ray.work_item import TestOutcome, WorkerOutcome, WorkResult

    path = change.module_path
    source = path.read_text()
    changed = mutate_code(source, get_operator(change.operator_name)(), change.occurrence)
    if not differs(source, changed):
        return WorkResult(WorkerOutcome.SKIPPED)
    try:
        path.write_text(changed)
        survived = all(passes(tests, seconds) for tests, seconds in zip(SITTINGS, patience, strict=True))
    finally:
        path.write_text(source)
    lines = difflib.unified_diff(source.splitlines(), changed.splitlines(), lineterm="", n=0)
    outcome = TestOutcome.SURVIVED if survived else TestOutcome.KILLED
    return WorkResult(WorkerOutcome.NORMAL, test_outcome=outcome, diff="\n".join([*lines][3:]))


def differs(source, changed):
    """Whether the change makes another program: 1.0 + 1e308 is 1e308, and some changes are no Python."""
    try:
        return ast.dump(ast.parse(changed)) != ast.dump(ast.parse(source))
    except SyntaxError:
        return False


def warm_up():
    """Load what the tests need and does not change, so that a fork has it."""
    sys.path[:] = [str(Path.cwd()), *[p for p in sys.path if Path(p or ".").absolute() != ROOT / "tests"]]
    os.environ.update(HYPOTHESIS_NO_PLUGINS="1", HYPOTHESIS_PROFILE="mutation", OPENBLAS_NUM_THREADS="1")
    for name in ("hypothesis.stateful", "mpmath", "numpy", "pytest"):
        importlib.import_module(name)
    from hypothesis import Phase, settings

    settings.register_profile(  # what fails need not be made small
        "mutation", derandomize=True, deadline=None, database=None, phases=[Phase.explicit, Phase.generate]
    )
    assert "autograd_mini" not in sys.modules


def passes(tests, seconds):
    """Whether the tests pass, and come to an end."""
    child = os.fork()
    if child == 0:
        os.setsid()  # what it starts goes with it
        silence = os.open(os.devnull, os.O_WRONLY)
        os.dup2(silence, 1)
        os.dup2(silence, 2)
        os._exit(run(tests))
    end = time.monotonic() + seconds
    try:
        while time.monotonic() < end:
            done, status = os.waitpid(child, os.WNOHANG)
            if done:
                child = 0
                return status == 0
            time.sleep(0.01)
        return False
    finally:
        if child:  # it never ends, or nobody waits for it any more
            os.killpg(child, signal.SIGKILL)
            os.waitpid(child, 0)


def run(tests):
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    try:
        import hypothesis.entry_points
        import pytest

        del os.environ["HYPOTHESIS_NO_PLUGINS"]
        hypothesis.entry_points.run()
        return int(pytest.main([*PYTEST, *tests]))
    except BaseException:  # in the modules themselves, before there is a test
        traceback.print_exc()
        return 1


def keep_compiled_files_away():
    """Of the modules to change: a change made within the same second would look no newer."""
    sys.dont_write_bytecode = True
    os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
    for path in map(Path, MODULES):
        for compiled in path.parent.glob(f"__pycache__/{path.stem}.*.pyc"):
            compiled.unlink()


# ---- the outcome -----------------------------------------------------------------------------------


def report(results):
    from cosmic_ray.work_item import WorkerOutcome

    completed = [pair for pair in results if pair[1].worker_outcome is not WorkerOutcome.SKIPPED]
    survivors = []
    for item, result in completed:
        if not result.is_killed:
            (change,) = item.mutations
            survivors.append(
                (str(change.module_path), change.start_pos[0], change.operator_name, result.diff)
            )
    for path, line, operator, diff in sorted(survivors):
        print(f"{path}:{line}: {operator}", *diff.splitlines(), sep="\n    ")
    for path in MODULES:
        total = sum(str(item.mutations[0].module_path) == path for item, _ in completed)
        print(f"{path}: {total - sum(s[0] == path for s in survivors)} of {total} killed")
    killed = len(completed) - len(survivors)
    score = 100 * killed / len(completed)
    print(f"{killed} of {len(completed)} mutants killed: {score:.1f} %")
    return score


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit("interrupted: the same command goes on")
