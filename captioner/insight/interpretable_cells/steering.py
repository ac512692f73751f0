"""Steer a language model: write text with a unit held, and see what becomes of a label."""

import numpy as np

from captioner.insight.interpretable_cells.evidence import Steered
from captioner.insight.interpretable_cells.signals import Unit
from captioner.insight.interpretable_cells.units import held_units
from captioner.insight.labels.base import Label
from captioner.insight.labels.syntax import Language, SourceText
from captioner.models.char_lm import CharLanguageModel
from captioner.models.prompt import no_image
from captioner.search.base import SEARCHES

TEXTS = 32
LENGTH = 250  # characters of each
LEAD = 50  # characters of each that are not counted: a state has to get there


def steer(
    model: CharLanguageModel,
    unit: Unit,
    label: Label,
    language: Language,
    on: float,
    off: float,
    seed: int = 0,
) -> Steered:
    """Sample text with a unit held at two values and with none held, and compute the label's mean in each.

    Args:
        model: the language model.
        unit: the unit.
        label: the label.
        language: of the text.
        on: memory of the unit, as it is read, where the label is on.
        off: where it is off.
        seed: of the samples, the same for all three.

    Returns:
        The means.
    """
    search = SEARCHES.build({"name": "sample", "max_length": LENGTH, "seed": seed}, vocabulary=model.alphabet)
    means = []
    for value in (off, None, on):
        with held_units(model.decoder.cell, {} if value is None else {unit: value}):
            found = search(model.prompted, no_image(model.decoder, TEXTS), 1)
        texts = [model.alphabet.decode(hypotheses[0].tokens) for hypotheses in found]
        values = [label(SourceText(text, language))[LEAD:] for text in texts]
        means.append(float(np.nanmean(np.concatenate(values))))
    return Steered(*means)
