"""The loop over words that searches share: step, constrain, choose, go on, and let go what is done.

B images under way, K sentences an image, N = B*K rows, T words so far, L locations, V vocabulary, M some of
the images.
"""

from abc import ABC, abstractmethod
from typing import NamedTuple

import torch
from torch import Tensor

from captioner.device import rows_at_once
from captioner.errors import UserError
from captioner.search.base import Hypothesis, StepModel
from captioner.search.beam_tracer import BeamTracer
from captioner.search.constraints import Constraints
from captioner.search.trace import SearchTrace
from captioner.tree import Tree, repeat_rows, select_rows
from captioner.vocabulary import BOS, EOS


class BeamState(NamedTuple):
    """The sentences under way, group by group, in each group the best first.

    An impossible one has the score -inf; a finished one is followed by more `<eos>`, which cost nothing.
    """

    images_B: Tensor  # their numbers in the batch that was asked about
    log_probs_BK: Tensor
    totals_BK: Tensor  # what the policy adds up
    scores_BK: Tensor  # what it ranks by
    lengths_BK: Tensor  # words, the end included
    finished_BK: Tensor
    tokens_BKT: Tensor
    word_log_probs_BKT: Tensor
    alphas: Tree  # alphas_BKTL, or () of a decoder that does not look


class Selection(NamedTuple):
    """How each sentence goes on: from which, with which word, at what cost."""

    parents_BK: Tensor
    words_BK: Tensor
    log_probs_BK: Tensor  # log-probabilities of the words
    totals_BK: Tensor
    scores_BK: Tensor


class Policy(ABC):
    """What a search decides. Made anew for every batch."""

    num_groups = 1
    first_rows = 1  # sentences an image starts with

    @abstractmethod
    def choose(
        self, beams: BeamState, logits_NV: Tensor, normaliser_N1: Tensor, tracer: BeamTracer | None
    ) -> Selection:
        """The next words. Logits of words that are forbidden are -inf."""

    @abstractmethod
    def is_done(self, beams: BeamState) -> Tensor:
        """done_B: whether more words cannot change the answer."""


@torch.inference_mode()
def decode(
    decoder: StepModel,
    features: Tree,
    constraints: Constraints,
    policy: Policy,
    n_best: int,
    trace: SearchTrace | None = None,
) -> list[list[Hypothesis]]:
    """The `n_best` sentences of every image. An image leaves the batch as soon as it is done."""
    pictures = first_leaf(features)
    B = len(pictures)
    memory, state = decoder.start(features)
    state = repeat_rows(state, policy.first_rows)
    beams = _no_words(B, policy.first_rows, pictures.device)
    found: list[list[Hypothesis]] = [[] for _ in range(B)]
    tracer = BeamTracer(trace, policy.num_groups) if trace else None
    for length in range(1, constraints.max_length + 1):
        step = decoder.step(beams.tokens_BKT[:, :, -1].flatten(), state, memory)
        logits_NV = as_scores(step.logits_NV)
        normaliser_N1 = normaliser(logits_NV)
        constraints.forbid(logits_NV, beams.tokens_BKT.flatten(0, 1))
        selection = policy.choose(beams, logits_NV, normaliser_N1, tracer)
        check_scores(normaliser_N1, selection.scores_BK, length)
        state = select_rows(step.state, _rows(selection.parents_BK, beams.scores_BK.shape[1]))
        beams = _append(beams, selection, step.alphas_NL)
        done_B = policy.is_done(beams)
        if length == constraints.max_length:
            done_B = torch.ones_like(done_B)
        if not done_B.any():
            continue
        _collect(found, select_rows(beams, done_B.nonzero().squeeze(1)), policy.num_groups, n_best)
        left_M = (~done_B).nonzero().squeeze(1)
        if not len(left_M):
            break
        K = beams.scores_BK.shape[1]
        every_MK = torch.arange(K, device=left_M.device).expand(len(left_M), K)
        state, memory = select_rows(state, _rows(every_MK, K, left_M)), select_rows(memory, left_M)
        beams = select_rows(beams, left_M)
    return found


def as_scores(logits_NV: Tensor) -> Tensor:
    """At least single precision."""
    return logits_NV if logits_NV.dtype == torch.double else logits_NV.float()


def normaliser(logits_NV: Tensor) -> Tensor:
    """normaliser_N1: what takes logits to log-probabilities."""
    parts = torch.split(logits_NV, rows_at_once(logits_NV.shape[1], logits_NV.device))
    return torch.cat([part.logsumexp(dim=-1, keepdim=True) for part in parts])


def check_scores(normaliser_N1: Tensor, scores_BK: Tensor, length: int) -> None:
    """Make sure that there is something to choose by, and to choose.

    Raises:
        UserError: there is not.
    """
    possible = (scores_BK > -torch.inf).any(dim=1).all()
    if not (normaliser_N1.isfinite().all() & possible):
        if not normaliser_N1.isfinite().all():
            raise UserError(
                f"The model's scores for word {length} are not numbers (NaN or infinite): its weights are "
                "broken, or the picture's features are."
            )
        raise UserError(f"The constraints leave no word to say at place {length}.")


def first_leaf(tree: Tree) -> Tensor:
    """The first tensor of a tree."""
    while not isinstance(tree, Tensor):
        tree = tree[0]
    return tree


def _no_words(B: int, K: int, device: torch.device) -> BeamState:
    zeros_BK = torch.zeros(B, K, device=device)
    start_BK1 = torch.full((B, K, 1), BOS, device=device)
    lengths_BK = torch.zeros_like(start_BK1[:, :, 0])
    return BeamState(
        images_B=torch.arange(B, device=device),
        log_probs_BK=zeros_BK,
        totals_BK=zeros_BK,
        scores_BK=zeros_BK,
        lengths_BK=lengths_BK,
        finished_BK=lengths_BK > 0,
        tokens_BKT=start_BK1,
        word_log_probs_BKT=zeros_BK.unsqueeze(-1)[:, :, :0],
        alphas=(),
    )


def _rows(places_BK: Tensor, K: int, images_B: Tensor | None = None) -> Tensor:
    """Rows of a batch with K sentences an image, from places within the images."""
    images_B = torch.arange(len(places_BK), device=places_BK.device) if images_B is None else images_B
    return (images_B.unsqueeze(1) * K + places_BK).flatten()


def _append(beams: BeamState, selection: Selection, alphas_NL: Tensor | None) -> BeamState:
    """Each sentence's history is its parent's and one word more."""
    parents_BK = selection.parents_BK
    parent = (torch.arange(len(parents_BK), device=parents_BK.device).unsqueeze(1), parents_BK)
    return BeamState(
        images_B=beams.images_B,
        log_probs_BK=beams.log_probs_BK[parent] + selection.log_probs_BK,
        totals_BK=selection.totals_BK,
        scores_BK=selection.scores_BK,
        lengths_BK=beams.lengths_BK[parent] + ~beams.finished_BK[parent],
        finished_BK=selection.words_BK == EOS,
        tokens_BKT=torch.cat([beams.tokens_BKT[parent], selection.words_BK.unsqueeze(-1)], dim=2),
        word_log_probs_BKT=torch.cat(
            [beams.word_log_probs_BKT[parent], selection.log_probs_BK.unsqueeze(-1)], dim=2
        ),
        alphas=() if alphas_NL is None else _looked(beams, alphas_NL)[parent],
    )


def _looked(beams: BeamState, alphas_NL: Tensor) -> Tensor:
    """alphas_BKTL with those of now."""
    now_BK1L = alphas_NL.view(*beams.scores_BK.shape, 1, alphas_NL.shape[1])
    return torch.cat([beams.alphas, now_BK1L], dim=2) if isinstance(beams.alphas, Tensor) else now_BK1L


def _collect(found: list[list[Hypothesis]], beams: BeamState, num_groups: int, n_best: int) -> None:
    """Write the sentences of images that are done into `found`: group by group the best, then the second."""
    size = beams.scores_BK.shape[1] // num_groups
    alphas_BKTL = beams.alphas.cpu() if isinstance(beams.alphas, Tensor) else None
    for m, (image, *columns) in enumerate(zip(*(leaf.tolist() for leaf in beams[:-1]), strict=True)):
        sentences = list(enumerate(zip(*columns, strict=True)))
        possible = [(k, _Sentence(*values)) for k, values in sentences]
        possible = [(k, sentence) for k, sentence in possible if sentence.score > -torch.inf]
        possible.sort(key=lambda one: (not one[1].finished, one[0] % size, one[0] // size))
        found[image] = [
            sentence.hypothesis(k // size, None if alphas_BKTL is None else alphas_BKTL[m, k])
            for k, sentence in possible[:n_best]
        ]


class _Sentence(NamedTuple):
    """One of `BeamState`, in plain values."""

    log_prob: float
    total: float
    score: float
    length: int
    finished: bool
    tokens: list[int]
    word_log_probs: list[float]

    def hypothesis(self, group: int, alphas_TL: Tensor | None) -> Hypothesis:
        """Without <bos>, and without all that follows the end."""
        words = self.length - self.finished
        return Hypothesis(
            self.tokens[1 : words + 1],
            self.log_prob,
            self.word_log_probs[: self.length],
            self.finished,
            None if alphas_TL is None else alphas_TL[:words].clone(),
            self.score,
            group,
        )
