"""Minimise the cross-entropy of the next word.      N rows, T time, L locations."""

from captioner.decoders.base import Decoder
from captioner.ranges import NonNegative, Probability
from captioner.training.loss import Loss
from captioner.training.objectives.base import OBJECTIVES, Objective, SentenceBatch
from captioner.training.objectives.teacher_forcing import teacher_forcing_loss


@OBJECTIVES.register("cross_entropy")
class CrossEntropy(Objective):
    r"""Cross-entropy of the next word, with the doubly stochastic penalty of attention.

        loss = sum over sentences of [ -log p(words) + attention_penalty * sum_l (1 - sum_t alpha_tl)^2 ]
               divided by the number of words

    so that `attention_penalty` weighs a sentence's penalty against its log-likelihood as in the paper, while
    the loss is per word.

    Args:
        attention_penalty: weight of the penalty; without meaning for a decoder without attention.
        label_smoothing: share of the target that is spread over all words.
        scheduled_sampling: probability, in the last epoch, that a word that is read is one the model drew; it
            rises in proportion to the epochs done.

    Source: Xu et al. (2015), sec. 4.2.1 (penalty); Bengio et al. (2015) (scheduled sampling).
    """

    def __init__(
        self,
        attention_penalty: NonNegative = 0.0,
        label_smoothing: Probability = 0.0,
        scheduled_sampling: Probability = 0.0,
    ) -> None:
        super().__init__()
        self.attention_penalty = attention_penalty
        self.label_smoothing = label_smoothing
        self.scheduled_sampling = scheduled_sampling

    def forward(self, decoder: Decoder, batch: SentenceBatch, progress: float) -> Loss | None:
        """Compute the loss as `Objective` says.

        Args:
            decoder: what is trained.
            batch: the encoded batch.
            progress: the share of all epochs that is done, which scales `scheduled_sampling`.

        Returns:
            The loss, and the penalty as a figure; None where the batch has no word.
        """
        forced = teacher_forcing_loss(
            decoder,
            batch.features_BLF,
            batch.tokens_BKT,
            self.label_smoothing,
            self.scheduled_sampling * progress,
        )
        if forced is None:
            return None
        if forced.alphas_NTL is None or not self.attention_penalty:
            return Loss(forced.loss, {}, forced.size)
        attended_NL = forced.alphas_NTL.sum(dim=1)
        penalty = (1 - attended_NL).square().sum() / forced.size
        total = forced.loss + self.attention_penalty * penalty
        return Loss(total, {"attention_penalty": penalty.detach()}, forced.size)
