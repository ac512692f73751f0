"""Captions of scenes: grammatical, varied, and with high BLEU only for the right scene."""

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

    return corpus_bleu(
        [[words(r) for r in captions] for captions in REFERENCES], [words(c) for c in candidates]
    )


def test_the_canonical_caption_of_a_scene():
    scene = next(s for s in SCENES if s.group.number == 2 and s.side == "left" and s.group.shape == "star")
    group, anchor = scene.group, scene.anchor
    assert canonical(scene) == (
        f"Two {group.size} {group.colour} stars are to the left of "
        f"a {anchor.size} {anchor.colour} {anchor.shape}."
    )


def test_five_different_sentences():
    for captions in REFERENCES:
        assert len(set(captions)) == len(captions) == 5
        assert all(caption[0].isupper() and caption.endswith(".") for caption in captions)


def test_number_agrees_everywhere():
    for caption in (caption for captions in REFERENCES for caption in captions):
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


def test_either_thing_is_the_subject_and_words_vary():
    counts = Counter(word for captions in REFERENCES for caption in captions for word in words(caption))
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
        for s, captions in zip(SCENES, REFERENCES, strict=True)
        for c in captions
    )
    assert 0.2 < from_group / (len(SCENES) * 5) < 0.7


def test_bleu_is_high_for_the_right_scene_only():
    right = [canonical(scene) for scene in SCENES]
    assert bleu4(right) > 0.95
    assert bleu4(right[1:] + right[:1]) < 0.35


@pytest.mark.parametrize("k", range(3))
def test_the_same_random_state_gives_the_same_captions(k):
    assert references(SCENES[k], Random(k)) == references(SCENES[k], Random(k))
