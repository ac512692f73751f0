"""Captioning.

B images, K captions an image, N = B*K rows, T time, L locations, F feature.
"""

import math
from pathlib import Path
from typing import Any, Self

from captioner.config import Config
from captioner.data.captions.base import CAPTION_SOURCES
from captioner.data.captions.batches import CaptionBatch
from captioner.data.module import CaptionData
from captioner.decoders.base import DECODERS
from captioner.encoders.base import ENCODERS, Encoder
from captioner.metrics.diversity import diversity
from captioner.metrics.scores import score_captions
from captioner.models.image_model import ImageTask, make_encoder
from captioner.search.base import SEARCHES
from captioner.training.objectives.teacher_forcing import (
    Generated,
    check_sentences,
    generate_sentences,
    teacher_forcing_loss,
)
from captioner.training.task import TASKS, Loss, check_unused_options, gather_from_all_processes
from captioner.vocabulary import UNK, Vocabulary


@TASKS.register("caption")
class CaptionTask(ImageTask):
    r"""Cross-entropy of the next word, and the doubly stochastic penalty (Xu et al., 2015, sec. 4.2.1).

        loss = sum over captions of [ -log p(words) + attention_penalty * sum_l (1 - sum_t alpha_tl)^2 ]
               divided by the number of words

    so that a value of `attention_penalty` weighs a caption's penalty against its log-likelihood as in the
    paper, while the loss is per word. `label_smoothing` spreads that share of the target over all words.
    `scheduled_sampling` (Bengio et al., 2015) is the probability, at the last epoch, that a word read in
    training is one the model chose; it rises in proportion to the epochs done. Validation generates with
    `validation_search`: `val/loss` is teacher forced, every other figure is of captions the model wrote.
    """

    encoder: Encoder

    def __init__(
        self,
        config: Config,
        vocabulary: Vocabulary,
        attention_penalty: float = 1.0,
        label_smoothing: float = 0.0,
        scheduled_sampling: float = 0.0,
        validation_search: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(config, vocabulary)
        self.attention_penalty = attention_penalty
        self.label_smoothing = label_smoothing
        self.scheduled_sampling = scheduled_sampling
        self.validation_search = SEARCHES.build(
            validation_search or {"name": "greedy"}, vocabulary=vocabulary
        )
        self.encoder = make_encoder(config.encoder)
        self.decoder = DECODERS.build(
            config.decoder,
            feature_dim=self.encoder.feature_dim,
            num_locations=math.prod(self.encoder.grid),
            vocab_size=len(vocabulary),
        )
        self.written: dict[int, Generated] = {}
        self.references: dict[int, list[str]] = {}

    @classmethod
    def check(cls, config: Config) -> None:
        """Refuse a mistake in the data, the encoder, the decoder, its cell or a search."""
        CAPTION_SOURCES.check(config.data)
        ENCODERS.check(config.encoder)
        check_sentences(config)
        check_unused_options(config, ("text_encoder", "head"))

    @classmethod
    def prepare(cls, config: Config, cache: Path) -> tuple[Self, CaptionData]:
        """Read the captions for their words; pictures are read when they are needed."""
        source = CAPTION_SOURCES.build(config.data)
        data = CaptionData(source, source.tables(), cache / "features")
        vocabulary = data.vocabulary(config.vocabulary.min_count, config.vocabulary.max_size)
        task = TASKS.build(config.task, config=config, vocabulary=vocabulary)
        assert isinstance(task, cls)
        data.connect(task.encoder, vocabulary, config.training, config.seed)
        task.references = data.references("val")
        return task, data

    def describe(self, data: CaptionData) -> list[str]:
        """Pictures, words, and what the encoder makes of a picture."""
        sizes = ", ".join(f"{split} {len(rows):,}" for split, rows in data.tables.items())
        return [
            f"data       {self.config.data['name']}: pictures {sizes}; {len(self.vocabulary):,} words",
            self.describe_encoder(),
        ]

    def loss(self, batch: CaptionBatch) -> Loss | None:
        """Per-word loss of the batch's captions."""
        if not len(batch.pictures):
            return None
        told = teacher_forcing_loss(
            self.decoder,
            self.features(batch.pictures),
            batch.tokens_BKT,
            self.label_smoothing if self.training else 0.0,
            self._sampling_probability() if self.training else 0.0,
        )
        if told is None:
            return None
        if told.alphas_NTL is None or not self.training:
            return Loss(told.loss, {}, told.size)
        seen_NL = told.alphas_NTL.sum(dim=1)
        penalty = (1 - seen_NL).square().sum() / told.size
        total = told.loss + self.attention_penalty * penalty
        return Loss(total, {"attention_penalty": penalty.detach()}, told.size)

    def update_metrics(self, batch: CaptionBatch) -> None:
        """Write a caption for each picture; there is none where no picture could be read."""
        if len(batch.image_ids_B):
            features_BLF = self.features(batch.pictures)
            found = generate_sentences(self.validation_search, self.decoder, features_BLF, self.vocabulary)
            self.written |= zip(batch.image_ids_B.tolist(), found, strict=True)

    def compute_metrics(self) -> dict[str, float]:
        """Scores of the captions, and whether they have collapsed."""
        written = gather_from_all_processes(self.written)
        self.written = {}
        if not written or not self.references:
            return {}
        scores = score_captions(
            {image_id: " ".join(w.words) for image_id, w in written.items()},
            {image_id: self.references[image_id] for image_id in written},
        )
        texts = [w.words for w in written.values()]
        words = sum(map(len, texts))
        unknown = self.vocabulary.words[UNK]
        variety = diversity(texts)
        figures = scores.as_dict() | {
            "distinct": variety.distinct_captions,
            "mean_length": variety.mean_length,
            "cut": sum(w.was_cut for w in written.values()) / len(written),
            "unknown": sum(text.count(unknown) for text in texts) / max(1, words),
        }
        if len(written) >= 20 and figures["distinct"] <= 0.05:
            different = len(set(map(tuple, texts)))
            self.print(
                f"The captions have collapsed: {different} different ones for {len(written)} pictures. Train "
                "longer, lower the learning rate, or check that pictures and captions match."
            )
        return {name: float(value) for name, value in figures.items()}

    def _sampling_probability(self) -> float:
        epochs = self.trainer.max_epochs or 0
        return (
            self.scheduled_sampling * min(1.0, self.current_epoch / max(1, epochs - 1)) if epochs > 0 else 0.0
        )
