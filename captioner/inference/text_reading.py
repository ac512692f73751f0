"""Read a short text with a language model: surprise, guesses and the memory of one layer, symbol by symbol.

T symbols, H units, V vocabulary.
"""

from typing import Any, NamedTuple

import torch
from torch import Tensor

from captioner.errors import UserError
from captioner.insight.interpretable_cells.recording import TOP
from captioner.insight.interpretable_cells.signals import Signal
from captioner.insight.interpretable_cells.units import layers_of, signals_of
from captioner.models.char_lm import CharLanguageModel
from captioner.models.prompt import no_image


class TextReading(NamedTuple):
    """A text as a model reads it.

    Attributes:
        symbols: its T symbols: characters, or the digits of bytes.
        nats_T: -log p of each, after all before it; a numpy array, as of `Writer.nll`.
        guesses: after each symbol, those likeliest to come next with their probabilities.
        signal: the memory that `values_TH` are of; its kind is `h` in a cell without a memory beside it.
        values_TH: the memory of every unit of the layer after each symbol, as the cell reads it: tanh(c) in
            an LSTM; a numpy array.
    """

    symbols: list[str]
    nats_T: Any
    guesses: list[list[tuple[str, float]]]
    signal: Signal
    values_TH: Any


def layer_sizes(model: CharLanguageModel) -> list[int]:
    """Return the number of units of each layer, the first one first."""
    return [layer.hidden_dim for layer in layers_of(model.decoder.cell)]


@torch.inference_mode()
def read_text(model: CharLanguageModel, text: str | bytes, layer: int | None = None) -> TextReading:
    """Read a text from the start that the model's option `prompt_state` says.

    All values are held in memory; `insight.interpretable_cells.reader.record` is for long texts.

    Args:
        model: the model.
        text: one symbol or more.
        layer: the layer whose memory is returned, from 1; None: the top one.

    Returns:
        The reading.

    Raises:
        UserError: the text is empty or has a character that the model does not know; there is no such layer;
            the model's scores are not finite.
    """
    num_layers = len(layer_sizes(model))
    layer = num_layers if layer is None else layer
    if not 1 <= layer <= num_layers:
        raise UserError(f"There is no layer {layer}: the layers are 1 to {num_layers}.")
    if not text:
        raise UserError("The text is empty: there is nothing to read.")
    tokens_T = torch.from_numpy(model.alphabet.encode(text)).long().to(model.device)
    prompted, decoder = model.prompted, model.decoder
    state = prompted.start(no_image(decoder, 1)).state
    inputs = torch.cat([tokens_T.new_tensor([prompted.token]), tokens_T])
    traced = decoder.cell.trace(decoder.embed(inputs[None]).symbol, state)
    log_probs = decoder.logits((), (traced.states[0][0],)).log_softmax(dim=-1)
    if log_probs.isnan().any():
        raise UserError("The model's scores are not numbers: its weights are broken.")
    signals = signals_of(decoder.cell, traced)
    signal = Signal(layer, "c") if Signal(layer, "c") in signals else Signal(layer, "h")
    return TextReading(
        model.alphabet.names(tokens_T.tolist()),
        -log_probs[:-1].gather(1, tokens_T[:, None])[:, 0].double().cpu().numpy(),
        _guesses(model, log_probs[1:]),
        signal,
        signals[signal][0, 1:].float().cpu().numpy(),
    )


def _guesses(model: CharLanguageModel, log_probs_TV: Tensor) -> list[list[tuple[str, float]]]:
    count = min(TOP, len(model.alphabet.symbols))
    likeliest = log_probs_TV.topk(count, dim=-1)
    rows = zip(likeliest.indices.tolist(), likeliest.values.exp().tolist(), strict=True)
    return [list(zip(model.alphabet.names(tokens), chances, strict=True)) for tokens, chances in rows]
