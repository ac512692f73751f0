"""Average the weights of models that were trained on from one model.

  python scripts/average.py runs/caption/20250101-120000/model runs/caption/20250101-130000/model my_model

The mean often does better than each of them and costs as much as one. The last name is the new folder.
"""

import argparse
from pathlib import Path

from captioner.errors import UserError
from captioner.files.outputs import check_folder
from captioner.paths import model_folder


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this verb."""
    parser.add_argument("models", nargs="+", metavar="MODEL", help="two model folders or more")
    parser.add_argument("target", type=Path, metavar="DIR", help="the new model folder")
    parser.add_argument("--task", default="caption", help="the last model of this task (default: caption)")


def run(arguments: argparse.Namespace) -> None:
    """Check what was asked, then write the mean."""
    folders = [model_folder(name, arguments.task) for name in arguments.models]
    if arguments.target.exists():
        raise UserError(f"{arguments.target} is there already: name a new folder.")
    check_folder(arguments.target, "DIR")
    from captioner.models.average import average_models

    average_models(folders, arguments.target)
    print(f"{arguments.target}: the mean of {len(folders)} models")
