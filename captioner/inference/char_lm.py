"""Write and score text with a trained language model.      N rows, T symbols."""

from collections.abc import Callable, Mapping
from copy import copy
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from captioner.data.text.alphabet import Alphabet, Numbers
from captioner.errors import UserError
from captioner.inference.base import PREDICTORS, Predictor
from captioner.inference.generated_text import GeneratedText
from captioner.insight.interpretable_cells.signals import Unit
from captioner.insight.interpretable_cells.units import check_units, held_units
from captioner.metrics.text.likelihood import Array
from captioner.models.char_lm import CharLanguageModel
from captioner.models.prompt import PromptedLM, nll, no_image
from captioner.search.base import SEARCHES, Search
from captioner.search.override import override_search, search_settings
from captioner.search.stepping.interruptible import Interruptible
from captioner.search.stepping.policy import StepModel
from captioner.search.text_rules import check_text_rules
from captioner.search.trace import SearchTrace, TraceEvent
from captioner.vocabulary import SPECIAL

WINDOWS_AT_ONCE = 64


@PREDICTORS.register("char_lm")
class Writer(Predictor[CharLanguageModel]):
    """A character language model, loaded once.

    Args:
        folder: the model folder.
        search: changes to the model's own search, which is sampling where its config does not say.
        n_best: texts at a time; a beam whose size nobody chose is as wide at least.
        clamped: units, by layer from 1 and number from 0, whose memory is held at a value while text is
            written: tanh(c) in an LSTM, h in a cell without a memory beside it.

    Raises:
        UserError: the folder holds no such model or unit; the search has no such option, or it is of
            sentences only.
    """

    model_class = CharLanguageModel

    def __init__(
        self,
        folder: Path | str,
        search: Mapping[str, Any] | None = None,
        n_best: int = 1,
        clamped: Mapping[tuple[int, int], float] | None = None,
    ) -> None:
        super().__init__(folder)
        self._check: Callable[[], None] | None = None
        self._use_search(search, n_best, clamped)

    def changed(
        self,
        search: Mapping[str, Any] | None = None,
        n_best: int = 1,
        clamped: Mapping[tuple[int, int], float] | None = None,
        check: Callable[[], None] | None = None,
    ) -> "Writer":
        """Return a writer with the same model and another search.

        The model is not touched: it may be at work in another thread.

        Args:
            search: changes to the model's own search.
            n_best: texts at a time.
            clamped: units that are held.
            check: called before every symbol; an error that it raises ends the search.

        Returns:
            The writer; this one stays as it is.

        Raises:
            UserError: as a new writer.
        """
        other = copy(self)
        other._check = check
        other._use_search(search, n_best, clamped)
        return other

    def _use_search(
        self,
        search: Mapping[str, Any] | None,
        n_best: int,
        clamped: Mapping[tuple[int, int], float] | None,
    ) -> None:
        self.n_best = n_best
        self.clamped = {Unit(*unit): value for unit, value in (clamped or {}).items()}
        check_units(self.model.decoder.cell, self.clamped)
        self.search_config = override_search(self.model.config.search, search or {}, n_best)
        check_text_rules(self.search_config)
        self.search = SEARCHES.build(self.search_config, vocabulary=self.model.alphabet)

    @property
    def can_stream(self) -> bool:
        """Whether a text is final symbol by symbol."""
        return self.n_best == 1 and self.search_config["name"] in ("greedy", "sample")

    def write(self, prompt: str = "", on_text: Callable[[str], None] | None = None) -> list[GeneratedText]:
        """Write texts that continue a prompt.

        The prompt is the `prefix` of the search: its probability counts, and so do its characters where
        strings are banned.

        Args:
            prompt: the beginning.
            on_text: called with each new piece of a single text, where the predictor `can_stream`; a piece is
                "" while the bytes of a character are incomplete.

        Returns:
            Texts with `max_length` symbols after the prompt, the best first.

        Raises:
            UserError: the prompt has a character that the model does not know; as `Search`.
        """
        return self._generate(prompt, _TextStream(self.model.alphabet, on_text) if on_text else None)

    def write_tree(self, prompt: str, file: Path) -> list[GeneratedText]:
        """Write texts as `write` does, and a page that plays the search."""
        from captioner.insight.search_tree import write_search_tree

        trace = SearchTrace()
        found = self._generate(prompt, trace)
        settings = search_settings(self.search, self.search_config["name"])
        about = {"model": str(self.folder), **settings, "n_best": self.n_best}
        words = [word if word in SPECIAL else repr(word)[1:-1] for word in self.model.vocabulary.words]
        texts = [one.to_json() for one in found]
        write_search_tree(file, repr(prompt), trace.events, words, about, texts)
        return found

    def nll(self, text: str | bytes, window: int | None = None) -> Array:
        """Score a text: -log p of every symbol, in nats, each after all before it.

        Args:
            text: the text.
            window: if given, the text is read in pieces of so many symbols, each predicted from those of its
                own piece alone: the estimate of a model with a fixed context.

        Returns:
            A number a symbol; NaN where nothing is predicted, which is the first symbol and what fills no
            window.

        Raises:
            UserError: the text is empty or has a character that the model does not know.
        """
        if not text:
            raise UserError("The text is empty: there is nothing to score.")
        numbers = self.model.alphabet.encode(text)
        if window is None:
            prompted = self.model.prompted
            tokens_T = torch.tensor([prompted.token, *numbers.tolist()], device=self.model.device)
            return np.asarray(nll(prompted, tokens_T[None])[0].double().cpu())
        if not 1 <= window < len(numbers):
            raise UserError(f"A window must be 1 to {len(numbers) - 1} for this text, not {window}.")
        nats = np.full(len(numbers), np.nan)
        starts = np.arange(0, len(numbers) - window, window)
        nats[1 : 1 + len(starts) * window] = self.nll_in_windows(numbers, starts, window).flatten()
        return nats

    def nll_in_windows(
        self, numbers: Numbers, starts: NDArray[np.int64], window: int, progress: Any = iter
    ) -> Array:
        """Score windows of a text, each read from a zero state.

        Args:
            numbers: the symbols of the text.
            starts: where windows begin; one that reaches over the end continues at the beginning.
            window: symbols that are predicted, after the first one.
            progress: wraps the sequence of batches, for a progress bar.

        Returns:
            (N, window) nats.
        """
        rows, zero = [], PromptedLM(self.model.decoder, self.model.line_feed)
        for some in progress(np.array_split(starts, -(-len(starts) // WINDOWS_AT_ONCE))):
            tokens = numbers.take(some[:, None] + np.arange(window + 1), mode="wrap").astype(np.int64)
            found = nll(zero, torch.from_numpy(tokens).to(self.model.device))
            rows.append(found.double().cpu().numpy())
        return np.concatenate(rows)

    def check_prompt(self, prompt: str) -> None:
        """Make sure that texts can begin with a prompt.

        Args:
            prompt: the beginning.

        Raises:
            UserError: it has a character that the model does not know, or a string that is banned.
        """
        self._search_from(prompt)

    def _search_from(self, prompt: str) -> Search:
        length = self.search.max_length + len(self.model.alphabet.encode(prompt))
        return replace(self.search, prefix=[prompt] if prompt else [], max_length=length)

    def _generate(self, prompt: str, trace: SearchTrace | None) -> list[GeneratedText]:
        model, search = self.model, self._search_from(prompt)
        prompted: StepModel = model.prompted
        if self._check is not None:
            prompted = Interruptible(prompted, self._check)
        with held_units(model.decoder.cell, self.clamped):
            (found,) = search(prompted, no_image(model.decoder, 1), self.n_best, trace)
        return [
            GeneratedText(
                model.alphabet.decode(h.tokens),
                model.alphabet.names(h.tokens),
                h.log_prob,
                h.word_log_probs,
                h.score,
                h.group,
            )
            for h in found
        ]


class _TextStream(SearchTrace):
    """Pass on the characters of a text that only grows, and keep nothing."""

    def __init__(self, alphabet: Alphabet, on_text: Callable[[str], None]) -> None:
        super().__init__()
        self._decode = alphabet.decoder()
        self._on_text = on_text

    def add(self, event: TraceEvent) -> None:
        """Pass on the kept character."""
        self._on_text(self._decode([next(one.token for one in event.candidates if one.kept)]))
