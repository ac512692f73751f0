"""Read requests for captions, and say what was asked for."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from captioner.page.forms import Form
from captioner.page.limits import check_limits
from captioner.page.model_catalog import ModelEntry
from captioner.page.page import Page, picture_to_json
from captioner.page.picture_store import StoredPicture
from captioner.page.search_fields import search_changes_from, search_field_names
from captioner.ranges import BeamSize

FIELDS = ("image", "picture", "model", "n_best")


class CaptionRequest(NamedTuple):
    """A request for captions of a picture.

    Attributes:
        entry: the model.
        captioner: a `Captioner` with the search that is asked for.
        picture: which one, not decoded yet.
    """

    entry: ModelEntry
    captioner: Any
    picture: StoredPicture

    @property
    def settings(self) -> dict[str, Any]:
        """All options of the search."""
        settings: dict[str, Any] = self.captioner.search_settings
        return settings

    def to_json(self, stored: StoredPicture, size: tuple[int, int]) -> dict[str, Any]:
        """Return what an answer says beside the captions.

        Args:
            stored: the picture with its id.
            size: its width and height in pixels.

        Returns:
            Picture, model, grid and settings.
        """
        from captioner.regions import encoder_view_in_picture

        preprocessing = self.captioner.model.encoder.preprocessing
        return {
            **picture_to_json(stored, size),
            "model": self.entry.id,
            "grid": self.captioner.grid,
            "view_box": encoder_view_in_picture(size, preprocessing),
            "settings": self.settings,
        }


async def read_caption_request(page: Page, form: Form) -> CaptionRequest:
    """Read what is asked for: the model, the search, the picture.

    Args:
        page: of the server.
        form: the fields of the request.

    Returns:
        The request.

    Raises:
        UserError: a field is wrong.
        Refused: there is no such model or picture.
    """
    form.refuse_unknown((*FIELDS, *search_field_names()))
    changes = search_changes_from(form.fields)
    n_best = form.number("n_best", BeamSize, 1)
    entry = page.catalog.entry(form.text("model"), "caption")
    loaded = await page.predictor(entry)
    captioner = loaded.changed(changes, n_best, page.thread.check)
    request = CaptionRequest(entry, captioner, await page.sent_picture(form))
    check_limits("caption", request.settings, n_best)
    return request


def search_key(captioner: Any, settings: Mapping[str, Any]) -> tuple[Any, ...]:
    """Return what must be equal for pictures to be captioned together."""
    return (captioner.folder, captioner.n_best, repr(sorted(settings.items())))
