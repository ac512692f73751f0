"""Minimum Bayes risk against its definition over samples drawn with the same seed."""

import pytest
import torch
from referees import make, pictures, said

from captioner.errors import UserError
from captioner.metrics.bleu import sentence_bleu
from captioner.metrics.cider_d import cider_d
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


def test_more_sentences_than_samples_are_refused():
    with pytest.raises(UserError, match="9 captions need 9 samples or more, not 8"):
        MinimumBayesRisk(samples=8)(make(), pictures(1), 9)
