"""The list of all searches' options, from which the command line and the page make theirs."""

from dataclasses import MISSING, fields
from typing import get_type_hints

import pytest

from captioner.errors import UserError
from captioner.search.base import SEARCHES, Search
from captioner.search.option_list import list_options


def test_every_option_of_every_search_is_listed_once():
    listed = list_options()
    assert len({one.key for one in listed}) == len(listed)
    wanted = {
        (field.name, name)
        for name in SEARCHES
        for field in fields(SEARCHES[name])
        if "help" in field.metadata
    }
    assert {(one.key, name) for one in listed for name in one.defaults} == wanted
    assert "vocabulary" not in {one.key for one in listed}


def test_options_have_the_default_of_each_search():
    for option in list_options():
        for name, default in option.defaults.items():
            (field,) = (one for one in fields(SEARCHES[name]) if one.name == option.key)
            made = field.default if field.default_factory is MISSING else field.default_factory()
            assert default == made
            assert (
                default is None
                or option.annotation == get_type_hints(SEARCHES[name], include_extras=True)[option.key]
            )
    defaults = {one.key: one.defaults for one in list_options()}
    assert defaults["beam_size"] == {"beam": 3, "beam_mbr": 10, "diverse": 6, "exact": 5}
    assert defaults["prefix"] == {name: [] for name in SEARCHES}


def test_shared_options_come_last():
    shared = [one.shared for one in list_options()]
    assert shared == sorted(shared)
    names = {field.name for field in fields(Search)}
    assert all(one.shared == (one.key in names) for one in list_options())


def test_none_is_no_value_of_an_option():
    types = {one.key: one.value_type for one in list_options()}
    hints = get_type_hints(SEARCHES["diverse"], include_extras=True)
    assert types["groups"] == types["beam_size"] == hints["beam_size"]
    assert types["prefix"] == list[str]


@pytest.mark.parametrize("name", sorted(SEARCHES))
def test_a_search_that_is_not_stepwise_refuses_steps(name):
    search = SEARCHES.build({"name": name})
    if SEARCHES[name].stepwise:
        assert search.policy(1).num_groups >= 1
    else:
        with pytest.raises(UserError, match="cannot be advanced word by word"):
            search.policy(1)
    assert SEARCHES[name].stepwise == (name != "exact")
