"""Questions as batches: pictures once, each with all its questions, of every length apart."""

from pathlib import Path

import pytest
import torch
from PIL import Image

from captioner.config import TrainingConfig
from captioner.data.images import FromDisk, NoImages
from captioner.data.loader import SampleIndex
from captioner.data.questions.answers import UNLISTED, Answers
from captioner.data.questions.base import QuestionSource, question_table
from captioner.data.questions.batches import QuestionData, QuestionItems, listed, listed_soft_scores
from captioner.encoders.base import ENCODERS
from captioner.errors import UserError
from captioner.metrics.answers.measures import MEASURES
from captioner.metrics.tokenization.ptb import tokenize
from captioner.preprocessing import Preprocessing
from captioner.vocabulary import UNK, Vocabulary

ASKED = [  # picture, question, answer, what people said beside it
    (1, "What color is the cat?", "red", ["red"] * 2 + ["blue"] * 8),
    (0, "Is it?", "yes", ["yes"] * 9 + ["no"]),
    (2, "How many?", "two", ["two"] * 10),
    (1, "Is it big?", "no", ["no"] * 3 + ["yes"] * 7),
    (0, "???", "yes", ["yes"] * 10),
    (1, "How many cats?", "two", ["two", "red", "dog"] + ["cow"] * 7),
]
VOCABULARY = Vocabulary.from_texts([tokenize(question) for _, question, *_ in ASKED[:4]])
ANSWERS = Answers(["yes", "no", "red", "blue"])


class Files(QuestionSource):
    def __init__(self, rows):
        self.rows = rows

    def tables(self):
        return {"train": self.rows, "val": self.rows}


@pytest.fixture
def rows(tmp_path):
    listed_rows = []
    for number, (picture, question, answer, answers) in enumerate(ASKED):
        path = tmp_path / f"{picture}.png"
        if not path.exists():
            random = torch.Generator().manual_seed(picture)
            pixels = torch.randint(0, 256, (24, 24, 3), generator=random, dtype=torch.uint8)
            Image.fromarray(pixels.numpy()).save(path)
        listed_rows.append(
            {
                "question_id": 70 - number,
                "image_id": picture,
                "path": str(path),
                "question": question,
                "answer": answer,
                "answers": answers,
                "choices": [],
                "boxes": [],
                "question_type": question.split()[0],
                "answer_type": "other",
            }
        )
    return question_table(listed_rows)


def items(rows, soft_score=None, max_words=9, pictures=None):
    pictures = pictures or FromDisk(Files(rows), "train", Preprocessing(size=16), False)
    return QuestionItems(rows, pictures, VOCABULARY, ANSWERS, max_words, 3, soft_score)


def batch(made, numbers):
    return made.__getitems__([SampleIndex(0, number) for number in numbers])


def told(found):
    """(question, place of its picture, id, number of its answer) in the order of the batch."""
    texts = [" ".join(VOCABULARY.words[t] for t in row) for own in found.tokens for row in own.tolist()]
    columns = (found.images_N, found.question_ids_N, found.answers_N)
    return list(zip(texts, *(column.tolist() for column in columns), strict=True))


def test_a_batch_has_all_questions_about_its_pictures(rows):
    made = items(rows)
    assert len(made) == 3
    found = batch(made, [1, 0])  # in the order in which pictures are first asked about: 1, 0, 2
    assert sorted(told(found), key=lambda row: -row[2]) == [
        ("what color is the cat", 1, 70, 2),
        ("is it", 0, 69, 0),
        ("is it big", 1, 67, 1),
        ("<unk>", 0, 66, 0),
        ("how many <unk>", 1, 65, UNLISTED),
    ]
    prepare = Preprocessing(size=16)
    for pixels_CHW, picture in zip(found.pictures, (0, 1), strict=True):
        with Image.open(Path(rows[0]["path"]).with_name(f"{picture}.png")) as image:
            assert torch.equal(pixels_CHW, prepare(image))


def test_questions_of_each_length_lie_apart_the_shortest_first(rows):
    found = batch(items(rows), [0, 1, 2])
    assert [tuple(own.shape) for own in found.tokens] == [(1, 1), (2, 2), (2, 3), (1, 5)]
    assert found.tokens[0].item() == UNK
    cut = batch(items(rows, max_words=2), [0, 1, 2])
    assert [tuple(own.shape) for own in cut.tokens] == [(1, 1), (5, 2)]


def test_what_answers_are_worth_is_there_if_asked_for(rows):
    """By count: 2 of ten people are soft_score 0.6, three 0.9, one 0.3, more than three 1."""
    soft_score = MEASURES["annotator_answers"].soft_score
    found = batch(items(rows, soft_score), [0, 1])
    expected = {
        70: [0, 0, 0.6, 1],
        69: [1, 0.3, 0, 0],
        67: [1, 0.9, 0, 0],
        66: [1, 0, 0, 0],
        65: [0, 0, 0.3, 0],
    }
    for question_id, worth_V in zip(found.question_ids_N.tolist(), found.soft_scores_NV, strict=True):
        torch.testing.assert_close(worth_V, torch.tensor(expected[question_id], dtype=torch.float))
    assert batch(items(rows), [0, 1]).soft_scores_NV.shape == (5, 0)


def test_of_a_set_only_the_whole_is_worth_something():
    answers = Answers(["chair", "chair, table", "table"])
    soft_score = MEASURES["set"].soft_score
    assert listed_soft_scores("chair, table", ["table", "chair"], answers, soft_score) == {1: 1.0}


def test_a_broken_picture_goes_with_its_questions(rows, capsys):
    Path(rows[0]["path"]).write_text("no picture")
    found = batch(items(rows), [0, 1])
    assert len(found.pictures) == 1
    assert {question_id for _, _, question_id, _ in told(found)} == {69, 66}
    assert found.images_N.tolist() == [0, 0]
    assert "left out" in capsys.readouterr().err
    empty = batch(items(rows), [0])
    assert len(empty.pictures) == len(empty.images_N) == len(empty.tokens) == 0


def test_a_model_that_does_not_look_is_shown_no_place(rows):
    for row in rows:
        Path(row["path"]).unlink(missing_ok=True)
    found = batch(items(rows, pictures=NoImages()), [0, 1, 2])
    assert found.pictures.shape == (3, 0, 0)
    assert len(found.question_ids_N) == len(ASKED)


def test_training_leaves_out_and_counts_what_cannot_be_learnt(rows, capsys, tmp_path):
    data = QuestionData(Files(rows), Files(rows).tables(), tmp_path / "cache")
    answers = data.answers(2)
    assert answers.texts == ["two", "yes"]
    assert data.share_listed("train", answers) == pytest.approx(4 / 6)
    encoder = ENCODERS.build({"name": "vgg", "depth": 11, "weights": None, "width": 0.02, "layer": "pool2"})
    data.connect(encoder, VOCABULARY, answers, TrainingConfig(batch_size=2), seed=1)
    data.setup()
    assert "train: 2 of 6 questions (33.3%) have an answer that is not among the 2 most common" in (
        capsys.readouterr().err
    )
    seen = {
        name: [i for batch in loader for i in batch.question_ids_N.tolist()]
        for name, loader in (("train", data.training_loader()), ("val", data.validation_loader()))
    }
    assert sorted(seen["train"]) == [65, 66, 68, 69]
    assert sorted(seen["val"]) == [65, 66, 67, 68, 69, 70]


def test_features_of_a_picture_are_stored_once_for_all_its_questions(rows, tmp_path):
    data = QuestionData(Files(rows), Files(rows).tables(), tmp_path / "cache")
    torch.manual_seed(2)
    options = {"name": "vgg", "depth": 11, "weights": None, "width": 0.02, "layer": "pool2", "image_size": 32}
    encoder = ENCODERS.build(options).eval()
    data.connect(encoder, VOCABULARY, ANSWERS, TrainingConfig(batch_size=5), seed=1)
    (found,) = data.make_loader(data.items("val"), data.training, 1, shuffle=False)
    with torch.no_grad():
        images = [Image.open(Path(rows[0]["path"]).with_name(f"{n}.png")) for n in (1, 0, 2)]
        expected = encoder(torch.stack([encoder.preprocessing(image) for image in images]))
    torch.testing.assert_close(found.pictures, expected, rtol=2e-3, atol=2e-4)


def test_a_split_without_answers_is_refused(rows):
    nobody = rows.map(lambda row: {"answer": "", "answers": []})
    data = QuestionData(Files(nobody), {"val": nobody}, Path())
    data.connect(None, VOCABULARY, ANSWERS, TrainingConfig(), seed=1)
    with pytest.raises(UserError, match="No question of the split val has an answer"):
        data.items("val")
    assert len(listed(rows, "val", ANSWERS)) == 4
