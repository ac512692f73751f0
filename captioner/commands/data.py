"""Check a data set before training on it.

  python scripts/data.py check --task caption
  python scripts/data.py check --config configs/recipes/flickr8k_show_tell.yaml data.folder=~/flickr8k
  python scripts/data.py check name=folder folder=~/photos

Prints for each split the numbers of pictures and captions, how long captions are, how many words the
vocabulary keeps, and every picture that is missing or cannot be read.
"""

import argparse
from pathlib import Path

from captioner.app.places import config_file
from captioner.config import VocabularyConfig, load, parse_overrides
from captioner.errors import UserError


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
    min_count = VocabularyConfig().min_count
    if arguments.task or arguments.config:
        config = load(arguments.config or config_file(arguments.task), arguments.changes)
        data, min_count = config.data, config.vocabulary.min_count
    elif arguments.changes:
        data = {str(key): value for key, value in parse_overrides(arguments.changes).items()}
    else:
        raise UserError("Say which data: --task caption, --config FILE, or name=folder folder=PATH.")
    from captioner.data.base import DATASETS
    from captioner.data.check import check

    print(check(DATASETS.build(data), arguments.min_count or min_count))
