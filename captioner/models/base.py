"""Define a model: encoder, decoder or head, and vocabulary, as a plain `nn.Module`."""

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from operator import attrgetter
from typing import Any, ClassVar

import torch
from torch import nn

from captioner.config import Component, Config
from captioner.errors import UserError
from captioner.registry import Registry, signature_of
from captioner.vocabulary import Vocabulary

BEAM: Component = {"name": "beam", "beam_size": 3}
"""The search of models that generate sentences."""


class Model(nn.Module, ABC):
    """Everything that a model folder holds. Subclasses are final, or abstract too.

    The constructor's arguments beside `config`, `vocabulary` and `card` are options that stand under `task`
    in the config.

    Args:
        config: the run that the model is built for.
        vocabulary: its words.

    Attributes:
        sources: the registry of the data sets that the model is trained on.
        default_search: how sentences are generated where the config does not say; empty for a model that
            generates none.
        not_inherited: beginnings of the names of tensors that another model does not start from.
        has_one_hot_input: whether words are columns of a matrix, so that models of other words cannot start
            from this one.
    """

    sources: ClassVar[Registry[Any]]
    default_search: ClassVar[Component] = {}
    not_inherited: ClassVar[tuple[str, ...]] = ()
    has_one_hot_input: bool = False

    def __init__(self, config: Config, vocabulary: Vocabulary) -> None:
        super().__init__()
        self.config = replace(config, search=config.search or dict(self.default_search))
        self.vocabulary = vocabulary

    @classmethod
    @abstractmethod
    def check(cls, config: Config) -> None:
        """Refuse a mistake in the model's components, before data is read or a model is built.

        Args:
            config: the run.

        Raises:
            UserError: one sentence with the nearest right name.
        """

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return next(self.parameters()).device

    def to_card(self) -> dict[str, Any]:
        """Return what a model folder has to remember beside weights, config and vocabulary."""
        return {}

    def load_card(self, card: Mapping[str, Any]) -> None:
        """Restore what `to_card` gave."""

    def row_labels(self) -> dict[str, tuple[int, Sequence[str]]]:
        """Return the tensors that have a row for each word or answer.

        Returns:
            By the tensor's name in `state_dict`: the number of its first row among the labels, and the
            labels.
        """
        return {}


def label_rows(
    part: str, rows: Mapping[str, int], labels: Sequence[str]
) -> dict[str, tuple[int, Sequence[str]]]:
    """Label the rows of a part's tensors, as `Model.row_labels` does.

    Args:
        part: the name of the part in the model.
        rows: the names of its tensors, each with the number of the label of its first row.
        labels: the words or answers.

    Returns:
        First number and labels of each tensor, by its name in the model.
    """
    return {f"{part}.{name}": (first, labels) for name, first in rows.items()}


MODELS: Registry[Model] = Registry("task", "captioner.models")
"""By the name of the task."""


def model_class(config: Config) -> type[Model]:
    """Return the class of the model that a config's task needs.

    Args:
        config: the run.

    Returns:
        A subclass of `Model`.

    Raises:
        UserError: there is no such task.
    """
    return MODELS.class_of(config.task)


def check_model(config: Config) -> None:
    """Refuse a mistake in the data set or the model's components, before data is read or a model is built.

    Args:
        config: the run.

    Raises:
        UserError: one sentence with the nearest right name.
    """
    found = model_class(config)
    found.sources.check(config.data)
    found.check(config)


def build_model(config: Config, vocabulary: Vocabulary, card: Mapping[str, Any] | None = None) -> Model:
    """Build the model that a config's task needs.

    Args:
        config: the run; of the options under `task` those of the model are used.
        vocabulary: the model's words.
        card: what the model folder, or the data, has beside them, such as the list of answers.

    Returns:
        The model, with the weights that its components start from.
    """
    known = signature_of(model_class(config))
    own = {key: value for key, value in config.task.items() if key in known or key == "name"}
    return MODELS.build(own, config=config, vocabulary=vocabulary, card=card or {})


def check_unused_options(config: Config, keys: Collection[str]) -> None:
    """Refuse options that a task has no use for.

    Args:
        config: the run.
        keys: the options by their dotted names: `encoder`, `training.max_words`, ...

    Raises:
        UserError: one of them is not at its default; the message names it.
    """
    plain = Config(task={}, data={})
    for key in keys:
        if attrgetter(key)(config) != attrgetter(key)(plain):
            raise UserError(f"{key} has no meaning for the task {config.task['name']}.")
