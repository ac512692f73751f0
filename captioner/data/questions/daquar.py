"""DAQUAR: questions about photographs of rooms, whose answers are sets (Malinowski and Fritz, 2014)."""

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from captioner.data.questions.base import QUESTION_SOURCES, QuestionRow, QuestionSource, question_table
from captioner.data.records import checked_record, read_each, read_list
from captioner.data.splits import hold_out
from captioner.errors import UserError, quotation
from captioner.files.read import encodable, one_line_each, read_json, read_text
from captioner.ranges import CountOrZero, PathName, Seed

if TYPE_CHECKING:
    from datasets import Dataset

FILES = ("daquar_{split}.json", "qa.894.raw.{split}.txt", "qa.37.raw.{split}.txt")
PICTURES = ("images", "nyu_depth_images")
_TYPES = {"how many": "how many", "what color": "what color", "what colour": "what color"}
_ABOUT = re.compile(r"\s*(?:\b(?:in|on|of|at)\s+)?(?:the\s+)?(image\d+)\s*\?*\s*$")


class DaquarQuestion(NamedTuple):
    """A question of a file: its id, its text, the name of its image, its answers."""

    question_id: int
    question: str
    image: str
    answers: list[str]


@QUESTION_SOURCES.register("daquar")
class Daquar(QuestionSource):
    """DAQUAR: `daquar_train.json` or the official `qa.894.raw.train.txt`, and a folder of photographs.

    A question has one answer or several, to be read as a set; the `answer` of a row names them all, sorted,
    with commas between, so that equal sets are one answer. Validation is held out of the training part by
    image, and so is test where the official one (`daquar_test.json` or `qa.894.raw.test.txt`) is missing.

    Args:
        folder: holds the files, and the photographs in `images/` or `nyu_depth_images/`.
        num_val: images held out of the training part for val.
        num_test: the same for test, where there is no official test part.
        seed: another one holds out other images.

    Raises:
        UserError: a number is negative.
    """

    answers_are = "set"

    def __init__(
        self, folder: PathName, num_val: CountOrZero = 50, num_test: CountOrZero = 94, seed: Seed = 0
    ) -> None:
        self.folder = Path(folder).expanduser().resolve()
        self.counts = {"val": num_val, "test": num_test}
        self.seed = seed
        if min(self.counts.values()) < 0:
            raise UserError(f"daquar: num_val={num_val} and num_test={num_test} must not be negative.")

    def tables(self) -> "Mapping[str, Dataset]":
        """Return the rows of each split.

        Returns:
            A table for each split that there is.

        Raises:
            UserError: the training part or the photographs are missing, a file is not of the form, or too
                many images are held out.
        """
        training = self._asked("train", first=0)
        official = self._asked("test", first=len(training))
        if not training:
            names = " or ".join(name.format(split="train") for name in FILES)
            raise UserError(f"There is no {names} in {self.folder}; set folder= of the data set.")
        counts = {split: n for split, n in self.counts.items() if n and not (split == "test" and official)}
        pictures = {asked.image for asked in training}
        if sum(counts.values()) >= len(pictures):
            raise UserError(
                f"daquar: {sum(counts.values())} pictures cannot be held out of the {len(pictures)} of train."
            )
        split_of = hold_out(pictures, counts, salt=f"{self.seed}/")
        splits = {
            split: [asked for asked in training if split_of[asked.image] == split]
            for split in ("train", *counts)
        }
        if official:
            splits["test"] = official
        return self._tables(splits)

    def _tables(self, splits: Mapping[str, Sequence[DaquarQuestion]]) -> "dict[str, Dataset]":
        folder = self._photos()
        photos = {file.stem: str(file) for file in sorted(folder.iterdir())}
        return {
            split: question_table(
                _row(one, photos.get(one.image) or str(folder / f"{one.image}.png")) for one in asked
            )
            for split, asked in splits.items()
        }

    def _asked(self, split: str, first: int) -> list[DaquarQuestion]:
        for name in FILES:
            file = self.folder / name.format(split=split)
            if file.is_file():
                return (_json_asked if file.suffix == ".json" else _text_asked)(file, first)
        return []

    def _photos(self) -> Path:
        for name in PICTURES:
            if (folder := self.folder / name).is_dir():
                return folder
        raise UserError(
            f"There is no folder of photographs {self.folder / PICTURES[0]} or {PICTURES[1]} beside it."
        )


def _json_asked(file: Path, first: int) -> list[DaquarQuestion]:
    def asked(where: str, entry: Any) -> DaquarQuestion:
        checked = checked_record(where, entry, {"question": str, "answers": list, "image": str})
        image = Path(checked["image"]).stem
        return _asked(where, checked["question"], image, checked["answers"])

    return _numbered(read_list(file, "", read_json(file), asked, "a file of DAQUAR"), first)


def _text_asked(file: Path, first: int) -> list[DaquarQuestion]:
    """Read lines in pairs: `what is on the desk in the image3 ?`, then `book, papers`."""
    lines = [line.strip() for line in read_text(file).rstrip().split("\n")]
    if len(lines) % 2:
        raise UserError(f"{file} has {len(lines)} lines; questions and answers must take turns.")

    def asked(number: int) -> DaquarQuestion:
        where, question = f"line {number + 1}", lines[number]
        if not (about := _ABOUT.search(question)):
            raise UserError(f"{where} does not end in a picture, such as image3: {quotation(question)}")
        return _asked(where, question[: about.start()], about[1], lines[number + 1].split(","))

    return _numbered(read_each(file, "questions", range(0, len(lines), 2), asked), first)


def _numbered(asked: Iterable[DaquarQuestion], first: int) -> list[DaquarQuestion]:
    return [one._replace(question_id=number) for number, one in enumerate(asked, start=first)]


def _asked(where: str, question: str, image: str, answers: Sequence[Any]) -> DaquarQuestion:
    if not re.fullmatch(r"image[0-9]{1,18}", image):
        raise UserError(f"{where}: the picture is {quotation(image)}, not image1, image2 or the like.")
    if not all(isinstance(answer, str) for answer in answers):
        raise UserError(f"{where}: the answers are {quotation(answers)}, not texts.")
    kept = one_line_each(answers)
    if not kept:
        raise UserError(f"{where} has no answer.")
    return DaquarQuestion(0, encodable(question.strip()), image, kept)


def _row(asked: DaquarQuestion, path: str) -> QuestionRow:
    answers = sorted(set(asked.answers))
    is_number = len(answers) == 1 and answers[0].isdigit()
    kinds = (kind for start, kind in _TYPES.items() if asked.question.startswith(start))
    return QuestionRow(
        question_id=asked.question_id,
        image_id=int(asked.image.removeprefix("image")),
        path=path,
        question=asked.question,
        answer=", ".join(answers),
        answers=asked.answers,
        choices=[],
        boxes=[],
        question_type=next(kinds, "other"),
        answer_type="several" if len(answers) > 1 else "number" if is_number else "other",
    )
