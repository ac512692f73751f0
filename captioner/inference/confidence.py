"""How probable it is that a caption is good: from its words, and from how usual its image is.

T words, P prototypes, F feature, L locations.
"""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from captioner.errors import UserError
from captioner.models.folder import read_prototypes


class Confidence(NamedTuple):
    r"""A calibrated probability that the CIDEr-D of a caption is at least `cider_d`.

        p = sigmoid(bias + w_1 mean_t(log p_t) + w_2 min_t(log p_t)) * usual
        usual = (f - strange) / (rare - strange), between 0 and 1
        f = max_p cos(mean_l(a_l), prototype_p)

    The factor `usual` is 1 for all but one in a hundred of the photographs that it was fitted on, and 0 for
    an image as far below these as they lie below the middle one: of a drawing or a screen of text a captioner
    may be sure and wrong.

    Attributes:
        cider_d: the score that a good caption has at least.
        bias: of the logistic regression.
        mean_log_prob: weight of the mean log-probability of a word, the end among them.
        lowest_log_prob: weight of the lowest one.
        rare: f that all but one in a hundred images have.
        strange: f from which on nothing is sure.
        unsure_below: the probability below which a caption is marked.
        prototypes_PF: of length 1.
    """

    cider_d: float
    bias: float
    mean_log_prob: float
    lowest_log_prob: float
    rare: float
    strange: float
    unsure_below: float
    prototypes_PF: Tensor

    def __call__(self, word_log_probs: Sequence[float], features_LF: Tensor) -> float:
        """Compute the probability of a caption.

        Args:
            word_log_probs: of each word, and of the end.
            features_LF: of the image.

        Returns:
            The probability, 0 to 1.
        """
        mean = sum(word_log_probs) / len(word_log_probs)
        logit = self.bias + self.mean_log_prob * mean + self.lowest_log_prob * min(word_log_probs)
        return self.usual(features_LF) / (1 + math.exp(-logit))

    def usual(self, features_LF: Tensor) -> float:
        """Compute how usual an image is, 0 to 1."""
        f = float(familiarity(features_LF.unsqueeze(0), self.prototypes_PF.to(features_LF.device)))
        return min(1.0, max(0.0, (f - self.strange) / (self.rare - self.strange)))


def familiarity(features_BLF: Tensor, prototypes_PF: Tensor) -> Tensor:
    """Compute the cosine of each image's mean feature with the most similar prototype.

    Args:
        features_BLF: of the images.
        prototypes_PF: of length 1.

    Returns:
        A cosine for each image, [B].
    """
    mean_BF = torch.nn.functional.normalize(features_BLF.float().mean(dim=1), dim=-1)
    return (mean_BF @ prototypes_PF.T).amax(dim=1)


def read_confidence(folder: Path, card: dict[str, Any]) -> Confidence | None:
    """Read the calibration of a model folder.

    Args:
        folder: the model folder.
        card: its card.

    Returns:
        The calibration; None for a model without one.

    Raises:
        UserError: the calibration is damaged.
    """
    tensors = read_prototypes(folder)
    if "confidence" not in card or tensors is None:
        return None
    try:
        return Confidence(**card["confidence"], prototypes_PF=tensors["prototypes"].float())
    except (TypeError, KeyError) as missing:
        raise UserError(f"The confidence of {folder} is damaged: {missing}.") from None
