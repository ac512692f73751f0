"""The policy of greedy, beam and diverse beam search: keep the best partial sentences.

B images, G groups, k sentences a group, K = G*k, N = B*K rows, C candidates a row, X = k*C, V vocabulary.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from captioner.search.stepping.beam_allocation import allocate_banks
from captioner.search.stepping.beam_state import BeamState, GroupChoice, Options, Selection
from captioner.search.stepping.constraints import Constraints
from captioner.search.stepping.image_rng import ImageRNG
from captioner.search.stepping.length_penalty import LengthPenalty
from captioner.search.stepping.policy import Policy
from captioner.search.stepping.top_words import top_words
from captioner.vocabulary import EOS

NO_PENALTY = LengthPenalty("none", 0.0)


class Candidates(NamedTuple):
    """Words that may come next, for every sentence."""

    words_NC: Tensor
    log_probs_NC: Tensor


class BeamPolicy(Policy):
    """The best `size` partial sentences in each group, by penalised log-probability over a length divisor.

    A finished sentence keeps its place while its score is among the best, and continues by `<eos>` at no
    cost. Groups choose one after the other; a word is penalised by `diversity` for every sentence of an
    earlier group that has just chosen it.

    Args:
        size: sentences kept in each group.
        n_best: sentences wanted of all groups together.
        constraints: of the search; required words get places of their own.
        length: how sentences of different length compare.
        num_groups: groups of the beam; 1 is plain beam search.
        diversity: the penalty.
    """

    def __init__(
        self,
        size: int,
        n_best: int,
        constraints: Constraints,
        length: LengthPenalty = NO_PENALTY,
        num_groups: int = 1,
        diversity: float = 0.0,
    ) -> None:
        self.num_groups = self.first_rows = num_groups
        self._size = size
        self._wanted = -(-n_best // num_groups)
        self._constraints = constraints
        self._length = length
        self._last_penalty = length.of(constraints.max_length)
        self._diversity = diversity

    def choose(
        self,
        beams: BeamState,
        logits_NV: Tensor,
        normaliser_N1: Tensor,
        rng: ImageRNG | None,
        choices: list[GroupChoice] | None,
    ) -> Selection:
        """Choose group after group, each from its own sentences.

        Args:
            beams: the sentences so far.
            logits_NV: of their next words; -inf for words that are forbidden.
            normaliser_N1: to be subtracted from the logits for log-probabilities.
            rng: random state of the images; drawing changes it.
            choices: gets what every group chose from, where somebody wants to know.

        Returns:
            The sentences one word later.
        """
        candidates = self._candidates(beams, logits_NV, normaliser_N1)
        B, K = beams.scores_BK.shape
        k = K // self.num_groups
        words_BKC = candidates.words_NC.view(B, K, -1)
        log_probs_BKC = candidates.log_probs_NC.view(B, K, -1)
        counts_BV = log_probs_BKC.new_zeros(B, logits_NV.shape[1]) if self.num_groups > 1 else None
        selections = []
        for group in range(self.num_groups):
            places = slice(group * k, (group + 1) * k)
            options = self._options(beams, places, words_BKC[:, places], log_probs_BKC[:, places], counts_BV)
            selection, chosen_Bk = self._best(beams, options)
            selections.append(selection)
            if choices is not None:
                choices.append(GroupChoice(options, chosen_Bk))
            if counts_BV is not None:
                new_Bk = ~beams.finished_BK.gather(1, selection.parents_BK)
                new_Bk &= selection.scores_BK > -torch.inf
                counts_BV.scatter_add_(1, selection.words_BK, new_Bk.to(counts_BV.dtype))
        return Selection(*(torch.cat(parts, dim=1) for parts in zip(*selections, strict=True)))

    def is_done(self, beams: BeamState) -> Tensor:
        """Return whether every group has finished what is wanted, and nothing unfinished can score higher."""
        unfinished_BK = ~beams.finished_BK & (beams.scores_BK > -torch.inf)
        limits_BK = (beams.totals_BK / self._last_penalty).masked_fill(~unfinished_BK, -torch.inf)
        scores_BK = beams.scores_BK.masked_fill(~beams.finished_BK, -torch.inf)
        limit_BG = limits_BK.view(len(limits_BK), self.num_groups, -1).amax(dim=2)
        scores_BGk = scores_BK.view(len(scores_BK), self.num_groups, -1)
        nothing_left_BG = limit_BG == -torch.inf
        if scores_BGk.shape[2] < self._wanted:
            return nothing_left_BG.all(dim=1)
        last_BG = scores_BGk.topk(self._wanted, dim=2).values[:, :, -1]
        return (nothing_left_BG | (last_BG >= limit_BG)).all(dim=1)

    def _candidates(self, beams: BeamState, logits_NV: Tensor, normaliser_N1: Tensor) -> Candidates:
        """Enough of the most probable words: penalties can displace as many as earlier groups choose."""
        C = min(self._size * self.num_groups, logits_NV.shape[1])
        top_NC, words_NC = top_words(logits_NV, C)
        if self._constraints.required_words:
            top_NC, words_NC = self._add_required(beams, logits_NV, top_NC, words_NC)
        finished_N1 = beams.finished_BK.view(-1, 1)
        first_C = torch.arange(words_NC.shape[1], device=words_NC.device) == 0
        ended_C = top_NC.new_zeros(()).where(first_C, -torch.inf)  # a finished sentence continues once
        log_probs_NC = torch.where(finished_N1, ended_C, top_NC - normaliser_N1)
        return Candidates(words_NC.masked_fill(finished_N1, EOS), log_probs_NC)

    def _add_required(
        self, beams: BeamState, logits_NV: Tensor, top_NC: Tensor, words_NC: Tensor
    ) -> tuple[Tensor, Tensor]:
        """The candidates, and the required words that are still missing and not among them."""
        tokens_NT = beams.tokens_BKT.flatten(0, 1)
        required_M = self._constraints.required_M(tokens_NT)
        required_NM = required_M.expand(len(tokens_NT), -1)
        there_NM = (words_NC.unsqueeze(2) == required_M).any(dim=1)
        useful_NM = self._constraints.missing_NM(tokens_NT) & ~there_NM
        required_logits_NM = logits_NV.gather(1, required_NM).masked_fill(~useful_NM, -torch.inf)
        return torch.cat([top_NC, required_logits_NM], dim=1), torch.cat([words_NC, required_NM], dim=1)

    def _options(
        self,
        beams: BeamState,
        places: slice,
        words_BkC: Tensor,
        log_probs_BkC: Tensor,
        counts_BV: Tensor | None,
    ) -> Options:
        """The candidates of one group; `counts_BV` says how often earlier groups chose each word."""
        B, k, C = words_BkC.shape
        finished_Bk1 = beams.finished_BK[:, places].unsqueeze(2)
        penalties_BkC = torch.zeros_like(log_probs_BkC)
        if counts_BV is not None:
            times_BkC = counts_BV.gather(1, words_BkC.flatten(1)).view(B, k, C)
            penalties_BkC = self._diversity * times_BkC.masked_fill(finished_Bk1, 0.0)
        totals_BkC = beams.totals_BK[:, places].unsqueeze(2) + log_probs_BkC - penalties_BkC
        lengths_Bk1 = beams.lengths_BK[:, places].unsqueeze(2) + ~finished_Bk1
        scores_BkC = totals_BkC / self._length(lengths_Bk1)
        parents_k1 = torch.arange(places.start, places.stop, device=words_BkC.device).unsqueeze(1)
        leaves = (parents_k1.expand(B, k, C), words_BkC, log_probs_BkC, penalties_BkC, scores_BkC)
        return Options(*(leaf.flatten(1) for leaf in leaves))

    def _best(self, beams: BeamState, options: Options) -> tuple[Selection, Tensor]:
        """The best candidates of a group, and their places."""
        count = min(self._size, options.scores_BX.shape[1])
        if self._constraints.required_words:
            chosen_Bk = allocate_banks(options.scores_BX, self._met_BX(beams, options), count)
        else:
            chosen_Bk = options.scores_BX.topk(count, dim=1).indices
        parents_Bk, words_Bk, log_probs_Bk, penalties_Bk, scores_Bk = (
            leaf.gather(1, chosen_Bk) for leaf in options
        )
        totals_Bk = beams.totals_BK.gather(1, parents_Bk) + log_probs_Bk - penalties_Bk
        return Selection(parents_Bk, words_Bk, log_probs_Bk, totals_Bk, scores_Bk), chosen_Bk

    def _met_BX(self, beams: BeamState, options: Options) -> Tensor:
        """How many of the required words each candidate would contain."""
        B, K = beams.scores_BK.shape
        missing_BKM = self._constraints.missing_NM(beams.tokens_BKT.flatten(0, 1)).view(B, K, -1)
        required_M = self._constraints.required_M(missing_BKM)
        images_B1 = torch.arange(B, device=required_M.device).unsqueeze(1)
        missing_BXM = missing_BKM[images_B1, options.parents_BX]
        now_BXM = missing_BXM & (options.words_BX.unsqueeze(2) == required_M)
        return (~missing_BXM | now_BXM).sum(dim=2)
