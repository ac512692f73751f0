"""A trained language model, ready to write text and to be surprised by it."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from captioner.data.text.alphabet import Alphabet, Numbers
from captioner.device import best_device
from captioner.errors import UserError
from captioner.insight.search_tree import write_search_tree
from captioner.metrics.text.likelihood import Array
from captioner.models.folder import load_model
from captioner.models.prompt import PromptedLM, nll, no_image
from captioner.search.base import SEARCHES
from captioner.search.override import override_search, search_settings
from captioner.search.text_rules import check_text_rules
from captioner.search.trace import SearchTrace, TraceEvent
from captioner.training.char_lm import CharLM
from captioner.vocabulary import SPECIAL

WINDOWS_AT_ONCE = 64


class GeneratedText(NamedTuple):
    """A text with its prompt."""

    text: str
    symbols: list[str]  # its characters, or the digits of its bytes
    log_prob: float
    symbol_log_probs: list[float]
    score: float  # what the search ranks by
    group: int  # of diverse beam search


class Writer:
    """A model folder of the task char_lm, loaded once.

    Args:
        model: the folder.
        search: changes to the model's own search, which sampling is where its config does not tell.
        n_best: texts at a time; a beam whose size nobody chose is as wide at least.

    Raises:
        UserError: the folder holds no such model; the search has no such option, or it is of sentences only.
    """

    def __init__(self, model: Path, search: Mapping[str, Any] | None = None, n_best: int = 1) -> None:
        task = load_model(model)
        if not isinstance(task, CharLM):
            name = task.config.task["name"]
            raise UserError(f"{model} holds a model for the task {name}, not char_lm: it writes no text.")
        self.model = model
        self.task = task.to(best_device())
        self.n_best = n_best
        self.decoding = override_search(task.config.search, search or {}, n_best)
        check_text_rules(self.decoding)
        self.search = SEARCHES.build(self.decoding, vocabulary=task.alphabet)

    @property
    def grows(self) -> bool:
        """Whether a text is written for good character by character."""
        return self.n_best == 1 and self.decoding["name"] in ("greedy", "sample")

    def write(self, prompt: str = "", hear: Callable[[str], None] | None = None) -> list[GeneratedText]:
        """Texts that go on from the prompt, `max_length` characters of it, the best first.

        The prompt is the `prefix` of the search: its probability counts, and so do its characters where
        strings are forbidden. `hear` is told of a single text piece by piece, as it `grows`; a piece is ""
        while the bytes of a character are incomplete.

        Raises:
            UserError: the prompt has a character that the model has never seen; as `Search`.
        """
        return self._read_out(prompt, _Listener(self.task.alphabet, hear) if hear else None)

    def write_tree(self, prompt: str, file: Path) -> list[GeneratedText]:
        """The same, and a page that plays the search."""
        trace = SearchTrace()
        written = self._read_out(prompt, trace)
        told = {
            "model": self.model,
            **search_settings(self.search, self.decoding["name"]),
            "n_best": self.n_best,
        }
        answers = [(repr(one.text), one.log_prob, one.score) for one in written]
        words = [word if word in SPECIAL else repr(word)[1:-1] for word in self.task.vocabulary.words]
        write_search_tree(file, repr(prompt), trace.events, words, told, answers)
        return written

    def _read_out(self, prompt: str, trace: SearchTrace | None) -> list[GeneratedText]:
        task, prefix = self.task, [prompt] if prompt else []
        length = self.search.max_length + len(task.alphabet.encode(prompt))
        search = replace(self.search, prefix=prefix, max_length=length)
        features_BLF = no_image(task.decoder, 1)
        (found,) = search(task.prompted, features_BLF, self.n_best, trace)
        return [
            GeneratedText(
                task.alphabet.decode(h.tokens),
                task.alphabet.names(h.tokens),
                h.log_prob,
                h.word_log_probs,
                h.score,
                h.group,
            )
            for h in found
        ]

    def nll(self, text: str | bytes, window: int | None = None) -> Array:
        """-log p of every symbol of a text, in nats, each after all before it.

        `window` reads the text in pieces of so many symbols, each predicted with those of its own piece in
        view alone: the estimate of a model with a fixed context (nanoGPT takes it from random windows). What
        is not predicted, the first symbol and what fills no window, is NaN.

        Raises:
            UserError: the text is empty or has a character that the model has never seen.
        """
        if not text:
            raise UserError("The text is empty: there is nothing to score.")
        numbers = self.task.alphabet.encode(text)
        if window is None:
            prompted = self.task.prompted
            tokens_T = torch.tensor([prompted.prompt_state, *numbers.tolist()], device=self.task.device)
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
        """A row for each start: nats of the `window` symbols after it, read from a zero state there.

        A window over the end goes on at the beginning. `progress` wraps the sequence of batches, for a bar.
        """
        rows, zero = [], PromptedLM(self.task.decoder, self.task.line_feed)
        for some in progress(np.array_split(starts, -(-len(starts) // WINDOWS_AT_ONCE))):
            tokens = numbers.take(some[:, None] + np.arange(window + 1), mode="wrap").astype(np.int64)
            found = nll(zero, torch.from_numpy(tokens).to(self.task.device))
            rows.append(found.double().cpu().numpy())
        return np.concatenate(rows)


class _Listener(SearchTrace):
    """Hears the characters of a text that only grows."""

    def __init__(self, alphabet: Alphabet, hear: Callable[[str], None]) -> None:
        super().__init__()
        self._decode = alphabet.decoder()
        self._hear = hear

    def add(self, event: TraceEvent) -> None:
        """Tell of the character, and remember nothing."""
        self._hear(self._decode([next(one.token for one in event.candidates if one.kept)]))
