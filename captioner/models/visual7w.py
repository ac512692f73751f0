"""Define the model of Visual7W's telling questions: which of four answers in words.

B images, K sentences an image, T time, M positions of the mask, L locations, F feature, V vocabulary.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from captioner.config import Config
from captioner.data.questions.choices import MultipleChoiceQuestion
from captioner.data.questions.telling_batch import TellingBatch, TellingQuestionEncoder, telling_batch
from captioner.decoders.base import DECODERS
from captioner.models.base import MODELS
from captioner.models.multiple_choice import MultipleChoiceModel
from captioner.precision import in_single_precision
from captioner.ranges import Count
from captioner.vocabulary import PAD, Vocabulary


class TellingOutput(NamedTuple):
    """A batch, the mask of its answers' words, and -log p of its words where they were scored."""

    batch: TellingBatch
    mask_BKT: Tensor
    nll_BKT: Tensor


@MODELS.register("visual7w")
class TellingModel(MultipleChoiceModel):
    """A decoder that reads image, question and answer as one sentence (Zhu et al., 2016).

    The answer is the choice with the highest mean log-probability a word, its end included; a sum would
    favour short answers. A decoder that uses no image, `language_model`, chooses by the words alone.

    Args:
        config: `encoder` and `decoder` say what is built; questions are cut at `training.max_words`.
        vocabulary: the words of questions and answers.
        max_answer_words: words an answer is cut at; None cuts nothing.
    """

    chooses_boxes = False

    def __init__(self, config: Config, vocabulary: Vocabulary, max_answer_words: Count | None = None) -> None:
        super().__init__(config, vocabulary, uses_image=DECODERS.class_of(config.decoder).uses_image)
        self.question_encoder = TellingQuestionEncoder(
            vocabulary, config.training.max_words, max_answer_words
        )

    def make_batch(
        self,
        features_BLF: Tensor,
        sizes: Sequence[tuple[int, int]],
        questions: Sequence[Sequence[MultipleChoiceQuestion]],
    ) -> TellingBatch:
        """Make a batch as `MultipleChoiceModel` says.

        Args:
            features_BLF: features of the images.
            sizes: width and height of each image in pixels.
            questions: those about each image.

        Returns:
            The batch.
        """
        sentences = [[s for one in own for s in self.question_encoder.sentences(one)] for own in questions]
        return telling_batch(features_BLF, sentences)

    def forward(
        self, batch: TellingBatch, score_questions: bool = False, features_BLF: Tensor | None = None
    ) -> TellingOutput:
        """Score the words of answers.

        Args:
            batch: images and sentences of question and answer.
            score_questions: whether the words of the questions are scored too.
            features_BLF: features of the images; None for those of `batch.pictures`.

        Returns:
            -log p of these words, 0 elsewhere; all zero for a batch without images.
        """
        mask_BKT = batch.targets_BKT != PAD if score_questions else batch.mask_BKT
        nll_BKT = torch.zeros(mask_BKT.shape, device=mask_BKT.device)
        if mask_BKT.any():
            features_BLF = self.features(batch.pictures) if features_BLF is None else features_BLF
            logits_MV, _ = self.decoder(features_BLF, batch.inputs_BKT, mask_BKT)
            targets_M = batch.targets_BKT[mask_BKT]
            nll_M = F.cross_entropy(in_single_precision(logits_MV), targets_M, reduction="none")
            nll_BKT = nll_BKT.to(nll_M.dtype).masked_scatter(mask_BKT, nll_M)
        return TellingOutput(batch, batch.mask_BKT, nll_BKT)

    def choice_log_probs(self, output: TellingOutput) -> dict[int, list[float]]:
        """Return the mean log-probability of a word of each choice, by question."""
        found: dict[int, list[float]] = {}
        means_BK = -(output.nll_BKT * output.mask_BKT).sum(dim=-1) / output.mask_BKT.sum(dim=-1)
        is_sentence_BK = output.batch.choices_BK >= 0
        columns = (output.batch.question_ids_BK, output.batch.choices_BK, means_BK)
        rows = zip(*(column[is_sentence_BK].tolist() for column in columns), strict=True)
        for question_id, _, mean in sorted(rows):
            found.setdefault(question_id, []).append(mean)
        return found

    def attention(self, features_BLF: Tensor, tokens_T: Tensor) -> Tensor:
        """Return alphas_TL, the attention at each word of one sentence about one image.

        Args:
            features_BLF: features of the image, B = 1.
            tokens_T: the words that are read.

        Returns:
            alphas_TL, which sums to one over L.
        """
        mask_BKT = torch.ones(1, 1, len(tokens_T), dtype=torch.bool, device=tokens_T.device)
        alphas_NTL = self.decoder.unroll_hidden(features_BLF, tokens_T[None, None], mask_BKT).alphas_NTL
        assert alphas_NTL is not None
        return alphas_NTL[0]
