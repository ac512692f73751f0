"""Accuracy of choosing, by counting; and against the rule of the official script where all questions."""

import pytest

from captioner.errors import UserError
from captioner.metrics.answers.choice_accuracy import Truth, choice_accuracy

TRUTH = {
    3: Truth("Red.", "what"),
    5: Truth("A dog.", "what"),
    8: Truth("Never.", "when"),
    9: Truth("two", "how"),
    11: Truth("Red.", "what"),
}


def official(results, pairs):
    """Zhu et al.'s evaluation for multiple choice: lower case, the first candidate, divided by what was given."""  # noqa: E501
    right, total = {}, {}
    for entry in results:
        pair = pairs[entry["qa_id"]]
        for kind in ("", pair.question_type):
            total[kind] = total.get(kind, 0) + 1
            if str(entry["candidates"][0]["answer"]).lower() == str(pair.answer).lower():
                right[kind] = right.get(kind, 0) + 1
    return {kind: right.get(kind, 0) / number for kind, number in total.items()}


def test_of_all_questions_it_is_the_official_one():
    chosen = {3: "red.", 5: "A cat.", 8: "NEVER.", 9: "two.", 11: "Red."}
    scores = choice_accuracy(chosen, TRUTH)
    results = [{"qa_id": i, "candidates": [{"answer": answer}]} for i, answer in chosen.items()]
    expected = official(results, TRUTH)
    assert scores.overall == expected.pop("") == 3 / 5
    assert scores.per_type == expected == {"what": 2 / 3, "when": 1.0, "how": 0.0}
    assert scores.num_questions == {"what": 3, "when": 1, "how": 1}
    assert scores.as_dict() == {
        "accuracy": 0.6,
        "accuracy_how": 0.0,
        "accuracy_what": 2 / 3,
        "accuracy_when": 1.0,
    }


def test_a_question_without_an_answer_is_wrong():
    scores = choice_accuracy({3: "Red.", 8: "Never."}, TRUTH)
    assert scores.overall == 2 / 5
    assert scores.per_type["what"] == 1 / 3
    assert scores.num_unanswered == 3
    assert choice_accuracy({}, TRUTH).overall == 0


def test_what_does_not_fit_is_refused():
    with pytest.raises(UserError, match=r"no question 4: are these"):
        choice_accuracy({4: "Red.", 3: "Red."}, TRUTH)
    with pytest.raises(UserError, match=r"no question to score"):
        choice_accuracy({}, {})
