"""Visual7W: one JSON file of telling questions, or of pointing ones, with the split of every image."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

from captioner.data.questions.base import QUESTION_SOURCES, QuestionRow, QuestionSource, question_table
from captioner.data.questions.rows import question_row, ten_or_more
from captioner.data.records import Record, checked_record, read_each, read_list, read_lists, reader
from captioner.errors import UserError, nearest, quotation
from captioner.ranges import PathName, Seed

if TYPE_CHECKING:
    from datasets import Dataset

ADVICE = (
    "The questions (dataset_v7w_telling.json, dataset_v7w_pointing.json) and pictures (visual7w_images.zip, "
    "1.7 GB) are at http://ai.stanford.edu/~yukez/visual7w/; set file= and images= of the data set."
)
SPLITS = ("train", "val", "test")
_WHAT = "a dataset.json of Visual7W"
_IMAGE = {"image_id": int, "filename": str, "split": str, "qa_pairs": list}
_FARTHEST = 1e6  # pixels; numbers beyond are no places in a picture
_PAIR = {"qa_id": int, "question": str, "type": str}


@QUESTION_SOURCES.register("visual7w")
class Visual7WQuestions(QuestionSource):
    """`dataset.json` of Visual7W (Zhu et al., 2016), for telling or for pointing.

    The file lists the right answer and three wrong ones; here the four are the `choices`, in an order that
    depends on `seed` and the question alone, so that their order is no hint. Choices of pointing are the
    ids of boxes. A question without wrong answers, or with a box that is not in the file, is left out and
    counted on standard error.

    Args:
        file: the JSON file.
        images: the folder of images, `v7w_2358727.jpg` and so on.
        seed: another order of the choices.
    """

    def __init__(self, file: PathName, images: PathName, seed: Seed = 0) -> None:
        self.file = Path(file).expanduser().resolve()
        self.images = Path(images).expanduser().resolve()
        self.seed = seed

    def tables(self) -> "Mapping[str, Dataset]":
        """Return the rows of each split.

        Returns:
            A table for each split that there is.

        Raises:
            UserError: the file or the folder of images is missing, or the file is not of this form.
        """
        rows = read_visual7w(self.file, self.images, self.seed)
        if not self.images.is_dir():
            raise UserError(f"There is no folder of pictures {self.images}. {ADVICE}")
        return {split: question_table(own) for split, own in rows.items()}


def read_visual7w(file: Path, images: Path, seed: int) -> dict[str, list[QuestionRow]]:
    """Read `dataset.json`; see `Visual7WQuestions`.

    Args:
        file: the JSON file.
        images: the folder of images.
        seed: seed of the order of choices.

    Returns:
        The rows of each split that has some.

    Raises:
        UserError: the file is missing or not of the form, or an id is there twice.
    """
    content = read_lists(file, {"images": reader(_IMAGE)}, _WHAT, ADVICE)
    boxes = _boxes(file, content["boxes"]) if "boxes" in content else None
    rows: dict[str, list[QuestionRow]] = {split: [] for split in SPLITS}
    known: set[int] = set()
    for image, pairs in read_each(file, "images", content["images"], _pairs):
        path = os.path.join(images, image["filename"])
        for pair in pairs:
            if pair["qa_id"] in known:
                raise UserError(f"{file}: two questions have the qa_id {pair['qa_id']}.")
            known.add(pair["qa_id"])
            if row := _row(pair, image["image_id"], path, boxes, seed):
                rows[image["split"]].append(row)
    if left_out := len(known) - sum(map(len, rows.values())):
        print(
            f"{file.name}: {left_out:,} of {len(known):,} questions have no wrong answers, or a box that is "
            "not among the boxes: left out",
            file=sys.stderr,
        )
    return {split: own for split, own in rows.items() if own}


def _row(
    pair: Mapping[str, Any], image_id: int, path: str, boxes: Mapping[int, list[float]] | None, seed: int
) -> QuestionRow | None:
    """Return a row, or None where there is nothing to choose from."""
    wrong = pair.get("multiple_choices")
    choices = [pair.get("answer"), *wrong] if isinstance(wrong, list) else []
    wanted = str if boxes is None else int
    usable = all(isinstance(c, wanted) and (boxes is None or c in boxes) for c in choices)
    if len(choices) < 2 or not usable:
        return None
    answer = str(choices[0])
    Random(f"{seed}/{pair['qa_id']}").shuffle(choices)
    row = question_row(
        pair["qa_id"],
        image_id,
        path,
        pair["question"],
        ten_or_more([answer]),
        common=answer,
        choices=list(map(str, choices)),
        question_type=pair["type"].lower(),
        answer_type="telling" if boxes is None else "pointing",
    )
    if boxes is not None:
        row["boxes"] = [boxes[choice] for choice in choices]
    return row


def _pairs(image: Record) -> tuple[Record, list[Record]]:
    """Return an image with its questions."""
    where, split = f"the image {image['image_id']}", image["split"]
    if split not in SPLITS:
        raise UserError(f"{where} is in split {split!r}. {nearest(split, SPLITS)}")
    pairs = enumerate(image["qa_pairs"])
    return image, [checked_record(f"{where}, qa_pairs[{number}]", pair, _PAIR) for number, pair in pairs]


def _boxes(file: Path, entries: Any) -> dict[int, list[float]]:
    """Return x, y, width and height by the id of the box."""
    return dict(read_list(file, "boxes", entries, _box, _WHAT))


def _box(where: str, entry: Any) -> tuple[int, list[float]]:
    box = checked_record(where, entry, {"box_id": int})
    sides = [box.get(side) for side in ("x", "y", "width", "height")]
    if not all(isinstance(side, int | float) and abs(side) < _FARTHEST for side in sides):
        raise UserError(f"{where} needs x, y, width and height (numbers): {quotation(box)}")
    return box["box_id"], [float(side) for side in sides if side is not None]
