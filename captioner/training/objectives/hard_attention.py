"""Train attention that looks at one location at every word, drawn from its weights.

B images, K sentences an image, S samples a sentence, N = B*K*S rows, T time, M scored positions, L locations.
"""

from typing import Literal, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from captioner.attention.selection import draw_location, mean_location, with_selection
from captioner.decoders.base import Decoder
from captioner.errors import UserError
from captioner.precision import in_single_precision
from captioner.ranges import BeamSize, Fraction, NonNegative
from captioner.training.loss import Loss
from captioner.training.objectives.base import OBJECTIVES, Objective, SentenceBatch
from captioner.training.objectives.teacher_forcing import teacher_forcing_loss
from captioner.vocabulary import PAD

Estimator = Literal["reinforce", "xu2015"]
Baseline = Literal["leave_one_out", "moving_average"]


@OBJECTIVES.register("hard_attention")
class HardAttention(Objective):
    r"""Maximise a lower bound of the log-likelihood over the locations attended to.

        L = E_s[ sum_t log p(y_t | s_<=t) ] <= log p(y),   s_t drawn from alpha_t

    `reinforce` is the gradient of

        sum_t [ log p(y_t) + (R_t - b_t) log alpha_t(s_t) + entropy * H(alpha_t) ]

    where R_t = sum_u>=t log p(y_u) and b_t are constants, over S samples a sentence:

        b_t = mean R_t of the other samples of the sentence             `leave_one_out`
        b_t = remaining words * mean log p of a word in updates before  `moving_average`, by 0.9 and 0.1

    With probability `soft`, thrown for each image, an image is attended to softly, with the gradient of soft
    attention.

    `xu2015` is the rule of the code that the authors released, where R_t - b_t is the same for all words,

        (mean_u log p(y_u) - b) / 10,   b a moving average by 0.9 and 0.1 of the mean log p of a word

    from one sample a sentence, and the coin is one for the whole batch. The gradient of log p is a mean over
    sentences, that of alpha a sum over them.

    Args:
        estimator: `reinforce` or `xu2015`.
        samples: S; 5, or 1 of `xu2015`.
        baseline: b; `leave_one_out`, or `moving_average` of `xu2015`.
        entropy: weight of the entropy of the attention.
        soft: probability of soft attention; 0 never.

    Raises:
        UserError: the options contradict each other, or the decoder cannot attend to one location.

    Source:
        Xu et al. (2015), sec. 4.1. There the whole log p(y) stands for R_t, which has the same mean and a
        greater variance, and the baseline is the moving average. The released code (capgen.py with
        `RL_sumCost`) has the sign of the difference from the baseline turned round, which raises the
        probability of what explains a word badly; here it is as in the paper.
    """

    running_log_prob: Tensor

    def __init__(
        self,
        estimator: Estimator = "reinforce",
        samples: BeamSize | None = None,
        baseline: Baseline | None = None,
        entropy: NonNegative = 0.002,
        soft: Fraction = 0.5,
    ) -> None:
        super().__init__()
        released = estimator == "xu2015"
        self.samples = (1 if released else 5) if samples is None else samples
        self.baseline = baseline or ("moving_average" if released else "leave_one_out")
        self.estimator = estimator
        self.entropy = entropy
        self.soft = soft
        _check(estimator, self.samples, self.baseline)
        self.register_buffer("running_log_prob", torch.zeros(()))

    def forward(self, decoder: Decoder, batch: SentenceBatch, progress: float) -> Loss | None:
        """Compute the loss as `Objective` says.

        Args:
            decoder: what is trained.
            batch: the encoded batch.
            progress: not used.

        Returns:
            The loss; as figures the cross-entropy under the drawn locations and the attention's entropy.
        """
        if not decoder.has_hard_attention:
            raise UserError(
                "The objective hard_attention needs a decoder with attention at every word, such as "
                "show_attend_tell."
            )
        words = int((batch.tokens_BKT[:, :, 1:] != PAD).sum())
        if not words:
            return None
        soft_B = self._throw_coins(len(batch.ids_B)).to(batch.tokens_BKT.device)
        loss, logs = batch.features_BLF.new_zeros(()), {}
        if soft_B.any():
            softly = with_selection(decoder, mean_location)
            forced = teacher_forcing_loss(softly, batch.features_BLF[soft_B], batch.tokens_BKT[soft_B])
            loss = loss + (forced.loss * (forced.size / words) if forced else 0.0)
        tokens_BKT = batch.tokens_BKT[~soft_B]
        if (tokens_BKT[:, :, 1:] != PAD).any():
            drawn = draw(decoder, batch.features_BLF[~soft_B], tokens_BKT, self.samples)
            loss = loss + self._drawn_loss(drawn, len(tokens_BKT)) / (self.samples * words)
            logs = _figures(drawn)
        return Loss(loss, logs, words)

    def _throw_coins(self, images: int) -> Tensor:
        """Whether each image is attended to softly."""
        coins = 1 if self.estimator == "xu2015" else images
        return (torch.rand(coins) < self.soft).expand(images)

    def _drawn_loss(self, drawn: "DrawnAttention", images: int) -> Tensor:
        """The loss of drawn locations, the sum over samples."""
        log_prob_NT = drawn.log_prob_NT.detach()
        if self.estimator == "xu2015":
            mean_N1 = log_prob_NT.sum(dim=1, keepdim=True) / drawn.mask_NT.sum(dim=1, keepdim=True).clamp(1)
            advantage_NT = (mean_N1 - self.running_log_prob) / 10
            weight = float(len(log_prob_NT))  # a mean over sentences beside a sum
        else:
            advantage_NT = reward_to_go(log_prob_NT) - self._baseline(log_prob_NT, drawn.mask_NT, images)
            weight = 1.0
        if self.baseline == "moving_average":
            self.running_log_prob.lerp_(
                (log_prob_NT.sum() / drawn.mask_NT.sum()).to(self.running_log_prob), 0.1
            )
        of_locations = (advantage_NT * drawn.log_alpha_NT + self.entropy * drawn.entropy_NT) * drawn.mask_NT
        return -(drawn.log_prob_NT.sum() + weight * of_locations.sum())

    def _baseline(self, log_prob_NT: Tensor, mask_NT: Tensor, images: int) -> Tensor:
        """b_t of every row; that of a row does not depend on its own draws."""
        if self.baseline == "moving_average":
            return self.running_log_prob * reward_to_go(mask_NT.to(log_prob_NT))
        to_go_BKST = reward_to_go(log_prob_NT).view(images, -1, self.samples, log_prob_NT.shape[1])
        others_BKST = to_go_BKST.sum(dim=2, keepdim=True) - to_go_BKST
        return (others_BKST / (self.samples - 1)).view_as(log_prob_NT)


class DrawnAttention(NamedTuple):
    """Sentences scored while attending to locations that were drawn; all zero where the mask is false."""

    log_prob_NT: Tensor  # of the words
    log_alpha_NT: Tensor  # of the locations
    entropy_NT: Tensor  # of the attention
    mask_NT: Tensor


def draw(decoder: Decoder, features_BLF: Tensor, tokens_BKT: Tensor, samples: int) -> DrawnAttention:
    """Draw a location at every word, and score the words by teacher forcing.

    Args:
        decoder: has hard attention.
        features_BLF: encoded images.
        tokens_BKT: sentences `<bos> words <eos>`, filled up with `<pad>`.
        samples: S.

    Returns:
        Row (b K + k) S + s is sample s of sentence k of image b.
    """
    tokens_BNT = tokens_BKT.repeat_interleave(samples, dim=1)
    inputs_BNT, targets_BNT = tokens_BNT[:, :, :-1], tokens_BNT[:, :, 1:]
    mask_BNT = targets_BNT != PAD
    mask_NT = mask_BNT.flatten(0, 1)
    log_alphas: list[Tensor] = []
    entropies: list[Tensor] = []

    def select(alphas_NL: Tensor) -> Tensor:
        weights_NL = draw_location(alphas_NL)
        exact_NL = in_single_precision(alphas_NL)
        log_NL = exact_NL.clamp_min(1e-30).log()  # of 0 comes no draw, and no gradient either
        log_alphas.append((weights_NL * log_NL).sum(dim=1))
        entropies.append(-(exact_NL * log_NL).sum(dim=1))
        return weights_NL

    logits_MV, _ = with_selection(decoder, select)(features_BLF, inputs_BNT, mask_BNT)
    log_prob_M = -F.cross_entropy(in_single_precision(logits_MV), targets_BNT[mask_BNT], reduction="none")
    log_prob_NT = log_prob_M.new_zeros(mask_NT.shape).masked_scatter(mask_NT, log_prob_M)
    log_alpha_NT, entropy_NT = (_pad_rows(leaf, mask_NT) for leaf in (log_alphas, entropies))
    return DrawnAttention(log_prob_NT, log_alpha_NT, entropy_NT, mask_NT)


def reward_to_go(reward_NT: Tensor) -> Tensor:
    """Compute the sum from every time to the last."""
    return reward_NT.flip(1).cumsum(dim=1).flip(1)


def _pad_rows(by_time: list[Tensor], mask_NT: Tensor) -> Tensor:
    """Stack what was computed for fewer and fewer rows; zero where the mask is false."""
    N, T = mask_NT.shape
    stacked_NT = torch.stack([F.pad(leaf, (0, N - len(leaf))) for leaf in by_time], dim=1)
    return F.pad(stacked_NT, (0, T - len(by_time))) * mask_NT


def _figures(drawn: DrawnAttention) -> dict[str, Tensor]:
    count = drawn.mask_NT.sum()
    return {
        "hard_cross_entropy": -(drawn.log_prob_NT.sum() / count).detach(),
        "attention_entropy": (drawn.entropy_NT.sum() / count).detach(),
    }


def _check(estimator: Estimator, samples: int, baseline: Baseline) -> None:
    """Refuse options that contradict each other."""
    name = "objective hard_attention:"
    if estimator == "xu2015" and (samples, baseline) != (1, "moving_average"):
        raise UserError(f"{name} the estimator xu2015 has 1 sample and the baseline moving_average.")
    least = 2 if baseline == "leave_one_out" else 1
    if samples < least:
        raise UserError(
            f"{name} samples must be at least {least} for the baseline {baseline}, not {samples}."
        )
