"""Bound what one request may ask for, where the command line has no such bounds."""

from collections.abc import Mapping
from typing import Any

from captioner.errors import UserError

N_BEST = 20
TEXT = 2000
"""Characters of a text that is read."""
LIMITS = {
    "caption": {
        **{"beam_size": 50, "samples": 100, "groups": 50, "max_length": 60},
        **{"max_steps": 20_000, "max_open": 100_000},
    },
    "text": {"beam_size": 20, "samples": 20, "groups": 20, "max_length": 2000},
}
"""The greatest values of options of a search, by tab."""


def check_limits(tab: str, settings: Mapping[str, Any], n_best: int) -> None:
    """Refuse a search that would take too much for one request.

    Args:
        tab: `caption` or `text`.
        settings: all options of the search.
        n_best: captions or texts that are wanted.

    Raises:
        UserError: names the option and its limit.
    """
    for name, most in {**LIMITS[tab], "n_best": N_BEST}.items():
        value = n_best if name == "n_best" else settings.get(name)
        if value is not None and value > most:
            raise UserError(
                f"{name} is {most} at most on the page, not {value}; the command line takes more."
            )
