"""What all tasks that write sentences share: the loss of what should be written, and what is written freely.

B images, K sentences an image, N = B*K rows, T time, M words that count, L locations, F feature,
V vocabulary.
"""

from typing import NamedTuple

import torch.nn.functional as F
from torch import Tensor

from captioner.config import Config
from captioner.decoders.base import DECODERS, FACTS, Decoder
from captioner.search.base import SEARCHES, Search, best
from captioner.training.objectives.scheduled_sampling import mix_in_samples
from captioner.vocabulary import PAD, Vocabulary


class SequenceLoss(NamedTuple):
    """How well a decoder says sentences that it is told word by word."""

    loss: Tensor  # -log p of a word, the mean over all that count
    size: int  # how many they are
    alphas_NTL: Tensor | None


class Generated(NamedTuple):
    """A sentence that the model wrote."""

    words: list[str]
    was_cut: bool


def check_sentences(config: Config) -> None:
    """Refuse a mistake in the decoder, its cell or a search.

    Raises:
        UserError: one sentence with the nearest right name.
    """
    DECODERS.check(config.decoder, facts=FACTS)
    for search in (config.search, config.task.get("validation_search")):
        if search:
            SEARCHES.check(search)


def teacher_forcing_loss(
    decoder: Decoder,
    features_BLF: Tensor,
    tokens_BKT: Tensor,
    label_smoothing: float = 0.0,
    sampling_probability: float = 0.0,
) -> SequenceLoss | None:
    """Teacher forcing: cross-entropy of the words of sentences `<bos> words <eos>`; None where there is none.

    `label_smoothing` spreads that share of the target over all words; with `sampling_probability` a word
    that is read is one the model chose (`sampling.mix_in_samples`).
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


def generate_sentences(
    search: Search, decoder: Decoder, features_BLF: Tensor, vocabulary: Vocabulary
) -> list[Generated]:
    """A sentence for each image, as `search` finds it."""
    found = best(search(decoder, features_BLF))
    return [Generated(vocabulary.decode(one.tokens), not one.finished) for one in found]
