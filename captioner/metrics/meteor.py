"""METEOR 1.5 (Denkowski and Lavie, 2014) by its own Java program, as the coco-caption evaluation runs it.

There is no equal of it in Python: nltk's is the METEOR of 2007, without paraphrases and with other
parameters. It needs `pip install 'captioner[meteor]'` and some 20 seconds to start.
"""

import subprocess
from collections.abc import Iterable, Sequence
from threading import Thread
from typing import IO, NamedTuple

from captioner.errors import UserError
from captioner.metrics.ngrams import Tokens
from captioner.metrics.tokenization.java import java_command

METEOR_JAR = "meteor/meteor-1.5.jar"
_MEMORY = "-Xmx2G"
_PROGRAM = ("Meteor", "-", "-", "-stdio", "-l", "en", "-norm")


class Meteor(NamedTuple):
    """Of the corpus, whose statistics are added up and which is no mean over images; and of each image."""

    score: float
    per_image: list[float]


def meteor(candidates: Sequence[Tokens], references: Sequence[Sequence[Tokens]]) -> Meteor:
    """METEOR of a corpus: one candidate and one or more references for each image, as tokens.

    Raises:
        JavaMissingError: Java or the jar is not installed.
        UserError: Java fails.
    """
    java, *options = java_command(METEOR_JAR)
    command = [java, _MEMORY, *options, *_PROGRAM]
    questions = [
        " ||| ".join(["SCORE", *map(_text, group), _text(said)])
        for said, group in zip(candidates, references, strict=True)
    ]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL) as process:
        assert process.stdin
        assert process.stdout
        statistics = _ask(process.stdin, process.stdout, questions, len(questions))
        figures = _ask(
            process.stdin, process.stdout, [" ||| ".join(["EVAL", *statistics])], len(questions) + 1
        )
        process.stdin.close()
    *per_image, score = map(float, figures)
    return Meteor(score, per_image)


def _text(tokens: Tokens) -> str:
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
        pass  # the answers that are missing tell
