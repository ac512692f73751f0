"""The language model: independent of the image, and without special words where a text never ends."""

import pytest
import torch
import torch.nn.functional as F

from captioner.decoders.base import DECODERS
from captioner.vocabulary import SPECIAL

V = 9
TOKENS_NT = torch.tensor([[4, 8, 5], [6, 6, 7]])


def make(endless, embed_dim=None):
    torch.manual_seed(7)
    config = {"name": "language_model", "cell": {"name": "lstm", "hidden_dim": 6}, "embed_dim": embed_dim}
    return DECODERS.build(config, feature_dim=3, vocab_size=V, endless=endless).double().eval()


@pytest.mark.parametrize("endless", [True, False])
def test_without_an_embedding_a_symbol_is_one_hot(endless):
    model = make(endless)
    size = V - len(SPECIAL) if endless else V
    (symbols_NTE,) = model.embed(TOKENS_NT)
    torch.testing.assert_close(symbols_NTE, torch.eye(size).double()[TOKENS_NT - (V - size)])
    column_G = model.cell.input.weight[:, 4 - (V - size)]
    torch.testing.assert_close(model.cell.project(symbols_NTE[0, 0]), column_G + model.cell.input.bias)


@pytest.mark.parametrize("embed_dim", [None, 5])
def test_special_words_of_an_endless_text_have_probability_and_embedding_zero(embed_dim):
    model = make(True, embed_dim)
    memory, state = model.start(torch.zeros(2, 0, 0).double())
    logits_NV = model.step(TOKENS_NT[:, 0], state, memory).logits_NV
    assert (logits_NV[:, : len(SPECIAL)] == -torch.inf).all()
    torch.testing.assert_close(logits_NV.softmax(1).sum(1), torch.ones(2).double())
    assert not any(leaf.any() for leaf in model.embed(torch.arange(len(SPECIAL))))
    assert model.embed(torch.tensor([4]))[0].any()
    loss = F.cross_entropy(logits_NV, TOKENS_NT[:, 1])
    loss.backward()
    assert all(p.grad.isfinite().all() for p in model.parameters())


def test_features_make_no_difference():
    model = make(False)
    mask_BKT = torch.ones(2, 1, 3, dtype=torch.bool)
    one, other = (model(torch.randn(2, n, 3).double(), TOKENS_NT.unsqueeze(1), mask_BKT) for n in (0, 4))
    torch.testing.assert_close(one.logits_MV, other.logits_MV)


def test_a_text_in_chunks_equals_the_whole():
    model = make(True, 5)
    state = model.start(torch.zeros(2, 0, 0).double()).state
    whole = model.read(TOKENS_NT, state)
    first = model.read(TOKENS_NT[:, :1], state)
    second = model.read(TOKENS_NT[:, 1:], first.state)
    torch.testing.assert_close(torch.cat([first.outputs_NTH, second.outputs_NTH], 1), whole.outputs_NTH)
    torch.testing.assert_close(second.state, whole.state)
