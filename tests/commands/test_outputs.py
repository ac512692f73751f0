"""Where results would go is looked at before anything is read or computed, by every verb that writes."""

import os
import re
from pathlib import Path

import pytest
from conftest import ROOT, TINY
from PIL import Image

from captioner.commands import main
from captioner.errors import UserError
from captioner.files.outputs import check_file, check_folder

PHOTO, TEXT, BLOCKED = "{home}/photo.png", "{home}/text.txt", "{home}/text.txt/made/"


WRITING = {
    "caption --attention": ["caption", PHOTO, "--model", "{caption}", "--attention", BLOCKED + "a.png"],
    "caption --tree": ["caption", PHOTO, "--model", "{caption}", "--tree", BLOCKED + "a.html"],
    "translate --attention": ["translate", "two", "--model", "{translate}", "--attention", BLOCKED + "a.png"],
    "ask --attention": ["ask", PHOTO, "why?", "--model", "{vqa}", "--attention", BLOCKED + "a.png"],
    "sample --tree": ["sample", "--model", "{char_lm}", "--tree", BLOCKED + "a.html"],
    "sample --html": ["sample", "--model", "{char_lm}", "--score", TEXT, "--html", BLOCKED + "a.html"],
    "cells --html": ["cells", "{char_lm}", "--html", BLOCKED + "a.html"],
    "cells --gates": ["cells", "{char_lm}", "--gates", BLOCKED + "a.png"],
    "calibrate --figure": ["calibrate", "{caption}", "--figure", BLOCKED + "a.png"],
    "gradflow --output": ["gradflow", "--model", "{char_lm}", "--output", BLOCKED + "a.png"],
    "evaluate --output": ["evaluate", "--model", "{caption}", "--output", BLOCKED],
    "score --output": ["score", TEXT, TEXT, "--output", BLOCKED],
    "score --save-idf": ["score", TEXT, TEXT, "--save-idf", BLOCKED + "a.npz"],
    "score_answers --output": ["score_answers", "{home}/none.json", TEXT, "--output", BLOCKED],
    "export DIR": ["export", "{caption}", BLOCKED],
    "average DIR": ["average", "{caption}", "{caption}", BLOCKED],
    "data --output": ["data", "shard", "name=folder", "folder={home}", "--output", BLOCKED],
    "train --output": ["train", "--task", "caption", *TINY, "data.folder={home}/drawn", "--output", BLOCKED],
}


@pytest.fixture
def home(tmp_path):
    Image.new("RGB", (60, 40), "red").save(tmp_path / "photo.png")
    (tmp_path / "text.txt").write_text("1 times 2 is 2.\n")
    return tmp_path


def stopped(capsys, *words):
    """The sentence that a command ends with."""
    capsys.readouterr()
    with pytest.raises(SystemExit) as left:
        main(words[0], list(words[1:]))
    assert left.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    return line


@pytest.mark.parametrize("case", WRITING)
def test_an_output_that_cannot_be_written_is_found_before_a_model_is_read(
    case, home, tiny_model, capsys, monkeypatch
):
    def read(folder):
        raise AssertionError(f"{folder} was read")

    monkeypatch.setattr("captioner.models.folder.read_weights", read)
    found = {task: tiny_model(task) for task in ("caption", "vqa", "char_lm", "translate")}
    words = [
        re.sub(r"\{(\w+)\}", lambda key: str(({"home": home} | found)[key[1]]), word)
        for word in WRITING[case]
    ]
    assert f"{case.split()[1]}: {home}/text.txt is no folder." in stopped(capsys, *words)
    assert not (home / "drawn").exists()


def test_every_verb_with_such_an_option_is_tested():
    """An option that takes a file to write shows what it writes."""
    option = re.compile(
        r'"(--[\w-]+)",(?:(?!add_argument|add\().)*?metavar="(?:PNG|HTML|NPZ|DIR)"', re.DOTALL
    )
    for file in (ROOT / "captioner/commands").glob("*.py"):
        for found in option.findall(file.read_text()):
            if found not in ("--resume", "--idf"):
                assert f"{file.stem} {found}" in WRITING


def test_a_folder_that_is_not_there_yet_can_be_written(tmp_path):
    check_folder(tmp_path / "new/deep", "--output")
    assert not (tmp_path / "new").exists()
    check_file(tmp_path / "new/deep/a.png", "--attention")
    assert (tmp_path / "new/deep").is_dir()
    check_file(None, "--tree")


def test_a_file_that_is_a_folder_or_must_not_be_changed_is_refused(tmp_path, monkeypatch):
    with pytest.raises(UserError, match=f"--tree: {tmp_path} is a folder, not a file"):
        check_file(tmp_path, "--tree")
    (tmp_path / "old.html").touch()
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(UserError, match=r"--tree: .*old.html cannot be written"):
        check_file(tmp_path / "old.html", "--tree")


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="needs a folder that nobody can write into")
def test_a_folder_that_nobody_can_write_into_is_refused():
    with pytest.raises(UserError, match="--output: /proc cannot be written into"):
        check_folder(Path("/proc/new"), "--output")


def test_a_cache_that_cannot_be_written_names_the_variable(home, capsys, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(home / "text.txt"))
    line = stopped(capsys, "train", "--task", "caption", *TINY, "--output", str(home / "run"))
    assert "text.txt/captioner/scenes" in line
    assert line.endswith(": Not a directory. Set XDG_CACHE_HOME to a folder that can be written.")
    assert not (home / "run").exists()


@pytest.mark.parametrize("verb", ["caption --attention a/b.png", "caption --tree a/b.html"])
def test_missing_folders_are_made(verb, home, tiny_model, monkeypatch):
    monkeypatch.chdir(home)
    main("caption", ["photo.png", "--model", str(tiny_model("caption")), *verb.split()[1:]])
    assert (home / verb.split()[2]).is_file()
