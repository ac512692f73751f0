"""Every recurrent cell as a character model, with equal numbers of parameters, on one text with one budget.

    python benchmarks/text_cells.py

The text is the first million characters of charlm/linux_kernel.txt under CAPTIONER_DATA, the last tenth of it
val. The size is that of an LSTM of 128 units on one-hot characters; every other cell gets the hidden_dim
whose model is nearest to it in size. As in Karpathy, Johnson and Fei-Fei (2016) training runs over contiguous
streams, here 25 of 50 characters, with one optimiser and one schedule for all, and one learning rate for all
cells with gates: a comparison at a small budget, not of the best result of each cell. Losses are in nats a
character, with 95 % intervals by block bootstrap over the val text; another seed changes them too. Seconds
are the processor's, of one thread, for a whole run with its validation. Under the table: n-gram models of the
same parts.

A row is printed when it is done; output of the trainings goes to stderr. After an interruption, continue with
--cells and the missing ones.
"""

import argparse
import contextlib
import os
import sys
import tempfile
import time
from pathlib import Path

import torch
from ngrams import evaluate, table

from captioner.cells.base import CELLS
from captioner.config import Component, Config, TrainingConfig
from captioner.data.text.alphabet import Alphabet
from captioner.data.text.corpus import CORPORA
from captioner.decoders.base import DECODERS
from captioner.models.folder import read_card
from captioner.training.train import train

UNITS, STREAMS, CHUNK = 128, 25, 50
RATE, UNGATED_RATE = 1e-2, 3e-3  # nothing in an Elman cell damps a large step
TWO_LAYERS = "lstm, 2 layers"


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


def config_of(cell: Component, data: Component, epochs: int) -> Config:
    return Config(
        task={"name": "char_lm"},
        data=data,
        decoder={"name": "language_model", "cell": cell},
        training=TrainingConfig(batch_size=STREAMS, monitor="val/loss"),
        optimizer={"name": "adam", "lr": UNGATED_RATE if cell["name"] == "elman" else RATE},
        schedule={"name": "cosine", "warmup": 100, "final": 0.05},
        trainer={
            "max_epochs": epochs,
            "check_val_every_n_epoch": epochs,
            "gradient_clip_val": 1.0,
            "accelerator": "cpu",
            "devices": 1,
            "enable_progress_bar": False,
        },
    )


def row(name: str, data: Component, epochs: int, wanted: int, vocab_size: int) -> str:
    """Train a model of about `wanted` parameters, and return its line of the table."""
    cell = cell_of(name)
    cell["hidden_dim"] = size_for(cell, wanted, vocab_size)
    started = time.process_time()
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(sys.stderr):
        val = read_card(train(config_of(cell, data, epochs), Path(folder)).model)["validation"]
    seconds = (time.process_time() - started) / epochs
    size = parameters(cell, cell["hidden_dim"], vocab_size)
    interval = f"{val['val/loss_low']:.3f} to {val['val/loss_high']:.3f}"
    figures = [name, cell["hidden_dim"], f"{size:,}", f"{val['val/loss']:.3f}", interval]
    bits = val["val/bits_per_character"]
    return f"| {' | '.join(map(str, figures))} | {bits:.3f} | {seconds:.1f} |"


def compare(file: Path, names: list[str], epochs: int) -> None:
    data: Component = {"name": "corpus", "path": str(file), "val_fraction": 0.1}
    data |= {"chunk_length": CHUNK, "validation_streams": 20}
    source = CORPORA.build(data)
    text = source.read()
    vocab_size = len(Alphabet.of(text, source.unit).vocabulary)
    wanted = parameters(cell_of("lstm"), UNITS, vocab_size)
    print(f"{len(text):,} characters, {epochs} epochs; torch {torch.__version__}, one thread\n")
    print("| cell | hidden_dim | parameters | val loss | 95 % interval | bits | seconds an epoch |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for name in names:
        print(row(name, data, epochs, wanted, vocab_size), flush=True)
    print(f"\n{table(evaluate(text, source, 'val', 6))}")


def main() -> None:
    single = [name for name in CELLS if name != "stacked"]
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cells", nargs="+", default=[*single, TWO_LAYERS], choices=[*single, TWO_LAYERS])
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--characters", type=int, default=1_000_000)
    options = parser.parse_args()
    file = Path(os.environ.get("CAPTIONER_DATA", "")) / "charlm/linux_kernel.txt"
    if not file.is_file():
        print("skipped: there is no charlm/linux_kernel.txt in the folder that CAPTIONER_DATA names")
        return
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        excerpt = Path(folder) / "text.txt"
        excerpt.write_text(file.read_text(encoding="utf-8")[: options.characters], encoding="utf-8")
        compare(excerpt, options.cells, options.epochs)


if __name__ == "__main__":
    main()
