"""Define models that read images.      B images, C channels, H height, W width, L locations, F feature."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from captioner.config import Component
from captioner.encoders.base import ENCODERS, Encoder
from captioner.models.base import Model
from captioner.precision import Precision
from captioner.preprocessing import Preprocessing


class ImageModel(Model):
    """A model with an image encoder, or None where it uses no image. Subclasses are final, or abstract."""

    encoder: Encoder | None

    def to_card(self) -> dict[str, Any]:
        """Return the preprocessing of images."""
        return {} if self.encoder is None else {"preprocessing": self.encoder.preprocessing.to_dict()}

    def load_card(self, card: Mapping[str, Any]) -> None:
        """Restore the preprocessing of images."""
        if self.encoder is not None:
            self.encoder.preprocessing = Preprocessing.from_dict(card["preprocessing"])

    def features(self, pictures: Tensor) -> Tensor:
        """Compute features_BLF of images_BCHW, or of the stored features of the encoder's frozen part."""
        if self.encoder is None:
            return pictures
        if pictures.ndim == 3:
            return self.encoder.forward_from(pictures)
        if torch.is_autocast_enabled("cpu"):  # see `Encoder.encode`: VGG16 trains 2.8 times as fast, not 2.1
            pictures = pictures.contiguous(memory_format=torch.channels_last)
        features_BLF: Tensor = self.encoder(pictures)
        return features_BLF

    def encode_images(self, pixels: list[Tensor]) -> Tensor:
        """Encode images.

        Args:
            pixels: pixels_CHW of each, as `encoder.preprocessing` makes them.

        Returns:
            features_BLF, in single precision; with L = 0 where it uses no image.
        """
        if self.encoder is None:
            return torch.zeros(len(pixels), 0, 0, device=self.device)
        return self.encoder.encode(torch.stack(pixels).to(self.device))

    def prepare_encoder(self, precision: Precision) -> None:
        """Make the encoder fast, for a model that is not trained any more.

        The decoder or head stays in single precision: the eight digits of bf16 are too few for logits.

        Args:
            precision: fp32, bf16 or fp16, that the encoder's weights are cast to.
        """
        # Imported here: only predictors need it.
        from captioner.encoders.inference import for_inference

        if self.encoder is not None:
            self.encoder = for_inference(self.encoder, precision)

    def describe_encoder(self) -> str:
        """Return a line on the shape of the features."""
        if self.encoder is None:
            return "encoder    none: the model uses no image"
        rows, columns = self.encoder.grid
        name = self.config.encoder["name"]
        return f"encoder    {name}: {rows} x {columns} locations of {self.encoder.feature_dim}"


def build_encoder(config: Component) -> Encoder:
    """Build the encoder of a config in the memory format that is fastest."""
    # Convolutions are faster with the channels last, on CPUs and GPUs alike.
    return ENCODERS.build(config).to(memory_format=torch.channels_last)
