"""Analyse a trained language model: record it, find units for labels, ablate them, count its gates.

T characters.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from captioner.data.text.alphabet import Numbers
from captioner.data.text.corpus import CORPORA, Corpus
from captioner.errors import UserError
from captioner.insight.interpretable_cells.evidence import Evidence
from captioner.insight.interpretable_cells.finder import Finder, Strengths
from captioner.insight.interpretable_cells.gates import gate_statistics
from captioner.insight.interpretable_cells.reader import record
from captioner.insight.interpretable_cells.results import CellsAnalysis
from captioner.insight.interpretable_cells.steering import steer
from captioner.insight.interpretable_cells.units import layers_of
from captioner.insight.interpretable_cells.untrained import untrained_copy
from captioner.insight.labels.base import Label, Values, choose_labels
from captioner.insight.labels.syntax import Language, SourceText
from captioner.models.char_lm import CharLanguageModel

UNTRAINED_LENGTH = 100_000
"""Characters that the untrained model reads."""
SHORTEST = 5_000
"""Characters of a text in which it makes sense to search."""


def read_text(model: CharLanguageModel, file: Path | None, limit: int) -> str:
    """Return the end of a text.

    Args:
        model: whose training text it is, where no other is given.
        file: another text.
        limit: characters at most.

    Returns:
        The text; bytes are the characters U+00 to U+FF.

    Raises:
        UserError: there is no such text, or it is too short.
    """
    unit = model.alphabet.unit
    source = Corpus(str(file), unit=unit) if file is not None else CORPORA.build(model.config.data)
    text = source.read()[-limit:]
    if len(text) < SHORTEST:
        raise UserError(f"The text has {len(text):,} characters; at least {SHORTEST:,} are needed.")
    return text if isinstance(text, str) else text.decode("latin-1")


def analyse_cells(
    model: CharLanguageModel,
    characters: str,
    labels: Sequence[str] | None = None,
    own_labels: Mapping[str, Label] | None = None,
    language: Language | None = None,
    seed: int = 0,
    report: Any = lambda sequence, about: sequence,
) -> CellsAnalysis:
    """Find the units of a model that stand for labels, with controls, ablations and gates.

    Args:
        model: a trained language model.
        characters: the text that it reads: units are chosen on its first half and scored on the second.
        labels: names of labels; None: all of the text's language.
        own_labels: more labels by name.
        language: of the text; None: guessed.
        seed: of controls, places and the untrained model's weights.
        report: wraps a sequence and says what it does, for a progress bar.

    Returns:
        The analysis.

    Raises:
        UserError: the model does not know a character of the text; there is no such label, or none occurs.
    """
    raw = characters.encode("latin-1") if model.alphabet.unit == "bytes" else characters
    numbers = model.alphabet.encode(raw)
    text = SourceText(characters, language)
    chosen = choose_labels(labels, text.language) | dict(own_labels or {})
    recording = record(model.prompted, numbers, progress=lambda chunks: report(chunks, "reading"))
    finder = Finder(recording, text.codes_T, seed, report)
    computed = {name: label(text) for name, label in chosen.items()}
    values = finder.usable(computed, chosen)
    if not values:
        raise UserError(f"None of the labels {', '.join(computed)} occurs in the text often enough.")
    found = finder.find(values, chosen, _untrained(model, numbers, text, values, chosen, seed))
    evidence = []
    for one in report(found, "ablations"):
        if one.is_localised:
            one = finder.ablate(one, values[one.label], model.prompted, numbers, model.vocabulary.words)
            steered = steer(model, one.unit, chosen[one.label], text.language, *one.held, seed)
            one = one._replace(steered=steered)
        evidence.append(one)
    evidence.sort(key=lambda one: (not one.is_localised, -one.strength))
    gates = gate_statistics(recording, layers_of(model.decoder.cell))
    absent = [name for name in computed if name not in values]
    return CellsAnalysis(model, text, numbers, recording, chosen, values, evidence, absent, gates)


def _untrained(
    model: CharLanguageModel,
    numbers: Numbers,
    text: SourceText,
    values: Mapping[str, Values],
    labels: Mapping[str, Label],
    seed: int,
) -> dict[str, Strengths]:
    """Strengths of the best unit and of all units of the same model with new weights."""
    end = slice(-UNTRAINED_LENGTH, None)
    recording = record(untrained_copy(model, seed).prompted, numbers[end])
    finder = Finder(recording, text.codes_T[end], seed)
    return finder.best_strengths(
        finder.usable({name: label_T[end] for name, label_T in values.items()}, labels), labels
    )


def strongest_passage(analysis: CellsAnalysis, evidence: Evidence, length: int) -> slice:
    """Return the passage of the second half in which the label changes most often, or most strongly.

    Args:
        analysis: of a model.
        evidence: of the label.
        length: characters.

    Returns:
        The places.
    """
    label_T = np.nan_to_num(analysis.values[evidence.label])
    half = len(label_T) // 2
    change_T = np.abs(np.diff(label_T[half:]))
    total_T = np.convolve(change_T.clip(max=np.quantile(change_T, 0.999)), np.ones(length), "valid")
    start = half + (int(total_T.argmax()) if len(total_T) else 0)
    return slice(start, start + length)
