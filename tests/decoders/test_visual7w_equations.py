"""Visual7W's decoder written out again, word by word, in numpy; both attentions."""

import numpy as np
import pytest
import torch

from captioner.decoders.visual7w import Visual7WDecoder
from captioner.errors import UserError

L, F, H, E, C, A, V = 4, 5, 6, 7, 3, 8, 9
CELL = {"name": "lstm", "hidden_dim": H}


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def softmax(x):
    return np.exp(x) / np.exp(x).sum()


def alphas(p, a_LF, h, attention):
    """Attention weights: Xu et al. (2015), or the one matrix over all locations of the released code."""
    if attention == "additive":
        keys_LA = a_LF @ p["attention.keys.weight"].T + p["attention.keys.bias"]
        return softmax(np.tanh(keys_LA + p["attention.query.weight"] @ h) @ p["attention.score.weight"][0])
    flat = np.concatenate(list(a_LF))
    weight, bias = p["attention.keys.1.weight"], p["attention.keys.1.bias"]
    return softmax(np.tanh(weight @ flat + bias + p["attention.query.weight"] @ h))


def written_out(p, a_LF, words, attention, output):
    """Logits and attention weights after each word; the image is the first input."""
    h, c = np.zeros(H), np.zeros(H)
    inputs = [np.maximum(p["image.weight"] @ a_LF.mean(0) + p["image.bias"], 0)]
    inputs += [p["words.weight"][word] for word in words]
    matrix = np.hstack([p["cell.input.weight"], p["context_to_cell.weight"], p["cell.recurrent.weight"]])
    logits, weights = [], []
    for x in inputs:
        weights.append(alphas(p, a_LF, h, attention))
        z = np.maximum(p["context.weight"] @ (weights[-1] @ a_LF) + p["context.bias"], 0)
        i, f, g, o = np.split(matrix @ np.concatenate([x, z, h]) + p["cell.input.bias"], 4)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        h = sigmoid(o) * np.tanh(c)
        top = h + p["context_to_output.weight"] @ (weights[-1] @ a_LF) if output == "deep" else h
        logits.append(p["output.weight"] @ top + p["output.bias"])
    return np.stack(logits[1:]), np.stack(weights[1:])


@pytest.mark.parametrize("output", ["hidden", "deep"])
@pytest.mark.parametrize("attention", ["additive", "located"])
def test_agrees_with_the_equations(attention, output):
    torch.manual_seed(0)
    sizes = {"attention_dim": A} if attention == "additive" else {}
    decoder = Visual7WDecoder(F, V, L, CELL, E, C, attention, output=output, **sizes).double().eval()
    for parameter in decoder.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    p = {name: value.detach().numpy() for name, value in decoder.named_parameters()}
    features_BLF, rows = torch.randn(2, L, F, dtype=torch.double), [[1, 7, 4, 8], [1, 5, 1, 6]]
    tokens_BKT = torch.tensor(rows).repeat(2, 1, 1)
    with torch.no_grad():
        found = decoder(features_BLF, tokens_BKT, torch.ones_like(tokens_BKT, dtype=torch.bool))
    expected = [written_out(p, a.numpy(), words, attention, output) for a in features_BLF for words in rows]
    np.testing.assert_allclose(
        found.logits_MV, np.concatenate([logits for logits, _ in expected]), atol=1e-10
    )
    np.testing.assert_allclose(found.alphas_NTL, np.stack([weights for _, weights in expected]), atol=1e-10)


def test_the_located_attention_has_the_size_of_the_released_code():
    decoder = Visual7WDecoder(512, 5, 196, {"name": "lstm", "hidden_dim": 512}, attention="located")
    keys = decoder.attention.keys[1].weight
    assert keys.numel() == 512 * 196 * 196 == 19_668_992
    assert decoder.words.weight.shape[1] + decoder.context.out_features == 512 + 256


def test_initial_values_of_the_options():
    torch.manual_seed(0)
    plain = Visual7WDecoder(F, V, cell=CELL)
    assert plain.attention.keys.out_features == 512
    assert plain.words.weight.abs().max() <= 0.1
    torch.manual_seed(0)
    other = Visual7WDecoder(F, V, cell=CELL, score_gain=8.0, embed_scale=2.0)
    torch.testing.assert_close(other.attention.score.weight, 8 * plain.attention.score.weight)
    torch.testing.assert_close(other.words.weight, 20 * plain.words.weight)
    assert Visual7WDecoder(F, V, cell=CELL, attention_dim=A).attention.keys.out_features == A


def test_dropout_is_on_the_input_of_the_output_layer():
    decoder = Visual7WDecoder(F, V, cell=CELL, dropout=0.999)
    with torch.no_grad():
        logits_MV = decoder.logits((), (torch.rand(20, H), torch.rand(20, F)))
    torch.testing.assert_close(logits_MV[0], decoder.output.bias.detach())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"num_locations": None}, "one number of locations"),
        ({"num_locations": L, "attention_dim": A}, "attention_dim and score_gain"),
        ({"num_locations": L, "score_gain": 8.0}, "attention_dim and score_gain"),
    ],
)
def test_the_located_attention_refuses_options_of_the_additive_one(options, message):
    with pytest.raises(UserError, match=message):
        Visual7WDecoder(F, V, attention="located", cell=CELL, **options)
