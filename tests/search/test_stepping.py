"""Searches step by step: forwards, back and on again."""

import itertools
import math
import random

import pytest
import torch
from referees import VOCABULARY, A, C, Markov, forced, make, pictures, said
from test_sampling import CHAIN
from transformer import NAMES
from walking import sentence, walk

from captioner.errors import UserError
from captioner.search.base import SEARCHES, Search
from captioner.search.beam import Beam
from captioner.search.diverse import Diverse
from captioner.search.exact import Exact
from captioner.search.greedy import Greedy
from captioner.search.interventions import Ban, Force
from captioner.search.trace import SearchTrace
from captioner.tree import map_tree
from captioner.vocabulary import BOS, EOS

STEPPED = [
    ("greedy", {}),
    ("beam", {"beam_size": 4, "length_rule": "wu"}),
    ("beam", {"beam_size": 3, "required_words": ["b"]}),
    ("diverse", {"beam_size": 4, "groups": 2}),
    ("sample", {"seed": 3, "temperature": 1.3}),
    ("sample", {"top_p": 0.9}),  # on torch's global random state
    ("sample", {"seed": 5, "replacement": False}),
    ("mbr", {"seed": 4, "samples": 5}),
    ("beam_mbr", {"beam_size": 4, "length_rule": "mean"}),
]


def build(method: str, options: dict, **more: object) -> Search:
    return SEARCHES.build({"name": method, "max_length": 6, **options, **more}, vocabulary=VOCABULARY)


def n_best(method: str) -> int:
    return 1 if method == "greedy" else 3


def values(state) -> list:
    """A copy of all numbers of a state."""
    tensors = []
    map_tree(lambda leaf: tensors.append(leaf.clone()) or leaf, (state.beams, state.ended))
    if not state.done:
        scored = (*state.next_word[:4], () if state.next_word[4] is None else state.next_word[4])
        map_tree(lambda leaf: tensors.append(leaf.clone()) or leaf, scored)
    return tensors


def same(one, other) -> bool:
    pairs = list(itertools.zip_longest(values(one), values(other)))
    return all(a.shape == b.shape and torch.equal(a, b) for a, b in pairs)


def plain(found) -> list:
    return [[(said(h), h.log_prob, h.score, h.group, h.finished) for h in hypotheses] for hypotheses in found]


class Counting:
    """A model that counts its steps."""

    def __init__(self, model):
        self.start, self.model, self.steps = model.start, model, 0

    def step(self, *arguments):
        self.steps += 1
        return self.model.step(*arguments)


@pytest.mark.parametrize(("method", "options"), STEPPED)
@pytest.mark.parametrize("name", NAMES)
def test_stepping_to_the_end_finds_what_a_call_finds(name, method, options):
    decoder, features_BLF, search = make(name, seed=3), 2 * pictures(5), build(method, options)
    torch.manual_seed(0)
    called = search(decoder, features_BLF, n_best(method))
    torch.manual_seed(0)
    states = walk(search, decoder, features_BLF, n_best(method))
    assert plain(search.finish(states[-1], n_best(method))) == plain(called)


@pytest.mark.parametrize(("method", "options"), STEPPED)
def test_going_back_and_on_again_gives_the_same(method, options):
    """From any state, in any order, and the old states keep their values."""
    decoder, features_BLF, search = make(seed=1), 2 * pictures(4), build(method, options)
    states = walk(search, decoder, features_BLF, n_best(method))
    before = list(map(values, states))
    order = 3 * list(range(len(states) - 1))
    random.Random(0).shuffle(order)
    for number in order:
        search.expand(states[number])
        assert same(search.advance(states[number]), states[number + 1])
    for number in order:
        state = states[number]
        while not state.done:
            state = search.advance(state)
        assert same(state, states[-1])
    assert all(map(torch.equal, itertools.chain(*before), itertools.chain(*map(values, states))))


@pytest.mark.parametrize(("method", "options"), STEPPED)
def test_the_decoder_computes_each_state_once(method, options):
    decoder, search = Counting(make(seed=1)), build(method, options, required_words=[])
    first = search.start(decoder, pictures(2), n_best(method))
    assert decoder.steps == 1
    second = search.advance(first)
    assert decoder.steps == 2
    for interventions in ([], [Force(0, 0, C)], [Ban(1, 0, A)]):
        search.expand(first, interventions)
        search.finish(first, n_best(method))
    assert decoder.steps == 2
    search.advance(first, [Force(0, 0, C)])
    third = search.advance(second)
    assert decoder.steps == 4 - third.done


@pytest.mark.parametrize("interventions", [[], [Force(1, 0, C), Ban(0, 0, A)]], ids=str)
@pytest.mark.parametrize(("method", "options"), STEPPED)
def test_an_expansion_shows_what_advancing_does(method, options, interventions):
    decoder, features_BLF = make(seed=7), pictures(3)
    search = build(method, options, required_words=[])
    copied = bool(interventions) and method in ("sample", "mbr")  # the forced sentence, in all places
    for traced in (True, False):
        for state in walk(search, decoder, features_BLF, n_best(method), traced)[:-1]:
            if {one.image for one in interventions} - {*state.beams.images_B.tolist()}:
                continue
            if interventions and state.beams.finished_BK[:2, 0].any():
                continue
            events, after = search.expand(state, interventions), search.advance(state, interventions)
            assert list(after.events) == (events if traced else [])
            reached = {
                (image, tokens)
                for beams in (*after.ended[len(state.ended) :], after.beams)
                for b, image in enumerate(beams.images_B.tolist())
                for tokens in (tuple(one) for one in beams.tokens_BKT[b, :, 1:].tolist())
            }
            shown = {
                (event.image, (*sentence(state, event.image, one.beam), one.token))
                for event in events
                for one in event.candidates
                if one.kept and not copied
            }
            assert shown <= reached
            if not traced and not copied:
                assert all(one.parent == one.beam for event in events for one in event.candidates)


def test_the_events_of_all_steps_are_those_of_a_trace():
    decoder, features_BLF, trace = make(seed=7), pictures(3), SearchTrace()
    search = Diverse(4, 2, max_length=5)
    search(decoder, features_BLF, 4, trace)
    states = walk(search, decoder, features_BLF, 4, traced=True)
    assert [event for state in states for event in state.events] == trace.events


def test_a_search_can_finish_at_any_moment():
    decoder, features_BLF = make(seed=9), pictures(2)
    search = Beam(3, max_length=5)
    for time, state in enumerate(walk(search, decoder, features_BLF, 3)):
        for b, found in enumerate(search.finish(state, 3)):
            assert len(found) == (3 if time else 1)
            for h in found:
                assert h.finished or len(h.tokens) == time
                expected = forced(decoder, features_BLF[b : b + 1], said(h)) if said(h) else []
                assert h.word_log_probs == pytest.approx(expected, abs=1e-5)
                assert h.log_prob == pytest.approx(math.fsum(expected), abs=1e-5)


def test_what_is_over_is_refused():
    search = Greedy(max_length=3)
    *_, last = walk(search, Markov(), CHAIN.table())
    for way in (search.advance, search.expand):
        with pytest.raises(UserError, match="The search is over"):
            way(last)
    ended = Beam(9, max_length=3).advance(Beam(9, max_length=3).start(Markov(), CHAIN.table(), 9))
    place = ended.beams.tokens_BKT[0, :, 1].tolist().index(EOS)
    with pytest.raises(UserError, match=f"Sentence {place} of image 0 is finished"):
        Beam(9, max_length=3).advance(ended, [Ban(0, place, A)])
    with pytest.raises(UserError, match="cannot be advanced word by word"):
        Exact().start(Markov(), CHAIN.table())
    assert BOS not in search.finish(last)[0][0].tokens
