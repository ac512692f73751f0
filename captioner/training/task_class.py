"""Find the class of the task that a config names."""

from typing import Any

from captioner.config import Config
from captioner.models.base import model_class
from captioner.registry import check_options
from captioner.training.task import TASKS, Task


def task_class(config: Config) -> type[Task[Any]]:
    """Return the class of the task that a config names.

    Args:
        config: the run.

    Returns:
        A subclass of `Task`.

    Raises:
        UserError: there is no such task, or neither it nor its model has such an option.
    """
    found = TASKS.class_of(config.task)
    options = {key: value for key, value in config.task.items() if key != "name"}
    facts = ("config", "vocabulary", "card", "model")
    check_options(f"task {config.task['name']}", found, options, facts, also=model_class(config))
    return found
