"""What is switched on: nothing, nearly always. Knows when recording is off or watched, not by whom.

The engine reads one module-level count, `active`, on its hot path, and looks at the thread's own
switches only while that count is not 0; so the modes cost nothing when they are off.
"""

from __future__ import annotations

import gc
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

__all__ = ["collector_paused", "no_grad"]

active = 0
"""How many modes are on, over all threads."""

_count_lock = threading.Lock()


class _Switches(threading.local):
    recording = True
    ties = 0  # how often two numbers were compared and found equal: a branch that holds at a point
    on_record: Callable[[Any], None] | None = None
    on_backward: Callable[[Any], None] | None = None
    on_compare: Callable[[Any, Any, Any, bool], None] | None = None
    on_leaf: Callable[[Any], None] | None = None
    on_read: Callable[[Any], Any] | None = None


here = _Switches()
"""The switches of the thread that asks."""


@contextmanager
def switched(**switches: Any) -> Iterator[None]:
    """Set switches of this thread for the length of a ``with`` block."""
    global active
    before = {name: getattr(here, name) for name in switches}
    with _count_lock:
        active += 1
    try:
        for name, setting in switches.items():
            setattr(here, name, setting)
        yield
    finally:
        for name, setting in before.items():
            setattr(here, name, setting)
        with _count_lock:
            active -= 1


def no_grad() -> Any:
    """Record nothing in this thread: results are plain leaves. For a ``with`` block or a decorator.

    >>> from autograd_mini import Value
    >>> x = Value(3.0)
    >>> with no_grad():
    ...     y = x * x
    >>> y.data, y.operands
    (9.0, ())
    """
    return switched(recording=False)


@contextmanager
def collector_paused() -> Iterator[None]:
    """Pause Python's cyclic garbage collector for a ``with`` block, and restore it after.

    A recorded graph has no cycles: reference counting frees it at once, and the collector, which runs
    again and again while a large graph is recorded, finds nothing. Pausing it makes recording two to
    three times faster. Garbage of other code that does have cycles waits for the end of the block.

    >>> import gc
    >>> with collector_paused():
    ...     gc.isenabled()
    False
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
