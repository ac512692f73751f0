"""Any value of any option is accepted, or refused in one sentence; what is accepted can be built."""

import inspect
import math
from collections.abc import Collection, Mapping
from dataclasses import fields
from typing import Any, NamedTuple

import pytest
import pytorch_lightning as pl
import torch
from hypothesis import given
from hypothesis import strategies as st

from captioner.cells.base import CELLS
from captioner.config import Config, TrainingConfig, VocabularyConfig, from_mapping
from captioner.data.captions.base import CAPTION_SOURCES
from captioner.data.memory.base import MEMORY_PROBLEMS
from captioner.data.questions.base import QUESTION_SOURCES
from captioner.data.text.corpus import CORPORA
from captioner.data.translation.base import PAIR_SOURCES
from captioner.decoders.base import DECODERS
from captioner.encoders.base import ENCODERS
from captioner.encoders.text_encoder import TextEncoder
from captioner.errors import UserError
from captioner.heads.base import HEADS
from captioner.registry import Registry, check_options
from captioner.search.base import SEARCHES
from captioner.training.checks.trainer_options import OURS, check_trainer
from captioner.training.objectives.base import OBJECTIVES
from captioner.training.optimization.optimizers import OPTIMIZERS, check_optimizer
from captioner.training.optimization.schedules import SCHEDULES

FACTS: Mapping[Registry[Any], Collection[str]] = {
    CELLS: ("input_dim",),
    DECODERS: ("feature_dim", "vocab_size", "num_locations", "endless"),
    HEADS: ("feature_dim", "state_dim", "num_answers"),
    ENCODERS: (),
    OBJECTIVES: (),
    SEARCHES: ("vocabulary",),
    OPTIMIZERS: ("params",),
    SCHEDULES: ("optimizer", "monitor", "total_updates"),
    MEMORY_PROBLEMS: (),
    CAPTION_SOURCES: (),
    QUESTION_SOURCES: (),
    CORPORA: (),
    PAIR_SOURCES: (),
}
"""What a config may not set, of each kind of component."""

EXTREME = (0, -1, 1, 2**32, 10**9, 10**30, -(10**30), 1e-320, 1e300, -1e300, math.nan, math.inf, -math.inf)
SMALL = 40  # units, layers and the like that are built
LARGEST_BUILT = 100.0

numbers = st.sampled_from(EXTREME) | st.integers(-2, SMALL) | st.floats(-2, 2) | st.floats()
words = st.sampled_from(["", "lstm", "gru", "nan", "none", "0.5", "\x1b", "../x"]) | st.text(max_size=3)
plain = numbers | words | st.booleans()
anything = st.recursive(
    plain | st.none(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=2),
    max_leaves=4,
)


class Kind(NamedTuple):
    """A registered component."""

    registry: Registry[Any]
    name: str

    @property
    def options(self) -> list[str]:
        """The names that a config may give."""
        known = inspect.signature(self.registry[self.name]).parameters
        return [key for key in known if key not in FACTS[self.registry]]


kinds = st.sampled_from([Kind(registry, name) for registry in FACTS for name in registry])
LIGHT = [one for one in FACTS if one not in (ENCODERS, SEARCHES, OPTIMIZERS)]


def accept_or_refuse(check, *arguments) -> None:
    """Call a check, which may refuse in one sentence of a bearable length."""
    said = ""
    try:
        check(*arguments)
    except UserError as problem:
        said = str(problem)
    assert "\n" not in said
    assert len(said) < 1500


@given(data=st.data())
def test_any_options_of_a_component_are_accepted_or_refused(data):
    kind = data.draw(kinds)
    options = data.draw(st.dictionaries(st.sampled_from([*kind.options, "other"]), anything, max_size=3))
    accept_or_refuse(kind.registry.check, {**options, "name": kind.name}, FACTS[kind.registry])


@pytest.mark.parametrize("registry", LIGHT, ids=lambda registry: registry.package)
@given(data=st.data())
def test_what_is_accepted_can_be_built(registry, data):
    kind = Kind(registry, data.draw(st.sampled_from(list(registry))))
    options = data.draw(st.dictionaries(st.sampled_from(kind.options or ["other"]), plain, max_size=3))
    for key in {"hidden_dim", "embed_dim", "attention_dim", "context_dim"} & {*kind.options}:
        options.setdefault(key, 6)
    if any(isinstance(value, int | float) and value > LARGEST_BUILT for value in options.values()):
        return
    facts = {"input_dim": 3, "feature_dim": 4, "vocab_size": 9, "state_dim": 5, "num_answers": 7}
    facts |= {"num_locations": 2, "endless": False, "monitor": "val/loss", "total_updates": 30}
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))])
    config = {"name": kind.name, **options}
    accept_or_refuse(lambda: kind.registry.build(config, **facts, optimizer=optimizer))


@given(name=st.sampled_from(list(SEARCHES)), data=st.data())
def test_a_search_that_is_accepted_can_be_built(name, data):
    options = [key for key in Kind(SEARCHES, name).options if "words" not in key]
    chosen = data.draw(st.dictionaries(st.sampled_from(options), plain, max_size=3))
    accept_or_refuse(SEARCHES.build, {"name": name, **chosen})


@given(name=st.sampled_from(list(OPTIMIZERS)), data=st.data())
def test_an_optimizer_that_is_accepted_makes_an_update(name, data):
    options = Kind(OPTIMIZERS, name).options
    values = numbers | st.booleans() | st.lists(st.floats(0, 1), min_size=2, max_size=2)
    accept_or_refuse(
        check_optimizer,
        {"name": name, **data.draw(st.dictionaries(st.sampled_from(options), values, max_size=3))},
    )


@given(data=st.data())
def test_any_value_of_a_config_is_accepted_or_refused(data):
    section = data.draw(st.sampled_from([Config, TrainingConfig, VocabularyConfig]))
    values = data.draw(
        st.dictionaries(st.sampled_from([one.name for one in fields(section)]), anything, max_size=3)
    )
    own = {Config: values, TrainingConfig: {"training": values}, VocabularyConfig: {"vocabulary": values}}[
        section
    ]
    least: dict[str, Any] = {"task": {"name": "caption"}, "data": {"name": "scenes"}}
    accept_or_refuse(from_mapping, least | own, "run.yaml")


@given(
    options=st.dictionaries(
        st.sampled_from(list(inspect.signature(TextEncoder).parameters)), anything, max_size=2
    )
)
def test_any_options_of_a_text_encoder_are_accepted_or_refused(options):
    accept_or_refuse(lambda: check_options("text_encoder", TextEncoder, options, facts=("vocab_size",)))


GLOBAL = ("deterministic", "benchmark")  # set torch's own state
trainer_options = sorted({*inspect.signature(pl.Trainer).parameters} - OURS - {*GLOBAL})


@given(option=st.sampled_from(trainer_options), value=anything)
def test_any_option_of_the_trainer_is_accepted_or_refused(option, value):
    accept_or_refuse(check_trainer, {option: value})
