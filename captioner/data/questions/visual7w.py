"""Visual7W: one JSON file of telling questions, or of pointing ones, with the split of every image."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

from captioner.data.files import check_records, read_records
from captioner.data.questions.base import QUESTION_SOURCES, QuestionRow, QuestionSource, question_table
from captioner.data.questions.rows import question_row, ten_or_more
from captioner.errors import UserError, nearest
from captioner.ranges import PathName, Seed

if TYPE_CHECKING:
    from datasets import Dataset

ADVICE = (
    "The questions (dataset_v7w_telling.json, dataset_v7w_pointing.json) and pictures (visual7w_images.zip, "
    "1.7 GB) are at http://ai.stanford.edu/~yukez/visual7w/; set file= and images= of the data set."
)
SPLITS = ("train", "val", "test")
_WHAT = "a dataset.json of Visual7W"
_IMAGES = {"images": {"image_id": int, "filename": str, "split": str, "qa_pairs": list}}
_PAIR = {"qa_id": int, "question": str, "type": str}
_BOX = {"box_id": int}


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
    content = read_records(file, _IMAGES, _WHAT, ADVICE)
    boxes = _boxes(file, content["boxes"]) if "boxes" in content else None
    rows: dict[str, list[QuestionRow]] = {split: [] for split in SPLITS}
    known: set[int] = set()
    for number, image in enumerate(content["images"]):
        if image["split"] not in SPLITS:
            where = f"{file}: images[{number}] is in split {image['split']!r}"
            raise UserError(f"{where}. {nearest(image['split'], SPLITS)}")
        pairs = image["qa_pairs"]
        check_records(f"{file} is not {_WHAT}", f"images[{number}].qa_pairs", pairs, _PAIR)
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


def _boxes(file: Path, entries: Any) -> dict[int, list[float]]:
    """Return x, y, width and height by the id of the box."""
    check_records(f"{file} is not {_WHAT}", "boxes", entries, _BOX)
    found: dict[int, list[float]] = {}
    for number, box in enumerate(entries):
        try:
            found[box["box_id"]] = [float(box[side]) for side in ("x", "y", "width", "height")]
        except (KeyError, TypeError, ValueError):
            where = f"boxes[{number}] needs x, y, width and height (numbers)"
            raise UserError(f"{file} is not {_WHAT}: {where}: {box!r:.80}") from None
    return found
