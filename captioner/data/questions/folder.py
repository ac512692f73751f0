"""A folder of your own images with questions in `questions.csv` or `questions.jsonl`."""

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from captioner.data.formats.image_list import Columns, ListedImage, divide, find_list, no_list, read_list
from captioner.data.questions.base import QUESTION_SOURCES, QuestionRow, QuestionSource, question_table
from captioner.data.questions.rows import question_row, ten_or_more
from captioner.data.splits import shares
from captioner.files.read import one_line, one_line_each
from captioner.ranges import Fraction, PathName

if TYPE_CHECKING:
    from datasets import Dataset

COLUMNS = Columns(("question", "answer"), optional=("question_type", "answer_type"), filled=("question",))


@QUESTION_SOURCES.register("folder")
class QuestionFolder(QuestionSource):
    """A folder of images with `questions.csv` (first line `image,question,answer` and, if you like,
    `question_type`, `answer_type`, `split`) or `questions.jsonl` (an object with these keys a line; `answer`
    may be a list).

    `image` is a path relative to the folder. A question may be on several lines, one for each person who
    answered; one with a blank answer has no answer to learn. Where no split is written, a hash of `image`
    decides, so that all questions about an image are in one split. The answers of fewer than ten people
    count as often as makes ten or more, as VQA accuracy needs them.

    Args:
        folder: holds the file and the images.
        val_fraction: the share of images in val where no split is written.
        test_fraction: the same for test.
    """  # noqa: D205

    def __init__(self, folder: PathName, val_fraction: Fraction = 0.1, test_fraction: Fraction = 0.1) -> None:
        self.folder = Path(folder).expanduser().resolve()
        self.fractions = shares("folder", val_fraction, test_fraction)

    def tables(self) -> "Mapping[str, Dataset]":
        """Return the rows of each split.

        Returns:
            A table for each split that there is.

        Raises:
            UserError: there is no file, no line of it is of the form, or a split comes out empty.
        """
        file = find_list(self.folder, "questions")
        if file is None:
            raise no_list(self.folder, "questions", COLUMNS)
        lines = read_list(file, COLUMNS)
        rows = self._rows(lines)
        split_of = {
            image: split for split, images in divide(file, lines, self.fractions).items() for image in images
        }
        return {
            split: question_table(row for image, row in rows if split_of[image] == split)
            for split in ("train", "val", "test")
            if split in split_of.values()
        }

    def _rows(self, lines: Iterable[ListedImage]) -> list[tuple[str, QuestionRow]]:
        """Return the questions in the order of the file, each with its image."""
        asked: dict[tuple[str, str], list[ListedImage]] = {}
        for line in lines:
            question = one_line("".join(line.texts["question"]))
            asked.setdefault((line.image, question), []).append(line)
        image_ids = {image: number for number, image in enumerate(dict.fromkeys(image for image, _ in asked))}
        return [
            (image, self._row(question_id, image_ids[image], question, same))
            for question_id, ((image, question), same) in enumerate(asked.items())
        ]

    def _row(
        self, question_id: int, image_id: int, question: str, lines: Sequence[ListedImage]
    ) -> QuestionRow:
        first = lines[0]
        path = os.path.join(self.folder, first.image)
        answers = one_line_each(answer for line in lines for answer in line.texts["answer"])
        types = {key: " ".join(first.texts[key]) for key in COLUMNS.optional if key in first.texts}
        return question_row(question_id, image_id, path, question, ten_or_more(answers), **types)
