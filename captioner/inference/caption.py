"""Trained captioners, ready for pictures."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from PIL import Image

from captioner.errors import UserError
from captioner.inference.generate import Captioned, as_captioner, generate
from captioner.insight.attention_map import draw_attention
from captioner.insight.search_tree import write_search_tree
from captioner.models.folder import load_model
from captioner.search.base import SEARCHES
from captioner.search.override import override_search, search_settings


class Captioner:
    """Model folders, loaded once; several speak as one, by the mean of their probabilities.

    Args:
        models: the folders.
        search: changes to the first model's own search.
        n_best: captions a picture; a beam whose size nobody chose is as wide at least.

    Raises:
        UserError: a folder holds no captioning model; the vocabularies differ; the search has no such option.
    """

    def __init__(self, *models: Path, search: Mapping[str, Any] | None = None, n_best: int = 1) -> None:
        self.task, *self.others = (as_captioner(load_model(model), model) for model in models)
        for model, other in zip(models[1:], self.others, strict=True):
            if other.vocabulary.words != self.task.vocabulary.words:
                raise UserError(f"{model} and {models[0]} have different words: they cannot speak as one.")
        self.model = models[0]
        self.n_best = n_best
        self.decoding = override_search(self.task.config.search, search or {}, n_best)
        self.search = SEARCHES.build(self.decoding, vocabulary=self.task.vocabulary)

    def __call__(self, files: Sequence[Path], record: bool = False) -> Iterator[Captioned]:
        """Captions in the order of the files; `record` keeps what the search did."""
        pictures = [(str(file), file) for file in files]
        return generate(self.task, self.search, pictures, self.n_best, others=self.others, record=record)

    def check_has_attention(self) -> None:
        """Make sure there is something to draw.

        Raises:
            UserError: a decoder does not attend, or they look at different places.
        """
        for task in (self.task, *self.others):
            if not task.decoder.has_attention:
                name = task.config.decoder["name"]
                where = f"{self.model} holds a {name} decoder"
                raise UserError(f"{where}, which does not look at places: no attention to draw.")
            if task.encoder.grid != self.task.encoder.grid:
                raise UserError("The models look at different places: no attention to draw.")

    def draw(self, captioned: Captioned) -> Image.Image:
        """The picture, and for each word of its first caption where the model looked."""
        caption = captioned.captions[0]
        assert captioned.encoder_view is not None
        assert caption.alphas_TL is not None
        return draw_attention(
            captioned.encoder_view, caption.words, caption.alphas_TL, self.task.encoder.grid
        )

    def write_tree(self, captioned: Captioned, file: Path) -> None:
        """A page that plays the search of a picture captioned with `record`."""
        write_search_tree(
            file,
            Path(captioned.name).name,
            captioned.events,
            self.task.vocabulary.words,
            {
                "model": self.model,
                **search_settings(self.search, self.decoding["name"]),
                "n_best": self.n_best,
            },
            [(caption.text, caption.log_prob, caption.score) for caption in captioned.captions],
            captioned.encoder_view,
        )
