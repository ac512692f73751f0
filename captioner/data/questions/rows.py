"""Make rows of questions, and derive the fields that a file does not give."""

from collections import Counter
from collections.abc import Sequence

from captioner.data.questions.base import QuestionRow
from captioner.files.read import encodable, one_line
from captioner.metrics.answers import normalization

PEOPLE = 10  # who answered each question of VQA


def question_row(
    question_id: int,
    image_id: int,
    path: str,
    question: str,
    answers: Sequence[str],
    *,
    common: str | None = None,
    choices: Sequence[str] = (),
    question_type: str | None = None,
    answer_type: str | None = None,
) -> QuestionRow:
    """Make a row, without boxes.

    Args:
        question_id: its id.
        image_id: id of its image.
        path: of its image.
        question: its text.
        answers: the annotators' answers.
        common: the answer to learn; by default the most common one.
        choices: the choices of a multiple choice question.
        question_type: by default the first word of the question.
        answer_type: by default the class of the answer to learn, see `kind_of`.

    Returns:
        The row.
    """
    answer = most_common(answers) if common is None else common
    return QuestionRow(
        question_id=question_id,
        image_id=image_id,
        path=path,
        question=one_line(question),
        answer=encodable(answer),
        answers=list(map(encodable, answers)),
        choices=list(map(encodable, choices)),
        boxes=[],
        question_type=encodable(first_word(question) if question_type is None else question_type),
        answer_type=encodable(kind_of(answer) if answer_type is None else answer_type),
    )


def most_common(answers: Sequence[str]) -> str:
    """Return the most common answer, the first of those that are equally common; empty where there is none.

    Where annotators differ, answers are compared, and returned, as VQA's evaluation normalises them.

    >>> most_common(["Red.", "blue", "red"]), most_common(["Red.", "Red."])
    ('red', 'Red.')
    """
    same = [normalization.one_line(answer) for answer in answers]
    if len(set(same)) > 1:
        same = [normalization.normalise(answer) for answer in same]
    counts = Counter(filter(None, same))
    return counts.most_common(1)[0][0] if counts else ""


def ten_or_more(answers: Sequence[str]) -> list[str]:
    """Repeat each of fewer than ten answers as often as makes ten or more.

    VQA accuracy compares an answer with those of nine others; with one annotator it would always be 0.

    >>> len(ten_or_more(["red"])), ten_or_more(["red", "blue", "blue", "red"]).count("red")
    (10, 6)
    """
    return [answer for answer in answers for _ in range(-(-PEOPLE // len(answers)))]


def first_word(question: str) -> str:
    """Return the first word of a question, which is roughly its type.

    >>> first_word("How many dogs?")
    'how'
    """
    return next(iter(question.lower().split()), "")


def kind_of(answer: str) -> str:
    """Return the class of an answer in VQA: yes/no, number or other.

    >>> kind_of("Yes."), kind_of("two"), kind_of("2 dogs"), kind_of("")
    ('yes/no', 'number', 'other', '')
    """
    words = normalization.normalise(answer)
    if not words:
        return ""
    return "yes/no" if words in ("yes", "no") else "number" if words.replace(".", "").isdigit() else "other"
