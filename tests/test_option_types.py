"""Types of options in words, and that every number among the options of a component has a range."""

import importlib
import inspect
import math
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

import pytest

from captioner.errors import UserError, check_type
from captioner.option_types import is_of_type
from captioner.ranges import BeamSize, Finite, Fraction, NonEmpty, PathName, Positive, Seed
from captioner.registry import Registry

PASSED = {
    "feature_dim",
    "vocab_size",
    "input_dim",
    "state_dim",
    "num_answers",
    "num_locations",
    "total_updates",
}
"""Numbers that are known when things are built, and passed by name."""
REGISTRIES = [
    ("cells.base", "CELLS"),
    ("decoders.base", "DECODERS"),
    ("encoders.base", "ENCODERS"),
    ("heads.base", "HEADS"),
    ("search.base", "SEARCHES"),
    ("training.objectives.base", "OBJECTIVES"),
    ("training.optimization.optimizers", "OPTIMIZERS"),
    ("training.optimization.schedules", "SCHEDULES"),
    ("training.task", "TASKS"),
    ("models.base", "MODELS"),
    ("data.captions.base", "CAPTION_SOURCES"),
    ("data.questions.base", "QUESTION_SOURCES"),
    ("data.text.corpus", "CORPORA"),
    ("data.translation.base", "PAIR_SOURCES"),
    ("data.memory.base", "MEMORY_PROBLEMS"),
]


def bare_numbers(hint: Any) -> list[type]:
    """The int and float in a type that no range is given for."""
    if hint in (int, float):
        return [hint]
    if get_origin(hint) is Annotated:
        return []
    return [found for inner in get_args(hint) for found in bare_numbers(inner)]


@pytest.mark.parametrize(("module", "name"), REGISTRIES, ids=[name for _, name in REGISTRIES])
def test_every_number_among_the_options_has_a_range(module, name):
    registry: Registry[Any] = getattr(importlib.import_module(f"captioner.{module}"), name)
    for one in registry:
        maker = registry[one]
        hints = get_type_hints(maker.__init__ if inspect.isclass(maker) else maker, include_extras=True)
        hints |= registry.ranges or {}
        options = [key for key in inspect.signature(maker).parameters if key in hints and key not in PASSED]
        assert [key for key in options if bare_numbers(hints[key])] == [], f"{registry.kind} {one}"


@pytest.mark.parametrize(
    ("value", "annotation", "sentence"),
    [
        (2, Fraction, "x must be at least 0 and below 1, not 2."),
        (1.0, Fraction, "x must be at least 0 and below 1, not 1.0."),
        (True, Fraction, "x must be a number, at least 0 and below 1, not True."),
        ("2", Positive | None, "x must be a number, above 0, or null, not '2'."),
        (1e300, Positive, "x must be above 0 and at most 1,000,000, not 1e+300."),
        (math.nan, Finite, "x must be a number, at least -1,000,000, not nan."),
        (math.inf, float, "x must be a number, not inf."),
        (0, BeamSize, "x must be at least 1, not 0."),
        (10**9, BeamSize, "x must be 1 to 10,000, not 1000000000."),
        (2.5, BeamSize, "x must be a whole number, at least 1, not 2.5."),
        (2**32, Seed, "x must be 0 to 4,294,967,295, not 4294967296."),
        ("", NonEmpty, "x must be a text, one character or more, not ''."),
        ("a\0b", PathName, "x must be a text, the path of a file or folder, not 'a\\x00b'."),
        (
            [0.9, 1],
            tuple[Fraction, Fraction],
            "x must be a list of 2 numbers, each at least 0 and below 1, not",
        ),
        ("beem", Literal["beam", "greedy"], "x must be beam or greedy, not 'beem'."),
        (b"beam", str, "x must be a text, not b'beam'."),
        (3, dict[str, Any], "x must be a mapping, not 3."),
    ],
)
def test_a_value_is_refused_in_words(value, annotation, sentence):
    with pytest.raises(UserError) as refused:
        check_type("x", value, annotation)
    assert str(refused.value).startswith(sentence)


def test_what_is_in_its_range_is_accepted():
    for value, annotation in [
        (0, Fraction),
        (1, Positive),
        (10_000, BeamSize),
        (2**32 - 1, Seed),
        (-5, Finite),
    ]:
        assert is_of_type(value, annotation)
    assert is_of_type("~/here*.txt", PathName)
    assert is_of_type(None, Fraction | None)
