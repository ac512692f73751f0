"""Captions of scenes: grammatical, varied, and worth what they should be under BLEU."""

import re
from collections import Counter
from random import Random

import pytest

from captioner.scenes.draw import draw_scene
from captioner.scenes.language import canonical, references

SCENES = [draw_scene(Random(f"language/{k}")) for k in range(500)]
REFERENCES = [references(scene, Random(f"language/{k}/told")) for k, scene in enumerate(SCENES)]


def words(caption):
    return caption.lower().rstrip(".").split()


def bleu4(candidates):
    from nltk.translate.bleu_score import corpus_bleu

    return corpus_bleu([[words(r) for r in told] for told in REFERENCES], [words(c) for c in candidates])


def test_the_canonical_caption_of_a_scene():
    scene = next(s for s in SCENES if s.group.number == 2 and s.side == "left" and s.group.shape == "star")
    group, anchor = scene.group, scene.anchor
    assert canonical(scene) == (
        f"Two {group.size} {group.colour} stars are to the left of "
        f"a {anchor.size} {anchor.colour} {anchor.shape}."
    )


def test_five_different_sentences():
    for told in REFERENCES:
        assert len(set(told)) == len(told) == 5
        assert all(caption[0].isupper() and caption.endswith(".") for caption in told)


def test_number_agrees_everywhere():
    for caption in (caption for told in REFERENCES for caption in told):
        phrases = re.findall(r"\b(a|two|three) (?:large|big|small|little) \w+ (\w+)", caption.lower())
        assert len(phrases) == 2
        for number, noun in phrases:
            assert (number != "a") == noun.endswith(("es", "rs", "cs")) or noun in (
                "circles", "squares", "triangles",
            )  # fmt: skip
        is_second = re.match(r"(to|on|left|right|above|over|below|under|beneath)\b", caption.lower())
        subject = phrases[1 if is_second else 0]
        verb = re.search(r"\b(is|are|sits?|lies?)\b", caption)
        if verb:
            assert verb[0] in (("is", "sits", "lies") if subject[0] == "a" else ("are", "sit", "lie"))


def test_either_side_is_told_first_and_words_vary():
    counts = Counter(word for told in REFERENCES for caption in told for word in words(caption))
    assert {
        "big",
        "little",
        "disc",
        "discs",
        "over",
        "under",
        "beneath",
        "sits",
        "lie",
        "there",
    } <= counts.keys()
    from_group = sum(
        words(c)[:4] == words(canonical(s))[:4]
        for s, told in zip(SCENES, REFERENCES, strict=True)
        for c in told
    )
    assert 0.2 < from_group / (len(SCENES) * 5) < 0.7


def test_bleu_pays_for_looking():
    right = [canonical(scene) for scene in SCENES]
    assert bleu4(right) > 0.95
    assert bleu4(right[1:] + right[:1]) < 0.35


@pytest.mark.parametrize("k", range(3))
def test_the_same_random_state_gives_the_same_captions(k):
    assert references(SCENES[k], Random(k)) == references(SCENES[k], Random(k))
