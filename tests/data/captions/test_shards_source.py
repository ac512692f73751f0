"""Shards as a source of captions: of cc3m form, at an address, and with what is wrong in them."""

import os
from collections.abc import Iterator
from pathlib import Path

import fsspec
import pytest
from shard_files import cc3m_members, jpeg, write_tar

from captioner.data.captions.shards import CaptionedShards, shard_splits
from captioner.data.formats import shard_index
from captioner.errors import UserError
from captioner.images import UnreadableImage, load_image


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache/captioner/shards"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Four shards of 4, 6, 1 and 3 samples in the form of cc3m-wds."""
    made = tmp_path / "cc3m"
    made.mkdir()
    first = 0
    for name, count in (("train-0000", 4), ("train-0001", 6), ("train-0002", 1), ("validation-0000", 3)):
        write_tar(made / f"cc3m-{name}.tar", cc3m_members(range(first, first + count)))
        first += count
    return made


def ids(folder: object, **options: object) -> dict[str, list[int]]:
    return {
        split: rows["image_id"][:] for split, rows in CaptionedShards(str(folder), **options).tables().items()
    }


def counted_scans(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    names: list[str] = []
    real = shard_index.scan
    monkeypatch.setattr(shard_index, "scan", lambda shard: names.append(shard.name) or real(shard))
    return names


def test_cc3m_form_is_read_as_it_is(folder: Path) -> None:
    source = CaptionedShards(str(folder))
    tables = source.tables()
    assert {split: rows["image_id"][:] for split, rows in tables.items()} == {
        "train": list(range(11)),
        "val": [11, 12, 13],
    }
    for split, rows in tables.items():
        for row in rows:
            assert row["captions"] == [f"picture {row['image_id']} of é"]
            image = source.image(split, row["path"])
            assert image.read() == jpeg(row["image_id"])
            assert str(image).startswith(f"{folder}/cc3m-")
            assert str(image).endswith(f".tar/{row['image_id']:09d}.jpg")
    assert len({row["path"] for rows in tables.values() for row in rows}) == 14


def test_an_index_is_built_once_and_again_for_a_shard_that_was_changed(
    folder: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scans = counted_scans(monkeypatch)
    before = ids(folder)
    assert sorted(scans) == sorted(file.name for file in folder.iterdir())
    assert len(list(cache.glob("*.arrow"))) == 4
    assert {file.suffix for file in folder.iterdir()} == {".tar"}, "nothing is written beside the shards"
    scans.clear()
    assert ids(folder) == before
    assert scans == []
    changed = folder / "cc3m-train-0001.tar"
    size = changed.stat().st_size
    write_tar(changed, cc3m_members(range(100, 106)))
    assert changed.stat().st_size == size, "the time alone differs"
    os.utime(changed, ns=(1, changed.stat().st_mtime_ns + 5_000_000))
    assert ids(folder)["train"] == [0, 1, 2, 3, *range(100, 106), 10]
    assert scans == [changed.name]


def test_a_damaged_index_in_the_cache_is_made_again(folder: Path, cache: Path) -> None:
    before = ids(folder)
    for number, file in enumerate(sorted(cache.glob("*.arrow"))):
        file.write_bytes(file.read_bytes()[: 40 * number])
    assert ids(folder) == before


def test_an_index_beside_a_shard_of_another_size_is_not_used(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for shard in shard_index.list_shards(str(folder)):
        shard_index.write_index(shard_index.scan(shard), shard, folder / shard.index_name)
    write_tar(folder / "cc3m-train-0002.tar", cc3m_members(range(50, 59)))
    scans = counted_scans(monkeypatch)
    assert ids(folder)["train"] == [*range(10), *range(50, 59)]
    assert scans == ["cc3m-train-0002.tar"]


@pytest.fixture
def in_memory(folder: Path) -> Iterator[str]:
    """The address of the same files in fsspec's memory."""
    memory = fsspec.filesystem("memory")
    for file in folder.iterdir():
        memory.pipe(f"/bucket/shards/{file.name}", file.read_bytes())
    yield "memory://bucket/shards"
    memory.rm("/bucket", recursive=True)


def test_an_address_gives_the_same_samples_as_a_folder(folder: Path, in_memory: str) -> None:
    here, there = CaptionedShards(str(folder)), CaptionedShards(in_memory + "/")
    tables = there.tables()
    for split, rows in here.tables().items():
        assert tables[split].to_list() == rows.to_list()
        for row in rows:
            assert there.image(split, row["path"]).read() == here.image(split, row["path"]).read()


def test_an_index_beside_shards_at_an_address_is_used(
    folder: Path, in_memory: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for shard in shard_index.list_shards(str(folder)):
        shard_index.write_index(shard_index.scan(shard), shard, folder / shard.index_name)
        fsspec.filesystem("memory").pipe(
            f"/bucket/shards/{shard.index_name}", (folder / shard.index_name).read_bytes()
        )
    scans = counted_scans(monkeypatch)
    assert ids(in_memory) == ids(folder) == {"train": list(range(11)), "val": [11, 12, 13]}
    assert scans == []


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("nowhere", "The folder .*nowhere cannot be read: No such file"),
        ("memory://nowhere", "The folder memory://nowhere cannot be read"),
        ("nothing://bucket", "nothing://bucket cannot be opened: Protocol not known: nothing"),
        ("{}/cache", "holds no shards: no file whose name ends in .tar"),
    ],
)
def test_an_address_that_cannot_be_read_is_said(tmp_path: Path, address: str, message: str) -> None:
    (tmp_path / "cache").mkdir()
    with pytest.raises(UserError, match=message):
        ids(address.replace("{}", str(tmp_path)))


def test_the_package_that_an_address_needs_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def lacking(address: str) -> None:
        raise ImportError("Install s3fs to access S3")

    monkeypatch.setattr("fsspec.core.url_to_fs", lacking)
    with pytest.raises(UserError, match=r"s3://bucket/other cannot be opened: Install s3fs to access S3\."):
        ids("s3://bucket/other")


def test_shards_and_samples_that_cannot_be_used_are_named_counted_and_left_out(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = folder / "cc3m-train-0001.tar"
    whole.write_bytes(whole.read_bytes()[:3000])
    (folder / "cc3m-train-0000.tar").write_bytes(b"<html>not found</html>" * 90)
    write_tar(folder / "cc3m-validation-0001.tar", [*cc3m_members([12, 20])[:-2], ("x.jpg", jpeg(1))])
    os.remove(folder / "cc3m-train-0002.tar")
    os.mkdir(folder / "cc3m-train-0002.tar")  # cannot be read, also by root
    assert ids(folder) == {"train": [4], "val": [11, 12, 13]}
    said = capsys.readouterr().err.splitlines()
    assert said[0] == f"{folder}: 6 samples or shards are left out, the first of them:"
    assert said[1] == "  cc3m-train-0000.tar: it is not a tar file"
    assert said[2].startswith("  cc3m-train-0001.tar: it is cut off or damaged after byte 2,560: ")
    assert said[3] == "  cc3m-train-0002.tar: it cannot be read: Is a directory"
    assert said[4].startswith("  cc3m-validation-0001.tar: '000000020' has no captions")
    assert said[5].startswith("  cc3m-validation-0001.tar: 'x' has no captions")
    ids(folder)
    assert capsys.readouterr().err.splitlines() == said, "said again, from the index"


def test_a_key_that_is_in_two_shards_of_a_split_is_left_out_of_the_second(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_tar(folder / "cc3m-train-0003.tar", cc3m_members([2, 30, 9, 20]))
    assert ids(folder) == {"train": [*range(11), 30, 20], "val": [11, 12, 13]}
    assert capsys.readouterr().err.splitlines() == [
        f"{folder}: 2 samples or shards are left out, the first of them:",
        "  cc3m-train-0003.tar/000000002.jpg: its key is there already",
        "  cc3m-train-0003.tar/000000009.jpg: its key is there already",
    ]


def test_nothing_that_can_be_used_is_a_mistake(tmp_path: Path) -> None:
    (tmp_path / "only").mkdir()
    (tmp_path / "only/train.tar").write_bytes(b"")
    with pytest.raises(UserError, match=r"has a sample that can be used: train\.tar: it is empty\."):
        ids(tmp_path / "only")


def test_a_shard_that_became_shorter_is_an_unreadable_picture(folder: Path) -> None:
    source = CaptionedShards(str(folder))
    row = source.tables()["train"][5]
    shard = folder / "cc3m-train-0001.tar"
    shard.write_bytes(shard.read_bytes()[:2200])
    with pytest.raises(
        UnreadableImage, match=r"0001\.tar/000000005\.jpg cannot be read: .*has become shorter"
    ):
        load_image(source.image("train", row["path"]))
    shard.unlink()
    with pytest.raises(UnreadableImage, match=r"000000005\.jpg cannot be read: there is no such file"):
        load_image(source.image("train", row["path"]))


def test_splits_are_in_the_names_of_the_shards() -> None:
    names = [
        "a-TEST-1.tar",
        "cc3m-train-0000.tar",
        "dev_2.tar",
        "trainer.tar",
        "val.tar",
        "x-validation-3.tar",
    ]
    assert shard_splits(names, 0.5) == {
        "test": ["a-TEST-1.tar"],
        "train": ["cc3m-train-0000.tar", "trainer.tar"],
        "val": ["dev_2.tar", "val.tar", "x-validation-3.tar"],
    }


def test_some_shards_are_held_out_where_none_is_to_be_validated_on() -> None:
    names = [f"{number:05d}.tar" for number in range(40)]
    held = shard_splits(names, 0.1)
    assert {split: len(own) for split, own in held.items()} == {"train": 36, "val": 4}
    assert sorted(held["train"] + held["val"]) == names
    assert held["train"] == sorted(held["train"])
    assert {split: len(own) for split, own in shard_splits(names[:2], 0.1).items()} == {"train": 1, "val": 1}
    assert shard_splits(names[:1], 0.1) == {"train": names[:1]}
    assert shard_splits(names, 0) == {"train": names}
