"""Scores of caption files by any system, without a model, images or torch."""

import csv
import dataclasses
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

from captioner.data.formats.captions import read_candidates, read_references
from captioner.errors import UserError
from captioner.evaluation.score_remarks import remarks
from captioner.metrics.base import default_metrics
from captioner.metrics.diversity import diversity, novel_share, self_bleu
from captioner.metrics.document_frequencies import DocumentFrequencies
from captioner.metrics.scores import CaptionScores, score_captions
from captioner.metrics.significance import LEVEL, NUM_DRAWS, Comparison, Interval, compare, intervals
from captioner.metrics.tokenization.tokenize import tokenize_all

Captions = dict[str, str]
References = dict[str, list[str]]


@dataclasses.dataclass(frozen=True)
class Request:
    """A request to score caption files.

    Args:
        candidates: a caption file, as `captioner.data.formats.captions` describes.
        references: one or several files.
        other: candidates of another captioner of the same images, to compare with.
        partial: leave out images that have references and no candidate; otherwise they are a mistake.
        tokenizer: as for `tokenize_all`.
        training: captions trained on, for the share of candidates that are not among them.
        idf: stored document frequencies for CIDEr-D; None takes those of the references.
        extra_metrics: names of metrics to run besides those that are on by default.
        num_draws: resamples for intervals and tests.
    """

    candidates: Path
    references: Sequence[Path]
    other: Path | None = None
    partial: bool = False
    tokenizer: str = "auto"
    training: Path | None = None
    idf: Path | None = None
    extra_metrics: Sequence[str] = ()
    num_draws: int = NUM_DRAWS


class ScoredCaptions(NamedTuple):
    """The scores of the candidates, and of another captioner if asked for.

    Attributes:
        captions: the candidates, by image.
        scores: of `score_captions`.
        figures: what is printed of them, by name.
        variety: measures of diversity.
        intervals: of the figures that have one.
        other_figures: those of the other captioner; empty without one.
        comparison: the candidates against the other captioner; empty without one.
        remarks: sentences on what the scores do not say.
    """

    captions: Captions
    scores: CaptionScores[str]
    figures: dict[str, float]
    variety: dict[str, float]
    intervals: dict[str, Interval]
    other_figures: dict[str, float]
    comparison: dict[str, Comparison]
    remarks: list[str]


def score_files(request: Request) -> ScoredCaptions:
    """Read caption files, check that they match, and score them.

    Args:
        request: which files, and how.

    Returns:
        The scores.

    Raises:
        UserError: a file is wrong, images and captions do not match, or what is asked for is not installed.
    """
    if request.num_draws < 1:
        raise UserError(f"{request.num_draws} resamples give no interval; 1000 are usual.")
    references = read_references(request.references)
    captions = _matching(request.candidates, references, request.partial)
    others = _matching(request.other, references, request.partial) if request.other else {}
    if request.other and others.keys() != captions.keys():
        image = min(others.keys() ^ captions.keys())
        raise UserError(
            f"{request.candidates} and {request.other} caption different images, {image} for one; "
            "a comparison is of the same images."
        )
    frequencies = DocumentFrequencies.load(request.idf) if request.idf else None
    metrics = {*default_metrics(), *request.extra_metrics}
    scores = score_captions(captions, references, request.tokenizer, frequencies, metrics)
    variety = _variety(scores.tokens, request)
    figures = scores.as_dict() | {name: variety[name] for name in ("mean_length", "novel") if name in variety}
    texts = [*captions.values(), *(text for image in captions for text in references[image])]
    said = remarks(scores, texts, has_idf=frequencies is not None)
    between = intervals(scores.statistics, request.num_draws)
    if not request.other:
        return ScoredCaptions(captions, scores, figures, variety, between, {}, {}, said)
    in_order = {image: others[image] for image in captions}
    other = score_captions(in_order, references, request.tokenizer, frequencies)
    comparison = compare(scores.statistics, other.statistics, request.num_draws)
    return ScoredCaptions(captions, scores, figures, variety, between, other.as_dict(), comparison, said)


def _variety(tokens: list[list[str]], request: Request) -> dict[str, float]:
    found = diversity(tokens)._asdict() | {"self_bleu": self_bleu(tokens)}
    if request.training:
        texts = [text for group in read_references([request.training]).values() for text in group]
        found["novel"] = novel_share(tokens, tokenize_all(texts, request.tokenizer).tokens)
    return found


def store_frequencies(references: Sequence[Path], file: Path, tokenizer: str = "auto") -> None:
    """Write the document frequencies of references, for CIDEr-D of other captions.

    Args:
        references: caption files.
        file: to write, an npz file.
        tokenizer: as for `tokenize_all`.

    Raises:
        UserError: a file cannot be read or written.
    """
    groups = [texts for texts in read_references(references).values() if texts]
    tokens = iter(tokenize_all([text for texts in groups for text in texts], tokenizer).tokens)
    frequencies = DocumentFrequencies.count([[next(tokens) for _ in texts] for texts in groups])
    try:
        frequencies.save(file)
    except OSError as error:
        raise UserError(f"{file} cannot be written: {error.strerror}.") from None


def _matching(file: Path, references: References, partial: bool) -> Captions:
    """Return the candidates of a file, each with references, and one for each image that has some."""
    captions = read_candidates(file)
    if unknown := [image for image in captions if image not in references]:
        raise UserError(f"{file} captions {_some(unknown)}, unknown to the references.")
    if bare := [image for image in captions if not references[image]]:
        raise UserError(f"{file} captions {_some(bare)}, which the references name without a caption.")
    missing = [image for image, texts in references.items() if texts and image not in captions]
    if missing and not partial:
        raise UserError(
            f"{file} has no caption for {_some(missing)} of the references; --partial scores the others."
        )
    return captions


def _some(images: Sequence[str]) -> str:
    """Return the first of some images by name, and the number of the others."""
    return f"image {images[0]}" + (f" and {len(images) - 1} others" if len(images) > 1 else "")


def results_of(request: Request, scored: ScoredCaptions) -> dict[str, Any]:
    """Return the content of results.json: all scores and all that they depend on."""
    scores = scored.scores
    results: dict[str, Any] = {
        "candidates": str(request.candidates),
        "references": [str(path) for path in request.references],
        "images": scores.num_images,
        "reference_captions": sum(map(len, scores.references)),
        "cider_idf": scores.cider_idf,
        "idf_file": str(request.idf) if request.idf else None,
        "tokenizer": scores.tokenizer,
        "unsure_captions": scores.num_unsure,
        "remarks": scored.remarks,
        "scores": scored.figures,
        "variety": scored.variety,
        "intervals": {name: list(interval) for name, interval in scored.intervals.items()},
        "interval": f"bootstrap over images, {request.num_draws} resamples, {LEVEL:.0%}, idf held fixed",
    }
    if request.other:
        results["comparison"] = {
            "other": str(request.other),
            "other_scores": scored.other_figures,
            "difference": "candidates minus other; interval by paired bootstrap over images",
            "p_value": "two-sided approximate randomization over images, not corrected for several scores",
            "scores": {name: found._asdict() for name, found in scored.comparison.items()},
        }
    results["date"] = datetime.now(UTC).isoformat(timespec="seconds")
    return results | {"versions": {package: version(package) for package in ("captioner", "numpy")}}


def write_results(folder: Path, results: Mapping[str, Any], scored: ScoredCaptions) -> None:
    """Write `results.json`, and `per_image.csv` with a line for each image.

    Args:
        folder: where; it is made if needed.
        results: of `results_of`.
        scored: the scores of each image.

    Raises:
        UserError: the folder cannot be written.
    """
    names = list(next(iter(scored.scores.per_image.values())))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "results.json").write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
        with (folder / "per_image.csv").open("w", newline="", encoding="utf-8", errors="replace") as file:
            writer = csv.writer(file)
            writer.writerow(["image", "caption", *names])
            for image, figures in scored.scores.per_image.items():
                writer.writerow([image, scored.captions[image], *(figures[name] for name in names)])
    except OSError as error:
        raise UserError(f"{folder} cannot be written: {error.strerror}.") from None
