"""Cut a text into contiguous streams, and these into chunks.

N streams, T characters of a chunk.
"""

import copy
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

    tokens_NT: Tensor  # T + 1 tokens: all but the last are inputs, all but the first targets
    starts: bool  # whether the text starts here, with a zero state


class Cut(NamedTuple):
    """A split text: its length, which may be cropped, and the stretches of each split."""

    length: int
    parts: dict[str, list[Stream]]


def cut_text(
    split: Split, length: int, val_fraction: float, test_fraction: float, batch_size: int, chunk_length: int
) -> Cut:
    """Split a text into train, val and test.

    tail:      contiguous: train, then val, then test at the end (nanoGPT: the last tenth is val)
    torch_rnn: the same with torch-rnn's rounding, which gives what is left over to train
    char_rnn:  the text lies in `batch_size` rows and is cropped to whole chunks; the last columns of chunks
               of every row are val: islands in the text, each preceded by text of train

    Args:
        split: one of the above.
        length: of the text.
        val_fraction: share of val.
        test_fraction: share of test.
        batch_size: rows of char_rnn.
        chunk_length: symbols of a chunk of char_rnn.

    Returns:
        The stretches of each split, some of which may be empty.
    """
    if split == "char_rnn":
        return _cut_rows(length, val_fraction, test_fraction, batch_size, chunk_length)
    if split == "torch_rnn":
        val, test = int(val_fraction * length), int(test_fraction * length)
        bounds = [0, length - val - test, length - test, length]
    else:
        train = int(length * (1 - val_fraction - test_fraction) + 1e-9)
        bounds = [0, train, int(length * (1 - test_fraction) + 1e-9), length]
    stretches = zip(("train", "val", "test"), bounds, bounds[1:], strict=False)
    parts = {name: [Stream(start, max(0, end - start - 1))] for name, start, end in stretches}
    return Cut(length, parts)


def _cut_rows(
    length: int, val_fraction: float, test_fraction: float, batch_size: int, chunk_length: int
) -> Cut:
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


def divide(stretches: Sequence[Stream], num_streams: int, whole: bool) -> list[Stream]:
    """Divide one stretch into streams of equal length; several stretches are streams already.

    Args:
        stretches: of a split.
        num_streams: N.
        whole: whether nothing is left out, which makes the last stream shorter; otherwise up to N - 1
            symbols are left out.

    Returns:
        The streams.
    """
    if len(stretches) != 1:
        return list(stretches)
    ((start, length),) = stretches
    size = -(-length // num_streams) if whole else length // num_streams
    begins = range(0, length if whole else size * num_streams, max(1, size))
    return [Stream(start + begin, min(size, length - begin)) for begin in begins]


class Chunks:
    """The chunks of a text: sample c is chunk c of every stream; they are read in order, one a batch.

    Args:
        text: token ids of the whole text.
        streams: N streams.
        chunk_length: T.
        whole: whether the last chunk is kept, which may be shorter, with PAD where a stream has ended;
            otherwise all chunks have T symbols in all streams.
    """

    def __init__(self, text: Numbers, streams: Sequence[Stream], chunk_length: int, whole: bool) -> None:
        self.text = text
        self.starts_N1 = np.array([[stream.start] for stream in streams])
        self.lengths_N1 = np.array([[stream.length] for stream in streams])
        self.chunk_length = chunk_length
        longest, shortest = int(self.lengths_N1.max()), int(self.lengths_N1.min())
        self.total = longest if whole else shortest // chunk_length * chunk_length

    def of_process(self, rank: int, num_replicas: int) -> "Chunks":
        """Return the chunks of every `num_replicas`-th stream from `rank`, as many as there are of all."""
        own = copy.copy(self)
        own.starts_N1, own.lengths_N1 = (
            column[rank::num_replicas] for column in (self.starts_N1, self.lengths_N1)
        )
        return own

    def __len__(self) -> int:
        return -(-self.total // self.chunk_length)

    def __getitems__(self, indices: list[SampleIndex]) -> TextBatch:
        """Return the chunk of the one index."""
        (index,) = indices
        begin = index.number * self.chunk_length
        positions_T = np.arange(begin, min(begin + self.chunk_length, self.total) + 1)
        # The text wraps around: char-rnn predicts its first character after its last.
        tokens_NT = self.text.take(self.starts_N1 + positions_T, mode="wrap")
        tokens_NT = np.where(positions_T <= self.lengths_N1, tokens_NT, PAD)
        return TextBatch(torch.from_numpy(tokens_NT).long(), index.number == 0)
