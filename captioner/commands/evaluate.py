"""Score a trained model.

  python scripts/evaluate.py
  python scripts/evaluate.py --model runs/caption/20250101-120000/model --split test --beam 5
  python scripts/evaluate.py --data name=coco --data folder=~/coco --data val=val2014 --split val --limit 100

Prints a table; writes results.json, the COCO results file, samples.html and attention pictures.
"""

import argparse
from pathlib import Path
from typing import Any

from captioner.app.places import last_run
from captioner.commands.search_options import add_search_arguments, search_changes
from captioner.commands.tables import score_table
from captioner.config import parse_overrides


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of this verb."""
    parser.add_argument("--model", type=Path, metavar="DIR", help="model folder (default: the last)")
    parser.add_argument(
        "--data",
        action="append",
        default=[],
        metavar="key=value",
        help="another data set: name=..., and its options; may be given several times",
    )
    parser.add_argument("--split", default="test", help="split of the data set (default: test)")
    parser.add_argument("--limit", type=int, metavar="N", help="only the first N pictures")
    parser.add_argument(
        "--shuffled",
        action="store_true",
        help="score a second time with each caption given to another picture",
    )
    parser.add_argument(
        "--output", type=Path, metavar="DIR", help="where to write (default: beside the model)"
    )
    add_search_arguments(parser)


def run(arguments: argparse.Namespace) -> None:
    """Evaluate and print."""
    model: Path = arguments.model or last_run(Path("runs"), "caption", "model") / "model"
    output: Path = arguments.output or model.parent / f"evaluation-{arguments.split}"
    data: dict[str, Any] | None = None
    if arguments.data:
        data = {str(key): value for key, value in parse_overrides(arguments.data).items()}
    from tqdm import tqdm

    from captioner.app.evaluate import evaluate

    result = evaluate(
        model,
        output,
        data=data,
        split=arguments.split,
        limit=arguments.limit,
        search=search_changes(arguments),
        shuffled=arguments.shuffled,
        progress=lambda captioned: tqdm(captioned, unit=" pictures", leave=False),
    )
    for problem in result.problems[:10]:
        print(f"left out: {problem}")
    if result.problems:
        print(f"{len(result.problems)} pictures could not be read.")
    columns = {arguments.split: result.scores} | ({"shuffled": result.shuffled} if result.shuffled else {})
    print(score_table(columns, f"{result.num_images} pictures"))
    print(f"\nmodel              {model}\nresults            {output / 'results.json'}")
    print(f"samples page       {output / 'samples.html'}")
    if (output / "attention").is_dir():
        print(f"attention pictures {output / 'attention'}")
