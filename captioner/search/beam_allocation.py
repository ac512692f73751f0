"""Places in a beam for sentences that have said more of what must be said (Post and Vilar, 2018).

B images, X candidates of an image, K places, M banks.
"""

import torch
import torch.nn.functional as F
from torch import Tensor


def allocate_banks(scores_BX: Tensor, said_BX: Tensor, count: int) -> Tensor:
    """places_BK of the candidates that are kept, the best first.

    Candidates that have said equally many of the words form a bank. The best of every bank come first, then
    the second of every bank, and so on: without banks a required word, improbable as it is, would fall out
    of the beam before what follows it could make up for it.
    """
    sorted_BX, order_BX = scores_BX.sort(dim=1, descending=True, stable=True)
    banks_BX = said_BX.gather(1, order_BX)
    before_BXM = F.one_hot(banks_BX).cumsum(dim=1)
    rank_BX = before_BXM.gather(2, banks_BX.unsqueeze(2)).squeeze(2)
    rank_BX = rank_BX.masked_fill(sorted_BX == -torch.inf, scores_BX.shape[1] + 1)
    first_BK = rank_BX.sort(dim=1, stable=True).indices[:, :count]
    return order_BX.gather(1, first_BK.sort(dim=1).values)
