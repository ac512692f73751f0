"""Choices given on the command line: what is preferred, what is drawn, what is refused."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from captioner.commands import main
from captioner.data.questions.base import QUESTION_SOURCES
from captioner.data.questions.multiple_choice import questions_by_path
from captioner.insight import attention_map
from captioner.models.folder import load_model
from captioner.vocabulary import BOS


def ask(capsys: Any, *words: object) -> tuple[int, str, str]:
    """Exit status, standard output and standard error of the command."""
    capsys.readouterr()
    try:
        main("ask", ["--precision", "fp32", *map(str, words)])
    except SystemExit as stopped:
        return int(str(stopped.code)), *capsys.readouterr()
    return 0, *capsys.readouterr()


def picture_of(visual7w_runs: Path) -> Path:
    return visual7w_runs / "scenes/images/test/000002000001.png"


def test_asking_prefers_as_evaluation_does(visual7w_runs: Path, capsys: Any) -> None:
    model, picture = visual7w_runs / "visual7w/model", picture_of(visual7w_runs)
    loaded = load_model(model)
    source = QUESTION_SOURCES.build(loaded.config.data)
    asked, *_ = questions_by_path(source.tables()["test"])[str(picture)]
    words = ["--model", model, picture, asked.question, "--json", "--choices", *asked.choices[::-1]]
    status, out, _ = ask(capsys, *words)
    said = json.loads(out)["answers"]
    with Image.open(picture) as image, torch.inference_mode():
        features_BLF = loaded.encode_images([loaded.encoder.preprocessing(image.convert("RGB"))])
        (preferred,) = loaded.score(features_BLF, [image.size], [[asked]]).values()
    shares = torch.tensor(preferred).softmax(0).tolist()
    expected = sorted(zip(asked.choices, shares, strict=True), key=lambda pair: -pair[1])
    assert status == 0
    assert [entry["answer"] for entry in said] == [text for text, _ in expected]
    for entry, (_, share) in zip(said, expected, strict=True):
        assert entry["probability"] == pytest.approx(share, rel=1e-4)


def test_places_are_asked_for_in_pixels(visual7w_runs: Path, capsys: Any) -> None:
    places = ["3,4,20,20", "50,60,30,30"]
    question = ["Which thing is red?", "--choices", *places]
    _, out, _ = ask(
        capsys, "--model", visual7w_runs / "visual7w-pointing/model", picture_of(visual7w_runs), *question
    )
    lines = [line.split() for line in out.splitlines()]
    assert sorted(place for _, place in lines) == places
    assert sum(float(share) for share, _ in lines) == pytest.approx(1, abs=2e-3)


def test_choices_that_are_equal_to_the_model_come_by_the_alphabet(visual7w_runs: Path, capsys: Any) -> None:
    """Words it does not know are all one to it, so that their order is all that tells them apart."""
    model, asked = visual7w_runs / "visual7w/model", [picture_of(visual7w_runs), "Where is it?", "--choices"]
    for choices in (["Xylophone.", "Aardvark."], ["Aardvark.", "Xylophone.", "Aardvark."]):
        status, out, _ = ask(capsys, "--model", model, *asked, *choices)
        assert status == 0
        assert [line.split() for line in out.splitlines()] == [
            ["0.500", "Aardvark."],
            ["0.500", "Xylophone."],
        ]


def test_pairs_bring_their_own_choices(visual7w_runs: Path, capsys: Any, tmp_path: Path) -> None:
    picture = str(picture_of(visual7w_runs))
    lines = [
        {"image": picture, "question": ["Where is it?", "What?"], "choices": ["Above.", "Below."]},
        {"image": "gone.png", "question": "Where is it?", "choices": ["Above.", "Below."]},
        {"image": picture, "question": "How many?"},
    ]
    (tmp_path / "pairs.jsonl").write_text("\n".join(map(json.dumps, lines)))
    model = visual7w_runs / "visual7w/model"
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
    visual7w_runs: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    drawn: list[Any] = []
    draw = attention_map.draw_attention
    monkeypatch.setattr(attention_map, "draw_attention", lambda *given: drawn.append(given) or draw(*given))
    model, drawing = visual7w_runs / "visual7w/model", tmp_path / "drawing.png"
    words = ["Where is it?", "--choices", "Above.", "To the left."]
    _, out, err = ask(capsys, "--model", model, picture_of(visual7w_runs), *words, "--attention", drawing)
    assert err == f"attention: {drawing}\n"
    best = out.splitlines()[0].split(maxsplit=1)[1]
    ((_, titles, alphas, grid),) = drawn
    said = ["where", "is", "it", *best.lower().rstrip(".").split()]
    loaded = load_model(model)
    known = [word if word in loaded.vocabulary.words else "<unk>" for word in said]
    assert titles == known
    with Image.open(picture_of(visual7w_runs)) as image, torch.inference_mode():
        memory, state = loaded.decoder.start(
            loaded.encode_images([loaded.encoder.preprocessing(image.convert("RGB"))])
        )
        read = [BOS, *loaded.vocabulary.encode(said[:3]), BOS, *loaded.vocabulary.encode(said[3:-1])]
        expected = []
        for word in read:
            step = loaded.decoder.step(torch.tensor([word]), state, memory)
            state = step.state
            expected.append(step.alphas_NL[0].tolist())
    del expected[3]  # before the <bos> of the answer nothing is to be said
    assert grid == loaded.encoder.grid
    torch.testing.assert_close(torch.tensor(alphas), torch.tensor(expected), atol=1e-5, rtol=1e-4)
    with Image.open(drawing) as figure:
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
        ("visual7w-pointing", ["--attention", "a.png"], "has no attention over words to draw"),
    ],
)
def test_a_mistake_is_answered_in_one_line(
    visual7w_runs: Path, capsys: Any, task: str, words: list[str], message: str
) -> None:
    status, out, err = ask(
        capsys, "--model", visual7w_runs / task / "model", picture_of(visual7w_runs), "Where is it?", *words
    )
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert err.startswith("scripts/ask.py: ")
    assert message in err


def test_a_picture_that_cannot_be_read_is_answered_in_one_line(visual7w_runs: Path, capsys: Any) -> None:
    words = ["Where is it?", "--choices", "Above.", "Below."]
    status, out, err = ask(capsys, "--model", visual7w_runs / "visual7w/model", "gone.png", *words)
    assert (status, out) == (2, "")
    assert err == "left out: The picture gone.png cannot be read: there is no such file.\n"
