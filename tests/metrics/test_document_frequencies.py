"""Document frequencies: counted, found again for other captions, stored; CIDEr-D with them."""

import random

import numpy as np
import pytest
from pycocoevalcap.cider.cider import Cider

from captioner.errors import UserError
from captioner.metrics.cider_d import cider_d
from captioner.metrics.document_frequencies import DocumentFrequencies
from captioner.metrics.ngrams import encode


def groups_of(rng, num_images, words, longest=8):
    return [
        [rng.choices(words, k=rng.randint(0, longest)) for _ in range(rng.randint(1, 4))]
        for _ in range(num_images)
    ]


def images_with(gram, groups):
    return sum(
        any(tuple(text[i : i + len(gram)]) == gram for text in group for i in range(len(text)))
        for group in groups
    )


@pytest.mark.parametrize("longest", [8, 2])
def test_frequency_of_every_ngram_of_other_captions(longest):
    rng = random.Random(longest)
    groups = groups_of(rng, 13, "abcdef", longest)
    frequencies = DocumentFrequencies.count(groups)
    assert frequencies.num_images == 13
    other = encode([list("bazcd"), []], groups_of(rng, 2, "fazced"))
    words = list(other.vocabulary)
    spelled, seen = [()], 0
    for grams, found in zip(other.ngrams, frequencies.of(other), strict=True):
        spelled = [(*spelled[key // len(words)], words[key % len(words)]) for key in grams.keys.tolist()]
        assert found.tolist() == [images_with(gram, groups) for gram in spelled]
        seen += np.count_nonzero(found)
    assert seen > 3


@pytest.mark.parametrize("seed", range(8))
def test_part_of_a_corpus_with_the_frequencies_of_all_of_it_scores_as_officially_within_it(seed):
    rng = random.Random(seed)
    references = groups_of(rng, 17, ["a", "red", "bus", "dog", "on", "two"])
    candidates = [rng.choices(["a", "red", "dog", "unseen"], k=rng.randint(0, 7)) for _ in references]
    truth = {i: [" ".join(one) for one in group] for i, group in enumerate(references)}
    _, official = Cider().compute_score(truth, {i: [" ".join(said)] for i, said in enumerate(candidates)})
    frequencies = DocumentFrequencies.count(references)
    ours = cider_d(candidates[4:9], references[4:9], frequencies)
    assert ours.per_image == pytest.approx(official[4:9].tolist(), abs=1e-12)
    assert ours.score == pytest.approx(official[4:9].mean(), abs=1e-12)
    assert ours.score != pytest.approx(cider_d(candidates[4:9], references[4:9]).score)


def test_stored_and_read_again(tmp_path):
    rng = random.Random(3)
    references = groups_of(rng, 9, ["größer", "naïve", "a", "😀"])
    frequencies = DocumentFrequencies.count(references)
    frequencies.save(tmp_path / "frequencies")
    again = DocumentFrequencies.load(tmp_path / "frequencies")
    assert (again.num_images, again.vocabulary) == (9, frequencies.vocabulary)
    candidates = [rng.choices(["a", "größer", "other"], k=5) for _ in range(4)]
    expected = cider_d(candidates, references[:4], frequencies)
    assert cider_d(candidates, references[:4], again) == expected
    assert expected.score > 0


def test_what_holds_no_frequencies_is_refused(tmp_path):
    with pytest.raises(UserError, match="There is no file"):
        DocumentFrequencies.load(tmp_path / "missing.npz")
    text, other, pickled = (tmp_path / name for name in ("text.npz", "other.npz", "pickled.npz"))
    text.write_text("a red bus")
    np.savez(other, keys1=np.arange(3))
    np.savez(pickled, num_images=np.array(2), words=np.array(["a", None], dtype=object))
    for file in (text, other, pickled, tmp_path):
        with pytest.raises(UserError, match="holds no document frequencies"):
            DocumentFrequencies.load(file)
