"""Check and label what all models share that write sentences."""

from collections.abc import Sequence

from captioner.config import Config
from captioner.decoders.base import DECODERS, FACTS, Decoder
from captioner.search.base import SEARCHES
from captioner.vocabulary import Vocabulary


def check_sentence_options(config: Config) -> None:
    """Refuse a mistake in the decoder, its cell or a search.

    Raises:
        UserError: one sentence with the nearest right name.
    """
    DECODERS.check(config.decoder, facts=FACTS)
    for search in (config.search, config.task.get("validation_search")):
        if search:
            SEARCHES.check(search)


def decoder_row_labels(decoder: Decoder, vocabulary: Vocabulary) -> dict[str, tuple[int, Sequence[str]]]:
    """Return the decoder's tensors with a row for each word, as `Model.row_labels` does."""
    return {f"decoder.{name}": (first, vocabulary.words) for name, first in decoder.word_rows().items()}
