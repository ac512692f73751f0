"""Rewards against the official CIDEr-D of the whole corpus."""

import pkgutil
import random
import subprocess
import sys

import pytest
from pycocoevalcap.cider.cider import Cider

from captioner import metrics
from captioner.errors import UserError
from captioner.metrics.document_frequencies import DocumentFrequencies
from captioner.metrics.reward import CaptionReward
from captioner.vocabulary import BOS, EOS, PAD, UNK, Vocabulary

WORDS = ["a", "red", "bus", "dog", "on", "the", "street"]


def references(seed, num_images=11):
    rng = random.Random(seed)
    return {
        90 + 7 * i: [rng.choices(WORDS, k=rng.randint(1, 9)) for _ in range(rng.randint(1, 4))]
        for i in range(num_images)
    }


@pytest.mark.parametrize("seed", range(6))
def test_rewards_equal_the_official_scores_of_the_images(seed):
    rng, truth = random.Random(seed), references(seed)
    said = {image_id: rng.choices([*WORDS, "unseen"], k=rng.randint(0, 8)) for image_id in truth}
    texts = {image_id: [" ".join(one) for one in group] for image_id, group in truth.items()}
    _, official = Cider().compute_score(texts, {image_id: [" ".join(one)] for image_id, one in said.items()})
    expected = dict(zip(truth, official.tolist(), strict=True))
    image_ids = [*rng.sample(list(truth), 5), 97, 97]
    rewards = CaptionReward(truth)(image_ids, [said[image_id] for image_id in image_ids])
    assert rewards == pytest.approx([expected[image_id] for image_id in image_ids], abs=1e-12)
    assert rewards.max() > 0


def test_different_captions_of_one_image():
    truth = references(20)
    group = truth[97]
    rewards = CaptionReward(truth)([97, 97, 97], [group[0], group[0][:1], ["nothing"]])
    assert rewards[0] > rewards[1] > rewards[2] == 0


def test_numbers_are_read_with_the_vocabulary():
    truth, vocabulary = references(21), Vocabulary(["<pad>", "<bos>", "<eos>", "<unk>", *WORDS])
    by_words, by_numbers = CaptionReward(truth), CaptionReward(truth, vocabulary=vocabulary)
    numbers = [[BOS, 4, 5, 6, EOS, 7, PAD], [8, 9, UNK, 10]]
    words = [["a", "red", "bus"], ["on", "the", "<unk>", "street"]]
    assert by_numbers([90, 97], numbers).tolist() == by_words([90, 97], words).tolist()
    assert by_words([90, 97], words).max() > 0


def test_frequencies_of_another_corpus():
    truth, other = references(22), DocumentFrequencies.count(list(references(23, 30).values()))
    said = [["a", "red", "dog"], ["on", "the", "street"]]
    assert (CaptionReward(truth, other)([90, 97], said) != CaptionReward(truth)([90, 97], said)).any()


def test_an_image_without_references_is_named():
    with pytest.raises(UserError, match="Image 5 has no reference"):
        CaptionReward(references(24))([90, 5], [["a"], ["a"]])


def test_scores_do_without_torch():
    found = pkgutil.walk_packages(metrics.__path__, "captioner.metrics.")
    scores = {module.name for module in found if not module.name.startswith("captioner.metrics.distributed")}
    assert len(scores) > 20
    assert "captioner.metrics.reward" in scores
    code = f"import sys, {', '.join(sorted(scores))}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert scores <= loaded
    assert loaded.isdisjoint({"torch", "torchmetrics", "nltk"})
