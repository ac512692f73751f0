"""The character language model, trained by truncated back-propagation through time.

N streams, T characters of a chunk, H hidden.
"""

import math
import sys
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

import numpy as np
import torch
from torch import Tensor

from captioner.cells.base import State
from captioner.config import Component, Config
from captioner.data.text.alphabet import Alphabet
from captioner.data.text.corpus import CORPORA, TextData
from captioner.data.text.streams import TextBatch
from captioner.decoders.base import DECODERS, FACTS
from captioner.decoders.language_model import LanguageModel
from captioner.errors import UserError
from captioner.metrics.text.likelihood import by_distance, likelihood, stack_chunks
from captioner.models.prompt import PromptedLM, PromptState, detach_state, next_token_nll, no_image
from captioner.search.base import SEARCHES
from captioner.search.sample import Sample
from captioner.search.text_rules import check_text_rules
from captioner.training.task import TASKS, Loss, Task, check_unused_options
from captioner.vocabulary import PAD, Vocabulary

UNUSED = (
    *("encoder", "text_encoder", "head", "vocabulary"),
    *("training.captions_per_image", "training.max_words", "training.augment"),
)
SAMPLE_LENGTH = 200
SAMPLES = "samples.txt"


@TASKS.register("char_lm")
class CharLM(Task):
    r"""Cross-entropy of the next character (Karpathy, Johnson and Fei-Fei, 2016).

        loss = mean over N streams and T times of -log p(s_{t+1} | s_t, h_{t-1})

    An update is made from the next chunk of every stream. It starts from the state the chunk before ended
    in, as a value: no gradient flows back over a chunk's start, nor further than `tbptt_steps` characters
    (Williams and Peng, 1990); by default a whole chunk. The state is zero where the text starts, and is part
    of a checkpoint.

    Validation reads the whole of val in the same way, so `val/loss` is in nats a character with all that
    comes before in view; `val/loss_low` and `val/loss_high` bound it in 95 % of bootstrap draws.
    `report_zero_state` reads every chunk of val from a zero state too: `val/zero_state_loss`, and by distance
    from the chunk's start, `val/zero_state_loss_at_8` for characters 8 to 15. `sample_every` so many updates
    (0: after each epoch) the model writes 200 characters into samples.txt of the run. They go on from where
    the first stream of training is, as in min-char-rnn: what it remembers may be far from where zero leads.

    `prompt_state` is what a text follows that is written, scored or validated: "zero" for a line feed and a zero
    state, "carried" for the last character and the state of that first stream, which the model folder keeps.
    A model of one stream starts from zero once only, and may not find its way into words from there.
    """

    default_search: ClassVar[Component] = {"name": "sample", "max_length": 500}

    def __init__(
        self,
        config: Config,
        vocabulary: Vocabulary,
        tbptt_steps: int | None = None,
        report_zero_state: bool = False,
        sample_every: int = 0,
        prompt_state: Literal["zero", "carried"] = "zero",
    ) -> None:
        super().__init__(config, vocabulary)
        self.tbptt_steps = tbptt_steps
        self.report_zero_state = report_zero_state
        self.sample_every = sample_every
        self.alphabet = Alphabet(vocabulary, config.data.get("unit", "characters"))
        decoder = DECODERS.build(config.decoder, feature_dim=0, vocab_size=len(vocabulary), endless=True)
        assert isinstance(decoder, LanguageModel)
        self.decoder = decoder
        self.text: dict[str, Any] = {}
        self._carried: dict[str, State] = {}
        self._newest = torch.tensor(self.line_feed)  # the character that training's first stream reads next
        self.prompt_state = PromptState(decoder, self.line_feed) if prompt_state == "carried" else None
        self._nats: dict[str, list[Tensor]] = {"": [], "zero_state": []}

    @classmethod
    def check(cls, config: Config) -> None:
        """Refuse a mistake in the corpus, the decoder or its cell, and options of captioning."""
        CORPORA.check(config.data)
        DECODERS.check(config.decoder, facts=FACTS)
        if config.decoder["name"] != "language_model":
            raise UserError(
                f"The task char_lm needs the decoder language_model, not {config.decoder['name']}."
            )
        if config.search:
            SEARCHES.check(config.search)
            check_text_rules(config.search)
        check_unused_options(config, UNUSED)
        steps, chunk = config.task.get("tbptt_steps"), config.data.get("chunk_length", 100)
        if steps is not None and not 1 <= steps <= chunk:
            raise UserError(f"task.tbptt_steps must be 1 to data.chunk_length ({chunk}), not {steps}.")

    @classmethod
    def prepare(cls, config: Config, cache: Path) -> tuple[Self, TextData]:
        """Read the text; its characters are the vocabulary."""
        data = TextData(CORPORA.build(config.data), config.training.batch_size, config.training.num_workers)
        task = TASKS.build(config.task, config=config, vocabulary=data.alphabet.vocabulary)
        assert isinstance(task, cls)
        task.text = data.about
        return task, data

    def describe(self, data: TextData) -> list[str]:
        """The text and how it is read."""
        sizes = {name: sum(s.length for s in streams) for name, streams in data.cut.parts.items()}
        shown = ", ".join(f"{name} {size:,}" for name, size in sizes.items() if size)
        unit, chunk = data.source.unit, data.source.chunk_length
        return [
            f"data       {data.source.path or 'Python standard library'}: {unit} {shown}; "
            f"{len(self.alphabet.symbols)} different",
            f"streams    {data.batch_size}, an update every {chunk} {unit}, gradients over "
            f"{self.tbptt_steps or chunk}",
        ]

    def to_card(self) -> dict[str, Any]:
        """Which text it was."""
        return {"text": self.text}

    def from_card(self, card: dict[str, Any]) -> None:
        """Which text it was."""
        self.text = card["text"]

    def setup(self, stage: str) -> None:
        """Refuse several devices: a stream's state lives on one."""
        if self.trainer.world_size > 1:
            raise UserError("The task char_lm trains on one device: set trainer.devices=1.")

    def loss(self, batch: TextBatch) -> Loss:
        """Nats a character of the streams' next chunk; remembers the state they end in."""
        targets_NT = batch.tokens_NT[:, 1:]
        stage = "train" if self.training else "val"
        state = self._first_state(targets_NT) if batch.starts else self._carried[stage]
        outputs_NTH, self._carried[stage] = self._read(batch.tokens_NT[:, :-1], state)
        nats_NT = next_token_nll(self.decoder, outputs_NTH, targets_NT)
        if self.training:
            self._newest = targets_NT[0, -1]
            if self.prompt_state is not None:
                self.prompt_state.keep(self._newest, self._carried[stage])
        # Chunks of training are whole: counting them would only make a GPU wait.
        size = targets_NT.numel() if self.training else int((targets_NT != PAD).sum())
        if not self.training:
            self._remember("", nats_NT, targets_NT)
        loss = nats_NT.sum() / size
        return Loss(loss, {"bits_per_character": loss.detach() / math.log(2)}, size)

    def update_metrics(self, batch: TextBatch) -> None:
        """Read the chunk once more, from a zero state, if that is asked for."""
        if self.report_zero_state:
            targets_NT = batch.tokens_NT[:, 1:]
            outputs_NTH, _ = self.decoder.read(batch.tokens_NT[:, :-1], self._zero_state(targets_NT))
            self._remember("zero_state", next_token_nll(self.decoder, outputs_NTH, targets_NT), targets_NT)

    def compute_metrics(self) -> dict[str, float]:
        """The interval of the loss, and the loss without a carried state."""
        carried, zero_state = self._nats.values()
        self._nats = {"": [], "zero_state": []}
        if not carried:
            return {}
        if not self.sample_every and "train" in self._carried:
            self._show_sample()
        nats = torch.cat(carried, dim=1).double().flatten().numpy()
        interval = likelihood(nats[~np.isnan(nats)]).interval
        figures = {"loss_low": interval.low, "loss_high": interval.high}
        if zero_state:
            nats_NT = stack_chunks([part.double().numpy() for part in zero_state])
            figures["zero_state_loss"] = float(np.nanmean(nats_NT))
            figures |= {f"zero_state_loss_at_{start}": v for start, v in by_distance(nats_NT).items()}
        return figures

    def on_train_batch_end(self, outputs: Any, batch: TextBatch, batch_idx: int) -> None:
        """Write a sample, if it is time."""
        if self.sample_every and self.global_step % self.sample_every == 0:
            self.check_finite()
            self._show_sample()

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Add the state the streams are in."""
        super().on_save_checkpoint(checkpoint)
        checkpoint["carried"] = [leaf.detach().cpu() for leaf in self._carried.get("train", ())]
        checkpoint["newest"] = int(self._newest)

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Go on from that state."""
        super().on_load_checkpoint(checkpoint)
        self._carried["train"] = tuple(checkpoint["carried"])
        self._newest = torch.tensor(checkpoint["newest"])

    @property
    def prompted(self) -> PromptedLM:
        """The model where a text begins, as the option `prompt_state` says."""
        if self.prompt_state is None:
            return PromptedLM(self.decoder, self.line_feed)
        return PromptedLM(self.decoder, int(self.prompt_state.token), self.prompt_state.state)

    @property
    def line_feed(self) -> int:
        """A line feed as the model reads it; in a text that has none, the first of its characters."""
        symbols = self.alphabet.symbols
        symbol = "\n" if "\n" in symbols else symbols[0]
        return int(self.alphabet.encode(symbol.encode("latin-1") if self._bytes else symbol)[0])

    @property
    def _bytes(self) -> bool:
        return self.alphabet.unit == "bytes"

    def _first_state(self, tokens_NT: Tensor) -> State:
        """Training starts from zero, validation as a text of later."""
        if self.training:
            return self._zero_state(tokens_NT)
        state: State = self.prompted.start(no_image(self.decoder, len(tokens_NT))).state
        return state

    def _zero_state(self, tokens_NT: Tensor) -> State:
        state: State = self.decoder.start(no_image(self.decoder, len(tokens_NT))).state
        return state

    def _read(self, inputs_NT: Tensor, state: State) -> tuple[Tensor, State]:
        """Outputs and last state of a chunk, in pieces over which no gradient flows."""
        pieces = []
        steps = self.tbptt_steps if self.training and self.tbptt_steps else inputs_NT.shape[1]
        state = tuple(leaf.to(inputs_NT.device) for leaf in state)
        for piece_NT in torch.split(inputs_NT, steps, dim=1):
            outputs_NTH, state = self.decoder.read(piece_NT, detach_state(state))
            pieces.append(outputs_NTH)
        return (torch.cat(pieces, dim=1) if len(pieces) > 1 else pieces[0]), detach_state(state)

    def _remember(self, kind: str, nats_NT: Tensor, targets_NT: Tensor) -> None:
        self._nats[kind].append(nats_NT.detach().masked_fill(targets_NT == PAD, torch.nan).cpu())

    def _show_sample(self) -> None:
        """Write a sample of the model as it is; training's own chance is not touched."""
        was_training = self.decoder.training
        self.decoder.eval()
        draw = Sample(max_length=SAMPLE_LENGTH, seed=self.global_step)
        leaves = self._carried["train"][: self.decoder.cell.num_states]
        prompted = PromptedLM(
            self.decoder, int(self._newest), tuple(leaf[:1].to(self.device) for leaf in leaves)
        )
        ((found,),) = draw(prompted, no_image(self.decoder, 1))
        text = self.alphabet.decode(found.tokens)
        self.decoder.train(was_training)
        with (Path(self.trainer.default_root_dir) / SAMPLES).open("a", encoding="utf-8") as file:
            file.write(f"---- update {self.global_step} ----\n{text}\n\n")
        if self.trainer.progress_bar_callback is not None:
            print(f"\n---- update {self.global_step} ----\n{text}\n", file=sys.stderr)
