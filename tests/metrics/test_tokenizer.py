"""Tokens against the Java tokenizer they stand in for: its output on awkward text, written down."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from captioner.metrics.tokenizer import tokenize

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
    "option a.": "option a.",
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


@pytest.mark.skipif(not shutil.which("java"), reason="no java")
def test_real_captions_agree_with_java(shared_data):
    tokenizer = pytest.importorskip("pycocoevalcap.tokenizer.ptbtokenizer")
    jar = Path(tokenizer.__file__).parent / tokenizer.STANFORD_CORENLP_3_4_1_JAR
    annotations = json.loads((shared_data / "caption_metrics/captions_val2017.json").read_text())[
        "annotations"
    ]
    captions = [" ".join(annotation["caption"].split()) for annotation in annotations]
    command = ["java", "-cp", jar, "edu.stanford.nlp.process.PTBTokenizer", "-preserveLines", "-lowerCase"]
    answer = subprocess.run(command, input="\n".join(captions).encode(), capture_output=True, check=True)
    lines = answer.stdout.decode().removesuffix("\n").split("\n")
    expected = [[token for token in line.split() if token not in tokenizer.PUNCTUATIONS] for line in lines]
    wrong = [
        caption for caption, tokens in zip(captions, expected, strict=True) if tokenize(caption) != tokens
    ]
    assert len(wrong) < 0.0005 * len(captions), wrong
