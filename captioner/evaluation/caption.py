"""Evaluate captions: scores, result files and a page of samples."""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from captioner.config import Component
from captioner.data.captions.base import CAPTION_SOURCES, CaptionSource
from captioner.data.captions.coco import write_coco_results
from captioner.data.captions.scenes import Scenes
from captioner.errors import UserError
from captioner.evaluation.base import EVALUATIONS, Evaluation, unreadable_notes, write_results
from captioner.evaluation.caption_split import CaptionSplit, split_of
from captioner.evaluation.scene_metrics import attention_on_objects, share_true
from captioner.inference.caption import Captioner
from captioner.inference.caption_results import Captioned
from captioner.insight.samples_page import PageSample, page_note, shown_on_page, write_samples_page
from captioner.metrics.base import figure_labels
from captioner.metrics.diversity import diversity
from captioner.metrics.n_best import n_best_scores
from captioner.metrics.scores import CaptionScores, score_captions
from captioner.metrics.tokenization.tokenize import tokenize_all
from captioner.precision import Precision

DRAWN_SAMPLES = 12
RANKED_BY = "cider_d"  # of the samples page


class CaptionResults(NamedTuple):
    """The measurements of an evaluation.

    Attributes:
        captioned: the images that count, by id.
        scores: of their best captions.
        figures: these scores and others by name.
        shuffled: scores with each caption given to another image.
        oracle: scores of the best of the first k captions, by k.
    """

    captioned: dict[int, Captioned]
    scores: CaptionScores[int]
    figures: dict[str, float]
    shuffled: dict[str, float]
    oracle: dict[int, dict[str, float]]


@EVALUATIONS.register("caption")
def evaluate(
    model: Path,
    output: Path,
    *,
    data: Component | None = None,
    split: str = "test",
    limit: int | None = None,
    search: Mapping[str, Any] | None = None,
    n_best: int = 1,
    shuffled: bool = False,
    others: Sequence[Path] = (),
    precision: Precision = "auto",
    progress: Any = iter,
) -> Evaluation:
    """Caption the images of a split and score the captions.

    Args:
        model: the model folder.
        output: the folder that gets `results.json`, the COCO results file, `samples.html` and `attention/`.
        data: another data set than that of the training.
        split: its split.
        limit: the number of images; all by default.
        search: changes to the model's own search.
        n_best: captions an image. The first is scored; columns oracle@k are of the first k (`n_best_scores`).
        shuffled: whether captions are scored a second time, each given to another image of the split: what
            the model could have written without the image.
        others: further model folders, which make an ensemble with the first: the mean of their probabilities.
        precision: that the model computes in.
        progress: wraps the sequence of captioned images, for a progress bar.

    Returns:
        Figures and files.

    Raises:
        UserError: no model, no such split, no image that has a caption and can be read.
    """
    captioner = Captioner(model, *others, search=search, n_best=n_best, precision=precision)
    data = data or captioner.model.config.data
    source = CAPTION_SOURCES.build(data)
    wanted = split_of(source, split, limit)
    started = time.monotonic()
    found = [_without_alphas(one) for one in progress(captioner.stream(wanted.images))]
    seconds = time.monotonic() - started
    problems = [one.problem for one in found if one.problem]
    results = _score(captioner, source, wanted, found, split, shuffled)
    about = {"model": str(model), "data": data, "split": split, "images": len(results.captioned)}
    about |= {"unreadable": problems, "decoding": captioner.search_config}
    about |= {"precision": captioner.precision, "seconds": round(seconds, 1)}
    about |= {"others": [str(one) for one in others]} if others else {}
    write_results(output / "results.json", about | _to_json(results))
    texts = {image_id: one.text for image_id, one in results.captioned.items()}
    write_coco_results(output / f"captions_{split}_results.json", texts)
    title = f"{captioner.search_config['name']} on {split}"
    _write_samples(captioner, results, wanted.references, output, title)
    columns = {split: results.figures}
    columns |= {"shuffled": results.shuffled} if results.shuffled else {}
    columns |= {f"oracle@{size}": one for size, one in results.oracle.items()}
    return Evaluation(f"{len(texts)} pictures", columns, _files(output), unreadable_notes(problems))


def _without_alphas(captioned: Captioned) -> Captioned:
    """Drop the attention of all captions but the first: of many images that is gigabytes."""
    first, others = captioned.captions[:1], captioned.captions[1:]
    return captioned._replace(captions=first + [caption._replace(alphas_TL=None) for caption in others])


def _score(
    captioner: Captioner,
    source: CaptionSource,
    wanted: CaptionSplit,
    found: Sequence[Captioned],
    split: str,
    shuffled: bool,
) -> CaptionResults:
    ids, references = wanted.image_ids, wanted.references
    good = {ids[one.name]: one for one in found if not one.problem and references[ids[one.name]]}
    if not good:
        raise UserError(f"No picture of the split {split} has a caption to compare with and can be read.")
    texts = {image_id: one.text for image_id, one in good.items()}
    scores = score_captions(texts, references, tokenizer="auto")
    return CaptionResults(
        good,
        scores,
        _figures(captioner, source, good, scores),
        _shuffled(source, texts, references) if shuffled else {},
        _oracle(good, scores, captioner.n_best) if captioner.n_best > 1 else {},
    )


def _to_json(results: CaptionResults) -> dict[str, Any]:
    scores = results.scores
    return {
        "tokenizer": scores.tokenizer,
        "unsure_captions": scores.num_unsure,
        "cider_idf": scores.cider_idf,
        "scores": results.figures,
        "shuffled": results.shuffled,
        "oracle": results.oracle,
    }


def _files(output: Path) -> dict[str, Path]:
    files = {"results": output / "results.json", "samples page": output / "samples.html"}
    pictures = output / "attention"
    return files | ({"attention pictures": pictures} if pictures.is_dir() else {})


def _figures(
    captioner: Captioner, source: CaptionSource, good: dict[int, Captioned], scores: CaptionScores[int]
) -> dict[str, float]:
    captions = {image_id: one.captions[0] for image_id, one in good.items()}
    variety = diversity([caption.words for caption in captions.values()])
    figures = scores.as_dict() | {"distinct": variety.distinct_captions, "mean_length": variety.mean_length}
    if isinstance(source, Scenes):
        figures["wholly_true"] = share_true(source, {i: c.text for i, c in captions.items()})
        figures |= attention_on_objects(source, captions, captioner.grid)
    return figures


def _oracle(
    good: dict[int, Captioned], scores: CaptionScores[int], n_best: int
) -> dict[int, dict[str, float]]:
    texts = [caption.text for captioned in good.values() for caption in captioned.captions]
    tokens = iter(tokenize_all(texts, "auto").tokens)
    lists = [[next(tokens) for _ in captioned.captions] for captioned in good.values()]
    found = n_best_scores(lists, scores.references, n_best)
    for size, figures in found.items():
        figures["captions"] = sum(min(size, len(captions)) for captions in lists) / len(lists)
    return found


def _shuffled(
    source: CaptionSource, texts: dict[int, str], references: dict[int, list[str]]
) -> dict[str, float]:
    """Each caption moved on by half the split: every image gets another one's."""
    ids = list(texts)
    middle = len(ids) // 2
    moved = dict(zip(ids, [texts[i] for i in ids[middle:] + ids[:middle]], strict=True))
    figures = score_captions(moved, references, tokenizer="auto").as_dict()
    if isinstance(source, Scenes):
        figures["wholly_true"] = share_true(source, moved)
    return figures


def _write_samples(
    captioner: Captioner,
    results: CaptionResults,
    references: dict[int, list[str]],
    output: Path,
    title: str,
) -> None:
    per_image = results.scores.per_image
    ranking = {image_id: per_image[image_id][RANKED_BY] for image_id in results.captioned}
    title += f", {len(ranking)} pictures{page_note(ranking, figure_labels()[RANKED_BY])}"
    samples = []
    for number, image_id in enumerate(shown_on_page(ranking)):
        one = results.captioned[image_id]
        if one.attention is not None and one.words and number < DRAWN_SAMPLES:
            (output / "attention").mkdir(exist_ok=True)
            captioner.draw(one).save(output / "attention" / f"{image_id}.png")
        samples.append(_sample(captioner, image_id, one, references[image_id], per_image[image_id]))
    write_samples_page(output / "samples.html", title, results.figures, samples)


def _sample(
    captioner: Captioner,
    image_id: int,
    captioned: Captioned,
    references: list[str],
    scores: dict[str, float],
) -> PageSample:
    assert captioned.encoder_view is not None
    has_alphas = captioned.attention is not None and captioned.words
    return PageSample(
        image_id,
        captioned.encoder_view,
        captioned.text,
        captioned.words,
        captioned.attention.tolist() if has_alphas and captioned.attention is not None else None,
        captioner.grid,
        references,
        scores,
        None if captioned.captions[0].finished else "cut at the maximal length",
    )
