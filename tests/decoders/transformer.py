"""A transformer decoder, to show that a decoder needs no cell; and the list of all decoders to test.

B images, K rows an image, N = B*K, P places of the cache, L locations, F feature, E embedding, V vocabulary.
"""

import inspect
import math

import torch
from torch import Tensor, nn

from captioner.cells.base import CELLS
from captioner.decoders.base import DECODERS, Decoder, DecoderStart, StepOutput
from captioner.tree import Tree


class Transformer(Decoder):
    """One layer: causal self-attention, cross-attention to the features, a feed-forward network.

    The keys and values of the words so far are the state. Their cache has a fixed size and a length of its
    own in every row, so that rows of different lengths can be decoded together.
    """

    has_attention = True

    def __init__(self, feature_dim: int, vocab_size: int, embed_dim: int = 16, places: int = 24) -> None:
        super().__init__()
        self.vocab_size, self.embed_dim, self.places = vocab_size, embed_dim, places
        self.words = nn.Embedding(vocab_size, embed_dim)
        self.positions = nn.Embedding(places, embed_dim)
        self.norms = nn.ModuleList(nn.LayerNorm(embed_dim) for _ in range(4))
        self.qkv = nn.Linear(embed_dim, 3 * embed_dim, bias=False)
        self.query = nn.Linear(embed_dim, embed_dim, bias=False)
        self.memory = nn.Linear(feature_dim, 2 * embed_dim, bias=False)
        self.feed_forward = nn.Sequential(
            nn.Linear(embed_dim, 4 * embed_dim), nn.GELU(), nn.Linear(4 * embed_dim, embed_dim)
        )
        self.output = nn.Linear(embed_dim, vocab_size)

    def start(self, features_BLF: Tensor) -> DecoderStart:
        cache_BPE = features_BLF.new_zeros(len(features_BLF), self.places, self.embed_dim)
        length_B = torch.zeros(len(features_BLF), dtype=torch.long, device=features_BLF.device)
        return DecoderStart(self.memory(features_BLF).chunk(2, dim=-1), (cache_BPE, cache_BPE, length_B))

    def embed(self, tokens: Tensor) -> tuple[Tensor, ...]:
        return (self.words(tokens),)

    def recurrent_step(self, embedded: tuple[Tensor, ...], state: Tree, memory: Tree) -> StepOutput:
        *caches, length_N = state
        x_NE = embedded[0] + self.positions(length_N)
        query_NE, *now = self.qkv(self.norms[0](x_NE)).chunk(3, dim=-1)
        places_P = torch.arange(self.places, device=length_N.device)
        here_NP1 = (places_P == length_N.unsqueeze(1)).unsqueeze(2)
        caches = [
            torch.where(here_NP1, new_NE.unsqueeze(1), old_NPE)
            for new_NE, old_NPE in zip(now, caches, strict=True)
        ]
        past_N1P = (places_P <= length_N.unsqueeze(1)).unsqueeze(1)
        x_NE = x_NE + attend(query_NE.unsqueeze(1), *caches, past_N1P)[0].squeeze(1)
        query_BKE = self.query(self.norms[1](x_NE)).view(len(memory[0]), -1, self.embed_dim)
        context_BKE, alphas_BKL = attend(query_BKE, *memory)
        x_NE = x_NE + context_BKE.flatten(0, 1)
        x_NE = x_NE + self.feed_forward(self.norms[2](x_NE))
        return StepOutput((x_NE,), (*caches, length_N + 1), alphas_BKL.flatten(0, 1))

    def logits(self, embedded: tuple[Tensor, ...], output: tuple[Tensor, ...]) -> Tensor:
        return self.output(self.norms[3](output[0]))


def attend(query: Tensor, keys: Tensor, values: Tensor, mask: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Contexts (B, K, E) and weights (B, K, L) of queries (B, K, E), by scaled dot products."""
    scores = query @ keys.transpose(1, 2) / math.sqrt(query.shape[-1])
    if mask is not None:
        scores = scores.masked_fill(~mask, -torch.inf)
    weights = scores.softmax(dim=-1)
    return weights @ values, weights


def has_cell(name: str) -> bool:
    return "cell" in inspect.signature(DECODERS[name]).parameters


RECURRENT = [name for name in DECODERS if has_cell(name)]
NAMES = sorted({*DECODERS, "transformer"})
"""Every registered decoder, and the one above."""
EVERY = [(name, cell) for name in NAMES for cell in (sorted(CELLS) if name in RECURRENT else [None])]


def options(cell: str | None, **cell_options: object) -> dict[str, object]:
    """The options of a decoder about its cell; none of a decoder that has none."""
    return {"cell": {"name": cell, **cell_options}} if cell else {}
