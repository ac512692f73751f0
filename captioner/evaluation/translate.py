"""Evaluate translations: how many are right to the last symbol, and which are not."""

import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from captioner.config import Component
from captioner.data.splits import rows_of
from captioner.data.translation.base import PAIR_SOURCES, PairRow
from captioner.data.translation.symbols import Symbols
from captioner.evaluation.base import EVALUATIONS, Evaluation, write_results
from captioner.inference.translate import Translator
from captioner.metrics.text.edit_distance import matches
from captioner.vocabulary import UNK

LISTED = 10  # of the wrong translations so many are printed; the file has all


class _Compared(NamedTuple):
    row: PairRow
    translation: str

    @property
    def is_right(self) -> bool:
        return self.translation == self.row["target"]


@EVALUATIONS.register("translate")
def evaluate(
    model: Path,
    output: Path,
    *,
    data: Component | None = None,
    split: str = "test",
    limit: int | None = None,
    search: Mapping[str, Any] | None = None,
    progress: Any = iter,
) -> Evaluation:
    """Translate the sources of a split and compare with its targets.

    `exact` is the share of translations that are the target, for each kind of pair too, where there are
    several; `error_rate` the symbols to insert, remove or change over those of the targets.

    Args:
        model: the model folder.
        output: the folder that gets `results.json` and `translations.tsv`: source, target, translation.
        data: changes to the data of the training, or with a `name` other data.
        split: its split.
        limit: the number of pairs; all by default.
        search: changes to the model's own search.
        progress: wraps the sequence of translations, for a progress bar.

    Returns:
        Figures and files.

    Raises:
        UserError: no model, no such split.
    """
    translator = Translator(model, search)
    own = translator.model.config.data
    data = data if data and "name" in data else own | (data or {})
    rows: list[PairRow] = list(rows_of(PAIR_SOURCES.build(data).tables(), split))[:limit]
    started = time.monotonic()
    found = progress(translator.stream([row["source"] for row in rows], unknown=True))
    compared = [_Compared(row, one.text) for row, one in zip(rows, found, strict=True)]
    seconds = time.monotonic() - started
    figures, counts = _figures(compared, translator.symbols)
    unknown = sum(UNK in translator.symbols.encode(row["source"]) for row in rows)
    about = {"model": str(model), "data": data, "split": split, "pairs": len(rows), "kinds": counts}
    about |= {"unknown_symbols": unknown, "decoding": translator.search_config, "seconds": round(seconds, 1)}
    write_results(output / "results.json", about | {"scores": figures})
    lines = [f"{one.row['source']}\t{one.row['target']}\t{one.translation}\n" for one in compared]
    (output / "translations.tsv").write_text("".join(lines), encoding="utf-8")
    files = {"results": output / "results.json", "translations": output / "translations.tsv"}
    notes = _notes(compared, counts, unknown)
    return Evaluation(f"{len(rows):,} pairs", {split: figures}, files, notes, digits=4)


def _figures(compared: list[_Compared], symbols: Symbols) -> tuple[dict[str, float], dict[str, int]]:
    """The scores, and how many pairs there are of each kind."""
    _, exact, error_rate = matches(
        (symbols.split(one.translation), symbols.split(one.row["target"])) for one in compared
    )
    figures = {"exact": exact, "error_rate": error_rate}
    counts = dict(sorted(Counter(one.row["kind"] for one in compared).items()))
    if len(counts) < 2:
        return figures, {}
    right = Counter(one.row["kind"] for one in compared if one.is_right)
    return figures | {f"exact_{kind}": right[kind] / count for kind, count in counts.items()}, counts


def _notes(compared: list[_Compared], counts: dict[str, int], unknown: int) -> list[str]:
    """Return notes on wrong translations, the first of them by name, and on the data."""
    wrong = [one for one in compared if not one.is_right]
    notes = [
        f"wrong: {row['source']}  ->  {translation}  instead of  {row['target']}"
        for row, translation in wrong[:LISTED]
    ]
    if len(wrong) > LISTED:
        notes.append(f"... {len(wrong):,} translations are wrong in all.")
    if unknown:
        notes.append(f"sources with a symbol that the model has never seen: {unknown:,}")
    if counts:
        notes.append("pairs: " + ", ".join(f"{kind} {count:,}" for kind, count in counts.items()))
    return notes
