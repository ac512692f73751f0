"""The scenes as a data set: drawn once, whole or not at all, read as COCO is."""

from pathlib import Path

import pytest

from captioner.data.captions import scenes as source
from captioner.data.captions.base import CAPTION_SOURCES
from captioner.data.captions.scenes import Scenes
from captioner.errors import UserError
from captioner.scenes.judge import judge
from captioner.scenes.write import write_scenes

SMALL = {"num_train": 5, "num_val": 2, "num_test": 3}


def forbid(*_):
    raise AssertionError("drawn again")


def test_tables_of_three_splits_and_the_scene_of_each_row(tmp_path, capsys):
    scenes = CAPTION_SOURCES.build({"name": "scenes", "folder": str(tmp_path / "here"), "seed": 4, **SMALL})
    tables = scenes.tables()
    assert {split: len(rows) for split, rows in tables.items()} == {"train": 5, "val": 2, "test": 3}
    for split, rows in tables.items():
        for row in rows:
            assert Path(row["path"]).is_file()
            assert Path(row["path"]).is_absolute()
            assert scenes.image(split, row["path"]) == Path(row["path"])
            assert len(row["captions"]) == 5
            assert all(judge(c, scenes.scene(row["image_id"])).is_true for c in row["captions"])
    assert capsys.readouterr().out.count("Drawing 10 pictures") == 1


def test_nothing_is_touched_before_it_is_asked_for_and_it_is_drawn_once(tmp_path, monkeypatch, capsys):
    scenes = Scenes(**SMALL, folder=str(tmp_path / "deep" / "here"))
    assert not any(tmp_path.iterdir())
    first = {split: list(rows) for split, rows in scenes.tables().items()}
    capsys.readouterr()
    monkeypatch.setattr(source, "write_scenes", forbid)
    again = Scenes(**SMALL, folder=str(tmp_path / "deep" / "here"))
    assert {split: list(rows) for split, rows in again.tables().items()} == first
    assert capsys.readouterr().out == ""
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["here"]


def test_the_cache_folder_depends_on_every_option(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    variants = [Scenes(**SMALL), Scenes(**SMALL, seed=1), *(Scenes(**SMALL | {key: 9}) for key in SMALL)]
    folders = {scenes.folder for scenes in variants}
    assert len(folders) == len(variants)
    assert {folder.parent for folder in folders} == {tmp_path / "captioner"}
    assert Scenes(**SMALL).folder in folders
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert Scenes().folder.parent == tmp_path / "home" / ".cache" / "captioner"


def test_an_interrupted_drawing_leaves_nothing(tmp_path, monkeypatch):
    def stop_half_way(folder, seed, counts):
        write_scenes(folder, seed, counts)
        raise KeyboardInterrupt

    scenes = Scenes(**SMALL, folder=str(tmp_path / "here"))
    monkeypatch.setattr(source, "write_scenes", stop_half_way)
    with pytest.raises(KeyboardInterrupt):
        scenes.tables()
    assert not any(tmp_path.iterdir())
    monkeypatch.undo()
    assert len(scenes.tables()["train"]) == 5


def test_another_process_may_be_faster(tmp_path, monkeypatch):
    def while_another_finishes(folder, seed, counts):
        write_scenes(folder, seed, counts)
        write_scenes(tmp_path / "here", seed, counts)

    monkeypatch.setattr(source, "write_scenes", while_another_finishes)
    assert len(Scenes(**SMALL, folder=str(tmp_path / "here")).tables()["test"]) == 3
    assert [path.name for path in tmp_path.iterdir()] == ["here"]


def test_a_folder_with_something_else_is_left_alone(tmp_path):
    (tmp_path / "letter.txt").write_text("mine")
    with pytest.raises(UserError, match="holds something else"):
        Scenes(**SMALL, folder=str(tmp_path)).tables()
    assert [path.name for path in tmp_path.iterdir()] == ["letter.txt"]


def test_a_folder_with_other_scenes_is_not_mistaken(tmp_path):
    Scenes(**SMALL, folder=str(tmp_path / "here")).tables()
    with pytest.raises(UserError, match="other scenes"):
        Scenes(**SMALL, seed=1, folder=str(tmp_path / "here")).tables()


def test_user_mistakes(tmp_path):
    with pytest.raises(UserError, match="num_val must be at least 1, not 0"):
        CAPTION_SOURCES.build({"name": "scenes", "num_val": 0})
    with pytest.raises(UserError, match="There is no scene 77 in"):
        Scenes(**SMALL, folder=str(tmp_path / "here")).scene(77)
