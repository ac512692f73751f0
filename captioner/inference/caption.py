"""Caption images with trained models.      B images, T words, L locations."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from copy import copy
from pathlib import Path
from typing import Any, overload

import torch
from PIL import Image
from torch import Tensor

from captioner.errors import UserError
from captioner.files.read import file_sha256
from captioner.image_reader import ReadImage
from captioner.images import ImageSource, UnreadableImage
from captioner.inference.base import PREDICTORS, EncoderInput, ImagePredictor, named
from captioner.inference.caption_results import Caption, Captioned
from captioner.inference.confidence import read_confidence
from captioner.models.caption import CaptionModel, WrittenBatch
from captioner.models.card import CARD, read_card
from captioner.precision import Precision, decoder_products
from captioner.search.base import SEARCHES
from captioner.search.hypothesis import Hypothesis
from captioner.search.override import override_search, search_settings
from captioner.search.stepping.ensemble import Ensemble
from captioner.search.stepping.interruptible import Interruptible
from captioner.search.stepping.policy import StepModel
from captioner.search.trace import SearchTrace

BATCH_SIZE = 32


@PREDICTORS.register("caption")
class Captioner(ImagePredictor[CaptionModel]):
    """Captioning models, loaded once; several make an ensemble, the mean of their probabilities.

    Args:
        *folders: the model folders.
        search: changes to the first model's own search.
        n_best: captions an image; a beam whose size nobody chose is as wide at least.
        precision: as `ImagePredictor`.

    Raises:
        UserError: as `Predictor`; the vocabularies differ; the search has no such option.
    """

    model_class = CaptionModel

    def __init__(
        self,
        *folders: Path | str,
        search: Mapping[str, Any] | None = None,
        n_best: int = 1,
        precision: Precision = "auto",
    ) -> None:
        super().__init__(folders[0], precision)
        self.others: list[CaptionModel] = [self._load(Path(one)) for one in folders[1:]]
        for folder, other in zip(folders[1:], self.others, strict=True):
            if other.vocabulary.words != self.model.vocabulary.words:
                raise UserError(f"{folder} and {folders[0]} have different words: they make no ensemble.")
        self.folders = [Path(folder) for folder in folders]
        self.confidence = None if self.others else read_confidence(self.folder, read_card(self.folder))
        members = [model.decoder for model in self.models]
        self.decoder: StepModel = Ensemble(members) if self.others else members[0]
        self._use_search(search, n_best)

    def changed(
        self,
        search: Mapping[str, Any] | None = None,
        n_best: int = 1,
        check: Callable[[], None] | None = None,
    ) -> "Captioner":
        """Return a captioner with the same models and another search.

        Args:
            search: changes to the first model's own search.
            n_best: captions an image.
            check: called before every word; an error that it raises ends the search.

        Returns:
            The captioner; this one stays as it is.

        Raises:
            UserError: the search has no such option.
        """
        other = copy(self)
        if check is not None:
            other.decoder = Interruptible(self.decoder, check)
        other._use_search(search, n_best)
        return other

    def _use_search(self, search: Mapping[str, Any] | None, n_best: int) -> None:
        self.n_best = n_best
        self.search_config = override_search(self.model.config.search, search or {}, n_best)
        self.search = SEARCHES.build(self.search_config, vocabulary=self.model.vocabulary)
        self.search_settings = search_settings(self.search, self.search_config["name"])

    @property
    def models(self) -> tuple[CaptionModel, ...]:
        """All models of the ensemble."""
        return (self.model, *self.others)

    @property
    def grid(self) -> tuple[int, int]:
        """Rows and columns of the locations of attention."""
        return self.model.encoder.grid

    @overload
    def caption(self, images: ImageSource) -> Captioned: ...

    @overload
    def caption(self, images: list[ImageSource]) -> list[Captioned]: ...

    def caption(self, images: ImageSource | list[ImageSource]) -> Captioned | list[Captioned]:
        """Caption one image, or a list of images.

        Args:
            images: files, files' bytes, PIL images or numpy arrays.

        Returns:
            The captioned image, or a list of them in order, in which an unreadable image has a `problem`.

        Raises:
            UnreadableImage: the one image cannot be read.
        """
        if isinstance(images, list):
            return list(self.stream(named(images)))
        (found,) = self.stream(named([images]))
        if found.problem:
            raise UnreadableImage(found.problem)
        return found

    def stream(self, images: Iterable[tuple[str, ImageSource]], trace: bool = False) -> Iterator[Captioned]:
        """Caption named images in batches, in order; an unreadable one comes back with its problem.

        Args:
            images: sources of images with their names, taken as they are needed.
            trace: whether to keep what the search did.

        Yields:
            The images with their captions.
        """
        for batch in self.read(images, BATCH_SIZE):
            yield from self.caption_batch(batch, SearchTrace() if trace else None)

    @torch.inference_mode()
    def written_batches(self, images: Sequence[tuple[str, ImageSource]]) -> Iterator[WrittenBatch]:
        """Caption named images with the first model, and keep what it saw.

        Args:
            images: sources of images with their names; unreadable ones are left out.

        Yields:
            Features and the best caption's words, of those that have any.
        """
        for batch in self.read(images, BATCH_SIZE):
            if not (read := [one.value for one in batch if one.value is not None]):
                continue
            features_BLF = self._features(read)[0]
            found = [list(one[0].tokens) for one in self.search(self.model.decoder, features_BLF)]
            if rows := [row for row, tokens in enumerate(found) if tokens]:
                yield WrittenBatch(features_BLF[rows], [found[row] for row in rows])

    def settings(self) -> dict[str, Any]:
        """Return what captions depend on beside the image: the models' cards, precision and search."""
        models = [file_sha256(folder / CARD) for folder in self.folders]
        return {"models": models, "precision": self.precision, "n_best": self.n_best, **self.search_settings}

    def check_has_attention(self) -> None:
        """Make sure that there is attention to draw.

        Raises:
            UserError: a decoder has none, or the models attend to different locations.
        """
        for model in self.models:
            if not model.decoder.has_attention:
                name = model.config.decoder["name"]
                raise UserError(f"{self.folder} holds a {name} decoder, which has no attention to draw.")
            if model.encoder.grid != self.grid:
                raise UserError("The models attend to different locations: no attention to draw.")

    def draw(self, captioned: Captioned) -> Image.Image:
        """Draw the image, and the attention at each word of its best caption."""
        from captioner.insight.attention_map import draw_attention

        assert captioned.encoder_view is not None
        assert captioned.attention is not None
        return draw_attention(captioned.encoder_view, captioned.words, captioned.attention, self.grid)

    def write_tree(self, captioned: Captioned, file: Path) -> None:
        """Write a page that plays the search of an image that was captioned with a trace."""
        from captioner.insight.search_tree import write_search_tree

        settings = {"model": str(self.folder), **self.search_settings, "n_best": self.n_best}
        name, words, view = Path(captioned.name).name, self.model.vocabulary.words, captioned.encoder_view
        captions = [caption.to_json() for caption in captioned.captions]
        write_search_tree(file, name, captioned.events, words, settings, captions, view, self.grid)

    @torch.inference_mode()
    def caption_batch(
        self, batch: Sequence[ReadImage[str, EncoderInput]], trace: SearchTrace | None = None
    ) -> list[Captioned]:
        """Caption images that have been read.

        Args:
            batch: the images as the encoders take them, or why one could not be read.
            trace: collects what the search does.

        Returns:
            The images with their captions, in order.
        """
        if read := [one.value for one in batch if one.value is not None]:
            features = self._features(read)
            given = features if self.others else features[0]
            with decoder_products(self.precision, len(read)):
                found = iter(self.search(self.decoder, given, self.n_best, trace))
        captioned, number = [], 0
        for name, value, problem in batch:
            if value is None:
                captioned.append(Captioned(name, [], None, problem))
                continue
            events = trace.of_image(number) if trace else ()
            captions = [self.to_caption(one, features[0][number]) for one in next(found)]
            unsure = self.is_unsure(captions[0].confidence)
            captioned.append(Captioned(name, captions, value.view, None, events, unsure))
            number += 1
        return captioned

    def _features(self, images: list[EncoderInput]) -> tuple[Tensor, ...]:
        """features_BLF of each model."""
        pixels = zip(*(image.pixels for image in images), strict=True)
        return tuple(model.encode_images([*own]) for model, own in zip(self.models, pixels, strict=True))

    def to_caption(self, found: Hypothesis, features_LF: Tensor) -> Caption:
        """Return a sentence of a search, about an image with these features, as a caption."""
        return Caption(
            self.model.vocabulary.decode(found.tokens),
            found.log_prob,
            found.word_log_probs,
            found.finished,
            None if found.alphas_TL is None else found.alphas_TL.float().numpy(),
            found.score,
            found.group,
            found.proven,
            self.confidence(found.word_log_probs, features_LF) if self.confidence else None,
        )

    def is_unsure(self, confidence: float | None) -> bool:
        """Return whether a confidence is low; never without a calibration."""
        return self.confidence is not None and (confidence or 0.0) < self.confidence.unsure_below
