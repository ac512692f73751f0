"""Questions about scenes: the answers are right, and cannot be guessed from the question alone."""

import re
from collections import Counter, defaultdict
from random import Random

import pytest

from captioner.scenes.draw import draw_scene
from captioner.scenes.questions import questions
from captioner.scenes.scene import COLOURS, OPPOSITE, SHAPES

SCENES = [draw_scene(Random(f"questions/{k}")) for k in range(3000)]
ASKED = [(scene, q) for k, scene in enumerate(SCENES) for q in questions(scene, Random(k))]
NUM_ANSWERS = {
    "what color": len(COLOURS),
    "what shape": len(SHAPES),
    "what size": 2,
    "how many": 4,
    "on which side": 4,
    "is there": 2,
    "is the": 2,
}


def described(text, scene):
    """The groups with all the sizes, colours and shapes among the words of `text`."""
    mentioned = set(re.sub(r"([er])s\b", r"\1", text.lower().replace("crosses", "cross")).split())

    def fits(group):
        return all(
            value == getattr(group, key)
            for key, values in (("size", ("small", "large")), ("colour", COLOURS), ("shape", SHAPES))
            for value in values
            if value in mentioned
        )

    return [group for group in scene.groups if fits(group)]


def expected(text, scene):
    """The answer, from the words of the question."""
    if text.startswith("How many"):
        return str(sum(group.number for group in described(text, scene)))
    if text.startswith("Is there"):
        return "yes" if described(text.rstrip("?"), scene) else "no"
    if what := re.match(r"What (\w+)", text):
        (group,) = described(text.rstrip("?"), scene)
        return getattr(group, {"color": "colour"}.get(what[1], what[1]))
    if where := re.match(r"On which side of the (.*) (?:is|are) the (.*)\?", text):
        (other,), (group,) = (described(part, scene) for part in where.groups())
        assert other is not group
        return scene.side if group is scene.group else OPPOSITE[scene.side]
    first, relation, second = re.match(
        r"(?:Is|Are) the (.*) (left of|right of|above|below) the (.*)\?", text.replace("to the ", "")
    ).groups()
    (group,), (other,) = described(first, scene), described(second, scene)
    assert other is not group
    true_side = scene.side if group is scene.group else OPPOSITE[scene.side]
    return "yes" if relation.split()[0] == true_side else "no"


def test_every_answer_is_right():
    for scene, question in ASKED:
        assert question.answer == expected(question.text, scene), question


def test_a_scene_is_asked_about_both_things_in_every_way():
    """But for what would name its own answer: the colour of one of two large stars, say."""
    for k, scene in enumerate(SCENES[:300]):
        asked = questions(scene, Random(k))
        kinds = Counter(question.question_type for question in asked)
        a, b = scene.groups
        likes = {
            "what color": (a.size, a.shape) == (b.size, b.shape),
            "what shape": (a.size, a.colour) == (b.size, b.colour),
        }
        twice = {kind for kind in NUM_ANSWERS if kind not in ("how many", "is there") and not likes.get(kind)}
        assert {kind for kind, count in kinds.items() if count == 2} - {"is there"} == twice
        assert kinds["how many"] == 1
        assert kinds["is there"] in (1, 2)
        assert len({question.text for question in asked}) == len(asked)


def test_answer_types():
    for _, question in ASKED:
        expected_type = {"yes": "yes/no", "no": "yes/no", **dict.fromkeys("0123", "number")}
        assert question.answer_type == expected_type.get(question.answer, "other")


def uniform_enough(counts, choices):
    expected_count = sum(counts.values()) / choices
    spread = sum((n - expected_count) ** 2 / expected_count for n in counts.values())
    return len(counts) == choices and spread < choices + 5 * (2 * choices) ** 0.5


@pytest.mark.parametrize("kind", sorted(NUM_ANSWERS))
def test_the_answers_of_a_kind_are_uniform(kind):
    counts = Counter(q.answer for _, q in ASKED if q.question_type == kind)
    assert sum(counts.values()) > 800
    assert uniform_enough(counts, NUM_ANSWERS[kind]), counts


@pytest.mark.parametrize("kind", sorted(NUM_ANSWERS))
def test_no_word_of_a_question_gives_its_answer_away(kind):
    answers = defaultdict(Counter)
    for _, question in ASKED:
        if question.question_type == kind:
            for word in set(re.findall(r"\w+", question.text)):
                answers[word][question.answer] += 1
    often = {word: counts for word, counts in answers.items() if sum(counts.values()) > 100}
    assert len(often) > 8
    for word, counts in often.items():
        assert uniform_enough(counts, NUM_ANSWERS[kind]), (word, counts)
