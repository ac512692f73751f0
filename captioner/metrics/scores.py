"""All scores of generated captions against what people wrote: the one way used in training and evaluation."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from captioner.errors import UserError
from captioner.metrics.bleu import Bleu, bleu_of, bleu_statistics, total
from captioner.metrics.cider import cider_d
from captioner.metrics.rouge import sentence_rouge_l
from captioner.metrics.tokenizer import TOKENIZER, tokenize


@dataclass(frozen=True)
class CaptionScores:
    """Scores of a set of captions, and of each image by its id (`bleu4`, `rouge_l`, `cider_d`).

    `bleu` has the brevity penalty, `bleu_no_bp` has not. The document frequencies of CIDEr-D come from the
    references given: state `num_images` beside it.
    """

    bleu: Bleu
    bleu_no_bp: Bleu
    rouge_l: float
    cider_d: float
    num_images: int
    tokenizer: str
    per_image: dict[int, dict[str, float]]

    def as_dict(self) -> dict[str, float]:
        """Flat names for logs and tables: bleu1 ... bleu4, bleu1_no_bp ... bleu4_no_bp, rouge_l, cider_d."""
        scores = {f"bleu{order}": self.bleu[order - 1] for order in range(1, 5)}
        scores |= {f"bleu{order}_no_bp": self.bleu_no_bp[order - 1] for order in range(1, 5)}
        return scores | {"rouge_l": self.rouge_l, "cider_d": self.cider_d}


def score_captions(candidates: Mapping[int, str], references: Mapping[int, Sequence[str]]) -> CaptionScores:
    """Tokenize and score captions by image id. References of other images are left out.

    Raises:
        UserError: there is nothing to score, or an image has no reference.
    """
    if not candidates:
        raise UserError("There are no captions to score.")
    for image_id in candidates:
        if not references.get(image_id):
            raise UserError(f"Image {image_id} has no reference captions to score against.")
    said = [tokenize(caption) for caption in candidates.values()]
    truth = [[tokenize(caption) for caption in references[image_id]] for image_id in candidates]
    statistics = [bleu_statistics(*pair) for pair in zip(said, truth, strict=True)]
    rouge = [sentence_rouge_l(*pair) for pair in zip(said, truth, strict=True)]
    cider = cider_d(said, truth)
    each = zip(candidates, statistics, rouge, cider.per_image, strict=True)
    per_image = {
        image_id: {"bleu4": bleu_of(counts).bleu4, "rouge_l": overlap, "cider_d": consensus}
        for image_id, counts, overlap, consensus in each
    }
    corpus = total(statistics)
    return CaptionScores(
        bleu=bleu_of(corpus),
        bleu_no_bp=bleu_of(corpus, brevity_penalty=False),
        rouge_l=sum(rouge) / len(rouge),
        cider_d=cider.score,
        num_images=len(said),
        tokenizer=TOKENIZER,
        per_image=per_image,
    )
