"""The flags of the searches: they are the fields of the search classes, and each reaches the search."""

import argparse
import json
import subprocess
import sys
from dataclasses import dataclass
from typing import Literal

import pytest
from conftest import ROOT, TINY
from PIL import Image
from tiny_models import add_to_weights

from captioner.commands import main
from captioner.commands.options.search import (
    add_search_arguments,
    search_changes,
    search_flags,
    search_options,
)
from captioner.config import load
from captioner.search.base import SEARCHES, Search
from captioner.search.options import option
from captioner.training.train import train
from captioner.vocabulary import EOS


@pytest.fixture(scope="module")
def home(tmp_path_factory, tiny_scenes):
    """A photo, and two models of the same words."""
    folder = tmp_path_factory.mktemp("home")
    Image.new("RGB", (60, 50), "orange").save(folder / "photo.jpg")
    for seed in (0, 1):
        changes = [*TINY, f"data.folder={tiny_scenes}", f"seed={seed}", "trainer.max_epochs=1"]
        model = train(load(ROOT / "configs/caption.yaml", changes), folder / f"run{seed}").model
        add_to_weights(model, "decoder.output.bias", EOS, -3.0)
        model.rename(folder / f"model{seed}")
    return folder


def say(home, capsys, *words: str) -> dict:
    capsys.readouterr()
    main("caption", [str(home / "photo.jpg"), "--model", str(home / "model0"), "--json", *words])
    return json.loads(capsys.readouterr().out)


def parsed(*words: str) -> dict:
    parser = argparse.ArgumentParser()
    add_search_arguments(parser)
    return search_changes(parser.parse_args(words))


@pytest.fixture
def longest():
    """A search with options of every type, registered for one test."""

    @SEARCHES.register("longest")
    @dataclass
    class Longest(Search):
        depth: int | None = option(None, "how deep to look")
        shape: Literal["tall", "wide"] = option("tall", "form of a {word}")
        share: float = option(0.5, "100 % of something", flag="--part", metavar="P")
        deep: bool = option(False, "look deep")
        names: list[str] = option(["x"], "names")
        cache: int = 3  # no option: nobody sets it on the command line

        def policy(self, n_best):
            raise NotImplementedError

    yield Longest
    del SEARCHES._makers["longest"]


def test_a_new_search_brings_its_flags(longest, capsys):
    given = ["--depth", "4", "--shape", "wide", "--part", "0.25", "--deep", "--names", "a,b"]
    assert parsed(*given) == {"depth": 4, "shape": "wide", "share": 0.25, "deep": True, "names": ["a", "b"]}
    assert SEARCHES.build({"name": "longest", **parsed(*given)}).shape == "wide"
    assert search_flags({"share": 0.25, "depth": 4}) == ["--depth", "--part"]
    with pytest.raises(SystemExit):
        parsed("--help")
    shown = " ".join(capsys.readouterr().out.split())
    assert "beam, beam_mbr, diverse, exact, greedy, longest, mbr, sample" in shown
    assert "--part P longest: 100 % of something" in shown
    assert "--shape {tall,wide} longest: form of a word" in shown
    assert "--cache" not in shown
    with pytest.raises(SystemExit):
        parsed("--shape", "round")
    assert "invalid choice: 'round'" in capsys.readouterr().err


def test_every_flag_sets_its_own_option():
    flags = [one.flag for one in search_options()]
    assert len(set(flags)) == len(flags)
    for one in search_options():
        if "const" in one.argument:
            assert parsed(one.flag) == {one.key: one.argument["const"]}
            continue
        text = "beam" if one.key == "name" else one.argument.get("choices", ["1"])[-1]
        read = one.argument.get("type", str)(text)
        assert parsed(one.flag, text) == {one.key: read}


def test_options_of_several_searches_are_explained_for_each():
    (beam,) = (one for one in search_options() if one.key == "beam_size")
    assert beam.help == (
        "beam, beam_mbr, diverse: beam size; 1 is greedy; exact: size of the beam that search starts from"
    )


def test_listing_the_options_does_not_import_torch():
    code = "import sys; from captioner.commands.options.search import search_options as listed; listed()"
    check = "print(sorted({'torch', 'numpy'} & {*sys.modules}))"
    done = subprocess.run(
        [sys.executable, "-c", f"{code}; {check}"], capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"


@pytest.mark.parametrize("words", [["--beam", "0"], ["--search", "greedy", "--beam", "3"], ["--n-best", "x"]])
def test_a_number_out_of_range_is_answered_without_torch(words):
    code = (
        "import sys\nfrom captioner.commands import main\n"
        "try:\n    main('sample', sys.argv[1:])\n"
        "except SystemExit as left:\n    print(left.code, 'torch' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *words, "--model", "gone"], capture_output=True, text=True, check=True
    )
    assert done.stdout == "2 False\n"
    assert words[-2] in done.stderr or "beam_size" in done.stderr


def test_what_is_not_given_is_left_to_the_model():
    assert parsed() == {}
    assert parsed(
        "--beam", "4", "--required-words", "red, two  circles", "--no-unknown", "--without-replacement"
    ) == {
        "beam_size": 4,
        "required_words": ["red", "two", "circles"],
        "allow_unknown": False,
        "replacement": False,
    }


@pytest.mark.parametrize("method", sorted(SEARCHES))
def test_every_method_captions_under_constraints(home, capsys, method):
    words = [
        "--search",
        method,
        "--prefix",
        "a",
        "--required-words",
        "red",
        "--max-length",
        "7",
        "--min-length",
        "3",
    ]
    (caption,) = say(home, capsys, *words)["captions"]
    assert caption["words"][0] == "a"
    assert "red" in caption["words"]
    assert len(caption["words"]) >= 3
    assert len(caption["word_log_probs"]) == len(caption["words"]) + caption["finished"]
    assert sum(caption["word_log_probs"]) == pytest.approx(caption["log_prob"], abs=1e-4)
    assert (caption["proven"] is not None) == (method == "exact")


def test_several_diverse_captions_have_groups_and_two_scores(home, capsys):
    words = ["--search", "diverse", "--beam", "4", "--groups", "2", "--diversity", "2", "--n-best", "2"]
    first, second = say(home, capsys, *words)["captions"]
    assert (first["group"], second["group"]) == (0, 1)
    assert first["score"] == pytest.approx(first["log_prob"])
    assert second["score"] <= second["log_prob"] + 1e-6


def test_two_models_speak_as_one(home, capsys):
    one, both = say(home, capsys), say(home, capsys, "--model", str(home / "model1"))
    assert both["captions"][0]["log_prob"] != one["captions"][0]["log_prob"]
    twice = say(home, capsys, "--model", str(home / "model0"))
    assert twice["captions"][0]["words"] == one["captions"][0]["words"]


def test_words_and_the_tree_are_shown(home, capsys, tmp_path):
    capsys.readouterr()
    photo, tree = str(home / "photo.jpg"), tmp_path / "tree.html"
    main("caption", [photo, "--model", str(home / "model0"), "--words", "--tree", str(tree)])
    said = capsys.readouterr()
    assert len(said.out.splitlines()) == 2
    assert "tree.html" in said.err
    assert "photo.jpg" in tree.read_text()


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ("--search baem", "There is no search 'baem'. Did you mean beam?"),
        (
            "--search greedy --temperature 2",
            "search greedy has no option 'temperature': that is of mbr, sample",
        ),
        (
            "--temperature 2",
            "search beam has no option 'temperature': that is of mbr, sample (--search mbr).",
        ),
        ("--groups 2", "search beam has no option 'groups': that is of diverse (--search diverse)."),
        ("--beam 1000000000", "argument --beam: must be 1 to 10,000, not 1000000000."),
        ("--beam three", "argument --beam: must be a whole number, at least 1, not 'three'."),
        ("--n-best 0", "argument --n-best: must be at least 1, not 0."),
        ("--search sample --temperature nan", "argument --temperature: must be a number, at least 0.001"),
        ("--search sample --top-p 2", "argument --top-p: must be 0 to 1, not 2.0."),
        ("--required-words rad", "does not have the word 'rad'. Did you mean red"),
        ("--search greedy --n-best 2", "Greedy search finds one sentence, not 2"),
        ("--tempreature 1", "--tempreature 1. Did you mean --temperature?"),
    ],
)
def test_mistakes_are_answered_in_one_sentence(home, capsys, words, reason):
    with pytest.raises(SystemExit) as stopped:
        main("caption", [str(home / "photo.jpg"), "--model", str(home / "model0"), *words.split()])
    assert stopped.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert reason in line
