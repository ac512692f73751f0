"""Beam search over a batch against the loop of the tutorials, one picture at a time.

    python benchmarks/search.py
    python benchmarks/search.py --rounds 5 --only attention

The loop is what tutorials do for each picture: the features copied for every beam, attention's keys of the
whole picture computed at every word, a softmax over the vocabulary for every beam, and fewer beams as
sentences end. It is timed on the first 16 pictures, each for itself as always. Both sides read the same
weights; sentences end at lengths drawn from 7 to 15 words, the spread of Flickr8k, so that both do the same
work and find the same sentences, which is counted. They run in turns in one process; medians are printed and
their ratio; the limit, which is our matrix products alone, and our share of it; then where our time goes, and
(on Linux) our peak of memory at two beam sizes.
"""

import argparse
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch
from report import Report, benchmark_parser
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from captioner.decoders.base import Decoder, DecoderStart, DecoderStep
from captioner.decoders.show_attend_tell import ShowAttendTell
from captioner.decoders.show_tell import ShowTell
from captioner.search.beam import Beam
from captioner.tree import Tree
from captioner.vocabulary import BOS, EOS, PAD

B, V, H, F, L, BEAM, LONGEST = 64, 10_000, 512, 512, 196, 5, 20
ALONE = 16  # pictures of the loop
PRODUCTS = ("aten::addmm", "aten::mm", "aten::bmm", "aten::baddbmm")
Sentences = list[list[int]]


class Ending:
    """A decoder whose sentences end when they have as many words as the picture is told to get."""

    def __init__(self, decoder: Decoder, lengths_B: Tensor) -> None:
        self.decoder = decoder
        self.lengths_B = lengths_B

    def start(self, features_BLF: Tensor) -> DecoderStart:
        """The decoder's, with a count of words beside."""
        memory, state = self.decoder.start(features_BLF)
        words_B = torch.zeros(len(features_BLF), dtype=torch.long, device=features_BLF.device)
        return DecoderStart((memory, self.lengths_B), (state, words_B))

    def step(self, tokens_N: Tensor, state: Tree, memory: Tree) -> DecoderStep:
        """The decoder's, with the end certain or impossible."""
        step = self.decoder.step(tokens_N, state[0], memory[0])
        length_N = memory[1].repeat_interleave(len(tokens_N) // len(memory[1]))
        step.logits_NV[:, EOS] = torch.where(state[1] >= length_N, 60.0, -60.0)
        return step._replace(state=(step.state, state[1] + 1))


def one_at_a_time(decoder: Decoder, features_BLF: Tensor, lengths_B: Tensor) -> Sentences:
    return [
        one_picture(decoder, features_LF, int(length))
        for features_LF, length in zip(features_BLF, lengths_B, strict=False)
    ]


def one_picture(decoder: Any, features_LF: Tensor, length: int) -> list[int]:
    """The tutorial's beam search of one picture."""
    k = BEAM
    features_kLF = features_LF.expand(k, *features_LF.shape).contiguous()
    memory, state = decoder.start(features_kLF)
    sentences = torch.full((k, 1), BOS, device=features_LF.device)
    scores_k = torch.zeros(k, device=features_LF.device)
    complete: list[tuple[float, list[int]]] = []
    for t in range(LONGEST):
        if decoder.has_attention:  # the keys, again at every word
            memory = memory._replace(prepared=decoder.attention.prepare(memory.features_BLF))
        step = decoder.step(sentences[:, -1], state, memory)
        logits_kV = step.logits_NV
        logits_kV[:, EOS] = 60.0 if t >= length else -60.0
        logits_kV[:, [PAD, BOS]] = -torch.inf
        totals_kV = scores_k.unsqueeze(1) + torch.log_softmax(logits_kV, dim=1)
        scores_k, places_k = (totals_kV[0] if t == 0 else totals_kV.view(-1)).topk(k)
        parents_k, words_k = places_k // V, places_k % V
        sentences = torch.cat([sentences[parents_k], words_k.unsqueeze(1)], dim=1)
        going = [i for i, word in enumerate(words_k.tolist()) if word != EOS]
        ended = [i for i, word in enumerate(words_k.tolist()) if word == EOS]
        complete += [(float(scores_k[i]), sentences[i, 1:-1].tolist()) for i in ended]
        k -= len(ended)
        if k == 0:
            break
        rows = parents_k[going]
        state = tuple(leaf[rows] for leaf in step.state)
        memory = type(memory)(*(leaf[rows] for leaf in memory)) if memory else memory
        sentences, scores_k = sentences[going], scores_k[going]
    return max(complete)[1]


def make(name: str) -> Decoder:
    torch.manual_seed(0)
    cell = {"name": "lstm", "hidden_dim": H}
    decoder: Decoder
    if name == "attention":
        decoder = ShowAttendTell(F, V, cell, embed_dim=H, attention_dim=H)
    else:
        decoder = ShowTell(F, V, cell, embed_dim=H)
    for parameter in decoder.parameters():
        parameter.data.mul_(2.0)  # so that words differ in probability as they do once trained
    return decoder.eval()


def timed(work: Callable[[], Sentences]) -> tuple[float, Sentences]:
    start = time.perf_counter()
    found = work()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter() - start, found


class Products(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Keeps every matrix product with what it is of, so that they can be computed again alone."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.calls: list[Callable[[], Tensor]] = []

    def __torch_dispatch__(self, op: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        call = partial(op, *args, **(kwargs or {}))
        if f"{op.namespace}::{op.overloadpacket.__name__}" in PRODUCTS:
            self.calls.append(call)
        return call()

    def again(self) -> Sentences:
        """The products, one after the other."""
        for call in self.calls:
            call()
        return []


def split(work: Callable[[], Sentences]) -> None:
    """Where the time goes, by operator; a first round pays for the start of the profiler itself."""
    for _ in range(2):
        with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as profile:
            work()
    spent = {event.key: event.self_cpu_time_total for event in profile.key_averages()}
    total = sum(spent.values())
    products = sum(spent.get(name, 0.0) for name in PRODUCTS)
    print(f"  matrix products {products / total:9.0%} of the time; then")
    others = sorted((v, k) for k, v in spent.items() if k not in PRODUCTS)
    for value, name in others[: -len(others) - 1 : -1][:6]:
        print(f"  {name:28}{value / total:6.0%}")


@torch.inference_mode()
def compare(name: str, rounds: int, figures: Report) -> None:
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    decoder = make(name).to(device)
    features_BLF = torch.randn(B, L if name == "attention" else 1, F, device=device)
    lengths_B = torch.randint(7, 16, (B,), device=device)
    search, ending = Beam(BEAM, max_length=LONGEST), Ending(decoder, lengths_B)
    sides: dict[str, Callable[[], Sentences]] = {
        "one at a time": lambda: one_at_a_time(decoder, features_BLF[:ALONE], lengths_B),
        "captioner": lambda: [found[0].tokens for found in search(ending, features_BLF)],
    }
    with Products() as products:
        sides["captioner"]()
    sides["limit"] = products.again
    times: dict[str, list[float]] = {side: [] for side in sides}
    for _ in range(rounds + 1):
        answers = []
        for side, work in sides.items():
            seconds, found = timed(work)
            times[side].append(seconds)
            answers.append(found)
    same = sum(one == other for one, other in zip(*answers[:2], strict=False))
    medians = {side: statistics.median(seconds[1:]) for side, seconds in times.items()}
    print(f"{name}: {device}, {torch.get_num_threads()} threads, {same} of {ALONE} sentences the same")
    speeds = {"one at a time": ALONE / medians["one at a time"], "captioner": B / medians["captioner"]}
    for side, speed in speeds.items():
        figures.add(f"{name}, {side}", speed, "captions/s", higher_is_better=True)
    ratio = speeds["captioner"] / speeds["one at a time"]
    figures.add(f"{name}, captioner over one at a time", ratio, "x", higher_is_better=True)
    figures.add(f"{name}, matrix products alone", B / medians["limit"], "captions/s", higher_is_better=True)
    share = medians["limit"] / medians["captioner"]
    figures.add(f"{name}, share of that limit", share, "of 1", higher_is_better=True)
    split(sides["captioner"])


@torch.inference_mode()
def peak(beam_size: int) -> None:
    """Print how much memory one search takes above what there was before, in MB."""
    decoder, features_BLF = make("attention"), torch.randn(B, L, F)
    ending = Ending(decoder, torch.full((B,), 4))
    Path("/proc/self/clear_refs").write_text("5")  # forget the peak of the past
    before = resident("VmRSS")
    Beam(beam_size, max_length=6)(ending, features_BLF)
    print((resident("VmHWM") - before) // 1024)


def resident(name: str) -> int:
    """A figure of this process, in kB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name))


def main() -> None:
    parser = benchmark_parser(__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", choices=["plain", "attention"])
    parser.add_argument("--peak", type=int, metavar="K", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.peak:
        peak(arguments.peak)
        return
    figures = Report("search", arguments.json)
    print(f"{B} pictures, beam {BEAM}, V {V}, H {H}, attention over {L} x {F}")
    for name in ("plain", "attention"):
        if arguments.only in (None, name):
            compare(name, arguments.rounds, figures)
    copied = B * L * F * 4 / 1e6
    print(f"memory of a search with attention; the annotations are {copied:.0f} MB")
    for beam_size in (5, 20) if sys.platform == "linux" else ():
        command = [sys.executable, __file__, "--peak", str(beam_size)]
        used = int(subprocess.check_output(command))
        figures.add(f"attention, memory of beam {beam_size}", used, "MB", higher_is_better=False)


if __name__ == "__main__":
    main()
