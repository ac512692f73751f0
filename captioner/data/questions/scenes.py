"""Questions about the scenes, images of coloured shapes that are drawn here, in the format of VQA."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from captioner.data.captions.scenes import Scenes
from captioner.data.formats.vqa import read_vqa
from captioner.data.questions.base import QUESTION_SOURCES, QuestionSource, question_table
from captioner.ranges import NumScenes, PathName, Seed
from captioner.scenes.write import PICTURE

if TYPE_CHECKING:
    from datasets import Dataset


@QUESTION_SOURCES.register("scenes")
class QuestionScenes(QuestionSource):
    """About a dozen questions on each of the images of the caption source `scenes` with the same options.

    Captions and questions share their images: they are drawn once for both. All ten annotators agree, and
    whatever the words of a question, its answers are equally likely.

    Args:
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
        num_train: NumScenes = 8000,
        num_val: NumScenes = 500,
        num_test: NumScenes = 500,
        seed: Seed = 0,
        folder: PathName | None = None,
    ) -> None:
        self.scenes = Scenes(num_train, num_val, num_test, seed, folder)

    def tables(self) -> "Mapping[str, Dataset]":
        """Return the rows of train, val and test; draw the images first where there are none.

        Returns:
            A table for each split.

        Raises:
            UserError: the folder holds something else.
        """
        folder = self.scenes.drawn()
        annotations, images = folder / "annotations", folder / "images"
        return {
            split: question_table(
                read_vqa(
                    annotations / f"questions_{split}.json",
                    annotations / f"annotations_{split}.json",
                    images / split,
                    PICTURE,
                )
            )
            for split in self.scenes.counts
        }
