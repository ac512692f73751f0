"""The model thread: what is computed together, what is refused, what is stopped."""

import asyncio
import threading
import time

import pytest

from captioner.page.model_thread import BATCH_SIZE, Busy, ModelThread, Stopped


@pytest.fixture
def thread():
    thread = ModelThread(max_waiting=80, max_seconds=30)
    yield thread
    thread.close()


def held(thread):
    """A job that keeps the thread until its event is set, and the task that waits for it."""
    release = threading.Event()
    return release, asyncio.ensure_future(thread.call(release.wait))


def test_jobs_of_one_key_are_computed_together_and_others_apart(thread):
    batches = []

    def doubled(items):
        batches.append(items)
        return [2 * item for item in items]

    async def ask():
        release, first = held(thread)
        await asyncio.sleep(0.01)
        keys = ["a", "b"] * 18 + ["a"] * 22  # 40 of a, 18 of b
        asked = [asyncio.ensure_future(thread.batched(k, doubled, n)) for n, k in enumerate(keys)]
        await asyncio.sleep(0.02)
        release.set()
        await first
        return await asyncio.gather(*asked)

    assert asyncio.run(ask()) == [2 * n for n in range(58)]
    a = [*range(0, 36, 2), *range(36, 58)]
    assert batches == [a[:BATCH_SIZE], [*range(1, 36, 2)], a[BATCH_SIZE:]]


def test_all_is_computed_in_one_thread_and_in_order(thread):
    seen = []

    def note(number):
        seen.append((number, threading.current_thread().name))

    async def ask():
        await asyncio.gather(*(thread.call(note, number) for number in range(7)))

    asyncio.run(ask())
    assert seen == [(number, "model") for number in range(7)]


def test_a_full_queue_refuses():
    thread = ModelThread(max_waiting=3, max_seconds=30)

    async def ask():
        release, first = held(thread)
        await asyncio.sleep(0.01)
        waiting = [asyncio.ensure_future(thread.call(int, n)) for n in range(3)]
        await asyncio.sleep(0)
        with pytest.raises(Busy):
            await thread.call(int, 4)
        release.set()
        assert await asyncio.gather(*waiting) == [0, 1, 2]
        await first

    asyncio.run(ask())
    thread.close()


def test_the_error_of_one_item_is_not_the_error_of_the_others(thread):
    def inverse(items):
        return [1 / item for item in items]

    async def ask():
        release, first = held(thread)
        await asyncio.sleep(0.01)
        asked = [asyncio.ensure_future(thread.batched("k", inverse, item)) for item in (4, 0, 5)]
        await asyncio.sleep(0.01)
        release.set()
        await first
        return await asyncio.gather(*asked, return_exceptions=True)

    one, error, other = asyncio.run(ask())
    assert (one, other) == (0.25, 0.2)
    assert isinstance(error, ZeroDivisionError)


def test_a_job_that_nobody_waits_for_is_not_computed(thread):
    computed = []

    async def ask():
        release, first = held(thread)
        await asyncio.sleep(0.01)
        gone = asyncio.ensure_future(thread.call(computed.append, "gone"))
        stays = asyncio.ensure_future(thread.call(computed.append, "stays"))
        await asyncio.sleep(0)
        gone.cancel()
        await asyncio.sleep(0)
        release.set()
        await asyncio.gather(first, stays)

    asyncio.run(ask())
    assert computed == ["stays"]


def test_a_running_job_is_stopped_when_nobody_waits_any_more(thread):
    started, ended = threading.Event(), []

    def endless():
        started.set()
        try:
            while True:
                thread.check()
                time.sleep(0.001)
        except Stopped:
            ended.append("stopped")
            raise

    async def ask():
        gone = asyncio.ensure_future(thread.call(endless))
        await asyncio.to_thread(started.wait)
        gone.cancel()
        assert await thread.call(len, ended) == 1

    asyncio.run(ask())


def test_a_job_is_stopped_when_its_time_is_up():
    thread = ModelThread(max_waiting=3, max_seconds=0.02)

    def endless():
        while True:
            thread.check()
            time.sleep(0.001)

    with pytest.raises(Stopped):
        asyncio.run(thread.call(endless))
    thread.close()


def test_a_job_waits_for_requests_that_are_being_read_and_for_nothing_else(thread, monkeypatch):
    monkeypatch.setattr("captioner.page.model_thread.GATHER_SECONDS", 1000)
    batches = []

    def noted(items):
        batches.append(items)
        return items

    async def ask():
        await asyncio.wait_for(thread.batched("k", noted, 1), 60)
        with thread.expected():
            first = asyncio.ensure_future(thread.batched("k", noted, 2))
            await asyncio.sleep(0.02)
            second = asyncio.ensure_future(thread.batched("k", noted, 3))
            await asyncio.sleep(0.02)
        await asyncio.wait_for(asyncio.gather(first, second), 60)

    asyncio.run(ask())
    assert batches == [[1], [2, 3]]
