"""Read caption files of other systems, to be scored: COCO's JSON, JSON lines, tables and plain text.

| name ends in | one entry a | image | captions |
| --- | --- | --- | --- |
| .json | item of the list, or of `annotations` in a COCO caption file | `image_id` or `image` | `caption` |
| .jsonl | line | the same | `caption`, or `captions`: texts, or the n best of `caption.py --json` |
| .csv | line, below one with the names | the same, or `file_name` | `caption`, `reference_2` ... |
| .tsv | the same, with tabs; without such names it is text | the same | the same |
| any other | line | the number of the line | the whole line; in references, columns between tabs |

Endings may be in capitals. An image 1.0 is the image 1. Text in which each line is `NAME#NUMBER<tab>caption`,
as the token file of Flickr8k, names its images instead.
"""

import csv
import io
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from captioner.errors import UserError, nearest, quotation
from captioner.files.read import parse_json, read_json, read_text

IDS = ("image_id", "image", "file_name")
_CAPTION_COLUMN = re.compile(r"(?:caption|reference)s?[ _-]?\d*", re.IGNORECASE)
_LINE = "line {}"  # names an image of which nothing else is known
_WHOLE = re.compile(r"([+-]?\d+)\.0*", re.ASCII)  # as pandas writes whole numbers of a column with gaps
_TOKEN_LINE = re.compile(r"([^\t]+)#\d+\t(.*)")


class Entry(NamedTuple):
    """Captions of an image, and their place in the file; none for an image that is only named."""

    where: str
    image: str
    captions: list[str]


def read_candidates(path: Path) -> dict[str, str]:
    """Read a caption for each image.

    Args:
        path: a file of one of the formats above.

    Returns:
        The caption by image.

    Raises:
        UserError: the file cannot be read, holds nothing, or has two captions for one image.
    """
    found: dict[str, str] = {}
    for entry in _entries(path, columns=False):
        if len(entry.captions) > 1 or (entry.captions and entry.image in found):
            raise UserError(f"{entry.where}: there are two captions for image {entry.image}; one is scored.")
        found.update((entry.image, caption) for caption in entry.captions)
    if not found:
        raise UserError(f"{path} holds no captions.")
    return found


def read_references(paths: Sequence[Path]) -> dict[str, list[str]]:
    """Read all reference captions of each image; blank ones are left out.

    Args:
        paths: files of the formats above; the captions of an image in several files are joined.

    Returns:
        The captions by image; an empty list for an image that is only named.

    Raises:
        UserError: a file cannot be read, or they hold nothing, or text files differ in their lines.
    """
    found: dict[str, list[str]] = {}
    num_lines: dict[Path, int] = {}
    for path in paths:
        entries = list(_entries(path, columns=True))
        for entry in entries:
            found.setdefault(entry.image, []).extend(text for text in entry.captions if text.strip())
        if entries and entries[0].image == _LINE.format(1):
            num_lines[path] = len(entries)
    if len(set(num_lines.values())) > 1:
        counts = ", ".join(f"{path} has {number} lines" for path, number in num_lines.items())
        raise UserError(f"{counts}: they must be as many, a line for each image.")
    if not any(found.values()):
        raise UserError(f"{' and '.join(map(str, paths))} hold no captions.")
    return found


def _entries(path: Path, columns: bool) -> Iterator[Entry]:
    suffix = path.suffix.lower()
    if suffix in _READERS:
        return _READERS[suffix](path)
    return (_tsv_entries if suffix == ".tsv" else _text_entries)(path, columns)


def _json_entries(path: Path) -> Iterator[Entry]:
    content = read_json(path)
    items, part = content, ""
    if isinstance(content, dict):
        items, part = content.get("annotations"), "annotations"
        for number, image in enumerate(_list(content.get("images", []), path, "images")):
            if not isinstance(image, dict) or "id" not in image:
                raise UserError(f"{path}: images[{number}] has no id: {quotation(image)}")
            yield Entry(f"{path}: images[{number}]", _id(image["id"], f"{path}: images[{number}]"), [])
    for number, item in enumerate(_list(items, path, part)):
        yield _entry(item, f"{path}: {part}[{number}]")


def _list(items: Any, path: Path, part: str) -> list[Any]:
    if not isinstance(items, list):
        held = f"no list {part!r}" if part else f"a {type(items).__name__}"
        raise UserError(
            f"{path} holds {held}; expected a list of {{image_id, caption}}, or a COCO caption file."
        )
    return items


def _jsonl_entries(path: Path) -> Iterator[Entry]:
    for number, line in enumerate(read_text(path).split("\n"), start=1):
        if line.strip():
            where = f"{path}, line {number}"
            yield _entry(parse_json(line, where), where)


def _entry(item: Any, where: str) -> Entry:
    if not isinstance(item, dict):
        raise UserError(f"{where}: expected an object with image_id and caption, not {quotation(item)}")
    for names in (IDS, ("caption", "captions")):
        if not any(name in item for name in names):
            raise UserError(f"{where}: {names[0]!r} is missing. {nearest(names[0], map(str, item))}")
    image = _id(next(item[name] for name in IDS if name in item), where)
    captions = item["caption"] if "caption" in item else item["captions"]
    if isinstance(captions, list) and captions and isinstance(captions[0], dict):
        captions = captions[0].get("caption")  # the best of a captioner's own
    texts = captions if isinstance(captions, list) else [captions]
    if not all(isinstance(text, str) for text in texts):
        raise UserError(f"{where}: the caption is {quotation(captions)}, not text.")
    return Entry(where, image, texts)


def _id(value: Any, where: str) -> str:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int | str) or value == "":
        raise UserError(f"{where}: the image is {quotation(value)}, neither a number nor a name.")
    whole = _WHOLE.fullmatch(value) if isinstance(value, str) else None
    return whole[1] if whole else str(value)


def _csv_entries(path: Path) -> Iterator[Entry]:
    return _table_entries(path, read_text(path), ",")


def _tsv_entries(path: Path, columns: bool) -> Iterator[Entry]:
    text = read_text(path)
    image, captions = _columns_of(text.partition("\n")[0].split("\t"))
    is_table = image is not None and captions
    return _table_entries(path, text, "\t") if is_table else _text_entries(path, columns)


def _columns_of(header: Sequence[str]) -> tuple[int | None, list[int]]:
    """Return the column of images, and those of captions."""
    names = [name.strip() for name in header]
    image = next((names.index(name) for name in IDS if name in names), None)
    return image, [place for place, name in enumerate(names) if _CAPTION_COLUMN.fullmatch(name)]


def _table_entries(path: Path, text: str, separator: str) -> Iterator[Entry]:
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    try:
        header = [name.strip() for name in next(rows, [])]
        image, columns = _columns_of(header)
        if image is None or not columns:
            missing = "image_id" if image is None else "caption"
            raise UserError(f"{path} has no column {missing!r}. {nearest(missing, header)}")
        for row in rows:
            if not any(value.strip() for value in row):
                continue
            where = f"{path}, line {rows.line_num}"
            if len(row) != len(header):
                raise UserError(
                    f"{where} has {len(row)} values, not {len(header)}; a caption with a comma needs quotes."
                )
            yield Entry(where, _id(row[image], where), [row[place] for place in columns])
    except csv.Error as error:
        raise UserError(f"{path}, line {rows.line_num} is not CSV: {error}.") from None


def _text_entries(path: Path, columns: bool) -> Iterator[Entry]:
    # Only a line feed ends a line: captions hold every other kind of line end, and would shift.
    lines = [line.removesuffix("\r") for line in read_text(path, newline="").removesuffix("\n").split("\n")]
    named = [_TOKEN_LINE.fullmatch(line) for line in lines if line.strip()]
    if named and all(named):
        for number, match in enumerate(filter(None, named), start=1):
            yield Entry(f"{path}, line {number}", match[1], [match[2]])
        return
    for number, line in enumerate(lines if lines != [""] else [], start=1):
        yield Entry(f"{path}, line {number}", _LINE.format(number), line.split("\t") if columns else [line])


_READERS = {".json": _json_entries, ".jsonl": _jsonl_entries, ".csv": _csv_entries}
