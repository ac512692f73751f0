"""Divide the images that a store lacks among the processes that build it at the same time.

A process owns the shard that it writes to, by a lock that the system takes back when the process ends,
however it ends. Beside the shard it lists the images that it is about to compute: while the lock is held,
nobody else computes them. Who claims images holds the lock of the store, for a moment. Where the system has
no such locks (Windows), one process at a time may build a store.
"""

import contextlib
import json
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from itertools import count, islice
from pathlib import Path
from typing import IO

from captioner.encoders.encoding import EncodedBatch
from captioner.encoders.feature_store.shard import FeatureShard
from captioner.encoders.feature_store.store import FeatureStore
from captioner.encoders.views import View

SHARD_BYTES = 2**30
"""A shard as large is full: who has written it begins another."""


class Claims:
    """The share of one process in a build. A context: at its end all claims are given up.

    Args:
        store: the store; what other processes write is added to it.
        missing: the images to compute, in their order.

    Attributes:
        unfinished: the images, by their keys, whose features are in no shard yet.
    """

    def __init__(self, store: FeatureStore, missing: Sequence[View]) -> None:
        self.store = store
        self.unfinished = OrderedDict((view.key, view) for view in missing)
        self._own: set[str] = set()  # keys of the images that this process has claimed and not written
        self._shard: FeatureShard | None = None
        self._lock: IO[str] | None = None

    def __enter__(self) -> "Claims":
        return self

    def __exit__(self, *error: object) -> None:
        self._leave_shard()

    def take(self, number: int) -> list[View]:
        """Claim the next images, and a shard to write them to.

        Args:
            number: how many at most.

        Returns:
            Images; none where all that are unfinished are claimed.
        """
        with locked(self.store.folder / "lock"):
            self._finished(self.store.refresh())
            if self._shard is None or self._is_full(self._shard):
                self._leave_shard()
                self._shard = self._free_shard()
            taken = self._own | self._claimed_by_others()
            free = (view for view in self.unfinished.values() if view.key not in taken)
            claimed = list(islice(free, number))
            self._own.update(view.key for view in claimed)
            self._shard.claim_path.write_text(json.dumps(sorted(self._own)))
        return claimed

    def write(self, batch: EncodedBatch, stamps: Sequence[str]) -> None:
        """Bring claimed images to the disk.

        Args:
            batch: their features.
            stamps: of their files, for each of the batch's keys.
        """
        assert self._shard is not None
        bytes_RN = self.store.format.encode(batch.features_BLF)
        pictures = list(zip(batch.keys, stamps, strict=True))
        line = self._shard.append(self.store.serial + 1, pictures, batch.unreadable, bytes_RN)
        self._finished(self.store.add(self._shard.number, line))

    def _finished(self, keys: Iterable[str]) -> None:
        for key in keys:
            self.unfinished.pop(key, None)
            self._own.discard(key)

    def _free_shard(self) -> FeatureShard:
        """Return a shard that is not full and that nobody else writes to, and lock it."""
        for number in count():
            shard = self.store.shards.get(number) or FeatureShard(self.store.folder, number)
            if self._is_full(shard):
                continue
            self._lock = open(shard.lock_path, "w")  # noqa: SIM115 - kept until the shard is left
            if try_lock(self._lock):
                break
            self._lock.close()
        # Read again: its last writer may have added to it before it let go.
        self._finished(self.store.refresh())
        shard = self.store.shards.setdefault(shard.number, shard)
        if not shard.about:
            shard.start(self.store.about)
        shard.truncate()
        return shard

    def _is_full(self, shard: FeatureShard) -> bool:
        return shard.rows * self.store.format.row_bytes >= SHARD_BYTES

    def _leave_shard(self) -> None:
        if self._shard is not None:
            self._shard.claim_path.unlink(missing_ok=True)
            self._shard = None
        if self._lock is not None:
            self._lock.close()

    def _claimed_by_others(self) -> set[str]:
        taken: set[str] = set()
        for shard in self.store.shards.values():
            if shard is self._shard or not shard.claim_path.is_file():
                continue
            with open(shard.lock_path, "w") as file:
                if not try_lock(file):
                    taken.update(json.loads(shard.claim_path.read_text()))
        return taken


def try_lock(file: IO[str]) -> bool:
    """Return whether this process owns a file alone from here until it is closed."""
    try:
        import fcntl
    except ImportError:  # not there on Windows
        return True
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Own a file alone, as soon as no other process does.

    Args:
        path: the file; made if it is not there.
    """
    with open(path, "w") as file:
        with contextlib.suppress(ImportError):  # not there on Windows
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX)
        yield
