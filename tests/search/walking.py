"""Searches step by step, for tests."""

from captioner.search.base import Search
from captioner.search.hypothesis import Hypothesis
from captioner.search.stepping.state import SearchState


def walk(search: Search, decoder, features, n_best: int = 1, traced: bool = False) -> list[SearchState]:
    """All states of a search."""
    states = [search.start(decoder, features, n_best, traced)]
    while not states[-1].done:
        states.append(search.advance(states[-1]))
    return states


def finish(search: Search, state: SearchState, n_best: int) -> list[list[Hypothesis]]:
    """The sentences that a search comes to from a state."""
    while not state.done:
        state = search.advance(state)
    return search.finish(state, n_best)


def sentence(state: SearchState, image: int, beam: int) -> tuple[int, ...]:
    b = state.beams.images_B.tolist().index(image)
    return tuple(state.beams.tokens_BKT[b, beam, 1:].tolist())
