"""Train on Visual7W's telling questions.      B images, K sentences an image, T time."""

from captioner.data.questions.telling import TellingData
from captioner.data.questions.telling_batch import TellingBatch
from captioner.models.visual7w import TellingModel, TellingOutput
from captioner.ranges import NonNegative
from captioner.training.loss import Loss
from captioner.training.multiple_choice import MultipleChoiceTask
from captioner.training.task import TASKS


@TASKS.register("visual7w")
class Visual7WTask(MultipleChoiceTask[TellingModel]):
    r"""Four answers in words: the decoder learns to generate the right ones (Zhu et al., 2016).

        loss = mean over the words w of right answers, their ends counted,
               of -log p(w | image, question, words before)

    Wrong answers are not learnt from.

    Args:
        model: what is trained.
        question_weight: if above 0, that many times -log p of all words of the questions, over the number of
            answers' words too, is added in training. Questions name what is in the image, from which an
            encoder that starts from random weights learns several times as fast.
    """

    data_class = TellingData

    def __init__(self, model: TellingModel, question_weight: NonNegative = 0.0) -> None:
        super().__init__(model)
        self.question_weight = question_weight

    def encode(self, batch: TellingBatch) -> TellingOutput:
        """Return the batch with -log p of its words."""
        output: TellingOutput = self.model(batch, score_questions=self._learns_questions)
        return output

    def loss(self, batch: TellingOutput) -> Loss | None:
        """Return the cross-entropy of right answers; in training also that of questions, by their weight."""
        right_BKT = batch.mask_BKT & batch.batch.right_BK.unsqueeze(-1)
        size = int(right_BKT.sum())
        if not size:
            return None
        answers = (batch.nll_BKT * right_BKT).sum() / size
        if not self._learns_questions:
            return Loss(answers, {}, size)
        questions = (batch.nll_BKT * ~batch.mask_BKT).sum() / size
        return Loss(answers + self.question_weight * questions, {"answer_loss": answers.detach()}, size)

    @property
    def _learns_questions(self) -> bool:
        return self.training and self.question_weight > 0
