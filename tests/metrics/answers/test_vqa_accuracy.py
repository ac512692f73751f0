"""VQA accuracy: against a loop over annotators, a closed form, and counts by hand."""

from copy import deepcopy
from random import Random

import pytest

from captioner.errors import UserError
from captioner.metrics.answers.normalization import normalise
from captioner.metrics.answers.vqa_accuracy import HumanAnswers, compare, explain, vqa_accuracy

SAID = [
    "yes",
    "Yes",
    "yes.",
    " yes\n",
    "no",
    "No!",
    "2",
    "two",
    "the 2",
    "1,000",
    "1000",
    "a",
    "",
    "cant",
    "can't",
]


def leave_one_out(said, people):
    """Each person left out in turn, the nine others looked through one by one."""
    tidy = [answer.replace("\n", " ").replace("\t", " ").strip() for answer in people]
    said = said.replace("\n", " ").replace("\t", " ").strip()
    if any(answer != tidy[0] for answer in tidy):
        tidy, said = [normalise(answer) for answer in tidy], normalise(said)
    soft_scores = []
    for person in range(len(tidy)):
        others = tidy[:person] + tidy[person + 1 :]
        equal = [other for other in others if other == said]
        soft_scores.append(min(1, len(equal) / 3))
    return sum(soft_scores) / len(soft_scores)


def random_questions(count):
    rng = Random(3)
    for _ in range(count):
        pool = rng.sample(SAID, rng.randint(1, 4))
        yield rng.choice([*pool, rng.choice(SAID)]), rng.choices(pool, k=10)


def test_the_loop_over_the_people_gives_the_same_to_the_last_bit():
    questions = list(random_questions(3000))
    found = [compare(said, people).accuracy for said, people in questions]
    assert found == [leave_one_out(said, people) for said, people in questions]
    assert {round(value, 6) for value in found} == {0, 0.3, 0.6, 0.9, 1}
    assert sum(len({one.strip() for one in people}) == 1 for _, people in questions) > 100


@pytest.mark.parametrize("num_people", [10, 7])
def test_closed_form(num_people):
    n = num_people
    for m in range(n + 1):
        people = ["red"] * m + ["blue"] * (n - m)
        Random(m).shuffle(people)
        expected = (m * min(1, (m - 1) / 3) + (n - m) * min(1, m / 3)) / n
        assert compare("red", people).accuracy == pytest.approx(expected, abs=1e-12)
    table = [compare("red", ["red"] * m + ["blue"] * (10 - m)).accuracy for m in range(6)]
    assert table == pytest.approx([0, 0.3, 0.6, 0.9, 1, 1])


def test_where_all_agree_case_and_punctuation_count():
    for version, expected in (("official", 0), ("lenient", 1), ("pre_2021", 1)):
        assert compare("Yes.", ["yes"] * 10, version).accuracy == expected
        assert compare("Yes.", ["yes"] * 9 + ["no"], version).accuracy == 1
        assert compare("yes\n", ["\tyes"] * 5 + ["yes "] * 5).accuracy == 1
    # The older script normalises the answer and not those of people, and looks at theirs as they stand.
    assert compare("The Cat", ["the cat"] * 10, "pre_2021").accuracy == 0
    assert compare("the cat", ["the cat"] * 10, "official").accuracy == 1
    assert compare("2", ["two"] * 9 + ["2"], "pre_2021").accuracy == pytest.approx(0.3)
    assert compare("2", ["two"] * 9 + ["2"], "official").accuracy == 1
    assert compare("yes", ["yes."] * 9 + ["no"], "pre_2021").accuracy == 1
    assert compare("yes", ["yes "] * 10, "pre_2021").accuracy == 0
    assert compare("yes", ["yes."] * 10, "pre_2021").accuracy == 0


def test_scores_overall_and_by_class():
    truth = {
        7: HumanAnswers(["yes"] * 10, "is the", "yes/no"),
        3: HumanAnswers(["no"] * 8 + ["yes"] * 2, "is the", "yes/no"),
        5: HumanAnswers(["2"] * 7 + ["3"] * 3, "how many", "number"),
    }
    before = deepcopy(truth)
    said = {3: "Yes!", 5: "three", 7: "yes"}
    scores = vqa_accuracy(said, truth)
    assert scores.per_question == {7: 100.0, 3: 60.0, 5: 90.0}
    assert scores.overall == 83.33
    assert scores.per_question_type == {"how many": 90.0, "is the": 80.0}
    assert scores.per_answer_type == {"number": 90.0, "yes/no": 80.0}
    assert truth == before
    assert vqa_accuracy({**said, 7: "Yes"}, truth).overall == 50.0
    assert vqa_accuracy({**said, 7: "Yes"}, truth, "lenient").overall == 83.33


def test_which_rule_changed_what():
    found = explain("Two dogs.", ["2 dogs"] * 3 + ["2 Dogs"] * 6 + ["cat"])
    assert [change.rule for change in found.changes] == ["periods", "letter case", "number words"]
    assert found.compared == ("2 dogs", ["2 dogs"] * 9 + ["cat"], 1.0)
    # Without lower-casing "Two" is no number word; without the others, nobody said so.
    assert found.decisive == {"periods": 0.0, "letter case": 0.0, "number words": 0.0}
    assert not found.is_unanimous
    raw = explain("Yes.", ["yes"] * 10)
    assert (raw.is_unanimous, raw.changes, raw.compared.accuracy, raw.lenient) == (True, (), 0.0, 1.0)
    assert raw.decisive == {}
    people = ["the dog"] * 3 + ["dog"] * 2 + ["a  dog"] * 5
    assert explain("dog", people).decisive == {"articles": pytest.approx(0.6)}
    assert explain("dog", people).changes == ()


def test_mistakes_are_refused():
    truth = {1: HumanAnswers(["a"] * 10), 2: HumanAnswers(["b"] * 10), 4: HumanAnswers([])}
    with pytest.raises(UserError, match="2 of 3 questions have no answer, such as question 1"):
        vqa_accuracy({4: "a"}, truth)
    with pytest.raises(
        UserError, match="1 of 3 questions are answered that were not asked, such as question 9"
    ):
        vqa_accuracy({1: "a", 2: "a", 4: "a", 9: "a"}, truth)
    with pytest.raises(UserError, match="Nobody answered question 4"):
        vqa_accuracy({1: "a", 2: "a", 4: "a"}, truth)
    with pytest.raises(UserError, match="no questions"):
        vqa_accuracy({}, {})
