"""Questions about images of a Hugging Face data set: on disk, or by name on the hub."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from captioner.data.formats.hub import HubPictures
from captioner.data.questions.base import QUESTION_SOURCES, QuestionRow, QuestionSource, question_table
from captioner.data.questions.rows import question_row, ten_or_more
from captioner.files.read import one_line_each
from captioner.ranges import PathName

if TYPE_CHECKING:
    from datasets import Dataset


@QUESTION_SOURCES.register("huggingface")
class HuggingFaceQuestions(QuestionSource):
    """A data set with an image, a question and its answers a row.

    Answers are a text, a list of texts, or a list of `{"answer": ...}` as in VQA; where they are blank the
    question has no answer to learn. Those of fewer than ten people count as often as makes ten or more, as
    VQA accuracy needs them. The path of a row is `<split>/<row>`, its id the number of the row counted
    through train, val and test; every row is an image of its own. Where there is no split to validate on, a
    tenth of the images of train is held out, by their content.

    Args:
        path: a folder written by `save_to_disk`, a folder or name that `datasets.load_dataset` takes.
        name: which of the configurations of the data set, where it has several.
        image_column: the column of images.
        question_column: the column of questions.
        answer_column: the column of answers.
        splits: our name of each split -> its name in the data set; without, train, val (also called
            validation, valid, dev) and test are taken where they are.
    """

    def __init__(
        self,
        path: PathName,
        name: str | None = None,
        image_column: str = "image",
        question_column: str = "question",
        answer_column: str = "answer",
        splits: dict[str, str] | None = None,
    ) -> None:
        self.question_column, self.answer_column = question_column, answer_column
        columns = {"question": question_column, "answer": answer_column}
        self.hub = HubPictures(path, name, image_column, columns, splits)

    def tables(self) -> "Mapping[str, Dataset]":
        """Return the rows of each split.

        Returns:
            A table for each split that there is.

        Raises:
            UserError: the data set, a split or a column is not there, or the hub cannot be reached.
        """
        rows: dict[str, list[QuestionRow]] = {}
        first = 0
        for split, dataset in self.hub.splits.items():
            cells = zip(dataset[self.question_column], dataset[self.answer_column], strict=True)
            rows[split] = [self._row(first + row, f"{split}/{row}", *pair) for row, pair in enumerate(cells)]
            first += len(dataset)
        return {split: question_table(own) for split, own in self.hub.divided(rows).items()}

    def image(self, split: str, path: str) -> bytes | Path:
        """Return the encoded image of a row, or its file where the data set holds a path."""
        return self.hub.image(path)

    def _row(self, number: int, path: str, question: Any, answers: Any) -> QuestionRow:
        if isinstance(answers, list):
            answers = [one.get("answer") if isinstance(one, dict) else one for one in answers]
        asked = " ".join(self.hub.texts(self.question_column, path, question))
        given = one_line_each(self.hub.texts(self.answer_column, path, answers))
        return question_row(number, number, path, asked, ten_or_more(given))
