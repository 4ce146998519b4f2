"""Buffers for results, used again when no array refers to them.

The first write to new pages costs more than most kernels. So the memory of results is lent. Every array
made of it, and every view of these, refers to the loan, and the last of them gives the memory back.
"""

from __future__ import annotations

from typing import Any, Final

__all__ = ["Buffers"]

KEPT: Final = 2
"""Buffers that wait for the next call: one is free while the result of the call before is still held."""

ROOM: Final = 12 << 20
"""Doubles in all the buffers that wait, 96 MiB: what a kernel holds on to while nobody has its results."""


class Buffers:
    """The buffers of one kernel. Threads may ask at once."""

    def __init__(self) -> None:
        self._free: list[Any] = []

    def take(self, columns: int, rows: int) -> Any:
        """Return an array of shape (columns, rows), each column on a boundary of 64 bytes.

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

        stride = rows + -rows % 8
        memory = np.asarray(_Loan(self._memory(columns * stride + 8), self._free))
        start = -memory.ctypes.data % 64 // 8
        return memory[start : start + columns * stride].reshape(columns, stride)[:, :rows]

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
    """What the arrays made of a buffer refer to; NumPy keeps it for as long as there is one of them."""

    def __init__(self, memory: Any, free: list[Any]) -> None:
        self._memory, self._free = memory, free
        self.__array_interface__ = memory.__array_interface__

    def __del__(self) -> None:
        free = self._free
        free.append(self._memory)
        del free[:-KEPT]
        while sum(memory.size for memory in free) > ROOM:
            del free[0]
