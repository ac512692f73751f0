"""N-grams of captions, counted by sorting, for BLEU, CIDEr-D and diversity.

An n-gram of order k is written as the number of its first k - 1 words and its last word. So the n-grams are
numbered order by order, each with one sort of all positions of all captions (as suffix arrays are built by
doubling), and no n-gram is ever a Python object.
"""

from collections import defaultdict
from collections.abc import Sequence
from itertools import chain, count
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Tokens = Sequence[str]
Ints = NDArray[np.int64]

MAX_ORDER = 4


class NGrams(NamedTuple):
    """The n-grams of one order: an entry for each different n-gram of each sentence.

    Entries are sorted by n-gram, then by sentence.

    Attributes:
        gram: of each entry, the number of its n-gram.
        sentence: of each entry, the number of its sentence.
        counts: of each entry, how often the sentence has the n-gram.
        keys: of each n-gram, increasing: the number of its first words as an n-gram of the order below (zero
            for a single word), times the size of the vocabulary, plus its last word.
    """

    gram: Ints
    sentence: Ints
    counts: Ints
    keys: Ints


class CaptionCorpus(NamedTuple):
    """Candidates and references as integers, with their n-grams.

    Sentences are numbered one behind the other: an image's candidate, then its references.

    Attributes:
        candidates: the tokens of each image's candidate.
        references: the tokens of each image's references.
        vocabulary: the number of each word.
        lengths: of each sentence, its tokens.
        image: of each sentence, the number of its image.
        candidate: of each image, the number of the candidate's sentence.
        ngrams: those of order 1 to 4.
        candidate_entries: for each order, entries of n-grams in a candidate, one for each time that a
            reference of the same image has the n-gram too.
        reference_entries: the entries of these references, pair by pair.
    """

    candidates: Sequence[Tokens]
    references: Sequence[Sequence[Tokens]]
    vocabulary: dict[str, int]
    lengths: Ints
    image: Ints
    candidate: Ints
    ngrams: list[NGrams]
    candidate_entries: list[Ints]
    reference_entries: list[Ints]


def encode(candidates: Sequence[Tokens], references: Sequence[Sequence[Tokens]]) -> CaptionCorpus:
    """Encode captions as integers and count their n-grams.

    Args:
        candidates: the tokens of a caption for each image.
        references: the tokens of one or more captions for each image.

    Returns:
        The corpus that metrics are computed from.

    Raises:
        ValueError: the two differ in length, or an image has no reference.
    """
    sizes = np.array([1 + len(group) for group in references], np.int64)
    if (sizes < 2).any():
        raise ValueError(f"image {int(sizes.argmin())} has no reference")
    pairs = zip(candidates, references, strict=True)
    sentences = [sentence for caption, group in pairs for sentence in (caption, *group)]
    vocabulary, words, lengths = as_integers(sentences)
    image = np.repeat(np.arange(len(sizes)), sizes)
    candidate = np.cumsum(sizes) - sizes
    ngrams = count_ngrams(words, lengths, len(vocabulary))
    common = [_in_common(grams, image, candidate) for grams in ngrams]
    in_candidates, in_references = [list(entries) for entries in zip(*common, strict=True)]
    return CaptionCorpus(
        candidates, references, vocabulary, lengths, image, candidate, ngrams, in_candidates, in_references
    )


def as_integers(sentences: Sequence[Tokens]) -> tuple[dict[str, int], Ints, Ints]:
    """Return the vocabulary, the words of all sentences as its numbers, and the sentences' lengths."""
    lengths = np.fromiter(map(len, sentences), np.int64, len(sentences))
    vocabulary: defaultdict[str, int] = defaultdict(count().__next__)  # a new word takes the next number
    tokens = chain.from_iterable(sentences)
    words = np.fromiter(map(vocabulary.__getitem__, tokens), np.int64, int(lengths.sum()))
    return dict(vocabulary), words, lengths


def count_ngrams(words: Ints, lengths: Ints, vocabulary_size: int) -> list[NGrams]:
    """Count the n-grams of order 1 to 4 in sentences written one behind the other.

    Args:
        words: the numbers of all words.
        lengths: of each sentence, its words.
        vocabulary_size: above every number.

    Returns:
        The n-grams of each order.
    """
    sentence = np.repeat(np.arange(len(lengths)), lengths)
    left = np.repeat(np.cumsum(lengths), lengths) - np.arange(len(words))  # in the sentence, from here on
    number = np.zeros_like(words)  # of the n-gram of the order below that starts here
    found = []
    for order in range(1, MAX_ORDER + 1):
        start = np.flatnonzero(left >= order)
        key, by_key = _sort(number[start] * vocabulary_size + words[start + order - 1])
        start = start[by_key]
        first = changes(key)
        gram = np.cumsum(first) - 1
        number[start] = gram
        entries = np.flatnonzero(first | changes(sentence[start]))
        counts = np.diff(entries, append=len(start))
        found.append(NGrams(gram[entries], sentence[start[entries]], counts, key[first]))
    return found


def _sort(key: Ints) -> tuple[Ints, Ints]:
    """Return keys in increasing order and where they were; equal ones keep their order."""
    shift = len(key).bit_length()
    if len(key) and int(key.max()).bit_length() + shift > 63:
        where = np.argsort(key, kind="stable")
        return key[where], where
    # Sorting numbers is several times as fast as sorting their places, so the place is kept in the low bits.
    packed = np.sort(key << shift | np.arange(len(key)))
    return packed >> shift, packed & (1 << shift) - 1


def changes(values: Ints) -> NDArray[np.bool_]:
    """Return where a value differs from the one before; the first always does."""
    changes = np.ones(len(values), np.bool_)
    np.not_equal(values[1:], values[:-1], out=changes[1:])
    return changes


def _in_common(grams: NGrams, image: Ints, candidate: Ints) -> tuple[Ints, Ints]:
    """Pair the entries of candidates and of references that are the same n-gram of the same image."""
    image = image[grams.sentence]
    in_candidate = grams.sentence == candidate[image]
    latest = np.maximum.accumulate(np.where(in_candidate, np.arange(len(in_candidate)), 0))
    # Of the same n-gram and image, the candidate's entry comes first.
    common = (
        (grams.gram[latest] == grams.gram) & (image[latest] == image) & in_candidate[latest] & ~in_candidate
    )
    in_reference = np.flatnonzero(common)
    return latest[in_reference], in_reference
