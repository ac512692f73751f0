"""The cells of captioners: labels of words, and the states of captions against steps by hand."""

import math

import numpy as np
import pytest
import torch

from captioner.errors import UserError
from captioner.inference.caption import Captioner
from captioner.insight.caption_labels.base import CAPTION_LABELS
from captioner.insight.interpretable_cells import captions
from captioner.insight.interpretable_cells.captions import analyse_caption_cells
from captioner.models.caption import WrittenBatch
from captioner.models.folder import load_model
from captioner.vocabulary import BOS

CASES = [
    ("position", "a dog runs", "123"),
    ("ending", "a dog runs on grass", "00111"),
    ("ending", "dogs", "1"),
    ("noun_phrase", "a man in a red shirt is riding two bikes", "1101110011"),
    ("noun_phrase", "people sitting near their dogs", "00011"),
    ("plural", "two dogs are on a hill", "--1111"),
    ("plural", "a dog is with men", "--000"),
    ("plural", "several people walking", "--1"),
    ("plural", "a red bus on grass", "---00"),
    ("plural", "a dog", "--"),
]


@pytest.mark.parametrize(("label", "caption", "expected"), CASES)
def test_a_label_of_captions_is_what_a_reader_marks(label, caption, expected):
    found = CAPTION_LABELS[label](caption.split())
    assert "".join("-" if math.isnan(value) else str(int(value)) for value in found) == expected


def test_every_label_of_captions_is_marked_by_hand():
    assert {label for label, *_ in CASES} == set(CAPTION_LABELS)


def test_the_states_of_captions_are_those_of_single_steps(tiny_model):
    model = load_model(tiny_model("caption"))
    decoder = model.decoder
    generator = torch.Generator().manual_seed(4)
    features = torch.randn(2, math.prod(model.encoder.grid), model.encoder.feature_dim, generator=generator)
    sentences = [[7, 5], [6, 9, 8]]
    found = captions._record(decoder, WrittenBatch(features, sentences))
    expected = []
    with torch.no_grad():
        for row, sentence in enumerate(sentences):
            memory, state = decoder.start(features[row : row + 1])
            state = decoder.step(torch.tensor([BOS]), state, memory).state
            for token in sentence:
                state = decoder.step(torch.tensor([token]), state, memory).state
                expected.append(state)
    by_name = {str(signal): values for signal, values in found.items()}
    hidden = torch.cat([state[0] for state in expected])
    np.testing.assert_allclose(by_name["1.h"], hidden, atol=2e-3)
    if "1.c" in by_name:
        np.testing.assert_allclose(by_name["1.c"], torch.cat([s[1] for s in expected]).tanh(), atol=2e-3)


def test_a_planted_position_is_found_in_a_captioner(tiny_model):
    """The memory of one unit is put to the number of words read; the captions' words are random."""
    model = load_model(tiny_model("caption"))
    rng = np.random.default_rng(3)
    grid, hidden = math.prod(model.encoder.grid), model.decoder.cell.hidden_dim
    batches = [
        WrittenBatch(
            torch.from_numpy(rng.normal(size=(8, grid, model.encoder.feature_dim)).astype(np.float32)),
            [rng.integers(4, len(model.vocabulary), rng.integers(4, 12)).tolist() for _ in range(8)],
        )
        for _ in range(40)
    ]
    real = captions._record

    def planted(decoder, batch):
        found = dict(real(decoder, batch))
        if decoder is model.decoder:
            signal = next(iter(found))
            places = [t for tokens in batch.tokens for t in range(1, len(tokens) + 1)]
            values = found[signal].copy()
            values[:, 2] = np.array(places) / 20
            found[signal] = values
        return found

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(captions, "_record", planted)
        found = analyse_caption_cells(model, batches, ["position"])
    (one,) = found.evidence
    assert hidden > 2
    assert (one.number, one.verdict) == (2, "localised")
    assert one.score == pytest.approx(1, abs=1e-3)
    assert found.num_captions == 320


def test_captions_come_with_what_their_model_saw(tiny_model, tmp_path):
    captioner = Captioner(tiny_model("caption"))
    rng = np.random.default_rng(1)
    images = [(f"{i}", rng.integers(0, 255, (40, 40, 3)).astype(np.uint8)) for i in range(3)]
    written = [one for batch in captioner.written_batches(images) for one in batch.tokens]
    expected = [captioner.model.vocabulary.encode(one.words) for one in captioner.stream(images) if one.words]
    assert [list(map(int, tokens)) for tokens in written] == [list(map(int, tokens)) for tokens in expected]


def test_an_unknown_label_of_captions_is_refused(tiny_model):
    with pytest.raises(UserError, match="There is no label 'quote' of captions"):
        analyse_caption_cells(load_model(tiny_model("caption")), [], ["quote"])
