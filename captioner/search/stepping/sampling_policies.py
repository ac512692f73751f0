"""Policies that draw sentences, with and without replacement.

B images, K sentences an image, N = B*K rows, C candidates a row, X candidates of an image, V vocabulary.
"""

from abc import ABC

import torch
from torch import Tensor

from captioner.search.stepping.beam_state import BeamState, GroupChoice, Options, Selection
from captioner.search.stepping.image_rng import ImageRNG
from captioner.search.stepping.logits_filter import LogitsFilter
from captioner.search.stepping.policy import Policy
from captioner.tree import Tree
from captioner.vocabulary import EOS

SHOWN = 5  # words beside the drawn one that a trace shows


class SamplingPolicy(Policy, ABC):
    """A policy that draws.

    Args:
        count: sentences to draw for each image.
        logits_filter: the distribution to draw from.
        seed: of the random state; None takes torch's global one.
    """

    def __init__(self, count: int, logits_filter: LogitsFilter, seed: int | None) -> None:
        self._count = count
        self._logits_filter = logits_filter
        self._seed = seed

    def start_rng(self, features: Tree) -> ImageRNG:
        """See `Policy`."""
        return ImageRNG.seeded(features, self._seed)


class Ancestral(SamplingPolicy):
    """Independent sentences, word by word, by the inverse of the cumulative distribution.

    Args:
        count: as `SamplingPolicy`.
        logits_filter: as `SamplingPolicy`.
        seed: as `SamplingPolicy`.
    """

    independent = True

    def __init__(self, count: int, logits_filter: LogitsFilter, seed: int | None) -> None:
        super().__init__(count, logits_filter, seed)
        self.first_rows = count

    def choose(
        self,
        beams: BeamState,
        logits_NV: Tensor,
        normaliser_N1: Tensor,
        rng: ImageRNG | None,
        choices: list[GroupChoice] | None,
    ) -> Selection:
        """Draw one word for every sentence.

        Args:
            beams: the sentences so far.
            logits_NV: of their next words; -inf for words that are forbidden.
            normaliser_N1: to be subtracted from the logits for log-probabilities.
            rng: random state of the images; drawing changes it.
            choices: gets what every group chose from, where somebody wants to know.

        Returns:
            The sentences one word later.
        """
        assert rng is not None
        B, K = beams.scores_BK.shape
        log_q_NV = self._logits_filter(logits_NV)
        mass_NV = log_q_NV.exp().cumsum(dim=1)
        uniform_N1 = rng.uniform(beams.images_B, K).view(-1, 1).to(mass_NV.dtype)
        all_N1 = mass_NV[:, -1:]
        below_N1 = (uniform_N1 * all_N1).minimum(all_N1.nextafter(torch.zeros_like(all_N1)))
        words_N1 = torch.searchsorted(mass_NV, below_N1, right=True)
        finished_N1 = beams.finished_BK.view(-1, 1)
        words_N1 = words_N1.clamp_max(logits_NV.shape[1] - 1).masked_fill(finished_N1, EOS)
        log_probs_N1 = (logits_NV.gather(1, words_N1) - normaliser_N1).masked_fill(finished_N1, 0.0)
        log_q_N1 = log_q_NV.gather(1, words_N1).masked_fill(finished_N1, 0.0)
        totals_BK = beams.totals_BK + log_q_N1.view(B, K)
        parents_BK = torch.arange(K, device=words_N1.device).expand(B, K)
        selection = Selection(parents_BK, words_N1.view(B, K), log_probs_N1.view(B, K), totals_BK, totals_BK)
        if choices is not None:
            choices.append(self._shown(beams, log_q_NV, logits_NV - normaliser_N1, selection))
        return selection

    def is_done(self, beams: BeamState) -> Tensor:
        """Return whether all are finished."""
        return beams.finished_BK.all(dim=1)

    def _shown(
        self, beams: BeamState, log_q_NV: Tensor, log_p_NV: Tensor, selection: Selection
    ) -> GroupChoice:
        """The drawn word and the most probable others."""
        B, K = selection.words_BK.shape
        drawn_N1 = selection.words_BK.reshape(-1, 1)
        others_NV = log_q_NV.scatter(1, drawn_N1, -torch.inf)
        others_NV = others_NV.masked_fill(beams.finished_BK.view(-1, 1), -torch.inf)
        top_NC, words_NC = others_NV.topk(min(SHOWN, others_NV.shape[1]), dim=1)
        words_NC = torch.cat([drawn_N1, words_NC], dim=1)
        log_probs_NC = log_p_NV.gather(1, words_NC)
        log_probs_NC[:, 0] = selection.log_probs_BK.flatten()
        before_N1 = beams.totals_BK.view(-1, 1)
        scores_NC = torch.cat([selection.totals_BK.view(-1, 1), before_N1 + top_NC], dim=1)
        C = words_NC.shape[1]
        parents_BX = selection.parents_BK.repeat_interleave(C, dim=1)
        leaves = (
            leaf.view(B, -1) for leaf in (words_NC, log_probs_NC, torch.zeros_like(log_probs_NC), scores_NC)
        )
        chosen_BK = torch.arange(0, K * C, C, device=words_NC.device).expand(B, K)
        return GroupChoice(Options(parents_BX, *leaves), chosen_BK)


class WithoutReplacement(SamplingPolicy):
    r"""Different sentences, drawn in order without replacement: stochastic beam search.

    A sentence with the perturbed log-probability G = log q + Gumbel noise is among the k drawn if its G is
    among the k greatest. G of a partial sentence is the maximum over its sentences; children get noise on
    condition that their maximum is their parent's G. `score` is G.

    Args:
        count: as `SamplingPolicy`.
        logits_filter: as `SamplingPolicy`.
        seed: as `SamplingPolicy`.

    Source:
        Kool et al. (2019); the condition by the stable form of their appendix B.3.
    """

    def choose(
        self,
        beams: BeamState,
        logits_NV: Tensor,
        normaliser_N1: Tensor,
        rng: ImageRNG | None,
        choices: list[GroupChoice] | None,
    ) -> Selection:
        """Keep the greatest perturbed log-probabilities over all sentences of an image.

        Args:
            beams: the sentences so far.
            logits_NV: of their next words; -inf for words that are forbidden.
            normaliser_N1: to be subtracted from the logits for log-probabilities.
            rng: random state of the images; drawing changes it.
            choices: gets what every group chose from, where somebody wants to know.

        Returns:
            The sentences one word later.
        """
        assert rng is not None
        B, K = beams.scores_BK.shape
        V = logits_NV.shape[1]
        log_q_BKV = self._logits_filter(logits_NV).view(B, K, V).double()
        perturbed_BKV = self._perturb(beams, beams.totals_BK.unsqueeze(2) + log_q_BKV, rng)
        top_BKC, words_BKC = perturbed_BKV.topk(min(self._count, V), dim=2)
        C = top_BKC.shape[2]
        finished_BK = beams.finished_BK
        only_C = torch.arange(C, device=top_BKC.device) == 0
        ended_BKC = beams.scores_BK.unsqueeze(2).where(only_C, -torch.inf)
        top_BKC = torch.where(finished_BK.unsqueeze(2), ended_BKC.to(top_BKC.dtype), top_BKC)
        words_BKC = words_BKC.masked_fill(finished_BK.unsqueeze(2), EOS)
        log_p_BKV = (logits_NV - normaliser_N1).view(B, K, V)
        log_probs_BKC = log_p_BKV.gather(2, words_BKC).masked_fill(finished_BK.unsqueeze(2), 0.0)
        log_q_BKC = log_q_BKV.gather(2, words_BKC).masked_fill(finished_BK.unsqueeze(2), 0.0)
        scores_BK, places_BK = top_BKC.flatten(1).topk(min(self._count, K * C), dim=1)
        parents_BK = places_BK // C
        totals_BK = beams.totals_BK.gather(1, parents_BK) + log_q_BKC.flatten(1).gather(1, places_BK)
        if choices is not None:
            parents_BX = torch.arange(K, device=words_BKC.device).repeat_interleave(C).expand(B, -1)
            flat = (words_BKC, log_probs_BKC, torch.zeros_like(log_probs_BKC), top_BKC)
            options = Options(parents_BX, *(leaf.flatten(1) for leaf in flat))
            choices.append(GroupChoice(options, places_BK))
        words_BK, log_probs_BK = (leaf.flatten(1).gather(1, places_BK) for leaf in (words_BKC, log_probs_BKC))
        return Selection(parents_BK, words_BK, log_probs_BK, totals_BK, scores_BK)

    def is_done(self, beams: BeamState) -> Tensor:
        """Return whether all that are possible are finished."""
        return (beams.finished_BK | (beams.scores_BK == -torch.inf)).all(dim=1)

    def _perturb(self, beams: BeamState, log_q_BKV: Tensor, rng: ImageRNG) -> Tensor:
        """Log-probabilities with Gumbel noise; the greatest child of a sentence has its score."""
        _, K, V = log_q_BKV.shape
        first = beams.tokens_BKT.shape[2] == 1
        limits_BK = rng.gumbel(beams.images_B, 1) if first else beams.scores_BK
        free_BKV = log_q_BKV + rng.gumbel(beams.images_B, K, V)
        greatest_BK1 = free_BKV.amax(dim=2, keepdim=True)
        limits_BK1 = limits_BK.unsqueeze(2)
        v_BKV = limits_BK1 - free_BKV + torch.log1p(-(free_BKV - greatest_BK1).exp())
        perturbed_BKV = limits_BK1 - v_BKV.relu() - torch.log1p((-v_BKV.abs()).exp())
        return perturbed_BKV.masked_fill(log_q_BKV == -torch.inf, -torch.inf)
