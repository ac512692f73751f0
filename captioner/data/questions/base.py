"""What every source of questions about pictures is: a table per split."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypedDict

from captioner.registry import Registry

if TYPE_CHECKING:
    from datasets import Dataset


class QuestionRow(TypedDict):
    """A row of a table: a question about a picture, and what people answered."""

    question_id: int
    image_id: int
    path: str  # absolute, or the name inside a data set that carries the bytes
    question: str
    answer: str  # the one to learn: the most common; empty where the split is only to be answered
    answers: list[str]  # all that people said: ten of them in VQA, a set in DAQUAR
    choices: list[str]  # multiple choice: the right one is among them; empty where any answer may be given
    boxes: list[list[float]]  # x, y, width and height in pixels, where choices are places; else empty
    question_type: str
    answer_type: str


class QuestionSource(ABC):
    """Questions about pictures somewhere on disk. Subclasses are final and write `tables`.

    Nothing is read when it is made, so that a wrong option is refused before any data is touched.

    Attributes:
        answers_are: what the `answers` of a row are to each other; `MEASURES` has the accuracy that fits.
    """

    answers_are: ClassVar[Literal["annotator_answers", "set"]] = "annotator_answers"

    @abstractmethod
    def tables(self) -> "Mapping[str, Dataset]":
        """A `datasets.Dataset` of `QuestionRow` for each split; the usual names are train, val, test.

        Raises:
            UserError: a file is missing or not of the expected form.
        """

    def image(self, split: str, path: str) -> Any:
        """What `load_image` reads for a row: its path, unless the data set carries the bytes itself."""
        return Path(path)


def question_table(rows: Iterable[QuestionRow]) -> "Dataset":
    """Rows as a `datasets` table with fixed column types, so that an empty split has them too."""
    from datasets import Dataset, Features, List, Value

    text, whole = Value("string"), Value("int64")
    kinds = {"question_id": whole, "image_id": whole, "answers": List(text), "choices": List(text)}
    kinds["boxes"] = List(List(Value("float64")))
    columns = Features({key: kinds.get(key, text) for key in QuestionRow.__annotations__})
    listed = list(rows)
    return Dataset.from_dict({key: [row[key] for row in listed] for key in columns}, features=columns)  # type: ignore[literal-required]


QUESTION_SOURCES: Registry[QuestionSource] = Registry("question set", "captioner.data.questions")
