"""The command line answers, or says in one line on standard error what to do instead."""

import io
import json
import math
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import autograd_mini
from autograd_mini.cli import differentiate as command_line
from autograd_mini.cli.differentiate import main
from autograd_mini.show.render import RenderError, find_dot
from autograd_mini.show.text import width


def renderer_found():
    try:
        return bool(find_dot())
    except RenderError:
        return False


@pytest.fixture
def run(capsys):
    """Run the command line in this process: status, standard output, standard error."""

    def run(*arguments):
        status = main(arguments)
        return status, *capsys.readouterr()

    return run


@pytest.fixture
def answer(run):
    """Run it, expect success and silence on standard error, and return what it prints."""

    def answer(*arguments):
        status, out, err = run(*arguments)
        assert (status, err) == (0, "")
        return out

    return answer


@pytest.fixture
def refusal(run):
    """Run it, expect nothing printed and one line of complaint, and return status, line and caret lines."""

    def refusal(*arguments):
        status, out, err = run(*arguments)
        assert out == ""
        first, *place = err.splitlines()
        assert first.startswith("autograd-mini: error: ")
        assert len(place) in (0, 2)
        return status, first.removeprefix("autograd-mini: error: "), place

    return refusal


def python_m(*arguments, **options):
    """Run it as a shell does."""
    command = [sys.executable, "-m", "autograd_mini", *arguments]
    return subprocess.run(
        command, capture_output=True, encoding="utf-8", timeout=60, check=False, **options
    )


# ---- the demo --------------------------------------------------------------------------------------


def test_the_article_s_expression(answer):
    assert (
        answer("(a+b)*(b+1)", "a=2", "b=1")
        == """\
e = (a+b)*(b+1)

Forward: every value, operands first
  a         = 2
  b         = 1
  c = a + b = 3
  d = b + 1 = 2
  e = c * d = 6

Backward: e starts with 1, and every result repays its operands
  debtor    received × derivative = pays → creditor balance
  e = c * d        1 ×          2 =    2 → c              2
                   1 ×          3 =    3 → d              3
  c = a + b        2 ×          1 =    2 → a              2
                   2 ×          1 =    2 → b              2
  d = b + 1        3 ×          1 =    3 → b              5

Gradient: what the leaves have in the end
  ∂e/∂a = 2
  ∂e/∂b = 5
"""
    )


def test_it_fits_a_terminal_of_80_columns(answer):
    for arguments in (
        ("(a+b)*(b+1)", "a=2", "b=1"),
        ("sigmoid(w*x + b)", "w=0.5", "x=-1e-3", "b=1/3"),
        ("(y - tanh(w1*x1 + w2*x2 + b))**2", "y=1", "w1=.1", "w2=-.2", "x1=3", "x2=4", "b=1/3"),
    ):
        for option in ((), ("--paths",), ("--tree",)):
            assert max(map(width, answer(*arguments, *option).splitlines())) <= 80


def test_values_and_gradients_have_all_their_digits(answer):
    out = answer("a + b", "a=0.1", "b=0.2")
    assert "c = a + b = 0.30000000000000004" in out
    out = answer("1 / a", "a=3")
    assert repr(-(1 / 3) / 3) in out


def test_a_long_expression_is_cut_in_the_middle(answer):
    out = answer("*".join(["a"] * 1000), "a=1")
    assert "… 940 more …" in out
    assert "more payments …" in out
    assert len(out.splitlines()) < 150


def test_an_expression_without_names_or_operations(answer):
    assert "result = 3" in answer("1+2")
    assert "Gradient" not in answer("1+2")
    assert answer("a", "a=3").startswith("a\n")
    assert "∂a/∂a = 1" in answer("a", "a=3")


@pytest.mark.parametrize(
    ("arguments", "gradient"),
    [
        (("-a+b", "a=2", "b=1"), {"a": -1.0, "b": 1.0}),
        (("-a", "a=2"), {"a": -1.0}),
        (("--", "-a", "a=2"), {"a": -1.0}),
        (("a=2", "--", "a"), None),
        (("(--a)", "a=2"), {"a": 1.0}),
        (("--", "--a", "a=2"), {"a": 1.0}),
        (("--a*2", "a=2"), {"a": 2.0}),
        (("a", "a=-1e-3"), {"a": 1.0}),
        (("a*b", "a=pi/2", "b=1/4"), {"a": 0.25, "b": math.pi / 2}),
        (("a*e", "a=1", "e=3"), {"a": 3.0, "e": 1.0}),
        (("a*e", "a=1"), {"a": math.e}),
        (("µ*2", "μ=3"), {"μ": 2.0}),
        (("where(a < 1, log(a), a)", "a=2"), {"a": 1.0}),
        (("step(a)*b", "a=2", "b=3"), {"a": 0.0, "b": 1.0}),
        ((" a\n* 2 ", "a=3"), {"a": 2.0}),
    ],
)
def test_what_looks_like_an_option_and_is_none(run, arguments, gradient):
    status, out, _ = run("--json", *arguments)
    if gradient is None:
        assert status == 2
    else:
        assert (status, json.loads(out)["gradient"]) == (0, gradient)


# ---- other answers ---------------------------------------------------------------------------------


def test_json_is_one_object_and_nothing_else(answer):
    report = json.loads(answer("(a+b)*(b+1)", "a=2", "b=1", "--json"))
    assert report["expression"] == "(a+b)*(b+1)"
    assert report["value"] == 6.0
    assert report["gradient"] == {"a": 2.0, "b": 5.0}
    assert [v["name"] for v in report["values"]] == ["a", "b", "c", "d", "e"]
    assert report["values"][2] == {"name": "c", "operation": "a + b", "value": 3.0}
    assert len(report["ledger"]) == 5
    assert report["ledger"][-1] == {
        "debtor": "d",
        "creditor": "b",
        "received": 3.0,
        "derivative": 1.0,
        "payment": 3.0,
        "balance": 5.0,
    }


def test_json_has_words_for_what_json_has_no_number_for(answer):
    def strict(text):
        return json.loads(text, parse_constant=lambda word: pytest.fail(f"{word} is not JSON"))

    report = strict(answer("log(a) + b", "a=0", "b=nan", "--json"))
    assert report["value"] == "nan"
    assert report["gradient"] == {"a": "inf", "b": 1.0}
    assert strict(answer("-a", "a=inf", "--json"))["value"] == "-inf"


def test_json_keeps_every_digit(answer):
    report = json.loads(answer("a / 3", "a=0.1", "--json"))
    assert report["value"] == 0.1 / 3


def test_paths_tree_latex(answer):
    out = answer("(a+b)*(b+1)", "a=2", "b=1", "--paths")
    assert "2 paths from e to b" in out
    assert out.endswith("for the whole gradient, edges walked: 6 path by path, 5 in one backward sweep\n")
    assert "└─ d = b + 1" in answer("(a+b)*(b+1)", "a=2", "b=1", "--tree")
    assert answer("(a+b)/b", "a=2", "b=1", "--latex") == "\\frac{a + b}{b}\n"


def test_paths_too_many_to_walk_are_counted(answer):
    text = "a"
    for _ in range(9):
        text = f"({text})*({text})"
    assert "512 paths from" in answer(text, "a=1", "--paths")


def test_check_is_a_command_and_no_name(run, answer):
    pytest.importorskip("mpmath")
    status, out, err = run("check", "exp(a)*sin(b)", "a=1", "b=2")
    assert (status, err) == (0, "")
    assert "∂f/∂b" in out
    assert run("check", "--help")[0] == 0
    assert run("check", "exp(")[0] == 2
    assert "∂check/∂check = 1" in answer("check", "check=2")
    assert "∂check/∂check = 1" in answer("(check)", "check=2")


def test_check_too_is_interrupted_in_silence(run, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("autograd_mini.cli.check.main", interrupted)
    assert run("check", "a") == (130, "", "")


def test_help_and_version(answer):
    assert '"(a+b)*(b+1)" a=2 b=1 --svg graph.svg' in answer("--help")
    assert answer("-h") == answer("--help")
    engine = "C" if autograd_mini.engine.ACCELERATED else "Python"
    assert answer("--version") == f"autograd-mini {autograd_mini.__version__}, engine in {engine}\n"


# ---- pictures --------------------------------------------------------------------------------------


@pytest.mark.skipif(not renderer_found(), reason="no Graphviz")
def test_pictures_are_written_whatever_their_names_end_in(answer, tmp_path):
    svg, png, dot = tmp_path / "picture", tmp_path / "b.PNG", tmp_path / "c.txt"
    out = answer("(a+b)*(b+1)", "a=2", "b=1", "--svg", str(svg), f"--png={png}", "--dot", str(dot))
    assert "<svg" in svg.read_text()
    assert png.read_bytes().startswith(b"\x89PNG")
    assert dot.read_text().startswith("digraph")
    assert out.endswith(f"Pictures\n  {svg}\n  {png}\n  {dot}\n")
    assert sorted(os.listdir(tmp_path)) == ["b.PNG", "c.txt", "picture"]


def test_no_picture_replaces_another(refusal, tmp_path):
    one, same = str(tmp_path / "z"), os.path.join(tmp_path, ".", "z")
    status, line, _ = refusal("a*b", "a=1", "b=2", "--dot", one, "--page", same)
    assert (status, os.listdir(tmp_path)) == (2, [])
    assert f"--dot and --page both name {same!r}: give each a file of its own" in line
    for none in ("", "-"):
        status, line, _ = refusal("a*b", "a=1", "b=2", f"--dot={none}")
        assert (status, f"--dot {none!r} names no file: name one" in line) == (2, True)


def test_a_page_on_which_the_debts_are_repaid(answer, refusal, tmp_path):
    page = tmp_path / "debts.html"
    assert answer("(a+b)*(b+1)", "a=2", "b=1", "--page", str(page)).endswith(f"Pictures\n  {page}\n")
    assert "<script" in page.read_text()
    status, line, _ = refusal("*".join(["a"] * 400), "a=1", "--page", str(tmp_path / "large.html"))
    assert (status, os.listdir(tmp_path)) == (2, ["debts.html"])
    assert "more than an eye can follow" in line


def test_a_picture_beside_json_is_written_in_silence(answer, tmp_path):
    out = answer("a*2", "a=1", "--json", "--dot", str(tmp_path / "g.dot"))
    assert json.loads(out)["value"] == 2.0
    assert (tmp_path / "g.dot").exists()


def test_the_picture_shows_the_gradient(answer, tmp_path):
    answer("a*a", "a=1.25", "--dot", str(tmp_path / "g.dot"))
    assert "2.5" in (tmp_path / "g.dot").read_text()


def test_a_place_that_cannot_be_written_to(refusal, tmp_path):
    for option in ("--svg", "--png", "--dot"):
        status, line, _ = refusal("a*2", "a=1", option, str(tmp_path / "no" / "g"))
        assert status == 1
        if option == "--dot" or renderer_found():
            assert line.startswith(f"{tmp_path / 'no' / 'g'}: cannot be written")
    assert refusal("a*2", "a=1", "--dot", str(tmp_path))[0] == 1
    assert os.listdir(tmp_path) == []


def test_without_a_renderer_the_remedy_is_named_and_dot_still_works(refusal, answer, tmp_path, monkeypatch):
    monkeypatch.setenv("AUTOGRAD_MINI_DOT", str(tmp_path / "nowhere"))
    for option in ("--svg", "--png"):
        status, line, _ = refusal("a*2", "a=1", option, str(tmp_path / "g"))
        assert status == 1
        assert "AUTOGRAD_MINI_DOT" in line
    assert os.listdir(tmp_path) == []
    answer("a*2", "a=1", "--dot", str(tmp_path / "g.dot"))
    assert os.listdir(tmp_path) == ["g.dot"]


# ---- refusals --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), 'no expression: give one, as in autograd-mini "(a+b)*(b+1)" a=2 b=1'),
        (("",), "the expression is empty"),
        (("a*b", "a=1"), "no number for b: give b=…"),
        (("a", "a=1", "c=2"), "'c' has a number but is not in the expression, whose names are: a"),
        (("a", "a=1", "a=2"), "'a=2' gives a a second number: give it once"),
        (("fi", "fi=1", "ﬁ=2"), "gives fi a second number"),
        (("a", "a=x"), "'a=x' gives no number: write one, as in a=2, a=-1e-3 or a=pi/4"),
        (("a", "a="), "'a=' gives no number"),
        (("a", "a=1,5"), "'a=1,5' gives no number"),
        (("a", "a==1"), "'a==1' gives no number"),
        (("a", "a=" + "9" * 20_000), "gives no number"),
        (("a", "=1"), "'=1' has no name before the =: write name=number, as in a=2"),
        (("a", "1b=2"), "'1b=2' has no name before the ="),
        (("a", "a.b=2"), "'a.b=2' has no name before the ="),
        (("a", "+", "b"), "'+' is not name=number: write numbers as in a=2, without blanks, and put the"),
        (
            ("a=2", "a"),
            "a definition is not a result: go on, as in s = x*x; s + 1; numbers are given apart",
        ),
        (("a", "a=1", "--frobnicate"), "unrecognized arguments: --frobnicate; autograd-mini --help shows"),
        (("a", "a=1", "--js"), "unrecognized arguments: --js"),
        (("a", "a=1", "--svg"), "argument --svg: expected one argument"),
        (("a", "a=1", "--json", "--tree"), "argument --tree: not allowed with argument --json"),
        (("a", "a=1", "--json=yes"), "argument --json: ignored explicit argument 'yes'"),
        (("().__class__",), "attributes cannot be part of an expression"),
        (("__import__('os').system('echo hacked')",), "text cannot be part of an expression"),
        (("f(a)", "a=1"), "there is no function 'f'"),
        (("a" * 10_001,), "the expression has 10,001 characters, more than 10,000"),
        (("(" * 4000 + "a",), "never closed"),
        (("a\0b",), "the character U+0000 cannot be read"),
        (("a\udcff",), "the character U+DCFF cannot be read"),
        (("\x1b[31ma",), "the character U+001B cannot be read"),
    ],
)
def test_a_wrong_request_is_told_in_one_line(refusal, arguments, message):
    status, line, _ = refusal(*arguments)
    assert status == 2
    assert message in line
    assert line.isprintable()
    assert len(line) < 200


def test_a_caret_stands_under_what_is_wrong(refusal):
    assert refusal("(a+b)*(b+1", "a=2", "b=1") == (
        2,
        "the bracket is never closed: add ')'",
        ["  (a+b)*(b+1", "        ^"],
    )


# ---- a shell around it -----------------------------------------------------------------------------


def test_as_a_module_and_as_a_script():
    done = python_m("(a+b)*(b+1)", "a=2", "b=1")
    assert (done.returncode, done.stderr) == (0, "")
    assert "∂e/∂b = 5" in done.stdout
    script = Path(sys.executable).with_name("autograd-mini")
    if script.exists():
        done = subprocess.run([script, "a", "a=1"], capture_output=True, text=True, check=True)
        assert "∂a/∂a = 1" in done.stdout


def test_statuses_reach_the_shell():
    assert python_m("a").returncode == 2
    assert python_m("a*2", "a=1", "--dot", "/no/such/directory/x").returncode == 1


def test_a_terminal_that_has_only_ascii():
    done = python_m("(a+b)*(b+1)", "a=2", "b=1", env={**os.environ, "PYTHONIOENCODING": "ascii"})
    assert done.returncode == 0
    assert done.stdout.isascii()
    assert "1 x          2 =    2 > c" in done.stdout
    done = python_m("权重 * 2)", env={**os.environ, "PYTHONIOENCODING": "ascii"})
    assert done.returncode == 2
    assert done.stderr.isascii()


@pytest.mark.skipif(os.name == "nt", reason="signals and pipes of POSIX")
class TestPosix:
    def test_a_reader_who_leaves_early_hears_nothing(self):
        reading, writing = os.pipe()
        os.close(reading)
        command = [sys.executable, "-m", "autograd_mini", "a", "a=1"]
        with os.fdopen(writing, "w") as closed:
            done = subprocess.run(command, stdout=closed, stderr=subprocess.PIPE, timeout=60, check=False)
        assert (done.returncode, done.stderr) == (141, b"")

    @pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full here")
    def test_a_full_disk_is_told(self):
        command = [sys.executable, "-m", "autograd_mini", "a", "a=1"]
        with open("/dev/full", "w") as full:
            done = subprocess.run(
                command, stdout=full, stderr=subprocess.PIPE, text=True, timeout=60, check=False
            )
        assert done.returncode == 1
        assert done.stderr.startswith("autograd-mini: error: standard output: No space left on device")
        assert len(done.stderr.splitlines()) == 1

    def test_closed_streams_do_no_harm(self):
        command = f"{sys.executable} -m autograd_mini a a=1"
        assert subprocess.run(f"{command} >&-", shell=True, capture_output=True, check=True).stderr == b""
        done = subprocess.run(f"{command} 2>&- b", shell=True, capture_output=True, check=False)
        assert (done.returncode, done.stdout) == (2, b"")

    def test_ctrl_c_ends_it_quietly(self):
        code = (
            "import signal, sys, time, autograd_mini.cli.differentiate as m\n"
            "signal.signal(signal.SIGINT, signal.default_int_handler)\n"  # ignored by a shell's jobs
            "def wait(*_):\n    print('ready', flush=True)\n    time.sleep(60)\n"
            "m._report = wait\n"
            "sys.exit(m.main(['a', 'a=1']))"
        )
        with subprocess.Popen(
            [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE
        ) as p:
            assert p.stdout.readline() == b"ready\n"
            time.sleep(0.05)
            p.send_signal(signal.SIGINT)
            _, err = p.communicate(timeout=30)
        assert (p.returncode, err) == (130, b"")


def test_nothing_is_printed_by_a_run_that_is_interrupted(run, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(command_line, "_report", interrupted)
    assert run("a", "a=1") == (130, "", "")


def test_ctrl_c_while_it_loads_prints_one_line(tmp_path):
    (tmp_path / "sitecustomize.py").write_text(
        "import sys\n"
        "class Interrupts:\n"
        "    def find_spec(self, name, *_):\n"
        "        if name == 'autograd_mini.engine.value':\n"
        "            raise KeyboardInterrupt\n"
        "sys.meta_path.insert(0, Interrupts())\n"
    )
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path])}
    for command, shown in (
        (["-m", "autograd_mini", "a", "a=1"], "autograd-mini: interrupted\n"),
        (["-c", "import autograd_mini"], None),
    ):
        done = subprocess.run(
            [sys.executable, *command], env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode in (-signal.SIGINT, 130)
        assert done.stdout == ""
        assert done.stderr == shown if shown else "Traceback" in done.stderr


def test_a_minus_reads_the_expression_from_standard_input(answer, refusal, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO("(a+b)*(b+1)\n"))
    assert answer("-", "a=2", "b=1") == answer("(a+b)*(b+1)", "a=2", "b=1")
    monkeypatch.setattr("sys.stdin", None)
    assert refusal("-", "a=2")[0] == 2
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"\xff"), "utf-8"))
    assert "UTF-8" in refusal("-", "a=2")[1]
