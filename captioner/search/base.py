"""What every search is: a decoder and features in, sentences out. It knows `start` and `step` and no more."""

from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import NamedTuple

from torch import Tensor

from captioner.decoders.base import Decoder
from captioner.registry import Registry


class Hypothesis(NamedTuple):
    """A sentence that a search found."""

    tokens: list[int]  # without <bos> and <eos>
    log_probability: float  # of the words, and of <eos> if finished
    word_log_probabilities: list[float]  # one a word, and one for <eos> if finished
    finished: bool  # whether the model ended it; False: it was cut at the maximal length
    alphas_TL: Tensor | None  # where the decoder looked for each word, on the CPU


class Search(ABC):
    """A way to read sentences out of a decoder. Subclasses are final."""

    @abstractmethod
    def __call__(self, decoder: Decoder, features_BLF: Tensor, n_best: int = 1) -> list[list[Hypothesis]]:
        """For each image its `n_best` sentences, the best first; finished ones before those that were cut.

        Raises:
            UserError: more sentences are asked for than the search keeps.
        """


SEARCHES: Registry[Search] = Registry("search", "captioner.search")


def best(found: Iterable[list[Hypothesis]]) -> list[Hypothesis]:
    """The first sentence of every image."""
    return [hypotheses[0] for hypotheses in found]
