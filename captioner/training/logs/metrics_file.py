"""Write metrics.csv: every figure of a run, one row a step, through all resumes."""

import csv
import os
from argparse import Namespace
from pathlib import Path
from typing import Any, TextIO

from pytorch_lightning.loggers.logger import Logger
from pytorch_lightning.utilities import rank_zero_only

from captioner.errors import UserError
from captioner.files.read import read_text


class MetricsFile(Logger):
    """A Lightning logger that continues the file it finds.

    Rows of steps that are done again, because the run was stopped after its last resume file, are replaced.
    At any moment the file holds what was saved: a run may be killed while it writes.

    Args:
        file: where to write.

    Raises:
        UserError: there is a file that is damaged.
    """

    def __init__(self, file: Path) -> None:
        super().__init__()
        self.file = file
        self.rows: list[dict[str, Any]] = []
        self._resumed = self._unsaved = False
        self._columns: list[str] = []  # of the file as it was written last
        self._settled = self._end = 0  # rows that will not change, and where their lines end
        if file.exists():
            self.rows = _read(file)

    @property
    def name(self) -> str:
        """A name that Lightning asks for."""
        return "metrics"

    @property
    def version(self) -> str:
        """A name that Lightning asks for."""
        return ""

    def log_hyperparams(self, params: dict[str, Any] | Namespace, *args: Any, **kwargs: Any) -> None:
        """Do nothing: config.yaml has them."""

    @rank_zero_only
    def log_metrics(self, metrics: dict[str, float], step: int | None = None) -> None:
        """Add figures to the row of a step."""
        now = 0 if step is None else step
        if not self._resumed:
            self.rows = [row for row in self.rows if int(row["step"]) < now]
            self._resumed = True
        if not self.rows or int(self.rows[-1]["step"]) != now:
            self.rows.append({"step": now})
        self.rows[-1] |= metrics
        self._unsaved = True

    @rank_zero_only
    def save(self) -> None:
        """Write new rows, or all where there is a new column: step and epoch first, the others by name.

        Raises:
            UserError: the disk is full, or the file cannot be written.
        """
        if not self._unsaved:
            return
        self._unsaved = False
        try:
            self._write()
        except OSError as problem:
            raise UserError(
                f"{self.file} cannot be written: {problem}. Make room and go on with --resume "
                f"{self.file.parent}."
            ) from None

    def _write(self) -> None:
        fresh = {name for row in self.rows[self._settled :] for name in row}
        if fresh <= set(self._columns) and self.file.exists():
            with self.file.open("r+", newline="", encoding="utf-8") as lines:
                lines.seek(self._end)
                self._write_unsettled(lines)
                lines.truncate()
            return
        names = {name for row in self.rows for name in row} - {"step", "epoch"}
        self._columns, self._settled = ["step", "epoch", *sorted(names)], 0
        self.file.parent.mkdir(parents=True, exist_ok=True)
        new = self.file.with_name(f".{self.file.name}")
        with new.open("w", newline="", encoding="utf-8") as lines:
            csv.DictWriter(lines, self._columns).writeheader()
            self._write_unsettled(lines)
        os.replace(new, self.file)

    def _write_unsettled(self, lines: TextIO) -> None:
        """The last row may still get figures: it is written, and written again."""
        writer = csv.DictWriter(lines, self._columns)
        writer.writerows(self.rows[self._settled : -1])
        self._settled, self._end = len(self.rows) - 1, lines.tell()
        writer.writerow(self.rows[-1])

    def finalize(self, status: str) -> None:
        """Write the last rows."""
        self.save()


def _read(file: Path) -> list[dict[str, Any]]:
    """Read the rows of a file, whose last line may be cut off."""
    lines = read_text(file, newline="").splitlines(keepends=True)
    try:
        read = list(csv.DictReader(line for line in lines if line.endswith("\n")))
        rows = [{key: value for key, value in row.items() if value != ""} for row in read]
        steps = [int(row["step"]) for row in rows]
    except (csv.Error, KeyError, TypeError, ValueError):
        steps = [-1]
    if min(steps, default=0) < 0 or any(None in row for row in rows):
        raise UserError(f"{file} is damaged: move it away, and the run begins a new one.")
    return rows
