"""The page's modules run by Node, for tests: numbers go there and back to the bit."""

import functools
import json
import shutil
import struct
import subprocess
import tempfile
from pathlib import Path

from browser import absent

from autograd_mini.page.explore import grammar_module, table_module

PAGE = Path(__file__).parent.parent / "autograd_mini" / "page"

PRELUDE = """
import { readFileSync } from "node:fs";
const float = new Float64Array(1);
const integer = new BigUint64Array(float.buffer);
const number = (text) => ((integer[0] = BigInt("0x" + text)), float[0]);
const text = (x) => (x === null ? null : ((float[0] = x), integer[0].toString(16).padStart(16, "0")));
const given = JSON.parse(readFileSync(0, "utf8"));
const answer = (result) => console.log(JSON.stringify(result));
"""


def hexadecimal(x):
    """A float as Node reads it."""
    return struct.pack(">d", x).hex()


def from_hexadecimal(text):
    """A float as Node wrote it; None is no number."""
    return None if text is None else struct.unpack(">d", bytes.fromhex(text))[0]


@functools.cache
def folder():
    """A folder with the page's modules, and those that Python writes, as Node imports them."""
    path = Path(tempfile.mkdtemp(prefix="page-"))
    for module in PAGE.glob("*.js"):
        shutil.copy(module, path / module.name)
    (path / "table.js").write_text(table_module(), "utf-8")
    (path / "grammar.js").write_text(grammar_module(), "utf-8")
    (path / "package.json").write_text('{"type": "module"}')
    return path


def run(script, data):
    """Run a script, which may import the page's modules, on `data`; return what it gives to ``answer``."""
    node = shutil.which("node")
    if node is None:
        absent("no Node on PATH")
    with tempfile.NamedTemporaryFile("w", suffix=".js", dir=folder(), encoding="utf-8") as file:
        file.write(PRELUDE + script)
        file.flush()
        done = subprocess.run(
            [node, file.name], input=json.dumps(data), capture_output=True, encoding="utf-8", check=False
        )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
