"""Asking as a user does: what is printed for people and programs, drawn, and refused in one line."""

import json

import pytest
from conftest import ROOT
from PIL import Image

from captioner.commands import main
from captioner.config import load
from captioner.inference.vqa import Answerer
from captioner.training.train import train

COLOUR, NUMBER = "What color is the big circle?", "How many red circles are there?"


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A model with two glimpses, one that uses no image, and photos."""
    folder = tmp_path_factory.mktemp("home")
    changes = [
        *("data.num_train=12", "data.num_val=3", "data.num_test=3", f"data.folder={folder / 'scenes'}"),
        *(
            "encoder.width=0.04",
            "text_encoder.cell.hidden_dim=7",
            "text_encoder.embed_dim=6",
            "schedule.warmup=2",
        ),
        *("training.batch_size=4", "trainer.max_epochs=1", "trainer.enable_progress_bar=false"),
        *("trainer.accelerator=cpu", "trainer.log_every_n_steps=1"),
    ]
    heads = {"attention": {"name": "attention", "num_glimpses": 2}, "blind": {"name": "question_only"}}
    for name, head in heads.items():
        config = load(ROOT / "configs/vqa.yaml", changes)
        config.head = head | {"hidden_dim": 9}
        train(config, folder / name)
    for number, name in enumerate(["a.png", "b.jpg"]):
        Image.new("RGB", (60 + 9 * number, 40), ("red", "blue")[number]).save(folder / name)
    (folder / "broken.png").write_bytes(b"\x89PNG broken")
    return folder


@pytest.fixture
def ask(home, capsys):
    """What the command writes to standard output and to standard error."""

    def asked(*words, model="attention"):
        capsys.readouterr()
        main("ask", ["--model", str(home / model / "model"), *map(str, words)])
        return capsys.readouterr()

    return asked


@pytest.fixture
def refusal(ask, capsys):
    """The one line said to a mistake."""

    def refused(*words, model="attention"):
        with pytest.raises(SystemExit) as exit_:
            ask(*words, model=model)
        said = capsys.readouterr()
        assert exit_.value.code == 2
        assert said.out == ""
        (line,) = said.err.splitlines()
        return line

    return refused


def expected(home, picture, question, count=5):
    reply = Answerer(home / "attention/model", count).answer(home / picture, question)
    return reply.answers


def test_one_question_is_answered_by_its_answers_alone(home, ask):
    said = ask(home / "a.png", COLOUR, "--top", 3)
    assert said.err == ""
    answers = expected(home, "a.png", COLOUR, 3)
    assert said.out.splitlines() == [f"{answer.probability:8.3f}  {answer.text}" for answer in answers]
    assert len(answers) == 3


def test_several_questions_are_named_in_order(home, ask):
    lines = ask(home / "a.png", COLOUR, NUMBER, "--top", 1).out.splitlines()
    assert lines[::2] == [COLOUR, NUMBER]
    for line, question in zip(lines[1::2], (COLOUR, NUMBER), strict=True):
        assert line.split(maxsplit=1)[1] == expected(home, "a.png", question)[0].text


def test_all_answers_as_json_are_a_distribution(home, ask):
    said = ask(home / "b.jpg", COLOUR, NUMBER, "--json", "--top", 99)
    found = [json.loads(line) for line in said.out.splitlines()]
    assert [one["question"] for one in found] == [COLOUR, NUMBER]
    for one in found:
        assert one["image"] == str(home / "b.jpg")
        shares = [answer["probability"] for answer in one["answers"]]
        assert sum(shares) == pytest.approx(1, abs=1e-5)
        assert shares == sorted(shares, reverse=True)
        assert len({answer["answer"] for answer in one["answers"]}) == len(shares) > 8


@pytest.mark.parametrize("kind", ["jsonl", "csv"])
def test_a_file_of_pairs_is_relative_to_itself(home, ask, kind):
    pairs = [("b.jpg", COLOUR), ("broken.png", COLOUR), ("a.png", NUMBER)]
    if kind == "jsonl":
        text = "".join(json.dumps({"image": image, "question": question}) + "\n" for image, question in pairs)
    else:
        text = "image,question\n" + "".join(f"{image},{question}\n" for image, question in pairs)
    (home / f"pairs.{kind}").write_text(text)
    said = ask("--pairs", home / f"pairs.{kind}", "--top", 1)
    lines = said.out.splitlines()
    assert lines[::2] == [f"b.jpg: {COLOUR}", f"a.png: {NUMBER}"]
    answers = [expected(home, image, question)[0].text for image, question in pairs[::2]]
    assert [line.split(maxsplit=1)[1] for line in lines[1::2]] == answers
    assert "broken.png" in said.err.splitlines()[0]
    assert said.err.splitlines()[1] == "1 of 3 questions could not be answered."


def test_choices_are_weighed_against_each_other(home, ask):
    said = ask(home / "a.png", COLOUR, "--choices", "red", "a blue dog", "green", "--json")
    answers = json.loads(said.out)["answers"]
    assert {answer["answer"] for answer in answers[:2]} == {"red", "green"}
    assert answers[0]["probability"] + answers[1]["probability"] == pytest.approx(1, abs=1e-5)
    assert answers[2] == {"answer": "a blue dog", "probability": 0.0}


def test_attention_is_drawn_for_each_question(home, ask, tmp_path):
    said = ask(home / "b.jpg", COLOUR, NUMBER, "--attention", tmp_path / "drawing.png")
    files = [tmp_path / f"drawing-{number}.png" for number in (1, 2)]
    assert sorted(tmp_path.iterdir()) == files
    assert said.err.splitlines() == [f"attention: {file}" for file in files]
    with Image.open(files[0]) as first, Image.open(files[1]) as second:
        assert first.size == second.size
        assert first.tobytes() != second.tobytes()
    ask(home / "b.jpg", COLOUR, "--attention", tmp_path / "alone.jpg")
    with Image.open(tmp_path / "alone.jpg") as alone:
        assert alone.size == first.size


def test_a_question_of_unknown_words_is_answered_with_a_warning(home, ask):
    said = ask(home / "a.png", "Quo vadis?", COLOUR, "--top", 1)
    (line,) = said.err.splitlines()
    assert line.startswith("'Quo vadis?' has no word that the model knows")
    assert len(said.out.splitlines()) == 4


def test_a_model_that_uses_no_image_needs_none(ask):
    said = ask("gone.jpg", NUMBER, "--top", 2, model="blind")
    assert len(said.out.splitlines()) == 2
    assert said.err == ""


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("gone.jpg", COLOUR), "gone.jpg"),
        (("{home}/broken.png", COLOUR), "broken.png"),
        (("{home}/a.png",), "Give a picture and questions about it, or a file of both: --pairs FILE."),
        (("{home}/a.png", COLOUR, " "), "a.png is empty: there is nothing to answer."),
        (("{home}/a.png", COLOUR, "--top", "0"), "argument --top: must be at least 1, not 0."),
        (("{home}/a.png", COLOUR, "--attention", "drawing"), "files, not drawing."),
        (("{home}/a.png", COLOUR, "--attention", "{home}/broken.png/a.png"), "broken.png is no folder."),
        (("--pairs", "gone.jsonl"), "gone.jsonl"),
    ],
)
def test_a_mistake_is_answered_in_one_line(home, refusal, words, says):
    line = refusal(*(word.replace("{home}", str(home)) for word in words))
    assert says in line


def test_a_file_of_no_pairs_is_refused(refusal, tmp_path):
    (tmp_path / "none.jsonl").write_text("\n")
    assert "none.jsonl is empty: there is nothing to ask." in refusal("--pairs", tmp_path / "none.jsonl")
    (tmp_path / "blank.jsonl").write_text('{"image": "a.png", "question": ""}\n')
    assert "A question about a.png is empty" in refusal("--pairs", tmp_path / "blank.jsonl")


def test_attention_of_a_head_without_it_is_refused(home, refusal, tmp_path):
    line = refusal(home / "a.png", COLOUR, "--attention", tmp_path / "x.png", model="blind")
    assert "question_only head, which has no attention to draw" in line


def test_a_model_of_another_task_is_refused(home, tiny, refusal):
    tiny.data |= {"folder": str(home / "scenes"), "num_train": 12, "num_val": 3, "num_test": 3}
    tiny.trainer["max_epochs"] = 1
    model = train(tiny, home / "caption").model
    line = refusal(home / "a.png", COLOUR, model="caption")
    assert f"{model} holds a model for the task caption, which answers no questions." in line
