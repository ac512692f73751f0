"""PartialSentence and bound over the tree of sentences, for a batch of images at once.

B images under way, W beginnings read at once in an image, N = B*W rows, T words, V vocabulary.
"""

from heapq import nlargest
from typing import NamedTuple

import torch
from torch import Tensor

from captioner.search.base import Hypothesis, StepModel
from captioner.search.constraints import Constraints
from captioner.search.length_penalty import LengthPenalty
from captioner.search.state import as_scores, check_scores, first_leaf, normaliser
from captioner.search.trace import Candidate, SearchTrace, TraceEvent
from captioner.tree import Tree, map_tree, select_rows
from captioner.vocabulary import BOS, EOS, PAD

WIDTH = 8


class PartialSentence(NamedTuple):
    """A beginning that is still to be read on from."""

    tokens: tuple[int, ...]
    log_probs: tuple[float, ...]
    total: float
    state: Tree  # one row, before the last word is read
    alphas: tuple[Tensor, ...]
    number: int  # for the trace


class ImageNodes:
    """What is known of one image."""

    def __init__(self, number: int, root: PartialSentence, found: list[Hypothesis]) -> None:
        self.number = number
        self.open = [root]
        self.finished = {tuple(h.tokens): h for h in found if h.finished}
        self.cut = {tuple(h.tokens): h for h in found if not h.finished}
        self.steps = 0
        self.branches = 0
        self.proven = True

    def best(self, n_best: int) -> list[Hypothesis]:
        """The best so far."""
        finished = sorted(self.finished.values(), key=lambda h: -h.score)[:n_best]
        cut = sorted(self.cut.values(), key=lambda h: -h.score)[: n_best - len(finished)]
        return [h._replace(proven=self.proven) for h in finished + cut]

    def to_beat(self, n_best: int) -> float:
        """The score of the n-th best."""
        finished = self.best(n_best)
        enough = len(finished) == n_best and finished[-1].finished
        return finished[-1].score if enough else -float("inf")


class BranchAndBound:
    """The search of `Exact`."""

    def __init__(
        self,
        decoder: StepModel,
        constraints: Constraints,
        length: LengthPenalty,
        n_best: int,
        limits: tuple[int, int],
        trace: SearchTrace | None,
    ) -> None:
        self._decoder = decoder
        self._constraints = constraints
        self._n_best = n_best
        self._max_steps, self._max_open = limits
        self._trace = trace
        lengths_T = torch.arange(constraints.max_length + 1, dtype=torch.double).clamp_min(1)
        self._divisors: list[float] = length(lengths_T).tolist()

    @torch.inference_mode()
    def __call__(self, features: Tree, found: list[list[Hypothesis]]) -> list[list[Hypothesis]]:
        """The best sentences of every image; `found` are those known before."""
        device = first_leaf(features).device
        memory, state = self._decoder.start(features)
        images = [
            ImageNodes(b, PartialSentence((), (), 0.0, _row(state, b), (), 0), known)
            for b, known in enumerate(found)
        ]
        under_way = images
        while under_way := [image for image in under_way if self._goes_on(image)]:
            numbers_B = torch.tensor([image.number for image in under_way], device=device)
            self._read(under_way, select_rows(memory, numbers_B), device)
        return [image.best(self._n_best) for image in images]

    def _goes_on(self, image: ImageNodes) -> bool:
        """Whether there is something to read and it may be read."""
        if len(image.open) > self._max_open:
            image.proven = False
            image.open = nlargest(self._max_open, image.open, key=lambda branch: branch.total)[::-1]
        while image.open and not self._may_win(image, image.open[-1]):
            image.open.pop()
        if image.open and image.steps >= self._max_steps:
            image.proven = False
            image.open.clear()
        return bool(image.open)

    def _may_win(self, image: ImageNodes, branch: PartialSentence) -> bool:
        return branch.total / self._divisors[-1] > image.to_beat(self._n_best)

    def _take(self, image: ImageNodes) -> list[PartialSentence]:
        """The branches to read next, the last ones that may win."""
        taken: list[PartialSentence] = []
        while image.open and len(taken) < WIDTH:
            branch = image.open.pop()
            if self._may_win(image, branch):
                taken.append(branch)
        image.steps += len(taken)
        return taken

    def _read(self, images: list[ImageNodes], memory: Tree, device: torch.device) -> None:
        """Read on from the last branches of every image."""
        taken = [self._take(image) for image in images]
        W = max(map(len, taken))
        rows = [one for branches in taken for one in branches + branches[:1] * (W - len(branches))]
        state = _join([branch.state for branch in rows])
        T = max(len(branch.tokens) for branch in rows)
        padded = [[PAD] * (T - len(b.tokens)) + [BOS, *b.tokens] for b in rows]
        tokens_NT = torch.tensor(padded, device=device)
        step = self._decoder.step(tokens_NT[:, -1], state, memory)
        logits_NV = as_scores(step.logits_NV)
        normaliser_N1 = normaliser(logits_NV)
        self._constraints.forbid(logits_NV, tokens_NT)
        check_scores(normaliser_N1, logits_NV, T + 1)
        log_probs_NV = logits_NV - normaliser_N1
        for b, (image, branches) in enumerate(zip(images, taken, strict=True)):
            for w, branch in reversed(list(enumerate(branches))):
                n = b * W + w
                alphas = () if step.alphas_NL is None else (step.alphas_NL[n].cpu(),)
                self._branch(image, branch, log_probs_NV[n], step.state, n, alphas)

    def _branch(
        self,
        image: ImageNodes,
        branch: PartialSentence,
        log_probs_V: Tensor,
        state: Tree,
        n: int,
        alphas: tuple[Tensor, ...],
    ) -> None:
        """The words that may follow and lead to something better, the most probable last."""
        words, log_probs = self._worth_it(image, branch, log_probs_V)
        own = _row(state, n) if words else ()
        candidates = []
        for word, log_prob in zip(words, log_probs, strict=True):
            image.branches += 1
            longer = PartialSentence(
                (*branch.tokens, word),
                (*branch.log_probs, log_prob),
                branch.total + log_prob,
                own,
                branch.alphas + alphas,
                image.branches,
            )
            score = longer.total / self._divisors[len(longer.tokens)]
            candidates.append(
                Candidate(branch.number, longer.number, word, log_prob, longer.total, 0.0, score, word == EOS)
            )
            if word == EOS:
                self._end(image.finished, longer._replace(tokens=branch.tokens), score, True)
            elif len(longer.tokens) == self._constraints.max_length:
                self._end(image.cut, longer, score, False)
            else:
                image.open.append(longer)
        if self._trace:
            self._trace.add(TraceEvent(image.number, len(branch.tokens) + 1, 0, candidates))

    def _worth_it(
        self, image: ImageNodes, branch: PartialSentence, log_probs_V: Tensor
    ) -> tuple[list[int], list[float]]:
        """The words by which a branch may still win, and their log-probabilities, the best last."""
        limit = image.to_beat(self._n_best) * self._divisors[-1] - branch.total
        if len(branch.tokens) == self._constraints.max_length - 1:  # to end, or to be cut
            best_V = torch.full_like(log_probs_V, -torch.inf).scatter(0, *_best(log_probs_V, self._n_best))
            best_V[EOS] = log_probs_V[EOS]
            log_probs_V = best_V
        words = (log_probs_V > limit).nonzero().squeeze(1)
        words = words[log_probs_V[words].argsort(stable=True)]
        return words.tolist(), log_probs_V[words].tolist()

    def _end(
        self, found: dict[tuple[int, ...], Hypothesis], end: PartialSentence, score: float, finished: bool
    ) -> None:
        """Remember a whole sentence while it is among the n best of its kind."""
        if end.tokens in found:
            return
        alphas_TL = torch.stack(end.alphas[: len(end.tokens)]) if end.alphas and end.tokens else None
        found[end.tokens] = Hypothesis(
            list(end.tokens), end.total, list(end.log_probs), finished, alphas_TL, score
        )
        if len(found) > self._n_best:
            del found[min(found, key=lambda tokens: found[tokens].score)]


def _best(log_probs_V: Tensor, count: int) -> tuple[Tensor, Tensor]:
    log_probs, words = log_probs_V.topk(min(count, len(log_probs_V)))
    return words, log_probs


def _row(state: Tree, n: int) -> Tree:
    return map_tree(lambda leaf: leaf[n : n + 1].clone(), state)


def _join(states: list[Tree]) -> Tree:
    """One tree of many rows from trees of one row."""
    if isinstance(states[0], Tensor):
        return torch.cat(states)
    leaves = [_join(list(parts)) for parts in zip(*states, strict=True)]
    return type(states[0])(*leaves) if hasattr(states[0], "_fields") else tuple(leaves)
