"""Translation: a sentence in, a sentence out.

B sentences, L symbols of a source, K = 1 translation, T time, F feature, S all that a cell remembers.
"""

from pathlib import Path
from typing import Any, Literal, Self

from torch import Tensor

from captioner.config import Config
from captioner.data.translation.base import PAIR_SOURCES
from captioner.data.translation.batches import PairBatch, PairData
from captioner.data.translation.symbols import Symbols, Unit
from captioner.decoders.base import DECODERS
from captioner.encoders.text_encoder import TextEncoder
from captioner.metrics.text.edit_distance import matches
from captioner.registry import check_options
from captioner.search.base import SEARCHES
from captioner.search.override import override_search
from captioner.training.objectives.teacher_forcing import (
    Generated,
    check_sentences,
    generate_sentences,
    teacher_forcing_loss,
)
from captioner.training.task import TASKS, Loss, Task, check_unused_options, gather_from_all_processes
from captioner.vocabulary import Vocabulary

UNUSED = ("encoder", "head", "training.captions_per_image", "training.max_words", "training.augment")


@TASKS.register("translate")
class TranslateTask(Task):
    r"""Cross-entropy of the next symbol, given the source (Sutskever et al., 2014; Bahdanau et al., 2015).

        loss = mean of -log p(y_t | y_1 ... y_{t-1}, x) over the symbols of all targets, ends included

    A recurrent encoder reads the source x, and a decoder that captions pictures is shown what it made of it
    as features_BLF: `outputs` after every symbol (L of them: an attending decoder uses_image back at the source),
    or the `state` after the last one alone (L = 1), all that is remembered of every layer. Source and target
    share one vocabulary of characters or of words (`unit`). `label_smoothing` spreads that share of the
    target over all symbols.

    Validation writes with `validation_search`, by default the config's search made greedy: `val/exact` is
    the share of translations that are right to the last symbol, `val/error_rate` the symbols to insert,
    remove or change over those of the targets, `val/cut` the share that did not come to an end.
    """

    def __init__(
        self,
        config: Config,
        vocabulary: Vocabulary,
        unit: Unit = "characters",
        shown: Literal["outputs", "state"] = "outputs",
        label_smoothing: float = 0.0,
        validation_search: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(config, vocabulary)
        self.symbols = Symbols(vocabulary, unit)
        self.shown = shown
        self.label_smoothing = label_smoothing
        greedy = override_search(self.config.search, {"name": "greedy"})
        self.validation_search = SEARCHES.build(validation_search or greedy, vocabulary=self.symbols)
        self.text_encoder = TextEncoder(len(vocabulary), **config.text_encoder)
        feature_dim = self.text_encoder.feature_dim if shown == "outputs" else self.text_encoder.state_dim
        self.decoder = DECODERS.build(config.decoder, feature_dim=feature_dim, vocab_size=len(vocabulary))
        self.written: dict[int, Generated] = {}
        self.targets: list[str] = []

    @classmethod
    def check(cls, config: Config) -> None:
        """Refuse a mistake in the data, the encoder, the decoder, its cell or a search."""
        PAIR_SOURCES.check(config.data)
        check_options("text_encoder", TextEncoder, config.text_encoder, facts=("vocab_size",))
        check_sentences(config)
        check_unused_options(config, UNUSED)

    @classmethod
    def prepare(cls, config: Config, cache: Path) -> tuple[Self, PairData]:
        """Read the pairs; their symbols are the vocabulary."""
        data = PairData(PAIR_SOURCES.build(config.data).tables())
        words = config.vocabulary
        symbols = data.symbols(config.task.get("unit", "characters"), words.min_count, words.max_size)
        task = TASKS.build(config.task, config=config, vocabulary=symbols.vocabulary)
        assert isinstance(task, cls)
        data.connect(symbols, config.training, config.seed)
        task.targets = data.tables["val"]["target"][:]
        return task, data

    def describe(self, data: PairData) -> list[str]:
        """Pairs, symbols, and what the decoder is shown of a source."""
        sizes = ", ".join(f"{split} {len(rows):,}" for split, rows in data.tables.items())
        ways = " both ways" if len(self.text_encoder.cells) > 1 else ""
        shown = f"is its last state, {self.text_encoder.state_dim} numbers"
        if self.shown == "outputs":
            shown = f"are its outputs, {self.text_encoder.feature_dim} numbers a symbol"
        symbols = f"{len(self.vocabulary):,} {self.symbols.unit}"
        return [
            f"data       {self.config.data['name']}: pairs {sizes}; {symbols}",
            f"encoder    reads{ways}; shown {shown}",
        ]

    def features(self, sources_BL: Tensor) -> Tensor:
        """features_BLF of sources of one length."""
        read = self.text_encoder(sources_BL)
        features_BLF: Tensor = read.outputs_NTF if self.shown == "outputs" else read.state_NS.unsqueeze(1)
        return features_BLF

    def encode(self, batch: PairBatch) -> PairBatch:
        """The batch with features_BLF as its sources."""
        return batch._replace(sources=self.features(batch.sources))

    def loss(self, batch: PairBatch) -> Loss | None:
        """Per-symbol loss of the batch's targets."""
        told = teacher_forcing_loss(
            self.decoder, batch.sources, batch.tokens_BKT, self.label_smoothing if self.training else 0.0
        )
        return None if told is None else Loss(told.loss, {}, told.size)

    def update_metrics(self, batch: PairBatch) -> None:
        """Translate the batch."""
        found = generate_sentences(self.validation_search, self.decoder, batch.sources, self.vocabulary)
        self.written |= zip(batch.numbers_B.tolist(), found, strict=True)

    def compute_metrics(self) -> dict[str, float]:
        """How many translations are right, and how wrong the others."""
        written = gather_from_all_processes(self.written)
        self.written = {}
        if not written:
            return {}
        pairs = [(one.words, self.symbols.split(self.targets[number])) for number, one in written.items()]
        found = matches(pairs)
        return {
            "exact": found.exact,
            "error_rate": found.error_rate,
            "cut": sum(one.was_cut for one in written.values()) / len(written),
        }
