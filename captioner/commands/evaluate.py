"""Score a trained model, each task by its own measure.

  python scripts/evaluate.py
  python scripts/evaluate.py --model runs/caption/20250101-120000/model --split test --beam 5
  python scripts/evaluate.py --search diverse --beam 20 --groups 10 --n-best 20
  python scripts/evaluate.py --model runs/caption/one --model runs/caption/other
  python scripts/evaluate.py --data name=coco --data folder=~/coco --data train=null --split val --limit 100
  python scripts/evaluate.py --task vqa --blank
  python scripts/evaluate.py --task char-lm --windows 256
  python scripts/evaluate.py --task char-lm --data path=another.txt --split val
  python scripts/evaluate.py --task translate --data path=pairs.tsv

Prints a table and writes results.json: for captions and answers also the results file of COCO or VQA,
samples.html and attention pictures, for translations all of them. Of several captions a picture (--n-best) it
says how good the best of the first 1, 5, 10 and 20 is, picked by the metric itself (oracle@k), and how many
different n-grams they have. An option that has no meaning for the model's task is refused.
"""

import argparse
import functools
import inspect
import sys
from pathlib import Path
from typing import Any

from captioner.commands.options.numbers import in_range
from captioner.commands.options.precision import add_precision_argument
from captioner.commands.options.search import add_search_arguments, search_changes, search_flags
from captioner.commands.printing.tables import score_table
from captioner.config import parse_overrides
from captioner.errors import UserError
from captioner.files.outputs import check_folder
from captioner.paths import LAST, MODEL_HELP, model_folder, results_folder, task_name
from captioner.progress import progress_bar
from captioner.ranges import BeamSize, Count, Seed

OPTIONS = ("precision", "limit", "n_best", "shuffled", "blank", "windows", "num_windows", "windows_seed")
"""What some tasks have and others have not: flags, and arguments of their evaluation, of the same names."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this verb."""
    add = parser.add_argument
    add(
        "--model",
        action="append",
        metavar="MODEL",
        help=f"{MODEL_HELP}; for captions several make an ensemble",
    )
    add("--task", help="the last model of this task (default: caption)")
    add(
        "--data",
        action="append",
        default=[],
        metavar="key=value",
        help="another data set: name=..., and its options; may be given several times",
    )
    add("--split", help="split of the data set (default: test; for texts val)")
    add("--output", type=Path, metavar="DIR", help="where to write (default: beside the model)")
    add("--json", action="store_true", help="print results.json instead of a table")
    _add_task_arguments(parser)
    add_precision_argument(parser, default=None)
    add_search_arguments(parser)


def _add_task_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options that some tasks have and others have not."""
    add = parser.add_argument
    add("--limit", type=in_range(Count), metavar="N", help="only the first N pictures, questions or pairs")
    add("--n-best", type=in_range(BeamSize), metavar="N", help="captions: so many a picture (default: 1)")
    add(
        "--shuffled",
        action="store_const",
        const=True,
        help="captions: score a second time with each caption given to another picture",
    )
    add(
        "--blank",
        action="store_const",
        const=True,
        help="questions: score a second time with a grey picture in place of each",
    )
    add(
        "--windows",
        type=in_range(Count),
        metavar="N",
        help="texts: also in random windows of N characters, as nanoGPT",
    )
    add("--num-windows", type=in_range(Count), metavar="N", help="texts: how many of them (default: 1000)")
    add("--windows-seed", type=in_range(Seed), metavar="N", help="texts: the same windows again (default: 0)")


def run(arguments: argparse.Namespace) -> None:
    """Evaluate and print."""
    asked = task_name(arguments.task or "caption")
    model, *others = (model_folder(name, asked) for name in arguments.model or [LAST])
    from captioner.evaluation.base import EVALUATIONS
    from captioner.models.folder import trained_task

    task = trained_task(model)
    if arguments.task and asked != task:
        raise UserError(f"{model} holds a model for the task {task}, not {arguments.task}.")
    evaluate = EVALUATIONS[task]
    known = inspect.signature(evaluate).parameters
    options = _given(arguments) | ({"others": others} if others else {})
    for option, flag in _flags(options).items():
        if option not in known:
            raise UserError(f"{flag} has no meaning for the task {task}.")
    split = arguments.split or known["split"].default
    data = {str(key): value for key, value in parse_overrides(arguments.data).items()} or None
    output: Path = arguments.output or results_folder(model) / f"evaluation-{split}"
    check_folder(output, "--output")
    progress = functools.partial(progress_bar, leave=False)
    found = evaluate(model, output, split=split, data=data, progress=progress, **options)
    if arguments.json:
        print("\n".join(found.notes), end="\n" * bool(found.notes), file=sys.stderr)
        print(found.files["results"].read_text(encoding="utf-8"), end="")
        return
    print("\n".join([*found.notes, score_table(found.figures, found.title, found.digits)]))
    paths = [*(("model", one) for one in (model, *others)), *found.files.items()]
    print("\n".join(["", *(f"{name:18} {path}" for name, path in paths)]))


def _given(arguments: argparse.Namespace) -> dict[str, Any]:
    """Return the options that not all tasks have, by the names of the evaluation's arguments."""
    values = {option: getattr(arguments, option) for option in OPTIONS}
    values["search"] = search_changes(arguments) or None
    return {option: value for option, value in values.items() if value is not None}


def _flags(options: dict[str, Any]) -> dict[str, str]:
    """Return the flag of each option, as the user wrote it."""
    flags = {option: f"--{option.replace('_', '-')}" for option in options}
    flags |= {"search": search_flags(options["search"])[0]} if "search" in options else {}
    return flags | ({"others": "A second --model"} if "others" in options else {})
