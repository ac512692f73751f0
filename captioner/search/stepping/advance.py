"""A search step by step: score the next word once, choose, and drop the images that are done.

B images under way, K sentences an image, N = B*K rows, V vocabulary, M the images that stay.
"""

from collections.abc import Sequence

import torch

from captioner.precision import in_single_precision
from captioner.search.interventions import Intervention
from captioner.search.stepping.beam_state import (
    BeamState,
    GroupChoice,
    Selection,
    append_words,
    empty_beams,
    rows_of,
)
from captioner.search.stepping.beam_tracer import BeamTracer
from captioner.search.stepping.constraints import Constraints
from captioner.search.stepping.intervene import intervene
from captioner.search.stepping.policy import Policy, StepModel, check_scores, normaliser
from captioner.search.stepping.state import NextWord, SearchSetup, SearchState
from captioner.search.trace import SearchTrace, TraceEvent
from captioner.tree import Tree, first_leaf, repeat_rows, select_rows


@torch.inference_mode()
def start(
    model: StepModel, features: Tree, constraints: Constraints, policy: Policy, traced: bool = False
) -> SearchState:
    """Return the state before the first word.

    Args:
        model: scores the next word.
        features: of the images, as the model takes them.
        constraints: words that may not come next.
        policy: chooses the next words.
        traced: whether to number the sentences and to keep the events of each choice.

    Returns:
        A state with all images under way.
    """
    setup = SearchSetup(model, constraints, policy)
    first = first_leaf(features)
    rng = policy.start_rng(features)
    memory, state = model.start(features)
    beams = empty_beams(len(first), policy.first_rows, first.device)
    next_word = _score_next(setup, beams, repeat_rows(state, policy.first_rows), memory)
    return SearchState(setup, beams, next_word, (), rng, BeamTracer.start(beams) if traced else None, ())


@torch.inference_mode()
def advance(state: SearchState, interventions: Sequence[Intervention] = ()) -> SearchState:
    """Return the state one word later.

    Args:
        state: stays as it is.
        interventions: words forced or banned in this step.

    Returns:
        The next state; images that are done are among its `ended`.

    Raises:
        UserError: see `Search.advance`.
    """
    if interventions:
        state = intervene(state, interventions)
    choices: list[GroupChoice] = []
    state, selection = _choose(state, None if state.tracer is None else choices)
    if state.tracer is not None:
        tracer, events = state.tracer.follow(state.beams, choices)
        state = state._replace(tracer=tracer, events=events)
    return _continue(state, selection)


@torch.inference_mode()
def expand(state: SearchState, interventions: Sequence[Intervention] = ()) -> list[TraceEvent]:
    """Return the events of the next choice, without making it.

    Args:
        state: stays as it is.
        interventions: words forced or banned in this step.

    Returns:
        One event for each group and image.

    Raises:
        UserError: see `Search.advance`.
    """
    tracer = state.tracer or BeamTracer.by_place(state.beams)
    state = intervene(state._replace(tracer=tracer), interventions)
    choices: list[GroupChoice] = []
    _choose(state, choices)
    return list((state.tracer or tracer).follow(state.beams, choices)[1])


def run(state: SearchState, trace: SearchTrace | None = None) -> SearchState:
    """Advance to the end; `trace` gets the events of a traced search as they happen."""
    while not state.done:
        state = advance(state)
        if trace is not None:
            for event in state.events:
                trace.add(event)
    return state


def _choose(state: SearchState, choices: list[GroupChoice] | None) -> tuple[SearchState, Selection]:
    """The next words, and the state with its random state after drawing them."""
    next_word, beams = state.scored(), state.beams
    rng = None if state.rng is None else state.rng.fork()
    logits_NV, normaliser_N1 = next_word.logits_NV, next_word.normaliser_N1
    selection = state.setup.policy.choose(beams, logits_NV, normaliser_N1, rng, choices)
    check_scores(normaliser_N1, selection.scores_BK, beams.tokens_BKT.shape[2])
    return state._replace(rng=rng), selection


def _continue(state: SearchState, selection: Selection) -> SearchState:
    """The longer sentences and the scores of their next words, without the images that are done."""
    next_word, parents_BK = state.scored(), selection.parents_BK
    beams = append_words(state.beams, selection, next_word.alphas_NL)
    done_B = state.setup.policy.is_done(beams)
    if beams.tokens_BKT.shape[2] > state.setup.constraints.max_length:
        done_B = torch.ones_like(done_B)
    memory, ended, left_M = next_word.memory, state.ended, None
    if done_B.any():
        ended = (*ended, select_rows(beams, done_B.nonzero().squeeze(1)))
        left_M = (~done_B).nonzero().squeeze(1)
        beams, memory = select_rows(beams, left_M), select_rows(memory, left_M)
        parents_BK = parents_BK[left_M]
    scored = None
    if len(parents_BK):
        rows_N = rows_of(parents_BK, state.beams.scores_BK.shape[1], left_M)
        scored = _score_next(state.setup, beams, select_rows(next_word.state, rows_N), memory)
    return state._replace(beams=beams, next_word=scored, ended=ended)


def _score_next(setup: SearchSetup, beams: BeamState, state: Tree, memory: Tree) -> NextWord:
    """Read the last words, and score those that may come next."""
    step = setup.model.step(beams.tokens_BKT[:, :, -1].flatten(), state, memory)
    logits_NV = in_single_precision(step.logits_NV)
    normaliser_N1 = normaliser(logits_NV)
    setup.constraints.forbid(logits_NV, beams.tokens_BKT.flatten(0, 1))
    return NextWord(memory, step.state, logits_NV, normaliser_N1, step.alphas_NL)
