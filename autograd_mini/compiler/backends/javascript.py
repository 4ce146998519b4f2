"""A `Program`, and the whole table of primitives, as JavaScript.

`SPELLED` has the primitives that are an expression in JavaScript, and the file ``functions.js`` those that
Math lacks. Every other primitive, and every partial, is written out from its definition or rule. Results
equal Python's to the bit for + - × ÷ and √; elsewhere they differ as the two mathematical libraries do.
"""

from __future__ import annotations

import json
import math
import pkgutil
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Final

from autograd_mini.compiler.backends.spellings import LIBM
from autograd_mini.compiler.program import Program, definition, rules
from autograd_mini.engine.table import TABLE, Primitive
from autograd_mini.transforms.gather import element

__all__ = ["source", "table"]

SPELLED: Final = {
    "add": "{} + {}",
    "sub": "{} - {}",
    "mul": "{} * {}",
    "div": "{} / {}",
    "neg": "-{}",
    "less": "+({} < {})",
    "equal": "+({} === {})",
    "where": "{} !== 0 ? {} : {}",
    "fmod": "{} % {}",
    "identity": "{}",
    "stop_gradient": "{}",
    **{name: f"Math.{name}({{}})" for name in ("abs", "floor", "sqrt")},
    **{name: f"Math.{name}({{}})" for name in LIBM if name not in ("atan2", "erf", "erfc", "fmod", "pow")},
    "atan2": "Math.atan2({}, {})",
}
"""Primitives that are an expression. JavaScript takes nan for false: hence ``!== 0``."""

TESTS: Final = {"less": "{} < {}", "equal": "{} === {}"}
"""Their spelling where only the truth is needed."""

PARTIALS: Final = {
    "where": ("null", "(z, c, x, y) => (c !== 0 ? 1 : null)", "(z, c, x, y) => (c !== 0 ? null : 1)")
}
"""The one rule with an ``if``: a branch not taken has no edge."""

LONGEST: Final = 100
"""Expressions are nested up to this many characters."""


def source(program: Program) -> str:
    """Return a function ``replay(input)`` of an array of numbers; it returns null where a guard fails.

    Raises ValueError for your own primitive without a definition.

    >>> from autograd_mini import Value
    >>> from autograd_mini.compiler.lowering import Graph
    >>> x = Value(3.0)
    >>> print(source(Graph([x * x], [x]).program(gradients=[0])))
    export function replay([x0]) {
      return [x0 * x0, (x0 + x0) + 0];
    }
    <BLANKLINE>
    """
    program = program.expanded([name for name, op in program.table.items() if op is not element])
    names = [f"x{i}" for i in range(program.inputs)]
    body = _Body(program, names)
    results = ", ".join(map(body.text, program.outputs))
    lines = [*body.lines, f"return [{results}];"]
    text = "".join(f"  {line}\n" for line in lines)
    functions = _functions(program.table)
    return f"{functions}export function replay([{', '.join(names)}]) {{\n{text}}}\n"


def table(primitives: Iterable[Primitive]) -> str:
    """Return JavaScript that defines ``TABLE``, a Map from the names of these primitives to their facts.

    Each has `operands`, `form`, `precedence`, `aliases`, `overload` (a name or null), `value`, and
    `partials`: an array of functions of the result and the operands, null where there is no derivative; a
    primitive of any number of operands has one function of the result and an array. Raises ValueError for
    your own primitive if it has no definition, or takes any number of operands.
    """
    called: dict[str, Primitive] = {}
    entries = []
    for op in primitives:
        called[op.name] = op
        facts = {
            "name": op.name,
            "operands": op.operands,
            "variadic": op.variadic,
            "form": op.form,
            "precedence": op.precedence,
            "aliases": op.aliases,
            "overload": op.overload and op.overload.name,
        }
        value = f"{op.name}_"
        if op.name in SPELLED:
            names = _letters(op)
            value = f"({', '.join(names)}) => {SPELLED[op.name].format(*names)}"
        text = json.dumps(facts, ensure_ascii=False)[1:-1]
        partials = _partials(op, called)
        entries.append(f'  ["{op.name}", {{{text}, value: {value}, partials: {partials}}}],\n')
    return f"{_functions(called)}export const TABLE = new Map([\n{''.join(entries)}]);\n"


def _letters(op: Primitive) -> list[str]:
    return [f"x{i}" for i in range(len(op.operands))]


def _partials(op: Primitive, called: dict[str, Primitive]) -> str:
    """Return the array of a primitive's partials; add to `called` the primitives that they call."""
    if op.variadic:
        if f"{op.name}_partials" not in _library():
            raise _no_function(op)
        return f"{op.name}_partials"
    if op.name in PARTIALS:
        return f"[{', '.join(PARTIALS[op.name])}]"
    texts = []
    count = len(op.operands)
    for i in range(count):
        program, found = rules(op, tuple(k == i for k in range(count)))
        texts.append(_arrow(program, ["y", *_letters(op)]) if found[i] else "null")
        called.update(program.table)
    return f"[{', '.join(texts)}]"


def _functions(called: Mapping[str, Primitive]) -> str:
    """Return the functions of these primitives, and of all that they call."""
    library = _library()
    found: dict[str, str] = {}
    waiting = {f"{name}_": op for name, op in called.items()}
    waiting |= {f"{name}_partials": op for name, op in called.items() if f"{name}_partials" in library}
    while waiting:
        name, op = waiting.popitem()
        if name in found or name[:-1] in SPELLED:
            continue
        if name in library:
            found[name] = library[name]
            words = re.findall(r"\b[A-Za-z]\w*", library[name])
            waiting.update((word, op) for word in words if word in library)
            waiting.update(
                (word, TABLE[word[:-1]]) for word in words if word[-1] == "_" and word not in library
            )
            continue
        if op.definition is None or op.variadic:
            raise _no_function(op)
        program = definition(op, len(op.operands))
        letters = _letters(op)
        body = _Body(program, letters)
        lines = "".join(f"  {x}\n" for x in [*body.lines, f"return {body.text(program.outputs[0])};"])
        found[name] = f"function {name}({', '.join(letters)}) {{\n{lines}}}\n"
        waiting.update((f"{word}_", other) for word, other in program.table.items())
    return "".join(f"{text}\n" for text in found.values())


def _no_function(op: Primitive) -> ValueError:
    return ValueError(
        f"primitive {op.name!r} has no function in JavaScript: take the text in Python, or give "
        "your own primitive a definition: primitive(name, operands, definition=…)"
    )


@cache
def _library() -> dict[str, str]:
    """The functions of ``functions.js``, by name."""
    text = (pkgutil.get_data(__package__, "functions.js") or b"").decode().replace("\nexport ", "\n")
    blocks = re.split(r"\n\n(?=/\*\*|function|const|let)", text)[1:]
    return {
        re.search(r"^(?:function|const|let) (\w+)", block, re.M)[1]: block.strip() + "\n"  # type: ignore[index]
        for block in blocks
    }


def _arrow(program: Program, names: Sequence[str]) -> str:
    body = _Body(program, names)
    result = body.text(program.outputs[0])
    if body.lines:
        return f"({', '.join(names)}) => {{ {' '.join(body.lines)} return {result}; }}"
    return f"({', '.join(names)}) => {result}"


def _is_open(name: str) -> bool:
    """Whether a primitive's expression needs brackets beside another."""
    return name in SPELLED and not SPELLED[name].startswith("Math.")


class _Body:
    """The statements of a program; expressions used once are nested."""

    def __init__(self, program: Program, names: Sequence[str]) -> None:
        self.program = program
        self.lines: list[str] = []
        self.texts = list(names)  # the name or the expression of each slot
        self.bare = list(names)  # the same without the brackets around them
        uses = Counter(k for instruction in program.code for k in instruction[1:])
        uses.update(program.outputs)
        uses.update(k for k, _ in program.guards for _ in range(2))
        tests: dict[int, str] = {}  # the truths of slots
        for slot, (name, *operands) in enumerate(program.code, program.inputs):
            texts = [self._operand(k) for k in operands]
            if name == "where" and operands[0] in tests:
                text = f"{tests[operands[0]]} ? {texts[1]} : {texts[2]}"
            elif name in SPELLED:
                text = SPELLED[name].format(*(texts if _is_open(name) else map(self.text, operands)))
            else:
                text = f"{name}_({', '.join(self.text(k) for k in operands)})"
            if uses[slot] == 1 and len(text) < LONGEST:
                if name in TESTS:
                    tests[slot] = TESTS[name].format(*texts)
                self.bare.append(text)
                self.texts.append(f"({text})" if _is_open(name) else text)
            else:
                self.lines.append(f"const v{slot} = {text};")
                self.texts.append(f"v{slot}")
                self.bare.append(f"v{slot}")
        for k, expected in program.guards:
            self.lines.append(f"if ({self._operand(k)} {'===' if expected else '!=='} 0) return null;")

    def _operand(self, k: int) -> str:
        return self.texts[k] if k >= 0 else _number(self.program.constants[~k])

    def text(self, k: int) -> str:
        """Return the operand for a place where nothing stands beside it."""
        return self.bare[k] if k >= 0 else _number(self.program.constants[~k])


def _number(x: float) -> str:
    if x != x:
        return "NaN"
    text = "Infinity" if math.isinf(x) else repr(abs(x)).removesuffix(".0")
    return text if math.copysign(1.0, x) > 0 else f"(-{text})"
