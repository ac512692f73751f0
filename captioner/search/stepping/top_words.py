"""The most probable words of a large vocabulary.

N rows, V vocabulary, C candidates, G groups, W words a group, X = C*W and the words of no group.
"""

import torch
from torch import Tensor

GROUP = 64
"""Words of a group."""
MANY = 500_000
"""Logits from which on groups are quicker than one `topk`, on a CPU."""


def top_words(logits_NV: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Return the greatest logits of each row and their words, in descending order.

    The words of the `count` groups with the greatest maxima hold them all: `topk` reads every word far more
    slowly than a maximum does, and so reads a few hundred.

    Args:
        logits_NV: of words; -inf for those that are forbidden.
        count: C, V at most.

    Returns:
        logits_NC and words_NC.
    """
    N, V = logits_NV.shape
    G = V // GROUP
    if logits_NV.device.type != "cpu" or N * V < MANY or 8 * count > G:
        top_NC, words_NC = logits_NV.topk(count, dim=1)
        return top_NC, words_NC
    grouped_NGW = logits_NV[:, : G * GROUP].view(N, G, GROUP)
    groups_NC1 = grouped_NGW.amax(dim=2).topk(count, dim=1).indices.unsqueeze(2)
    some_NCW = grouped_NGW.gather(1, groups_NC1.expand(-1, -1, GROUP))
    words_NCW = groups_NC1 * GROUP + torch.arange(GROUP)
    rest = torch.arange(G * GROUP, V).expand(N, -1)  # of no group
    some_NX = torch.cat([some_NCW.flatten(1), logits_NV[:, G * GROUP :]], dim=1)
    words_NX = torch.cat([words_NCW.flatten(1), rest], dim=1)
    top_NC, places_NC = some_NX.topk(count, dim=1)
    return top_NC, words_NX.gather(1, places_NC)
