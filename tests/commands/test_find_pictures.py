"""Which files of a folder `caption` looks at, and what it says of the others."""

import io

import pytest
from PIL import Image

from captioner.commands.caption import NOT_READ, SUFFIXES, find_pictures
from captioner.errors import UserError
from captioner.images import load_image

FORMATS = {
    **dict.fromkeys((".jpg", ".jpeg", ".jpe", ".jfif"), "JPEG"),
    **dict.fromkeys((".tif", ".tiff"), "TIFF"),
    **dict.fromkeys((".ppm", ".pgm", ".pbm", ".pnm"), "PPM"),
    **dict.fromkeys((".jp2", ".j2k"), "JPEG2000"),
    **{".mpo": "MPO", ".png": "PNG", ".webp": "WEBP", ".gif": "GIF", ".bmp": "BMP"},
}


def test_every_ending_that_is_looked_for_can_be_read(tmp_path):
    assert set(FORMATS) == SUFFIXES
    for suffix, kind in FORMATS.items():
        file = io.BytesIO()
        Image.new("RGB", (9, 7), "red").save(file, kind)
        (tmp_path / f"a{suffix.upper()}").write_bytes(file.getvalue())
    found = find_pictures([str(tmp_path)])
    assert {file.suffix.lower() for file in found} == SUFFIXES
    assert {load_image(file).size for file in found} == {(9, 7)}


def test_pictures_that_are_not_read_are_counted_and_other_files_are_not(tmp_path, capsys):
    (tmp_path / "deep/folder.png").mkdir(parents=True)
    for name in ("a.heic", "deep/b.AVIF", "notes.txt", "deep/c.png"):
        (tmp_path / name).touch()
    assert find_pictures([str(tmp_path)]) == [tmp_path / "deep/c.png"]
    assert (
        capsys.readouterr().err == f"left out: 2 pictures in formats that are not read: {tmp_path}/a.heic\n"
    )
    assert not NOT_READ & SUFFIXES


def test_a_folder_without_pictures_is_refused(tmp_path):
    with pytest.raises(UserError, match="There is no picture at"):
        find_pictures([str(tmp_path)])
