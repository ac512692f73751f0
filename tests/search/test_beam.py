"""Beam search against all sentences there are, each scored by teacher forcing."""

import math

import pytest
import torch
from referees import (
    BB,
    EXAMPLE,
    WORDS,
    A,
    C,
    Markov,
    assert_alike,
    forced,
    forced_all,
    make,
    pictures,
    said,
    sentences,
)
from transformer import EVERY, NAMES

from captioner.errors import UserError
from captioner.search.beam import Beam
from captioner.search.greedy import Greedy
from captioner.vocabulary import EOS, UNK

T = 3
DIVISORS = {
    "none": lambda length: 1.0,
    "mean": lambda length: length,
    "wu": lambda length: ((5 + length) / 6) ** 0.8,
}


@pytest.mark.parametrize(("name", "cell"), EVERY)
def test_a_wide_beam_lists_every_sentence_with_its_true_score(name, cell):
    decoder, features_BLF = make(name, cell), pictures(2)
    every = sentences(T)
    found = Beam(len(every), max_length=T)(decoder, features_BLF, n_best=len(every))
    for b in range(2):
        expected = forced_all(decoder, features_BLF[b : b + 1], every)
        assert {said(h): h.log_prob for h in found[b]} == pytest.approx(expected, abs=1e-5)
        for finished in (True, False):
            scores = [h.log_prob for h in found[b] if h.finished == finished]
            assert scores == sorted(scores, reverse=True)
        assert [h.finished for h in found[b]] == sorted((h.finished for h in found[b]), reverse=True)


@pytest.mark.parametrize("rule", sorted(DIVISORS))
def test_the_first_of_a_wide_beam_is_the_best_by_its_length_rule(rule):
    every = sentences(4)
    firsts = set()
    for seed in range(6):
        decoder, features_BLF = make(seed=seed), pictures(1, seed)
        (found,) = Beam(len(every), rule, 0.8, max_length=4)(decoder, features_BLF)
        totals = forced_all(decoder, features_BLF, every)
        scores = {s: total / DIVISORS[rule](len(s)) for s, total in totals.items() if s[-1] == EOS}
        best = max(scores, key=scores.__getitem__)
        assert said(found[0]) == best
        assert found[0].score == pytest.approx(scores[best], abs=1e-5)
        assert found[0].log_prob == pytest.approx(scores[best] * DIVISORS[rule](len(best)), abs=1e-5)
        firsts.add(best)
    assert len(firsts) > 1


def test_the_length_rules_choose_different_sentences():
    """p(a) = .3, p(b) = .27, p(a b) = .18 by hand: a word's mean is -0.602, -0.655 and -0.572."""
    found = {rule: Beam(9, rule, max_length=4)(Markov(), EXAMPLE.table(), 3)[0] for rule in DIVISORS}
    assert [h.tokens for h in found["none"]] == [[A], [BB], [C]]
    assert [h.score for h in found["none"]] == pytest.approx([math.log(p) for p in (0.3, 0.27, 0.2)])
    assert found["mean"][0].tokens == [A, BB]
    assert found["mean"][0].score == pytest.approx(math.log(0.18) / 3)
    wide = Beam(9, "wu", 5.0, max_length=4)(Markov(), EXAMPLE.table())[0][0]
    assert wide.tokens == [A, BB]
    assert wide.score == pytest.approx(math.log(0.18) / (8 / 6) ** 5)


def test_a_finished_sentence_stays_until_better_ones_push_it_out():
    """Beam 2 by hand: a (.5), b (.3); a. (.3), b. (.27) beat a b (.2), so that "a b ." is never seen."""
    found = Beam(2, max_length=4)(Markov(), EXAMPLE.table(), n_best=2)[0]
    assert [h.tokens for h in found] == [[A], [BB]]
    long = Beam(2, "mean", max_length=4)(Markov(), EXAMPLE.table(), n_best=2)[0]
    assert [h.tokens for h in long] == [[A], [BB]]
    assert Beam(4, "mean", max_length=4)(Markov(), EXAMPLE.table())[0][0].tokens == [A, BB]


@pytest.mark.parametrize("name", sorted({*NAMES} - {"language_model"}))  # blind: no image differs
def test_images_that_leave_the_batch_at_different_times_do_not_mix(name):
    decoder, features_BLF = make(name, seed=1), 3 * pictures(9)
    search = Beam(4, max_length=12)
    for _ in range(40):
        together = search(decoder, features_BLF, n_best=4)
        if len({len(found[0].tokens) for found in together}) > 1:
            break
        with torch.no_grad():
            decoder.output.bias[EOS] += 0.5 if len(together[0][0].tokens) == 12 else -0.5
    else:
        pytest.fail("no bias was found that ends sentences at different times")
    for b in range(9):
        alone = search(decoder, features_BLF[b : b + 1], n_best=4)[0]
        assert_alike(together[b], alone)


@pytest.mark.parametrize("rule", sorted(DIVISORS))
def test_asking_for_one_gives_the_first_of_many(rule):
    decoder, features_BLF = make(seed=3), pictures(6)
    one = Beam(4, rule, max_length=9)(decoder, features_BLF, n_best=1)
    many = Beam(4, rule, max_length=9)(decoder, features_BLF, n_best=4)
    for found, first in zip(one, many, strict=True):
        assert_alike(found, first[:1])


def test_greedy_takes_the_most_probable_word_and_equals_a_beam_of_one():
    decoder, features_BLF = make(seed=5), pictures(5)
    greedy = Greedy(max_length=6)(decoder, features_BLF)
    beam = Beam(1, max_length=6)(decoder, features_BLF)
    assert [said(h) for (h,) in greedy] == [said(h) for (h,) in beam]
    for b, (h,) in enumerate(greedy):
        for t, word in enumerate(said(h)):
            others = [forced(decoder, features_BLF[b : b + 1], (*said(h)[:t], v))[-1] for v in (*WORDS, EOS)]
            assert others[(*WORDS, EOS).index(word)] == max(others)


def test_a_beam_wider_than_the_vocabulary_has_no_impossible_sentences():
    found = Beam(50, max_length=2)(make("show_tell"), pictures(1), n_best=50)[0]
    assert len(found) == 1 + len(WORDS) + len(WORDS) ** 2
    assert all(h.log_prob > -1e9 for h in found)


def test_unknown_can_be_forbidden():
    decoder = make("show_tell")
    with torch.no_grad():
        decoder.output.bias[UNK] = 50.0
    assert UNK in Beam(1, max_length=4)(decoder, pictures(2))[0][0].tokens
    found = Beam(1, max_length=4, allow_unknown=False)(decoder, pictures(2))
    assert all(UNK not in hypotheses[0].tokens for hypotheses in found)


def test_more_captions_than_beams_is_refused():
    with pytest.raises(UserError, match="beam of 3"):
        Beam(2)(make("show_tell"), pictures(1), n_best=3)
