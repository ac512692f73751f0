"""Force or ban words in one step of a search.

B images under way, K sentences an image, N = B*K rows, V vocabulary.
"""

from collections.abc import Sequence

import torch

from captioner.errors import UserError
from captioner.search.interventions import Ban, Force, Intervention
from captioner.search.stepping.beam_state import BeamState, rows_of
from captioner.search.stepping.state import NextWord, SearchState
from captioner.tree import map_tree, select_rows


def intervene(state: SearchState, interventions: Sequence[Intervention]) -> SearchState:
    """Return the state with the scores of its next words changed.

    Args:
        state: of which images are under way.
        interventions: kept one after the other.

    Returns:
        A state from which to choose; `state` stays as it is.

    Raises:
        UserError: there is no such sentence or word, the sentence is finished, or it cannot continue so.
    """
    for one in interventions:
        b = _check(state, one)
        next_word = state.scored()
        logits_NV = next_word.logits_NV.clone()
        row_V = logits_NV[b * state.beams.scores_BK.shape[1] + one.beam]
        if isinstance(one, Ban):
            row_V[one.token] = -torch.inf
        else:
            row_V[torch.arange(len(row_V), device=row_V.device) != one.token] = -torch.inf
        state = state._replace(next_word=next_word._replace(logits_NV=logits_NV))
        if isinstance(one, Force):
            alone = _copy_sentence if state.setup.policy.independent else _drop_others
            state = alone(state, b, one.beam)
    return state


def _check(state: SearchState, one: Intervention) -> int:
    """The place of the image in the batch; the sentence is under way, and the word is possible."""
    logits_NV = state.scored().logits_NV
    images = state.beams.images_B.tolist()
    if one.image not in images:
        raise UserError(f"Image {one.image} is not under way: it is done, or not in the batch.")
    b = images.index(one.image)
    K, V = state.beams.scores_BK.shape[1], logits_NV.shape[1]
    if not (0 <= one.beam < K and state.beams.scores_BK[b, one.beam] > -torch.inf):
        raise UserError(f"There is no sentence {one.beam} of image {one.image} at this step.")
    if state.beams.finished_BK[b, one.beam]:
        raise UserError(f"Sentence {one.beam} of image {one.image} is finished: no word can follow.")
    if not 0 <= one.token < V:
        raise UserError(f"There is no word {one.token}: the vocabulary has {V}.")
    if isinstance(one, Force) and logits_NV[b * K + one.beam, one.token] == -torch.inf:
        raise UserError(
            f"Word {one.token} cannot continue sentence {one.beam} of image {one.image}: constraints or "
            "a ban forbid it."
        )
    return b


def _drop_others(state: SearchState, b: int, beam: int) -> SearchState:
    """No other sentence of the image, or of the group, has a score."""
    beams = state.beams
    K = beams.scores_BK.shape[1]
    size = K // state.setup.policy.num_groups
    places_K = torch.arange(K, device=beams.scores_BK.device)
    lost_BK = torch.zeros_like(beams.finished_BK)
    lost_BK[b] = (places_K // size == beam // size) & (places_K != beam)
    totals_BK, scores_BK = (
        leaf.masked_fill(lost_BK, -torch.inf) for leaf in (beams.totals_BK, beams.scores_BK)
    )
    return state._replace(beams=beams._replace(totals_BK=totals_BK, scores_BK=scores_BK))


def _copy_sentence(state: SearchState, b: int, beam: int) -> SearchState:
    """All sentences of the image are copies of this one."""
    B, K = state.beams.scores_BK.shape
    places_BK = torch.arange(K, device=state.beams.scores_BK.device).repeat(B, 1)
    places_BK[b] = beam
    rows_N = rows_of(places_BK, K)
    images_B, *leaves = state.beams
    copied = map_tree(lambda leaf: leaf.flatten(0, 1)[rows_N].view_as(leaf), tuple(leaves))
    tracer = state.tracer
    if tracer is not None:
        image = int(images_B[b])
        tracer = tracer._replace(nodes={**tracer.nodes, image: [tracer.nodes[image][beam]] * K})
    one = state.scored()
    alphas_NL = None if one.alphas_NL is None else one.alphas_NL[rows_N]
    next_state = select_rows(one.state, rows_N)
    next_word = NextWord(one.memory, next_state, one.logits_NV[rows_N], one.normaliser_N1[rows_N], alphas_NL)
    return state._replace(beams=BeamState(images_B, *copied), next_word=next_word, tracer=tracer)
