"""Start a model from the weights of a trained one: by name, and rows of words and answers by their label."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from captioner.errors import UserError
from captioner.models.base import Model
from captioner.models.folder import load_model
from captioner.models.image_model import ImageModel


class CopiedWeights(NamedTuple):
    """How much of a model came from another one.

    Attributes:
        tensors: tensors that were copied as a whole.
        rows: of the words and answers, those whose rows were copied.
        new_rows: those that the trained model does not have; they keep the values they were initialised with.
    """

    tensors: int
    rows: int
    new_rows: int


def init_from(model: Model, folder: Path) -> CopiedWeights:
    """Copy the weights of a trained model.

    Tensors are found by their names. A tensor with a row for each word, or for each answer, is copied row by
    row: each word gets the row of the same word, so that the vocabularies may differ.

    Args:
        model: the model to fill; it keeps its own vocabulary, config and list of answers.
        folder: the model folder of the trained one.

    Returns:
        Counts of what was copied.

    Raises:
        UserError: the trained model is of another task or of another shape.
    """
    trained = load_model(folder)
    if type(trained) is not type(model):
        theirs, ours = trained.config.task["name"], model.config.task["name"]
        raise UserError(
            f"{folder} holds a model for the task {theirs}: the task {ours} cannot start from it."
        )
    _check_same_input(folder, trained, model)
    source, target = (_inherited(one) for one in (trained, model))
    _check_same_names(folder, set(source), set(target))
    labels, trained_labels = model.row_labels(), trained.row_labels()
    for name, tensor in target.items():
        first = 1 if name in labels else 0  # the number of rows may differ
        _check_same_shape(folder, name, source[name].shape[first:], tensor.shape[first:])
    with torch.no_grad():
        for name, tensor in target.items():
            if name in labels:
                _copy_rows(source[name], tensor, trained_labels[name], labels[name])
            else:
                tensor.copy_(source[name])
    _copy_standardisation(model, trained)
    # Words and answers are counted apart: a new answer is new, though it may be a word that is known.
    own = {name: tuple(listed[first:]) for name, (first, listed) in labels.items()}
    pairs = {listed: frozenset(trained_labels[name][1]) for name, listed in own.items()}
    rows = sum(len(known.intersection(listed)) for listed, known in pairs.items())
    return CopiedWeights(len(target) - len(labels), rows, sum(map(len, pairs)) - rows)


def _inherited(model: Model) -> dict[str, Tensor]:
    return {n: tensor for n, tensor in model.state_dict().items() if not n.startswith(model.not_inherited)}


def _copy_standardisation(model: Model, trained: Model) -> None:
    """An encoder's weights go with the mean, deviation and scale of the pixels they were trained on."""
    if (
        isinstance(model, ImageModel)
        and isinstance(trained, ImageModel)
        and model.encoder
        and trained.encoder
    ):
        theirs = trained.encoder.preprocessing
        model.encoder.preprocessing = replace(
            model.encoder.preprocessing, mean=theirs.mean, std=theirs.std, scale=theirs.scale
        )


def _copy_rows(
    source: Tensor,
    target: Tensor,
    trained: tuple[int, Sequence[str]],
    own: tuple[int, Sequence[str]],
) -> None:
    first, labels = own
    trained_first, trained_labels = trained
    rows = {label: row for row, label in enumerate(trained_labels[trained_first:])}
    pairs = [(row, rows[label]) for row, label in enumerate(labels[first:]) if label in rows]
    if pairs:
        new, old = (torch.tensor(column, device=target.device) for column in zip(*pairs, strict=True))
        target[new] = source.to(target.device)[old]


def _check_same_input(folder: Path, trained: Model, model: Model) -> None:
    if model.has_one_hot_input and trained.vocabulary.words != model.vocabulary.words:
        raise UserError(
            f"{folder} knows other symbols, and the model to train reads them one-hot: give both a "
            "decoder.embed_dim, so that each symbol has a vector to copy."
        )


def _check_same_names(folder: Path, source: set[str], target: set[str]) -> None:
    if different := source ^ target:
        name = min(different)
        where = "the new model" if name in source else str(folder)
        raise UserError(
            f"{folder} has another shape than the model to train: {name} is missing in {where}. "
            "Give encoder, decoder and cell the options of its config.yaml."
        )


def _check_same_shape(folder: Path, name: str, source: Sequence[int], target: Sequence[int]) -> None:
    if tuple(source) != tuple(target):
        raise UserError(
            f"{folder} has another shape than the model to train: {name} is {tuple(source)} there and "
            f"{tuple(target)} here. Give encoder, decoder and cell the options of its config.yaml."
        )
