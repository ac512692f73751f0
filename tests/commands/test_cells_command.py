"""The command `cells`, and text written with a unit held."""

import json

import pytest

from captioner.commands import main
from captioner.inference.char_lm import Writer


@pytest.fixture
def text(tmp_path, tiny_model):
    """A text in the symbols that the tiny model knows."""
    symbols = Writer(tiny_model("char_lm")).model.alphabet.symbols
    words = "".join(one for one in symbols if one.isalpha())
    file = tmp_path / "long.txt"
    lines = [f"{words[i % 7 :]} {i} {words[: i % 5]}\n" for i in range(700)]
    file.write_text("".join(lines))
    return file


def refusal(capsys, *words):
    with pytest.raises(SystemExit) as exit_:
        main("cells", [str(word) for word in words])
    assert exit_.value.code == 2
    return capsys.readouterr().err.splitlines()[-1]  # a bar may have been drawn before


def test_the_table_the_page_and_the_picture(tiny_model, text, tmp_path, capsys):
    page, picture = tmp_path / "cells.html", tmp_path / "gates.png"
    words = ["--text", text, "--label", "digits=[0-9]+", "--labels", "word", "newline", "--html", page]
    main("cells", list(map(str, [tiny_model("char_lm"), *words, "--gates", picture])))
    printed = capsys.readouterr()
    head, *lines = printed.out.splitlines()[1:]
    assert head.split()[:3] == ["label", "cell", "score"]
    assert {line.split()[0] for line in lines[:3]} == {"digits", "word", "newline"}
    assert page.is_file()
    assert picture.is_file()
    assert f"html: {page}" in printed.err


def test_json_has_every_figure(tiny_model, text, capsys):
    main("cells", [str(tiny_model("char_lm")), "--text", str(text), "--labels", "line", "--json"])
    found = json.loads(capsys.readouterr().out)
    (label,) = found["labels"]
    assert set(label["nulls"]) == {"shifted", "untrained", "lookup", "control"}
    assert 0 <= label["strength"] <= 1
    assert set(found["gates"]) == {"gates", "half_lives", "dead"}
    assert set(found["gates"]["half_lives"]) == {"1", "2"}


def test_a_captioner_is_read_word_by_word(tiny_model, capsys):
    model = tiny_model("caption")
    line = refusal(capsys, model, "--split", "val", "--html", "x.html")
    assert "--html is of language models, and this is a captioner" in line
    line = refusal(capsys, model, "--split", "val")
    assert "occurs in the captions often enough" in line  # six tiny pictures


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--labels", "qoute"], "There is no label 'qoute'. Did you mean quote"),
        (["--label", "x=("], "is no regular expression"),
        (["--limit", "0"], "argument --limit: must be at least 1"),
        (["--limit", "100"], "at least 5,000 are needed"),
        (["--split", "val"], "--split is of captioners"),
        (["--gates", "x.txt"], "--gates"),
    ],
)
def test_a_mistake_is_answered_in_one_line(tiny_model, text, capsys, words, says):
    assert says in refusal(capsys, tiny_model("char_lm"), "--text", text, *words)


def test_text_is_written_with_a_unit_held(tiny_model, capsys):
    def written(*words):
        main("sample", ["--model", str(tiny_model("char_lm")), "--max-length", "60", "--seed", "3", *words])
        return capsys.readouterr().out

    free = written()
    held = written("--clamp", "2.4=1")
    assert held != free
    assert written("--clamp", "2.4=1") == held
    assert written() == free  # nothing is left behind
    for wrong, says in (("2.4", "--clamp takes LAYER.UNIT=VALUE"), ("7.0=1", "There is no unit 7.0")):
        with pytest.raises(SystemExit):
            written("--clamp", wrong)
        assert says in capsys.readouterr().err
