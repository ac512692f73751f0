"""Caption files in every form: the same captions come out, and each mistake is one sentence."""

import json

import pytest

from captioner.data.formats.captions import read_candidates, read_references
from captioner.errors import UserError

SAID = {"7": "a dog, wet", "12": "two\u2028cats", "3": ""}
TRUE = {"7": ["A dog.", "the dog's bed"], "12": ["Cats"], "3": ["x", "y", "z"]}


def coco(captions):
    return [{"image_id": int(i), "caption": text} for i, text in captions]


def pairs():
    return [(image, text) for image, group in TRUE.items() for text in group]


def lines(items):
    return "\n".join(map(json.dumps, items))


CANDIDATES = {
    "results.json": json.dumps(coco(SAID.items())),
    "named.json": json.dumps([{"image": i, "caption": text} for i, text in SAID.items()]),
    "said.jsonl": lines(coco(SAID.items())) + "\n\n",
    "best.jsonl": lines(
        {"image": i, "captions": [{"caption": text, "finished": True}, {"caption": "second"}]}
        for i, text in SAID.items()
    ),
    "said.csv": '\ufeffimage_id,caption\r\n7,"a dog, wet"\r\n12,two\u2028cats\r\n3,\r\n',
    "turned.csv": 'split,caption,image\nval,"a dog, wet",7\nval,two\u2028cats,12\nval,,3\n',
    "SAID.JSON": json.dumps(coco(SAID.items())),
    "floats.json": json.dumps([{"image_id": float(i), "caption": text} for i, text in SAID.items()]),
    "floats.csv": 'image_id,caption\n7.0,"a dog, wet"\n,\n12.0,two\u2028cats\n3.,\n',
    "said.tsv": "image_id\tcaption\r\n7\ta dog, wet\r\n12\ttwo\u2028cats\r\n3\t\r\n",
    "tokens.TSV": "7#0\ta dog, wet\n12#0\ttwo\u2028cats\n3#0\t\n",
    "tokens.txt": "7#0\ta dog, wet\n12#0\ttwo\u2028cats\n3#0\t\n",
}
REFERENCES = {
    "captions.json": json.dumps({"images": [{"id": 7}, {"id": 99}], "annotations": coco(pairs())}),
    "list.json": json.dumps(coco(pairs())),
    "true.jsonl": lines({"image_id": i, "caption": group} for i, group in TRUE.items()),
    "more.jsonl": lines({"image_id": int(i), "captions": group} for i, group in TRUE.items()),
    "columns.csv": "file_name,caption_1,caption_2,Reference 3\n7,A dog.,the dog's bed,\n12,Cats,,\n3,x,y,z\n",
    "lines.tsv": "image\tcaption\n" + "".join(f"{image}\t{text}\n" for image, text in pairs()),
    "lines.csv": "image,caption\n" + "".join(f"{image},{text}\n" for image, text in pairs()),
    "tokens.txt": "".join(f"{image}#{n}\t{text}\n" for n, (image, text) in enumerate(pairs())),
}


@pytest.mark.parametrize("name", CANDIDATES)
def test_candidates_in_every_form(tmp_path, name):
    (tmp_path / name).write_text(CANDIDATES[name], encoding="utf-8", newline="")
    assert read_candidates(tmp_path / name) == SAID


@pytest.mark.parametrize("name", REFERENCES)
def test_references_in_every_form(tmp_path, name):
    (tmp_path / name).write_text(REFERENCES[name], encoding="utf-8", newline="")
    found = read_references([tmp_path / name])
    assert found.pop("99", []) == []
    assert found == TRUE


def test_text_goes_by_line_whatever_is_in_it(tmp_path):
    (tmp_path / "said").write_bytes("one\r\n\ntwo\u2028three\x0cfour\rfive\n".encode())
    assert read_candidates(tmp_path / "said") == {
        "line 1": "one", "line 2": "", "line 3": "two\u2028three\x0cfour\rfive",
    }  # fmt: skip
    (tmp_path / "a.tsv").write_text("A\tB\n\nC\n")
    (tmp_path / "b.txt").write_text("D\nE\n\n")
    found = read_references([tmp_path / "a.tsv", tmp_path / "b.txt"])
    assert found == {"line 1": ["A", "B", "D"], "line 2": ["E"], "line 3": ["C"]}


WRONG = {
    "twice.json": (json.dumps(coco([("5", "a"), ("5", "b")])), r"\[1\]: there are two captions for image 5"),
    "list.jsonl": ('{"image": 5, "caption": ["a", "b"]}', "two captions for image 5"),
    "object.json": ('{"5": "a"}', "holds no list 'annotations'; expected a list of"),
    "number.json": ("5", "holds a int; expected a list"),
    "strings.json": ('["a"]', r"\[0\]: expected an object with image_id and caption, not 'a'"),
    "images.json": ('{"images": [5], "annotations": []}', r"images\[0\] has no id: 5"),
    "id.json": ('[{"image_id": null, "caption": "a"}]', r"\[0\]: the image is None, neither a number"),
    "true.json": ('[{"image_id": true, "caption": "a"}]', "the image is True"),
    "caption.json": ('[{"image_id": 5, "caption": 6}]', "the caption is 6, not text"),
    "keys.json": ('[{"imageid": 5, "caption": ""}]', "'image_id' is missing. Did you mean imageid"),
    "infinite.json": ('[{"image_id": Infinity, "caption": "a"}]', "the image is inf, neither"),
    "digits.json": (f'[{{"image_id": {"1" * 5000}}}]', "cannot be read: it has a number with thousands of"),
    "deep.json": ("[" * 99999, "cannot be read: its brackets are nested too deeply"),
    "deep.jsonl": ("[" * 99999, "line 1 cannot be read: its brackets are nested too deeply"),
    "cut.json": ('[{"image_id": 5,', "cut.json is not JSON"),
    "cut.jsonl": ('{"image": 5, "caption": "a"}\n{"im', "line 2 is not JSON"),
    "empty.json": ("[]", "empty.json holds no captions"),
    "empty.jsonl": ("", "holds no captions"),
    "empty.txt": ("", "holds no captions"),
    "empty.csv": ("", "has no column 'image_id'. There are none"),
    "header.csv": ("image,caption\n", "holds no captions"),
    "column.csv": ("image,captoin\n1,a\n", "has no column 'caption'. Did you mean captoin"),
    "comma.csv": (
        "image,caption\n1,a, b\n",
        "line 2 has 3 values, not 2; a caption with a comma needs quotes",
    ),
    "quote.csv": ('image,caption\n1,"a"b\n', "line 2 is not CSV"),
    "blank.csv": ("image,caption\n,a\n", "line 2: the image is ''"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_mistake_is_one_sentence(tmp_path, name):
    text, says = WRONG[name]
    (tmp_path / name).write_text(text)
    with pytest.raises(UserError, match=says) as mistake:
        read_candidates(tmp_path / name)
    assert "\n" not in str(mistake.value)


@pytest.mark.parametrize("suffix", [".json", ".jsonl", ".csv", ".txt"])
def test_missing_files_and_other_encodings(tmp_path, suffix):
    for read in (read_candidates, lambda file: read_references([file])):
        with pytest.raises(UserError, match="There is no file"):
            read(tmp_path / f"gone{suffix}")
        (tmp_path / f"latin{suffix}").write_bytes("caf\u00e9".encode("latin-1"))
        with pytest.raises(UserError, match=r"is not UTF-8 text \(byte 3\)"):
            read(tmp_path / f"latin{suffix}")
        (tmp_path / f"folder{suffix}").mkdir(exist_ok=True)
        with pytest.raises(UserError, match="cannot be read"):
            read(tmp_path / f"folder{suffix}")


def test_references_that_do_not_fit_each_other(tmp_path):
    for name, text in {"a.txt": "A\nB\n", "b.txt": "C\n", "c.txt": "D\nE\nF\n", "blank.txt": " \n\n"}.items():
        (tmp_path / name).write_text(text)
    for names in ("ab", "ca"):
        with pytest.raises(UserError, match=r"has \d lines, .* has \d lines: they must be as many"):
            read_references([tmp_path / f"{name}.txt" for name in names])
    with pytest.raises(UserError, match=r"has \d lines, .* has \d lines: they must be as many"):
        read_references([tmp_path / "a.txt", tmp_path / "c.txt"])
    with pytest.raises(UserError, match="hold no captions"):
        read_references([tmp_path / "blank.txt"])
