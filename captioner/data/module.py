"""The splits of a data set for a task and its encoder, as Lightning asks for them."""

import sys
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic

import pytorch_lightning as pl

from captioner.config import TrainingConfig
from captioner.data.captions.batches import CaptionBatch, CaptionItems, with_captions
from captioner.data.images import Pictures, PictureSource, Pixels, Stored, Unseen
from captioner.data.loader import Batch, Batches, ResumableLoader
from captioner.data.splits import rows_of
from captioner.device import best_device
from captioner.encoders.base import Encoder
from captioner.encoders.feature_store import open_store
from captioner.metrics.tokenization.ptb import tokenize
from captioner.vocabulary import Vocabulary

if TYPE_CHECKING:
    from datasets import Dataset


class ResumableData(pl.LightningDataModule, Generic[Batch]):
    """Splits whose training goes on where a checkpoint left it. Subclasses write `training_loader`."""

    _training: ResumableLoader[Batch]
    _progress: dict[str, int] | None = None

    @abstractmethod
    def training_loader(self) -> ResumableLoader[Batch]:
        """Training batches, from the start."""

    def share(
        self,
        items: Batches[Batch],
        training: TrainingConfig,
        seed: int,
        *,
        shuffle: bool,
        length_buckets: Sequence[int] | None = None,
    ) -> ResumableLoader[Batch]:
        """A loader over this process's share of the items."""
        rank, replicas = (self.trainer.global_rank, self.trainer.world_size) if self.trainer else (0, 1)
        return ResumableLoader(
            items,
            training.batch_size,
            shuffle=shuffle,
            length_buckets=length_buckets,
            seed=seed,
            num_workers=training.num_workers,
            rank=rank,
            num_replicas=replicas,
        )

    def train_dataloader(self) -> ResumableLoader[Batch]:
        """Training batches, from where a resumed run was stopped."""
        self._training = self.training_loader()
        if self._progress is not None:
            self._training.load_state_dict(self._progress)
        return self._training

    def state_dict(self) -> dict[str, Any]:
        """How far training has come, for the checkpoint.

        Lightning asks the loader too, but does not restore it where a schedule has asked for its length.
        """
        return self._training.state_dict()

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Keep what a checkpoint says until there is a loader."""
        self._progress = state_dict


class PictureData(ResumableData[Batch]):
    """Pictures and what goes with them, for training and evaluation. Subclasses write `items`.

    `look` says which encoder will look at them: a frozen one without augmentation looks once, and its
    features are read from a store in `cache`; otherwise pictures are read at every epoch.
    """

    train: Batches[Batch]
    val: Batches[Batch]

    def __init__(self, source: PictureSource, tables: "Mapping[str, Dataset]", cache: Path) -> None:
        super().__init__()
        self.source = source
        self.tables = tables
        self.cache = cache

    @abstractmethod
    def items(self, split: str, train: bool = False) -> Batches[Batch]:
        """A split as batches, for training or for validation."""

    def table(self, split: str) -> "Dataset":
        """The rows of a split.

        Raises:
            UserError: there is no such split.
        """
        return rows_of(self.tables, split)

    def look(self, encoder: Encoder | None, training: TrainingConfig, seed: int) -> None:
        """Say who will look at the pictures (None: nobody), and how batches are made."""
        self.encoder, self.training, self.seed = encoder, training, seed
        if encoder is None:
            return
        if not encoder.is_frozen:
            why = "the encoder is trained"
        elif training.augment:
            why = "training.augment is on"
        else:
            return
        print(f"{why}: features are not stored, pictures are read every epoch", file=sys.stderr)

    def seen(self, split: str, rows: "Dataset", train: bool = False) -> "tuple[Dataset, Pictures]":
        """The rows that there is something to see of, and the way to see it."""
        if self.encoder is None:
            return rows, Unseen()
        augment = self.training.augment
        if augment or not self.encoder.is_frozen:
            return rows, Pixels(self.source, split, self.encoder.preprocessing, augment=train and augment)
        paths = rows["path"][:]
        listed = [(path, self.source.image(split, path)) for path in dict.fromkeys(paths)]
        store = open_store(self.encoder, listed, self.cache, device=best_device())
        return rows.select([i for i, path in enumerate(paths) if path in store]), Stored(store)

    def setup(self, stage: str) -> None:
        """Make the items of training and validation."""
        if stage == "fit":
            self.train, self.val = self.items("train", train=True), self.items("val")

    def loader(self, items: Batches[Batch], shuffle: bool) -> ResumableLoader[Batch]:
        """A loader over this process's share."""
        return self.share(items, self.training, self.seed, shuffle=shuffle)

    def training_loader(self) -> ResumableLoader[Batch]:
        """Training batches in a new order every epoch."""
        return self.loader(self.train, shuffle=True)

    def val_dataloader(self) -> ResumableLoader[Batch]:
        """Validation batches, always in the same order."""
        return self.loader(self.val, shuffle=False)


class CaptionData(PictureData[CaptionBatch]):
    """Captioned pictures for training and evaluation."""

    def vocabulary(self, min_count: int, max_size: int | None) -> Vocabulary:
        """The words of the training captions."""
        captions = (caption for own in self.table("train")["captions"][:] for caption in own)
        return Vocabulary.from_texts(map(tokenize, captions), min_count, max_size)

    def references(self, split: str) -> dict[int, list[str]]:
        """What people said of each picture."""
        rows = self.table(split)
        return dict(zip(rows["image_id"][:], rows["captions"][:], strict=True))

    def connect(self, encoder: Encoder, vocabulary: Vocabulary, training: TrainingConfig, seed: int) -> None:
        """Say who will look at the pictures, in which words, and how batches are made."""
        self.words = vocabulary
        self.look(encoder, training, seed)

    def items(self, split: str, train: bool = False) -> CaptionItems:
        """The captioned pictures of a split as batches."""
        rows, pictures = self.seen(split, with_captions(self.table(split), split), train)
        training = self.training
        per_image = training.captions_per_image
        return CaptionItems(rows, pictures, self.words, per_image, training.max_words, self.seed)
