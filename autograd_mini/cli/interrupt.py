"""Ctrl-C while the command line is still loading prints one line instead of a traceback."""

from __future__ import annotations

import sys
from pathlib import PurePath
from types import TracebackType


def _is_command() -> bool:
    """Whether this process was started as ``autograd-mini`` or ``python -m autograd_mini``."""
    words = sys.orig_argv
    if "-m" in words:
        return words[words.index("-m") + 1 :][:1] == ["autograd_mini"]
    return PurePath(words[1] if len(words) > 1 else "").stem == "autograd-mini"


def _hook(kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        print("autograd-mini: interrupted", file=sys.stderr)
    else:
        sys.__excepthook__(kind, error, traceback)


if _is_command():
    sys.excepthook = _hook
