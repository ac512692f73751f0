"""Find the units of a captioner that stand for properties of the captions it writes.

B images, T words of a caption, W words of all captions, L locations, F feature.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from captioner.cells.base import Cell
from captioner.decoders.base import Decoder
from captioner.errors import UserError, nearest
from captioner.insight.caption_labels.base import CAPTION_LABELS, CaptionLabel
from captioner.insight.interpretable_cells.evidence import Evidence
from captioner.insight.interpretable_cells.finder import Finder
from captioner.insight.interpretable_cells.recording import TOP, Recording
from captioner.insight.interpretable_cells.signals import Signal
from captioner.insight.interpretable_cells.units import layer_states, layers_of
from captioner.insight.interpretable_cells.untrained import untrained_copy
from captioner.insight.labels.base import Label, Values
from captioner.models.caption import CaptionModel, WrittenBatch
from captioner.vocabulary import BOS, PAD


class CaptionCells(NamedTuple):
    """The units of a captioner that serve labels best.

    Args:
        evidence: of each label, the strongest first.
        num_captions: captions that were read.
        num_words: their words.
        absent: labels that hardly occur.
    """

    evidence: list[Evidence]
    num_captions: int
    num_words: int
    absent: list[str]


def analyse_caption_cells(
    model: CaptionModel, batches: Iterable[WrittenBatch], names: Sequence[str] | None = None, seed: int = 0
) -> CaptionCells:
    """Find the units that stand for labels: chosen on the first half of the captions, scored on the second.

    Args:
        model: the captioner.
        batches: images with captions that the model wrote.
        names: of labels; None: all.
        seed: of controls and of the untrained model's weights.

    Returns:
        The evidence, without ablations. Controls are those of texts, with words for characters.

    Raises:
        UserError: the decoder has no recurrent cell; there is no such label, or none occurs.
    """
    labels = _labels(names)
    untrained = untrained_copy(model, seed).decoder
    recorded, recorded_untrained, sentences = [], [], []
    for batch in batches:
        sentences += [list(tokens) for tokens in batch.tokens]
        recorded.append(_record(model.decoder, batch))
        recorded_untrained.append(_record(untrained, batch))
    codes_W = np.array([token for tokens in sentences for token in tokens], np.uint32)
    written = [model.vocabulary.decode(tokens) for tokens in sentences]
    values = {
        name: np.array([v for words in written for v in label(words)], np.float32)
        for name, label in labels.items()
    }
    as_text = {
        name: Label(_not_of_text, one.about, one.graded, (), one.future) for name, one in labels.items()
    }
    finder, before = (
        Finder(_joined(model.decoder, one), codes_W, seed) for one in (recorded, recorded_untrained)
    )
    usable = finder.usable(values, as_text)
    if not usable:
        raise UserError(f"None of the labels {', '.join(values)} occurs in the captions often enough.")
    evidence = finder.find(usable, as_text, before.best_strengths(usable, as_text))
    evidence.sort(key=lambda one: (not one.is_localised, -one.strength))
    return CaptionCells(evidence, len(sentences), len(codes_W), [n for n in values if n not in usable])


def _labels(names: Sequence[str] | None) -> dict[str, CaptionLabel]:
    known = list(CAPTION_LABELS)
    found = {}
    for name in known if names is None else names:
        if name not in known:
            raise UserError(f"There is no label {name!r} of captions. {nearest(name, known)}")
        label: Any = CAPTION_LABELS[name]
        found[name] = label
    return found


def _not_of_text(_: Any) -> Values:
    raise TypeError("a label of captions is not computed from characters")


def _cell(decoder: Decoder) -> Cell:
    cell = getattr(decoder, "cell", None)
    if not isinstance(cell, Cell):
        raise UserError(f"The decoder {type(decoder).__name__} has no recurrent cell to look into.")
    return cell


@torch.inference_mode()
def _record(decoder: Decoder, batch: WrittenBatch) -> Mapping[Signal, np.ndarray]:
    """Read captions word by word: h and memory of every layer after each word, (words of the batch, H)."""
    cell = _cell(decoder)
    lengths = [len(tokens) for tokens in batch.tokens]
    tokens_BT = torch.full((len(lengths), max(lengths) + 1), PAD, device=batch.features_BLF.device)
    tokens_BT[:, 0] = BOS
    for row, tokens in enumerate(batch.tokens):
        tokens_BT[row, 1 : len(tokens) + 1] = torch.tensor(tokens)
    memory, state = decoder.start(batch.features_BLF)
    steps: dict[Signal, list[Tensor]] = {}
    for t, tokens_B in enumerate(tokens_BT.unbind(dim=1)):
        state = decoder.step(tokens_B, state, memory).state
        if not t:
            continue
        for number, (layer, leaves) in enumerate(
            zip(layers_of(cell), layer_states(cell, state), strict=True), 1
        ):
            steps.setdefault(Signal(number, "h"), []).append(leaves[0])
            if layer.memory_index:
                steps.setdefault(Signal(number, "c"), []).append(layer.read_memory(leaves))
    is_word_BT = (torch.arange(max(lengths)) < torch.tensor(lengths).unsqueeze(1)).to(tokens_BT.device)
    return {
        signal: torch.stack(values, dim=1)[is_word_BT].half().cpu().numpy()
        for signal, values in steps.items()
    }


def _joined(decoder: Decoder, parts: Sequence[Mapping[Signal, np.ndarray]]) -> Recording:
    signals = list(parts[0])
    values_WK = np.concatenate([np.concatenate([part[s] for s in signals], axis=1) for part in parts])
    nothing = np.zeros((len(values_WK), TOP))
    nats_W = np.full(len(values_WK), np.nan, np.float32)
    hidden_dim = _cell(decoder).hidden_dim
    return Recording(
        signals, hidden_dim, values_WK, nats_W, nothing.astype(np.int16), nothing.astype(np.float16)
    )
