"""Figures as a table of text."""

from collections.abc import Mapping

NAMES = {
    "bleu1": "BLEU-1",
    "bleu2": "BLEU-2",
    "bleu3": "BLEU-3",
    "bleu4": "BLEU-4",
    "bleu1_no_bp": "BLEU-1 no brevity penalty",
    "bleu2_no_bp": "BLEU-2 no brevity penalty",
    "bleu3_no_bp": "BLEU-3 no brevity penalty",
    "bleu4_no_bp": "BLEU-4 no brevity penalty",
    "rouge_l": "ROUGE-L",
    "cider_d": "CIDEr-D",
    "meteor": "METEOR",
    "distinct": "different captions",
    "novel": "captions not trained on",
    "distinct1": "different words, over all words",
    "distinct2": "different 2-grams, over all words",
    "distinct3": "different 3-grams, over all words",
    "distinct4": "different 4-grams, over all words",
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
    """One line a figure, one column a set of figures.

    >>> print(score_table({"test": {"bleu4": 0.25}}, "100 pictures"))
    100 pictures                            test
    BLEU-4                                 0.250
    """
    rows = list(dict.fromkeys(name for figures in columns.values() for name in figures))
    lines = [f"{title:<34}" + "".join(f"{column:>10}" for column in columns)]
    for name in rows:
        cells = [
            f"{figures[name]:10.{digits}f}" if name in figures else " " * 10 for figures in columns.values()
        ]
        lines.append(f"{NAMES.get(name, name):<34}" + "".join(cells))
    return "\n".join(line.rstrip() for line in lines)
