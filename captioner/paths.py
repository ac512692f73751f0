"""Find configs, runs and the cache."""

import os
import time
from itertools import chain, count
from pathlib import Path

from captioner.errors import UserError, nearest

PACKAGE = Path(__file__).resolve().parent
LAST = "last"
MODEL_HELP = "last (the last one trained, the default), a model that `captioner models` lists, or a folder"


def config_file(task: str) -> Path:
    """Return the config file of a task: beside the package in a checkout, inside it once installed.

    Args:
        task: its name, with hyphens or underscores.

    Returns:
        The YAML file.

    Raises:
        UserError: there is no such task.
    """
    known = {file.stem: file for file in _configs().glob("*.yaml")}
    for name, file in known.items():
        if task_name(name) == task_name(task):
            return file
    raise UserError(f"There is no task {task!r}. {nearest(task, known)}")


def fine_tune_file(task: str) -> Path:
    """Return the config file to fine-tune a trained model with: the task's own where there is no other.

    Args:
        task: its name, with hyphens or underscores.

    Returns:
        The YAML file.

    Raises:
        UserError: there is no such task.
    """
    usual = config_file(task)
    own = usual.parent / "fine_tune" / usual.name
    return own if own.is_file() else usual


def _configs() -> Path:
    return next((f for f in (PACKAGE / "configs", PACKAGE.parent / "configs") if f.is_dir()), PACKAGE)


def task_name(typed: str) -> str:
    """Return a task's name in configs from its name on the command line: `char-lm` is `char_lm`."""
    return typed.replace("-", "_")


def cache_folder() -> Path:
    """Return the folder of what can be computed again: $XDG_CACHE_HOME/captioner or ~/.cache/captioner."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "captioner"


def cache_hint(file: Path) -> str:
    """Return how to move the cache, where a file that cannot be written is in it; else ""."""
    hint = " Set XDG_CACHE_HOME to a folder that can be written."
    return hint if file.absolute().is_relative_to(cache_folder().absolute().parent) else ""


def new_run(runs: Path, task: str, folder: Path | None = None) -> Path:
    """Make the folder of a run that starts now.

    Args:
        runs: the folder of all runs.
        task: the task's name.
        folder: the folder itself; None: one named after the time, which no other run has.

    Returns:
        The folder.

    Raises:
        UserError: it cannot be made.
    """
    stem = runs / task / time.strftime("%Y%m%d-%H%M%S")
    names = chain([stem], (stem.with_name(f"{stem.name}-{number}") for number in count(1)))
    for made in names if folder is None else [folder]:
        try:
            made.mkdir(parents=True)
        except FileExistsError:
            continue
        except OSError as problem:
            raise UserError(f"The folder {made} cannot be made: {problem.strerror}.") from None
        return made
    raise UserError(f"{folder} is no folder: choose another name for the run.")


def holds_run(folder: Path) -> bool:
    """Whether a folder has anything of a training in it."""
    return any((folder / name).exists() for name in ("config.yaml", "last.ckpt", "model"))


def last_run(runs: Path, task: str, holding: str) -> Path:
    """Return the newest run of a task.

    Args:
        runs: the folder of all runs.
        task: the task's name.
        holding: a file or folder that the run must have.

    Returns:
        The run's folder.

    Raises:
        UserError: there is none.
    """
    found = sorted((runs / task).glob(f"*/{holding}"), key=lambda path: path.stat().st_mtime)
    if not found:
        raise UserError(f"There is no {holding} under {runs / task} yet: train first, or say where (--help).")
    return found[-1].parent


def last_model(task: str) -> Path:
    """Return the model folder of the newest run of a task, under `runs` in the current folder.

    Args:
        task: its name, with hyphens or underscores.

    Returns:
        The model folder.

    Raises:
        UserError: there is none.
    """
    return last_run(Path("runs"), task_name(task), "model") / "model"


def shipped_models() -> dict[str, Path]:
    """Return the model folders that come with the package, by name."""
    return {folder.name: folder for folder in sorted((PACKAGE / "shipped").glob("*")) if folder.is_dir()}


def results_folder(model: Path) -> Path:
    """Return where results of a model are written: beside it, or under `runs` for one of the package."""
    return Path("runs") / model.name if model in shipped_models().values() else model.parent


def trained_models(runs: Path) -> list[Path]:
    """Return the model folders of all runs, the newest first."""
    return sorted(runs.glob("*/*/model"), key=lambda path: -path.stat().st_mtime)


def expanded(name: str | Path) -> Path:
    """Return a path with the home folder in place of `~`; `~name` of nobody stays as it is."""
    return Path(os.path.expanduser(name))


def model_folder(name: str | Path, task: str) -> Path:
    """Return a model folder by its name.

    Args:
        name: `last` for the newest run of the task, a model of `shipped_models`, or the folder of a
            model or of a run.
        task: its name, with hyphens or underscores.

    Returns:
        The model folder.

    Raises:
        UserError: there is no such model.
    """
    if str(name) == LAST:
        return last_model(task)
    if (shipped := shipped_models().get(str(name))) is not None:
        return shipped
    folder = expanded(name)
    if not folder.exists():
        raise UserError(f"There is no model {str(name)!r}. {nearest(str(name), [*shipped_models(), LAST])}")
    return model_within(folder)


def model_within(folder: Path) -> Path:
    """Return the model folder of a run; any other folder as it is."""
    inner = folder / "model"
    return inner if inner.is_dir() else folder
