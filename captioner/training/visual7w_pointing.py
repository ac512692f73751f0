"""Train on Visual7W's pointing questions.      B images, K questions an image, C boxes a question."""

import torch.nn.functional as F

from captioner.data.questions.pointing import PointingData
from captioner.data.questions.pointing_batch import PointingBatch
from captioner.models.visual7w_pointing import PointingModel, PointingOutput
from captioner.training.loss import Loss
from captioner.training.multiple_choice import MultipleChoiceTask
from captioner.training.task import TASKS


@TASKS.register("visual7w_pointing")
class Visual7WPointingTask(MultipleChoiceTask[PointingModel]):
    r"""Four boxes (Zhu et al., 2016).

    loss = mean over questions of -log p(right box)
    """

    data_class = PointingData

    def encode(self, batch: PointingBatch) -> PointingOutput:
        """Return the batch with the log-probabilities of its boxes."""
        output: PointingOutput = self.model(batch)
        return output

    def loss(self, batch: PointingOutput) -> Loss | None:
        """Return -log p of the right box."""
        right_BK = batch.batch.right_BK
        known_BK = right_BK >= 0
        size = int(known_BK.sum())
        if not size:
            return None
        return Loss(F.nll_loss(batch.log_probs_BKC[known_BK], right_BK[known_BK]), {}, size)
