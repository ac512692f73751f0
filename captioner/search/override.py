"""From the search that a model comes with to the one that is wanted."""

import inspect
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from captioner.search.base import SEARCHES, Search


def override_search(own: Mapping[str, Any], changes: Mapping[str, Any], n_best: int = 1) -> dict[str, Any]:
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


def search_settings(search: Search, name: str) -> dict[str, Any]:
    """All that a search was told, defaults included."""
    options = {field.name: getattr(search, field.name) for field in fields(search)}
    return {"search": name} | {key: value for key, value in options.items() if key != "vocabulary"}
