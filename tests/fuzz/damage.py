"""Files with something wrong in them: a valid document, damaged in a few places."""

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from hypothesis import strategies as st

from captioner.errors import UserError

DIGITS, DEEP = "@digits@", "@deep@"  # stand for what is too long to be shown where a test fails
LONG = {
    f'"{DIGITS}"'.encode(): b"1" * 5000,
    f'"{DEEP}"'.encode(): b"[" * 50_000 + b"]" * 50_000,
}
ODD_TEXT = [
    *("", " ", "0", "1", "1.0", "-7", "9" * 30, "9" * 5000, "nan", "train", "val", "trian", "yes", "image1"),
    *("\ud800", "\0", "\x1b[2J", "x" * 300, "a/" * 3000, "../..", "/", "a\\b.png", "é", "e\u0301", "\u2028"),
    *("<eos>", "<unk> <pad>", "...", "猫", "a\nb", '"', "a,b", "a\tb", "a|b", "#0", "{", "[]", "%s", "{}"),
]
ODD_VALUES = [
    *(None, True, False, 0, 1, -1, 2**31, 2**63 - 1, 2**63, -(2**63) - 1, 10**30, 10**400, 1.0, 1.5, -0.0),
    *(float("inf"), float("-inf"), float("nan"), 1e300, [], {}, [[]], [None], [{}], {"a": []}, DIGITS, DEEP),
    *ODD_TEXT,
]
JSON_VALUES = (
    st.sampled_from(ODD_VALUES)
    | st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
        max_leaves=4,
    )
).map(copy.deepcopy)  # they are put into documents that are damaged further


class Place(NamedTuple):
    """A value in a document: what holds it, under which key, and whether it holds others itself."""

    holder: Any
    key: Any
    is_inner: bool


def places(holder: Any) -> list[Place]:
    """Every value in a document, but the document."""
    items = list(holder.items() if isinstance(holder, dict) else enumerate(holder))
    found = [Place(holder, key, isinstance(value, dict | list)) for key, value in items]
    return found + [one for place in found if place.is_inner for one in places(holder[place.key])]


@st.composite
def damaged_value(draw: Any, document: Any) -> Any:
    """A document with some values replaced, removed or repeated: mostly those that hold no others."""
    found = copy.deepcopy(document)
    for _ in range(draw(st.sampled_from([1, 1, 2, 4, 8, 16]))):
        there = places(found)
        leaves = [place for place in there if not place.is_inner]
        if not leaves:
            return draw(JSON_VALUES)
        holder, key, _ = draw(st.sampled_from(there if draw(st.integers(0, 9)) == 0 else leaves))
        action = draw(st.sampled_from(["replace"] * 5 + ["remove", "repeat"]))
        if action == "replace":
            holder[key] = draw(JSON_VALUES)
        elif action == "remove":
            del holder[key]
        elif isinstance(holder, list):
            holder.append(copy.deepcopy(holder[key]))
    return found


@st.composite
def damaged_bytes(draw: Any, content: bytes) -> bytes:
    """A file that was cut, or has other bytes somewhere."""
    where = draw(st.integers(0, len(content)))
    until = draw(st.sampled_from([where, where + 1, len(content)]))
    odd = st.sampled_from([text.encode("utf-8", "surrogatepass") for text in ODD_TEXT])
    return content[:where] + draw(odd | st.binary(max_size=4)) + content[until:]


def damaged_json(document: Any) -> st.SearchStrategy[bytes]:
    """A JSON file: mostly with wrong values, sometimes with wrong bytes."""
    valid = json.dumps(document).encode()
    wrong = damaged_value(document).map(lambda value: json.dumps(value).encode())
    return st.one_of(wrong, wrong, wrong, damaged_bytes(valid))


def damaged_lines(records: list[Any]) -> st.SearchStrategy[bytes]:
    """A file of JSON lines."""
    return damaged_json(records).map(_as_lines)


def _as_lines(content: bytes) -> bytes:
    try:
        records = json.loads(content)
    except (ValueError, RecursionError):
        return content
    return b"\n".join(json.dumps(one).encode() for one in records) if isinstance(records, list) else content


@st.composite
def damaged_table(draw: Any, rows: list[list[str]], separator: str = ",") -> bytes:
    """A table with odd cells, rows that are longer or shorter, or wrong bytes."""
    found = [list(row) for row in rows]
    for _ in range(draw(st.sampled_from([1, 1, 2, 4, 8]))):
        row = draw(st.sampled_from([row for row in found if row] or [[""]]))
        place = draw(st.integers(0, len(row) - 1))
        row[place : place + draw(st.integers(0, 2))] = [draw(st.sampled_from(ODD_TEXT) | st.text(max_size=4))]
    text = draw(st.sampled_from(["\n", "\r\n", "\n\n"])).join(separator.join(row) for row in found)
    content = text.encode("utf-8", "surrogatepass")
    return draw(damaged_bytes(content) if draw(st.integers(0, 3)) == 0 else st.just(content))


def works_or_says_why(run: Callable[[], Any]) -> None:
    """A file is used, or refused in one sentence; everything else is a failure."""
    said = ""
    try:
        run()
    except UserError as mistake:
        said = str(mistake)
    assert "\n" not in said
    assert len(said) < 4000


def written(folder: Path, name: str, content: bytes) -> Path:
    """A folder that holds a file."""
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    for short, long in LONG.items():
        content = content.replace(short, long)
    (folder / name).write_bytes(content)
    return folder
