"""Visual7W from the command line: train, evaluate, ask; each number found again by other means."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import torch
from conftest import ROOT
from PIL import Image

from captioner.app import choose as choosing
from captioner.app.choose import choose
from captioner.app.evaluation import visual7w as evaluation
from captioner.app.evaluation.visual7w import evaluate
from captioner.app.train import train
from captioner.commands import main
from captioner.config import load
from captioner.data.choosing import asked_of_pictures
from captioner.data.questions import QUESTION_SETS
from captioner.errors import UserError
from captioner.images import load_image
from captioner.tasks.folder import load_model
from captioner.vocabulary import BOS

SMALL = [
    "data.num_train=20",
    "data.num_val=5",
    "data.num_test=6",
    "encoder.width=0.04",
    "decoder.cell.hidden_dim=12",
    "decoder.embed_dim=10",
    "decoder.attention_dim=8",
    "decoder.context_dim=7",
    "training.batch_size=7",
    "trainer.max_epochs=1",
    "trainer.enable_progress_bar=false",
    "trainer.accelerator=cpu",
    "trainer.log_every_n_steps=1",
    "schedule.warmup=2",
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


def test_blank_asks_all_again_about_grey_pictures(
    runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[Any] = []
    monkeypatch.setattr(
        evaluation,
        "choose",
        lambda task, pictures, asked: shown.append(pictures) or choose(task, pictures, asked),
    )
    evaluate(runs / "visual7w/model", tmp_path, blank=True)
    seen, blank = shown
    assert seen.keys() == blank.keys()
    assert seen == {path: Path(path) for path in seen}
    assert all(len(load_image(source).getcolors() or ()) == 1 for source in blank.values())


def test_a_limit_takes_the_first_questions(runs: Path, tmp_path: Path) -> None:
    found = evaluate(runs / "visual7w/model", tmp_path, limit=3)
    results = json.loads((tmp_path / "visual7w_test_results.json").read_text())
    assert [entry["qa_id"] for entry in results] == list(written(runs, "visual7w"))[:3]
    assert found.title == "3 questions"


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


def ask(capsys: Any, *words: object) -> tuple[int, str, str]:
    """Exit status, standard output and standard error of the command."""
    capsys.readouterr()
    try:
        main("ask", [str(word) for word in words])
    except SystemExit as stopped:
        return int(str(stopped.code)), *capsys.readouterr()
    return 0, *capsys.readouterr()


def picture_of(runs: Path) -> Path:
    return runs / "scenes/images/test/000002000001.png"


def test_places_are_asked_for_in_pixels(runs: Path, capsys: Any) -> None:
    places = ["3,4,20,20", "50,60,30,30"]
    question = ["Which thing is red?", "--choices", *places]
    _, out, _ = ask(capsys, "--model", runs / "visual7w-pointing/model", picture_of(runs), *question)
    lines = [line.split() for line in out.splitlines()]
    assert sorted(place for _, place in lines) == places
    assert sum(float(share) for share, _ in lines) == pytest.approx(1, abs=2e-3)


def test_choices_that_are_equal_to_the_model_come_by_the_alphabet(runs: Path, capsys: Any) -> None:
    """Words it does not know are all one to it, so that their order is all that tells them apart."""
    model, asked = runs / "visual7w/model", [picture_of(runs), "Where is it?", "--choices"]
    for choices in (["Xylophone.", "Aardvark."], ["Aardvark.", "Xylophone.", "Aardvark."]):
        status, out, _ = ask(capsys, "--model", model, *asked, *choices)
        assert status == 0
        assert [line.split() for line in out.splitlines()] == [
            ["0.500", "Aardvark."],
            ["0.500", "Xylophone."],
        ]


def test_pairs_bring_their_own_choices(runs: Path, capsys: Any, tmp_path: Path) -> None:
    picture = str(picture_of(runs))
    lines = [
        {"image": picture, "question": ["Where is it?", "What?"], "choices": ["Above.", "Below."]},
        {"image": "gone.png", "question": "Where is it?", "choices": ["Above.", "Below."]},
        {"image": picture, "question": "How many?"},
    ]
    (tmp_path / "pairs.jsonl").write_text("\n".join(map(json.dumps, lines)))
    model = runs / "visual7w/model"
    status, out, err = ask(
        capsys, "--model", model, "--pairs", tmp_path / "pairs.jsonl", "--json", "--choices", "1.", "2.", "3."
    )
    found = [json.loads(line) for line in out.splitlines()]
    assert status == 0
    assert [one["question"] for one in found] == ["Where is it?", "What?", "How many?"]
    offered = [sorted(entry["answer"] for entry in one["answers"]) for one in found]
    assert offered == [["Above.", "Below."], ["Above.", "Below."], ["1.", "2.", "3."]]
    assert "gone.png cannot be read: there is no such file.\n1 of 4 questions" in err


def test_attention_is_what_stepping_through_question_and_best_answer_shows(
    runs: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    drawn: list[Any] = []
    draw = choosing.draw_attention
    monkeypatch.setattr(choosing, "draw_attention", lambda *given: drawn.append(given) or draw(*given))
    model, looked = runs / "visual7w/model", tmp_path / "looked.png"
    words = ["Where is it?", "--choices", "Above.", "To the left."]
    _, out, err = ask(capsys, "--model", model, picture_of(runs), *words, "--attention", looked)
    assert err == f"looked at: {looked}\n"
    best = out.splitlines()[0].split(maxsplit=1)[1]
    ((_, titles, alphas, grid),) = drawn
    said = ["where", "is", "it", *best.lower().rstrip(".").split()]
    task = load_model(model)
    known = [word if word in task.vocabulary.words else "<unk>" for word in said]
    assert titles == known
    with Image.open(picture_of(runs)) as image, torch.inference_mode():
        memory, state = task.decoder.start(task.look([image.convert("RGB")]))
        read = [BOS, *task.vocabulary.encode(said[:3]), BOS, *task.vocabulary.encode(said[3:-1])]
        expected = []
        for word in read:
            step = task.decoder.step(torch.tensor([word]), state, memory)
            state = step.state
            expected.append(step.alphas_NL[0].tolist())
    del expected[3]  # before the <bos> of the answer nothing is to be said
    assert grid == task.encoder.grid
    torch.testing.assert_close(torch.tensor(alphas), torch.tensor(expected), atol=1e-5, rtol=1e-4)
    with Image.open(looked) as figure:
        assert figure.width > 240 * 4


@pytest.mark.parametrize(
    ("task", "words", "message"),
    [
        ("visual7w", [], "holds a model that chooses: give it --choices, two or more."),
        ("visual7w", ["--choices", "Red."], "give it --choices, two or more."),
        ("visual7w", ["--choices", "Red.", "Red."], "give it --choices, two or more."),
        (
            "visual7w-pointing",
            ["--choices", "1,2,3,4", "left"],
            "'left' is not a place: give x,y,width,height",
        ),
        ("visual7w-pointing", ["--choices", "1,2,3,4", "1,2,3"], "'1,2,3' is not a place"),
        ("visual7w-pointing", ["--choices", "1,2,3,4", "1,2,3,0"], "'1,2,3,0' is not a place"),
        ("visual7w-pointing", ["--choices", "1,2,3,4", "1,nan,3,4"], "'1,nan,3,4' is not a place"),
        ("visual7w-pointing", ["--attention", "a.png"], "does not look at places as it answers"),
    ],
)
def test_a_mistake_is_answered_in_one_line(
    runs: Path, capsys: Any, task: str, words: list[str], message: str
) -> None:
    status, out, err = ask(capsys, "--model", runs / task / "model", picture_of(runs), "Where is it?", *words)
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert err.startswith("scripts/ask.py: ")
    assert message in err


def test_a_picture_that_cannot_be_read_is_answered_in_one_line(runs: Path, capsys: Any) -> None:
    words = ["Where is it?", "--choices", "Above.", "Below."]
    status, out, err = ask(capsys, "--model", runs / "visual7w/model", "gone.png", *words)
    assert (status, out) == (2, "")
    assert err == "left out: The picture gone.png cannot be read: there is no such file.\n"


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
    runs: Path, tmp_path: Path, task: str, kind: str, message: str
) -> None:
    changes = [*SMALL, f"data.folder={runs / 'scenes'}", f"data.kind={kind}"]
    with pytest.raises(UserError, match=message):
        train(load(ROOT / f"configs/{task}.yaml", changes), tmp_path / "run")
    data = load(ROOT / f"configs/{task}.yaml", changes).data
    with pytest.raises(UserError, match=message):
        evaluate(runs / task / "model", tmp_path, data=data)


def test_what_can_be_guessed_from_the_words_of_questions(runs: Path, capsys: Any) -> None:
    main("data", ["check", "--task", "visual7w", *SMALL[:3], f"data.folder={runs / 'scenes'}"])
    (line,) = [line for line in capsys.readouterr().out.splitlines() if "guessed from" in line]
    pairs = {split: written(runs, "visual7w", split).values() for split in ("train", "val", "test")}
    answers: dict[str, Counter[str]] = {}
    types: dict[str, Counter[str]] = {}
    for pair in pairs["train"]:
        answers.setdefault(pair["question"], Counter())[pair["answer"]] += 1
        types.setdefault(pair["type"], Counter())[pair["answer"]] += 1
    for share, own in zip(line.split()[-3:], pairs.values(), strict=True):
        counts = [(answers.get(pair["question"]) or types[pair["type"]], pair["answer"]) for pair in own]
        right = [count.most_common(1)[0][0] == answer for count, answer in counts]
        assert share == f"{sum(right) / len(right):.2%}"
