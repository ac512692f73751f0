"""Every kind of file becomes upright RGB or a sentence; pixels equal torchvision's transforms bit for bit."""

import contextlib
import io
import json
import os
import struct
import warnings
import zlib
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from PIL import Image, ImageOps
from torchvision.models import VGG11_Weights, VGG16_Weights

from captioner import image_formats
from captioner.errors import UserError
from captioner.images import MAX_PIXELS, UnreadableImage, load_image, picture_size, whole_size
from captioner.preprocessing import Preprocessing

WIDTH, HEIGHT = 37, 23
RANDOM = np.random.default_rng(0)
PIXELS = RANDOM.integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)
PICTURE = Image.fromarray(PIXELS)
SMOOTH = PICTURE.resize((5, 4)).resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC)


def encoded(picture, kind, **options):
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


def png_of_size(width, height):
    """A PNG whose header promises more than its few bytes hold."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(b"\0"))
        + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "BMP", "PPM"])
def test_a_lossless_file_comes_back_as_it_was(kind, tmp_path):
    path = tmp_path / "picture"
    path.write_bytes(encoded(PICTURE, kind))
    for source in (path, str(path), path.read_bytes()):
        loaded = load_image(source)
        assert loaded.mode == "RGB"
        assert np.array_equal(np.asarray(loaded), PIXELS)


OF_PHONES = [kind for kind in ("AVIF", "HEIF") if kind in image_formats.FORMATS]


@pytest.mark.parametrize("kind", ["JPEG", "WEBP", "JPEG2000", "MPO", *OF_PHONES])
def test_a_lossy_file_is_near_what_it_was(kind):
    loaded = np.asarray(load_image(encoded(SMOOTH, kind)), dtype=float)
    assert abs(loaded - np.asarray(SMOOTH, dtype=float)).mean() < 4


def test_a_gif_gives_its_first_frame():
    frames = [Image.new("RGB", (WIDTH, HEIGHT), colour) for colour in ("red", "blue")]
    loaded = load_image(encoded(frames[0], "GIF", save_all=True, append_images=frames[1:]))
    assert loaded.getcolors() == [(WIDTH * HEIGHT, (255, 0, 0))]


@pytest.mark.parametrize("kind", ["JPEG", "TIFF", "PNG", "WEBP", *OF_PHONES])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_that_of_pillow(kind, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    file = encoded(SMOOTH, kind, exif=exif)
    expected = ImageOps.exif_transpose(Image.open(io.BytesIO(file))).convert("RGB")
    assert np.array_equal(np.asarray(load_image(file)), np.asarray(expected))
    is_turned = orientation > 4 and kind != "HEIF"  # which pillow-heif saves without the tag
    assert expected.size == ((HEIGHT, WIDTH) if is_turned else (WIDTH, HEIGHT))
    assert picture_size(file) == expected.size


@pytest.mark.parametrize(
    ("ending", "brand", "sentence"),
    [
        (".heic", b"heic", r"HEIC is read after pip install 'captioner\[heic\]'\.$"),
        (".avif", b"avif", r"AVIF is read after pip install -U pillow\.$"),
    ],
)
def test_a_format_that_a_package_would_read_is_refused_with_its_command(
    monkeypatch, tmp_path, ending, brand, sentence
):
    monkeypatch.setattr("captioner.images.FORMATS", ("PNG",))
    monkeypatch.setattr(image_formats, "NOT_READ", {ending})
    content = b"\0\0\0\x18ftyp" + brand + b"\0\0\0\0mif1" + bytes(99)
    (tmp_path / "a.jpg").write_bytes(content)
    for source in (content, tmp_path / "a.jpg"):
        with pytest.raises(UnreadableImage, match=sentence):
            load_image(source)


def test_broken_exif_leaves_the_pixels_alone():
    file = encoded(
        PICTURE, "JPEG", exif=b"Exif\0\0MM\0*\0\0\0\x08\xff\xff" + b"\x01\x12\0\x03\xff\xff\xff\xff"
    )
    assert load_image(file).size == PICTURE.size


def test_grey_palette_bilevel_and_cmyk_become_rgb():
    for mode in ("L", "P", "1", "CMYK", "LA"):
        picture = SMOOTH.convert(mode)
        loaded = load_image(encoded(picture, "TIFF" if mode == "CMYK" else "PNG"))
        assert loaded.mode == "RGB"
        assert np.array_equal(np.asarray(loaded), np.asarray(picture.convert("RGB"))), mode


def test_transparent_parts_show_white():
    opacity = RANDOM.integers(0, 256, (HEIGHT, WIDTH), dtype=np.uint8)
    picture = Image.fromarray(np.dstack([PIXELS, opacity]))
    share = opacity[..., None] / 255
    loaded = np.asarray(load_image(encoded(picture, "PNG")), dtype=float)
    assert abs(loaded - (PIXELS * share + 255 * (1 - share))).max() <= 1


def test_the_transparent_colour_of_a_palette_shows_white():
    palette = Image.new("P", (WIDTH, HEIGHT), 1)
    palette.putpalette([0, 255, 0, 9, 8, 7])
    palette.putpixel((3, 2), 0)
    for kind in ("PNG", "GIF"):
        loaded = load_image(encoded(palette, kind, transparency=0))
        assert loaded.getpixel((3, 2)) == (255, 255, 255)
        assert loaded.getpixel((4, 2)) == (9, 8, 7)
    loaded = load_image(encoded(palette, "PNG", transparency=b"\0\xff"))
    assert loaded.getpixel((3, 2)) == (255, 255, 255)


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_sixteen_bit_greys_keep_their_upper_bits(kind):
    grey = RANDOM.integers(0, 65536, (HEIGHT, WIDTH), dtype=np.uint16)
    loaded = np.asarray(load_image(encoded(Image.fromarray(grey), kind)))
    assert np.array_equal(loaded, np.stack([grey // 256] * 3, axis=-1))


def test_wide_integers_and_floats_are_scaled_to_eight_bits():
    grey = RANDOM.integers(0, 65536, (HEIGHT, WIDTH))
    grey[4, 3] = 65535
    whole = np.asarray(load_image(encoded(Image.fromarray(grey.astype(np.int32)), "TIFF")))
    assert np.array_equal(whole[..., 0], grey // 256)
    for top in (1, 255, 65535):
        values = (grey / 65535 * top).astype(np.float32)
        loaded = np.asarray(load_image(encoded(Image.fromarray(values), "TIFF")), dtype=float)
        assert abs(loaded[..., 2] - grey / 65535 * 255).max() <= 0.51


def test_a_pil_image_is_read_as_its_file_is_and_stays_as_it_was():
    for kind, mode in (("PNG", "RGB"), ("PNG", "LA"), ("PNG", "I;16"), ("JPEG", "L"), ("TIFF", "RGB")):
        exif = Image.Exif()
        exif[0x0112] = 6
        grey = Image.fromarray(PIXELS[..., 0].astype(np.uint16) * 257)
        file = encoded(grey if mode == "I;16" else PICTURE.convert(mode), kind, exif=exif)
        with Image.open(io.BytesIO(file)) as source:
            loaded = load_image(source)
            assert loaded.size == (HEIGHT, WIDTH)
            assert np.array_equal(np.asarray(loaded), np.asarray(load_image(file)))
            assert source.mode == mode
            assert (
                source.size == (WIDTH, HEIGHT) or kind == "TIFF"
            )  # which Pillow itself turns, when it loads
            source.getpixel((0, 0))  # it is open still
    source = PICTURE.copy()
    load_image(source).paste((0, 0, 0), (0, 0, WIDTH, HEIGHT))
    assert source.tobytes() == PICTURE.tobytes()


GREY = RANDOM.integers(0, 256, (HEIGHT, WIDTH), dtype=np.uint8)
GREY[2, 3] = 255


@pytest.mark.parametrize(
    ("array", "expected"),
    [
        (PIXELS, PIXELS),
        (PIXELS[::-1, ::2], PIXELS[::-1, ::2]),
        (GREY, GREY),
        (PIXELS.astype(np.int64), PIXELS),
        (PIXELS.astype(np.int64) - 3, np.maximum(PIXELS, 3) - 3),
        (GREY.astype(np.uint16) * 256 + 77, GREY),
        (GREY.astype(np.uint16), GREY * 0),  # 16 bits hold more, as in a file of 16 bits
        (GREY.astype(np.int32) * 257, GREY),
        (PIXELS / 255, PIXELS),
        ((GREY / 255).astype(np.float32), GREY),
        (GREY.astype(np.float64), GREY),
        (np.where(GREY == 255, np.nan, GREY / 300), np.where(GREY == 255, 0, np.rint(GREY / 300 * 255))),
    ],
)
def test_an_array_is_read_by_its_type_and_its_range(array, expected):
    before = array.copy()
    loaded = load_image(array)
    assert loaded.mode == "RGB"
    shown = np.asarray(loaded)
    assert np.array_equal(shown, expected if expected.ndim == 3 else np.stack([expected] * 3, axis=-1))
    assert np.array_equal(array, before, equal_nan=array.dtype.kind == "f")


def test_an_array_with_opacity_is_read_on_white():
    opacity = RANDOM.integers(0, 256, (HEIGHT, WIDTH, 1), dtype=np.uint8)
    loaded = np.asarray(load_image(np.concatenate([PIXELS, opacity], axis=-1)), dtype=float)
    share = opacity / 255
    assert abs(loaded - (PIXELS * share + 255 * (1 - share))).max() <= 1


@pytest.mark.parametrize("shape", [(7,), (7, 5, 2), (3, 7, 5), (1, 7, 5, 3), (0, 5, 3), (7, 0)])
def test_an_array_of_another_shape_is_refused_in_a_sentence(shape):
    name = " x ".join(map(str, shape))
    with pytest.raises(UnreadableImage, match=f"^The picture of the array {name} cannot be read: .*[.]$"):
        load_image(np.zeros(shape, dtype=np.uint8))
    with pytest.raises(UnreadableImage, match="of the array 7 x 5 cannot be read"):
        load_image(np.full((7, 5), None))


def test_what_cannot_be_read_is_named_with_the_reason(tmp_path):
    jpeg, png = encoded(PICTURE, "JPEG"), encoded(PICTURE, "PNG")
    cases = {
        "cut.jpg": (jpeg[: len(jpeg) // 2], "truncated"),
        "cut.png": (png[: len(png) // 2], "truncated|broken"),
        "header.webp": (encoded(PICTURE, "WEBP")[:30], "cannot be read"),
        "noise.png": (png[:60] + bytes(200), "cannot be read"),
        "empty.jpg": (b"", "it is empty"),
        "page.jpg": (b"<html>404</html>", "it is not one of JPEG"),
        "bomb.png": (png_of_size(20000, 20000), "more than 179 million pixels"),
        "thread.png": (png_of_size(1, 178_956_970), "a side is longer than 65,535 pixels"),
        "print.eps": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "it is not one of"),
    }
    for name, (content, reason) in cases.items():
        (tmp_path / name).write_bytes(content)
        for source, shown in ((tmp_path / name, name), (content, f"of {len(content)} bytes")):
            with pytest.raises(UnreadableImage, match=reason) as caught:
                load_image(source)
            assert shown in str(caught.value)
            assert str(caught.value).count(". ") == 0
            assert str(caught.value).endswith(".")
    with pytest.raises(UnreadableImage, match=r"nowhere\.jpg cannot be read: there is no such file"):
        load_image(tmp_path / "nowhere.jpg")
    with pytest.raises(UserError, match="directory"):
        load_image(tmp_path)


def test_a_pipe_is_refused_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe.png")
    with pytest.raises(UnreadableImage, match=r"pipe\.png cannot be read: it is no regular file"):
        load_image(tmp_path / "pipe.png")


def test_a_large_picture_below_the_limit_is_read_without_a_warning():
    side = 9500
    assert MAX_PIXELS / 2 < side * side < MAX_PIXELS
    assert load_image(encoded(Image.new("1", (side, side)), "PNG")).size == (side, side)


def test_pillows_warnings_are_silent_in_every_thread_and_heard_again_after(monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", WIDTH * HEIGHT - 1)
    file = encoded(PICTURE, "PNG")
    before = list(warnings.filters)
    with ThreadPoolExecutor(8) as pool:
        assert {picture.size for picture in pool.map(load_image, [file] * 400)} == {PICTURE.size}
    assert warnings.filters == before
    with pytest.warns(Image.DecompressionBombWarning):
        Image.open(io.BytesIO(file))


@pytest.mark.parametrize("size", [(640, 427), (224, 301), (113, 90), (1000, 41)])
@pytest.mark.parametrize("weights", [*VGG16_Weights, VGG11_Weights.IMAGENET1K_V1])
def test_pixels_equal_torchvisions_transforms(weights, size):
    theirs = weights.transforms()
    ours = Preprocessing(224, "crop", 256, tuple(theirs.mean), tuple(theirs.std))
    picture = Image.fromarray(RANDOM.integers(0, 256, (size[1], size[0], 3), dtype=np.uint8))
    assert torch.equal(ours(picture), theirs(picture))


def test_a_large_jpeg_is_decoded_smaller_and_looks_the_same_to_an_encoder(tmp_path):
    path, transform = tmp_path / "large.jpg", Preprocessing(20, resize="crop", resize_size=24)
    noise = np.random.default_rng(3).integers(0, 256, (30, 40, 3), dtype=np.uint8)
    large = Image.fromarray(noise).resize((800, 600), Image.Resampling.BICUBIC)
    exif = Image.Exif()
    exif[0x0112] = 6  # upright it is 600 x 800
    large.save(path, quality=95, exif=exif)
    assert transform.min_side == 48
    whole, smaller = load_image(path), load_image(path, transform.min_side)
    assert (whole.size, smaller.size) == ((600, 800), (75, 100))
    assert whole_size(whole) == whole_size(smaller) == picture_size(path) == (600, 800)
    difference = (transform(smaller) - transform(whole)).abs() * 0.225 * 255
    assert 0 < difference.mean() < 2
    assert np.array_equal(load_image(path, 301), whole)  # half of it would be too small
    opened = Image.open(path)
    assert np.array_equal(load_image(opened, 48), whole)
    assert opened.size == (800, 600)
    cut = load_image(smaller.crop((0, 0, 30, 20)), 48)
    assert whole_size(cut) == (30, 20)


def test_squashing_and_bicubic_and_caffes_scale_equal_pillow():
    ours = Preprocessing(21, "squash", 25, (123.68, 116.779, 103.939), (1, 1, 1), 1, "bicubic")
    cut = PICTURE.resize((25, 25), Image.Resampling.BICUBIC).crop((2, 2, 23, 23))
    expected = np.asarray(cut, dtype=np.float32) - np.array([123.68, 116.779, 103.939], dtype=np.float32)
    assert np.array_equal(ours(PICTURE).permute(1, 2, 0).numpy(), expected)
    assert ours.encoder_view(PICTURE).tobytes() == cut.tobytes()
    assert Preprocessing(21)(PICTURE).shape == (3, 21, 21)


def test_a_needle_of_a_picture_does_not_fill_the_memory():
    assert Preprocessing(64, "crop", 70)(Image.new("RGB", (100_000, 1))).shape == (3, 64, 64)


def test_augmentation_takes_every_square_of_the_larger_picture():
    ours = Preprocessing(7, mean=(0, 0, 0), std=(1, 1, 1))
    larger = PICTURE.resize((8, 8), Image.Resampling.BILINEAR)
    squares = {larger.crop((left, top, left + 7, top + 7)).tobytes() for left in range(2) for top in range(2)}
    mirrored = {ImageOps.mirror(Image.frombytes("RGB", (7, 7), square)).tobytes() for square in squares}

    def seen(flip):
        generator = torch.Generator().manual_seed(3)
        drawn = [ours.augmented(PICTURE, generator, flip=flip) for _ in range(80)]
        return {(pixels * 255).round().byte().permute(1, 2, 0).numpy().tobytes() for pixels in drawn}

    assert seen(flip=False) == squares
    assert seen(flip=True) == squares | mirrored


def test_augmentation_repeats_from_its_seed_and_leaves_the_global_one_alone():
    ours, state = Preprocessing(9, "crop", 15), torch.get_rng_state()
    first, second = (ours.augmented(PICTURE, torch.Generator().manual_seed(5), flip=True) for _ in range(2))
    assert torch.equal(first, second)
    assert torch.equal(torch.get_rng_state(), state)


def test_preprocessing_travels_as_json():
    ours = Preprocessing(21, "crop", 25, (0.1, 0.2, 0.3), (0.4, 0.5, 0.6), 1.0, "bicubic")
    assert Preprocessing.from_dict(json.loads(json.dumps(ours.to_dict()))) == ours


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"sise": 3}, "no field 'sise'. Did you mean size"),
        ({"size": "224"}, "size must be a whole number, at least 1, not '224'"),
        ({"resize": "stretch"}, "resize must be"),
        ({"mean": [1.0, 2.0]}, "mean must be"),
        ({"std": [1.0, 0.0, 1.0]}, "above 0"),
        ({"resize_size": 20}, "cannot be cut to 21"),
    ],
)
def test_a_wrong_field_is_refused(change, sentence):
    with pytest.raises(UserError, match=sentence):
        Preprocessing.from_dict(Preprocessing(21).to_dict() | change)


def test_a_missing_field_is_refused():
    with pytest.raises(UserError, match="lacks the field 'size'"):
        Preprocessing.from_dict({})


def test_a_broken_tiff_writes_nothing_on_standard_error(capfd):
    """libtiff has a voice of its own, with a wrong name of the file; capfd hears what sys.stderr does not."""
    pixels = np.random.default_rng(0).integers(0, 256, (40, 50, 3), dtype=np.uint8)
    for compression in ("tiff_lzw", "tiff_deflate", "jpeg"):
        stream = io.BytesIO()
        Image.fromarray(pixels).save(stream, "TIFF", compression=compression)
        broken = bytearray(stream.getvalue())
        broken[200:240] = b"\xff" * 40
        with contextlib.suppress(UnreadableImage):
            load_image(bytes(broken))
    assert capfd.readouterr().err == ""
