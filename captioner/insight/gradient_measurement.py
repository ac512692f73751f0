"""How far gradients reach through cells, trained or as they start, when they read real text.

N passages, T characters, E embedding, H hidden, V symbols.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from captioner.cells.base import CELLS
from captioner.cells.recurrence import Recurrence
from captioner.data.text.alphabet import Alphabet
from captioner.data.text.corpus import CORPORA
from captioner.decoders.base import DECODERS
from captioner.decoders.language_model import LanguageModel
from captioner.errors import UserError
from captioner.inference.char_lm import Writer
from captioner.insight.gradient_flow import Flow, gradient_norms, singular_values, update_norms


class Setup(NamedTuple):
    """What every cell is measured by."""

    steps: int = 100
    passages: int = 32
    clip: float = 5.0
    hidden_dim: int = 128
    largest: float | None = None  # singular value that recurrent matrices of new cells are scaled to
    seed: int = 0


def measure(model: Path | None, cells: Sequence[str], text: Path | None, setup: Setup) -> dict[str, Flow]:
    """The flow through a trained model, and through new cells by name, all on the same passages.

    The loss is that of the character after a passage. Passages begin at random places of `text`; without it,
    of the text that the model learnt, or of Python's standard library.

    Raises:
        UserError: no such model or cell, a character that the model has never seen, a text that is too short.
    """
    for name in cells:
        CELLS.check({"name": name}, facts=("input_dim",))
    writer = Writer(model) if model is not None else None
    data: dict[str, Any] = {"name": "text"} if writer is None else dict(writer.task.config.data)
    read = CORPORA.build(data | ({"path": str(text)} if text else {})).read()
    alphabet = Alphabet.of(read, "characters") if writer is None else writer.task.alphabet
    tokens_NT = _passages(alphabet.encode(read), setup)
    decoders: dict[str, LanguageModel] = {}
    if writer is not None:
        decoders["trained"] = writer.task.decoder.cpu()
    decoders |= {name: _new(name, len(alphabet.vocabulary), setup) for name in cells}
    return {name: _flow(decoder.double().eval(), tokens_NT, setup) for name, decoder in decoders.items()}


def write_flows(file: Path, flows: dict[str, Flow], setup: Setup) -> None:
    """All numbers as JSON."""
    found = {name: flow._asdict() for name, flow in flows.items()}
    file.write_text(json.dumps({"setup": setup._asdict(), "cells": found}, indent=1) + "\n", encoding="utf-8")


def _passages(numbers: np.ndarray[Any, Any], setup: Setup) -> Tensor:
    if len(numbers) < setup.steps + 2:
        needed = setup.steps + 2
        raise UserError(f"The text has {len(numbers):,} characters: {setup.steps} steps need {needed:,}.")
    starts = np.random.default_rng(setup.seed).integers(len(numbers) - setup.steps, size=setup.passages)
    return torch.from_numpy(numbers[starts[:, None] + np.arange(setup.steps + 1)].astype(np.int64))


def _new(name: str, vocab_size: int, setup: Setup) -> LanguageModel:
    torch.manual_seed(setup.seed)
    cell = {"name": name, "hidden_dim": setup.hidden_dim}
    decoder = DECODERS.build(
        {"name": "language_model", "cell": cell, "embed_dim": setup.hidden_dim},
        vocab_size=vocab_size,
        endless=True,
    )
    assert isinstance(decoder, LanguageModel)
    if setup.largest is not None:
        _scale(decoder.cell, setup.largest)
    return decoder


@torch.no_grad()
def _scale(cell: torch.nn.Module, largest: float) -> None:
    """Scale the recurrent matrix of every gate so that its largest singular value is as wanted."""
    for layer in (one for one in cell.modules() if isinstance(one, Recurrence)):
        for matrix_KH in layer.recurrent_weights().values():
            for block_HH in torch.split(matrix_KH, layer.hidden_dim):
                block_HH *= largest / torch.linalg.svdvals(block_HH)[0]


def _flow(decoder: LanguageModel, tokens_NT: Tensor, setup: Setup) -> Flow:
    cell = decoder.cell
    with torch.no_grad():
        x_NTE = decoder.embed(tokens_NT[:, :-1]).symbol
        h_NH = cell(x_NTE, cell.zero_state(x_NTE[:, 0])).state[0]
    h_NH = h_NH.detach().requires_grad_()
    loss = F.cross_entropy(decoder.logits((), (h_NH,)), tokens_NT[:, -1], reduction="sum")
    (direction_NH,) = torch.autograd.grad(loss, h_NH)
    lengths = sorted({round(setup.steps ** (i / 12)) for i in range(13)})
    raw, clipped = update_norms(cell, x_NTE, direction_NH, lengths, setup.clip)
    norms_SK = gradient_norms(cell, x_NTE, direction_NH)
    plain = cell.num_states <= 2
    names = ["h", "c"][: cell.num_states] if plain else [f"state {i + 1}" for i in range(cell.num_states)]
    return Flow(
        {name: norms_K.tolist() for name, norms_K in zip(names, norms_SK, strict=True)},
        {gate: values.tolist() for gate, values in singular_values(cell).items()},
        lengths,
        raw.tolist(),
        clipped.tolist(),
    )
