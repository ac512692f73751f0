"""Open feature stores and compute what they lack, so that a frozen encoder runs once an image."""

import contextlib
import json
import os
import shutil
import sys
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import torch

from captioner.encoders.base import Encoder
from captioner.encoders.encoding import encoded_batches
from captioner.encoders.feature_store import FeatureStore
from captioner.encoders.views import View
from captioner.errors import UserError
from captioner.images import ImageSource
from captioner.packed_image import PackedImage
from captioner.progress import progress_bar

NAMED = 5  # unreadable images that are printed one by one; the store lists them all


def open_store(
    encoder: Encoder,
    pictures: Sequence[View],
    folder: Path,
    *,
    batch_size: int = 32,
    device: torch.device | str = "cpu",
) -> FeatureStore:
    """Open the feature store of an encoder, and compute the features that it lacks.

    Features are computed in float32 and kept in 16 bits; those whose file has changed since (size, time) are
    computed again. Images that cannot be read are named and left out; they are tried again the next time.
    Processes that open the same store at once wait for each other.

    Args:
        encoder: a frozen encoder.
        pictures: the images whose features are wanted.
        folder: the folder of all stores.
        batch_size: images encoded at a time.
        device: the device of the encoder.

    Returns:
        The store, with the features of all `pictures` that can be read.

    Raises:
        UserError: the encoder is being trained, the disk is too small, the store is damaged, or a feature
            is too large for 16 bits.
    """
    if not encoder.is_frozen:
        raise UserError("Features of an encoder that is being trained change, so they cannot be stored.")
    fingerprint = encoder.fingerprint()
    home = Path(folder) / fingerprint[:16]
    home.mkdir(parents=True, exist_ok=True)
    with _locked(home / "lock"):
        store = _open_or_create(home, encoder, fingerprint)
        missing = [
            view
            for view in pictures
            if view.key not in store or store.stamps[view.key] != _stamp(view.source)
        ]
        if missing:
            # New ones first: after a kill, batches are cut as they would have been without one.
            missing.sort(key=lambda view: view.key in store.unreadable)
            _announce(store, len(missing))
            _build(encoder, missing, store, batch_size, torch.device(device))
            store = FeatureStore(home)
    _report_unreadable(store, pictures)
    return store


def _open_or_create(home: Path, encoder: Encoder, fingerprint: str) -> FeatureStore:
    about = {
        "fingerprint": fingerprint,
        "grid": list(encoder.grid),
        "feature_dim": encoder.feature_dim,
        "dtype": "float16",
        "preprocessing": encoder.preprocessing.to_dict(),
    }
    index = home / "index.jsonl"
    if not index.is_file() or b"\n" not in index.read_bytes():
        index.write_text(json.dumps(about) + "\n")
    store = FeatureStore(home)
    if store.about != about:
        raise UserError(f"The feature store {home} is another encoder's: delete it to build it again.")
    return store


def _announce(store: FeatureStore, count: int) -> None:
    size, free = count * store.row_bytes, shutil.disk_usage(store.folder).free
    text = f"features of {count} pictures, {size / 1e9:.2f} GB, in {store.folder}"
    if size > free:
        raise UserError(f"There is no room for the {text}: only {free / 1e9:.2f} GB are free.")
    print(text, file=sys.stderr)


def _build(
    encoder: Encoder, pictures: Sequence[View], store: FeatureStore, batch_size: int, device: torch.device
) -> None:
    with (
        open(store.data_path, "ab") as data,
        open(store.index_path, "ab") as index,
        progress_bar(total=len(pictures), desc="features", unit="picture") as bar,
    ):
        data.truncate(store.data_bytes)
        index.truncate(store.index_bytes)
        sources = {view.key: view.source for view in pictures}
        for batch in encoded_batches(encoder, pictures, batch_size, device):
            good = [(key, _stamp(sources[key])) for key in batch.keys]
            line = {"pictures": good, "unreadable": batch.unreadable, "crc32": zlib.crc32(batch.rows)}
            # The features first: without its line a batch does not count.
            for file, content in ((data, batch.rows), (index, json.dumps(line).encode() + b"\n")):
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            bar.update(len(batch.keys) + len(batch.unreadable))


def _stamp(source: ImageSource) -> str:
    """Return a mark that differs for a later file of the same name; empty for a file that is not there."""
    if isinstance(source, bytes | PackedImage):
        return f"{source.size if isinstance(source, PackedImage) else len(source)} bytes"
    path = str(source)
    found = os.stat(path) if os.path.isfile(path) else None
    return f"{found.st_size} {found.st_mtime_ns}" if found else ""


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    with open(path, "w") as file:
        with contextlib.suppress(ImportError):  # not there on Windows
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _report_unreadable(store: FeatureStore, pictures: Sequence[View]) -> None:
    broken = [store.unreadable[view.key] for view in pictures if view.key in store.unreadable]
    if broken:
        print(f"{len(broken)} of {len(pictures)} pictures are left out:", file=sys.stderr)
        more = [f"and {len(broken) - NAMED} more"] if len(broken) > NAMED else []
        print(*(f"  {reason}" for reason in [*broken[:NAMED], *more]), sep="\n", file=sys.stderr)
