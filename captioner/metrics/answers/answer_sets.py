"""Accuracy and WUPS of answers that are sets of words, as in DAQUAR (Malinowski and Fritz, 2014).

    WUPS(A, T) = min( prod_{a in A} max_{t in T} m(a, t), prod_{t in T} max_{a in A} m(a, t) )

averaged over questions. There m is the similarity of two words by Wu and Palmer (1994), the largest over
their meanings as nouns in WordNet, a tenth of it below the threshold, and 1 for a word and itself. With m = 1
for equal words and 0 for others it is the accuracy. As in the authors' script a word that is named twice is
multiplied twice.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any

from captioner.metrics.answers.vqa_accuracy import (
    AnswerScores,
    HumanAnswers,
    average_accuracies,
    require_same_questions,
)

WordSimilarity = Callable[[str, str], float]
THRESHOLDS = (0.9, 0.0)
NO_WORDNET = (
    "WUPS is left out: nltk has no WordNet here. Get it (11 MB) by `python -m nltk.downloader wordnet`."
)


def answer_list(answer: str) -> list[str]:
    """Split an answer that names several words.

    >>> answer_list("book, tape_dispenser")
    ['book', 'tape_dispenser']
    """
    return [part.strip() for part in answer.split(",") if part.strip()]


def is_set(answer: str, words: Sequence[str]) -> bool:
    """Return whether an answer names these words and no others, in any order."""
    return set(answer_list(answer)) == set(words)


def set_accuracy(predictions: Mapping[int, str], truth: Mapping[int, HumanAnswers]) -> AnswerScores:
    """Compute the share of answers that name the right set of words.

    Args:
        predictions: an answer to each question, words with commas between, by question id.
        truth: the right words of each question, by question id.

    Returns:
        Accuracies in per cent.

    Raises:
        UserError: the questions answered are not those of `truth`, or one of these has no right word.
    """
    require_same_questions(predictions, truth)
    right = {key: is_set(predictions[key], annotated.answers) for key, annotated in truth.items()}
    return average_accuracies(right, truth)


def wups_scores(
    predictions: Mapping[int, str], truth: Mapping[int, HumanAnswers], similarity: WordSimilarity
) -> dict[float, float]:
    """Compute WUPS at each threshold.

    Args:
        predictions: an answer to each question, by question id.
        truth: the right words of each question.
        similarity: of two words, 0 to 1: `wordnet_similarity`.

    Returns:
        WUPS in per cent, by threshold.

    Raises:
        UserError: as `set_accuracy`.
    """
    require_same_questions(predictions, truth)
    pairs = [(answer_list(predictions[key]), annotated.answers) for key, annotated in truth.items()]
    return {
        threshold: round(
            100 * math.fsum(wups(*pair, similarity, threshold) for pair in pairs) / len(pairs), 2
        )
        for threshold in THRESHOLDS
    }


def wups(
    predicted: Sequence[str], right: Sequence[str], similarity: WordSimilarity, threshold: float
) -> float:
    """Compute WUPS of one question; 0 for an empty answer.

    Args:
        predicted: the words of the answer.
        right: the words of the right answer.
        similarity: of two words, 0 to 1.
        threshold: a similarity below it counts a tenth.

    Returns:
        WUPS, 0 to 1.

    Source: Malinowski and Fritz (2014).
    """

    def membership(word: str, words: Sequence[str]) -> float:
        return max((_thresholded(word, other, similarity, threshold) for other in words), default=0.0)

    if not predicted:
        return 0.0
    return min(
        math.prod(membership(word, right) for word in predicted),
        math.prod(membership(word, predicted) for word in right),
    )


def _thresholded(word: str, other: str, similarity: WordSimilarity, threshold: float) -> float:
    if word == other:
        return 1.0
    similar = similarity(word, other)
    return similar if similar >= threshold else 0.1 * similar


def wordnet_similarity() -> WordSimilarity | None:
    """Return Wu and Palmer's similarity by nltk's WordNet, or None where its data is not installed."""
    from nltk.corpus import wordnet

    try:
        wordnet.ensure_loaded()
    except LookupError:
        return None
    meanings = lru_cache(maxsize=None)(lambda word: _nouns(wordnet, word))

    @lru_cache(maxsize=1 << 18)
    def similarity(word: str, other: str) -> float:
        pairs = ((x, y) for x in meanings(word) for y in meanings(other))
        return max((x.wup_similarity(y) or 0.0 for x, y in pairs), default=0.0)

    return similarity


def _nouns(wordnet: Any, word: str) -> list[Any]:
    return list(wordnet.synsets(word, pos=wordnet.NOUN))
