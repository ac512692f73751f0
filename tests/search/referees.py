"""Referees of searches: small models, and all possible sentences, scored by teacher forcing."""

import itertools
import math
from typing import NamedTuple

import pytest
import torch
from transformer import Transformer, options

from captioner.decoders.base import DECODERS, Decoder, DecoderStart, DecoderStep
from captioner.vocabulary import BOS, EOS, PAD, Vocabulary

L, F, V = 3, 4, 7
WORDS = [token for token in range(V) if token not in (PAD, BOS, EOS)]
UNKNOWN, A, BB, C = WORDS
VOCABULARY = Vocabulary(["<pad>", "<bos>", "<eos>", "<unk>", "a", "b", "c"])


class Letters:
    """Words as strings of those of `VOCABULARY`, which have a letter each."""

    def spell(self, word: str) -> list[int]:
        return [number for letter in word for number in VOCABULARY.spell(letter)]


def make(
    name: str = "show_attend_tell", cell: str | None = "lstm", seed: int = 0, gain: float = 1.0
) -> Decoder:
    """A decoder with weights large enough for every word to depend on all before it."""
    torch.manual_seed(seed)
    if name == "transformer":
        decoder = Transformer(F, V, embed_dim=5)
    else:
        config = {"name": name, **options(cell, hidden_dim=6), "embed_dim": 5}
        decoder = DECODERS.build(config, feature_dim=F, num_locations=L, vocab_size=V)
    decoder = decoder.double().eval()
    for parameter in decoder.parameters():
        torch.nn.init.normal_(parameter, std=gain)
    return decoder


def pictures(count: int, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(count, L, F, dtype=torch.double, generator=generator)


def sentences(max_length: int, words: list[int] = WORDS) -> list[tuple[int, ...]]:
    """Every sentence, a finished one with its end."""
    ended = [(*s, EOS) for n in range(max_length) for s in itertools.product(words, repeat=n)]
    return ended + list(itertools.product(words, repeat=max_length))


@torch.no_grad()
def forced(decoder: Decoder, features_1LF: torch.Tensor, sentence: tuple[int, ...]) -> list[float]:
    """The log-probabilities of a sentence's words by teacher forcing, which shares no code with search."""
    tokens_BKT = torch.tensor([[[BOS, *sentence[:-1]]]])
    logits_MV = decoder(features_1LF, tokens_BKT, torch.ones_like(tokens_BKT, dtype=torch.bool)).logits_MV
    return [logits_MV.log_softmax(-1)[t, word].item() for t, word in enumerate(sentence)]


@torch.no_grad()
def forced_all(decoder: Decoder, features_1LF: torch.Tensor, every: list) -> dict[tuple[int, ...], float]:
    """The log-probability of each sentence, all in one go."""
    T = max(map(len, every))
    targets_KT = torch.tensor([[*s, *[PAD] * (T - len(s))] for s in every])
    inputs_KT = torch.cat([torch.full((len(every), 1), BOS), targets_KT[:, :-1]], dim=1)
    counts_KT = targets_KT != PAD
    logits_MV = decoder(features_1LF, inputs_KT[None], counts_KT[None]).logits_MV
    log_probs_M = logits_MV.log_softmax(-1).gather(1, targets_KT[counts_KT].unsqueeze(1)).squeeze(1)
    totals = [part.sum().item() for part in log_probs_M.split([len(s) for s in every])]
    return dict(zip(every, totals, strict=True))


class Markov:
    """A model that is its features: features_BVV[b, v] are the probabilities of the words after v."""

    def start(self, features_BVV: torch.Tensor) -> DecoderStart:
        return DecoderStart((features_BVV,), (torch.zeros(len(features_BVV), 1),))

    def step(self, tokens_N: torch.Tensor, state, memory) -> DecoderStep:
        (tables_BVV,) = memory
        rows_N = torch.arange(len(tokens_N)) // (len(tokens_N) // len(tables_BVV))
        return DecoderStep(tables_BVV[rows_N, tokens_N].log(), state)


class Traced(NamedTuple):
    """The words after each word, and their probabilities."""

    first: dict[int, float]
    after: dict[int, dict[int, float]]

    def table(self) -> torch.Tensor:
        """features_1VV of `Markov`."""
        table_VV = torch.zeros(V, V, dtype=torch.double)
        table_VV[:, EOS] = 1.0
        for word, nexts in {BOS: self.first, **self.after}.items():
            table_VV[word] = 0.0
            for following, probability in nexts.items():
                table_VV[word, following] = probability
        return table_VV.unsqueeze(0)

    def probability(self, sentence: tuple[int, ...]) -> float:
        table_VV = self.table()[0]
        return math.prod(table_VV[a, b].item() for a, b in zip((BOS, *sentence[:-1]), sentence, strict=True))


EXAMPLE = Traced({A: 0.5, BB: 0.3, C: 0.2}, {A: {EOS: 0.6, BB: 0.4}, BB: {EOS: 0.9, A: 0.1}, C: {EOS: 1.0}})


def said(hypothesis) -> tuple[int, ...]:
    """A hypothesis as a sentence, with its end if it has one."""
    return (*hypothesis.tokens, EOS) if hypothesis.finished else tuple(hypothesis.tokens)


def assert_alike(found, expected) -> None:
    """The same sentences with the same scores, in the same order but for sentences of equal score.

    Two batches of different shapes differ in the last bits, and then in the order of ties.
    """
    assert [h.score for h in found] == pytest.approx([h.score for h in expected], abs=1e-5)
    known = {(said(h), h.group): h for h in expected}
    for h in found:
        other = known.get((said(h), h.group), h)  # beyond the last place, where that is tied
        assert h.score == pytest.approx(other.score, abs=1e-5)
        assert h.word_log_probs == pytest.approx(other.word_log_probs, abs=1e-5)
        assert h.proven == other.proven
