"""Scheduled sampling (Bengio et al., 2015).      B images, K captions an image, N = B*K rows, T time."""

import torch
from torch import Tensor

from captioner.decoders.base import Decoder
from captioner.tree import repeat_rows
from captioner.vocabulary import PAD


@torch.no_grad()
def mix_in_samples(decoder: Decoder, features_BLF: Tensor, inputs_BKT: Tensor, probability: float) -> Tensor:
    """The words to read, each but the first replaced with `probability` by one drawn from the model.

    The model is stepped through the mixed words, so that a draw depends on those before it as it does when
    a caption is written. No gradient flows through the choice, as in the paper; the loss is then taken by
    teacher forcing on the result. Padding stays.
    """
    memory, state = decoder.start(features_BLF)
    state = repeat_rows(state, inputs_BKT.shape[1])
    given_NT = inputs_BKT.flatten(0, 1)
    mixed = [given_NT[:, 0]]
    for given_N in given_NT[:, 1:].unbind(dim=1):
        step = decoder.step(mixed[-1], state, memory)
        state = step.state
        drawn_N = torch.multinomial(step.logits_NV.float().softmax(dim=-1), 1).squeeze(1)
        replace_N = (torch.rand_like(drawn_N, dtype=torch.float) < probability) & (given_N != PAD)
        mixed.append(torch.where(replace_N, drawn_N, given_N))
    return torch.stack(mixed, dim=1).view_as(inputs_BKT)
