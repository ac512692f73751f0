"""Write a small copy of a trained model, to share or to ship.

  python scripts/export.py last my_model
  python scripts/export.py runs/caption/20250101-120000/model my_model --about about.json --precision bf16

Weights are rounded to half precision. Weights of the encoder that came from a Python package and were not
changed are left out: the copy needs the package where it is used, and says so.
"""

import argparse
import json
from pathlib import Path
from typing import Any, get_args

from captioner.errors import UserError
from captioner.files.outputs import check_folder
from captioner.paths import model_folder
from captioner.precision import HalfPrecision


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this verb."""
    parser.add_argument("model", metavar="MODEL", help="last, or a model folder")
    parser.add_argument("target", type=Path, metavar="DIR", help="the new model folder")
    parser.add_argument("--task", default="caption", help="the last model of this task (default: caption)")
    parser.add_argument("--about", type=Path, metavar="JSON", help="a file of what is added to the card")
    parser.add_argument(
        "--precision",
        choices=get_args(HalfPrecision),
        default="fp16",
        help="of the weights: bf16 has three binary digits less, and packs smaller (default: fp16)",
    )


def run(arguments: argparse.Namespace) -> None:
    """Check what was asked, then write the copy."""
    folder = model_folder(arguments.model, arguments.task)
    if arguments.target.exists():
        raise UserError(f"{arguments.target} is there already: name a new folder.")
    check_folder(arguments.target, "DIR")
    about = _about(arguments.about) if arguments.about else {}
    from captioner.models.export import export_model

    export_model(folder, arguments.target, about, arguments.precision)
    size = sum(file.stat().st_size for file in arguments.target.iterdir())
    print(f"{arguments.target}: {size / 1e6:.1f} MB")


def _about(file: Path) -> dict[str, Any]:
    try:
        values = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"{file} cannot be read as JSON: {error}.") from None
    if not isinstance(values, dict):
        raise UserError(f"{file} must hold a JSON object.")
    return values
