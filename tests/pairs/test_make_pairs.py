"""Generated pairs: the same for a seed, different sources, one target for each."""

from collections import Counter
from datetime import date
from itertools import islice

from reading import read

from captioner.pairs.make import make_pairs

PAIRS = list(make_pairs(20_000, seed=3))


def test_the_same_seed_makes_the_same_pairs_and_fewer_are_the_first_of_more():
    assert list(make_pairs(500, seed=3)) == PAIRS[:500]
    assert list(islice(make_pairs(10**9, seed=3), 50)) == PAIRS[:50]
    assert list(make_pairs(500, seed=4)) != PAIRS[:500]


def test_sources_differ_and_targets_do_not_depend_on_capitals():
    assert len({pair.source for pair in PAIRS}) == len(PAIRS)
    targets = {}
    for pair in PAIRS:
        assert targets.setdefault(pair.source.lower(), pair.target) == pair.target


def test_pairs_of_every_kind_are_right():
    kinds = Counter(pair.kind for pair in PAIRS)
    assert set(kinds) == {"words_to_number", "number_to_words", "date_to_iso", "iso_to_date"}
    assert min(kinds.values()) > 1500
    for source, target, kind, value in PAIRS:
        assert value == (target if kind in ("words_to_number", "date_to_iso") else source)
        if kind == "number_to_words":
            assert read(target) == int(source)
        elif kind == "iso_to_date":
            day = date.fromisoformat(source)
            assert target == f"{day.day} {day:%B %Y}"
        elif kind == "date_to_iso":
            assert date.fromisoformat(target).isoformat() == target
        else:
            assert 0 <= int(target) < 1_000_000
            assert target == str(int(target))


def test_numbers_of_every_length_are_written_in_many_ways():
    numbers = [pair for pair in PAIRS if pair.kind == "words_to_number"]
    assert set(Counter(len(pair.target) for pair in numbers)) == {1, 2, 3, 4, 5, 6}
    sources = [pair.source for pair in numbers]
    for sign in (" and ", "-", ",", "a hundred", "A thousand", " oh "):
        assert any(sign in source for source in sources), sign
    assert sum(source[0].isupper() for source in sources) > 500
    for written, value in (("nineteen hundred", 1900), ("twenty-one hundred", 2100)):
        found = [pair for pair in numbers if pair.source.lower() == written]
        assert all(pair.value == str(value) for pair in found)


def test_basic_are_the_numbers_below_a_hundred():
    for pair in PAIRS:
        assert pair.is_basic == (pair.kind.count("number") == 1 and int(pair.value) < 100)
