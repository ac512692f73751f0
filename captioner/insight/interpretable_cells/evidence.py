"""The evidence that a unit stands for a label, and the verdict in words."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from captioner.insight.interpretable_cells.scores import strength
from captioner.insight.interpretable_cells.signals import Unit
from captioner.metrics.significance import Interval

STANDARD_ERRORS = 2.0
"""By how many of them a rise of the loss must be above 0 to be sure."""
MARGIN = 0.1
"""By how much, from 0 for chance to 1 for a perfect unit, a score must be above each of its controls."""
MAIN_PART = 0.5
"""Share of what all units together tell that one must hold to be called localised."""
NOTHING_ELSE = 0.25
"""Share of the cost of a unit's loss that the label in its place may leave, if it is used for that alone."""


class AblationEffect(NamedTuple):
    """The rise of the loss by an ablation, in nats a character.

    Args:
        on: mean where the label is on.
        on_error: standard error of `on`, over rows.
        off: mean where it is off.
        every: mean over all characters.
        control: the largest rise where the label is on, of the units ablated for comparison.
    """

    on: float
    on_error: float
    off: float
    every: float
    control: float

    @property
    def is_real(self) -> bool:
        """Whether the loss rises surely, and more than by any unit ablated for comparison."""
        return self.on > STANDARD_ERRORS * self.on_error and self.on > self.control


class Steered(NamedTuple):
    """The mean of a label in text written with a unit held where it is if the label is off or on, or free."""

    off: float
    free: float
    on: float


class Nulls(NamedTuple):
    """Strengths of controls, each chosen and scored as the unit was.

    Args:
        shifted: the best unit for the label moved along the text, the largest of several moves.
        untrained: the best unit of the same model before training.
        lookup: the mean of the label after the same last 3 characters.
        control: the best unit for random labels of 3 characters.
    """

    shifted: float
    untrained: float
    lookup: float
    control: float


class RaisedCharacter(NamedTuple):
    """A character that becomes likelier when a unit is held where it is if the label is on, and not off."""

    character: str
    on: float
    off: float


class Evidence(NamedTuple):
    """The best unit for one label, its scores, controls and ablations.

    Args:
        label: its name.
        about: what it says.
        graded: whether it is a number, so that scores are correlations and not average precisions.
        future: whether it depends on what comes later.
        base_rate: share of characters where it is on; None if graded.
        signal: the layer and quantity that serves best, such as `1.c`.
        number: the unit in its layer.
        sign: 1, or -1 if low values stand for the label.
        threshold: from which value times sign on the label is said to be on; None if graded.
        score: of the unit on the second half of the text.
        interval: 95 % of bootstraps over blocks of it.
        iou: overlap with the label at the threshold; None if graded.
        nulls: the controls' strengths.
        probe: strength of all units together.
        few: strength of the 4 that serve best.
        probe_untrained: strength of all units together before training.
        effects: of ablations by method; empty if none were made.
        rise_if_label: rise of the loss, over all characters, when the unit's memory is replaced by its mean
            for the label's value; nats a character.
        raised: next characters that become likelier when the unit is held on.
        held: memory of the unit, as it is read, where the label is on and off.
        steered: the label's mean in text that was written with the unit held; None if none was.
    """

    label: str
    about: str
    graded: bool
    future: bool
    base_rate: float | None
    signal: str
    number: int
    sign: int
    threshold: float | None
    score: float
    interval: Interval
    iou: float | None
    nulls: Nulls
    probe: float
    few: float
    probe_untrained: float
    effects: Mapping[str, AblationEffect] = {}
    rise_if_label: float = 0.0
    raised: tuple[RaisedCharacter, ...] = ()
    held: tuple[float, float] = (0.0, 0.0)
    steered: Steered | None = None

    @property
    def strength(self) -> float:
        """The unit's score from 0 for chance to 1 for a perfect unit."""
        return strength(self.score, self.base_rate)

    @property
    def least_strength(self) -> float:
        """The strength at the bound of the interval that is nearer to chance."""
        if self.base_rate is None and self.interval.low < 0 < self.interval.high:
            return 0.0
        return min(strength(bound, self.base_rate) for bound in self.interval)

    @property
    def unit(self) -> Unit:
        """The layer and the number of the unit."""
        return Unit(int(self.signal.partition(".")[0]), self.number)

    @property
    def share(self) -> float:
        """How much of what all units together tell the one holds."""
        if self.probe <= 0:
            return 0.0
        power = 2 if self.graded else 1  # shares of variance
        return min(1.0, float((max(0.0, self.strength) / self.probe) ** power))

    @property
    def is_decodable(self) -> bool:
        """Whether all units together tell more than the last characters and an untrained model."""
        others = max(self.nulls.lookup, self.probe_untrained, self.nulls.control)
        return self.probe > others + MARGIN

    @property
    def is_told_by_last_characters(self) -> bool:
        """Whether the last 3 characters tell nearly as much as the unit."""
        return self.strength <= self.nulls.lookup + MARGIN

    @property
    def is_localised(self) -> bool:
        """Whether the unit is surely above every control, and holds the main part of what can be decoded."""
        return self.least_strength > max(self.nulls) + MARGIN and self.share >= MAIN_PART

    @property
    def is_used(self) -> bool:
        """Whether two ablations or more make the loss rise where the label is on."""
        return sum(effect.is_real for effect in self.effects.values()) >= 2

    @property
    def is_used_for_this_alone(self) -> bool:
        """Whether nothing else that the unit holds is used: the label in its place serves nearly as well."""
        return self.is_used and self.rise_if_label <= NOTHING_ELSE * self.effects["mean"].every

    @property
    def verdict(self) -> str:
        """The verdict in words."""
        if not self.is_localised:
            if self.is_decodable:
                return "decodable, not localised"
            told = self.is_told_by_last_characters and self.nulls.lookup > MARGIN
            return "told by the last characters" if told else "not found"
        words = "localised"
        if self.is_used_for_this_alone:
            words += ", used for this alone"
        elif self.is_used:
            words += ", used"
        return words

    def as_json(self) -> dict[str, Any]:
        """Return figures and verdict for a file."""
        found = self._asdict()
        found["interval"], found["nulls"] = list(self.interval), self.nulls._asdict()
        found["effects"] = {name: effect._asdict() for name, effect in self.effects.items()}
        found["raised"] = [one._asdict() for one in self.raised]
        found["held"] = dict(zip(("on", "off"), self.held, strict=True))
        found["steered"] = self.steered._asdict() if self.steered else None
        return found | {"strength": self.strength, "share": self.share, "verdict": self.verdict}
