"""Caption scores as a torchmetrics metric: gathered over batches and processes, each image scored once."""

import json
from collections.abc import Sequence

import torch
from torch import Tensor
from torchmetrics import Metric

from captioner.errors import UserError
from captioner.metrics.base import build_metrics
from captioner.metrics.document_frequencies import DocumentFrequencies
from captioner.metrics.ngrams import Tokens, encode


class CaptionScore(Metric):
    """All caption metrics that are on by default, of all images that were passed to `update`.

    BLEU and CIDEr-D are scores of a corpus and no mean over batches or processes. So the state is the
    captions themselves, as text, and an image that a padded sampler yields twice counts once, with the
    caption that came first.

    Args:
        frequencies: document frequencies for CIDEr-D; None takes those of the images' references.
    """

    is_differentiable = False
    higher_is_better = True
    full_state_update = False
    records: list[Tensor]

    def __init__(self, frequencies: DocumentFrequencies | None = None) -> None:
        super().__init__()
        self.metrics = build_metrics(frequencies=frequencies)
        self.add_state("records", default=[], dist_reduce_fx="cat")
        self.reset()

    def reset(self) -> None:
        """Forget all images."""
        super().reset()
        # A process without an image takes part in gathering with a state of the same type as the others'.
        self.records.append(torch.empty(0, dtype=torch.uint8, device=self.device))

    def update(
        self, image_ids: Sequence[int], candidates: Sequence[Tokens], references: Sequence[Sequence[Tokens]]
    ) -> None:
        """Add images to the state.

        Args:
            image_ids: of each image.
            candidates: the tokens of a caption for each image.
            references: the tokens of one or more captions for each image.
        """
        rows = zip(image_ids, candidates, references, strict=True)
        lines = "".join(json.dumps([int(image_id), *texts]) + "\n" for image_id, *texts in rows)
        if lines:
            record = torch.frombuffer(bytearray(lines, "ascii"), dtype=torch.uint8)
            self.records.append(record.to(self.device))

    def compute(self) -> dict[str, Tensor]:
        """Compute the scores.

        Returns:
            Each figure under its name in logs, a scalar in double precision.

        Raises:
            UserError: there was no image.
        """
        # After gathering, the state is one tensor in place of a list.
        records = self.records if isinstance(self.records, Tensor) else torch.cat(self.records)
        by_image: dict[int, list[list[str]]] = {}
        for line in records.cpu().numpy().tobytes().splitlines():
            image_id, *texts = json.loads(line)
            by_image.setdefault(image_id, texts)
        if not by_image:
            raise UserError("There are no captions to score.")
        pairs = [by_image[image_id] for image_id in sorted(by_image)]
        corpus = encode([caption for caption, _ in pairs], [group for _, group in pairs])
        figures = {
            name: one for metric in self.metrics for name, one in metric.measure(corpus).figures.items()
        }
        return {name: torch.tensor(figure, dtype=torch.float64) for name, figure in figures.items()}
