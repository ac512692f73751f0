"""Read a text with a language model and record every state and gate.

S streams, T characters, N rows, L characters of a row, V vocabulary, H hidden, K columns: H for each signal.
"""

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from captioner.cells.base import State
from captioner.data.text.alphabet import Numbers
from captioner.decoders.language_model import LanguageModel
from captioner.insight.interpretable_cells.recording import TOP, Half, Recording
from captioner.insight.interpretable_cells.signals import Signal
from captioner.insight.interpretable_cells.units import signals_of
from captioner.models.prompt import PromptedLM, no_image

STREAMS = 64
"""Parts of a text that are read side by side."""
WARM_UP = 200
"""Characters read before each part but the first, and not recorded, so that its state is the text's."""
CHUNK = 250
"""Characters of each stream that are read at once."""


@torch.inference_mode()
def record(
    prompted: PromptedLM, numbers: Numbers, folder: Path | None = None, progress: Any = iter
) -> Recording:
    """Read a text and record the signals of all units in half precision.

    Args:
        prompted: the model.
        numbers: the T tokens of the text.
        folder: where the file of values is made; None: a folder for temporary files. It has no name, so that
            it is gone when nobody reads it any more.
        progress: wraps the sequence of chunks, for a progress bar.

    Returns:
        The recording.
    """
    decoder = prompted.decoder
    T = len(numbers)
    S = min(STREAMS, max(1, T // (4 * WARM_UP)))
    L = -(-T // S)
    starts_S = np.arange(S) * L
    padded = np.concatenate([numbers, np.full(S * L - T, numbers[-1])]).astype(np.int64)
    state = _warm_up(prompted, padded, starts_S)
    kept: _Store | None = None
    for begin in progress(range(0, L, CHUNK)):
        end = min(begin + CHUNK, L)
        tokens_NL = torch.from_numpy(padded[starts_S[:, None] + np.arange(begin, end)])
        x_NLE = decoder.embed(tokens_NL.to(decoder.output.weight.device)).symbol
        traced = decoder.cell.trace(x_NLE, state)
        state = tuple(leaf[:, -1] for leaf in traced.states)
        signals = signals_of(decoder.cell, traced)
        kept = kept or _Store(list(signals), decoder.cell.hidden_dim, T, S * L, folder)
        log_p_NLV = _log_probs(decoder, traced.states[0])
        kept.add(starts_S + begin, torch.cat(list(signals.values()), dim=-1), log_p_NLV, padded)
    assert kept is not None
    return kept.recording()


def _log_probs(decoder: LanguageModel, outputs_NLH: Tensor) -> Tensor:
    log_p: Tensor = decoder.logits((), (outputs_NLH.flatten(0, 1),)).log_softmax(dim=-1)
    return log_p.view(*outputs_NLH.shape[:2], -1)


def _warm_up(prompted: PromptedLM, padded: NDArray[np.int64], starts_S: NDArray[np.int64]) -> State:
    """The state before each stream: the prompt's for the first, that after the text before it for the others.

    As elsewhere the prompt's own token is read first.
    """
    decoder, device = prompted.decoder, prompted.decoder.output.weight.device
    _, state = prompted.start(no_image(decoder, 1))
    first: State = decoder.read(torch.tensor([[prompted.token]], device=device), state).state
    if len(starts_S) == 1:
        return first
    before = padded[starts_S[1:, None] + np.arange(-WARM_UP, 0)]
    zero = decoder.cell.zero_state(no_image(decoder, len(before)))
    rest = decoder.read(torch.from_numpy(before).to(device), zero).state
    return tuple(torch.cat([one, others]) for one, others in zip(first, rest, strict=True))


class _Store:
    """The arrays of a recording while it is made."""

    def __init__(
        self, signals: Sequence[Signal], hidden_dim: int, T: int, padded: int, folder: Path | None
    ) -> None:
        self.signals, self.hidden_dim, self.T = list(signals), hidden_dim, T
        shape = (padded, len(signals) * hidden_dim)
        with tempfile.TemporaryFile(dir=folder) as file:
            self.values_TK: Half = np.memmap(file, np.float16, "w+", shape=shape)
        self.nats_T = np.full(padded + 1, np.nan, np.float32)
        self.guesses_TP = np.zeros((padded, TOP), np.int16)
        self.chances_TP = np.zeros((padded, TOP), np.float16)

    def add(
        self, starts_S: NDArray[np.int64], values_NLK: Tensor, log_p_NLV: Tensor, padded: NDArray[np.int64]
    ) -> None:
        """Keep a chunk of every stream.

        Args:
            starts_S: the place in the text where each stream's chunk begins.
            values_NLK: the signals.
            log_p_NLV: log-probabilities of the next character.
            padded: the text, filled up for the last stream.
        """
        length = values_NLK.shape[1]
        halves = values_NLK.half().cpu().numpy()
        likeliest = log_p_NLV.topk(min(TOP, log_p_NLV.shape[-1]), dim=-1)
        chances, guesses = likeliest.values.exp().cpu().numpy(), likeliest.indices.cpu().numpy()
        following = np.append(padded, padded[-1])[starts_S[:, None] + np.arange(1, length + 1)]
        index = torch.from_numpy(following).to(log_p_NLV.device).unsqueeze(-1)
        nats = -log_p_NLV.gather(-1, index).squeeze(-1).float().cpu().numpy()
        for row, start in enumerate(starts_S.tolist()):
            here = slice(start, start + length)
            self.values_TK[here] = halves[row]
            self.guesses_TP[here, : guesses.shape[-1]] = guesses[row]
            self.chances_TP[here, : guesses.shape[-1]] = chances[row]
            self.nats_T[start + 1 : start + length + 1] = nats[row]

    def recording(self) -> Recording:
        """Return what was kept, without the padding."""
        T = self.T
        return Recording(
            self.signals,
            self.hidden_dim,
            self.values_TK[:T],
            self.nats_T[:T],
            self.guesses_TP[:T],
            self.chances_TP[:T],
        )
