"""Know which of a training's processes this one is, before Lightning is imported."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

RANKS = ("RANK", "LOCAL_RANK", "NODE_RANK", "SLURM_PROCID")
"""Variables of torchrun, Lightning and SLURM: the first process of all has none, or 0 in each that is set."""
RUN_FOLDER = "CAPTIONER_RUN_FOLDER"
"""The variable that hands the run folder to the processes that Lightning starts from the first one."""


def is_first_process() -> bool:
    """Return whether this process is the only one of a training, or the first: the one that reports."""
    return all(os.environ.get(name, "0") == "0" for name in RANKS)


def is_started_with_others() -> bool:
    """Return whether torchrun or srun started all processes of a training, none of which knows the others."""
    by_torchrun = "RANK" in os.environ and os.environ.get("WORLD_SIZE", "1") != "1"
    by_srun = "SLURM_PROCID" in os.environ and os.environ.get("SLURM_NTASKS", "1") != "1"
    return by_torchrun or by_srun


def given_run_folder() -> Path | None:
    """Return the run folder that the first process chose; None in that one, or where each was told."""
    folder = os.environ.get(RUN_FOLDER)
    return None if folder is None or is_first_process() else Path(folder)


@contextlib.contextmanager
def first_process_reports() -> Iterator[None]:
    """Drop what Python prints in the block, unless this is the first process: all would print the same."""
    if is_first_process():
        yield
        return
    with (
        open(os.devnull, "w", encoding="utf-8") as nowhere,
        contextlib.redirect_stdout(nowhere),
        contextlib.redirect_stderr(nowhere),
    ):
        yield


def num_cores() -> int:
    """Return the processor cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):  # not there on macOS and Windows
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
