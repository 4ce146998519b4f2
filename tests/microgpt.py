"""microgpt's published text, where the reader has it: the training step, on its own `Value` or on another.

The environment variable MICROGPT is the path of the file; it is on the web, and no part of this project.
"""

import ast
import contextlib
import io
import os
import random
import tempfile
from pathlib import Path

__all__ = ["PATH", "names", "training", "value_class"]

PATH = os.environ.get("MICROGPT", "")


def names(count=500):
    """Made-up names, one a line, in place of those that the text would load from the network."""
    source = random.Random(7)
    starts, ends = (
        ["an", "be", "ka", "lo", "mi", "ro", "sa", "te"],
        ["a", "en", "la", "na", "ra", "ri", "to"],
    )
    return "\n".join(
        source.choice(starts) + "".join(source.choice(ends) for _ in range(source.randint(1, 3)))
        for _ in range(count)
    )


def value_class(text):
    """The text's own `Value`."""
    scope = {}
    own = [node for node in ast.parse(text).body if isinstance(node, (ast.ClassDef, ast.Import))]
    exec(compile(ast.Module(own, []), "microgpt", "exec"), scope)
    return scope["Value"]


def training(text, value=None):
    """Run the text up to its training loop; return the loop's body, a function that returns the loss.

    `value` takes the place of its own `Value`; nothing else is changed.
    """
    before, body = [], []
    for node in ast.parse(text).body:
        if isinstance(node, ast.For) and isinstance(node.target, ast.Name) and node.target.id == "step":
            body = node.body
            break
        if value is None or not (isinstance(node, ast.ClassDef) and node.name == "Value"):
            before.append(node)
    parts = ast.parse("def one_step(step):\n    pass\n    return loss.data")
    parts.body[0].body[:1] = body
    scope = {} if value is None else {"Value": value}
    here = Path.cwd()
    with tempfile.TemporaryDirectory() as directory:
        os.chdir(directory)
        try:
            Path("input.txt").write_text(names(), encoding="utf-8")
            with contextlib.redirect_stdout(io.StringIO()):
                exec(compile(ast.Module([*before, *parts.body], []), "microgpt", "exec"), scope)
        finally:
            os.chdir(here)
    scope["print"] = lambda *_, **__: None
    return scope["one_step"]
