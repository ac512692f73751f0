"""Diverse beam search against examples worked out by hand, and what must hold at the edges."""

import math

import pytest
from referees import BB, EXAMPLE, A, C, Markov, assert_alike, make, pictures, said

from captioner.errors import UserError
from captioner.search.beam import Beam
from captioner.search.diverse import Diverse


def logs(*probabilities: float) -> list[float]:
    return [math.log(p) for p in probabilities]


def test_two_groups_of_one_by_hand():
    """a: log .5. Second group: a costs .693 + .6, b only 1.204, and ends, as the first does, at a cost."""
    found = Diverse(2, 2, 0.6, max_length=4)(Markov(), EXAMPLE.table(), n_best=2)[0]
    assert [(h.tokens, h.group) for h in found] == [([A], 0), ([BB], 1)]
    assert [h.log_prob for h in found] == pytest.approx(logs(0.5 * 0.6, 0.3 * 0.9))
    assert [h.score for h in found] == pytest.approx([math.log(0.3), math.log(0.27) - 0.6])


def test_two_groups_of_two_by_hand():
    """At a cost of 1 a word.

    time 1   group 1: a -0.693, b -1.204       group 2: c -1.609, a -0.693 - 1 (b -2.204 falls out)
    time 2   group 1: a. -1.204, b. -1.309     group 2: a b -2.609, c. -1.609 - 2 (a. -4.204 falls out)
    time 3   group 1 says nothing more         group 2: a b . -2.715, c. -3.609 (a b a -4.912 falls out)
    """
    found = Diverse(4, 2, 1.0, max_length=4)(Markov(), EXAMPLE.table(), n_best=4)[0]
    assert [(h.tokens, h.group) for h in found] == [([A], 0), ([A, BB], 1), ([BB], 0), ([C], 1)]
    assert [h.log_prob for h in found] == pytest.approx(logs(0.3, 0.18, 0.27, 0.2))
    penalties = [h.log_prob - h.score for h in found]
    assert penalties == pytest.approx([0.0, 1.0, 0.0, 2.0])


def test_without_diversity_every_group_is_the_same_beam_search():
    decoder, features_BLF = make(seed=4), pictures(3)
    beams = Beam(2, max_length=5)(decoder, features_BLF, 2)
    for found, beam in zip(Diverse(6, 3, 0.0, max_length=5)(decoder, features_BLF, 6), beams, strict=True):
        for group in range(3):
            own = [h for h in found if h.group == group]
            assert_alike([h._replace(group=0) for h in own], beam)
            assert [h.score for h in own] == pytest.approx([h.log_prob for h in own])


def test_the_first_group_is_plain_beam_search_and_the_others_say_something_else():
    decoder, features_BLF = make(seed=8, gain=0.3), pictures(4)
    beams = Beam(2, max_length=5)(decoder, features_BLF, 1)
    diverse = Diverse(6, 3, 3.0, max_length=5)(decoder, features_BLF, 6)
    for (beam,), found in zip(beams, diverse, strict=True):
        firsts = [next(h for h in found if h.group == group) for group in range(3)]
        assert said(firsts[0]) == said(beam)
        assert len({said(h)[0] for h in firsts}) == 3


def test_groups_that_do_not_part_the_beam_are_refused():
    with pytest.raises(UserError, match="7 cannot be parted into 2"):
        Diverse(7, 2)
