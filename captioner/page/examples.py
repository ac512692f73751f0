"""Offer example pictures: photographs, and scenes as the models of the default configs are trained on."""

from functools import cache
from io import BytesIO
from pathlib import Path
from random import Random
from typing import NamedTuple

from captioner.paths import PACKAGE

FIRST = "gull"
"""The one that is captioned when the page is opened."""
SCENES_SEED = 0
SCENE_IDS = {"scene-1": 900_001, "scene-2": 900_005}
QUESTIONS = {
    "horses": ("How many horses are there?", "What are the horses doing?"),
    "tennis": ("What is the man holding?", "What sport is this?"),
    "gull": ("What animal is this?", "Is the bird flying?"),
}
DEFAULT_QUESTIONS = ("What is in the picture?", "How many people are there?")


class ExamplePicture(NamedTuple):
    """A picture that is always there.

    Attributes:
        id: its name in addresses.
        file: of a photograph; None for a scene, which is drawn.
        questions: that one may ask about it.
    """

    id: str
    file: Path | None
    questions: tuple[str, ...]

    @property
    def title(self) -> str:
        """A description for those who do not see it; no caption."""
        return f"example photograph: {self.id.replace('_', ' ')}" if self.file else "example drawing"

    @property
    def kind(self) -> str:
        """Whether it is a photograph or a drawn scene."""
        return "photo" if self.file else "scene"

    def read(self) -> bytes:
        """Return the bytes of its file."""
        return _drawn(self.id) if self.file is None else self.file.read_bytes()


def _photos() -> list[Path]:
    """The photographs: beside the package in a checkout, inside it once installed."""
    folders = (PACKAGE / "page" / "photos", PACKAGE.parent / "examples" / "photos")
    found = next((folder for folder in folders if folder.is_dir()), folders[0]).glob("*.jpg")
    return sorted(found, key=lambda file: (file.stem != FIRST, file.stem))


@cache
def _drawn(name: str) -> bytes:
    from captioner.scenes.render import render
    from captioner.scenes.write import scene_of

    file = BytesIO()
    render(scene_of(SCENES_SEED, SCENE_IDS[name])).save(file, "PNG")
    return file.getvalue()


@cache
def examples() -> dict[str, ExamplePicture]:
    """Return the example pictures by id."""
    photos = [
        ExamplePicture(file.stem, file, QUESTIONS.get(file.stem, DEFAULT_QUESTIONS)) for file in _photos()
    ]
    scenes = [ExamplePicture(name, None, _questions(name)) for name in SCENE_IDS]
    return {one.id: one for one in (*photos, *scenes)}


def _questions(name: str) -> tuple[str, ...]:
    from captioner.scenes.questions import questions
    from captioner.scenes.write import scene_of

    number = SCENE_IDS[name]
    return tuple(one.text for one in questions(scene_of(SCENES_SEED, number), Random(number)))
