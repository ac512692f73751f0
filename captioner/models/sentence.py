"""Check the options that all models share that write sentences."""

from captioner.config import Config
from captioner.decoders.base import DECODERS, FACTS
from captioner.search.base import SEARCHES


def check_sentence_options(config: Config) -> None:
    """Refuse a mistake in the decoder, its cell or a search.

    Args:
        config: the run.

    Raises:
        UserError: one sentence with the nearest right name.
    """
    DECODERS.check(config.decoder, facts=FACTS)
    for search in (config.search, config.task.get("validation_search")):
        if search:
            SEARCHES.check(search)
