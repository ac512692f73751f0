"""Logits to scores that a search can rank by.      N rows, B images, K sentences, V vocabulary."""

import torch
from torch import Tensor

from captioner.device import rows_at_once
from captioner.errors import UserError


def as_scores(logits_NV: Tensor) -> Tensor:
    """Return the logits in single precision or better."""
    return logits_NV if logits_NV.dtype == torch.double else logits_NV.float()


def normaliser(logits_NV: Tensor) -> Tensor:
    """Compute normaliser_N1, to be subtracted from logits for log-probabilities."""
    parts = torch.split(logits_NV, rows_at_once(logits_NV.shape[1], logits_NV.device))
    return torch.cat([part.logsumexp(dim=-1, keepdim=True) for part in parts])


def check_scores(normaliser_N1: Tensor, scores_BK: Tensor, length: int) -> None:
    """Refuse scores that are not finite, or of which none is possible.

    Args:
        normaliser_N1: of the model's logits.
        scores_BK: of the sentences that were chosen.
        length: number of the word, for the message.

    Raises:
        UserError: says which of the two it is.
    """
    possible = (scores_BK > -torch.inf).any(dim=1).all()
    if not (normaliser_N1.isfinite().all() & possible):
        if not normaliser_N1.isfinite().all():
            raise UserError(
                f"The model's scores for word {length} are not numbers (NaN or infinite): its weights are "
                "broken, or the picture's features are."
            )
        raise UserError(f"The constraints leave no word to say at place {length}.")
