"""Show, Attend and Tell written out again, word by word and row by row, in numpy."""

import itertools

import numpy as np
import pytest
import torch

from captioner.decoders.show_attend_tell import ShowAttendTell

L, F, H, E, A, V = 4, 5, 6, 7, 8, 9
OPTIONS = list(itertools.product(["scalar", "vector", "none"], ["deep", "hidden"]))


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def softmax(x):
    return np.exp(x) / np.exp(x).sum()


def written_out(p, a_LF, words, gate, output):
    """Logits after each word, by sec. 3.1 and 4.2 of the paper."""
    h, c = np.split(np.tanh(p["init.weight"] @ a_LF.mean(0) + p["init.bias"]), 2)
    logits = []
    for word in words:
        e_l = [
            p["attention.score.weight"][0]
            @ np.tanh(
                p["attention.keys.weight"] @ a + p["attention.keys.bias"] + p["attention.query.weight"] @ h
            )
            for a in a_LF
        ]
        z = softmax(np.array(e_l)) @ a_LF
        if gate != "none":
            z = sigmoid(p["gate.weight"] @ h + p["gate.bias"]) * z
        y = p["words.weight"][word]
        i, f, g, o = np.split(
            np.hstack([p["cell.input.weight"], p["context_to_cell.weight"], p["cell.recurrent.weight"]])
            @ np.concatenate([y, z, h])
            + p["cell.input.bias"],
            4,
        )
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        h = sigmoid(o) * np.tanh(c)
        if output == "deep":
            summed = y + p["hidden_to_output.weight"] @ h + p["context_to_output.weight"] @ z
        else:
            summed = h
        logits.append(p["output.weight"] @ summed + p["output.bias"])
    return np.stack(logits)


@pytest.mark.parametrize(("gate", "output"), OPTIONS)
def test_agrees_with_the_equations(gate, output):
    torch.manual_seed(0)
    cell = {"name": "lstm", "hidden_dim": H}
    decoder = ShowAttendTell(F, V, cell, E, A, gate=gate, output=output).double().eval()
    for parameter in decoder.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    p = {name: value.detach().numpy() for name, value in decoder.named_parameters()}
    features_BLF, words = torch.randn(1, L, F, dtype=torch.double), [1, 7, 4, 8]
    tokens_BKT = torch.tensor([[words]])
    with torch.no_grad():
        found = decoder(features_BLF, tokens_BKT, torch.ones_like(tokens_BKT, dtype=torch.bool)).logits_MV
    np.testing.assert_allclose(
        found.numpy(), written_out(p, features_BLF[0].numpy(), words, gate, output), atol=1e-10
    )


def test_the_scalar_gate_is_the_default():
    assert ShowAttendTell(F, V, {"name": "lstm", "hidden_dim": H}).gate.out_features == 1
    assert ShowAttendTell(F, V, {"name": "lstm", "hidden_dim": H}, gate="vector").gate.out_features == F
