"""What every search is: a model that can `start` and `step` in, sentences out. It knows no more of it."""

from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, NamedTuple, Protocol

from torch import Tensor

from captioner.decoders.base import DecoderStart, DecoderStep
from captioner.errors import UserError
from captioner.registry import Registry
from captioner.search.constraints import Constraints, WordIds, word_ids
from captioner.search.trace import SearchTrace
from captioner.tree import Tree
from captioner.vocabulary import BOS, PAD, UNK


class Hypothesis(NamedTuple):
    """A sentence that a search found."""

    tokens: list[int]  # without <bos> and <eos>
    log_prob: float  # of the words, and of <eos> if finished
    word_log_probs: list[float]  # one a word, and one for <eos> if finished
    finished: bool  # whether the model ended it; False: it was cut at the maximal length
    alphas_TL: Tensor | None  # where the decoder looked for each word, on the CPU
    score: float  # what this search ranks by; plain beam search ranks by the log-probability
    group: int = 0  # of diverse beam search
    proven: bool | None = None  # exact search: whether no sentence left out can be better


class StepModel(Protocol):
    """What a search asks of a model: a `Decoder` has it, and so has an `Ensemble`."""

    def start(self, features: Any, /) -> DecoderStart:
        """Memory and state before the first word."""

    def step(self, tokens_N: Tensor, state: Tree, memory: Tree, /) -> DecoderStep:
        """Read one word in every row; score the next ones."""


@dataclass(kw_only=True)
class Search(ABC):
    """A way to read sentences out of a decoder, with the constraints that all ways share.

    Constraints choose among sentences and leave the probabilities of those that stay as they are.
    Subclasses are final, or abstract.

    Args:
        max_length: words at most; one of them is the end, so that a finished sentence has one less.
        min_length: words at least, before the sentence may end.
        prefix: words that the sentence starts with; their probability counts.
        required_words: words that are said somewhere. Beams keep places for sentences that say more of them; every
            search says what is missing before it is cut.
        banned_words: words that are never said; of a text, strings of characters.
        allow_unknown: whether `<unk>` may be said.
        allow_repeat: whether a word may follow itself.
        no_repeat_ngram: no sequence of so many words is said twice; 0 allows all.
        bad_endings: words that a sentence does not end with.
        vocabulary: what the words are looked up in; a fact, not an option.

    The last three give way where they would leave nothing to say.
    """

    max_length: int = 30
    min_length: int = 0
    prefix: list[str] = field(default_factory=list)
    required_words: list[str] = field(default_factory=list)
    banned_words: list[str] = field(default_factory=list)
    allow_unknown: bool = True
    allow_repeat: bool = True
    no_repeat_ngram: int = 0
    bad_endings: list[str] = field(default_factory=list)
    vocabulary: WordIds | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        at_least(1, max_length=self.max_length)
        at_least(0, min_length=self.min_length, no_repeat_ngram=self.no_repeat_ngram)
        never = [PAD, BOS] if self.allow_unknown else [PAD, BOS, UNK]
        without = word_ids(self.banned_words, self.vocabulary)
        prefix, required_words, bad_endings = (
            list(chain.from_iterable(word_ids(words, self.vocabulary)))
            for words in (self.prefix, self.required_words, self.bad_endings)
        )
        self.constraints = Constraints(
            forbidden=never + [numbers[0] for numbers in without if len(numbers) == 1],
            strings=[numbers for numbers in without if len(numbers) > 1],
            prefix=prefix,
            required_words=required_words,
            bad_endings=bad_endings,
            min_length=self.min_length,
            max_length=self.max_length,
            allow_repeat=self.allow_repeat,
            no_repeat_ngram=self.no_repeat_ngram,
        )
        self.constraints.check()

    @abstractmethod
    def __call__(
        self, decoder: StepModel, features: Tree, n_best: int = 1, trace: SearchTrace | None = None
    ) -> list[list[Hypothesis]]:
        """For each image its `n_best` sentences, the best first; finished ones before those that were cut.

        There may be fewer where fewer are possible, never none. `features` is what `decoder.start` takes:
        features_BLF. `trace` is told of every choice.

        Raises:
            UserError: more sentences are asked for than the search keeps; the constraints leave no word to
                say; the model's scores are not numbers.
        """


SEARCHES: Registry[Search] = Registry("search", "captioner.search")


def best(found: Iterable[list[Hypothesis]]) -> list[Hypothesis]:
    """The first sentence of every image."""
    return [hypotheses[0] for hypotheses in found]


def at_least(least: float, **options: float) -> None:
    """Refuse options below what makes sense.

    Raises:
        UserError: names the option.
    """
    for name, value in options.items():
        if not value >= least:
            raise UserError(f"{name} must be {least} or more, not {value}.")
