"""Visual7W, telling: which of four answers.

B pictures, K sentences a picture, T time, M words that count, L locations, F feature, V vocabulary.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from captioner.config import Config
from captioner.data.questions.multiple_choice import MultipleChoiceQuestion
from captioner.data.questions.telling import TellingBatch, TellingData, TellingQuestionEncoder, telling_batch
from captioner.decoders.base import decoder_class
from captioner.training.multiple_choice import MultipleChoiceTask
from captioner.training.task import TASKS, Loss
from captioner.vocabulary import PAD, Vocabulary


@TASKS.register("visual7w")
class Visual7WTelling(MultipleChoiceTask):
    r"""The answer that the decoder would have said (Zhu et al., 2016).

        loss      = mean over the words w of right answers, their ends counted,
                    of -log p(w | picture, question, words before)
        preferred = the answer of which that mean over its own words is lowest

    Without the mean, short answers would win. Wrong answers are not learnt from. An answer is cut at
    `max_answer_words`, a question at `training.max_words`. A decoder that does not look, `language_model`,
    chooses by the words alone.

    With `question_weight` the decoder learns to ask as well: that many times -log p of all words of the
    questions, over the number of answers' words too, is added to the loss in training. Questions name what
    is in the picture, from which an encoder that starts from nothing learns several times as fast.
    """

    data_class = TellingData

    def __init__(
        self,
        config: Config,
        vocabulary: Vocabulary,
        max_answer_words: int | None = None,
        question_weight: float = 0.0,
    ) -> None:
        super().__init__(config, vocabulary, uses_image=decoder_class(config.decoder).uses_image)
        self.question_weight = question_weight
        self.telling = TellingQuestionEncoder(vocabulary, config.training.max_words, max_answer_words)

    def connect(self, data: TellingData) -> None:
        """See `MultipleChoiceTask`."""
        data.connect(self.encoder, self.telling, self.config.training, self.config.seed)

    def batch(
        self,
        features_BLF: Tensor,
        images: Sequence[Image.Image | None],
        asked: Sequence[Sequence[MultipleChoiceQuestion]],
    ) -> "TellingOutput":
        """See `MultipleChoiceTask`."""
        told = [[sentence for one in own for sentence in self.telling.sentences(one)] for own in asked]
        batch = telling_batch(features_BLF, told)
        return self.encode(self.transfer_batch_to_device(batch, self.device, 0))

    def encode(self, batch: TellingBatch) -> "TellingOutput":
        """The batch, and how surprising its answers' words are; of a batch without pictures, nothing."""
        mask_BKT = batch.mask_BKT
        if self.training and self.question_weight:
            mask_BKT = batch.targets_BKT != PAD
        nats_BKT = torch.zeros(mask_BKT.shape, device=mask_BKT.device)
        if mask_BKT.any():
            features_BLF = self.features(batch.pictures)
            logits_MV, _ = self.decoder(features_BLF, batch.inputs_BKT, mask_BKT)
            nats_M = F.cross_entropy(logits_MV, batch.targets_BKT[mask_BKT], reduction="none")
            nats_BKT = nats_BKT.to(nats_M.dtype).masked_scatter(mask_BKT, nats_M)
        return TellingOutput(batch, batch.mask_BKT, nats_BKT)

    def loss(self, batch: "TellingOutput") -> Loss | None:
        """Surprise a word of the right answers; in training also that of the questions, by their weight."""
        right_BKT = batch.mask_BKT & batch.told.right_BK.unsqueeze(-1)
        size = int(right_BKT.sum())
        if not size:
            return None
        answers = (batch.nats_BKT * right_BKT).sum() / size
        if not (self.training and self.question_weight):
            return Loss(answers, {}, size)
        questions = (batch.nats_BKT * ~batch.mask_BKT).sum() / size
        return Loss(answers + self.question_weight * questions, {"answer_loss": answers.detach()}, size)

    def preferences(self, batch: "TellingOutput") -> dict[int, list[float]]:
        """Mean log-probability of a word of each choice."""
        found: dict[int, list[float]] = {}
        means_BK = -(batch.nats_BKT * batch.mask_BKT).sum(dim=-1) / batch.mask_BKT.sum(dim=-1)
        is_sentence_BK = batch.told.choices_BK >= 0
        columns = (batch.told.question_ids_BK, batch.told.choices_BK, means_BK)
        rows = zip(*(column[is_sentence_BK].tolist() for column in columns), strict=True)
        for question_id, _, mean in sorted(rows):
            found.setdefault(question_id, []).append(mean)
        return found


class TellingOutput(NamedTuple):
    """A batch, where its answers are, and -log p of their words, in training perhaps of all words."""

    told: TellingBatch
    mask_BKT: Tensor
    nats_BKT: Tensor
