"""The models of the page: those named, those of the package, those of runs; loaded when asked for."""

import os
import shutil

import pytest

from captioner.page.model_catalog import LOADED, ModelCatalog
from captioner.page.refusals import Refused


@pytest.fixture
def runs(tmp_path, tiny_model):
    """A folder of runs: two captioners, and a translator, which has no tab."""
    for number, (task, name) in enumerate(
        [("caption", "20260101-000000"), ("translate", "20260102-000000"), ("caption", "20260103-000000")]
    ):
        made = tmp_path / task / name / "model"
        shutil.copytree(tiny_model(task), made)
        os.utime(made, (number, number))
    return tmp_path


def test_models_are_in_order_and_without_those_that_have_no_tab(tiny_model, runs):
    catalog = ModelCatalog([str(tiny_model("vqa"))], runs)
    assert [(one.id, one.tab) for one in catalog.entries().values()] == [
        ("vqa", "ask"),
        ("photos", "caption"),
        ("caption-20260103-000000", "caption"),
        ("caption-20260101-000000", "caption"),
    ]


def test_a_model_trained_meanwhile_is_offered(tiny_model, tmp_path):
    catalog = ModelCatalog([], tmp_path)
    assert [*catalog.entries()] == ["photos"]
    shutil.copytree(tiny_model("char_lm"), tmp_path / "char_lm" / "one" / "model")
    assert catalog.entry("", "text").id == "char_lm-one"


def test_a_damaged_run_is_left_out(runs):
    (runs / "caption" / "20260103-000000" / "model" / "card.json").write_text("{")
    assert "caption-20260103-000000" not in ModelCatalog([], runs).entries()


@pytest.mark.parametrize(
    ("name", "tab"), [("nope", None), ("photos", "text"), ("", "ask"), ("../photos", None)]
)
def test_a_model_that_is_not_there_is_refused(tmp_path, name, tab):
    with pytest.raises(Refused) as refused:
        ModelCatalog([], tmp_path).entry(name, tab)
    assert refused.value.status == 404


def test_few_models_stay_in_memory(tiny_model, runs):
    catalog = ModelCatalog([str(tiny_model(task)) for task in ("vqa", "visual7w", "char_lm")], runs)
    names = ["vqa", "visual7w", "char_lm", "caption-20260103-000000", "caption-20260101-000000"]
    entries = [catalog.entry(name) for name in names]
    first = catalog.load(entries[0])
    assert catalog.load(entries[0]) is first
    for one in entries[1:]:
        catalog.load(one)
    assert [catalog.loaded(one) is not None for one in entries] == [False] + [True] * LOADED


def test_what_can_be_chosen_is_listed(page_client):
    found = page_client.get("/api/models").json()
    assert {one["id"]: one["tab"] for one in found["models"]} == {
        "caption": "caption",
        "vqa": "ask",
        "visual7w": "ask",
        "char_lm": "text",
        "photos": "caption",
    }
    assert found["default"] == {"caption": "caption", "ask": "vqa", "text": "char_lm"}
    assert {one["name"]: one["steps"] for one in found["searches"]}["exact"] is False
    assert {one["key"] for one in found["options"]} > {"beam_size", "temperature", "required_words"}
    assert {one["kind"] for one in found["examples"]} == {"photo", "scene"}


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        ("caption", {"has_attention", "grid", "search", "words", "card"}),
        ("vqa", {"card"}),
        ("char_lm", {"layers", "search", "words", "card"}),
    ],
)
def test_a_model_is_described(page_client, name, fields):
    found = page_client.get(f"/api/models/{name}").json()
    assert found.keys() == {"id", "task", "summary", "tab"} | fields
