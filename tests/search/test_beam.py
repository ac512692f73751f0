"""Beam search against all sentences there are, each scored by teacher forcing."""

import itertools

import pytest
import torch

from captioner.cells.base import CELLS
from captioner.decoders.base import DECODERS, Decoder
from captioner.errors import UserError
from captioner.search.base import Hypothesis
from captioner.search.beam import Beam
from captioner.vocabulary import BOS, EOS, PAD, UNK

L, F, V, T = 3, 4, 7, 3
WORDS = [token for token in range(V) if token not in (PAD, BOS, EOS)]
EVERY = list(itertools.product(sorted(DECODERS), sorted(CELLS)))


def make(name: str, cell: str = "lstm", seed: int = 0) -> Decoder:
    torch.manual_seed(seed)
    config = {"name": name, "cell": {"name": cell, "hidden_dim": 6}, "embed_dim": 5}
    decoder = DECODERS.build(config, feature_dim=F, vocab_size=V).eval()
    for parameter in decoder.parameters():
        torch.nn.init.normal_(parameter, std=1.0)
    return decoder


@torch.no_grad()
def forced(decoder: Decoder, features_1LF: torch.Tensor, sentence: tuple[int, ...]) -> float:
    """The log-probability of a sentence by teacher forcing, which shares no code with search."""
    tokens_BKT = torch.tensor([[[BOS, *sentence[:-1]]]])
    logits_MV = decoder(features_1LF, tokens_BKT, torch.ones_like(tokens_BKT, dtype=torch.bool)).logits_MV
    return sum(logits_MV.log_softmax(-1)[t, word].item() for t, word in enumerate(sentence))


def all_sentences() -> list[tuple[int, ...]]:
    ended = [(*s, EOS) for n in range(T) for s in itertools.product(WORDS, repeat=n)]
    return ended + list(itertools.product(WORDS, repeat=T))


@pytest.mark.parametrize(("name", "cell"), EVERY)
def test_a_wide_beam_lists_every_sentence_with_its_true_score(name, cell):
    decoder, features_BLF = make(name, cell), torch.randn(2, L, F)
    sentences = all_sentences()
    found = Beam(beam_size=len(sentences), max_length=T)(decoder, features_BLF, n_best=len(sentences))
    for b in range(2):
        expected = {s: forced(decoder, features_BLF[b : b + 1], s) for s in sentences}
        listed = {(*h.tokens, EOS) if h.finished else tuple(h.tokens): h.log_probability for h in found[b]}
        assert listed == pytest.approx(expected, abs=1e-4)
        for finished in (True, False):
            scores = [h.log_probability for h in found[b] if h.finished == finished]
            assert scores == sorted(scores, reverse=True)
        assert [h.finished for h in found[b]] == sorted((h.finished for h in found[b]), reverse=True)


@pytest.mark.parametrize("name", sorted(DECODERS))
@pytest.mark.parametrize("beam_size", [1, 2, 4])
def test_images_of_a_batch_get_what_they_get_alone(name, beam_size):
    decoder, features_BLF = make(name, seed=1).double(), 3 * torch.randn(9, L, F).double()
    search = Beam(beam_size, max_length=12)
    together: list[list[Hypothesis]] = []
    for _ in range(40):  # until images leave the batch at different times
        together = search(decoder, features_BLF, n_best=beam_size)
        if len({len(found[0].tokens) for found in together}) > 1:
            break
        with torch.no_grad():
            decoder.output.bias[EOS] += 0.5 if len(together[0][0].tokens) == 12 else -0.5
    else:
        pytest.fail("no bias was found that ends sentences at different times")
    for b in range(9):
        alone = search(decoder, features_BLF[b : b + 1], n_best=beam_size)[0]
        assert [h.tokens for h in together[b]] == [h.tokens for h in alone]
        assert [h.log_probability for h in together[b]] == pytest.approx(
            [h.log_probability for h in alone], abs=1e-4
        )


@pytest.mark.parametrize("name", sorted(DECODERS))
def test_scores_alphas_and_words_belong_together(name):
    decoder, features_BLF = make(name, seed=2), torch.randn(3, L, F)
    for b, found in enumerate(Beam(3, max_length=6)(decoder, features_BLF, n_best=3)):
        for h in found:
            sentence = (*h.tokens, EOS) if h.finished else tuple(h.tokens)
            assert len(h.word_log_probabilities) == len(sentence)
            assert sum(h.word_log_probabilities) == pytest.approx(h.log_probability, abs=1e-4)
            assert h.log_probability == pytest.approx(
                forced(decoder, features_BLF[b : b + 1], sentence), abs=1e-4
            )
            if decoder.attends and h.tokens:
                tokens_BKT = torch.tensor([[[BOS, *h.tokens[:-1]]]])
                counts = torch.ones_like(tokens_BKT, dtype=torch.bool)
                alphas_NTL = decoder(features_BLF[b : b + 1], tokens_BKT, counts).alphas_NTL
                torch.testing.assert_close(h.alphas_TL, alphas_NTL[0], atol=1e-5, rtol=1e-4)


def test_asking_for_one_gives_the_first_of_many():
    decoder, features_BLF = make("show_attend_tell", seed=3), torch.randn(6, L, F)
    one = Beam(4, max_length=9)(decoder, features_BLF, n_best=1)
    many = Beam(4, max_length=9)(decoder, features_BLF, n_best=4)
    assert [found[0].tokens for found in one] == [found[0].tokens for found in many]


def test_a_model_that_never_ends_still_answers():
    decoder = make("show_tell")
    with torch.no_grad():
        decoder.output.bias[EOS] = -1e4
    found = Beam(2, max_length=5)(decoder, torch.randn(2, L, F), n_best=2)
    assert [(len(h.tokens), h.finished) for hypotheses in found for h in hypotheses] == [(5, False)] * 4


def test_a_beam_wider_than_the_vocabulary_has_no_impossible_sentences():
    found = Beam(50, max_length=2)(make("show_tell"), torch.randn(1, L, F), n_best=50)[0]
    assert len(found) == 1 + len(WORDS) + len(WORDS) ** 2
    assert all(h.log_probability > -1e9 for h in found)


def test_unknown_can_be_forbidden():
    decoder = make("show_tell")
    with torch.no_grad():
        decoder.output.bias[UNK] = 50.0
    features_BLF = torch.randn(2, L, F)
    assert UNK in Beam(1, 4)(decoder, features_BLF)[0][0].tokens
    assert all(UNK not in found[0].tokens for found in Beam(1, 4, allow_unknown=False)(decoder, features_BLF))


def test_broken_weights_are_named():
    decoder = make("show_tell")
    with torch.no_grad():
        decoder.output.bias.fill_(torch.nan)
    with pytest.raises(FloatingPointError, match="not numbers"):
        Beam(2)(decoder, torch.randn(1, L, F))


def test_more_captions_than_beams_is_refused():
    with pytest.raises(UserError, match="beam of 3"):
        Beam(2)(make("show_tell"), torch.randn(1, L, F), n_best=3)
