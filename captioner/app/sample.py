"""A trained language model, ready to write text and to be surprised by it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from captioner.data.alphabet import Numbers
from captioner.device import best_device
from captioner.errors import UserError
from captioner.metrics.likelihood import Array
from captioner.search.base import SEARCHES
from captioner.search.sampling import Sharpening
from captioner.tasks.char_lm import CharLM
from captioner.tasks.folder import load_model
from captioner.tasks.writing import Choose, Continued, Draw, most_probable, nothing_shown, surprise, write

WINDOWS_AT_ONCE = 64


class Writer:
    """A model folder of the task char_lm, loaded once.

    Raises:
        UserError: the folder holds no such model.
    """

    def __init__(self, model: Path) -> None:
        task = load_model(model)
        if not isinstance(task, CharLM):
            name = task.config.task["name"]
            raise UserError(f"{model} holds a model for the task {name}, not char_lm: it writes no text.")
        self.task = task.to(best_device())

    def write(self, prompt: str, length: int, num_streams: int, choose: Choose) -> Iterator[list[str]]:
        """Text that goes on from the prompt, a piece for each stream at a time.

        A piece is "" while the bytes of a character are incomplete. An empty prompt stands for the start of a
        line.

        Raises:
            UserError: the prompt has a character that the model has never seen.
        """
        decoders = [self.task.alphabet.decoder() for _ in range(num_streams)]
        written = write(self.task.decoder, self._prompt(prompt), num_streams, choose)
        for _ in range(length):
            numbers = next(written).tolist()
            yield [decode([number]) for decode, number in zip(decoders, numbers, strict=True)]

    @torch.inference_mode()
    def search(self, prompt: str, length: int, beam_size: int, n_best: int) -> list[tuple[str, float]]:
        """What a beam search goes on with, the most probable first, with its log-probability.

        Raises:
            UserError: as `write`; more texts are asked for than beams.
        """
        beam = SEARCHES.build({"name": "beam", "beam_size": beam_size, "max_length": length})
        decoder = self.task.decoder
        found = beam(Continued(decoder, self._prompt(prompt)), nothing_shown(decoder, 1), n_best)
        return [(self.task.alphabet.decode(h.tokens), h.log_probability) for h in found[0]]

    def surprise(self, text: str | bytes, window: int | None = None) -> Array:
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
            tokens_T = torch.tensor([self.task.opening, *numbers.tolist()], device=self.task.device)
            return np.asarray(surprise(self.task.decoder, tokens_T[None])[0].double().cpu())
        if not 1 <= window < len(numbers):
            raise UserError(f"A window must be 1 to {len(numbers) - 1} for this text, not {window}.")
        nats = np.full(len(numbers), np.nan)
        starts = np.arange(0, len(numbers) - window, window)
        nats[1 : 1 + len(starts) * window] = self.surprise_in_windows(numbers, starts, window).flatten()
        return nats

    def surprise_in_windows(
        self, numbers: Numbers, starts: NDArray[np.int64], window: int, progress: Any = iter
    ) -> Array:
        """A row for each start: nats of the `window` symbols after it, read from a zero state there.

        A window over the end goes on at the beginning. `progress` wraps the sequence of batches, for a bar.
        """
        rows = []
        for some in progress(np.array_split(starts, -(-len(starts) // WINDOWS_AT_ONCE))):
            tokens = numbers.take(some[:, None] + np.arange(window + 1), mode="wrap").astype(np.int64)
            found = surprise(self.task.decoder, torch.from_numpy(tokens).to(self.task.device))
            rows.append(found.double().cpu().numpy())
        return np.concatenate(rows)

    def _prompt(self, prompt: str) -> torch.Tensor:
        numbers = self.task.alphabet.encode(prompt).tolist() if prompt else [self.task.opening]
        return torch.tensor(numbers, device=self.task.device)


def chooser(
    temperature: float = 1.0,
    top_k: int = 0,
    top_p: float = 1.0,
    argmax: bool = False,
    seed: int | None = None,
) -> Choose:
    """How the next character is chosen.

    Raises:
        UserError: an option is out of range.
    """
    if not temperature > 0:
        raise UserError(f"--temperature must be above 0, not {temperature}: as a limit take --argmax.")
    if top_k < 0:
        raise UserError(f"--top-k must be 0 (all) or more, not {top_k}.")
    if not 0 < top_p <= 1:
        raise UserError(f"--top-p is a probability above 0, not {top_p}.")
    return most_probable if argmax else Draw(Sharpening(temperature, top_k, top_p, 0.0), seed)
