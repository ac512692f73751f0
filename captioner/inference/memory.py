"""Answer sequences of a memory problem with a trained cell."""

from collections.abc import Sequence

import torch

from captioner.data.loader import SampleIndex
from captioner.data.memory.base import MemoryBatch, MemoryProblem, MemoryScore
from captioner.data.memory.batches import MemoryItems
from captioner.inference.base import PREDICTORS, Predictor
from captioner.models.memory import MemoryModel


@PREDICTORS.register("memory")
class MemoryPredictor(Predictor[MemoryModel]):
    """A cell that was trained on a memory problem."""

    model_class = MemoryModel

    @torch.inference_mode()
    def answer(self, batch: MemoryBatch) -> torch.Tensor:
        """Return the answers of sequences: the class of every answer, (N, T), or the number, (N, 1)."""
        steps = batch.targets.shape[1]
        outputs_NTO = self.model(batch.inputs_NTE.to(self.model.device), steps)
        answers: torch.Tensor = outputs_NTO.argmax(dim=-1)
        if batch.targets.is_floating_point():
            answers = outputs_NTO[..., 0]
        return answers.cpu()

    @torch.inference_mode()
    def score(self, problem: MemoryProblem, split: str, numbers: Sequence[int]) -> MemoryScore:
        """Score sequences of a problem.

        Args:
            problem: of the kind that the model was trained on; its length may differ.
            split: train, val or test.
            numbers: which sequences of the split.

        Returns:
            Their mean loss, and how many answers are right.
        """
        batch = MemoryItems(problem, split).__getitems__([SampleIndex(0, number) for number in numbers])
        outputs_NTO = self.model(batch.inputs_NTE.to(self.model.device), problem.scored_steps)
        return problem.score(outputs_NTO, batch.targets.to(outputs_NTO.device))
