"""Compile LLVM's text to machine code, and link it with the functions that it calls."""

from __future__ import annotations

import ctypes
import os
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import Any, Final

from autograd_mini.compiler.backends.llvm import processor
from autograd_mini.compiler.backends.spellings import LIBM
from autograd_mini.engine.table import Primitive
from autograd_mini.special.by_scipy import BySciPy

__all__ = ["Engine", "Functions", "symbol"]

LIBRARY: Final = frozenset([*LIBM, "floor"])
"""Primitives whose value is that of the C library's function, to the bit."""

OPTIMISED: Final = 20_000
"""Texts of more lines are compiled without optimisation, which would cost more than it gains."""


def symbol(name: str, count: int) -> str:
    """Return the name by which a text calls the value of a primitive of `count` operands.

    LLVM does not know the name, so it computes no call at compile time.
    """
    return f"primitive.{name}.{count}"


class Functions:
    """The functions that one text calls: the C library's, SciPy's, or the values of primitives in Python.

    `called` are names in a program's `table`, with numbers of operands.

    An exception cannot pass through machine code. If a value raises one, it is kept, the values that follow
    are nan, and `run` raises it once the machine code has returned.
    """

    def __init__(self, table: Mapping[str, Primitive], called: Iterable[tuple[str, int]]) -> None:
        self.in_python = False
        self.addresses: dict[str, int] = {}
        self._alive = []
        for name, count in called:
            function: Any
            if name in LIBRARY and hasattr(_library(), name):
                function = getattr(_library(), name)
            elif isinstance(op := table[name], BySciPy):
                function = _without_int(op.address, count)
            else:
                kind = ctypes.CFUNCTYPE(*[ctypes.c_double] * (count + 1))
                function = kind(_guarded(table[name].value))
                self.in_python = True
            address = ctypes.cast(function, ctypes.c_void_p).value
            assert address is not None
            self.addresses[symbol(name, count)] = address
            self._alive.append(function)

    def run(self, machine_code: Callable[..., Any], *arguments: Any) -> Any:
        """Call machine code that calls these functions, and raise what one of them has raised.

        If the machine code returns 0, guards do not hold, and the primitive may not have been reached: what
        it raised is dropped, unless it is not an `Exception`, such as KeyboardInterrupt.
        """
        if not self.in_python:
            return machine_code(*arguments)
        outer, _state.raised = _raised(), []
        try:
            with _watched():
                result = machine_code(*arguments)
            for error in _state.raised:
                if result != 0 or not isinstance(error, Exception):
                    raise error
            return result
        finally:
            _state.raised = outer


_state = threading.local()


def _raised() -> list[BaseException]:
    """Return the exceptions raised in the machine code that this thread is running."""
    return getattr(_state, "raised", [])


def _guarded(value: Callable[..., float]) -> Callable[..., float]:
    def guarded(*operands: float) -> float:
        if _state.raised:
            return float("nan")
        try:
            return float(value(*operands))
        except BaseException as error:
            _state.raised.append(error)
            return float("nan")

    return guarded


_GUARDED: Final = _guarded(float).__code__
_lock = threading.Lock()
_hooks: list[Any] = []


@contextmanager
def _watched() -> Iterator[None]:
    """Keep also what a signal handler raises as a function is entered, before its `try` begins."""
    with _lock:
        if not _hooks:
            sys.unraisablehook, outer = _keep, sys.unraisablehook
            _hooks.append(outer)
        else:
            _hooks.append(_hooks[0])
    try:
        yield
    finally:
        with _lock:
            outer = _hooks.pop()
            if not _hooks:
                sys.unraisablehook = outer


def _keep(unraisable: Any) -> None:
    traceback = unraisable.exc_traceback
    if traceback is not None and traceback.tb_frame.f_code is _GUARDED:
        _state.raised.append(unraisable.exc_value)
    else:
        _hooks[0](unraisable)


@cache
def _library() -> Any:
    return ctypes.CDLL("ucrtbase" if os.name == "nt" else None)


@cache
def _without_int(address: int, count: int) -> Any:
    """Return a function of `count` doubles that calls one of the doubles and an int that it ignores."""
    given = ", ".join(f"double %x{k}" for k in range(count))
    call = f"call double inttoptr (i64 {address} to ptr)({given}, i32 0)"
    engine = Engine(f"define double @go({given}) {{\n  %y = {call}\n  ret double %y\n}}\n")
    function = ctypes.CFUNCTYPE(*[ctypes.c_double] * (count + 1))(engine.address("go"))
    function.keep = engine  # type: ignore[attr-defined]
    return function


class Engine:
    """Compiled text; it must live as long as its functions are called."""

    def __init__(self, text: Any, functions: Functions | None = None) -> None:
        import llvmlite.binding as llvm

        target = processor.started()
        text = str(text)
        parsed = llvm.parse_assembly(text)
        # An engine owns the machine it is given, so each engine has its own.
        machine = target.create_target_machine(
            cpu=processor.name(),
            features=",".join(f"{'+' if there else '-'}{x}" for x, there in processor.features().items()),
            opt=0 if text.count("\n") > OPTIMISED else 2,
            jit=True,
        )
        self._engine = llvm.create_mcjit_compiler(parsed, machine)
        self.functions = functions
        for name, address in (functions.addresses if functions else {}).items():
            self._engine.add_global_mapping(parsed.get_function(name), address)
        self._engine.finalize_object()

    def address(self, name: str) -> int:
        """Return the address of a function."""
        return self._engine.get_function_address(name)  # type: ignore[no-any-return]
