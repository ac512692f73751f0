"""The splits of a data set for a task and its encoder, as Lightning asks for them."""

import sys
from abc import abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic

import pytorch_lightning as pl

from captioner.config import TrainingConfig
from captioner.data.base import CaptionSource
from captioner.data.captions import CaptionBatch, CaptionItems, Pixels, Stored, with_captions
from captioner.data.loader import Batch, ResumableLoader
from captioner.device import best_device
from captioner.encoders.base import Encoder
from captioner.encoders.features import open_store
from captioner.errors import UserError, nearest
from captioner.metrics.tokenizer import tokenize
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


class CaptionData(ResumableData[CaptionBatch]):
    """Captioned pictures for training and evaluation.

    `connect` says which encoder will look at them: a frozen one without augmentation looks once, and its
    features are read from a store in `cache`; otherwise pictures are read at every epoch.
    """

    def __init__(self, source: CaptionSource, tables: "Mapping[str, Dataset]", cache: Path) -> None:
        super().__init__()
        self.source = source
        self.tables = tables
        self.cache = cache

    def table(self, split: str) -> "Dataset":
        """The rows of a split.

        Raises:
            UserError: there is no such split.
        """
        if split not in self.tables:
            raise UserError(f"The data has no split {split!r}. {nearest(split, self.tables)}")
        return self.tables[split]

    def vocabulary(self, min_count: int, max_size: int | None) -> Vocabulary:
        """The words of the training captions."""
        captions = (caption for own in self.table("train")["captions"][:] for caption in own)
        return Vocabulary.from_texts(map(tokenize, captions), min_count, max_size)

    def references(self, split: str) -> dict[int, list[str]]:
        """What people said of each picture."""
        rows = self.table(split)
        return dict(zip(rows["image_id"][:], rows["captions"][:], strict=True))

    def connect(self, encoder: Encoder, vocabulary: Vocabulary, training: TrainingConfig, seed: int) -> None:
        """Say who will look at the pictures, and how batches are made."""
        self.encoder, self.words, self.training, self.seed = encoder, vocabulary, training, seed
        self.stores = encoder.is_frozen and not training.augment
        if encoder.is_frozen and training.augment:
            print(
                "training.augment is on: features are not stored, pictures are read every epoch",
                file=sys.stderr,
            )
        elif not encoder.is_frozen:
            print(
                "the encoder is trained: features are not stored, pictures are read every epoch",
                file=sys.stderr,
            )

    def items(self, split: str, rows: "Dataset", train: bool = False) -> CaptionItems:
        """Rows of a split as batches."""
        training = self.training
        pictures: Pixels | Stored
        if self.stores:
            listed = [(path, self.source.image(split, path)) for path in rows["path"][:]]
            store = open_store(self.encoder, listed, self.cache, device=best_device())
            kept = [i for i, (path, _) in enumerate(listed) if path in store]
            rows, pictures = rows.select(kept), Stored(store)
        else:
            pictures = Pixels(
                self.source, split, self.encoder.preprocessing, augment=train and training.augment
            )
        per_image = training.captions_per_image
        return CaptionItems(rows, pictures, self.words, per_image, training.max_words, self.seed)

    def setup(self, stage: str) -> None:
        """Make the items of training and validation."""
        if stage == "fit":
            self.train = self.items("train", with_captions(self.table("train"), "train"), train=True)
            self.val = self.items("val", with_captions(self.table("val"), "val"))

    def loader(self, items: CaptionItems, shuffle: bool) -> ResumableLoader[CaptionBatch]:
        """A loader over this process's share."""
        rank, replicas = (self.trainer.global_rank, self.trainer.world_size) if self.trainer else (0, 1)
        return ResumableLoader(
            items,
            self.training.batch_size,
            shuffle=shuffle,
            seed=self.seed,
            num_workers=self.training.num_workers,
            rank=rank,
            num_replicas=replicas,
        )

    def training_loader(self) -> ResumableLoader[CaptionBatch]:
        """Training batches in a new order every epoch."""
        return self.loader(self.train, shuffle=True)

    def val_dataloader(self) -> ResumableLoader[CaptionBatch]:
        """Validation batches, always in the same order."""
        return self.loader(self.val, shuffle=False)
