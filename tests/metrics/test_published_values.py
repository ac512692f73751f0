"""BLEU, ROUGE-L and CIDEr-D against published values and the official scorers."""

import json
import math
import random

import pytest
from nltk.translate.bleu_score import corpus_bleu
from pycocoevalcap.bleu.bleu import Bleu
from pycocoevalcap.cider.cider import Cider
from pycocoevalcap.rouge.rouge import Rouge

from captioner.metrics.bleu import (
    bleu,
    bleu_of,
    bleu_scores,
    bleu_statistics,
    corpus_statistics,
    sentence_bleu,
    total,
)
from captioner.metrics.cider_d import cider_d
from captioner.metrics.ngrams import encode
from captioner.metrics.rouge_l import common_subsequences, rouge_l, sentence_rouge_l
from captioner.metrics.tokenization.ptb import tokenize

SEEDS = range(60)


def corpus(seed):
    """Candidates and references as tokens, with many words shared and of every awkward length, zero too."""
    rng = random.Random(seed)
    words = [f"word{i}" for i in range(rng.randint(2, 30))]

    def sentence():
        return rng.choices(words, k=rng.randint(0, 9))

    num_images = rng.randint(1, 11)
    candidates = [sentence() for _ in range(num_images)]
    return candidates, [[sentence() for _ in range(rng.randint(1, 5))] for _ in range(num_images)]


def official(scorer, candidates, references):
    """Corpus score and per-image scores of a scorer of pycocoevalcap."""
    truth = {i: [" ".join(reference) for reference in group] for i, group in enumerate(references)}
    return scorer.compute_score(truth, {i: [" ".join(said)] for i, said in enumerate(candidates)})


@pytest.mark.parametrize("seed", SEEDS)
def test_bleu_equals_the_official_scorer(seed):
    scorer = Bleu(4)
    candidates, references = corpus(seed)
    corpus_scores, per_order = official(scorer, candidates, references)
    assert bleu(candidates, references)[:4] == pytest.approx(corpus_scores, abs=1e-12)
    each = bleu_scores(corpus_statistics(encode(candidates, references)))
    assert each.T.tolist() == [pytest.approx(scores, rel=1e-9, abs=1e-30) for scores in per_order]
    for said, group, *expected in zip(candidates, references, *per_order, strict=True):
        assert sentence_bleu(said, group)[:4] == pytest.approx(expected, rel=1e-9, abs=1e-30)


@pytest.mark.parametrize("seed", SEEDS)
def test_rouge_equals_the_official_scorer(seed):
    scorer = Rouge()
    candidates, references = corpus(seed)
    score, per_image = official(scorer, candidates, references)
    assert rouge_l(candidates, references) == pytest.approx(score, abs=1e-12)
    ours = [sentence_rouge_l(*pair) for pair in zip(candidates, references, strict=True)]
    assert ours == pytest.approx(list(per_image), abs=1e-12)


@pytest.mark.parametrize("seed", SEEDS)
def test_cider_equals_the_official_scorer(seed):
    scorer = Cider()
    candidates, references = corpus(seed)
    score, per_image = official(scorer, candidates, references)
    ours = cider_d(candidates, references)
    assert ours.score == pytest.approx(score, abs=1e-12)
    assert ours.per_image == pytest.approx(list(per_image), abs=1e-12)


@pytest.mark.parametrize("seed", SEEDS)
def test_bleu_of_long_captions_equals_nltk(seed):
    candidates, references = corpus(seed)
    candidates = [[*said, "a", "b", "c", "d"] for said in candidates]  # nltk differs below four tokens
    references = [[[*truth, "a", "b", "c", "d", "e"] for truth in group] for group in references]
    expected = [corpus_bleu(references, candidates, weights=[1 / order] * order) for order in range(1, 5)]
    assert bleu(candidates, references)[:4] == pytest.approx(expected, abs=1e-8)


def test_published_values_of_nlg_eval(shared_data):
    folder = shared_data / "caption_metrics/nlg_eval"
    expected = json.loads((folder / "expected.json").read_text())
    candidates = [line.split() for line in (folder / "hyp.txt").read_text().splitlines()]
    columns = [(folder / name).read_text().splitlines() for name in ("ref1.txt", "ref2.txt")]
    references = [[line.split() for line in row] for row in zip(*columns, strict=True)]
    scores = bleu(candidates, references)
    assert scores[:4] == pytest.approx([expected[f"Bleu_{order}"] for order in range(1, 5)], abs=1e-6)
    assert rouge_l(candidates, references) == pytest.approx(expected["ROUGE_L"], abs=1e-6)
    assert cider_d(candidates, references).score == pytest.approx(expected["CIDEr"], abs=1e-6)
    for one in expected["individual"]:
        said, group = one["hyp"].split(), [reference.split() for reference in one["refs"]]
        ours = sentence_bleu(said, group)
        published = [one.get(f"Bleu_{order}", ours[order - 1]) for order in range(1, 5)]
        assert ours[:4] == pytest.approx(published, abs=1e-6)
        assert sentence_rouge_l(said, group) == pytest.approx(one["ROUGE_L"], abs=1e-6)


def test_published_values_of_aac_metrics(shared_data):
    expected = json.loads((shared_data / "caption_metrics/aac_metrics/expected.json").read_text())
    candidates = [tokenize(caption) for caption in expected["candidates"]]
    references = [[tokenize(caption) for caption in group] for group in expected["mult_references"]]
    assert bleu(candidates, references).bleu1 == pytest.approx(expected["bleu_1"], abs=1e-4)
    ours = cider_d(candidates, references)
    assert ours.score == pytest.approx(expected["cider_d"], abs=1e-4)
    assert ours.per_image == pytest.approx(expected["cider_d_per_sentence"], abs=1e-4)


def test_official_scores_of_coco_example_results(shared_data):
    folder = shared_data / "caption_metrics"
    said = json.loads((folder / "captions_val2014_fakecap_results.json").read_text())
    captions = {result["image_id"]: tokenize(result["caption"]) for result in said}
    truth = json.loads((folder / "fakecap_refs_exact_subset.json").read_text())
    results = json.loads((folder / "captions_val2014_fakecap_evalImgs.json").read_text())
    published = {result["image_id"]: result for result in results}
    for image_id, entry in truth.items():
        candidate = captions[int(image_id)]
        references = [tokenize(caption) for caption in entry["captions"]]
        expected = published[int(image_id)]
        bleus = [expected[f"Bleu_{order}"] for order in range(1, 5)]
        assert sentence_bleu(candidate, references)[:4] == pytest.approx(bleus, rel=1e-9)
        assert sentence_rouge_l(candidate, references) == pytest.approx(expected["ROUGE_L"], rel=1e-9)


def test_the_shorter_of_two_closest_references_counts():
    candidate, longer, shorter = list("abcde"), list("abcdef"), list("abcd")
    for references in ([longer, shorter], [shorter, longer]):
        assert sentence_bleu(candidate, references).bleu1 == pytest.approx(0.9999999998, abs=1e-10)


def test_two_words_have_almost_no_trigram():
    scores = sentence_bleu(["a", "b"], [["a", "b", "c", "d", "e", "f"]])
    expected = [0.1353352831, 0.1353352831, 0.00135335283, 0.000135335283]
    assert scores[:4] == pytest.approx(expected, rel=1e-8)


def test_without_brevity_penalty_only_its_factor_is_gone():
    candidates, references = corpus(7)
    short = [candidate[:2] for candidate in candidates]
    with_penalty, without = bleu(short, references), bleu(short, references, brevity_penalty=False)
    ratio = sum(map(len, short)) / sum(
        min((abs(len(truth) - len(said)), len(truth)) for truth in group)[1]
        for said, group in zip(short, references, strict=True)
    )
    assert ratio < 0.9
    assert without.length_ratio == pytest.approx(ratio)
    penalty = math.exp(1 - 1 / ratio)
    assert with_penalty[:4] == pytest.approx([penalty * score for score in without[:4]])


def test_statistics_add_up():
    candidates, references = corpus(11)
    counts = [bleu_statistics(*pair) for pair in zip(candidates, references, strict=True)]
    together = corpus_statistics(encode(candidates, references))
    assert bleu_of(total([total(counts[:2]), total(counts[2:])])) == bleu(candidates, references)
    assert bleu_of(total([together])) == bleu(candidates, references)
    for part, parts in zip(together, zip(*counts, strict=True), strict=True):
        assert part.tolist() == [one.tolist() for one in parts]


def test_order_of_references_does_not_matter():
    candidates, references = corpus(13)
    turned = [group[::-1] for group in references]
    assert bleu(candidates, turned) == bleu(candidates, references)
    assert rouge_l(candidates, turned) == rouge_l(candidates, references)
    assert cider_d(candidates, turned).score == pytest.approx(cider_d(candidates, references).score)


def test_cider_depends_on_the_references_beside_it():
    said, group = ["a", "red", "bus"], [["a", "red", "bus", "stops"]]
    other = ["a", "dog"], [["a", "dog", "runs"]]
    assert cider_d([said], [group]).score == 0
    alone, doubled = cider_d([said, other[0]], [group, other[1]]), cider_d([said] * 2, [group] * 2)
    assert alone.per_image[0] > 1
    assert doubled.score == 0


def test_common_subsequence_equals_the_recursive_definition():
    def naive(first, second):
        if not first or not second:
            return 0
        if first[-1] == second[-1]:
            return 1 + naive(first[:-1], second[:-1])
        return max(naive(first[:-1], second), naive(first, second[:-1]))

    for seed in range(4):
        candidates, references = corpus(seed)
        for said, group in zip(candidates, references, strict=True):
            assert common_subsequences(said, [group[0][:6]])[0] == naive(said, group[0][:6])
