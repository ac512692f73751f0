"""Pictures of a data set as pixels or as stored features.      B images, L locations, F feature."""

import sys
from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor

from captioner.encoders.feature_store import FeatureStore
from captioner.images import Preprocessing, UnreadableImage, load_image


class PictureSource(Protocol):
    """Where pictures come from."""

    def image(self, split: str, path: str) -> Any:
        """What `load_image` reads for a path of a split."""


class ReadPictures(NamedTuple):
    """Those of some pictures that there is something to see of."""

    good: list[int]  # their places in what was asked for
    pictures: Tensor  # images_BCHW, or features_BLF


class Pictures(Protocol):
    """A way to see pictures: `Pixels`, `Stored` or `Unseen`."""

    def read(self, paths: Sequence[str], seeds: Sequence[int]) -> ReadPictures:
        """The pictures of `paths`; all that is random about one may depend on its seed alone."""


class Pixels:
    """Pictures read from disk at every epoch, prepared for an encoder; augmented if asked.

    One that cannot be read is left out, and named once on standard error.
    """

    def __init__(
        self, source: PictureSource, split: str, preprocessing: Preprocessing, augment: bool
    ) -> None:
        self.source = source
        self.split = split
        self.preprocessing = preprocessing
        self.augment = augment
        self.unreadable: dict[str, str] = {}

    def read(self, paths: Sequence[str], seeds: Sequence[int]) -> ReadPictures:
        """Which of `paths` could be read, and their images_BCHW."""
        good: list[int] = []
        images: list[Tensor] = []
        for place, (path, seed) in enumerate(zip(paths, seeds, strict=True)):
            try:
                image = load_image(self.source.image(self.split, path))
            except UnreadableImage as error:
                if path not in self.unreadable:
                    self.unreadable[path] = str(error)
                    print(f"left out: {error} ({len(self.unreadable)} so far)", file=sys.stderr)
                continue
            good.append(place)
            if self.augment:
                images.append(self.preprocessing.augmented(image, torch.Generator().manual_seed(seed)))
            else:
                images.append(self.preprocessing(image))
        return ReadPictures(good, torch.stack(images) if images else torch.zeros(0, 3, 1, 1))


class Stored:
    """Features of pictures, computed once by a frozen encoder."""

    def __init__(self, store: FeatureStore) -> None:
        self.store = store

    def read(self, paths: Sequence[str], seeds: Sequence[int]) -> ReadPictures:
        """Which of `paths` are in the store, and their features_BLF."""
        good = [place for place, path in enumerate(paths) if path in self.store]
        return ReadPictures(good, self.store.read([paths[place] for place in good]))


class Unseen:
    """No pictures, for a model that does not look: no place of each, L=0."""

    def read(self, paths: Sequence[str], seeds: Sequence[int]) -> ReadPictures:
        """All of `paths`, and nothing of them."""
        return ReadPictures(list(range(len(paths))), torch.zeros(len(paths), 0, 0))
