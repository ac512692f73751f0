"""The check of pairs: what it counts, against a file in which all of it is known."""

import pytest

from captioner.commands import main
from captioner.data.checks.pairs import check_pairs
from captioner.data.translation.phrases import Phrases

LINES = {
    "train": [("ab a", "x"), ("ab a", "yy x"), ("b", "x"), ("b", "x")],
    "val": [("a", "x"), ("b c", "x")],
    "test": [("ab", "q"), ("a b", "x x x")],
}


@pytest.fixture
def file(tmp_path):
    lines = [f"{source}\t{target}\t{split}" for split, own in LINES.items() for source, target in own]
    (tmp_path / "pairs.tsv").write_text("\n".join(lines))
    return tmp_path / "pairs.tsv"


def test_characters(file):
    report = check_pairs(Phrases(path=str(file)), "characters", min_count=1, max_length=5)
    train, val, test = (report.splits[split] for split in ("train", "val", "test"))
    assert (train.pairs, val.pairs, test.pairs) == (4, 2, 2)
    assert (train.unlearnt, val.unlearnt, test.unlearnt) == (0, 1, 1)
    assert report.unlearnt == ["val: b c -> x", "test: ab -> q"]
    assert (train.repeated, val.repeated, test.repeated) == (2, 0, 0)
    assert (train.too_long, val.too_long, test.too_long) == (0, 0, 1), (
        "five characters and no room for the end"
    )
    assert (train.source_lengths.smallest, train.source_lengths.largest) == (1, 4)
    assert train.source_lengths.mean == 2.5
    assert test.target_lengths.mean == 3
    assert "known: 5 characters, 1 times or more in train" in str(report)


def test_words(file):
    report = check_pairs(Phrases(path=str(file)), "words", min_count=2, max_length=4)
    assert report.splits["train"].unlearnt == 1, "yy occurs once"
    assert report.splits["val"].unlearnt == 1
    assert report.splits["test"].unlearnt == 1
    assert report.splits["test"].too_long == 0
    assert report.splits["train"].source_lengths.mean == 1.5


def test_the_command_knows_whose_data_it_is(file, capsys):
    main("data", ["check", "name=phrases", f"path={file}", "--min-count", "1"])
    said = capsys.readouterr().out
    assert "pairs with a symbol not known: 2" in said
    main(
        "data",
        ["check", "--task", "translate", f"data.path={file}", "task.unit=words", "search.max_length=3"],
    )
    said = capsys.readouterr().out
    assert "known: 5 words" in said
    row = next(line for line in said.splitlines() if "longer than search.max_length" in line)
    assert row.split()[-3:] == ["0", "0", "1"]
