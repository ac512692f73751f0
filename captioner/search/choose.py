"""From the search that a model comes with to the one that is wanted."""

import inspect
from collections.abc import Mapping
from typing import Any

from captioner.search.base import SEARCHES, Search
from captioner.vocabulary import Vocabulary


def changed(own: Mapping[str, Any], changes: Mapping[str, Any], n_best: int = 1) -> dict[str, Any]:
    """The config `own` with `changes`; a number of sentences that nobody chose is raised to `n_best`.

    Another method keeps those of the options that it has too (`max_length`, the constraints, ...).

    Raises:
        UserError: there is no such method, or it has no such option.
    """
    method = changes.get("name", own["name"])
    known = inspect.signature(SEARCHES[method]).parameters
    config = {key: value for key, value in own.items() if key in known} | dict(changes) | {"name": method}
    SEARCHES.check(config)
    for key in {"beam_size", "samples"} & known.keys() - changes.keys():
        together = config.get("groups") or 1  # a beam is parted into equal groups
        least = max(config.get(key, known[key].default), -(-n_best // together) * together)
        if least > config.get(key, known[key].default):
            config[key] = least
    return config


def chosen(
    own: Mapping[str, Any], changes: Mapping[str, Any], vocabulary: Vocabulary, n_best: int = 1
) -> Search:
    """The same, built.

    Raises:
        UserError: also where an option's value makes no sense, or a word is unknown.
    """
    return SEARCHES.build(changed(own, changes, n_best), vocabulary=vocabulary)
