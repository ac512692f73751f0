"""Evaluating a character model: the whole split in one breath, random windows, and the command."""

import json
import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from captioner.commands import main
from captioner.config import Config
from captioner.evaluation.char_lm import evaluate
from captioner.inference.char_lm import Writer
from captioner.models.folder import save_model
from captioner.training.char_lm import CharLMTask

TEXT = "".join(f"{a} and {b} make {a + b}.\n" for a in range(20) for b in range(9))
VAL = int(len(TEXT) * 0.7 + 1e-9), int(len(TEXT) * 0.9 + 1e-9)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("lm")
    (folder / "text.txt").write_text(TEXT)
    data = {"name": "corpus", "path": str(folder / "text.txt"), "chunk_length": 7}
    data |= {"val_fraction": 0.2, "test_fraction": 0.1, "validation_streams": 3}
    config = Config(
        task={"name": "char_lm"},
        data=data,
        decoder={"name": "language_model", "cell": {"name": "gru", "hidden_dim": 8}, "init_scale": 1.5},
    )
    torch.manual_seed(3)
    task, _ = CharLMTask.prepare(config, folder)
    save_model(task.model, folder / "run/model", {})
    return folder / "run/model"


def nats(model, *texts):
    """Of all characters of texts of one length but the first of each, every text from a zero state."""
    loaded = Writer(model).model
    tokens_NT = torch.tensor([loaded.alphabet.encode(text).tolist() for text in texts])
    state = loaded.decoder.start(torch.zeros(len(texts), 0, 0)).state
    outputs_NTH = loaded.decoder.read(tokens_NT[:, :-1], state).outputs_NTH
    logits_MV = loaded.decoder.logits((), (outputs_NTH.flatten(0, 1),))
    return F.cross_entropy(logits_MV, tokens_NT[:, 1:].flatten(), reduction="none").detach().numpy()


@pytest.mark.parametrize(("split", "start", "end"), [("val", *VAL), ("test", VAL[1], len(TEXT))])
def test_a_split_is_read_as_one_stream_to_its_last_character(model, tmp_path, split, start, end):
    found = evaluate(model, tmp_path, split=split)
    expected = nats(model, TEXT[start:end]).mean()
    figures = found.figures[split]
    assert figures["nats"] == pytest.approx(expected, rel=1e-5)
    assert figures["bits"] == pytest.approx(expected / math.log(2), rel=1e-5)
    assert figures["perplexity"] == pytest.approx(math.exp(expected), rel=1e-5)
    assert found.figures["95% low"]["nats"] < figures["nats"] < found.figures["high"]["nats"]
    assert found.title == f"{end - start - 1:,} characters"
    about = json.loads((tmp_path / "results.json").read_text())
    assert about["scores"] == figures
    assert about["symbols"] == end - start - 1


@pytest.mark.parametrize(
    "changes",
    [{"validation_streams": 3}, {"split": "char_rnn", "validation_streams": 1, "test_fraction": 0.0}],
)
def test_in_several_streams_it_is_the_validation_of_training(model, tmp_path, changes):
    found = evaluate(model, tmp_path, data=changes).figures["val"]["nats"]
    config = Writer(model).model.config
    config.data |= changes
    task, data = CharLMTask.prepare(config, tmp_path)
    task.model.load_state_dict(Writer(model).model.state_dict())
    losses = [task.eval().loss(batch) for batch in data.validation_loader()]
    total = sum(loss.loss.item() * loss.size for loss in losses)
    assert found == pytest.approx(total / sum(loss.size for loss in losses), rel=1e-6)
    assert found != pytest.approx(evaluate(model, tmp_path).figures["val"]["nats"], rel=1e-4)


def test_many_random_windows_come_to_the_mean_of_all_windows(model, tmp_path):
    part = TEXT[VAL[0] : VAL[1]]
    windows = [part[i : i + 6] for i in range(len(part) - 5)]
    every = nats(model, *windows).astype(float).reshape(-1, 5).mean(axis=1)
    figures = evaluate(model, tmp_path, windows=5, num_windows=4000).figures
    error = np.std(every) / math.sqrt(4000)
    assert figures["val"]["windows_nats"] == pytest.approx(np.mean(every), abs=4 * error)
    width = figures["high"]["windows_nats"] - figures["95% low"]["windows_nats"]
    assert width == pytest.approx(2 * 1.96 * error, rel=0.15)
    assert abs(np.mean(every) - figures["val"]["nats"]) > 6 * error, "the state that is carried should matter"


def test_the_longest_window_is_the_whole_split(model, tmp_path):
    longest = VAL[1] - VAL[0] - 1
    figures = evaluate(model, tmp_path, windows=longest, num_windows=2).figures["val"]
    assert figures["windows_nats"] == pytest.approx(figures["nats"], rel=1e-5)


def test_a_seed_draws_the_same_windows_again(model, tmp_path):
    def score(seed):
        found = evaluate(model, tmp_path, windows=9, num_windows=20, windows_seed=seed)
        return found.figures["val"]["windows_nats"]

    assert score(0) == score(None) == score(0) != score(1)


def test_windows_keep_to_the_islands_of_char_rnn(model, tmp_path):
    (tmp_path / "text.txt").write_text(TEXT)
    data = {"split": "char_rnn", "chunk_length": 10, "test_fraction": 0.0, "path": str(tmp_path / "text.txt")}
    columns = len(TEXT) // 160
    found = evaluate(model, tmp_path, data=data, windows=10 * (columns - int(columns * 0.8)), num_windows=300)
    figures = found.figures["val"]
    assert figures["windows_nats"] == pytest.approx(figures["nats"], rel=0.02), "each window is an island"


def called(capsys, *words):
    main("evaluate", list(map(str, words)))
    return capsys.readouterr().out


def test_the_command_prints_scores_and_windows(model, capsys):
    said = called(capsys, "--model", model, "--windows", 5, "--num-windows", 50)
    expected = nats(model, TEXT[VAL[0] : VAL[1]]).mean()
    assert f"nats a symbol                         {expected:.4f}" in said
    assert "random windows: 50 of 5, seed 0" in said
    assert "perplexity, random windows" in said
    assert (model.parent / "evaluation-val/results.json").is_file()


def test_a_text_that_has_changed_is_noted(model, capsys, tmp_path):
    other = tmp_path / "other.txt"
    other.write_text(TEXT[::-1])
    said = called(capsys, "--model", model, "--data", f"path={other}", "--output", tmp_path / "out")
    assert f"{nats(model, TEXT[::-1][slice(*VAL)]).mean():.4f}" in said
    assert "not the one" not in said
    text = model.parent.parent / "text.txt"
    text.write_text(TEXT + TEXT)
    try:
        assert "what is val here may have been trained on" in called(capsys, "--model", model)
    finally:
        text.write_text(TEXT)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("--beam 5", "--beam has no meaning for the task char_lm."),
        ("--shuffled", "--shuffled has no meaning for the task char_lm."),
        ("--limit 3", "--limit has no meaning for the task char_lm."),
        ("--model photos", "A second --model has no meaning for the task char_lm."),
        ("--task caption", "holds a model for the task char_lm, not caption."),
        ("--split tset", "There is no split 'tset'. Did you mean test?"),
        ("--num-windows 3", "go with --windows N"),
        ("--windows 0", "argument --windows: must be at least 1, not 0"),
        ("--windows 100000", "--windows must be 1 to"),
        ("--windows 5 --num-windows 0", "argument --num-windows: must be at least 1"),
        ("--data pth=x", "Did you mean path?"),
        ("--data path=gone.txt", "There is no text at gone.txt"),
        ("--data test_fraction=0 --split test", "nothing is left for test: take another split (train, val)"),
    ],
)
def test_mistakes_are_answered_in_one_line(model, capsys, words, says):
    with pytest.raises(SystemExit) as exit_:
        main("evaluate", ["--model", str(model), *words.split()])
    said = capsys.readouterr()
    assert exit_.value.code == 2
    assert says in said.err
    assert said.err.count("\n") == 1
    assert said.out == ""
