"""A trained captioner, ready for pictures."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from PIL import Image

from captioner.app.generate import Captioned, as_captioner, generate
from captioner.errors import UserError
from captioner.insight.attention_map import draw_attention
from captioner.search.base import SEARCHES
from captioner.tasks.folder import load_model


class Captioner:
    """A model folder, loaded once.

    Args:
        model: the folder.
        beam_size: None takes the model's own.
        n_best: captions a picture; the beam is as wide at least.

    Raises:
        UserError: the folder holds no captioning model.
    """

    def __init__(self, model: Path, beam_size: int | None = None, n_best: int = 1) -> None:
        self.task = as_captioner(load_model(model), model)
        self.model = model
        self.n_best = n_best
        decoding = dict(self.task.config.search)
        if beam_size is not None:
            decoding["beam_size"] = beam_size
        elif decoding.get("beam_size", 1) < n_best:
            decoding["beam_size"] = n_best
        self.search = SEARCHES.build(decoding)

    def __call__(self, files: Sequence[Path]) -> Iterator[Captioned]:
        """Captions in the order of the files."""
        return generate(self.task, self.search, [(str(file), file) for file in files], self.n_best)

    def check_attends(self) -> None:
        """Make sure there is something to draw.

        Raises:
            UserError: the decoder does not attend.
        """
        if not self.task.decoder.attends:
            name = self.task.config.decoder["name"]
            raise UserError(
                f"{self.model} holds a {name} decoder, which does not look at places: no attention to draw."
            )

    def draw(self, captioned: Captioned) -> Image.Image:
        """The picture, and for each word of its first caption where the model looked."""
        caption = captioned.captions[0]
        assert captioned.shown is not None
        assert caption.alphas_TL is not None
        return draw_attention(captioned.shown, caption.words, caption.alphas_TL, self.task.encoder.grid)
