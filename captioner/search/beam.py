"""Beam search over a batch of images.

B images under way, K beams an image, C candidates a beam, N = B*K rows, T words so far, L locations,
V vocabulary, M some of the images.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from captioner.decoders.base import Decoder
from captioner.errors import UserError
from captioner.search.base import SEARCHES, Hypothesis, Search
from captioner.tree import Tree, select_rows
from captioner.vocabulary import BOS, EOS, PAD, UNK


class Beams(NamedTuple):
    """The sentences under way, the best of each image first. An impossible one has the score -inf."""

    scores_BK: Tensor
    finished_BK: Tensor
    tokens_BKT: Tensor
    word_scores_BKT: Tensor
    alphas_BKTL: Tensor | None


@SEARCHES.register("beam")
class Beam(Search):
    """The `beam_size` most probable beginnings are kept at every word; 1 is greedy search.

    A finished sentence keeps its place and its score, the sum of its log-probabilities, so that a beam as
    wide as the number of sentences is exhaustive search. An image leaves the batch as soon as its n best
    are finished: what is unfinished can only become less probable. `allow_unknown=False` never says `<unk>`.
    """

    def __init__(self, beam_size: int = 3, max_length: int = 30, allow_unknown: bool = True) -> None:
        if beam_size < 1 or max_length < 1:
            raise UserError(f"beam_size and max_length must be 1 or more, not {beam_size} and {max_length}.")
        self.beam_size = beam_size
        self.max_length = max_length
        self.forbidden = [PAD, BOS] if allow_unknown else [PAD, BOS, UNK]

    @torch.inference_mode()
    def __call__(self, decoder: Decoder, features_BLF: Tensor, n_best: int = 1) -> list[list[Hypothesis]]:
        """See `Search`."""
        if not 1 <= n_best <= self.beam_size:
            raise UserError(f"{n_best} captions need a beam of {n_best} or more, not {self.beam_size}.")
        found: list[list[Hypothesis]] = [[] for _ in features_BLF]
        memory, state = decoder.start(features_BLF)
        beams = _no_words(decoder, features_BLF)
        images_B = torch.arange(len(features_BLF), device=features_BLF.device)
        for length in range(1, self.max_length + 1):
            beams, state = self._grow(decoder, beams, state, memory)
            done_B = beams.finished_BK[:, :n_best].all(dim=1) & (beams.finished_BK.shape[1] >= n_best)
            if length == self.max_length:
                done_B = torch.ones_like(done_B)
            if not done_B.any():
                continue
            _collect(found, images_B[done_B], _of_images(beams, done_B.nonzero().squeeze(1)), n_best)
            left_M = (~done_B).nonzero().squeeze(1)
            if not len(left_M):
                break
            K = beams.scores_BK.shape[1]
            rows_N = (left_M.unsqueeze(1) * K + torch.arange(K, device=left_M.device)).flatten()
            state, memory = select_rows(state, rows_N), select_rows(memory, left_M)
            beams, images_B = _of_images(beams, left_M), images_B[left_M]
        return found

    def _grow(self, decoder: Decoder, beams: Beams, state: Tree, memory: Tree) -> tuple[Beams, Tree]:
        """One more word in every unfinished sentence."""
        B, K = beams.scores_BK.shape
        step = decoder.step(beams.tokens_BKT[:, :, -1].flatten(), state, memory)
        logits_NV = step.logits_NV.float()
        normaliser_N1 = logits_NV.logsumexp(dim=-1, keepdim=True)
        logits_NV[:, self.forbidden] = -torch.inf
        C = min(self.beam_size, logits_NV.shape[-1])
        top_NC, words_NC = logits_NV.topk(C, dim=-1)
        gains_NC = top_NC - normaliser_N1
        finished_N = beams.finished_BK.flatten()
        gains_NC[finished_N] = gains_NC.new_tensor([0.0] + [-torch.inf] * (C - 1))
        words_NC[finished_N] = EOS
        totals_BKC = beams.scores_BK.unsqueeze(-1) + gains_NC.view(B, K, C)
        scores_BK, places_BK = totals_BKC.flatten(1).topk(min(self.beam_size, K * C))
        if scores_BK.isnan().any():
            raise FloatingPointError("the decoder's scores are not numbers (NaN): its weights are broken")
        parents_BK = places_BK // C
        words_BK = words_NC.view(B, K * C).gather(1, places_BK)
        word_scores_BK = gains_NC.view(B, K * C).gather(1, places_BK)
        grown = _append(beams, parents_BK, words_BK, word_scores_BK, step.alphas_NL)
        grown = grown._replace(scores_BK=scores_BK, finished_BK=words_BK == EOS)
        rows_N = (torch.arange(B, device=parents_BK.device).unsqueeze(1) * K + parents_BK).flatten()
        return grown, select_rows(step.state, rows_N)


def _no_words(decoder: Decoder, features_BLF: Tensor) -> Beams:
    B, L, _ = features_BLF.shape
    start_B11 = torch.full((B, 1, 1), BOS, device=features_BLF.device)
    zeros_B1 = torch.zeros(B, 1, device=features_BLF.device)
    alphas_B11L = zeros_B1.new_zeros(B, 1, 1, L) if decoder.attends else None
    return Beams(zeros_B1, start_B11[:, 0] == EOS, start_B11, zeros_B1.unsqueeze(-1), alphas_B11L)


def _append(
    beams: Beams, parents_BK: Tensor, words_BK: Tensor, word_scores_BK: Tensor, alphas_NL: Tensor | None
) -> Beams:
    """Each beam's history is its parent's and one word more."""
    B = len(parents_BK)
    images_B1 = torch.arange(B, device=parents_BK.device).unsqueeze(1)
    tokens_BKT = torch.cat([beams.tokens_BKT[images_B1, parents_BK], words_BK.unsqueeze(-1)], dim=-1)
    word_scores_BKT = torch.cat(
        [beams.word_scores_BKT[images_B1, parents_BK], word_scores_BK.unsqueeze(-1)], dim=-1
    )
    alphas_BKTL = beams.alphas_BKTL
    if alphas_BKTL is not None and alphas_NL is not None:
        now_BKL = alphas_NL.view(B, -1, alphas_NL.shape[-1])[images_B1, parents_BK]
        alphas_BKTL = torch.cat([alphas_BKTL[images_B1, parents_BK], now_BKL.unsqueeze(2)], dim=2)
    return Beams(beams.scores_BK, beams.finished_BK, tokens_BKT, word_scores_BKT, alphas_BKTL)


def _of_images(beams: Beams, images_M: Tensor) -> Beams:
    return Beams(*(None if leaf is None else leaf.index_select(0, images_M) for leaf in beams))  # type: ignore[arg-type]


def _collect(found: list[list[Hypothesis]], images_M: Tensor, beams: Beams, n_best: int) -> None:
    """Write the best sentences of the images that are done into `found`."""
    scores_MK, finished_MK, tokens_MKT, word_scores_MKT = (leaf.cpu() for leaf in beams[:4])
    alphas_MKTL = None if beams.alphas_BKTL is None else beams.alphas_BKTL.cpu()
    for m, image in enumerate(images_M.tolist()):
        possible = [k for k, score in enumerate(scores_MK[m].tolist()) if score > -torch.inf]
        possible.sort(
            key=lambda k: not finished_MK[m, k]
        )  # stable: the order by score stays within each kind
        for k in possible[:n_best]:
            tokens = tokens_MKT[m, k, 1:].tolist()
            finished = bool(finished_MK[m, k])
            length = tokens.index(EOS) if finished else len(tokens)
            word_scores = word_scores_MKT[m, k, 1 : length + 1 + finished].tolist()
            alphas_TL = None if alphas_MKTL is None else alphas_MKTL[m, k, 1 : length + 1].clone()
            hypothesis = Hypothesis(tokens[:length], float(scores_MK[m, k]), word_scores, finished, alphas_TL)
            found[image].append(hypothesis)
