"""The finder against units whose meaning is known, and against models that know nothing."""

import numpy as np
import pytest
import torch
from conftest import ROOT
from planted import DEPTH, LINE, QUOTE, planted_model, planted_text

from captioner.insight.interpretable_cells.analysis import analyse_cells
from captioner.insight.interpretable_cells.finder import Finder
from captioner.insight.interpretable_cells.reader import record
from captioner.insight.labels.base import choose_labels
from captioner.insight.labels.syntax import SourceText

LENGTH, HIDDEN = 18_000, 20
PLANTED = {"quote": QUOTE, "line": LINE, "parenthesis": DEPTH}


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module", params=range(20))
def seed(request):
    return request.param


@pytest.fixture(scope="module")
def text(seed):
    return planted_text(LENGTH, seed)


@pytest.fixture(scope="module")
def untrained(text, seed):
    """The recording of a model without planted units, which both tests of a seed compare theirs with."""
    model = planted_model(text, ROOT, HIDDEN, seed + 100, planted=False)
    return record(model.prompted, model.alphabet.encode(text))


def found_in(model, characters, untrained, seed):
    """The evidence for all labels, without ablations."""
    text = SourceText(characters, "prose")
    labels = choose_labels(None, "prose")
    finder = Finder(record(model.prompted, model.alphabet.encode(characters)), text.codes_T, seed)
    values = finder.usable({name: label(text) for name, label in labels.items()}, labels)
    strengths = Finder(untrained, text.codes_T, seed).best_strengths(values, labels)
    return {one.label: one for one in finder.find(values, labels, strengths)}


def test_planted_units_are_found_and_no_random_one(text, untrained, seed):
    evidence = found_in(planted_model(text, ROOT, HIDDEN, seed), text, untrained, seed)
    for label, unit in PLANTED.items():
        assert (evidence[label].number, evidence[label].is_localised) == (unit, True)
    assert evidence["quote"].iou == pytest.approx(1.0, abs=0.02)
    for label, one in evidence.items():  # `line_end` may be told by the counter of the line
        assert not one.is_localised or one.number in PLANTED.values(), label
    assert evidence["newline"].verdict == "told by the last characters"


def test_nothing_is_found_in_an_untrained_model(text, untrained, seed):
    """Stated error rate: 0 of 20 models with 6 labels each, 120 chances; the 95 % bound of that is 2.5 %."""
    model = planted_model(text, ROOT, HIDDEN, seed, planted=False)
    evidence = found_in(model, text, untrained, seed)
    assert len(evidence) == 6
    assert [one.label for one in evidence.values() if one.is_localised] == []


def test_planted_units_are_used_for_their_label_alone():
    text = planted_text(20_000, 3)
    model = planted_model(text, ROOT, HIDDEN, 3)
    found = analyse_cells(model, text, list(PLANTED), language="prose")
    assert {one.label: (one.number, one.verdict) for one in found.evidence} == {
        label: (unit, "localised, used for this alone") for label, unit in PLANTED.items()
    }
    by_label = {one.label: one for one in found.evidence}
    quote, line = by_label["quote"], by_label["line"]
    assert quote.rise_if_label == pytest.approx(0, abs=1e-3)  # the unit is the label
    assert quote.raised[0].character == '"'
    assert line.raised[0].character == "\n"
    assert quote.steered.on > 2 * quote.steered.free
    assert line.steered.off > 3 * line.steered.free


def test_a_unit_that_the_output_does_not_read_is_not_used():
    text = planted_text(LENGTH, 5)
    model = planted_model(text, ROOT, HIDDEN, 5)
    with torch.no_grad():
        model.decoder.output.weight[:, QUOTE] = 0
        model.decoder.cell.recurrent.weight[:, QUOTE] *= torch.arange(4 * HIDDEN) % HIDDEN == QUOTE
    (one,) = analyse_cells(model, text, ["quote"], language="prose").evidence
    assert one.verdict == "localised"
    assert all(effect.on == pytest.approx(0, abs=1e-5) for effect in one.effects.values())


def test_a_recording_equals_a_trace_of_the_whole_text(tmp_path):
    """Streams with a warm-up forget where they began; guesses and losses are those of the whole."""
    text = planted_text(4_000, 2)
    model = planted_model(text, ROOT, HIDDEN, 2)
    numbers = model.alphabet.encode(text)
    recording = record(model.prompted, numbers, tmp_path)
    tokens = torch.from_numpy(np.concatenate([[model.line_feed], numbers]).astype(np.int64))[None]
    decoder = model.decoder
    zero = decoder.cell.zero_state(torch.zeros(1, 1))
    with torch.no_grad():
        traced = decoder.cell.trace(decoder.embed(tokens).symbol, zero)
        log_p = decoder.logits((), (traced.states[0][0],)).log_softmax(dim=-1)
    expected = torch.cat([*traced.states[:1], traced.states[1].tanh(), *traced.gates.values()], dim=-1)[0, 1:]
    np.testing.assert_allclose(recording.values_TK, expected, atol=2e-3)
    nats = -log_p[1:-1].gather(1, tokens[0, 2:, None])[:, 0]
    np.testing.assert_allclose(recording.nats_T[1:], nats, atol=2e-3)
    assert np.isnan(recording.nats_T[0])
    np.testing.assert_allclose(recording.chances_TP, log_p[1:].topk(5).values.exp(), atol=2e-3)
    assert list(tmp_path.iterdir()) == []  # the file has no name
