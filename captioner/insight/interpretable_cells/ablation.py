"""Ablate a unit: how much the loss rises where a label is on, and elsewhere.

N rows of text, T characters of a row, H hidden, V vocabulary.
"""

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from captioner.cells.base import State
from captioner.data.text.alphabet import Numbers
from captioner.decoders.language_model import LanguageModel
from captioner.insight.interpretable_cells.evidence import AblationEffect
from captioner.insight.interpretable_cells.signals import Unit
from captioner.insight.interpretable_cells.units import held_units, intervention, layer_states, layers_of
from captioner.insight.labels.base import Values
from captioner.models.prompt import PromptedLM, no_image

ROWS = 64
LENGTH = 200  # characters of a row that count
WARM_UP = 100  # read before them, without an ablation
CONTROLS = 5  # units of like variance that are ablated for comparison


class Raised(NamedTuple):
    """A next character that is likelier when a unit is held where it is if the label is on."""

    token: int
    on: float  # mean probability, held where the unit is if the label is on
    off: float  # the same, if it is off


class Rows(NamedTuple):
    """Passages of a text, read up to where they count.

    Args:
        places_NT: of their characters in the text.
        tokens_NT: those characters.
        state: before them.
    """

    places_NT: NDArray[np.int64]
    tokens_NT: Tensor
    state: State


class Ablations:
    """Passages of the second half of a text, and the model that reads them.

    Args:
        prompted: the model.
        numbers: the tokens of the text.
        half: where the second half begins.
        label_T: the label; where it is on, passages are looked for.
        means: for each layer, the mean of every unit's memory as it is read, (H,).
        spreads: likewise the standard deviations.
        seed: of the places and of the units for comparison.
    """

    def __init__(
        self,
        prompted: PromptedLM,
        numbers: Numbers,
        half: int,
        label_T: Values,
        means: list[Tensor],
        spreads: list[Tensor],
        seed: int = 0,
    ) -> None:
        self.decoder: LanguageModel = prompted.decoder
        self.means, self.spreads = means, spreads
        self.rng = np.random.default_rng(seed)
        with torch.inference_mode():
            self.rows = self._rows(numbers, half, label_T)
            self.base_NT, self.readouts = self._read()
        label_NT = label_T[self.rows.places_NT[:, :-1]]
        self.on_NT, self.off_NT = label_NT > 0, label_NT <= 0  # both false where it is not defined

    @torch.inference_mode()
    def effects(self, unit: Unit) -> dict[str, AblationEffect]:
        """Set a unit's memory to zero, its mean, its value elsewhere; and that of other units, to compare."""
        spread_H = self.spreads[unit.layer - 1]
        by_spread = (spread_H - spread_H[unit.number]).abs().argsort().tolist()
        nearest = [number for number in by_spread if number != unit.number][: 4 * CONTROLS]
        others = self.rng.choice(nearest, min(CONTROLS, len(nearest)), replace=False).tolist()
        units = [unit.number, *others]
        readouts_NTU = self.readouts[unit.layer - 1][:, :, units]
        means_U = self.means[unit.layer - 1][units].to(readouts_NTU)
        replaced = {
            "zero": torch.zeros_like(readouts_NTU),
            "mean": means_U.expand_as(readouts_NTU),
            "elsewhere": readouts_NTU.roll(len(readouts_NTU) // 2, dims=0),
        }
        found = {}
        for method, values_NTU in replaced.items():
            rise_NT, *rises = self._rises(unit.layer, units, values_NTU)
            on_N = _row_means(rise_NT, self.on_NT)
            error = float(on_N.std(ddof=1) / np.sqrt(len(on_N))) if len(on_N) > 1 else float("inf")
            on, off, *controls = (
                float(one[where].mean()) if where.any() else 0.0
                for one, where in [
                    (rise_NT, self.on_NT),
                    (rise_NT, self.off_NT),
                    *((one, self.on_NT) for one in rises),
                ]
            )
            found[method] = AblationEffect(on, error, off, float(rise_NT.mean()), max(controls, default=0.0))
        return found

    @torch.inference_mode()
    def rise_if_replaced(self, unit: Unit, values_T: NDArray[np.float32]) -> float:
        """Replace a unit's memory by given values, and return the mean rise of the loss.

        Args:
            unit: the unit.
            values_T: the values, as memory is read, after every character of the text.

        Returns:
            Nats a character, over all of them.
        """
        values_NT = values_T[self.rows.places_NT[:, :-1]]
        device = self.rows.tokens_NT.device
        values_NT1 = torch.from_numpy(values_NT).to(device).unsqueeze(-1)
        return float(self._rises(unit.layer, [unit.number], values_NT1)[0].mean())

    @torch.inference_mode()
    def raised(self, unit: Unit, on: float, off: float, count: int = 3) -> list[Raised]:
        """Hold a unit on, then off, and find the next characters whose probability rises most.

        Args:
            unit: the unit.
            on: its mean memory, as it is read, where the label is on.
            off: where it is off.
            count: how many characters.

        Returns:
            Characters with a mean probability of at least 0.005 when on, by the ratio of the two.
        """
        likely = [self._next(unit, value) for value in (on, off)]
        ratio_V = np.where(likely[0] >= 0.005, likely[0] / np.maximum(likely[1], 1e-9), 0)
        best = np.argsort(-ratio_V)[:count]
        return [Raised(int(v), float(likely[0][v]), float(likely[1][v])) for v in best if ratio_V[v] > 1]

    def _next(self, unit: Unit, value: float) -> NDArray[np.float64]:
        """The mean distribution of the next character, with a unit held at a value."""
        with held_units(self.decoder.cell, {unit: value}):
            outputs_NTH, _ = self.decoder.read(self.rows.tokens_NT[:, :-1], self.rows.state)
        p_MV = self.decoder.logits((), (outputs_NTH.flatten(0, 1),)).softmax(dim=-1)
        return np.asarray(p_MV.mean(dim=0).double().cpu())

    def _rows(self, numbers: Numbers, half: int, label_T: Values) -> Rows:
        """Choose passages that begin shortly before the label goes on, as many as can be."""
        last = len(numbers) - LENGTH - 2
        first = min(max(half, WARM_UP), last)
        with np.errstate(invalid="ignore"):
            rises = np.flatnonzero((label_T[1:] > 0) & (label_T[:-1] <= 0)) + 1
        rises = rises[(rises >= first + LENGTH // 3) & (rises < last)] - LENGTH // 3
        free = np.arange(first, last)
        starts = self.rng.choice(rises if len(rises) >= ROWS else free, min(ROWS, len(free)), replace=False)
        places_NT = np.sort(starts)[:, None] + np.arange(LENGTH + 1)
        device = self.decoder.output.weight.device
        before = numbers[places_NT[:, :1] + np.arange(-WARM_UP, 0)].astype(np.int64)
        zero = self.decoder.cell.zero_state(no_image(self.decoder, len(before)))
        state = self.decoder.read(torch.from_numpy(before).to(device), zero).state
        return Rows(places_NT, torch.from_numpy(numbers[places_NT].astype(np.int64)).to(device), state)

    def _rises(self, layer: int, units: list[int], values_NTU: Tensor) -> list[NDArray[np.float64]]:
        """The rise of the loss at every character, (N, T), for each unit whose memory is replaced."""
        count, (read_NT, state) = len(units), (self.rows.tokens_NT[:, :-1], self.rows.state)
        N, T = read_NT.shape
        tokens_MT = read_NT.repeat(count, 1)  # all units side by side: M = count * N rows
        values_MT = values_NTU.permute(2, 0, 1).flatten(0, 1)
        rows_M = torch.arange(count * N, device=read_NT.device)
        units_M = torch.tensor(units, device=read_NT.device).repeat_interleave(N)
        values = iter(values_MT.unbind(dim=1))

        def replace(readout_MH: Tensor) -> Tensor:
            return readout_MH.index_put((rows_M, units_M), next(values))

        with intervention(layers_of(self.decoder.cell)[layer - 1], replace):
            outputs_MTH, _ = self.decoder.read(tokens_MT, tuple(leaf.repeat(count, 1) for leaf in state))
        nats = self._nats(outputs_MTH).reshape(count, N, T)
        return list(nats - self.base_NT)

    def _read(self) -> tuple[NDArray[np.float64], list[Tensor]]:
        """The loss of every character without an ablation, and the memories of all layers, (N, T, H)."""
        cell = self.decoder.cell
        traced = cell.trace(self.decoder.embed(self.rows.tokens_NT[:, :-1]).symbol, self.rows.state)
        by_layer = zip(layers_of(cell), layer_states(cell, traced.states), strict=True)
        readouts = [layer.read_memory(states) for layer, states in by_layer]
        return self._nats(traced.states[0]), readouts

    def _nats(self, outputs_MTH: Tensor) -> NDArray[np.float64]:
        logits = self.decoder.logits((), (outputs_MTH.flatten(0, 1),))
        target = self.rows.tokens_NT[:, 1:].repeat(len(outputs_MTH) // len(self.rows.tokens_NT), 1)
        nats = torch.nn.functional.cross_entropy(logits, target.flatten(), reduction="none")
        return np.asarray(nats.view(target.shape).double().cpu())


def _row_means(rise_NT: NDArray[np.float64], where_NT: NDArray[np.bool_]) -> NDArray[np.float64]:
    """The mean of every row that has such places."""
    counts_N = where_NT.sum(axis=1)
    sums_N = (rise_NT * where_NT).sum(axis=1)
    means: NDArray[np.float64] = sums_N[counts_N > 0] / counts_N[counts_N > 0]
    return means
