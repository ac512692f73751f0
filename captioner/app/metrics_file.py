"""metrics.csv: every figure of a run, one row a step, over all times the run was gone on with."""

import csv
from argparse import Namespace
from pathlib import Path
from typing import Any

from pytorch_lightning.loggers.logger import Logger
from pytorch_lightning.utilities import rank_zero_only


class MetricsFile(Logger):
    """A Lightning logger that goes on in the file it finds.

    Rows of steps that are done again, because the run was stopped after its last resume file, are replaced.
    """

    def __init__(self, file: Path) -> None:
        super().__init__()
        self.file = file
        self.rows: list[dict[str, Any]] = []
        self._gone_on = False
        if file.exists():
            with file.open(newline="", encoding="utf-8") as lines:
                self.rows = [{k: v for k, v in row.items() if v != ""} for row in csv.DictReader(lines)]

    @property
    def name(self) -> str:
        """Lightning wants one."""
        return "metrics"

    @property
    def version(self) -> str:
        """Lightning wants one."""
        return ""

    def log_hyperparams(self, params: dict[str, Any] | Namespace, *args: Any, **kwargs: Any) -> None:
        """They stand in config.yaml."""

    @rank_zero_only
    def log_metrics(self, metrics: dict[str, float], step: int | None = None) -> None:
        """Add figures to the row of a step."""
        now = 0 if step is None else step
        if not self._gone_on:
            self.rows = [row for row in self.rows if int(row["step"]) < now]
            self._gone_on = True
        if not self.rows or int(self.rows[-1]["step"]) != now:
            self.rows.append({"step": now})
        self.rows[-1] |= metrics

    @rank_zero_only
    def save(self) -> None:
        """Write the file: the step and the epoch first, then the other figures by name."""
        names = {name for row in self.rows for name in row} - {"step", "epoch"}
        self.file.parent.mkdir(parents=True, exist_ok=True)
        with self.file.open("w", newline="", encoding="utf-8") as lines:
            writer = csv.DictWriter(lines, ["step", "epoch", *sorted(names)])
            writer.writeheader()
            writer.writerows(self.rows)

    def finalize(self, status: str) -> None:
        """Write what is not written yet."""
        self.save()
