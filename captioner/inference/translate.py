"""Translate texts with a trained model.      T symbols written, L symbols of the source."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch

from captioner.errors import UserError
from captioner.inference.base import PREDICTORS, Predictor
from captioner.models.translate import TranslationModel
from captioner.search.base import SEARCHES
from captioner.search.hypothesis import Hypothesis
from captioner.search.override import override_search

BATCH_SIZE = 64
AT_ONCE = 2048  # texts among which those of one length are translated together


class Translation(NamedTuple):
    """A translation of a text.

    Attributes:
        words: its symbols.
        text: the symbols joined.
        log_prob: its log-probability, the end included.
        finished: False for a translation that was cut at the maximal length.
        alphas_TL: attention to the source at each symbol, a numpy array; None without attention.
        score: what the search ranks by.
    """

    words: list[str]
    text: str
    log_prob: float
    finished: bool
    alphas_TL: Any | None
    score: float


class Translated(NamedTuple):
    """A text with its translations, the best first; or why it has none.

    Attributes:
        source: the text.
        symbols: its symbols.
        translations: one or more, if the model knows all symbols.
        problem: why the text could not be read, or None.
    """

    source: str
    symbols: list[str]
    translations: list[Translation]
    problem: str | None

    @property
    def text(self) -> str:
        """The best translation; empty where there is none."""
        return self.translations[0].text if self.translations else ""

    @property
    def words(self) -> list[str]:
        """The symbols of the best translation."""
        return self.translations[0].words if self.translations else []

    @property
    def log_prob(self) -> float:
        """The log-probability of the best translation."""
        return self.translations[0].log_prob if self.translations else -float("inf")

    @property
    def attention(self) -> Any | None:
        """Attention to the source at each symbol, (T, L); None without attention."""
        return self.translations[0].alphas_TL if self.translations else None


@PREDICTORS.register("translate")
class Translator(Predictor[TranslationModel]):
    """A translation model, loaded once.

    Args:
        folder: the model folder.
        search: changes to the model's own search; its words are strings where the model writes characters.
        n_best: translations a text; a beam whose size nobody chose is as wide at least.

    Raises:
        UserError: the folder holds no such model; the search has no such option.
    """

    model_class = TranslationModel

    def __init__(self, folder: Path | str, search: Mapping[str, Any] | None = None, n_best: int = 1) -> None:
        super().__init__(folder)
        self.symbols = self.model.symbols
        self.n_best = n_best
        changes = dict(search or {})
        if "prefix" in changes and self.symbols.unit == "characters":
            changes["prefix"] = [" ".join(changes["prefix"])]  # the command line parts it at spaces
        self.search_config = override_search(self.model.config.search, changes, n_best)
        self.search = SEARCHES.build(self.search_config, vocabulary=self.symbols)

    def translate(self, texts: str | list[str]) -> Translated | list[Translated]:
        """Translate one text, or a list of texts.

        Args:
            texts: one or several sources.

        Returns:
            The translated text, or a list of them in order, in which a text that cannot be read has a
            `problem`.

        Raises:
            UserError: the one text has a symbol that the model does not know.
        """
        if isinstance(texts, list):
            return list(self.stream(texts))
        (found,) = self.stream([texts])
        if found.problem:
            raise UserError(found.problem)
        return found

    def stream(self, texts: Sequence[str], unknown: bool = False) -> Iterator[Translated]:
        """Translate texts in their order; those of one length are translated together.

        Args:
            texts: the sources.
            unknown: whether a symbol that the model does not know is read as `<unk>`; a text with one has a
                problem otherwise.

        Yields:
            The texts with their translations.
        """
        encode: Callable[[str], list[int]] = self.symbols.encode if unknown else self.symbols.encode_known
        for start in range(0, len(texts), AT_ONCE):
            yield from self._translate(texts[start : start + AT_ONCE], encode)

    def check_has_attention(self) -> None:
        """Make sure that there is an alignment to draw.

        Raises:
            UserError: the decoder does not attend to the source.
        """
        if not self.model.decoder.has_attention or self.model.source_features != "outputs":
            what = f"{self.model.config.decoder['name']}, given the encoder's {self.model.source_features}"
            raise UserError(
                f"The model's decoder ({what}) does not attend to the source: no alignment to draw."
            )

    def _translate(self, texts: Sequence[str], encode: Callable[[str], list[int]]) -> list[Translated]:
        found = [Translated(text, self.symbols.split(text), [], None) for text in texts]
        by_length: dict[int, list[tuple[int, list[int]]]] = {}
        for number, text in enumerate(texts):
            try:
                numbers = encode(text)
            except UserError as problem:
                found[number] = found[number]._replace(problem=str(problem))
                continue
            by_length.setdefault(len(numbers), []).append((number, numbers))
        for own in by_length.values():
            for start in range(0, len(own), BATCH_SIZE):
                places, sources = zip(*own[start : start + BATCH_SIZE], strict=True)
                for place, hypotheses in zip(places, self._search(sources), strict=True):
                    translations = [self._translation(one) for one in hypotheses]
                    found[place] = found[place]._replace(translations=translations)
        return found

    @torch.inference_mode()
    def _search(self, sources: Sequence[list[int]]) -> list[list[Hypothesis]]:
        features_BLF = self.model.features(torch.tensor(sources, device=self.model.device))
        return self.search(self.model.decoder, features_BLF, self.n_best)

    def _translation(self, found: Hypothesis) -> Translation:
        words = self.model.vocabulary.decode(found.tokens)
        return Translation(
            words,
            self.symbols.join(words),
            found.log_prob,
            found.finished,
            None if found.alphas_TL is None else found.alphas_TL.float().numpy(),
            found.score,
        )
