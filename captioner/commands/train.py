"""Train a model.

  python scripts/train.py --task caption
  python scripts/train.py --task caption training.batch_size=16 trainer.max_epochs=3
  python scripts/train.py --task char-lm data.path=my_texts/
  python scripts/train.py --task caption --from photos data.name=folder data.folder=my_photos
  python scripts/train.py --config configs/recipes/flickr8k_show_attend_tell.yaml data.folder=~/flickr8k

--from fine-tunes a trained model: it keeps its encoder, its decoder and the words it knows, and learns new
words.

Any key of the config can be set by key=value; trainer.* goes to Lightning's Trainer. Ctrl-C or SIGTERM stops
after the update under way and leaves a usable model; --resume continues exactly there, also with options that
change only what is to come: --resume DIR trainer.max_epochs=20.

trainer.devices=2 trains with two processes, each on a GPU of its own (docs/scale.md: more machines, torchrun,
SLURM); the batch of an update is then twice training.batch_size.
"""

import argparse
import dataclasses
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from captioner.config import Config, load, model_options
from captioner.errors import UserError, nearest
from captioner.files.outputs import check_folder
from captioner.paths import (
    config_file,
    fine_tune_file,
    holds_run,
    last_run,
    model_folder,
    new_run,
    task_name,
)
from captioner.processes import RUN_FOLDER, given_run_folder, is_first_process, is_started_with_others

if TYPE_CHECKING:
    from captioner.training.train import Trained

RUNS = Path("runs")
CHANGED_BY_RESUME = (
    *("trainer.max_epochs", "trainer.max_steps", "trainer.max_time", "trainer.enable_progress_bar"),
    *("trainer.log_every_n_steps", "trainer.accelerator", "trainer.devices", "trainer.num_nodes"),
    *("trainer.strategy", "logger"),
    *("training.batch_size", "training.num_workers", "training.patience", "training.save_every_minutes"),
)
"""Options that a run may be resumed with: none of them changes what was trained before."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this verb."""
    parser.add_argument("changes", nargs="*", metavar="key=value", help="a change to the config")
    parser.add_argument("--task", help="what to train: the name of a config, such as caption")
    parser.add_argument("--config", type=Path, metavar="FILE", help="a config file of your own, or a recipe")
    parser.add_argument(
        "--from", dest="start", metavar="MODEL", help="fine-tune a trained model: photos, last or a folder"
    )
    parser.add_argument("--output", type=Path, metavar="DIR", help="run folder (default: runs/TASK/TIME)")
    parser.add_argument("--overwrite", action="store_true", help="replace the run that --output holds")
    parser.add_argument(
        "--resume",
        nargs="?",
        type=Path,
        const=Path(),
        metavar="DIR",
        help="continue a run that was stopped (default: the last one that can be)",
    )


def run(arguments: argparse.Namespace) -> None:
    """Check what was asked, then train."""
    is_resumed = arguments.resume is not None
    config, folder = _to_resume(arguments) if is_resumed else _to_start(arguments)
    from captioner.training.checks.components import check_components

    check_components(config)  # a mistake is answered before Lightning is imported
    if folder is not None:
        check_folder(folder, "--resume" if is_resumed else "--output")
    folder = _run_folder(str(config.task["name"]), folder)
    from captioner.training.train import train

    try:
        result = train(dataclasses.replace(config), folder, resume=is_resumed)
    except (OSError, UserError):
        if is_first_process():
            _remove_empty(folder)
        raise
    if is_first_process():
        _report(config, folder, result)
        if result.interrupted == signal.SIGTERM:
            sys.exit(128 + signal.SIGTERM)  # as who sent it expects


def _run_folder(task: str, folder: Path | None) -> Path:
    """Make the folder of the run, where there is none; the first process of a training does so for all."""
    if folder is None and (is_started_with_others() or not is_first_process()):
        raise UserError("Processes that are started together need one run folder: name it with --output.")
    if folder is not None and (folder.is_dir() or not is_first_process()):
        made = folder
    else:
        made = new_run(RUNS, task, folder)
    if is_first_process():
        os.environ[RUN_FOLDER] = str(made.absolute())
    return made


def _report(config: Config, folder: Path, result: "Trained") -> None:
    minutes = result.seconds / 60
    if result.interrupted is not None:
        print(f"\nStopped after {minutes:.1f} min. Continue with: --resume {folder}")
    else:
        best = "" if result.best is None else f", best {config.training.monitor} {result.best:.3f}"
        print(f"\nTrained for {minutes:.1f} min{best}.")
    print(f"Model: {result.model}")


def _remove_empty(folder: Path) -> None:
    """Remove the folder of a run that did not begin, and those above it that were made for it."""
    if [file.name for file in folder.iterdir()] == ["config.yaml"]:
        (folder / "config.yaml").unlink()
    made = [folder, *(one for one in folder.parents if RUNS in (one, *one.parents))]
    for one in made:
        if any(one.iterdir()):
            return
        one.rmdir()


def _to_resume(arguments: argparse.Namespace) -> tuple[Config, Path]:
    """Return the config and the folder of the run to continue."""
    if arguments.config or arguments.output or arguments.start:
        raise UserError("--resume continues the run as it was started: no config, model or output with it.")
    folder: Path = arguments.resume
    if "=" in str(folder) and not folder.exists():  # --resume key=value
        arguments.changes.insert(0, str(folder))
        folder = Path()
    for change in arguments.changes:
        if (key := change.partition("=")[0]) not in CHANGED_BY_RESUME:
            raise UserError(
                f"--resume continues the run as it was started: {key} cannot be changed. "
                f"{nearest(key, CHANGED_BY_RESUME)}"
            )
    if folder == Path():
        task = task_name(arguments.task or "caption")
        folder = given_run_folder() or last_run(RUNS, task, "last.ckpt")
    return load(folder / "config.yaml", arguments.changes), folder


def _to_start(arguments: argparse.Namespace) -> tuple[Config, Path | None]:
    """Return the config of a new run, and its folder if one was named."""
    if not (arguments.config or arguments.task):
        raise UserError("Say what to train: --task caption, or --config FILE.")
    config = _config(arguments)
    task = config.task.get("name", arguments.task)
    if arguments.task and task_name(arguments.task) != task:
        raise UserError(f"{arguments.config} is a config for the task {task}, not {arguments.task}.")
    output: Path | None = given_run_folder() or arguments.output
    replaces = is_first_process() and output is not None and holds_run(output)
    if replaces and not arguments.overwrite:
        raise UserError(f"{output} holds a run already: choose another folder, or add --overwrite.")
    return config, output


def _config(arguments: argparse.Namespace) -> Config:
    """Read the config of a task or a file; with --from, the parts of the model are those of a trained one."""
    if arguments.start is None:
        return load(arguments.config or config_file(arguments.task), arguments.changes)
    folder = model_folder(arguments.start, arguments.task or "caption")
    settings: Path = arguments.config or fine_tune_file(arguments.task or "caption")
    return load(settings, arguments.changes, model_options(folder) | {"training": {"init_from": str(folder)}})
