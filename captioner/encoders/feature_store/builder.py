"""Open feature stores and compute what they lack, so that a frozen encoder runs once an image."""

import os
import shutil
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch

from captioner.encoders.base import Encoder
from captioner.encoders.encoding import EncodedBatch, encoded_batches
from captioner.encoders.feature_store.claims import Claims, locked
from captioner.encoders.feature_store.formats import FeatureFormat
from captioner.encoders.feature_store.shard import FeatureShard
from captioner.encoders.feature_store.store import FeatureStore
from captioner.encoders.inference import for_inference
from captioner.encoders.views import View
from captioner.errors import UserError
from captioner.images import ImageSource
from captioner.packed_image import PackedImage
from captioner.precision import Precision, chosen_precision
from captioner.progress import progress_bar

NAMED = 5  # unreadable images that are printed one by one; the store lists them all
BATCHES_PER_CLAIM = 4
PAUSE = 0.2  # seconds until a process looks again whether the others are done


def open_store(
    encoder: Encoder,
    pictures: Sequence[View],
    folder: Path,
    *,
    dtype: str = "float16",
    precision: Precision = "fp32",
    batch_size: int = 32,
    device: torch.device | str = "cpu",
) -> FeatureStore:
    """Open the feature store of an encoder, and compute the features that it lacks.

    Features of a file that has changed since (size, time) are computed again. Images that cannot be read are
    named and left out; they are tried again the next time. Processes that open the same store at once, on one
    machine or on a disk that they share, divide the work; each returns when all is done.

    Args:
        encoder: a frozen encoder.
        pictures: the images whose features are wanted.
        folder: the folder of all stores.
        dtype: float16, float8 or int8: how numbers are kept. Each has a store of its own.
        precision: that the encoder computes in; likewise.
        batch_size: images encoded at a time.
        device: the device of the encoder.

    Returns:
        The store, with the features of all `pictures` that can be read.

    Raises:
        UserError: the encoder is being trained, the disk is too small, the store is damaged, or a feature
            is too large for the format.
    """
    if not encoder.is_frozen:
        raise UserError("Features of an encoder that is being trained change, so they cannot be stored.")
    device = torch.device(device)
    precision = chosen_precision(precision, device)
    about = _describe(encoder, dtype, precision)
    endings = f"-{dtype}" * (dtype != "float16") + f"-{precision}" * (precision != "fp32")
    store = _open_or_create(Path(folder) / (about["fingerprint"][:16] + endings), about)
    missing = [
        view for view in pictures if view.key not in store or store.stamps[view.key] != _stamp(view.source)
    ]
    if missing:
        # New ones first: after a kill, batches are cut as they would have been without one.
        missing.sort(key=lambda view: view.key in store.unreadable)
        _announce(store, len(missing))
        _build(for_inference(encoder, precision), missing, store, batch_size, device)
    _report_unreadable(store, pictures)
    return store


def _describe(encoder: Encoder, dtype: str, precision: Precision) -> dict[str, Any]:
    """What features depend on, and how they are kept; fp32 is not named."""
    return {
        "fingerprint": encoder.fingerprint(),
        "grid": list(encoder.grid),
        "feature_dim": encoder.feature_dim,
        "dtype": dtype,
        "preprocessing": encoder.preprocessing.to_dict(),
    } | ({} if precision == "fp32" else {"precision": precision})


def _open_or_create(home: Path, about: dict[str, Any]) -> FeatureStore:
    home.mkdir(parents=True, exist_ok=True)
    with locked(home / "lock"):
        if not any(_has_first_line(file) for file in home.glob("index*.jsonl")):
            FeatureShard(home, 0).start(about)
        store = FeatureStore(home)
    if store.about != about:
        raise UserError(f"The feature store {home} is another encoder's: delete it to build it again.")
    return store


def _has_first_line(index: Path) -> bool:
    with open(index, "rb") as file:
        return file.readline().endswith(b"\n")


def _announce(store: FeatureStore, number: int) -> None:
    size, free = number * store.format.row_bytes, shutil.disk_usage(store.folder).free
    text = f"features of {number} pictures, {size / 1e9:.2f} GB, in {store.folder}"
    if size > free:
        raise UserError(f"There is no room for the {text}: only {free / 1e9:.2f} GB are free.")
    print(text, file=sys.stderr)


def _build(
    encoder: Encoder, missing: Sequence[View], store: FeatureStore, batch_size: int, device: torch.device
) -> None:
    """Compute features until none of `missing` is left, here and in other processes."""
    stamps: dict[str, str] = {}

    def claimed_views(claims: Claims) -> Iterator[View]:
        while claimed := claims.take(BATCHES_PER_CLAIM * batch_size):
            stamps.update((view.key, _stamp(view.source)) for view in claimed)  # before they are read
            yield from claimed

    with (
        progress_bar(total=len(missing), desc="features", unit="picture") as bar,
        Claims(store, missing) as claims,
    ):
        while claims.unfinished:
            for batch in encoded_batches(encoder, claimed_views(claims), batch_size, device):
                _check_range(batch, store.format)
                claims.write(batch, [stamps.pop(key) for key in batch.keys])
                bar.update(len(missing) - len(claims.unfinished) - bar.n)
            if claims.unfinished:
                time.sleep(PAUSE)
        bar.update(len(missing) - bar.n)


def _check_range(batch: EncodedBatch, kind: FeatureFormat) -> None:
    largest_B = batch.features_BLF.abs().flatten(1).amax(dim=1)
    if not (largest_B <= kind.largest).all():
        worst = int((largest_B <= kind.largest).logical_not().nonzero()[0])
        raise UserError(
            f"A feature of {batch.keys[worst]} is {float(largest_B[worst]):g}, but a {kind.name} store holds "
            f"at most {kind.largest:g}: train without the store."
        )


def _stamp(source: ImageSource) -> str:
    """Return a mark that differs for a later file of the same name; empty for a file that is not there."""
    if isinstance(source, bytes | PackedImage):
        return f"{source.size if isinstance(source, PackedImage) else len(source)} bytes"
    path = str(source)
    found = os.stat(path) if os.path.isfile(path) else None
    return f"{found.st_size} {found.st_mtime_ns}" if found else ""


def _report_unreadable(store: FeatureStore, pictures: Sequence[View]) -> None:
    broken = [store.unreadable[view.key] for view in pictures if view.key in store.unreadable]
    if broken:
        print(f"{len(broken)} of {len(pictures)} pictures are left out:", file=sys.stderr)
        more = [f"and {len(broken) - NAMED} more"] if len(broken) > NAMED else []
        print(*(f"  {reason}" for reason in [*broken[:NAMED], *more]), sep="\n", file=sys.stderr)
