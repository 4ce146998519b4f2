"""Rules of primitives as straight Python for floats: what a rule says is said once, and is fast too.

A rule runs on anything that records. On floats it would call a dozen small primitives, each of which asks
what its operands are. So it is run once on symbols, and what it did to them is the text of a function.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from autograd_mini.engine.table import Primitive

__all__ = ["on_floats"]


class _Symbol:
    """Stands for a float: each operation on it becomes a line of Python."""

    record_priority = 1_000_000

    def __init__(self, text: str, lines: list[str], scope: dict[str, Any]) -> None:
        self.text, self.lines, self.scope = text, lines, scope

    def line(self, expression: str) -> _Symbol:
        result = _Symbol(f"t{len(self.lines)}", self.lines, self.scope)
        self.lines.append(f"{result.text} = {expression}")
        return result

    @staticmethod
    def record_primitive(op: Primitive, operands: tuple[Any, ...]) -> _Symbol:
        here = next(x for x in operands if isinstance(x, _Symbol))
        here.scope[f"{op.name}_"] = op.value
        return here.line(op.in_python([_text(x) for x in operands]))

    def __neg__(self) -> _Symbol:
        return self.line(f"-{self.text}")

    def __bool__(self) -> NoReturn:
        raise TypeError("the rule branches on a number")


def _text(x: Any) -> str:
    return x.text if isinstance(x, _Symbol) else f"({float(x)!r})"


for _name, _sign in (("add", "+"), ("sub", "-"), ("mul", "*")):
    _form = f"{{}} {_sign} {{}}".format
    setattr(_Symbol, f"__{_name}__", lambda x, y, form=_form: x.line(form(x.text, _text(y))))
    setattr(_Symbol, f"__r{_name}__", lambda x, y, form=_form: x.line(form(_text(y), x.text)))


def on_floats(rule: Callable[..., Any], operands: Sequence[str]) -> Callable[..., Any]:
    """Return `rule` as straight Python for floats, or as it is if it cannot be read that way.

    The same operations in the same order, without the calls that find out what the operands are.
    """
    if operands[-1].startswith("*"):
        return rule
    names = [f"x{i}" for i in range(len(operands))]
    lines: list[str] = []
    scope: dict[str, Any] = {"inf": math.inf, "nan": math.nan}
    try:
        result = rule(*[_Symbol(name, lines, scope) for name in names])
    except Exception:  # an `if`, a function of `math`: such a rule serves floats, and needs no help
        return rule
    if not isinstance(result, _Symbol):
        return rule
    body = "; ".join([*lines, f"return {result.text}"])
    exec(f"def rule_on_floats({', '.join(names)}): {body}", scope)
    return scope["rule_on_floats"]  # type: ignore[no-any-return]
