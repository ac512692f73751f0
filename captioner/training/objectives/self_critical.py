"""Maximise the expected reward of sampled captions.

B images, S samples an image, N = B*S rows, T time, M scored positions, V vocabulary.
"""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import ClassVar, Literal

import torch
from torch import Tensor

from captioner.data.padding import pad
from captioner.decoders.base import Decoder
from captioner.errors import UserError
from captioner.metrics.ngrams import Tokens
from captioner.metrics.reward import CaptionReward, check_reward
from captioner.ranges import BeamSize, Count, NonNegative
from captioner.search.greedy import Greedy
from captioner.search.hypothesis import Hypothesis
from captioner.search.sample import Sample
from captioner.training.loss import Loss
from captioner.training.objectives.base import OBJECTIVES, Objective, SentenceBatch
from captioner.training.objectives.teacher_forcing import teacher_forcing_loss
from captioner.vocabulary import BOS, EOS, PAD, SPECIAL, UNK, Vocabulary

END = SPECIAL[EOS]


@OBJECTIVES.register("self_critical")
class SelfCritical(Objective):
    r"""Self-critical sequence training: policy gradient with a baseline of the model's own captions.

        loss = - sum over samples s of (r(s) - b) log p(s), divided by the number of words
               + cross_entropy * (cross-entropy of the words of the references)
        b    = mean reward of the other samples of the image        `leave_one_out`
        b    = reward of the greedy caption                         `greedy`, as in the paper

    The end is a word of samples and of references: without it, the reward is greatest for captions that stop
    in the middle ("a dog with a"). Samples are drawn with the dropout of training. The cross-entropy keeps
    captions near those of people: with few images, rewarded samples alone become short and alike.

    Args:
        samples: S; at least 2 for `leave_one_out`.
        baseline: b.
        reward: weight of each metric of a caption (cider_d, bleu4, rouge_l); None: CIDEr-D. Its document
            frequencies are those of the training references.
        max_length: words of a sample at most, the end among them.
        cross_entropy: weight of the cross-entropy.

    Raises:
        UserError: there are too few samples, or there is no such reward.

    Source:
        Rennie et al. (2017), "Self-critical sequence training for image captioning"; the baseline is of Luo
        (2020), "A better variant of self-critical sequence training"; the sum of both objectives is of Wu et
        al. (2016), "Google's neural machine translation system", eq. 9.
    """

    rewards_samples: ClassVar[bool] = True

    def __init__(
        self,
        samples: BeamSize = 5,
        baseline: Literal["leave_one_out", "greedy"] = "leave_one_out",
        reward: dict[str, NonNegative] | None = None,
        max_length: Count = 25,
        cross_entropy: NonNegative = 0.0,
    ) -> None:
        super().__init__()
        if baseline == "leave_one_out" and samples < 2:
            raise UserError(f"objective self_critical: leave_one_out needs 2 samples or more, not {samples}.")
        self.weights = reward or {"cider_d": 1.0}
        check_reward(self.weights)
        self.samples = samples
        self.cross_entropy = cross_entropy
        self.baseline = baseline
        self.sampling = Sample(max_length=max_length, allow_unknown=False)
        self.greedy = Greedy(max_length=max_length, allow_unknown=False)

    def set_references(self, references: Mapping[int, Sequence[Tokens]], vocabulary: Vocabulary) -> None:
        """Prepare the reward: tokens of the references, each with an end.

        Args:
            references: tokens of the captions of each training image.
            vocabulary: the words of the samples.
        """
        ended = {key: [[*tokens, END] for tokens in own] for key, own in references.items() if own}
        self.reward = CaptionReward(ended, weights=self.weights)
        self.vocabulary = vocabulary

    def forward(self, decoder: Decoder, batch: SentenceBatch, progress: float) -> Loss | None:
        """Compute the loss as `Objective` says.

        The reward is computed in a thread while the log-probabilities are.

        Args:
            decoder: what is trained.
            batch: the encoded batch; its sentences are used where `cross_entropy` is above 0.
            progress: not used.

        Returns:
            The loss; as figures the mean reward and length of the samples.
        """
        features_BLF = batch.features_BLF
        drawn = self.sampling(decoder, features_BLF.detach(), self.samples)
        greedy = self._greedy_captions(decoder, features_BLF.detach()) if self.baseline == "greedy" else None
        with ThreadPoolExecutor(1) as thread:
            rewarding = thread.submit(self._advantages, batch, drawn, greedy)
            log_probs_M, row_M = self._log_probs(decoder, features_BLF, drawn)
            advantages_N, rewards_N = rewarding.result()
        loss = -(advantages_N.to(log_probs_M)[row_M] * log_probs_M).mean()
        figures = {
            "reward": rewards_N.mean(),
            "sample_length": torch.tensor([float(len(one.tokens)) for own in drawn for one in own]).mean(),
        }
        if self.cross_entropy > 0:
            forced = teacher_forcing_loss(decoder, features_BLF, batch.tokens_BKT)
            loss = loss + self.cross_entropy * forced.loss if forced else loss
        return Loss(loss, figures, len(log_probs_M))

    def _log_probs(
        self, decoder: Decoder, features_BLF: Tensor, drawn: list[list[Hypothesis]]
    ) -> tuple[Tensor, Tensor]:
        """Log-probabilities of every drawn word, and the row of each."""
        sentences = [[[BOS, *one.tokens, *[EOS] * one.finished] for one in own] for own in drawn]
        longest_first = sorted(range(len(drawn)), key=lambda b: -max(map(len, sentences[b])))
        order_B = torch.tensor(longest_first, device=features_BLF.device)
        tokens_BST = pad([sentences[b] for b in longest_first], self.samples).to(features_BLF.device)
        targets_BST = tokens_BST[:, :, 1:]
        mask_BST = targets_BST != PAD
        logits_MV, _ = decoder(features_BLF[order_B], tokens_BST[:, :, :-1], mask_BST)
        # The words that are never drawn have no part in the distribution that is drawn from.
        never = torch.tensor([PAD, BOS, UNK], device=logits_MV.device)
        log_probs_MV = logits_MV.float().index_fill(1, never, -torch.inf).log_softmax(dim=-1)
        log_probs_M = log_probs_MV.gather(1, targets_BST[mask_BST].unsqueeze(1)).squeeze(1)
        image_M, sample_M, _ = mask_BST.nonzero(as_tuple=True)
        return log_probs_M, order_B[image_M] * self.samples + sample_M

    def _greedy_captions(self, decoder: Decoder, features_BLF: Tensor) -> list[list[Hypothesis]]:
        """What the model writes in use: without dropout."""
        training = decoder.training
        decoder.eval()
        found = self.greedy(decoder, features_BLF)
        decoder.train(training)
        return found

    def _advantages(
        self, batch: SentenceBatch, drawn: list[list[Hypothesis]], greedy: list[list[Hypothesis]] | None
    ) -> tuple[Tensor, Tensor]:
        """Reward less baseline of every sample, and the reward."""
        rewards_BS = self._rewards(batch, drawn)
        if greedy is None:
            others_BS = (rewards_BS.sum(dim=1, keepdim=True) - rewards_BS) / (self.samples - 1)
            return (rewards_BS - others_BS).flatten(), rewards_BS.flatten()
        baseline_B1 = self._rewards(batch, greedy)
        return (rewards_BS - baseline_B1).flatten(), rewards_BS.flatten()

    def _rewards(self, batch: SentenceBatch, found: list[list[Hypothesis]]) -> Tensor:
        """The reward of each caption, [B, captions of an image]."""
        captions = [
            [*self.vocabulary.decode(one.tokens), *[END] * one.finished] for own in found for one in own
        ]
        ids = [image_id for image_id, own in zip(batch.ids_B.tolist(), found, strict=True) for _ in own]
        return torch.from_numpy(self.reward(ids, captions)).view(len(found), -1)
