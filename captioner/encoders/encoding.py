"""Encode images in batches.      B batch, L locations, F feature."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from captioner.encoders.base import Encoder
from captioner.encoders.views import View
from captioner.image_reader import read_batches


class EncodedBatch(NamedTuple):
    """Features of the readable images of a batch.

    Attributes:
        keys: of the readable images.
        features_BLF: float32, on the CPU.
        unreadable: the reason, by the key, for each image that cannot be read.
    """

    keys: list[str]
    features_BLF: Tensor
    unreadable: dict[str, str]


def encoded_batches(
    encoder: Encoder, views: Iterable[View], batch_size: int, device: torch.device
) -> Iterator[EncodedBatch]:
    """Compute features in the precision of the encoder; the next batch of images is read meanwhile.

    Args:
        encoder: the encoder, put on `device` in evaluation mode.
        views: the images to encode, taken as they are needed.
        batch_size: images of a batch.
        device: the device of the encoder.

    Yields:
        Batches in the order of the images.
    """
    encoder.to(device).eval()
    images = ((view, view.source) for view in views)
    rows, columns = encoder.grid
    transform = encoder.preprocessing
    for batch in read_batches(
        images, lambda view, image: view.pixels(transform, image), batch_size, min_side=transform.min_side
    ):
        pixels = {one.key.key: one.value for one in batch if one.value is not None}
        features_BLF = torch.empty(0, rows * columns, encoder.feature_dim)
        if pixels:
            with torch.inference_mode():
                features_BLF = encoder.encode(torch.stack(list(pixels.values())).to(device)).cpu()
        yield EncodedBatch(
            list(pixels), features_BLF, {one.key.key: one.problem for one in batch if one.problem}
        )
