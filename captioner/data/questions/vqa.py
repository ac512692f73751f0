"""VQA v1 and v2 in the official files: open-ended or multiple choice questions about COCO's images."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from captioner.data.captions.coco import picture_folder
from captioner.data.formats.vqa import read_vqa
from captioner.data.questions.base import QUESTION_SOURCES, QuestionRow, QuestionSource, question_table
from captioner.errors import UserError
from captioner.ranges import PathName

if TYPE_CHECKING:
    from datasets import Dataset

DOWNLOAD = "https://visualqa.org/download.html"
PICTURES = {"test-dev2015": "test2015"}
"""Splits whose pictures are those of another one."""

FOLDERS = ("", "questions", "annotations", "Questions", "Annotations")


@QUESTION_SOURCES.register("vqa")
class Vqa(QuestionSource):
    """VQA by its official names: `v2_OpenEnded_mscoco_val2014_questions.json` and so on.

    The files are in `folder`, or in `questions/` and `annotations/` in it; the images,
    `COCO_val2014_000000000042.jpg`, in a folder named for their split. Questions of test2015 and
    test-dev2015 have no answers.

    Args:
        folder: holds the files and, unless `images` says otherwise, the folders of images.
        train: the official split, or splits, to train on.
        val: the same to validate on.
        test: the same to test on.
        version: v1 (Antol et al., 2015) or v2 (Goyal et al., 2017), whose questions come in pairs that two
            images answer differently.
        multiple_choice: the questions of v1 with 18 answers to choose from.
        images: where the folders of images are, or the one folder of all images.

    Raises:
        UserError: v2 has no multiple choice.
    """

    def __init__(
        self,
        folder: PathName,
        train: PathName | list[PathName] | None = "train2014",
        val: PathName | list[PathName] | None = "val2014",
        test: PathName | list[PathName] | None = None,
        version: Literal["v1", "v2"] = "v2",
        multiple_choice: bool = False,
        images: PathName | None = None,
    ) -> None:
        if multiple_choice and version == "v2":
            raise UserError("vqa: only version=v1 has multiple choice questions.")
        self.folder = Path(folder).expanduser().resolve()
        self.images = None if images is None else Path(images).expanduser().resolve()
        self.prefix = "v2_" if version == "v2" else ""
        self.task = "MultipleChoice" if multiple_choice else "OpenEnded"
        wanted = {"train": train, "val": val, "test": test}
        self.splits = {
            ours: [theirs] if isinstance(theirs, str) else theirs for ours, theirs in wanted.items() if theirs
        }

    def tables(self) -> "Mapping[str, Dataset]":
        """Return the rows of each split.

        Returns:
            A table for each split that there is.

        Raises:
            UserError: a file or folder is missing (the sentence says where to get it), or not of the form.
        """
        return {
            ours: question_table(row for name in theirs for row in self._rows(name))
            for ours, theirs in self.splits.items()
        }

    def _rows(self, name: str) -> list[QuestionRow]:
        questions = self._file(f"{self.prefix}{self.task}_mscoco_{name}_questions.json")
        has_answers = not name.startswith("test")
        annotations = self._file(f"{self.prefix}mscoco_{name}_annotations.json") if has_answers else None
        pictures = PICTURES.get(name, name)
        folder = picture_folder(self.folder, self.images, pictures)
        return read_vqa(questions, annotations, folder, f"COCO_{pictures}_{{:012d}}.jpg")

    def _file(self, name: str) -> Path:
        for folder in FOLDERS:
            if (file := self.folder / folder / name).is_file():
                return file
        raise UserError(
            f"There is no {name} in {self.folder}, nor in questions/ or annotations/ there. "
            f"Get it from {DOWNLOAD}, or set folder= of the data set."
        )
