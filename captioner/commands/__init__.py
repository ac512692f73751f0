"""The command line: `captioner <verb>`, and the same verbs as scripts/<verb>.py."""

import argparse
import ast
import codecs
import errno
import importlib
import io
import json
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from captioner.errors import UserError, nearest, printable
from captioner.paths import cache_hint

FOLDER = Path(__file__).parent
FULL = (errno.ENOSPC, errno.EDQUOT)
"""A full disk, or a full share of one: which file it was is not said."""


def verbs() -> dict[str, str]:
    """Return the verbs, which are the modules beside this one, each with the first line of its docstring."""
    files = sorted(file for file in FOLDER.glob("*.py") if file.stem != "__init__")
    texts = {file.stem: ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) for file in files}
    return {verb: (text or "").partition("\n")[0] for verb, text in texts.items()}


class _Parser(argparse.ArgumentParser):
    """argparse, with the nearest right name for a mistyped option."""

    def error(self, message: str) -> "None":  # type: ignore[override]
        """One sentence, exit status 2."""
        known = [option for action in self._actions for option in action.option_strings]
        _, unknown, words = message.partition("unrecognized arguments: ")
        hint = f" {nearest(words.split()[0].partition('=')[0], known)}" if unknown else ""
        self.exit(2, f"{self.prog}: {message}.{hint}\n")


def main(verb: str | None = None, arguments: Sequence[str] | None = None) -> None:
    """Run a verb; a mistake of the user's ends with one sentence and exit status 2."""
    _escape_output()
    words = list(sys.argv[1:] if arguments is None else arguments)
    prog = f"captioner {verb}" if verb is None else f"scripts/{verb}.py"
    try:
        if verb is None:
            verb, words = _verb(words)
            prog = f"captioner {verb}"
        module = importlib.import_module(f"captioner.commands.{verb}")
        parser = _Parser(
            prog=prog, description=module.__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
        )
        run: Callable[[argparse.Namespace], None] = module.run
        module.add_arguments(parser)
        run(parser.parse_intermixed_args(words))
        sys.stdout.flush()
    except UserError as mistake:
        print(f"{prog}: {mistake}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:  # who reads, as in `... | head`, has had enough; what is left goes nowhere
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(141)
    except OSError as problem:  # a file or folder that cannot be used, wherever this shows
        if problem.filename is None and problem.errno not in FULL:
            raise
        text = f"{problem.strerror}."
        if problem.filename is not None:
            text = f"{problem.filename}: {text}{cache_hint(Path(str(problem.filename)))}"
        print(f"{prog}: {printable(text)}", file=sys.stderr)
        sys.exit(2)


def _escape_output() -> None:
    """Escape characters that the terminal's encoding lacks, and bytes of file names that are not UTF-8."""
    codecs.register_error("escape", _escaped)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="escape")


def _escaped(error: UnicodeError) -> tuple[str, int]:
    """Return characters as JSON writes them: what is printed as JSON remains JSON."""
    assert isinstance(error, UnicodeEncodeError)
    return json.dumps(error.object[error.start : error.end])[1:-1], error.end


def _verb(words: list[str]) -> tuple[str, list[str]]:
    if not words or words[0] in ("-h", "--help"):
        lines = [f"  {verb:13} {what}" for verb, what in verbs().items()]
        print("captioner VERB ...; captioner VERB --help says more.\n\n" + "\n".join(lines))
        sys.exit(0)
    if not (FOLDER / f"{words[0]}.py").is_file() or words[0] == "__init__":
        raise UserError(f"There is no verb {words[0]!r}. {nearest(words[0], verbs())}")
    return words[0], words[1:]
