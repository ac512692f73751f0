"""Evaluate a cell on a memory problem."""

from pathlib import Path
from typing import Any

from captioner.config import Component
from captioner.data.memory.base import MEMORY_PROBLEMS
from captioner.errors import UserError
from captioner.evaluation.base import EVALUATIONS, Evaluation, write_results
from captioner.inference.memory import MemoryPredictor

BATCH_SIZE = 100


@EVALUATIONS.register("memory")
def evaluate(
    model: Path,
    output: Path,
    *,
    data: Component | None = None,
    split: str = "test",
    limit: int | None = None,
    progress: Any = iter,
) -> Evaluation:
    """Answer the sequences of a split, also of another length than that of the training.

    Args:
        model: the model folder.
        output: the folder that gets `results.json`.
        data: another length, or another size of the split.
        split: test, val or train.
        limit: the number of sequences; all by default.
        progress: wraps the sequence of batches, for a progress bar.

    Returns:
        Figures and files.

    Raises:
        UserError: no model, another problem than that of the training, no such split.
    """
    predictor = MemoryPredictor(model)
    own = predictor.model.config.data
    wanted = own | (data or {})
    if wanted["name"] != own["name"]:
        raise UserError(f"The model was trained on {own['name']} and cannot answer {wanted['name']}.")
    problem = MEMORY_PROBLEMS.build(wanted)
    if split not in problem.sizes:
        raise UserError(f"There is no split {split!r}: there are {', '.join(problem.sizes)}.")
    count = min(limit or problem.sizes[split], problem.sizes[split])
    starts = list(range(0, count, BATCH_SIZE))
    scores = [
        predictor.score(problem, split, range(start, min(start + BATCH_SIZE, count)))
        for start in progress(starts)
    ]
    answers = sum(one.num_answers for one in scores)
    loss = sum(float(one.loss) * one.num_answers for one in scores) / answers
    figures = {
        "loss": loss,
        "baseline": problem.baseline,
        "of_baseline": loss / problem.baseline,
        "accuracy": sum(int(one.num_right) for one in scores) / answers,
    }
    file = output / "results.json"
    write_results(file, {"scores": figures, "data": dict(wanted), "split": split, "sequences": count})
    title = f"{wanted['name']}, {problem.steps:,} steps: {count:,} sequences"
    return Evaluation(title, {split: figures}, {"results": file}, digits=4)
