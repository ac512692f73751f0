"""Evaluation of captions: scores, result files and a page of samples."""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from captioner.config import Component
from captioner.data.captions.base import CAPTION_SOURCES, CaptionSource
from captioner.data.captions.coco import write_coco_results
from captioner.data.captions.scenes import Scenes
from captioner.data.module import CaptionData
from captioner.encoders.encoding import Pictures
from captioner.errors import UserError
from captioner.evaluation.base import EVALUATIONS, Evaluation, left_out, write_results
from captioner.evaluation.scene_metrics import share_looked_at, share_true
from captioner.inference.generate import Captioned, as_captioner, generate
from captioner.insight.attention_map import draw_attention
from captioner.insight.samples_page import PageSample, page_note, shown_on_page, write_samples_page
from captioner.metrics.diversity import diversity
from captioner.metrics.n_best import n_best_scores
from captioner.metrics.scores import CaptionScores, score_captions
from captioner.metrics.tokenization.tokenize import tokenize_all
from captioner.models.folder import load_model
from captioner.search.base import SEARCHES
from captioner.search.override import override_search
from captioner.training.caption import CaptionTask

DRAWN_SAMPLES = 12


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
    progress: Any = iter,
) -> Evaluation:
    """Caption the pictures of a split and score the captions.

    `output` gets `results.json`, the COCO results file, `samples.html` and `attention/`. `data` is another
    data set than the one of the training, `search` changes to the model's own, `limit` a number of pictures.
    `shuffled` scores the captions a second time, each given to another picture of the split: what the model
    could have said without looking. Of several captions a picture, `n_best`, the first is what is scored;
    columns oracle@k are of the first k of them, by `n_best_scores`. `progress` wraps the sequence of
    captioned pictures, for a bar.

    Raises:
        UserError: no model, no such split, no picture that has a caption and can be read.
    """
    task = as_captioner(load_model(model), model)
    data = data or task.config.data
    decoding = override_search(task.config.search, search or {}, n_best)
    source = CAPTION_SOURCES.build(data)
    asked = split_of(source, split, limit)
    started = time.monotonic()
    reader = SEARCHES.build(decoding, vocabulary=task.vocabulary)
    found = [_lighter(captioned) for captioned in progress(generate(task, reader, asked.pictures, n_best))]
    seconds = time.monotonic() - started
    problems = [captioned.problem for captioned in found if captioned.problem]
    ids, references = asked.image_ids, asked.references
    good = {ids[c.name]: c for c in found if not c.problem and references[ids[c.name]]}
    if not good:
        raise UserError(f"No picture of the split {split} has a caption to compare with and can be read.")
    texts = {image_id: captioned.captions[0].text for image_id, captioned in good.items()}
    scores = score_captions(texts, references, tokenizer="auto")
    figures = _figures(task, source, good, scores)
    control = _shuffled(source, texts, references) if shuffled else {}
    oracle = _oracle(good, scores, n_best) if n_best > 1 else {}
    about = {"model": str(model), "data": data, "split": split, "images": len(good), "unreadable": problems}
    about |= {"decoding": decoding, "seconds": round(seconds, 1)}
    about |= {"tokenizer": scores.tokenizer, "unsure_captions": scores.num_unsure}
    about |= {"cider_idf": scores.cider_idf, "scores": figures, "shuffled": control, "oracle": oracle}
    write_results(output / "results.json", about)
    write_coco_results(output / f"captions_{split}_results.json", texts)
    _write_samples(task, good, references, scores, figures, output, f"{decoding['name']} on {split}")
    return Evaluation(
        f"{len(good)} pictures",
        {split: figures}
        | ({"shuffled": control} if control else {})
        | {f"oracle@{size}": one for size, one in oracle.items()},
        _written(output),
        left_out(problems),
    )


def _written(output: Path) -> dict[str, Path]:
    files = {"results": output / "results.json", "samples page": output / "samples.html"}
    pictures = output / "attention"
    return files | ({"attention pictures": pictures} if pictures.is_dir() else {})


def _lighter(captioned: Captioned) -> Captioned:
    """Without where the model looked for captions that are not shown: of many pictures that is gigabytes."""
    first, others = captioned.captions[:1], captioned.captions[1:]
    return captioned._replace(captions=first + [caption._replace(alphas_TL=None) for caption in others])


class Split(NamedTuple):
    """The pictures of a split and what people said of them."""

    pictures: Pictures  # by path
    image_ids: dict[str, int]  # path -> id
    references: dict[int, list[str]]


def split_of(source: CaptionSource, split: str, limit: int | None) -> Split:
    """A split of a data set, or the first pictures of it.

    Raises:
        UserError: there is no such split.
    """
    rows = CaptionData(source, source.tables(), Path()).table(split)
    rows = rows.select(range(min(limit or len(rows), len(rows))))
    ids = dict(zip(rows["path"][:], rows["image_id"][:], strict=True))
    references = dict(zip(rows["image_id"][:], rows["captions"][:], strict=True))
    return Split([(path, source.image(split, path)) for path in ids], ids, references)


def _figures(
    task: CaptionTask, source: CaptionSource, good: dict[int, Captioned], scores: CaptionScores[int]
) -> dict[str, float]:
    captions = {image_id: c.captions[0] for image_id, c in good.items()}
    variety = diversity([caption.words for caption in captions.values()])
    figures = scores.as_dict() | {"distinct": variety.distinct_captions, "mean_length": variety.mean_length}
    if isinstance(source, Scenes):
        figures["wholly_true"] = share_true(source, {i: c.text for i, c in captions.items()})
        figures |= share_looked_at(source, captions, task.encoder.grid)
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
    """Each caption moved on by half the split: every picture gets another one's."""
    ids = list(texts)
    middle = len(ids) // 2
    moved = dict(zip(ids, [texts[i] for i in ids[middle:] + ids[:middle]], strict=True))
    figures = score_captions(moved, references, tokenizer="auto").as_dict()
    if isinstance(source, Scenes):
        figures["wholly_true"] = share_true(source, moved)
    return figures


def _write_samples(
    task: CaptionTask,
    good: dict[int, Captioned],
    references: dict[int, list[str]],
    scores: CaptionScores[int],
    figures: dict[str, float],
    output: Path,
    title: str,
) -> None:
    samples = []
    ranking = {image_id: scores.per_image[image_id]["cider_d"] for image_id in good}
    chosen = shown_on_page(ranking)
    title += f", {len(good)} pictures{page_note(ranking, 'CIDEr-D')}"
    for number, image_id in enumerate(chosen):
        captioned = good[image_id]
        caption = captioned.captions[0]
        assert captioned.encoder_view is not None
        if caption.alphas_TL is not None and caption.words and number < DRAWN_SAMPLES:
            (output / "attention").mkdir(exist_ok=True)
            figure = draw_attention(
                captioned.encoder_view, caption.words, caption.alphas_TL, task.encoder.grid
            )
            figure.save(output / "attention" / f"{image_id}.png")
        samples.append(
            PageSample(
                image_id,
                captioned.encoder_view,
                caption.text,
                caption.words,
                caption.alphas_TL.tolist() if caption.alphas_TL is not None and caption.words else None,
                task.encoder.grid,
                references[image_id],
                scores.per_image[image_id],
                None if caption.finished else "cut at the maximal length",
            )
        )
    write_samples_page(output / "samples.html", title, figures, samples)
