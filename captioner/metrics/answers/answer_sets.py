"""Scores of DAQUAR, whose answers are sets of words: accuracy, and WUPS (Malinowski and Fritz, 2014).

    WUPS(A, T) = min( prod_{a in A} max_{t in T} m(a, t), prod_{t in T} max_{a in A} m(a, t) )

averaged over questions, where m is the likeness of two words by Wu and Palmer (1994), the largest over their
meanings as nouns in WordNet, a tenth of it below the threshold, and 1 for a word and itself. With m = 1 for
equal words and 0 for others it is the accuracy. As in the authors' script a word that is named twice is
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

Likeness = Callable[[str, str], float]
THRESHOLDS = (0.9, 0.0)
NO_WORDNET = (
    "WUPS is left out: nltk has no WordNet here. Get it (11 MB) by `python -m nltk.downloader wordnet`."
)


def answer_list(answer: str) -> list[str]:
    """The words of an answer that names several.

    >>> answer_list("book, tape_dispenser")
    ['book', 'tape_dispenser']
    """
    return [part.strip() for part in answer.split(",") if part.strip()]


def is_set(said: str, words: Sequence[str]) -> bool:
    """Whether an answer names these words and no others, in any order."""
    return set(answer_list(said)) == set(words)


def set_accuracy(said: Mapping[int, str], truth: Mapping[int, HumanAnswers]) -> AnswerScores:
    """How many answers (words with commas between) name the right set, by question id.

    Raises:
        UserError: the questions answered are not those of `truth`, or one of these has no right word.
    """
    require_same_questions(said, truth)
    right = {question_id: is_set(said[question_id], human.answers) for question_id, human in truth.items()}
    return average_accuracies(right, truth)


def wups_scores(
    said: Mapping[int, str], truth: Mapping[int, HumanAnswers], likeness: Likeness
) -> dict[float, float]:
    """WUPS by threshold, in per cent.

    Args:
        said: an answer to each question, by question id.
        truth: the right words of each question.
        likeness: of two words, 0 to 1: `wordnet_likeness`.

    Raises:
        UserError: as `set_accuracy`.
    """
    require_same_questions(said, truth)
    pairs = [(answer_list(said[question_id]), human.answers) for question_id, human in truth.items()]
    return {
        threshold: round(100 * math.fsum(wups(*pair, likeness, threshold) for pair in pairs) / len(pairs), 2)
        for threshold in THRESHOLDS
    }


def wups(said: Sequence[str], right: Sequence[str], likeness: Likeness, threshold: float) -> float:
    """WUPS of one question; 0 where nothing is said."""

    def membership(word: str, words: Sequence[str]) -> float:
        return max((_weighed(word, other, likeness, threshold) for other in words), default=0.0)

    if not said:
        return 0.0
    return min(
        math.prod(membership(word, right) for word in said),
        math.prod(membership(word, said) for word in right),
    )


def _weighed(word: str, other: str, likeness: Likeness, threshold: float) -> float:
    if word == other:
        return 1.0
    alike = likeness(word, other)
    return alike if alike >= threshold else 0.1 * alike


def wordnet_likeness() -> Likeness | None:
    """Wu and Palmer's likeness by nltk's WordNet, or None where its data is not installed."""
    from nltk.corpus import wordnet

    try:
        wordnet.ensure_loaded()
    except LookupError:
        return None
    meanings = lru_cache(maxsize=None)(lambda word: _nouns(wordnet, word))

    @lru_cache(maxsize=1 << 18)
    def likeness(word: str, other: str) -> float:
        pairs = ((x, y) for x in meanings(word) for y in meanings(other))
        return max((x.wup_similarity(y) or 0.0 for x, y in pairs), default=0.0)

    return likeness


def _nouns(wordnet: Any, word: str) -> list[Any]:
    return list(wordnet.synsets(word, pos=wordnet.NOUN))
