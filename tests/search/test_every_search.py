"""Properties of every registered search, with every decoder and cell."""

import itertools

import pytest
import torch
from referees import BB, UNKNOWN, VOCABULARY, A, C, V, assert_alike, forced, make, pictures, said
from transformer import EVERY as DECODERS_AND_CELLS
from transformer import NAMES

from captioner.errors import UserError
from captioner.search.base import SEARCHES, Search, best
from captioner.search.trace import SearchTrace
from captioner.vocabulary import EOS

OPTIONS = {
    "sample": {"seed": 3, "temperature": 1.3, "top_p": 0.95},
    "mbr": {"seed": 4, "samples": 5},
    "exact": {"max_steps": 30, "length_rule": "wu"},
    "diverse": {"beam_size": 4, "groups": 2, "length_rule": "mean"},
    "beam": {"beam_size": 4, "length_rule": "wu"},
    "beam_mbr": {"beam_size": 4, "utility": "bleu"},
}
METHODS = [
    *((name, OPTIONS.get(name, {})) for name in sorted(SEARCHES)),
    ("sample", {"seed": 5, "replacement": False}),
]
EVERY = [(*decoder, *method) for decoder, method in itertools.product(DECODERS_AND_CELLS, METHODS)]


def build(method: str, options: dict, **more: object) -> Search:
    return SEARCHES.build({"name": method, "max_length": 5, **options, **more}, vocabulary=VOCABULARY)


def n_best(method: str) -> int:
    return 1 if method == "greedy" else 3


@pytest.mark.parametrize(("name", "cell", "method", "options"), EVERY)
def test_images_of_a_batch_get_what_they_get_alone(name, cell, method, options):
    decoder, features_BLF = make(name, cell, seed=1), 1.5 * pictures(3)
    search = build(method, options)
    together = search(decoder, features_BLF, n_best(method))
    for b in range(3):
        (alone,) = search(decoder, features_BLF[b : b + 1], n_best(method))
        assert_alike(together[b], alone)


@pytest.mark.parametrize(("method", "options"), METHODS)
@pytest.mark.parametrize("name", NAMES)
def test_scores_alphas_and_words_belong_together(name, method, options):
    decoder, features_BLF = make(name, seed=2), pictures(3)
    for b, found in enumerate(build(method, options)(decoder, features_BLF, n_best(method))):
        assert 1 <= len(found) <= n_best(method)
        for h in found:
            expected = forced(decoder, features_BLF[b : b + 1], said(h))
            assert h.word_log_probs == pytest.approx(expected, abs=1e-5)
            assert h.log_prob == pytest.approx(sum(expected), abs=1e-5)
            assert EOS not in h.tokens
            if decoder.has_attention and h.tokens:
                tokens_BKT = torch.tensor([[[1, *h.tokens[:-1]]]])
                counts = torch.ones_like(tokens_BKT, dtype=torch.bool)
                alphas_NTL = decoder(features_BLF[b : b + 1], tokens_BKT, counts).alphas_NTL
                torch.testing.assert_close(h.alphas_TL.double(), alphas_NTL[0], atol=1e-5, rtol=1e-4)
            assert (h.alphas_TL is not None) == bool(decoder.has_attention and h.tokens) or not h.tokens


@pytest.mark.parametrize(("method", "options"), METHODS)
def test_a_model_that_never_ends_still_answers_and_says_so(method, options):
    decoder = make("show_tell")
    with torch.no_grad():
        decoder.output.bias[EOS] = -torch.inf
    for found in build(method, options, max_length=4)(decoder, pictures(2), n_best(method)):
        assert found
        assert all((len(h.tokens), h.finished) == (4, False) for h in found)


@pytest.mark.parametrize(("method", "options"), METHODS)
@pytest.mark.parametrize("count", [1, 2])
def test_sentences_of_one_word(method, options, count):
    for found in build(method, options, max_length=1)(make(seed=6), pictures(count), n_best(method)):
        assert found
        assert all(len(h.tokens) == (0 if h.finished else 1) for h in found)


@pytest.mark.parametrize(("method", "options"), METHODS)
@pytest.mark.parametrize("value", [torch.nan, torch.inf])
def test_scores_that_are_no_numbers_are_named(method, options, value):
    decoder = make("show_tell")
    with torch.no_grad():
        decoder.output.bias[C] = value
    with pytest.raises(UserError, match="not numbers"):
        build(method, options)(decoder, pictures(2), 1)


@pytest.mark.parametrize(("method", "options"), METHODS)
def test_nothing_to_say_is_named(method, options):
    search = build(method, options, banned_words=["a", "b", "c"], allow_unknown=False, min_length=1)
    with pytest.raises(UserError, match="no word to say at place 1"):
        search(make(), pictures(2), 1)


RULES = {
    "min_length": ({"min_length": 3}, lambda s: len(s) >= 3),
    "prefix": ({"prefix": ["c", "c", "a"]}, lambda s: s[:3] == [C, C, A]),
    "required_words": ({"required_words": ["b", "c"]}, lambda s: {BB, C} <= set(s)),
    "banned_words": ({"banned_words": ["a", "b"]}, lambda s: not {A, BB} & set(s)),
    "unknown": ({"allow_unknown": False}, lambda s: UNKNOWN not in s),
    "repeat": (
        {"allow_repeat": False},
        lambda s: all(one != other for one, other in itertools.pairwise(s)),
    ),
    "ngram": (
        {"no_repeat_ngram": 2},
        lambda s: len(list(itertools.pairwise(s))) == len(set(itertools.pairwise(s))),
    ),
    "all": (
        {
            "min_length": 4,
            "prefix": ["b"],
            "required_words": ["c"],
            "banned_words": ["a"],
            "allow_repeat": False,
            "bad_endings": ["b"],
        },
        lambda s: s[0] == BB and C in s and A not in s and len(s) >= 4 and s[-1] != BB,
    ),
}


@pytest.mark.parametrize("rule", sorted(RULES))
@pytest.mark.parametrize(("method", "options"), METHODS)
def test_constraints_hold(method, options, rule):
    constraints, holds = RULES[rule]
    for seed in range(3):
        search = build(method, options, max_length=6, **constraints)
        for found in search(make(seed=seed, gain=0.7), pictures(3, seed), n_best(method)):
            assert all(holds(h.tokens) for h in found if h.finished or rule != "all"), found


@pytest.mark.parametrize(("method", "options"), METHODS)
def test_recording_changes_nothing_and_tells_every_word(method, options):
    decoder, features_BLF = make(seed=7), pictures(2)
    search, trace = build(method, options), SearchTrace()
    silent = search(decoder, features_BLF, n_best(method))
    told = search(decoder, features_BLF, n_best(method), trace)
    assert [[said(h) for h in found] for found in silent] == [[said(h) for h in found] for found in told]
    for b in range(2):
        words = {0: ()}
        for event in trace.of_image(b):
            for candidate in event.candidates:
                assert candidate.parent in words
                if candidate.kept and candidate.node != candidate.parent:
                    words[candidate.node] = (*words[candidate.parent], candidate.token)
                    expected = forced(decoder, features_BLF[b : b + 1], words[candidate.node])
                    assert candidate.log_prob == pytest.approx(expected[-1], abs=1e-5)
                    assert candidate.total == pytest.approx(sum(expected), abs=1e-5)
                    assert candidate.finished == (candidate.token == EOS)
        reached = set(words.values())
        assert all(said(h) in reached for h in best(told[b : b + 1])) or method == "exact"


def test_a_search_is_a_value():
    for name in SEARCHES:
        assert build(name, {}) == build(name, {})
        assert f"max_length={5}" in repr(build(name, {}))
    assert len(VOCABULARY) == V
