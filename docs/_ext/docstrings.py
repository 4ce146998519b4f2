"""Docstrings as reStructuredText: what they may say freely, and is no markup, is escaped."""

import re

CODE = re.compile(r"``.+?``|`[^`]+`")


def escaped(line):
    r"""Return a line of prose with no markup but code: no emphasis, and `Value`s may have an s.

    >>> print(escaped("rule(x, *memory) takes `Value`s"))
    rule(x, \*memory) takes `Value`\ s
    """
    end, out = 0, []
    for match in CODE.finditer(line):
        after = line[match.end() : match.end() + 1]
        out += [
            line[end : match.start()].replace("*", r"\*"),
            match.group(),
            "\\ " if after.isalnum() else "",
        ]
        end = match.end()
    return "".join([*out, line[end:].replace("*", r"\*")])


def prepare(app, what, name, obj, options, lines):
    """Escape the prose of a docstring; examples and indented blocks stay as they are."""
    example = False
    for i, line in enumerate(lines):
        example = bool(line.strip()) and (example or line.lstrip().startswith(">>>"))
        if not example and not line.startswith(" "):
            lines[i] = escaped(line)


def setup(app):
    """Register with autodoc."""
    app.connect("autodoc-process-docstring", prepare)
    return {"parallel_read_safe": True}
