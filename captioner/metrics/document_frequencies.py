"""Document frequencies of n-grams, by which CIDEr-D weighs them: the number of images that use an n-gram."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from captioner.errors import UserError
from captioner.metrics.ngrams import MAX_ORDER, CaptionCorpus, Ints, Tokens, changes, encode


@dataclass(frozen=True)
class DocumentFrequencies:
    """Document frequencies in a corpus of references.

    Attributes:
        num_images: images of the corpus.
        vocabulary: the number of each word.
        keys: for each order, the n-grams, numbered as by `NGrams.keys`.
        counts: for each order, the images with each of these n-grams in any reference.
    """

    num_images: int
    vocabulary: dict[str, int]
    keys: list[Ints]
    counts: list[Ints]

    @classmethod
    def count(cls, references: Sequence[Sequence[Tokens]]) -> "DocumentFrequencies":
        """Count the n-grams of one or more references for each image, as tokens."""
        corpus = encode([()] * len(references), references)
        keys = [grams.keys for grams in corpus.ngrams]
        return cls(len(references), corpus.vocabulary, keys, reference_frequencies(corpus))

    def of(self, corpus: CaptionCorpus) -> list[Ints]:
        """Return the frequency of each n-gram of another corpus, an array for each order."""
        own = np.array([self.vocabulary.get(word, -1) for word in corpus.vocabulary], np.int64)
        number = np.zeros(1, np.int64)
        found = []
        for grams, keys, counts in zip(corpus.ngrams, self.keys, self.counts, strict=True):
            first, last = np.divmod(grams.keys, len(corpus.vocabulary))
            # Unknown first words give a negative key, which is not found either.
            wanted = np.where(own[last] >= 0, number[first] * len(self.vocabulary) + own[last], -1)
            number = _find(wanted, keys)
            found.append(np.zeros_like(number))
            found[-1][number >= 0] = counts[number[number >= 0]]
        return found

    def save(self, file: Path) -> None:
        """Write plain arrays, readable without pickle; by custom the name ends in `.npz`."""
        arrays: dict[str, Any] = {
            "num_images": np.array(self.num_images),
            "words": np.array(list(self.vocabulary), np.str_),
        }
        for order in range(MAX_ORDER):
            arrays |= {f"keys{order + 1}": self.keys[order], f"counts{order + 1}": self.counts[order]}
        with file.open("wb") as stream:
            np.savez_compressed(stream, **arrays)

    @classmethod
    def load(cls, file: Path) -> "DocumentFrequencies":
        """Read the arrays that `save` wrote.

        Args:
            file: the npz file.

        Returns:
            The frequencies.

        Raises:
            UserError: there is no such file, or it is another kind of file.
        """
        orders = range(1, MAX_ORDER + 1)
        try:
            with np.load(file, allow_pickle=False) as arrays:
                vocabulary = {str(word): number for number, word in enumerate(arrays["words"])}
                keys, counts = ([arrays[f"{name}{order}"] for order in orders] for name in ("keys", "counts"))
                return cls(int(arrays["num_images"]), vocabulary, keys, counts)
        except FileNotFoundError:
            raise UserError(f"There is no file {file} to read document frequencies from.") from None
        except (OSError, ValueError, KeyError, TypeError, EOFError, BadZipFile):
            raise UserError(
                f"{file} holds no document frequencies: expected an npz file written by captioner."
            ) from None


def reference_frequencies(corpus: CaptionCorpus) -> list[Ints]:
    """Count the images that have each n-gram in any reference, an array for each order."""
    found = []
    for grams in corpus.ngrams:
        image = corpus.image[grams.sentence]
        in_reference = np.flatnonzero(grams.sentence != corpus.candidate[image])
        gram, image = grams.gram[in_reference], image[in_reference]
        found.append(np.bincount(gram[changes(gram) | changes(image)], minlength=len(grams.keys)))
    return found


def _find(values: Ints, keys: Ints) -> Ints:
    """Return where each value is among increasing keys; -1 where it is not."""
    if not len(keys):
        return np.full_like(values, -1)
    place = np.searchsorted(keys[:-1], values)
    return np.where(keys[place] == values, place, -1)
