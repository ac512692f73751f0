"""Writing and scoring with a trained language model, and the command that does both."""

import json
import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from captioner.commands import main
from captioner.commands.options.search import search_options
from captioner.config import Config
from captioner.errors import UserError
from captioner.inference.char_lm import Writer
from captioner.models.folder import save_model
from captioner.search.text_rules import SENTENCE_ONLY, check_text_rules
from captioner.training.char_lm import CharLMTask

TEXT = "the cat sat on the mat.\n" * 40


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("lm")
    (folder / "text.txt").write_text(TEXT)
    config = Config(
        task={"name": "char_lm"},
        data={"name": "corpus", "path": str(folder / "text.txt"), "chunk_length": 5},
        decoder={"name": "language_model", "cell": {"name": "gru", "hidden_dim": 8}, "init_scale": 1.5},
    )
    torch.manual_seed(3)
    task, _ = CharLMTask.prepare(config, folder)
    save_model(task.model, folder / "model", {})
    return folder / "model"


@pytest.fixture(scope="module")
def writer(model):
    return Writer(model)


def by_hand(writer, text):
    """log p of every symbol after every symbol, step by step from a line feed."""
    decoder, alphabet = writer.model.decoder, writer.model.alphabet
    memory, state = decoder.start(torch.zeros(1, 0, 0))
    rows = []
    for number in alphabet.encode("\n" + text).tolist():
        step = decoder.step(torch.tensor([number]), state, memory)
        state = step.state
        rows.append(step.logits_NV[0].detach().log_softmax(0))
    return rows


def written(model, prompt="", n_best=1, **search):
    return [one.text for one in Writer(model, search, n_best).write(prompt)]


def test_greedy_takes_the_most_probable_character_each_time(model, writer):
    (text,) = written(model, "the ", name="greedy", max_length=12)
    rows = by_hand(writer, text)
    expected = [int(row.argmax()) for row in rows[4:-1]]
    assert text == "the " + writer.model.alphabet.decode(expected)
    assert len(expected) == 12


def test_draws_are_as_probable_as_the_model_finds_them(model, writer):
    expected = by_hand(writer, "the")[-1].exp().numpy()
    drawn = written(model, "the", 20_000, seed=4, max_length=1)
    found = np.bincount(writer.model.alphabet.encode("".join(t[3:] for t in drawn)), minlength=len(expected))
    np.testing.assert_allclose(found / 20_000, expected, atol=4 * 0.5 / math.sqrt(20_000))


@pytest.mark.parametrize("options", [{"top_k": 2}, {"top_p": 0.5}, {"temperature": 0.05}, {"min_p": 0.9}])
def test_options_leave_the_improbable_out(model, options):
    drawn = set(written(model, "the", 3000, seed=1, max_length=1, **options))
    free = set(written(model, "the", 3000, seed=1, max_length=1))
    assert drawn < free


def test_a_seed_writes_the_same_text_again(model):
    once, again, other = (written(model, n_best=2, seed=seed, max_length=30) for seed in (5, 5, 6))
    assert once == again
    assert once != other


@pytest.mark.parametrize("search", [{"name": "greedy"}, {"seed": 3, "temperature": 2.0}])
def test_a_text_is_streamed_as_it_is_written(model, search):
    writer, pieces = Writer(model, search | {"max_length": 25}), []
    assert writer.can_stream
    (one,) = writer.write("the ", pieces.append)
    assert pieces == list(one.text)
    assert not Writer(model, {"name": "beam"}).can_stream


def test_characters_have_their_log_probabilities_and_the_prompt_counts(model, writer):
    (one, other) = Writer(model, {"seed": 2, "max_length": 6, "temperature": 0.5}, 2).write("the")
    for text in (one, other):
        numbers = writer.model.alphabet.encode(text.text).tolist()
        rows = by_hand(writer, text.text)
        expected = [row[number].item() for row, number in zip(rows[:-1], numbers, strict=True)]
        assert text.words == list(text.text)
        np.testing.assert_allclose(text.word_log_probs, expected, rtol=1e-4, atol=1e-5)
        assert text.log_prob == pytest.approx(sum(expected), rel=1e-4)


@pytest.mark.parametrize("name", ["greedy", "beam", "beam_mbr", "diverse", "sample", "mbr"])
def test_forbidden_strings_are_written_nowhere_by_any_search(model, name):
    changes = {"seed": 1} if name in ("sample", "mbr") else {}
    (free,) = written(model, "the c", name=name, max_length=20, **changes)
    strings = [free[i : i + n] for n in (1, 2, 3) for i in (4, 7, 9, 12)]
    strings = [string for string in strings if string not in "the c"]
    assert strings
    (text,) = written(model, "the c", name=name, max_length=20, banned_words=strings, **changes)
    assert len(text) == 5 + 20
    assert not any(string in text for string in strings)


def test_surprise_is_the_probability_of_each_character_after_all_before(writer):
    text = TEXT[:2300]  # over several chunks
    rows = by_hand(writer, text)
    numbers = writer.model.alphabet.encode(text).tolist()
    expected = [-row[number].item() for row, number in zip(rows[:-1], numbers, strict=True)]
    np.testing.assert_allclose(writer.nll(text), expected, rtol=1e-4, atol=1e-5)


def test_a_window_sees_nothing_before_it(writer):
    text = TEXT[:25]
    found = writer.nll(text, window=7)
    assert np.isnan(found[[0, 22, 23, 24]]).all()
    decoder = writer.model.decoder
    for start in (0, 7, 14):
        tokens = torch.from_numpy(writer.model.alphabet.encode(text[start : start + 8]).astype(np.int64))
        outputs = decoder.read(tokens[None, :-1], decoder.start(torch.zeros(1, 0, 0)).state).outputs_NTH
        expected = F.cross_entropy(decoder.logits((), (outputs[0],)), tokens[1:], reduction="none")
        np.testing.assert_allclose(found[start + 1 : start + 8], expected.detach(), rtol=1e-5)


def test_a_wide_beam_finds_what_trying_everything_finds(model, writer):
    def log_prob(text):
        return -writer.nll("the" + text).sum()

    symbols = writer.model.alphabet.symbols
    every = {a + b: log_prob(a + b) for a in symbols for b in symbols}
    expected = sorted(every.items(), key=lambda pair: -pair[1])[:4]
    found = Writer(model, {"name": "beam", "beam_size": len(symbols), "max_length": 2}, 4).write("the")
    assert [one.text for one in found] == ["the" + text for text, _ in expected]
    np.testing.assert_allclose([one.score for one in found], [p for _, p in expected], rtol=1e-5)


def called(capsys, *words):
    main("sample", list(map(str, words)))
    return capsys.readouterr()


def test_the_command_writes_and_scores(model, capsys, tmp_path):
    said = called(capsys, "--model", model, "--prompt", "the ", "--max-length", 20, "--seed", 1).out
    assert said.startswith("the ")
    assert len(said) == 4 + 20 + 1
    assert called(capsys, "--model", model, "--max-length", 9, "--n-best", 3).out.count("---- ") == 3
    words = ["--search", "beam", "--beam", 4, "--n-best", 2, "--max-length", 5, "--prompt", "at", "--words"]
    said = called(capsys, "--model", model, *words, "--tree", tmp_path / "tree.html")
    assert said.out.count("---- ") == 2
    assert "a -" in said.out
    assert "tree.html" in said.err
    assert "beam_size" in (tmp_path / "tree.html").read_text()
    found = json.loads(called(capsys, "--model", model, *words[:-1], "--json").out)
    assert found["prompt"] == "at"
    texts = Writer(model, {"name": "beam", "beam_size": 4, "max_length": 5}, 2).write("at")
    assert [one["text"] for one in found["texts"]] == [one.text for one in texts]
    assert [len(one["word_log_probs"]) for one in found["texts"]] == [7, 7]
    (tmp_path / "scored").write_text("the mat\n")
    said = called(
        capsys, "--model", model, "--score", tmp_path / "scored", "--html", tmp_path / "map.html"
    ).out
    nats = Writer(model).nll("the mat\n")
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
        (["--temperature", "0"], "argument --temperature: must be at least 0.001"),
        (["--top-p", "1.5"], "argument --top-p: must be 0 to 1, not"),
        (["--html", "x.html"], "--html goes with --score FILE"),
        (["--score", "x.py", "--top-k", "3"], "--score reads a text that is there"),
        (["--max-length", "0"], "argument --max-length: must be at least 1, not 0"),
        (["--score", "gone.txt"], "There is no text at gone.txt"),
        (["--search", "beam", "--beam", "2", "--n-best", "3"], "3 captions need a beam of 3"),
        (["--search", "exact"], "Exact search has no meaning for a text"),
        (["--banned-words", "the?"], "has never seen '?'"),
        (["--banned-words", "th", "--prompt", "the"], "holds a string that is forbidden"),
        (["--min-length", "3"], "--min-length 3. Did you mean --max-length"),
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
    monkeypatch.setattr(Writer, "model_class", type("Other", (), {}))
    with pytest.raises(UserError, match="holds a model for the task char_lm, not char_lm"):
        Writer(model)


def test_every_option_has_a_flag_here_or_a_reason_why_not(model, capsys):
    with pytest.raises(SystemExit):
        main("sample", ["--help"])
    help_text = capsys.readouterr().out
    for option in search_options():
        assert (option.flag in help_text.split()) != (option.key in SENTENCE_ONLY), option.flag
    assert set(SENTENCE_ONLY) <= {option.key for option in search_options()}
    for key, why in SENTENCE_ONLY.items():
        with pytest.raises(UserError, match=f"search.{key} has no meaning for a text: {why}"):
            check_text_rules({"name": "beam", key: 3})


def test_the_model_folder_says_how_its_texts_are_written(model):
    assert Writer(model).model.config.search == {"name": "sample", "max_length": 500}
    assert Writer(model, {"top_k": 3}).search.max_length == 500
    assert Writer(model, {"name": "beam"}, 5).search.beam_size == 5
