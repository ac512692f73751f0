"""Encode images in batches, to rows of 16-bit floats.      B batch, L locations, F feature."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from captioner.encoders.base import Encoder
from captioner.encoders.views import View
from captioner.errors import UserError
from captioner.image_reader import read_batches

LARGEST = torch.finfo(torch.float16).max


class EncodedBatch(NamedTuple):
    """Keys of the readable images, the bytes of their rows (L, F), and the reason for each unreadable one."""

    keys: list[str]
    rows: bytes
    unreadable: dict[str, str]


def encoded_batches(
    encoder: Encoder, views: Sequence[View], batch_size: int, device: torch.device
) -> Iterator[EncodedBatch]:
    """Compute features in float32; the next batch of images is read meanwhile.

    Args:
        encoder: the encoder, put on `device` in evaluation mode.
        views: the images to encode.
        batch_size: images that are written at a time.
        device: the device of the encoder.

    Yields:
        Batches in the order of the images.

    Raises:
        UserError: a feature is beyond what 16 bits hold.
    """
    encoder.to(device).eval()
    images = [(view, view.source) for view in views]
    for batch in read_batches(images, lambda v, image: v.pixels(encoder.preprocessing, image), batch_size):
        pixels = {one.key.key: one.value for one in batch if one.value is not None}
        rows = _rows(encoder, pixels, device) if pixels else b""
        yield EncodedBatch(list(pixels), rows, {one.key.key: one.problem for one in batch if one.problem})


@torch.inference_mode()
def _rows(encoder: Encoder, pixels: dict[str, Tensor], device: torch.device) -> bytes:
    features_BLF = encoder.encode(torch.stack(list(pixels.values())).to(device)).float().cpu()
    largest_B = features_BLF.abs().flatten(1).amax(dim=1)
    if not (largest_B <= LARGEST).all():
        worst = int((largest_B <= LARGEST).logical_not().nonzero()[0])
        raise UserError(
            f"A feature of {list(pixels)[worst]} is {float(largest_B[worst]):g}, but a 16-bit store holds at "
            f"most {LARGEST:g}: train without the store."
        )
    rows: bytes = features_BLF.half().contiguous().numpy().tobytes()
    return rows
