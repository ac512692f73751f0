"""Read the images of a split and the captions that people wrote."""

from typing import NamedTuple

from captioner.data.captions.base import CaptionSource
from captioner.data.splits import first_rows, rows_of
from captioner.images import ImageSource


class CaptionSplit(NamedTuple):
    """The images of a split and the captions that people wrote.

    Attributes:
        images: sources by path.
        image_ids: ids by path.
        references: captions by id.
    """

    images: list[tuple[str, ImageSource]]
    image_ids: dict[str, int]
    references: dict[int, list[str]]


def split_of(source: CaptionSource, split: str, limit: int | None) -> CaptionSplit:
    """Return a split of a data set, or the first images of it.

    Args:
        source: the data set.
        split: the name of the split.
        limit: the number of images; all by default.

    Returns:
        Images and references.

    Raises:
        UserError: there is no such split.
    """
    rows = first_rows(rows_of(source.tables(), split), limit)
    ids = dict(zip(rows["path"][:], rows["image_id"][:], strict=True))
    references = dict(zip(rows["image_id"][:], rows["captions"][:], strict=True))
    return CaptionSplit([(path, source.image(split, path)) for path in ids], ids, references)
