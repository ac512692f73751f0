"""Draws against the probabilities of all sentences, by chi-square on many at once."""

import itertools
import math
from collections import Counter

import pytest
import torch
from referees import BB, UNKNOWN, VOCABULARY, A, C, Markov, Traced, V, make, pictures, said, sentences

from captioner.errors import UserError
from captioner.search.sample import Sample
from captioner.vocabulary import BOS, EOS

DRAWS = 100_000
FIRST = {A: 0.42, BB: 0.27, C: 0.16, UNKNOWN: 0.05, EOS: 0.10}
CHAIN = Traced(
    FIRST,
    {
        A: {EOS: 0.35, BB: 0.3, C: 0.2, A: 0.15},
        BB: {EOS: 0.5, A: 0.3, BB: 0.2},
        C: {A: 0.6, EOS: 0.4},
        UNKNOWN: {EOS: 0.7, C: 0.3},
    },
)


def sharpened(nexts: dict[int, float], temperature=1.0, top_k=0, top_p=1.0, min_p=0.0) -> dict[int, float]:
    """The definitions, word by word."""
    powers = {word: p ** (1 / temperature) for word, p in nexts.items()}
    ranked = sorted(powers, key=lambda word: -powers[word])
    if top_k:
        ranked = ranked[:top_k]
    total = sum(powers[word] for word in ranked)
    mass, kept = 0.0, []
    for word in ranked:
        if mass < top_p:
            kept.append(word)
        mass += powers[word] / total
    kept = [word for word in kept if powers[word] >= min_p * powers[kept[0]]]
    total = sum(powers[word] for word in kept)
    return {word: powers[word] / total for word in kept}


def expected(max_length: int, **options) -> dict[tuple[int, ...], float]:
    after = {word: sharpened(nexts, **options) for word, nexts in CHAIN.after.items()}
    chain = Traced(sharpened(CHAIN.first, **options), after)
    probabilities = {s: chain.probability(s) for s in sentences(max_length)}
    return {s: p for s, p in probabilities.items() if p > 0}


def too_far(counts: Counter, probabilities: dict, draws: int) -> bool:
    """Chi-square beyond its 99.99 % point, by Wilson and Hilferty; rare outcomes are put together."""
    assert set(counts) <= set(probabilities)
    rare = [s for s, p in probabilities.items() if p * draws < 10]
    cells = [(counts[s], p * draws) for s, p in probabilities.items() if s not in rare]
    if rare:
        cells.append((sum(counts[s] for s in rare), sum(probabilities[s] for s in rare) * draws))
    statistic = sum((seen - wanted) ** 2 / wanted for seen, wanted in cells)
    freedom = len(cells) - 1
    limit = freedom * (1 - 2 / (9 * freedom) + 3.72 * math.sqrt(2 / (9 * freedom))) ** 3
    return statistic > limit


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"temperature": 0.6},
        {"temperature": 1.7},
        {"top_k": 2},
        {"top_p": 0.75},
        {"min_p": 0.4},
        {"temperature": 1.3, "top_k": 4, "top_p": 0.9, "min_p": 0.2},
    ],
    ids=str,
)
def test_draws_have_the_right_probabilities(options):
    draws = DRAWS if not options else 20_000
    found = Sample(max_length=3, seed=1, **options)(Markov(), CHAIN.table(), draws)[0]
    counts = Counter(map(said, found))
    assert counts.total() == draws
    assert not too_far(counts, expected(3, **options), draws)
    if options:
        assert too_far(counts, expected(3), draws) or set(counts) != set(expected(3))


def test_constraints_are_drawn_from_what_they_leave():
    """p(a), p(b), p(c), p(<unk>) once the end is forbidden, by hand."""
    search = Sample(max_length=2, seed=2, min_length=1, banned_words=["c"], vocabulary=VOCABULARY)
    counts = Counter(h.tokens[0] for h in search(Markov(), CHAIN.table(), 20_000)[0])
    left = {word: FIRST[word] / 0.74 for word in (A, BB, UNKNOWN)}
    assert not too_far(counts, left, 20_000)


def test_draws_without_replacement_come_in_the_right_order():
    """P(first, then second) = p_1 p_2 / (1 - p_1), over 20,000 pictures of the same."""
    torch.manual_seed(0)
    draws = 20_000
    tables = CHAIN.table().expand(draws, V, V)
    found = Sample(replacement=False, max_length=2)(Markov(), tables, 3)
    p = expected(2)
    pairs = {(one, two): p[one] * p[two] / (1 - p[one]) for one, two in itertools.permutations(p, 2)}
    counts: Counter = Counter()
    for three in found:
        ordered = sorted(three, key=lambda h: -h.score)
        assert len({said(h) for h in three}) == 3
        counts[said(ordered[0]), said(ordered[1])] += 1
    assert not too_far(counts, pairs, draws)


def test_without_replacement_all_sentences_are_found_once():
    p = expected(3)
    found = Sample(replacement=False, seed=3, max_length=3)(Markov(), CHAIN.table(), len(p) + 5)[0]
    assert sorted(map(said, found)) == sorted(p)
    for h in found:
        assert math.exp(h.log_prob) == pytest.approx(p[said(h)])


def test_a_seed_repeats_and_its_absence_does_not():
    decoder, features_BLF = make(seed=3), pictures(3)
    for replacement in (True, False):
        first, again = (
            Sample(replacement=replacement, seed=9, max_length=8)(decoder, features_BLF, 4) for _ in "ab"
        )
        assert [list(map(said, f)) for f in first] == [list(map(said, f)) for f in again]
        other = Sample(replacement=replacement, seed=10, max_length=8)(decoder, features_BLF, 4)
        assert [list(map(said, f)) for f in first] != [list(map(said, f)) for f in other]


def test_pictures_draw_apart():
    tables = torch.cat([CHAIN.table(), CHAIN.table() + 1e-9]).expand(2, V, V)
    for seed in (None, 0):
        one, other = Sample(seed=seed, max_length=6)(Markov(), tables, 50)
        assert list(map(said, one)) != list(map(said, other))


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"temperature": 0.0}, "temperature must be at least 0.001, not 0"),
        ({"temperature": math.nan}, "temperature must be a number, at least 0.001, not nan"),
        ({"top_p": 1.5}, "top_p must be 0 to 1, not 1.5"),
        ({"min_p": -0.1}, "min_p must be 0 to 1, not -0.1"),
        ({"top_k": -1}, "top_k must be at least 0, not -1"),
    ],
)
def test_options_without_sense_are_refused(options, reason):
    with pytest.raises(UserError, match=reason):
        Sample(**options)


def test_the_table_of_the_referee_is_a_distribution():
    assert BOS not in CHAIN.after
    assert sum(expected(3).values()) == pytest.approx(1)
