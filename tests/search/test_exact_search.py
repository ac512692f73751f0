"""Exact search against the best of all sentences, and beam search where it misses it."""

import math

import pytest
import torch
from referees import BB, A, C, Markov, Traced, forced_all, make, pictures, said, sentences

from captioner.errors import UserError
from captioner.search.beam import Beam
from captioner.search.exact import Exact
from captioner.vocabulary import EOS

DIVISORS = {"none": lambda n: 1.0, "mean": lambda n: n, "wu": lambda n: ((5 + n) / 6) ** 0.6}
GARDEN_PATH = Traced(
    {A: 0.6, BB: 0.4},
    {A: {A: 0.3, BB: 0.3, C: 0.3, EOS: 0.1}, BB: {C: 1.0}, C: {EOS: 1.0}},
)


@pytest.mark.parametrize("rule", sorted(DIVISORS))
def test_it_is_the_best_there_is_and_says_so(rule):
    every = sentences(4)
    for seed in range(4):
        decoder, features_BLF = make(seed=seed), pictures(2, seed)
        search = Exact(length_rule=rule, beam_size=1, max_length=4)
        for b, found in enumerate(search(decoder, features_BLF, 3)):
            totals = forced_all(decoder, features_BLF[b : b + 1], every)
            scores = {s: total / DIVISORS[rule](len(s)) for s, total in totals.items() if s[-1] == EOS}
            best = sorted(scores, key=lambda s: -scores[s])[:3]
            assert [said(h) for h in found] == best
            assert [h.score for h in found] == pytest.approx([scores[s] for s in best], abs=1e-5)
            assert all(h.proven for h in found)


def test_it_finds_what_a_narrow_beam_gives_up():
    """b c is certain after b, but b is less probable than a."""
    assert Beam(1, max_length=5)(Markov(), GARDEN_PATH.table())[0][0].tokens[0] == A
    (found,) = Exact(beam_size=1, max_length=5)(Markov(), GARDEN_PATH.table())[0]
    assert (found.tokens, found.proven) == ([BB, C], True)
    assert found.log_prob == pytest.approx(math.log(0.4))


def test_a_poor_beginning_is_not_given_up_while_its_mean_may_rise():
    """a .: log .42 / 2 = -0.434 is what the beam finds. b: -0.916, but b c .: -0.305."""
    rising = Traced({A: 0.6, BB: 0.4}, {A: {EOS: 0.7, C: 0.3}, BB: {C: 1.0}, C: {EOS: 1.0}})
    (found,) = Exact(length_rule="mean", beam_size=1, max_length=5)(Markov(), rising.table())[0]
    assert (found.tokens, found.proven) == ([BB, C], True)
    assert found.score == pytest.approx(math.log(0.4) / 3)


def test_out_of_time_or_memory_it_gives_what_it_has_and_does_not_claim_more():
    decoder, features_BLF = make("show_tell", seed=2, gain=0.3), pictures(3)
    with torch.no_grad():
        decoder.output.bias[EOS] -= 2.0
    whole = Exact(beam_size=1, max_length=7)(decoder, features_BLF)
    for limits in ({"max_steps": 2}, {"max_open": 1}):
        short = Exact(beam_size=1, max_length=7, **limits)(decoder, features_BLF)
        for (one,), (best,) in zip(short, whole, strict=True):
            assert (one.proven, best.proven) == (False, True)
            assert one.score <= best.score + 1e-9


def test_where_nothing_can_end_the_best_cut_sentence_is_found():
    decoder, features_BLF = make(seed=1), pictures(1)
    with torch.no_grad():
        decoder.output.bias[EOS] = -torch.inf
    totals = forced_all(decoder, features_BLF, sentences(3)[-64:])
    best = sorted(totals, key=lambda s: -totals[s])[:2]
    found = Exact(max_length=3, beam_size=1)(decoder, features_BLF, 2)[0]
    assert [said(h) for h in found] == best
    assert [(h.finished, h.proven) for h in found] == [(False, True)] * 2


@pytest.mark.parametrize("option", ["max_steps", "max_open", "beam_size"])
def test_options_without_sense_are_refused(option):
    with pytest.raises(UserError, match=f"{option} must be at least 1, not 0"):
        Exact(**{option: 0})
