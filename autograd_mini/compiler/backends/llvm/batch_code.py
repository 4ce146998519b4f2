"""Write a `Program` over a batch as LLVM's vector code: one item in each lane.

The loop goes over the items, one vector after another. What is the same for all items is read from one
place and put into every lane. Each sum over the items has a vector in memory, whose lanes are added up at
the end, always in the same order. Lanes past the end are computed too, but neither added nor kept.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from llvmlite import ir

from autograd_mini.compiler.backends.llvm import functions, trigonometry
from autograd_mini.compiler.backends.llvm import lanes as vm
from autograd_mini.compiler.backends.llvm.jit import symbol
from autograd_mini.compiler.backends.llvm.processor import Target
from autograd_mini.compiler.backends.spellings import LIBM
from autograd_mini.compiler.program import Program

__all__ = ["SPELLED", "batch_code"]

DOUBLE, INT64, INT32, BYTE, POINTER = (
    ir.DoubleType(),
    ir.IntType(64),
    ir.IntType(32),
    ir.IntType(8),
    ir.PointerType(),
)

PIECE: Final = 600
"""Instructions in a function; its results that another function needs go through memory."""

AHEAD: Final = 2
"""How many vectors ahead columns are prefetched; without, reading costs a quarter of a long formula."""

LINE: Final = 8
"""Doubles in a line of the cache."""

ADDENDS: Final = 8
"""A sum is kept in so many numbers, at any width of a vector: item i is added to number i mod 8."""

INLINE: Final = 24
"""Up to so many functions, such as exp, are written out where they are used; more would take seconds."""

BASIC: Final[dict[str, Callable[..., vm.Vector]]] = {
    "add": lambda x, y: x + y,
    "sub": lambda x, y: x - y,
    "mul": lambda x, y: x * y,
    "div": lambda x, y: x / y,
    "neg": lambda x: -x,
    "abs": abs,
    "copysign": lambda x, y: vm.copysign(x, vm.where(y.differs(y), 1.0, y)),
    "relu": lambda x: vm.where(x <= 0.0, 0.0, x),
    "step": lambda x: vm.where(x > 0.0, 1.0, vm.where(x <= 0.0, 0.0, x)),
    "maximum": lambda x, y: vm.where((x > y) | x.differs(x), x, y),
    "minimum": lambda x, y: vm.where((x < y) | x.differs(x), x, y),
    "sqrt": functions.sqrt,
    "floor": functions.floor,
    "ceil": functions.ceil,
    "trunc": functions.trunc,
}
"""Primitives that take an instruction or two."""

FUNCTIONS: Final[dict[str, Callable[..., vm.Vector]]] = {
    name: getattr(functions, name, None) or getattr(trigonometry, name)
    for name in [*LIBM, "exp2", "sech_squared", "cbrt", "hypot"]
}
"""Primitives that are functions over vectors."""

COMPARISONS: Final[dict[str, Callable[..., vm.Mask]]] = {
    "less": lambda x, y: x < y,
    "equal": lambda x, y: x.equals(y),
}

SPELLED: Final = BASIC.keys() | FUNCTIONS.keys()
"""Primitives that are not replaced by their definitions."""


def batch_code(
    program: Program,
    mapped: Sequence[bool],
    reduced: Sequence[bool],
    also: dict[int, int],
    target: Target,
    *,
    streaming: bool,
) -> tuple[Any, int, set[tuple[str, int]]]:
    """Return the module with ``batch(columns, uniforms, outs, sums, scratch, begin, end, divisor)``.

    `columns` has pointers to the mapped inputs; `outs` has pointers to the outputs that are columns, then
    to the bytes that say where the guards hold. `uniforms` are the other inputs; `sums` receives the other
    outputs, divided by `divisor`; to output i each item also adds the input `also[i]`. Items `begin` to
    `end` are done; outputs have room for whole vectors. Also returned are the number of doubles that
    `scratch` must hold, and the primitives called, with their numbers of operands (`jit.symbol`).
    """
    writer = _Writer(program, mapped, reduced, also, target, streaming)
    return writer.module, writer.scratch, writer.called


class _Writer:
    def __init__(
        self,
        program: Program,
        mapped: Sequence[bool],
        reduced: Sequence[bool],
        also: dict[int, int],
        target: Target,
        streaming: bool,
    ) -> None:
        self.program, self.target, self.streaming = program, target, streaming
        self.inline = sum(op[0] in FUNCTIONS for op in program.code) <= INLINE
        self.called: set[tuple[str, int]] = set()
        self.module = ir.Module("batch")
        self.vector = ir.VectorType(DOUBLE, target.width)
        self.columns = {k: i for i, k in enumerate(k for k, m in enumerate(mapped) if m)}
        self.uniforms = {k: i for i, k in enumerate(k for k, m in enumerate(mapped) if not m)}
        self.sums = [k for k, total in zip(program.outputs, reduced, strict=True) if total]
        self.outs = [k for k, total in zip(program.outputs, reduced, strict=True) if not total]
        summed = [i for i, total in enumerate(reduced) if total]
        self.also = {n: self.uniforms[also[i]] for n, i in enumerate(summed) if i in also}
        # If the slope of tanh is needed beside tanh, both are computed at once.
        self.sloped = {op[1] for op in program.code if self.inline and op[0] == "sech_squared"}
        first = program.inputs
        pieces = [
            range(start, min(start + PIECE, len(program.code)))
            for start in range(0, max(1, len(program.code)), PIECE)
        ]
        piece_of = [-1] * first + [i // PIECE for i in range(len(program.code))]
        crossing = {
            k
            for i, (_, *operands) in enumerate(program.code)
            for k in operands
            if k >= first and piece_of[k] != i // PIECE
        }
        crossing |= {k for k, _ in program.guards if k >= first and piece_of[k] != len(pieces) - 1}
        self.places = {k: i for i, k in enumerate(sorted(crossing))}
        # Doubles of scratch: results read by other pieces, then the sums, on lines of the cache.
        self.sums_at = len(self.places) * target.width + -len(self.places) * target.width % ADDENDS
        self.scratch = self.sums_at + len(self.sums) * ADDENDS
        # An output is written where it is computed; one that no instruction computes, in the last piece.
        self.ends: dict[int, list[tuple[bool, int]]] = {}
        for is_sum, outputs in ((True, self.sums), (False, self.outs)):
            for i, k in enumerate(outputs):
                self.ends.setdefault(k if k >= first else -1, []).append((is_sum, i))
        kind = ir.FunctionType(ir.VoidType(), [POINTER] * 5 + [INT64, INT64])
        pieces_written = [
            self._piece(f"piece{i}", kind, piece, piece is pieces[-1]) for i, piece in enumerate(pieces)
        ]
        self._loop(kind, pieces_written)

    def _function(self, name: str, kind: Any) -> Any:
        function = ir.Function(self.module, kind, name)
        for argument in function.args[:5]:
            argument.add_attribute("noalias")
        function.attributes.add("nounwind")
        return function

    # ---- a piece: one vector of items through some of the instructions -------------------------------

    def _piece(self, name: str, kind: Any, piece: range, last: bool) -> Any:
        function = self._function(name, kind)
        function.linkage = "internal"
        self.arguments = function.args
        builder = self.builder = ir.IRBuilder(function.append_basic_block())
        lanes = self.lanes = vm.Lanes(builder, self.target)
        self.values: dict[int, vm.Vector] = {}
        self.masks: dict[int, vm.Mask] = {}
        self.pairs: dict[int, tuple[vm.Vector, vm.Vector]] = {}
        width = self.target.width
        at, end = self.arguments[5:]
        numbers = ir.Constant(lanes.int64, list(range(width)))
        self.valid = builder.icmp_signed("<", numbers, self._spread(builder.sub(end, at), lanes.int64))
        for i in piece:
            slot = self.program.inputs + i
            self._instruction(slot)
            if slot in self.places:
                self._store(self._scratch(self.places[slot]), self.values[slot].ir)
            for end_ in self.ends.get(slot, ()):
                self._end(*end_)
        if last:
            for end_ in self.ends.get(-1, ()):
                self._end(*end_)
            self._guards()
        builder.ret_void()
        return function

    def _spread(self, number: Any, vector: Any) -> Any:
        """Put one number into every lane."""
        nothing = ir.Constant(vector, ir.Undefined)
        one = self.builder.insert_element(nothing, number, ir.Constant(INT32, 0))
        first = ir.Constant(ir.VectorType(INT32, self.target.width), None)
        return self.builder.shuffle_vector(one, nothing, first)

    def _first_lane(self, x: vm.Vector) -> vm.Vector:
        first = self.builder.extract_element(x.ir, ir.Constant(INT32, 0))
        return self.lanes.vector(self._spread(first, self.vector))

    def _scratch(self, place: int) -> Any:
        return self.builder.gep(
            self.arguments[4], [ir.Constant(INT64, place * self.target.width)], source_etype=DOUBLE
        )

    def _sum(self, i: int, at: Any = None) -> Any:
        """Return a pointer to the numbers of a sum, from the one to which item `at` is added."""
        place = ir.Constant(INT64, self.sums_at + i * ADDENDS)
        if at is not None:
            place = self.builder.add(place, at)
        return self.builder.gep(self.arguments[4], [place], source_etype=DOUBLE)

    def _store(self, pointer: Any, value: Any, align: int = 64) -> Any:
        return self.builder.store(value, pointer, align=align)

    def _operand(self, k: int) -> vm.Vector:
        if k < 0:
            return self.lanes.constant(self.program.constants[~k])
        if k not in self.values:
            builder, arguments = self.builder, self.arguments
            if k in self.columns:
                column = self._pointer(arguments[0], self.columns[k])
                value = self._masked_load(builder.gep(column, [arguments[5]], source_etype=DOUBLE))
                self._prefetch(column)
            elif k in self.uniforms:
                place = ir.Constant(INT64, self.uniforms[k])
                number = builder.load(builder.gep(arguments[1], [place], source_etype=DOUBLE), typ=DOUBLE)
                value = self._spread(number, self.vector)
            else:
                value = builder.load(self._scratch(self.places[k]), typ=self.vector, align=64)
            self.values[k] = self.lanes.vector(value)
        return self.values[k]

    def _pointer(self, table: Any, i: int) -> Any:
        at = self.builder.gep(table, [ir.Constant(INT64, i)], source_etype=POINTER)
        return self.builder.load(at, typ=POINTER)

    def _masked_load(self, pointer: Any) -> Any:
        name = f"llvm.masked.load.v{self.target.width}f64.p0"
        if name not in self.module.globals:
            kind = ir.FunctionType(self.vector, [POINTER, INT32, self.valid.type, self.vector])
            ir.Function(self.module, kind, name)
        zero = ir.Constant(self.vector, None)
        return self.builder.call(
            self.module.globals[name], [pointer, ir.Constant(INT32, 8), self.valid, zero]
        )

    def _prefetch(self, column: Any) -> None:
        """Prefetch what the vector after the next one will read: a vector takes so long that the processor
        would not look ahead by itself. Past the end of a column a prefetch does nothing.
        """
        name = "llvm.prefetch.p0"
        if name not in self.module.globals:
            ir.Function(self.module, ir.FunctionType(ir.VoidType(), [POINTER] + [INT32] * 3), name)
        to_read, keep, data = (ir.Constant(INT32, k) for k in (0, 3, 1))
        for line in range(0, self.target.width, LINE):
            ahead = ir.Constant(INT64, AHEAD * self.target.width + line)
            at = self.builder.add(self.arguments[5], ahead)
            pointer = self.builder.gep(column, [at], source_etype=DOUBLE)
            self.builder.call(self.module.globals[name], [pointer, to_read, keep, data])

    def _instruction(self, slot: int) -> None:
        name, *operands = self.program.code[slot - self.program.inputs]
        if name in ("tanh", "sech_squared") and operands[0] in self.sloped:
            self.values[slot] = self._tanh_and_slope(operands[0])[name == "sech_squared"]
        elif name in COMPARISONS:
            self.masks[slot] = COMPARISONS[name](*map(self._operand, operands))
            self.values[slot] = vm.where(self.masks[slot], 1.0, 0.0)
        elif name == "where":
            condition = self._truth(operands[0])
            self.values[slot] = vm.where(condition, *map(self._operand, operands[1:]))
            truth = self._truth_of_where(condition, *operands[1:])
            if truth is not None:
                self.masks[slot] = truth
        elif name in BASIC:
            self.values[slot] = BASIC[name](*map(self._operand, operands))
        elif name in FUNCTIONS and (name != "hypot" or len(operands) == 2):
            function, arguments = FUNCTIONS[name], [self._operand(k) for k in operands]
            self.values[slot] = function(*arguments) if self.inline else vm.called(function, *arguments)
        else:
            self.called.add((name, len(operands)))
            # Lanes past the end take the operands of the first item: a function may refuse others.
            arguments = [
                vm.where(vm.Mask(self.lanes, self.valid), x, self._first_lane(x))
                for x in map(self._operand, operands)
            ]
            self.values[slot] = vm.per_lane(symbol(name, len(operands)), *arguments)

    def _truth(self, k: int) -> vm.Mask:
        x = self._operand(k)
        return self.masks[k] if k in self.masks else x.differs(0.0)

    def _truth_of_where(self, condition: vm.Mask, x: int, y: int) -> vm.Mask | None:
        """Return the truth of ``where(condition, x, y)`` if x and y are truths: and, or, not."""
        first, second = self.program.operand(x), self.program.operand(y)
        if first == 1.0 and second == 0.0:
            return condition
        if first == 0.0 and second == 1.0:
            return ~condition
        if first == 1.0 and y in self.masks:
            return condition | self.masks[y]
        if second == 0.0 and x in self.masks:
            return condition & self.masks[x]
        return None

    def _tanh_and_slope(self, x: int) -> tuple[vm.Vector, vm.Vector]:
        operand = self._operand(x)
        if x not in self.pairs:
            self.pairs[x] = functions.tanh_and_slope(operand)
        return self.pairs[x]

    # ---- results ---------------------------------------------------------------------------------------

    def _end(self, is_sum: bool, i: int) -> None:
        builder = self.builder
        if is_sum:
            self._add(self._operand(self.sums[i]).ir, i)
            return
        value = self._operand(self.outs[i]).ir
        column = self._pointer(self.arguments[2], i)
        store = self._store(builder.gep(column, [self.arguments[5]], source_etype=DOUBLE), value)
        if self.streaming:
            one = self.module.add_metadata([ir.Constant(INT32, 1)])
            store.set_metadata("nontemporal", one)

    def _add(self, value: Any, i: int) -> None:
        """Add a vector to a sum, at a time as many lanes as the sum has numbers."""
        builder, width = self.builder, self.target.width
        lanes = min(width, ADDENDS)
        # A vector begins at a multiple of its width; narrow ones take turns among the numbers.
        turn = builder.and_(self.arguments[5], ir.Constant(INT64, ADDENDS - lanes))
        place = self._sum(i, turn if lanes < ADDENDS else None)
        total = builder.load(place, typ=ir.VectorType(DOUBLE, lanes), align=8 * lanes)
        for start in range(0, width, lanes):
            part, valid = value, self.valid
            if lanes < width:
                picked = ir.Constant(ir.VectorType(INT32, lanes), list(range(start, start + lanes)))
                part, valid = (
                    builder.shuffle_vector(x, ir.Constant(x.type, ir.Undefined), picked)
                    for x in (value, self.valid)
                )
            total = builder.select(valid, builder.fadd(total, part), total)
        self._store(place, total, 8 * lanes)

    def _guards(self) -> None:
        held: vm.Mask | None = None
        for k, expected in self.program.guards:
            truth = self._truth(k)
            holds = truth if expected else ~truth
            held = holds if held is None else held & holds
        if held is not None:
            column = self._pointer(self.arguments[2], len(self.outs))
            size = ir.VectorType(BYTE, self.target.width)
            pointer = self.builder.gep(column, [self.arguments[5]], source_etype=BYTE)
            self.builder.store(self.builder.zext(held.ir, size), pointer, align=1)

    # ---- the loop over items ---------------------------------------------------------------------------

    def _loop(self, kind: Any, pieces: Sequence[Any]) -> None:
        arguments = [*kind.args, DOUBLE]
        function = self._function("batch", ir.FunctionType(ir.VoidType(), arguments))
        width = self.target.width
        self.arguments = function.args
        *tables, begin, end, divisor = function.args
        entry, body, done = (function.append_basic_block(b) for b in ("entry", "body", "done"))
        builder = self.builder = ir.IRBuilder(entry)
        addends = ir.VectorType(DOUBLE, ADDENDS)
        minus_zero = ir.Constant(addends, [-0.0] * ADDENDS)
        for i in range(len(self.sums)):
            self._store(self._sum(i), minus_zero)
        builder.branch(body)
        builder.position_at_end(body)
        at = builder.phi(INT64)
        at.add_incoming(begin, entry)
        for piece in pieces:
            builder.call(piece, [*tables, at, end])
        following = builder.add(at, ir.Constant(INT64, width))
        at.add_incoming(following, body)
        builder.cbranch(builder.icmp_signed("<", following, end), body, done)
        builder.position_at_end(done)
        items = builder.sitofp(builder.sub(end, begin), DOUBLE)
        for i in range(len(self.sums)):
            total = builder.load(self._sum(i), typ=addends, align=64)
            half = ADDENDS
            while half > 1:  # add the upper half to the lower one, again and again
                half //= 2
                low, high = (
                    builder.shuffle_vector(
                        total,
                        ir.Constant(total.type, ir.Undefined),
                        ir.Constant(ir.VectorType(INT32, half), list(range(start, start + half))),
                    )
                    for start in (0, half)
                )
                total = builder.fadd(low, high)
            number = builder.extract_element(total, ir.Constant(INT32, 0))
            if i in self.also:
                at = ir.Constant(INT64, self.also[i])
                same = builder.load(builder.gep(function.args[1], [at], source_etype=DOUBLE), typ=DOUBLE)
                number = builder.fadd(number, builder.fmul(items, same))
            place = builder.gep(function.args[3], [ir.Constant(INT64, i)], source_etype=DOUBLE)
            builder.store(builder.fdiv(number, divisor), place)
        if self.streaming:
            fence = ir.Function(self.module, ir.FunctionType(ir.VoidType(), []), "llvm.x86.sse.sfence")
            builder.call(fence, [])
        builder.ret_void()
