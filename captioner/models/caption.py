"""Define the captioning model: an image encoder and a decoder.      B images, L locations, F feature."""

import math
from collections.abc import Sequence
from typing import ClassVar, NamedTuple

from torch import Tensor

from captioner.config import Component, Config
from captioner.data.captions.base import CAPTION_SOURCES
from captioner.decoders.base import DECODERS, FACTS
from captioner.encoders.base import ENCODERS, Encoder
from captioner.models.base import BEAM, MODELS, check_unused_options, label_rows
from captioner.models.image_model import ImageModel, build_encoder
from captioner.vocabulary import Vocabulary


class WrittenBatch(NamedTuple):
    """Images with a caption each.

    Args:
        features_BLF: of the images.
        tokens: the words of each caption, without the end.
    """

    features_BLF: Tensor
    tokens: Sequence[Sequence[int]]


@MODELS.register("caption")
class CaptionModel(ImageModel):
    """An image encoder whose features a decoder turns into a sentence.

    Args:
        config: `encoder` and `decoder` say what is built.
        vocabulary: the words of the captions.
    """

    sources = CAPTION_SOURCES
    default_search: ClassVar[Component] = BEAM
    encoder: Encoder

    def __init__(self, config: Config, vocabulary: Vocabulary) -> None:
        super().__init__(config, vocabulary)
        self.encoder = build_encoder(config.encoder)
        self.decoder = DECODERS.build(
            config.decoder,
            feature_dim=self.encoder.feature_dim,
            num_locations=math.prod(self.encoder.grid),
            vocab_size=len(vocabulary),
        )

    @classmethod
    def check(cls, config: Config) -> None:
        """Refuse a mistake in the encoder, the decoder or its cell."""
        ENCODERS.check(config.encoder)
        DECODERS.check(config.decoder, facts=FACTS)
        check_unused_options(config, ("text_encoder", "head"))

    def row_labels(self) -> dict[str, tuple[int, Sequence[str]]]:
        """See `Model`."""
        return label_rows("decoder", self.decoder.word_rows(), self.vocabulary.words)
