"""Changes of the search that a model comes with."""

import inspect
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from captioner.search.base import FACTS, SEARCHES, Search, check_changes


def override_search(own: Mapping[str, Any], changes: Mapping[str, Any], n_best: int = 1) -> dict[str, Any]:
    """Return the config of a search after changes.

    Another method keeps those of the options that it has too (`max_length`, the constraints, ...).

    Args:
        own: the model's config of its search.
        changes: options by name, and `name` for another method.
        n_best: sentences wanted per image; a beam size or number of samples that is not among the changes is
            raised to it.

    Returns:
        A config for `SEARCHES.build`.

    Raises:
        UserError: there is no such method, or it has no such option.
    """
    method = changes.get("name", own["name"])
    check_changes(method, changes)
    known = inspect.signature(SEARCHES[method]).parameters
    config = {key: value for key, value in own.items() if key in known} | dict(changes) | {"name": method}
    SEARCHES.check(config, FACTS)
    for key in {"beam_size", "samples"} & known.keys() - changes.keys():
        together = config.get("groups") or 1  # a beam is parted into equal groups
        least = max(config.get(key, known[key].default), -(-n_best // together) * together)
        if least > config.get(key, known[key].default):
            config[key] = least
    return config


def search_settings(search: Search, name: str) -> dict[str, Any]:
    """Return all options of a search by name, defaults included."""
    options = {field.name: getattr(search, field.name) for field in fields(search)}
    return {"search": name} | {key: value for key, value in options.items() if key != "vocabulary"}
