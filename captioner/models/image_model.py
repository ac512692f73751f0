"""What tasks that look at pictures share: the encoder, how it learns, what is done to a picture."""

from collections.abc import Sequence
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from captioner.config import Component
from captioner.encoders.base import ENCODERS, Encoder
from captioner.images import Preprocessing
from captioner.training.task import Task


class ImageTask(Task):
    """A task with an encoder, or None where the model does not look. Subclasses are final, or abstract too.

    Batches have `pictures`, images_BCHW or features_BLF.
    """

    encoder: Encoder | None

    def to_card(self) -> dict[str, Any]:
        """What is done to a picture before the encoder sees it."""
        return {} if self.encoder is None else {"preprocessing": self.encoder.preprocessing.to_dict()}

    def from_card(self, card: dict[str, Any]) -> None:
        """Do to pictures what was done in training."""
        if self.encoder is not None:
            self.encoder.preprocessing = Preprocessing.from_dict(card["preprocessing"])

    def features(self, pictures: Tensor) -> Tensor:
        """features_BLF of pixels, or of features that were stored."""
        if pictures.ndim == 3:
            return pictures
        assert self.encoder is not None
        features_BLF: Tensor = self.encoder(pictures)
        return features_BLF

    def encode_images(self, images: Sequence[Image.Image | None]) -> Tensor:
        """features_BLF of pictures; of no locations where the model does not look."""
        if self.encoder is None:
            return torch.zeros(len(images), 0, 0, device=self.device)
        pixels = [self.encoder.preprocessing(image) for image in images if image is not None]
        return self.features(torch.stack(pixels).to(self.device))

    def encode(self, batch: Any) -> Any:
        """The batch with features_BLF as its pictures; one of which no picture could be read has none."""
        return batch._replace(pictures=self.features(batch.pictures)) if len(batch.pictures) else batch

    def encoder_groups(self) -> list[dict[str, Any]]:
        """The encoder's trained parameters at its own rate."""
        groups = [] if self.encoder is None else self.encoder.trained_groups()
        return [
            {"params": g.parameters} | ({} if g.learning_rate is None else {"lr": g.learning_rate})
            for g in groups
            if g.parameters
        ]

    def describe_encoder(self) -> str:
        """A line on what the encoder makes of a picture."""
        if self.encoder is None:
            return "encoder    none: the model does not look"
        rows, columns = self.encoder.grid
        name = self.config.encoder["name"]
        return f"encoder    {name}: {rows} x {columns} locations of {self.encoder.feature_dim}"


def make_encoder(config: Component) -> Encoder:
    """The encoder of a config, laid out for speed."""
    # Convolutions are faster with the channels last, on CPUs and GPUs alike.
    return ENCODERS.build(config).to(memory_format=torch.channels_last)
