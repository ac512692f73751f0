"""The command line: `captioner <verb>`, and the same verbs as scripts/<verb>.py."""

import argparse
import importlib
import os
import sys
from collections.abc import Callable, Sequence

from captioner.errors import UserError, nearest

VERBS = {
    "train": "train a model from a config",
    "evaluate": "score a trained model on a split",
    "score": "score captions in files, by any system",
    "score_answers": "score answers to questions in files, by any system",
    "caption": "caption your own pictures",
    "ask": "ask about your own pictures",
    "sample": "write text with a trained language model, or score a text",
    "gradflow": "see how far gradients reach back through time",
    "translate": "translate your own texts",
    "data": "check a data set before training on it",
}


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


def _verb(words: list[str]) -> tuple[str, list[str]]:
    if not words or words[0] in ("-h", "--help"):
        lines = [f"  {verb:13} {what}" for verb, what in VERBS.items()]
        print("captioner VERB ...; captioner VERB --help says more.\n\n" + "\n".join(lines))
        sys.exit(0)
    if words[0] not in VERBS:
        raise UserError(f"There is no verb {words[0]!r}. {nearest(words[0], VERBS)}")
    return words[0], words[1:]
