"""A training step of Show-Attend-Tell against the straightforward loop over words, and a tutorial's decoder.

    python benchmarks/training_step.py

The loop computes at every word what tutorials compute at every word: attention keys of the whole image, the
cell on [word; context], the logits. It is fed sentences of one length, as is ours beside it, soft attention
with a scalar gate. The tutorial's decoder (`tutorial_decoder.py`) is that of the well-known PyTorch tutorial
on captioning; it and ours with the same options (relu, a vector gate, the output from h, dropout) are fed
sentences of 7 to 18 words, sorted by length, so that both leave out those that have ended. All have the same
sizes and run in turns in one process, loss, forward and backward; medians are printed, and their ratios. With
OMP_NUM_THREADS=1 on a CPU the time is the processor's, so that other work on the machine counts little.
"""

import statistics
import time
from collections.abc import Callable
from typing import NamedTuple

import torch
import torch.nn.functional as F
from report import Report, benchmark_parser
from torch import Tensor, nn
from tutorial_decoder import TutorialDecoder, tutorial_loss

from captioner.decoders.show_attend_tell import ShowAttendTell

N, T, L, F_, V, H = 64, 18, 196, 512, 5000, 512
SHORTEST = 7  # words, <eos> among them


class LoopOverWords(nn.Module):
    """The decoder with everything inside the loop."""

    def __init__(self, feature_dim: int, vocab_size: int, hidden_dim: int) -> None:
        super().__init__()
        self.words = nn.Embedding(vocab_size, hidden_dim)
        self.image_attention = nn.Linear(feature_dim, hidden_dim)
        self.hidden_attention = nn.Linear(hidden_dim, hidden_dim)
        self.score = nn.Linear(hidden_dim, 1)
        self.gate = nn.Linear(hidden_dim, 1)
        self.init_h = nn.Linear(feature_dim, hidden_dim)
        self.init_c = nn.Linear(feature_dim, hidden_dim)
        self.cell = nn.LSTMCell(hidden_dim + feature_dim, hidden_dim)
        self.output = nn.Linear(hidden_dim, vocab_size)

    def forward(self, features_BLF: Tensor, tokens_BT: Tensor) -> Tensor:
        """Compute logits_BTV."""
        mean_BF = features_BLF.mean(dim=1)
        h_BH, c_BH = self.init_h(mean_BF).tanh(), self.init_c(mean_BF).tanh()
        words_BTE = self.words(tokens_BT)
        logits = []
        for t in range(tokens_BT.shape[1]):
            keys_BLA = self.image_attention(features_BLF)
            mixed_BLA = torch.tanh(keys_BLA + self.hidden_attention(h_BH).unsqueeze(1))
            alphas_BL = self.score(mixed_BLA).squeeze(2).softmax(dim=1)
            context_BF = (features_BLF * alphas_BL.unsqueeze(2)).sum(dim=1)
            context_BF = self.gate(h_BH).sigmoid() * context_BF
            h_BH, c_BH = self.cell(torch.cat([words_BTE[:, t], context_BF], dim=1), (h_BH, c_BH))
            logits.append(self.output(h_BH))
        return torch.stack(logits, dim=1)


class CaptionBatch(NamedTuple):
    """Features of images, and K captions of each: what is fed, what comes next, and where there is a word."""

    features_BLF: Tensor
    inputs_BKT: Tensor
    targets_BKT: Tensor
    mask_BKT: Tensor

    def flat(self) -> "CaptionBatch":
        """Return the same captions with an image each, as decoders take them that know of no K."""
        K = self.inputs_BKT.shape[1]
        tokens = (leaf.flatten(0, 1).unsqueeze(1) for leaf in self[1:])
        return CaptionBatch(self.features_BLF.repeat_interleave(K, dim=0), *tokens)


def draw(captions_per_image: int, shortest: int, device: torch.device) -> CaptionBatch:
    """Draw a batch of N captions of `shortest` to T words, the images with the longest captions first."""
    B, K = N // captions_per_image, captions_per_image
    tokens_BKT = torch.randint(4, V, (B, K, T + 1), device=device)
    lengths_BK = torch.randint(shortest, T + 1, (B, K), device=device).sort(dim=1, descending=True).values
    lengths_BK = lengths_BK[lengths_BK[:, 0].argsort(descending=True)]
    lengths_BK[0, 0] = T
    mask_BKT = torch.arange(T, device=device) < lengths_BK.unsqueeze(2)
    features_BLF = torch.randn(B, L, F_, device=device)
    return CaptionBatch(features_BLF, tokens_BKT[..., :-1], tokens_BKT[..., 1:], mask_BKT)


def our_loss(decoder: ShowAttendTell, batch: CaptionBatch, doubly_stochastic: float = 0.0) -> Tensor:
    """Compute cross-entropy, and the doubly stochastic term where it has a weight."""
    logits_MV, alphas_NTL = decoder(batch.features_BLF, batch.inputs_BKT, batch.mask_BKT)
    loss = F.cross_entropy(logits_MV, batch.targets_BKT[batch.mask_BKT])
    if doubly_stochastic and alphas_NTL is not None:
        loss = loss + doubly_stochastic * (1 - alphas_NTL.sum(dim=1)).square().mean()
    return loss


def loop_loss(decoder: LoopOverWords, batch: CaptionBatch) -> Tensor:
    """Compute cross-entropy of captions that all have T words."""
    logits_NTV = decoder(batch.features_BLF, batch.inputs_BKT.squeeze(1))
    return F.cross_entropy(logits_NTV.flatten(0, 1), batch.targets_BKT.flatten())


def steps(captions_per_image: int, device: torch.device) -> dict[str, Callable[[], Tensor]]:
    """Return the loss of each side, by its name."""
    cell = {"name": "lstm", "hidden_dim": H}
    ours = ShowAttendTell(F_, V, cell, embed_dim=H, attention_dim=H).to(device)
    loop = LoopOverWords(F_, V, H).to(device)
    same = ShowAttendTell(
        F_, V, cell, embed_dim=H, attention_dim=H, gate="vector", output="hidden", activation="relu"
    ).to(device)
    tutorial = TutorialDecoder(F_, V, embed_dim=H, hidden_dim=H, attention_dim=H).to(device)
    full = draw(captions_per_image, T, device)
    mixed = draw(captions_per_image, SHORTEST, device)
    full_flat, flat = full.flat(), mixed.flat()
    captions_NT = torch.cat([flat.inputs_BKT[:, 0, :1], flat.targets_BKT[:, 0]], dim=1)
    lengths_N = flat.mask_BKT[:, 0].sum(dim=1)
    return {
        "loop over words": lambda: loop_loss(loop, full_flat),
        "captioner": lambda: our_loss(ours, full),
        "tutorial": lambda: tutorial_loss(tutorial, flat.features_BLF, captions_NT, lengths_N),
        "captioner with the tutorial's options": lambda: our_loss(same, mixed, doubly_stochastic=1.0),
    }


def timed(step: Callable[[], Tensor]) -> float:
    """Return the seconds of a step forward and backward."""
    alone = torch.get_num_threads() == 1 and not torch.cuda.is_available()
    clock = time.process_time if alone else time.perf_counter
    start = clock()
    torch.autograd.backward(step())
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return clock() - start


def main() -> None:
    parser = benchmark_parser(__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--captions-per-image", type=int, default=1, help="ours shares an image's keys")
    options = parser.parse_args()
    K = options.captions_per_image
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    figures = Report("training_step" + (f", {K} captions an image" if K > 1 else ""), options.json)
    print(f"{device}, B {N}, T {T}, {L} x {F_}, V {V}, H {H}, {K} captions an image")
    sides = steps(K, device)
    times: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(options.rounds + 1):
        for name, step in sides.items():
            times[name].append(timed(step))
    medians = {name: statistics.median(seconds[1:]) for name, seconds in times.items()}
    for name, seconds in medians.items():
        figures.add(name, 1000 * seconds, "ms a step", higher_is_better=False)
    for other, ours in (
        ("loop over words", "captioner"),
        ("tutorial", "captioner with the tutorial's options"),
    ):
        ratio = medians[ours] / medians[other]
        figures.add(f"captioner over {other}", ratio, "x the time", higher_is_better=False)


if __name__ == "__main__":
    main()
