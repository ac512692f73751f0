"""Caption images on the machines of a Ray cluster."""

import logging
import os
import pickle
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from itertools import islice
from pathlib import Path
from typing import Any

from captioner.errors import UserError
from captioner.images import ImageSource
from captioner.inference.caption import BATCH_SIZE, Captioner
from captioner.inference.caption_results import Captioned
from captioner.precision import Precision

QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_BACKEND_LOG_LEVEL": "fatal",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",  # else it warns of a change to come
    "RAY_DATA_DISABLE_PROGRESS_BARS": "1",  # there is one of ours
}
WINDOW = 1_000_000
"""Images whose names Ray is given at once, about 100 MB; workers load the models once for each of them."""
WORKER_MEMORY = 1_500_000_000
"""Bytes that a worker may need: no more workers than fit the cluster's memory are started."""
RETRIES = 20
"""Of a batch whose worker dies: enough for a machine that is lost, whose workers are tried again until this
is noticed; a picture that fills the memory of every worker ends the run."""


class CaptionWorker:
    """A process of the cluster that loads the models once.

    Args:
        folder: where relative names of files start.
        folders: the model folders.
        search: changes to the first model's own search.
        n_best: captions an image.
        precision: fp32, bf16 or fp16.
    """

    def __init__(
        self,
        folder: Path,
        folders: Sequence[Path],
        search: Mapping[str, Any],
        n_best: int,
        precision: Precision,
    ) -> None:
        with suppress(OSError):  # a machine may lack it where all names are absolute
            os.chdir(folder)
        self.captioner = Captioner(*folders, search=search, n_best=n_best, precision=precision)

    def __call__(self, batch: Mapping[str, Any]) -> dict[str, list[bytes]]:
        """Read and caption the images of a batch; pixels and attention are not sent back."""
        images = [pickle.loads(one) for one in batch["image"]]
        return {"captioned": [pickle.dumps(_light(one)) for one in self.captioner.stream(images)]}


def _light(captioned: Captioned) -> Captioned:
    captions = [one._replace(alphas_TL=None) for one in captioned.captions]
    return captioned._replace(captions=captions, encoder_view=None)


class RayWorkers:
    """Workers on all GPUs of a Ray cluster, or on all cores where it has no GPU.

    Ray Data takes names and places of images, its actors read the images, and finished captions come back
    to be written into the same file as without Ray. Its own checkpoints are not used: they need a disk that
    all workers write to, and results that workers write too. The finished names of our file do as well, and a
    run goes on with Ray or without it.

    Args:
        folders: the model folders, under the same paths on all machines.
        search: changes to the first model's own search.
        n_best: captions an image.
        precision: fp32, bf16 or fp16, the same for all workers.
        address: of the cluster; None for RAY_ADDRESS, a cluster of this machine, or one that is started.

    Raises:
        UserError: Ray is not installed, or there is no cluster.
    """

    def __init__(
        self,
        folders: Sequence[Path],
        search: Mapping[str, Any],
        n_best: int,
        precision: Precision,
        address: str | None = None,
    ) -> None:
        self.options = (
            Path.cwd(),
            [folder.absolute() for folder in folders],
            dict(search),
            n_best,
            precision,
        )
        self.ray = _connected(address)
        there = self.ray.cluster_resources()
        self.num_gpus = int(there.get("GPU", 0))
        room = int(there["memory"] // WORKER_MEMORY)
        self.count = self.num_gpus or max(1, min(int(there.get("CPU", 1)), room))
        # A GPU's next images are read while it computes, inside of a batch.
        self.batch_size = BATCH_SIZE * (8 if self.num_gpus else 1)

    def stream(self, images: Iterable[tuple[str, ImageSource]]) -> Iterator[Captioned]:
        """Caption named images, in the order in which they are finished.

        Args:
            images: sources of images with their names, under the same paths on all machines.

        Yields:
            The images with their captions.

        Raises:
            UserError: a worker cannot load the models, workers die again and again, or an image
                is given as bytes.
        """
        from ray.exceptions import RayError

        remaining = without_bytes(images)
        try:
            while window := list(islice(remaining, WINDOW)):
                yield from self._caption(window)
        except RayError as problem:
            cause = getattr(problem, "cause", None) or problem
            reason = str(cause).strip().rpartition("\n")[2]  # a traceback ends with it
            raise UserError(f"The workers of the Ray cluster failed: {reason}") from None
        finally:
            self.ray.shutdown()

    def _caption(self, images: Sequence[tuple[str, ImageSource]]) -> Iterator[Captioned]:
        import pyarrow as pa

        pickled = [pickle.dumps(image) for image in images]
        # A block is a task: what is lost when a machine or this process dies is a block for each worker.
        starts = range(0, len(pickled), self.batch_size)
        blocks = [pa.table({"image": pickled[start : start + self.batch_size]}) for start in starts]
        with warnings.catch_warnings(action="ignore"):  # max_task_retries has no argument of its own yet
            captioned = self.ray.data.from_arrow(blocks).map_batches(
                CaptionWorker,
                batch_size=self.batch_size,
                fn_constructor_args=self.options,
                compute=self.ray.data.ActorPoolStrategy(size=min(self.count, len(blocks))),
                num_cpus=None if self.num_gpus else 1,
                num_gpus=1 if self.num_gpus else None,
                max_task_retries=RETRIES,
            )
        for batch in captioned.iter_batches(batch_size=None, prefetch_batches=0):
            yield from map(pickle.loads, batch["captioned"])


def without_bytes(images: Iterable[tuple[str, ImageSource]]) -> Iterator[tuple[str, ImageSource]]:
    """Return images with their places; those of a million bytes each would fill the memory of the cluster."""
    for name, source in images:
        if isinstance(source, bytes):
            raise UserError("--workers ray takes files and tar shards, not tables of images' bytes.")
        yield name, source


def _connected(address: str | None) -> Any:
    """Connect to a cluster; returns the module of Ray."""
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)
    try:
        import ray
        import ray.data
    except ImportError:
        raise UserError("--workers ray needs Ray: pip install 'captioner[ray]'.") from None
    try:
        with _silent_stderr():
            ray.init(address, log_to_driver=False, logging_level=logging.ERROR)
    except (ConnectionError, ValueError, RuntimeError) as problem:
        reason = str(problem).strip().partition("\n")[0]
        raise UserError(f"There is no Ray cluster at {address or 'this machine'}: {reason}") from None
    logging.getLogger("ray.data").setLevel(logging.CRITICAL)  # its errors are raised as well
    return ray


@contextmanager
def _silent_stderr() -> Iterator[None]:
    """Keep from standard error what Ray's C++ code writes there while it starts, whatever its log level."""
    kept, silence = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(silence)
