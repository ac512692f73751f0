"""Writing and scoring with a trained language model, and the command that does both."""

import json
import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from captioner.app.sample import Writer, chooser
from captioner.commands import main
from captioner.config import Config
from captioner.errors import UserError
from captioner.tasks.char_lm import CharLM
from captioner.tasks.folder import save_model

TEXT = "the cat sat on the mat.\n" * 40


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("lm")
    (folder / "text.txt").write_text(TEXT)
    config = Config(
        task={"name": "char_lm"},
        data={"name": "text", "path": str(folder / "text.txt"), "chunk_length": 5},
        decoder={"name": "language_model", "cell": {"name": "gru", "hidden_dim": 8}, "init_scale": 1.5},
    )
    torch.manual_seed(3)
    task, _ = CharLM.prepare(config, folder)
    save_model(task, folder / "model", {})
    return folder / "model"


@pytest.fixture(scope="module")
def writer(model):
    return Writer(model)


def by_hand(writer, text):
    """log p of every symbol after every symbol, step by step from a line feed."""
    decoder, alphabet = writer.task.decoder, writer.task.alphabet
    memory, state = decoder.start(torch.zeros(1, 0, 0))
    rows = []
    for number in alphabet.encode("\n" + text).tolist():
        step = decoder.step(torch.tensor([number]), state, memory)
        state = step.state
        rows.append(step.logits_NV[0].detach().log_softmax(0))
    return rows


def test_argmax_is_the_most_probable_character_each_time(writer):
    (text,) = ["".join(p) for p in zip(*writer.write("the ", 12, 1, chooser(argmax=True)), strict=True)]
    decoder, alphabet = writer.task.decoder, writer.task.alphabet
    memory, state = decoder.start(torch.zeros(1, 0, 0))
    numbers = alphabet.encode("the ").tolist()
    for place in range(4 + 11):
        step = decoder.step(torch.tensor([numbers[place]]), state, memory)
        state = step.state
        if place >= 3:
            numbers.append(int(step.logits_NV[0].argmax()))
    assert text == alphabet.decode(numbers[4:])


def test_draws_are_as_probable_as_the_model_finds_them(writer):
    expected = by_hand(writer, "the")[-1].exp().numpy()
    drawn = next(writer.write("\nthe", 1, 20_000, chooser(seed=4)))
    found = np.bincount(writer.task.alphabet.encode("".join(drawn)), minlength=len(expected)) / 20_000
    np.testing.assert_allclose(found, expected, atol=4 * 0.5 / math.sqrt(20_000))


@pytest.mark.parametrize("options", [{"top_k": 2}, {"top_p": 0.5}, {"temperature": 0.05}])
def test_options_leave_the_improbable_out(writer, options):
    drawn = set(next(writer.write("\nthe", 1, 3000, chooser(seed=1, **options))))
    free = set(next(writer.write("\nthe", 1, 3000, chooser(seed=1))))
    assert drawn < free


def test_a_seed_writes_the_same_text_again(writer):
    once, again, other = (list(writer.write("", 30, 2, chooser(seed=s))) for s in (5, 5, 6))
    assert once == again
    assert once != other


def test_surprise_is_the_probability_of_each_character_after_all_before(writer):
    text = TEXT[:2300]  # over several chunks
    rows = by_hand(writer, text)
    numbers = writer.task.alphabet.encode(text).tolist()
    expected = [-row[number].item() for row, number in zip(rows[:-1], numbers, strict=True)]
    np.testing.assert_allclose(writer.surprise(text), expected, rtol=1e-4, atol=1e-5)


def test_a_window_sees_nothing_before_it(writer):
    text = TEXT[:25]
    found = writer.surprise(text, window=7)
    assert np.isnan(found[[0, 22, 23, 24]]).all()
    decoder = writer.task.decoder
    for start in (0, 7, 14):
        tokens = torch.from_numpy(writer.task.alphabet.encode(text[start : start + 8]).astype(np.int64))
        outputs = decoder.read(tokens[None, :-1], decoder.start(torch.zeros(1, 0, 0)).state).outputs_NTH
        expected = F.cross_entropy(decoder.predict((), (outputs[0],)), tokens[1:], reduction="none")
        np.testing.assert_allclose(found[start + 1 : start + 8], expected.detach(), rtol=1e-5)


def test_a_wide_beam_finds_what_trying_everything_finds(writer):
    def log_probability(text):
        tokens = torch.from_numpy(writer.task.alphabet.encode("the" + text).astype(np.int64))
        decoder = writer.task.decoder
        outputs = decoder.read(tokens[None, :-1], decoder.start(torch.zeros(1, 0, 0)).state).outputs_NTH
        nats = F.cross_entropy(decoder.predict((), (outputs[0],)), tokens[1:], reduction="none")
        return -nats[-2:].sum().item()

    symbols = writer.task.alphabet.symbols
    every = {a + b: log_probability(a + b) for a in symbols for b in symbols}
    expected = sorted(every.items(), key=lambda pair: -pair[1])[:4]
    found = writer.search("the", 2, len(symbols), 4)
    assert [text for text, _ in found] == [text for text, _ in expected]
    np.testing.assert_allclose([p for _, p in found], [p for _, p in expected], rtol=1e-5)


def called(capsys, *words):
    main("sample", list(map(str, words)))
    return capsys.readouterr()


def test_the_command_writes_and_scores(model, capsys, tmp_path):
    said = called(capsys, "--model", model, "--prompt", "the ", "--length", 20, "--seed", 1).out
    assert said.startswith("the ")
    assert len(said) == 4 + 20 + 1
    said = called(capsys, "--model", model, "--number", 3, "--length", 9, "--top-k", 3).out
    assert said.count("---- ") == 3
    assert called(capsys, "--model", model, "--beam", 4, "--number", 2, "--length", 5).out.count("---- ") == 2
    (tmp_path / "scored").write_text("the mat\n")
    said = called(
        capsys, "--model", model, "--score", tmp_path / "scored", "--html", tmp_path / "map.html"
    ).out
    nats = Writer(model).surprise("the mat\n")
    assert f"nats a symbol    {nats.mean():.4f}" in said
    assert f"perplexity       {math.exp(nats.mean()):.3f}" in said
    page = (tmp_path / "map.html").read_text()
    assert page.count("<span") > 10
    lines = called(capsys, "--model", model, "--score", tmp_path / "scored", "--json").out.splitlines()
    bits = [json.loads(line)["bits"] for line in lines]
    np.testing.assert_allclose(np.array(bits) * math.log(2), nats)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--prompt", "that?"], "has never seen '?' (U+003F, character 5"),
        (["--temperature", "0"], "--temperature must be above 0"),
        (["--top-p", "1.5"], "--top-p is a probability"),
        (["--html", "x.html"], "--html goes with --score FILE"),
        (["--length", "0"], "--length must be at least 1"),
        (["--score", "gone.txt"], "There is no text at gone.txt"),
        (["--beam", "2", "--number", "3", "--length", "4"], "3"),
    ],
)
def test_mistakes_are_answered_in_one_line(model, capsys, words, says):
    with pytest.raises(SystemExit):
        main("sample", ["--model", str(model), *words])
    said = capsys.readouterr()
    assert says in said.err
    assert said.err.count("\n") == 1
    assert said.out == ""


def test_a_model_of_another_task_is_refused(model, monkeypatch):
    monkeypatch.setattr("captioner.app.sample.CharLM", type("Other", (), {}))
    with pytest.raises(UserError, match="it writes no text"):
        Writer(model)
