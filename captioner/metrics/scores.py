"""Scores of generated captions against reference captions: the one way used in training and evaluation.

N images, S statistics of an image.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from captioner.errors import UserError
from captioner.metrics.base import AdditiveMetric, Measured, build_metrics
from captioner.metrics.document_frequencies import DocumentFrequencies
from captioner.metrics.ngrams import encode
from captioner.metrics.significance import ImageStatistics
from captioner.metrics.tokenization.tokenize import tokenize_all

Id = TypeVar("Id", int, str)
RANKED_BY = "cider_d"  # the first figure of an image: a page of samples shows the worst by it first


@dataclass(frozen=True)
class CaptionScores(Generic[Id]):
    """Scores of a set of captions, and of each image.

    Attributes:
        figures: scores of the corpus, by the names of the metrics' labels, in the order of tables.
        per_image: the figures that an image has, by its id; CIDEr-D first.
        num_images: how many images are scored; state it beside CIDEr-D.
        cider_idf: a sentence that says where the document frequencies of CIDEr-D come from.
        tokenizer: which ran, as in `TokenizedCaptions`.
        num_unsure: captions that the tokenizer is not sure of.
        tokens: of each caption.
        references: the tokens of each image's references.
        statistics: of the metrics that add up over images, for intervals and comparisons.
    """

    figures: dict[str, float]
    per_image: dict[Id, dict[str, float]]
    num_images: int
    cider_idf: str
    tokenizer: str
    num_unsure: int
    tokens: list[list[str]]
    references: list[list[list[str]]]
    statistics: list[ImageStatistics]

    def as_dict(self) -> dict[str, float]:
        """Return the figures under their names in logs: bleu1 ... bleu4_no_bp, rouge_l, cider_d, distinct."""
        return dict(self.figures)


def score_captions(
    candidates: Mapping[Id, str],
    references: Mapping[Id, Sequence[str]],
    tokenizer: str = "python",
    frequencies: DocumentFrequencies | None = None,
    metrics: Collection[str] | None = None,
) -> CaptionScores[Id]:
    """Tokenize and score captions by image id. References of other images are left out.

    Args:
        candidates: a caption for each image, by id.
        references: one or more captions by people for each image, by id.
        tokenizer: which, as for `tokenize_all`.
        frequencies: of another corpus, for CIDEr-D; those of the references given are the convention.
        metrics: names of `METRICS`; None for those that are on by default.

    Returns:
        The scores of the corpus and of each image.

    Raises:
        UserError: there is nothing to score, an image has no reference, or a metric is not installed.
    """
    groups: list[Sequence[str]] = _reference_groups(candidates, references)
    texts = [*candidates.values(), *(caption for group in groups for caption in group)]
    tokenized = tokenize_all(texts, tokenizer)
    tokens, rest = tokenized.tokens[: len(groups)], iter(tokenized.tokens[len(groups) :])
    reference_tokens = [[next(rest) for _ in group] for group in groups]
    corpus = encode(tokens, reference_tokens)
    found = [(metric, metric.measure(corpus)) for metric in build_metrics(metrics, frequencies=frequencies)]
    source = f"a stored corpus of {frequencies.num_images}" if frequencies else f"the {len(tokens)} evaluated"
    return CaptionScores(
        figures={name: score for _, measured in found for name, score in measured.figures.items()},
        per_image=_per_image(candidates, [measured for _, measured in found]),
        num_images=len(tokens),
        cider_idf=f"references of {source} images",
        tokenizer=tokenized.tokenizer,
        num_unsure=tokenized.num_unsure,
        tokens=tokens,
        references=reference_tokens,
        statistics=[
            ImageStatistics(metric, measured.statistics_NS)
            for metric, measured in found
            if isinstance(metric, AdditiveMetric) and measured.statistics_NS is not None
        ],
    )


def _per_image(image_ids: Iterable[Id], measured: Sequence[Measured]) -> dict[Id, dict[str, float]]:
    """Return the figures of each image by its id, `RANKED_BY` first."""
    columns = {name: values_N.tolist() for one in measured for name, values_N in one.per_image.items()}
    names = sorted(columns, key=lambda name: name != RANKED_BY)
    return {image_id: {name: columns[name][row] for name in names} for row, image_id in enumerate(image_ids)}


def _reference_groups(
    candidates: Mapping[Id, str], references: Mapping[Id, Sequence[str]]
) -> list[Sequence[str]]:
    """Return the references of each candidate, at least one."""
    if not candidates:
        raise UserError("There are no captions to score.")
    for image_id in candidates:
        if not references.get(image_id):
            raise UserError(f"Image {image_id} has no reference captions to score against.")
    return [references[image_id] for image_id in candidates]
