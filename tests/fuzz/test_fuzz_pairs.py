"""The file of pairs to translate is read, or a sentence says what is wrong with it."""

import pytest
from hypothesis import given

from captioner.data.checks.pairs import check_pairs
from captioner.data.translation.base import PAIR_SOURCES
from fuzz.damage import damaged_table, works_or_says_why, written

PAIRS = [[f"a cat {n}", f"une chatte {n}", ("train", "val", "test")[n % 3]] for n in range(9)]


@pytest.mark.parametrize("width", [2, 3])
@pytest.mark.parametrize("unit", ["characters", "words"])
def test_pairs(tmp_path, width, unit):
    options = {"name": "phrases", "path": str(tmp_path / "p.tsv"), "val_fraction": 0, "test_fraction": 0}

    @given(content=damaged_table([row[:width] for row in PAIRS], "\t"))
    def check(content):
        written(tmp_path, "p.tsv", content)
        works_or_says_why(lambda: check_pairs(PAIR_SOURCES.build(options), unit, 1, 40))

    check()


def test_every_source_is_here():
    assert set(PAIR_SOURCES) == {"phrases"}
