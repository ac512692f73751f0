"""Read numbers of the command line, each with its range, before anything heavy is imported."""

import argparse
from collections.abc import Callable
from typing import Any, get_args

from captioner.option_types import is_of_type, wanted


def in_range(annotation: Any) -> Callable[[str], Any]:
    """Return how argparse reads a number: `type=in_range(BeamSize)`.

    Args:
        annotation: int or float, perhaps with a range.

    Returns:
        A function from the typed text to the number, which refuses what is out of range.
    """
    kind = (*get_args(annotation), annotation)[0]

    def read(text: str) -> Any:
        try:
            value: Any = kind(text)
        except ValueError:
            value = text
        if is_of_type(value, annotation):
            return value
        raise argparse.ArgumentTypeError(f"must be {wanted(annotation, value)}, not {value!r}")

    return read
