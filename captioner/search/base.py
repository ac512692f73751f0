"""The base of every search: its options, and how it is run, at once or step by step.

Searches are listed by the command line, so their modules import torch inside functions only.
"""

import inspect
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING, Any, ClassVar

from captioner.attention.mode import AttentionMode
from captioner.errors import UserError
from captioner.ranges import Count, CountOrZero, Seed
from captioner.registry import Registry
from captioner.search.hypothesis import Hypothesis
from captioner.search.options import WordIds, check_options_of, option, word_ids
from captioner.search.trace import SearchTrace, TraceEvent
from captioner.vocabulary import BOS, PAD, UNK

if TYPE_CHECKING:
    from captioner.search.interventions import Intervention
    from captioner.search.stepping.policy import Policy, StepModel
    from captioner.search.stepping.state import SearchState
    from captioner.tree import Tree


@dataclass(kw_only=True)
class Search(ABC):
    """A way to decode sentences from a model, with the constraints that all searches share.

    A search is a policy over immutable states: `start`, `advance` until `state.done`, `finish`. Calling the
    search does the same for a whole batch. An earlier state stays valid: going back is keeping it.

    Constraints choose among sentences and leave the probabilities of the others as they are. The words of
    `prefix` count in the probability of a sentence. Beams keep places for sentences with more of the
    `required_words`, and every search generates what is missing before a sentence is cut. `allow_repeat`,
    `no_repeat_ngram` and `bad_endings` give way where they would leave no word at all.

    Subclasses are final, or abstract. Each field made by `option` is a flag of the command line. `vocabulary`
    is what words are looked up in; it is passed when the search is built.
    """

    stepwise: ClassVar[bool] = True
    """Whether the search can be advanced word by word; where not, `policy` refuses."""

    max_length: Count = option(30, "{word}s at most, the end among them")
    min_length: CountOrZero = option(0, "{word}s at least, before the sentence may end")
    prefix: list[str] = option([], "how the sentence starts")
    required_words: list[str] = option([], "words that must occur somewhere")
    banned_words: list[str] = option([], "words, or strings of a text, that must not occur")
    allow_unknown: bool = option(True, "never generate <unk>", flag="--no-unknown")
    allow_repeat: bool = option(True, "no {word} twice in a row", flag="--no-repeat")
    no_repeat_ngram: CountOrZero = option(0, "no N {word}s twice; 0 allows all")
    bad_endings: list[str] = option([], "words that a sentence must not end with")
    attention: AttentionMode | None = option(
        None, "attend to all locations, or to one: the likeliest, or one drawn", flag="--attend"
    )
    attention_seed: Seed = option(0, "other draws of --attend sample")
    vocabulary: WordIds | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        from captioner.search.stepping.constraints import Constraints

        check_options_of(self)
        never = [PAD, BOS] if self.allow_unknown else [PAD, BOS, UNK]
        banned = word_ids(self.banned_words, self.vocabulary)
        prefix, required_words, bad_endings = (
            list(chain.from_iterable(word_ids(words, self.vocabulary)))
            for words in (self.prefix, self.required_words, self.bad_endings)
        )
        self.constraints = Constraints(
            forbidden=never + [ids[0] for ids in banned if len(ids) == 1],
            strings=[ids for ids in banned if len(ids) > 1],
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
    def policy(self, n_best: int) -> "Policy":
        """Return the rule that chooses the next words.

        Args:
            n_best: sentences wanted per image.

        Returns:
            A policy without state: the same serves many batches.

        Raises:
            UserError: the search cannot find so many sentences, or is not made in steps.
        """

    def __call__(
        self, model: "StepModel", features: "Tree", n_best: int = 1, trace: SearchTrace | None = None
    ) -> list[list[Hypothesis]]:
        """Decode a batch of images.

        Args:
            model: scores the next word: a `Decoder`, or an `Ensemble`.
            features: what `model.start` takes: features_BLF.
            n_best: sentences wanted per image.
            trace: collects every choice while the search runs.

        Returns:
            For each image its `n_best` sentences, the best first; finished ones before those that were cut.
            There may be fewer where fewer are possible, never none.

        Raises:
            UserError: more sentences are asked for than the search keeps; the constraints leave no word; the
                model's scores are not finite.
        """
        from captioner.search.stepping.advance import run

        state = self.start(model, features, n_best, traced=trace is not None)
        return self.finish(run(state, trace), n_best)

    def start(
        self, model: "StepModel", features: "Tree", n_best: int = 1, traced: bool = False
    ) -> "SearchState":
        """Return the state before the first word, with the first words already scored.

        Args:
            model: as in a call.
            features: as in a call.
            n_best: sentences that `finish` will be asked for: an image is done when they are decided.
            traced: whether sentences get numbers, and each state the events that led to it.

        Returns:
            The state of a whole batch.
        """
        from captioner.search.stepping.advance import start
        from captioner.search.stepping.sampled_attention import attend_as

        model = attend_as(model, self.attention, self.attention_seed)
        return start(model, features, self.constraints, self.policy(n_best), traced)

    def advance(self, state: "SearchState", interventions: Sequence["Intervention"] = ()) -> "SearchState":
        """Return the state one word later; `state` stays as it is.

        Args:
            state: from `start` or `advance`.
            interventions: words forced or banned in this step, `Force` and `Ban`.

        Returns:
            The next state. Images that are done have left its beams, and `finish` finds them.

        Raises:
            UserError: all images are done; an intervention cannot be kept; the constraints leave no word; the
                model's scores are not finite.
        """
        from captioner.search.stepping.advance import advance

        return advance(state, interventions)

    def expand(self, state: "SearchState", interventions: Sequence["Intervention"] = ()) -> list[TraceEvent]:
        """Return what `advance` would choose from, without going on: candidates, and which are kept.

        Args:
            state: from `start` or `advance`.
            interventions: as in `advance`.

        Returns:
            One event for each image and group. Where `state` is not traced, parents are numbered by their
            place in the image.
        """
        from captioner.search.stepping.advance import expand

        return expand(state, interventions)

    def finish(self, state: "SearchState", n_best: int = 1) -> list[list[Hypothesis]]:
        """Return the sentences of a state, at any moment; the search may continue from it.

        Args:
            state: from `start` or `advance`.
            n_best: sentences wanted per image.

        Returns:
            As a call; sentences that have not ended are cut where they are.
        """
        from captioner.search.stepping.state import collect

        return collect(state, n_best)


SEARCHES: Registry[Search] = Registry("search", "captioner.search")
FACTS = ("vocabulary",)
"""What is passed when a search is built, and is no option."""


def check_changes(method: str, changes: Mapping[str, Any]) -> None:
    """Refuse an option that a search does not have, and name those that have it.

    Args:
        method: the name of the search.
        changes: options by name.

    Raises:
        UserError: there is no such search, or it has no such option.
    """
    known = inspect.signature(SEARCHES[method]).parameters
    for key in changes.keys() - known.keys() - {"name"}:
        owners = [name for name in SEARCHES if key in inspect.signature(SEARCHES[name]).parameters]
        if owners:
            raise UserError(
                f"search {method} has no option {key!r}: that is of {', '.join(owners)} "
                f"(--search {owners[0]})."
            )


def best(found: Iterable[list[Hypothesis]]) -> list[Hypothesis]:
    """Return the first sentence of every image."""
    return [hypotheses[0] for hypotheses in found]
