"""Sample some of the words that are read in training.

B images, K sentences an image, N = B*K rows, T time.
"""

import torch
from torch import Tensor

from captioner.decoders.base import Decoder
from captioner.tree import repeat_rows
from captioner.vocabulary import PAD


@torch.no_grad()
def mix_in_samples(decoder: Decoder, features_BLF: Tensor, inputs_BKT: Tensor, probability: float) -> Tensor:
    """Replace words that are read by words drawn from the model (scheduled sampling).

    The model is stepped through the mixed words, so that a draw depends on those before it as in generation.
    No gradient flows through the draw, as in the paper; the loss is then teacher forced on the result.

    Args:
        decoder: the model.
        features_BLF: encoded images.
        inputs_BKT: the words to read.
        probability: of replacing each word but the first; padding stays.

    Returns:
        The mixed words, of the shape of `inputs_BKT`.

    Source: Bengio et al. (2015).
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
