"""Questions with four choices about the scenes, in the format of Visual7W."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

from captioner.data.captions.scenes import Scenes
from captioner.data.questions.base import QUESTION_SOURCES, QuestionSource, question_table
from captioner.data.questions.visual7w import read_visual7w
from captioner.ranges import NumScenes, PathName, Seed

if TYPE_CHECKING:
    from datasets import Dataset


@QUESTION_SOURCES.register("visual7w_scenes")
class Visual7WScenes(QuestionSource):
    """Questions about the images of the caption source `scenes`: what, where and how, or which of four boxes.

    The type of a question is its first word: there is nobody in the scenes to ask who, when or why about.
    Each choice is right as often as the others, whatever the words of a question.

    Args:
        kind: choices are texts (telling), or boxes (pointing).
        num_train: images to train on.
        num_val: images to validate on.
        num_test: images to test on.
        seed: seed of images and questions; a split is the same whatever the sizes of all three.
        folder: the folder they are kept in; by default in the user's cache.

    Raises:
        UserError: a split would be empty or too large.
    """

    def __init__(
        self,
        kind: Literal["telling", "pointing"] = "telling",
        num_train: NumScenes = 8000,
        num_val: NumScenes = 500,
        num_test: NumScenes = 500,
        seed: Seed = 0,
        folder: PathName | None = None,
    ) -> None:
        self.kind = kind
        self.seed = seed
        self.scenes = Scenes(num_train, num_val, num_test, seed, folder)

    def tables(self) -> "Mapping[str, Dataset]":
        """Return the rows of train, val and test; draw the images first where there are none.

        Returns:
            A table for each split.

        Raises:
            UserError: the folder holds something else.
        """
        folder = self.scenes.drawn()
        rows = read_visual7w(
            folder / "annotations" / f"visual7w_{self.kind}.json", folder / "images", self.seed
        )
        return {split: question_table(own) for split, own in rows.items()}
