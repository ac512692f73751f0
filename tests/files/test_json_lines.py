"""A file of JSON lines, and captions of many pictures in one: a run goes on with what is missing."""

import json

import pytest
from PIL import Image

from captioner.commands import main
from captioner.errors import UserError
from captioner.files.json_lines import ResumableLines

SETTINGS = {"model": "a", "beam": 3}
ITEMS = [(f"{number}\u00e9\udc80.png", number) for number in range(9)]  # one byte of a name is no UTF-8


def write(file, count, settings=SETTINGS, items=ITEMS):
    """Write some of the lines that are missing; returns what was missing."""
    with ResumableLines(file, "image", settings) as lines:
        missing = list(lines.missing(items))
        for name, number in missing[:count]:
            lines.write(json.dumps({"image": name, "number": number}))
    return missing


def test_every_item_has_one_line_in_order(tmp_path):
    file = tmp_path / "lines.jsonl"
    assert [len(write(file, count)) for count in (4, 0, 3, 9, 9)] == [9, 5, 5, 2, 0]
    found = [json.loads(line) for line in file.read_text().splitlines()]
    assert [(one["image"], one["number"]) for one in found] == ITEMS


def test_a_kill_at_any_byte_loses_the_line_under_way_alone(tmp_path):
    write(tmp_path / "whole.jsonl", 9)
    whole = (tmp_path / "whole.jsonl").read_bytes()
    file = tmp_path / "cut.jsonl"
    file.with_suffix(".settings.json").write_text(json.dumps(SETTINGS))
    for end in range(len(whole)):
        file.write_bytes(whole[:end])
        assert len(write(file, 0)) == 9 - whole[:end].count(b"\n")
        assert file.read_bytes() == whole[: whole.rfind(b"\n", 0, end) + 1], (
            "without the line that was cut off"
        )
        write(file, 9)
        assert file.read_bytes() == whole


@pytest.mark.parametrize(
    ("content", "settings", "says"),
    [
        (b'{"image": "a"}\n', {"model": "b", "beam": 3}, r"with other settings \(model\)"),
        (b'{"image": "a"}\n', {"model": "a", "beam": 4}, r"with other settings \(beam\)"),
        (b'{"picture": "a"}\n', SETTINGS, "line 1 is damaged: it has no image"),
        (b'{"image": "a"}\nnonsense\n', SETTINGS, "line 2 is damaged"),
        (b'{"image": 3}\n', SETTINGS, "line 1 is damaged"),
        (b"[1]\n", SETTINGS, "line 1 is damaged"),
    ],
)
def test_other_files_are_refused_and_stay(tmp_path, content, settings, says):
    file = tmp_path / "lines.jsonl"
    file.write_bytes(content)
    file.with_suffix(".settings.json").write_text(json.dumps(SETTINGS))
    with pytest.raises(UserError, match=says):
        write(file, 9, settings)
    assert file.read_bytes() == content
    file.with_suffix(".settings.json").unlink()
    with pytest.raises(UserError, match="was not written by captioner"):
        write(file, 9)


def test_captions_of_a_folder_go_on(tiny_model, tmp_path, monkeypatch, capsys):
    """Cut off, and completed by a second run: rounding depends on what is in a batch, nothing else does."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "photos").mkdir()
    for number in range(5):
        Image.new("RGB", (30 + number, 20), (50 * number, 90, 30)).save(f"photos/{number}.png")
    (tmp_path / "photos/3b.png").write_text("no picture")
    asked = ["photos", "--model", str(tiny_model("caption")), "--output", "captions.jsonl"]
    main("caption", asked)
    assert "captions.jsonl: 6 pictures, 1 of them with an error\n" in capsys.readouterr().err
    whole = (tmp_path / "captions.jsonl").read_bytes()
    found = [json.loads(line) for line in whole.splitlines()]
    assert [one["image"] for one in found] == [
        f"photos/{name}.png" for name in ("0", "1", "2", "3", "3b", "4")
    ]
    assert [bool(one["captions"]) for one in found] == [one["error"] is None for one in found]
    assert "3b.png cannot be read" in found[4]["error"]
    (tmp_path / "captions.jsonl").write_bytes(whole[: len(whole) // 2])
    main("caption", asked)
    assert "were there already" in capsys.readouterr().err
    whole = (tmp_path / "captions.jsonl").read_bytes()
    for one, other in zip(map(json.loads, whole.splitlines()), found, strict=True):
        assert {**one, "captions": None} == {**other, "captions": None}
        for caption, expected in zip(one["captions"], other["captions"], strict=True):
            assert caption["words"] == expected["words"]
            assert caption["word_log_probs"] == pytest.approx(expected["word_log_probs"], abs=1e-5)
    for more, says in (
        (["--beam", "2"], "other settings (beam_size)"),
        (["--words"], "leave --words out"),
        (["--output", "captions.csv"], "must end in .jsonl or .parquet"),
    ):
        with pytest.raises(SystemExit) as exit_:
            main("caption", [*asked, *more])
        assert exit_.value.code == 2
        assert says in capsys.readouterr().err
    assert (tmp_path / "captions.jsonl").read_bytes() == whole
