"""Find the units that stand for labels: chosen on one half of a text, scored on the other.

T characters, K columns of a recording.
"""

from collections.abc import Mapping
from itertools import islice, repeat
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from captioner.data.text.alphabet import Numbers
from captioner.insight.interpretable_cells.ablation import Ablations
from captioner.insight.interpretable_cells.evidence import Evidence, Nulls, RaisedCharacter
from captioner.insight.interpretable_cells.nulls import control_label, lookup, shifted
from captioner.insight.interpretable_cells.probe import Probes
from captioner.insight.interpretable_cells.recording import Recording
from captioner.insight.interpretable_cells.scores import (
    Curve,
    bootstrap,
    codes_of,
    last_defined,
    mean_by_label,
    score,
    strength,
)
from captioner.insight.interpretable_cells.selection import BestColumn, best_columns
from captioner.insight.labels.base import Label, Values
from captioner.models.prompt import PromptedLM

SHIFTS = 5
LEAST_ON = 200  # characters of each half where a label must be on and off


class Strengths(NamedTuple):
    """The strength of the best unit for a label, and of a probe of all units."""

    best: float
    every: float


class Finder:
    """The search in a recording of one text.

    Args:
        recording: of the text.
        codes_T: the text as code points.
        seed: of shifts, controls and places.
        report: wraps sequences, for a progress bar.
    """

    def __init__(
        self, recording: Recording, codes_T: NDArray[np.uint32], seed: int = 0, report: Any = None
    ) -> None:
        self.recording, self.codes_T = recording, codes_T
        self.half = len(codes_T) // 2
        self.rng = np.random.default_rng(seed)
        self.report = report or (lambda sequence, about: sequence)
        self.probes = Probes(recording, self.half)

    def usable(self, values: Mapping[str, Values], labels: Mapping[str, Label]) -> dict[str, Values]:
        """Leave out labels that hardly occur in the text, or that do not vary."""
        return {name: one for name, one in values.items() if self._occurs(one, labels[name].graded)}

    def best_strengths(
        self, values: Mapping[str, Values], labels: Mapping[str, Label]
    ) -> dict[str, Strengths]:
        """Return, for each label, the strength of the best unit and of all units together."""
        graded = [labels[name].graded for name in values]
        chosen = self._choose(list(values.values()), graded, "untrained model")
        found = {}
        for (name, label_T), is_graded, column in zip(values.items(), graded, chosen, strict=True):
            every = self._strength(self.probes.score(label_T, is_graded).every, label_T, is_graded)
            found[name] = Strengths(self._second_half(column, label_T, is_graded), every)
        return found

    def find(
        self,
        values: Mapping[str, Values],
        labels: Mapping[str, Label],
        untrained: Mapping[str, Strengths],
    ) -> list[Evidence]:
        """Find the best unit for every label, with its controls.

        Args:
            values: of each label at every character.
            labels: the labels.
            untrained: `best_strengths` of the same model before training.

        Returns:
            The evidence for each label, without ablations.
        """
        controls = {name: self._controls(label_T) for name, label_T in values.items()}
        tried = [label_T for name in values for label_T in (values[name], *controls[name])]
        graded = [labels[name].graded for name in values for _ in range(1 + len(controls[name]))]
        chosen = iter(self._choose(tried, graded, "correlations"))
        found = []
        for name in self.report(list(values), "labels"):
            own, *others = islice(chosen, 1 + len(controls[name]))
            before = untrained.get(name, Strengths(0.0, 0.0))
            is_graded = labels[name].graded
            *moved, control = map(self._second_half, others, controls[name], repeat(is_graded))
            told_T = lookup(values[name], self.codes_T, self.half)[self.half :]
            told = score(told_T, self._second(values[name]), is_graded)
            nulls = Nulls(max(moved), before.best, self._strength(told, values[name], is_graded), control)
            found.append(self._evidence(name, labels[name], values[name], own, nulls, before.every))
        return found

    def _controls(self, label_T: Values) -> list[Values]:
        """The label moved along the text several times, and a random label of three characters."""
        moved = [shifted(label_T, self.rng) for _ in range(SHIFTS)]
        return [*moved, control_label(label_T, self.codes_T, self.rng)]

    def ablate(
        self, evidence: Evidence, label_T: Values, prompted: PromptedLM, numbers: Numbers, names: list[str]
    ) -> Evidence:
        """Add ablations to the evidence.

        Args:
            evidence: of a label.
            label_T: its values; where it is not defined, the last defined one counts, as for the indentation
                at the start of a line.
            prompted: the model.
            numbers: the tokens of the text.
            names: of all tokens.

        Returns:
            The evidence with the effects, and with the characters that become likelier.
        """
        label_T = last_defined(label_T)
        on_T = self._switched(label_T, evidence.graded)
        means, spreads = self.recording.memory_moments(self.half)
        unit = evidence.unit
        ablations = Ablations(prompted, numbers, self.half, on_T, means, spreads)
        memory_T = self.recording.memory(unit)
        on, off = (float(memory_T[: self.half][on_T[: self.half] == value].mean()) for value in (1, 0))
        raised = ablations.raised(unit, on, off)
        return evidence._replace(
            effects=ablations.effects(unit),
            rise_if_label=ablations.rise_if_replaced(unit, mean_by_label(memory_T, label_T, self.half)),
            raised=tuple(RaisedCharacter(names[one.token], one.on, one.off) for one in raised),
            held=(on, off),
        )

    def _evidence(
        self,
        name: str,
        label: Label,
        label_T: Values,
        chosen: BestColumn,
        nulls: Nulls,
        probe_untrained: float,
    ) -> Evidence:
        signal, unit = self.recording.unit(chosen.column)
        column_T = np.ascontiguousarray(self.recording.values_TK[:, chosen.column]) * np.float16(chosen.sign)
        first, second = (
            (column_T[: self.half], label_T[: self.half]),
            (column_T[self.half :], self._second(label_T)),
        )
        found, interval = score(*second, label.graded), bootstrap(*second, label.graded)
        sign = -1.0 if label.graded and chosen.sign < 0 else 1.0  # the correlation of the unit itself
        bounds = sorted((sign * interval.low, sign * interval.high))
        probe = self.probes.score(label_T, label.graded)
        on_rate = None if label.graded else self._base_rate(label_T)
        threshold = iou = None
        if not label.graded:
            curves = [Curve.of(codes_of(v[~np.isnan(y)]), y[~np.isnan(y)] > 0) for v, y in (first, second)]
            code = int(curves[0].iou().argmax())
            iou = float(curves[1].iou()[code])
            threshold = _value_of(code)
        return Evidence(
            name,
            label.about,
            label.graded,
            label.future,
            on_rate,
            str(signal),
            unit.number,
            chosen.sign,
            threshold,
            sign * found,
            type(interval)(*bounds),
            iou,
            nulls,
            self._strength(probe.every, label_T, label.graded),
            self._strength(probe.few, label_T, label.graded),
            probe_untrained,
        )

    def _choose(self, labels: list[Values], graded: list[bool], about: str) -> list[BestColumn]:
        return best_columns(
            self.recording, labels, graded, self.half, lambda blocks: self.report(blocks, about)
        )

    def _second_half(self, chosen: BestColumn, label_T: Values, graded: bool) -> float:
        """The strength of a column on the second half."""
        column_T = self.recording.values_TK[self.half :, chosen.column] * np.float16(chosen.sign)
        found = score(column_T, self._second(label_T), graded)
        return max(0.0, found) if graded else self._strength(found, label_T, False)

    def _strength(self, found: float, label_T: Values, graded: bool) -> float:
        return strength(found, None if graded else self._base_rate(label_T))

    def _base_rate(self, label_T: Values) -> float:
        second = self._second(label_T)
        return float((second[~np.isnan(second)] > 0).mean())

    def _second(self, label_T: Values) -> Values:
        return label_T[self.half :]

    def _occurs(self, label_T: Values, graded: bool) -> bool:
        halves = (label_T[: self.half], label_T[self.half :])
        defined = [half[~np.isnan(half)] for half in halves]
        if min(map(len, defined)) < 2 * LEAST_ON:
            return False
        on = [self._switched(half, graded) for half in defined]
        return all(LEAST_ON <= np.nansum(one) <= len(one) - LEAST_ON for one in on)

    @staticmethod
    def _switched(label_T: Values, graded: bool) -> Values:
        """A label that is on or off: a number is on above its mean."""
        middle = np.nanmean(label_T) if graded else 0.0
        return np.where(np.isnan(label_T), np.nan, label_T > middle).astype(np.float32)


def _value_of(code: int) -> float:
    """The half precision number of a code."""
    bits = code & 0x7FFF if code & 0x8000 else ~code & 0xFFFF
    return float(np.array([bits], np.uint16).view(np.float16)[0])
