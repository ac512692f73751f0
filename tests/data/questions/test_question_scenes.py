"""Questions about scenes: the pictures are those of the captions, and the question alone tells nothing."""

from collections import Counter, defaultdict
from pathlib import Path

from captioner.data.captions import scenes as captioned
from captioner.data.captions.scenes import Scenes
from captioner.data.questions.base import QUESTION_SOURCES
from captioner.scenes.questions import questions
from captioner.scenes.write import _rng, image_ids, scene_of

SMALL = {"num_train": 5, "num_val": 2, "num_test": 3}


def test_rows_are_the_questions_of_the_scenes_and_nothing_is_drawn_twice(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    paths = {split: rows["path"][:] for split, rows in Scenes(**SMALL, seed=4).tables().items()}
    monkeypatch.setattr(captioned, "write_scenes", None)
    source = QUESTION_SOURCES.build({"name": "scenes", "seed": 4, **SMALL})
    tables = source.tables()
    for split, rows in tables.items():
        assert list(dict.fromkeys(rows["path"])) == paths[split]
        right = [question for k in dict.fromkeys(rows["image_id"]) for question in asked_of(k, seed=4)]
        for row, question in zip(rows, right, strict=True):
            assert (row["question"], row["answer"], row["question_type"], row["answer_type"]) == question
            assert row["answers"] == [question.answer] * 10
            assert source.image(split, row["path"]) == Path(row["path"])
        assert not any(rows["choices"])
        assert not any(rows["boxes"])
    ids = [row["question_id"] for rows in tables.values() for row in rows]
    assert len(set(ids)) == len(ids) > 100


def test_the_question_alone_is_not_enough():
    """The best that can be had without the picture: the answer most common to the same words in train."""
    seen, of_kind = defaultdict(Counter), defaultdict(Counter)
    for question in asked("train", 1500):
        seen[question.text][question.answer] += 1
        of_kind[question.question_type][question.answer] += 1
    chance = {kind: 1 / len(answers) for kind, answers in of_kind.items()}
    right, num, expected = 0, 0, 0.0
    for question in asked("test", 800):
        known = seen[question.text] or of_kind[question.question_type]
        right += known.most_common(1)[0][0] == question.answer
        expected += chance[question.question_type]
        num += 1
    assert 0.3 < expected / num < 0.4
    assert abs(right - expected) < 3 * (num * 0.25) ** 0.5


def asked(split, count):
    return [question for k in image_ids(split, count) for question in asked_of(k, seed=0)]


def asked_of(image_id, seed):
    return questions(scene_of(seed, image_id), _rng(seed, image_id, "questions"))
