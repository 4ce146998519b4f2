"""Builds autograd_mini/engine/_node.c where a C compiler is at hand; without one the package is all Python.

``AUTOGRAD_MINI_BUILD=0`` leaves it out, ``AUTOGRAD_MINI_BUILD=1`` makes its failure an error.
"""

import os
import sys
import sysconfig
from pathlib import Path

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

WANTED = os.environ.get("AUTOGRAD_MINI_BUILD", "")
POSSIBLE = sys.implementation.name == "cpython" and not sysconfig.get_config_var("Py_GIL_DISABLED")
MODULE = "autograd_mini.engine._node"
SOURCE = "autograd_mini/engine/_node.c"
# Without contraction, or a*b + c is rounded once where Python rounds twice.
FLAGS = [] if os.name == "nt" else ["-O2", "-g0", "-fwrapv", "-ffp-contract=off"]


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
