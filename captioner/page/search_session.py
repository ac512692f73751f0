"""Keep searches under way, each with all its states, so that one can go back and choose otherwise."""

import secrets
import threading
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from captioner.errors import UserError
from captioner.page.refusals import Refused
from captioner.search.interventions import Ban, Force, Intervention
from captioner.search.trace import TraceEvent

SESSIONS = 32
MAX_INTERVENTIONS = 200
ALTERNATIVES = 8
"""Words after each sentence that one may choose from."""
KEPT_NUMBERS = 8_000_000
"""Scores of words that the states of a session hold together: 32 MB."""


class TimedIntervention(NamedTuple):
    """A word that is forced or banned at a step: `time` counts words from 1."""

    time: int
    intervention: Intervention


StateKey = tuple[int, tuple[TimedIntervention, ...]]
"""The number of words, and the interventions up to there."""


class SearchSession:
    """A search for one image, with the states that it went through.

    Args:
        captioner: a `Captioner` with the search.
        image: an `EncoderInput`.
    """

    def __init__(self, captioner: Any, image: Any) -> None:
        self.captioner = captioner
        self._image = image
        self._states: OrderedDict[StateKey, Any] = OrderedDict()
        self._features_BLF: Any = None

    def state(self, time: int, interventions: Sequence[TimedIntervention]) -> Any:
        """Return the state after a number of words; called in the model thread.

        Args:
            time: number of words.
            interventions: of the whole search; those of later steps do not matter.

        Returns:
            The state; None where the search ended before.

        Raises:
            UserError: an intervention cannot be kept.
        """
        own = tuple(one for one in interventions if one.time <= time)
        key: StateKey = (time, own)
        if key in self._states:
            self._states.move_to_end(key)
            return self._states[key]
        if time == 0:
            state = self._start()
        else:
            before = self.state(time - 1, interventions)
            if before is None or before.done:
                return None
            now = [one.intervention for one in own if one.time == time]
            state = self.captioner.search.advance(before, now)
        self._keep(key, state)
        return state

    def step(
        self, time: int, interventions: Sequence[TimedIntervention]
    ) -> tuple[Any, list[TraceEvent]] | None:
        """Choose a word, and list likely words beside those that the search looked at.

        A beam looks at as many words as it keeps, so that at the first word there would be none to force.

        Args:
            time: of the word, from 1.
            interventions: of the whole search.

        Returns:
            The state after the word, and an event for each group; None where the search ended before.

        Raises:
            UserError: an intervention cannot be kept.
        """
        from captioner.search.stepping.alternatives import with_alternatives

        before = self.state(time - 1, interventions)
        after = self.state(time, interventions)
        if before is None or after is None:
            return None
        return after, [with_alternatives(before, event, ALTERNATIVES) for event in after.events]

    def finish(self, state: Any) -> list[Any]:
        """Return the captions of a state; called in the model thread."""
        captioner = self.captioner
        (found,) = captioner.search.finish(state, captioner.n_best)
        return [captioner.to_caption(one, self._features_BLF[0]) for one in found]

    def _start(self) -> Any:
        captioner = self.captioner
        self._features_BLF = captioner.model.encode_images([self._image.pixels[0]])
        return captioner.search.start(captioner.decoder, self._features_BLF, captioner.n_best, traced=True)

    def _keep(self, key: StateKey, state: Any) -> None:
        """Keep a state, and forget those that were not used for longest; they can be computed again."""
        self._states[key] = state
        while sum(map(_numbers, self._states.values())) > KEPT_NUMBERS and len(self._states) > 1:
            self._states.popitem(last=False)


def _numbers(state: Any) -> int:
    return 0 if state.next_word is None else state.next_word.logits_NV.numel()


class SearchSessions:
    """The searches of all clients by id; the 32 that were used last."""

    def __init__(self) -> None:
        self._sessions: OrderedDict[str, SearchSession] = OrderedDict()
        self._lock = threading.Lock()

    def add(self, session: SearchSession) -> str:
        """Keep a search, and return its id, which cannot be guessed."""
        name = secrets.token_urlsafe(12)
        with self._lock:
            self._sessions[name] = session
            while len(self._sessions) > SESSIONS:
                self._sessions.popitem(last=False)
        return name

    def get(self, name: str) -> SearchSession:
        """Return a search.

        Args:
            name: its id.

        Returns:
            The search.

        Raises:
            Refused: it is not here, or not any more.
        """
        with self._lock:
            if name not in self._sessions:
                raise Refused(404, "This search is not here any more: start it again.")
            self._sessions.move_to_end(name)
            return self._sessions[name]

    def remove(self, name: str) -> None:
        """Forget a search; one that is not here is forgotten already."""
        with self._lock:
            self._sessions.pop(name, None)


class InterventionFields(BaseModel):
    """The fields of an intervention as JSON has them."""

    model_config = ConfigDict(strict=True, extra="forbid")

    time: int = Field(ge=1, le=1000)
    kind: Literal["force", "ban"]
    beam: int = Field(0, ge=0, le=10_000)
    token: int | None = Field(None, ge=0)
    word: str | None = None


def read_interventions(items: Any, captioner: Any) -> list[TimedIntervention]:
    """Read words to force or ban from JSON.

    Args:
        items: a list of objects with the fields of `InterventionFields`; of `token` and `word` one.
        captioner: a `Captioner`, whose words they are.

    Returns:
        The interventions, in order of time.

    Raises:
        UserError: says what is wrong.
    """
    if not isinstance(items, list) or len(items) > MAX_INTERVENTIONS:
        raise UserError(f"interventions must be a list of {MAX_INTERVENTIONS} at most.")
    found = []
    for item in items:
        try:
            fields = InterventionFields.model_validate(item)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(map(str, first["loc"])) or "it"
            raise UserError(f"An intervention is wrong: {where}: {first['msg'].lower()}.") from None
        token = fields.token
        if token is None:
            (token, *_) = captioner.model.vocabulary.spell(fields.word or "")
        made = Force(0, fields.beam, token) if fields.kind == "force" else Ban(0, fields.beam, token)
        found.append(TimedIntervention(fields.time, made))
    return sorted(found, key=lambda one: one.time)
