"""Which files of a folder `caption` looks at, and what it says of the others."""

import io

import pytest
from PIL import Image

from captioner.commands.caption import find_pictures
from captioner.errors import UserError
from captioner.image_formats import HOW_TO_READ, NOT_READ, SUFFIXES
from captioner.images import load_image

FORMATS = {
    **dict.fromkeys((".jpg", ".jpeg", ".jpe", ".jfif"), "JPEG"),
    **dict.fromkeys((".tif", ".tiff"), "TIFF"),
    **dict.fromkeys((".ppm", ".pgm", ".pbm", ".pnm"), "PPM"),
    **dict.fromkeys((".jp2", ".j2k"), "JPEG2000"),
    **{".mpo": "MPO", ".png": "PNG", ".webp": "WEBP", ".gif": "GIF", ".bmp": "BMP"},
    **{".avif": "AVIF", ".heic": "HEIF", ".heif": "HEIF"},
}


def test_every_ending_that_is_looked_for_can_be_read(tmp_path):
    assert set(FORMATS) == SUFFIXES | HOW_TO_READ.keys()
    for suffix in SUFFIXES:
        kind, file = FORMATS[suffix], io.BytesIO()
        Image.new("RGB", (9, 7), "red").save(file, kind)
        (tmp_path / f"a{suffix.upper()}").write_bytes(file.getvalue())
    found = find_pictures([str(tmp_path)])
    assert {file.suffix.lower() for file in found} == SUFFIXES
    assert {load_image(file).size for file in found} == {(9, 7)}


def test_pictures_that_are_not_read_are_counted_and_other_files_are_not(tmp_path, capsys):
    (tmp_path / "deep/folder.png").mkdir(parents=True)
    for name in ("a.psd", "deep/b.SVG", "notes.txt", "deep/c.png"):
        (tmp_path / name).touch()
    assert find_pictures([str(tmp_path)]) == [tmp_path / "deep/c.png"]
    assert capsys.readouterr().err == f"left out: 2 pictures in formats that are not read: {tmp_path}/a.psd\n"
    assert not NOT_READ & SUFFIXES


def test_pictures_that_a_package_would_read_are_left_out_with_its_command(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("captioner.commands.caption.SUFFIXES", {".png"})
    monkeypatch.setattr("captioner.commands.caption.NOT_READ", {".heic", ".avif"})
    for name in ("a.HEIC", "b.heic", "c.avif", "d.png"):
        (tmp_path / name).touch()
    assert find_pictures([str(tmp_path)]) == [tmp_path / "d.png"]
    assert capsys.readouterr().err == (
        f"left out: 3 pictures in formats that are not read: {tmp_path}/a.HEIC; AVIF is read after pip "
        "install -U pillow; HEIC is read after pip install 'captioner[heic]'\n"
    )


def test_a_folder_without_pictures_is_refused(tmp_path):
    with pytest.raises(UserError, match="There is no picture at"):
        find_pictures([str(tmp_path)])
