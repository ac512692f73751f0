"""Calibrate how sure a captioner is, on images it was not trained on.

  python scripts/calibrate.py last --split val
  python scripts/calibrate.py my_model --split dev --figure reliability.png

Captions a split, fits the probability that a caption's CIDEr-D is at least --cider-d, and writes it into the
model folder: from then on `captioner caption` says how sure it is. The table is cross-validated.
"""

import argparse
from pathlib import Path

from captioner.commands.options.attention_files import check_drawing
from captioner.commands.options.numbers import in_range
from captioner.commands.options.precision import add_precision_argument
from captioner.config import load, parse_overrides
from captioner.files.outputs import check_folder
from captioner.paths import MODEL_HELP, model_folder
from captioner.ranges import Count, Positive


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this verb."""
    add = parser.add_argument
    add("model", metavar="MODEL", help=MODEL_HELP)
    add("--data", action="append", default=[], metavar="key=value", help="another data set than training's")
    add("--split", default="val", help="images to calibrate with (default: val)")
    add("--usual", default="train", metavar="SPLIT", help="images that are usual (default: train)")
    add(
        "--cider-d",
        type=in_range(Positive),
        default=0.5,
        metavar="X",
        help="of a good caption at least (default: 0.5)",
    )
    add("--limit", type=in_range(Count), metavar="N", help="only the first N images of each split")
    add("--figure", type=Path, metavar="PNG", help="draw the share of good captions by confidence")
    add_precision_argument(parser)


def run(arguments: argparse.Namespace) -> None:
    """Calibrate, print the table, draw it."""
    folder = model_folder(arguments.model, "caption")
    check_folder(folder, arguments.model)
    check_drawing(arguments.figure, option="--figure")
    data = parse_overrides(arguments.data) or load(folder / "config.yaml").data
    from captioner.evaluation.calibration import calibrate

    found = calibrate(
        folder,
        {str(key): value for key, value in data.items()},
        arguments.split,
        arguments.usual,
        arguments.cider_d,
        arguments.limit,
        arguments.precision,
    )
    print(f"{'confidence':>10}  {'good':>6}  {'captions':>8}")
    for one in found.bins:
        print(f"{one.confidence:10.3f}  {one.good:6.3f}  {one.size:8}")
    print(f"calibration error {found.error:.3f}; {found.good:.1%} of all captions are good")
    if arguments.figure:
        from captioner.insight.reliability_picture import draw_reliability

        bins = [(one.confidence, one.good, one.size) for one in found.bins]
        draw_reliability(bins, arguments.figure, arguments.cider_d)
        print(f"figure: {arguments.figure}")
