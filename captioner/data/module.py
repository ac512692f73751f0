"""Make loaders of the splits of a data set, for a model and its encoder."""

import sys
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic

from captioner.config import TrainingConfig
from captioner.data.images import FromDisk, FromStore, ImageInput, ImageSourceOfSplit, NoImages
from captioner.data.loader import Batch, Batches, NoSamples, ResumableLoader
from captioner.data.splits import fingerprint_of, rows_of
from captioner.device import best_device
from captioner.encoders.base import Encoder
from captioner.encoders.views import view_of
from captioner.errors import UserError
from captioner.images import UnreadableImage, load_image

if TYPE_CHECKING:
    from datasets import Dataset


class TrainingData(ABC, Generic[Batch]):
    """Splits of a data set as loaders for training and validation.

    Attributes:
        rank: number of this process.
        num_replicas: number of processes that share the samples.
    """

    rank: int = 0
    num_replicas: int = 1

    def setup(self) -> None:
        """Make the samples that the loaders need; called once, before the first loader."""

    @abstractmethod
    def fingerprint(self) -> str:
        """Return a hash of what is trained on and validated with: another one for other data."""

    @abstractmethod
    def training_loader(self) -> ResumableLoader[Batch]:
        """Return the loader of training, at its start."""

    @abstractmethod
    def validation_loader(self) -> Iterable[Batch | NoSamples]:
        """Return the loader of validation, always in the same order."""

    def make_loader(
        self,
        items: Batches[Batch],
        training: TrainingConfig,
        seed: int,
        *,
        shuffle: bool,
        length_buckets: Sequence[int] | None = None,
        window: int | None = None,
    ) -> ResumableLoader[Batch]:
        """Return a loader over this process's share of the items.

        Args:
            items: the samples of a split.
            training: batch size and number of workers.
            seed: seed of the order.
            shuffle: whether every epoch has an order of its own.
            length_buckets: the length of each item; batches hold items of one length.
            window: how items are shuffled, see `sample_order.shuffled`.

        Returns:
            The loader, at its start.
        """
        return ResumableLoader(
            items,
            training.batch_size,
            shuffle=shuffle,
            length_buckets=length_buckets,
            window=window,
            seed=seed,
            num_workers=training.num_workers,
            rank=self.rank,
            num_replicas=self.num_replicas,
        )


class ImageData(TrainingData[Batch]):
    """Images and what belongs to them, for training and evaluation. Subclasses write `items`.

    Features of a frozen encoder are computed once and read from a store; with augmentation, or when the
    encoder is trained, images are read in every epoch.

    Args:
        source: gives the file or the bytes of an image.
        tables: the rows of each split.
        cache: the folder of the feature stores.
    """

    train: Batches[Batch]
    val: Batches[Batch]

    def __init__(self, source: ImageSourceOfSplit, tables: "Mapping[str, Dataset]", cache: Path) -> None:
        self.source = source
        self.tables = tables
        self.cache = cache

    @abstractmethod
    def items(self, split: str, train: bool = False) -> Batches[Batch]:
        """Return the samples of a split.

        Args:
            split: its name.
            train: whether they are trained on, or validated.

        Returns:
            The samples that a loader makes batches of.
        """

    def table(self, split: str) -> "Dataset":
        """Return the rows of a split.

        Args:
            split: its name.

        Returns:
            A table with a row for each sample.

        Raises:
            UserError: there is no such split.
        """
        return rows_of(self.tables, split)

    def set_encoder(self, encoder: Encoder | None, training: TrainingConfig, seed: int) -> None:
        """Choose the encoder of the images.

        Args:
            encoder: the encoder, or None for a model that uses no image.
            training: how batches are made.
            seed: seed of order, captions and crops.
        """
        self.encoder, self.training, self.seed = encoder, training, seed
        _check_views(training)
        if encoder is not None and (why := self.why_unstored()):
            print(f"{why}: features are not stored, pictures are read every epoch", file=sys.stderr)

    def why_unstored(self) -> str | None:
        """Return why no features are stored; None where they are."""
        if self.encoder is None:
            return "the model uses no image"
        if self.training.views is not None:
            return None
        if not self.encoder.is_frozen:
            return "the encoder is trained"
        return "training.augment is on" if self.training.augment else None

    def image_input(self, split: str, rows: "Dataset", train: bool = False) -> "tuple[Dataset, ImageInput]":
        """Return the rows whose image can be read, and how it is read.

        Args:
            split: their split.
            rows: rows with a `path`.
            train: whether images are augmented, where `training.augment` asks for it.

        Returns:
            Rows and images; images read from disk are found to be unreadable only when they are read.

        Raises:
            UserError: not one image can be read.
        """
        if self.encoder is None:
            return rows, NoImages()
        training = self.training
        if self.why_unstored():
            augment = train and training.augment
            self._check_readable(split, rows["path"])
            return rows, FromDisk(self.source, split, self.encoder.preprocessing, augment, training.flip)
        # Imported here: only the features of frozen layers are stored.
        from captioner.encoders.feature_store.builder import open_store

        paths = rows["path"][:]
        numbers = range(training.views or 1) if train else [0]
        views = [
            view_of(path, self.source.image(split, path), number, training.flip)
            for path in dict.fromkeys(paths)
            for number in numbers
        ]
        store = open_store(
            self.encoder.frozen_part(),
            views,
            self.cache,
            dtype=training.feature_dtype,
            precision=training.feature_precision,
            device=best_device(),
        )
        readable = [i for i, path in enumerate(paths) if path in store]
        if not readable:
            self._check_readable(split, paths)
        return rows.select(readable), FromStore(store, len(numbers), training.flip)

    def _check_readable(self, split: str, paths: Iterable[str]) -> None:
        """Refuse a split of which no image can be read; the first one that can be is the last one tried."""
        problem = UserError(f"The split {split} has no picture.")
        tried: set[str] = set()
        for path in paths:
            if path in tried:
                continue
            try:
                load_image(self.source.image(split, path))
            except UnreadableImage as reason:
                if not tried:
                    problem = UserError(f"No picture of the split {split} can be read; the first: {reason}")
                tried.add(path)
            else:
                return
        raise problem

    def setup(self) -> None:
        """Make the samples of training and validation."""
        self.train, self.val = self.items("train", train=True), self.items("val")

    def fingerprint(self) -> str:
        """See `TrainingData`; of images, their names."""
        return fingerprint_of(self.tables)

    def training_loader(self) -> ResumableLoader[Batch]:
        """Return training batches, in a new order every epoch."""
        return self.make_loader(self.train, self.training, self.seed, shuffle=True)

    def validation_loader(self) -> ResumableLoader[Batch]:
        """Return validation batches, always in the same order."""
        return self.make_loader(self.val, self.training, self.seed, shuffle=False)

    def example_images(self, split: str, count: int) -> list[dict[str, Any]]:
        """Return the first rows of a split."""
        rows = self.table(split)
        return list(rows.select(range(min(count, len(rows)))))


def _check_views(training: TrainingConfig) -> None:
    if training.views is not None and training.augment:
        raise UserError(
            "training.augment takes new crops in every epoch and training.views stores some: choose one."
        )
    if training.flip and not (training.augment or (training.views or 1) > 1):
        raise UserError("training.flip mirrors random crops: it needs training.augment or training.views=2.")
