"""Mutation testing of the engine's core: ``python tests/mutation.py``; an hour, and it may be interrupted.

Every small change that cosmic-ray can think of is made to a copy of the package, one at a time, and the
tests of the core must notice. Not part of the tests: ``make mutation`` runs it.
"""

import argparse
import ast
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
MODULES = ["autograd_mini/value.py", "autograd_mini/table.py"]
SITTINGS = [  # with the seconds after which a mutant is taken to run for ever; most die at once
    (["tests/test_engine_random.py", *MODULES], 40),
    (["tests/test_value.py", "tests/test_structure.py", "tests/test_strict.py"], 120),
    (["tests/test_primitives.py", "tests/test_transforms.py", "tests/test_state_machine.py"], 180),
    (["tests/test_testing_rows.py", "tests/test_formula.py", "tests/test_program.py"], 240),
]
LEFT_OUT = (".git", ".*_cache", ".venv*", ".hypothesis", "build", "dist", "__pycache__")
ARITHMETIC = ("Add", "Sub", "Mul", "Div")
PASSING_SCORE = 95.0


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--python", default=sys.executable, help="runs the tests (this Python)")
    parser.add_argument("--directory", type=Path, default=ROOT / "build" / "mutation", help="where to work")
    parser.add_argument("--tests-only", action="store_true", help="run the tests, where one stands")
    options = parser.parse_args()
    if options.tests_only:
        sys.exit(any(run(tests, patience) for tests, patience in SITTINGS))
    work = options.directory
    session = work / "session.sqlite"
    if not session.exists():
        prepare(work, options.python)
        cosmic_ray(work, "init", "config.toml", session.name)
        skip_what_is_no_code(session, work)
    cosmic_ray(work, "exec", "config.toml", session.name)
    sys.exit(0 if report(session, work) >= PASSING_SCORE else 1)


def run(tests, patience):
    """Whether the tests fail, or get nowhere."""
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-xq",
        "-p",
        "no:cacheprovider",
        "-k",
        "not chain_of",
        *tests,
    ]
    try:
        return subprocess.call(command, timeout=patience) != 0
    except subprocess.TimeoutExpired:
        return True


def prepare(work, python):
    shutil.rmtree(work, ignore_errors=True)
    shutil.copytree(ROOT, work, ignore=shutil.ignore_patterns(*LEFT_OUT))
    command = f"{python} tests/mutation.py --tests-only"
    subprocess.run(command.split(), cwd=work, check=True)  # unchanged, it must pass
    (work / "config.toml").write_text(
        f"""[cosmic-ray]
module-path = {MODULES}
timeout = 600.0
excluded-modules = []
test-command = "{command}"

[cosmic-ray.distributor]
name = "local"
"""
    )


def cosmic_ray(work, *arguments):
    program = Path(sys.executable).with_name("cosmic-ray")
    subprocess.run(
        [program, *arguments], cwd=work, check=True, env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    )


def skip_what_is_no_code(session, work):
    """Skip changes of annotations, which nothing runs, and operators that no number has."""
    from cosmic_ray.work_db import WorkDB, use_db
    from cosmic_ray.work_item import WorkerOutcome, WorkResult

    annotations = {str(path): list(annotated(work / path)) for path in MODULES}
    with use_db(str(session), WorkDB.Mode.open) as db:
        for item in list(db.pending_work_items):
            (change,) = item.mutations
            spans = annotations[str(change.module_path)]
            if any(start <= tuple(change.start_pos) < end for start, end in spans) or is_exotic(
                change.operator_name
            ):
                db.set_result(item.job_id, WorkResult(worker_outcome=WorkerOutcome.SKIPPED))


def annotated(path):
    for node in ast.walk(ast.parse(path.read_text())):
        for note in (getattr(node, "annotation", None), getattr(node, "returns", None)):
            if note is not None:
                yield (note.lineno, note.col_offset), (note.end_lineno, note.end_col_offset)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            yield (node.lineno, node.col_offset), (node.body[0].lineno, node.body[0].col_offset)


def is_exotic(operator):
    """Whether nobody would slip so: + for >>, == for `is`."""
    kind, *pair = operator.removeprefix("core/").split("_")
    if kind == "ReplaceBinaryOperator":
        return not set(pair) <= set(ARITHMETIC)
    return (
        kind == "ReplaceComparisonOperator"
        and pair[1] in ("Is", "IsNot")
        and pair[0] not in ("Is", "IsNot")
    )


def report(session, work):
    from cosmic_ray.work_db import WorkDB, use_db
    from cosmic_ray.work_item import TestOutcome, WorkerOutcome

    killed = 0
    survivors = []
    with use_db(str(session), WorkDB.Mode.open) as db:
        for job, result in db.completed_work_items:
            if result.worker_outcome is WorkerOutcome.SKIPPED:
                continue
            if result.test_outcome is TestOutcome.SURVIVED:
                (change,) = job.mutations
                lines = [
                    s
                    for s in (result.diff or "").splitlines()
                    if s[:1] in "-+" and s[:3] not in ("---", "+++")
                ]
                survivors.append(
                    (str(change.module_path), change.start_pos[0], change.operator_name, lines)
                )
            else:
                killed += 1
    for path, line, operator, lines in sorted(survivors):
        print(f"{path}:{line}: {operator}", *lines, sep="\n    ")
    total = killed + len(survivors)
    score = 100 * killed / total
    print(f"{killed} of {total} mutants killed: {score:.1f} %")
    return score


if __name__ == "__main__":
    main()
