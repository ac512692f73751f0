"""From a model's own search to the one that is asked for."""

import pytest
from referees import VOCABULARY

from captioner.errors import UserError
from captioner.search.base import SEARCHES
from captioner.search.override import override_search

OWN = {"name": "beam", "beam_size": 3, "max_length": 20, "length_rule": "wu"}


@pytest.mark.parametrize(
    ("changes", "n_best", "expected"),
    [
        ({}, 1, OWN),
        ({"beam_size": 7}, 1, OWN | {"beam_size": 7}),
        ({}, 5, OWN | {"beam_size": 5}),
        ({"beam_size": 2}, 5, OWN | {"beam_size": 2}),
        ({"name": "greedy"}, 1, {"name": "greedy", "max_length": 20}),
        ({"name": "sample", "top_k": 4}, 9, {"name": "sample", "max_length": 20, "top_k": 4}),
        ({"name": "mbr"}, 50, {"name": "mbr", "max_length": 20, "samples": 50}),
        ({"name": "diverse", "groups": 3}, 7, OWN | {"name": "diverse", "groups": 3, "beam_size": 9}),
        ({"name": "diverse"}, 2, OWN | {"name": "diverse"}),
    ],
)
def test_another_method_keeps_what_it_knows(changes, n_best, expected):
    assert override_search(OWN, changes, n_best) == expected


def test_what_is_chosen_can_be_built_and_knows_the_words():
    for name in SEARCHES:
        search = SEARCHES.build(
            override_search(OWN, {"name": name, "required_words": ["b"]}), vocabulary=VOCABULARY
        )
        assert (search.max_length, search.required_words) == (20, ["b"])


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"name": "baem"}, "There is no search 'baem'. Did you mean beam"),
        ({"name": "sample", "beam_size": 3}, "search sample has no option 'beam_size'"),
        ({"length_rule": "men"}, "length_rule must be"),
        ({"required_words": ["z"]}, "does not have the word 'z'"),
    ],
)
def test_wrong_names_are_refused(changes, reason):
    with pytest.raises(UserError, match=reason):
        SEARCHES.build(override_search(OWN, changes), vocabulary=VOCABULARY)
