"""Tokens against the Java tokenizer they stand in for: its output on awkward text, written down."""

import json
import random
import re

import pytest

from captioner.metrics.tokenization.java import (
    TOKENIZER_JAR,
    JavaMissingError,
    java_command,
    tokenize_with_java,
)
from captioner.metrics.tokenization.ptb import tokenize, tokenize_with_doubt

# Left: a caption. Right: what CoreNLP 3.4.1 gives, after dropping punctuation as coco-caption does.
AWKWARD = {
    "A man riding a wave on top of a surfboard.": "a man riding a wave on top of a surfboard",
    "dogs' the dog's the DOG'S don't can't won't they'll i'm": (
        "dogs the dog 's the dog 's do n't ca n't wo n't they 'll i 'm"
    ),
    "don\u2019t \u201cgo\u201d \u2018in\u2019 \u2013 ever\u2026": "do n't go in ever",
    "they cannot, gonna wanna gotta 'tis": "they can not gon na wan na got ta 't is",
    "rock 'n' roll rock'n'roll 'em '90s y'all o'clock ma'am": (
        "rock 'n' roll rock 'n' roll 'em '90s y' all o'clock ma'am"
    ),
    "two dogs cannot swim": "two dogs can not swim",
    "(on) [the] {left}": "-lrb- on -rrb- -lsb- the -rsb- -lcb- left -rcb-",
    "wow!! what?? so?! ok! no? hmm... beach--kite - a": "wow !! what ?? so ?! ok no hmm beach kite a",
    "t.v. on a u.s.a flag, d.v.d. at 5 p.m.": "t.v. on a u.s.a flag d.v.d. at 5 p.m.",
    "mr. x, st. y, no. 8 or no. and the pic.": "mr. x st. y no. 8 or no and the pic",
    "he lives on main st.": "he lives on main st.",
    "reads K.": "reads k",
    "a car wash. in Wash. or WASH. miss. Miss. x": "a car wash in wash. or wash. miss miss. x",
    "fig. 3 of a fig. is art. 8 art.": "fig. 3 of a fig is art. 8 art",
    "an \u00e9. a <unk> <b>dog</b>": "an \u00e9 a <unk> <b> dog </b>",
    "drs. x attys. x md. x kans. x sun. x": "drs. x attys. x md. x kans. x sun x",
    "option a.": "option a",
    "x b. a b. A b. It b. Man b. b": "x b. a b a b it b. man b. b",
    "$5 #41 & at&t AT&T 50% 3,000 .5 12:43 10-29-2011.": (
        "$ 5 # 41 & at & t at&t 50 % 3,000 .5 12:43 10-29-2011"
    ),
    "ground.A toilet,wash it;s and/or he/she w/ 3/4 4x4 1950s t-shirt multi- -like": (
        "ground.a toilet wash it s and/or he/she w / 3/4 4x4 1950s t-shirt multi like"
    ),
    "\u00bd for \u00a35 or \u20ac7 caf\u00e9 \U0001f600 sign": "1/2 for # 5 or $ 7 caf\u00e9 sign",
    "6'2\" 'hello' 1990's it's.": "6 2 hello 1990 's it 's",
}
SPACES = "\r\n\t\v\f\x1c\x85\u00a0\u2028\u2029"


@pytest.mark.parametrize("caption", AWKWARD)
def test_awkward_captions(caption):
    assert tokenize(caption) == AWKWARD[caption].split()


def test_tokens_tokenize_to_themselves():
    caption = "A dog's (wet) t-shirt, don't ca n't, -lrb- on st. x's [t.v.] gonna wow!! 3/4 {3,000}"
    tokens = tokenize(caption)
    assert tokens.count("-lrb-") == 2
    assert tokenize(" ".join(tokens)) == tokens


@pytest.mark.parametrize("space", SPACES)
@pytest.mark.parametrize("mark", ["", "!!"])  # the short way and the long one
def test_every_kind_of_line_end_is_a_space(space, mark):
    assert tokenize(f"A dog{space}runs. {mark}") == ["a", "dog", "runs", *mark.split()]


@pytest.mark.parametrize("caption", ["", " ", "\n", ".", ",", " . ", "''", "\U0001f600"])
def test_nothing_to_say(caption):
    assert tokenize(caption) == []


def test_long_way_agrees_with_the_short_one():
    caption = "A large, brown dog, wet, runs"
    assert tokenize(caption + ".") == tokenize(caption + " !!")[:-1]


@pytest.mark.parametrize("caption", AWKWARD)
def test_awkward_captions_tokenized_by_java(java, caption):
    assert java([caption]) == [AWKWARD[caption].split()]


@pytest.fixture
def java():
    """The tokenizer of coco-caption, where it is installed."""
    try:
        java_command(TOKENIZER_JAR)
    except JavaMissingError as missing:
        pytest.skip(str(missing))
    return tokenize_with_java


def real_captions(shared_data):
    file = shared_data / "caption_metrics/captions_val2017.json"
    coco = [annotation["caption"] for annotation in json.loads(file.read_text())["annotations"]]
    lines = (shared_data / "flickr8k/Flickr8k.token.txt").read_text(encoding="utf-8").splitlines()
    return coco, [line.split("\t")[1] for line in lines]


def test_all_real_captions_agree_with_java(shared_data, java):
    for captions in real_captions(shared_data):
        tokens = java(captions)
        assert len(captions) > 25_000
        assert [c for c, t in zip(captions, tokens, strict=True) if tokenize(c) != t] == []


def test_of_real_captions_few_are_unsure(shared_data):
    coco, flickr = real_captions(shared_data)
    unsure = [sum(not tokenize_with_doubt(c).is_sure for c in captions) for captions in (coco, flickr)]
    assert unsure[0] < 0.006 * len(coco)
    assert unsure[1] < 0.003 * len(flickr)


WORDS = """a dog the DOG's Man cats' no St mr etc wash Wash miss k K p.m u.s.a 8 12th 1950s 3,000 mp3 t-shirt
    man/woman cannot cannot's nat'll gonna o'clock l'eau caf\u00e9 \u00e9 art fig prop can't d're o'er"""
MARKS = """n't 's -lrb- <unk> .5 5:30 #7 $ & * @ _ ^ ~ ' " `` '' -- - ... .. ? ! ; : , . ( ) [ ] { } / + %
    \u2019 \u201c \u2014 \u2026 \u00bd \u65e5\u672c \U0001f600"""


def test_where_it_is_sure_it_agrees_with_java_on_any_mixture(java):
    rng = random.Random(5)
    words, marks, captions = WORDS.split(), MARKS.split(), []
    for _ in range(30_000):
        pieces = [rng.choice(words if rng.random() < 0.8 else marks) for _ in range(rng.randint(1, 7))]
        captions.append("".join(piece + rng.choice(["", " ", " ", " ", ", ", ". ", "."]) for piece in pieces))
    captions = [caption for caption in captions if tokenize_with_doubt(caption).is_sure]
    assert len(captions) > 3_000
    differ = [c for c, tokens in zip(captions, java(captions), strict=True) if tokenize(c) != tokens]
    assert differ == []


def test_doubt_is_about_the_same_tokens():
    for caption, expected in AWKWARD.items():
        assert tokenize_with_doubt(caption).tokens == expected.split()


@pytest.mark.parametrize(
    "caption",
    ["plan B.", "at St. Paul", "no. 8", "in Wash.", "5:30", "an o'clock", "d're", "Nn't", "a@b",
     "\u65e5\u672c", "\U0001f600", "(555) 555-5555", "5 1/2", "don\u2019t", "=]", "cannot's", "a_b"],
)  # fmt: skip
def test_unsure(caption):
    assert not tokenize_with_doubt(f"A dog {caption}").is_sure


@pytest.mark.parametrize(
    "caption",
    ["", "A dog.", "a car wash.", "The dog's (wet) t-shirt, isn't it?", 'a "big" dog . it runs .',
     "in the 1950s", "do n't -lrb- x -rrb-", "caf\u00e9.", "black/white & 3 cats"],
)  # fmt: skip
def test_sure(caption):
    assert tokenize_with_doubt(caption).is_sure


def test_a_very_long_caption_takes_no_time():
    for text in ("a" * 200_000 + "@", "a-" * 100_000 + "@", "a. " * 70_000, "' " * 100_000 + "\u65e5"):
        assert not tokenize_with_doubt(text).is_sure or re.fullmatch(r"[a. ]+", text)
