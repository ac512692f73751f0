"""Pictures through an encoder once, in batches of 16-bit rows.      B batch, L locations, F feature."""

from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import NamedTuple

import torch
from torch import Tensor

from captioner.encoders.base import Encoder
from captioner.errors import UserError
from captioner.images import ImageSource, Preprocessing, UnreadableImage, load_image

LARGEST = torch.finfo(torch.float16).max
LOADERS = 4  # threads that read pictures while the encoder works

Pictures = Sequence[tuple[str, ImageSource]]  # each with the key that names it


class EncodedBatch(NamedTuple):
    """The readable pictures, their rows (L, F) one after the other, and the sentence about each other one."""

    pictures: Pictures
    rows: bytes
    unreadable: dict[str, str]


def encoded_batches(
    encoder: Encoder, pictures: Pictures, batch_size: int, device: torch.device
) -> Iterator[EncodedBatch]:
    """Features of all pictures, computed in float32 on `device`.

    Raises:
        UserError: a feature is beyond what 16 bits hold.
    """
    encoder.to(device).eval()
    for batch, loaded in _batches(pictures, batch_size, encoder.preprocessing):
        pairs = list(zip(batch, loaded, strict=True))
        good = [picture for picture, got in pairs if isinstance(got, Tensor)]
        pixels = [got for got in loaded if isinstance(got, Tensor)]
        rows = _rows(encoder, pixels, [key for key, _ in good], device) if pixels else b""
        yield EncodedBatch(
            good, rows, {key: str(got) for (key, _), got in pairs if isinstance(got, UserError)}
        )


def _batches(
    pictures: Pictures, batch_size: int, preprocessing: Preprocessing
) -> Iterator[tuple[Pictures, list[Tensor | UserError]]]:
    """Batches and their pixels or what is wrong with them; the next one is read while this one is used."""
    with ThreadPoolExecutor(LOADERS) as pool:
        ahead: list[tuple[Pictures, list[Future[Tensor | UserError]]]] = []
        try:
            for start in range(0, len(pictures), batch_size):
                batch = pictures[start : start + batch_size]
                ahead.append((batch, [pool.submit(_pixels, preprocessing, source) for _, source in batch]))
                if len(ahead) == 2:
                    earlier, coming = ahead.pop(0)
                    yield earlier, [future.result() for future in coming]
            for last, coming in ahead:
                yield last, [future.result() for future in coming]
        finally:
            pool.shutdown(cancel_futures=True)


def _pixels(preprocessing: Preprocessing, source: ImageSource) -> Tensor | UserError:
    try:
        return preprocessing(load_image(source))
    except UnreadableImage as error:
        return error


@torch.inference_mode()
def _rows(encoder: Encoder, pixels: list[Tensor], keys: list[str], device: torch.device) -> bytes:
    features_BLF = encoder(torch.stack(pixels).to(device)).float().cpu()
    largest_B = features_BLF.abs().flatten(1).amax(dim=1)
    if not (largest_B <= LARGEST).all():
        worst = int((largest_B <= LARGEST).logical_not().nonzero()[0])
        raise UserError(
            f"A feature of {keys[worst]} is {float(largest_B[worst]):g}, but a 16-bit store holds at most "
            f"{LARGEST:g}: train without the store."
        )
    rows: bytes = features_BLF.half().contiguous().numpy().tobytes()
    return rows
