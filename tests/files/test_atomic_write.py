"""Files and folders that are replaced: at every moment the old one or the new one is whole."""

import os

import pytest

from captioner.files.atomic_write import atomic_file, atomic_folder, restore_folder


class Killed(BaseException):
    """In place of a kill: nothing catches it, and what had been done stays."""


CALLS = ("fsync", "replace")


def dying_at(monkeypatch, name, number):
    """Make the n-th call of a function of os the last thing that the process does."""
    real, count = getattr(os, name), iter(range(1, 100))

    def call(*arguments):
        if next(count) == number:
            raise Killed
        return real(*arguments)

    monkeypatch.setattr(os, name, call)


def write_folder(folder, text):
    with atomic_folder(folder) as new:
        for name in ("a.txt", "b.txt"):
            (new / name).write_text(text)


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("number", range(1, 7))
def test_a_folder_is_old_or_new_wherever_its_writer_is_killed(tmp_path, monkeypatch, name, number):
    folder = tmp_path / "model"
    write_folder(folder, "old")
    with monkeypatch.context() as patch:
        dying_at(patch, name, number)
        try:
            write_folder(folder, "new")
            survived = True
        except Killed:
            survived = False
    restore_folder(folder)
    found = {file.name: file.read_text() for file in folder.iterdir()}
    assert found in ({"a.txt": "old", "b.txt": "old"}, {"a.txt": "new", "b.txt": "new"})
    if survived:
        assert found["a.txt"] == "new"
    write_folder(folder, "newest")
    assert [path.name for path in tmp_path.iterdir()] == ["model"]
    assert {file.read_text() for file in folder.iterdir()} == {"newest"}


def test_a_kill_between_the_two_renames_is_among_those(tmp_path, monkeypatch):
    write_folder(tmp_path / "model", "old")
    dying_at(monkeypatch, "replace", 2)
    with pytest.raises(Killed):
        write_folder(tmp_path / "model", "new")
    assert not (tmp_path / "model").exists()
    monkeypatch.undo()
    restore_folder(tmp_path / "model")
    assert (tmp_path / "model/a.txt").read_text() == "old"


def test_what_a_killed_writer_left_is_removed_and_other_folders_are_not(tmp_path):
    for name in (".model.partial-x1", ".model-mine", "model.partial-mine"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").touch()
    write_folder(tmp_path / "model", "new")
    assert sorted(path.name for path in tmp_path.iterdir()) == [".model-mine", "model", "model.partial-mine"]


def test_an_error_leaves_nothing_behind(tmp_path):
    def fail(writer, path):
        with pytest.raises(OSError, match="full"), writer(path):
            raise OSError("full")

    fail(atomic_folder, tmp_path / "model")
    fail(atomic_file, tmp_path / "file")
    assert list(tmp_path.iterdir()) == []
    with atomic_file(tmp_path / "file") as stream:
        stream.write(b"old")
    fail(atomic_file, tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == b"old"


def test_a_reader_that_restores_between_the_renames_does_not_stop_the_writer(tmp_path, monkeypatch):
    folder = tmp_path / "model"
    write_folder(folder, "old")
    real, restored = os.replace, []

    def replace(source, target):
        real(source, target)
        if not folder.exists() and not restored:
            restored.append(1)
            restore_folder(folder)

    monkeypatch.setattr(os, "replace", replace)
    write_folder(folder, "new")
    assert restored
    assert (folder / "b.txt").read_text() == "new"
    assert [path.name for path in tmp_path.iterdir()] == ["model"]
