"""A text as contiguous streams: where each begins, and the chunks they are read in.

N streams, T characters of a chunk.
"""

from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor

from captioner.data.loader import SampleIndex
from captioner.data.text.alphabet import Numbers
from captioner.vocabulary import PAD

Split = Literal["tail", "torch_rnn", "char_rnn"]


class Stream(NamedTuple):
    """A stretch of text: `start` is the first character read, `length` how many are predicted after it."""

    start: int
    length: int


class TextBatch(NamedTuple):
    """The next chunk of every stream."""

    tokens_NT: Tensor  # one more than is read: all but the last are read, all but the first predicted
    starts: bool  # whether the text starts here: there is no state to carry


class Cut(NamedTuple):
    """How a text is parted: its length, which a split may crop, and the stretches of each part."""

    length: int
    parts: dict[str, list[Stream]]


def cut_text(
    split: Split, length: int, val_fraction: float, test_fraction: float, batch_size: int, chunk_length: int
) -> Cut:
    """Part a text into train, val and test.

    tail:      contiguous: train, then val, then test at the end (nanoGPT: the last tenth is val)
    torch_rnn: the same with torch-rnn's rounding, which gives what is left over to train
    char_rnn:  the text lies in `batch_size` rows and is cropped to whole chunks; the last columns of chunks
               of every row are val: islands in the text, each preceded by text of train

    A part may come out empty.
    """
    if split == "char_rnn":
        columns = length // (batch_size * chunk_length)
        train = int(columns * (1 - val_fraction - test_fraction) + 1e-9)
        val = int(columns * val_fraction + 1e-9) if test_fraction else columns - train
        cropped = columns * batch_size * chunk_length
        sizes = {"train": train, "val": val, "test": columns - train - val}
        parts, column = {}, 0
        for name, size in sizes.items():
            starts = [row * columns * chunk_length + column * chunk_length for row in range(batch_size)]
            parts[name] = [Stream(start, size * chunk_length) for start in starts]
            column += size
        return Cut(cropped, parts)
    if split == "torch_rnn":
        val, test = int(val_fraction * length), int(test_fraction * length)
        bounds = [0, length - val - test, length - test, length]
    else:
        train = int(length * (1 - val_fraction - test_fraction) + 1e-9)
        bounds = [0, train, int(length * (1 - test_fraction) + 1e-9), length]
    stretches = zip(("train", "val", "test"), bounds, bounds[1:], strict=False)
    parts = {name: [Stream(start, max(0, end - start - 1))] for name, start, end in stretches}
    return Cut(length, parts)


def divide(stretches: Sequence[Stream], num_streams: int, whole: bool) -> list[Stream]:
    """One stretch as streams of equal length; several are streams already.

    `whole` leaves nothing out, which makes the last stream shorter; otherwise up to N - 1 characters are.
    """
    if len(stretches) != 1:
        return list(stretches)
    ((start, length),) = stretches
    size = -(-length // num_streams) if whole else length // num_streams
    begins = range(0, length if whole else size * num_streams, max(1, size))
    return [Stream(start + begin, min(size, length - begin)) for begin in begins]


class Chunks:
    """Item c is chunk c of every stream: `Batches` of one item each, to be read in order.

    `whole` gives the last chunk too, which may be shorter, and PAD where a stream has ended; otherwise only
    chunks of T characters in all streams.
    """

    def __init__(self, text: Numbers, streams: Sequence[Stream], chunk_length: int, whole: bool) -> None:
        self.text = text
        self.starts_N1 = np.array([[stream.start] for stream in streams])
        self.lengths_N1 = np.array([[stream.length] for stream in streams])
        self.chunk_length = chunk_length
        longest, shortest = int(self.lengths_N1.max()), int(self.lengths_N1.min())
        self.total = longest if whole else shortest // chunk_length * chunk_length

    def __len__(self) -> int:
        return -(-self.total // self.chunk_length)

    def __getitems__(self, places: list[SampleIndex]) -> TextBatch:
        """The chunk of the one place."""
        (place,) = places
        begin = place.number * self.chunk_length
        places_T = np.arange(begin, min(begin + self.chunk_length, self.total) + 1)
        # The text goes round: char-rnn predicts its first character after its last.
        tokens_NT = self.text.take(self.starts_N1 + places_T, mode="wrap")
        tokens_NT = np.where(places_T <= self.lengths_N1, tokens_NT, PAD)
        return TextBatch(torch.from_numpy(tokens_NT).long(), place.number == 0)
