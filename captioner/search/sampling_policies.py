"""Drawing sentences, with and without replacement.

B images, K sentences an image, N = B*K rows, C candidates a row, X candidates of an image, V vocabulary.
"""

import torch
from torch import Tensor

from captioner.search.state import Choice, Paths, Policy
from captioner.search.sampling import Noise, Sharpening
from captioner.search.beam_tracer import Options, Watch
from captioner.vocabulary import EOS

SHOWN = 5  # words beside the drawn one that a recorder is told of


class Ancestral(Policy):
    """Independent sentences, word by word, by the inverse of the cumulative distribution."""

    def __init__(self, count: int, sharpening: Sharpening, noise: Noise) -> None:
        self.first_rows = count
        self._sharpening = sharpening
        self._noise = noise

    def choose(self, paths: Paths, logits_NV: Tensor, normaliser_N1: Tensor, watch: Watch | None) -> Choice:
        """One word for every sentence."""
        B, K = paths.scores_BK.shape
        log_q_NV = self._sharpening(logits_NV)
        mass_NV = log_q_NV.exp().cumsum(dim=1)
        uniform_N1 = self._noise.uniform(paths.images_B, K).view(-1, 1).to(mass_NV.dtype)
        all_N1 = mass_NV[:, -1:]
        below_N1 = (uniform_N1 * all_N1).minimum(all_N1.nextafter(torch.zeros_like(all_N1)))
        words_N1 = torch.searchsorted(mass_NV, below_N1, right=True)
        finished_N1 = paths.finished_BK.view(-1, 1)
        words_N1 = words_N1.clamp_max(logits_NV.shape[1] - 1).masked_fill(finished_N1, EOS)
        gains_N1 = (logits_NV.gather(1, words_N1) - normaliser_N1).masked_fill(finished_N1, 0.0)
        log_q_N1 = log_q_NV.gather(1, words_N1).masked_fill(finished_N1, 0.0)
        totals_BK = paths.totals_BK + log_q_N1.view(B, K)
        parents_BK = torch.arange(K, device=words_N1.device).expand(B, K)
        choice = Choice(parents_BK, words_N1.view(B, K), gains_N1.view(B, K), totals_BK, totals_BK)
        if watch:
            self._show(watch, paths, log_q_NV, logits_NV - normaliser_N1, choice)
        return choice

    def is_done(self, paths: Paths) -> Tensor:
        """Whether all are finished."""
        return paths.finished_BK.all(dim=1)

    def _show(self, watch: Watch, paths: Paths, log_q_NV: Tensor, log_p_NV: Tensor, choice: Choice) -> None:
        """The drawn word and the most probable others."""
        B, K = choice.words_BK.shape
        drawn_N1 = choice.words_BK.reshape(-1, 1)
        others_NV = log_q_NV.scatter(1, drawn_N1, -torch.inf)
        others_NV = others_NV.masked_fill(paths.finished_BK.view(-1, 1), -torch.inf)
        top_NC, words_NC = others_NV.topk(min(SHOWN, others_NV.shape[1]), dim=1)
        words_NC = torch.cat([drawn_N1, words_NC], dim=1)
        gains_NC = log_p_NV.gather(1, words_NC)
        gains_NC[:, 0] = choice.gains_BK.flatten()
        before_N1 = paths.totals_BK.view(-1, 1)
        scores_NC = torch.cat([choice.totals_BK.view(-1, 1), before_N1 + top_NC], dim=1)
        C = words_NC.shape[1]
        parents_BX = choice.parents_BK.repeat_interleave(C, dim=1)
        leaves = (leaf.view(B, -1) for leaf in (words_NC, gains_NC, torch.zeros_like(gains_NC), scores_NC))
        chosen_BK = torch.arange(0, K * C, C, device=words_NC.device).expand(B, K)
        watch.choice(paths, 0, Options(parents_BX, *leaves), chosen_BK)


class WithoutReplacement(Policy):
    r"""Different sentences, drawn in order without replacement: stochastic beam search (Kool et al., 2019).

    A sentence with the perturbed log-probability G = log q + Gumbel noise is among the k drawn if its G is
    among the k greatest. G of a beginning is the maximum over its sentences; children get noise on condition
    that their maximum is their parent's G, by the stable form of their appendix B.3. `score` is G.
    """

    def __init__(self, count: int, sharpening: Sharpening, noise: Noise) -> None:
        self._count = count
        self._sharpening = sharpening
        self._noise = noise

    def choose(self, paths: Paths, logits_NV: Tensor, normaliser_N1: Tensor, watch: Watch | None) -> Choice:
        """The greatest perturbed log-probabilities over all sentences of an image."""
        B, K = paths.scores_BK.shape
        V = logits_NV.shape[1]
        log_q_BKV = self._sharpening(logits_NV).view(B, K, V).double()
        perturbed_BKV = self._perturb(paths, paths.totals_BK.unsqueeze(2) + log_q_BKV)
        top_BKC, words_BKC = perturbed_BKV.topk(min(self._count, V), dim=2)
        C = top_BKC.shape[2]
        finished_BK = paths.finished_BK
        only_C = torch.arange(C, device=top_BKC.device) == 0
        ended_BKC = paths.scores_BK.unsqueeze(2).where(only_C, -torch.inf)
        top_BKC = torch.where(finished_BK.unsqueeze(2), ended_BKC.to(top_BKC.dtype), top_BKC)
        words_BKC = words_BKC.masked_fill(finished_BK.unsqueeze(2), EOS)
        log_p_BKV = (logits_NV - normaliser_N1).view(B, K, V)
        gains_BKC = log_p_BKV.gather(2, words_BKC).masked_fill(finished_BK.unsqueeze(2), 0.0)
        log_q_BKC = log_q_BKV.gather(2, words_BKC).masked_fill(finished_BK.unsqueeze(2), 0.0)
        scores_BK, places_BK = top_BKC.flatten(1).topk(min(self._count, K * C), dim=1)
        parents_BK = places_BK // C
        totals_BK = paths.totals_BK.gather(1, parents_BK) + log_q_BKC.flatten(1).gather(1, places_BK)
        if watch:
            parents_BX = torch.arange(K, device=words_BKC.device).repeat_interleave(C).expand(B, -1)
            flat = (words_BKC, gains_BKC, torch.zeros_like(gains_BKC), top_BKC)
            watch.choice(paths, 0, Options(parents_BX, *(leaf.flatten(1) for leaf in flat)), places_BK)
        words_BK, gains_BK = (leaf.flatten(1).gather(1, places_BK) for leaf in (words_BKC, gains_BKC))
        return Choice(parents_BK, words_BK, gains_BK, totals_BK, scores_BK)

    def is_done(self, paths: Paths) -> Tensor:
        """Whether all that are possible are finished."""
        return (paths.finished_BK | (paths.scores_BK == -torch.inf)).all(dim=1)

    def _perturb(self, paths: Paths, log_q_BKV: Tensor) -> Tensor:
        """Gumbel noise on condition that the greatest child of a sentence has its score."""
        _, K, V = log_q_BKV.shape
        first = paths.tokens_BKT.shape[2] == 1
        limits_BK = self._noise.gumbel(paths.images_B, 1) if first else paths.scores_BK
        free_BKV = log_q_BKV + self._noise.gumbel(paths.images_B, K, V)
        greatest_BK1 = free_BKV.amax(dim=2, keepdim=True)
        limits_BK1 = limits_BK.unsqueeze(2)
        v_BKV = limits_BK1 - free_BKV + torch.log1p(-(free_BKV - greatest_BK1).exp())
        perturbed_BKV = limits_BK1 - v_BKV.relu() - torch.log1p((-v_BKV.abs()).exp())
        return perturbed_BKV.masked_fill(log_q_BKV == -torch.inf, -torch.inf)
