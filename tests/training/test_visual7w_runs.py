"""Visual7W trained and evaluated: each number found again by other means."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from conftest import ROOT, TINY_VISUAL7W

from captioner.commands import main
from captioner.config import load
from captioner.errors import UserError
from captioner.evaluation.visual7w import evaluate
from captioner.images import load_image
from captioner.inference.visual7w import Chooser
from captioner.training.train import train

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


def written(visual7w_runs: Path, task: str, split: str = "test") -> dict[int, Any]:
    kind = "pointing" if "pointing" in task else "telling"
    content = json.loads((visual7w_runs / f"scenes/annotations/visual7w_{kind}.json").read_text())
    pairs = [pair for image in content["images"] if image["split"] == split for pair in image["qa_pairs"]]
    return {pair["qa_id"]: pair for pair in pairs}


@TASKS
def test_evaluation_is_what_the_official_script_makes_of_its_file(
    visual7w_runs: Path, task: str, tmp_path: Path
) -> None:
    found = evaluate(visual7w_runs / task / "model", tmp_path, blank=True)
    results = json.loads((tmp_path / "visual7w_test_results.json").read_text())
    pairs = written(visual7w_runs, task)
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
def test_validation_and_evaluation_agree(visual7w_runs: Path, task: str, tmp_path: Path) -> None:
    found = evaluate(visual7w_runs / task / "model", tmp_path, split="val")
    card = json.loads((visual7w_runs / task / "model/card.json").read_text())
    assert found.figures["val"]["accuracy"] == pytest.approx(card["validation"]["val/accuracy"])


def test_blank_asks_all_again_about_grey_pictures(
    visual7w_runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[Any] = []
    choose = Chooser.choose
    monkeypatch.setattr(
        Chooser, "choose", lambda self, images, asked: shown.append(images) or choose(self, images, asked)
    )
    evaluate(visual7w_runs / "visual7w/model", tmp_path, blank=True)
    seen, blank = shown
    assert seen.keys() == blank.keys()
    assert seen == {path: Path(path) for path in seen}
    assert all(len(load_image(source).getcolors() or ()) == 1 for source in blank.values())


def test_a_limit_takes_the_first_questions(visual7w_runs: Path, tmp_path: Path) -> None:
    found = evaluate(visual7w_runs / "visual7w/model", tmp_path, limit=3)
    results = json.loads((tmp_path / "visual7w_test_results.json").read_text())
    assert [entry["qa_id"] for entry in results] == list(written(visual7w_runs, "visual7w"))[:3]
    assert found.title == "3 questions"


def test_a_question_about_a_picture_that_cannot_be_read_is_wrong(visual7w_runs: Path, tmp_path: Path) -> None:
    lost = visual7w_runs / "scenes/images/test/000002000002.png"
    content = lost.read_bytes()
    before = evaluate(visual7w_runs / "visual7w/model", tmp_path / "before").figures["test"]["accuracy"]
    (tmp_path / "before").rename(tmp_path / "whole")
    lost.write_bytes(b"")
    try:
        found = evaluate(visual7w_runs / "visual7w/model", tmp_path / "lost")
    finally:
        lost.write_bytes(content)
    results = [
        json.loads((tmp_path / f"{n}/visual7w_test_results.json").read_text()) for n in ("whole", "lost")
    ]
    about = {
        qa_id for qa_id, pair in written(visual7w_runs, "visual7w").items() if pair["image_id"] == 2000002
    }
    assert [entry for entry in results[0] if entry["qa_id"] not in about] == results[1]
    assert any("000002000002.png" in note for note in found.notes)
    assert f"{len(about)} questions about these pictures count as answered wrongly." in found.notes
    assert found.figures["test"]["accuracy"] <= before
    assert found.title == f"{len(written(visual7w_runs, 'visual7w'))} questions"


@pytest.mark.parametrize(
    ("task", "kind", "message"),
    [
        (
            "visual7w",
            "pointing",
            "choices of these questions are places: that is for --task visual7w-pointing.",
        ),
        (
            "visual7w-pointing",
            "telling",
            "choices of these questions are words: that is for --task visual7w.",
        ),
    ],
)
def test_choices_of_the_other_kind_are_refused(
    visual7w_runs: Path, tmp_path: Path, task: str, kind: str, message: str
) -> None:
    changes = [*TINY_VISUAL7W, f"data.folder={visual7w_runs / 'scenes'}", f"data.kind={kind}"]
    with pytest.raises(UserError, match=message):
        train(load(ROOT / f"configs/{task}.yaml", changes), tmp_path / "run")
    data = load(ROOT / f"configs/{task}.yaml", changes).data
    with pytest.raises(UserError, match=message):
        evaluate(visual7w_runs / task / "model", tmp_path, data=data)


def test_what_can_be_guessed_from_the_words_of_questions(visual7w_runs: Path, capsys: Any) -> None:
    main(
        "data", ["check", "--task", "visual7w", *TINY_VISUAL7W[:3], f"data.folder={visual7w_runs / 'scenes'}"]
    )
    (line,) = [line for line in capsys.readouterr().out.splitlines() if "guessed from" in line]
    pairs = {split: written(visual7w_runs, "visual7w", split).values() for split in ("train", "val", "test")}
    answers: dict[str, Counter[str]] = {}
    types: dict[str, Counter[str]] = {}
    for pair in pairs["train"]:
        answers.setdefault(pair["question"], Counter())[pair["answer"]] += 1
        types.setdefault(pair["type"], Counter())[pair["answer"]] += 1
    for share, own in zip(line.split()[-3:], pairs.values(), strict=True):
        counts = [(answers.get(pair["question"]) or types[pair["type"]], pair["answer"]) for pair in own]
        right = [count.most_common(1)[0][0] == answer for count, answer in counts]
        assert share == f"{sum(right) / len(right):.2%}"
