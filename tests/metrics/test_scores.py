"""The one entry point: it must agree with its parts and refuse what cannot be scored."""

import pytest

from captioner.errors import UserError
from captioner.metrics.bleu import bleu, sentence_bleu
from captioner.metrics.cider_d import cider_d
from captioner.metrics.rouge_l import rouge_l
from captioner.metrics.scores import score_captions

CANDIDATES = {7: "A dog's ball.", 3: "two cats sleep on a bed", 12: ""}
REFERENCES = {
    3: ["Two cats sleeping.", "Cats on a bed"],
    12: ["A bird"],
    99: ["an image that was not captioned"],
    7: ["A ball of a dog", "the dog's ball!", "a red ball near a dog"],
}
SAID = [["a", "dog", "'s", "ball"], ["two", "cats", "sleep", "on", "a", "bed"], []]
TRUTH = [
    [["a", "ball", "of", "a", "dog"], ["the", "dog", "'s", "ball"], ["a", "red", "ball", "near", "a", "dog"]],
    [["two", "cats", "sleeping"], ["cats", "on", "a", "bed"]],
    [["a", "bird"]],
]


def test_scores_are_those_of_the_tokens():
    scores = score_captions(CANDIDATES, REFERENCES)
    figures = scores.as_dict()
    with_penalty, without = (bleu(SAID, TRUTH, penalty)[:4] for penalty in (True, False))
    assert [figures[f"bleu{order}"] for order in range(1, 5)] == pytest.approx(with_penalty)
    assert [figures[f"bleu{order}_no_bp"] for order in range(1, 5)] == pytest.approx(without)
    assert figures["rouge_l"] == pytest.approx(rouge_l(SAID, TRUTH))
    assert figures["cider_d"] == pytest.approx(cider_d(SAID, TRUTH).score)
    assert figures["distinct"] == 1
    assert (scores.num_images, scores.tokenizer, scores.num_unsure) == (3, "python", 0)
    assert scores.cider_idf == "references of the 3 evaluated images"
    assert list(scores.per_image) == [7, 3, 12]
    for image_id, said, truth, consensus in zip(
        (7, 3, 12), SAID, TRUTH, cider_d(SAID, TRUTH).per_image, strict=True
    ):
        assert next(iter(scores.per_image[image_id])) == "cider_d"
        assert scores.per_image[image_id] == pytest.approx(
            {
                "bleu4": sentence_bleu(said, truth).bleu4,
                "rouge_l": rouge_l([said], [truth]),
                "cider_d": consensus,
            }
        )


def test_odd_captions_of_used_images_are_counted():
    odd = {3: ["see 5:30", "a_b", "cats"], 7: ["x"], 99: ["a@b"]}
    assert score_captions({3: "at 5:30", 7: "y"}, odd).num_unsure == 3


def test_flat_names():
    scores = score_captions(CANDIDATES, REFERENCES)
    flat = scores.as_dict()
    assert list(flat) == [
        "bleu1", "bleu2", "bleu3", "bleu4", "bleu1_no_bp", "bleu2_no_bp", "bleu3_no_bp", "bleu4_no_bp",
        "rouge_l", "cider_d", "distinct",
    ]  # fmt: skip
    flat.clear()
    assert scores.as_dict()


@pytest.mark.parametrize("references", [{3: ["a"]}, {3: ["a"], 5: []}])
def test_an_image_without_references_is_named(references):
    with pytest.raises(UserError, match="Image 5 has no reference"):
        score_captions({3: "a", 5: "b"}, references)


def test_nothing_to_score():
    with pytest.raises(UserError, match="no captions"):
        score_captions({}, {1: ["a"]})
