"""Numbers bit for bit, so that -0.0 is not 0.0; any nan is equal to any nan."""

import struct
from collections.abc import Iterable

from autograd_mini import Value


def bits(x):
    """The bits of a number or a Value, a list of them for many numbers; None stays None."""
    if isinstance(x, Iterable):
        return [bits(number) for number in x]
    number = x.data if isinstance(x, Value) else x
    return None if number is None else "nan" if number != number else struct.pack("<d", number)
