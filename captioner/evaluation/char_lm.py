"""Evaluate a character model: -log p of text that it was not trained on.

N streams, T characters.
"""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from captioner.config import Component
from captioner.data.loader import SampleIndex
from captioner.data.text.alphabet import Numbers
from captioner.data.text.corpus import CORPORA, fingerprint
from captioner.data.text.streams import Chunks, Stream, divide
from captioner.errors import UserError
from captioner.evaluation.base import EVALUATIONS, Evaluation, write_results
from captioner.inference.char_lm import Writer
from captioner.metrics.text.likelihood import Array, Likelihood, likelihood
from captioner.models.char_lm import CharLanguageModel
from captioner.models.prompt import nll
from captioner.vocabulary import PAD

NUM_WINDOWS = 1000
OTHER_TEXT = "The text is not the one that was trained on: what is {} here may have been trained on."


@EVALUATIONS.register("char_lm")
def evaluate(
    model: Path,
    output: Path,
    *,
    data: Component | None = None,
    split: str = "val",
    windows: int | None = None,
    num_windows: int | None = None,
    windows_seed: int | None = None,
    progress: Any = iter,
) -> Evaluation:
    """Compute the mean -log p of a split's symbols, each after all that come before it in the split.

    The split is read as one stream from a zero state, or as `validation_streams` of `data`; the first symbol
    is not predicted. Intervals are of 95 %, by bootstrap over blocks of the text, and over windows.

    Args:
        model: the model folder.
        output: the folder that gets `results.json`.
        data: changes to the data of the training.
        split: the split of the text.
        windows: if given, nanoGPT's estimate (Karpathy, 2022) is added, for models with a fixed context: the
            mean over windows of so many symbols at random places, each read from a zero state. nanoGPT takes
            12,800 of 256, on a CPU 240 of 64.
        num_windows: how many windows; 1000 by default.
        windows_seed: for their places; 0 by default.
        progress: wraps sequences of chunks, for a progress bar.

    Returns:
        Figures and files.

    Raises:
        UserError: no model, nothing in the split, an unknown symbol, windows that the split has no room for.
    """
    draws = _draws(windows, num_windows, windows_seed)
    writer = Writer(model)
    part = _read(writer.model, data or {}, split)
    starts = _starts(part.stretches, draws) if draws else None  # refused before the split is read
    found = likelihood(_carried(writer, part, progress))
    columns = _columns(split, found)
    about = {"model": str(model), "data": part.data, "split": split, "text": part.text, **_results(found)}
    notes = [] if part.text == writer.model.text or "path" in (data or {}) else [OTHER_TEXT.format(split)]
    if draws and starts is not None:
        nats_NT = writer.nll_in_windows(part.numbers, starts, draws.length, progress)
        short = likelihood(nats_NT.flatten(), block=draws.length)
        for name, figures in _columns(split, short).items():
            columns[name] |= {f"windows_{key}": value for key, value in figures.items()}
        about["windows"] = draws._asdict() | _results(short)
        notes.append(f"random windows: {draws.number:,} of {draws.length:,}, seed {draws.seed}")
    write_results(output / "results.json", about)
    title = f"{found.num_symbols:,} {writer.model.alphabet.unit}"
    return Evaluation(title, columns, {"results": output / "results.json"}, notes, digits=4)


class _Draws(NamedTuple):
    """Random windows."""

    length: int
    number: int
    seed: int


def _draws(length: int | None, number: int | None, seed: int | None) -> _Draws | None:
    if length is not None:
        return _Draws(length, NUM_WINDOWS if number is None else number, seed or 0)
    if number is not None or seed is not None:
        raise UserError("--num-windows and --windows-seed go with --windows N.")
    return None


class _Part(NamedTuple):
    """What is evaluated: a whole text, and where in it a split lies."""

    data: Component
    text: dict[str, int | str]
    numbers: Numbers
    stretches: list[Stream]
    num_streams: int


def _read(model: CharLanguageModel, changes: Component, split: str) -> _Part:
    data = model.config.data | {"validation_streams": 1} | changes
    source = CORPORA.build(data)
    text = source.read()
    numbers = model.alphabet.encode(text)
    cut = source.cut_to_read(split, len(numbers), model.config.training.batch_size)
    about = fingerprint(text, source.unit)
    return _Part(data, about, numbers[: cut.length], cut.parts[split], source.validation_streams)


def _carried(writer: Writer, part: _Part, progress: Any) -> Array:
    """Nats of every symbol of the split, in text order."""
    streams = divide(part.stretches, part.num_streams, whole=True)
    longest = max(stream.length for stream in streams)
    whole = Chunks(part.numbers, streams, longest, whole=True).__getitems__([SampleIndex(0, 0)])
    tokens_NT = whole.tokens_NT.to(writer.model.device)
    nats_NT = nll(writer.model.prompted, tokens_NT, progress)
    return np.asarray(nats_NT[tokens_NT[:, 1:] != PAD].double().cpu())


def _starts(stretches: list[Stream], draws: _Draws) -> NDArray[np.int64]:
    """Where random windows of the split begin."""
    longest = max(stretch.length for stretch in stretches)
    if not 1 <= draws.length <= longest:
        raise UserError(f"--windows must be 1 to {longest:,} for this split, not {draws.length}.")
    if draws.number < 1:
        raise UserError(f"--num-windows must be at least 1, not {draws.number}.")
    places = [np.arange(start, start + length + 1 - draws.length) for start, length in stretches]
    return np.random.default_rng(draws.seed).choice(np.concatenate(places), draws.number)


def _scores(found: Likelihood) -> dict[str, float]:
    return {"nats": found.nats, "bits": found.bits, "perplexity": found.perplexity}


def _results(found: Likelihood) -> dict[str, Any]:
    return {"symbols": found.num_symbols, "scores": _scores(found), "interval": list(found.interval)}


def _columns(split: str, found: Likelihood) -> dict[str, dict[str, float]]:
    """The scores, and those of the bounds of the interval."""
    low, high = (found._replace(nats=bound) for bound in found.interval)
    return {split: _scores(found), "95% low": _scores(low), "high": _scores(high)}
