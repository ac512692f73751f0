"""Show how far a job is: a bar in a terminal; where the output is a file, a line from time to time."""

import sys
from collections.abc import Iterable
from typing import Any, TextIO

SECONDS = 60.0
"""Between two lines in a file."""


class Lines:
    """A stream that writes each state of a tqdm bar as a line.

    Args:
        stream: where the lines go.
    """

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream

    def write(self, text: str) -> None:
        """Write the state that the text draws, if it draws one."""
        if state := text.strip():
            self.stream.write(f"{state}\n")

    def flush(self) -> None:
        """Flush the stream."""
        self.stream.flush()


def progress_bar(sequence: Iterable[Any] | None = None, **options: Any) -> Any:
    """Make a tqdm bar on standard error.

    Args:
        sequence: what is iterated over; None: the bar is moved by its `update`.
        **options: of tqdm.

    Returns:
        The bar.
    """
    from tqdm import tqdm

    if not sys.stderr.isatty():
        options |= {"file": Lines(sys.stderr), "mininterval": SECONDS, "maxinterval": SECONDS, "miniters": 1}
    return tqdm(sequence, **options)
