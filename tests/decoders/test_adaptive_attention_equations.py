"""Adaptive attention written out again, word by word, in numpy."""

import numpy as np
import torch

from captioner.decoders.adaptive_attention import AdaptiveAttention

L, F, H, E, A, V = 4, 5, 6, 7, 8, 9
WORDS = [1, 7, 4, 8]


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def relu(x):
    return np.maximum(x, 0)


def softmax(x):
    return np.exp(x) / np.exp(x).sum()


def written_out(p, a_LF, words):
    """Logits and attention after each word, by eq. 5 to 13 of the paper, in its own form of eq. 11 and 12."""
    v_LH = relu(a_LF @ p["locations.weight"].T + p["locations.bias"])
    v_global = relu(p["whole_image.weight"] @ a_LF.mean(0) + p["whole_image.bias"])
    h, m = np.zeros(H), np.zeros(H)
    logits, alphas = [], []
    for word in words:
        x = np.concatenate([p["words.weight"][word], v_global])
        gate = sigmoid(
            np.hstack([p["word_to_gate.weight"], p["image_to_gate.weight"]]) @ x
            + p["word_to_gate.bias"]
            + p["state_to_gate.weight"] @ h
        )
        i, f, g, o = np.split(
            np.hstack([p["cell.input.weight"], p["image_to_cell.weight"]]) @ x
            + p["cell.input.bias"]
            + p["cell.recurrent.weight"] @ h,
            4,
        )
        m = sigmoid(f) * m + sigmoid(i) * np.tanh(g)
        h = sigmoid(o) * np.tanh(m)
        sentinel = gate * np.tanh(m)
        keys = [p["attention.keys.weight"] @ v + p["attention.keys.bias"] for v in v_LH]
        own_key = p["sentinel_key.weight"] @ sentinel + p["sentinel_key.bias"]
        scores = np.array(
            [
                p["attention.score.weight"][0] @ np.tanh(key + p["attention.query.weight"] @ h)
                for key in [*keys, own_key]
            ]
        )
        all_weights = softmax(scores)
        beta, alpha = all_weights[-1], softmax(scores[:-1])
        context = beta * sentinel + (1 - beta) * (alpha @ v_LH)
        np.testing.assert_allclose(all_weights[:-1], (1 - beta) * alpha)
        hidden = np.tanh(p["hidden_to_output.weight"] @ (context + h) + p["hidden_to_output.bias"])
        logits.append(p["output.weight"] @ hidden + p["output.bias"])
        alphas.append(alpha)
    return np.stack(logits), np.stack(alphas)


def test_agrees_with_the_equations():
    torch.manual_seed(0)
    decoder = AdaptiveAttention(F, V, {"name": "lstm", "hidden_dim": H}, E, A).double().eval()
    for parameter in decoder.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    p = {name: value.detach().numpy() for name, value in decoder.named_parameters()}
    features_BLF = torch.randn(1, L, F, dtype=torch.double)
    tokens_BKT = torch.tensor([[WORDS]])
    with torch.no_grad():
        found = decoder(features_BLF, tokens_BKT, torch.ones_like(tokens_BKT, dtype=torch.bool))
    logits, alphas = written_out(p, features_BLF[0].numpy(), WORDS)
    np.testing.assert_allclose(found.logits_MV.numpy(), logits, atol=1e-10)
    np.testing.assert_allclose(found.alphas_NTL[0].numpy(), alphas, atol=1e-10)


def test_a_model_that_relies_on_its_sentinel_alone_does_not_see_the_locations():
    torch.manual_seed(1)
    decoder = AdaptiveAttention(F, V, {"name": "gru", "hidden_dim": H}, E, A).double().eval()
    with torch.no_grad():
        decoder.attention.score.weight.fill_(1.0)
        decoder.attention.keys.bias.fill_(-900.0)
        decoder.sentinel_key.bias.fill_(900.0)
        decoder.whole_image.weight.zero_()
        tokens_BKT = torch.tensor([[WORDS]] * 2)
        found = decoder(torch.randn(2, L, F, dtype=torch.double), tokens_BKT, tokens_BKT > 0).logits_MV
    torch.testing.assert_close(found[: len(WORDS)], found[len(WORDS) :], atol=1e-4, rtol=0)
