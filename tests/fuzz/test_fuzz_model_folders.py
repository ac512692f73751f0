"""Model folders with every kind of damage: a model, or a sentence."""

import json
import shutil
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from captioner.errors import UserError
from captioner.inference.confidence import read_confidence
from captioner.models.card import card_text
from captioner.models.folder import (
    CARD,
    CONFIG,
    WEIGHTS,
    WORDS,
    load_model,
    read_card,
    trained_task,
    write_card,
)
from fuzz.damage import damaged_bytes, damaged_value, works_or_says_why, written

TASKS = ("caption", "vqa", "char_lm")


@pytest.fixture(scope="module")
def folders(tiny_model, tmp_path_factory):
    """Of each task a whole folder, and where its damaged copies lie."""
    return {task: (tiny_model(task), tmp_path_factory.mktemp(task) / "model") for task in TASKS}


def fresh(folders, task: str) -> Path:
    whole, folder = folders[task]
    shutil.rmtree(folder, ignore_errors=True)
    return shutil.copytree(whole, folder)


def use(folder: Path) -> None:
    """Read all that is read of a model folder."""
    works_or_says_why(lambda: trained_task(folder))
    works_or_says_why(lambda: card_text(read_card(folder)))
    works_or_says_why(lambda: (load_model(folder), read_confidence(folder, read_card(folder))))


@pytest.mark.parametrize("task", TASKS)
@given(name=st.sampled_from([CARD, CONFIG, WORDS, WEIGHTS]), data=st.data())
def test_bytes(folders, task, name, data):
    """Of the other files than the card any change is found, since the card has their hashes."""
    folder = fresh(folders, task)
    before = (folder / name).read_bytes()
    written(folder, name, data.draw(damaged_bytes(before)))
    use(folder)
    if name != CARD and (folder / name).read_bytes() != before:
        with pytest.raises(UserError):
            load_model(folder)


@pytest.mark.parametrize("task", TASKS)
@given(data=st.data())
def test_fields_of_the_card(folders, task, data):
    folder = fresh(folders, task)
    fields = data.draw(damaged_value(json.loads((folder / CARD).read_text())))
    written(folder, CARD, json.dumps(fields).encode())
    use(folder)


@pytest.mark.parametrize("name", [CONFIG, WORDS])
@pytest.mark.parametrize("task", TASKS)
@given(data=st.data())
def test_options_and_words(folders, task, name, data):
    """With the hash of the changed file, as somebody makes a folder to harm. JSON is YAML too."""
    folder = fresh(folders, task)
    content = data.draw(damaged_value(yaml.safe_load((folder / name).read_text())))
    written(folder, name, json.dumps(content).encode())
    write_card(folder, read_card(folder))
    use(folder)
