"""Samples of tar files, beside what tarfile itself finds: whole, cut off at every block, and wrong."""

import io
import json
import tarfile
from pathlib import Path

import pytest
from shard_files import cc3m_members, jpeg, write_tar

from captioner.data.formats.tar_samples import TarContent, read_tar

IMAGE = jpeg(3)


def read(content: bytes) -> TarContent:
    return read_tar(io.BytesIO(content), len(content))


def packed(tmp_path: Path, *members: tuple[str, bytes]) -> bytes:
    return write_tar(tmp_path / "made.tar", members)


def test_a_shard_of_cc3m_form_is_what_tarfile_reads(tmp_path: Path) -> None:
    content = write_tar(tmp_path / "one.tar", cc3m_members(range(5, 12)))
    found = read(content)
    assert found.problems == []
    assert [sample.image_id for sample in found.samples] == list(range(5, 12))
    with tarfile.open(tmp_path / "one.tar") as archive:
        for sample in found.samples:
            expected = archive.extractfile(sample.member).read()
            assert content[sample.offset : sample.offset + sample.size] == expected == jpeg(sample.image_id)
            text = archive.extractfile(sample.member.replace("jpg", "txt")).read().decode()
            assert sample.captions == [text]


@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_long_names_in_each_form_of_tar(tmp_path: Path, form: int) -> None:
    key = "long/" + ("x" * 140 if form != tarfile.USTAR_FORMAT else "x" * 90)
    with tarfile.open(tmp_path / "one.tar", "w", format=form) as archive:
        for name, body in ((f"{key}.JPG", IMAGE), (f"{key}.txt", b"one\r\ntwo\n\n")):
            member = tarfile.TarInfo(name)
            member.size = len(body)
            archive.addfile(member, io.BytesIO(body))
    content = (tmp_path / "one.tar").read_bytes()
    (sample,), problems = read(content)
    assert problems == []
    assert sample.captions == ["one", "two"]
    assert content[sample.offset :][: sample.size] == IMAGE


def test_cut_off_at_every_block_the_whole_samples_are_read_and_the_cut_is_said(tmp_path: Path) -> None:
    content = write_tar(tmp_path / "one.tar", cc3m_members([7, 1, 30]))
    with tarfile.open(tmp_path / "one.tar") as archive:
        members = archive.getmembers()
    data_end = {member.name: member.offset_data + member.size for member in members}
    end_mark = -(-data_end[members[-1].name] // 512) * 512 + 512
    whole = 0
    for cut in range(0, len(content) + 1, 512):
        samples, problems = read(content[:cut])
        # A sample needs its picture and, of the other two, its text or its JSON.
        there = {key.split(".")[0] for key, end in data_end.items() if key.endswith("json") and end <= cut}
        assert {f"{sample.image_id:09d}" for sample in samples} == there, cut
        assert all(content[s.offset :][: s.size] == jpeg(s.image_id) for s in samples)
        assert bool(problems) == (cut < end_mark), cut
        assert any("cut off" in one or "empty" in one for one in problems) == (cut < end_mark), cut
        whole += len(samples) == 3
    assert whole > 1


@pytest.mark.parametrize("order", [1, -1], ids=["picture first", "text first"])
def test_a_text_that_is_cut_off_is_no_caption(tmp_path: Path, order: int) -> None:
    members = [("a.jpg", IMAGE), ("a.txt", b"words " * 250)][::order]
    content = packed(tmp_path, *members)
    with tarfile.open(tmp_path / "made.tar") as archive:
        end = max(member.offset_data + member.size for member in archive.getmembers())
    for cut in range(512, len(content), 512):
        samples, problems = read(content[:cut])
        assert [sample.captions for sample in samples] == ([["words " * 249 + "words"]] if cut >= end else [])
        assert samples or any("cut off" in one for one in problems)


def test_a_damaged_header_in_the_middle_is_said(tmp_path: Path) -> None:
    content = bytearray(write_tar(tmp_path / "one.tar", cc3m_members([7, 1])))
    with tarfile.open(tmp_path / "one.tar") as archive:
        offset = archive.getmember("000000001.jpg").offset
    content[offset : offset + 512] = b"\x07" * 512
    samples, problems = read(bytes(content))
    assert [sample.image_id for sample in samples] == [7]
    assert problems == [f"it is cut off or damaged after byte {offset:,}: it has no end mark there"]


@pytest.mark.parametrize(
    ("members", "problem"),
    [
        ([("a.jpg", IMAGE)], "'a' has no captions: no text, and no 'captions' in its JSON"),
        ([("a.jpg", IMAGE), ("a.json", b'{"url": 1}')], "'a' has no captions"),
        ([("a.txt", b"one")], "'a' has no picture, only txt"),
        ([("a.txt", b"one"), ("a.seg.png", IMAGE)], "'a' has no picture, only txt, seg.png"),
        ([("a.jpg", IMAGE), ("a.txt", b"caf\xe9")], "'a' has captions that are not UTF-8 text (byte 3)"),
        ([("a.jpg", IMAGE), ("a.json", b'{"caption"')], "'a'.json is not JSON"),
        ([("a.jpg", IMAGE), ("a.json", b"[1]")], "'a'.json holds no JSON object: [1]"),
        ([("a.jpg", IMAGE), ("a.json", b'{"captions": [1]}')], "'a' has captions that are no texts: [1]"),
        ([("a.jpg", IMAGE), ("a.json", b'{"caption": null}')], "'a' has captions that are no texts: None"),
    ],
)
def test_what_a_sample_lacks_is_said_and_the_others_are_read(tmp_path: Path, members, problem) -> None:
    samples, problems = read(packed(tmp_path, *members, ("b.png", IMAGE), ("b.txt", b"good")))
    assert [sample.captions for sample in samples] == [["good"]]
    assert len(problems) == 1
    assert problem in problems[0]


def test_a_key_that_is_there_twice_is_said_once_a_member_and_the_first_is_taken(tmp_path: Path) -> None:
    pair = [("a.jpg", IMAGE), ("a.txt", b"first")]
    again = [("a.jpg", jpeg(9)), ("a.txt", b"second")]
    content = packed(tmp_path, *pair, ("b.jpg", jpeg(4)), ("b.txt", b"other"), *again)
    samples, problems = read(content)
    assert [sample.captions for sample in samples] == [["first"], ["other"]]
    assert content[samples[0].offset :][: samples[0].size] == IMAGE
    assert problems == ["'a' is there twice; the first is taken"]


def test_ids_and_captions_of_json(tmp_path: Path) -> None:
    about = [{"image_id": -5, "captions": [" one\ntwo ", ""]}, {"caption": "three"}, {"captions": []}]
    named = zip(("x", "y", "77"), about, strict=True)
    members = [
        one
        for key, body in named
        for one in ((f"{key}.json", json.dumps(body).encode()), (f"{key}.jpg", IMAGE))
    ]
    samples, problems = read(packed(tmp_path, *members))
    assert problems == []
    assert [sample.captions for sample in samples] == [["one two"], ["three"], []]
    assert (samples[0].image_id, samples[2].image_id) == (-5, 77)
    assert samples[1].image_id == read(packed(tmp_path, *members[2:4])).samples[0].image_id > 2**32


@pytest.mark.parametrize(
    ("content", "problem"), [(b"", "it is empty"), (b"x" * 3000, "it is not a tar file")]
)
def test_what_is_no_tar_file(content: bytes, problem: str) -> None:
    assert read(content) == TarContent([], [problem])
