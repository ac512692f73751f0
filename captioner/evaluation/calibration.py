"""Calibrate the confidence of a captioner on photographs it was not trained on.

N images, P prototypes, F feature, X inputs of the regression.
"""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from captioner.config import Component
from captioner.data.captions.base import CAPTION_SOURCES
from captioner.errors import UserError
from captioner.evaluation.caption_split import split_of
from captioner.inference.caption import Captioner
from captioner.inference.confidence import familiarity
from captioner.metrics.scores import score_captions
from captioner.models.folder import add_confidence
from captioner.precision import Precision

NUM_PROTOTYPES = 96
FOLDS = 5
BINS = 5
Floats = NDArray[np.float64]


class Bin(NamedTuple):
    """Captions of similar confidence.

    Attributes:
        size: how many they are.
        confidence: the mean.
        good: the share that is good.
    """

    size: int
    confidence: float
    good: float


class Calibration(NamedTuple):
    """The result of a calibration.

    Attributes:
        confidence: what the card gets.
        bins: captions by confidence, each with a confidence that was fitted without it.
        error: the mean distance of confidence and share that is good, over captions.
        good: the share of all captions that is good.
    """

    confidence: dict[str, float]
    bins: list[Bin]
    error: float
    good: float


def calibrate(
    model: Path,
    data: Component,
    split: str,
    usual_split: str,
    cider_d: float,
    limit: int | None = None,
    precision: Precision = "auto",
) -> Calibration:
    """Fit the confidence of a model, and write it into its folder.

    Args:
        model: the model folder.
        data: a data set of captioned images.
        split: images that the model was not trained on; CIDEr-D counts documents in it.
        usual_split: images like those of the training, from which the prototypes are made.
        cider_d: the score that a good caption has at least.
        limit: images of each split at most.
        precision: that the model computes in, which the card gets too.

    Returns:
        The calibration; its bins are cross-validated.

    Raises:
        UserError: there are too few images, or all captions are good, or none.
    """
    captioner = Captioner(model, precision=precision)
    source = CAPTION_SOURCES.build(data)
    usual_NF = _mean_features(captioner, split_of(source, usual_split, limit).images)
    prototypes_PF = _prototypes(usual_NF, min(NUM_PROTOTYPES, len(usual_NF)))
    wanted = split_of(source, split, limit)
    found = {wanted.image_ids[one.name]: one for one in captioner.stream(wanted.images) if one.captions}
    if len(found) < 2 * FOLDS:
        raise UserError(f"{len(found)} pictures of {split} are too few to calibrate with.")
    scores = score_captions({image_id: one.text for image_id, one in found.items()}, wanted.references)
    log_probs = [one.captions[0].word_log_probs for one in found.values()]
    inputs_NX = np.array([[1.0, sum(own) / len(own), min(own)] for own in log_probs])
    good_N = np.array([scores.per_image[image_id]["cider_d"] >= cider_d for image_id in found])
    if good_N.all() or not good_N.any():
        raise UserError(f"CIDEr-D of {cider_d} divides no captions: all or none are above it.")
    readable = [(name, image) for name, image in wanted.images if wanted.image_ids[name] in found]
    familiar_N = familiarity(_mean_features(captioner, readable).unsqueeze(1), prototypes_PF).numpy()
    found_here = _fit(inputs_NX, good_N, familiar_N, cider_d)
    prototypes = {"prototypes": prototypes_PF.half()}
    add_confidence(model, found_here.confidence, prototypes, captioner.precision)
    return found_here


def _fit(inputs_NX: Floats, good_N: NDArray[np.bool_], familiar_N: Floats, cider_d: float) -> Calibration:
    rare, middle = np.quantile(familiar_N, [0.01, 0.5])
    strange = rare - (middle - rare)
    usual_N = ((familiar_N - strange) / (rare - strange)).clip(0, 1)
    bias, mean, lowest = _logistic_regression(inputs_NX, good_N)
    confidence = {
        "cider_d": cider_d,
        "bias": bias,
        "mean_log_prob": mean,
        "lowest_log_prob": lowest,
        "rare": float(rare),
        "strange": float(strange),
        "unsure_below": float(good_N.mean()) / 2,
    }
    bins = _bins(_held_out(inputs_NX, good_N) * usual_N, good_N)
    error = sum(one.size * abs(one.confidence - one.good) for one in bins) / len(good_N)
    return Calibration(confidence, bins, error, float(good_N.mean()))


def _mean_features(captioner: Captioner, images: Any) -> Tensor:
    """The mean feature of each image that can be read, [N, F]."""
    found = []
    for batch in captioner.read(images, 32):
        pixels = [one.value.pixels[0] for one in batch if one.value is not None]
        if pixels:
            found.append(captioner.model.encode_images(pixels).float().mean(dim=1).cpu())
    return torch.cat(found)


def _prototypes(features_NF: Tensor, count: int) -> Tensor:
    """Centres of spherical k-means, from evenly spaced images; always the same ones."""
    unit_NF = torch.nn.functional.normalize(features_NF, dim=-1)
    centres_PF = unit_NF[torch.linspace(0, len(unit_NF) - 1, count).long()]
    for _ in range(10):
        nearest_N = (unit_NF @ centres_PF.T).argmax(dim=1)
        sums_PF = torch.zeros_like(centres_PF).index_add_(0, nearest_N, unit_NF)
        empty_P1 = (sums_PF.norm(dim=-1, keepdim=True) == 0).float()
        centres_PF = torch.nn.functional.normalize(sums_PF + empty_P1 * centres_PF, dim=-1)
    return centres_PF


def _logistic_regression(inputs_NX: Floats, good_N: NDArray[np.bool_], ridge: float = 1e-3) -> list[float]:
    """Weights by Newton's method."""
    weights_X = np.zeros(inputs_NX.shape[1])
    for _ in range(50):
        p_N = 1 / (1 + np.exp(-inputs_NX @ weights_X))
        gradient_X = inputs_NX.T @ (p_N - good_N) + ridge * weights_X
        curvature_XX = (inputs_NX * (p_N * (1 - p_N))[:, None]).T @ inputs_NX
        step_X = np.linalg.solve(curvature_XX + ridge * np.eye(len(weights_X)), gradient_X)
        weights_X = weights_X - step_X
        if np.abs(step_X).max() < 1e-9:
            break
    return [float(weight) for weight in weights_X]


def _held_out(inputs_NX: Floats, good_N: NDArray[np.bool_]) -> Floats:
    """The probability of each caption by weights that were fitted without its fold."""
    fold_N = np.arange(len(good_N)) % FOLDS
    found_N = np.zeros(len(good_N))
    for fold in range(FOLDS):
        weights = np.array(_logistic_regression(inputs_NX[fold_N != fold], good_N[fold_N != fold]))
        found_N[fold_N == fold] = 1 / (1 + np.exp(-inputs_NX[fold_N == fold] @ weights))
    return found_N


def _bins(confidence_N: Floats, good_N: NDArray[np.bool_]) -> list[Bin]:
    """Equal shares of the captions, the least sure first."""
    order = np.argsort(confidence_N)
    return [
        Bin(len(own), float(confidence_N[own].mean()), float(good_N[own].mean()))
        for own in np.array_split(order, BINS)
    ]
