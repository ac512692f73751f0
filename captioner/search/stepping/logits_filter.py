"""The distribution that sampling draws from.      N rows, k words, V vocabulary."""

from typing import NamedTuple

import torch
from torch import Tensor


class LogitsFilter(NamedTuple):
    """A change of a distribution before drawing, in this order.

    temperature: p^(1/temperature); top_k: the k most probable words, 0 for all; top_p: the fewest words that
    have this mass together; min_p: words at least that fraction as probable as the most probable one.

    Source:
        Holtzman et al. (2020) for top_p; Nguyen et al. (2024) for min_p.
    """

    temperature: float
    top_k: int
    top_p: float
    min_p: float

    def __call__(self, logits_NV: Tensor) -> Tensor:
        """Return log_q_NV, the log-probabilities to draw from; -inf for what is left out."""
        logits_NV = logits_NV / self.temperature
        if 0 < self.top_k < logits_NV.shape[1]:
            top_Nk, words_Nk = logits_NV.topk(self.top_k, dim=1)
            logits_NV = torch.full_like(logits_NV, -torch.inf).scatter_(1, words_Nk, top_Nk)
        if self.top_p < 1:
            sorted_NV, words_NV = logits_NV.softmax(dim=1).sort(dim=1, descending=True)
            enough_NV = sorted_NV.cumsum(dim=1) - sorted_NV >= self.top_p
            enough_NV[:, 0] = False
            logits_NV = logits_NV.masked_fill(enough_NV.gather(1, words_NV.argsort(dim=1)), -torch.inf)
        if self.min_p > 0:
            probability_NV = logits_NV.softmax(dim=1)
            least_N1 = self.min_p * probability_NV.amax(dim=1, keepdim=True)
            logits_NV = logits_NV.masked_fill(probability_NV < least_N1, -torch.inf)
        return logits_NV.log_softmax(dim=1)
