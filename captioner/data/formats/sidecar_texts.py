"""Read captions from a text file beside each image: `dog.txt` beside `dog.jpg`."""

from pathlib import Path

from captioner.data.formats.image_list import ListedImage
from captioner.data.records import read_each
from captioner.errors import UserError
from captioner.files.read import encodable, read_text
from captioner.image_formats import SUFFIXES


def read_sidecar_texts(folder: Path) -> list[ListedImage]:
    """Read a caption from each line of the texts beside the images of a folder and of those in it.

    Args:
        folder: the folder.

    Returns:
        The images by name; without captions where there is no text, and nothing if there is no text at all.

    Raises:
        UserError: no text can be read; a single one that cannot be is named, counted and left out.
    """
    files = sorted([*folder.glob("*"), *folder.glob("*/*")])
    texts = {file.with_suffix(""): file for file in files if file.suffix.lower() == ".txt"}
    images = [file for file in files if file.suffix.lower() in SUFFIXES]
    if not any(image.with_suffix("") in texts for image in images):
        return []

    def read(image: Path) -> ListedImage:
        name = str(image.relative_to(folder))
        if name != encodable(name):
            raise UserError(f"{name!r} is no name in UTF-8")
        text = texts.get(image.with_suffix(""))
        return ListedImage(name, None, {"caption": read_text(text).split("\n") if text else []})

    return read_each(folder, "pictures", images, read)
