"""The interface of question sources: a table of questions about images per split."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypedDict

from captioner.data.image_paths import found_paths
from captioner.registry import Registry

if TYPE_CHECKING:
    from datasets import Dataset


class QuestionRow(TypedDict):
    """A row of a table: a question about an image, and the annotators' answers."""

    question_id: int
    image_id: int
    path: str  # absolute, or the name inside a data set that holds the bytes
    question: str
    answer: str  # the one to learn: the most common; empty where the split has no answers
    answers: list[str]  # of all annotators: ten in VQA, a set in DAQUAR
    choices: list[str]  # multiple choice: the right one is among them; empty where any answer may be given
    boxes: list[list[float]]  # x, y, width and height in pixels, where choices are boxes; else empty
    question_type: str
    answer_type: str


class QuestionSource(ABC):
    """Questions about images on disk. Subclasses are final and write `tables`.

    Nothing is read in the constructor, so that a wrong option is refused before any data is read.

    Attributes:
        answers_are: whether the `answers` of a row are those of annotators or one set; selects the accuracy
            in `MEASURES`.
    """

    answers_are: ClassVar[Literal["annotator_answers", "set"]] = "annotator_answers"

    @abstractmethod
    def tables(self) -> "Mapping[str, Dataset]":
        """Return the rows of each split.

        Returns:
            A `datasets.Dataset` of `QuestionRow` for each split; the usual names are train, val and test.

        Raises:
            UserError: a file is missing or not of the expected form.
        """

    def image(self, split: str, path: str) -> Any:
        """Return what `load_image` reads for a row: its path, or the bytes that the data set holds."""
        return Path(path)


def question_table(rows: Iterable[QuestionRow]) -> "Dataset":
    """Return rows as a `datasets` table with fixed column types, which an empty split has too.

    Args:
        rows: the rows; their images are looked for with `found_paths`.

    Returns:
        The table.
    """
    from datasets import Dataset, Features, List, Value

    text, whole = Value("string"), Value("int64")
    kinds = {"question_id": whole, "image_id": whole, "answers": List(text), "choices": List(text)}
    kinds["boxes"] = List(List(Value("float64")))
    columns = Features({key: kinds.get(key, text) for key in QuestionRow.__annotations__})
    listed = list(rows)
    cells: dict[str, list[Any]] = {key: [row[key] for row in listed] for key in columns}  # type: ignore[literal-required]
    cells["path"] = found_paths(cells["path"])
    return Dataset.from_dict(cells, features=columns)


QUESTION_SOURCES: Registry[QuestionSource] = Registry("question set", "captioner.data.questions")
"""Sources of questions about images, by the `name` of a config's `data`."""
