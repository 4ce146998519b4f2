"""Buffers for results, used again when no array refers to them.

The first write to new pages costs more than most kernels. So the memory of results is lent. Every array
made from it, and every view of such an array, refers to the loan; the last of them gives the memory back.
"""

from __future__ import annotations

from typing import Any, Final

__all__ = ["Buffers"]

KEPT: Final = 2
"""Buffers that wait for the next call; one is free while the previous result is still held."""

ROOM: Final = 12 << 20
"""Doubles in all waiting buffers, 96 MiB: what a kernel keeps when nobody holds its results."""


class Buffers:
    """The buffers of one kernel. Several threads may ask at once."""

    def __init__(self) -> None:
        self._free: list[Any] = []

    def take(self, columns: int, items: int) -> Any:
        """Return an array of shape (columns, items), each column on a boundary of 64 bytes.

        >>> buffers = Buffers()
        >>> first = buffers.take(2, 100)
        >>> column, address = first[0], first.ctypes.data
        >>> del first
        >>> buffers.take(2, 100).ctypes.data == address  # the column still refers to it
        False
        >>> del column
        >>> buffers.take(2, 100).ctypes.data == address
        True
        """
        import numpy as np

        stride = items + -items % 8
        memory = np.asarray(_Loan(self._memory(columns * stride + 8), self._free))
        start = -memory.ctypes.data % 64 // 8
        return memory[start : start + columns * stride].reshape(columns, stride)[:, :items]

    def _memory(self, size: int) -> Any:
        import numpy as np

        free = self._free
        for _ in range(len(free)):
            try:
                memory = free.pop()
            except IndexError:  # another thread has taken it
                break
            if memory.size == size:
                return memory
            free.insert(0, memory)
        return np.empty(size)


class _Loan:
    """The object that the arrays made from a buffer refer to; it lives as long as one of them."""

    def __init__(self, memory: Any, free: list[Any]) -> None:
        self._memory, self._free = memory, free
        self.__array_interface__ = memory.__array_interface__

    def __del__(self) -> None:
        free = self._free
        free.append(self._memory)
        del free[:-KEPT]
        while sum(memory.size for memory in free) > ROOM:
            del free[0]
