"""Measure the gradient flow of recurrent cells, trained or new, that read real text.

N passages, T characters, E embedding, H hidden, K rows of a matrix, S states of the cell.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from captioner.cells.base import CELLS
from captioner.cells.recurrence.base import Recurrence
from captioner.data.text.alphabet import Alphabet
from captioner.data.text.corpus import CORPORA, Corpus
from captioner.decoders.base import DECODERS
from captioner.decoders.language_model import LanguageModel
from captioner.device import one_thread
from captioner.errors import UserError
from captioner.insight.gradient_flow import GradientFlow, gradient_norms, singular_values, update_norms
from captioner.models.char_lm import CharLanguageModel
from captioner.models.folder import load_model


class GradientFlowSetup(NamedTuple):
    """The options of a measurement, the same for all cells.

    Args:
        steps: characters of a passage.
        passages: how many passages are read.
        clip: the norm that clipping leaves of an update.
        hidden_dim: units of new cells, and of their embedding.
        spectral_norm: the recurrent matrices of new cells are scaled to this largest singular value; None
            leaves them as they are initialised.
        seed: draws the passages and the weights of new cells.
    """

    steps: int = 100
    passages: int = 32
    clip: float = 5.0
    hidden_dim: int = 128
    spectral_norm: float | None = None
    seed: int = 0


def measure_gradient_flow(
    folder: Path | None, cells: Sequence[str], text: Path | None, setup: GradientFlowSetup
) -> dict[str, GradientFlow]:
    """Measure a trained model and new cells on the same passages, which begin at random places of a text.

    The loss is the cross-entropy of the character after a passage.

    Args:
        folder: a model of the task char_lm; none if only new cells are measured.
        cells: names of new cells.
        text: the file to read; without it the training text of the model, or Python's standard library.
        setup: the other options.

    Returns:
        The measurements by the name of the cell; `trained` is the model.

    Raises:
        UserError: there is no such model or cell, the text is too short, or the model does not know one of
            its characters.
    """
    for name in cells:
        CELLS.check({"name": name}, facts=("input_dim",))
    model = _load(folder) if folder is not None else None
    data: dict[str, Any] = {"path": str(text)} if text is not None else {}
    content = (CORPORA.build(model.config.data | data) if model is not None else Corpus(**data)).read()
    alphabet = Alphabet.of(content, "characters") if model is None else model.alphabet
    tokens_NT = _passages(alphabet.encode(content), setup)
    decoders = {"trained": model.decoder} if model is not None else {}
    decoders |= {name: _new_decoder(name, len(alphabet.vocabulary), setup) for name in cells}
    with one_thread():  # a step is thousands of numbers
        return {
            name: _measure(decoder.double().eval(), tokens_NT, setup) for name, decoder in decoders.items()
        }


def write_gradient_flow(file: Path, flows: Mapping[str, GradientFlow], setup: GradientFlowSetup) -> None:
    """Write all numbers as JSON.

    Args:
        file: the JSON file.
        flows: the measurements by the name of the cell.
        setup: the options they were made with.
    """
    content = {"setup": setup._asdict(), "cells": {name: flow._asdict() for name, flow in flows.items()}}
    file.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def _load(folder: Path) -> CharLanguageModel:
    model = load_model(folder)
    if not isinstance(model, CharLanguageModel):
        name = model.config.task["name"]
        raise UserError(f"{folder} holds a model for the task {name}, not char_lm.")
    return model


def _passages(tokens: NDArray[Any], setup: GradientFlowSetup) -> Tensor:
    """Draw the passages, each with the character after it: (N, T + 1)."""
    needed = setup.steps + 2
    if len(tokens) < needed:
        raise UserError(f"The text has {len(tokens):,} characters: {setup.steps} steps need {needed:,}.")
    starts = np.random.default_rng(setup.seed).integers(len(tokens) - setup.steps, size=setup.passages)
    return torch.from_numpy(tokens[starts[:, None] + np.arange(setup.steps + 1)].astype(np.int64))


def _new_decoder(cell: str, vocab_size: int, setup: GradientFlowSetup) -> LanguageModel:
    torch.manual_seed(setup.seed)
    config = {
        "name": "language_model",
        "cell": {"name": cell, "hidden_dim": setup.hidden_dim},
        "embed_dim": setup.hidden_dim,
    }
    decoder = DECODERS.build(config, vocab_size=vocab_size, endless=True)
    assert isinstance(decoder, LanguageModel)
    if setup.spectral_norm is not None:
        _set_spectral_norm(decoder.cell, setup.spectral_norm)
    return decoder


@torch.no_grad()
def _set_spectral_norm(cell: torch.nn.Module, spectral_norm: float) -> None:
    """Scale the recurrent matrix of every gate to this largest singular value."""
    for layer in (module for module in cell.modules() if isinstance(module, Recurrence)):
        for matrix_KH in layer.recurrent_weights().values():
            for block_HH in torch.split(matrix_KH, layer.hidden_dim):
                block_HH *= spectral_norm / torch.linalg.svdvals(block_HH)[0]


def _measure(decoder: LanguageModel, tokens_NT: Tensor, setup: GradientFlowSetup) -> GradientFlow:
    """Measure one cell; the gradient of the loss enters it at the last output."""
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
    num_states = cell.num_states
    names = [f"state {number}" for number in range(1, num_states + 1)]
    if isinstance(cell, Recurrence):
        names = list(cell.state_names[:num_states])
    return GradientFlow(
        {name: norms_K.tolist() for name, norms_K in zip(names, norms_SK, strict=True)},
        {gate: values.tolist() for gate, values in singular_values(cell).items()},
        lengths,
        raw.tolist(),
        clipped.tolist(),
    )
