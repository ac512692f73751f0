"""Which images files, folders, patterns, lists and shards name, and what is said of the others."""

import io
import json
import tarfile

import pyarrow as pa
import pytest
from PIL import Image
from pyarrow import parquet

from captioner.data.image_inputs.inputs import ImageInputs
from captioner.errors import UserError
from captioner.files.name_set import NameSet
from captioner.image_formats import HOW_TO_READ, NOT_READ, SUFFIXES
from captioner.images import UnreadableImage, load_image

FORMATS = {
    **dict.fromkeys((".jpg", ".jpeg", ".jpe", ".jfif"), "JPEG"),
    **dict.fromkeys((".tif", ".tiff"), "TIFF"),
    **dict.fromkeys((".ppm", ".pgm", ".pbm", ".pnm"), "PPM"),
    **dict.fromkeys((".jp2", ".j2k"), "JPEG2000"),
    **{".mpo": "MPO", ".png": "PNG", ".webp": "WEBP", ".gif": "GIF", ".bmp": "BMP"},
    **{".avif": "AVIF", ".heic": "HEIF", ".heif": "HEIF"},
}


def encoded(width=9, kind="PNG"):
    file = io.BytesIO()
    Image.new("RGB", (width, 7), "red").save(file, kind)
    return file.getvalue()


def found(*names):
    """Names, and widths where the image can be read."""
    inputs = ImageInputs([str(name) for name in names])
    count = inputs.count()
    images = list(inputs)
    assert [name for name, _ in inputs] == [name for name, _ in images]
    assert len(images) == count
    return images


def widths(images):
    return {name: load_image(source).width for name, source in images}


def write_shard(file, sizes):
    with tarfile.open(file, "w") as archive:
        for name, width in sizes.items():
            content = encoded(width) if name.endswith("png") else b"a caption"
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))


def test_every_ending_that_is_looked_for_can_be_read(tmp_path):
    assert set(FORMATS) == SUFFIXES | HOW_TO_READ.keys()
    for suffix in SUFFIXES:
        (tmp_path / f"a{suffix.upper()}").write_bytes(encoded(kind=FORMATS[suffix]))
    images = found(tmp_path)
    assert {source.suffix.lower() for _, source in images} == SUFFIXES
    assert set(widths(images).values()) == {9}


def test_the_order_of_a_folder_is_that_of_its_sorted_paths(tmp_path):
    names = ("b.png", "a.png", "a/z.png", "a/b/c.png", "a b.png", "c/d.PNG", "e")
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    images = [source for _, source in found(tmp_path)]
    assert images == sorted(file for file in tmp_path.rglob("*") if file.suffix.lower() == ".png")


def test_pictures_that_are_not_read_are_counted_and_other_files_are_not(tmp_path, capsys):
    (tmp_path / "deep/folder.png").mkdir(parents=True)
    for name in ("a.psd", "deep/b.SVG", "notes.txt", "deep/c.png"):
        (tmp_path / name).touch()
    assert found(tmp_path) == [(f"{tmp_path}/deep/c.png", tmp_path / "deep/c.png")]
    assert capsys.readouterr().err == f"left out: 2 pictures in formats that are not read: {tmp_path}/a.psd\n"
    assert not NOT_READ & SUFFIXES


def test_pictures_that_a_package_would_read_are_left_out_with_its_command(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("captioner.data.image_inputs.folders.SUFFIXES", {".png"})
    monkeypatch.setattr("captioner.data.image_inputs.folders.NOT_READ", {".heic", ".avif"})
    for name in ("a.HEIC", "b.heic", "c.avif", "d.png"):
        (tmp_path / name).touch()
    assert len(found(tmp_path)) == 1
    assert capsys.readouterr().err == (
        f"left out: 3 pictures in formats that are not read: {tmp_path}/a.HEIC; AVIF is read after pip "
        "install -U pillow; HEIC is read after pip install 'captioner[heic]'\n"
    )


def test_inputs_without_pictures_are_refused(tmp_path):
    (tmp_path / "empty.txt").write_text("\n \n")
    for name in (tmp_path, tmp_path / "*.png", tmp_path / "empty.txt"):
        with pytest.raises(UserError, match="There is no picture at"):
            found(name)


@pytest.mark.parametrize("kind", ["txt", "csv", "jsonl", "parquet", "images.parquet"])
def test_lists_name_images_beside_them(tmp_path, kind):
    (tmp_path / "deep").mkdir()
    names = ["a.png", "deep/b, c.png", "none.png"]
    for number, name in enumerate(names[:2], start=9):
        (tmp_path / name).write_bytes(encoded(number))
    file = tmp_path / f"list.{kind}"
    rows = [{"image": name, "other": 3} for name in names]
    match kind:
        case "txt":
            file.write_text("\ufeff" + "\n\n".join(names) + "\n", encoding="utf-8")
        case "csv":
            file.write_text('image;other\na.png;3\n"deep/b, c.png";3\nnone.png;3\n')
        case "jsonl":
            file.write_text("\n".join(map(json.dumps, rows)))
        case "parquet":
            parquet.write_table(pa.Table.from_pylist(rows).rename_columns(["path", "other"]), file)
        case "images.parquet":
            given = [
                {"path": "a.png", "bytes": encoded(9)},
                {"path": "deep/b, c.png", "bytes": None},
                {"path": "none.png", "bytes": b""},
            ]
            parquet.write_table(pa.Table.from_pylist([{"image": one} for one in given]), file)
    images = found(file)
    assert [name for name, _ in images] == names
    assert widths(images[:2]) == {"a.png": 9, "deep/b, c.png": 10}
    with pytest.raises(UnreadableImage):
        load_image(images[2][1])


def test_rows_that_name_no_image_are_said_and_counted_once(tmp_path, capsys):
    lines = ['{"image": "a.png"}', *(f'{{"image": {number}}}' for number in range(8)), "nonsense"]
    (tmp_path / "list.jsonl").write_text("\n".join(lines))
    assert [name for name, _ in found(tmp_path / "list.jsonl")] == ["a.png"]
    said = capsys.readouterr().err.splitlines()
    assert said[0] == f"left out: {tmp_path}/list.jsonl, line 2: it names no image"
    assert said[-1] == f"left out: {tmp_path}/list.jsonl, and more"
    assert len(said) == 6
    for name, content, says in (
        ("a.csv", "picture,x\na.png,3\n", "'image' is missing"),
        ("b.parquet", "no parquet", r"There is no picture at .*cannot be read to its end"),
    ):
        (tmp_path / name).write_text(content)
        with pytest.raises(UserError, match=says):
            found(tmp_path / name)
    parquet.write_table(pa.table({"x": [1]}), tmp_path / "c.parquet")
    with pytest.raises(UserError, match="none of the columns image, path, file_name"):
        found(tmp_path / "c.parquet")


def test_shards_of_a_folder_or_a_pattern_are_read_picture_by_picture(tmp_path, capsys):
    write_shard(tmp_path / "0.tar", {"00.png": 9, "00.txt": 0, "01.png": 10})
    write_shard(tmp_path / "1.tar", {"02.png": 11, "00.png": 12})
    images = found(tmp_path)
    assert widths(images) == {"00.png": 9, "01.png": 10, "02.png": 11}
    said = "left out: 1 of 4 pictures have the name of an earlier one\n"
    assert capsys.readouterr().err == said, "said once, though the input is read again"
    assert found(tmp_path / "*.tar") == images


def test_a_shard_that_is_cut_off_gives_what_is_whole_and_is_said_once(tmp_path, capsys):
    write_shard(tmp_path / "a.tar", {"00.png": 9, "01.png": 10})
    write_shard(tmp_path / "b.tar", {"02.png": 11})
    whole = (tmp_path / "a.tar").read_bytes()
    # In a header, in an image, where a member ends, and before the mark of the end.
    images = {0: 0, 100: 0, 512: 0, 515: 0, 700: 1, 1024: 1, 1100: 1, 1600: 1, 2000: 2}
    problems = {0: "is empty", 100: "is not a tar file"}
    for end, count in images.items():
        (tmp_path / "a.tar").write_bytes(whole[:end])
        assert [name for name, _ in found(tmp_path)] == [*["00.png", "01.png"][:count], "02.png"]
        said = capsys.readouterr().err
        assert said.count("\n") == 1
        problem = problems.get(end, "is cut off or damaged after byte ")
        assert f"the shard {tmp_path}/a.tar: it {problem}" in said
    (tmp_path / "a.tar").write_bytes(whole[:1024] + b"nonsense" * 100)
    assert [name for name, _ in found(tmp_path)] == ["00.png", "02.png"]
    with pytest.raises(UserError, match=r"There is no picture at .*: No such file or directory"):
        found(tmp_path / "none.tar")


def test_a_name_set_is_a_set():
    names, seen = NameSet(), set()
    for number in range(20_000):
        name = f"{number * 7919 % 10_007}\udc80"
        assert (name in names) == (name in seen)
        assert names.add(name) == (name not in seen)
        seen.add(name)
    assert len(names) == len(seen) == 10_007
