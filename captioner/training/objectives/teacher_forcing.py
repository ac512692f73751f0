"""Score given sentences by teacher forcing.

B images, K sentences an image, N = B*K rows, T time, M positions of the mask, L locations, F feature.
"""

from typing import NamedTuple

import torch.nn.functional as F
from torch import Tensor

from captioner.decoders.base import Decoder
from captioner.training.objectives.scheduled_sampling import mix_in_samples
from captioner.vocabulary import PAD


class SequenceLoss(NamedTuple):
    """Cross-entropy of the words of sentences."""

    loss: Tensor  # -log p of a word, the mean over all
    size: int  # how many they are
    alphas_NTL: Tensor | None


def teacher_forcing_loss(
    decoder: Decoder,
    features_BLF: Tensor,
    tokens_BKT: Tensor,
    label_smoothing: float = 0.0,
    sampling_probability: float = 0.0,
) -> SequenceLoss | None:
    """Compute the cross-entropy of the next word, each after the true words before it.

    Args:
        decoder: what is scored.
        features_BLF: encoded images.
        tokens_BKT: sentences `<bos> words <eos>`, filled up with `<pad>`.
        label_smoothing: share of the target that is spread over all words.
        sampling_probability: how probably a word that is read is one that the model drew (`mix_in_samples`).

    Returns:
        The loss, or None where there is no word.
    """
    inputs_BKT, targets_BKT = tokens_BKT[:, :, :-1], tokens_BKT[:, :, 1:]
    mask_BKT = targets_BKT != PAD
    if not mask_BKT.any():
        return None
    if sampling_probability > 0:
        inputs_BKT = mix_in_samples(decoder, features_BLF, inputs_BKT, sampling_probability)
    logits_MV, alphas_NTL = decoder(features_BLF, inputs_BKT, mask_BKT)
    targets_M = targets_BKT[mask_BKT]
    loss = F.cross_entropy(logits_MV, targets_M, label_smoothing=label_smoothing)
    return SequenceLoss(loss, len(targets_M), alphas_NTL)
