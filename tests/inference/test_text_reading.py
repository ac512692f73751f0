"""A short text as a language model reads it, and writers that share one model."""

import numpy as np
import pytest
import torch
from conftest import TEXT
from tiny_models import save_tiny, tiny_config

from captioner.errors import UserError
from captioner.inference.char_lm import Writer
from captioner.inference.text_reading import layer_sizes, read_text
from captioner.insight.interpretable_cells.reader import record
from captioner.insight.interpretable_cells.signals import Signal


@pytest.fixture(scope="module")
def writer(tiny_model):
    """Two layers of 9 LSTM units."""
    return Writer(tiny_model("char_lm"))


def by_hand(model, text):
    """After the start and after each symbol: the states of the two layers, and log p of what comes next."""
    decoder, prompted = model.decoder, model.prompted
    memory, state = prompted.start(torch.zeros(1, 0, 0))
    rows = []
    for token in [prompted.token, *model.alphabet.encode(text).tolist()]:
        step = decoder.step(torch.tensor([token]), state, memory)
        state = step.state
        rows.append((state, step.logits_NV[0].log_softmax(0)))
    return rows


@pytest.mark.parametrize("text", [TEXT[:1], TEXT[30:32], TEXT[5:242]])
@torch.inference_mode()
def test_a_reading_is_what_stepping_through_the_text_shows(writer, text):
    rows = by_hand(writer.model, text)
    for layer, own in ((1, slice(2, 4)), (2, slice(0, 2))):  # the state has the top layer first
        found = read_text(writer.model, text, layer)
        memory_TH = torch.stack([state[own][1][0].tanh() for state, _ in rows[1:]])
        assert found.signal == Signal(layer, "c")
        assert found.values_TH.shape == (len(text), 9)
        np.testing.assert_allclose(found.values_TH, memory_TH, atol=1e-5)
        assert found.symbols == list(text)
        symbols = writer.model.vocabulary.words
        for guesses, (_, log_p) in zip(found.guesses, rows[1:], strict=True):
            likeliest = sorted(zip(symbols, log_p.exp().tolist(), strict=True), key=lambda one: -one[1])[:5]
            assert [symbol for symbol, _ in guesses] == [symbol for symbol, _ in likeliest]
            assert [p for _, p in guesses] == pytest.approx([p for _, p in likeliest], rel=1e-4)


@pytest.mark.parametrize("text", [TEXT[:1], TEXT[1:3], TEXT[40:300]])
def test_the_nats_are_those_of_scoring_a_file(writer, text):
    np.testing.assert_allclose(read_text(writer.model, text).nats_T, writer.nll(text), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("layer", [1, 2])
def test_a_recording_of_the_same_text_holds_the_same(writer, layer):
    text = TEXT[3:203]
    found = read_text(writer.model, text, layer)
    recording = record(writer.model.prompted, writer.model.alphabet.encode(text))
    first = recording.column(recording.memory_signal(layer), 0)
    np.testing.assert_allclose(found.values_TH, recording.values_TK[:, first : first + 9], atol=1e-3)
    np.testing.assert_allclose(found.nats_T[1:], recording.nats_T[1:], rtol=1e-4, atol=1e-5)


def test_the_top_layer_is_the_default(writer):
    text = TEXT[:20]
    assert layer_sizes(writer.model) == [9, 9]
    assert read_text(writer.model, text).signal.layer == 2
    np.testing.assert_array_equal(
        read_text(writer.model, text).values_TH, read_text(writer.model, text, 2).values_TH
    )


def test_a_cell_without_a_memory_beside_h_shows_h_and_bytes_have_two_digits(tmp_path):
    changes = ("decoder.cell.cell={name: gru}", "decoder.cell.hidden_dim=11", "data.unit=bytes")
    model = Writer(save_tiny(tiny_config("char_lm", tmp_path / "data", *changes), tmp_path)).model
    found = read_text(model, "a\u00e9\n")
    with torch.inference_mode():
        outputs = [state[0][0] for state, _ in by_hand(model, "a\u00e9\n")[1:]]
    assert found.signal == Signal(2, "h")
    assert found.symbols == ["61", "c3", "a9", "0a"]
    assert all(len(symbol) == 2 for guesses in found.guesses for symbol, _ in guesses)
    np.testing.assert_allclose(found.values_TH, torch.stack(outputs), atol=1e-5)


@pytest.mark.parametrize(
    ("text", "layer", "says"),
    [
        ("", None, "The text is empty"),
        ("1 times ?", None, r"never seen '\?' \(U\+003F, character 9"),
        ("1 times", 0, "no layer 0: the layers are 1 to 2"),
        ("1 times", 3, "no layer 3: the layers are 1 to 2"),
    ],
)
def test_what_cannot_be_read_is_refused(writer, text, layer, says):
    with pytest.raises(UserError, match=says):
        read_text(writer.model, text, layer)


@pytest.mark.parametrize(
    "options",
    [
        {"search": {"name": "greedy", "max_length": 17}},
        {"search": {"seed": 5, "temperature": 1.5, "max_length": 11}},
        {"search": {"name": "beam", "max_length": 6}, "n_best": 4},
        {"search": {"seed": 5, "max_length": 13}, "clamped": {(2, 7): 0.9, (1, 3): -0.8}},
        {},
    ],
)
def test_a_changed_writer_writes_as_a_new_one(writer, options):
    new, changed = Writer(writer.folder, **options), writer.changed(**options)
    torch.manual_seed(4)
    expected = new.write("7 times ")
    torch.manual_seed(4)
    assert changed.write("7 times ") == expected
    assert changed.model is writer.model
    assert (writer.n_best, writer.clamped, writer.search.max_length) == (1, {}, 12)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"search": {"temperature": 0.0}}, "temperature"),
        ({"search": {"required_words": ["9"]}}, "no meaning for a text"),
        ({"clamped": {(3, 0): 0.5}}, "no unit 3.0: the layers are 1 to 2"),
        ({"clamped": {(1, 9): 0.5}}, "no unit 1.9: the layers are 1 to 2, the units of each 0 to 8"),
    ],
)
def test_a_changed_writer_refuses_what_a_new_one_refuses(writer, options, says):
    for make in (writer.changed, lambda **given: Writer(writer.folder, **given)):
        with pytest.raises(UserError, match=says):
            make(**options)


def test_a_beam_is_as_wide_as_the_texts_that_are_wanted(writer):
    assert writer.changed({"name": "beam"}, 7).search.beam_size == 7
    with pytest.raises(UserError, match="beam of 3"):
        writer.changed({"name": "beam", "beam_size": 2}, 3).write("7")


def test_a_prompt_is_checked_before_a_text_is_written(writer):
    writer.changed({"banned_words": ["mes"]}).check_prompt("7 tim")
    with pytest.raises(UserError, match="forbidden"):
        writer.changed({"banned_words": ["mes"]}).check_prompt("7 times")
    with pytest.raises(UserError, match=r"never seen '\?'"):
        writer.check_prompt("?")


@pytest.mark.parametrize("name", ["greedy", "beam", "beam_mbr", "diverse", "sample", "mbr"])
def test_every_search_asks_before_each_symbol_whether_to_go_on(writer, name):
    calls = []
    whole = writer.changed({"name": name, "max_length": 9}, check=lambda: calls.append(len(calls)))
    (text,) = whole.write("7 ")
    assert len(text.text) == 11
    assert len(calls) == 11  # a step reads a symbol before it scores the next

    def stop():
        if len(calls) == 15:
            raise KeyError("gone")
        calls.append(len(calls))

    with pytest.raises(KeyError, match="gone"):
        writer.changed({"name": name, "max_length": 9}, check=stop).write("7 ")
    assert writer.changed({"name": name, "max_length": 3}).write("7 ")
