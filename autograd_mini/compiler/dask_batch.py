"""Run a compiled function over dask arrays: lazily, a task for each chunk, with the bits of one machine.

Programs travel to the workers: they are data, named by their fingerprints and compiled once in each
process. The function itself travels too, for branches that were not met where it was called. The numbers of
captured leaves are those at the call.
"""

from __future__ import annotations

import hashlib
import pickle
import sys
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache, cached_property, partial
from typing import Any, Final

from autograd_mini.compiler.arguments import Call, is_static
from autograd_mini.compiler.backends import load
from autograd_mini.compiler.batch import BatchTraces, numbers_of_nothing
from autograd_mini.compiler.columns import check_array, columns_of, is_array
from autograd_mini.compiler.lowering import Graph
from autograd_mini.compiler.outputs import Outputs
from autograd_mini.compiler.program import Program
from autograd_mini.compiler.sums import BLOCK, Node, join, total
from autograd_mini.compiler.traces import Traces
from autograd_mini.compiler.variants import Layout, Variant, Variants
from autograd_mini.engine.value import Value
from autograd_mini.transforms.nested import NUMBER, Structure

__all__ = ["compilations", "holds_dask_arrays", "map_lazily"]

KEPT: Final = 64
"""Functions whose kernels a process keeps."""


def holds_dask_arrays(x: Any) -> bool:
    """Whether an argument is a dask array, or a list, tuple or dict with one in it."""
    dask = sys.modules.get("dask.array")
    if dask is None:
        return False
    if isinstance(x, (list, tuple)):
        return any(map(holds_dask_arrays, x))
    if isinstance(x, dict):
        return any(map(holds_dask_arrays, x.values()))
    return isinstance(x, dask.Array)


# ---- what travels -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Shipment:
    """All that a worker needs to know about a function, except its numbers.

    `programs` has each program with the leaves that it reads. `function` is a pickle of the function, its
    outputs and its leaves, for branches that no program has, or why there is none. `bits` is the answer of
    the backend here: another answer on a worker means other bits.
    """

    layout: Layout
    programs: tuple[tuple[Program, tuple[int, ...]], ...]
    call: Call
    function: bytes | str
    bits: str
    reduce: bool

    @cached_property
    def token(self) -> str:
        """A name for what is computed, the same in every process."""
        programs = [(program.fingerprint, leaves) for program, leaves in self.programs]
        text = repr((programs, self.layout, self.function, self.call.key, self.bits))
        return hashlib.sha256(text.encode()).hexdigest()

    def __dask_tokenize__(self) -> str:
        return self.token


class Received:
    """A shipment in this process: its kernels, and the function once a branch asks for it."""

    def __init__(self, shipment: Shipment) -> None:
        self.shipment, layout = shipment, shipment.layout
        if shipment.bits != sample_bits(layout.backend):
            raise RuntimeError(
                f"{layout.function_name}.map: backend {layout.backend!r} gives other bits on this worker "
                "than where it was called (another processor, NumPy or C library): use workers of one "
                "kind, or compile with another backend"
            )
        self.variants = Variants(
            layout,
            [
                Variant(layout.build(program, leaves), program.has_branches, leaves)
                for program, leaves in shipment.programs
            ],
        )
        self.compiled = len(shipment.programs)

    @cached_property
    def function(self) -> BatchTraces:
        """The traces that this process makes of the function."""
        shipment = self.shipment
        name = shipment.layout.function_name
        if isinstance(shipment.function, str):
            raise TypeError(
                f"{name} takes a branch that was not met where it was called, and cannot travel to a "
                f"worker ({shipment.function}): call it there once at such an item"
            )
        f, outputs, branches, leaves = pickle.loads(shipment.function)
        return BatchTraces(
            Traces(f, name, branches),
            outputs,
            shipment.layout.backend,
            shipment.call,
            shipment.layout.mapped,
            reduce=shipment.reduce,
            leaves=leaves,
        )

    def run(self, columns: Sequence[Any], leaves: Sequence[float], count: int, start: int) -> Any:
        """Return what `Variants.run` does for a chunk that begins at item `start` of the batch."""
        layout, call = self.shipment.layout, self.shipment.call

        def item(k: int) -> Call:
            numbers = [float(c[k]) if m else c for c, m in zip(columns, layout.mapped, strict=True)]
            return Call(numbers, call.parts, call.static, find_integers=call.find_integers)

        def learn(k: int) -> Variant | None:
            if len(self.variants.known) >= self.function.traces.branches:
                return None
            trace = self.function.traces.make(item(k), at=start + k)
            self.compiled += 1
            return self.function.variant(trace, layout)

        def evaluate(k: int) -> tuple[Sequence[int], Sequence[float]]:
            trace = self.function.traces.make_for_once(item(k), at=start + k)
            outputs = layout.outputs(self.function.leaves_of(trace))
            return outputs, self.function.outputs.evaluate(trace, item(k))

        return self.variants.run(columns, lambda read: [leaves[k] for k in read], count, 1, learn, evaluate)


@cache
def sample_bits(backend: str) -> str:
    """Return a name for the last bits of a backend's functions on this machine."""
    import numpy as np

    x = Value(0.5)
    y = x * 1.1 + 0.7
    functions = [x.exp(), x.tanh(), x.sin(), x.atan(), x.erf(), (y * y).log(), (y * y) ** 0.3, y * x - x]
    program = Graph(functions, [x]).program()
    replay = load(backend).build_batch(program, [True], [k % 2 == 0 for k in range(len(functions))])
    columns, sums, _ = replay([np.linspace(-9.0, 9.0, 1_001)], 1_001, 1)
    return hashlib.sha256(columns.tobytes() + sums.tobytes()).hexdigest()


_received: dict[str, Received] = {}
_lock = threading.Lock()


def _receive(shipment: Shipment) -> Received:
    with _lock:
        if shipment.token not in _received:
            for oldest in list(_received)[: len(_received) - KEPT + 1]:
                del _received[oldest]
            _received[shipment.token] = Received(shipment)
        return _received[shipment.token]


def compilations() -> dict[str, int]:
    """Return how many programs this process has compiled of each function that dask brought here."""
    return {token: received.compiled for token, received in _received.items()}


# ---- the graph --------------------------------------------------------------------------------------


def map_lazily(
    traces: Traces,
    outputs: Outputs,
    backend: str | None,
    args: tuple[Any, ...],
    in_axes: Any,
    reduce: str | None,
) -> Any:
    """Return what `Batch.run` does as dask arrays; gradients of leaves are computed and added now."""
    import dask
    import dask.array as da
    import numpy as np
    from dask.layers import ArrayBlockIdDep

    name = f"{traces.name}.map"
    axes = in_axes if isinstance(in_axes, (tuple, list)) else (in_axes,) * len(args)
    found: list[Any] = []
    count = _count([y for x, axis in zip(args, axes, strict=False) for y in _arrays(x, axis, name)], name)
    if reduce == "mean" and not count:
        raise ValueError(f'{name} was given an empty batch, which has no mean: use reduce="sum"')
    examples = tuple(_example(x, axis, count, found, name) for x, axis in zip(args, axes, strict=False))
    call, columns = traces.batch_call(examples + args[len(axes) :], in_axes)
    call.find_integers = partial(list, call.find_integers())
    mapped = tuple(c.__class__ is not float for c in columns)
    call.numbers = numbers_of_nothing(call, columns)
    ready = BatchTraces(traces, outputs, backend, call, mapped, reduce=reduce is not None)
    shipment, leaves = _pack(ready)
    layout = shipment.layout

    if layout.adds_up(len(leaves)):  # each chunk but the last ends where a block does
        first = np.cumsum(found[0].chunks[0])
        cuts = np.unique([0, *np.minimum(np.rint(first[:-1] / BLOCK).astype(int) * BLOCK, count), count])
        rows = tuple(np.diff(cuts).tolist()) or (0,)
        arrays = [x.rechunk({0: rows}) for x in found]
    else:
        _, arrays = da.core.unify_chunks(*[y for x in found for y in (x, "i" + "abcdefghjk"[: x.ndim - 1])])
        rows = arrays[0].chunks[0]
    arrays = [x.rechunk(dict.fromkeys(range(1, x.ndim), -1)) for x in arrays]
    starts = np.cumsum([0, *rows])
    packed = da.blockwise(
        _run_chunk,
        "i",
        ArrayBlockIdDep((rows,)),
        "i",
        *[y for x in arrays for y in (x, "i" + "abcdefghjk"[: x.ndim - 1])],
        shipment=dask.delayed(shipment, name=f"shipment-{shipment.token}", traverse=False),
        numbers=[c for c, m in zip(columns, mapped, strict=True) if not m],
        leaves=[leaf.data for leaf in leaves],
        starts=starts,
        dtype=object,
        meta=np.empty(0, object),
        align_arrays=False,
        concatenate=True,
        token=name,
    )
    lazy = _Lazy(packed, layout, rows, len(leaves), count if reduce == "mean" else 1)
    size = len(layout.truths)
    value = lazy.build(layout.structure, range(size))
    if layout.leaf_gradients:
        value, received = dask.compute(value, lazy.sums[-len(leaves) :] if leaves else [])
        return outputs.result(value, [float(x) for x in received], call, leaves, lazy.build)
    return outputs.result(value, range(size, len(layout.sums)), call, leaves, lazy.build)


def _run_chunk(
    block_id: tuple[int], *chunks: Any, shipment: Shipment, numbers: Any, leaves: Any, starts: Any
) -> tuple[Any, list[Node]]:
    """Return the columns of a chunk, and its part of the tree of sums."""
    layout, start = shipment.layout, int(starts[block_id[0]])
    given = iter(numbers)
    taken = iter([c for chunk in chunks for c in columns_of(chunk, 0, layout.function_name, [])[0]])
    columns = [next(taken if m else given) for m in layout.mapped]
    found, added, sums = _receive(shipment).run(columns, leaves, len(chunks[0]), start)
    nodes = []
    if layout.adds_up(len(leaves)):
        import numpy as np

        wanted = [k for k in range(layout.size(len(leaves))) if layout.is_sum(k)]
        every = np.zeros((len(sums), len(wanted)))
        every[:, [wanted.index(k) for k in added]] = sums
        nodes = join((0, start // BLOCK + k, row) for k, row in enumerate(every))
    return found, nodes


def _pack(ready: BatchTraces) -> tuple[Shipment, list[Value]]:
    """Return what travels, and the leaves whose numbers it needs."""
    traces, call = ready.traces, ready.call
    kept = traces.first(call, at=None)
    layout = ready.layout(kept[0])
    programs = []
    for trace in kept:
        ready.check(trace, layout)
        programs.append((ready.program(trace), tuple(ready.leaves_of(trace))))
    function: bytes | str = "every item takes the one way through it"
    if any(program.guards for program, _ in programs):
        import cloudpickle

        try:
            function = cloudpickle.dumps((traces.f, ready.outputs, traces.branches, ready.leaves))
        except Exception as error:
            function = f"{type(error).__name__}: {error}"
    bits = sample_bits(layout.backend)
    return Shipment(layout, tuple(programs), call, function, bits, ready.reduce), ready.leaves


class _Lazy:
    """The outputs as dask arrays; an item of `packed` has a chunk's columns and its part of the tree."""

    def __init__(
        self, packed: Any, layout: Layout, rows: tuple[int, ...], leaves: int, divisor: int
    ) -> None:
        self.packed, self.layout, self.rows, self.divisor = packed, layout, rows, divisor
        self.added = [k for k in range(layout.size(leaves)) if layout.is_sum(k)]

    @cached_property
    def sums(self) -> Any:
        """The outputs that are added up, in one array."""
        import dask.array as da
        import numpy as np

        nodes = da.reduction(
            self.packed,
            lambda chunk, axis, keepdims: chunk[1],
            _finish,
            combine=_combine,
            concatenate=False,
            dtype=object,
            meta=np.empty((), object),
            split_every=16,
        )
        size, meta = (len(self.added),), np.empty(0)
        whole = da.map_blocks(_as_array, nodes, size, new_axis=0, chunks=size, dtype=float, meta=meta)
        return whole / self.divisor

    def build(self, structure: Structure, outputs: Sequence[int]) -> Any:
        """Return these outputs, nested as `structure`."""
        import numpy as np

        if structure.kind not in ("number", "array"):
            parts, start = [], 0
            for child in structure.children:
                parts.append(self.build(child, outputs[start : start + child.size]))
                start += child.size
            return Structure(structure.kind, structure.detail, (NUMBER,) * len(parts), len(parts)).rebuild(
                parts
            )
        shape = structure.detail if structure.kind == "array" else ()
        if outputs and self.layout.is_sum(outputs[0]):
            places = [self.added.index(k) for k in outputs]
            return self.sums[places[0] : places[0] + len(places)].reshape(shape)
        truths = self.layout.truths
        truth = bool(outputs) and all(k < len(truths) and truths[k] for k in outputs) and not self.reduces
        dtype = bool if truth else float
        return self.packed.map_blocks(
            _columns_of_chunk,
            list(outputs),
            shape,
            dtype,
            self.divisor,
            dtype=dtype,
            meta=np.empty((0,) * (1 + len(shape)), dtype),
            chunks=(self.rows, *shape),
            new_axis=list(range(1, 1 + len(shape))) or None,
        )

    @property
    def reduces(self) -> bool:
        """Whether results are added up; truths are then added as numbers."""
        return any(self.layout.sums)


def _columns_of_chunk(
    chunk: Any, outputs: list[int], shape: tuple[int, ...], dtype: Any, divisor: int
) -> Any:
    import numpy as np

    columns = [chunk[0][k] for k in outputs]
    block = np.stack(columns, -1) if columns else np.empty((0, 0))
    block = block != 0.0 if dtype is bool else block / divisor if divisor != 1 else block
    return block.reshape((-1, *shape))


def _combine(chunks: Any, axis: Any = None, keepdims: Any = None) -> list[Node]:
    return join(node for nodes in chunks for node in nodes)


def _finish(chunks: Any, axis: Any = None, keepdims: Any = None) -> Any:
    nodes = _combine(chunks)
    return total(nodes) if nodes else None


def _as_array(x: Any, size: tuple[int, ...]) -> Any:
    import numpy as np

    return np.zeros(size) if x is None else np.asarray(x)


# ---- arguments --------------------------------------------------------------------------------------


def _arrays(x: Any, axis: int | None, name: str) -> Iterator[tuple[Any, int]]:
    """Yield the dask arrays in an argument, each with its axis of items."""
    import dask.array as da

    if isinstance(x, (list, tuple, dict)):
        for y in x.values() if isinstance(x, dict) else x:
            yield from _arrays(y, axis, name)
    elif isinstance(x, da.Array):
        if axis is None or x.ndim == 0:
            raise ValueError(
                f"{name} was given a dask array for what is the same for all items (in_axes is None, or it "
                "has no axis): give its numbers, x.compute()"
            )
        check_array(x, axis, name)
        yield x, axis


def _count(arrays: Sequence[tuple[Any, int]], name: str) -> int:
    """Return how many items there are; ValueError if that is unknown, or if arrays disagree."""
    found = {x.shape[axis] for x, axis in arrays}
    if any(n != n for n in found):
        raise ValueError(
            f"{name} was given a dask array with an unknown number of items: call x.compute_chunk_sizes() "
            "first"
        )
    longer = found - {1} or found
    if len(longer) > 1:
        raise ValueError(
            f"{name} was given {' and '.join(map(str, sorted(longer)))} items: all need as many, or "
            "one; in_axes says which of their axes has the items"
        )
    return int(longer.pop())


def _example(x: Any, axis: int | None, count: int, found: list[Any], name: str) -> Any:
    """Return an argument with arrays of one item; append its own arrays, items first, to `found`."""
    import dask.array as da
    import numpy as np

    if axis is None or is_static(x):
        return x
    if isinstance(x, dict):
        return {key: _example(y, axis, count, found, name) for key, y in x.items()}
    if isinstance(x, (list, tuple)) and not is_array(x):
        parts = [_example(y, axis, count, found, name) for y in x]
        kind = "list" if isinstance(x, list) else "tuple"
        return Structure(kind, type(x), (NUMBER,) * len(x), len(x)).rebuild(parts)
    if not isinstance(x, da.Array) and not np.ndim(x):
        return x
    array = x if isinstance(x, da.Array) else np.asarray(x)
    check_array(array, axis, name)
    array = da.moveaxis(da.asarray(array), axis, 0)
    if len(array) == 1:
        array = da.broadcast_to(array, (count, *array.shape[1:]))
    if len(array) != count:
        raise ValueError(
            f"{name} was given {min(count, len(array))} and {max(count, len(array))} items: all need as "
            "many, or one; in_axes says which of their axes has the items"
        )
    found.append(array)
    return np.moveaxis(np.ones((1, *array.shape[1:]), array.dtype), 0, axis)
