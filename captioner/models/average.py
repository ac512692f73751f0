"""Average the weights of several models."""

from collections.abc import Sequence
from pathlib import Path

from captioner.config import load
from captioner.errors import UserError
from captioner.models.card import CONFIG, read_card
from captioner.models.folder import load_model, save_model


def average_models(folders: Sequence[Path], target: Path) -> None:
    """Write a model whose weights are the mean of those of several models.

    It serves models that were trained on from one model: their mean often does better than each, at the
    cost of one. The mean of models that started from different random weights is no model at all. Config,
    words and card are those of the first one.

    Args:
        folders: model folders.
        target: the new folder.

    Raises:
        UserError: there is no such model, fewer than two are named, or they are different networks.

    Source: Wortsman et al. (2022), "Model soups", the uniform soup.
    """
    if len(folders) < 2:
        raise UserError("A mean needs two models or more.")
    models = [load_model(folder) for folder in folders]
    first, *others = [model.state_dict() for model in models]
    total = {key: value.double() for key, value in first.items()}
    for folder, model, weights in zip(folders[1:], models[1:], others, strict=True):
        same_shapes = {k: v.shape for k, v in weights.items()} == {k: v.shape for k, v in first.items()}
        if type(model) is not type(models[0]) or not same_shapes:
            raise UserError(f"{folder} and {folders[0]} are different networks: they have no mean.")
        if model.vocabulary.words != models[0].vocabulary.words:
            raise UserError(f"{folder} and {folders[0]} know different words: they have no mean.")
        for key, value in weights.items():
            total[key] += value.double()
    mean = {
        key: (value / len(folders)).to(first[key].dtype) if first[key].is_floating_point() else first[key]
        for key, value in total.items()
    }
    models[0].config.encoder = load(folders[0] / CONFIG).encoder  # a loaded one has no source
    of_weights = ("epoch", "validation", "confidence", "confidence_precision")
    card = {key: value for key, value in read_card(folders[0]).items() if key not in of_weights}
    save_model(models[0], target, card | {"averaged": len(folders)}, mean)
