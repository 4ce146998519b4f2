"""`Program`: straight-line code of primitives, and the `Builder` that writes it.

The builder shares equal instructions and drops dead ones; it rewrites only where all IEEE-754 results stay
the same. The rules of the table are run on symbols, once per primitive. `lowering` makes programs from
graphs, and `backends` run them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from math import copysign
from typing import Any, Final

from autograd_mini.engine.modes import collector_paused
from autograd_mini.engine.operators import Recorder
from autograd_mini.engine.table import Primitive, as_number, named

__all__ = ["Builder", "Instruction", "Program", "definition", "rules"]

Instruction = tuple[Any, ...]
"""A primitive's name, then its operands: slots from 0 on, and ~k (that is, -1 - k) for constant k."""


@dataclass(frozen=True)
class Program:
    """Straight-line code: the inputs fill slots 0 to `inputs` - 1, each instruction the next slot.

    `outputs` are the operands that are the result. Each of `guards` is an operand and whether it must be
    true (not 0) for the program to hold. A guard is the side of a branch that was recorded; if guards are
    `only_checks`, each says that an index has an element, and the function raises where it has none.
    `primitives` are those that the code names: a program keeps the ones that it was made with, whatever is
    defined later under the same name. A program can be printed, pickled, compared and hashed; `fingerprint`
    is the same in every process.

    >>> from autograd_mini import Value
    >>> from autograd_mini.compiler.lowering import Graph
    >>> x, y = Value(3.0), Value(2.0)
    >>> print(Graph([x * y + x], [x, y]).program(gradients=[0, 1], from_zero=False))
    inputs v0 v1
    v2 = mul(v1, v0)
    v3 = add(v2, v0)
    v4 = add(v1, 1.0)
    return v3, v4, v0
    """

    inputs: int
    constants: tuple[float, ...]
    code: tuple[Instruction, ...]
    outputs: tuple[int, ...]
    guards: tuple[tuple[int, bool], ...] = ()
    primitives: tuple[Primitive, ...] = ()
    only_checks: bool = False

    @property
    def has_branches(self) -> bool:
        """Whether a guard may fail at an input for which there is another program."""
        return bool(self.guards) and not self.only_checks

    @cached_property
    def table(self) -> dict[str, Primitive]:
        """The primitives by their names in the code."""
        return dict(zip(dict.fromkeys(op[0] for op in self.code), self.primitives, strict=True))

    def names_of(self, op: Primitive) -> list[str]:
        """Return the names of a primitive in the code: one or none."""
        return [name for name, primitive in self.table.items() if primitive is op]

    def operand(self, k: int) -> float | None:
        """Return the constant that operand `k` is, or None if it is a slot."""
        return self.constants[~k] if k < 0 else None

    def __str__(self) -> str:
        def text(k: int) -> str:
            return f"v{k}" if k >= 0 else repr(self.constants[~k])

        lines = [" ".join(["inputs", *map(text, range(self.inputs))])]
        for slot, (name, *operands) in enumerate(self.code, self.inputs):
            lines.append(f"v{slot} = {name}({', '.join(map(text, operands))})")
        for k, expected in self.guards:
            lines.append(f"guard {text(k)} is {'true' if expected else 'false'}")
        return "\n".join([*lines, f"return {', '.join(map(text, self.outputs))}"])

    @property
    def length(self) -> int:
        """How many instructions there are."""
        return len(self.code)

    @property
    def size(self) -> str:
        """How long the program is, in words."""
        return f"{self.length} instructions, {len(self.guards)} guards"

    @property
    def fingerprint(self) -> str:
        """A name for what the program computes, the same in every process."""
        return hashlib.sha256(str(self).encode()).hexdigest()

    def evaluate(self, numbers: Sequence[float]) -> list[float] | None:
        """Return the outputs for these inputs, one primitive after another; None where a guard fails.

        This is the meaning of a program; the backends are faster.
        """
        slots = list(numbers)
        get: Callable[[int], float] = lambda k: slots[k] if k >= 0 else self.constants[~k]  # noqa: E731
        for name, *operands in self.code:
            slots.append(self.table[name].value(*map(get, operands)))
        if any(bool(get(k)) is not expected for k, expected in self.guards):
            return None
        return [get(k) for k in self.outputs]

    def expanded(self, spelled: Collection[str]) -> Program:
        """Return the program with the definitions of derived primitives, except those `spelled`."""
        if all(op.definition is None or name in spelled for name, op in self.table.items()):
            return self
        builder = Builder(self.inputs)
        with collector_paused():
            numbering = builder.insert(self, range(self.inputs), spelled)
        return builder.program(
            [numbering(k) for k in self.outputs], [(numbering(k), e) for k, e in self.guards]
        )


class Builder:
    """Writes a program: shares equal instructions and applies exact identities."""

    def __init__(self, inputs: int) -> None:
        self.inputs = inputs
        self.constants: list[float] = []
        self.code: list[Instruction] = []
        self._numbers: dict[Any, int] = {}
        self._slots: dict[Instruction, int] = {}
        self.primitives: dict[str, Primitive] = {}
        self._names: dict[Primitive, str] = {}

    def constant(self, x: float) -> int:
        """Return the operand that is the number `x`; -0.0 and 0.0 are two numbers, all nans are one."""
        key = "nan" if x != x else (x, copysign(1.0, x))
        k = self._numbers.get(key)
        if k is None:
            k = self._numbers[key] = ~len(self.constants)
            self.constants.append(x)
        return k

    def literal(self, x: float) -> int:
        """Return the operand that is a number in a rule, not data."""
        return self.constant(x)

    def opening(self, term: int) -> int:
        """Return the adjoint that begins with one term."""
        return term

    def emit(self, op: str | Primitive, *operands: int) -> int:
        """Return the operand that is the result of a primitive, or of the one now called `op`."""
        name = op if op.__class__ is str and op in self.primitives else self.name_of(op)
        if name in COMMUTATIVE and operands[0] < operands[1]:
            operands = operands[::-1]
        key = (name, *operands)
        slot = self._slots.get(key)
        if slot is None:
            simplify = IDENTITIES.get(name)
            slot = simplify and simplify(self, *operands)
            if slot is None and name in EXACT and all(k < 0 for k in operands):
                slot = self.constant(self.primitives[name].value(*[self.constants[~k] for k in operands]))
            if slot is None:
                slot = self.inputs + len(self.code)
                self.code.append(key)
            self._slots[key] = slot
        return slot

    def name_of(self, op: str | Primitive) -> str:
        """Return the name of a primitive in the code; the second of two with the same name gets another."""
        if isinstance(op, str):
            op = named(op)
        name = self._names.get(op)
        if name is None:
            name = op.name
            while name in self.primitives:
                name += "_"
            self._names[op] = name
            self.primitives[name] = op
        return name

    def is_number(self, k: int, x: float) -> bool:
        """Whether operand `k` is the constant `x`, sign included."""
        return k < 0 and self.constants[~k] == x and copysign(1.0, self.constants[~k]) == copysign(1.0, x)

    def insert(
        self, program: Program, inputs: Sequence[int], spelled: Collection[str] | None = None
    ) -> Callable[[int], int]:
        """Write `program` here, applied to `inputs`, and return the new operands of its old ones.

        Derived primitives that are not among `spelled` are replaced by their definition; None for none.
        """
        slots = list(inputs)
        constants = [self.literal(x) for x in program.constants]
        table = program.table
        derived = {
            name
            for name, op in table.items()
            if spelled is not None and op.definition is not None and name not in spelled
        }
        bodies: dict[tuple[str, int], Program] = {}

        def numbering(k: int) -> int:
            return slots[k] if k >= 0 else constants[~k]

        for name, *operands in program.code:
            renamed = [slots[k] if k >= 0 else constants[~k] for k in operands]
            if name in derived:
                key = name, len(operands)
                if key not in bodies:
                    bodies[key] = definition(table[name], len(operands)).expanded(spelled or ())
                body = bodies[key]
                slots.append(self.insert(body, renamed)(body.outputs[0]))
            else:
                slots.append(self.emit(table[name], *renamed))
        return numbering

    def program(
        self,
        outputs: Sequence[int],
        guards: Iterable[tuple[int, bool]] = (),
        *,
        only_checks: bool = False,
    ) -> Program:
        """Return the program, without the instructions that neither outputs nor guards need."""
        kept = list(dict.fromkeys((k, e) for k, e in guards if k >= 0))
        first, live = self.inputs, bytearray(self.inputs + len(self.code))
        used = set()
        for k in (*outputs, *(k for k, _ in kept)):
            if k >= 0:
                live[k] = 1
            else:
                used.add(~k)
        for slot in range(len(live) - 1, first - 1, -1):
            if live[slot]:
                for k in self.code[slot - first][1:]:
                    if k >= 0:
                        live[k] = 1
                    else:
                        used.add(~k)
        # The new numbers of slots from the front, of constants from the back: a list, indexed by both.
        new = list(range(first)) + [0] * (len(self.code) + len(self.constants))
        for i, k in enumerate(sorted(used)):
            new[~k] = ~i
        code: list[Instruction] = []
        slot = first
        for instruction in self.code:
            if live[slot]:
                new[slot] = first + len(code)
                if len(instruction) == 3:
                    code.append((instruction[0], new[instruction[1]], new[instruction[2]]))
                else:
                    code.append((instruction[0], *[new[k] for k in instruction[1:]]))
            slot += 1
        return Program(
            first,
            tuple([self.constants[k] for k in sorted(used)]),
            tuple(code),
            tuple([new[k] for k in outputs]),
            tuple([(new[k], e) for k, e in kept]),
            tuple([self.primitives[name] for name in dict.fromkeys([op[0] for op in code])]),
            only_checks,
        )


# ---- what may be rewritten: identities that hold for every number, inf, nan and -0.0 included ---------

COMMUTATIVE: Final = frozenset({"add", "mul", "equal"})
EXACT: Final = frozenset(
    {"add", "sub", "mul", "div", "neg", "abs", "sqrt", "less", "equal", "where", "step"}
)
"""Correctly rounded everywhere, so they are computed at once if their operands are constants."""


def _times(b: Builder, x: int, y: int) -> int | None:
    if b.is_number(y, 1.0):
        return x
    if y < 0 and b.constants[~y] != b.constants[~y]:
        return y  # nan times anything is nan
    return b.emit("neg", x) if b.is_number(y, -1.0) else None


def _negated(b: Builder, x: int) -> int | None:
    first = b.code[x - b.inputs] if x >= b.inputs else ("",)
    return first[1] if first[0] == "neg" else None


def _where(b: Builder, condition: int, x: int, y: int) -> int | None:
    if x == y:
        return x
    if condition < 0:
        return x if b.constants[~condition] else y
    return None


IDENTITIES: Final[dict[str, Callable[..., int | None]]] = {
    "identity": lambda b, x: x,
    "stop_gradient": lambda b, x: x,
    "add": lambda b, x, y: x if b.is_number(y, -0.0) else None,
    "sub": lambda b, x, y: x if b.is_number(y, 0.0) else None,
    "mul": _times,
    "div": lambda b, x, y: x if b.is_number(y, 1.0) else None,
    "neg": _negated,
    "pow": lambda b, x, y: x if b.is_number(y, 1.0) else None,
    "where": _where,
}


# ---- rules and definitions, run on symbols ----------------------------------------------------------


class Symbol(Recorder):
    """An operand without a number: operations on it become instructions."""

    __slots__ = ("builder", "slot")
    record_priority = 100

    def __init__(self, builder: Builder, slot: int) -> None:
        self.builder, self.slot = builder, slot

    def record_primitive(self, op: Primitive, operands: tuple[Any, ...]) -> Symbol:
        """Write the instruction."""
        slots = [operand_of(self.builder, x) for x in operands]
        return Symbol(self.builder, self.builder.emit(op, *slots))


def operand_of(builder: Builder, x: Any) -> int:
    """Return the operand that stands for a symbol or a number."""
    return x.slot if isinstance(x, Symbol) else builder.constant(as_number(x))


@cache
def rules(op: Primitive, wanted: tuple[bool, ...]) -> tuple[Program, tuple[bool, ...]]:
    """Return the program from (y, operands) to the wanted partials, and which of the operands have one."""
    builder = Builder(1 + len(wanted))
    y, *operands = [Symbol(builder, k) for k in range(builder.inputs)]
    try:
        partials = op.partials_at(y, operands, wanted)
    except TypeError as error:
        raise TypeError(
            f"the partials of primitive {op.name!r} cannot be replayed: {error}; write them in primitives "
            "and where(condition, a, b), which hold at other inputs too"
        ) from None
    found = tuple(p is not None for p in partials)
    return builder.program([operand_of(builder, p) for p in partials if p is not None]), found


@cache
def definition(op: Primitive, count: int) -> Program:
    """Return a derived primitive's definition as a program."""
    assert op.definition is not None
    builder = Builder(count)
    return builder.program(
        [operand_of(builder, op.definition(*[Symbol(builder, k) for k in range(count)]))]
    )
