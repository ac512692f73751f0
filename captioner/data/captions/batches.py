"""Captioned pictures as batches.      B images, K captions an image, T time, L locations, F feature."""

import sys
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor

from captioner.config import TrainingConfig
from captioner.data.images import ImageInput
from captioner.data.loader import SampleIndex
from captioner.data.module import ImageData
from captioner.data.padding import pad
from captioner.encoders.base import Encoder
from captioner.errors import UserError
from captioner.metrics.tokenization.ptb import tokenize
from captioner.vocabulary import BOS, EOS, Vocabulary

if TYPE_CHECKING:
    from datasets import Dataset


class CaptionBatch(NamedTuple):
    """Pictures, as pixels or as features that were stored, with K captions each.

    The pictures with the longest captions come first.
    """

    image_ids_B: Tensor
    pictures: Tensor  # images_BCHW, or features_BLF
    tokens_BKT: Tensor  # <bos> words <eos>, filled up with <pad>


class CaptionItems:
    """One split as batches of `CaptionBatch`.

    Training takes `captions_per_image` of a picture's captions, others in every epoch if it has more, some
    twice if it has fewer. Captions are cut at `max_words`; one that was cut has no end.
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
        self.image_ids: list[int] = rows["image_id"][:]
        self.paths: list[str] = rows["path"][:]
        self.captions = [[self._encode(c, vocabulary, max_words) for c in own] for own in rows["captions"][:]]
        self.pictures = pictures
        self.captions_per_image = captions_per_image
        self.seed = seed

    @staticmethod
    def _encode(caption: str, vocabulary: Vocabulary, max_words: int) -> list[int]:
        numbers = vocabulary.encode(tokenize(caption))
        return [BOS, *numbers, EOS] if len(numbers) <= max_words else [BOS, *numbers[:max_words]]

    def __len__(self) -> int:
        return len(self.paths)

    def __getitems__(self, places: list[SampleIndex]) -> CaptionBatch:
        chosen = [self._choose(place) for place in places]
        by_length = sorted(range(len(places)), key=lambda i: -max(len(caption) for caption in chosen[i]))
        indices = [places[i].number for i in by_length]
        seeds = [places[i].rng_seed(self.seed) for i in by_length]
        good, pictures = self.pictures.read([self.paths[index] for index in indices], seeds)
        kept = [by_length[place] for place in good]
        ids = torch.tensor([self.image_ids[places[i].number] for i in kept], dtype=torch.long)
        return CaptionBatch(ids, pictures, pad([chosen[i] for i in kept], self.captions_per_image))

    def _choose(self, place: SampleIndex) -> list[list[int]]:
        """K captions of a picture; an empty one (nothing to say) where it has none."""
        own = self.captions[place.number] or [[BOS]]
        count = self.captions_per_image
        if len(own) > count:
            generator = torch.Generator().manual_seed(place.rng_seed(self.seed))
            return [own[i] for i in torch.randperm(len(own), generator=generator)[:count].tolist()]
        return [own[i % len(own)] for i in range(count)]


def with_captions(rows: "Dataset", split: str) -> "Dataset":
    """The rows that have a caption; how many have none is said.

    Raises:
        UserError: no row has one.
    """
    kept = [i for i, own in enumerate(rows["captions"][:]) if own]
    if not kept:
        raise UserError(f"No picture of the split {split} has a caption.")
    if len(kept) < len(rows):
        print(f"{split}: {len(rows) - len(kept)} pictures without a caption left out", file=sys.stderr)
    return rows.select(kept) if len(kept) < len(rows) else rows


class CaptionData(ImageData[CaptionBatch]):
    """Captioned images for training and evaluation."""

    def vocabulary(self, min_count: int, max_size: int | None) -> Vocabulary:
        """Return the words of the training captions.

        Args:
            min_count: how often a word must occur.
            max_size: words at most; None for all.

        Returns:
            The vocabulary, the most frequent words first.
        """
        captions = (caption for own in self.table("train")["captions"][:] for caption in own)
        return Vocabulary.from_texts(map(tokenize, captions), min_count, max_size)

    def references(self, split: str) -> dict[int, list[str]]:
        """Return the captions that people wrote, by image id."""
        rows = self.table(split)
        return dict(zip(rows["image_id"][:], rows["captions"][:], strict=True))

    def connect(self, encoder: Encoder, vocabulary: Vocabulary, training: TrainingConfig, seed: int) -> None:
        """Choose encoder and words.

        Args:
            encoder: of the images.
            vocabulary: of the captions.
            training: how batches are made.
            seed: for everything random.
        """
        self.words = vocabulary
        self.set_encoder(encoder, training, seed)

    def items(self, split: str, train: bool = False) -> CaptionItems:
        """See `ImageData`."""
        rows, pictures = self.image_input(split, with_captions(self.table(split), split), train)
        training = self.training
        per_image = training.captions_per_image
        return CaptionItems(rows, pictures, self.words, per_image, training.max_words, self.seed)
