"""Hugging Face data sets as `datasets` itself writes them, and a hub that is out of reach."""

import io
import json
import random
import time
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from captioner.data.captions.huggingface import HuggingFaceCaptions
from captioner.errors import UserError
from captioner.images import load_image

datasets = pytest.importorskip("datasets")


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)


def png(shade: int) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (3, 5), (shade, 0, 0)).save(file, "PNG")
    return file.getvalue()


def saved(count: int, captions: Any, **columns: str) -> Any:
    names = {"image": "image", "caption": "caption"} | columns
    rows = {
        names["image"]: [{"bytes": png(count * 10 + row), "path": None} for row in range(count)],
        names["caption"]: [captions(row) for row in range(count)],
        "extra": list(range(count)),
    }
    return datasets.Dataset.from_dict(rows).cast_column(names["image"], datasets.Image())


def several(row: int) -> list[str]:
    return [f"a\n dog {row}", "", f"cat {row}"][: row + 1]


def test_a_saved_dict_gives_rows_and_bytes(tmp_path: Path) -> None:
    parts = {"test": saved(2, several), "validation": saved(3, several), "train": saved(4, several)}
    datasets.DatasetDict(parts | {"spare": saved(1, several)}).save_to_disk(tmp_path / "d")
    source = HuggingFaceCaptions(str(tmp_path / "d"))
    tables = {split: rows.to_list() for split, rows in source.tables().items()}
    assert list(tables) == ["train", "val", "test"]
    assert [row["image_id"] for rows in tables.values() for row in rows] == list(range(9))
    assert tables["val"][2] == {"image_id": 6, "path": "val/2", "captions": ["a dog 2", "cat 2"]}
    for split, theirs in (("train", "train"), ("val", "validation"), ("test", "test")):
        for row, expected in zip(tables[split], parts[theirs], strict=True):
            content = source.image(split, row["path"])
            assert isinstance(content, bytes)
            assert load_image(content).tobytes() == expected["image"].tobytes()


def test_one_saved_split_a_single_caption_and_other_columns(tmp_path: Path) -> None:
    data = saved(3, lambda row: f" one {row}" if row else None, image="picture", caption="text")
    data.shuffle(seed=1).select([2, 0, 1]).save_to_disk(tmp_path / "d")
    source = HuggingFaceCaptions(
        str(tmp_path / "d"), image_column="picture", caption_column="text", splits={"test": "train"}
    )
    table = source.tables()["test"]
    saved_rows = datasets.load_from_disk(str(tmp_path / "d"))
    expected = [[] if text is None else [text.strip()] for text in saved_rows["text"]]
    assert table["captions"][:] == expected
    assert load_image(source.image("test", "test/1")).tobytes() == saved_rows[1]["picture"].tobytes()


def test_an_imagefolder_gives_paths(tmp_path: Path) -> None:
    (tmp_path / "train").mkdir()
    lines = []
    for number in range(3):
        (tmp_path / "train" / f"{number}.png").write_bytes(png(number))
        lines.append(json.dumps({"file_name": f"{number}.png", "caption": f"picture {number}"}))
    (tmp_path / "train" / "metadata.jsonl").write_text("\n".join(lines))
    source = HuggingFaceCaptions(str(tmp_path))
    tables = source.tables()
    assert {split: len(rows) for split, rows in tables.items()} == {"train": 2, "val": 1}
    for split, rows in tables.items():
        for row in rows:
            path = source.image(split, row["path"])
            assert path == tmp_path / "train" / f"{row['captions'][0][-1]}.png"


def test_a_tenth_is_held_out_by_image_where_there_is_no_split_to_validate_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shades = [row % 20 for row in range(60)]  # each picture in three rows
    random.Random(3).shuffle(shades)
    rows = {"image": [{"bytes": png(shade), "path": "x.png"} for shade in shades]}
    rows["caption"] = [f"shade {shade}" for shade in shades]
    data = datasets.Dataset.from_dict(rows).cast_column("image", datasets.Image())
    held = []
    for name, order in (("one", list(range(60))), ("turned", list(range(60))[::-1])):
        datasets.DatasetDict({"train": data.select(order)}).save_to_disk(tmp_path / name)
        source = HuggingFaceCaptions(str(tmp_path / name))
        tables = source.tables()
        assert {split: len(own) for split, own in tables.items()} == {"train": 54, "val": 6}
        assert "no split to validate on: 6 of 60 rows are held out of train" in capsys.readouterr().err
        for split, own in tables.items():
            for row in own:
                shade = load_image(source.image(split, row["path"])).getpixel((0, 0))[0]
                assert row["captions"] == [f"shade {shade}"]
        held.append({caption for own in tables["val"]["captions"] for caption in own})
        assert not held[-1] & {caption for own in tables["train"]["captions"] for caption in own}
    assert held[0] == held[1]


def test_one_picture_is_not_parted(tmp_path: Path) -> None:
    datasets.DatasetDict({"train": saved(1, several)}).save_to_disk(tmp_path / "d")
    assert list(HuggingFaceCaptions(str(tmp_path / "d")).tables()) == ["train"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"image_column": "imgae"}, "no column 'imgae'. Did you mean image"),
        ({"caption_column": "text"}, "no column 'text'.*Set image_column= and caption_column="),
        ({"image_column": "extra"}, "column 'extra' holds .*, not pictures"),
        ({"caption_column": "extra"}, "'extra' of train/0 is 0, not text"),
        ({"splits": {"val": "trian"}}, "no split 'trian'. Did you mean train"),
    ],
)
def test_what_does_not_fit_is_said(tmp_path: Path, options: dict[str, Any], message: str) -> None:
    datasets.DatasetDict({"train": saved(2, several), "val": saved(1, several)}).save_to_disk(tmp_path / "d")
    with pytest.raises(UserError, match=message):
        HuggingFaceCaptions(str(tmp_path / "d"), **options).tables()


def test_unusual_splits_are_named(tmp_path: Path) -> None:
    datasets.DatasetDict({"dpo": saved(2, several)}).save_to_disk(tmp_path / "d")
    with pytest.raises(UserError, match="only the splits dpo; set splits="):
        HuggingFaceCaptions(str(tmp_path / "d")).tables()


def test_an_empty_picture_is_left_to_load_image(tmp_path: Path) -> None:
    data = saved(2, several).cast_column("image", datasets.Image(decode=False))
    data = data.map(lambda row: {"image": None}, features=data.features).cast_column(
        "image", datasets.Image()
    )
    data.save_to_disk(tmp_path / "d")
    source = HuggingFaceCaptions(str(tmp_path / "d"))
    assert len(source.tables()["train"]) == 2
    assert source.image("train", "train/1") == b""


def test_a_name_fails_at_once_without_a_network(monkeypatch: pytest.MonkeyPatch) -> None:
    start = time.monotonic()
    with pytest.raises(UserError, match="someone/pictures cannot be loaded: Couldn't reach"):
        HuggingFaceCaptions("someone/pictures").tables()
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(datasets.config, "HF_ENDPOINT", "http://127.0.0.1:9")  # nobody listens there
    for proxy in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(proxy, raising=False)
    with pytest.raises(UserError, match=r"does not answer.*HF_HUB_OFFLINE=1.*save_to_disk.*path="):
        HuggingFaceCaptions("someone/pictures").tables()
    assert time.monotonic() - start < 3


def test_a_folder_without_a_data_set_is_said(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot be loaded"):
        HuggingFaceCaptions(str(tmp_path)).tables()
