"""Define the character language model.      N rows, T time, H hidden."""

from collections.abc import Sequence
from typing import Any, ClassVar, Literal

from captioner.config import Component, Config
from captioner.data.text.alphabet import Alphabet
from captioner.data.text.corpus import CORPORA
from captioner.decoders.base import DECODERS, FACTS
from captioner.decoders.language_model import LanguageModel
from captioner.errors import UserError
from captioner.models.base import MODELS, Model, check_unused_options, label_rows
from captioner.models.prompt import PromptedLM, PromptState
from captioner.search.text_rules import check_text_rules
from captioner.vocabulary import Vocabulary

UNUSED = (
    *("encoder", "text_encoder", "head", "vocabulary", "objective"),
    *("training.captions_per_image", "training.max_words", "training.augment"),
)


@MODELS.register("char_lm")
class CharLanguageModel(Model):
    """A recurrent language model of characters or bytes.

    Args:
        config: `decoder` says what is built, `data.unit` what a symbol is.
        vocabulary: the symbols.
        prompt_state: what a text follows that is written, scored or validated: `zero` for a line feed and a
            zero state; `carried` for the last character and state of training's first stream, which the model
            folder keeps. A model trained on one stream starts from zero only once, and may not find its way
            into words from there.

    Attributes:
        alphabet: text to symbols and back.
        text: length and hash of the text that the model was trained on.
    """

    sources = CORPORA
    default_search: ClassVar[Component] = {"name": "sample", "max_length": 500}
    not_inherited = ("prompt_state.",)  # of the text that was trained on

    def __init__(
        self, config: Config, vocabulary: Vocabulary, prompt_state: Literal["zero", "carried"] = "zero"
    ) -> None:
        super().__init__(config, vocabulary)
        self.alphabet = Alphabet(vocabulary, config.data.get("unit", "characters"))
        decoder = DECODERS.build(config.decoder, feature_dim=0, vocab_size=len(vocabulary), endless=True)
        assert isinstance(decoder, LanguageModel)
        self.decoder = decoder
        self.has_one_hot_input = decoder.symbols is None
        self.prompt_state = PromptState(decoder, self.line_feed) if prompt_state == "carried" else None
        self.text: dict[str, Any] = {}

    @classmethod
    def check(cls, config: Config) -> None:
        """Refuse a mistake in the decoder or its cell, a search of sentences, and options of captioning."""
        DECODERS.check(config.decoder, facts=FACTS)
        if config.decoder["name"] != "language_model":
            raise UserError(
                f"The task char_lm needs the decoder language_model, not {config.decoder['name']}."
            )
        if config.search:
            check_text_rules(config.search)
        check_unused_options(config, UNUSED)

    def to_card(self) -> dict[str, Any]:
        """Return length and hash of the training text."""
        return {"text": self.text}

    def load_card(self, card: Any) -> None:
        """Restore length and hash of the training text."""
        self.text = card["text"]

    def row_labels(self) -> dict[str, tuple[int, Sequence[str]]]:
        """See `Model`."""
        return label_rows("decoder", self.decoder.word_rows(), self.vocabulary.words)

    @property
    def prompted(self) -> PromptedLM:
        """The model at the start of a text, as the option `prompt_state` says."""
        if self.prompt_state is None:
            return PromptedLM(self.decoder, self.line_feed)
        return PromptedLM(self.decoder, int(self.prompt_state.token), self.prompt_state.state)

    @property
    def line_feed(self) -> int:
        """A line feed as the model reads it; in a text that has none, the first of its symbols."""
        symbols = self.alphabet.symbols
        symbol = "\n" if "\n" in symbols else symbols[0]
        raw = symbol.encode("latin-1") if self.alphabet.unit == "bytes" else symbol
        return int(self.alphabet.encode(raw)[0])
