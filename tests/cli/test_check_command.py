"""autograd-mini check: the table of verdicts, exit statuses, and one clear line for what is wrong."""

import io
import json

import pytest

from autograd_mini import primitive
from autograd_mini.cli.check import main
from autograd_mini.engine.table import TABLE


def run(capsys, *argv):
    status = main(argv)
    captured = capsys.readouterr()
    return status, captured.out, captured.err


def test_the_table_of_verdicts(capsys):
    status, out, err = run(capsys, "exp(a)*sin(b)", "a=1/2", "b=pi/4")
    assert (status, err) == (0, "")
    lines = out.splitlines()
    assert lines[0] == "exp(a)*sin(b) at a = 0.5, b = 0.7853981633974483"
    assert lines[1].split() == ["derivative", "by", "found", "expected", "verdict"]
    assert lines[2].startswith("∂f/∂a       forward, reverse")
    assert lines[-1] == "6 right"


def test_a_name_without_a_number_gets_one_from_the_domain(capsys):
    status, out, _ = run(capsys, "log(x - 3) * y", "y=2")
    assert status == 0
    assert out.splitlines()[-1] == "6 right"
    assert ", y = 2.0" in out


def test_options(capsys):
    _, out, _ = run(capsys, "a*a", "a=3", "--order", "1", "--oracle=mpmath")
    assert out.splitlines()[2].split() == ["∂f/∂a", "forward,", "reverse", "6.0", "6.0", "right"]
    status, out, _ = run(capsys, "--help")
    assert status == 0
    assert 'autograd-mini check "exp(a)*sin(b)"' in out


def test_json(capsys, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO("abs(x) * y\n"))
    status, out, err = run(capsys, "-", "x=0", "y=2", "--order", "1", "--json")
    found = json.loads(out)
    assert (status, err) == (0, "")
    assert (found["expression"], found["point"], found["ok"]) == ("abs(x) * y", {"x": 0.0, "y": 2.0}, True)
    kink, right = found["derivatives"]
    assert (kink["derivative"], kink["verdict"], kink["expected"]) == ("∂f/∂x", "kink or pole", None)
    assert (right["found"], right["expected"], right["verdict"]) == (0.0, 0.0, "right")
    assert "the slope is -2" in kink["remark"]


def test_json_has_no_numbers_that_json_lacks(capsys):
    _, out, _ = run(capsys, "log(x)", "x=0", "--order", "1", "--json")
    assert json.loads(out, parse_constant=pytest.fail)["derivatives"][0]["found"] == "inf"


def test_an_expression_may_look_like_an_option(capsys):
    assert run(capsys, "-a+b", "a=1", "b=2")[0] == 0
    assert run(capsys, "--order", "1", "--", "-a", "a=1")[0] == 0


def test_a_kink_is_told_and_is_no_failure(capsys):
    status, out, _ = run(capsys, "abs(x)", "x=0", "--order", "1")
    assert status == 0
    assert "kink or pole: a kink, a jump or a pole of abs(0.0): the slope is -1 on the left" in out


def test_a_wrong_derivative_is_a_failure(capsys):
    primitive("thrice", value=lambda x: 3 * x, partials=[lambda y, x: 2.0])
    try:
        status, out, _ = run(capsys, "thrice(a) * a", "a=2")
    finally:
        del TABLE["thrice"]
    assert status == 1
    assert "the partial with respect to x of thrice(2.0) is 2.0 and should be 3.0" in out


@pytest.mark.parametrize(
    ("argv", "line"),
    [
        (["a +"], "the expression ends where a number or a name should follow"),
        (["2 + 2"], "the expression has no variables: there is nothing to differentiate by"),
        (["a", "b=2"], "'b' is not in the expression: leave out its number"),
        (["a", "a=two"], "'a=two' gives no number: write one, as in a=2, a=-1e-3 or a=pi/4"),
        (["a", "2"], "'2' is not name=number: write numbers as in a=2, without blanks"),
        (["log(a - 1e9)"], "no number up to 1000 was found for a: give a=…"),
        (["a", "--order", "3"], "argument --order: invalid choice: 3"),
        (["a", "--order"], "argument --order: expected one argument"),
        (["a", "--sideways"], "unrecognized arguments: --sideways"),
        ([], "the following arguments are required: expression"),
    ],
)
def test_a_wrong_request_is_one_clear_line(capsys, argv, line):
    status, out, err = run(capsys, *argv)
    assert (status, out) == (2, "")
    assert err.startswith("autograd-mini check: error: ")
    assert line in err
