"""A language model some of whose units are set by formula, and a text for it."""

import numpy as np
import torch
import torch.nn.functional as F

from captioner.config import load
from captioner.data.text.alphabet import Alphabet
from captioner.models.char_lm import CharLanguageModel

LETTERS = "abcdefgh "
QUOTE, LINE, DEPTH = 0, 1, 2
"""The units that are planted."""
SURE = 15.0  # a gate's pre-activation that opens or shuts it


def planted_text(length: int, seed: int) -> str:
    """Lines of about 40 characters, in which quotes and nested brackets open and close at random."""
    rng = np.random.default_rng(seed)
    pieces: list[str] = []
    while len(pieces) < length:
        inside, depth, size = False, 0, int(rng.integers(34, 46))
        for at in range(size):
            draw, room = rng.random(), size - at
            if inside and (draw < 0.12 or room <= 6):
                pieces.append('"')
                inside = False
            elif depth and not inside and (draw < 0.2 or room <= depth + 1):
                pieces.append(")")
                depth -= 1
            elif draw > 0.95 and room > 16 and not inside:
                pieces.append('"')
                inside = True
            elif draw > 0.85 and room > 12 and depth < 3 and not inside:
                pieces.append("(")
                depth += 1
            else:
                pieces.append(LETTERS[int(rng.integers(len(LETTERS)))])
        pieces.append("\n")
    return "".join(pieces[:length])


def planted_model(text: str, root, hidden_dim: int, seed: int, planted: bool = True) -> CharLanguageModel:
    """A model whose first three units are a quote cell, a line counter and a depth counter among random ones.

    quote: at a quote c becomes tanh(1 - 5 h), so it changes its sign; at a line feed -1.
    line:  c grows by 0.03 at every character, and starts again at a line feed.
    depth: c grows by 0.3 at an opening bracket and falls by it at a closing one; 0 at a line feed.

    The output layer alone is fitted to the text. With `planted` false no unit is set.
    """
    torch.manual_seed(seed)
    changes = [f"decoder.cell.hidden_dim={hidden_dim}", "decoder.embed_dim=null"]
    config = load(root / "configs/char-lm.yaml", changes)
    alphabet = Alphabet.of(text, "characters")
    model = CharLanguageModel(config, alphabet.vocabulary).eval()
    cell = model.decoder.cell
    with torch.no_grad():
        cell.input.weight.normal_(std=0.8)
        cell.recurrent.weight.normal_(std=1.2 / hidden_dim**0.5)
        if planted:
            _plant(cell, {symbol: i for i, symbol in enumerate(alphabet.symbols)})
        _fit_output(model, torch.from_numpy(alphabet.encode(text).astype(np.int64)))
    return model


def _plant(cell, column: dict[str, int]) -> None:
    H = cell.hidden_dim
    W = {gate: cell.input.weight[i * H : (i + 1) * H] for i, gate in enumerate("ifgo")}
    b = {gate: cell.input.bias[i * H : (i + 1) * H] for i, gate in enumerate("ifgo")}
    U = {gate: cell.recurrent.weight[i * H : (i + 1) * H] for i, gate in enumerate("ifgo")}
    for unit in (QUOTE, LINE, DEPTH):
        for gate in "ifgo":
            W[gate][unit] = 0
            U[gate][unit] = 0
        b["i"][unit], b["f"][unit], b["o"][unit], b["g"][unit] = -SURE, SURE, SURE, 0
        W["f"][unit, column["\n"]] = -2 * SURE
    for symbol in '"\n':
        W["i"][QUOTE, column[symbol]] = 2 * SURE
        W["f"][QUOTE, column[symbol]] = -2 * SURE
    b["g"][QUOTE] = 1
    U["g"][QUOTE, QUOTE] = -5
    W["g"][QUOTE, column["\n"]] = -SURE
    b["i"][LINE] = SURE
    b["g"][LINE] = 0.03
    for symbol, step in (("(", 0.3), (")", -0.3)):
        W["i"][DEPTH, column[symbol]] = 2 * SURE
        W["g"][DEPTH, column[symbol]] = np.arctanh(step)


@torch.enable_grad()
def _fit_output(model: CharLanguageModel, tokens_T) -> None:
    """Fit the output layer by a few steps of L-BFGS."""
    decoder, rows = model.decoder, 8
    tokens_NT = tokens_T[: len(tokens_T) // rows * rows].view(rows, -1)
    with torch.no_grad():
        zero = decoder.cell.zero_state(decoder.output.weight.new_zeros(rows, 1))
        outputs_NTH = decoder.read(tokens_NT[:, :-1], zero).outputs_NTH
    x, y = outputs_NTH.flatten(0, 1), (tokens_NT[:, 1:] - decoder.unsaid).flatten()
    optimizer = torch.optim.LBFGS(decoder.output.parameters(), max_iter=60, line_search_fn="strong_wolfe")

    def loss():
        optimizer.zero_grad()
        value = F.cross_entropy(decoder.output(x), y) + 1e-5 * decoder.output.weight.square().sum()
        value.backward()
        return value

    optimizer.step(loss)
