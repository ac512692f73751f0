"""A sentence that a search found.      T words, L locations."""

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from torch import Tensor


class Hypothesis(NamedTuple):
    """A sentence that a search found."""

    tokens: list[int]  # without <bos> and <eos>
    log_prob: float  # of the words, and of <eos> if finished
    word_log_probs: list[float]  # one per word, and one for <eos> if finished
    finished: bool  # whether the sentence ends with <eos>; False: it was cut at the maximal length
    alphas_TL: "Tensor | None"  # attention weights of each word, on the CPU
    score: float  # what this search ranks by; plain beam search ranks by the log-probability
    group: int = 0  # of diverse beam search
    proven: bool | None = None  # exact search: whether no other sentence can be better
