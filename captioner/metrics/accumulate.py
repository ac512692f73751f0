"""Caption scores as a torchmetrics metric: gathered over batches and processes, each image scored once."""

import json
from collections.abc import Sequence

import torch
from torch import Tensor
from torchmetrics import Metric

from captioner.errors import UserError
from captioner.metrics.bleu import bleu_of, corpus_statistics, total
from captioner.metrics.cider_d import corpus_cider_d
from captioner.metrics.document_frequencies import DocumentFrequencies
from captioner.metrics.ngrams import Tokens, encode
from captioner.metrics.rouge_l import rouge_l


class CaptionScore(Metric):
    """BLEU, ROUGE-L and CIDEr-D of all images seen, by the names bleu1 ... bleu4_no_bp, rouge_l, cider_d.

    BLEU and CIDEr-D are scores of a corpus and no mean over batches or processes. So the state is the
    captions themselves, as text, and an image that a padded sampler hands out twice counts once, with the
    caption that came first. CIDEr-D weighs n-grams by `frequencies`, or by the references of those images.
    """

    is_differentiable = False
    higher_is_better = True
    full_state_update = False
    records: list[Tensor]

    def __init__(self, frequencies: DocumentFrequencies | None = None) -> None:
        super().__init__()
        self.frequencies = frequencies
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
        """Take in images with a candidate and one or more references each, as tokens."""
        rows = zip(image_ids, candidates, references, strict=True)
        lines = "".join(json.dumps([int(image_id), *texts]) + "\n" for image_id, *texts in rows)
        if lines:
            record = torch.frombuffer(bytearray(lines, "ascii"), dtype=torch.uint8)
            self.records.append(record.to(self.device))

    def compute(self) -> dict[str, Tensor]:
        """The scores.

        Raises:
            UserError: no image was seen.
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
        figures = _figures([said for said, _ in pairs], [truth for _, truth in pairs], self.frequencies)
        return {name: torch.tensor(figure, dtype=torch.float64) for name, figure in figures.items()}


def _figures(
    candidates: Sequence[Tokens],
    references: Sequence[Sequence[Tokens]],
    frequencies: DocumentFrequencies | None,
) -> dict[str, float]:
    corpus = encode(candidates, references)
    statistics = total([corpus_statistics(corpus)])
    figures: dict[str, float] = {}
    for suffix, brevity_penalty in (("", True), ("_no_bp", False)):
        scores = bleu_of(statistics, brevity_penalty)
        figures |= {f"bleu{order}{suffix}": scores[order - 1] for order in range(1, 5)}
    cider = float(corpus_cider_d(corpus, frequencies).mean())
    return figures | {"rouge_l": rouge_l(candidates, references), "cider_d": cider}
