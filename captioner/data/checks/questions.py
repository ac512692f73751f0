"""Check a question set: counts, lengths, words, answers, and the accuracy of guessing without the image."""

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from typing import NamedTuple

from captioner.data.checks.images import ImageCounts, ImageReport, check_images
from captioner.data.checks.report import SPREAD, Spread, by_split, spread
from captioner.data.questions.base import QuestionRow, QuestionSource
from captioner.data.splits import first_split
from captioner.metrics.answers.measures import MEASURES, Measure
from captioner.metrics.tokenization.ptb import tokenize
from captioner.vocabulary import SPECIAL, Vocabulary


class QuestionSplitReport(NamedTuple):
    """One split.

    Attributes:
        pictures: those its questions are about.
        questions: how many.
        unanswered: without an answer to learn.
        unoffered: whose answer to learn is not among their choices.
        answers: different answers to learn.
        listed: the share of the answered ones whose answer is among the most common of train.
        guessed: accuracy, 0 to 1, of the answer most common in train to the same words.
        coverage: the share of words that are in the vocabulary.
        questions_per_image: counts.
        words_per_question: counts.
        answer_types: the share of each.
    """

    pictures: ImageCounts
    questions: int
    unanswered: int
    unoffered: int
    answers: int
    listed: float
    guessed: float
    coverage: float
    questions_per_image: Spread
    words_per_question: Spread
    answer_types: dict[str, float]


ROWS: dict[str, Callable[[QuestionSplitReport], str]] = {
    "pictures": lambda split: f"{split.pictures.number:,}",
    "  missing": lambda split: f"{len(split.pictures.missing):,}",
    "  broken": lambda split: f"{len(split.pictures.broken):,}",
    "questions": lambda split: f"{split.questions:,}",
    "  without an answer": lambda split: f"{split.unanswered:,}",
    "  whose answer is not among their choices": lambda split: f"{split.unoffered:,}",
    "  known words": lambda split: f"{split.coverage:.2%}",
    "different answers": lambda split: f"{split.answers:,}",
    "  in the answer list": lambda split: f"{split.listed:.2%}",
    "  guessed from the question alone": lambda split: f"{split.guessed:.2%}",
    f"questions a picture, {SPREAD}": lambda split: str(split.questions_per_image),
    f"words a question, {SPREAD}": lambda split: str(split.words_per_question),
}


class QuestionReport(NamedTuple):
    """Counts of a question set; prints as a table."""

    min_count: int
    num_answers: int
    vocabulary_split: str
    vocabulary_size: int
    words_dropped: int
    measure: str
    splits: dict[str, QuestionSplitReport]
    images: ImageReport

    def __str__(self) -> str:
        rows = {title: {n: row(split) for n, split in self.splits.items()} for title, row in ROWS.items()}
        types = dict.fromkeys(kind for split in self.splits.values() for kind in split.answer_types)
        rows |= {
            f"  answer type {kind}": {n: f"{s.answer_types.get(kind, 0):.2%}" for n, s in self.splits.items()}
            for kind in types
        }
        of = self.vocabulary_split
        notes = [
            f"known: {self.vocabulary_size:,} words, {self.min_count} times or more in the questions of "
            f"{of}; {self.words_dropped:,} are rarer",
            f"answer list: the {self.num_answers:,} most common answers of {of}",
            f"guessed: {self.measure} of the answer most common in {of} to the same words, or to the same "
            "type of question",
        ]
        return "\n".join([*by_split(rows), *notes, *self.images.lines()])


class Learnt(NamedTuple):
    """Words, answers and the best guess that train gives without an image."""

    words: AbstractSet[str]
    answers: AbstractSet[str]
    guess: Callable[[QuestionRow], str]


def check_questions(
    source: QuestionSource, min_count: int, num_answers: int, progress: bool = False
) -> QuestionReport:
    """Read every question and decode every image of a question set.

    Words, answer list and guesses are those of train, or of the first split where there is no train.

    Args:
        source: the question set.
        min_count: how often a word must occur to be in the vocabulary.
        num_answers: size of the answer list.
        progress: whether to show a progress bar.

    Returns:
        Counts of each split.

    Raises:
        UserError: the question set itself cannot be read; a missing or broken image is only reported.
    """
    tables: dict[str, list[QuestionRow]] = {split: list(rows) for split, rows in source.tables().items()}
    train = first_split(tables)
    tokens = [tokenize(row["question"]) for row in tables[train]]
    learnt = Learnt(
        words=set(Vocabulary.from_texts(tokens, min_count).words[len(SPECIAL) :]),
        answers={answer for answer, _ in _answers(tables[train]).most_common(num_answers)},
        guess=_guesser(tables[train]),
    )
    paths = {split: dict.fromkeys(row["path"] for row in rows) for split, rows in tables.items()}
    images = check_images(source, paths, progress)
    measure = MEASURES[source.answers_are]
    return QuestionReport(
        min_count=min_count,
        num_answers=len(learnt.answers),
        vocabulary_split=train,
        vocabulary_size=len(learnt.words),
        words_dropped=len({word for words in tokens for word in words} - learnt.words),
        measure=measure.name,
        splits={split: _split(rows, learnt, measure, images.splits[split]) for split, rows in tables.items()},
        images=images,
    )


def _answers(rows: Sequence[QuestionRow]) -> Counter[str]:
    return Counter(row["answer"] for row in rows if row["answer"])


def _guesser(rows: Sequence[QuestionRow]) -> Callable[[QuestionRow], str]:
    """Return a guesser: the most common answer to the same words, else to the same question type."""
    to_words: dict[str, Counter[str]] = defaultdict(Counter)
    to_type: dict[str, Counter[str]] = defaultdict(Counter)
    for row in rows:
        if row["answer"]:
            to_words[row["question"].lower()][row["answer"]] += 1
            to_type[row["question_type"]][row["answer"]] += 1
    of_all = _answers(rows)

    def guess(row: QuestionRow) -> str:
        counts = to_words.get(row["question"].lower()) or to_type.get(row["question_type"]) or of_all
        return counts.most_common(1)[0][0] if counts else ""

    return guess


def _split(
    rows: Sequence[QuestionRow], learnt: Learnt, measure: Measure, pictures: ImageCounts
) -> QuestionSplitReport:
    words = [tokenize(row["question"]) for row in rows]
    answered = [row for row in rows if row["answer"]]
    types = Counter(row["answer_type"] for row in answered)
    soft_scores = [measure.soft_score(learnt.guess(row), row["answers"]) for row in rows if row["answers"]]
    return QuestionSplitReport(
        pictures=pictures,
        questions=len(rows),
        unanswered=len(rows) - len(answered),
        unoffered=sum(bool(row["choices"]) and row["answer"] not in row["choices"] for row in answered),
        answers=len(_answers(rows)),
        listed=sum(row["answer"] in learnt.answers for row in answered) / max(len(answered), 1),
        guessed=sum(soft_scores) / max(len(soft_scores), 1),
        coverage=sum(word in learnt.words for own in words for word in own) / max(sum(map(len, words)), 1),
        questions_per_image=spread(list(Counter(row["path"] for row in rows).values())),
        words_per_question=spread([len(own) for own in words]),
        answer_types={kind: count / len(answered) for kind, count in types.most_common()},
    )
