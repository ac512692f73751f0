"""Branch and bound over the tree of sentences, for a batch of images at once.

B images under way, W partial sentences extended at once in an image, N = B*W rows, T words, V vocabulary.
"""

from heapq import nlargest
from typing import NamedTuple

import torch
from torch import Tensor

from captioner.precision import in_single_precision
from captioner.search.hypothesis import Hypothesis
from captioner.search.stepping.constraints import Constraints
from captioner.search.stepping.length_penalty import LengthPenalty
from captioner.search.stepping.policy import StepModel, check_scores, normaliser
from captioner.search.trace import Candidate, SearchTrace, TraceEvent
from captioner.tree import Tree, first_leaf, map_tree, select_rows
from captioner.vocabulary import BOS, EOS, PAD

WIDTH = 8


class PartialSentence(NamedTuple):
    """A sentence without an end that waits to be extended."""

    tokens: tuple[int, ...]
    log_probs: tuple[float, ...]
    total: float
    state: Tree  # one row, before the last word is read
    alphas: tuple[Tensor, ...]
    number: int  # for the trace


class ImageTree:
    """The open nodes of one image, and the best sentences found so far.

    Args:
        number: of the image in its batch.
        root: the sentence without words.
        found: sentences that are known before.
    """

    def __init__(self, number: int, root: PartialSentence, found: list[Hypothesis]) -> None:
        self.number = number
        self.open = [root]
        self.finished = {tuple(h.tokens): h for h in found if h.finished}
        self.cut = {tuple(h.tokens): h for h in found if not h.finished}
        self.steps = 0
        self.num_nodes = 0
        self.proven = True

    def best(self, n_best: int) -> list[Hypothesis]:
        """Return the best sentences so far, finished ones first."""
        finished = sorted(self.finished.values(), key=lambda h: -h.score)[:n_best]
        cut = sorted(self.cut.values(), key=lambda h: -h.score)[: n_best - len(finished)]
        return [h._replace(proven=self.proven) for h in finished + cut]

    def threshold(self, n_best: int) -> float:
        """Return the score of the n-th best; -inf while fewer are finished."""
        finished = self.best(n_best)
        enough = len(finished) == n_best and finished[-1].finished
        return finished[-1].score if enough else -float("inf")


class BranchAndBound:
    """The search of `Exact`.

    Args:
        decoder: scores the next word.
        constraints: words that may not come next.
        length: how sentences of different length compare.
        n_best: sentences wanted per image.
        limits: of an image, partial sentences to extend and to keep waiting at most.
        trace: collects every choice.
    """

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
        """Return the best sentences of every image; `found` are those known before."""
        device = first_leaf(features).device
        memory, state = self._decoder.start(features)
        images = [
            ImageTree(b, PartialSentence((), (), 0.0, _row(state, b), (), 0), known)
            for b, known in enumerate(found)
        ]
        active = images
        while active := [image for image in active if self._has_open(image)]:
            numbers_B = torch.tensor([image.number for image in active], device=device)
            self._extend(active, select_rows(memory, numbers_B), device)
        return [image.best(self._n_best) for image in images]

    def _has_open(self, image: ImageTree) -> bool:
        """Whether a node is left that may still win, and the limits allow to extend it."""
        if len(image.open) > self._max_open:
            image.proven = False
            image.open = nlargest(self._max_open, image.open, key=lambda node: node.total)[::-1]
        while image.open and not self._may_win(image, image.open[-1]):
            image.open.pop()
        if image.open and image.steps >= self._max_steps:
            image.proven = False
            image.open.clear()
        return bool(image.open)

    def _may_win(self, image: ImageTree, node: PartialSentence) -> bool:
        return node.total / self._divisors[-1] > image.threshold(self._n_best)

    def _take(self, image: ImageTree) -> list[PartialSentence]:
        """The nodes to extend next, the last ones that may win."""
        taken: list[PartialSentence] = []
        while image.open and len(taken) < WIDTH:
            node = image.open.pop()
            if self._may_win(image, node):
                taken.append(node)
        image.steps += len(taken)
        return taken

    def _extend(self, images: list[ImageTree], memory: Tree, device: torch.device) -> None:
        """Extend the last nodes of every image by one word."""
        taken = [self._take(image) for image in images]
        W = max(map(len, taken))
        rows = [one for nodes in taken for one in nodes + nodes[:1] * (W - len(nodes))]
        state = _join([node.state for node in rows])
        T = max(len(node.tokens) for node in rows)
        padded = [[PAD] * (T - len(b.tokens)) + [BOS, *b.tokens] for b in rows]
        tokens_NT = torch.tensor(padded, device=device)
        step = self._decoder.step(tokens_NT[:, -1], state, memory)
        logits_NV = in_single_precision(step.logits_NV)
        normaliser_N1 = normaliser(logits_NV)
        self._constraints.forbid(logits_NV, tokens_NT)
        check_scores(normaliser_N1, logits_NV, T + 1)
        log_probs_NV = logits_NV - normaliser_N1
        for b, (image, nodes) in enumerate(zip(images, taken, strict=True)):
            for w, node in reversed(list(enumerate(nodes))):
                n = b * W + w
                alphas = () if step.alphas_NL is None else (step.alphas_NL[n].cpu(),)
                self._branch(image, node, log_probs_NV[n], step.state, n, alphas)

    def _branch(
        self,
        image: ImageTree,
        node: PartialSentence,
        log_probs_V: Tensor,
        state: Tree,
        n: int,
        alphas: tuple[Tensor, ...],
    ) -> None:
        """Add the words that may follow and still lead to a better sentence, the most probable last."""
        words, log_probs = self._promising(image, node, log_probs_V)
        own = _row(state, n) if words else ()
        candidates = []
        for word, log_prob in zip(words, log_probs, strict=True):
            image.num_nodes += 1
            longer = PartialSentence(
                (*node.tokens, word),
                (*node.log_probs, log_prob),
                node.total + log_prob,
                own,
                node.alphas + alphas,
                image.num_nodes,
            )
            score = longer.total / self._divisors[len(longer.tokens)]
            candidates.append(
                Candidate(node.number, longer.number, word, log_prob, longer.total, 0.0, score, word == EOS)
            )
            if word == EOS:
                self._record(image.finished, longer._replace(tokens=node.tokens), score, True)
            elif len(longer.tokens) == self._constraints.max_length:
                self._record(image.cut, longer, score, False)
            else:
                image.open.append(longer)
        if self._trace:
            self._trace.add(TraceEvent(image.number, len(node.tokens) + 1, 0, candidates))

    def _promising(
        self, image: ImageTree, node: PartialSentence, log_probs_V: Tensor
    ) -> tuple[list[int], list[float]]:
        """The words with which a node may still win, and their log-probabilities, the best last."""
        limit = image.threshold(self._n_best) * self._divisors[-1] - node.total
        if len(node.tokens) == self._constraints.max_length - 1:  # to end, or to be cut
            best_V = torch.full_like(log_probs_V, -torch.inf).scatter(0, *_best(log_probs_V, self._n_best))
            best_V[EOS] = log_probs_V[EOS]
            log_probs_V = best_V
        words = (log_probs_V > limit).nonzero().squeeze(1)
        words = words[log_probs_V[words].argsort(stable=True)]
        return words.tolist(), log_probs_V[words].tolist()

    def _record(
        self, found: dict[tuple[int, ...], Hypothesis], end: PartialSentence, score: float, finished: bool
    ) -> None:
        """Keep a whole sentence while it is among the n best of its kind."""
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
