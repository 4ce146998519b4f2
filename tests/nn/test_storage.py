"""Saved parameters: the same floats come back, or there is an error and nothing has changed."""

import json
import math
import os
import stat
import struct
import subprocess
import sys
import time
import zlib

import pytest
from bits import bits
from hypothesis import given
from hypothesis import strategies as st

from autograd_mini import Value
from autograd_mini.nn import MLP, Module, load, save


@pytest.fixture
def saved(tmp_path):
    """A model, the path it was saved to, and another model of the same shape."""
    model, other = MLP(2, [2, 1], rng=1), MLP(2, [2, 1], rng=2)
    save(model, tmp_path / "model.json")
    return model, tmp_path / "model.json", other


class Numbers(Module):
    def __init__(self, numbers):
        self.numbers = [Value(x) for x in numbers]


@given(st.lists(st.floats(), max_size=5))
def test_every_float_comes_back_as_it_was(tmp_path_factory, numbers):
    path = tmp_path_factory.getbasetemp() / "floats.json"
    model, other = Numbers(numbers), Numbers([1.0] * len(numbers))
    save(model, path)
    load(other, str(path))
    assert bits(other.parameters()) == bits(model.parameters())


def test_the_file_is_plain_json(saved):
    model, path, _ = saved

    def refuse(name):
        raise AssertionError(f"{name} is not JSON")

    content = json.loads(path.read_text(), parse_constant=refuse)
    assert content["format"] == "autograd_mini parameters, version 1"
    assert content["parameters"] == {name: p.data for name, p in model.named_parameters()}
    model.layers[0].biases = [math.inf, math.nan]
    save(model, path)
    content = json.loads(path.read_text(), parse_constant=refuse)
    assert content["parameters"]["layers[0].neurons[0].b"] == "inf"


def test_a_file_cut_short_anywhere_is_refused(saved):
    _, path, other = saved
    before, whole = bits(other.parameters()), path.read_bytes()
    for length in range(len(whole.rstrip())):
        path.write_bytes(whole[:length])
        with pytest.raises(ValueError, match=r"model.json: the file .*; the model is unchanged"):
            load(other, path)
        assert bits(other.parameters()) == before


def test_a_changed_byte_is_refused_or_harmless(saved):
    model, path, other = saved
    before, whole = bits(other.parameters()), path.read_bytes()
    for i in range(len(whole)):
        path.write_bytes(whole[:i] + bytes([whole[i] ^ 1]) + whole[i + 1 :])
        try:
            load(other, path)
        except ValueError as error:
            assert "the model is unchanged" in str(error)
            assert "\n" not in str(error)
            assert bits(other.parameters()) == before
        else:
            # white space, or a digit beyond a float's last
            assert bits(other.parameters()) == bits(model.parameters())
            for parameter, number in zip(other.parameters(), before, strict=True):
                parameter.data = struct.unpack("<d", number)[0]


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("", "is cut short or not JSON"),
        ("[]", "is not of the format"),
        ('{"format": "something else"}', "is not of the format"),
        ('{"format": "autograd_mini parameters, version 1", "parameters": []}', "has been changed"),
        ("[" * 100_000, "is cut short or not JSON|is nested too deeply"),
        ("\x80", "is cut short or not JSON"),
    ],
)
def test_other_files_are_refused(saved, text, cause):
    _, path, other = saved
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(ValueError, match=cause):
        load(other, path)


@pytest.mark.parametrize(
    "number", ["\"__import__('os')\"", '"1.0"', "null", "[1.0]", "true", "1", '" inf"']
)
def test_what_is_no_float_is_refused_even_with_a_right_checksum(tmp_path, number):
    model, path = Numbers([1.0]), tmp_path / "model.json"
    parameters = '{"numbers[0]": ' + number + "}"
    checksum = f'"crc32:{zlib.crc32(parameters.encode()):08x}"'
    form = (
        '{"format": "autograd_mini parameters, version 1", "checksum": CHECKSUM, "parameters": PARAMETERS}'
    )
    path.write_text(form.replace("CHECKSUM", checksum).replace("PARAMETERS", parameters))
    with pytest.raises(ValueError, match=r"where numbers\[0\] should be"):
        load(model, path)
    assert model.numbers[0].data == 1.0


def test_a_model_of_another_shape_is_refused(saved):
    _, path, _ = saved
    for model, cause in (
        (MLP(2, [3, 1]), r"does not have layers\[0\]\.neurons\[2\]\.b and 3 more"),
        (MLP(2, [1, 1]), r"also has layers\[0\]\.neurons\[1\]\.b and 3 more"),
        (MLP(2, [2, 1], bias=False), r"also has layers\[0\]\.neurons\[0\]\.b and 2 more"),
    ):
        before = bits(model.parameters())
        with pytest.raises(ValueError, match=cause + ": build the model that was saved"):
            load(model, path)
        assert bits(model.parameters()) == before


@pytest.mark.parametrize(
    "failure", [OSError("the disk is full"), KeyboardInterrupt()], ids=["disk", "Ctrl-C"]
)
@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_save_that_fails_leaves_the_earlier_file(saved, monkeypatch, call, failure):
    model, path, _ = saved
    before = path.read_bytes()

    def fail(*arguments):
        raise failure

    monkeypatch.setattr(os, call, fail)
    model.layers[0].biases = [5.0, 5.0]
    with pytest.raises(type(failure)):
        save(model, path)
    monkeypatch.undo()
    assert path.read_bytes() == before
    assert os.listdir(path.parent) == ["model.json"]


@pytest.mark.skipif(os.name != "posix", reason="permissions, pipes and devices are Unix's")
def test_a_file_keeps_its_permissions_and_pipes_and_devices_stay_what_they_are(saved, tmp_path):
    model, path, _ = saved
    path.chmod(0o600)
    save(model, path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        save(model, pipe)
        assert os.read(reader, 100_000) == path.read_bytes()
    finally:
        os.close(reader)
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    save(model, "/dev/null")
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)


def test_what_cannot_be_written_raises_os_error(saved, tmp_path):
    with pytest.raises(FileNotFoundError):
        save(saved[0], tmp_path / "nowhere" / "model.json")
    with pytest.raises(ValueError, match="null"):
        save(saved[0], "\0.json")


def test_what_is_no_model_is_refused(saved, tmp_path):
    path = saved[1]
    for wrong in ([1.0], path, None):
        with pytest.raises(TypeError, match=r"^(save|load): \w+ is not a Module: give the model first"):
            save(wrong, tmp_path / "other.json")
        with pytest.raises(TypeError, match=r"^load: \w+ is not a Module: give the model first"):
            load(wrong, path)
    assert os.listdir(tmp_path) == ["model.json"]


def test_a_path_may_be_bytes(saved, tmp_path):
    model, _, other = saved
    save(model, os.fsencode(tmp_path / "bytes.json"))
    load(other, os.fsencode(tmp_path / "bytes.json"))
    assert bits(other.parameters()) == bits(model.parameters())
    (tmp_path / "bytes.json").write_text("{}")
    with pytest.raises(ValueError, match=r"^/.*bytes.json: the file is not of the format"):
        load(other, os.fsencode(tmp_path / "bytes.json"))


KILLED = """
import sys
from autograd_mini.nn import MLP, save
model = MLP(4, [8, 1], rng=0)
for number in range(10**9):
    for parameter in model.parameters():
        parameter.data = float(number)
    save(model, sys.argv[1])
    if number == 0:
        print("saved", flush=True)
"""


def test_a_process_killed_while_it_saves_leaves_one_whole_file(tmp_path):
    path, model = tmp_path / "model.json", MLP(4, [8, 1], rng=0)
    for delay in (0.0, 0.003, 0.011):
        with subprocess.Popen([sys.executable, "-c", KILLED, path], stdout=subprocess.PIPE) as process:
            process.stdout.readline()
            time.sleep(delay)
            process.kill()
        load(model, path)
        assert len({parameter.data for parameter in model.parameters()}) == 1


def test_paths_that_cannot_be_written_or_read(saved, tmp_path):
    model = saved[0]
    with pytest.raises(FileNotFoundError):
        save(model, tmp_path / "nowhere" / "model.json")
    (tmp_path / "directory").mkdir()
    with pytest.raises(OSError, match="directory"):
        save(model, tmp_path / "directory")
    with pytest.raises(FileNotFoundError, match=r"absent\.json"):
        load(model, tmp_path / "absent.json")
    assert sorted(os.listdir(tmp_path)) == ["directory", "model.json"]


@pytest.mark.skipif(sys.platform == "win32", reason="links need rights there")
def test_a_link_is_written_through(saved, tmp_path):
    model, path, other = saved
    (tmp_path / "link.json").symlink_to(path)
    save(other, tmp_path / "link.json")
    assert (tmp_path / "link.json").is_symlink()
    load(model, path)
    assert bits(model.parameters()) == bits(other.parameters())
