"""BLEU, ROUGE-L and CIDEr-D against the formulas of the papers, on random captions."""

import random

import formulas
import pytest

from captioner.metrics.bleu import bleu, sentence_bleu
from captioner.metrics.cider_d import cider_d
from captioner.metrics.rouge_l import rouge_l, sentence_rouge_l
from captioner.metrics.scores import score_captions

SEEDS = range(12)


def captions(seed):
    """Eleven images with one to five references; words repeat, so that counts are clipped.

    The first candidate is empty, the second a single word, the third long enough for every order; no
    reference is empty, since the papers leave that open.
    """
    rng = random.Random(seed)

    def sentence(shortest=1):
        return rng.choices(
            ["a", "red", "dog", "runs", "on"], weights=[6, 4, 3, 2, 1], k=rng.randint(shortest, 11)
        )

    references = [[sentence(5) for _ in range(rng.randint(1, 5))] for _ in range(3)]
    references += [[sentence() for _ in range(rng.randint(1, 5))] for _ in range(8)]
    candidates = [[], sentence()[:1], references[2][0] + sentence(4), *(sentence() for _ in range(8))]
    return candidates, references


def test_captions_are_as_awkward_as_they_should_be():
    """Candidates repeat words more often than references; two references are equally close in length."""
    more = ties = 0
    for candidate, group in (pair for seed in SEEDS for pair in zip(*captions(seed), strict=True)):
        more += any(
            count > max(r.count(w) for r in group) > 0 for (w,), count in formulas.grams(candidate, 1).items()
        )
        apart = sorted((abs(len(r) - len(candidate)), len(r)) for r in group)
        closest = {length for distance, length in apart if distance == apart[0][0]}
        ties += len(closest) > 1
    assert more > 10
    assert ties > 5


@pytest.mark.parametrize("penalty", [True, False])
@pytest.mark.parametrize("seed", SEEDS)
def test_bleu_of_a_corpus(seed, penalty):
    candidates, references = captions(seed)
    expected = [formulas.bleu(candidates, references, order, penalty) for order in range(1, 5)]
    assert expected[3] > 0
    assert bleu(candidates, references, penalty)[:4] == pytest.approx(expected, rel=1e-7)


@pytest.mark.parametrize("seed", SEEDS)
def test_bleu_of_short_captions_is_penalised(seed):
    candidates, references = captions(seed)
    short = [candidate[:3] for candidate in candidates]
    expected = formulas.bleu(short, references, 2)
    assert expected < formulas.bleu(short, references, 2, brevity_penalty=False)
    assert bleu(short, references).bleu2 == pytest.approx(expected, rel=1e-7)


@pytest.mark.parametrize("seed", SEEDS)
def test_bleu_of_each_caption(seed):
    for candidate, group in zip(*captions(seed), strict=True):
        scores = sentence_bleu(candidate, group)
        for order in range(1, 5):
            expected = formulas.bleu([candidate], [group], order) if len(candidate) >= order else 0.0
            if expected:
                assert scores[order - 1] == pytest.approx(expected, rel=1e-7)
            else:  # a precision of zero is a very small number in coco-caption
                assert scores[order - 1] < 0.05


@pytest.mark.parametrize("seed", SEEDS)
def test_rouge_l(seed):
    candidates, references = captions(seed)
    expected = [formulas.rouge_l(*pair) for pair in zip(candidates, references, strict=True)]
    found = [sentence_rouge_l(*pair) for pair in zip(candidates, references, strict=True)]
    assert found == pytest.approx(expected, abs=1e-12)
    assert rouge_l(candidates, references) == pytest.approx(sum(expected) / len(expected), abs=1e-12)


@pytest.mark.parametrize("seed", SEEDS)
def test_cider_d(seed):
    candidates, references = captions(seed)
    expected = formulas.cider_d(candidates, references)
    found = cider_d(candidates, references)
    assert expected[0] == 0 < max(expected)
    assert found.per_image == pytest.approx(expected, abs=1e-12)
    assert found.score == pytest.approx(sum(expected) / len(expected), abs=1e-12)


@pytest.mark.parametrize("seed", SEEDS)
def test_all_at_once(seed):
    candidates, references = captions(seed)
    texts = [{i: " ".join(c) for i, c in enumerate(candidates)}]
    texts.append({i: [" ".join(r) for r in group] for i, group in enumerate(references)})
    expected = {
        f"bleu{order}{suffix}": formulas.bleu(candidates, references, order, not suffix)
        for suffix in ("", "_no_bp")
        for order in range(1, 5)
    }
    pairs = list(zip(candidates, references, strict=True))
    expected["rouge_l"] = sum(formulas.rouge_l(*pair) for pair in pairs) / len(pairs)
    expected["cider_d"] = sum(formulas.cider_d(candidates, references)) / len(pairs)
    expected["distinct"] = len({tuple(c) for c in candidates}) / len(pairs)
    assert score_captions(*texts).as_dict() == pytest.approx(expected, rel=1e-7)
