"""What can be switched on: no graph, watchers, the collector's pause."""

import asyncio
import gc
import inspect
import itertools
import math
import operator
import signal
import threading

import pytest
from watching import watching

from autograd_mini import NonFiniteError, Value, collector_paused, no_grad, scope, strict
from autograd_mini.engine import modes
from autograd_mini.engine.table import TABLE
from autograd_mini.engine.value import number_of

nan, inf = math.nan, math.inf


def test_comparisons_can_be_watched():
    seen = []
    x = Value(2.0)
    with watching(on_compare=lambda *what: seen.append(what)):
        x < 3.0  # noqa: B015
        x == x  # noqa: B015
        bool(x)
    assert seen == [
        (operator.lt, x, 3.0, True),
        (operator.eq, x, x, True),
        (operator.ne, x, 0.0, True),
    ]
    with watching(on_record=lambda node: None):
        assert x < 3.0


def test_leaves_reads_and_sweeps_can_be_watched():
    leaves, sweeps = [], []
    with watching(on_leaf=leaves.append, on_backward=sweeps.append, on_read=lambda v: 42.0):
        x = Value(2.0)
        assert x.data == 42.0
        y = x * x
        y.backward()
    assert [id(v) for v in leaves] == [id(x)]
    assert [id(v) for v in sweeps] == [id(y)]
    assert (x.data, x.grad) == (2.0, 4.0)
    with watching(on_record=lambda node: None):
        z = Value(3.0)
        assert z.data == 3.0
        (z * z).backward()
    assert z.grad == 6.0


def test_operations_are_slowed_down_only_by_modes_that_change_them():
    hooks = [
        "on_leaf",
        "on_read",
        "on_compare",
        "on_index",
        "on_backward",
        "on_sweep",
        "on_copy",
        "on_pickle",
    ]
    for mode in (
        modes.Mode(),
        modes.Mode(recording=True),
        watching(**{h: lambda *what: None for h in hooks}),
    ):
        with mode:
            assert (modes.active, modes.listening) == (0, 1)
            with no_grad(), mode:  # a mode inside another one has its way, whatever the other one costs
                assert (modes.active, modes.listening) == (1, 3)
                assert (Value(2.0) * 3.0).op is (None if mode.recording is None else TABLE["mul"])
    with watching(on_record=lambda node: None):
        assert modes.active == 1
    assert (modes.active, modes.listening) == (0, 0)


def test_no_grad_is_per_thread_and_works_as_a_decorator():
    x = Value(3.0)
    seen = []

    @no_grad()
    def f():
        return x * x + 1

    with no_grad():
        thread = threading.Thread(target=lambda: seen.append(x * x))
        thread.start()
        thread.join()
        y = x * x
    assert y.operands == () == f().operands
    assert f().data == 10.0
    assert seen[0].operands == (x, x)
    assert (x * x).operands == (x, x)


def test_switches_come_back_even_after_an_error():
    assert modes.active == 0
    with pytest.raises(ZeroDivisionError), modes.Mode(recording=False):
        assert (modes.active, modes.recording()) == (1, False)
        with no_grad():
            assert modes.active == 2
        assert not modes.recording()
        1 / 0  # noqa: B018
    assert (modes.active, modes.recording()) == (0, True)


def test_a_mode_of_another_thread_is_not_mine():
    x = Value(3.0)
    made = []

    def work():
        assert modes.ties.count == 0
        made.append(x * x)
        made.append(x < 4.0)
        x.backward()

    with no_grad():
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
    assert made[0].operands == (x, x)
    assert made[1] is True
    assert x.grad == 1.0


def test_the_collector_is_left_as_it_was():
    assert gc.isenabled()
    with collector_paused():
        assert not gc.isenabled()
        with collector_paused():
            assert not gc.isenabled()
        assert not gc.isenabled()
    assert gc.isenabled()
    gc.disable()
    try:
        with collector_paused():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()


def test_watchers_outside_hear_it_too_unless_one_answers():
    heard, x = [], Value(2.0)
    with watching(on_record=lambda node: heard.append("out"), on_read=lambda node: 7.0):
        with watching(on_record=lambda node: heard.append("in")):
            y = x * x
            assert x.data == 7.0
        with watching(on_record=lambda node: True, on_read=lambda node: 8.0):
            x * y
            assert (x.data, number_of(x), number_of(1)) == (8.0, 2.0, 1)
        with modes.Mode(reporting=False):
            x * y
            assert not modes.heard("on_record")
            assert modes.heard("on_read")
            assert not modes.heard("on_leaf")
            with watching(on_record=lambda node: heard.append("within")):
                x * y
    assert heard == ["in", "out", "within"]
    assert not modes.heard("on_record")


# ---- each task, each generator has its own --------------------------------------------------------


def recorded():
    return (Value(3.0) * 2.0).operands != ()


def test_tasks_that_take_turns_have_modes_of_their_own():
    async def with_mode():
        with no_grad():
            before = recorded()
            await asyncio.sleep(0.001)
            return [before, recorded()]

    async def without():
        found = []
        for _ in range(20):
            found.append(recorded())
            await asyncio.sleep(0.0002)
        return found

    async def main():
        return await asyncio.gather(with_mode(), without(), with_mode(), without())

    one, two, three, four = asyncio.run(main())
    assert one == three == [False, False]
    assert two == four == [True] * 20
    assert modes.active == 0


def test_a_task_started_in_a_block_shares_it_until_it_ends():
    async def look(after):
        before = recorded()
        await after.wait()
        return before, recorded()

    async def main():
        ended = asyncio.Event()
        with no_grad():
            task = asyncio.create_task(look(ended))
            thread = asyncio.create_task(asyncio.to_thread(recorded))
            await asyncio.sleep(0)
            in_thread = await thread
        ended.set()
        assert recorded()
        return in_thread, await task

    assert asyncio.run(main()) == (False, (False, True))
    assert modes.active == 0


def test_strict_and_scope_keep_to_their_task():
    async def careful(started):
        with strict(), scope("mine"):
            started.set()
            await asyncio.sleep(0.001)
            with pytest.raises(NonFiniteError):
                Value(1.0) / 0
            return (Value(1.0) * 2).label

    async def careless(started):
        await started.wait()
        return (Value(1.0) / 0).data, (Value(1.0) * 2).label

    async def main():
        started = asyncio.Event()
        return await asyncio.gather(careful(started), careless(started))

    assert asyncio.run(main()) == ["mine::", (inf, None)]


@pytest.mark.parametrize("order", list(itertools.permutations("abc")))
def test_blocks_may_end_in_any_order(order):
    blocks = {name: modes.Mode(recording=name == "b") for name in "abc"}
    for block in blocks.values():
        block.__enter__()
    left = list("abc")
    for name in order:
        assert modes.recording() == (left[-1] == "b")
        blocks[name].__exit__(None, None, None)
        left.remove(name)
    assert modes.recording()
    assert modes.active == 0


def test_a_block_around_a_yield_is_open_while_the_generator_waits():
    def generator():
        with no_grad():
            yield recorded()
            yield recorded()

    items = generator()
    assert (next(items), recorded()) == (False, False)  # as documented
    assert (next(items), recorded()) == (False, False)
    items.close()
    assert recorded()
    assert modes.active == 0


def test_a_generator_closed_in_another_thread_ends_its_block():
    def generator():
        with no_grad():
            yield

    items = generator()
    next(items)
    thread = threading.Thread(target=items.close)
    thread.start()
    thread.join()
    assert recorded()
    assert modes.active == 0


def test_one_mode_may_be_entered_twice_and_by_several_threads():
    mode, inside, seen = no_grad(), threading.Barrier(2), []

    def work():
        with mode:
            inside.wait(10)
            with mode:
                seen.append(recorded())
            inside.wait(10)
            seen.append(recorded())
        seen.append(recorded())

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(seen) == [False] * 4 + [True] * 2
    assert modes.active == 0


def test_a_decorated_generator_has_the_mode_in_its_body_alone():
    caught = []

    @no_grad()
    def generator(first):
        got = yield first, recorded()
        try:
            yield got, recorded()
        except KeyError:
            caught.append(recorded())
        yield "caught", recorded()
        return "end", recorded()

    items = generator("first")
    assert (next(items), recorded()) == (("first", False), True)
    assert (items.send("sent"), recorded()) == (("sent", False), True)
    assert (items.throw(KeyError()), recorded()) == (("caught", False), True)
    with pytest.raises(StopIteration) as end:
        next(items)
    assert end.value.value == ("end", False)
    assert caught == [False]

    closed = []

    @no_grad()
    def endless():
        try:
            while True:
                yield recorded()
        finally:
            closed.append(recorded())

    items = endless()
    assert next(items) is False
    items.close()
    assert closed == [False]
    assert inspect.isgeneratorfunction(generator)
    assert modes.active == 0


def test_decorated_coroutines_and_asynchronous_generators():
    @no_grad()
    async def coroutine():
        await asyncio.sleep(0)
        return recorded()

    caught = []

    @no_grad()
    async def generator():
        got = yield recorded()
        await asyncio.sleep(0)
        try:
            yield got, recorded()
        except KeyError:
            caught.append(recorded())
        yield "caught", recorded()

    async def main():
        items = generator()
        first = await anext(items), recorded()
        second = await items.asend("sent"), recorded()
        third = await items.athrow(KeyError()), recorded()
        rest = [item async for item in items]
        left = generator()
        await anext(left)
        await left.aclose()
        return await coroutine(), first, second, third, rest

    assert asyncio.run(main()) == (
        False,
        (False, True),
        (("sent", False), True),
        (("caught", False), True),
        [],
    )
    assert caught == [False]
    assert inspect.iscoroutinefunction(coroutine)
    assert inspect.isasyncgenfunction(generator)
    assert modes.active == 0


def test_strict_and_scope_decorate():
    @strict()
    @scope("model")
    def f(x):
        return 1 / x

    assert f(Value(2.0)).label == "model::"
    with pytest.raises(NonFiniteError):
        f(Value(0.0))
    assert f.__name__ == "f"


def test_an_interrupted_count_is_not_lost():
    """A signal handler that enters a mode of its own, at any moment of entering and leaving one."""
    x = Value(3.0)

    def handler(signum, frame):
        with no_grad():
            x * x

    before = signal.signal(signal.SIGALRM, handler)
    signal.setitimer(signal.ITIMER_REAL, 1e-4, 1e-4)
    try:
        for _ in range(20_000):
            with modes.Mode(recording=True):
                pass
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert modes.active == 0
    assert recorded()
