"""Batches of captioned images.      B images, K captions an image, T time, L locations, F feature."""

import sys
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from torch import Tensor

from captioner.config import TrainingConfig
from captioner.data.captions.base import CaptionSource
from captioner.data.images import ImageInput
from captioner.data.loader import ResumableLoader, SampleIndex
from captioner.data.module import ImageData
from captioner.data.padding import pad
from captioner.data.splits import READ_AT_ONCE, each_row
from captioner.encoders.base import Encoder
from captioner.errors import UserError
from captioner.metrics.tokenization.ptb import tokenize
from captioner.vocabulary import BOS, EOS, Vocabulary

if TYPE_CHECKING:
    from datasets import Dataset


MAX_ENCODED = 200_000  # images whose encoded captions are kept in memory: all of COCO's


class CaptionBatch(NamedTuple):
    """Images, as pixels or stored features, with K captions each; those with the longest captions first."""

    image_ids_B: Tensor
    pictures: Tensor  # images_BCHW, or features_BLF
    tokens_BKT: Tensor  # <bos> words <eos>, padded with <pad>


class CaptionItems:
    """The samples of a split: an item is an image with its captions.

    Rows are read from their table when a batch needs them, so that a table on disk may be of any length.

    Args:
        rows: rows of a caption source.
        pictures: reads the images.
        vocabulary: of the captions.
        captions_per_image: K; of an image with more captions, others are drawn in every epoch; of one with
            fewer, some are taken twice.
        max_words: words a caption is cut at; a caption that was cut has no `<eos>`.
        seed: seed of the choice of captions and of random crops.
    """

    def __init__(
        self,
        rows: "Dataset",
        pictures: ImageInput,
        vocabulary: Vocabulary,
        captions_per_image: int,
        max_words: int,
        seed: int,
    ) -> None:
        self.rows = rows
        self.pictures = pictures
        self.vocabulary = vocabulary
        self.captions_per_image = captions_per_image
        self.max_words = max_words
        self.seed = seed
        self._encoded: dict[int, list[list[int]]] = {}

    def _encode(self, caption: str) -> list[int]:
        token_ids = self.vocabulary.encode(tokenize(caption))
        cut = self.max_words
        return [BOS, *token_ids, EOS] if len(token_ids) <= cut else [BOS, *token_ids[:cut]]

    def _captions(self, number: int, texts: list[str]) -> list[list[int]]:
        found = self._encoded.get(number)
        if found is None:
            found = [self._encode(text) for text in texts]
            if len(self._encoded) < MAX_ENCODED:
                self._encoded[number] = found
        return found

    def __len__(self) -> int:
        return len(self.rows)

    def __getitems__(self, indices: list[SampleIndex]) -> CaptionBatch:
        rows = self.rows[[index.number for index in indices]]
        chosen = [self._choose(*one) for one in zip(indices, rows["captions"], strict=True)]
        by_length = sorted(range(len(indices)), key=lambda i: -max(len(caption) for caption in chosen[i]))
        paths = [rows["path"][i] for i in by_length]
        good, pictures = self.pictures.read(paths, [indices[i].rng_seed(self.seed) for i in by_length])
        kept = [by_length[i] for i in good]
        ids = torch.tensor([rows["image_id"][i] for i in kept], dtype=torch.long)
        return CaptionBatch(ids, pictures, pad([chosen[i] for i in kept], self.captions_per_image))

    def _choose(self, index: SampleIndex, texts: list[str]) -> list[list[int]]:
        """Return K captions of an image; an empty one where it has none."""
        own = self._captions(index.number, texts) or [[BOS]]
        count = self.captions_per_image
        if len(own) > count:
            generator = torch.Generator().manual_seed(index.rng_seed(self.seed))
            return [own[i] for i in torch.randperm(len(own), generator=generator)[:count].tolist()]
        return [own[i % len(own)] for i in range(count)]


def with_captions(rows: "Dataset", split: str) -> "Dataset":
    """Return the rows that have a caption; the number of the others goes to standard error.

    Args:
        rows: rows of a caption source.
        split: their split, for the message.

    Returns:
        The rows with a caption.

    Raises:
        UserError: no row has one.
    """
    counts = [
        part["captions"].combine_chunks().value_lengths().to_numpy()
        for part in rows.with_format("arrow").iter(READ_AT_ONCE)
    ]
    kept = np.flatnonzero(np.concatenate(counts or [[]]))
    if not len(kept):
        raise UserError(f"No picture of the split {split} has a caption.")
    if len(kept) < len(rows):
        print(f"{split}: {len(rows) - len(kept)} pictures without a caption left out", file=sys.stderr)
    return rows.select(kept) if len(kept) < len(rows) else rows


class CaptionData(ImageData[CaptionBatch]):
    """Captioned images for training and evaluation."""

    source: CaptionSource

    def training_loader(self) -> ResumableLoader[CaptionBatch]:
        """Return training batches, in a new order every epoch."""
        return self.make_loader(self.train, self.training, self.seed, shuffle=True, window=self.source.window)

    def vocabulary(self, min_count: int, max_size: int | None) -> Vocabulary:
        """Return the words of the training captions.

        Args:
            min_count: how often a word must occur.
            max_size: words at most; None for all.

        Returns:
            The vocabulary, the most frequent words first.
        """
        captions = (caption for row in each_row(self.table("train")) for caption in row["captions"])
        return Vocabulary.from_texts(map(tokenize, captions), min_count, max_size)

    def references(self, split: str) -> dict[int, list[str]]:
        """Return the reference captions, by image id."""
        rows = self.table(split)
        return dict(zip(rows["image_id"][:], rows["captions"][:], strict=True))

    def connect(self, encoder: Encoder, vocabulary: Vocabulary, training: TrainingConfig, seed: int) -> None:
        """Set encoder and vocabulary.

        Args:
            encoder: of the images.
            vocabulary: of the captions.
            training: batch size, number of captions an image, length limit.
            seed: seed of order, captions and crops.
        """
        self.words = vocabulary
        self.set_encoder(encoder, training, seed)

    def items(self, split: str, train: bool = False) -> CaptionItems:
        """Return the samples of a split; images without a caption are left out."""
        rows, pictures = self.image_input(split, with_captions(self.table(split), split), train)
        training = self.training
        per_image = training.captions_per_image
        return CaptionItems(rows, pictures, self.words, per_image, training.max_words, self.seed)
