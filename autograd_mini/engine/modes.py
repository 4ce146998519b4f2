"""Settings for the length of a `with` block: whether operations are recorded, and who watches them.

The engine reads one module-level count, `active`, on its hot path, and asks for the settings only while
that count is not 0: off, the modes cost nothing, and nor does one that changes no operation. Settings keep
to the thread or task that made them; a task that was started inside a block shares its settings until the
block ends.
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
"""How many open blocks operations must know of, over all threads and tasks."""

listening = 0
"""How many blocks are open, over all threads and tasks."""

_counting = threading.RLock()

sweeping = threading.RLock()
"""Held by the thread that runs `Value.backward`, also when a signal handler runs another there."""

busy = threading.Lock()
"""Held while the numbers of a sweep stand in the nodes."""


class _Ties(threading.local):
    count = 0


ties = _Ties()
"""How often this thread compared two numbers and found them equal: a branch that holds at one point."""


class Watcher:
    """Told what the engine does, inside ``with Mode(watcher=...)``. Define the methods of interest:

    on_record(node) hears of a node that a primitive made, on_leaf(leaf) of a new leaf;
    on_read(node) returns what ``node.data`` is, on_index(node) the int where Python wants one;
    on_compare(comparison, x, y, result) returns what the comparison is, on_gather(i, count) a place;
    on_copy(node) returns the copy, on_pickle(node) a key for on_unpickle(key), which returns the node;
    on_backward(root) hears of `Value.backward` and on_sweep(root) of any other sweep, before they begin.

    Watchers of blocks outside hear it too, unless a method returns something other than None.
    """


class Mode:
    """Settings for a ``with`` block, or for each call of the functions it decorates.

    `recording` says whether operations leave a graph; `watcher` makes the watcher of a block; with
    ``reporting=False``, watchers outside do not hear of the nodes recorded inside. None changes nothing.
    Operations are as fast as outside, unless nothing is recorded or the watcher hears of each of them.
    """

    def __init__(
        self,
        *,
        recording: bool | None = None,
        watcher: Callable[[], Watcher] | None = None,
        reporting: bool = True,
    ) -> None:
        self.recording, self.watcher, self.reporting = recording, watcher, reporting
        self._entered: list[_Block] = []

    def __enter__(self) -> None:
        global active, listening
        block = _Block(self)
        with _counting:
            active += block.active
            listening += 1
            self._entered.append(block)
        _blocks.set((block, *_open_blocks()))

    def __exit__(self, *error: object) -> None:
        global active, listening
        with _counting:
            block = next((block for block in _open_blocks() if block.mode is self), self._entered[-1])
            self._entered.remove(block)
            active -= block.active
            listening -= 1
        block.open = False
        _blocks.set(tuple(_open_blocks()))

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
    """A ``with`` block that was entered. A generator or a task may keep it for longer than it is open."""

    def __init__(self, mode: Mode) -> None:
        self.mode, self.watcher, self.open = mode, mode.watcher and mode.watcher(), True
        self.active = mode.recording is False or hasattr(self.watcher, "on_record")


_blocks: ContextVar[tuple[_Block, ...]] = ContextVar("blocks, the innermost first", default=())


def _open_blocks() -> list[_Block]:
    return [block for block in _blocks.get() if block.open]


def _after_fork() -> None:
    global _counting, sweeping, busy  # who held them stayed in the parent
    _counting, sweeping, busy = threading.RLock(), threading.RLock(), threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def recording() -> bool:
    """Whether operations leave a graph here."""
    return not active or next(
        (block.mode.recording for block in _open_blocks() if block.mode.recording is not None), True
    )


def tell(hook: str, *what: Any) -> Any:
    """Call a method of the watchers, the innermost first, until one returns something; return that."""
    for watcher in _watchers(hook):
        if hasattr(watcher, hook) and (answer := getattr(watcher, hook)(*what)) is not None:
            return answer
    return None


def heard(hook: str) -> bool:
    """Whether any watcher here has a method of its own for this hook."""
    return any(hasattr(watcher, hook) for watcher in _watchers(hook))


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
