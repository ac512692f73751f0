"""All scores of generated captions against what people wrote: the one way used in training and evaluation."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np

from captioner.errors import UserError
from captioner.metrics.bleu import Bleu, bleu_of, bleu_scores, corpus_statistics, total
from captioner.metrics.cider_d import corpus_cider_d
from captioner.metrics.document_frequencies import DocumentFrequencies
from captioner.metrics.ngrams import encode
from captioner.metrics.rouge_l import sentence_rouge_l
from captioner.metrics.significance import ImageStatistics
from captioner.metrics.tokenization.tokenize import tokenize_all

Id = TypeVar("Id", int, str)


@dataclass(frozen=True)
class CaptionScores(Generic[Id]):
    """Scores of a set of captions, and of each image by its id (`cider_d`, `rouge_l`, `bleu4`).

    `bleu` has the brevity penalty, `bleu_no_bp` has not. `cider_idf` says where the document frequencies of
    CIDEr-D come from; where from the references given, state `num_images` beside it. `tokenizer` and
    `num_unsure` are those of `TokenizedCaptions`, `tokens` the captions', and `statistics` what the scores
    are made of, for intervals and comparisons.
    """

    bleu: Bleu
    bleu_no_bp: Bleu
    rouge_l: float
    cider_d: float
    num_images: int
    cider_idf: str
    tokenizer: str
    num_unsure: int
    per_image: dict[Id, dict[str, float]]
    tokens: list[list[str]]
    references: list[list[list[str]]]
    statistics: ImageStatistics

    def as_dict(self) -> dict[str, float]:
        """Flat names for logs and tables: bleu1 ... bleu4, bleu1_no_bp ... bleu4_no_bp, rouge_l, cider_d."""
        scores = {f"bleu{order}": self.bleu[order - 1] for order in range(1, 5)}
        scores |= {f"bleu{order}_no_bp": self.bleu_no_bp[order - 1] for order in range(1, 5)}
        return scores | {"rouge_l": self.rouge_l, "cider_d": self.cider_d}


def score_captions(
    candidates: Mapping[Id, str],
    references: Mapping[Id, Sequence[str]],
    tokenizer: str = "python",
    frequencies: DocumentFrequencies | None = None,
) -> CaptionScores[Id]:
    """Tokenize and score captions by image id. References of other images are left out.

    Args:
        candidates: a caption for each image.
        references: one or more captions for each image, by people.
        tokenizer: which, as for `tokenize_all`.
        frequencies: of another corpus, for CIDEr-D; those of the references given are the convention.

    Raises:
        UserError: there is nothing to score, or an image has no reference.
    """
    groups: list[Sequence[str]] = _groups(candidates, references)
    texts = [*candidates.values(), *(caption for group in groups for caption in group)]
    tokenized = tokenize_all(texts, tokenizer)
    said, rest = tokenized.tokens[: len(groups)], iter(tokenized.tokens[len(groups) :])
    truth = [[next(rest) for _ in group] for group in groups]
    corpus = encode(said, truth)
    bleus = corpus_statistics(corpus)
    rouge = np.array([sentence_rouge_l(*pair) for pair in zip(said, truth, strict=True)])
    cider = corpus_cider_d(corpus, frequencies)
    each = zip(candidates, bleu_scores(bleus)[:, 3].tolist(), rouge.tolist(), cider.tolist(), strict=True)
    per_image = {
        image_id: {"cider_d": consensus, "rouge_l": overlap, "bleu4": bleu4}
        for image_id, bleu4, overlap, consensus in each
    }
    source = f"a stored corpus of {frequencies.num_images}" if frequencies else f"the {len(said)} evaluated"
    return CaptionScores(
        bleu=bleu_of(total([bleus])),
        bleu_no_bp=bleu_of(total([bleus]), brevity_penalty=False),
        rouge_l=float(rouge.mean()),
        cider_d=float(cider.mean()),
        num_images=len(said),
        cider_idf=f"references of {source} images",
        tokenizer=tokenized.tokenizer,
        num_unsure=tokenized.num_unsure,
        per_image=per_image,
        tokens=said,
        references=truth,
        statistics=ImageStatistics(bleus, rouge, cider),
    )


def _groups(candidates: Mapping[Id, str], references: Mapping[Id, Sequence[str]]) -> list[Sequence[str]]:
    """The references of each candidate."""
    if not candidates:
        raise UserError("There are no captions to score.")
    for image_id in candidates:
        if not references.get(image_id):
            raise UserError(f"Image {image_id} has no reference captions to score against.")
    return [references[image_id] for image_id in candidates]
