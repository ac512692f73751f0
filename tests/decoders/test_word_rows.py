"""The tensors with one row a word: all of them, and each from the word that it says."""

import pytest
import torch

from captioner.decoders.base import DECODERS
from captioner.encoders.text_encoder import TextEncoder
from captioner.vocabulary import SPECIAL

B, K, T, L, F, H, E, V = 2, 3, 5, 4, 6, 7, 8, 23
ONE = "language_model"
MADE = [(name, {}) for name in sorted(DECODERS)] + [(ONE, {"embed_dim": None}), (ONE, {"endless": True})]


def build(name, options, seed=0):
    torch.manual_seed(seed)
    options = {"embed_dim": E} | options
    facts = {"feature_dim": F, "num_locations": L, "vocab_size": V, "endless": options.pop("endless", False)}
    decoder = DECODERS.build({"name": name, "cell": {"name": "gru", "hidden_dim": H}, **options}, **facts)
    for parameter in decoder.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    return decoder.double().eval()


@pytest.mark.parametrize(("name", "options"), MADE)
def test_every_tensor_with_one_row_a_word_is_named(name, options):
    decoder = build(name, options)
    first = len(SPECIAL) if options.get("endless") else 0
    tensors = decoder.state_dict()
    assert decoder.word_rows() == {key: first for key in tensors if len(tensors[key]) == V - first}


@pytest.mark.parametrize(("name", "options"), [made for made in MADE if "embed_dim" not in made[1]])
def test_words_whose_rows_are_exchanged_have_exchanged_their_logits(name, options):
    decoder, other = build(name, options), build(name, options, seed=1)
    first = len(SPECIAL)
    number_V = torch.cat([torch.arange(first), first + torch.randperm(V - first)])  # of each word in `other`
    tensors = decoder.state_dict()
    for key, skipped in decoder.word_rows().items():
        moved = torch.empty_like(tensors[key])
        moved[number_V[skipped:] - skipped] = tensors[key]
        tensors[key] = moved
    other.load_state_dict(tensors)
    features_BLF, tokens_BKT = torch.randn(B, L, F).double(), torch.randint(first, V, (B, K, T))
    mask_BKT = torch.ones(B, K, T, dtype=torch.bool)
    expected = decoder(features_BLF, tokens_BKT, mask_BKT).logits_MV
    found = other(features_BLF, number_V[tokens_BKT], mask_BKT).logits_MV
    torch.testing.assert_close(found[:, number_V], expected)


def test_a_text_encoder_names_its_words():
    encoder = TextEncoder(V, {"name": "lstm", "hidden_dim": H}, E, bidirectional=True)
    tensors = encoder.state_dict()
    assert encoder.word_rows() == {key: 0 for key in tensors if len(tensors[key]) == V}
