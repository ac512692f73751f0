"""Scores of sets: by hand, by brute force on given similarities, and on WordNet's where it is installed."""

import itertools
from random import Random

import pytest

from captioner.errors import UserError
from captioner.metrics.answers.answer_sets import (
    answer_list,
    set_accuracy,
    wordnet_similarity,
    wups,
    wups_scores,
)
from captioner.metrics.answers.measures import MEASURES
from captioner.metrics.answers.vqa_accuracy import HumanAnswers

WORDS = ["chair", "stool", "desk", "table", "lamp"]
ALIKE = {frozenset(pair): 0.3 + 0.07 * number for number, pair in enumerate(itertools.combinations(WORDS, 2))}


def similarity(word, other):
    return ALIKE[frozenset((word, other))]


def test_accuracy_is_of_sets():
    answers = {1: ["book", "lamp"], 2: ["stool", "stool"], 3: ["2"], 4: ["desk"], 6: ["red"]}
    truth = {
        key: HumanAnswers(words, "", "number" if key == 3 else "other") for key, words in answers.items()
    }
    said = {1: "lamp,book", 2: "stool", 3: "2, 3", 4: "", 6: "blue"}
    scores = set_accuracy(said, truth)
    assert (scores.overall, scores.per_answer_type) == (40.0, {"number": 0.0, "other": 50.0})
    assert scores.per_question == {1: 100, 2: 100, 3: 0, 4: 0, 6: 0}


def brute_force(said, right, threshold):
    def m(word, other):
        if word == other:
            return 1.0
        alike = similarity(word, other)
        return alike * 0.1 if alike < threshold else alike

    left = right_ = 1.0
    for word in said:
        left *= sorted(m(word, other) for other in right)[-1]
    for word in right:
        right_ *= sorted(m(word, other) for other in said)[-1]
    return left if left < right_ else right_


@pytest.mark.parametrize("threshold", [0.9, 0.0, 0.58])
def test_wups_by_brute_force(threshold):
    rng = Random(2)
    for _ in range(200):
        said, right = (rng.choices(WORDS, k=rng.randint(1, 4)) for _ in range(2))
        expected = brute_force(said, right, threshold)
        assert wups(said, right, similarity, threshold) == pytest.approx(expected, abs=1e-12)


def test_wups_of_equal_sets_is_1_and_of_no_answer_0():
    assert wups(["lamp", "desk"], ["desk", "lamp"], similarity, 0.9) == 1
    assert wups([], ["desk"], similarity, 0.0) == 0
    assert wups(["desk"], ["lamp"], lambda *_: 0.9, 0.9) == 0.9
    right = HumanAnswers(["desk"])
    scores = wups_scores({1: "desk", 2: "table"}, {1: right, 2: right}, similarity)
    alike = similarity("desk", "table")
    assert scores == pytest.approx({0.9: 50 * (1 + alike / 10), 0.0: 50 * (1 + alike)}, abs=0.005)


def test_without_its_data_there_is_no_wordnet(monkeypatch):
    from nltk import corpus

    class Missing:
        def ensure_loaded(self):
            raise LookupError("Resource wordnet not found")

    monkeypatch.setattr(corpus, "wordnet", Missing())
    assert wordnet_similarity() is None


def test_a_taxonomy_by_hand(monkeypatch):
    """The largest similarity over the meanings as nouns; 0 where a word has none."""
    from nltk import corpus

    class Meaning:
        def __init__(self, place):
            self.place = place

        def wup_similarity(self, other):
            return {0: None, 1: 0.25, 2: 0.75}[abs(self.place - other.place)]

    class Taxonomy:
        NOUN = "n"

        def ensure_loaded(self):
            pass

        def synsets(self, word, pos):
            assert pos == self.NOUN
            return [Meaning(place) for place in {"bank": (0, 1), "shore": (2,), "zzz": ()}[word]]

    monkeypatch.setattr(corpus, "wordnet", Taxonomy())
    found = wordnet_similarity()
    assert found("bank", "shore") == found("shore", "bank") == 0.75
    assert found("bank", "zzz") == 0
    assert found("shore", "shore") == 0


def test_wordnet_itself():
    found = wordnet_similarity()
    if found is None:
        pytest.skip("nltk has no WordNet here")
    assert found("dog", "cat") == pytest.approx(6 / 7)
    assert found("sofa", "couch") == 1
    assert found("chair", "qwertz") == 0


def test_answers_apart():
    assert answer_list(" book,  tape_dispenser ,,") == ["book", "tape_dispenser"]


def test_mistakes_are_refused():
    with pytest.raises(UserError, match="1 of 1 questions have no answer"):
        set_accuracy({}, {1: HumanAnswers(["desk"])})
    with pytest.raises(UserError, match="Nobody answered question 1"):
        wups_scores({1: "desk"}, {1: HumanAnswers([])}, similarity)


def test_the_measure_of_annotator_answers_and_of_sets():
    annotator_answers, sets = MEASURES["annotator_answers"], MEASURES["set"]
    truth = {1: HumanAnswers(["red", "blue"])}
    assert annotator_answers.soft_score("red", ["red"] * 2 + ["blue"] * 8) == pytest.approx(0.6)
    assert (sets.soft_score("blue,red", ["red", "blue"]), sets.soft_score("red", ["red", "blue"])) == (1, 0)
    assert sets.score({1: "blue, red"}, truth).overall == 100
    assert annotator_answers.score({1: "blue, red"}, truth).overall == 0
