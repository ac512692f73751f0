"""Visual7W, pointing: which of four places.

B pictures, K questions a picture, C boxes a question, T time, L locations, F feature, H hidden.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from captioner.config import Config
from captioner.data.questions.multiple_choice import MultipleChoiceQuestion
from captioner.data.questions.pointing import (
    PointingBatch,
    PointingData,
    PointingQuestionEncoder,
    pointing_batch,
)
from captioner.regions import Pointer, box_weights
from captioner.training.multiple_choice import MultipleChoiceTask
from captioner.training.task import TASKS, Loss, check_unused_options
from captioner.vocabulary import Vocabulary


@TASKS.register("visual7w_pointing")
class Visual7WPointing(MultipleChoiceTask):
    r"""The place that fits what the decoder's cell remembers of picture and question (Zhu et al., 2016).

        p    = softmax over the question's boxes c of  h . W r_c      r_c: the mean feature of the box
        loss = mean over questions of -log p(right box)

    h is the cell's after it has read picture, question and the <bos> that ends it; nothing is said.
    """

    data_class = PointingData

    def __init__(self, config: Config, vocabulary: Vocabulary) -> None:
        super().__init__(config, vocabulary)
        assert self.encoder is not None
        self.pointer = Pointer(self.encoder.feature_dim, self.decoder.cell.hidden_dim)

    @property
    def pointing(self) -> PointingQuestionEncoder:
        """How it reads questions and boxes, the latter by what is done to pictures now."""
        assert self.encoder is not None
        return PointingQuestionEncoder(
            self.vocabulary, self.config.training.max_words, self.encoder.preprocessing
        )

    @classmethod
    def check(cls, config: Config) -> None:
        """Refuse also to move pictures under their boxes."""
        super().check(config)
        check_unused_options(config, ("training.augment",))

    def connect(self, data: PointingData) -> None:
        """See `MultipleChoiceTask`."""
        assert self.encoder is not None
        data.connect(self.encoder, self.pointing, self.config.training, self.config.seed)

    def batch(
        self,
        features_BLF: Tensor,
        images: Sequence[Image.Image | None],
        asked: Sequence[Sequence[MultipleChoiceQuestion]],
    ) -> "PointingOutput":
        """See `MultipleChoiceTask`."""
        pointing = self.pointing
        sizes = [image.size for image in images if image is not None]
        seen = [
            [pointing.seen(pointing.question(one), size) for one in own]
            for size, own in zip(sizes, asked, strict=True)
        ]
        batch = pointing_batch(features_BLF, seen)
        return self.encode(self.transfer_batch_to_device(batch, self.device, 0))

    def encode(self, batch: PointingBatch) -> "PointingOutput":
        """The batch, and log-probabilities of the boxes; of a batch without pictures, nothing."""
        logs_BKC = torch.zeros(batch.box_mask_BKC.shape, device=batch.box_mask_BKC.device)
        mask_BKT = batch.mask_BKT
        if mask_BKT.any():
            assert self.encoder is not None
            features_BLF = self.features(batch.pictures)
            h_MH = self.decoder.unroll_hidden(features_BLF, batch.tokens_BKT, mask_BKT).output[0]
            is_question_BK = mask_BKT.any(dim=-1)
            h_BKH = h_MH.new_zeros(*is_question_BK.shape, h_MH.shape[-1])
            h_BKH[is_question_BK] = h_MH
            weights_BKCL = box_weights(batch.boxes_BKC4, self.encoder.grid)
            scores_BKC = self.pointer(features_BLF, weights_BKCL.to(features_BLF), h_BKH)
            logs_BKC = scores_BKC.masked_fill(~batch.box_mask_BKC, -torch.inf).log_softmax(dim=-1)
        return PointingOutput(batch, logs_BKC)

    def loss(self, batch: "PointingOutput") -> Loss | None:
        """Surprise at the right box."""
        right_BK = batch.asked.right_BK
        known_BK = right_BK >= 0
        size = int(known_BK.sum())
        return Loss(F.nll_loss(batch.logs_BKC[known_BK], right_BK[known_BK]), {}, size) if size else None

    def preferences(self, batch: "PointingOutput") -> dict[int, list[float]]:
        """Log-probability of each box."""
        sizes_BK = batch.asked.box_mask_BKC.sum(dim=-1)
        columns = (batch.asked.question_ids_BK, sizes_BK, batch.logs_BKC)
        rows = zip(*(column[sizes_BK > 0].tolist() for column in columns), strict=True)
        return {question_id: logs[:size] for question_id, size, logs in rows}


class PointingOutput(NamedTuple):
    """A batch, and how likely each box is."""

    asked: PointingBatch
    logs_BKC: Tensor
