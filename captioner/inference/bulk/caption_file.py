"""Caption many images into a file of JSON lines, which a second run goes on with."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from captioner.files.json_lines import ResumableLines
from captioner.images import ImageSource
from captioner.inference.caption_results import Captioned
from captioner.progress import progress_bar

NamedImages = Iterable[tuple[str, ImageSource]]
CaptionStream = Callable[[NamedImages], Iterator[Captioned]]
SYNCED = 32
"""Lines that a power failure may take, as many as a batch."""


class FileReport(NamedTuple):
    """Count the lines of a file of captions.

    Attributes:
        written: lines of this run.
        failed: those of them with an error.
        present: lines of earlier runs.
    """

    written: int
    failed: int
    present: int


def write_captions(
    file: Path, images: NamedImages, total: int, settings: Mapping[str, Any], stream: CaptionStream
) -> FileReport:
    """Caption the images that have no line in a file yet, and write their lines.

    Args:
        file: JSON lines.
        images: images by their names, each once; taken as they are needed.
        total: how many they are, for the time left.
        settings: what the captions depend on; a file with others is refused.
        stream: captions images as they come, such as `Captioner.stream`.

    Returns:
        How many lines were written.
    """
    failed = number = 0
    with ResumableLines(file, "image", settings) as lines:
        left = max(0, total - lines.num_present)
        captions = progress_bar(stream(lines.missing(images)), total=left, unit="picture", unit_scale=True)
        for number, captioned in enumerate(captions, start=1):
            failed += captioned.problem is not None
            lines.write(captioned.to_json_line(with_error=True))
            if number % SYNCED == 0:
                lines.sync()
    return FileReport(number, failed, lines.num_present)
