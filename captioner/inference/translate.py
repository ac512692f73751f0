"""A trained translation model, ready for texts of one's own: one way for evaluation and the command line."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch

from captioner.device import best_device
from captioner.errors import UserError
from captioner.models.folder import load_model
from captioner.search.base import SEARCHES
from captioner.search.hypothesis import Hypothesis
from captioner.search.override import override_search
from captioner.training.translate import TranslateTask

BATCH_SIZE = 64
AT_ONCE = 2048  # texts among which those of one length are looked for


class Translation(NamedTuple):
    """What a text may become."""

    symbols: list[str]
    text: str
    log_prob: float
    finished: bool
    alphas_TL: Any | None  # a numpy array
    score: float  # what the search ranks by


class Translated(NamedTuple):
    """A text with its translations, the best first; or why it has none."""

    source: str
    symbols: list[str]
    translations: list[Translation]
    problem: str | None

    @property
    def text(self) -> str:
        """The best translation; empty where there is none."""
        return self.translations[0].text if self.translations else ""


class Translator:
    """A model folder of the task translate, loaded once.

    Args:
        model: the folder.
        search: changes to the model's own search; its words are strings where the model writes characters.
        n_best: translations a text; a beam whose size nobody chose is as wide at least.

    Raises:
        UserError: the folder holds no such model; the search has no such option.
    """

    def __init__(self, model: Path, search: Mapping[str, Any] | None = None, n_best: int = 1) -> None:
        task = load_model(model)
        if not isinstance(task, TranslateTask):
            name = task.config.task["name"]
            raise UserError(f"{model} holds a model for the task {name}, not translate.")
        self.task = task.to(best_device())
        self.symbols = task.symbols
        self.n_best = n_best
        changes = dict(search or {})
        if "prefix" in changes and self.symbols.unit == "characters":
            changes["prefix"] = [" ".join(changes["prefix"])]  # the command line parts it at spaces
        self.decoding = override_search(task.config.search, changes, n_best)
        self.search = SEARCHES.build(self.decoding, vocabulary=self.symbols)

    def __call__(self, texts: Sequence[str], unknown: bool = False) -> Iterator[Translated]:
        """Translations in the order of the texts.

        A text with a symbol that the model has never seen comes back with that problem; with `unknown` it is
        read as `<unk>`. Texts of one length are read together.
        """
        encode: Callable[[str], list[int]] = self.symbols.encode if unknown else self.symbols.encode_known
        for start in range(0, len(texts), AT_ONCE):
            yield from self._translate(texts[start : start + AT_ONCE], encode)

    def check_has_attention(self) -> None:
        """Make sure that there is an alignment to show.

        Raises:
            UserError: the decoder does not look back at the source.
        """
        if not self.task.decoder.has_attention or self.task.encoder_view != "outputs":
            what = f"{self.task.config.decoder['name']}, shown the encoder's {self.task.encoder_view}"
            raise UserError(
                f"The model's decoder ({what}) does not look back at the source: no alignment to draw."
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
                for place, hypotheses in zip(places, self._read(sources), strict=True):
                    translations = [self._translation(one) for one in hypotheses]
                    found[place] = found[place]._replace(translations=translations)
        return found

    @torch.inference_mode()
    def _read(self, sources: Sequence[list[int]]) -> list[list[Hypothesis]]:
        features_BLF = self.task.features(torch.tensor(sources, device=self.task.device))
        return self.search(self.task.decoder, features_BLF, self.n_best)

    def _translation(self, hypothesis: Hypothesis) -> Translation:
        symbols = self.task.vocabulary.decode(hypothesis.tokens)
        return Translation(
            symbols,
            self.symbols.join(symbols),
            hypothesis.log_prob,
            hypothesis.finished,
            None if hypothesis.alphas_TL is None else hypothesis.alphas_TL.float().numpy(),
            hypothesis.score,
        )
