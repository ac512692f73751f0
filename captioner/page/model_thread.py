"""Run models in one thread, which gathers requests that can be computed together."""

import asyncio
import threading
import time
from collections.abc import Callable, Hashable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

BATCH_SIZE = 32  # as on the command line: batches of 16 take a third longer for each picture
GATHER_SECONDS = 0.01


class Busy(Exception):  # noqa: N818 (an answer to the client, and no mistake)
    """More requests wait for the model than are kept waiting."""


class Stopped(Exception):  # noqa: N818
    """A computation took too long, or nobody waits for its result any more."""


@dataclass(eq=False)
class Job:
    """A call to be made in the model thread.

    Attributes:
        key: of jobs that can be computed together; None: it is computed alone.
        function: from a list of items to a list of results; of a job alone, from () to its result.
        item: of a job with a key.
    """

    key: Hashable | None
    function: Callable[..., Any]
    item: Any = None
    since: float = field(default_factory=time.monotonic)
    result: "Future[Any]" = field(default_factory=Future)
    abandoned: bool = False


class ModelThread:
    """The one thread in which models compute, job after job.

    A job with a key waits for others of the same key, until there are 32, or no request is `expected` any
    more, or 10 ms have passed; they are computed in one call. Models use all cores, so that more threads
    would not be faster.

    Args:
        max_waiting: jobs that may wait.
        max_seconds: that a job may compute.
    """

    def __init__(self, max_waiting: int, max_seconds: float) -> None:
        self._max_waiting = max_waiting
        self._max_seconds = max_seconds
        self._waiting: list[Job] = []
        self._running: Sequence[Job] = ()
        self._deadline = 0.0
        self._changed = threading.Condition()
        self._closed = False
        self._expected = 0
        self._thread = threading.Thread(target=self._run, name="model", daemon=True)
        self._thread.start()

    @contextmanager
    def expected(self) -> Iterator[None]:
        """Tell the thread, in a `with` block, that a request is being read whose job may join a batch."""
        self._expected += 1
        try:
            yield
        finally:
            with self._changed:
                self._expected -= 1
                self._changed.notify_all()

    async def call(self, function: Callable[..., Result], *args: Any) -> Result:
        """Call a function in the model thread.

        Args:
            function: what is called.
            *args: its arguments.

        Returns:
            Its result.

        Raises:
            Busy: too many jobs wait.
            Stopped: it took too long.
        """
        result: Result = await self._submit(Job(None, partial(function, *args)))
        return result

    async def batched(
        self, key: Hashable, function: Callable[[list[Item]], Sequence[Result]], item: Item
    ) -> Result:
        """Compute an item in the model thread, together with others of the same key.

        Args:
            key: of items that can be computed together.
            function: computes the results of a list of items; that of the first item is called.
            item: what is computed.

        Returns:
            The item's result.

        Raises:
            Busy: too many jobs wait.
            Stopped: it took too long.
        """
        result: Result = await self._submit(Job(key, function, item))
        return result

    def check(self) -> None:
        """Make sure that the running job is still wanted; called from inside of it.

        Raises:
            Stopped: its time is up, or nobody waits for it any more.
        """
        if time.monotonic() > self._deadline or all(job.abandoned for job in self._running):
            raise Stopped

    def close(self) -> None:
        """End the thread after the running job; the others are refused."""
        with self._changed:
            self._closed = True
            waiting, self._waiting = self._waiting, []
            self._changed.notify_all()
        for job in waiting:
            job.result.cancel()
        self._thread.join()

    async def _submit(self, job: Job) -> Any:
        with self._changed:
            if self._closed or len(self._waiting) >= self._max_waiting:
                raise Busy
            self._waiting.append(job)
            self._changed.notify_all()
        try:
            return await asyncio.wrap_future(job.result)
        except asyncio.CancelledError:
            job.abandoned = True
            raise

    def _run(self) -> None:
        while jobs := self._next():
            wanted = [job for job in jobs if job.result.set_running_or_notify_cancel()]
            if wanted:
                self._running, self._deadline = wanted, time.monotonic() + self._max_seconds
                _compute(wanted)
                self._running = ()

    def _next(self) -> list[Job]:
        """Wait for the next jobs; none when the thread is to end."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._closed)
            if self._closed:
                return []
            first = self._waiting[0]
            if first.key is None:
                return [self._waiting.pop(0)]
            left = first.since + GATHER_SECONDS - time.monotonic()
            self._changed.wait_for(lambda: self._is_gathered(first), left)
            together = self._like(first)[:BATCH_SIZE]
            self._waiting = [job for job in self._waiting if job not in together]
            return together

    def _is_gathered(self, first: Job) -> bool:
        return self._closed or not self._expected or len(self._like(first)) >= BATCH_SIZE

    def _like(self, first: Job) -> list[Job]:
        return [job for job in self._waiting if job.key == first.key]


def _compute(jobs: Sequence[Job]) -> None:
    """Compute jobs together, and pass results or the error on to all of them."""
    first = jobs[0]
    try:
        if first.key is None:
            results: Sequence[Any] = [first.function()]
        else:
            results = first.function([job.item for job in jobs])
    except Exception as error:
        if len(jobs) == 1:
            first.result.set_exception(error)
            return
        for job in jobs:  # the error may be of one of them alone
            _compute([job])
        return
    for job, result in zip(jobs, results, strict=True):
        job.result.set_result(result)
