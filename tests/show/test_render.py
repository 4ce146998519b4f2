"""The renderer is found in one order, stopped in time, and believed only when it made a picture."""

import os
import stat
import sys
import time
from importlib import metadata

import pytest

from autograd_mini.show.render import RenderError, find_dot, render, write

posix = pytest.mark.skipif(os.name != "posix", reason="the stand-ins for `dot` are shell scripts")


@pytest.fixture
def stand_in(tmp_path, monkeypatch):
    """Make a shell script that AUTOGRAD_MINI_DOT names."""

    def make(script, directory=tmp_path, name="my-dot"):
        path = directory / name
        directory.mkdir(exist_ok=True)
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
        monkeypatch.setenv("AUTOGRAD_MINI_DOT", str(path))
        return path

    return make


@pytest.fixture
def nowhere(monkeypatch, tmp_path):
    """A machine without Graphviz."""

    def missing(name):
        raise metadata.PackageNotFoundError(name)

    monkeypatch.delenv("AUTOGRAD_MINI_DOT", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    monkeypatch.setattr(metadata, "files", missing)


# ---- finding it ------------------------------------------------------------------------------------


@posix
def test_the_variable_comes_before_path_and_path_before_the_wheel(tmp_path, monkeypatch, stand_in):
    named = stand_in("exit 0")
    on_path = stand_in("exit 0", tmp_path / "bin", "dot")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setenv("AUTOGRAD_MINI_DOT", str(named))
    assert find_dot() == str(named)
    monkeypatch.delenv("AUTOGRAD_MINI_DOT")
    assert find_dot() == str(on_path)
    on_path.unlink()
    assert os.path.basename(find_dot()).startswith("graphviz-pure")


def test_a_variable_that_names_no_executable_is_an_error_of_its_own(monkeypatch):
    monkeypatch.setenv("AUTOGRAD_MINI_DOT", "/no/such/dot")
    with pytest.raises(
        RenderError, match=r"^AUTOGRAD_MINI_DOT: '/no/such/dot' .*; set it to .* or unset it"
    ):
        find_dot()


def test_without_any_the_error_has_the_remedies(nowhere):
    with pytest.raises(RenderError) as error:
        render("digraph {}", "svg")
    assert 'pip install "autograd-mini[render]"' in str(error.value)
    assert "AUTOGRAD_MINI_DOT" in str(error.value)
    assert "\n" not in str(error.value)


# ---- running it ------------------------------------------------------------------------------------


def test_the_wheel_renders_svg_and_png(monkeypatch, tmp_path):
    monkeypatch.delenv("AUTOGRAD_MINI_DOT", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert b">one</text>" in render("digraph { one -> two }", "svg")
    png = render("digraph { one -> two }", "png")
    assert png.startswith(b"\x89PNG")
    assert png.rstrip(b"\0").endswith(b"IEND\xaeB`\x82")


def test_a_format_it_does_not_have(monkeypatch, tmp_path):
    monkeypatch.delenv("AUTOGRAD_MINI_DOT", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(
        RenderError, match=r"graphviz-pure.*: cannot make PDF; save \.svg or \.png, or install"
    ):
        render("digraph {}", "pdf")


@posix
def test_dot_text_is_given_as_it_is_and_no_shell_sees_it(stand_in, tmp_path):
    stand_in(f"""cat > {tmp_path}/got; echo "$@" > {tmp_path}/arguments; echo '<svg/>'""")
    source = "digraph { $(touch owned); `touch owned` ∂ }"
    assert render(source, "svg") == b"<svg/>\n"
    assert (tmp_path / "got").read_text() == source
    assert (tmp_path / "arguments").read_text() == "-Tsvg\n"


@posix
@pytest.mark.parametrize(
    "script, said",
    [
        (
            "echo syntax error in line 1 >&2; echo more >&2; exit 1",
            "exit status 1: syntax error in line 1;",
        ),
        ("exit 3", "exit status 3: it made no SVG;"),
        ("true", "exit status 0: it made no SVG;"),
        ("cat", "exit status 0: it made no SVG;"),
        ("echo '<svg>half a'; exit 1", "exit status 1"),
        ("kill -9 $$", "exit status -9"),
    ],
)
def test_one_that_fails_is_named_with_what_it_said(stand_in, script, said):
    path = stand_in(script)
    with pytest.raises(RenderError) as error:
        render("digraph {}", "svg")
    assert str(error.value).startswith(str(path))
    assert said in str(error.value)
    assert "\n" not in str(error.value)


@posix
def test_what_is_no_program_is_an_error_too(stand_in):
    stand_in("").write_bytes(b"\x7fELF rubbish")
    with pytest.raises(RenderError, match=r"my-dot: cannot be run: "):
        render("digraph {}", "svg")


@posix
def test_one_that_hangs_is_stopped_with_its_children(stand_in, tmp_path):
    pid = tmp_path / "pid"
    stand_in(f"sleep 600 & echo $! > {pid}; wait")
    with pytest.raises(RenderError, match=r"no picture after 0\.5 s; draw a smaller graph"):
        render("digraph {}", "svg", seconds=0.5)
    child = int(pid.read_text())
    if os.path.isdir("/proc"):
        patience = time.monotonic() + 10  # a signal takes a moment on a busy machine
        while not is_gone(child):
            assert time.monotonic() < patience
            time.sleep(0.01)


def is_gone(process):
    """Whether a process has ended, or waits to be reaped by whoever adopted it."""
    try:
        with open(f"/proc/{process}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


# ---- writing ---------------------------------------------------------------------------------------


def test_a_file_is_written_with_ordinary_permissions(tmp_path):
    path = tmp_path / "picture.svg"
    write(path, b"one")
    mask = os.umask(0)
    os.umask(mask)
    assert path.read_bytes() == b"one"
    assert stat.S_IMODE(path.stat().st_mode) == 0o666 & ~mask
    path.chmod(0o640)
    write(path, b"two")
    assert path.read_bytes() == b"two"
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert list(tmp_path.iterdir()) == [path]


def test_a_link_stays_a_link(tmp_path):
    target, link = tmp_path / "target", tmp_path / "link"
    link.symlink_to(target)
    write(link, b"one")
    assert link.is_symlink()
    assert target.read_bytes() == b"one"


def test_a_failure_leaves_what_was_there_and_nothing_else(tmp_path, monkeypatch):
    path = tmp_path / "picture.svg"
    path.write_bytes(b"before")

    def full(*arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(
        RenderError, match=r"picture\.svg: cannot be written: No space left on device; name a file"
    ):
        write(path, b"after")
    assert path.read_bytes() == b"before"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("place", ["missing/picture.svg", "", "a\0b.svg"])
def test_places_that_cannot_be_written_to(tmp_path, place):
    with pytest.raises(RenderError, match=r"cannot be written: .*; name a file in a directory"):
        write(f"{tmp_path}/{place}", b"x")
    assert list(tmp_path.iterdir()) == []


@posix
def test_a_pipe_is_written_to_and_not_replaced(tmp_path):
    write("/dev/null", b"x")
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        write(pipe, b"through")
        assert os.read(reader, 100) == b"through"
    finally:
        os.close(reader)
    assert stat.S_ISFIFO(pipe.stat().st_mode)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="/dev/stdout of a pipe is Linux's")
def test_standard_output_works_as_a_file(capfd):
    write("/dev/stdout", b"picture")
    assert capfd.readouterr().out == "picture"
