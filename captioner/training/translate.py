"""Train a translation model."""

from pathlib import Path
from typing import Any, Self

from captioner.config import Config
from captioner.data.translation.base import PAIR_SOURCES
from captioner.data.translation.batches import PairBatch, PairData
from captioner.metrics.text.edit_distance import matches
from captioner.models.translate import TranslationModel
from captioner.search.base import SEARCHES
from captioner.search.override import override_search
from captioner.training.checks.monitor import check_monitor
from captioner.training.gather import gather_from_all_processes
from captioner.training.objectives.base import SentenceBatch
from captioner.training.sentence_task import SentenceTask
from captioner.training.task import TASKS


@TASKS.register("translate")
class TranslateTask(SentenceTask[TranslationModel]):
    """Translation (Sutskever et al., 2014; Bahdanau et al., 2015).

    `val/exact` is the share of translations that are right to the last symbol, `val/error_rate` the symbols
    to insert, remove or change over those of the targets, `val/cut` the share that did not come to an end.

    Args:
        model: what is trained.
        validation_search: how translations are generated in validation; by default the config's search made
            greedy.
    """

    keeps_batch_size = True

    def __init__(self, model: TranslationModel, validation_search: dict[str, Any] | None = None) -> None:
        search = validation_search or override_search(model.config.search, {"name": "greedy"})
        super().__init__(model, SEARCHES.build(search, vocabulary=model.symbols))
        self.targets: list[str] = []

    @classmethod
    def check(cls, config: Config) -> None:
        """Refuse a monitored figure that validation does not have."""
        check_monitor(config, ("exact", "error_rate"))

    @classmethod
    def prepare(cls, config: Config, cache: Path) -> tuple[Self, PairData]:
        """Read the pairs; their symbols are the vocabulary."""
        data = PairData(PAIR_SOURCES.build(config.data).tables())
        words = config.vocabulary
        symbols = data.symbols(config.task.get("unit", "characters"), words.min_count, words.max_size)
        task = cls.from_config(config, symbols.vocabulary)
        data.connect(symbols, config.training, config.seed)
        task.targets = data.tables["val"]["target"][:]
        if task.objective.rewards_samples:
            truth = enumerate(data.tables["train"]["target"][:])
            task.objective.set_references(
                {number: [symbols.split(text)] for number, text in truth}, symbols.vocabulary
            )
        return task, data

    @classmethod
    def check_data(cls, config: Config) -> object:
        """See `Task`."""
        from captioner.data.checks.pairs import check_pairs
        from captioner.search.base import Search

        unit = config.task.get("unit", "characters")
        longest = config.search.get("max_length", Search.max_length)
        return check_pairs(PAIR_SOURCES.build(config.data), unit, config.vocabulary.min_count, longest)

    def describe(self, data: PairData) -> list[str]:
        """Return lines on pairs, symbols and the encoded source."""
        sizes = ", ".join(f"{split} {len(rows):,}" for split, rows in data.tables.items())
        encoder = self.model.text_encoder
        directions = " in both directions" if len(encoder.cells) > 1 else ""
        made = f"its last state, {encoder.state_dim} numbers"
        if self.model.source_features == "outputs":
            made = f"its outputs, {encoder.feature_dim} numbers a symbol"
        symbols = f"{len(self.vocabulary):,} {self.model.symbols.unit}"
        return [
            f"data       {self.config.data['name']}: pairs {sizes}; {symbols}",
            f"encoder    reads{directions}; the decoder is given {made}",
        ]

    def encode(self, batch: PairBatch) -> PairBatch:
        """Return the batch with features_BLF as its sources."""
        return batch._replace(sources=self.model.features(batch.sources))

    def sentence_batch(self, batch: PairBatch) -> SentenceBatch:
        """See `SentenceTask`."""
        return SentenceBatch(batch.numbers_B, batch.sources, batch.tokens_BKT)

    def compute_metrics(self) -> dict[str, float]:
        """Return how many translations are right, and how wrong the others are."""
        generated = gather_from_all_processes(self.generated)
        self.generated = {}
        if not generated:
            return {}
        pairs = [
            (one.words, self.model.symbols.split(self.targets[number])) for number, one in generated.items()
        ]
        found = matches(pairs)
        return {
            "exact": found.exact,
            "error_rate": found.error_rate,
            "cut": sum(one.was_cut for one in generated.values()) / len(generated),
        }
