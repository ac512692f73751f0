"""Find the models that the page offers, by id, and load them when they are first asked for."""

import threading
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from captioner.errors import UserError, nearest
from captioner.page.refusals import Refused
from captioner.paths import expanded, model_within, shipped_models, trained_models
from captioner.precision import Precision

TABS = {
    "caption": "caption",
    "vqa": "ask",
    "visual7w": "ask",
    "visual7w_pointing": "ask",
    "char_lm": "text",
}
"""The tab of each task that has one."""
LOADED = 4  # models in memory
NEWEST = 30  # trained models that are offered


class ModelEntry(NamedTuple):
    """A model that can be chosen.

    Attributes:
        id: by which clients name it.
        folder: the model folder.
        task: its task.
        summary: the first line of its card.
    """

    id: str
    folder: Path
    task: str
    summary: str

    @property
    def tab(self) -> str:
        """The tab of the page in which it is used."""
        return TABS[self.task]


class ModelCatalog:
    """The models that can be chosen: those named, those of the package, the newest of the runs.

    Args:
        named: names or folders of models.
        runs: the folder of all runs.
        precision: that models of images compute in.

    Raises:
        UserError: a model that is named cannot be used.
    """

    def __init__(self, named: Sequence[str], runs: Path, precision: Precision = "auto") -> None:
        self._named = {_id_of(one): _folder_of(one) for one in named}
        self._runs = runs
        self._precision = precision
        self._read: dict[Path, tuple[str, str] | None] = {}
        self._loaded: OrderedDict[Path, Any] = OrderedDict()
        self._lock = threading.Lock()
        for folder in self._named.values():
            if _task_and_summary(folder)[0] not in TABS:
                raise UserError(f"{folder} holds a model that the page has no place for.")

    def entries(self) -> dict[str, ModelEntry]:
        """Return the models by id; those that were trained since the last call are among them."""
        found = {}
        with self._lock:
            for name, folder in self._folders():
                if folder not in self._read:
                    self._read[folder] = _readable(folder)
                about = self._read[folder]
                if about is not None and about[0] in TABS and name not in found:
                    found[name] = ModelEntry(name, folder, *about)
        return found

    def entry(self, name: str, tab: str | None = None) -> ModelEntry:
        """Return a model.

        Args:
            name: its id; empty for the first one of the tab.
            tab: in which it is used; None: any.

        Returns:
            The model.

        Raises:
            Refused: there is none.
        """
        entries = {key: one for key, one in self.entries().items() if tab in (None, one.tab)}
        if not name and entries:
            return next(iter(entries.values()))
        if name not in entries:
            what = f"no model {name!r}" if name else "no model"
            raise Refused(404, f"There is {what} for this. {nearest(name, entries)}")
        return entries[name]

    def loaded(self, entry: ModelEntry) -> Any:
        """Return the predictor of a model that is in memory; None for another one."""
        with self._lock:
            if entry.folder in self._loaded:
                self._loaded.move_to_end(entry.folder)
            return self._loaded.get(entry.folder)

    def load(self, entry: ModelEntry) -> Any:
        """Return the predictor of a model; the four used last stay in memory.

        Args:
            entry: the model.

        Returns:
            A `Captioner`, an `Answerer`, a `Chooser` or a `Writer`.

        Raises:
            UserError: the folder is damaged.
        """
        from captioner.inference.base import PREDICTORS, ImagePredictor

        if (found := self.loaded(entry)) is not None:
            return found
        kind: Any = PREDICTORS[entry.task]
        options = {"precision": self._precision} if issubclass(kind, ImagePredictor) else {}
        predictor = kind(entry.folder, **options)
        with self._lock:
            self._loaded[entry.folder] = predictor
            while len(self._loaded) > LOADED:
                self._loaded.popitem(last=False)
        return predictor

    def _folders(self) -> Iterator[tuple[str, Path]]:
        yield from self._named.items()
        yield from shipped_models().items()
        for folder in trained_models(self._runs)[:NEWEST]:
            yield f"{folder.parts[-3]}-{folder.parts[-2]}", folder


def _id_of(name: str) -> str:
    """The last part of a path that says anything."""
    parts = [part for part in Path(name).parts if part != "model"]
    return parts[-1] if parts else name


def _folder_of(name: str) -> Path:
    return shipped_models().get(name) or model_within(expanded(name))


def _readable(folder: Path) -> tuple[str, str] | None:
    try:
        return _task_and_summary(folder)
    except UserError:  # under way, of another version, or damaged: `captioner models` says which
        return None


def _task_and_summary(folder: Path) -> tuple[str, str]:
    from captioner.config import load
    from captioner.models.card import CONFIG, read_card, summary

    card = read_card(folder)
    return str(load(folder / CONFIG).task.get("name")), summary(card)
