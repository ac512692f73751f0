"""Tables of figures as text."""

from collections.abc import Mapping

# Figures that no caption metric yields; those of metrics have their labels from the registry.
LABELS = {
    "novel": "captions not trained on",
    "captions": "captions a picture",
    "mean_length": "words in a caption",
    "wholly_true": "wholly true captions",
    "attention_inside": "attention inside the named object",
    "box_area": "its share of the picture",
    "nats": "nats a symbol",
    "bits": "bits a symbol",
    "exact": "right to the last symbol",
    "error_rate": "symbols to change",
    "windows_nats": "nats, random windows",
    "windows_bits": "bits, random windows",
    "windows_perplexity": "perplexity, random windows",
}


def score_table(columns: Mapping[str, Mapping[str, float]], title: str, digits: int = 3) -> str:
    """Return a table with a line for each figure and a column for each set of figures.

    Args:
        columns: figures by name, by the heading of their column. A figure may miss in some of them.
        title: the heading of the labels.
        digits: decimal places.

    Returns:
        Lines of text, without a last line end.

    >>> print(score_table({"test": {"bleu4": 0.25}}, "100 pictures"))
    100 pictures                            test
    BLEU-4                                 0.250
    """
    from captioner.metrics.base import figure_labels

    labels = LABELS | figure_labels()
    rows = list(dict.fromkeys(name for figures in columns.values() for name in figures))
    lines = [f"{title:<34}" + "".join(f"{column:>10}" for column in columns)]
    for name in rows:
        cells = [
            f"{figures[name]:10.{digits}f}" if name in figures else " " * 10 for figures in columns.values()
        ]
        lines.append(f"{labels.get(name, name):<34}" + "".join(cells))
    return "\n".join(line.rstrip() for line in lines)
