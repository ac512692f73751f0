"""A trained translator, used: texts of all lengths in order, evaluation, and the commands."""

import io
import json
import shutil

import pytest
import torch
from conftest import ROOT
from nltk.metrics import edit_distance

from captioner.commands import main
from captioner.config import load
from captioner.data.translation.phrases import Phrases
from captioner.errors import UserError
from captioner.evaluation.translate import evaluate
from captioner.inference.translate import Translator
from captioner.models.folder import load_model, save_model
from captioner.search.beam import Beam
from captioner.training.translate import TranslateTask
from captioner.vocabulary import EOS

SHOW_TELL = "decoder={name: show_tell, embed_dim: 6, cell: {name: lstm, hidden_dim: 7}}"
TEXTS = ["two", "May 5, 1998", "one hundred", "12", "six", "12", "thirty-one"]
CHANGES = [
    "data.num_pairs=400",
    "data.val_fraction=0.1",
    "text_encoder.cell.hidden_dim=6",
    "decoder.cell.hidden_dim=7",
    "search.max_length=9",
]


def saved(folder, *changes):
    """A model with random weights that writes several characters: it need not have learnt anything."""
    torch.manual_seed(8)
    task, _ = TranslateTask.prepare(load(ROOT / "configs/translate.yaml", [*CHANGES, *changes]), folder)
    for parameter in task.parameters():
        torch.nn.init.normal_(parameter, std=0.7)
    task.model.decoder.output.bias.data[EOS] -= 1.0
    save_model(task.model, folder / "run/model", {})
    return folder / "run/model"


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return saved(tmp_path_factory.mktemp("translate"))


@pytest.fixture(scope="module")
def state_model(tmp_path_factory):
    return saved(tmp_path_factory.mktemp("state"), "task.source_features=state", SHOW_TELL)


def alone(model, text, search):
    """The translations of one text by itself."""
    loaded = load_model(model)
    with torch.inference_mode():
        found = search(loaded.decoder, loaded.features(torch.tensor([loaded.vocabulary.encode(text)])), 2)
    return [("".join(loaded.vocabulary.decode(one.tokens)), one.log_prob) for one in found[0]]


def test_texts_of_all_lengths_are_translated_in_order_as_if_alone(model, monkeypatch):
    expected = [alone(model, text, Beam(3, max_length=9, allow_unknown=False)) for text in TEXTS]
    assert len({text for ((text, _), _) in expected}) > 4, "or the order would not show"
    assert len({len(text) for ((text, _), _) in expected}) > 1
    translator = Translator(model, {"name": "beam", "beam_size": 3}, n_best=2)
    for at_once, batch_size in ((2048, 64), (4, 2)):
        monkeypatch.setattr("captioner.inference.translate.AT_ONCE", at_once)
        monkeypatch.setattr("captioner.inference.translate.BATCH_SIZE", batch_size)
        found = translator.translate(TEXTS)
        assert [one.source for one in found] == TEXTS
        assert [one.text for one in found] == [text for ((text, _), _) in expected]
        for one, hypotheses in zip(found, expected, strict=True):
            assert [t.text for t in one.translations] == [text for text, _ in hypotheses]
            probabilities = [t.log_prob for t in one.translations]
            assert probabilities == pytest.approx([p for _, p in hypotheses], abs=1e-4)


def test_alphas_are_a_row_for_each_symbol_written(model):
    for one in Translator(model).translate(TEXTS):
        (best,) = one.translations
        assert best.alphas_TL.shape == (len(best.words), len(one.source))
        assert "".join(best.words) == one.text
        assert best.alphas_TL.sum(axis=1) == pytest.approx(1)


def test_a_text_with_an_unknown_character_is_left_out_and_the_others_translated(model):
    found = Translator(model).translate(["two", "tw\u00f8", "", "six"])
    assert [bool(one.problem) for one in found] == [False, True, True, False]
    assert "never seen '\u00f8' (U+00F8, character 3)" in found[1].problem
    assert "The text is empty" in found[2].problem
    whole = Translator(model).translate(["two", "six"])
    assert [found[0].text, found[3].text] == [one.text for one in whole]
    assert next(Translator(model).stream(["tw\u00f8"], unknown=True)).problem is None


def test_a_prefix_is_text(model):
    one = Translator(model, {"prefix": ["12", "m"]}).translate("one hundred")
    assert one.text.startswith("12 m")
    free = Translator(model).translate("one hundred")
    said = free.text[2:4]
    assert said not in Translator(model, {"banned_words": [said]}).translate("one hundred").text


def test_evaluation_counts_what_is_right_to_the_last_character(model, tmp_path):
    found = evaluate(model, tmp_path / "out", split="val", search={"name": "beam", "beam_size": 2})
    rows = list(Phrases(num_pairs=400, val_fraction=0.1).tables()["val"])
    said = [
        one.text
        for one in Translator(model, {"name": "beam", "beam_size": 2}).translate([r["source"] for r in rows])
    ]
    edits = sum(edit_distance(one, row["target"]) for one, row in zip(said, rows, strict=True))
    figures = found.figures["val"]
    assert figures["exact"] == 0
    assert figures["error_rate"] == pytest.approx(edits / sum(len(row["target"]) for row in rows))
    about = json.loads((tmp_path / "out/results.json").read_text())
    assert about["scores"] == figures
    assert about["pairs"] == len(rows) == sum(about["kinds"].values())
    assert about["decoding"] == {"name": "beam", "beam_size": 2, "max_length": 9, "allow_unknown": False}
    written = [line.split("\t") for line in (tmp_path / "out/translations.tsv").read_text().splitlines()]
    assert written == [[row["source"], row["target"], one] for row, one in zip(rows, said, strict=True)]
    assert f"... {len(rows)} translations are wrong in all." in found.notes


def test_evaluation_on_pairs_of_ones_own(model, tmp_path):
    """Targets that are what the model says of two sources, and not of a third."""
    right = {text: Translator(model).translate(text).text for text in ("two", "six")}
    lines = [f"{source}\t{target}\ttest" for source, target in right.items()]
    lines += ["tw\u00f8\tx\ttest", "ten\t10\ttrain", "one\t1\tval"]
    (tmp_path / "pairs.tsv").write_text("\n".join(lines), encoding="utf-8")
    data = {"path": str(tmp_path / "pairs.tsv"), "num_pairs": 5}
    found = evaluate(model, tmp_path / "out", data=data)
    assert found.figures["test"]["exact"] == pytest.approx(2 / 3)
    assert set(found.figures["test"]) == {"exact", "error_rate"}
    assert found.notes[0].startswith("wrong: tw\u00f8  ->  ")
    assert "sources with a symbol that the model has never seen: 1" in found.notes
    first = evaluate(model, tmp_path / "out", data=data, limit=1)
    assert (first.title, first.figures["test"]["exact"]) == ("1 pairs", 1)
    with pytest.raises(UserError, match=r"no split 'tset'\. Did you mean test"):
        evaluate(model, tmp_path / "out", split="tset")


def called(capsys, verb, *words):
    main(verb, list(map(str, words)))
    return capsys.readouterr()


def test_the_command_prints_a_line_a_text(model, capsys, tmp_path, monkeypatch):
    expected = [one.text for one in Translator(model).translate(TEXTS)]
    finished = [one.translations[0].finished for one in Translator(model).translate(TEXTS)]
    shown = [text if whole else f"{text} ..." for text, whole in zip(expected, finished, strict=True)]
    assert called(capsys, "translate", "--model", model, *TEXTS).out.splitlines() == shown
    (tmp_path / "texts.txt").write_text("\n".join([*TEXTS, "\u00f8"]))
    said = called(capsys, "translate", "--model", model, "--file", tmp_path / "texts.txt")
    assert said.out.splitlines() == [*shown, ""]
    assert "left out: '\u00f8': The model has never seen" in said.err
    assert "1 of 8 texts could not be read." in said.err
    monkeypatch.setattr("sys.stdin", io.StringIO("two\nsix\n"))
    lines = called(capsys, "translate", "--model", model, "--file", "-", "--json", "--n-best", 3).out
    found = [json.loads(line) for line in lines.splitlines()]
    assert [one["source"] for one in found] == ["two", "six"]
    for one in found:
        probabilities = [translation["log_prob"] for translation in one["translations"]]
        assert len(probabilities) == 3
        assert probabilities == sorted(probabilities, reverse=True)


def test_the_command_draws_alignments(model, capsys, tmp_path):
    said = called(capsys, "translate", "--model", model, "two", "six", "--attention", tmp_path / "seen.png")
    for number in (1, 2):
        assert (tmp_path / f"seen-{number}.png").read_bytes().startswith(b"\x89PNG")
        assert f"attention: {tmp_path}/seen-{number}.png" in said.err


def test_the_evaluate_command_knows_the_task(model, capsys, tmp_path):
    words = ["--model", model, "--split", "val", "--limit", 7, "--output", tmp_path]
    said = called(capsys, "evaluate", *words).out
    assert "7 pairs" in said
    assert "right to the last symbol" in said
    assert str(tmp_path / "translations.tsv") in said


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ([], "Say what to translate: TEXT ..., or --file FILE."),
        (["two", "--file", "x.txt"], "Say what to translate"),
        (["--file", "gone.txt"], "There is no file gone.txt"),
        (["tw\u00f8"], "never seen '\u00f8'"),
        (["two", "--attention", "seen.xyz"], "--attention draws .png, .pdf, .svg files"),
        (["two", "--beem", "3"], "Did you mean --beam"),
        (["two", "--n-best", "3", "--beam", "2"], "need a beam of 3"),
    ],
)
def test_mistakes_are_answered_in_one_line(model, capsys, words, says):
    with pytest.raises(SystemExit) as stopped:
        main("translate", ["--model", str(model), *words])
    assert stopped.value.code == 2
    assert says in capsys.readouterr().err


def test_a_model_without_attention_has_nothing_to_draw(state_model, capsys):
    with pytest.raises(SystemExit):
        main("translate", ["two", "--model", str(state_model), "--attention", "seen.png"])
    assert "(show_tell, given the encoder's state) does not attend to the source" in capsys.readouterr().err


def test_a_model_of_another_task_is_refused(model, monkeypatch):
    monkeypatch.setattr(Translator, "model_class", type("Other", (), {}))
    with pytest.raises(UserError, match="holds a model for the task translate, not translate"):
        Translator(model)


def test_a_model_folder_can_be_moved(model, tmp_path):
    shutil.copytree(model, tmp_path / "moved")
    one, other = (list(Translator(folder).translate(TEXTS)) for folder in (model, tmp_path / "moved"))
    assert [t.text for t in one] == [t.text for t in other]
