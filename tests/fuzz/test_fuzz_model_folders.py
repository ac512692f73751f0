"""Model folders with every kind of damage: a sentence, or a model; never another exception."""

import copy
import json
import shutil
from contextlib import suppress
from pathlib import Path

import profiles  # noqa: F401
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

ODD = (
    *(None, True, 0, -1, 3, 10**30, 0.5, -1.5, 1e308, float("inf"), float("nan")),
    *(
        "",
        "x",
        "red",
        "é\u0301",
        "\ud800",
        "lstm",
        "9" * 300,
        [],
        [1, 2],
        ["a", "a"],
        [[]],
        {},
        {"name": "x"},
        {"a": []},
    ),
)
"""Values that take the place of others."""
odd_values = st.sampled_from(ODD)


@st.composite
def changes(draw) -> list[tuple[int, object, str]]:
    """Places in a nested value, counted through all of its parts, and what is done there."""
    place = st.integers(0, 400)
    kinds = st.sampled_from(["replace", "replace", "delete", "add"])
    return draw(st.lists(st.tuples(place, odd_values, kinds), min_size=1, max_size=3))


def damaged(value, wanted):
    """A nested value with changes; places wrap around."""
    for place, new, kind in wanted:
        parts = list(_parts(value))
        if not parts:
            return copy.deepcopy(new)
        holder, key = parts[place % len(parts)]
        if kind == "replace":
            holder[key] = copy.deepcopy(new)
        elif kind == "delete":
            del holder[key]
        elif isinstance(holder, dict):
            holder["x"] = copy.deepcopy(new)
        else:
            holder.insert(key, copy.deepcopy(new))
    return value


def _parts(value):
    keys = value.keys() if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    for key in keys:
        yield value, key
        yield from _parts(value[key])


def cut(raw: bytes, place: int, kind: str, flipped: int) -> bytes:
    """A file's bytes, cut off or with other bits."""
    where = place % max(1, len(raw))
    if kind == "cut":
        return raw[:where]
    if kind == "empty":
        return b""
    if kind == "deep":
        return b"[" * 100_000
    if kind == "digits":
        return b"9" * 5_000
    return raw[:where] + bytes([raw[where] ^ flipped]) + raw[where + 1 :] if raw else b"\xff"


def use(folder: Path) -> None:
    """Read all that is read of a model folder; a sentence may answer."""
    for read in (trained_task, lambda folder: card_text(read_card(folder)), _load):
        with suppress(UserError):
            read(folder)


def _load(folder: Path) -> None:
    model = load_model(folder)
    read_confidence(folder, read_card(folder))
    assert len(model.vocabulary) > 4


@pytest.fixture(scope="module")
def folders(tiny_model, tmp_path_factory):
    return {
        task: (tiny_model(task), tmp_path_factory.mktemp(task) / "model")
        for task in ("caption", "vqa", "char_lm")
    }


def fresh(folders, task: str) -> Path:
    whole, folder = folders[task]
    shutil.rmtree(folder, ignore_errors=True)
    return shutil.copytree(whole, folder)


tasks = st.sampled_from(["caption", "vqa", "char_lm"])


@given(tasks, st.sampled_from([CARD, CONFIG, WORDS, WEIGHTS]), st.integers(0, 10**6),
       st.sampled_from(["flip", "cut", "empty", "deep", "digits"]), st.integers(1, 255))  # fmt: skip
def test_bytes(folders, task, name, place, kind, flipped):
    """Of the other files than the card any change is found, since the card has their hashes."""
    folder = fresh(folders, task)
    file = folder / name
    before = file.read_bytes()
    file.write_bytes(cut(before, place, kind, flipped))
    use(folder)
    if name != CARD and file.read_bytes() != before:
        with pytest.raises(UserError):
            load_model(folder)


@given(tasks, changes())
def test_fields_of_the_card(folders, task, wanted):
    folder = fresh(folders, task)
    fields = damaged(json.loads((folder / CARD).read_text()), wanted)
    (folder / CARD).write_text(json.dumps(fields), encoding="utf-8")
    use(folder)


@given(tasks, changes())
def test_options(folders, task, wanted):
    """With the hash of the changed file, as somebody makes a folder to harm."""
    folder = fresh(folders, task)
    options = damaged(yaml.safe_load((folder / CONFIG).read_text()), wanted)
    (folder / CONFIG).write_text(json.dumps(options), encoding="utf-8")
    write_card(folder, read_card(folder))
    use(folder)


@given(tasks, changes())
def test_words(folders, task, wanted):
    folder = fresh(folders, task)
    words = damaged(json.loads((folder / WORDS).read_text()), wanted)
    (folder / WORDS).write_text(json.dumps(words), encoding="utf-8")
    write_card(folder, read_card(folder))
    use(folder)
