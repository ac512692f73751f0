"""Flickr8k from its official text files: 6,000 / 1,000 / 1,000 photos with five captions each."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from captioner.data.captions.base import CAPTION_SOURCES, CaptionRow, CaptionSource, table
from captioner.data.records import read_each
from captioner.errors import UserError, quotation
from captioner.files.read import one_line_each, read_text
from captioner.ranges import CountOrZero, PathName

if TYPE_CHECKING:
    from datasets import Dataset

CAPTIONS = "Flickr8k.token.txt"
LISTS = {
    "train": "Flickr_8k.trainImages.txt",
    "val": "Flickr_8k.devImages.txt",
    "test": "Flickr_8k.testImages.txt",
}
PHOTOS = ("images", "Flicker8k_Dataset", "Flickr8k_Dataset")  # the archive itself spells it Flicker
ADVICE = (
    "Unpack Flickr8k_text.zip (2 MB) and Flickr8k_Dataset.zip (1 GB) there, or set folder= of the data set."
)


@CAPTION_SOURCES.register("flickr8k")
class Flickr8k(CaptionSource):
    """Flickr8k: `Flickr8k.token.txt`, the lists `Flickr_8k.{train,dev,test}Images.txt`, a folder of photos.

    A split is there where its list is. Captions of photos in no list belong to no split; so does the one
    name of the official file that has no photo (it ends in `.jpg.1`). The id of a photo is the position of
    its name among all sorted names of the caption file, whichever lists there are.

    Args:
        folder: holds the text files.
        images: the folder of photos; by default `images/` or `Flicker8k_Dataset/` in `folder`.
        held_out: so many photos of the training list, evenly spaced, become the split `val`, and the official
            development photos the split `dev`: so all choices can be made without the photos that are
            reported on. 0: the development photos are `val`.
    """

    def __init__(self, folder: PathName, images: PathName | None = None, held_out: CountOrZero = 0) -> None:
        self.held_out = held_out
        self.folder = Path(folder).expanduser().resolve()
        self.images = None if images is None else Path(images).expanduser().resolve()

    def tables(self) -> "Mapping[str, Dataset]":
        """Return the rows of each split.

        Returns:
            A table for each split that there is.

        Raises:
            UserError: the captions, all lists or the photos are missing, or a line has not the official form.
        """
        captions = _captions(self.folder / CAPTIONS)
        ids = {name: position for position, name in enumerate(sorted(captions))}
        photos = self._photos()
        lists = {split: self.folder / file for split, file in LISTS.items() if (self.folder / file).is_file()}
        if not lists:
            raise UserError(f"There is none of {', '.join(LISTS.values())} in {self.folder}. {ADVICE}")
        names = {split: _names(file, captions) for split, file in lists.items()}
        if self.held_out:
            names = _hold_out(names, self.held_out)
        return {
            split: table(
                CaptionRow(image_id=ids[name], path=str(photos / name), captions=captions[name])
                for name in listed
            )
            for split, listed in names.items()
        }

    def _photos(self) -> Path:
        for folder in [self.images] if self.images else [self.folder / name for name in PHOTOS]:
            if folder.is_dir():
                return folder
        where = self.images or f"{self.folder / PHOTOS[0]} or {PHOTOS[1]} beside it"
        raise UserError(f"There is no folder of photos {where}. {ADVICE}")


def _captions(file: Path) -> dict[str, list[str]]:
    """Return captions by photo, in the order of the file, whose lines read `NAME.jpg#K<tab>caption`."""
    captions: dict[str, list[str]] = {}
    lines = enumerate(read_text(file, ADVICE).split("\n"), start=1)
    for name, caption in read_each(file, "lines", (one for one in lines if one[1].strip()), _named_caption):
        captions.setdefault(name, []).extend(one_line_each([caption]))
    return captions


def _named_caption(numbered: tuple[int, str]) -> tuple[str, str]:
    number, line = numbered
    key, tab, caption = line.partition("\t")
    name, mark, _ = key.rpartition("#")
    if not (tab and mark):
        raise UserError(f"line {number} is not NAME.jpg#K<tab>caption: {quotation(line)}")
    return name.strip(), caption


def _names(file: Path, known: Mapping[str, object]) -> list[str]:
    names = list(dict.fromkeys(read_text(file).split()))
    if strangers := [name for name in names if name not in known]:
        raise UserError(
            f"{file} lists {len(strangers)} photos without captions in {CAPTIONS}, first {strangers[0]}."
        )
    return names


def _hold_out(names: dict[str, list[str]], count: int) -> dict[str, list[str]]:
    """Move training photos to `val`, and what was `val` to `dev`."""
    train = names.get("train", [])
    if not 0 < count < len(train):
        raise UserError(f"{count} photos cannot be held out of {len(train)} for training.")
    held = {train[number * len(train) // count] for number in range(count)}
    splits = {
        "train": [name for name in train if name not in held],
        "val": [name for name in train if name in held],
    }
    rest = {"dev" if split == "val" else split: own for split, own in names.items() if split != "train"}
    return splits | rest
