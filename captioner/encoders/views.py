"""Versions of an image whose features are stored: the whole image, and random crops of it."""

import zlib
from typing import NamedTuple

import torch
from PIL import Image
from torch import Tensor

from captioner.images import ImageSource
from captioner.preprocessing import Preprocessing


class View(NamedTuple):
    """A version of an image; the same one each time that it is asked for.

    Attributes:
        key: name of its features in a store.
        source: of the image.
        number: 0 for the whole image, another one for a random crop.
        flip: whether crops are mirrored half of the time.
    """

    key: str
    source: ImageSource
    number: int = 0
    flip: bool = False

    def pixels(self, preprocessing: Preprocessing, image: Image.Image) -> Tensor:
        """Return pixels_CHW of the decoded image."""
        if not self.number:
            return preprocessing(image)
        generator = torch.Generator().manual_seed(zlib.crc32(self.key.encode()))
        return preprocessing.augmented(image, generator, self.flip)


def view_of(name: str, source: ImageSource, number: int, flip: bool) -> View:
    """Return a view of an image.

    Args:
        name: of the image, and of the features of the whole image.
        source: of the image.
        number: of the view, 0 for the whole image.
        flip: whether crops are mirrored half of the time.

    Returns:
        The view.
    """
    return View(view_key(name, number, flip), source, number, flip)


def view_key(name: str, number: int, flip: bool) -> str:
    """Return the name of the features of a view in a store.

    Args:
        name: of the image.
        number: of the view.
        flip: whether crops are mirrored half of the time.

    Returns:
        The key.
    """
    return f"{name}#{'flipped ' * flip}crop {number}" if number else name
