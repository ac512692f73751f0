"""Places in a beam for sentences that contain more of the required words.

B images, X candidates of an image, K places, M banks.
"""

import torch
import torch.nn.functional as F
from torch import Tensor


def allocate_banks(scores_BX: Tensor, met_BX: Tensor, count: int) -> Tensor:
    """Choose candidates so that every number of required words keeps its best ones.

    Candidates with equally many of the required words form a bank. The best of every bank come first, then
    the second of every bank, and so on. Without banks a required word that is improbable would fall out of
    the beam before the words after it could make up for it.

    Args:
        scores_BX: what candidates are ranked by.
        met_BX: how many of the required words each contains.
        count: candidates to keep.

    Returns:
        places_BK of the candidates that are kept, the best first.

    Source:
        Post and Vilar (2018), sec. 3.
    """
    sorted_BX, order_BX = scores_BX.sort(dim=1, descending=True, stable=True)
    banks_BX = met_BX.gather(1, order_BX)
    before_BXM = F.one_hot(banks_BX).cumsum(dim=1)
    rank_BX = before_BXM.gather(2, banks_BX.unsqueeze(2)).squeeze(2)
    rank_BX = rank_BX.masked_fill(sorted_BX == -torch.inf, scores_BX.shape[1] + 1)
    first_BK = rank_BX.sort(dim=1, stable=True).indices[:, :count]
    return order_BX.gather(1, first_BK.sort(dim=1).values)
