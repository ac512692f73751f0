"""Constraints against a filter over all sentences, and what happens where they leave nothing."""

import itertools

import pytest
from referees import BB, UNKNOWN, VOCABULARY, A, C, Letters, Markov, Traced, make, pictures, said, sentences

from captioner.errors import UserError
from captioner.search.beam import Beam
from captioner.search.exact import Exact
from captioner.search.greedy import Greedy
from captioner.vocabulary import EOS

T = 4
RULES = [
    ({"min_length": 2}, lambda s: len(s) >= 2),
    ({"prefix": ["b", "a"]}, lambda s: s[:2] == (BB, A)),
    ({"required_words": ["a", "c"]}, lambda s: {A, C} <= set(s)),
    ({"banned_words": ["b"], "allow_unknown": False}, lambda s: not {BB, UNKNOWN} & set(s)),
    ({"allow_repeat": False}, lambda s: all(x != y for x, y in itertools.pairwise(s))),
    ({"no_repeat_ngram": 1}, lambda s: len(s) == len(set(s))),
    ({"no_repeat_ngram": 2}, lambda s: len({*itertools.pairwise(s)}) == len([*itertools.pairwise(s)])),
    ({"bad_endings": ["a", "c"]}, lambda s: not s or s[-1] not in (A, C)),
    (
        {"prefix": ["c"], "required_words": ["b"], "min_length": 2, "bad_endings": ["a"]},
        lambda s: s[:1] == (C,) and BB in s and s[-1] != A,
    ),
]


@pytest.mark.parametrize(("rules", "holds"), RULES, ids=[str(rules) for rules, _ in RULES])
def test_a_wide_beam_lists_what_is_allowed_and_nothing_else(rules, holds):
    allowed = {s for s in sentences(T) if s[-1] == EOS and holds(s[:-1])}
    search = Beam(2000, max_length=T, vocabulary=VOCABULARY, **rules)
    for seed in range(2):
        (found,) = search(make(seed=seed), pictures(1), n_best=2000)
        assert {said(h) for h in found if h.finished} == allowed
        assert all(holds(tuple(h.tokens)) for h in found if not h.finished and "bad_endings" not in rules)


@pytest.mark.parametrize("search", [Beam, Exact])
def test_strings_are_said_nowhere(search):
    """Over the prefix too; the letters of them are free."""
    holds = [lambda text: not any(string in text for string in ("ab", "cca", "ba", "aaa"))]
    holds.append(lambda text: "b" not in text and "ca" not in text)
    texts = {"".join(VOCABULARY.words[number] for number in s[:-1]): s for s in sentences(5) if s[-1] == EOS}
    for banned_words, allowed in zip((["ab", "cca", "ba", "aaa"], ["b", "ca"]), holds, strict=True):
        expected = {s for text, s in texts.items() if text.startswith("c") and allowed(text)}
        rules = {"banned_words": banned_words, "prefix": ["c"], "max_length": 5, "vocabulary": Letters()}
        (found,) = search(beam_size=500, **rules)(make(seed=1), pictures(1), n_best=500)
        assert {said(h) for h in found if h.finished} == expected


def test_what_must_be_said_is_said_in_time_to_end():
    """Greedy would say a for ever; b and c take the last two places before the end."""
    loop = Traced({A: 0.9, BB: 0.05, C: 0.05}, {w: {A: 0.8, BB: 0.1, C: 0.05, EOS: 0.05} for w in (A, BB, C)})
    (found,) = Greedy(max_length=6, required_words=["c", "b"], vocabulary=VOCABULARY)(Markov(), loop.table())[
        0
    ]
    assert found.tokens[:3] == [A, A, A]
    assert sorted(found.tokens[3:]) in ([BB, C], [A, BB, C])


def test_places_are_kept_for_sentences_that_have_said_more():
    """The best sentence with c starts with it; by probability alone it is out of a beam of 2 at once."""
    late = Traced(
        {A: 0.5, BB: 0.4, C: 0.1},
        {A: {A: 0.5, EOS: 0.49, C: 0.01}, BB: {BB: 0.5, EOS: 0.49, C: 0.01}, C: {EOS: 1.0}},
    )
    (found,) = Beam(2, max_length=6, required_words=["c"], vocabulary=VOCABULARY)(Markov(), late.table())[0]
    assert found.tokens == [C]


def test_rules_about_repeats_give_way_where_nothing_else_is_left():
    only = Traced({A: 1.0}, {A: {A: 0.9, EOS: 0.1}})
    search = Greedy(max_length=4, min_length=2, no_repeat_ngram=1, allow_repeat=False)
    (found,) = search(Markov(), only.table())[0]
    assert (found.tokens, found.finished) == ([A, A], True)
    never = Greedy(max_length=4, bad_endings=["a"], banned_words=["b", "c"], vocabulary=VOCABULARY)
    assert never(Markov(), Traced({A: 1.0}, {A: {EOS: 1.0}}).table())[0][0].tokens == [A]


@pytest.mark.parametrize(
    ("rules", "reason"),
    [
        ({"required_words": ["bb"]}, "does not have the word 'bb'. Did you mean b"),
        ({"prefix": ["<eos>"]}, "does not have the word '<eos>'"),
        ({"required_words": ["b"], "banned_words": ["b"]}, "forbidden as well"),
        (
            {"prefix": ["ca", "b"], "banned_words": ["ab"], "vocabulary": Letters()},
            "prefix holds a string that is forbidden",
        ),
        ({"min_length": 5, "max_length": 5}, "ask for 5 words; with the end that is more than max_length, 5"),
        ({"required_words": ["a", "b", "c"], "prefix": ["b", "b"], "max_length": 4}, "ask for 4 words"),
        ({"max_length": 0}, "max_length must be at least 1"),
        ({"min_length": -1}, "min_length must be at least 0"),
    ],
)
def test_rules_that_cannot_be_kept_are_refused(rules, reason):
    with pytest.raises(UserError, match=reason):
        Beam(**{"vocabulary": VOCABULARY, **rules})


def test_words_need_a_vocabulary():
    with pytest.raises(UserError, match="no vocabulary"):
        Beam(required_words=["a"])
