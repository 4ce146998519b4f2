"""What the build adds to pyproject.toml: the engine in C, and the README as a package index shows it.

autograd_mini/engine/_node.c is built where a C compiler is at hand; without one the package is all Python.
``AUTOGRAD_MINI_BUILD=0`` leaves it out, ``AUTOGRAD_MINI_BUILD=1`` makes its failure an error.

``SOURCE_URL`` is the address of the repository on its code host, ``https://host/owner/name``.
"""

import os
import re
import sys
import sysconfig
from pathlib import Path

from hatchling.builders.hooks.plugin.interface import BuildHookInterface
from hatchling.metadata.plugin.interface import MetadataHookInterface

WANTED = os.environ.get("AUTOGRAD_MINI_BUILD", "")
POSSIBLE = sys.implementation.name == "cpython" and not sysconfig.get_config_var("Py_GIL_DISABLED")
MODULE = "autograd_mini.engine._node"
SOURCE = "autograd_mini/engine/_node.c"
# Without contraction, or a*b + c is rounded once where Python rounds twice.
FLAGS = [] if os.name == "nt" else ["-O2", "-g0", "-fwrapv", "-ffp-contract=off"]

LINK = re.compile(r"```.*?```|(!?)\[([^]]*)\]\((?!\w+:)([^)\s]+)\)", re.S)
"""A link of Markdown to a file of the repository, or a code block, which stays as it is."""


def for_index(text, source, version):
    """Return the README for a package index, which has none of the files beside it.

    With the address of the repository, links and pictures are absolute and lead to the tag of the release.
    Without one, pictures are left out, and of a link its text stays.

    >>> readme = "![A graph](graph.svg)See [the docs](docs/index.md)."
    >>> for_index(readme, "", "1.0.0")
    'See the docs.'
    >>> print(for_index(readme, "https://example.org/me/it", "1.0.0"))
    ![A graph](https://example.org/me/it/raw/v1.0.0/graph.svg)See [the docs](https://example.org/me/it/blob/v1.0.0/docs/index.md).
    """

    def absolute(link):
        picture, words, path = link.groups()
        if path is None:
            return link[0]
        if not source:
            return "" if picture else words
        return f"{picture}[{words}]({source}/{'raw' if picture else 'blob'}/v{version}/{path})"

    return LINK.sub(absolute, text)


class FrontPage(MetadataHookInterface):
    """Writes the long description and, where it is known, the addresses of the project."""

    def update(self, metadata):
        """Set `readme` and `urls`."""
        source = os.environ.get("SOURCE_URL", "").rstrip("/")
        readme = Path(self.root, "README.md").read_text(encoding="utf-8")
        text = for_index(readme, source, metadata["version"])
        metadata["readme"] = {"content-type": "text/markdown", "text": text}
        metadata["urls"] = {}
        if source:
            changes = f"{source}/blob/v{metadata['version']}/CHANGELOG.md"
            metadata["urls"] = {"Source": source, "Issues": f"{source}/issues", "Changelog": changes}


class Accelerator(BuildHookInterface):
    """Adds the compiled module to a wheel, or puts it beside its source for an editable install."""

    def dependencies(self):
        """Return what the build needs beside Hatchling."""
        return ["setuptools>=77"] if self._asked() else []

    def initialize(self, version, build_data):
        """Build, unless that is unwanted or impossible."""
        beside = Path(self.root, SOURCE).with_name("_node" + sysconfig.get_config_var("EXT_SUFFIX"))
        if version == "editable":
            beside.unlink(missing_ok=True)  # one of an older source must not stay
        if not self._asked():
            return
        try:
            built = self._build()
        except Exception as error:  # no compiler, no headers, or one that fails: all are as good as none
            if WANTED == "1":
                raise
            self.app.display_warning(f"{SOURCE} was not built ({error}): the engine runs in Python")
            return
        if version == "editable":
            beside.write_bytes(built.read_bytes())
        else:
            build_data["pure_python"] = False
            build_data["infer_tag"] = True
            build_data["force_include"][str(built)] = f"autograd_mini/engine/{built.name}"

    def _asked(self):
        return self.target_name == "wheel" and POSSIBLE and WANTED != "0"

    def _build(self):
        from setuptools import Distribution, Extension
        from setuptools.command.build_ext import build_ext

        extension = Extension(MODULE, [str(Path(self.root, SOURCE))], extra_compile_args=FLAGS)
        command = build_ext(Distribution({"name": "autograd-mini", "ext_modules": [extension]}))
        command.build_lib = str(Path(self.root, "build", "lib"))
        command.build_temp = str(Path(self.root, "build", "temp"))
        command.force = True
        command.ensure_finalized()
        command.run()
        return Path(command.get_ext_fullpath(MODULE))
