"""Files with something wrong in them: a valid document, damaged in a few places."""

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from captioner.errors import UserError

DIGITS, DEEP = "@digits@", "@deep@"  # what json.dumps cannot write, put in afterwards
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


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The path of every value in a document."""
    found = [path]
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        found += places(inner, (*path, key))
    return found


@st.composite
def damaged_value(draw: Any, document: Any) -> Any:
    """A document with one to three values replaced, removed or repeated."""
    found = copy.deepcopy(document)
    for _ in range(draw(st.integers(1, 3))):
        *path, last = draw(st.sampled_from(places(found)[1:] or [("",)]))
        holder = found
        for key in path:
            holder = holder[key]
        action = draw(st.sampled_from(["replace", "replace", "replace", "remove", "repeat"]))
        if last == "":
            return draw(JSON_VALUES)
        if action == "replace":
            holder[last] = draw(JSON_VALUES)
        elif action == "remove":
            del holder[last]
        elif isinstance(holder, list):
            holder.append(copy.deepcopy(holder[last]))
    return found


def json_text(value: Any) -> str:
    text = json.dumps(value)
    return text.replace(f'"{DIGITS}"', "1" * 5000).replace(f'"{DEEP}"', "[" * 50_000 + "]" * 50_000)


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
    wrong = damaged_value(document).map(lambda value: json_text(value).encode())
    return st.one_of(wrong, wrong, wrong, damaged_bytes(valid))


def damaged_lines(records: list[Any]) -> st.SearchStrategy[bytes]:
    """A file of JSON lines."""
    return damaged_json(records).map(_as_lines)


def _as_lines(content: bytes) -> bytes:
    try:
        records = json.loads(content)
    except (ValueError, RecursionError):
        return content
    return b"\n".join(json_text(one).encode() for one in records) if isinstance(records, list) else content


@st.composite
def damaged_table(draw: Any, rows: list[list[str]], separator: str = ",") -> bytes:
    """A table with odd cells, rows that are longer or shorter, or wrong bytes."""
    found = [list(row) for row in rows]
    for _ in range(draw(st.integers(1, 3))):
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
    """A folder that holds a file, and one picture."""
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(content)
    return folder
