"""Pairs as batches: sources of one length, targets as they are to be written, every pair once an epoch."""

import random
from itertools import chain

import pytest
import torch

from captioner.config import TrainingConfig
from captioner.data.translation.base import PairRow, pair_table
from captioner.data.translation.batches import PairData
from captioner.data.translation.symbols import Symbols
from captioner.errors import UserError
from captioner.vocabulary import BOS, EOS, PAD, SPECIAL, UNK


def table(seed, number):
    chance = random.Random(seed)
    sources = ["".join(chance.choices("abcd", k=chance.randint(1, 4))) for _ in range(number)]
    return pair_table(PairRow(source=s, target=s[::-1] * chance.randint(1, 3), kind="") for s in sources)


@pytest.fixture
def data():
    made = PairData({"train": table(1, 50), "val": table(2, 17)})
    made.connect(made.symbols("characters", 1, None), TrainingConfig(batch_size=4), seed=5)
    return made


def told(data, batch, split):
    """What a batch says, as text, and that it is laid out as it should be."""
    symbols = data.symbols("characters", 1, None)
    assert batch.sources.shape[0] == batch.tokens_BKT.shape[0] == len(batch.numbers_B) <= 4
    assert batch.tokens_BKT.shape[1] == 1
    lengths = (batch.tokens_BKT[:, 0] != PAD).sum(dim=1).tolist()
    assert lengths == sorted(lengths, reverse=True)
    for number, source, (target, *_) in zip(
        batch.numbers_B.tolist(), batch.sources.tolist(), batch.tokens_BKT.tolist(), strict=True
    ):
        row = data.tables[split][number]
        written = [token for token in target if token != PAD]
        assert (written[0], written[-1]) == (BOS, EOS)
        assert symbols.decode(source) == row["source"]
        assert symbols.decode(written[1:]) == row["target"]
        yield number


def test_an_epoch_has_every_pair_once_in_batches_of_one_length(data):
    loader = data.training_loader()
    orders = []
    for _ in range(2):
        batches = [list(told(data, batch, "train")) for batch in loader]
        assert sorted(chain(*batches)) == list(range(50))
        assert len(batches) == len(loader)
        orders.append(batches)
    assert orders[0] != orders[1]


def test_validation_is_the_same_every_time(data):
    loader = data.validation_loader()
    passes = [[list(told(data, batch, "val")) for batch in loader] for _ in range(2)]
    assert passes[0] == passes[1]
    assert sorted(chain(*passes[0])) == list(range(17))


def test_symbols_are_those_of_training_alone_and_the_rarest_are_left_out():
    rows = {"train": [("ab", "x"), ("ba", "xy")], "val": [("z", "z")]}
    data = PairData({
        split: pair_table(PairRow(source=s, target=t, kind="") for s, t in own) for split, own in rows.items()
    })  # fmt: skip
    assert set(data.symbols("characters", 1, None).vocabulary.words) == {*SPECIAL, *"abxy"}
    assert data.symbols("characters", 2, None).vocabulary.words == [*SPECIAL, "a", "b", "x"]
    data.connect(data.symbols("characters", 1, None), TrainingConfig(), seed=0)
    (batch,) = data.validation_loader()
    torch.testing.assert_close(batch.sources, torch.tensor([[UNK]]))


@pytest.mark.parametrize(
    ("unit", "text", "found"),
    [
        ("characters", "  a b\n", ["a", " ", "b"]),
        ("words", " one\ttwo  three", ["one", "two", "three"]),
        ("words", "", []),
    ],
)
def test_symbols_of_a_text_and_back(unit, text, found):
    symbols = Symbols.of([text], unit)
    assert symbols.split(text) == found
    assert symbols.decode([*symbols.encode(text), EOS, BOS]) == " ".join(text.split())
    if found:
        assert symbols.encode_known(text) == symbols.encode(text)


@pytest.mark.parametrize(
    ("unit", "text", "says"),
    [
        (
            "characters",
            "ab\u20ac",
            "never seen '\u20ac' (U+20AC, character 3). It knows 4 characters: ' abc'",
        ),
        ("words", "a d", "never seen the word 'd' (word 2 of 2)"),
        ("words", " \n", "The text is empty"),
    ],
)
def test_an_unknown_symbol_is_named(unit, text, says):
    with pytest.raises(UserError) as error:
        Symbols.of(["a b c"], unit).encode_known(text)
    assert says in str(error.value)
