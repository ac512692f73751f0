"""Visual7W from the command line: train, evaluate, ask; each number found again by other means."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import torch
from conftest import ROOT
from PIL import Image

from captioner.app.choose import Chooser
from captioner.app.evaluation.visual7w import evaluate
from captioner.app.train import train
from captioner.commands import main
from captioner.config import load
from captioner.data.choosing import asked_of_pictures
from captioner.data.questions import QUESTION_SETS
from captioner.errors import UserError
from captioner.tasks.folder import load_model

SMALL = [
    *("data.num_train=20", "data.num_val=5", "data.num_test=6", "encoder.width=0.04", "schedule.warmup=2"),
    *(
        "decoder.cell.hidden_dim=12",
        "decoder.embed_dim=10",
        "decoder.attention_dim=8",
        "decoder.context_dim=7",
    ),
    *("training.batch_size=7", "trainer.max_epochs=1", "trainer.enable_progress_bar=false"),
    *("trainer.accelerator=cpu", "trainer.log_every_n_steps=1"),
]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of either task, on the same pictures."""
    folder = tmp_path_factory.mktemp("runs")
    for task in ("visual7w", "visual7w-pointing"):
        changes = [*SMALL, f"data.folder={folder / 'scenes'}"]
        train(load(ROOT / f"configs/{task}.yaml", changes), folder / task)
    return folder


TASKS = pytest.mark.parametrize("task", ["visual7w", "visual7w-pointing"])


def official(results: Any, pairs: dict[int, Any]) -> dict[str, float]:
    """Zhu et al.'s evaluation of a results file."""
    right, total = Counter(), Counter()
    for entry in results:
        pair = pairs[entry["qa_id"]]
        said = str(entry["candidates"][0]["answer"]).lower() == str(pair["answer"]).lower()
        for kind in ("", pair["type"]):
            total[kind] += 1
            right[kind] += said
    return {kind: right[kind] / total[kind] for kind in total}


def written(runs: Path, task: str, split: str = "test") -> dict[int, Any]:
    kind = "pointing" if "pointing" in task else "telling"
    content = json.loads((runs / f"scenes/annotations/visual7w_{kind}.json").read_text())
    pairs = [pair for image in content["images"] if image["split"] == split for pair in image["qa_pairs"]]
    return {pair["qa_id"]: pair for pair in pairs}


@TASKS
def test_evaluation_is_what_the_official_script_makes_of_its_file(
    runs: Path, task: str, tmp_path: Path
) -> None:
    found = evaluate(runs / task / "model", tmp_path, blank=True)
    results = json.loads((tmp_path / "visual7w_test_results.json").read_text())
    pairs = written(runs, task)
    assert {entry["qa_id"] for entry in results} == pairs.keys()
    assert all(entry["question"] == pairs[entry["qa_id"]]["question"] for entry in results)
    for entry in results:
        ((candidate,),) = [entry["candidates"]]
        pair = pairs[entry["qa_id"]]
        assert candidate["answer"] in [pair["answer"], *pair["multiple_choices"]]
    expected = official(results, pairs)
    assert found.figures["test"].pop("accuracy") == pytest.approx(expected.pop(""))
    counts = Counter(pair["type"] for pair in pairs.values())
    kinds = {f"{kind} ({counts[kind]})": share for kind, share in expected.items()}
    assert found.figures["test"] == pytest.approx(kinds)
    assert found.figures["blank"].keys() == {"accuracy", *kinds}
    assert found.title == f"{len(pairs)} questions"
    about = json.loads((tmp_path / "results.json").read_text())
    assert about["questions"] == len(pairs)
    assert about["questions_by_type"] == counts


@TASKS
def test_validation_and_evaluation_agree(runs: Path, task: str, tmp_path: Path) -> None:
    found = evaluate(runs / task / "model", tmp_path, split="val")
    card = json.loads((runs / task / "model/card.json").read_text())
    assert found.figures["val"]["accuracy"] == pytest.approx(card["validation"]["val/accuracy"])


def test_a_question_about_a_picture_that_cannot_be_read_is_wrong(runs: Path, tmp_path: Path) -> None:
    lost = runs / "scenes/images/test/000002000002.png"
    content = lost.read_bytes()
    before = evaluate(runs / "visual7w/model", tmp_path / "before").figures["test"]["accuracy"]
    (tmp_path / "before").rename(tmp_path / "whole")
    lost.write_bytes(b"")
    try:
        found = evaluate(runs / "visual7w/model", tmp_path / "lost")
    finally:
        lost.write_bytes(content)
    results = [
        json.loads((tmp_path / f"{n}/visual7w_test_results.json").read_text()) for n in ("whole", "lost")
    ]
    about = {qa_id for qa_id, pair in written(runs, "visual7w").items() if pair["image_id"] == 2000002}
    assert [entry for entry in results[0] if entry["qa_id"] not in about] == results[1]
    assert any("000002000002.png" in note for note in found.notes)
    assert f"{len(about)} questions about these pictures count as answered wrongly." in found.notes
    assert found.figures["test"]["accuracy"] <= before
    assert found.title == f"{len(written(runs, 'visual7w'))} questions"


def test_asking_prefers_as_evaluation_does(runs: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    model = runs / "visual7w/model"
    picture = runs / "scenes/images/test/000002000001.png"
    pair = next(pair for pair in written(runs, "visual7w").values() if pair["image_id"] == 2000001)
    choices = [*pair["multiple_choices"], pair["answer"]]
    main("ask", ["--model", str(model), str(picture), pair["question"], "--json", "--choices", *choices])
    said = json.loads(capsys.readouterr().out)["answers"]
    task = load_model(model)
    source = QUESTION_SETS.build(task.config.data)
    (asked,) = [
        one
        for own in asked_of_pictures(source.tables()["test"]).values()
        for one in own
        if one.question_id == pair["qa_id"]
    ]
    with Image.open(picture) as image, torch.inference_mode():
        features_BLF = task.look([image.convert("RGB")])
        (preferred,) = task.preferences(task.batch(features_BLF, [], [[asked]])).values()
    shares = torch.tensor(preferred).softmax(0).tolist()
    expected = sorted(zip(asked.choices, shares, strict=True), key=lambda pair: -pair[1])
    assert [entry["answer"] for entry in said] == [text for text, _ in expected]
    assert [entry["probability"] for entry in said] == pytest.approx(
        [share for _, share in expected], rel=1e-4
    )


def test_places_are_asked_for_and_attention_is_drawn(runs: Path, capsys: Any, tmp_path: Path) -> None:
    picture = str(runs / "scenes/images/test/000002000001.png")
    model = str(runs / "visual7w-pointing/model")
    places = ["3,4,20,20", "50,60,30,30"]
    main("ask", ["--model", model, picture, "Which thing is red?", "--choices", *places])
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert sorted(place for _, place in lines) == places
    assert sum(float(share) for share, _ in lines) == pytest.approx(1, abs=2e-3)
    model, looked = str(runs / "visual7w/model"), tmp_path / "looked.png"
    question = ["Where is it?", "--choices", "Above.", "To the left."]
    main("ask", ["--model", model, picture, *question, "--attention", str(looked)])
    with Image.open(looked) as figure:
        assert figure.width > 1000  # the picture, and a panel for each of at least four words


@pytest.mark.parametrize(
    ("task", "choices", "message"),
    [
        ("visual7w", [], "give it --choices, at least two"),
        ("visual7w-pointing", ["1,2,3,4", "on the left"], "'on the left' is no place: x,y,width,height"),
    ],
)
def test_choices_that_do_not_fit(runs: Path, task: str, choices: list[str], message: str) -> None:
    from captioner.app.answer import Asked

    picture = runs / "scenes/images/test/000002000001.png"
    with pytest.raises(UserError, match=message):
        list(Chooser(runs / task / "model")([Asked("one", picture, "Where is it?", choices)]))


def test_a_model_of_another_task_does_not_choose(runs: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="does not look at places as it answers"):
        Chooser(runs / "visual7w-pointing/model").check_attends()
