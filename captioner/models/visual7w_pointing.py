"""Define the model of Visual7W's pointing questions: which of four boxes.

B images, K questions an image, C boxes a question, T time, L locations, F feature, H hidden.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from captioner.cells.base import Cell
from captioner.config import Config
from captioner.data.questions.choices import MultipleChoiceQuestion
from captioner.data.questions.pointing_batch import PointingBatch, PointingQuestionEncoder, pointing_batch
from captioner.errors import UserError
from captioner.models.base import MODELS, check_unused_options
from captioner.models.multiple_choice import MultipleChoiceModel
from captioner.precision import in_single_precision
from captioner.regions import Pointer, box_weights
from captioner.vocabulary import Vocabulary


class PointingOutput(NamedTuple):
    """A batch, and log-probabilities of its boxes."""

    batch: PointingBatch
    log_probs_BKC: Tensor


@MODELS.register("visual7w_pointing")
class PointingModel(MultipleChoiceModel):
    r"""The box that fits the decoder's state after image and question (Zhu et al., 2016).

        p = softmax over the question's boxes c of  h . W r_c      r_c: the mean feature of the box

    h is the state after image, question and the <bos> that ends it; no word is generated.

    Args:
        config: `encoder` and `decoder` say what is built; questions are cut at `training.max_words`.
        vocabulary: the words of questions.
    """

    chooses_boxes = True

    def __init__(self, config: Config, vocabulary: Vocabulary) -> None:
        super().__init__(config, vocabulary)
        assert self.encoder is not None
        cell = getattr(self.decoder, "cell", None)
        if not isinstance(cell, Cell):
            name = config.decoder["name"]
            raise UserError(f"The task visual7w_pointing needs a recurrent decoder, not {name}.")
        self.pointer = Pointer(self.encoder.feature_dim, cell.hidden_dim)

    @property
    def question_encoder(self) -> PointingQuestionEncoder:
        """How questions and boxes are encoded, boxes by the preprocessing of images."""
        assert self.encoder is not None
        return PointingQuestionEncoder(
            self.vocabulary, self.config.training.max_words, self.encoder.preprocessing
        )

    @classmethod
    def check(cls, config: Config) -> None:
        """Refuse also augmentation, which would move images under their boxes."""
        super().check(config)
        check_unused_options(config, ("training.augment",))

    def make_batch(
        self,
        features_BLF: Tensor,
        sizes: Sequence[tuple[int, int]],
        questions: Sequence[Sequence[MultipleChoiceQuestion]],
    ) -> PointingBatch:
        """Make a batch as `MultipleChoiceModel` says.

        Args:
            features_BLF: features of the images.
            sizes: width and height of each image in pixels.
            questions: those about each image.

        Returns:
            The batch.
        """
        encoder = self.question_encoder
        encoded = [
            [encoder.in_encoder_view(encoder.question(one), size) for one in own]
            for size, own in zip(sizes, questions, strict=True)
        ]
        return pointing_batch(features_BLF, encoded)

    def forward(self, batch: PointingBatch, features_BLF: Tensor | None = None) -> PointingOutput:
        """Score the boxes of questions.

        Args:
            batch: images, questions and their boxes.
            features_BLF: features of the images; None for those of `batch.pictures`.

        Returns:
            Log-probabilities of the boxes, -inf where there is none; all zero for a batch without images.
        """
        log_probs_BKC = torch.zeros(batch.box_mask_BKC.shape, device=batch.box_mask_BKC.device)
        mask_BKT = batch.mask_BKT
        if mask_BKT.any():
            assert self.encoder is not None
            features_BLF = self.features(batch.pictures) if features_BLF is None else features_BLF
            h_MH = self.decoder.unroll_hidden(features_BLF, batch.tokens_BKT, mask_BKT).output[0]
            is_question_BK = mask_BKT.any(dim=-1)
            h_BKH = h_MH.new_zeros(*is_question_BK.shape, h_MH.shape[-1])
            h_BKH[is_question_BK] = h_MH
            weights_BKCL = box_weights(batch.boxes_BKC4, self.encoder.grid)
            scores_BKC = in_single_precision(self.pointer(features_BLF, weights_BKCL.to(features_BLF), h_BKH))
            log_probs_BKC = scores_BKC.masked_fill(~batch.box_mask_BKC, -torch.inf).log_softmax(dim=-1)
        return PointingOutput(batch, log_probs_BKC)

    def choice_log_probs(self, output: PointingOutput) -> dict[int, list[float]]:
        """Return the log-probability of each box, by question."""
        sizes_BK = output.batch.box_mask_BKC.sum(dim=-1)
        columns = (output.batch.question_ids_BK, sizes_BK, output.log_probs_BKC)
        rows = zip(*(column[sizes_BK > 0].tolist() for column in columns), strict=True)
        return {question_id: log_probs[:size] for question_id, size, log_probs in rows}
