"""The results of a search for interpretable units in a language model.      T characters."""

from collections.abc import Mapping
from typing import NamedTuple

from captioner.data.text.alphabet import Numbers
from captioner.insight.interpretable_cells.evidence import Evidence
from captioner.insight.interpretable_cells.gates import GateStatistics
from captioner.insight.interpretable_cells.recording import Recording
from captioner.insight.interpretable_cells.signals import Signal
from captioner.insight.labels.base import Label, Values
from captioner.insight.labels.syntax import SourceText
from captioner.models.char_lm import CharLanguageModel


class CellsAnalysis(NamedTuple):
    """All that was found in a model.

    Args:
        model: the model.
        text: what it read.
        numbers: the tokens of the text.
        recording: of its states.
        labels: those that occur in the text.
        values: theirs at each character.
        evidence: of each label, the strongest first.
        absent: labels that hardly occur in the text.
        gates: statistics of gates.
    """

    model: CharLanguageModel
    text: SourceText
    numbers: Numbers
    recording: Recording
    labels: Mapping[str, Label]
    values: Mapping[str, Values]
    evidence: list[Evidence]
    absent: list[str]
    gates: GateStatistics

    def column(self, evidence: Evidence) -> int:
        """Return the column of the recording that serves a label best."""
        layer, _, kind = evidence.signal.partition(".")
        return self.recording.column(Signal(int(layer), kind), evidence.number)
