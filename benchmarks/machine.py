"""The machine that a figure is of, in a line."""

import os
import platform
from pathlib import Path

VECTORS = ("avx512f", "avx2", "avx", "sse4_2", "asimd")
"""Instruction sets for vectors, the widest first."""


def features():
    """The names of the processor's features, as the system lists them; empty where it does not."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:  # not Linux
        return set()
    return {
        word
        for line in text.splitlines()
        if line.startswith(("flags", "Features"))
        for word in line.split()
    }


def description():
    """Python's version, the processor with its widest vector instructions, the C library, and the load.

    >>> description().startswith("CPython")
    True
    """
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:  # not Linux
        lines = []
    known = dict(line.split(":", 1) for line in reversed(lines) if ":" in line)
    known = {name.strip(): text.strip() for name, text in known.items()}
    name = known.get("model name") or platform.processor() or platform.machine()
    vectors = next((f" with {word}" for word in VECTORS if word in features()), "")
    library = " ".join(platform.libc_ver()) or platform.system()
    python = f"{platform.python_implementation()} {platform.python_version()}"
    return f"{python}, {name}{vectors}, {library}, {busy()}"


def busy():
    """How many cores there are, and how many processes want them: with more than cores, times grow."""
    load = f", load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    return f"{os.cpu_count()} cores{load}"
