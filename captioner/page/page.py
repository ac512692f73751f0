"""Hold what the requests of a server share, and read pictures for them."""

from contextlib import suppress
from typing import Any, NamedTuple

import anyio
from anyio import to_thread
from PIL import Image
from starlette.requests import Request

from captioner.errors import UserError
from captioner.page.forms import Form
from captioner.page.model_catalog import ModelCatalog, ModelEntry
from captioner.page.model_thread import ModelThread
from captioner.page.picture_store import PictureStore, StoredPicture
from captioner.page.search_session import SearchSessions
from captioner.page.settings import PageSettings

READERS = 2
"""Pictures that are decoded at a time: more would take cores from the model, and memory."""


class ReadPicture(NamedTuple):
    """A picture that a request is about, decoded."""

    stored: StoredPicture
    image: Image.Image

    def to_json(self) -> dict[str, Any]:
        """Return its id, size and address."""
        from captioner.images import whole_size

        return picture_to_json(self.stored, whole_size(self.image))


def picture_to_json(stored: StoredPicture, size: tuple[int, int]) -> dict[str, Any]:
    """Return id, width and height, and address of a picture."""
    width, height = size
    address = f"/api/pictures/{stored.id}"
    return {"picture": stored.id, "width": width, "height": height, "url": address}


class Page:
    """The models, pictures and searches of a server.

    Args:
        settings: of the server.

    Raises:
        UserError: a model that is named cannot be used.
    """

    def __init__(self, settings: PageSettings) -> None:
        self.settings = settings
        self.catalog = ModelCatalog(settings.models, settings.runs, settings.precision)
        self.pictures = PictureStore()
        self.searches = SearchSessions()
        self.thread = ModelThread(settings.max_waiting, settings.max_seconds)
        self._readers = anyio.CapacityLimiter(READERS)

    async def load_first(self) -> None:
        """Load the model that is likely to be asked for first."""
        with suppress(UserError):  # who asks is told why there is none
            await self.predictor(self.catalog.entry("", "caption"))

    async def predictor(self, entry: ModelEntry) -> Any:
        """Return the predictor of a model, loaded in the model thread when it is first asked for."""
        loaded = self.catalog.loaded(entry)
        return loaded if loaded is not None else await self.thread.call(self.catalog.load, entry)

    async def read_picture(self, form: Form, min_side: int | None = None) -> ReadPicture:
        """Read the picture that a request is about, and keep one that was sent.

        Args:
            form: has a file `image`, or the id of a `picture`.
            min_side: pixels that each side must keep, as for `load_image`.

        Returns:
            The picture.

        Raises:
            UserError: there is no picture, or it cannot be read.
            Refused: the picture of this id is not here.
        """
        sent = await self.sent_picture(form)
        image = await self.decode(sent.data, min_side)
        return ReadPicture(self.pictures.keep(sent), image)

    async def sent_picture(self, form: Form) -> StoredPicture:
        """Return the picture that a request is about, of which only the size has been looked at.

        Args:
            form: has a file `image`, or the id of a `picture`.

        Returns:
            The picture; without an id where it is not kept yet.

        Raises:
            UserError: there is no picture, or it has too many pixels.
            Refused: the picture of this id is not here.
        """
        data, name = form.file("image"), form.text("picture")
        if (data is None) == (name == ""):
            raise UserError("Send one picture: a file as `image`, or the id of a `picture`.")
        if data is None:
            return self.pictures.get(name)
        await to_thread.run_sync(self._check_pixels, data, limiter=self._readers)
        return StoredPicture("", data)

    async def decode(self, data: bytes, min_side: int | None = None) -> Image.Image:
        """Decode a picture in a thread.

        Args:
            data: the bytes of its file.
            min_side: pixels that each side must keep, as for `load_image`.

        Returns:
            The upright RGB image.

        Raises:
            UnreadableImage: it is no picture.
        """
        from captioner.images import load_image

        return await to_thread.run_sync(load_image, data, min_side, limiter=self._readers)

    async def prepare(self, predictor: Any, image: Image.Image) -> Any:
        """Return a decoded image as the encoders of a predictor take it."""
        return await to_thread.run_sync(predictor.prepare, image, limiter=self._readers)

    def _check_pixels(self, data: bytes) -> None:
        from captioner.images import UnreadableImage, picture_size

        try:
            width, height = picture_size(data)
        except Exception:  # whoever decodes it says why
            return
        if width * height > self.settings.max_pixels:
            raise UnreadableImage(
                f"The picture has {width} x {height} pixels: the page takes "
                f"{self.settings.max_pixels / 1e6:.0f} million at most."
            )


def page_of(request: Request) -> Page:
    """Return the page that a request is for."""
    page: Page = request.app.state.page
    return page
