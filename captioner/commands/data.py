"""Check a data set before training on it.

  python scripts/data.py check --task caption
  python scripts/data.py check --config configs/recipes/flickr8k_show_tell.yaml data.folder=~/flickr8k
  python scripts/data.py check name=folder folder=~/photos
  python scripts/data.py check name=daquar folder=~/daquar
  python scripts/data.py check --task char-lm data.path=my_texts/
  python scripts/data.py check --task translate data.path=pairs.tsv

Prints for each split the numbers of pictures and captions, how long captions are, how many words the
vocabulary keeps, and every picture that is missing or cannot be read. Of questions also: how many answers are
in the list of the most common, and what can be guessed without the picture. Of a text: characters, the rarest
of them, those that look like a wrong encoding, the updates of an epoch, and files that cannot be read. Of
pairs to translate: lengths, and what must go wrong: symbols not learnt, targets that are too long.
"""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from captioner.config import Component, Config, load, parse_overrides
from captioner.errors import UserError, nearest
from captioner.paths import config_file

if TYPE_CHECKING:
    from captioner.data.checks.captions import CaptionReport
    from captioner.data.checks.pairs import PairReport
    from captioner.data.checks.questions import QuestionReport
    from captioner.data.checks.text import TextReport

NUM_ANSWERS = 1000
"""In the answer list, where a config does not say: as most papers have it."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of this verb."""
    parser.add_argument("action", choices=["check"], help="what to do with the data")
    parser.add_argument(
        "changes",
        nargs="*",
        metavar="key=value",
        help="changes to the config, or the data set: name=..., its options",
    )
    parser.add_argument("--task", help="the data set of this task's config")
    parser.add_argument("--config", type=Path, metavar="FILE", help="the data set of this config")
    parser.add_argument("--min-count", type=int, metavar="N", help="how often a word is seen to be kept")


def run(arguments: argparse.Namespace) -> None:
    """Read everything once and print what was found."""
    if arguments.task or arguments.config:
        config = load(arguments.config or config_file(arguments.task), arguments.changes)
    elif arguments.changes:
        data = {str(key): value for key, value in parse_overrides(arguments.changes).items()}
        config = Config(task={"name": _task_for(data)}, data=data, decoder={})
    else:
        raise UserError("Say which data: --task caption, --config FILE, or name=folder folder=PATH.")
    task = config.task.get("name")
    if task not in CHECKS:
        raise UserError(f"The data of the task {task} cannot be checked. {nearest(str(task), CHECKS)}")
    if arguments.min_count is not None:
        if task == "char_lm":
            raise UserError(f"--min-count has no meaning for the task {task}.")
        config.vocabulary.min_count = arguments.min_count
    print(CHECKS[task](config))


def _task_for(data: Component) -> str:
    """Whose data this is, where that is not said."""
    from captioner.data.questions.base import QUESTION_SOURCES
    from captioner.data.text.corpus import CORPORA
    from captioner.data.translation.base import PAIR_SOURCES

    kinds = {"char_lm": list(CORPORA), "vqa": list(QUESTION_SOURCES), "translate": list(PAIR_SOURCES)}
    return next((task for task, names in kinds.items() if data.get("name") in names), "caption")


def _captions(config: Config) -> "CaptionReport":
    from captioner.data.captions.base import CAPTION_SOURCES
    from captioner.data.checks.captions import check

    return check(CAPTION_SOURCES.build(config.data), config.vocabulary.min_count)


def _text(config: Config) -> "TextReport":
    from captioner.data.checks.text import check_text
    from captioner.data.text.corpus import CORPORA

    return check_text(CORPORA.build(config.data), config.training.batch_size)


def _questions(config: Config) -> "QuestionReport":
    from captioner.data.checks.questions import check_questions
    from captioner.data.questions.base import QUESTION_SOURCES

    num_answers = config.task.get("num_answers", NUM_ANSWERS)
    return check_questions(QUESTION_SOURCES.build(config.data), config.vocabulary.min_count, num_answers)


def _pairs(config: Config) -> "PairReport":
    from captioner.data.checks.pairs import check_pairs
    from captioner.data.translation.base import PAIR_SOURCES
    from captioner.search.base import Search

    unit = config.task.get("unit", "characters")
    longest = config.search.get("max_length", Search.max_length)
    return check_pairs(PAIR_SOURCES.build(config.data), unit, config.vocabulary.min_count, longest)


CHECKS: dict[str, Callable[[Config], object]] = {
    "caption": _captions,
    "char_lm": _text,
    "vqa": _questions,
    "visual7w": _questions,
    "visual7w_pointing": _questions,
    "translate": _pairs,
}
"""By the name of the task: what reads the data of a config and says what is in it."""
