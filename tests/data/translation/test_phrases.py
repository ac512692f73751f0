"""Pairs to translate: made ones whose values are in one split, and those of a file of one's own."""

from collections import Counter

import pytest

from captioner.data.translation.base import PAIR_SOURCES
from captioner.data.translation.phrases import Phrases
from captioner.errors import UserError


def rows(source):
    return {split: list(table) for split, table in source.tables().items()}


@pytest.fixture(scope="module")
def made():
    return rows(Phrases(num_pairs=9000))


def values(found):
    """The number or date that each pair is about: of its two sides the one in figures."""
    return {
        row["target"] if row["kind"] in ("words_to_number", "date_to_iso") else row["source"] for row in found
    }


def test_by_default_there_are_more_than_fifty_thousand_pairs_to_learn_from():
    assert Counter({split: len(table) for split, table in Phrases().tables().items()})["train"] > 50_000


def test_no_number_and_no_date_is_in_two_splits(made):
    train, val, test = (values(made[split]) for split in ("train", "val", "test"))
    assert not train & val
    assert not train & test
    assert not val & test
    assert not {row["source"].lower() for row in made["train"]} & {
        row["source"].lower() for row in made["test"]
    }
    assert sum(map(len, made.values())) == 9000
    assert len(made["val"]) / 9000 == pytest.approx(0.03, abs=0.01)
    assert len(made["test"]) / 9000 == pytest.approx(0.05, abs=0.01)


def test_the_words_that_numbers_are_made_of_are_trained_on(made):
    held = values(made["val"]) | values(made["test"])
    assert not {str(number) for number in range(100)} & held
    assert {str(number) for number in range(20)} <= values(made["train"])
    assert {row["kind"] for row in made["test"]} == {row["kind"] for row in made["train"]}


def test_another_seed_makes_and_holds_out_others(made):
    assert rows(Phrases(num_pairs=9000)) == made
    other = rows(Phrases(num_pairs=9000, seed=1))
    assert values(made["test"]) & values(other["train"])


@pytest.fixture
def written(tmp_path):
    def write(text):
        file = tmp_path / "pairs.tsv"
        file.write_bytes(text.encode())
        return file

    return write


def test_a_file_with_splits(written):
    file = written(
        "a  cat\tune chatte\ttrain\r\n\r\na dog\tun chien\tdev\n \na\u00a0cow\t une vache \ttest\n"
    )
    found = rows(Phrases(path=str(file)))
    row = {"kind": ""}
    assert found == {
        "train": [row | {"source": "a cat", "target": "une chatte"}],
        "val": [row | {"source": "a dog", "target": "un chien"}],
        "test": [row | {"source": "a cow", "target": "une vache"}],
    }


def test_a_file_without_splits_is_parted_by_its_sources(written):
    lines = [f"source {n}\ttarget {n % 7}" for n in range(900)]
    found = rows(Phrases(path=str(written("\n".join(lines)))))
    where = {row["source"]: split for split, own in found.items() for row in own}
    assert len(where) == 900
    assert 10 < len(found["val"]) < 50 < len(found["train"])
    turned = rows(Phrases(path=str(written("\n".join(["one more\tof it", *reversed(lines)])))))
    assert {row["source"]: split for split, own in turned.items() for row in own}.items() >= where.items()
    twice = rows(Phrases(path=str(written("\n".join([*lines, "source 5\tanother"])))))
    assert [row["target"] for row in twice[where["source 5"]] if row["source"] == "source 5"] == [
        "target 5",
        "another",
    ]
    few = rows(Phrases(path=str(written("\n".join(lines))), num_pairs=300))
    assert {row["source"] for own in few.values() for row in own} == {f"source {n}" for n in range(300)}


def test_lines_that_are_no_pairs_are_named_and_counted(written, capsys):
    good = [f"s{n}\tt{n}\t{split}" for n, split in enumerate(("train", "val", "test"))]
    bad = ["alone", "a\tb\ttrain\tmore", "\tb", "a\t ", "a\tb\ttrian", "s0\tb\ttest", "s0\tb"]
    file = written("\n".join([good[0], *bad, *good[1:]]))
    found = rows(Phrases(path=str(file)))
    assert {split: [row["source"] for row in own] for split, own in found.items()} == {
        "train": ["s0"], "val": ["s1"], "test": ["s2"],
    }  # fmt: skip
    said = capsys.readouterr().err.splitlines()
    assert said[0] == f"{file}: 7 lines are left out, the first of them:"
    assert len(said) == 6
    problems = ("columns are needed (source, target, split), here are 1", "here are 4", "the source is empty",
                "the target is empty", "the split is 'trian'. Did you mean train")  # fmt: skip
    for number, (line, problem) in enumerate(zip(said[1:], problems, strict=True), start=2):
        assert line.startswith(f"  line {number}: ")
        assert problem in line


def test_a_third_column_that_names_no_split_is_not_used(written, capsys):
    licence = "CC-BY 2.0 (France) Attribution: tatoeba.org"
    lines = [f"Go {n}.\tVa {n} !" for n in range(200)]
    bare = rows(Phrases(path=str(written("\n".join(lines)))))
    assert capsys.readouterr().err == ""
    file = written("\n".join(f"{line}\t{licence} & {n}" for n, line in enumerate(lines)))
    assert rows(Phrases(path=str(file))) == bare
    said = capsys.readouterr().err
    assert said == f"{file}: the third column is not used, it names no split: '{licence} & 0'\n"


def test_a_source_is_in_one_split(written, capsys):
    file = written("s\tt\ttrain\ns\tu\ttest\ns\tv\ttrain\nother\tw\tval\nlast\tx\ttest\ns\ty")
    found = rows(Phrases(path=str(file)))
    assert [row["target"] for row in found["train"]] == ["t", "v"]
    said = capsys.readouterr().err
    assert "line 2: 's' is in test here, in train on an earlier line" in said
    assert "line 6: 's' is in no split here, in train on an earlier line" in said


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "it is empty"),
        ("only\nlines\n", "has no pair of a source and its target with a tab between, line 1: 2 or 3"),
        ("a\tb\ttrain\nc\td\ttrain\n", "None of 2 pairs is in val: add pairs, or write the split"),
    ],
)
def test_a_file_without_what_is_needed_is_refused(written, text, says):
    with pytest.raises(UserError) as error:
        Phrases(path=str(written(text))).tables()
    assert says in str(error.value)


def test_mistakes_are_refused(tmp_path):
    with pytest.raises(UserError, match="There is no file"):
        Phrases(path=str(tmp_path / "gone.tsv")).tables()
    with pytest.raises(UserError, match="num_pairs must be at least 1"):
        PAIR_SOURCES.build({"name": "phrases", "num_pairs": 0})
    with pytest.raises(UserError, match="leave something to train on"):
        Phrases(val_fraction=0.5, test_fraction=0.5)
    with pytest.raises(UserError, match="Did you mean num_pairs"):
        PAIR_SOURCES.check({"name": "phrases", "num_pair": 3})
