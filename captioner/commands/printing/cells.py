"""Print the evidence about a model's cells, and a passage coloured by one of them."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from captioner.insight.interpretable_cells.evidence import Evidence
from captioner.insight.interpretable_cells.gates import GateStatistics

LOW, HIGH = (64, 132, 196), (226, 126, 38)
"""Colours of -1 and 1: blue and orange, which colour-blind readers can tell apart."""


def evidence_table(evidence: Sequence[Evidence]) -> str:
    """Return a line for each label: the best cell, its score and controls, and the verdict.

    Scores are average precisions beside the base rate, or correlations for numbers; all others are strengths
    from 0 for chance to 1.
    """
    head = f"{'label':13} {'cell':>9} {'score':>7} {'base':>6} {'IoU':>5} {'strength':>8}"
    head += f" {'shifted':>8} {'new':>5} {'last 3':>6} {'random':>6} {'all':>5} {'share':>6}  verdict"
    return "\n".join([head, *map(_line, evidence)])


def _line(one: Evidence) -> str:
    cell = f"{one.signal}.{one.number}"
    base = f"{one.base_rate:6.3f}" if one.base_rate is not None else f"{'r':>6}"
    iou = f"{one.iou:5.2f}" if one.iou is not None else f"{'':5}"
    score = f"{one.score:+7.3f}" if one.graded else f"{one.score:7.3f}"
    figures = f"{one.label:13} {cell:>9} {score} {base} {iou} {one.strength:8.3f}"
    nulls = one.nulls
    figures += f" {nulls.shifted:8.3f} {nulls.untrained:5.2f} {nulls.lookup:6.2f} {nulls.control:6.2f}"
    verdict = one.verdict + (" (of what comes later)" if one.future else "")
    return f"{figures} {one.probe:5.2f} {one.share:6.0%}  {verdict}"


def ablation_lines(evidence: Sequence[Evidence]) -> list[str]:
    """Return lines for each cell that was ablated: what it cost, and what holding it makes likelier."""
    lines = []
    for one in evidence:
        if not one.effects:
            continue
        rises = ", ".join(
            f"{name} {effect.on:+.3f} on, {effect.off:+.3f} off (others {effect.control:+.3f})"
            for name, effect in one.effects.items()
        )
        lines.append(
            f"{one.label:13} {one.signal}.{one.number}: nats a character with its memory set to {rises}"
        )
        cost = f"{one.effects['mean'].every:+.4f} set to its mean, {one.rise_if_label:+.4f} to the label's"
        lines.append(f"{'':13} over all characters: {cost}")
        if one.steered:
            off, free, on = one.steered
            means = f"held off {off:.3f}, free {free:.3f}, held on {on:.3f}"
            lines.append(f"{'':13} mean of the label in text written with it {means}")
        if one.raised:
            likelier = ", ".join(f"{c.character!r} {c.off:.3f} -> {c.on:.3f}" for c in one.raised)
            lines.append(f"{'':13} held on instead of off, the next character: {likelier}")
    return lines


def gate_lines(gates: GateStatistics) -> list[str]:
    """Return a line for each gate, for each layer's memory, and for dead units."""
    lines = []
    for gate, left in gates.left.items():
        right = gates.right[gate]
        lines.append(
            f"gate {gate}: below 0.1 {left.mean():.0%} of the time, above 0.9 {right.mean():.0%}; "
            f"{int((right > 0.9).sum())} units always open, {int((left > 0.9).sum())} always shut"
        )
    for layer, lives in gates.half_lives.items():
        lines.append(
            f"layer {layer}: half of a memory is left after {np.median(lives):.1f} characters (median), "
            f"{lives.max():.0f} (longest)"
        )
    lines += [f"layer {layer}: {len(dead)} dead units" for layer, dead in gates.dead.items()]
    return lines


def coloured(text: str, values_T: NDArray[np.floating]) -> str:
    """Return a text with backgrounds for a terminal: blue for -1, none for 0, orange for 1.

    Args:
        text: T characters.
        values_T: a value each, from -1 to 1.

    Returns:
        The text with escape sequences.
    """
    pieces = []
    for character, value in zip(text, values_T.tolist(), strict=True):
        share = min(1.0, abs(value))
        red, green, blue = (round(255 + (end - 255) * share) for end in (HIGH if value > 0 else LOW))
        shown = character.replace("\n", "\u23ce")
        pieces.append(f"\x1b[48;2;{red};{green};{blue}m\x1b[38;2;20;20;24m{shown}\x1b[0m")
        if character == "\n":
            pieces.append("\n")
    return "".join(pieces)
