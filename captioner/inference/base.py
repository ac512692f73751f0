"""Use a trained model: one base for all predictors.      B images, C channels, H height, W width."""

from abc import ABC
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, ClassVar, Generic, NamedTuple, TypeVar

from PIL import Image
from torch import Tensor

from captioner.device import best_device
from captioner.errors import UserError
from captioner.image_reader import ReadImage, read_batches
from captioner.images import ImageSource, image_name, whole_size
from captioner.models.base import Model
from captioner.models.folder import load_model, trained_task
from captioner.models.image_model import ImageModel
from captioner.paths import model_folder
from captioner.precision import Precision, chosen_precision
from captioner.registry import Registry

ModelT = TypeVar("ModelT", bound=Model)
ImageModelT = TypeVar("ImageModelT", bound=ImageModel)


class Predictor(ABC, Generic[ModelT]):
    """A trained model, loaded once, on the fastest device. Subclasses are final, or abstract.

    Args:
        folder: the model folder.

    Attributes:
        model_class: the models that the predictor uses.
        precision: fp32, bf16 or fp16: what images are encoded in.

    Raises:
        UserError: the folder holds no such model.
    """

    model_class: ClassVar[type[Any]]
    precision: Precision = "fp32"

    def __init__(self, folder: Path | str) -> None:
        self.folder = Path(folder)
        self.model: ModelT = self._load(self.folder)

    @classmethod
    def load(cls, folder: Path) -> Any:
        """Load a model folder, on the fastest device.

        Args:
            folder: the model folder.

        Returns:
            The model, an instance of `model_class`.

        Raises:
            UserError: it holds a model of another task.
        """
        model = load_model(folder)
        if not isinstance(model, cls.model_class):
            own = next(name for name in PREDICTORS if PREDICTORS[name] is cls)
            raise UserError(f"{folder} holds a model for the task {model.config.task['name']}, not {own}.")
        return model.to(best_device())

    def _load(self, folder: Path) -> Any:
        """A model folder as this predictor uses it."""
        return self.load(folder)


class EncoderInput(NamedTuple):
    """An image as encoders take it.

    Attributes:
        size: width and height of the whole image in pixels.
        view: the part that the encoder sees, before normalisation.
        pixels: pixels_CHW, for each of the encoders.
    """

    size: tuple[int, int]
    view: Image.Image
    pixels: tuple[Tensor, ...]


class ImagePredictor(Predictor[ImageModelT]):
    """A predictor that reads images. Subclasses are final, or abstract.

    Args:
        folder: the model folder.
        precision: that images are encoded in; `auto` is what the device computes natively.

    Raises:
        UserError: as `Predictor`, or the device does not compute in the precision.
    """

    def __init__(self, folder: Path | str, precision: Precision = "auto") -> None:
        self.precision = chosen_precision(precision, best_device())
        super().__init__(folder)

    def read(
        self, images: Iterable[tuple[str, ImageSource]], batch_size: int
    ) -> Iterator[list[ReadImage[str, EncoderInput]]]:
        """Read images in threads; each is decoded and resized once.

        Args:
            images: sources of images with their names, taken as they are needed.
            batch_size: images of a batch.

        Yields:
            Batches in order; an unreadable image has a `problem`. For a model that uses no image nothing is
            read.
        """
        if all(model.encoder is None for model in self.models):
            blank = self.prepare(Image.new("RGB", (1, 1)))
            names = (name for name, _ in images)
            while batch := list(islice(names, batch_size)):
                yield [ReadImage(name, blank, None) for name in batch]
            return
        ahead = self.model.device.type != "cpu"
        yield from read_batches(
            images, lambda _, image: self.prepare(image), batch_size, ahead, self.min_side
        )

    @property
    def min_side(self) -> int | None:
        """Pixels that each side of an image must keep, as for `load_image`: what the encoders need."""
        encoders = (model.encoder for model in self.models if model.encoder is not None)
        return max((encoder.preprocessing.min_side for encoder in encoders), default=None)

    def prepare(self, image: Image.Image) -> EncoderInput:
        """Return a decoded image as the encoders take it; those with one preprocessing share its pixels."""
        wanted = [model.encoder.preprocessing for model in self.models if model.encoder is not None]
        if not wanted:
            return EncoderInput(whole_size(image), image, ())
        views = {one: one.encoder_view(image) for one in dict.fromkeys(wanted)}
        pixels = {one: one.normalize(view) for one, view in views.items()}
        return EncoderInput(whole_size(image), views[wanted[0]], tuple(pixels[one] for one in wanted))

    def _load(self, folder: Path) -> Any:
        model = self.load(folder)
        model.prepare_encoder(self.precision)
        return model

    @property
    def models(self) -> Sequence[ImageModel]:
        """The models whose encoders see the images."""
        return (self.model,)


def named(images: Sequence[ImageSource]) -> list[tuple[str, ImageSource]]:
    """Return images with the names that messages call them by."""
    return [(image_name(source), source) for source in images]


PREDICTORS: Registry[Predictor[Any]] = Registry("task", "captioner.inference")
"""By the same names as `MODELS`: made from a model folder and options of their own."""


def load(folder: Path | str, **options: Any) -> Any:
    """Load a trained model, ready to use.

    Args:
        folder: the model folder, or the name of a model that comes with the package (photos).
        **options: of the task's predictor, such as `search`, `n_best` and `precision`.

    Returns:
        The predictor of the model's task: `Captioner`, `Answerer`, `Chooser`, `Writer` or `Translator`.

    Raises:
        UserError: the folder holds no model, or the predictor has no such option.
    """
    found = model_folder(folder, "caption")
    return PREDICTORS[trained_task(found)](found, **options)
