"""What `check` says of a text, against counts made by hand."""

import pytest

from captioner.data.checks.text import check_text
from captioner.data.text.batches import TextData
from captioner.data.text.corpus import Corpus
from captioner.errors import UserError


def written(folder, text, name="text.txt"):
    (folder / name).write_text(text, encoding="utf-8", newline="")
    return str(folder / name)


def test_counts_splits_and_the_rarest(tmp_path):
    path = written(tmp_path, "abab\nabab\nq" + "ab" * 4 + "é" + "z")
    report = check_text(Corpus(path, val_fraction=0.2, test_fraction=0.1, chunk_length=3), batch_size=2)
    assert (report.length, len(report.symbols)) == (21, 6)
    assert [(s.symbol, s.times, s.line) for s in report.symbols] == [
        ("q", 1, 3), ("z", 1, 3), ("é", 1, 3), ("\n", 2, 1), ("a", 8, 1), ("b", 8, 1),
    ]  # fmt: skip
    # train reads abab abab qaba, val reads baba, test reads b é z; the first of each is not predicted
    assert report.splits["train"] == (13, 4, 0)
    assert report.splits["val"] == (3, 2, 0)
    assert report.splits["test"] == (2, 2, 2)
    assert report.updates == 2
    said = str(report)
    assert "'é' U+00E9 LATIN SMALL LETTER E WITH ACUTE: 1, first on line 3" in said
    assert "an epoch: 2 updates, each from 2 streams of 3 characters" in said
    assert "suspect" not in said
    assert "left out" not in said


@pytest.mark.parametrize("split", ["tail", "torch_rnn", "char_rnn"])
def test_updates_are_those_of_training(tmp_path, split):
    text = ("some text, " * 40)[: 5 * 7 * 12]  # whole chunks in five rows: char_rnn reads it to the end
    source = Corpus(written(tmp_path, text), split=split, val_fraction=0.2, chunk_length=7)
    report = check_text(source, batch_size=5)
    data = TextData(source, batch_size=5)
    assert report.updates == len(data.training_loader())
    assert report.splits["val"].length == sum(stream.length for stream in data.cut.parts["val"])


def test_signs_of_a_wrong_encoding_are_named(tmp_path):
    path = written(tmp_path, "caf\ufffd\r\n\x07 tab\t and \ue000, \ufeffno\r\n" * 3)
    said = str(check_text(Corpus(path, chunk_length=5), batch_size=2))
    assert "suspect characters: 5" in said
    for name in ("REPLACEMENT CHARACTER", "CARRIAGE RETURN", "CONTROL CHARACTER", "PRIVATE USE"):
        assert name in said.split("suspect")[1]
    assert "U+FEFF BYTE ORDER MARK: 3, first on line 2" in said.split("suspect")[1]
    assert "U+0009" not in said.split("suspect")[1]


def test_files_left_out_are_named(tmp_path):
    written(tmp_path, "a text that can be read. " * 5, "a.txt")
    (tmp_path / "b.txt").write_bytes(b"latin \xe9 1")
    (tmp_path / "c.bin").write_bytes(b"\0\1\2")
    report = check_text(Corpus(str(tmp_path), chunk_length=5), batch_size=2)
    assert report.length == 125
    said = str(report)
    assert "files left out: 2" in said
    assert "b.txt is not UTF-8 text (byte 6)" in said
    assert "c.bin is not text but binary" in said


def test_bytes_are_shown_as_such(tmp_path):
    (tmp_path / "data").write_bytes(bytes([250, 7] * 60 + [10, 3]))
    report = check_text(Corpus(str(tmp_path / "data"), unit="bytes", chunk_length=5), batch_size=2)
    assert [(s.symbol, s.times) for s in report.symbols] == [("\3", 1), ("\n", 1), ("\7", 60), ("ú", 60)]
    said = str(report)
    assert "known: 122 bytes, 4 different" in said
    assert "0x03: 1, first on line 2" in said
    assert "suspect" not in said


def test_too_short_a_text_is_told_how_much_it_takes(tmp_path):
    with pytest.raises(UserError, match=r"streams of data.chunk_length=100 need 1,600"):
        check_text(Corpus(written(tmp_path, "short")), batch_size=16)
