"""Check the components of a run without Lightning, so that a typo is answered at once."""

from pathlib import Path

from captioner.config import Config
from captioner.errors import UserError
from captioner.models.base import check_model
from captioner.models.card import read_card
from captioner.paths import model_within
from captioner.search.base import FACTS as SEARCH_FACTS
from captioner.search.base import SEARCHES
from captioner.training.objectives.base import OBJECTIVES
from captioner.training.optimization.optimizers import check_optimizer
from captioner.training.optimization.schedules import SCHEDULES


def check_components(config: Config) -> None:
    """Refuse a mistake in a component, before data is read or a model is built.

    Args:
        config: the run.

    Raises:
        UserError: one sentence with the nearest right name.
    """
    check_model(config)
    for search in (config.search, config.task.get("validation_search")):
        if search:
            SEARCHES.check(search, SEARCH_FACTS)
    if config.objective:
        OBJECTIVES.check(config.objective)
        _check_start(config)
    check_optimizer(config.optimizer)
    SCHEDULES.check(config.schedule, facts=("optimizer", "monitor", "total_updates"))
    if config.training.init_from is not None:
        read_card(model_within(Path(config.training.init_from).expanduser()))


def _check_start(config: Config) -> None:
    objective = OBJECTIVES.class_of(config.objective)
    if objective.rewards_samples and config.training.init_from is None:
        raise UserError(
            f"The objective {config.objective['name']} starts from a trained model: set "
            "training.init_from=MODEL_FOLDER."
        )
