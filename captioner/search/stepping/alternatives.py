"""List likely words beside those that a search looked at.      N rows, V vocabulary."""

import torch

from captioner.search.stepping.beam_tracer import BeamTracer
from captioner.search.stepping.state import SearchState
from captioner.search.trace import Candidate, TraceEvent
from captioner.vocabulary import EOS


@torch.inference_mode()
def with_alternatives(state: SearchState, event: TraceEvent, count: int) -> TraceEvent:
    """Return a choice with the most probable words after each sentence of its group, as dropped candidates.

    Args:
        state: before the choice, with its image under way.
        event: the choice.
        count: words after each sentence.

    Returns:
        The event; words that it has already stay as they are, and those that cannot follow are left out.
    """
    beams, next_word = state.beams, state.scored()
    b = beams.images_B.tolist().index(event.image)
    K = beams.scores_BK.shape[1]
    size = K // state.setup.policy.num_groups
    nodes = (state.tracer or BeamTracer.by_place(beams)).nodes[event.image]
    there = {(one.beam, one.token) for one in event.candidates}
    others = []
    for k in range(event.group * size, (event.group + 1) * size):
        if beams.finished_BK[b, k] or beams.scores_BK[b, k] == -torch.inf:
            continue
        row, before = b * K + k, float(beams.log_probs_BK[b, k])
        log_probs_V = next_word.logits_NV[row] - next_word.normaliser_N1[row]
        top = log_probs_V.topk(min(count, len(log_probs_V)))
        for token, log_prob in zip(top.indices.tolist(), top.values.tolist(), strict=True):
            if log_prob > -torch.inf and (k, token) not in there:
                total = before + log_prob
                others.append(Candidate(nodes[k], None, token, log_prob, total, 0.0, total, token == EOS, k))
    return event._replace(candidates=[*event.candidates, *others])
