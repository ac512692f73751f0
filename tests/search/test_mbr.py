"""Minimum Bayes risk against its definition over samples drawn with the same seed."""

import math
from collections import Counter

import pytest
import torch
from referees import make, pictures, said

from captioner.errors import UserError
from captioner.metrics.bleu import sentence_bleu
from captioner.metrics.cider_d import cider_d
from captioner.search.beam import Beam
from captioner.search.beam_mbr import BeamMBR
from captioner.search.mbr import MinimumBayesRisk, expected
from captioner.search.sample import Sample
from captioner.vocabulary import EOS


def bleu_mean(one: tuple, other: tuple) -> float:
    return sum(sentence_bleu(one, [other])[:4]) / 4


def test_it_is_the_sample_that_agrees_most_with_all():
    decoder, features_BLF = make(seed=2, gain=0.8), pictures(3)
    with torch.no_grad():
        decoder.output.bias[EOS] += 1.0
    drawn = Sample(seed=5, max_length=8)(decoder, features_BLF, 12)
    found = MinimumBayesRisk(seed=5, max_length=8, samples=12, utility="bleu")(decoder, features_BLF, 2)
    for samples, chosen in zip(drawn, found, strict=True):
        texts = [tuple(map(str, h.tokens)) for h in samples]
        scores = {
            said(h): sum(bleu_mean(text, other) for other in texts) / 12
            for h, text in zip(samples, texts, strict=True)
            if h.finished
        }
        assert len(scores) > 1
        assert said(chosen[0]) == max(scores, key=scores.__getitem__)
        assert chosen[0].score == pytest.approx(max(scores.values()))
        assert [h.score for h in chosen] == sorted((h.score for h in chosen), reverse=True)
        assert len({said(h) for h in chosen}) == len(chosen)


def test_cider_takes_its_frequencies_from_the_samples():
    """What is said by few of the samples weighs more; here computed one candidate at a time."""
    samples = ["a man rides", "a man walks", "a man rides a horse", "the horse"]
    texts = [tuple(text.split()) for text in samples]
    scores = expected(
        lambda c, r: cider_d(c, [[one] for one in r]).per_image,
        texts,
        texts,
    )
    for text, score in zip(texts, scores, strict=True):
        assert score == pytest.approx(sum(cider_d([text] * 4, [[t] for t in texts]).per_image) / 4)


def similarity(one: tuple, other: tuple) -> float:
    """Ten times the mean over orders of the clipped cosine of n-gram counts, less for different lengths."""
    total = 0.0
    for order in range(1, 5):
        c, r = (Counter(s[i : i + order] for i in range(len(s) - order + 1)) for s in (one, other))
        norms = math.sqrt(sum(n * n for n in c.values()) * sum(n * n for n in r.values()))
        total += sum(min(c[gram], n) * n for gram, n in r.items()) / norms if norms else 0.0
    return 10 * total / 4 * math.exp(-((len(one) - len(other)) ** 2) / 72)


def test_of_a_beam_it_is_the_sentence_that_agrees_most_with_all():
    decoder, features_BLF = make(seed=3, gain=0.8), pictures(4)
    beams = Beam(beam_size=7, max_length=8, length_rule="mean")(decoder, features_BLF, 7)
    found = BeamMBR(beam_size=7, max_length=8, length_rule="mean")(decoder, features_BLF, 3)
    for beam, chosen in zip(beams, found, strict=True):
        texts = [tuple(h.tokens) for h in beam]
        scores = {said(h): sum(similarity(tuple(h.tokens), text) for text in texts) / 7 for h in beam}
        wanted = sorted((said(h) for h in beam), key=lambda s: (s[-1] != EOS, -scores[s]))[:3]
        assert [said(h) for h in chosen] == wanted
        assert [h.score for h in chosen] == pytest.approx([scores[s] for s in wanted])
    assert [said(h[0]) for h in found] != [said(h[0]) for h in beams]


def test_more_sentences_than_samples_are_refused():
    with pytest.raises(UserError, match="9 captions need 9 samples or more, not 8"):
        MinimumBayesRisk(samples=8)(make(), pictures(1), 9)
