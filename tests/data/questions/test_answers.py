"""The list of answers: the most common ones of training."""

import pytest

from captioner.data.questions.answers import UNLISTED, Answers
from captioner.errors import UserError

GIVEN = ["red", "2", "yes", "red", "", "no", "yes", "red", "", "blue", "2"]


def test_the_most_common_come_first_and_ties_by_the_alphabet():
    assert Answers.most_common(GIVEN, 3).texts == ["red", "2", "yes"]
    assert Answers.most_common(GIVEN, 99).texts == ["red", "2", "yes", "blue", "no"]


def test_an_answer_has_a_number_if_it_is_listed():
    answers = Answers.most_common(GIVEN, 3)
    assert [answers.number(text) for text in ("red", "2", "yes", "no", "")] == [0, 1, 2, UNLISTED, UNLISTED]


def test_nothing_to_list_is_refused():
    with pytest.raises(UserError, match="nothing to learn"):
        Answers.most_common(["", ""], 5)
