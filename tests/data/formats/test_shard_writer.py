"""Shards that are written: as tarfile reads them, the same after a kill, never half of one."""

import csv
import errno
import json
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from shard_files import jpeg

from captioner.commands import main
from captioner.data.captions.folder import CaptionedFolder
from captioner.data.captions.shards import CaptionedShards
from captioner.data.formats import shard_writer
from captioner.data.formats.shard_writer import write_shards
from captioner.errors import UserError

BROKEN, MISSING = 6, 13


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def source(tmp_path: Path) -> CaptionedFolder:
    """17 pictures, two of which cannot be read, with none to three captions."""
    folder = tmp_path / "photos"
    folder.mkdir()
    with (folder / "captions.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["image", "caption", "split"])
        for number in range(17):
            name = f"{number}.{'JPG' if number % 2 else 'jpeg'}"
            split = ("train", "train", "val", "train", "test")[number % 5]
            for k in range(number % 4 or 1):
                writer.writerow([name, f"no {number}, {k}: \u00e9\u4e2d" if number % 4 else " ", split])
            if number != MISSING:
                (folder / name).write_bytes(b"broken" if number == BROKEN else jpeg(number))
    return CaptionedFolder(str(folder))


def written(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def test_tarfile_reads_every_picture_and_caption_of_the_source(
    source: CaptionedFolder, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    report = write_shards(source, out, 3)
    for split, rows in source.tables().items():
        good = [row for row in rows if Path(row["path"]).stem not in (str(BROKEN), str(MISSING))]
        found: list[tuple[dict[str, Any], bytes]] = []
        for file in sorted(out.glob(f"{split}-*.tar")):
            with tarfile.open(file) as archive:
                names = archive.getnames()
                assert len(set(names)) == len(names)
                pairs = list(zip(names[::2], names[1::2], strict=True))
                assert len(pairs) <= 3
                for image, about in pairs:
                    assert image.partition(".")[0] == about.removesuffix(".json")
                    found.append((json.load(archive.extractfile(about)), archive.extractfile(image).read()))
        assert [one["image_id"] for one, _ in found] == [row["image_id"] for row in good]
        assert [one["captions"] for one, _ in found] == [row["captions"] for row in good]
        assert [content for _, content in found] == [Path(row["path"]).read_bytes() for row in good]
        assert report.splits[split].num_pictures == len(good)
        assert report.splits[split].num_shards == -(-len(rows) // 3)
    said = str(report)
    assert "train: pictures left out: 2\n" in said
    assert f"{BROKEN}.jpeg cannot be read: it is not one of JPEG" in said
    assert f"{MISSING}.JPG cannot be read: there is no such file" in said


def test_the_source_of_shards_has_the_samples_of_the_source_that_was_written(
    source: CaptionedFolder, tmp_path: Path
) -> None:
    write_shards(source, tmp_path / "out", 2)
    shards = CaptionedShards(str(tmp_path / "out"))
    tables = shards.tables()
    for split, rows in source.tables().items():
        good = [row for row in rows if Path(row["path"]).stem not in (str(BROKEN), str(MISSING))]
        for row, expected in zip(tables[split], good, strict=True):
            assert (row["image_id"], row["captions"]) == (expected["image_id"], expected["captions"])
            assert shards.image(split, row["path"]).read() == Path(expected["path"]).read_bytes()
    assert not (tmp_path / "cache").exists(), "the indexes beside the shards are used"


def test_what_a_kill_leaves_of_a_shard_is_not_read_and_is_written_again(
    source: CaptionedFolder, tmp_path: Path
) -> None:
    write_shards(source, tmp_path / "whole", 4)
    write_shards(source, tmp_path / "parts", 4)
    half, index = tmp_path / "parts/train-000001.tar", tmp_path / "parts/train-000001.arrow"
    index.unlink()
    half.rename(half.with_name(half.name + ".partial"))
    with half.with_name(half.name + ".partial").open("r+b") as file:
        file.truncate(1700)
    first = CaptionedShards(str(tmp_path / "parts")).tables()["train"]
    assert first["image_id"][:] == [0, 1, 3, 5, 15, 16]
    write_shards(source, tmp_path / "parts", 4)
    assert written(tmp_path / "parts") == written(tmp_path / "whole")


class KilledError(BaseException):
    pass


def stop_at(monkeypatch: pytest.MonkeyPatch, name: str, call: int, error: BaseException) -> None:
    """Raise an error at the nth call of a function of the writer."""
    real: Callable[..., Any] = getattr(shard_writer, name)
    calls = iter(range(call))

    def failing(*arguments: Any) -> Any:
        if next(calls, None) is None:
            raise error
        return real(*arguments)

    monkeypatch.setattr(shard_writer, name, failing)


@pytest.mark.parametrize("name", ["_add", "write_index"])
@pytest.mark.parametrize("call", [0, 1, 3, 4])
def test_a_run_that_was_stopped_leaves_whole_shards_and_a_second_one_goes_on(
    source: CaptionedFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, call: int
) -> None:
    write_shards(source, tmp_path / "whole", 2)
    with monkeypatch.context() as patch:
        stop_at(patch, name, call, KilledError())
        with pytest.raises(KilledError):
            write_shards(source, tmp_path / "parts", 2)
    expected, left = written(tmp_path / "whole"), written(tmp_path / "parts")
    assert left.items() <= expected.items(), "what is there is whole"
    assert len(left) < len(expected)
    times = {file: file.stat().st_mtime_ns for file in (tmp_path / "parts").glob("*.tar")}
    report = write_shards(source, tmp_path / "parts", 2)
    assert written(tmp_path / "parts") == expected
    assert {file: file.stat().st_mtime_ns for file in times} == times, "whole shards are kept"
    assert sum(len(split.problems) for split in report.splits.values()) == 2


def test_a_full_disk_is_one_sentence_and_the_same_command_goes_on(
    source: CaptionedFolder,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = tmp_path / "out"
    words = ["shard", "name=folder", f"folder={source.folder}", "--output", str(out)]
    words += ["--samples-per-shard", "3"]
    with monkeypatch.context() as patch:
        stop_at(patch, "_add", 4, OSError(errno.ENOSPC, "No space left on device"))
        with pytest.raises(SystemExit) as stopped:
            main("data", words)
    assert stopped.value.code == 2
    last = capsys.readouterr().err.splitlines()[-1]
    assert last.startswith(f"scripts/data.py: {out}: No space left on device. The shards that are written")
    assert sorted(file.name for file in out.iterdir()) == [
        "shards.json",
        "train-000000.arrow",
        "train-000000.tar",
    ]
    main("data", words)
    assert "train: 9 pictures in 4 shards" in capsys.readouterr().out
    assert len(list(out.glob("*.tar"))) == len(list(out.glob("*.arrow"))) == 6


def test_shards_of_other_data_are_not_gone_on_with(source: CaptionedFolder, tmp_path: Path) -> None:
    out = tmp_path / "out"
    write_shards(source, out, 4)
    with pytest.raises(UserError, match="holds shards of other data, or with another number"):
        write_shards(source, out, 5)
    with (source.folder / "captions.csv").open("a") as file:
        file.write("1.JPG,one more,train\n")
    with pytest.raises(UserError, match="holds shards of other data"):
        write_shards(source, out, 4)
    (out / "shards.json").unlink()
    with pytest.raises(UserError, match="holds other shards: choose a new folder"):
        write_shards(source, out, 4)


def test_no_picture_at_all_is_a_mistake(source: CaptionedFolder, tmp_path: Path) -> None:
    for file in source.folder.glob("*.j*"):
        file.unlink()
    for file in source.folder.glob("*.JPG"):
        file.unlink()
    with pytest.raises(UserError, match=r"No picture of the data set can be read: .*there is no such file"):
        write_shards(source, tmp_path / "out", 4)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["name=scenes"], "Say where the shards go: --output DIR"),
        (["name=daquar", "folder=x", "--output", "{}/out"], "Only captioned pictures are written as shards"),
        (["name=scenes", "--output", "{}/out", "--samples-per-shard", "0"], "samples-per-shard"),
    ],
)
def test_mistakes_of_the_command(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], message: str
) -> None:
    with pytest.raises(SystemExit) as stopped:
        main("data", ["shard", *(word.replace("{}", str(tmp_path)) for word in words)])
    assert stopped.value.code == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
