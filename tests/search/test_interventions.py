"""Words forced and banned at any step, against all sentences there are and against prefixes."""

import itertools

import pytest
import torch
from referees import (
    BB,
    VOCABULARY,
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
from test_sampling import CHAIN, FIRST
from transformer import NAMES
from walking import finish, sentence, walk

from captioner.errors import UserError
from captioner.search.beam import Beam
from captioner.search.diverse import Diverse
from captioner.search.greedy import Greedy
from captioner.search.interventions import Ban, Force
from captioner.search.sample import Sample
from captioner.vocabulary import EOS, PAD

T = 4


@pytest.mark.parametrize("time", [0, 1, 2])
@pytest.mark.parametrize("name", NAMES)
def test_a_forced_word_leaves_the_sentences_that_start_so(name, time):
    """Of one image, against all sentences by teacher forcing; the other image does not notice."""
    decoder, features_BLF = make(name, seed=2), pictures(2)
    every = sentences(T)
    search = Beam(len(every), max_length=T)
    states = walk(search, decoder, features_BLF, len(every))
    finished = states[time].beams.finished_BK[1].tolist()
    beam = next(k for k, ended in enumerate(finished) if not ended and k >= time)
    start = (*sentence(states[time], 1, beam), BB)
    state = search.advance(states[time], [Force(1, beam, BB)])
    other, found = finish(search, state, len(every))
    totals = forced_all(decoder, features_BLF[1:], [s for s in every if s[: time + 1] == start])
    assert {said(h): h.log_prob for h in found} == pytest.approx(totals, abs=1e-5)
    free = search.finish(states[-1], len(every))[0]
    assert {said(h): h.log_prob for h in other} == pytest.approx({said(h): h.log_prob for h in free})


@pytest.mark.parametrize(
    ("method", "options", "n_best"),
    [
        (Greedy, {}, 1),
        (Beam, {"beam_size": 3}, 3),
        (Beam, {"beam_size": 4, "length_rule": "mean"}, 4),
        (Sample, {"seed": 2}, 4),
    ],
)
def test_a_forced_word_gives_what_its_sentence_as_a_prefix_gives(method, options, n_best):
    """In any sentence, at any time."""
    search, compared = method(max_length=5, **options), 0
    for seed in range(5):
        decoder, features_BLF = make(seed=seed, gain=0.8), pictures(1, seed)
        with torch.no_grad():
            decoder.output.bias[EOS] -= 1.0
        for state in walk(search, decoder, features_BLF, n_best)[:-2]:
            for beam, word in itertools.product(range(state.beams.scores_BK.shape[1]), "ac"):
                spelt = [VOCABULARY.words[token] for token in sentence(state, 0, beam)]
                if {"<eos>", "<unk>"} & {*spelt}:
                    continue
                prefixed = method(max_length=5, **options, prefix=[*spelt, word], vocabulary=VOCABULARY)
                (expected,) = prefixed(decoder, features_BLF, n_best)
                after = search.advance(state, [Force(0, beam, VOCABULARY.words.index(word))])
                (found,) = finish(search, after, n_best)
                if method is Sample:  # its score is under what was drawn from: of a prefix 0
                    found, expected = ([h._replace(score=0.0) for h in some] for some in (found, expected))
                assert_alike(found, expected)
                compared += 1
    assert compared >= 15


@pytest.mark.parametrize("time", [0, 1, 2])
def test_a_banned_word_takes_away_the_sentences_that_continue_so(time):
    decoder, features_BLF = make("visual7w", seed=2), pictures(2)
    every = sentences(T)
    search = Beam(len(every), max_length=T)
    state = search.start(decoder, features_BLF, len(every))
    for _ in range(time):
        state = search.advance(state)
    beam = state.beams.finished_BK[0].tolist().index(False)
    start = sentence(state, 0, beam)
    state = search.advance(state, [Ban(0, beam, C), Ban(0, beam, EOS)])
    gone = [(*start, C), (*start, EOS)]
    for b, found in enumerate(finish(search, state, len(every))):
        left = [s for s in every if b or s[: time + 1] not in gone]
        totals = forced_all(decoder, features_BLF[b : b + 1], left)
        assert {said(h): h.log_prob for h in found} == pytest.approx(totals, abs=1e-5)


def test_groups_are_forced_apart():
    """Without diversity each group is a beam search: the forced one with a prefix, the other as ever."""
    decoder, features_BLF = make(seed=4), pictures(2)
    search = Diverse(6, 2, 0.0, max_length=5)
    state = search.advance(search.start(decoder, features_BLF, 6))
    token = next(w for w in (A, BB, C) if state.beams.tokens_BKT[0, 4, 1] != w)
    start = (*sentence(state, 0, 4), token)
    free = Beam(3, max_length=5)(decoder, features_BLF, 3)
    state = search.advance(state, [Force(0, 4, token)])
    found = finish(search, state, 6)
    groups = [[h._replace(group=0) for h in found[0] if h.group == group] for group in (0, 1)]
    assert_alike(groups[0], free[0])
    assert len(groups[1]) == 3
    assert all(said(h)[:2] == start for h in groups[1])
    assert_alike([h._replace(group=0) for h in found[1] if h.group == 1], free[1])


def test_a_draw_without_a_banned_word_is_from_the_others():
    """Only in its own sentence; `score` has the probability among what is left, `log_prob` the model's."""
    search = Sample(seed=1, max_length=2)
    first = search.start(Markov(), CHAIN.table(), 30)
    free, banned = search.advance(first), search.advance(first, [Ban(0, 7, A), Ban(0, 9, BB)])
    assert {k for k in range(30) if sentence(free, 0, k) != sentence(banned, 0, k)} <= {7, 9}
    for beam, word in ((7, A), (9, BB)):
        (token,) = sentence(banned, 0, beam)
        assert token != word
        assert banned.beams.scores_BK[0, beam].exp() == pytest.approx(FIRST[token] / (1 - FIRST[word]))
        assert banned.beams.log_probs_BK[0, beam].exp() == pytest.approx(FIRST[token])


def test_draws_without_replacement_after_a_forced_word_still_differ():
    decoder, features_BLF = make(seed=4), pictures(1)
    search = Sample(replacement=False, seed=3, max_length=3)
    state = search.advance(search.advance(search.start(decoder, features_BLF, 5)), [Force(0, 2, BB)])
    start = sentence(state, 0, 0)
    (found,) = search.finish(search.advance(state), 50)
    assert len({said(h) for h in found}) == 5
    for h in found:
        assert said(h)[:2] == start
        assert h.word_log_probs == pytest.approx(forced(decoder, features_BLF, said(h)), abs=1e-5)


@pytest.mark.parametrize(
    ("interventions", "reason"),
    [
        ([Force(2, 0, A)], "Image 2 is not under way"),
        ([Force(0, 3, A)], "no sentence 3 of image 0"),
        ([Force(0, -1, A)], "no sentence -1 of image 0"),
        ([Force(0, 0, 7)], "no word 7: the vocabulary has 7"),
        ([Ban(0, 0, -1)], "no word -1"),
        ([Force(0, 0, PAD)], "cannot continue sentence 0 of image 0: constraints or a ban forbid it"),
        ([Force(0, 0, C)], "cannot continue"),
        ([Ban(0, 1, A), Force(0, 1, A)], "cannot continue"),
        ([Force(0, 0, A), Force(0, 1, A)], "no sentence 1 of image 0 at this step"),
        ([Force(0, 0, A), Ban(0, 0, A)], "no word to say at place 3"),
    ],
)
def test_what_cannot_be_kept_is_refused(interventions, reason):
    search = Beam(3, max_length=5, min_length=3, banned_words=["c"], vocabulary=VOCABULARY)
    state = search.advance(search.advance(search.start(make(seed=9), pictures(2), 3)))
    for way in (search.advance, search.expand):
        with pytest.raises(UserError, match=reason):
            way(state, interventions)
