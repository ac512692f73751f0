"""Train a character language model by truncated back-propagation through time.

N streams, T characters of a chunk, H hidden.
"""

import math
import sys
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor

from captioner.cells.base import State
from captioner.config import Config
from captioner.data.text.batches import TextData
from captioner.data.text.corpus import CORPORA
from captioner.data.text.streams import TextBatch
from captioner.errors import UserError
from captioner.metrics.text.likelihood import by_distance, likelihood, stack_chunks
from captioner.models.char_lm import CharLanguageModel
from captioner.models.prompt import PromptedLM, detach_state, next_token_nll, no_image
from captioner.ranges import Count, CountOrZero
from captioner.search.sample import Sample
from captioner.training.checks.monitor import check_monitor
from captioner.training.gather import gather_rows
from captioner.training.loss import Loss
from captioner.training.task import TASKS, Task
from captioner.vocabulary import PAD

SAMPLE_LENGTH = 200
SAMPLES = "samples.txt"


@TASKS.register("char_lm")
class CharLMTask(Task[CharLanguageModel]):
    r"""Cross-entropy of the next character.

        loss = mean over N streams and T times of -log p(s_{t+1} | s_t, h_{t-1})

    An update is made from the next chunk of every stream. It starts from the state at the end of the chunk
    before, as a value: no gradient flows back over a chunk's start, nor further than `tbptt_steps`
    characters. The state is zero where the text starts, and is part of a checkpoint. Several processes share
    the streams: an update is that of one process with all of them.

    Validation reads the whole of val in the same way, so `val/loss` is in nats a character given all that
    comes before; `val/loss_low` and `val/loss_high` bound it in 95 % of bootstrap draws.

    Args:
        model: what is trained.
        tbptt_steps: characters that a gradient flows back; by default a whole chunk.
        report_zero_state: whether every chunk of val is also read from a zero state: `val/zero_state_loss`,
            and by distance from the chunk's start, `val/zero_state_loss_at_8` for characters 8 to 15.
        sample_every: updates between samples of 200 characters that are written into samples.txt of the run;
            0 for one after each epoch. A sample continues from the state of training's first stream, as in
            min-char-rnn.

    Source: Karpathy, Johnson and Fei-Fei (2016); truncation: Williams and Peng (1990).
    """

    keeps_batch_size = True

    def __init__(
        self,
        model: CharLanguageModel,
        tbptt_steps: Count | None = None,
        report_zero_state: bool = False,
        sample_every: CountOrZero = 0,
    ) -> None:
        super().__init__(model)
        self.tbptt_steps = tbptt_steps
        self.report_zero_state = report_zero_state
        self.sample_every = sample_every
        self._carried: dict[str, State] = {}
        self._newest = torch.tensor(model.line_feed)  # the character that training's first stream reads next
        self._nats: dict[str, list[Tensor]] = {"carried": [], "zero_state": []}

    @classmethod
    def check(cls, config: Config) -> None:
        """Refuse gradients over more characters than a chunk has, and a figure that is not there."""
        steps, chunk = config.task.get("tbptt_steps"), config.data.get("chunk_length", 100)
        if steps is not None and steps > chunk:
            raise UserError(f"task.tbptt_steps must be 1 to data.chunk_length ({chunk}), not {steps}.")
        reads_twice = config.task.get("report_zero_state", False)
        check_monitor(config, ("bits_per_character", *["zero_state_loss"] * reads_twice))

    @classmethod
    def prepare(cls, config: Config, cache: Path) -> tuple[Self, TextData]:
        """Read the text; its characters are the vocabulary."""
        data = TextData(CORPORA.build(config.data), config.training.batch_size, config.training.num_workers)
        task = cls.from_config(config, data.alphabet.vocabulary)
        task.model.text = data.about
        return task, data

    @classmethod
    def check_data(cls, config: Config) -> object:
        """See `Task`."""
        from captioner.data.checks.text import check_text

        return check_text(CORPORA.build(config.data), config.training.batch_size)

    def describe(self, data: TextData) -> list[str]:
        """Return lines on the text and the streams it is read in."""
        sizes = {name: sum(s.length for s in streams) for name, streams in data.cut.parts.items()}
        parts = ", ".join(f"{name} {size:,}" for name, size in sizes.items() if size)
        unit, chunk = data.source.unit, data.source.chunk_length
        return [
            f"data       {data.source.path or 'Python standard library'}: {unit} {parts}; "
            f"{len(self.model.alphabet.symbols)} different",
            f"streams    {data.batch_size}, an update every {chunk} {unit}, gradients over "
            f"{self.tbptt_steps or chunk}",
        ]

    def loss(self, batch: TextBatch) -> Loss:
        """Return nats a character of the streams' next chunk, and keep the state they end in."""
        targets_NT = batch.tokens_NT[:, 1:]
        stage = "train" if self.training else "val"
        state = self._first_state(targets_NT) if batch.starts else self._carried[stage]
        outputs_NTH, self._carried[stage] = self._read(batch.tokens_NT[:, :-1], state)
        nats_NT = next_token_nll(self.model.decoder, outputs_NTH, targets_NT)
        if self.training:
            self._newest = targets_NT[0, -1]
            if self.model.prompt_state is not None:
                self.model.prompt_state.keep(self._newest, self._carried[stage])
        # Chunks of training are whole: counting them would only make a GPU wait.
        size = targets_NT.numel() if self.training else int((targets_NT != PAD).sum())
        if not self.training:
            self._keep("carried", nats_NT, targets_NT)
        loss = nats_NT.sum() / size
        return Loss(loss, {"bits_per_character": loss.detach() / math.log(2)}, size)

    def update_metrics(self, batch: TextBatch) -> None:
        """Read the chunk once more, from a zero state, if that is asked for."""
        if self.report_zero_state:
            decoder, targets_NT = self.model.decoder, batch.tokens_NT[:, 1:]
            outputs_NTH, _ = decoder.read(batch.tokens_NT[:, :-1], self._zero_state(targets_NT))
            self._keep("zero_state", next_token_nll(decoder, outputs_NTH, targets_NT), targets_NT)

    def compute_metrics(self) -> dict[str, float]:
        """Return the interval of the loss, and the loss from a zero state."""
        carried, zero_state = map(gather_rows, self._nats.values())
        self._nats = {"carried": [], "zero_state": []}
        if not carried:
            return {}
        if not self.sample_every and "train" in self._carried:
            self._write_sample()
        nats = torch.cat(carried, dim=1).double().flatten().numpy()
        interval = likelihood(nats[~np.isnan(nats)]).interval
        figures = {"loss_low": interval.low, "loss_high": interval.high}
        if zero_state:
            nats_NT = stack_chunks([part.double().numpy() for part in zero_state])
            figures["zero_state_loss"] = float(np.nanmean(nats_NT))
            figures |= {f"zero_state_loss_at_{start}": v for start, v in by_distance(nats_NT).items()}
        return figures

    def on_train_batch_end(self, outputs: Any, batch: TextBatch, batch_idx: int) -> None:
        """Write a sample every `sample_every` updates.

        Args:
            outputs: of the training step; not used.
            batch: not used.
            batch_idx: not used.
        """
        if self.sample_every and self.global_step % self.sample_every == 0:
            self.check_finite()
            self._write_sample()

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Add the state of all streams."""
        super().on_save_checkpoint(checkpoint)
        checkpoint["carried"] = gather_rows([leaf.detach().cpu() for leaf in self._carried.get("train", ())])
        checkpoint["newest"] = int(self._newest)

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Restore the state of this process's streams."""
        super().on_load_checkpoint(checkpoint)
        rank, step = self.global_rank, self.trainer.world_size
        self._carried["train"] = tuple(leaf[rank::step] for leaf in checkpoint["carried"])
        self._newest = torch.tensor(checkpoint["newest"])

    def _first_state(self, tokens_NT: Tensor) -> State:
        """Training starts from zero, validation as a text that is scored later."""
        if self.training:
            return self._zero_state(tokens_NT)
        state: State = self.model.prompted.start(no_image(self.model.decoder, len(tokens_NT))).state
        return state

    def _zero_state(self, tokens_NT: Tensor) -> State:
        state: State = self.model.decoder.start(no_image(self.model.decoder, len(tokens_NT))).state
        return state

    def _read(self, inputs_NT: Tensor, state: State) -> tuple[Tensor, State]:
        """Outputs and last state of a chunk, in pieces over which no gradient flows."""
        pieces = []
        steps = self.tbptt_steps if self.training and self.tbptt_steps else inputs_NT.shape[1]
        state = tuple(leaf.to(inputs_NT.device) for leaf in state)
        for piece_NT in torch.split(inputs_NT, steps, dim=1):
            outputs_NTH, state = self.model.decoder.read(piece_NT, detach_state(state))
            pieces.append(outputs_NTH)
        return (torch.cat(pieces, dim=1) if len(pieces) > 1 else pieces[0]), detach_state(state)

    def _keep(self, kind: str, nats_NT: Tensor, targets_NT: Tensor) -> None:
        self._nats[kind].append(nats_NT.detach().masked_fill(targets_NT == PAD, torch.nan).cpu())

    def _write_sample(self) -> None:
        """Write a sample of the model as it is; training's own RNG state is not touched.

        The first process writes it: it has the first stream.
        """
        if not self.trainer.is_global_zero:
            return
        decoder = self.model.decoder
        was_training = decoder.training
        decoder.eval()
        search = Sample(max_length=SAMPLE_LENGTH, seed=self.global_step)
        leaves = self._carried["train"][: decoder.cell.num_states]
        state = tuple(leaf[:1].to(self.device) for leaf in leaves)
        ((found,),) = search(PromptedLM(decoder, int(self._newest), state), no_image(decoder, 1))
        text = self.model.alphabet.decode(found.tokens)
        decoder.train(was_training)
        with (Path(self.trainer.default_root_dir) / SAMPLES).open("a", encoding="utf-8") as file:
            file.write(f"---- update {self.global_step} ----\n{text}\n\n")
        if self.trainer.progress_bar_callback is not None:
            print(f"\n---- update {self.global_step} ----\n{text}\n", file=sys.stderr)
