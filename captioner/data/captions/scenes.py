"""Scenes: images of coloured shapes that are drawn once, and then read as COCO is read."""

import hashlib
import json
import os
import tempfile
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from captioner.data.captions.base import CAPTION_SOURCES, CaptionSource
from captioner.data.captions.coco import read_coco
from captioner.errors import UserError
from captioner.ranges import NumScenes, PathName, Seed
from captioner.scenes.scene import Scene
from captioner.scenes.write import RECIPE, read_scenes, recipe, write_scenes

if TYPE_CHECKING:
    from datasets import Dataset


@CAPTION_SOURCES.register("scenes")
class Scenes(CaptionSource):
    """Images of coloured shapes with five captions each, drawn at the first use.

    Args:
        num_train: images to train on.
        num_val: images to validate on.
        num_test: images to test on.
        seed: seed of the images; a split is the same whatever the sizes of all three.
        folder: the folder they are kept in; by default in the user's cache, `$XDG_CACHE_HOME` or `~/.cache`.

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
        self.counts = {"train": num_train, "val": num_val, "test": num_test}
        self.seed = seed
        self._recipe = recipe(seed, self.counts)
        self.folder = Path(folder).expanduser().resolve() if folder else _cache_folder(self._recipe)

    def tables(self) -> "Mapping[str, Dataset]":
        """Return the rows of train, val and test; draw the images first where there are none.

        Returns:
            A table for each split.

        Raises:
            UserError: the folder holds something else.
        """
        folder = self.drawn()
        return {
            split: read_coco(folder / "annotations" / f"captions_{split}.json", folder / "images" / split)
            for split in self.counts
        }

    def drawn(self) -> Path:
        """Draw the images where there are none.

        Returns:
            The folder that `captioner.scenes.write` wrote.

        Raises:
            UserError: the folder holds something else.
        """
        if not self._is_drawn():
            total = sum(self.counts.values())
            print(
                f"Drawing {total:,} pictures of coloured shapes into {self.folder} (only once) ...",
                flush=True,
            )
            self._draw()
        return self.folder

    def scene(self, image_id: int) -> Scene:
        """Return the objects of an image and where they are.

        Args:
            image_id: the id of the image.

        Returns:
            Its scene.

        Raises:
            UserError: there is no image with this id.
        """
        if image_id not in self._scenes:
            raise UserError(f"There is no scene {image_id} in {self.folder}.")
        return self._scenes[image_id]

    @cached_property
    def _scenes(self) -> dict[int, Scene]:
        return read_scenes(self.drawn())

    def _is_drawn(self) -> bool:
        try:
            found = json.loads((self.folder / RECIPE).read_text())
        except FileNotFoundError:
            if self.folder.exists() and (not self.folder.is_dir() or any(self.folder.iterdir())):
                raise UserError(f"{self.folder} holds something else: scenes need a new folder.") from None
            return False
        if found != self._recipe:
            raise UserError(
                f"{self.folder} holds other scenes ({found}, not {self._recipe}): set another folder."
            )
        return True

    def _draw(self) -> None:
        # Drawn beside and renamed when complete: a folder that can be seen is a whole one.
        self.folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".scenes-", dir=self.folder.parent) as scratch:
            drawn = Path(scratch) / "scenes"
            write_scenes(drawn, self.seed, self.counts)
            try:
                os.replace(drawn, self.folder)
            except OSError:
                if not self._is_drawn():  # another process may have been first
                    raise


def _cache_folder(made_by: Mapping[str, Any]) -> Path:
    cache = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser().resolve()
    digest = hashlib.sha256(json.dumps(made_by, sort_keys=True).encode()).hexdigest()
    return cache / "captioner" / f"scenes-{digest[:12]}"
