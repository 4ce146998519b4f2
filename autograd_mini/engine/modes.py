"""Settings for the length of a `with` block: whether operations are recorded, and who watches them.

The engine reads one module-level count, `active`, on its hot path, and asks for the settings only while
that count is not 0: off, the modes cost nothing. Settings keep to the thread or task that made them; a
task that was started inside a block shares its settings until the block ends.
"""

from __future__ import annotations

import gc
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from inspect import isasyncgenfunction, iscoroutinefunction, isgeneratorfunction
from types import coroutine
from typing import Any, TypeVar

__all__ = ["Mode", "Watcher", "collector_paused", "heard", "no_grad", "recording", "tell", "ties"]

F = TypeVar("F", bound=Callable[..., Any])

active = 0
"""How many blocks are open, over all threads and tasks."""

_counting = threading.RLock()


def _after_fork() -> None:
    global _counting
    _counting = threading.RLock()  # whoever held it stayed behind in the parent


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


class _Ties(threading.local):
    count = 0


ties = _Ties()
"""How often this thread compared two numbers and found them equal: a branch that holds at one point."""


class Watcher:
    """Told what the engine does, inside ``with Mode(watcher=...)``. Override what is of interest.

    Watchers of blocks outside hear it too, unless a method returns something other than None.
    """

    def on_record(self, node: Any) -> Any:
        """Hear of a new node that a primitive made."""

    def on_leaf(self, leaf: Any) -> Any:
        """Hear of a new leaf."""

    def on_read(self, node: Any) -> Any:
        """Return what ``node.data`` is; None leaves it to the node."""

    def on_index(self, node: Any) -> Any:
        """Return the int that stands for a node where Python wants one; None refuses."""

    def on_compare(self, comparison: Callable[[Any, Any], bool], x: Any, y: Any, result: bool) -> Any:
        """Return what a node compared with a node or a number is; None leaves it at `result`."""

    def on_backward(self, root: Any) -> Any:
        """Hear of a call of `Value.backward`, before it begins."""

    def on_sweep(self, root: Any) -> Any:
        """Hear of a reverse sweep that returns its adjoints, before it begins."""


class Mode:
    """Settings for a ``with`` block, or for each call of the functions it decorates.

    `recording` says whether operations leave a graph; `watcher` makes the watcher of a block; with
    ``reporting=False``, watchers outside do not hear of the nodes recorded inside. None changes nothing.
    """

    def __init__(
        self,
        *,
        recording: bool | None = None,
        watcher: Callable[[], Watcher] | None = None,
        reporting: bool = True,
    ) -> None:
        self.recording, self.watcher, self.reporting = recording, watcher, reporting
        self._blocks: list[_Block] = []

    def __enter__(self) -> None:
        global active
        block = _Block(self, next(_open_blocks(), None))
        with _counting:
            active += 1
            self._blocks.append(block)
        _innermost.set(block)

    def __exit__(self, *error: object) -> None:
        global active
        with _counting:
            active -= 1
            block = next((block for block in _open_blocks() if block.mode is self), self._blocks[-1])
            self._blocks.remove(block)
        block.open = False
        _innermost.set(next(_open_blocks(), None))

    def __call__(self, f: F) -> F:
        """Decorate a function. Of a generator, the body runs in the mode, and not who iterates over it."""
        if isgeneratorfunction(f):

            def run(*args: Any, **kwargs: Any) -> Any:
                return (yield from _steps(self, f(*args, **kwargs)))

        elif iscoroutinefunction(f):

            async def run(*args: Any, **kwargs: Any) -> Any:  # type: ignore[misc]
                return await _steps(self, f(*args, **kwargs))

        elif isasyncgenfunction(f):

            async def run(*args: Any, **kwargs: Any) -> Any:
                body = f(*args, **kwargs)
                step = body.asend(None)
                while True:
                    try:
                        item = await _steps(self, step)
                    except StopAsyncIteration:
                        return
                    try:
                        step = body.asend((yield item))
                    except BaseException as error:
                        step = body.athrow(error)

        else:

            def run(*args: Any, **kwargs: Any) -> Any:
                with self:
                    return f(*args, **kwargs)

        return wraps(f)(run)  # type: ignore[return-value]


@coroutine
def _steps(mode: Mode, body: Any) -> Any:
    """Run a generator, or what can be awaited: in the mode while it runs, outside while it waits."""
    step, sent = body.send, None
    while True:
        try:
            with mode:
                item = step(sent)
        except StopIteration as end:
            return end.value
        try:
            step, sent = body.send, (yield item)
        except BaseException as error:
            step, sent = body.throw, error


class _Block:
    """A ``with`` block that was entered, and the block around it.

    A generator or a task may leave its block later than the block around it. So a block that has ended
    is marked, and whoever still has it looks past it.
    """

    __slots__ = ("mode", "open", "outer", "watcher")

    def __init__(self, mode: Mode, outer: _Block | None) -> None:
        self.mode, self.outer, self.open = mode, outer, True
        self.watcher = mode.watcher and mode.watcher()


_innermost: ContextVar[_Block | None] = ContextVar("the innermost block", default=None)


def _open_blocks() -> Iterator[_Block]:
    block = _innermost.get()
    while block is not None:
        if block.open:
            yield block
        block = block.outer


def recording() -> bool:
    """Whether operations leave a graph here."""
    return not active or next(
        (block.mode.recording for block in _open_blocks() if block.mode.recording is not None), True
    )


def tell(hook: str, *what: Any) -> Any:
    """Call a method of the watchers, the innermost first, until one returns something; return that."""
    for watcher in _watchers(hook):
        if (answer := getattr(watcher, hook)(*what)) is not None:
            return answer
    return None


def heard(hook: str) -> bool:
    """Whether any watcher here has a method of its own for this hook."""
    return active > 0 and any(getattr(type(w), hook) is not getattr(Watcher, hook) for w in _watchers(hook))


def _watchers(hook: str) -> Iterator[Watcher]:
    for block in _open_blocks():
        if block.watcher is not None:
            yield block.watcher
        if hook == "on_record" and not block.mode.reporting:
            break


def no_grad() -> Mode:
    """Record nothing in this thread or task: results are plain leaves. For a ``with`` block or a decorator.

    >>> from autograd_mini import Value
    >>> x = Value(3.0)
    >>> with no_grad():
    ...     y = x * x
    >>> y.data, y.operands
    (9.0, ())
    """
    return Mode(recording=False)


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
