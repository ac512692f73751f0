"""A training step of Show-Attend-Tell against the straightforward loop over words.

    python benchmarks/training_step.py

The loop computes at every word what tutorials compute at every word: attention keys of the whole image, the
cell on [word; context], the logits. Both sides have the same sizes, soft attention and a scalar gate, and run
in turns in one process, forward and backward; medians are printed, and their ratio.
"""

import argparse
import statistics
import time
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from captioner.decoders.show_attend_tell import ShowAttendTell


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


def timed(step: Callable[[], Tensor]) -> float:
    start = time.perf_counter()
    torch.autograd.backward(step())
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--captions-per-image", type=int, default=1, help="ours shares an image's keys")
    rounds, K = (vars(parser.parse_args())[name] for name in ("rounds", "captions_per_image"))
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    N, T, L, F_, V, H = 64, 18, 196, 512, 5000, 512
    cell = {"name": "lstm", "hidden_dim": H}
    ours = ShowAttendTell(F_, V, cell, embed_dim=H, attention_dim=H).to(device)
    loop = LoopOverWords(F_, V, H).to(device)
    features_BLF = torch.randn(N // K, L, F_, device=device)
    tokens_NT = torch.randint(4, V, (N, T + 1), device=device)
    inputs_BKT, targets_N = tokens_NT[:, :-1].reshape(N // K, K, T), tokens_NT[:, 1:].flatten()
    mask_BKT = torch.ones_like(inputs_BKT, dtype=torch.bool)
    repeated_NLF = features_BLF.repeat_interleave(K, dim=0)
    steps: dict[str, Callable[[], Tensor]] = {
        "loop over words": lambda: F.cross_entropy(
            loop(repeated_NLF, tokens_NT[:, :-1]).flatten(0, 1), targets_N
        ),
        "captioner": lambda: F.cross_entropy(ours(features_BLF, inputs_BKT, mask_BKT).logits_MV, targets_N),
    }
    times: dict[str, list[float]] = {name: [] for name in steps}
    for _ in range(rounds + 1):
        for name, step in steps.items():
            times[name].append(timed(step))
    medians = {name: statistics.median(seconds[1:]) for name, seconds in times.items()}
    print(f"B {N}, T {T}, {L} x {F_}, V {V}, H {H}, {K} captions an image")
    print(f"{device}, {torch.get_num_threads()} threads")
    for name, seconds in medians.items():
        print(f"{name:18}{seconds * 1000:9.0f} ms a step")
    print(f"{'ratio':18}{medians['captioner'] / medians['loop over words']:9.2f}")


if __name__ == "__main__":
    main()
