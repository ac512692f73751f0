"""Check the figure of validation by which the best model is kept."""

from collections.abc import Iterable

from captioner.config import Config
from captioner.errors import UserError, nearest


def check_monitor(config: Config, figures: Iterable[str], kinds_of: str | None = None) -> None:
    """Refuse a figure that validation does not have: the last model would be kept instead of the best.

    Args:
        config: the run.
        figures: those of the task's validation beside `loss` by which models can be compared.
        kinds_of: a figure that is also given by the type of a question, under names that the data know.

    Raises:
        UserError: there is no such figure.
    """
    monitor = config.training.monitor
    known = [f"val/{name}" for name in ("loss", *figures)]
    is_kind = kinds_of is not None and monitor.startswith(f"val/{kinds_of}_")
    if monitor not in known and not is_kind:
        raise UserError(f"training.monitor: there is no figure {monitor!r}. {nearest(monitor, known)}")
