"""Read the images of a data set: from disk, or as stored features.      B images, L locations, F feature."""

import random
import sys
from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

import torch
from PIL import Image
from torch import Tensor

from captioner.encoders.views import view_key
from captioner.image_reader import read_images
from captioner.preprocessing import Preprocessing


class ImageSourceOfSplit(Protocol):
    """Where the images of a data set lie."""

    def image(self, split: str, path: str) -> Any:
        """Return what `load_image` reads for a path of a split."""


class ImagesRead(NamedTuple):
    """The images that could be read, of those asked for."""

    good: list[int]  # their positions among the images asked for
    pictures: Tensor  # images_BCHW, or features_BLF


class ImageInput(Protocol):
    """A way to read images: `FromDisk`, `FromStore` or `NoImages`."""

    def read(self, paths: Sequence[str], seeds: Sequence[int]) -> ImagesRead:
        """Read images.

        Args:
            paths: their paths.
            seeds: a seed for each; the random crop of an image depends on it alone.

        Returns:
            The images that could be read.
        """


class FromDisk:
    """Images read from disk at every epoch and preprocessed for an encoder.

    An unreadable image is left out, and named once on standard error.

    Args:
        source: gives the file or the bytes of an image.
        split: the split of the images.
        preprocessing: the transform of the encoder.
        augment: whether to take a random crop instead of the centre.
        flip: whether to mirror half of the crops.
    """

    def __init__(
        self,
        source: ImageSourceOfSplit,
        split: str,
        preprocessing: Preprocessing,
        augment: bool,
        flip: bool = False,
    ) -> None:
        self.source = source
        self.split = split
        self.preprocessing = preprocessing
        self.augment = augment
        self.flip = flip
        self.unreadable: dict[str, str] = {}

    def read(self, paths: Sequence[str], seeds: Sequence[int]) -> ImagesRead:
        """See `ImageInput`; gives images_BCHW."""
        keyed = [
            ((path, seed), self.source.image(self.split, path))
            for path, seed in zip(paths, seeds, strict=True)
        ]
        found = read_images(keyed, self._pixels, self.preprocessing.min_side)
        for (path, _), _, problem in found:
            if problem and path not in self.unreadable:
                self.unreadable[path] = problem
                print(f"left out: {problem} ({len(self.unreadable)} so far)", file=sys.stderr)
        pixels = [one.value for one in found if one.value is not None]
        good = [place for place, one in enumerate(found) if one.value is not None]
        return ImagesRead(good, torch.stack(pixels) if pixels else torch.zeros(0, 3, 1, 1))

    def _pixels(self, key: tuple[str, int], image: Image.Image) -> Tensor:
        if self.augment:
            return self.preprocessing.augmented(image, torch.Generator().manual_seed(key[1]), self.flip)
        return self.preprocessing(image)


class StoredFeatures(Protocol):
    """A feature store, as `FromStore` uses it."""

    def __contains__(self, key: object) -> bool:
        """Return whether there are features of an image."""

    def read(self, keys: Sequence[str]) -> Tensor:
        """Return features_BLF of images."""


class FromStore:
    """Features of images, computed once by frozen layers and read from a feature store.

    Args:
        store: the features.
        views: how many views there are of each image, of which one is drawn at each reading.
        flip: whether views may be mirrored.
    """

    def __init__(self, store: StoredFeatures, views: int = 1, flip: bool = False) -> None:
        self.store = store
        self.views = views
        self.flip = flip

    def read(self, paths: Sequence[str], seeds: Sequence[int]) -> ImagesRead:
        """See `ImageInput`; gives features_BLF."""
        good = [place for place, path in enumerate(paths) if path in self.store]
        keys = [
            view_key(paths[place], random.Random(seeds[place]).randrange(self.views), self.flip)
            for place in good
        ]
        return ImagesRead(good, self.store.read(keys))


class NoImages:
    """No images, for a model that uses none: L = 0."""

    def read(self, paths: Sequence[str], seeds: Sequence[int]) -> ImagesRead:
        """See `ImageInput`; gives features_BLF without a location."""
        return ImagesRead(list(range(len(paths))), torch.zeros(len(paths), 0, 0))
