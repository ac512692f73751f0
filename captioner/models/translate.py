"""Define the translation model: a text encoder and a decoder.

B sentences, L symbols of a source, F feature, S size of a recurrent state.
"""

from collections.abc import Sequence
from typing import ClassVar, Literal

from torch import Tensor

from captioner.config import Component, Config
from captioner.data.translation.base import PAIR_SOURCES
from captioner.data.translation.symbols import Symbols, Unit
from captioner.decoders.base import DECODERS, FACTS
from captioner.encoders.text_encoder import TextEncoder
from captioner.models.base import BEAM, MODELS, Model, check_unused_options, label_rows
from captioner.registry import check_options
from captioner.vocabulary import Vocabulary

UNUSED = ("encoder", "head", "training.captions_per_image", "training.max_words", "training.augment")


@MODELS.register("translate")
class TranslationModel(Model):
    """A recurrent text encoder whose features a decoder turns into a sentence.

    The decoder is one that captions images: it takes the encoded source as features_BLF. Source and target
    share one vocabulary.

    Args:
        config: `text_encoder` and `decoder` say what is built.
        vocabulary: the symbols of sources and targets.
        unit: what a symbol is.
        source_features: `outputs`, one location after every symbol (L of them: an attending decoder aligns
            with the source, Bahdanau et al., 2015), or `state`, the state after the last symbol alone, of
            every layer (L = 1, Sutskever et al., 2014).
    """

    sources = PAIR_SOURCES
    default_search: ClassVar[Component] = BEAM

    def __init__(
        self,
        config: Config,
        vocabulary: Vocabulary,
        unit: Unit = "characters",
        source_features: Literal["outputs", "state"] = "outputs",
    ) -> None:
        super().__init__(config, vocabulary)
        self.symbols = Symbols(vocabulary, unit)
        self.source_features = source_features
        self.text_encoder = TextEncoder(len(vocabulary), **config.text_encoder)
        feature_dim = self.text_encoder.feature_dim
        if source_features == "state":
            feature_dim = self.text_encoder.state_dim
        self.decoder = DECODERS.build(config.decoder, feature_dim=feature_dim, vocab_size=len(vocabulary))

    @classmethod
    def check(cls, config: Config) -> None:
        """Refuse a mistake in the text encoder, the decoder or its cell."""
        check_options("text_encoder", TextEncoder, config.text_encoder, facts=("vocab_size",))
        DECODERS.check(config.decoder, facts=FACTS)
        check_unused_options(config, UNUSED)

    def features(self, sources_BL: Tensor) -> Tensor:
        """Return features_BLF of sources of one length."""
        encoded = self.text_encoder(sources_BL)
        features_BLF: Tensor = encoded.outputs_NTF
        if self.source_features == "state":
            features_BLF = encoded.state_NS.unsqueeze(1)
        return features_BLF

    def row_labels(self) -> dict[str, tuple[int, Sequence[str]]]:
        """See `Model`."""
        words = self.vocabulary.words
        return label_rows("text_encoder", self.text_encoder.word_rows(), words) | label_rows(
            "decoder", self.decoder.word_rows(), words
        )
