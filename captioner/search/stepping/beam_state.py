"""The sentences under way in a batch, as a value.

B images under way, K sentences an image, N = B*K rows, T words so far, L locations, X candidates of an image.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from captioner.tree import Tree
from captioner.vocabulary import BOS, EOS


class BeamState(NamedTuple):
    """The sentences under way, group by group, in each group the best first.

    An impossible sentence has the score -inf; a finished one is followed by more `<eos>`, which cost nothing.
    """

    images_B: Tensor  # their numbers in the batch that was given
    log_probs_BK: Tensor
    totals_BK: Tensor  # the sum that the policy ranks by, before the length's divisor
    scores_BK: Tensor  # what the policy ranks by
    lengths_BK: Tensor  # words, the end included
    finished_BK: Tensor
    tokens_BKT: Tensor
    word_log_probs_BKT: Tensor
    alphas: Tree  # alphas_BKTL, or () of a decoder without attention


class Selection(NamedTuple):
    """The next sentences: which sentence each continues, with which word, at what cost."""

    parents_BK: Tensor
    words_BK: Tensor
    log_probs_BK: Tensor  # log-probabilities of the words
    totals_BK: Tensor
    scores_BK: Tensor


class Options(NamedTuple):
    """All candidates of an image, in one group; impossible ones have the score -inf."""

    parents_BX: Tensor  # places among the sentences under way
    words_BX: Tensor
    log_probs_BX: Tensor
    penalties_BX: Tensor
    scores_BX: Tensor


class GroupChoice(NamedTuple):
    """The candidates of one group, and the places of those that it keeps."""

    options: Options
    chosen_Bk: Tensor


def empty_beams(B: int, K: int, device: torch.device) -> BeamState:
    """Return sentences without words.

    Args:
        B: images.
        K: sentences of each image.
        device: where the model computes.

    Returns:
        The state before the first word.
    """
    zeros_BK = torch.zeros(B, K, device=device)
    start_BK1 = torch.full((B, K, 1), BOS, device=device)
    lengths_BK = torch.zeros_like(start_BK1[:, :, 0])
    return BeamState(
        images_B=torch.arange(B, device=device),
        log_probs_BK=zeros_BK,
        totals_BK=zeros_BK,
        scores_BK=zeros_BK,
        lengths_BK=lengths_BK,
        finished_BK=lengths_BK > 0,
        tokens_BKT=start_BK1,
        word_log_probs_BKT=zeros_BK.unsqueeze(-1)[:, :, :0],
        alphas=(),
    )


def append_words(beams: BeamState, selection: Selection, alphas_NL: Tensor | None) -> BeamState:
    """Return longer sentences: each has its parent's history and one word more.

    Args:
        beams: the sentences so far.
        selection: the words that follow.
        alphas_NL: the attention weights with which these words were scored, one row per sentence so far.

    Returns:
        The sentences of the next step.
    """
    parents_BK = selection.parents_BK
    parent = (torch.arange(len(parents_BK), device=parents_BK.device).unsqueeze(1), parents_BK)
    return BeamState(
        images_B=beams.images_B,
        log_probs_BK=beams.log_probs_BK[parent] + selection.log_probs_BK,
        totals_BK=selection.totals_BK,
        scores_BK=selection.scores_BK,
        lengths_BK=beams.lengths_BK[parent] + ~beams.finished_BK[parent],
        finished_BK=selection.words_BK == EOS,
        tokens_BKT=torch.cat([beams.tokens_BKT[parent], selection.words_BK.unsqueeze(-1)], dim=2),
        word_log_probs_BKT=torch.cat(
            [beams.word_log_probs_BKT[parent], selection.log_probs_BK.unsqueeze(-1)], dim=2
        ),
        alphas=() if alphas_NL is None else _append_alphas(beams, alphas_NL)[parent],
    )


def _append_alphas(beams: BeamState, alphas_NL: Tensor) -> Tensor:
    """alphas_BKTL with those of the last step."""
    last_BK1L = alphas_NL.view(*beams.scores_BK.shape, 1, alphas_NL.shape[1])
    return torch.cat([beams.alphas, last_BK1L], dim=2) if isinstance(beams.alphas, Tensor) else last_BK1L


def rows_of(places_BK: Tensor, K: int, images_B: Tensor | None = None) -> Tensor:
    """Return row numbers of a batch with K sentences an image.

    Args:
        places_BK: places within the images.
        K: sentences of each image in the batch.
        images_B: the image of each row of `places_BK`; by default all images in order.

    Returns:
        rows_N.
    """
    images_B = torch.arange(len(places_BK), device=places_BK.device) if images_B is None else images_B
    return (images_B.unsqueeze(1) * K + places_BK).flatten()
