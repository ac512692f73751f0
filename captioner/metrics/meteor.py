"""METEOR 1.5 (Denkowski and Lavie, 2014) by its own Java program, as the coco-caption evaluation runs it.

There is no equal of it in Python: nltk's is the METEOR of 2007, without paraphrases and with other
parameters. It needs `pip install 'captioner[meteor]'` and some 20 seconds to start.
"""

import subprocess
from collections.abc import Iterable, Mapping, Sequence
from threading import Thread
from typing import IO, ClassVar, NamedTuple

import numpy as np

from captioner.errors import UserError
from captioner.metrics.base import METRICS, CaptionMetric, Measured
from captioner.metrics.ngrams import CaptionCorpus, Tokens
from captioner.metrics.tokenization.java import java_command

METEOR_JAR = "meteor/meteor-1.5.jar"
_MEMORY = "-Xmx2G"
_PROGRAM = ("Meteor", "-", "-", "-stdio", "-l", "en", "-norm")


class MeteorScores(NamedTuple):
    """The score of the corpus, whose statistics the program adds up, and that of each image."""

    score: float
    per_image: list[float]


@METRICS.register("meteor")
class Meteor(CaptionMetric):
    """METEOR, where Java and its program are installed.

    The statistics that add up stay inside the program, so that METEOR has no bootstrap interval.
    """

    labels: ClassVar[Mapping[str, str]] = {"meteor": "METEOR"}
    position = 40
    on_by_default = False

    def measure(self, corpus: CaptionCorpus) -> Measured:
        """Score all captions of a corpus."""
        found = meteor(corpus.candidates, corpus.references)
        return Measured({"meteor": found.score}, {"meteor": np.array(found.per_image)})


def meteor(candidates: Sequence[Tokens], references: Sequence[Sequence[Tokens]]) -> MeteorScores:
    """Compute METEOR of a corpus.

    Args:
        candidates: the tokens of a caption for each image.
        references: the tokens of one or more captions for each image.

    Returns:
        The score of the corpus and of each image.

    Raises:
        JavaMissingError: Java or the jar is not installed.
        UserError: Java fails.
    """
    java, *options = java_command(METEOR_JAR)
    command = [java, _MEMORY, *options, *_PROGRAM]
    requests = [
        " ||| ".join(["SCORE", *map(_text, group), _text(caption)])
        for caption, group in zip(candidates, references, strict=True)
    ]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL) as process:
        assert process.stdin
        assert process.stdout
        statistics = _ask(process.stdin, process.stdout, requests, len(requests))
        total = " ||| ".join(["EVAL", *statistics])
        figures = _ask(process.stdin, process.stdout, [total], len(requests) + 1)
        process.stdin.close()
    *per_image, score = map(float, figures)
    return MeteorScores(score, per_image)


def _text(tokens: Tokens) -> str:
    """Return tokens as a line of the program, without its separator."""
    return " ".join(token for token in tokens if token != "|||")


def _ask(stdin: IO[bytes], stdout: IO[bytes], lines: Iterable[str], num_answers: int) -> list[str]:
    """Write lines while reading the answers: neither side's pipe may fill up."""
    text = "".join(f"{line}\n" for line in lines).encode("utf-8", "replace")
    writer = Thread(target=_write, args=(stdin, text))
    writer.start()
    answers = [stdout.readline().decode("utf-8").strip() for _ in range(num_answers)]
    writer.join()
    if "" in answers:
        raise UserError("METEOR's Java program stopped before it had scored all captions.")
    return answers


def _write(stdin: IO[bytes], text: bytes) -> None:
    try:
        stdin.write(text)
        stdin.flush()
    except BrokenPipeError:
        pass  # the missing answers are reported by the reader
