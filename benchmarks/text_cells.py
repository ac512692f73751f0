"""Every recurrent cell as a character model, with equal numbers of parameters, on one text with one budget.

    python benchmarks/text_cells.py
    python benchmarks/text_cells.py --cells lstm torch.nn.LSTM --rates 0.01 --epochs 3

The text is the first million characters of charlm/linux_kernel.txt under CAPTIONER_DATA, the last tenth of it
val. The size is that of an LSTM of 128 units on one-hot characters; every other cell gets the hidden_dim
whose model is nearest to it in size. As in Karpathy, Johnson and Fei-Fei (2016) training runs over contiguous
streams, here 25 of 50 characters, with one optimiser and one schedule for all. The learning rate is each
cell's own: the one of --rates with the lowest loss in a pilot, --pilot-epochs over the first half of the
training part, whose last tenth is the pilot's val. So no rate is chosen on the text that is reported. (A
pilot of one epoch likes rates at which a longer training breaks down.)

torch.nn.LSTM and torch.nn.GRU are the modules of torch in place of a cell: a check that it is the rate and
the budget, not the code, that places a row. Losses are in nats a character, means over the seeds with the
lowest and the highest. Seconds are the processor's, of one thread, for an epoch with its share of validation.
Under the table: n-gram models of the same parts.

A row is printed when it is done; output of the trainings goes to stderr. After an interruption, continue with
--cells and the missing ones.
"""

import argparse
import contextlib
import math
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import torch
from ngrams import evaluate, table
from report import Report, benchmark_parser
from torch import Tensor, nn

from captioner.cells.base import CELLS, Cell, CellOutput, State, Trace
from captioner.config import Component, Config, TrainingConfig
from captioner.data.text.alphabet import Alphabet
from captioner.data.text.corpus import CORPORA
from captioner.decoders.base import DECODERS
from captioner.errors import UserError
from captioner.models.card import read_card
from captioner.training.train import train

UNITS, STREAMS, CHUNK = 128, 25, 50
RATES = (0.003, 0.006, 0.012, 0.024, 0.048, 0.096)
TWO_LAYERS = "lstm, 2 layers"


class TorchModule(Cell):
    """A recurrent module of torch as a cell, run as it is."""

    kind: type[nn.LSTM] | type[nn.GRU]

    def __init__(self, input_dim: int, hidden_dim: int = 512) -> None:
        super().__init__(input_dim, hidden_dim)
        self.projected_dim = input_dim
        self.module = self.kind(input_dim, hidden_dim, batch_first=True)

    def project(self, x: Tensor) -> Tensor:
        """Return the input: the module multiplies it itself."""
        return x

    def step(self, projected_NG: Tensor, state: State) -> State:
        """Run a sequence of one input."""
        return self.forward(projected_NG.unsqueeze(1), state).state

    def forward(self, x_NTE: Tensor, state: State) -> CellOutput:
        """Run the module."""
        leaves = tuple(leaf.unsqueeze(0) for leaf in state)
        outputs_NTH, after = self.module(x_NTE, leaves if len(leaves) > 1 else leaves[0])
        return CellOutput(outputs_NTH, tuple(leaf[0] for leaf in (after if len(leaves) > 1 else (after,))))

    def trace(self, x_NTE: Tensor, state: State) -> Trace:
        """Refuse: see `Cell`."""
        raise NotImplementedError("the modules of torch show no gates")


@CELLS.register("torch.nn.LSTM")
class TorchLSTM(TorchModule):
    """torch.nn.LSTM."""

    num_states = 2
    kind = nn.LSTM


@CELLS.register("torch.nn.GRU")
class TorchGRU(TorchModule):
    """torch.nn.GRU."""

    num_states = 1
    kind = nn.GRU


def cell_of(name: str) -> Component:
    """Return the config of a row of the table."""
    if name == TWO_LAYERS:
        return {"name": "stacked", "num_layers": 2, "cell": {"name": "lstm"}}
    return {"name": name}


def parameters(cell: Component, hidden_dim: int, vocab_size: int) -> int:
    """Count the parameters of the whole model, which is not allocated."""
    decoder = {"name": "language_model", "cell": cell | {"hidden_dim": hidden_dim}}
    with torch.device("meta"):
        model = DECODERS.build(decoder, feature_dim=0, vocab_size=vocab_size, endless=True)
    return sum(p.numel() for p in model.parameters())


def size_for(cell: Component, wanted: int, vocab_size: int) -> int:
    """Find the hidden_dim whose model is nearest to so many parameters, by bisection."""
    low, high = 1, 2
    while parameters(cell, high, vocab_size) < wanted:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if parameters(cell, middle, vocab_size) < wanted else (low, middle)
    return min((low, high), key=lambda size: abs(parameters(cell, size, vocab_size) - wanted))


def config_of(cell: Component, data: Component, epochs: int, rate: float, seed: int) -> Config:
    return Config(
        task={"name": "char_lm"},
        data=data,
        decoder={"name": "language_model", "cell": cell},
        training=TrainingConfig(batch_size=STREAMS, monitor="val/loss"),
        optimizer={"name": "adam", "lr": rate},
        schedule={"name": "cosine", "warmup": 100, "final": 0.05},
        trainer={
            "max_epochs": epochs,
            "check_val_every_n_epoch": epochs,
            "gradient_clip_val": 1.0,
            "accelerator": "cpu",
            "devices": 1,
            "enable_progress_bar": False,
        },
        seed=seed,
    )


def val_loss(cell: Component, data: Component, epochs: int, rate: float, seed: int) -> float:
    """Train a model and return its loss on val; infinity where training broke off at a number not finite."""
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(sys.stderr):
        try:
            model = train(config_of(cell, data, epochs, rate, seed), Path(folder)).model
        except UserError as error:
            print(error, file=sys.stderr)
            return math.inf
        return float(read_card(model)["validation"]["val/loss"])


def best_rate(cell: Component, data: Component, rates: Sequence[float], epochs: int) -> float:
    """Choose the rate by the pilot's val loss."""
    if len(rates) == 1:
        return rates[0]
    losses = {rate: val_loss(cell, data, epochs, rate, seed=1) for rate in rates}
    print(f"pilot {cell}: {losses}", file=sys.stderr)
    return min(losses, key=losses.__getitem__)


def row(
    name: str,
    data: Component,
    pilot: Component,
    wanted: int,
    options: argparse.Namespace,
    figures: Report,
) -> str:
    """Train models of about `wanted` parameters, and return their line of the table."""
    cell = cell_of(name)
    vocab_size = len(Alphabet.of(CORPORA.build(data).read(), "characters").vocabulary)
    cell["hidden_dim"] = size_for(cell, wanted, vocab_size)
    rate = best_rate(cell, pilot, options.rates, options.pilot_epochs)
    columns = [name, cell["hidden_dim"], f"{parameters(cell, cell['hidden_dim'], vocab_size):,}", rate]
    started = time.process_time()
    trained = 0
    for epochs in options.epochs:
        seeds = range(1, 1 + (options.seeds if epochs == min(options.epochs) else options.long_seeds))
        losses = [val_loss(cell, data, epochs, rate, seed) for seed in seeds]
        trained += epochs * len(losses)
        spread = f" ({min(losses):.3f} to {max(losses):.3f})" if len(losses) > 1 else ""
        mean = statistics.mean(losses)
        columns.append(f"{mean:.3f}{spread}")
        figures.record(f"{name}, {epochs} epochs", mean, "nats a character", higher_is_better=False)
    columns.append(f"{(time.process_time() - started) / trained:.1f}")
    return f"| {' | '.join(map(str, columns))} |"


def compare(file: Path, pilot_file: Path, options: argparse.Namespace) -> None:
    data: Component = {"name": "corpus", "path": str(file), "val_fraction": 0.1}
    data |= {"chunk_length": CHUNK, "validation_streams": 20}
    figures = Report("text_cells", options.json)
    source = CORPORA.build(data)
    text = source.read()
    pilot_file.write_text(str(text[: int(len(text) * 0.45)]), encoding="utf-8")
    wanted = parameters(cell_of("lstm"), UNITS, len(Alphabet.of(text, source.unit).vocabulary))
    print(f"{len(text):,} characters; {options.seeds} seeds")
    epochs = " | ".join(f"{epochs} epochs" for epochs in options.epochs)
    print(f"\n| cell | hidden_dim | parameters | rate | {epochs} | seconds an epoch |")
    print(f"| --- | --- | --- | --- |{' --- |' * len(options.epochs)} --- |")
    for name in options.cells:
        print(row(name, data, data | {"path": str(pilot_file)}, wanted, options, figures), flush=True)
    if options.ngrams:
        print(f"\n{table(evaluate(text, source, 'val', 6))}")


def main() -> None:
    single = [name for name in CELLS if name != "stacked"]
    parser = benchmark_parser(__doc__)
    parser.add_argument("--cells", nargs="+", default=[*single, TWO_LAYERS], choices=[*single, TWO_LAYERS])
    parser.add_argument("--epochs", type=int, nargs="+", default=[3, 10])
    parser.add_argument("--rates", type=float, nargs="+", default=RATES)
    parser.add_argument("--pilot-epochs", type=int, default=3)
    parser.add_argument("--seeds", type=int, default=3, help="of the shortest training")
    parser.add_argument("--long-seeds", type=int, default=3, help="of longer ones")
    parser.add_argument("--characters", type=int, default=1_000_000)
    parser.add_argument("--no-ngrams", dest="ngrams", action="store_false")
    options = parser.parse_args()
    file = Path(os.environ.get("CAPTIONER_DATA", "")) / "charlm/linux_kernel.txt"
    if not file.is_file():
        print("skipped: there is no charlm/linux_kernel.txt in the folder that CAPTIONER_DATA names")
        return
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        excerpt = Path(folder) / "text.txt"
        excerpt.write_text(file.read_text(encoding="utf-8")[: options.characters], encoding="utf-8")
        compare(excerpt, Path(folder) / "pilot.txt", options)


if __name__ == "__main__":
    main()
