"""Questions from training to asking: what is resumed, evaluated and written, each found again by hand."""

import json
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import pytest
import torch
from conftest import ROOT
from PIL import Image
from runs import newest, rows, stop_after
from safetensors.torch import load_file

from captioner.config import Config, load
from captioner.errors import UserError
from captioner.evaluation.base import grey_picture
from captioner.evaluation.vqa import evaluate
from captioner.inference.question_predictor import ImageQuestion
from captioner.inference.vqa import Answerer
from captioner.training.train import train

HEADS = ("attention", "question_only")


def small(folder: Path, head: str = "attention") -> Config:
    """The shipped config, small enough to train in a second."""
    changes = [
        *("data.num_train=20", "data.num_val=5", "data.num_test=6", f"data.folder={folder / 'scenes'}"),
        *(
            "encoder.width=0.04",
            "text_encoder.cell.hidden_dim=7",
            "text_encoder.embed_dim=6",
            "schedule.warmup=2",
        ),
        *("training.batch_size=4", "trainer.max_epochs=2", "trainer.enable_progress_bar=false"),
        *("trainer.accelerator=cpu", "trainer.log_every_n_steps=1", "text_encoder.dropout=0.3"),
    ]
    config = load(ROOT / "configs/vqa.yaml", changes)
    config.head = {"name": head, "hidden_dim": 9, "dropout": 0.3}
    if head == "attention":
        config.head |= {"attention_dim": 6, "num_glimpses": 2}
    return config


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that uses_image and one that does not, on the same pictures."""
    folder = tmp_path_factory.mktemp("runs")
    for head in HEADS:
        train(small(folder, head), folder / head)
    return folder


def written(runs: Path, split: str) -> tuple[dict[int, Any], dict[int, Any]]:
    """Questions and annotations of a split, by question id, as they are on disk."""
    folder = runs / "scenes/annotations"
    questions = json.loads((folder / f"questions_{split}.json").read_text())["questions"]
    annotations = json.loads((folder / f"annotations_{split}.json").read_text())["annotations"]
    return tuple({one["question_id"]: one for one in part} for part in (questions, annotations))


def earned(said: str, annotation: Any) -> float:
    """VQA accuracy of an answer of plain words: each person left out once, three of the others are enough."""
    people = [one["answer"] for one in annotation["answers"]]
    others = [people[:i] + people[i + 1 :] for i in range(len(people))]
    return sum(min(1, rest.count(said) / 3) for rest in others) / len(people)


def by_kind(said: dict[int, str], annotations: dict[int, Any]) -> dict[str, float]:
    """Accuracy over all questions, and by the types that the annotations name."""
    soft_score = defaultdict(list)
    for question_id, answer in said.items():
        one = annotations[question_id]
        for name in ("accuracy", f"answer {one['answer_type']}", f"question {one['question_type']}"):
            soft_score[name].append(earned(answer, one))
    return {
        name if name == "accuracy" else f"{name} ({len(own)})": sum(own) / len(own)
        for name, own in soft_score.items()
    }


@pytest.mark.parametrize("updates", [3, 5, 8])
def test_a_resumed_run_equals_one_that_was_not_stopped_bit_for_bit(
    runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, updates: int
) -> None:
    """5 updates an epoch: stopped in the first, at the end of the first, in the second."""
    with monkeypatch.context() as patch:
        stop_after(patch, updates)
        stopped = train(small(runs), tmp_path / "parts")
    assert stopped.interrupted
    before = newest(tmp_path / "parts")["state_dict"]
    train(load(tmp_path / "parts/config.yaml"), tmp_path / "parts", resume=True)
    after, expected = (newest(folder)["state_dict"] for folder in (tmp_path / "parts", runs / "attention"))
    assert not all(torch.equal(before[name], expected[name]) for name in expected)
    assert [name for name in expected if not torch.equal(after[name], expected[name])] == []
    one, other = (load_file(f / "model/model.safetensors") for f in (tmp_path / "parts", runs / "attention"))
    assert all(torch.equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize("head", HEADS)
def test_evaluation_is_what_the_annotations_make_of_its_results_file(
    runs: Path, tmp_path: Path, head: str
) -> None:
    found = evaluate(runs / head / "model", tmp_path, blank=True)
    questions, annotations = written(runs, "test")
    results = json.loads((tmp_path / "vqa_test_results.json").read_text())
    said = {one["question_id"]: one["answer"] for one in results}
    assert said.keys() == questions.keys()
    assert found.figures["test"] == pytest.approx(by_kind(said, annotations), abs=1e-4)
    answerer = Answerer(runs / head / "model", n_best=1)
    grey = {i: ImageQuestion("grey", grey_picture(), one["question"]) for i, one in questions.items()}
    guessed = {
        i: reply.answers[0].text for i, reply in zip(grey, answerer.stream(list(grey.values())), strict=True)
    }
    assert found.figures["blank"] == pytest.approx(by_kind(guessed, annotations), abs=1e-4)
    assert (guessed == said) == (head == "question_only")
    about = json.loads((tmp_path / "results.json").read_text())
    assert (about["questions"], about["scored"], about["split"]) == (len(said), len(said), "test")
    assert about["scores"] == found.figures
    assert (tmp_path / "samples.html").is_file() == (head == "attention")


def test_validation_and_evaluation_agree(runs: Path, tmp_path: Path) -> None:
    for head in HEADS:
        found = evaluate(runs / head / "model", tmp_path / head, split="val").figures["val"]
        card = json.loads((runs / head / "model/card.json").read_text())["validation"]
        assert found["accuracy"] == pytest.approx(card["val/accuracy"], abs=1e-4)
        kinds = {name.split(" (")[0]: value for name, value in found.items()}
        assert kinds["answer yes/no"] == pytest.approx(card["val/accuracy_yes_no"], abs=1e-4)
        best = max(float(row["val/accuracy"]) for row in rows(runs / head) if row["val/accuracy"])
        assert card["val/accuracy"] == pytest.approx(best)


def test_a_question_about_a_picture_that_cannot_be_read_counts_as_wrong(runs: Path, tmp_path: Path) -> None:
    questions, annotations = written(runs, "test")
    lost = min(one["image_id"] for one in questions.values())
    file = runs / f"scenes/images/test/{lost:012}.png"
    content = file.read_bytes()
    file.write_bytes(b"")
    try:
        found = evaluate(runs / "attention/model", tmp_path)
    finally:
        file.write_bytes(content)
    results = json.loads((tmp_path / "vqa_test_results.json").read_text())
    said = {one["question_id"]: one["answer"] for one in results}
    assert {i for i, answer in said.items() if not answer} == {
        i for i, one in questions.items() if one["image_id"] == lost
    }
    assert found.figures["test"] == pytest.approx(by_kind(said, annotations), abs=1e-4)
    assert any(file.name in note for note in found.notes)


def test_a_limit_takes_the_first_questions(runs: Path, tmp_path: Path) -> None:
    found = evaluate(runs / "attention/model", tmp_path, limit=7)
    results = json.loads((tmp_path / "vqa_test_results.json").read_text())
    assert [one["question_id"] for one in results] == list(written(runs, "test")[0])[:7]
    assert found.title == "7 questions"


def test_questions_of_the_same_text_get_the_same_answer_of_a_model_that_uses_no_image(runs: Path) -> None:
    questions, _ = written(runs, "test")
    asked = [ImageQuestion(str(i), runs / "no such file", one["question"]) for i, one in questions.items()]
    said = defaultdict(Counter)
    for reply in Answerer(runs / "question_only/model").stream(asked):
        assert reply.problem is None
        said[reply.question.question][reply.answers[0].text] += 1
    assert all(len(answers) == 1 for answers in said.values())
    assert len(said) > 5


def test_a_head_without_attention_cannot_be_drawn(runs: Path) -> None:
    with pytest.raises(UserError, match="question_only head, which has no attention to draw"):
        Answerer(runs / "question_only/model").check_has_attention()


def test_attention_is_drawn_a_panel_a_glance(runs: Path) -> None:
    picture = next((runs / "scenes/images/test").glob("*.png"))
    answerer = Answerer(runs / "attention/model")
    answerer.check_has_attention()
    (reply,) = answerer.stream([ImageQuestion("it", picture, "What color is the circle?")])
    assert reply.alphas_GL.shape == (2, 49)
    assert reply.alphas_GL.sum(axis=1) == pytest.approx([1, 1], abs=1e-5)
    drawn = answerer.draw(reply)
    assert isinstance(drawn, Image.Image)
    assert drawn.width > 2 * drawn.height
