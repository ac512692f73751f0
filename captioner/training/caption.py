"""Train a captioning model."""

from pathlib import Path
from typing import Any, ClassVar, Self

from captioner.config import Component, Config
from captioner.data.captions.base import CAPTION_SOURCES
from captioner.data.captions.batches import CaptionBatch, CaptionData
from captioner.metrics.base import comparable_figures
from captioner.metrics.diversity import diversity
from captioner.metrics.scores import score_captions
from captioner.metrics.tokenization.ptb import tokenize
from captioner.models.caption import CaptionModel
from captioner.models.folder import read_vocabulary
from captioner.paths import model_within
from captioner.search.base import SEARCHES
from captioner.training.checks.monitor import check_monitor
from captioner.training.gather import gather_from_all_processes
from captioner.training.objectives.base import SentenceBatch
from captioner.training.sentence_task import SentenceTask
from captioner.training.task import TASKS
from captioner.vocabulary import UNK

ENOUGH_TO_SEE = 100_000
"""Photographs below which an encoder does not learn to see from nothing; ImageNet has 1.3 million."""


@TASKS.register("caption")
class CaptionTask(SentenceTask[CaptionModel]):
    """Captioning, validated by the metrics of generated captions.

    Args:
        model: what is trained.
        validation_search: how captions are generated in validation; greedily by default.
    """

    default_objective: ClassVar[Component] = {"name": "cross_entropy", "attention_penalty": 1.0}

    def __init__(self, model: CaptionModel, validation_search: dict[str, Any] | None = None) -> None:
        search = validation_search or {"name": "greedy"}
        super().__init__(model, SEARCHES.build(search, vocabulary=model.vocabulary))
        self.references: dict[int, list[str]] = {}

    @classmethod
    def check(cls, config: Config) -> None:
        """Refuse a monitored figure that validation does not have."""
        check_monitor(config, comparable_figures())

    @classmethod
    def prepare(cls, config: Config, cache: Path) -> tuple[Self, CaptionData]:
        """Read the captions for their words; images are read when they are needed."""
        source = CAPTION_SOURCES.build(config.data)
        data = CaptionData(source, source.tables(), cache / "features")
        vocabulary = data.vocabulary(config.vocabulary.min_count, config.vocabulary.max_size)
        if config.vocabulary.extend and config.training.init_from is not None:
            start = model_within(Path(config.training.init_from).expanduser())
            vocabulary = read_vocabulary(start).extended(vocabulary)
        task = cls.from_config(config, vocabulary)
        data.connect(task.model.encoder, vocabulary, config.training, config.seed)
        task.references = data.references("val")
        if task.objective.rewards_samples:
            truth = data.references("train").items()
            task.objective.set_references({key: list(map(tokenize, own)) for key, own in truth}, vocabulary)
        return task, data

    @classmethod
    def check_data(cls, config: Config) -> object:
        """See `Task`."""
        from captioner.data.checks.captions import check_captions

        return check_captions(CAPTION_SOURCES.build(config.data), config.vocabulary.min_count)

    def describe(self, data: CaptionData) -> list[str]:
        """Return lines on images, words and features."""
        sizes = ", ".join(f"{split} {len(rows):,}" for split, rows in data.tables.items())
        lines = [
            f"data       {self.config.data['name']}: pictures {sizes}; {len(self.vocabulary):,} words",
            self.model.describe_encoder(),
        ]
        count = len(data.table("train"))
        if self._sees_nothing_yet() and count < ENOUGH_TO_SEE:
            lines.append(
                f"warning    the encoder starts from random weights, and {count:,} pictures are too few to "
                "learn to see photographs from. Fine-tune a captioner of photographs with --from photos, or "
                "take a pretrained encoder (encoder.weights_package, encoder.weights)."
            )
        return lines

    def _sees_nothing_yet(self) -> bool:
        """Whether photographs are to be learnt by an encoder that nobody has trained before."""
        config = self.config
        drawn = config.data["name"] == "scenes"
        return not (drawn or self.model.encoder.pretrained or config.training.init_from)

    def encode(self, batch: CaptionBatch) -> CaptionBatch:
        """Return the batch with features_BLF as its pictures."""
        if not len(batch.pictures):
            return batch
        return batch._replace(pictures=self.model.features(batch.pictures))

    def sentence_batch(self, batch: CaptionBatch) -> SentenceBatch | None:
        """See `SentenceTask`."""
        if not len(batch.image_ids_B):
            return None
        return SentenceBatch(batch.image_ids_B, batch.pictures, batch.tokens_BKT)

    def compute_metrics(self) -> dict[str, float]:
        """Return the scores of the captions, and say so where they have collapsed."""
        generated = gather_from_all_processes(self.generated)
        self.generated = {}
        if not generated or not self.references:
            return {}
        scores = score_captions(
            {image_id: " ".join(one.words) for image_id, one in generated.items()},
            {image_id: self.references[image_id] for image_id in generated},
        )
        texts = [one.words for one in generated.values()]
        words = sum(map(len, texts))
        unknown = self.vocabulary.words[UNK]
        variety = diversity(texts)
        figures = scores.as_dict() | {
            "distinct": variety.distinct_captions,
            "mean_length": variety.mean_length,
            "cut": sum(one.was_cut for one in generated.values()) / len(generated),
            "unknown": sum(text.count(unknown) for text in texts) / max(1, words),
        }
        if len(generated) >= 20 and figures["distinct"] <= 0.05:
            different = len(set(map(tuple, texts)))
            self.print(
                f"The captions have collapsed: {different} different ones for {len(generated)} pictures. "
                "Train longer, lower the learning rate, or check that pictures and captions match."
            )
        return {name: float(value) for name, value in figures.items()}
